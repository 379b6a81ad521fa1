//! Files of our own, with a mark in front and a checksum behind.
//!
//! ```text
//! mark | version: u32 | body | CRC-32 of everything before it
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::atomic::write_file;
use super::packed::Packed;
use super::{StoreError, read_bytes};

/// A kind of file.
pub(super) struct Kind {
    /// Its first bytes.
    pub mark: &'static [u8],
    /// Goes up whenever a file of before would be read wrongly.
    pub version: u32,
    /// What it is, as in "it is no checkpoint of odp".
    pub name: &'static str,
}

/// Why there is no body.
pub(super) enum Broken {
    /// The file cannot be read at all.
    Store(StoreError),
    /// What is wrong with it, in words.
    Odd(String),
}

impl Kind {
    /// Writes a body: whole, or not at all.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn write(&self, path: &Path, body: &impl Packed) -> Result<(), StoreError> {
        let mut bytes = self.mark.to_vec();
        self.version.pack(&mut bytes);
        body.pack(&mut bytes);
        checksum(&bytes).pack(&mut bytes);
        write_file(path, |out| out.write_all(&bytes))
    }

    /// Reads a body, from at most `limit` bytes.
    ///
    /// # Errors
    /// What cannot be read, is of another kind or version, or damaged.
    pub fn read<T: Packed>(&self, path: &Path, limit: u64) -> Result<T, Broken> {
        // Looked at first, so that a large file that is something else is not read.
        if File::open(path).is_ok_and(|file| !self.begins(file)) {
            return Err(Broken::Odd(format!("it is no {} of odp", self.name)));
        }
        let bytes = read_bytes(path, limit).map_err(Broken::Store)?;
        self.open(&bytes).map_err(Broken::Odd)
    }

    /// The body in a file's bytes; else what is wrong with them.
    pub fn open<T: Packed>(&self, bytes: &[u8]) -> Result<T, String> {
        let odd = |what: &str| what.to_string();
        if !bytes.starts_with(self.mark) {
            return Err(format!("it is no {} of odp", self.name));
        }
        let (covered, sum) = bytes.split_at(bytes.len().saturating_sub(size_of::<u32>()));
        let mut body = covered.get(self.mark.len()..).unwrap_or_default();
        match u32::unpack(&mut body) {
            None => return Err(odd("it is cut short")),
            Some(version) if version != self.version => {
                return Err(format!(
                    "its format is version {version}, and this odp reads version {}",
                    self.version
                ));
            }
            Some(_) => (),
        }
        if u32::unpacked(sum) != Some(checksum(covered)) {
            return Err(odd("it is cut short or damaged"));
        }
        T::unpacked(body).ok_or_else(|| odd("it is damaged"))
    }

    /// Whether a file begins as this kind does. What cannot be read is left to be told by who reads it.
    pub fn begins(&self, file: File) -> bool {
        let mut start = Vec::new();
        match file.take(self.mark.len() as u64).read_to_end(&mut start) {
            Ok(_) => start == self.mark,
            Err(_) => true,
        }
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
