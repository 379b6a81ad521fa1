//! Where trajectories run, and the log-density there: noise, or latent values in its place, improper measures on their lines,
//! behind fitted coordinates where there are some.
//!
//! ```text
//! u ── frame ─▶ a line for each improper measure ── Stretch ─▶ noise and latent values ── Centred ─▶ noise z
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use nuts_rs::{CpuLogpFunc, CpuMathError, HasDims, LogpError};

use crate::infer::coordinates::frame::Frame;
use crate::infer::gaussian::log_prior;
use crate::lower::{Centred, Stretch, Target};

/// The map from what a trajectory walks through to noise.
#[derive(Clone, Copy)]
pub(in crate::infer) struct Ways<'a> {
    /// What is evaluated: the target, or the same over latent values.
    target: &'a dyn Target,
    centred: Option<&'a Centred>,
    stretched: &'a [(usize, Stretch)],
    frame: Option<&'a Frame>,
}

impl<'a> Ways<'a> {
    /// Those of a target, behind `frame`.
    pub fn of(target: &'a dyn Target, frame: Option<&'a Frame>) -> Ways<'a> {
        Ways {
            target,
            centred: None,
            stretched: &target.structure().stretched,
            frame,
        }
    }

    /// Those over latent values, where there are some.
    pub fn over<'b>(self, latent: &'b Option<Centred>) -> Ways<'b>
    where
        'a: 'b,
    {
        match latent {
            Some(centred) => Ways {
                target: centred.target(),
                centred: Some(centred),
                ..self
            },
            None => self,
        }
    }

    /// Noise to a trajectory's place.
    pub fn enter(self, z: &mut [f64]) {
        self.onto_lines(z);
        if let Some(frame) = self.frame {
            let lines = z.to_vec();
            frame.whiten(&lines, z);
        }
    }

    /// Noise to lines: where frames are fitted.
    pub fn onto_lines(self, z: &mut [f64]) {
        self.centred.into_iter().for_each(|c| c.enter(z));
        self.stretched
            .iter()
            .for_each(|&(j, s)| z[j] = s.place(z[j]));
    }

    /// A trajectory's place to noise.
    pub fn leave(self, u: &mut [f64]) {
        let lines = self.lines(u);
        u.copy_from_slice(&lines);
        self.stretched
            .iter()
            .for_each(|&(j, s)| u[j] = s.noise(u[j]).0);
        self.centred.into_iter().for_each(|c| c.leave(u));
    }

    fn lines(self, u: &[f64]) -> Vec<f64> {
        let mut lines = u.to_vec();
        if let Some(frame) = self.frame {
            frame.place(u, &mut lines);
        }
        lines
    }

    /// The log-density at u and its gradient, in place of that of log r.
    fn density(self, u: &[f64], gradient: &mut [f64]) -> f64 {
        let lines = self.lines(u);
        let mut z = lines.clone();
        self.stretched
            .iter()
            .for_each(|&(j, s)| z[j] = s.noise(lines[j]).0);
        let mut log_r = [0.0];
        self.target.log_r_gradient(&z, &mut log_r, gradient);
        let mut log_density = log_r[0] + log_prior(&z);
        gradient.iter_mut().zip(&z).for_each(|(g, z)| *g -= z);
        for &(j, s) in self.stretched {
            let (log_base, d) = s.log_base(lines[j]);
            log_density += log_base + 0.5 * z[j] * z[j];
            gradient[j] = (gradient[j] + z[j]) * s.noise(lines[j]).1 + d;
        }
        if let Some(frame) = self.frame {
            frame.pull(&lines, gradient);
            log_density += frame.log_det_at(&lines);
        }
        log_density
    }
}

/// The log-density along trajectories, and its gradient.
pub(super) struct Density<'a> {
    pub ways: Ways<'a>,
    /// Counts evaluations.
    pub gradients: &'a AtomicU64,
}

/// An execution without weight, or with a gradient that is not a number.
#[derive(Debug, thiserror::Error)]
#[error("the density or its gradient is not a finite number")]
pub(super) struct NoWeight;

impl LogpError for NoWeight {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl HasDims for Density<'_> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        let dim = self.dim() as u64;
        HashMap::from([("unconstrained_parameter".to_string(), dim)])
    }
}

impl CpuLogpFunc for Density<'_> {
    type LogpError = NoWeight;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.ways.target.dim()
    }

    fn logp(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64, NoWeight> {
        self.gradients.fetch_add(1, Ordering::Relaxed);
        let log_density = self.ways.density(u, gradient);
        match log_density.is_finite() && gradient.iter().all(|g| g.is_finite()) {
            true => Ok(log_density),
            false => Err(NoWeight),
        }
    }

    fn expand_vector<R: rand::Rng + ?Sized>(
        &mut self,
        _rng: &mut R,
        z: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(z.to_vec())
    }
}
