//! stdout and stderr: who reads them, and what happens when nobody does.

use std::io::{self, ErrorKind, IsTerminal, Write};

use odp::{Failure, Report, SourceMap};

use super::render;

/// Where results and diagnostics go.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// Whether a script asked for JSON.
    pub json: bool,
    /// Columns of the terminal, where they are known.
    pub width: Option<usize>,
}

/// Whether a person reads stderr.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

impl Console {
    /// A console whose results are JSON or not.
    pub fn new(json: bool) -> Console {
        Console { json, width: None }
    }

    /// Prints a result. A reader that went away is no error; any other fault of stdout is told.
    pub fn result(&self, text: &str) {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.note(&format!("odp: stdout: {error}"))
            }
            _ => {}
        }
    }

    /// Prints a line on stderr; that it cannot be read is no reason to stop.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Tells a failure: a document for a script, marked source lines for a person.
    pub fn failure(&self, failure: &Failure) {
        if self.for_script() {
            self.note(&render::document(failure));
        } else {
            self.warnings(&failure.reports, &failure.sources);
        }
    }

    /// Tells warnings: as text for a script too, since the document of the result has them again.
    pub fn warnings(&self, reports: &[Report], sources: &SourceMap) {
        if !reports.is_empty() {
            let colour = may_colour(stderr_is_terminal());
            let width = self.width.unwrap_or_else(render::width);
            self.note(render::reports(reports, sources, colour, width).trim_end());
        }
    }

    /// Whether stderr is read by a script.
    pub fn for_script(&self) -> bool {
        self.json && !stderr_is_terminal()
    }

    /// Whether results may be coloured.
    pub fn result_colour(&self) -> bool {
        !self.json && may_colour(io::stdout().is_terminal())
    }
}

/// Colour only on a terminal, and not where the user said no.
fn may_colour(terminal: bool) -> bool {
    let is = |name: &str, test: fn(&str) -> bool| std::env::var(name).is_ok_and(|v| test(&v));
    terminal && !is("NO_COLOR", |v| !v.is_empty()) && !is("TERM", |v| v == "dumb")
}
