//! The house's rules: each floor names only lower floors, rooms on one floor do not name each other, and a library or a
//! kind of access stays in its room.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{files, without_tests};

/// Floors from the ground up.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["syntax", "compute", "draws"],
    &["dist", "nn", "store"],
    &["ir"],
    &["check", "trace"],
    &["lower"],
    &["infer"],
    &["session"],
    &["terminal"],
    &["cli", "repl", "lsp"],
];

/// What may be named only in some rooms: (what, where).
const KEPT: &[(&str, &[&str])] = &[
    ("pest", &["syntax"]),
    ("petgraph", &["trace", "lower"]),
    ("burn", &["compute", "nn", "infer"]),
    ("clap", &["cli"]),
    ("indicatif", &["terminal"]),
    ("miette", &["terminal"]),
    ("rustyline", &["repl"]),
];

/// Rooms that may touch files.
const FILES: &[&str] = &["store", "session", "terminal", "cli"];

#[test]
fn test_modules_are_left_out_and_nothing_behind_them() {
    let text = "use a;\n#[cfg(test)]\nmod tests;\nfn f() {}\n#[cfg(test)]\nmod more {\n    fn g() {\n    }\n}\nfn h() {}\n";
    let kept = without_tests(text);
    assert!(
        kept.contains("fn f") && kept.contains("fn h") && !kept.contains("fn g"),
        "{kept}"
    );
}

/// The room that a file of `src/` stands in, and its lines without comments and tests.
fn rooms() -> BTreeMap<PathBuf, (String, Vec<String>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = BTreeMap::new();
    for path in files(&src, "rs") {
        let inside = path.strip_prefix(&src).unwrap().to_path_buf();
        let is_test = inside.components().any(|c| {
            let name = c.as_os_str().to_string_lossy();
            name.starts_with("test")
                || name == "golden.rs"
                || name == "truths.rs"
                || name == "laws.rs"
        });
        let mut parts = inside.components();
        let room = parts
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        if is_test || room.ends_with(".rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = without_tests(&text);
        let lines = code
            .lines()
            .filter(|l| !l.trim_start().starts_with("//"))
            .map(str::to_owned)
            .collect();
        all.insert(inside, (room, lines));
    }
    all
}

fn floor(room: &str) -> usize {
    FLOORS
        .iter()
        .position(|f| f.contains(&room))
        .unwrap_or_else(|| panic!("`{room}` stands on no floor"))
}

#[test]
fn each_floor_names_only_lower_floors() {
    let mut broken = Vec::new();
    for (file, (room, lines)) in rooms() {
        let here = floor(&room);
        for (n, line) in lines.iter().enumerate() {
            for other in FLOORS.iter().flat_map(|f| f.iter()).filter(|o| **o != room) {
                if line.contains(&format!("crate::{other}::")) && floor(other) >= here {
                    broken.push(format!(
                        "{}:{}: {room} names {other}",
                        file.display(),
                        n + 1
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for (file, (room, lines)) in rooms() {
        for (library, allowed) in KEPT {
            let named = |l: &String| {
                l.contains(&format!("use {library}::")) || l.contains(&format!(" {library}::"))
            };
            if lines.iter().any(named) && !allowed.contains(&room.as_str()) {
                broken.push(format!("{}: {library} in {room}", file.display()));
            }
        }
        let touches = |l: &String| l.contains("std::fs") || l.contains("File::open");
        if lines.iter().any(touches) && !FILES.contains(&room.as_str()) {
            broken.push(format!("{}: files in {room}", file.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_library_neither_prints_nor_ends_the_process() {
    for (file, (room, lines)) in rooms() {
        if room == "cli" || room == "terminal" {
            continue;
        }
        for word in ["println!", "eprintln!", "process::exit", "set_hook"] {
            assert!(
                !lines.iter().any(|l| l.contains(word)),
                "{} has {word}",
                file.display()
            );
        }
    }
}
