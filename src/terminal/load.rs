//! Files to program text and inputs.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use odp::{Failure, Folder, Inputs, Limits, Loader, Report, as_text, read_bytes};

/// Bytes of program text: spans are made for less than 4 GiB, and nobody writes as much.
pub const LONGEST_PROGRAM: u64 = 256 << 20;

/// A program's text.
pub fn program_text(path: &Path, limits: &Limits) -> Result<String, Failure> {
    let bytes = read_bytes(path, limits.max_mem.min(LONGEST_PROGRAM))?;
    Ok(as_text(&path.display().to_string(), bytes)?)
}

/// Where a program's files come from.
pub fn folder(limits: &Limits) -> Arc<dyn Loader> {
    Arc::new(Folder {
        allowed: limits.allow.clone(),
        limit: limits.max_mem,
    })
}

/// All data: a later file wins over an earlier one, and single values over both.
pub fn inputs(
    files: &[PathBuf],
    values: &[(String, String)],
    limits: &Limits,
) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::default();
    for file in files {
        inputs.merge(Inputs::read(file, limits.max_mem)?);
    }
    for (name, value) in values {
        inputs.set(name, value)?;
    }
    Ok(inputs)
}

/// What was odd comes after what is wrong.
pub fn with_warnings(mut failure: Failure, warnings: &[Report]) -> Failure {
    for warning in warnings {
        if !failure.reports.contains(warning) {
            failure.reports.push(warning.clone());
        }
    }
    failure
}

/// A seed unlike the last one, short enough to be typed again.
pub fn fresh_seed() -> u64 {
    // The standard library keys its hash maps by the system's randomness.
    RandomState::new().build_hasher().finish() & 0xffff_ffff
}

/// The user's file of this name for what outlives a session, in a folder that is made for it; `None` where there is no
/// place for one.
pub fn state_file(name: &str) -> Option<PathBuf> {
    let folder = |variable: &str| {
        let path = std::env::var_os(variable).map(PathBuf::from)?;
        path.is_absolute().then_some(path)
    };
    let home = || Some(folder("HOME")?.join(".local").join("state"));
    let base = folder("XDG_STATE_HOME").or_else(home);
    let folder = base.or_else(|| folder("LOCALAPPDATA"))?.join("odp");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join(name))
}
