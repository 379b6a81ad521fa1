//! `odp train` and `odp query`.

use std::sync::atomic::Ordering;

use odp::{
    ExitKind, Failure, Format, InferRequest, Limits, Report, Sampler, TrainRequest, default_threads,
};

use super::args::{QueryArgs, TrainArgs};
use super::{compiler, load, run};
use crate::terminal::console::Console;
use crate::terminal::interrupt::{INTERRUPTED, stop_flag};
use crate::terminal::load::{fresh_seed, with_warnings};
use crate::terminal::{process, progress};

/// Trains a sampler for every value of some data, and writes it.
pub fn train(args: &TrainArgs, console: &Console) -> Result<u8, Failure> {
    process::use_threads(args.threads.unwrap_or_else(default_threads));
    let stop = stop_flag(*console);
    let (compiler, options) = compiler::split(&args.options)?;
    let limits = Limits {
        unroll: compiler.unroll,
        passes: compiler.passes,
        marginalize: compiler.marginalize,
        ..load::limits(&args.model.given)
    };
    // Said before the training: nobody should wait for it.
    Sampler::may_write(&args.out)?;
    load::refuse_place(Some(&args.out), &args.model)?;
    let inputs = load::inputs(&args.model.given, &limits)?;
    let program = load::program(&args.model, &limits)?;
    let shown = progress::shown_on(*console, args.quiet);
    let request = TrainRequest {
        amortize: args.amortize.clone(),
        seed: args.seed.unwrap_or_else(fresh_seed),
        options,
        time_budget: args.time_budget,
        stop: stop.clone(),
        progress: shown.progress.clone(),
    };
    let trained = program.train(&inputs, &limits, &request);
    shown.finish();
    let sampler = trained.map_err(|f| with_warnings(f, program.warnings()))?;
    sampler.write(&args.out)?;
    let mut facts = sampler.facts();
    facts.path = Some(args.out.display().to_string());
    console.warnings(program.warnings(), program.sources());
    console.result(&match console.json {
        true => facts.json() + "\n",
        false => facts.words(),
    });
    Ok(if stop.load(Ordering::SeqCst) {
        INTERRUPTED
    } else {
        0
    })
}

/// The posterior of one data set, from a trained sampler.
pub fn query(args: &QueryArgs, console: &Console) -> Result<u8, Failure> {
    let draw = &args.draw;
    let format = run::format(draw)?;
    let threads = draw.threads.unwrap_or_else(default_threads);
    process::use_threads(threads);
    let stop = stop_flag(*console);
    if draw.device.is_some() {
        return Err(no_device());
    }
    let limits = load::limits(&args.given);
    let inputs = load::inputs(&args.given, &limits)?;
    let sampler = Sampler::read(&args.sampler, limits.max_mem)?;
    let shown = progress::shown_on(*console, draw.quiet);
    let request = InferRequest {
        draws: draw.draws,
        chains: draw.chains,
        options: draw.options.clone(),
        time_budget: draw.time_budget,
        threads,
        stop: stop.clone(),
        progress: shown.progress.clone(),
        keep_noise: args.loo || format == Some(Format::Zarr),
        ..InferRequest::new("diffusion", draw.seed.unwrap_or_else(fresh_seed))
    };
    let answer = sampler.query(&inputs, &limits, &request);
    shown.finish();
    match answer {
        Ok(mut answer) => {
            answer.loo = answer.loo.filter(|_| args.loo);
            run::finish(answer, sampler.program().sources(), draw, format, console)
        }
        Err(failure) if stop.load(Ordering::SeqCst) => {
            console.failure(&failure);
            Ok(INTERRUPTED)
        }
        Err(failure) => Err(failure),
    }
}

fn no_device() -> Failure {
    let report = Report::error(
        "odp::cli::usage",
        "a trained sampler runs on this processor: `query` takes no `--device`",
    );
    Failure::plain(ExitKind::Input, report)
}
