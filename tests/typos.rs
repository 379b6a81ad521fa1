//! One slip of the fingers in a good program: is the first error on the line of the slip?
//!
//! Every program of `examples` and every section of `tests/suite` without an error is taken apart into tokens, and one
//! token is changed at a time. A mutant that odp still accepts, data bound, is counted apart: it says something else, but
//! it is a program. Of the others, the first error should stand where the slip is. A bracket's line is that of its partner
//! too: which of the two is missing is a matter of opinion.
//!
//! `cargo test --release --test typos -- --nocapture` prints the table; with `TYPOS=words` also every miss of that kind.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use odp::{Inputs, Limits, NoFiles, Session};

/// Of 100 mutants that are no programs, so many must be reported on their line.
const WANTED: f64 = 95.0;

/// Mutants of one program: of more, every so many-th is taken.
const PER_PROGRAM: usize = 500;

// ---- Programs

struct Good {
    name: String,
    text: String,
    data: Option<Vec<u8>>,
}

fn programs() -> Vec<Good> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all: Vec<Good> = files(&root.join("examples")).iter().map(example).collect();
    for path in files(&root.join("tests/suite")) {
        all.extend(sections(&path));
    }
    all.retain(|p| matches!(judge(p, &p.text), Verdict::Accepted));
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.extension().is_some_and(|e| e == "odp") => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

fn example(path: &PathBuf) -> Good {
    Good {
        name: path.display().to_string(),
        text: std::fs::read_to_string(path).expect("a readable file"),
        data: std::fs::read(path.with_file_name("data.json")).ok(),
    }
}

/// The sections of a file of the suite (`tests/suite.rs` says how they are written).
fn sections(path: &Path) -> Vec<Good> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    let mut all: Vec<Good> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("//# ") {
            let name = format!("{}: {title}", path.display());
            let (text, data) = (String::new(), None);
            all.push(Good { name, text, data });
        } else if let Some(section) = all.last_mut() {
            match line.strip_prefix("// Data: ") {
                Some(json) => section.data = Some(json.as_bytes().to_vec()),
                None if line.starts_with("// ") && line.contains(": ") => {}
                None => section.text += &format!("{line}\n"),
            }
        }
    }
    all
}

// ---- Verdicts

enum Verdict {
    Accepted,
    /// The line, code and headline of the first error.
    Refused(usize, String),
}

fn judge(program: &Good, text: &str) -> Verdict {
    // What a mutant asks for is asked for a thousand times: less than a run allows is enough to see what is wrong.
    let limits = Limits {
        max_noise: 2_000,
        max_depth: 100,
        max_steps: 200_000,
        max_mem: 1 << 30,
        ..Limits::default()
    };
    let inputs = match &program.data {
        Some(json) => Inputs::from_bytes("data.json", json.clone(), 1 << 20).expect("good data"),
        None => Inputs::default(),
    };
    let done = Session::compile("model.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&inputs, &limits).map(drop));
    let Err(failure) = done else {
        return Verdict::Accepted;
    };
    let first = &failure.reports[0];
    let line = first
        .labels
        .first()
        .map_or(0, |l| failure.sources.line_col(l.span).0);
    Verdict::Refused(line, format!("{} {}", first.code, first.message))
}

// ---- Tokens

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    Word,
    Keyword,
    Number,
    Bracket,
    Comma,
    Tilde,
    Operator,
}

#[derive(Clone, Copy)]
struct Token<'t> {
    sort: Sort,
    text: &'t str,
    at: usize,
}

const KEYWORDS: &str = "use data fn let var sample observe factor condition return if else for in while break continue \
                        where and or not true false memo";

