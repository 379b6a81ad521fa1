//! The `smc` engine: independent populations of tempered particles, weighed against each other.
//!
//! One population cannot notice what it missed; two that disagree say so.

use std::time::Instant;

use rand::RngExt;

use super::population::{DRIFTING, HEAVY, RESTLESS};
pub use super::population::{Particles, particles};
pub use super::refresh::{Refreshed, refresh};
use super::{
    Diagnostics, Engine, Evaluations, InferError, LogZ, Noise, OptionSpec, Outcome, Settings,
    Timing,
};
use crate::base::{Seed, Stream};
use crate::draws::{grouped_ess, log_mean_exp, normalized, systematic};
use crate::lower::Target;

/// Numbers of noise held at once, over all particles.
const MOST_NUMBERS: usize = 20_000_000;

/// Adaptive tempered sequential Monte Carlo.
#[derive(Clone, Copy, Debug)]
pub struct Smc;

impl Engine for Smc {
    fn name(&self) -> &'static str {
        "smc"
    }

    fn summary(&self) -> &'static str {
        "Sequential Monte Carlo: particles from the prior, tempered to the posterior; gives log Z, copes with several modes, branches and hard constraints"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            OptionSpec {
                name: "particles",
                default: "auto",
                help: "particles over all populations (auto: 2 a draw, at least 8192, fewer with very many noise coordinates)",
            },
            OptionSpec {
                name: "moves",
                default: "10",
                help: "moves per particle and level; badly mixing levels take up to 3 times as many, the last one up to 8 times",
            },
            OptionSpec {
                name: "populations",
                default: "2",
                help: "independent populations, whose disagreement is reported",
            },
        ]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let o = &settings.options;
        o.check(self.options())?;
        let count = if target.dim() == 0 {
            1
        } else {
            o.count("populations", 1)?.unwrap_or(2)
        };
        let n = o
            .count("particles", 8)?
            .unwrap_or_else(|| default_particles(settings.weighed(), target.dim()));
        let moves = o.count("moves", 1)?.unwrap_or(10);
        // Particles, proposals, the stage's start and its halves, and the populations that are done.
        settings.afford(
            n.saturating_mul(target.dim()).saturating_mul(5),
            "ask for fewer (-O particles=N)",
        )?;
        let start = Instant::now();
        let mut populations = Vec::new();
        for k in 0..count {
            let seed = settings.seed.child("population", k as u64);
            populations.push(particles(
                target,
                n.div_ceil(count),
                moves,
                seed,
                &settings.budget,
                &*settings.progress,
            )?);
            if settings.budget.exhausted() {
                break;
            }
        }
        // What ran out of time is no match for what did not.
        if populations.iter().any(|p| p.reached >= 1.0) {
            populations.retain(|p| p.reached >= 1.0);
        }
        let warmup_s = start.elapsed().as_secs_f64();
        let mut outcome = combine(&populations, settings.n_draws, settings.seed);
        outcome.timing = Timing {
            warmup_s,
            train_s: 0.0,
            sample_s: start.elapsed().as_secs_f64() - warmup_s,
        };
        outcome.interrupted = settings.budget.interrupted();
        let (failed, evaluated) = target.failures();
        outcome.diagnostics.failed_rate = Some(failed as f64 / evaluated.max(1) as f64);
        judge(&mut outcome, &populations, settings.n_draws, &WORDS);
        if populations.len() < count {
            outcome.warnings.push(format!(
                "time ran out after {} of {count} populations",
                populations.len()
            ));
        }
        Ok(outcome)
    }
}

fn default_particles(n_draws: usize, dim: usize) -> usize {
    let affordable = (MOST_NUMBERS / dim.max(1)).max(1024);
    (2 * n_draws).max(8192).min(affordable).max(n_draws)
}

/// What an answer's findings call the draws that particles descend from, and what may help.
pub(crate) struct Words {
    pub first: &'static str,
    pub more_moves: &'static str,
    pub more_particles: &'static str,
}

const WORDS: Words = Words {
    first: "prior draws",
    more_moves: "more moves may help (-O moves=50)",
    more_particles: "more particles may help (-O particles=100000)",
};

