//! The `odp` command.
#![forbid(unsafe_code)]

mod cli;
mod repl;
mod terminal;

fn main() -> std::process::ExitCode {
    cli::main(repl::run)
}
