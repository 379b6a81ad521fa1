//! Files that are there whole or not at all: written beside their place, then moved into it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::inputs::in_words;

/// Writes a file by `fill`. What is no plain file (a pipe, `/dev/stdout`) is written straight into.
///
/// # Errors
/// `Unwritable` with the system's words; then nothing is left behind.
pub fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), StoreError> {
    let fail = |e: std::io::Error| unwritable(path, &e);
    if fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        let mut out = BufWriter::new(
            fs::OpenOptions::new()
                .write(true)
                .open(path)
                .map_err(fail)?,
        );
        return fill(&mut out).and_then(|()| out.flush()).map_err(fail);
    }
    // A link stays a link, and a file that was there keeps who may read it.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let beside = beside(path, "new");
    let written = File::create(&beside).and_then(|file| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
        out.into_inner().map_err(|e| e.into_error())?.sync_all()
    });
    written
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|e| {
            let _ = fs::remove_file(&beside);
            fail(e)
        })
}

/// Refuses a place for output before any work is done for it: in a folder that does not exist, or where a file stands that
/// the same run reads.
///
/// # Errors
/// `Unwritable`.
pub fn refuse_place<'a>(
    path: &Path,
    read: impl IntoIterator<Item = &'a Path>,
) -> Result<(), StoreError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(unwritable(path, &std::io::ErrorKind::NotFound.into()));
    }
    let Ok(there) = fs::canonicalize(path) else {
        return Ok(());
    };
    let mut read = read.into_iter();
    match read.any(|p| fs::canonicalize(p).is_ok_and(|p| p == there)) {
        true => Err(StoreError::Unwritable {
            path: path.display().to_string(),
            why: "it would take the place of a file that this run reads".to_string(),
        }),
        false => Ok(()),
    }
}

/// Makes a folder by `fill`, in place of `path`, which may hold an earlier folder that `ours` recognises.
///
/// # Errors
/// `Foreign` where something else stands at `path`; `Unwritable` with the system's words. Then what was there stays.
pub fn write_folder(
    path: &Path,
    ours: impl Fn(&Path) -> bool,
    fill: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), StoreError> {
    let fail = |e: std::io::Error| unwritable(path, &e);
    let there = fs::symlink_metadata(path).is_ok();
    if there && !ours(path) {
        return Err(StoreError::Foreign {
            path: path.display().to_string(),
        });
    }
    let (new, old) = (beside(path, "new"), beside(path, "old"));
    let made = fs::create_dir(&new).and_then(|()| fill(&new));
    let moved = made.and_then(|()| {
        if !there {
            return fs::rename(&new, path);
        }
        fs::rename(path, &old)?;
        // Between these two there is nothing at `path`; if the second fails, the old one goes back.
        fs::rename(&new, path).inspect_err(|_| drop(fs::rename(&old, path)))?;
        fs::remove_dir_all(&old)
    });
    moved.map_err(|e| {
        let _ = fs::remove_dir_all(&new);
        fail(e)
    })
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{what}", std::process::id()))
}

fn unwritable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unwritable {
        path: path.display().to_string(),
        why: match error.kind() {
            std::io::ErrorKind::NotFound => "its folder does not exist".to_string(),
            _ => in_words(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_as_it_was() {
        let path = std::env::temp_dir().join(format!("odp-atomic-{}", std::process::id()));
        write_file(&path, |out| out.write_all(b"first")).unwrap();
        let broken = write_file(&path, |out| {
            out.write_all(b"half")?;
            Err(std::io::Error::other("disk full"))
        });
        assert!(broken.unwrap_err().to_string().contains("disk full"));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert!(!beside(&path, "new").exists());
        assert!(refuse_place(&path, []).is_ok());
        let own = refuse_place(&path, [path.as_path()]).unwrap_err();
        assert!(own.to_string().contains("take the place"), "{own}");
        fs::remove_file(&path).unwrap();
        let nowhere = refuse_place(&path.join("a/b"), []).unwrap_err();
        assert!(nowhere.to_string().contains("its folder does not exist"));
        let nowhere = write_file(&path.join("a/b"), |_| Ok(()));
        assert!(
            nowhere
                .unwrap_err()
                .to_string()
                .contains("its folder does not exist")
        );
    }
}
