//! Answers, engines and distributions as a person reads them.

use odp::{Answer, DistributionFacts, EngineFacts, OptionFacts};

/// An answer: headline, table, evidence, verdict.
pub fn of_answer(answer: &Answer, colour: bool) -> String {
    let (bold, tint, reset) = match (colour, answer.reliable) {
        (false, _) => ("", "", ""),
        (true, true) => ("\x1b[1m", "\x1b[32m", "\x1b[0m"),
        (true, false) => ("\x1b[1m", "\x1b[31m", "\x1b[0m"),
    };
    let mut evidence = answer.evidence();
    if let Some(loo) = &answer.loo {
        evidence.push_str(&loo.words());
    }
    if !evidence.is_empty() {
        evidence.push('\n');
    }
    let out = answer
        .draws
        .path
        .as_ref()
        .map_or(String::new(), |p| format!("draws written to {p}\n"));
    let (headline, table, verdict) = (answer.headline(), answer.table(), answer.verdict());
    format!("{bold}{headline}{reset}\n\n{table}\n{evidence}{tint}{verdict}{reset}\n{out}")
}

/// An engine with its options.
pub fn of_engine(engine: &EngineFacts) -> String {
    let head = format!("{}\n  {}\n", engine.name, engine.summary);
    if engine.options.is_empty() {
        return head + "\nno options\n";
    }
    let option = |o: &OptionFacts| (format!("  {}={}", o.name, o.default), o.help);
    head + "\noptions, by -O name=value\n" + &rows(engine.options.iter().map(option))
}

/// A distribution with its parameters and its support.
pub fn of_distribution(d: &DistributionFacts) -> String {
    let mut text = format!(
        "{}\n  {}\n  its values are {}\n",
        d.signature(),
        d.summary,
        d.support
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
pub fn rows<'a>(pairs: impl Iterator<Item = (String, &'a str)>) -> String {
    let pairs: Vec<_> = pairs.collect();
    let width = pairs
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    pairs
        .iter()
        .map(|(name, words)| format!("{name:width$}  {words}").trim_end().to_string() + "\n")
        .collect()
}

/// Whether the terminal takes Unicode, by what the user's locale says.
pub fn takes_unicode() -> bool {
    let said = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(said);
    match locale {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => cfg!(windows),
    }
}
