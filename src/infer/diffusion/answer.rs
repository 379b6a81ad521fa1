//! From a trained policy to the engine's answer: paths weighed, more defence or training where their weights are heavy,
//! resampling and exact moves (or SMC from the paths on, where their weights stay heavy), the bounds and the verdict.

use super::along;
use super::candidates::Candidate;
use super::exactify::{self, Weighted};
use super::policy::Policy;
use super::training::{JUDGED, Trainer};
use super::verdict::{Evidence, UNSEEN, verdict};
use super::{Taught, Trained};
use crate::base::Stream;
use crate::infer::coordinates::frame::Frame;
use crate::infer::coordinates::mixture::gaussian;
use crate::infer::drift::Drift;
use crate::infer::smc::{self, Particles, Refreshed};
use crate::infer::{Diagnostics, Evaluations, InferError, LogZ, Noise, Outcome, Settings};
use crate::lower::Target;

/// Weighted paths, resampled and moved, with everything that speaks for or against them.
pub(super) fn draw(
    trainer: &mut Trainer,
    trained: &mut Trained,
    taught: Taught,
    settings: &Settings,
) -> Result<Outcome, InferError> {
    let particles = taught.last;
    let (target, recipe, seed) = (trainer.target, trainer.recipe, trainer.seed);
    let n_paths = recipe.paths.unwrap_or(settings.weighed()).max(16);
    let broad = broad(&trained.candidate);
    settings.progress.update("drawing", 0, None, "");
    let mut weigh = |trained: &Trained, share: f64, attempt: u64| {
        trainer.evaluations += n_paths as u64;
        exactify::weigh(
            &trained.candidate.policy,
            broad.clone(),
            share,
            target,
            n_paths,
            seed.child("draws", attempt),
        )
    };
    let failures = target.failures();
    let mut weighted = weigh(trained, exactify::DEFENCE, 0);
    // A student that does not serve leaves the answer to its teacher.
    if weighted.weak() && trained.candidate.policy.student.take().is_some() {
        weighted = weigh(trained, exactify::DEFENCE, 3);
    }
    if weighted.weak() {
        weighted = weighted.or(weigh(trained, exactify::STRONG_DEFENCE, 1));
    }
    if weighted.weak() && particles.is_some() && recipe.steps > 0 && !settings.budget.exhausted() {
        let before = trained.candidate.policy.clone();
        refine(trainer, trained)?;
        let again = exactify::weigh(
            &trained.candidate.policy,
            broad.clone(),
            exactify::STRONG_DEFENCE,
            target,
            n_paths,
            seed.child("draws", 2),
        );
        trainer.evaluations += n_paths as u64;
        if again.doubt() > weighted.doubt() {
            trained.candidate.policy = before;
        }
        weighted = weighted.or(again);
    }
    let policy = &trained.candidate.policy;
    let mut evidence = Evidence {
        smc: taught.first.and_then(Particles::evidence),
        frail: taught.frail && taught.settled != Some(true),
        unsettled: taught.settled == Some(false),
        particles: trained.eubo.is_finite().then_some(trained.eubo),
        failed: failed_share(failures, target.failures()),
        drift: Drift::default(),
        unseen: 0.0,
    };
    let held_out = &trained.candidate.held_out;
    let rows: Vec<usize> = (0..held_out.log_r.len().min(JUDGED)).collect();
    let (judged, others) = (
        held_out.select(&policy.layout, &rows),
        seed.child("others", 0),
    );
    let unseen = exactify::unseen(&weighted, policy, broad, target, &judged, others);
    trainer.gradients += policy.gradients(rows.len());
    evidence.unseen = unseen;
    if (weighted.weak() || unseen > UNSEEN) && !settings.budget.exhausted() {
        let carried = along::carry(policy, target, &weighted, settings, seed.child("along", 0));
        if let Some(carried) = carried {
            let mut outcome = carried.answer(&weighted, &evidence, settings);
            if let Some(z) = &mut outcome.log_z {
                z.eubo = upper_bound(trainer, policy, &outcome.noise.z);
            }
            outcome.diagnostics.failed_rate = Some(failed_share((0, 0), target.failures()));
            return Ok(outcome);
        }
    }
    let mut stream = seed.stream("resample", 0);
    let resampled = weighted.resample(policy, target, settings.n_draws, &mut stream);
    let ((mut z, families), moves) = match (resampled, particles) {
        // Better SMC's particles, moved on, than a handful of paths; the verdict below stays.
        (_, Some(p)) if weighted.weak() => {
            (spread(p, settings.n_draws, &mut stream), 2 * recipe.refresh)
        }
        (Some(drawn), _) => (drawn, recipe.refresh),
        (None, Some(p)) => (spread(p, settings.n_draws, &mut stream), 2 * recipe.refresh),
        (None, None) => {
            return Err(InferError::ImpossibleEvidence {
                tried: trainer.evaluations,
            });
        }
    };
    let mut log_r = vec![0.0; settings.n_draws];
    let moved = smc::refresh(
        target,
        &mut z,
        &mut log_r,
        &families,
        moves,
        seed.child("refresh", 0),
    );
    trainer.evaluations += moved.evaluations;
    evidence.drift = moved.drift;
    let warnings = verdict(&weighted, &evidence);
    let eubo = upper_bound(trainer, policy, &z);
    let noise = Noise {
        z,
        n: settings.n_draws,
        dim: target.dim(),
        chains: 1,
        lineage: Some(families),
        ..Noise::default()
    };
    Ok(outcome(&weighted, noise, eubo, &moved, warnings, target))
}