/// Longer ones before their beginnings.
const OPERATORS: [&str; 26] = [
    "|>", "||", "&&", "->", "..", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "::", "<", ">",
    "=", "+", "-", "*", "/", "^", "%", "@", "|", ":",
];

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (sort, length) = if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if c.is_alphabetic() || c == '_' {
            let length = run(rest, |c| c.is_alphanumeric() || c == '_');
            let keyword = KEYWORDS.split(' ').any(|k| k == &rest[..length]);
            (if keyword { Sort::Keyword } else { Sort::Word }, length)
        } else if c.is_ascii_digit() {
            let digits = run(rest, |c| c.is_ascii_digit() || c == '_');
            let fraction = rest[digits..].strip_prefix('.');
            let fraction = fraction.map_or(0, |f| run(f, |c| c.is_ascii_digit()));
            (
                Sort::Number,
                digits + if fraction > 0 { fraction + 1 } else { 0 },
            )
        } else if "()[]{}".contains(c) {
            (Sort::Bracket, 1)
        } else if c == ',' {
            (Sort::Comma, 1)
        } else if c == '~' {
            (Sort::Tilde, 1)
        } else if let Some(operator) = OPERATORS.iter().find(|o| rest.starts_with(**o)) {
            (Sort::Operator, operator.len())
        } else {
            at += c.len_utf8();
            continue;
        };
        let text = &rest[..length];
        found.push(Token { sort, text, at });
        at += length;
    }
    found
}

fn run(text: &str, inside: impl Fn(char) -> bool) -> usize {
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

/// For each bracket, the index of its partner.
fn partners(tokens: &[Token]) -> BTreeMap<usize, usize> {
    let (mut open, mut pairs) = (Vec::new(), BTreeMap::new());
    for (i, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => open.push(i),
            ")" | "]" | "}" => {
                let partner = open.pop().expect("a good program's brackets fit");
                pairs.extend([(i, partner), (partner, i)]);
            }
            _ => {}
        }
    }
    pairs
}

// ---- Slips

struct Mutant {
    kind: &'static str,
    text: String,
    /// Where the first error may stand.
    lines: Vec<usize>,
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn mutants(text: &str) -> Vec<Mutant> {
    let tokens = tokens(text);
    let pairs = partners(&tokens);
    let mut all = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let mut lines = vec![line_of(text, token.at)];
        lines.extend(pairs.get(&i).map(|p| line_of(text, tokens[*p].at)));
        for (kind, changed) in slips(token) {
            let (before, after) = (&text[..token.at], &text[token.at + token.text.len()..]);
            all.push(Mutant {
                kind,
                text: format!("{before}{changed}{after}"),
                lines: lines.clone(),
            });
        }
        if let Some(next) = tokens
            .get(i + 1)
            .filter(|n| line_of(text, n.at) == lines[0])
        {
            lines.extend(pairs.get(&(i + 1)).map(|p| line_of(text, tokens[*p].at)));
            let between = &text[token.at + token.text.len()..next.at];
            let (before, after) = (&text[..token.at], &text[next.at + next.text.len()..]);
            all.push(Mutant {
                kind: "swap two tokens",
                text: format!("{before}{}{between}{}{after}", next.text, token.text),
                lines,
            });
        }
    }
    let mut seen = HashSet::from([text.to_owned()]);
    all.retain(|m| seen.insert(m.text.clone()));
    all
}

/// What one token becomes under one slip each.
fn slips(token: &Token) -> Vec<(&'static str, String)> {
    let twice = |between: &str| format!("{0}{between}{0}", token.text);
    match token.sort {
        Sort::Word => letters(token.text, ["name: drop", "name: double", "name: swap"]),
        Sort::Keyword => letters(
            token.text,
            ["keyword: drop", "keyword: double", "keyword: swap"],
        ),
        Sort::Number => letters(
            token.text,
            ["number: drop", "number: double", "number: swap"],
        ),
        Sort::Bracket => vec![
            ("bracket: drop", String::new()),
            ("bracket: double", twice("")),
            ("bracket: another", other_bracket(token.text).into()),
        ],
        Sort::Comma => vec![
            ("comma: drop", String::new()),
            ("comma: double", twice(" ")),
            ("comma: another", ".".into()),
            ("comma: another", ";".into()),
        ],
        Sort::Tilde => ["=", "-", "==", "<-", ":"]
            .map(|other| ("tilde: another", other.into()))
            .into_iter()
            .chain([("tilde: drop", String::new()), ("tilde: double", twice(""))])
            .collect(),
        Sort::Operator => [
            "=", "==", "+", "-", "*", "/", "<", "~", ",", ".", ":", "&", "!", "%",
        ]
        .into_iter()
        .filter(|other| *other != token.text)
        .map(|other| ("operator: another", other.into()))
        .chain([
            ("operator: drop", String::new()),
            ("operator: double", twice("")),
            ("operator: double", twice(" ")),
        ])
        .collect(),
    }
}

