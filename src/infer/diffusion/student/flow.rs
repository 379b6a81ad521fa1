//! The probability flow of a policy, and paths that a student draws in its place.

use std::f64::consts::FRAC_PI_2;

use rand::RngExt;
use rand_distr::StandardNormal;

use super::Student;
use crate::base::Stream;
use crate::infer::diffusion::policy::{Paths, Policy};
use crate::infer::diffusion::schedule::Schedule;

impl Policy {
    /// Where the probability flow takes `noise: [n, d]`, for parts `[n]` and context `[n, contexts]`.
    ///
    /// With the clean end at the angle 0 and pure noise at π/2, x = cos θ x_0 + sin θ ε, and the network's word e for ε at
    /// x_0 = cos θ x + sin θ e makes it dx/dθ = −e. Steps are Adams' of second order, whose every evaluation is at a noise
    /// level that the network knows.
    ///
    /// `push` is what gradients say at rows of a step, where the policy asks.
    pub fn flow(
        &self,
        noise: &[f64],
        part: &[usize],
        context: Vec<f32>,
        push: impl Fn(usize, &[f64]) -> Option<Vec<f32>>,
    ) -> Vec<f64> {
        let d = self.frames.dim;
        let mut x = noise.to_vec();
        let Some(network) = self.network.as_ref().filter(|_| !x.is_empty()) else {
            return x;
        };
        let mut run = network.run(part, context);
        let angles = angles(&self.schedule);
        // The network has never seen the noisiest state, which is independent of the rest.
        let unseen = vec![0.0; x.len()];
        let mut before: Option<(f64, Vec<f64>)> = None;
        for s in (0..self.schedule.len()).rev() {
            let seen = if before.is_none() { &unseen } else { &x };
            let push = push(s, seen);
            let said = run.step(s, seen, push.as_deref().unwrap_or_default());
            let said = match &push {
                Some(push) => self.steered(s, push, said),
                None => said.into(),
            };
            let e: Vec<f64> = said
                .chunks_exact(2 * d)
                .flat_map(|row| row[..d].iter().map(|e| f64::from(*e)))
                .collect();
            let turn = angles[s + 1] - angles[s];
            match &before {
                Some((last, e_last)) => {
                    let ahead = 0.5 * turn / last;
                    let all = x.iter_mut().zip(e.iter().zip(e_last));
                    all.for_each(|(x, (e, b))| *x += turn * (e + ahead * (e - b)));
                }
                None => x.iter_mut().zip(&e).for_each(|(x, e)| *x += turn * e),
            }
            before = Some((turn, e));
        }
        x
    }
}

/// The angle of each noise level, from the clean end's 0 to π/2.
fn angles(schedule: &Schedule) -> Vec<f64> {
    let noisy = schedule.steps.iter().map(|step| step.shrink.acos());
    let mut all: Vec<f64> = std::iter::once(0.0).chain(noisy).collect();
    if let Some(last) = all.last_mut() {
        *last = FRAC_PI_2;
    }
    all
}

impl Student {
    /// Draws the clean ends of paths whose parts and values are chosen; their log-ratio is that of the student's density and
    /// the prior's, so that they are weighed as paths are.
    pub fn roll(
        &self,
        paths: &mut Paths,
        context: Vec<f32>,
        (dim, spread): (usize, f64),
        stream: &mut Stream,
    ) -> Vec<f64> {
        let normal = || spread * stream.sample::<f64, _>(StandardNormal);
        let noise: Vec<f64> = std::iter::repeat_with(normal).take(paths.n * dim).collect();
        let taken = self.take(&noise, context);
        let half_square = |x: &[f64]| 0.5 * x.iter().map(|v| v * v).sum::<f64>();
        let rows = taken.ends.chunks_exact(dim).zip(noise.chunks_exact(dim));
        paths.log_ratio = rows
            .zip(&taken.log_volume)
            .map(|((end, noise), volume)| half_square(end) - half_square(noise) - volume)
            .collect();
        taken.ends
    }
}
