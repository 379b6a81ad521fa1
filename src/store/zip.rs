//! Zip archives as NumPy writes them: stored or deflated members, found through the directory at the end.

use std::io::Read;

/// A file in a zip archive.
pub struct Member {
    /// Its name in the archive.
    pub name: String,
    compressed: bool,
    packed: usize,
    /// Its size in bytes when unpacked.
    pub size: u64,
    header_at: usize,
}

impl Member {
    /// Its content.
    pub fn unpack(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let broken = || "the archive is broken".to_string();
        // The local header repeats name and extra field, with lengths of its own.
        let local = bytes
            .get(self.header_at..)
            .filter(|b| b.starts_with(b"PK\x03\x04"))
            .ok_or_else(broken)?;
        let start =
            30 + le(local, 26, 2).ok_or_else(broken)? + le(local, 28, 2).ok_or_else(broken)?;
        let packed = start
            .checked_add(self.packed)
            .and_then(|end| local.get(start..end))
            .ok_or_else(broken)?;
        if !self.compressed {
            return Ok(packed.to_vec());
        }
        let mut content = Vec::new();
        let mut stream = flate2::read::DeflateDecoder::new(packed).take(self.size + 1);
        stream.read_to_end(&mut content).map_err(|_| broken())?;
        if content.len() as u64 != self.size {
            return Err(broken());
        }
        Ok(content)
    }
}

/// The archive's directory, found from its end.
pub fn members(bytes: &[u8]) -> Result<Vec<Member>, String> {
    let broken = || "it is not a zip archive, or a broken one".to_string();
    let tail = bytes.len().saturating_sub(22 + 0xffff);
    let end = bytes[tail..]
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .ok_or_else(broken)?
        + tail;
    // The record's last field: with it all others are there.
    le(bytes, end + 20, 2).ok_or_else(broken)?;
    let count = le(bytes, end + 10, 2).ok_or_else(broken)?;
    let mut at = le(bytes, end + 16, 4).ok_or_else(broken)?;
    let mut members = Vec::new();
    for _ in 0..count {
        let record = bytes
            .get(at..)
            .filter(|b| b.starts_with(b"PK\x01\x02"))
            .ok_or_else(broken)?;
        let number = |offset, width| le(record, offset, width).ok_or_else(broken);
        let (name_len, extra, comment) = (number(28, 2)?, number(30, 2)?, number(32, 2)?);
        let name = record.get(46..46 + name_len).ok_or_else(broken)?;
        let method = number(10, 2)?;
        if !matches!(method, 0 | 8) || number(8, 2)? & 1 == 1 {
            return Err(
                "a member is packed in a way that is not read (stored and deflated are)"
                    .to_string(),
            );
        }
        let (packed, size, header_at) = (number(20, 4)?, number(24, 4)?, number(42, 4)?);
        if [packed, size, header_at].contains(&0xffff_ffff) {
            return Err("a member is larger than 4 GiB".to_string());
        }
        members.push(Member {
            name: String::from_utf8_lossy(name).into_owned(),
            compressed: method == 8,
            packed,
            size: size as u64,
            header_at,
        });
        at += 46 + name_len + extra + comment;
    }
    Ok(members)
}

/// A little-endian number of 2 or 4 bytes.
fn le(bytes: &[u8], at: usize, width: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(width)?)?;
    Some(field.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b)))
}
