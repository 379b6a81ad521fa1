//! The diffusion engine: a sampler in noise space, trained for this posterior, and made exact by its weights.
//!
//! ```text
//! SMC particles ─▶ candidates (coordinates, discrete policy) ─▶ judged ─▶ denoising ─▶ trajectory balance ─▶ weighted
//!                                                                                     paths ─▶ resampled ─▶ moved
//! ```
//! Each stage is kept only where held-out evidence is for it: an untrained network is the reference process, and exact.
//!
//! # Source
//! Venkatraman et al. 2025 (outsourced diffusion sampling); Sendera et al. 2024 (off-policy training); Richter et al. 2020
//! (VarGrad); Choi et al. 2025 (SMC as the teacher). We depart in the reference (exact at any number of steps), in
//! discrete sites and modes being drawn as values, and in what leaves: reweighted draws with a verdict.

mod adam;
mod along;
pub mod amortised;
mod answer;
mod average;
mod buffer;
mod candidates;
mod categorical;
mod equip;
mod exactify;
mod fused;
mod layout;
mod lost;
mod nets;
mod network;
mod objective;
mod options;
mod plain;
mod policy;
mod renewal;
mod schedule;
mod sheet;
mod state;
mod steer;
mod student;
mod training;
mod verdict;
mod warm_up;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests_resume;
#[cfg(test)]
mod truths;

use std::time::Instant;

use candidates::Candidate;
use options::Recipe;
use state::Keeping;
use training::{Fit, Optimiser, Trainer};

use super::coordinates::frame::{Frame, Frames};
use super::smc::Particles;
use super::{
    Budget, Distilled, Engine, InferError, NoProgress, OptionSpec, Options, Outcome, Settings,
    Timing,
};
use crate::base::Seed;
use crate::lower::Target;

/// The diffusion engine.
pub struct Diffusion;

/// A policy with what is known about it.
#[derive(Clone)]
struct Trained {
    candidate: Candidate,
    /// Mean log-weight of held-out particles.
    eubo: f64,
}

/// The particles that were learned from: those of the warm-up, and those that took their place, or the same.
#[derive(Clone, Copy, Default)]
struct Taught<'a> {
    first: Option<&'a Particles>,
    last: Option<&'a Particles>,
    /// Whether learning from its own paths has come to an end, where it was tried.
    settled: Option<bool>,
    /// Whether the first may be off.
    frail: bool,
}

impl Engine for Diffusion {
    fn name(&self) -> &'static str {
        "diffusion"
    }

    fn summary(&self) -> &'static str {
        "a diffusion sampler trained for this posterior in noise space, reweighted to be exact"
    }

    fn options(&self) -> &'static [OptionSpec] {
        options::SPECS
    }

    fn resumes(&self, _: &dyn Target) -> bool {
        true
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let recipe = Recipe::new(&settings.options, target.structure(), target.dim())?;
        if let Some(answer) = Outcome::without_noise(target, settings, 1) {
            return answer;
        }
        let start = Instant::now();
        let paths = settings
            .n_draws
            .saturating_mul(target.dim() + 2)
            .saturating_mul(2);
        settings.afford(
            paths,
            "ask for fewer `--draws`, or allow more with --max-mem",
        )?;
        let mut keeping = Keeping::new(settings.keeper.as_deref())?;
        let modes = warm_up::modes(target, &recipe, settings);
        let particles = warm_up::particles(target, &recipe, &modes, settings, &mut keeping)?;
        let particles = particles.as_deref();
        let warmed = Instant::now();
        let mut trainer = Trainer::new(
            target,
            &recipe,
            &settings.budget,
            &*settings.progress,
            settings.seed.child("diffusion", 0),
        );
        trainer.keeping = keeping;
        trainer.modes = modes;
        let mut trained = train(&mut trainer, particles)?;
        let renewed = renewal::renew(&mut trainer, &mut trained, particles)?;
        let done = Instant::now();
        let taught = Taught {
            first: particles,
            last: renewed.teacher.as_ref().or(particles),
            settled: renewed.settled,
            frail: renewed.frail,
        };
        let distilled = student::distil(&mut trainer, &trained.candidate.policy);
        trained.candidate.policy.student = distilled
            .as_ref()
            .filter(|(_, told)| told.answered)
            .map(|(student, _)| student.clone());
        let mut outcome = answer::draw(&mut trainer, &mut trained, taught, settings)?;
        outcome.distilled = distilled.map(|(_, told)| Distilled {
            answered: trained.candidate.policy.student.is_some(),
            ..told
        });
        let (evaluations, gradients) = particles.map_or((0, 0), |p| (p.evaluations, p.gradients));
        outcome.evaluations.log_r += trainer.modes.evaluations + evaluations + trainer.evaluations;
        outcome.evaluations.gradient += trainer.modes.gradients + gradients + trainer.gradients;
        outcome.timing = Timing {
            warmup_s: (warmed - start).as_secs_f64(),
            train_s: (done - warmed).as_secs_f64(),
            sample_s: done.elapsed().as_secs_f64(),
        };
        outcome.training = trainer.history;
        outcome.interrupted = settings.budget.interrupted();
        Ok(outcome)
    }
}

