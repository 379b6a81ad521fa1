//! `odp run` and `odp prior`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use odp::{Answer, Checkpoint, Failure, Format, InferRequest, SourceMap, default_threads};

use super::args::{DrawArgs, ModelArgs, PriorArgs, RunArgs};
use super::compiler;
use super::load;
use crate::terminal::console::Console;
use crate::terminal::interrupt::{INTERRUPTED, stop_flag};
use crate::terminal::load::{fresh_seed, with_warnings};
use crate::terminal::{process, progress, text};

/// Draws from the posterior.
pub fn run(args: &RunArgs, console: &Console) -> Result<u8, Failure> {
    let checkpoint = checkpoint(args)?.map(Arc::new);
    let job = Job {
        engine: &args.infer,
        simulates: false,
        loo: args.loo,
        checkpoint,
    };
    draw(&args.model, &job, &args.draw, console)
}

/// Draws from the prior, observations simulated and not conditioned on.
pub fn prior(args: &PriorArgs, console: &Console) -> Result<u8, Failure> {
    let job = Job {
        engine: "prior",
        simulates: true,
        loo: false,
        checkpoint: None,
    };
    draw(&args.model, &job, &args.draw, console)
}

/// What is drawn.
struct Job<'a> {
    engine: &'a str,
    /// Whether observations are drawn too.
    simulates: bool,
    /// Whether the information criteria are asked for.
    loo: bool,
    checkpoint: Option<Arc<Checkpoint>>,
}

/// Where the run is kept: in a file of its own, or in the one that it goes on from.
fn checkpoint(args: &RunArgs) -> Result<Option<Checkpoint>, Failure> {
    let limit = load::limits(&args.model.given).max_mem;
    let found = args.resume.as_deref();
    let found = found
        .map(|path| Checkpoint::resume(path, limit))
        .transpose()?;
    Ok(match (found, &args.checkpoint) {
        (Some(found), Some(path)) => Some(found.written_to(path)),
        (found, path) => found.or(path.as_ref().map(Checkpoint::new)),
    })
}

fn draw(model: &ModelArgs, job: &Job, args: &DrawArgs, console: &Console) -> Result<u8, Failure> {
    let format = format(args)?;
    load::refuse_place(args.out.as_deref(), model)?;
    let threads = args.threads.unwrap_or_else(default_threads);
    process::use_threads(threads);
    let stop = stop_flag(*console);
    let (compiler, options) = compiler::split(&args.options)?;
    let loaded = load::loaded(model, compiler, job.simulates)?;
    let bound = &loaded.bound;
    bound.printed().iter().for_each(|line| console.note(line));
    let shown = progress::shown_on(*console, args.quiet);
    let held = job.checkpoint.as_ref().and_then(|c| c.seed());
    let request = InferRequest {
        engine: job.engine.to_string(),
        draws: args.draws,
        chains: args.chains,
        seed: args.seed.or(held).unwrap_or_else(fresh_seed),
        options,
        time_budget: args.time_budget,
        threads,
        device: args.device.clone(),
        stop: stop.clone(),
        progress: shown.progress.clone(),
        keep_noise: job.loo || format == Some(Format::Zarr),
        checkpoint: job.checkpoint.clone(),
    };
    let answer = bound.infer(&request);
    shown.finish();
    match answer.map_err(|failure| with_warnings(failure, bound.warnings())) {
        Ok(mut answer) => {
            loaded.examine(&mut answer);
            answer.loo = answer.loo.filter(|_| job.loo);
            finish(answer, loaded.bound.sources(), args, format, console)
        }
        Err(failure) if stop.load(Ordering::SeqCst) => {
            console.failure(&failure);
            Ok(INTERRUPTED)
        }
        Err(failure) => Err(failure),
    }
}

/// How draws are to be written. Said before the run: nobody should wait for it.
pub fn format(args: &DrawArgs) -> Result<Option<Format>, Failure> {
    let of_path = || args.out.as_deref().map(Format::of_path);
    let format = args.format.map(Format::from).or_else(of_path);
    format.map_or(Ok(()), Format::available)?;
    Ok(format)
}

/// Writes and prints an answer, whose reports point into `sources`.
pub fn finish(
    mut answer: Answer,
    sources: &SourceMap,
    args: &DrawArgs,
    format: Option<Format>,
    console: &Console,
) -> Result<u8, Failure> {
    if let (Some(path), Some(format)) = (&args.out, format) {
        answer.describe_record();
        format.write(path, &answer.record)?;
        answer.draws.path = Some(path.display().to_string());
    }
    console.warnings(&answer.reports, sources);
    console.result(&match console.json {
        true => answer.json() + "\n",
        false => text::of_answer(&answer, console.result_colour()),
    });
    Ok(if answer.interrupted { INTERRUPTED } else { 0 })
}
