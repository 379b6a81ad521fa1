//! The `importance` engine: prior proposals weighted by r(z), resampled with a Pareto-smoothed tail.
//!
//! Proposals are not kept: a block of them is drawn again from its stream when one of its rows is picked.

use std::time::Instant;

use super::gaussian::fill_normal;
use super::{
    Budget, Diagnostics, Engine, Evaluations, InferError, LogZ, Noise, OptionSpec, Outcome,
    Settings, Timing,
};
use crate::base::Seed;
use crate::draws::{importance_ess, khat_threshold, log_mean_exp, normalized, pareto_resampled};
use crate::lower::Target;

/// Proposals that share a stream.
const BLOCK: usize = 1024;
/// Proposals at first (whole blocks, so that more can follow); they double while the weights are worth too little, up to [`MOST`].
const FIRST: usize = 100 * BLOCK;
const MOST: usize = 32 * FIRST;
/// Effective proposals for each draw asked for, so that few are resampled twice.
const RICH: f64 = 4.0;

/// Importance sampling from the prior.
#[derive(Clone, Copy, Debug)]
pub struct Importance;

impl Engine for Importance {
    fn name(&self) -> &'static str {
        "importance"
    }

    fn summary(&self) -> &'static str {
        "Importance sampling from the prior: exact in the limit, for programs whose evidence is weak"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[OptionSpec {
            name: "proposals",
            default: "auto",
            help: "prior draws that are weighted (auto: 102400, doubled up to 3276800 while they are worth less than 4 times the draws asked for)",
        }]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        settings.options.check(self.options())?;
        let fixed = settings.options.count("proposals", 1)?;
        let held = fixed
            .unwrap_or(MOST)
            .saturating_add(settings.n_draws.saturating_mul(target.dim()));
        settings.afford(held, "ask for fewer (-O proposals=N, or --draws)")?;
        let start = Instant::now();
        let log_w = weigh(target, settings, fixed)?;
        let warmup_s = start.elapsed().as_secs_f64();
        let mut rng = settings.seed.stream("resample", 0);
        let (picked, khat) = pareto_resampled(&log_w, settings.n_draws, &mut rng);
        let noise = Noise {
            z: draw_again(&picked, target.dim(), settings.seed),
            n: picked.len(),
            dim: target.dim(),
            chains: 1,
            ..Noise::default()
        };
        let mut outcome = describe(&log_w, noise, khat, target);
        outcome.timing = Timing {
            warmup_s,
            train_s: 0.0,
            sample_s: start.elapsed().as_secs_f64() - warmup_s,
        };
        outcome.interrupted = settings.budget.interrupted();
        Ok(outcome)
    }
}

/// Log weights of prior draws, as many as are asked for or worth while.
fn weigh(
    target: &dyn Target,
    settings: &Settings,
    fixed: Option<usize>,
) -> Result<Vec<f64>, InferError> {
    let (mut goal, most) = fixed.map_or((FIRST, MOST), |n| (n, n));
    let mut log_w = Vec::new();
    loop {
        extend(target, settings.seed, &settings.budget, goal, &mut log_w);
        let ess = importance_ess(&log_w);
        let message = format!("worth {ess:.0} draws");
        settings
            .progress
            .update("weighing", log_w.len(), Some(goal), &message);
        if ess >= RICH * settings.n_draws as f64
            || goal >= most
            || settings.budget.exhausted()
            || target.dim() == 0
        {
            break;
        }
        goal = (2 * goal).min(most);
    }
    let (failed, evaluated) = target.failures();
    match log_w.iter().any(|l| *l > f64::NEG_INFINITY) {
        true => Ok(log_w),
        false if failed > 0 && failed == evaluated => Err(InferError::AllFailed { failed }),
        false => Err(InferError::ImpossibleEvidence {
            tried: log_w.len() as u64,
        }),
    }
}

/// Adds blocks of weights up to `goal`; the first one comes whatever the budget.
fn extend(target: &dyn Target, seed: Seed, budget: &Budget, goal: usize, log_w: &mut Vec<f64>) {
    let dim = target.dim();
    while log_w.len() < goal && (log_w.is_empty() || !budget.exhausted()) {
        let first = log_w.len() / BLOCK;
        let z: Vec<f64> = (first..first + 16)
            .flat_map(|b| block(seed, b, dim))
            .collect();
        let mut out = vec![0.0; (goal - log_w.len()).min(16 * BLOCK)];
        target.log_r(&z[..out.len() * dim], &mut out);
        log_w.extend(out);
    }
}

fn block(seed: Seed, index: usize, dim: usize) -> Vec<f64> {
    let mut z = vec![0.0; BLOCK * dim];
    fill_normal(&mut z, &mut seed.stream("proposals", index as u64));
    z
}

