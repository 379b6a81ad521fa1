//! From what was typed to a program with its data.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use odp::{Bound, Failure, Folder, Inputs, Limits, Program, Report, Session, as_text, read_bytes};

use super::args::ModelArgs;

/// Bytes of program text: spans are made for less than 4 GiB, and nobody writes as much.
pub const LONGEST_PROGRAM: u64 = 256 << 20;

/// The limits that were asked for.
pub fn limits(args: &ModelArgs) -> Limits {
    let default = Limits::default();
    Limits {
        max_noise: args.max_noise.unwrap_or(default.max_noise),
        max_depth: args.max_depth.unwrap_or(default.max_depth),
        max_steps: args.max_steps.unwrap_or(default.max_steps),
        max_mem: args.max_mem.unwrap_or(default.max_mem),
        allow: args.allow.clone(),
        unroll: None,
    }
}

/// The program, checked.
pub fn program(args: &ModelArgs, limits: &Limits) -> Result<Program, Failure> {
    let name = args.model.display().to_string();
    let text = as_text(
        &name,
        read_bytes(&args.model, limits.max_mem.min(LONGEST_PROGRAM))?,
    )?;
    let folder = Folder {
        allowed: limits.allow.clone(),
        limit: limits.max_mem,
    };
    Session::compile(&name, &text, Arc::new(folder))
}

/// All data: the later file wins over the earlier, and `--set` over both.
pub fn inputs(args: &ModelArgs, limits: &Limits) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::default();
    for file in &args.data {
        inputs.merge(Inputs::read(file, limits.max_mem)?);
    }
    for (name, value) in &args.set {
        inputs.set(name, value)?;
    }
    Ok(inputs)
}

/// The program with its data. Files that cannot be used are told first: nothing can be done without them.
pub fn bound(args: &ModelArgs, unroll: Option<usize>) -> Result<Bound, Failure> {
    bound_by(args, unroll, Program::bind)
}

/// The program whose observations are to be simulated.
pub fn simulated(args: &ModelArgs, unroll: Option<usize>) -> Result<Bound, Failure> {
    bound_by(args, unroll, Program::simulate)
}

fn bound_by(
    args: &ModelArgs,
    unroll: Option<usize>,
    bind: fn(&Program, &Inputs, &Limits) -> Result<Bound, Failure>,
) -> Result<Bound, Failure> {
    let limits = Limits {
        unroll,
        ..limits(args)
    };
    let inputs = inputs(args, &limits)?;
    let program = program(args, &limits)?;
    let bound = bind(&program, &inputs, &limits);
    bound.map_err(|failure| with_warnings(failure, program.warnings()))
}

/// What was odd comes after what is wrong.
pub fn with_warnings(mut failure: Failure, warnings: &[Report]) -> Failure {
    for warning in warnings {
        if !failure.reports.contains(warning) {
            failure.reports.push(warning.clone());
        }
    }
    failure
}

/// A seed unlike the last one, short enough to be typed again.
pub fn fresh_seed() -> u64 {
    // The standard library keys its hash maps by the system's randomness.
    RandomState::new().build_hasher().finish() & 0xffff_ffff
}
