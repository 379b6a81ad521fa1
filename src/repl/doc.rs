//! `:doc NAME`: what a name of the language, of the library or of the program is.

use odp::{Failure, ModuleFacts, WordFacts};

use super::desk::Desk;
use super::words::at_prompt;
use super::wrong;
use crate::terminal::text::{of_distribution, of_engine, rows};

/// What is known of a name; the program's own names first.
///
/// # Errors
/// A name that nothing has.
pub fn doc(desk: &Desk, name: &str) -> Result<String, Failure> {
    if name.is_empty() {
        return Err(wrong("`:doc` wants a name, such as `:doc Normal`"));
    }
    let found = own(desk, name)
        .or_else(|| distribution(name))
        .or_else(|| word(name))
        .or_else(|| module(name))
        .or_else(|| engine(name));
    found.ok_or_else(|| unknown(name))
}

/// A name of the program: its documentation, its type and the line that makes it.
fn own(desk: &Desk, name: &str) -> Option<String> {
    let piece = desk.draft.origin(name)?;
    let ty = desk
        .program
        .type_of(name)
        .map_or(String::new(), |ty| format!(": {ty}"));
    let first = piece.statement.lines().next().unwrap_or_default();
    let doc = piece
        .doc
        .as_deref()
        .map_or(String::new(), |d| format!("\n\n{d}"));
    Some(format!("{name}{ty}\n  {first}{doc}"))
}

fn distribution(name: &str) -> Option<String> {
    let all = odp::distributions();
    all.iter().find(|d| d.name == name).map(of_distribution)
}

fn word(name: &str) -> Option<String> {
    let all = [odp::combinators(), odp::builtins(), odp::keywords()].concat();
    let shown = |w: &WordFacts| format!("{}\n  {}", w.usage, w.summary);
    all.iter().find(|w| w.name == name).map(shown)
}

/// A module, or what it gives: `std::gp`, `std::gp::exp_quad`, `gp::exp_quad`.
fn module(name: &str) -> Option<String> {
    let all = odp::modules();
    let short = |m: &ModuleFacts| m.name.trim_start_matches("std::").to_string();
    if let Some(m) = all.iter().find(|m| m.name == name || short(m) == name) {
        let item = |i: &odp::ItemFacts| i.doc.lines().next().unwrap_or_default().to_string();
        let lines: Vec<(String, String)> = m
            .items
            .iter()
            .map(|i| (format!("  {}", i.usage), item(i)))
            .collect();
        let table = rows(
            lines
                .iter()
                .map(|(usage, doc)| (usage.clone(), doc.as_str())),
        );
        return Some(format!("{}\n\n{}\n\n{table}", m.name, m.doc));
    }
    let (path, item) = name.rsplit_once("::")?;
    let m = all.iter().find(|m| m.name == path || short(m) == path)?;
    let item = m.items.iter().find(|i| i.name == item)?;
    Some(format!("{}::{}\n\n{}", m.name, item.usage, item.doc))
}

fn engine(name: &str) -> Option<String> {
    let all = odp::engines();
    all.iter()
        .find(|e| e.name == name)
        .map(|e| at_prompt(&of_engine(e)))
}

fn unknown(name: &str) -> Failure {
    let all: Vec<&str> = [odp::combinators(), odp::builtins(), odp::keywords()]
        .concat()
        .iter()
        .map(|w| w.name)
        .chain(odp::distributions().iter().map(|d| d.name))
        .collect();
    let lower = name.to_lowercase();
    let near = all.into_iter().find(|n| {
        let n = n.to_lowercase();
        n == lower || (lower.len() >= 3 && n.starts_with(&lower))
    });
    match near {
        Some(near) => wrong(format!(
            "nothing is called `{name}`; did you mean `{near}`?"
        )),
        None => wrong(format!("nothing is called `{name}`")),
    }
}
