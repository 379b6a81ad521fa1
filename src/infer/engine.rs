//! What an engine is given and what it is: settings in, [`Outcome`] out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::modes::Modes;
use super::{InferError, Options, Outcome};
use crate::base::Seed;
use crate::lower::Target;

/// How long an engine may go on.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// When to come to an end with what there is.
    pub deadline: Option<Instant>,
    /// Set by an interrupt: stop soon, keep what there is.
    pub stop: Arc<AtomicBool>,
}

impl Budget {
    /// Whether time is up or the user interrupted. Without a deadline no clock is read, so results stay reproducible.
    pub fn exhausted(&self) -> bool {
        self.interrupted() || self.deadline.is_some_and(|end| Instant::now() >= end)
    }

    /// The same, for a part of the work that may take so much of the time that is left.
    pub fn share(&self, part: f64) -> Budget {
        let now = Instant::now();
        let deadline = self
            .deadline
            .map(|end| now + end.saturating_duration_since(now).mul_f64(part));
        Budget {
            deadline,
            stop: self.stop.clone(),
        }
    }

    /// Whether the user interrupted.
    pub fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Where an engine reports how far it is.
pub trait Progress: Send + Sync {
    /// `done` of `total` steps (where the total is known) of a stage, with a few words such as the acceptance.
    fn update(&self, stage: &str, done: usize, total: Option<usize>, message: &str);
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn update(&self, _: &str, _: usize, _: Option<usize>, _: &str) {}
}

/// Where an engine's state is kept while it runs, so that a later run can go on from it.
pub trait Keeper: Send + Sync {
    /// The state that an earlier run left, if there is one.
    fn found(&self) -> Option<Vec<u8>>;

    /// Whether it is time to keep the state; asked before every iteration.
    fn due(&self) -> bool;

    /// Keeps a state in place of the last one.
    fn keep(&self, state: Vec<u8>);
}

/// What a run asks of an engine.
#[derive(Clone)]
pub struct Settings {
    /// Draws wanted in total, over all chains.
    pub n_draws: usize,
    /// Components that are this one's like, itself included: the draws are dealt out among them, and each adds this log Z
    /// to the program's.
    pub alike: usize,
    /// Chains, for engines that have them.
    pub n_chains: usize,
    /// The run's seed; all randomness comes from it.
    pub seed: Seed,
    /// `-O name=value`.
    pub options: Options,
    /// How long to go on.
    pub budget: Budget,
    /// Where to report progress.
    pub progress: Arc<dyn Progress>,
    /// Threads the target may use; results do not depend on it.
    pub threads: usize,
    /// Memory that may be used, in bytes; `None` where nothing was said.
    pub max_bytes: Option<u64>,
    /// Where to keep the state, and to find one to go on from, for engines that [`resume`](Engine::resumes).
    pub keeper: Option<Arc<dyn Keeper>>,
    /// Modes that ascents have found already, with their cost, for engines that would look for them.
    pub(crate) modes: Option<Arc<Modes>>,
}

impl Settings {
    /// Settings with 4 chains, no options, no deadline and no progress reports.
    pub fn new(n_draws: usize, seed: Seed) -> Settings {
        Settings {
            n_draws,
            alike: 1,
            n_chains: 4,
            seed,
            options: Options::default(),
            budget: Budget::default(),
            progress: Arc::new(NoProgress),
            threads: 1,
            max_bytes: None,
            keeper: None,
            modes: None,
        }
    }

    /// How many weighted executions the draws are best taken from: as many as there are draws, and more where one log Z
    /// counts several times, for then its error does.
    pub(crate) fn weighed(&self) -> usize {
        const MORE: usize = 4;
        const MOST: usize = 1 << 18;
        match self.alike {
            1 => self.n_draws,
            _ => (MORE * self.n_draws).min(MOST).max(self.n_draws),
        }
    }

    /// Refuses to hold more numbers at once than memory allows.
    ///
    /// # Errors
    /// `Limit`, with `help` on what to ask for instead.
    pub(crate) fn afford(&self, numbers: usize, help: &str) -> Result<(), InferError> {
        let wanted = numbers as f64 * size_of::<f64>() as f64;
        match self.max_bytes {
            Some(limit) if wanted > limit as f64 => Err(InferError::Limit {
                what: "the memory needed, in bytes,".to_string(),
                wanted,
                limit: limit as f64,
                help: help.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// A way to draw from a posterior over noise.
pub trait Engine: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// One sentence for `odp engines`.
    fn summary(&self) -> &'static str;

    /// Its options, listed by `odp engines NAME`.
    fn options(&self) -> &'static [OptionSpec];

    /// Whether it keeps its state while it works on a target, and goes on from one exactly as if it had never stopped.
    fn resumes(&self, _: &dyn Target) -> bool {
        false
    }

    /// Whether it draws one after another, and ends between two of them when time is up.
    fn ends_anywhere(&self) -> bool {
        false
    }

    /// Draws from N(z; 0, I)·r(z)/Z.
    ///
    /// # Errors
    /// See [`InferError`]. A poor fit is not an error: it is an [`Outcome`] with `reliable: false` and its reasons.
    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError>;
}

/// One `-O` option of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name.
    pub name: &'static str,
    /// Its value when it is not given.
    pub default: &'static str,
    /// One sentence on what it does.
    pub help: &'static str,
}