/// Merges populations, each with the share of the draws that its Z has of the sum.
pub(crate) fn combine(populations: &[Particles], n_draws: usize, seed: Seed) -> Outcome {
    let log_zs: Vec<f64> = populations.iter().map(|p| p.log_z).collect();
    let shares =
        normalized(&log_zs).unwrap_or_else(|| vec![1.0 / log_zs.len() as f64; log_zs.len()]);
    let mut rng = seed.stream("select", 0);
    let mut counts = vec![0; populations.len()];
    systematic(&shares, n_draws, &mut rng)
        .into_iter()
        .for_each(|k| counts[k] += 1);
    let mut noise = Noise {
        n: n_draws,
        dim: populations[0].dim,
        chains: 1,
        ..Noise::default()
    };
    let mut lineage = Vec::with_capacity(n_draws);
    let mut before = 0;
    for (p, &count) in populations.iter().zip(&counts) {
        for i in choose(p.n, count, &mut rng) {
            noise.z.extend_from_slice(&p.z[i * p.dim..(i + 1) * p.dim]);
            lineage.push(before + p.lineage[i]);
        }
        before += p.lineage.iter().max().map_or(0, |m| m + 1);
    }
    let ess = least_ess(&noise, &lineage);
    noise.lineage = Some(lineage);
    Outcome {
        noise,
        log_z: Some(log_z(populations, &log_zs, &shares)),
        diagnostics: Diagnostics {
            acceptance: Some(
                populations
                    .iter()
                    .zip(&shares)
                    .map(|(p, s)| s * p.acceptance)
                    .sum(),
            ),
            ess_bulk_min: Some(ess),
            violation_rate: Some(0.0),
            ..Diagnostics::default()
        },
        evaluations: Evaluations {
            log_r: populations.iter().map(|p| p.evaluations).sum(),
            gradient: populations.iter().map(|p| p.gradients).sum(),
        },
        reliable: true,
        equal_weight_ess: Some(ess),
        ..Outcome::default()
    }
}

/// The populations' mean Z; the error is the larger of what their family trees and their disagreement say.
fn log_z(populations: &[Particles], log_zs: &[f64], shares: &[f64]) -> LogZ {
    let estimate = log_mean_exp(log_zs);
    let family: f64 = populations
        .iter()
        .zip(shares)
        .map(|(p, s)| (s * p.log_z_se).powi(2))
        .sum();
    let k = log_zs.len() as f64;
    let spread: f64 =
        shares.iter().map(|s| (s * k - 1.0).powi(2)).sum::<f64>() / (k * (k - 1.0).max(1.0));
    LogZ {
        estimate,
        se: family.max(spread).sqrt(),
        elbo: None,
        eubo: None,
    }
}

/// `count` different indices below `n` in random order; with repeats only if there are not enough.
fn choose(n: usize, count: usize, rng: &mut Stream) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    (0..count)
        .map(|k| {
            let left = k % n;
            all.swap(left, rng.random_range(left..n));
            all[left]
        })
        .collect()
}

/// Smallest effective sample size over the noise coordinates.
fn least_ess(noise: &Noise, lineage: &[u32]) -> f64 {
    let column = |j: usize| {
        noise
            .z
            .iter()
            .skip(j)
            .step_by(noise.dim)
            .copied()
            .collect::<Vec<f64>>()
    };
    let each = (0..noise.dim)
        .map(|j| grouped_ess(&column(j), lineage))
        .filter(|e| e.is_finite());
    each.fold(noise.n as f64, f64::min)
}

