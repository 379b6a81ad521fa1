//! What can be typed: commands and flags. Scripts hold on to these names.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  odp run eight_schools.odp --data eight_schools.json
  odp run model.odp --data d.csv --infer nuts --draws 8000 --seed 1 --json
  odp run model.odp --set N=10 --out draws.zarr      then, in Python: arviz.from_zarr(\"draws.zarr\")
  odp check model.odp --data d.json
  odp engines smc";

const RUN_EXAMPLES: &str = "\
Exit codes: 0 done, 1 the model is wrong, 2 usage or data, 3 a limit was reached, 4 numerical failure, 130 interrupted.

Examples:
  odp run eight_schools.odp --data eight_schools.json
  odp run model.odp --data d.csv --set sigma=0.5 --infer smc -O particles=8192
  odp run model.odp --json --seed 1 | jq .parameters.mu.mean";

const REPL_EXAMPLES: &str = "\
At the prompt, `:help` lists the commands. Lines that come through a pipe are read without prompts.

Examples:
  odp repl
  odp repl model.odp --data data.json
  echo ':infer smc' | odp repl model.odp --data data.json --seed 1";

const SBC_EXAMPLES: &str = "\
The data that the program observes is simulated; the given data says how much of it there is.

Examples:
  odp sbc model.odp --data data.json --infer nuts
  odp sbc model.odp --data data.json --infer smc --sims 500 --out calibration/     goes on where it was interrupted";

const TRAIN_EXAMPLES: &str = "\
What the program observes is simulated; the given data says sizes and covariates. `docs/amortised.md` lists the options.

Examples:
  odp train eight_schools.odp --data eight_schools.json --amortize y --out schools.odpz
  odp train model.odp --set n=20 --amortize y,sigma --out s.odpz -O pre=6000 --seed 1";

const QUERY_EXAMPLES: &str = "\
Where the sampler does not serve the data, the answer is SMC's, and a warning says why.

Examples:
  odp query schools.odpz --data new.json
  odp query schools.odpz --set 'y=[28, 8, -3, 7, -1, 1, 18, 12]' --json | jq .parameters.mu.mean";

const REPORT_EXAMPLES: &str = "\
Examples:
  odp run model.odp --data d.json --out run.zarr && odp report run.zarr
  odp run model.odp --data d.json --json > run.json && odp report run.json --out page.html";

/// Probabilistic programs: write what you believe, show the data, get the posterior.
#[derive(Debug, Parser)]
#[command(name = "odp", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Draw from a program's posterior
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Types, shapes, warnings, what is smooth, how many noise dimensions
    Check(CheckArgs),
    /// Prior predictive: observations simulated, not conditioned on
    Prior(PriorArgs),
    /// The noise graph, as DOT or drawn as SVG
    Graph(GraphArgs),
    /// Engines, or one with its options
    Engines(ListArgs),
    /// Distributions, or one with its parameters
    Distributions(ListArgs),
    /// Rewrite programs in their one canonical form
    Fmt(FmtArgs),
    /// Train a sampler for every value of some observed data
    #[command(after_help = TRAIN_EXAMPLES)]
    Train(TrainArgs),
    /// A posterior from a trained sampler, without training
    #[command(after_help = QUERY_EXAMPLES)]
    Query(QueryArgs),
    /// Simulation-based calibration: does an engine draw from the posterior that a program has?
    #[command(after_help = SBC_EXAMPLES)]
    Sbc(SbcArgs),
    /// One self-contained HTML page with plots of a run's output
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Write a program statement by statement and look at what it does
    #[command(after_help = REPL_EXAMPLES)]
    Repl(ReplArgs),
}

/// The program and what it is given.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// The program
    #[arg(value_name = "MODEL.odp")]
    pub model: PathBuf,
    #[command(flatten)]
    pub given: GivenArgs,
    /// Print one JSON document; errors are one too, on stderr
    #[arg(long)]
    pub json: bool,
}

