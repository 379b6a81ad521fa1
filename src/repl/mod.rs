//! The prompt: a program is written statement by statement, and looked at while it grows.
//!
//! ```text
//! input prompt             lines in -> entries: of a person, of a script
//! enter                    statements join the program, expressions are shown
//! command obey run doc     what begins with a colon
//! desk draft               what a session knows: the program so far, its data, the last inference
//! complete highlight       while a person types
//! elements plot            draws as numbers and pictures
//! words                    what the command line calls otherwise
//! ```
//!
//! An error is shown and leaves everything as it was. Without a terminal, lines are read as a script and the session ends
//! with 0, whatever they held.

mod command;
mod complete;
mod desk;
mod doc;
mod draft;
mod elements;
mod enter;
mod highlight;
mod input;
mod obey;
mod plot;
mod prompt;
mod run;
mod words;

use std::io::{IsTerminal, stdin};
use std::time::Instant;

use odp::{ExitKind, Failure, Report, default_threads, significant};

use crate::terminal::console::Console;
use crate::terminal::interrupt::Interrupts;
use crate::terminal::{Start, load, process, text};
use desk::{Desk, Style};
use input::{Entry, Script, is_command};
use obey::Then;
use prompt::Prompt;
use words::failure_at_prompt;

/// Columns where no terminal says how many there are.
const USUAL_WIDTH: usize = 80;

/// Reads and answers until there is no more.
///
/// # Errors
/// A terminal that cannot be used.
pub fn run(start: &Start, console: &Console) -> Result<u8, Failure> {
    process::use_threads(default_threads());
    let mut source = match stdin().is_terminal() {
        true => {
            let prompt = Prompt::new(console.result_colour());
            Source::Person(Box::new(
                prompt.map_err(|e| wrong(format!("the terminal: {e}")))?,
            ))
        }
        false => Source::Script(Script::stdin()),
    };
    let interactive = matches!(source, Source::Person(_));
    let interrupts = Interrupts::listen(*console, !interactive);
    let style = Style {
        colour: console.result_colour(),
        unicode: text::takes_unicode(),
        width: USUAL_WIDTH,
        interactive,
    };
    let mut desk = Desk::new(*console, style, start.limits.clone(), start.seed);
    if interactive {
        desk.say(&format!(
            "odp {} · :help lists the commands, Ctrl-D leaves",
            env!("CARGO_PKG_VERSION")
        ));
    }
    source.measure(&mut desk);
    let begun = interrupts.during(|stop| {
        desk.stop = stop.clone();
        process::caught(|| begin(&mut desk, start))
    });
    tell(&desk, begun);
    answer_all(&mut source, &mut desk, &interrupts);
    Ok(0)
}

/// Takes the data and the program that the command line names.
fn begin(desk: &mut Desk, start: &Start) -> Result<(), Failure> {
    let inputs = load::inputs(&start.data, &start.set, &start.limits)?;
    desk.draft.inputs = inputs.into();
    match &start.model {
        Some(path) => obey::load_file(desk, &path.display().to_string()),
        None => Ok(()),
    }
}

/// Answers entry after entry.
fn answer_all(source: &mut Source, desk: &mut Desk, interrupts: &Interrupts) {
    let mut timed = false;
    loop {
        let text = match source.next(desk) {
            Entry::Text(text) => text,
            Entry::Abandoned => continue,
            Entry::End => return,
        };
        source.measure(desk);
        let started = Instant::now();
        let then = interrupts.during(|stop| {
            desk.stop = stop.clone();
            process::caught(|| answer(desk, &text))
        });
        if timed && !text.trim().is_empty() {
            let seconds = significant(started.elapsed().as_secs_f64(), 3);
            desk.say(&format!("took {seconds} s"));
        }
        match tell(desk, then) {
            Some(Then::Quit) => return,
            Some(Then::ToggleTime) => {
                timed = !timed;
                desk.say(if timed {
                    "times are told"
                } else {
                    "times are not told"
                });
            }
            Some(Then::Continue) | None => {}
        }
    }
}

fn answer(desk: &mut Desk, text: &str) -> Result<Then, Failure> {
    match text.trim() {
        "" => Ok(Then::Continue),
        command if is_command(command) => obey::obey(desk, command),
        _ => enter::enter(desk, text).map(|()| Then::Continue),
    }
}

/// What was answered; an error is shown.
fn tell<T>(desk: &Desk, result: Result<T, Failure>) -> Option<T> {
    result
        .map_err(|failure| desk.console.failure(&failure_at_prompt(failure)))
        .ok()
}

/// Where entries come from.
enum Source {
    Person(Box<Prompt>),
    Script(Script<std::io::StdinLock<'static>>),
}

impl Source {
    fn next(&mut self, desk: &Desk) -> Entry {
        match self {
            Source::Person(prompt) => prompt.next(desk),
            Source::Script(script) => script.next(),
        }
    }

    /// Looks how wide the terminal is: it may have changed.
    fn measure(&mut self, desk: &mut Desk) {
        let said = || std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let width = match self {
            Source::Person(prompt) => prompt.width(),
            Source::Script(_) => said(),
        };
        desk.style.width = width.unwrap_or(USUAL_WIDTH);
        desk.console.width = width;
    }
}

/// What cannot be done as it was asked for.
fn wrong(message: impl Into<String>) -> Failure {
    Failure::plain(ExitKind::Input, Report::error("odp::repl::usage", message))
}
