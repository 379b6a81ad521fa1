//! The language by example: annotated programs in `tests/suite`, in the standard library's documentation, and in the
//! specification in `docs/language`.
//!
//! ```text
//! //# a title              begins a section, which is a program of its own
//! // Data: {"n": 3}        its data
//! // File: d.csv "x\n1\n"   a file beside it
//! // Value: x[0] 4         a constant output, exact to 1e-9
//! // Mean: mu 1.5 ± 0.1    a posterior mean by `smc`; the tolerance covers the Monte Carlo error
//! // LogZ: -3.2 ± 0.05     its log marginal likelihood
//! // Error: 3:8 words      an error at line 3, column 8 of the section, whose message has these words
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use odp::{Failure, InferRequest, Inputs, Limits, Loaded, Loader, NoFiles, Session, StoreError};

/// The files beside a section's program.
#[derive(Clone, Default)]
struct Files(Vec<(String, String)>);

impl Loader for Files {
    fn read(&self, from: &str, path: &str) -> Result<Loaded, StoreError> {
        match self.0.iter().find(|(name, _)| name == path) {
            Some((name, content)) => Ok(Loaded {
                name: name.clone(),
                bytes: content.clone().into_bytes(),
            }),
            None => NoFiles.read(from, path),
        }
    }
}

#[derive(Default)]
struct Section {
    title: String,
    text: String,
    data: Option<String>,
    files: Files,
    values: Vec<(String, f64)>,
    means: Vec<(String, f64, f64)>,
    log_z: Option<(f64, f64)>,
    errors: Vec<(usize, usize, String)>,
}

fn sections(text: &str) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("//# ") {
            all.push(Section {
                title: title.into(),
                ..Section::default()
            });
            continue;
        }
        let Some(section) = all.last_mut() else {
            continue;
        };
        if !annotation(section, line) {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    all
}

/// Reads an annotation; false for a line of the program.
fn annotation(s: &mut Section, line: &str) -> bool {
    let Some((key, rest)) = line.strip_prefix("// ").and_then(|l| l.split_once(": ")) else {
        return false;
    };
    let number = |t: &str| {
        t.trim()
            .parse::<f64>()
            .unwrap_or_else(|_| panic!("{line}: `{t}` is no number"))
    };
    match key {
        "Data" => s.data = Some(rest.to_string()),
        "File" => {
            let (name, content) = rest.split_once(' ').unwrap();
            let content: String = serde_json::from_str(content).unwrap();
            s.files.0.push((name.into(), content));
        }
        "Value" => {
            let (name, x) = rest.rsplit_once(' ').unwrap();
            s.values.push((name.into(), number(x)));
        }
        "Mean" => {
            let (head, tolerance) = rest.split_once('±').unwrap();
            let (name, x) = head.trim().rsplit_once(' ').unwrap();
            s.means.push((name.into(), number(x), number(tolerance)));
        }
        "LogZ" => {
            let (x, tolerance) = rest.split_once('±').unwrap();
            s.log_z = Some((number(x), number(tolerance)));
        }
        "Error" => {
            let (place, words) = rest.split_once(' ').unwrap();
            let (l, c) = place.split_once(':').unwrap();
            s.errors
                .push((l.parse().unwrap(), c.parse().unwrap(), words.to_lowercase()));
        }
        _ => return false,
    }
    true
}

fn answer(s: &Section, engine: &str) -> Result<odp::Answer, Failure> {
    let inputs = match &s.data {
        Some(json) => Inputs::from_bytes("data.json", json.clone().into_bytes(), 1 << 20)?,
        None => Inputs::default(),
    };
    let bound = Session::compile("suite.odp", &s.text, Arc::new(s.files.clone()))?
        .bind(&inputs, &Limits::default())?;
    bound.infer(&InferRequest::new(engine, 1))
}

