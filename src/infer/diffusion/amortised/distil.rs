//! The sampler's one-step student: learned over simulated data sets, and held to others.

use super::super::student::{FOLDED, Lessons, Pairs, Student};
use super::judge::{DataSet, judge};
use super::training::Work;
use super::{Facts, Pupil, Trained};
use crate::infer::InferError;

/// Pairs to learn from, each of a data set of its own, and pairs to be examined by.
const LEARNED: usize = 32_768;
const HELD_OUT: usize = 1024;

impl Work<'_> {
    /// Gives the sampler a student, where it serves held-out data sets better: its density is that of where it ends, a path's
    /// weight that of the whole way.
    ///
    /// # Errors
    /// `AllFailed` where simulations keep failing.
    pub fn distil(
        &mut self,
        sampler: &mut Trained,
        held: &[DataSet],
        facts: &mut Facts,
    ) -> Result<(), InferError> {
        if self.training.student == 0 || self.settings.budget.exhausted() {
            return Ok(());
        }
        let pairs = self.pairs(sampler, LEARNED, 0)?;
        let unseen = self.pairs(sampler, HELD_OUT, 1)?;
        let recipe = &self.training.recipe;
        let lessons = Lessons {
            steps: if pairs.still() {
                0
            } else {
                self.training.student
            },
            rate: recipe.rate,
            width: 2 * recipe.width_for(sampler.dim()),
            depth: recipe.depth,
        };
        let told = (&self.settings.budget, &*self.settings.progress);
        let seed = self.seed.child("student", 0);
        let student = Student::learn(&pairs, sampler.dim(), &lessons, told, seed);
        let (distance, folded) = student.examine(&unseen);
        let mut taught = sampler.clone();
        taught.student = Some(student);
        taught.facts.student = Some(Pupil {
            kept: true,
            ..Pupil::default()
        });
        let judged = judge(&taught, held, self.seed.child("judge", 0));
        let kept = folded <= FOLDED && judged.score > facts.judged.score;
        facts.student = Some(Pupil {
            steps: lessons.steps as u64,
            distance,
            folded,
            ess: judged.ess,
            inside: judged.inside,
            kept,
        });
        sampler.student = taught.student.filter(|_| folded <= FOLDED);
        Ok(())
    }

    /// Noise and flow of so many data sets.
    fn pairs(&mut self, sampler: &Trained, n: usize, which: u64) -> Result<Pairs, InferError> {
        let seed = self.seed.child("pairs", which);
        let rows = self.supply.rows(&self.summary, n, seed)?;
        let told = sampler.encoder.see(&rows.f, &rows.z).told;
        let policy = self.template(sampler.network.clone());
        Ok(Pairs::told(&policy, &told, seed))
    }
}
