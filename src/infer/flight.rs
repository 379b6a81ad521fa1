//! Particles that follow gradients: one Hamiltonian trajectory each, all in one batch, each with a step size of its own.
//!
//! Step sizes are drawn anew for each trajectory, most over a factor of [`SPAN`] and some over a hundred, so that narrow places
//! get steps that fit; their middle follows the acceptance. Trajectories run in the coordinates of a Gaussian fitted to the *other* half of the
//! particles.
//!
//! # Source
//! Neal 2011; as moves of SMC samplers: Buchholz, Chopin & Jacob 2021.

use rand::RngExt;
use rayon::prelude::*;

use super::gaussian::{Gaussian, fill_normal, log_prior};
use super::moves::Cloud;
use super::temper::{Level, Score};
use crate::base::Seed;
use crate::lower::Target;

/// Leapfrog steps of a trajectory.
const STEPS: usize = 8;
/// Ratio of the largest step size to the smallest.
const SPAN: f64 = 8.0;
/// Share of the trajectories with a step size anywhere between [`LEAST`] and 1 times the middle one.
const ANYWHERE: f64 = 0.25;
const LEAST: f64 = 0.02;
/// Mean acceptance that the middle step size is steered to: below that of equal steps, since the largest ones are meant to
/// fail in narrow places.
const GOAL: f64 = 0.65;
/// Middle step size at first, and at most: about half of a quarter turn.
const FIRST: f64 = 0.1;
const MOST: f64 = 0.25;

/// What is learned about step sizes.
#[derive(Clone, Debug)]
pub(crate) struct Glider {
    middle: f64,
}

/// All trajectories of one flight, `[n, dim]`.
struct Flock<'a> {
    z: Vec<f64>,
    momentum: Vec<f64>,
    log_r: Vec<f64>,
    gradient: Vec<f64>,
    step: Vec<f64>,
    beta: f64,
    shapes: Vec<&'a Gaussian>,
}

impl Glider {
    pub fn new() -> Glider {
        Glider { middle: FIRST }
    }

    /// A step size from a number in (0, 1).
    fn step(&self, u: f64) -> f64 {
        let scale = match u < ANYWHERE {
            true => LEAST.powf(u / ANYWHERE),
            false => SPAN.powf((u - ANYWHERE) / (1.0 - ANYWHERE) - 0.5),
        };
        self.middle * scale
    }

    /// Moves every particle of a tempered level along one trajectory; returns the share accepted and the gradients spent.
    /// `shape(i)` gives the coordinates that particle i flies in.
    pub fn glide<'a>(
        &mut self,
        cloud: &mut Cloud,
        level: Level,
        target: &dyn Target,
        shape: impl Fn(usize) -> &'a Gaussian,
        seed: Seed,
    ) -> (f64, u64) {
        let (n, d) = (cloud.n(), cloud.dim);
        let mut rng = seed.stream("fly", 0);
        let mut flock = Flock {
            z: cloud.z.clone(),
            momentum: vec![0.0; n * d],
            log_r: vec![0.0; n],
            gradient: vec![0.0; n * d],
            step: (0..n).map(|_| self.step(rng.random())).collect(),
            beta: level.beta(),
            shapes: (0..n).map(shape).collect(),
        };
        fill_normal(&mut flock.momentum, &mut rng);
        target.log_r_gradient(&flock.z, &mut flock.log_r, &mut flock.gradient);
        let before = flock.energies(d);
        for _ in 0..STEPS {
            flock.leap(target, d);
        }
        let mut accepted = 0.0;
        for (i, (before, after)) in before.into_iter().zip(flock.energies(d)).enumerate() {
            let ratio = if after.is_nan() {
                f64::NEG_INFINITY
            } else {
                before - after
            };
            let u: f64 = rng.random();
            accepted += ratio.min(0.0).exp();
            if u.ln() < ratio {
                cloud.z[i * d..(i + 1) * d].copy_from_slice(&flock.z[i * d..(i + 1) * d]);
                cloud.scores[i] = Score::of(flock.log_r[i]);
            }
        }
        let share = accepted / n as f64;
        self.middle = (self.middle * (share - GOAL).exp()).min(MOST);
        (share, ((STEPS + 1) * n) as u64)
    }
}

impl Flock<'_> {
    /// Minus the log density of place and momentum.
    fn energies(&self, d: usize) -> Vec<f64> {
        let rows = self.z.chunks_exact(d).zip(self.momentum.chunks_exact(d));
        rows.zip(&self.log_r)
            .map(|((z, p), l)| -self.beta * l - log_prior(z) - log_prior(p))
            .collect()
    }

    fn leap(&mut self, target: &dyn Target, d: usize) {
        self.kick(d);
        let rows = self.z.par_chunks_mut(d).zip(self.momentum.par_chunks(d));
        rows.zip(&self.shapes)
            .zip(&self.step)
            .for_each(|(((z, p), shape), e)| {
                let mut moved = vec![0.0; d];
                shape.scale(p, &mut moved);
                z.iter_mut().zip(&moved).for_each(|(z, v)| *z += e * v);
            });
        target.log_r_gradient(&self.z, &mut self.log_r, &mut self.gradient);
        self.kick(d);
    }

    /// Half a step of the momenta.
    fn kick(&mut self, d: usize) {
        let beta = self.beta;
        let rows = self.momentum.par_chunks_mut(d).zip(self.z.par_chunks(d));
        let rows = rows.zip(self.gradient.par_chunks(d));
        rows.zip(&self.shapes)
            .zip(&self.step)
            .for_each(|((((p, z), g), shape), e)| {
                let total: Vec<f64> = g.iter().zip(z).map(|(g, z)| beta * g - z).collect();
                let mut pulled = vec![0.0; d];
                shape.pull_back(&total, &mut pulled);
                p.iter_mut()
                    .zip(&pulled)
                    .for_each(|(p, g)| *p += 0.5 * e * g);
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::Evaluations;
    use crate::infer::temper::score;
    use crate::infer::testing::linear;

    #[test]
    fn trajectories_leave_the_posterior_alone() {
        let case = linear();
        let d = case.target.dim();
        let mut rng = Seed(2).stream("test", 0);
        let mut cloud = Cloud {
            z: vec![0.0; 3000 * d],
            scores: Vec::new(),
            dim: d,
        };
        fill_normal(&mut cloud.z, &mut rng);
        cloud.scores = score(&case.target, &cloud.z, false, &mut Evaluations::default());
        let standard = Gaussian::standard(d);
        // At exponent 0 the law is the prior's: exact draws must stay so, whatever the steps.
        let mut glider = Glider::new();
        for k in 0..5 {
            let seed = Seed(7).child("flight", k);
            let (share, spent) = glider.glide(
                &mut cloud,
                Level::Hard(0.0),
                &case.target,
                |_| &standard,
                seed,
            );
            assert!(share > 0.5 && spent == 27_000);
        }
        for j in 0..d {
            let x: Vec<f64> = cloud.z.iter().skip(j).step_by(d).copied().collect();
            let (mean, sd) = crate::draws::mean_sd(&x, None);
            // 5 standard errors.
            assert!(
                mean.abs() < 5.0 / 3000f64.sqrt() && (sd - 1.0).abs() < 5.0 / 6000f64.sqrt(),
                "{j}: {mean} {sd}"
            );
        }
    }
}
