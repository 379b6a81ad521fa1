//! The edge that the command line and the prompt share: streams, colour, reports, progress, interrupts, files.
//!
//! ```text
//! console             stdout and stderr, colour, closed pipes
//! render excerpt      reports -> a person (miette) or a script (JSON)
//! text                answers, engines and distributions as they are read
//! progress interrupt  while something runs
//! load                files -> program text, Inputs
//! process             a large stack, threads, panics that end as messages
//! ```

pub mod console;
mod excerpt;
pub mod interrupt;
pub mod load;
pub mod process;
pub mod progress;
mod render;
pub mod text;

use std::path::PathBuf;

use odp::Limits;

/// What a prompt begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// The program to begin with.
    pub model: Option<PathBuf>,
    /// Its data files; a later one wins.
    pub data: Vec<PathBuf>,
    /// Single inputs as JSON; they win over files.
    pub set: Vec<(String, String)>,
    /// How far a program may go.
    pub limits: Limits,
    /// The seed of all that is drawn; without it, fresh ones.
    pub seed: Option<u64>,
}
