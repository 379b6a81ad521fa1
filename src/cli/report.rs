//! `odp report`: a run's output as one page.

use odp::{ExitKind, Failure, Limits, Report, read_record, report as page, write_text};

use super::args::ReportArgs;
use crate::terminal::console::Console;

/// Writes the page beside what it is of, or where it was asked for.
pub fn report(args: &ReportArgs, console: &Console) -> Result<u8, Failure> {
    let record = read_record(&args.path, Limits::default().max_mem)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| args.path.with_extension("html"));
    if out == args.path {
        let what = format!("the page would take the place of `{}`", out.display());
        let report = Report::error("odp::cli::usage", what).help("say where it goes with --out");
        return Err(Failure::plain(ExitKind::Input, report));
    }
    write_text(&out, &page(&record))?;
    let path = out.display().to_string();
    console.result(&match console.json {
        true => serde_json::json!({ "page": path }).to_string() + "\n",
        false => format!("{path}\n"),
    });
    Ok(0)
}