/// Chooses coordinates by evidence and trains what is promising.
fn train(trainer: &mut Trainer, particles: Option<&Particles>) -> Result<Trained, InferError> {
    let mut stream = trainer.seed.stream("candidates", 0);
    let Some(particles) = particles else {
        let mut candidate = from_the_prior(trainer, &mut stream);
        let fit = trainer.judge(&candidate.policy);
        trainer.equip(&mut candidate.policy)?;
        let fit = trainer.balance(&mut candidate.policy, fit, trainer.recipe.steps)?;
        return Ok(Trained {
            candidate,
            eubo: fit.eubo,
        });
    };
    let z = shuffled(particles, &mut stream);
    let mut judged: Vec<(Candidate, Fit)> = Vec::new();
    for candidate in candidates::candidates(
        trainer.target,
        trainer.recipe,
        &trainer.modes,
        &z,
        &mut stream,
    ) {
        trainer.learn_from(&candidate);
        let fit = trainer.judge(&candidate.policy);
        trainer.say(&candidate.name, &fit);
        judged.push((candidate, fit));
    }
    judged.sort_by(|a, b| b.1.score().total_cmp(&a.1.score()));
    let mut best: Option<(Candidate, Fit)> = None;
    for (candidate, fit) in steered(trainer, finalists(judged))? {
        let (candidate, fit) = pre_train(trainer, candidate, fit)?;
        if best.as_ref().is_none_or(|b| fit.score() > b.1.score()) {
            best = Some((candidate, fit));
        }
        if fit.close() {
            break;
        }
    }
    let (mut candidate, mut fit) = best.expect("there is always the prior");
    if !fit.close() && trainer.recipe.steps > 0 && Trainer::trainable(&candidate.policy) {
        trainer.learn_from(&candidate);
        let steps = trainer.steps_affordable(&candidate.policy, trainer.recipe.balanced());
        fit = trainer.balance(&mut candidate.policy, fit, steps)?;
    }
    Ok(Trained {
        candidate,
        eubo: fit.eubo,
    })
}

/// The candidates worth training: the best, and where it is one bent shape rather than separate ones, the runner-up too
/// unless it is far behind, since a network may bend the one better than the other.
fn finalists(mut judged: Vec<(Candidate, Fit)>) -> Vec<(Candidate, Fit)> {
    let Some((first, fit)) = judged.first() else {
        return judged;
    };
    let alone = fit.close() || (first.separated && fit.ess > 0.1);
    let least = fit.score() - 1.5;
    let keep = if alone { 1 } else { 2 };
    judged.truncate(keep);
    judged.retain(|(_, f)| f.score() >= least);
    judged
}

