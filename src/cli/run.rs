//! `odp run` and `odp prior`.

use std::sync::atomic::Ordering;

use odp::{Answer, Bound, ExitKind, Failure, Format, InferRequest, Report, default_threads};

use super::args::{DrawArgs, ModelArgs, PriorArgs, RunArgs};
use super::compiler::{self, Compiler};
use super::load;
use crate::terminal::console::Console;
use crate::terminal::interrupt::{INTERRUPTED, stop_flag};
use crate::terminal::load::{fresh_seed, with_warnings};
use crate::terminal::{process, progress, text};

/// Draws from the posterior.
pub fn run(args: &RunArgs, console: &Console) -> Result<u8, Failure> {
    if args.resume.is_some() || args.checkpoint.is_some() {
        let report = Report::error(
            "odp::cli::not_yet",
            "checkpoints are not in this version yet",
        );
        let report = report.help("`--time-budget SECONDS` ends a run with what there is");
        return Err(Failure::plain(ExitKind::Input, report));
    }
    draw(&args.model, load::bound, &args.draw, &args.infer, console)
}

/// Draws from the prior, observations simulated and not conditioned on.
pub fn prior(args: &PriorArgs, console: &Console) -> Result<u8, Failure> {
    draw(&args.model, load::simulated, &args.draw, "prior", console)
}

fn draw(
    model: &ModelArgs,
    bind: fn(&ModelArgs, Compiler) -> Result<Bound, Failure>,
    args: &DrawArgs,
    engine: &str,
    console: &Console,
) -> Result<u8, Failure> {
    let of_path = || args.out.as_deref().map(Format::of_path);
    let format = args.format.map(Format::from).or_else(of_path);
    // Said before the run: nobody should wait for it.
    format.map_or(Ok(()), Format::available)?;
    let threads = args.threads.unwrap_or_else(default_threads);
    process::use_threads(threads);
    let stop = stop_flag(*console);
    let (compiler, options) = compiler::split(&args.options)?;
    let bound = bind(model, compiler)?;
    bound.printed().iter().for_each(|line| console.note(line));
    let shown = progress::shown_on(*console, args.quiet);
    let request = InferRequest {
        engine: engine.to_string(),
        draws: args.draws,
        chains: args.chains,
        seed: args.seed.unwrap_or_else(fresh_seed),
        options,
        time_budget: args.time_budget,
        threads,
        device: args.device.clone(),
        stop: stop.clone(),
        progress: shown.progress.clone(),
        keep_noise: false,
    };
    let answer = bound.infer(&request);
    shown.finish();
    match answer.map_err(|failure| with_warnings(failure, bound.warnings())) {
        Ok(answer) => finish(answer, &bound, args, format, console),
        Err(failure) if stop.load(Ordering::SeqCst) => {
            console.failure(&failure);
            Ok(INTERRUPTED)
        }
        Err(failure) => Err(failure),
    }
}

/// Writes and prints an answer.
fn finish(
    mut answer: Answer,
    bound: &Bound,
    args: &DrawArgs,
    format: Option<Format>,
    console: &Console,
) -> Result<u8, Failure> {
    if let (Some(path), Some(format)) = (&args.out, format) {
        format.write(path, &answer.record)?;
        answer.draws.path = Some(path.display().to_string());
    }
    console.warnings(&answer.reports, bound.sources());
    console.result(&match console.json {
        true => answer.json() + "\n",
        false => text::of_answer(&answer, console.result_colour()),
    });
    Ok(if answer.interrupted { INTERRUPTED } else { 0 })
}