/// The verdict, in words.
pub(crate) fn judge(
    outcome: &mut Outcome,
    populations: &[Particles],
    n_draws: usize,
    words: &Words,
) {
    let ess = outcome.equal_weight_ess.unwrap_or(0.0);
    if ess < (n_draws as f64 / 2.0).min(400.0) {
        outcome.distrust(format!(
            "the {n_draws} draws are worth only about {ess:.0} independent ones"
        ));
    }
    if let Some(p) = populations.iter().find(|p| p.reached < 1.0) {
        outcome.distrust(format!(
            "time ran out on the way from the prior to the posterior (at exponent {:.3} of 1); the draws stand in for the posterior by weights alone",
            p.reached
        ));
    }
    // In separated modes particles remember their mode for good; its weight is known from the way there.
    if let Some(p) = populations
        .iter()
        .find(|p| p.memory > 0.7 && !p.modes && p.reached >= 1.0)
    {
        outcome.distrust(format!(
            "the particles hardly move (acceptance {:.1} %): some direction or mode may not be explored; {}",
            100.0 * p.acceptance, words.more_moves
        ));
    }
    if let Some(p) = populations.iter().find(|p| p.drift.after > DRIFTING) {
        outcome.distrust(format!(
            "the particles are still drifting (noise coordinate {}, by about {:.2} standard deviations): they have not come to rest; {}",
            p.drift.coordinate, p.drift.after, words.more_moves
        ));
    }
    if let Some(p) = populations.iter().find(|p| p.unrest > RESTLESS) {
        outcome.distrust(format!(
            "levels were left before their particles had come to rest: log Z may be off by {:.2}; {}",
            p.unrest, words.more_moves
        ));
    }
    if let Some(k) = populations
        .iter()
        .filter_map(|p| p.khat)
        .find(|k| *k > HEAVY)
    {
        outcome.distrust(format!(
            "a few {} have most of the descendants, and ones that were not drawn may have more (Pareto k {k:.2}); {}",
            words.first, words.more_particles
        ));
    }
    let (low, high) = populations
        .iter()
        .fold((&populations[0], &populations[0]), |(l, h), p| {
            (
                if p.log_z < l.log_z { p } else { l },
                if p.log_z > h.log_z { p } else { h },
            )
        });
    let tolerance = 4.0 * low.log_z_se.hypot(high.log_z_se) + 0.05;
    if high.log_z - low.log_z > tolerance {
        outcome.distrust(format!(
            "independent populations disagree on log Z ({:.2} and {:.2}): a part of the posterior was missed; {}",
            low.log_z, high.log_z, words.more_particles
        ));
    }
    if outcome.log_z.is_some_and(|z| z.se > 0.5) {
        outcome.distrust(
            "log Z is uncertain by more than half a nat: few of the first draws have descendants",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::log_sum_exp;
    use crate::infer::testing::{Written, cases, check_moments, eight_schools};
    use crate::infer::{Budget, NoProgress, Options};

    #[test]
    fn known_posteriors_are_met_within_the_stated_errors() {
        for case in cases() {
            let mut settings = Settings::new(1500, Seed(1));
            settings.options = Options::from_pairs([("particles", "4000")]);
            let out = Smc.run(&case.target, &settings).unwrap();
            let log_z = out.log_z.unwrap();
            assert!(out.reliable, "{}: {:?}", case.name, out.warnings);
            // 5 standard errors: with a dozen cases, a false alarm once in 10⁵ runs.
            assert!(
                (log_z.estimate - case.log_z).abs() < 5.0 * log_z.se,
                "{}: {log_z:?}, not {}",
                case.name,
                case.log_z
            );
            check_moments(&case, &out.noise.z, out.equal_weight_ess.unwrap());
            assert_eq!(
                out.evaluations.log_r + out.evaluations.gradient,
                case.target.evaluated(),
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn same_seed_same_draws() {
        let target = Written::new(3, |z| -10.0 * (z[0] * z[1] - z[2]).powi(2));
        let draw = |seed| {
            Smc.run(&target, &Settings::new(500, Seed(seed)))
                .unwrap()
                .noise
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn impossible_evidence_is_an_error_whether_graded_or_not() {
        let run = |target: Written| {
            particles(&target, 500, 3, Seed(1), &Budget::default(), &NoProgress).map(|p| p.log_z)
        };
        let never = run(Written::new(1, |_| f64::NEG_INFINITY));
        assert!(
            matches!(never, Err(InferError::ImpossibleEvidence { .. })),
            "{never:?}"
        );
        let graded = run(Written::new(2, |_| 0.0).constrained(|z| 1.0 + z[0].abs()));
        assert!(
            matches!(graded, Err(InferError::ImpossibleEvidence { .. })),
            "{graded:?}"
        );
        let line = run(Written::new(2, |_| 0.0).constrained(|z| (z[0] - z[1]).abs()));
        assert!(
            matches!(line, Err(InferError::ImpossibleEvidence { .. })),
            "{line:?}"
        );
    }

    #[test]
    fn rare_evidence_is_found_with_and_without_a_margin() {
        // P(z > 5) = 2.87e-7 by its margin; P(|z| > 3) = 2.70e-3 by search alone.
        let settings = Settings::new(1000, Seed(3));
        let graded = Smc
            .run(
                &Written::new(1, |_| 0.0).constrained(|z| (5.0 - z[0]).max(0.0)),
                &settings,
            )
            .unwrap();
        let z = graded.log_z.unwrap();
        assert!(
            (z.estimate - 2.866_515_7e-7f64.ln()).abs() < 5.0 * z.se && z.se < 0.2,
            "{z:?}"
        );
        assert!(graded.noise.z.iter().all(|z| *z >= 5.0));
        let flat = Written::new(1, |z| {
            if z[0].abs() > 3.0 {
                0.0
            } else {
                f64::NEG_INFINITY
            }
        });
        let z = Smc.run(&flat, &settings).unwrap().log_z.unwrap();
        assert!(
            (z.estimate - 2.699_796e-3f64.ln()).abs() < 5.0 * z.se && z.se < 0.2,
            "{z:?}"
        );
    }

    #[test]
    fn a_deadline_ends_the_run_with_a_verdict() {
        let mut settings = Settings::new(200, Seed(1));
        settings.budget.deadline = Some(Instant::now());
        let out = Smc
            .run(
                &Written::new(2, |z| -50.0 * (z[0] - 1.0).powi(2)),
                &settings,
            )
            .unwrap();
        assert!(
            !out.reliable && out.warnings.iter().any(|w| w.contains("time ran out")),
            "{:?}",
            out.warnings
        );
        assert_eq!(out.noise.n, 200);
    }

    #[test]
    fn a_program_without_chance_has_its_weight_as_z() {
        let out = Smc
            .run(&Written::new(0, |_| -3.5), &Settings::new(10, Seed(1)))
            .unwrap();
        assert_eq!(
            (
                out.log_z.unwrap().estimate,
                out.log_z.unwrap().se,
                out.noise.z.len()
            ),
            (-3.5, 0.0, 0)
        );
    }

    #[test]
    fn draws_can_be_refreshed_in_place() {
        let case = eight_schools();
        let p = particles(
            &case.target,
            2000,
            5,
            Seed(1),
            &Budget::default(),
            &NoProgress,
        )
        .unwrap();
        let (mut z, mut log_r) = (p.z.clone(), p.log_r.clone());
        let alone: Vec<u32> = (0..2000).collect();
        let done = refresh(&case.target, &mut z, &mut log_r, &alone, 3, Seed(2));
        assert!(done.acceptance > 0.2 && z != p.z);
        // The start and three moves: in ten dimensions trajectories come only where these are not enough.
        assert_eq!((done.evaluations, done.gradients), (8000, 0));
        assert_eq!(done.drift, Default::default());
        check_moments(&case, &z, 1500.0);
        let mut right = vec![0.0; 2000];
        case.target.log_r(&z, &mut right);
        assert_eq!(log_r, right);
        refresh(
            &case.target,
            &mut z[..10].to_vec(),
            &mut [0.0],
            &[0],
            3,
            Seed(2),
        );
    }

    #[test]
    fn evidence_that_was_missed_is_told() {
        // A spike far out that few particles find: the families or the populations must show it.
        let target = Written::new(12, |z| {
            let near: f64 = z.iter().map(|z| -40.0 * (z - 2.5).powi(2)).sum();
            let broad: f64 = z.iter().map(|z| -0.2 * z * z).sum();
            log_sum_exp(&[near + 60.0, broad])
        });
        let mut settings = Settings::new(500, Seed(1));
        settings.options = Options::from_pairs([("particles", "200"), ("moves", "2")]);
        let out = Smc.run(&target, &settings).unwrap();
        assert!(!out.warnings.is_empty());
    }
}
