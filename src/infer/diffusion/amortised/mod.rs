//! A sampler for every data set: trained once on simulations, then asked for one posterior after another.
//!
//! ```text
//! simulated (z, y) ─▶ figures of y ─▶ a Gaussian for every y ─▶ denoising in its coordinates, told of y ─▶ balance
//! a real y ─▶ is it like the simulated ones? ─▶ a policy for this y ─▶ weighted paths ─▶ resampled ─▶ moved
//! ```
//! For one y the sampler is the same [`Policy`] that the diffusion engine trains: one frame, and a network that is told of
//! y. What leaves is weighed by that y's own log r, so that training decides how good the draws are and not where they
//! lead.
//!
//! # Source
//! Denoising regression on simulations is exact in the limit for every y at once (Sharrock et al. 2022, Geffner et al.
//! 2023); VarGrad with a few paths for each y follows (Richter et al. 2020). We depart in the reference (exact at any
//! number of steps), in coordinates that are fitted for each y, and in weights, verdict and alarm at each query.

mod alarm;
mod distil;
mod encoder;
mod engine;
mod estimates;
mod function;
mod judge;
mod options;
mod summary;
mod supply;
mod training;
mod weights;

use std::sync::Arc;

pub use engine::Query;
pub use judge::Judged;
pub use options::TRAINING;
pub use training::train;

use super::candidates;
use super::layout::Layout;
use super::network::Network;
use super::policy::Policy;
use super::schedule::Schedule;
use super::student::Student;
use crate::base::Seed;
use crate::infer::coordinates::frame::{Frame, Frames};
use crate::lower::Target;
use crate::store::{Packed, packed};
use alarm::Alarm;
use encoder::Encoder;
use summary::Summary;
use weights::Weights;

/// A program that draws its data, as far as training sees it.
pub trait Simulator: Sync {
    /// Noise coordinates that bear on the data: those of [`Simulator::target`].
    fn dim(&self) -> usize;

    /// The sizes of each array of a data set.
    fn arrays(&self) -> Vec<Vec<usize>>;

    /// Numbers that one simulation computes, about.
    fn size(&self) -> usize;

    /// `n` draws of noise and data; a failed one has NaN among its data.
    fn pairs(&self, n: usize, seed: Seed) -> Pairs;

    /// The posterior's target for a data set; `None` where the program cannot be bound to it.
    fn target(&self, y: &[f64]) -> Option<Arc<dyn Target>>;
}

/// Noise and the data that it led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// `[n, dim]`.
    pub z: Vec<f64>,
    /// `[n, numbers]`.
    pub y: Vec<f64>,
}

/// What training says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Simulations that were drawn.
    pub simulations: u64,
    /// Steps of fitting the Gaussian, of denoising and of balance.
    pub steps: [u64; 3],
    /// Mean log density of held-out noise under the regression, the fitted Gaussian, and (a bound) the sampler.
    pub log_density: [f64; 3],
    /// Over held-out data sets.
    pub judged: Judged,
    /// The one-step student, where one was asked for.
    pub student: Option<Pupil>,
    /// Whether time ran out, or the user interrupted.
    pub cut: bool,
}
packed!(Facts {
    simulations,
    steps,
    log_density,
    judged,
    student,
    cut
});

/// A one-step student as held-out data sets see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pupil {
    /// Steps of regression.
    pub steps: u64,
    /// Root mean square distance from the ends of the sampler's probability flow, in the units of each data set's coordinates.
    pub distance: f64,
    /// Share of its draws where it folds noise over itself.
    pub folded: f64,
    /// Share of its draws that are effective: median, and a tenth of the data sets has less than the second.
    pub ess: [f64; 2],
    /// Share of the true noise coordinates inside their central 80 % intervals.
    pub inside: f64,
    /// Whether it answers queries.
    pub kept: bool,
}
packed!(Pupil {
    steps,
    distance,
    folded,
    ess,
    inside,
    kept
});

