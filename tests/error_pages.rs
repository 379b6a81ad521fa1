//! The pages of `docs/errors`: every code has one, and what a page shows is what odp prints.
//!
//! ````text
//! # odp::stage::name
//! ```odp                  the wrong program, `model.odp`
//! ```odp helpers.odp      a file beside it; `json` and `csv` without a name are `data.json` and `data.csv`
//! ```sh                   the command, where it is not `odp run model.odp` (with `--data` where there is data)
//! ```text                 the report
//! ## Put right            below: the files that change, and the command where it does; what they run ends with 0
//! ````
//!
//! `ODP_RENEW=1 cargo test --release --test error_pages` writes the reports anew.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{files, without_tests};
use serde_json::Value;

/// Of 100 reports, so many must say what to do next.
const WANTED: usize = 80;

/// Added to a `run` that does not say otherwise: the same draws each time, and few.
const RUN: [(&str, &str); 3] = [("--seed", "1"), ("--infer", "prior"), ("--draws", "100")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

// ---- codes ----

/// The string literals of the sources that are codes.
fn codes() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for path in files(&root().join("src"), "rs") {
        let is_test = |c: std::path::Component| c.as_os_str().to_string_lossy().starts_with("test");
        if path.strip_prefix(root()).unwrap().components().any(is_test) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = without_tests(&text);
        let literals = code
            .split("\"odp::")
            .skip(1)
            .filter_map(|s| s.split('"').next());
        all.extend(literals.filter(|l| is_code(l)).map(|l| format!("odp::{l}")));
    }
    all
}

fn is_code(text: &str) -> bool {
    let is_word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split("::").all(is_word)
}

// ---- pages ----

type Files = BTreeMap<String, String>;

/// What one half of a page runs.
#[derive(Clone, Default)]
struct Half {
    files: Files,
    command: Option<String>,
}

struct Page {
    path: PathBuf,
    text: String,
    code: String,
    wrong: Half,
    /// As on the page; `None` where nothing can be shown.
    report: Option<String>,
    right: Half,
}

fn pages() -> Vec<Page> {
    let folder = root().join("docs/errors");
    let mut paths = files(&folder, "md");
    paths.retain(|p| !p.ends_with("README.md"));
    paths.into_iter().map(page).collect()
}

fn page(path: PathBuf) -> Page {
    let text = std::fs::read_to_string(&path).unwrap();
    let title = text.lines().next().and_then(|l| l.strip_prefix("# "));
    let code = title.expect("a page begins with its code").to_string();
    let (above, below) = text.split_once("\n## Put right\n").unwrap_or((&text, ""));
    let (wrong, report) = half(above, Half::default());
    let start = Half {
        files: wrong.files.clone(),
        // A warning is seen by `odp check`; that the program is right is seen by running it.
        command: wrong
            .command
            .clone()
            .filter(|c| !c.starts_with("odp check")),
    };
    let (right, _) = half(below, start);
    Page {
        path,
        code,
        wrong,
        report,
        right,
        text,
    }
}

/// The files and the command of a part of a page, over those of the part before it; and its report.
fn half(text: &str, mut half: Half) -> (Half, Option<String>) {
    let mut report = None;
    for (info, body) in blocks(text) {
        match info.split_once(' ') {
            Some((_, name)) => drop(half.files.insert(name.into(), body)),
            None if info == "sh" => half.command = Some(body.trim().into()),
            None if info == "text" => report = Some(body),
            None if info == "odp" => drop(half.files.insert("model.odp".into(), body)),
            None => drop(half.files.insert(format!("data.{info}"), body)),
        }
    }
    (half, report)
}

/// The fenced blocks of a text: what stands behind the fence, and the lines inside.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let body = lines.by_ref().take_while(|l| *l != "```");
        all.push((info.to_string(), body.map(|l| format!("{l}\n")).collect()));
    }
    all
}

// ---- runs ----

