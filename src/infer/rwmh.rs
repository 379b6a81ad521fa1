//! The `rwmh` engine: random-walk Metropolis, steps shaped after a fitted Gaussian.
//!
//! # Source
//! Haario, Saksman & Tamminen 2001 (shape); Roberts, Gelman & Gilks 1997 (acceptance .234).

use super::chains::{self, ABOUT, Ground, THIN, WARMUP, Walk, Walker};
use super::gaussian::{fill_normal, log_prior};
use super::{Engine, InferError, OptionSpec, Outcome, Settings};
use crate::lower::Target;

/// Acceptance that warm-up steers towards.
const ACCEPT: f64 = 0.234;

/// Random-walk Metropolis.
#[derive(Clone, Copy, Debug)]
pub struct Rwmh;

impl Engine for Rwmh {
    fn name(&self) -> &'static str {
        "rwmh"
    }

    fn summary(&self) -> &'static str {
        "Random-walk Metropolis: the plainest chains, as a baseline"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[WARMUP, THIN, ABOUT]
    }

    fn ends_anywhere(&self) -> bool {
        true
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        settings.options.check(self.options())?;
        let first = (2.38 / (target.dim().max(1) as f64).sqrt()).ln();
        chains::run(
            &mut Steps {
                turn: 0,
                log_scale: vec![first; 2],
            },
            target,
            settings,
        )
    }
}

struct Steps {
    turn: usize,
    /// Log of the step length for each shape, in its standard deviations.
    log_scale: Vec<f64>,
}

impl Walk for Steps {
    fn step(&mut self, walkers: &mut [Walker], ground: &mut Ground, warming: bool) -> f64 {
        let dim = ground.target.dim();
        let shape = self.turn % ground.shapes.len();
        self.turn += 1;
        let scale = self.log_scale[shape].exp();
        let mut z = vec![0.0; walkers.len() * dim];
        let mut noise = vec![0.0; dim];
        for (w, row) in walkers.iter_mut().zip(z.chunks_exact_mut(dim)) {
            fill_normal(&mut noise, &mut w.rng);
            ground.shapes[shape].scale(&noise, row);
            row.iter_mut()
                .zip(&w.z)
                .for_each(|(p, z)| *p = z + scale * *p);
        }
        let log_r = ground.log_r(&z);
        let mut accepted = 0.0;
        for ((w, row), log_r) in walkers.iter_mut().zip(z.chunks_exact(dim)).zip(log_r) {
            let ratio = log_r + log_prior(row) - w.log_r - log_prior(&w.z);
            accepted += f64::from(u8::from(w.decide(row, log_r, ratio)));
        }
        accepted /= walkers.len() as f64;
        if warming {
            let gain = 1.0 / (1.0 + self.turn as f64 / 10.0).sqrt();
            self.log_scale[shape] += gain * (accepted - ACCEPT);
        }
        accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::{check_moments, eight_schools, logistic};

    #[test]
    fn known_posteriors_are_met_within_the_stated_errors() {
        for case in [logistic(), eight_schools()] {
            let out = Rwmh
                .run(&case.target, &Settings::new(2000, Seed(1)))
                .unwrap();
            assert!(out.reliable, "{}: {:?}", case.name, out.warnings);
            check_moments(&case, &out.noise.z, out.diagnostics.ess_bulk_min.unwrap());
        }
    }
}
