//! `odp engines` and `odp distributions`.

use odp::{ExitKind, Failure, Report};
use serde::Serialize;

use super::args::ListArgs;
use super::compiler;
use crate::terminal::console::Console;
use crate::terminal::text::{of_distribution, of_engine, rows};

/// All engines, or one with its options.
pub fn engines(args: &ListArgs, console: &Console) -> Result<u8, Failure> {
    let all = odp::engines();
    let Some(name) = &args.name else {
        show(console, &all, || {
            let engines = rows(all.iter().map(|e| (e.name.to_string(), e.summary)));
            let own = compiler::help();
            let own = rows(own.iter().map(|(name, text)| (name.clone(), text.as_str())));
            format!("{engines}\nWith every engine, `-O`:\n{own}")
        });
        return Ok(0);
    };
    let engine = find(&all, name, "engine", |e| e.name)?;
    show(console, engine, || of_engine(engine));
    Ok(0)
}

/// All distributions, or one with its parameters.
pub fn distributions(args: &ListArgs, console: &Console) -> Result<u8, Failure> {
    let all = odp::distributions();
    let Some(name) = &args.name else {
        show(console, &all, || {
            rows(all.iter().map(|d| (d.signature(), d.summary)))
        });
        return Ok(0);
    };
    let distribution = find(&all, name, "distribution", |d| d.name)?;
    show(console, distribution, || of_distribution(distribution));
    Ok(0)
}

fn show<T: Serialize + ?Sized>(console: &Console, facts: &T, text: impl FnOnce() -> String) {
    console.result(&match console.json {
        true => serde_json::to_string_pretty(facts).unwrap_or_default() + "\n",
        false => text(),
    });
}

fn find<'a, T>(
    all: &'a [T],
    name: &str,
    what: &str,
    of: impl Fn(&T) -> &str,
) -> Result<&'a T, Failure> {
    all.iter()
        .find(|t| of(t).eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            let report = Report::error("odp::cli::usage", format!("there is no {what} `{name}`"));
            Failure::plain(
                ExitKind::Input,
                report.help(format!("`odp {what}s` lists all")),
            )
        })
}
