//! The command line: flags, colours, exit codes. Everything else is the library's, and reached through its public door.
//!
//! ```text
//! args      what was typed
//! load      files and flags -> Inputs, Program, Bound
//! run train check sbc report fmt list   one file a family of commands
//! ```

mod args;
mod check;
mod compiler;
mod fmt;
mod list;
mod load;
mod report;
mod run;
mod sbc;
mod train;

use std::process::ExitCode;

use clap::Parser;
use odp::{ExitKind, Failure, Report};

use crate::terminal::console::{self, Console};
use crate::terminal::{Start, process};
use args::{Cli, Command, ReplArgs};

/// The room beside this one that `odp repl` is.
pub type Prompt = fn(&Start, &Console) -> Result<u8, Failure>;

/// Runs the command line and returns its exit code.
pub fn main(prompt: Prompt) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage(&error)),
    };
    let console = Console::new(cli.command.wants_json());
    let done = process::guarded(move || dispatch(&cli.command, &console, prompt));
    ExitCode::from(done.unwrap_or_else(|failure| {
        console.failure(&failure);
        failure.exit.code()
    }))
}

fn dispatch(command: &Command, console: &Console, prompt: Prompt) -> Result<u8, Failure> {
    match command {
        Command::Run(args) => run::run(args, console),
        Command::Prior(args) => run::prior(args, console),
        Command::Check(args) => check::check(args, console),
        Command::Graph(args) => check::graph(args, console),
        Command::Engines(args) => list::engines(args, console),
        Command::Distributions(args) => list::distributions(args, console),
        Command::Fmt(args) => fmt::fmt(args, console),
        Command::Train(args) => train::train(args, console),
        Command::Query(args) => train::query(args, console),
        Command::Sbc(args) => sbc::sbc(args, console),
        Command::Report(args) => report::report(args, console),
        Command::Repl(args) => prompt(&start(args), console),
    }
}

fn start(args: &ReplArgs) -> Start {
    Start {
        model: args.model.clone(),
        data: args.given.data.clone(),
        set: args.given.set.clone(),
        limits: load::limits(&args.given),
        seed: args.seed,
    }
}

/// Help and version go to stdout; a usage error is told like any other error.
fn usage(error: &clap::Error) -> u8 {
    let json = std::env::args_os().any(|a| a == "--json");
    let code = if error.use_stderr() { 2 } else { 0 };
    if code == 0 || !json || console::stderr_is_terminal() {
        // That nobody reads it is no reason to complain.
        let _ = error.print();
        return code;
    }
    let text = error.render().to_string();
    let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = message.trim().trim_start_matches("error: ");
    let report = Report::error("odp::cli::usage", message).help(rest.trim());
    Console::new(true).failure(&Failure::plain(ExitKind::Input, report));
    code
}
