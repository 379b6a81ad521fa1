//! What a run is asked for, and the limits that hold for every program.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::Checkpoint;
use crate::base::Seed;
use crate::infer::{Budget, NoProgress, Options, Progress, Settings};
use crate::lower::{Marginalize, Passes};

/// What one run asks for.
#[derive(Clone)]
pub struct InferRequest {
    /// The engine's name; `auto` lets the compiler choose.
    pub engine: String,
    /// Draws in total, over all chains.
    pub draws: usize,
    /// Chains, for engines that have them.
    pub chains: usize,
    /// The run's seed: same seed, same draws.
    pub seed: u64,
    /// `-O name=value`.
    pub options: Vec<(String, String)>,
    /// Come to an end with what there is after this time.
    pub time_budget: Option<Duration>,
    /// Threads to use; results do not depend on it.
    pub threads: usize,
    /// Where networks run: `cpu`, `cuda`, …; `None` is the best there is.
    pub device: Option<String>,
    /// Set it from outside to end the run soon, with what there is.
    pub stop: Arc<AtomicBool>,
    /// Told how far the run is.
    pub progress: Arc<dyn Progress>,
    /// Keep the draws' noise in the answer, so that [`Bound::at`](super::Bound::at) can compute more from it.
    pub keep_noise: bool,
    /// Where the run is kept while it goes on, and what it goes on from. It serves one run.
    pub checkpoint: Option<Arc<Checkpoint>>,
}

impl InferRequest {
    /// 4000 draws, 4 chains, all threads, no time budget.
    pub fn new(engine: impl Into<String>, seed: u64) -> InferRequest {
        InferRequest {
            engine: engine.into(),
            draws: 4000,
            chains: 4,
            seed,
            options: Vec::new(),
            time_budget: None,
            threads: default_threads(),
            device: None,
            stop: Arc::default(),
            progress: Arc::new(NoProgress),
            keep_noise: false,
            checkpoint: None,
        }
    }

    /// The engine's settings; the time budget starts now.
    pub fn settings(&self) -> Settings {
        let pairs = self.options.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        Settings {
            n_draws: self.draws,
            alike: 1,
            n_chains: self.chains,
            seed: Seed(self.seed),
            options: Options::from_pairs(pairs),
            budget: Budget {
                deadline: self.time_budget.and_then(|t| Instant::now().checked_add(t)),
                stop: self.stop.clone(),
            },
            max_bytes: None,
            keeper: None,
            modes: None,
            progress: self.progress.clone(),
            threads: self.threads,
        }
    }
}

/// As many threads as there are cores for this process.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How far a program may go before it is stopped with an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Noise coordinates.
    pub max_noise: usize,
    /// Calls inside each other.
    pub max_depth: usize,
    /// Steps of one execution.
    pub max_steps: u64,
    /// Bytes of memory.
    pub max_mem: u64,
    /// Folders whose files a program may read beside its own.
    pub allow: Vec<PathBuf>,
    /// How often loops and recursions that depend on chance are unrolled; `None` chooses by runs of the prior.
    pub unroll: Option<usize>,
    /// Which rewrites the compiler makes; they change no answer.
    pub passes: Passes,
    /// Which noise, given which the log-weight is that of a Gaussian, is integrated out before an engine runs.
    pub marginalize: Marginalize,
    /// Whether independent parts of the log-weight stay together, as one part.
    pub joint: bool,
}

impl Default for Limits {
    /// 100,000 noise coordinates, 1000 calls, 10⁷ steps, 80 % of the machine's memory.
    fn default() -> Limits {
        Limits {
            max_noise: 100_000,
            max_depth: 1000,
            max_steps: 10_000_000,
            max_mem: machine_memory() / 5 * 4,
            allow: Vec::new(),
            unroll: None,
            passes: Passes::default(),
            marginalize: Marginalize::default(),
            joint: false,
        }
    }
}

/// Bytes of memory that this process may have: the machine's, or less in a container or under `ulimit -v`. 8 GiB where
/// the system does not say.
fn machine_memory() -> u64 {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let number = |text: &str| {
        text.split_whitespace()
            .next()
            .and_then(|n| n.parse::<u64>().ok())
    };
    let after = |text: &str, key: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(key))
            .and_then(number)
    };
    let machine = after(&file("/proc/meminfo"), "MemTotal:").and_then(|kib| kib.checked_mul(1024));
    let container = number(&file("/sys/fs/cgroup/memory.max"));
    let process = after(&file("/proc/self/limits"), "Max address space");
    [machine, container, process]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(8 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_some_but_not_all() {
        let limits = Limits::default();
        assert!(limits.max_mem > 1 << 20 && limits.max_mem <= machine_memory());
    }

    #[test]
    fn settings_carry_the_request() {
        let mut request = InferRequest::new("smc", 3);
        request.options.push(("particles".into(), "7".into()));
        let settings = request.settings();
        assert_eq!(
            (settings.n_draws, settings.n_chains, settings.seed),
            (4000, 4, Seed(3))
        );
        assert_eq!(settings.options.get("particles"), Some("7"));
        assert!(settings.budget.deadline.is_none());
    }
}
