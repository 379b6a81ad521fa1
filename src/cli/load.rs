//! From what was typed to a program with its data.

use std::path::Path;

use odp::{Answer, Bound, Failure, Inputs, Limits, Program, Session};

use super::args::{GivenArgs, ModelArgs};
use super::compiler::Compiler;
use crate::terminal::load;

/// The limits that were asked for.
pub fn limits(args: &GivenArgs) -> Limits {
    let default = Limits::default();
    Limits {
        max_noise: args.max_noise.unwrap_or(default.max_noise),
        max_depth: args.max_depth.unwrap_or(default.max_depth),
        max_steps: args.max_steps.unwrap_or(default.max_steps),
        max_mem: args.max_mem.unwrap_or(default.max_mem),
        allow: args.allow.clone(),
        ..default
    }
}

/// Refuses a place for output that cannot be written, or holds the model or its data.
pub fn refuse_place(out: Option<&Path>, args: &ModelArgs) -> Result<(), Failure> {
    let read = std::iter::once(&args.model).chain(&args.given.data);
    let read = read.map(std::path::PathBuf::as_path);
    Ok(out.map_or(Ok(()), |out| odp::refuse_place(out, read))?)
}

/// The program, checked.
pub fn program(args: &ModelArgs, limits: &Limits) -> Result<Program, Failure> {
    let name = args.model.display().to_string();
    let text = load::program_text(&args.model, limits)?;
    Session::compile(&name, &text, load::folder(limits))
}

/// All data: the later file wins over the earlier, and `--set` over both.
pub fn inputs(args: &GivenArgs, limits: &Limits) -> Result<Inputs, Failure> {
    load::inputs(&args.data, &args.set, limits)
}

/// The program with its data.
pub fn bound(args: &ModelArgs, compiler: Compiler) -> Result<Bound, Failure> {
    loaded(args, compiler, false).map(|l| l.bound)
}

/// A program, what it was given, and both together.
pub struct Loaded {
    program: Program,
    inputs: Inputs,
    limits: Limits,
    pub bound: Bound,
}

impl Loaded {
    /// Adds to an answer what only the program knows, where its noise was kept.
    pub fn examine(&self, answer: &mut Answer) {
        self.program
            .examine(&self.inputs, &self.limits, &self.bound, answer);
    }
}

/// The program with its data, or one that simulates its observations. Files that cannot be used are told first: nothing
/// can be done without them.
pub fn loaded(args: &ModelArgs, compiler: Compiler, simulates: bool) -> Result<Loaded, Failure> {
    let limits = Limits {
        unroll: compiler.unroll,
        passes: compiler.passes,
        marginalize: compiler.marginalize,
        ..limits(&args.given)
    };
    let inputs = inputs(&args.given, &limits)?;
    let program = program(args, &limits)?;
    program.declares(args.given.set.iter().map(|(name, _)| name.as_str()))?;
    let bound = match simulates {
        true => program.simulate(&inputs, &limits),
        false => program.bind(&inputs, &limits),
    };
    let bound = bound.map_err(|failure| load::with_warnings(failure, program.warnings()))?;
    Ok(Loaded {
        program,
        inputs,
        limits,
        bound,
    })
}
