//! A run that another can go on from, in one file.
//!
//! ```text
//! "odp checkpoint\n" | version: u32 | facts, parts | CRC-32 of everything before it
//! ```
//! Facts say which run it is, parts what its engine left. Both are [`Packed`].

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::atomic::write_file;
use super::packed::{Packed, packed};
use super::{StoreError, read_bytes};

const MAGIC: &[u8] = b"odp checkpoint\n";
/// Goes up whenever a file of before would be read wrongly.
const VERSION: u32 = 2;

/// What a checkpoint holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckpointFile {
    /// What the run was asked for, by name.
    pub facts: Vec<(String, String)>,
    /// The state of each part of the run, by name.
    pub parts: Vec<(String, Vec<u8>)>,
}
packed!(CheckpointFile { facts, parts });

impl CheckpointFile {
    /// Writes it: whole, or not at all.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let mut bytes = MAGIC.to_vec();
        VERSION.pack(&mut bytes);
        self.pack(&mut bytes);
        checksum(&bytes).pack(&mut bytes);
        write_file(path, |out| out.write_all(&bytes))
    }

    /// Reads it, from at most `limit` bytes.
    ///
    /// # Errors
    /// `Unreadable`, `TooLarge`, and `BadCheckpoint` for what is no checkpoint, of another version, or damaged.
    pub fn read(path: &Path, limit: u64) -> Result<CheckpointFile, StoreError> {
        let bad = |what: &str| StoreError::BadCheckpoint {
            file: path.display().to_string(),
            what: what.to_string(),
        };
        // Looked at first, so that a large file that is something else is not read.
        if File::open(path).is_ok_and(|file| !begins_like_one(file)) {
            return Err(bad("it is no checkpoint of odp"));
        }
        let bytes = read_bytes(path, limit)?;
        let (covered, sum) = bytes.split_at(bytes.len().saturating_sub(size_of::<u32>()));
        let mut body = covered.get(MAGIC.len()..).unwrap_or_default();
        match u32::unpack(&mut body) {
            None => return Err(bad("it is cut short")),
            Some(VERSION) => (),
            Some(other) => {
                return Err(bad(&format!(
                    "its format is version {other}, and this odp reads version {VERSION}"
                )));
            }
        }
        if u32::unpacked(sum) != Some(checksum(covered)) {
            return Err(bad("it is cut short or damaged"));
        }
        CheckpointFile::unpacked(body).ok_or_else(|| bad("it is damaged"))
    }
}

/// Whether a file begins as checkpoints do. What cannot be read is left to be told by who reads it.
fn begins_like_one(file: File) -> bool {
    let mut start = Vec::new();
    match file.take(MAGIC.len() as u64).read_to_end(&mut start) {
        Ok(_) => start == MAGIC,
        Err(_) => true,
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_found_wherever_it_is() {
        let path = std::env::temp_dir().join(format!("odp-checkpoint-{}", std::process::id()));
        let file = CheckpointFile {
            facts: vec![("seed".into(), "1".into())],
            parts: vec![("3/0".into(), vec![1, 2, 3])],
        };
        file.write(&path).unwrap();
        assert_eq!(CheckpointFile::read(&path, 1 << 20).unwrap(), file);
        let whole = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            CheckpointFile::read(&path, 1 << 20).unwrap_err().code()
        };
        for i in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[i] ^= 0x10;
            assert_eq!(refused(&flipped), "odp::store::bad_checkpoint", "byte {i}");
            assert_eq!(
                refused(&whole[..i]),
                "odp::store::bad_checkpoint",
                "{i} bytes"
            );
        }
        std::fs::remove_file(&path).unwrap();
        let gone = CheckpointFile::read(&path, 1 << 20).unwrap_err();
        assert_eq!(gone.code(), "odp::store::unreadable");
    }
}