/// Data, limits and what may be read.
#[derive(Debug, Args)]
pub struct GivenArgs {
    /// Data: Stan's JSON, CSV (columns become arrays), NPY or NPZ; a later file wins
    #[arg(long, value_name = "FILE")]
    pub data: Vec<PathBuf>,
    /// One input as JSON, such as N=10 or 'y=[1, 2.5]'; wins over files
    #[arg(long, value_name = "name=VALUE", value_parser = pair)]
    pub set: Vec<(String, String)>,
    /// Most noise dimensions [default: 100000]
    #[arg(long, value_name = "N")]
    pub max_noise: Option<usize>,
    /// Most calls inside each other [default: 1000]
    #[arg(long, value_name = "N")]
    pub max_depth: Option<usize>,
    /// Most steps of one execution [default: 10000000]
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// Most memory, such as 8G [default: 80 % of the machine's]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub max_mem: Option<u64>,
    /// Another folder whose files the program may read
    #[arg(long, value_name = "DIR")]
    pub allow: Vec<PathBuf>,
}

/// How much is drawn, how, and where it goes.
#[derive(Debug, Args)]
pub struct DrawArgs {
    /// Draws in total, over all chains
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = at_least_one)]
    pub draws: usize,
    /// Chains, for engines that have them
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = at_least_one)]
    pub chains: usize,
    /// Same seed, same draws; without it a fresh one is drawn and printed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Write the draws here
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// How to write them [default: by the path's ending, else zarr]
    #[arg(long, value_enum, requires = "out")]
    pub format: Option<FormatArg>,
    /// End with what there is after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time_budget: Option<Duration>,
    /// Threads to use [default: all cores]; draws do not depend on it
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// Where networks run
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// An option of the engine; `odp engines NAME` lists them
    #[arg(short = 'O', value_name = "name=value", value_parser = pair)]
    pub options: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The engine; `odp engines` lists them
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    pub infer: String,
    #[command(flatten)]
    pub draw: DrawArgs,
    /// How well the model predicts what it has not seen: PSIS-LOO and WAIC
    #[arg(long)]
    pub loo: bool,
    /// Go on from a checkpoint, and keep it up to date
    #[arg(long, value_name = "CHECKPOINT")]
    pub resume: Option<PathBuf>,
    /// Write the training's state here every minute and at the end (`diffusion`)
    #[arg(long, value_name = "PATH")]
    pub checkpoint: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The data that each query will give, by the names of its declarations
    #[arg(long, value_name = "NAME,…", required = true, value_delimiter = ',')]
    pub amortize: Vec<String>,
    /// Where the sampler goes
    #[arg(long, value_name = "S.odpz")]
    pub out: PathBuf,
    /// Same seed, same sampler; without it a fresh one is drawn and printed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// End with what there is after about so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub time_budget: Option<Duration>,
    /// Threads to use [default: all cores]; the sampler does not depend on it
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// An option of the training
    #[arg(short = 'O', value_name = "name=value", value_parser = pair)]
    pub options: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// What `odp train` wrote
    #[arg(value_name = "S.odpz")]
    pub sampler: PathBuf,
    #[command(flatten)]
    pub given: GivenArgs,
    /// Print one JSON document; errors are one too, on stderr
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub draw: DrawArgs,
    /// How well the model predicts what it has not seen: PSIS-LOO and WAIC
    #[arg(long)]
    pub loo: bool,
}

