//! A query: the posterior of one data set, from a sampler that was trained for all of them.

use std::time::Instant;

use super::super::answer;
use super::super::candidates::Candidate;
use super::super::layout::Points;
use super::super::training::Trainer;
use super::{Trained, options};
use crate::infer::{Engine, InferError, OptionSpec, Outcome, Settings, Timing};
use crate::lower::Target;

/// A trained sampler asked about one data set. Its answer is weighed, resampled, moved and judged as the diffusion engine's.
pub struct Query<'a> {
    /// The sampler.
    pub sampler: &'a Trained,
    /// The numbers of the data set.
    pub y: &'a [f64],
}

impl Engine for Query<'_> {
    fn name(&self) -> &'static str {
        "diffusion"
    }

    fn summary(&self) -> &'static str {
        "a diffusion sampler trained for every data set"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let start = Instant::now();
        let (recipe, student) = options::query(&settings.options, target.structure())?;
        let f = self.sampler.summary.of(self.y);
        let mut policy = self
            .sampler
            .policy(&f, target)
            .ok_or(InferError::Diverged {
                engine: "diffusion",
                why: "the fitted Gaussian has no finite shape for this data".to_string(),
            })?;
        match student {
            Some(true) => policy.student.clone_from(&self.sampler.student),
            Some(false) => policy.student = None,
            None => (),
        }
        let candidate = Candidate {
            policy,
            train: Points::default(),
            held_out: Points::default(),
            name: "trained for every data set".to_string(),
            separated: false,
        };
        let seed = settings.seed.child("query", 0);
        let mut trainer =
            Trainer::new(target, &recipe, &settings.budget, &*settings.progress, seed);
        let eubo = f64::NAN;
        let mut trained = super::super::Trained { candidate, eubo };
        let mut outcome = answer::draw(
            &mut trainer,
            &mut trained,
            super::super::Taught::default(),
            settings,
        )?;
        outcome.evaluations.log_r += trainer.evaluations;
        outcome.timing = Timing {
            sample_s: start.elapsed().as_secs_f64(),
            ..Timing::default()
        };
        outcome.interrupted = settings.budget.interrupted();
        Ok(outcome)
    }
}