/// What went wrong in a section.
fn complaints(s: &Section) -> Vec<String> {
    let engine = if s.means.is_empty() && s.log_z.is_none() {
        "prior"
    } else {
        "smc"
    };
    match answer(s, engine) {
        Err(failure) => failure_complaints(s, &failure),
        Ok(_) if !s.errors.is_empty() => vec!["no error".to_string()],
        Ok(answer) => {
            let mean = |name: &str| {
                answer
                    .parameters
                    .iter()
                    .find(|(n, _)| n == name)
                    .and_then(|(_, f)| f.mean)
            };
            let mut bad = Vec::new();
            for (name, want) in &s.values {
                match mean(name) {
                    Some(x) if (x - want).abs() <= 1e-9 * (1.0 + want.abs()) => {}
                    other => bad.push(format!("{name} is {other:?}, should be {want}")),
                }
            }
            for (name, want, tolerance) in &s.means {
                match mean(name) {
                    Some(x) if (x - want).abs() <= *tolerance => {}
                    other => bad.push(format!(
                        "mean of {name} is {other:?}, should be {want} ± {tolerance}"
                    )),
                }
            }
            if let Some((want, tolerance)) = s.log_z {
                match answer.log_z.estimate {
                    Some(x) if (x - want).abs() <= tolerance => {}
                    other => bad.push(format!(
                        "log Z is {other:?}, should be {want} ± {tolerance}"
                    )),
                }
            }
            bad
        }
    }
}

fn failure_complaints(s: &Section, failure: &Failure) -> Vec<String> {
    let found: Vec<(usize, usize, String)> = failure
        .reports
        .iter()
        .map(|r| {
            let (l, c) = r
                .labels
                .first()
                .map_or((0, 0), |label| failure.sources.line_col(label.span));
            let labels: Vec<&str> = r.labels.iter().map(|l| l.text.as_str()).collect();
            (
                l,
                c,
                format!(
                    "{} {} {}",
                    r.message,
                    labels.join(" "),
                    r.help.clone().unwrap_or_default()
                )
                .to_lowercase(),
            )
        })
        .collect();
    if s.errors.is_empty() {
        return vec![format!("fails: {found:?}")];
    }
    s.errors
        .iter()
        .filter(|(l, c, words)| {
            !found
                .iter()
                .any(|(fl, fc, text)| fl == l && fc == c && text.contains(words))
        })
        .map(|e| format!("no error like {e:?} among {found:?}"))
        .collect()
}

/// The programs in the fenced `odp` blocks of a Markdown text, each a section named by its line.
fn fenced(text: &str) -> Vec<Section> {
    let mut all = Vec::new();
    let mut current: Option<(usize, String)> = None;
    for (n, line) in text.lines().enumerate() {
        match &mut current {
            None if line.trim() == "```odp" => current = Some((n + 1, String::new())),
            None => {}
            Some((start, program)) if line.trim() == "```" => {
                let titled = format!("//# line {start}\n{program}");
                all.extend(sections(&titled));
                current = None;
            }
            Some((_, program)) => {
                program.push_str(line);
                program.push('\n');
            }
        }
    }
    all
}

/// The documentation comments of a program, without their slashes; other lines are empty.
fn doc_comments(text: &str) -> String {
    text.lines()
        .map(|l| l.trim_start().strip_prefix("///").unwrap_or(""))
        .map(|l| l.strip_prefix(' ').unwrap_or(l).to_string() + "\n")
        .collect()
}

/// Every file below a folder with an extension, in order.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Holds the sections of some files to what they say; at least `least` of them.
fn hold(files: Vec<PathBuf>, split: fn(&str) -> Vec<Section>, least: usize) {
    let (mut n, mut bad) = (0, Vec::new());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for section in split(&std::fs::read_to_string(&path).unwrap()) {
            n += 1;
            let wrong = complaints(&section).into_iter();
            bad.extend(wrong.map(|c| format!("{name}, {}: {c}", section.title)));
        }
    }
    assert!(n >= least, "only {n} sections were found");
    assert!(
        bad.is_empty(),
        "{} of {n} sections:\n{}",
        bad.len(),
        bad.join("\n")
    );
}

#[test]
fn every_section_does_what_it_says() {
    hold(files("tests/suite", "odp"), sections, 30);
}

#[test]
fn every_example_of_the_standard_library_does_what_it_says() {
    hold(
        files("stdlib", "odp"),
        |text| fenced(&doc_comments(text)),
        80,
    );
}

#[test]
fn the_specification_does_what_it_says() {
    hold(files("docs/language", "md"), fenced, 300);
}