/// The rows at `picked`, block by block, in the order of `picked`.
fn draw_again(picked: &[usize], dim: usize, seed: Seed) -> Vec<f64> {
    let mut order: Vec<usize> = (0..picked.len()).collect();
    order.sort_by_key(|&i| picked[i]);
    let mut z = vec![0.0; picked.len() * dim];
    for same in order.chunk_by(|&a, &b| picked[a] / BLOCK == picked[b] / BLOCK) {
        let rows = block(seed, picked[same[0]] / BLOCK, dim);
        for &i in same {
            let row = picked[i] % BLOCK;
            z[i * dim..(i + 1) * dim].copy_from_slice(&rows[row * dim..(row + 1) * dim]);
        }
    }
    z
}

fn describe(log_w: &[f64], noise: Noise, khat: Option<f64>, target: &dyn Target) -> Outcome {
    let s = log_w.len() as f64;
    let ess = importance_ess(log_w);
    let impossible = log_w.iter().filter(|l| **l == f64::NEG_INFINITY).count() as f64 / s;
    let elbo = log_w.iter().sum::<f64>() / s;
    let posterior_mean = |w: Vec<f64>| {
        log_w
            .iter()
            .zip(w)
            .filter(|(_, w)| *w > 0.0)
            .map(|(l, w)| l * w)
            .sum::<f64>()
    };
    let (failed, evaluated) = target.failures();
    let n = noise.n;
    let mut outcome = Outcome {
        noise,
        log_z: Some(LogZ {
            estimate: log_mean_exp(log_w),
            // Delta method: Var(w)/(S·E(w)²).
            se: (1.0 / ess - 1.0 / s).max(0.0).sqrt(),
            elbo: elbo.is_finite().then_some(elbo),
            eubo: normalized(log_w).map(posterior_mean),
        }),
        diagnostics: Diagnostics {
            is_ess: Some(ess),
            khat,
            violation_rate: Some(impossible),
            failed_rate: Some(failed as f64 / evaluated.max(1) as f64),
            ..Diagnostics::default()
        },
        evaluations: Evaluations {
            log_r: log_w.len() as u64,
            gradient: 0,
        },
        reliable: true,
        // Resampling adds its own error to that of the weights.
        equal_weight_ess: Some(1.0 / (1.0 / ess + 1.0 / n as f64)),
        ..Outcome::default()
    };
    let threshold = khat_threshold(log_w.len());
    if let Some(k) = khat.filter(|k| *k > threshold) {
        outcome.distrust(format!(
            "the weights' tail is too heavy to trust (Pareto k {k:.2}, above {threshold:.2}): try `--infer smc`"
        ));
    }
    if ess < (n as f64 / 2.0).min(400.0) {
        outcome.distrust(format!(
            "{} proposals from the prior are worth only about {ess:.0} draws of the posterior: try `--infer smc`",
            log_w.len()
        ));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::Options;
    use crate::infer::testing::{Written, check_moments, eight_schools, four_modes, linear};

    #[test]
    fn weak_evidence_is_met_within_the_stated_errors() {
        for case in [eight_schools(), four_modes()] {
            let out = Importance
                .run(&case.target, &Settings::new(4000, Seed(1)))
                .unwrap();
            let z = out.log_z.unwrap();
            // 5 standard errors.
            assert!(
                (z.estimate - case.log_z).abs() < 5.0 * z.se,
                "{}: {z:?}, not {}",
                case.name,
                case.log_z
            );
            assert!(z.elbo.unwrap() < z.estimate && z.estimate < z.eubo.unwrap());
            assert!(out.reliable, "{:?}", out.warnings);
            check_moments(&case, &out.noise.z, out.equal_weight_ess.unwrap());
        }
    }

    #[test]
    fn strong_evidence_is_told() {
        let out = Importance
            .run(&linear().target, &Settings::new(1000, Seed(1)))
            .unwrap();
        assert!(!out.reliable && out.diagnostics.khat.unwrap() > 0.7 && !out.warnings.is_empty());
    }

    #[test]
    fn picked_rows_are_those_that_were_weighted() {
        let target = Written::new(2, |z| {
            if z[0] > 1.0 && z[1] < 0.0 {
                z[1]
            } else {
                f64::NEG_INFINITY
            }
        });
        let mut settings = Settings::new(700, Seed(4));
        settings.options = Options::from_pairs([("proposals", "5000")]);
        let out = Importance.run(&target, &settings).unwrap();
        assert_eq!((out.noise.n, out.evaluations.log_r), (700, 5000));
        assert!(
            out.noise
                .z
                .chunks_exact(2)
                .all(|z| z[0] > 1.0 && z[1] < 0.0)
        );
        assert_eq!(out.log_z.unwrap().elbo, None);
    }

    #[test]
    fn nothing_possible_is_an_error() {
        let out = Importance.run(
            &Written::new(1, |_| f64::NEG_INFINITY),
            &Settings::new(10, Seed(1)),
        );
        assert!(matches!(out, Err(InferError::ImpossibleEvidence { .. })));
    }
}
