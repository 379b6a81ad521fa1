//! Reading the sources, for tests of what they say.

use std::path::{Path, PathBuf};

/// All files below a folder whose name has the ending.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A source file without its test modules, wherever they stand: `#[cfg(test)] mod tests;` is one line, and
/// `mod tests { … }` ends with the first `}` that begins a line.
pub fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, module)) = rest.split_once("#[cfg(test)]\nmod ") {
        kept.push_str(before);
        let head = module.split('\n').next().unwrap_or_default();
        let ends = if head.trim_end().ends_with(';') {
            "\n"
        } else {
            "\n}"
        };
        rest = module.split_once(ends).map_or("", |(_, after)| after);
    }
    kept + rest
}