#[derive(Debug, Args)]
pub struct SbcArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// The engine; `odp engines` lists them
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    pub infer: String,
    /// Simulations
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least_one)]
    pub sims: usize,
    /// Draws that each truth is ranked among
    #[arg(long, value_name = "L", default_value_t = 99, value_parser = at_least_one)]
    pub ranks: usize,
    /// Draws of each run, from which those are taken
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_one)]
    pub draws: usize,
    /// Chains of each run, for engines that have them
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = at_least_one)]
    pub chains: usize,
    /// Probability that a right engine fails, over all quantities and tests
    #[arg(long, value_name = "P", default_value_t = 1e-4, value_parser = probability)]
    pub alpha: f64,
    /// Same seed, same ranks; without it a fresh one is drawn and printed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Write ranks, summary and pictures into this folder; simulations that are there already are not run again
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Threads to use [default: all cores]; ranks do not depend on it
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// Where networks run
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// No progress on stderr
    #[arg(long)]
    pub quiet: bool,
    /// An option of the engine; `odp engines NAME` lists them
    #[arg(short = 'O', value_name = "name=value", value_parser = pair)]
    pub options: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// What a run left: a Zarr folder, its `--json` document, or draws as CSV or JSON
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// Where the page goes [default: beside it, with the ending html]
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Print where the page is as JSON; errors are one document too, on stderr
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PriorArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub draw: DrawArgs,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
pub struct GraphArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Draw it into this file instead of printing DOT
    #[arg(long, value_name = "PATH")]
    pub svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ReplArgs {
    /// The program to begin with
    #[arg(value_name = "MODEL.odp")]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub given: GivenArgs,
    /// Same seed, same draws; without it fresh ones are drawn
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// The one to describe
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Rewrite nothing; fail where a file is not in canonical form
    #[arg(long)]
    pub check: bool,
    /// The programs
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Formats by their names on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum FormatArg {
    Zarr,
    Csv,
    Json,
    Parquet,
}

impl From<FormatArg> for odp::Format {
    fn from(format: FormatArg) -> odp::Format {
        match format {
            FormatArg::Zarr => odp::Format::Zarr,
            FormatArg::Csv => odp::Format::Csv,
            FormatArg::Json => odp::Format::Json,
            FormatArg::Parquet => odp::Format::Parquet,
        }
    }
}

impl Command {
    /// Whether a script reads the output.
    pub fn wants_json(&self) -> bool {
        match self {
            Command::Run(a) => a.model.json,
            Command::Prior(a) => a.model.json,
            Command::Check(a) => a.model.json,
            Command::Graph(a) => a.model.json,
            Command::Engines(a) | Command::Distributions(a) => a.json,
            Command::Fmt(_) | Command::Repl(_) => false,
            Command::Train(a) => a.model.json,
            Command::Query(a) => a.json,
            Command::Sbc(a) => a.model.json,
            Command::Report(a) => a.json,
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_string(), value.to_string()))
        }
        _ => Err("it should read name=value".to_string()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it should be at least 1".to_string()),
        Ok(n) => Ok(n),
        Err(_) => Err("it should be a whole number".to_string()),
    }
}

fn probability(text: &str) -> Result<f64, String> {
    let p = text.parse::<f64>().ok().filter(|p| *p > 0.0 && *p < 1.0);
    p.ok_or_else(|| "it should be a number between 0 and 1".to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s > 0.0);
    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
    duration.ok_or_else(|| "it should be a number of seconds above 0".to_string())
}

/// `1048576`, `512M`, `8G`, `8GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let odd = || "it should be a number of bytes, such as 1073741824, 512M or 8G".to_string();
    let is_digit = |c: char| c.is_ascii_digit() || c == '.';
    let (number, unit) = text.split_at(text.find(|c| !is_digit(c)).unwrap_or(text.len()));
    let unit = unit.trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(odd()),
    };
    let n: f64 = number.parse().map_err(|_| odd())?;
    let total = n * 1024f64.powi(power);
    if total >= 1.0 {
        Ok(total as u64)
    } else {
        Err(odd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_fit_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn memory_may_have_a_unit() {
        assert_eq!(
            (bytes("1024"), bytes("2K"), bytes("1.5GiB")),
            (Ok(1024), Ok(2048), Ok(3 << 29))
        );
        assert!(
            ["x", "1X", "", "0", "1.2.3"]
                .iter()
                .all(|b| bytes(b).is_err())
        );
    }
}
