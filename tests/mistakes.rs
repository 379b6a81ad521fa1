//! The usual mistakes, and the habits of other languages: where each is reported, and that it says what to do next.
//!
//! ```text
//! //# a title                             begins a section of `tests/data/mistakes/mistakes.odp`: a program of its own
//! // Error: 1:19 check::unknown_argument  the place and code of an error, for each one in order
//! // Help: `mu`                           words of what the error above says to do
//! ```
//!
//! Every code that the parser and the checker can give stands in the file, so that none is written without being read.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use odp::{Folder, Report, Session};

/// Of 100 errors, so many must say what to do next.
const WANTED: f64 = 95.0;

/// Texts that reach a limit: they are tested where the limits are.
const LIMITS: [&str; 3] = [
    "odp::syntax::nesting",
    "odp::syntax::long_expression",
    "odp::syntax::too_long",
];

#[derive(Default)]
struct Section {
    title: String,
    text: String,
    errors: Vec<(String, String)>,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mistakes"))
}

fn sections() -> Vec<Section> {
    let text = std::fs::read_to_string(folder().join("mistakes.odp")).expect("a readable file");
    let mut all: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("//# ") {
            let title = title.to_string();
            all.push(Section {
                title,
                ..Section::default()
            });
            continue;
        }
        let section = all.last_mut().expect("a file begins with a title");
        if let Some(error) = line.strip_prefix("// Error: ") {
            section.errors.push((error.to_string(), String::new()));
        } else if let Some(words) = line.strip_prefix("// Help: ") {
            let last = section.errors.last_mut().expect("help for an error");
            last.1 = words.to_string();
        } else {
            section.text += &format!("{line}\n");
        }
    }
    all
}

/// The errors of a program, each as `line:column code`, with what it says.
fn errors(text: &str) -> Vec<(String, Report)> {
    let file = folder().join("mistake.odp");
    let loader = Arc::new(Folder {
        allowed: Vec::new(),
        limit: 1 << 20,
    });
    let failure = match Session::compile(&file.to_string_lossy(), text, loader) {
        Ok(_) => return Vec::new(),
        Err(failure) => failure,
    };
    let place = |r: &Report| {
        let label = r.labels.first();
        let (line, column) = label.map_or((0, 0), |l| failure.sources.line_col(l.span));
        format!("{line}:{column} {}", r.code.trim_start_matches("odp::"))
    };
    let reports = failure.reports.iter();
    reports.map(|r| (place(r), r.clone())).collect()
}

#[test]
fn every_mistake_is_told_where_it_is_with_a_next_step() {
    let sections = sections();
    assert!(sections.len() >= 250, "only {} sections", sections.len());
    let (mut told, mut helped, mut wrong) = (0, 0, Vec::new());
    for section in &sections {
        let found = errors(&section.text);
        let places: Vec<&String> = found.iter().map(|(place, _)| place).collect();
        let wanted: Vec<&String> = section.errors.iter().map(|(place, _)| place).collect();
        if places != wanted {
            wrong.push(format!("{}: {places:?}, not {wanted:?}", section.title));
        }
        for ((_, report), (_, words)) in found.iter().zip(&section.errors) {
            let help = report.help.as_deref().unwrap_or_default();
            told += 1;
            helped += usize::from(!help.is_empty());
            if !help.contains(words.as_str()) {
                wrong.push(format!("{}: `{help}` lacks `{words}`", section.title));
            }
        }
    }
    println!("{helped} of {told} errors say what to do next");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(100.0 * helped as f64 / told as f64 >= WANTED);
}

#[test]
fn every_code_has_a_mistake() {
    let found: BTreeSet<&str> = sections()
        .iter()
        .flat_map(|s| errors(&s.text))
        .map(|(_, r)| r.code)
        .collect();
    let missing: Vec<String> = codes()
        .into_iter()
        .filter(|c| !found.contains(c.as_str()) && !LIMITS.contains(&c.as_str()))
        .collect();
    assert!(missing.is_empty(), "no mistake gives {missing:?}");
}

/// The codes of errors in the sources of the parser and the checker.
fn codes() -> BTreeSet<String> {
    const SOURCES: [&str; 4] = [
        "syntax/error.rs",
        "syntax/flaw.rs",
        "check/error.rs",
        "check/mismatch.rs",
    ];
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut codes = BTreeSet::new();
    for file in SOURCES {
        let text = std::fs::read_to_string(src.join(file)).expect("a readable file");
        let quoted = text.split('"').filter(|t| t.starts_with("odp::"));
        codes.extend(quoted.map(str::to_string));
    }
    assert!(codes.len() > 50, "{codes:?}");
    codes
}
