//! Evaluations of a bound program for benchmarks, and what they take.

use std::time::Instant;

use super::bound::{LOOK, standard_normals};
use super::{Bound, Failure};
use crate::base::Seed;
use crate::infer;
use crate::lower::Target;

impl Bound {
    /// log r of `n` executions of the prior, all components together: for benchmarks and checks of a program's weights.
    ///
    /// # Shapes
    /// `[n]`, in nats; −∞ for weight 0.
    pub fn prior_log_weights(&self, n: usize, seed: u64) -> Vec<f64> {
        let mut total = vec![self.inner().0.constant; n];
        let components = self.inner().0.components.iter();
        let each = components.flat_map(|c| c.members().map(move |_| c));
        for (i, component) in each.enumerate() {
            let z = standard_normals(
                Seed(seed).child("component", i as u64),
                "prior",
                n * component.dim(),
            );
            let mut log_r = vec![0.0; n];
            component.log_r(&z, &mut log_r);
            total.iter_mut().zip(log_r).for_each(|(t, x)| *t += x);
        }
        total
    }

    /// Gradients of log r at `n` executions of the prior, evaluated `batch` at a time, component after component: for
    /// benchmarks.
    ///
    /// # Shapes
    /// `[n, dim]` for each component.
    pub fn prior_gradients(&self, n: usize, seed: u64, batch: usize) -> Vec<f64> {
        let mut all = Vec::new();
        for (i, component) in self.inner().0.components.iter().enumerate() {
            let (dim, seed) = (component.dim(), Seed(seed).child("component", i as u64));
            let z = standard_normals(seed, "prior", n * dim);
            for rows in z.chunks((batch.max(1) * dim).max(1)) {
                let mut log_r = vec![0.0; rows.len() / dim.max(1)];
                let mut gradient = vec![0.0; rows.len()];
                component.log_r_gradient(rows, &mut log_r, &mut gradient);
                all.extend(gradient);
            }
        }
        all
    }

    /// Seconds that one execution's log r takes, or its log r and gradient, averaged over `rounds` times `batch` executions of
    /// the prior that are evaluated `batch` at a time: a measurement for benchmarks.
    pub fn evaluation_seconds(&self, batch: usize, rounds: usize, gradient: bool) -> f64 {
        let mut seconds = 0.0;
        for (i, component) in self.inner().0.components.iter().enumerate() {
            let (dim, seed) = (component.dim(), Seed(0).child("component", i as u64));
            // A few batches, used again and again: fresh noise would be most of the memory.
            let different = rounds.min((1 << 16) / (batch * dim).max(1) + 1);
            let z = standard_normals(seed, "prior", different * batch * dim);
            let (mut log_r, mut slopes) = (vec![0.0; batch], vec![0.0; batch * dim]);
            let started = Instant::now();
            for k in 0..rounds {
                let rows = &z[(k % different) * batch * dim..][..batch * dim];
                match gradient {
                    true => component.log_r_gradient(rows, &mut log_r, &mut slopes),
                    false => component.log_r(rows, &mut log_r),
                }
            }
            seconds += started.elapsed().as_secs_f64();
        }
        seconds / (rounds * batch) as f64
    }

    /// Milliseconds of one training iteration of the diffusion engine on the program's first component, averaged over
    /// `iterations`: a measurement for benchmarks.
    ///
    /// # Errors
    /// As [`Bound::infer`].
    pub fn training_ms(
        &self,
        iterations: usize,
        options: &[(String, String)],
    ) -> Result<f64, Failure> {
        let pairs = options.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let options = infer::Options::from_pairs(pairs);
        match self.inner().0.components.first() {
            Some(c) => infer::diffusion::time_training(&**c, &options, iterations, LOOK)
                .map_err(|e| Failure::of_infer(&e, self.inner().1.sources.clone())),
            None => Ok(0.0),
        }
    }
}