/// The finalists with gradients in their policy, where the program has them and that makes it better at once; then only
/// the best of them, for gradients bend where a network would have to.
fn steered(
    trainer: &mut Trainer,
    finalists: Vec<(Candidate, Fit)>,
) -> Result<Vec<(Candidate, Fit)>, InferError> {
    let mut all = Vec::new();
    for (mut candidate, fit) in finalists {
        let steerable =
            trainer.recipe.gradients && candidate.policy.frames.dim == trainer.target.dim();
        if fit.close() || !steerable {
            all.push((candidate, fit));
            continue;
        }
        trainer.learn_from(&candidate);
        let plain = candidate.policy.clone();
        candidate.policy.steer = Some(steer::Steer::new(&plain.schedule));
        trainer.equip(&mut candidate.policy)?;
        let with = trainer.judge(&candidate.policy);
        trainer.say(&format!("{}, steered by gradients", candidate.name), &with);
        if with.score() > fit.score() {
            all.push((candidate, with));
        } else {
            candidate.policy = plain;
            all.push((candidate, fit));
        }
    }
    all.sort_by(|a, b| b.1.score().total_cmp(&a.1.score()));
    if all.first().is_some_and(|(c, _)| c.policy.steer.is_some()) {
        all.truncate(1);
    }
    Ok(all)
}

/// Phase (a) on one candidate; the zero network stays where it is better. Gradients say what denoising would, without its
/// noise (on Sonar and radon it made steered policies no better).
fn pre_train(
    trainer: &mut Trainer,
    mut candidate: Candidate,
    fit: Fit,
) -> Result<(Candidate, Fit), InferError> {
    if fit.close() || candidate.policy.steer.is_some() {
        return Ok((candidate, fit));
    }
    trainer.learn_from(&candidate);
    trainer.equip(&mut candidate.policy)?;
    let untrained = candidate.policy.clone();
    let steps = trainer.steps_affordable(&candidate.policy, trainer.recipe.denoised());
    trainer.denoise(&mut candidate.policy, steps)?;
    let after = trainer.judge(&candidate.policy);
    trainer.say(&format!("{}, denoised", candidate.name), &after);
    if after.score() > fit.score() {
        return Ok((candidate, after));
    }
    candidate.policy = untrained;
    Ok((candidate, fit))
}

/// Without particles: the prior's coordinates, discrete sites with the prior's frequencies.
fn from_the_prior(trainer: &mut Trainer, stream: &mut crate::base::Stream) -> Candidate {
    use rand::RngExt;
    let target = trainer.target;
    let n = 1024;
    let z: Vec<f64> = (0..n * target.dim())
        .map(|_| stream.sample(rand_distr::StandardNormal))
        .collect();
    let layout = layout::Layout::discrete(target, &z);
    let points = layout.read(target, &z);
    trainer.evaluations += n as u64;
    let categorical = candidates::categorical(target, &layout, &points.k, stream);
    let d = layout.width();
    let frames = Frames::single(d, vec![Frame::prior(d)], vec![0.0]);
    let schedule = schedule::Schedule::new(trainer.recipe.levels, trainer.recipe.high);
    Candidate {
        policy: candidates::policy(layout, categorical, frames, schedule),
        train: layout::Points::default(),
        held_out: layout::Points::default(),
        name: "the prior's coordinates".to_string(),
        separated: false,
    }
}

/// Resampling leaves relatives side by side: shuffled, so that held-out particles are not twins of the others only.
fn shuffled(particles: &Particles, stream: &mut crate::base::Stream) -> Vec<f64> {
    let mut order: Vec<usize> = (0..particles.n).collect();
    exactify::shuffle(&mut order, stream);
    order
        .iter()
        .flat_map(|&i| {
            particles.z[i * particles.dim..(i + 1) * particles.dim]
                .iter()
                .copied()
        })
        .collect()
}

/// Milliseconds that one iteration of trajectory balance takes on a target, from the prior's coordinates.
///
/// # Errors
/// `BadOption`.
pub fn time_training(
    target: &dyn Target,
    options: &Options,
    iterations: usize,
    seed: Seed,
) -> Result<f64, InferError> {
    let recipe = Recipe::new(options, target.structure(), target.dim())?;
    let budget = Budget::default();
    let mut trainer = Trainer::new(target, &recipe, &budget, &NoProgress, seed);
    let mut candidate = from_the_prior(&mut trainer, &mut seed.stream("candidates", 0));
    trainer.equip(&mut candidate.policy)?;
    let mut optimiser = Optimiser::new(&candidate.policy, 0.0);
    let start = Instant::now();
    for i in 0..iterations {
        trainer.balance_step(&mut candidate.policy, &mut optimiser, 1e-3, 1.0, i as u64);
    }
    Ok(1e3 * start.elapsed().as_secs_f64() / iterations.max(1) as f64)
}