/// A trained sampler.
#[derive(Clone)]
pub struct Trained {
    summary: Summary,
    encoder: Encoder,
    network: Network,
    /// One step in the network's place, where it was distilled.
    student: Option<Student>,
    levels: usize,
    high: f64,
    alarm: Alarm,
    /// What training says of itself.
    pub facts: Facts,
}

impl Trained {
    /// Noise coordinates.
    pub fn dim(&self) -> usize {
        self.network.sizes.inputs
    }

    /// Numbers of a data set.
    pub fn numbers(&self) -> usize {
        self.summary.numbers()
    }

    /// Why a data set is not like the simulated ones, where it is not.
    pub fn alarm(&self, y: &[f64]) -> Option<String> {
        let f = self.summary.of(y);
        let why = self.alarm.sounds(&f);
        why.or_else(|| {
            let none = self.encoder.frame(&f).is_none();
            none.then(|| "the fitted Gaussian has no finite shape for it".to_string())
        })
    }

    /// Whether the student is asked where nothing else is said.
    fn answers_by_student(&self) -> bool {
        self.facts.student.as_ref().is_some_and(|s| s.kept)
    }

    /// The policy for a data set's figures; `None` where the Gaussian has no finite shape.
    fn policy(&self, f: &[f64], target: &dyn Target) -> Option<Policy> {
        let (frame, told) = self.encoder.frame(f)?;
        Some(self.policy_in(frame, told, target))
    }

    fn policy_in(&self, frame: Frame, told: Vec<f32>, target: &dyn Target) -> Policy {
        let frames = Frames::single(self.dim(), vec![frame], vec![0.0]);
        let schedule = Schedule::new(self.levels, self.high);
        Policy {
            network: Some(self.network.clone()),
            student: self.student.clone().filter(|_| self.answers_by_student()),
            told,
            ..candidates::policy(Layout::noise(target), None, frames, schedule)
        }
    }
}

/// A sampler in a file.
struct Kept {
    summary: Summary,
    encoder: encoder::Kept,
    network: Weights,
    student: Option<Weights>,
    levels: usize,
    high: f64,
    alarm: Alarm,
    facts: Facts,
}
packed!(Kept {
    summary,
    encoder,
    network,
    student,
    levels,
    high,
    alarm,
    facts
});

impl Trained {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let kept = Kept {
            summary: self.summary.clone(),
            encoder: self.encoder.kept(),
            network: Weights::of(&self.network),
            student: self.student.as_ref().map(|s| Weights::of(&s.network)),
            levels: self.levels,
            high: self.high,
            alarm: self.alarm.clone(),
            facts: self.facts.clone(),
        };
        kept.packed()
    }

    /// From bytes, if they are a sampler whose parts fit together.
    pub fn of_bytes(bytes: &[u8]) -> Option<Trained> {
        let kept = Kept::unpacked(bytes)?;
        let student = match kept.student {
            Some(weights) => Some(Student {
                network: weights.network()?,
            }),
            None => None,
        };
        let trained = Trained {
            student,
            summary: kept.summary,
            encoder: kept.encoder.encoder()?,
            network: kept.network.network()?,
            levels: kept.levels,
            high: kept.high,
            alarm: kept.alarm,
            facts: kept.facts,
        };
        trained.is_sound().then_some(trained)
    }

    fn is_sound(&self) -> bool {
        let (s, d) = (&self.network.sizes, self.dim());
        let width = self.summary.width();
        (2..=1000).contains(&self.levels)
            && self.high.is_finite()
            && self.summary.is_sound()
            && (self.encoder.figures(), self.encoder.dim()) == (width, d)
            && self.alarm.fits(width)
            && (s.outputs, s.steps, s.contexts) == (2 * d, self.levels, self.encoder.told())
            && self.student.as_ref().is_none_or(|student| {
                let o = &student.network.sizes;
                (o.inputs, o.outputs, o.steps, o.contexts) == (d, d, 1, s.contexts)
            })
    }
}

#[cfg(test)]
mod tests;