impl Half {
    fn arguments(&self) -> Vec<String> {
        let data = self.files.keys().find(|name| name.starts_with("data."));
        let data = data.map_or(String::new(), |name| format!(" --data {name}"));
        let command = self.command.clone();
        let command = command.unwrap_or_else(|| format!("odp run model.odp{data}"));
        let mut args: Vec<String> = command.split_whitespace().skip(1).map(Into::into).collect();
        if args[0] == "run" {
            for (flag, value) in RUN {
                if !args.iter().any(|a| a == flag) {
                    args.extend([flag.to_string(), value.to_string()]);
                }
            }
        }
        args
    }

    /// Runs it in a folder of its own.
    fn run(&self, folder: &str, more: &[&str]) -> Output {
        let name = format!("error-pages-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(name)
            .join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &self.files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_odp"));
        command
            .args(self.arguments())
            .args(more)
            .current_dir(&folder);
        command
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .stdin(Stdio::null());
        let output = command.output().expect("odp runs");
        std::fs::remove_dir_all(&folder).unwrap();
        output
    }
}

fn stderr(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8");
    format!("{}\n", text.trim_end())
}

/// The code that a script is told: of an error by the document, of a warning by the report.
fn told_code(page: &Page, folder: &str) -> String {
    let is_fmt = page.wrong.arguments()[0] == "fmt";
    let output = page
        .wrong
        .run(folder, if is_fmt { &[] } else { &["--json"] });
    let text = stderr(&output);
    match serde_json::from_str::<Value>(&text) {
        Ok(document) if !output.status.success() => {
            document["code"].as_str().unwrap_or_default().to_string()
        }
        _ => text.lines().next().unwrap_or_default().to_string(),
    }
}

/// The page with another report.
fn renewed(page: &Page, report: &str) -> String {
    let old = page.report.as_deref().unwrap_or_default();
    let (old, new) = (
        format!("```text\n{old}```\n"),
        format!("```text\n{report}```\n"),
    );
    page.text.replacen(&old, &new, 1)
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let folder = root().join("docs/errors");
    let pages = pages();
    let shown: BTreeSet<String> = pages.iter().map(|p| p.code.clone()).collect();
    assert_eq!(codes(), shown, "codes of the sources, and of the pages");
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for page in &pages {
        let inside = page.code.trim_start_matches("odp::").replace("::", "/") + ".md";
        assert_eq!(page.path, folder.join(&inside));
        let line = format!("[`{}`]({inside})", page.code);
        assert!(index.contains(&line), "docs/errors/README.md lacks {line}");
    }
}

#[test]
fn a_wrong_program_gives_the_report_on_its_page() {
    let renew = std::env::var("ODP_RENEW").is_ok_and(|v| v == "1");
    let mut wrong = Vec::new();
    for page in pages() {
        let Some(shown) = &page.report else {
            continue;
        };
        let folder = page.code.replace("::", "-");
        let report = stderr(&page.wrong.run(&folder, &[]));
        if report != *shown && renew {
            std::fs::write(&page.path, renewed(&page, &report)).unwrap();
        } else if report != *shown {
            wrong.push(format!("{} prints\n{report}", page.code));
        }
        let told = told_code(&page, &folder);
        if told != page.code {
            wrong.push(format!("{} is told as {told}", page.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_program_put_right_runs() {
    for page in pages().iter().filter(|p| p.report.is_some()) {
        let folder = format!("{}-right", page.code.replace("::", "-"));
        let output = page.right.run(&folder, &[]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{}: {told}", page.code);
        assert!(
            !told.contains(&page.code),
            "{} is not put right: {told}",
            page.code
        );
    }
}

#[test]
fn reports_say_what_to_do_next() {
    let pages = pages();
    let shown: Vec<(&str, &str)> = pages
        .iter()
        .filter_map(|p| Some((p.code.as_str(), p.report.as_deref()?)))
        .collect();
    let silent: Vec<&str> = shown
        .iter()
        .filter(|(_, report)| !report.contains("\n  help: "))
        .map(|(code, _)| *code)
        .collect();
    let helpful = 100 * (shown.len() - silent.len());
    assert!(
        helpful >= WANTED * shown.len(),
        "{} of {} say nothing: {}",
        silent.len(),
        shown.len(),
        silent.join(", ")
    );
}