/// One character left out, doubled, or swapped with the next.
fn letters(word: &str, kinds: [&'static str; 3]) -> Vec<(&'static str, String)> {
    let letters: Vec<char> = word.chars().collect();
    let mut all = Vec::new();
    for i in 0..letters.len() {
        let mut dropped = letters.clone();
        dropped.remove(i);
        all.push((kinds[0], dropped.iter().collect()));
        let mut doubled = letters.clone();
        doubled.insert(i, letters[i]);
        all.push((kinds[1], doubled.iter().collect()));
        if i + 1 < letters.len() {
            let mut swapped = letters.clone();
            swapped.swap(i, i + 1);
            all.push((kinds[2], swapped.iter().collect()));
        }
    }
    all
}

fn other_bracket(bracket: &str) -> &'static str {
    match bracket {
        "(" => "[",
        ")" => "]",
        "[" => "{",
        "]" => ")",
        "{" => "(",
        _ => ")",
    }
}

// ---- The table

#[derive(Default)]
struct Row {
    hit: usize,
    missed: usize,
    accepted: usize,
    misses: Vec<String>,
}

impl Row {
    fn add(&mut self, other: Row) {
        self.hit += other.hit;
        self.missed += other.missed;
        self.accepted += other.accepted;
        self.misses.extend(other.misses);
    }
}

type Table = BTreeMap<&'static str, Row>;

fn table(program: &Good) -> Table {
    let all = mutants(&program.text);
    let step = all.len().div_ceil(PER_PROGRAM);
    let mut table = Table::new();
    for mutant in all.iter().step_by(step.max(1)) {
        let row = table.entry(mutant.kind).or_default();
        match judge(program, &mutant.text) {
            Verdict::Accepted => row.accepted += 1,
            Verdict::Refused(line, _) if mutant.lines.contains(&line) => row.hit += 1,
            Verdict::Refused(line, what) => {
                row.missed += 1;
                row.misses.push(miss(program, mutant, line, &what));
            }
        }
    }
    table
}

fn miss(program: &Good, mutant: &Mutant, line: usize, what: &str) -> String {
    let at = mutant.lines[0];
    let slip = mutant.text.lines().nth(at - 1).unwrap_or_default();
    format!(
        "{} line {at}: {slip}\n    reported on {line}: {what}",
        program.name
    )
}

/// All programs, on as many threads as there are cores.
fn whole_table(programs: &[Good]) -> Table {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut table = Table::new();
        while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (kind, row) in self::table(program) {
                table.entry(kind).or_default().add(row);
            }
        }
        table
    };
    let tables: Vec<Table> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    let mut whole = Table::new();
    for (kind, row) in tables.into_iter().flatten() {
        whole.entry(kind).or_default().add(row);
    }
    whole
}

#[test]
fn the_first_error_stands_where_the_slip_is() {
    let programs = programs();
    assert!(programs.len() >= 30, "only {} programs", programs.len());
    let table = whole_table(&programs);
    let share = |row: &Row| 100.0 * row.hit as f64 / (row.hit + row.missed).max(1) as f64;
    let wanted = std::env::var("TYPOS").ok();
    let mut total = Row::default();
    println!(
        "{:<20} {:>8} {:>8} {:>8} {:>8}",
        "slip", "refused", "on line", "%", "accepted"
    );
    for (kind, row) in table {
        let refused = row.hit + row.missed;
        println!(
            "{kind:<20} {refused:>8} {:>8} {:>8.1} {:>8}",
            row.hit,
            share(&row),
            row.accepted
        );
        if wanted.as_ref().is_some_and(|w| kind.contains(w.as_str())) {
            row.misses.iter().for_each(|m| println!("  {m}"));
        }
        total.add(row);
    }
    let (refused, share) = (total.hit + total.missed, share(&total));
    println!(
        "{:<20} {refused:>8} {:>8} {share:>8.1} {:>8}",
        "all", total.hit, total.accepted
    );
    assert!(refused >= 2000, "only {refused} mutants were refused");
    assert!(
        share >= WANTED,
        "{share:.1} of 100 first errors stand on the line of their slip"
    );
}
