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

/// Most rounds.
const ROUNDS: u64 = 2;
/// Shares of effective paths: above the first nothing is to be gained, below the second nothing is to be learned.
const GOOD: f64 = 0.75;
const TOO_FEW: f64 = 0.03;
/// Share of the old effective paths that new ones must be worth where they find nothing more.
const EVEN: f64 = 0.8;
/// Exact moves that set resampled relatives apart.
const MOVES: usize = 8;

/// Trains anew from the sampler's own weighted paths while its particles are frail and that does it good; returns the
/// particles that were learned from last, if others than the first.
///
/// # Errors
/// As of training.
pub(super) fn renew(
    trainer: &mut Trainer,
    trained: &mut Trained,
    particles: Option<&Particles>,
) -> Result<Option<Particles>, InferError> {
    let mut teacher: Option<Particles> = None;
    let Some(first) = particles else {
        return Ok(None);
    };
    let mut paths = weigh(trainer, trained, 0);
    for round in 0..ROUNDS {
        let frail = teacher.as_ref().unwrap_or(first).frail();
        let share = paths.ess / paths.log_w.len() as f64;
        if !frail || trainer.recipe.steps == 0 || trainer.budget.exhausted() {
            break;
        }
        if !(TOO_FEW..GOOD).contains(&share) {
            break;
        }
        let Some(pupil) = resampled(trainer, trained, &paths, round) else {
            break;
        };
        let again = super::train(trainer, Some(&pupil))?;
        let new = weigh(trainer, &again, round + 1);
        eprintln!("RENEW {:.3} {:.3} {:.0} {:.2} -> {:.3} {:.3} {:.0} {:.2}", paths.log_z, paths.se, paths.ess, paths.khat, new.log_z, new.se, new.ess, new.khat);
        if !better(&new, &paths) {
            break;
        }
        (*trained, paths, teacher) = (again, new, Some(pupil));
    }
    Ok(teacher)
}

/// Whether new paths find more than the old ones, or no less and are about as even.
fn better(new: &Weighted, old: &Weighted) -> bool {
    let more = new.log_z - old.log_z;
    let error = old.se.hypot(new.se);
    let even = new.ess > EVEN * old.ess && more > -3.0 * error;
    (even || more > 2.0 * error) && new.khat < new.khat_limit().max(old.khat)
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
