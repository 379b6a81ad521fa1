//! The options of training for every data set, and of a query.

use super::super::options::Recipe;
use crate::infer::{InferError, OptionSpec, Options};
use crate::lower::Structure;

const fn option(name: &'static str, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        default,
        help,
    }
}

/// What `-O` can set while training.
pub const TRAINING: &[OptionSpec] = &[
    option(
        "fit",
        "2000",
        "steps of fitting a Gaussian for every data set",
    ),
    option(
        "pre",
        "3000",
        "steps of denoising regression on simulated noise and data; fewer for a large network",
    ),
    option(
        "steps",
        "200",
        "steps of trajectory balance, kept where held-out data sets are served better",
    ),
    option("batch", "128", "simulations in a step of denoising"),
    option(
        "student",
        "4000",
        "steps of learning a one-step student of the sampler, which draws in its place where held-out data sets are served better (0: none)",
    ),
    option(
        "datasets",
        "64",
        "held-out data sets that the sampler is judged by; as many again to balance on",
    ),
    option(
        "paths",
        "12",
        "paths for each of the eight data sets in a step of trajectory balance",
    ),
    option(
        "T",
        "auto",
        "diffusion steps (auto: 10, more where edges are sharp)",
    ),
    option(
        "high",
        "auto",
        "log-SNR of the lowest noise level (auto: 4.5, higher where edges are sharp)",
    ),
    option(
        "width",
        "auto",
        "units in each hidden layer (auto: 64, more from 40 dimensions on)",
    ),
    option("depth", "2", "hidden layers"),
    option("lr", "0.002", "learning rate"),
    option(
        "activation",
        "auto",
        "of hidden units: `relu`, `silu` or `gelu`",
    ),
];

/// What `-O` can set in a query.
const QUERY: &[OptionSpec] = &[
    option(
        "paths",
        "auto",
        "weighted paths that the draws are resampled from (auto: as many as draws)",
    ),
    option(
        "refresh",
        "24",
        "exact moves in noise space after resampling",
    ),
    option(
        "student",
        "auto",
        "whether the sampler's one-step student draws: `yes`, `no` (auto: where held-out data sets are served better by it)",
    ),
];

/// Options of the diffusion engine that mean the same here.
const SHARED: [&str; 6] = ["T", "high", "width", "depth", "lr", "activation"];

/// Options with their values.
pub(super) struct Training {
    /// What training has in common with the diffusion engine's.
    pub recipe: Recipe,
    pub fit: usize,
    pub pre: usize,
    pub steps: usize,
    pub batch: usize,
    pub datasets: usize,
    pub student: usize,
    pub paths: usize,
}

/// The dimensions that a recipe is asked for: what it makes of them (a warm-up, steps for gradients) is for single runs.
const FOR_ALL: usize = 0;

impl Training {
    /// Reads the options for a program of the given structure.
    ///
    /// # Errors
    /// `BadOption`.
    pub fn new(options: &Options, structure: &Structure) -> Result<Training, InferError> {
        options.check(TRAINING)?;
        let shared = options
            .0
            .iter()
            .filter(|(name, _)| SHARED.contains(&name.as_str()));
        let shared = Options(shared.map(|(k, v)| (k.clone(), v.clone())).collect());
        Ok(Training {
            recipe: Recipe::new(&shared, structure, FOR_ALL)?,
            fit: options.count("fit", 0)?.unwrap_or(2000),
            pre: options.count("pre", 0)?.unwrap_or(3000),
            steps: options.count("steps", 0)?.unwrap_or(200),
            batch: options.count("batch", 2)?.unwrap_or(128),
            datasets: options.count("datasets", 4)?.unwrap_or(64),
            student: options.count("student", 0)?.unwrap_or(4000),
            paths: options.count("paths", 4)?.unwrap_or(12),
        })
    }
}

/// The recipe of a query, and whether the student draws, where that was said.
///
/// # Errors
/// `BadOption`.
pub(super) fn query(
    options: &Options,
    structure: &Structure,
) -> Result<(Recipe, Option<bool>), InferError> {
    options.check(QUERY)?;
    let student = match options.choice("student", &["auto", "yes", "no"])? {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => None,
    };
    let rest = options.0.iter().filter(|(name, _)| *name != "student");
    let rest = Options(rest.map(|(k, v)| (k.clone(), v.clone())).collect());
    Ok((Recipe::new(&rest, structure, FOR_ALL)?, student))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_named() {
        let structure = Structure::default();
        let of = |name: &str, value: &str| {
            Training::new(&Options::from_pairs([(name, value)]), &structure).err()
        };
        for (name, value) in [
            ("fit", "-1"),
            ("particles", "9"),
            ("T", "1"),
            ("paths", "1"),
        ] {
            assert!(
                matches!(of(name, value), Some(InferError::BadOption { name: n, .. }) if n == name)
            );
        }
        assert!(of("pre", "10").is_none());
        assert!(query(&Options::from_pairs([("pre", "10")]), &structure).is_err());
        assert_eq!(
            query(&Options::from_pairs([("refresh", "3")]), &structure)
                .unwrap()
                .0
                .refresh,
            3
        );
    }
}
