//! A sampler that has outgrown its teacher becomes the teacher.
//!
//! Bent coordinates and a trained network reach places that the particles did not: there, a few paths have large weights, and
//! resampling turns them into particles that the next fit can learn from. Taken over only where the paths say so themselves.

use super::Trained;
use super::answer::broad;
use super::exactify::{self, Weighted};
use super::training::Trainer;
use crate::infer::InferError;
use crate::infer::smc::{self, Particles};
use crate::lower::Target;

/// Most rounds, for few dimensions and for several; with many, a round takes too long and comes too seldom to an end.
const ROUNDS: [(usize, u64); 3] = [(12, 8), (40, 3), (usize::MAX, 0)];
/// Numbers that an evaluation computes above which a round takes too long.
const LARGE: usize = 10_000;
/// Shares of effective paths: above the first nothing is to be gained, below the second nothing is to be learned.
const PERFECT: f64 = 0.97;
const TOO_FEW: f64 = 0.03;
/// Share of effective paths from which on two rounds that agree about Z have settled.
const GOOD: f64 = 0.75;
/// Particles with less evidence than the paths that learned from them, by so many standard errors and nats, missed a part.
const FAR: f64 = 3.0;
const PART: f64 = 0.05;
/// Exact moves that set resampled relatives apart.
const MOVES: usize = 8;

/// What renewing came to.
#[derive(Default)]
pub(super) struct Renewed {
    /// The particles that were learned from last, if others than the first.
    pub teacher: Option<Particles>,
    /// Whether the last rounds agree about Z with even paths, or do not agree; `None` where neither can be said.
    pub settled: Option<bool>,
    /// Whether the first particles may be off, by their own account or the paths'.
    pub frail: bool,
}

/// Trains anew from the sampler's own weighted paths where its particles are frail, until nothing changes any more.
///
/// # Errors
/// As of training.
pub(super) fn renew(
    trainer: &mut Trainer,
    trained: &mut Trained,
    particles: Option<&Particles>,
) -> Result<Renewed, InferError> {
    let Some(particles) = particles else {
        return Ok(Renewed::default());
    };
    let mut renewed = Renewed {
        frail: particles.frail(),
        ..Renewed::default()
    };
    if trainer.recipe.steps == 0 || most_rounds(trainer.target) == 0 {
        return Ok(renewed);
    }
    let mut paths = weigh(trainer, trained, 0);
    renewed.frail |= missed_a_part(particles, &paths);
    if !renewed.frail {
        return Ok(renewed);
    }
    // A round that finds more has uneven weights at first: it is gone on from, but the evenest that finds as much is kept.
    let mut best = (trained.clone(), paths.log_z, paths.se, paths.ess);
    for round in 0..most_rounds(trainer.target) {
        let share = paths.ess / paths.log_w.len() as f64;
        if trainer.budget.exhausted() || !(TOO_FEW..PERFECT).contains(&share) {
            break;
        }
        let Some(pupil) = resampled(trainer, trained, &paths, round) else {
            break;
        };
        let again = super::train(trainer, Some(&pupil))?;
        let new = weigh(trainer, &again, round + 1);
        let more = new.log_z - paths.log_z;
        let error = new.se.hypot(paths.se);
        if more < -3.0 * error || more.is_nan() {
            renewed.settled = Some(false);
            break;
        }
        let even = |w: &Weighted| w.ess > GOOD * w.log_w.len() as f64;
        let agree = more.abs() < 2.0 * error;
        let settled = agree && even(&new) && even(&paths);
        *trained = again;
        paths = new;
        let above = paths.log_z - best.1;
        if paths.ess > best.3 || above > 2.0 * paths.se.hypot(best.2) {
            best = (trained.clone(), paths.log_z, paths.se, paths.ess);
            renewed.teacher = Some(pupil);
        }
        renewed.settled = (settled || !agree).then_some(settled);
        if settled {
            break;
        }
    }
    *trained = best.0;
    Ok(renewed)
}

/// Whether paths find more evidence than the particles that they learned from.
fn missed_a_part(particles: &Particles, paths: &Weighted) -> bool {
    let more = |(log_z, se): (f64, f64)| paths.log_z - log_z > PART.max(FAR * paths.se.hypot(se));
    particles.evidence().is_some_and(more)
}

fn most_rounds(target: &dyn Target) -> u64 {
    let fits = |(most, _): &&(usize, u64)| target.dim() <= *most;
    let rounds = ROUNDS.iter().find(fits).map_or(0, |(_, rounds)| *rounds);
    match target.structure().size > LARGE {
        true => 0,
        false => rounds,
    }
}

fn weigh(trainer: &mut Trainer, trained: &Trained, round: u64) -> Weighted {
    let n = trainer.recipe.particles;
    trainer.evaluations += n as u64;
    exactify::weigh(
        &trained.candidate.policy,
        broad(&trained.candidate),
        exactify::DEFENCE,
        trainer.target,
        n,
        trainer.seed.child("renewal", round),
    )
}

fn resampled(
    trainer: &mut Trainer,
    trained: &Trained,
    paths: &Weighted,
    round: u64,
) -> Option<Particles> {
    let (target, seed) = (trainer.target, trainer.seed.child("renewed", round));
    let n = trainer.recipe.particles;
    let mut stream = seed.stream("resample", 0);
    let (mut z, families) = paths.resample(&trained.candidate.policy, target, n, &mut stream)?;
    let mut log_r = vec![0.0; n];
    let moved = smc::refresh(
        target,
        &mut z,
        &mut log_r,
        &families,
        MOVES,
        seed.child("moves", 0),
    );
    trainer.evaluations += moved.evaluations;
    trainer.gradients += moved.gradients;
    Some(Particles {
        log_z: paths.log_z,
        log_z_se: paths.se,
        khat: Some(paths.khat),
        ..Particles::from_draws(z, log_r, families, &moved)
    })
}
