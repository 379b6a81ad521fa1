//! The diffusion engine's student: learned from the trained policy, and held to it.

use super::{Lessons, Pairs, Student};
use crate::infer::Distilled;
use crate::infer::diffusion::policy::Policy;
use crate::infer::diffusion::training::Trainer;

/// Pairs to learn from, and pairs to be examined by.
const LEARNED: usize = 16_384;
const HELD_OUT: usize = 1024;
/// Share of its draws up to which a student may fold noise over itself: its density counts one sheet of the fold only.
pub(crate) const FOLDED: f64 = 2e-3;

/// A student of a trained policy where the recipe asks for one, with how it compares; none where nothing is diffused.
pub(crate) fn distil(trainer: &mut Trainer, policy: &Policy) -> Option<(Student, Distilled)> {
    let d = policy.frames.dim;
    let steps = trainer.recipe.student;
    if steps == 0 || d == 0 {
        return None;
    }
    let seed = trainer.seed.child("student", 0);
    let teacher = trainer.judge(policy);
    let pairs = Pairs::of(policy, trainer.target, LEARNED, seed.child("pairs", 0));
    let held_out = Pairs::of(policy, trainer.target, HELD_OUT, seed.child("pairs", 1));
    trainer.gradients += policy.gradients(LEARNED + HELD_OUT);
    // The flow of a zero network is the identity, and so is a student that has learned nothing.
    let lessons = Lessons {
        steps: if pairs.still() { 0 } else { steps },
        rate: trainer.recipe.rate,
        width: 2 * trainer.recipe.width_for(d),
        depth: trainer.recipe.depth,
    };
    let told = (trainer.budget, trainer.progress);
    let student = Student::learn(&pairs, d, &lessons, told, seed);
    let (distance, folded) = student.examine(&held_out);
    let mut own = policy.clone();
    own.student = Some(student.clone());
    let fit = trainer.judge(&own);
    trainer.say("one-step student", &fit);
    let distilled = Distilled {
        steps: lessons.steps,
        distance,
        folded,
        kl: fit.log_z - fit.elbo,
        ess: fit.ess,
        teacher_kl: teacher.log_z - teacher.elbo,
        teacher_ess: teacher.ess,
        answered: folded <= FOLDED,
    };
    Some((student, distilled))
}
