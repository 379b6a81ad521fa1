//! A trained sampler in one file that needs no other: the program's text and the files it uses, the data that it was
//! trained with, what it is asked about, and what was learned.

use std::fs::{self, File};
use std::path::Path;

use super::packed::{Packed, packed};
use super::sealed::{Broken, Kind};
use super::{Inputs, Levels, StoreError};
use crate::base::{Entry, Origin, Shape, Values};

const KIND: Kind = Kind {
    mark: b"odp sampler\n",
    version: 2,
    name: "sampler",
};

/// What the file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerFile {
    /// The version of odp that trained it.
    pub odp: String,
    /// The program's file name.
    pub name: String,
    /// The program.
    pub text: String,
    /// The files that it uses.
    pub files: Vec<UsedFile>,
    /// The data that it was trained with.
    pub inputs: Inputs,
    /// Data variables that a query gives: name, key in data files, sizes.
    pub asked: Vec<(String, (String, Vec<usize>))>,
    /// Whose noise each trained coordinate is: address, and place within.
    pub coordinates: Vec<(u128, usize)>,
    /// The training's seed.
    pub seed: u64,
    /// What was learned.
    pub learned: Vec<u8>,
}
packed!(SamplerFile {
    odp,
    name,
    text,
    files,
    inputs,
    asked,
    coordinates,
    seed,
    learned
});

/// A file that a program names.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedFile {
    /// The file that asked.
    pub from: String,
    /// The path that it asked for.
    pub path: String,
    /// The name that it was loaded under.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}
packed!(UsedFile {
    from,
    path,
    name,
    bytes
});

impl SamplerFile {
    /// Writes it: whole, or not at all.
    ///
    /// # Errors
    /// `Unwritable`, and as [`SamplerFile::may_write`].
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        SamplerFile::may_write(path)?;
        KIND.write(path, self)
    }

    /// Whether a sampler may be written to a path.
    ///
    /// # Errors
    /// `Foreign` where something stands there that is no sampler, `Unwritable` where its folder does not exist.
    pub fn may_write(path: &Path) -> Result<(), StoreError> {
        let named = path.display().to_string();
        let Ok(there) = fs::metadata(path) else {
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            return match folder.is_some_and(|f| !f.is_dir()) {
                true => Err(StoreError::Unwritable {
                    path: named,
                    why: "its folder does not exist".to_string(),
                }),
                false => Ok(()),
            };
        };
        let foreign = there.is_dir()
            || there.is_file() && File::open(path).is_ok_and(|file| !KIND.begins(file));
        match foreign {
            true => Err(StoreError::Foreign { path: named }),
            false => Ok(()),
        }
    }

    /// Reads it, from at most `limit` bytes.
    ///
    /// # Errors
    /// `Unreadable`, `TooLarge`, and `BadSampler` for what is no sampler, of another version, or damaged.
    pub fn read(path: &Path, limit: u64) -> Result<SamplerFile, StoreError> {
        KIND.read(path, limit).map_err(|broken| match broken {
            Broken::Store(error) => error,
            Broken::Odd(what) => SamplerFile::bad(path, what),
        })
    }

    /// What is in the bytes of a file of that name.
    ///
    /// # Errors
    /// `BadSampler`.
    pub fn open(name: &str, bytes: &[u8]) -> Result<SamplerFile, StoreError> {
        let bad = |what| SamplerFile::bad(Path::new(name), what);
        KIND.open(bytes).map_err(bad)
    }

    /// The error of a file whose content is none.
    pub fn bad(path: &Path, what: impl Into<String>) -> StoreError {
        StoreError::BadSampler {
            file: path.display().to_string(),
            what: what.into(),
        }
    }
}

packed!(Levels { name, levels });
packed!(Origin { file, line, column });
packed!(Entry {
    values,
    shape,
    missing,
    origin
});

impl Packed for Shape {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Shape> {
        Vec::unpack(from).map(Shape)
    }
}

impl Packed for Values {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Values::Bool(v) => (0u8.pack(out), v.pack(out)),
            Values::Int(v) => (1u8.pack(out), v.pack(out)),
            Values::Real(v) => (2u8.pack(out), v.pack(out)),
            Values::Str(v) => (3u8.pack(out), v.pack(out)),
        };
    }

    fn unpack(from: &mut &[u8]) -> Option<Values> {
        Some(match u8::unpack(from)? {
            0 => Values::Bool(Vec::unpack(from)?),
            1 => Values::Int(Vec::unpack(from)?),
            2 => Values::Real(Vec::unpack(from)?),
            3 => Values::Str(Vec::unpack(from)?),
            _ => return None,
        })
    }
}

/// Without faults: what could not be read was not used.
impl Packed for Inputs {
    fn pack(&self, out: &mut Vec<u8>) {
        let entries: Vec<(String, Entry)> = self.data.clone().into_entries().collect();
        entries.pack(out);
        self.levels.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Inputs> {
        let mut inputs = Inputs::default();
        for (name, entry) in Vec::<(String, Entry)>::unpack(from)? {
            let n = match &entry.values {
                Values::Bool(v) => v.len(),
                Values::Int(v) => v.len(),
                Values::Real(v) => v.len(),
                Values::Str(v) => v.len(),
            };
            let mut sizes = entry.shape.dims().iter();
            let wanted = sizes.try_fold(1usize, |n, size| n.checked_mul(*size));
            if wanted != Some(n) || !(entry.missing.is_empty() || entry.missing.len() == n) {
                return None;
            }
            inputs.data.insert(name, entry);
        }
        inputs.levels = Vec::unpack(from)?;
        Some(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> SamplerFile {
        let mut inputs =
            Inputs::from_bytes("d.csv", b"k,x\na,1.5\nb,2\n".to_vec(), 1 << 20).unwrap();
        inputs.set("N", "7").unwrap();
        SamplerFile {
            odp: "0.1.0".into(),
            name: "m.odp".into(),
            text: "sample x ~ Normal(0, 1)".into(),
            files: vec![UsedFile {
                from: "m.odp".into(),
                path: "h.odp".into(),
                name: "h.odp".into(),
                bytes: vec![1],
            }],
            inputs,
            asked: vec![("y".into(), ("y".into(), vec![2, 3]))],
            coordinates: vec![(u128::MAX, 1)],
            seed: 3,
            learned: vec![5; 40],
        }
    }

    #[test]
    fn what_is_read_is_what_was_written_and_damage_is_found() {
        let path = std::env::temp_dir().join(format!("odp-sampler-{}", std::process::id()));
        file().write(&path).unwrap();
        assert_eq!(SamplerFile::read(&path, 1 << 20).unwrap(), file());
        let whole = fs::read(&path).unwrap();
        for i in (0..whole.len()).step_by(7) {
            let mut flipped = whole.clone();
            flipped[i] ^= 0x10;
            for bytes in [&flipped[..], &whole[..i]] {
                fs::write(&path, bytes).unwrap();
                let error = SamplerFile::read(&path, 1 << 20).unwrap_err();
                assert_eq!(error.code(), "odp::store::bad_sampler", "byte {i}");
            }
        }
        fs::write(&path, "my thesis").unwrap();
        let foreign = file().write(&path).unwrap_err();
        assert_eq!(foreign.code(), "odp::store::foreign");
        assert_eq!(fs::read(&path).unwrap(), b"my thesis");
        fs::remove_file(&path).unwrap();
        let nowhere = SamplerFile::may_write(&path.join("a")).unwrap_err();
        assert_eq!(nowhere.code(), "odp::store::unwritable");
    }
}
