//! `odp engines` and `odp distributions`.

use odp::{DistributionFacts, EngineFacts, ExitKind, Failure, Report};
use serde::Serialize;

use super::args::ListArgs;
use super::console::Console;

/// All engines, or one with its options.
pub fn engines(args: &ListArgs, console: &Console) -> Result<u8, Failure> {
    let all = odp::engines();
    let Some(name) = &args.name else {
        show(console, &all, || {
            rows(all.iter().map(|e| (e.name.to_string(), e.summary)))
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

fn of_engine(engine: &EngineFacts) -> String {
    let head = format!("{}\n  {}\n", engine.name, engine.summary);
    if engine.options.is_empty() {
        return head + "\nno options\n";
    }
    let option = |o: &odp::OptionFacts| (format!("  {}={}", o.name, o.default), o.help);
    head + "\noptions, by -O name=value\n" + &rows(engine.options.iter().map(option))
}

fn of_distribution(d: &DistributionFacts) -> String {
    let mut text = format!(
        "{}\n  {}\n  its values are {}\n",
        d.signature(),
        d.summary,
        d.values
    );
    for p in &d.parameters {
        let default = p
            .default
            .map_or(String::new(), |x| format!(", {x} if not given"));
        text.push_str(&format!("\n  {}: {}{default}", p.name, p.domain));
    }
    text + "\n"
}

/// Names and what is said of them, in two columns.
fn rows<'a>(pairs: impl Iterator<Item = (String, &'a str)>) -> String {
    let pairs: Vec<_> = pairs.collect();
    let width = pairs
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    pairs
        .iter()
        .map(|(name, words)| format!("{name:width$}  {words}\n"))
        .collect()
}