/// One Gaussian over all particles, a little wider.
pub(super) fn broad(candidate: &Candidate) -> Option<Frame> {
    let d = candidate.policy.frames.dim;
    let x = &candidate.train.x;
    let fit = if d == 0 || x.len() < 2 * d {
        None
    } else {
        gaussian(x, &candidate.held_out.x, d)
    };
    fit.and_then(|m| m.parts.into_iter().next())
        .map(|f| f.inflated(1.3))
}

/// More training for a policy whose weights are too heavy.
fn refine(trainer: &mut Trainer, trained: &mut Trained) -> Result<(), InferError> {
    let candidate = &mut trained.candidate;
    trainer.learn_from(candidate);
    if candidate.policy.network.is_none() {
        trainer.equip(&mut candidate.policy)?;
    }
    let fit = trainer.judge(&candidate.policy);
    let (steps, asked) = trainer.recipe.balanced();
    let steps = trainer.steps_affordable(&candidate.policy, (2 * steps, asked));
    trained.eubo = trainer.balance(&mut candidate.policy, fit, steps)?.eubo;
    Ok(())
}

/// Mean log-weight of the final draws under the policy: E_posterior[log w] ≥ log Z.
fn upper_bound(trainer: &mut Trainer, policy: &Policy, z: &[f64]) -> Option<f64> {
    let points = policy.layout.read(trainer.target, z);
    trainer.evaluations += points.log_r.len() as u64;
    let mut shards = policy.renoise(&points, trainer.seed.child("upper bound", 0));
    policy.score(trainer.target, &mut shards);
    trainer.gradients += policy.gradients(points.log_r.len());
    let n = points.log_r.len() as f64;
    let mean = shards
        .iter()
        .flat_map(|s| policy.log_weights(s))
        .sum::<f64>()
        / n;
    mean.is_finite().then_some(mean)
}

/// `n` of SMC's particles in random order, and the prior draw that each descends from.
fn spread(particles: &Particles, n: usize, stream: &mut Stream) -> (Vec<f64>, Vec<u32>) {
    let mut order: Vec<usize> = (0..particles.n).collect();
    exactify::shuffle(&mut order, stream);
    let d = particles.dim;
    let picked = || order.iter().copied().cycle().take(n);
    (
        picked()
            .flat_map(|i| particles.z[i * d..(i + 1) * d].iter().copied())
            .collect(),
        picked().map(|i| particles.lineage[i]).collect(),
    )
}

/// Share of the executions between two counts of (failed, all) that failed.
fn failed_share(before: (u64, u64), after: (u64, u64)) -> f64 {
    let all = after.1.saturating_sub(before.1);
    after.0.saturating_sub(before.0) as f64 / all.max(1) as f64
}

fn outcome(
    w: &Weighted,
    noise: Noise,
    eubo: Option<f64>,
    moved: &Refreshed,
    warnings: Vec<String>,
    target: &dyn Target,
) -> Outcome {
    let log_z = LogZ {
        estimate: w.log_z,
        se: w.se,
        elbo: w.elbo.is_finite().then_some(w.elbo),
        eubo,
    };
    Outcome {
        log_z: w.log_z.is_finite().then_some(log_z),
        diagnostics: Diagnostics {
            is_ess: Some(w.ess),
            khat: w.khat.is_finite().then_some(w.khat),
            violation_rate: Some(w.impossible),
            failed_rate: Some(failed_share((0, 0), target.failures())),
            acceptance: Some(moved.acceptance),
            ..Diagnostics::default()
        },
        evaluations: Evaluations {
            log_r: 0,
            gradient: moved.gradients,
        },
        reliable: warnings.is_empty(),
        warnings,
        equal_weight_ess: Some(w.ess.min(noise.n as f64)),
        noise,
        path_log_weights: w.log_w.clone(),
        ..Outcome::default()
    }
}
