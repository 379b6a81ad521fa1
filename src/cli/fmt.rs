//! `odp fmt`: one canonical form.

use odp::{ExitKind, Failure, Report, Session, as_text, read_bytes, write_text};

use super::args::FmtArgs;
use crate::terminal::console::Console;
use crate::terminal::load::LONGEST_PROGRAM;

/// Rewrites files in canonical form, or with `--check` tells which are not in it. Every file is looked at; the first
/// failure decides the exit code.
pub fn fmt(args: &FmtArgs, console: &Console) -> Result<u8, Failure> {
    let mut failures = Vec::new();
    for path in &args.files {
        match one(&path.display().to_string(), args) {
            Ok(true) => console.result(&format!("{} is rewritten\n", path.display())),
            Ok(false) => {}
            Err(failure) => failures.push(failure),
        }
    }
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else {
        return Ok(0);
    };
    failures.for_each(|other| console.failure(&other));
    Err(first)
}

/// Whether the file was changed.
fn one(name: &str, args: &FmtArgs) -> Result<bool, Failure> {
    let path = name.as_ref();
    let text = as_text(name, read_bytes(path, LONGEST_PROGRAM)?)?;
    let canonical = Session::format(name, &text)?;
    if canonical == text {
        return Ok(false);
    }
    if args.check {
        let report = Report::error(
            "odp::cli::not_canonical",
            format!("`{name}` is not in canonical form"),
        );
        let report = report.help("`odp fmt` rewrites it");
        return Err(Failure::plain(ExitKind::Model, report));
    }
    write_text(path, &canonical)?;
    Ok(true)
}
