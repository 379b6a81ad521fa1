//! The files that a program names: `use "helpers.odp"`, `csv("d.csv")`. They may not leave the program's folder, unless
//! the run allows another.

use std::path::{Path, PathBuf};

use super::StoreError;
use super::inputs::{as_text, read_bytes};

/// Where a program's files are read from.
pub trait Loader: Send + Sync {
    /// The bytes of the file that `from` names as `path`: `from` is the file that asks, by the name it was loaded
    /// under, `path` is relative to its folder.
    ///
    /// # Errors
    /// `Unreadable`, `Outside` or `TooLarge`.
    fn read(&self, from: &str, path: &str) -> Result<Loaded, StoreError>;

    /// Bytes that one file may have, and that what it holds may take up once unpacked.
    fn limit(&self) -> u64 {
        u64::MAX
    }

    /// The same, as text.
    ///
    /// # Errors
    /// As [`Loader::read`], and `NotText`.
    fn read_text(&self, from: &str, path: &str) -> Result<(String, String), StoreError> {
        let Loaded { name, bytes } = self.read(from, path)?;
        let text = as_text(&name, bytes)?;
        Ok((name, text))
    }
}

/// A file that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its name for messages, and for what it asks for in its turn; one and the same however the file is reached.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Loads nothing: for programs that stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn read(&self, _: &str, path: &str) -> Result<Loaded, StoreError> {
        Err(StoreError::Unreadable {
            file: path.to_string(),
            why: "this program was given no files".to_string(),
        })
    }
}

/// Loads from the folder of the asking file.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// More folders that may be read (`--allow`).
    pub allowed: Vec<PathBuf>,
    /// Bytes that one file may have.
    pub limit: u64,
}

impl Loader for Folder {
    fn limit(&self) -> u64 {
        self.limit
    }

    fn read(&self, from: &str, path: &str) -> Result<Loaded, StoreError> {
        let folder = Path::new(from)
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let wanted = folder.join(path);
        let mut name = wanted.display().to_string();
        // Symbolic links are followed before the folders are compared: a link may not lead outside either.
        match (wanted.canonicalize(), folder.canonicalize()) {
            (Ok(real), Ok(home)) => match real.strip_prefix(&home) {
                Ok(rest) => name = plain(folder).join(rest).display().to_string(),
                Err(_) if self.allows(&real) => {}
                Err(_) => return Err(self.outside(path, folder)),
            },
            // Nothing is said of what may not be seen, not even that it is not there.
            _ if climbs_out(path) && self.allowed.is_empty() => {
                return Err(self.outside(path, folder));
            }
            _ => {}
        }
        let bytes = read_bytes(&wanted, self.limit)?;
        Ok(Loaded { name, bytes })
    }
}

/// The folder as it is written before a name: nothing for the one we are in.
fn plain(folder: &Path) -> &Path {
    if folder == Path::new(".") {
        Path::new("")
    } else {
        folder
    }
}

impl Folder {
    fn allows(&self, real: &Path) -> bool {
        self.allowed
            .iter()
            .any(|f| f.canonicalize().is_ok_and(|f| real.starts_with(f)))
    }

    fn outside(&self, path: &str, folder: &Path) -> StoreError {
        StoreError::Outside {
            path: path.to_string(),
            folder: folder.display().to_string(),
        }
    }
}

/// Whether a path leaves the folder it starts in, by its words alone.
fn climbs_out(path: &str) -> bool {
    use std::path::Component;
    let mut depth = 0i64;
    Path::new(path).components().any(|part| {
        depth += match part {
            Component::Normal(_) => 1,
            Component::ParentDir => -1,
            Component::CurDir => 0,
            Component::RootDir | Component::Prefix(_) => i64::MIN / 2,
        };
        depth < 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_program_stays_in_its_folder() {
        let root = std::env::temp_dir().join(format!("odp-folder-{}", std::process::id()));
        fs::create_dir_all(root.join("in/sub")).unwrap();
        fs::create_dir_all(root.join("more")).unwrap();
        fs::write(root.join("in/sub/a.odp"), "fn f() { 1 }").unwrap();
        fs::write(root.join("more/b.odp"), "").unwrap();
        let from = root.join("in/model.odp").display().to_string();
        let mut folder = Folder {
            allowed: vec![],
            limit: 100,
        };
        let (name, text) = folder.read_text(&from, "sub/a.odp").unwrap();
        assert!(name.ends_with("in/sub/a.odp") && text.contains("fn f"));
        let again = folder.read(&from, "sub/../sub/a.odp").unwrap();
        assert_eq!(again.name, name);
        assert!(matches!(
            folder.read(&from, "../more/b.odp"),
            Err(StoreError::Outside { .. })
        ));
        assert!(matches!(
            folder.read(&from, "../nothing"),
            Err(StoreError::Outside { .. })
        ));
        assert!(matches!(
            folder.read(&from, "/etc/passwd"),
            Err(StoreError::Outside { .. })
        ));
        assert!(matches!(
            folder.read(&from, "nothing.odp"),
            Err(StoreError::Unreadable { .. })
        ));
        folder.allowed.push(root.join("more"));
        assert!(folder.read(&from, "../more/b.odp").is_ok());
        fs::remove_dir_all(root).unwrap();
    }
}
