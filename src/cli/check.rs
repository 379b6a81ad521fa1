//! `odp check` and `odp graph`.

use odp::{Description, Failure, write_text};

use super::args::{CheckArgs, GraphArgs};
use super::compiler::Compiler;
use super::load;
use crate::terminal::console::Console;
use crate::terminal::load::with_warnings;

/// Says what is known of a program: all of it where there is data, or where it needs none.
pub fn check(args: &CheckArgs, console: &Console) -> Result<u8, Failure> {
    let limits = load::limits(&args.model.given);
    let inputs = load::inputs(&args.model.given, &limits)?;
    let program = load::program(&args.model, &limits)?;
    let wants_data = !program.describe().inputs.is_empty();
    if wants_data && args.model.given.data.is_empty() && args.model.given.set.is_empty() {
        console.warnings(program.warnings(), program.sources());
        tell(program.describe(), console);
        return Ok(0);
    }
    let bound = program.bind(&inputs, &limits);
    let bound = bound.map_err(|failure| with_warnings(failure, program.warnings()))?;
    console.warnings(bound.warnings(), bound.sources());
    tell(bound.describe(), console);
    Ok(0)
}

/// Prints or draws the noise graph.
pub fn graph(args: &GraphArgs, console: &Console) -> Result<u8, Failure> {
    load::refuse_place(args.svg.as_deref(), &args.model)?;
    let bound = load::bound(&args.model, Compiler::default())?;
    match &args.svg {
        Some(path) => write_text(path, &bound.graph().svg())?,
        None => console.result(&bound.graph().dot()),
    }
    Ok(0)
}

fn tell(description: &Description, console: &Console) {
    console.result(&match console.json {
        true => serde_json::to_string_pretty(description).unwrap_or_default() + "\n",
        false => description.text(),
    });
}
