//! A run that another can go on from, in one file.
//!
//! Facts say which run it is, parts what its engine left. Both are [`Packed`](super::Packed), in a file that is
//! [sealed](super::sealed).

use std::path::Path;

use super::StoreError;
use super::packed::packed;
use super::sealed::{Broken, Kind};

const KIND: Kind = Kind {
    mark: b"odp checkpoint\n",
    version: 2,
    name: "checkpoint",
};

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
        KIND.write(path, self)
    }

    /// Reads it, from at most `limit` bytes.
    ///
    /// # Errors
    /// `Unreadable`, `TooLarge`, and `BadCheckpoint` for what is no checkpoint, of another version, or damaged.
    pub fn read(path: &Path, limit: u64) -> Result<CheckpointFile, StoreError> {
        KIND.read(path, limit).map_err(|broken| match broken {
            Broken::Store(error) => error,
            Broken::Odd(what) => StoreError::BadCheckpoint {
                file: path.display().to_string(),
                what,
            },
        })
    }
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
