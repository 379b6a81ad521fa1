//! The `pcn` engine: preconditioned Crank–Nicolson, Metropolis steps that leave a Gaussian invariant.
//!
//! # Source
//! Cotter, Roberts, Stuart & White 2013; about a fitted Gaussian: Rudolf & Sprungk 2018.

use super::chains::{self, ABOUT, Ground, THIN, WARMUP, Walk, Walker};
use super::{Engine, InferError, OptionSpec, Outcome, Settings};
use crate::lower::Target;

/// Acceptance that warm-up steers towards.
const ACCEPT: f64 = 0.3;

/// Preconditioned Crank–Nicolson.
#[derive(Clone, Copy, Debug)]
pub struct Pcn;

impl Engine for Pcn {
    fn name(&self) -> &'static str {
        "pcn"
    }

    fn summary(&self) -> &'static str {
        "Preconditioned Crank-Nicolson: Metropolis chains whose proposals keep the prior (or a fitted Gaussian); any dimension"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[WARMUP, THIN, ABOUT]
    }

    fn ends_anywhere(&self) -> bool {
        true
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        settings.options.check(self.options())?;
        chains::run(
            &mut Steps {
                turn: 0,
                log_rho: vec![0.5f64.ln(); 2],
            },
            target,
            settings,
        )
    }
}

struct Steps {
    turn: usize,
    /// Log step size ρ for each shape.
    log_rho: Vec<f64>,
}

impl Walk for Steps {
    fn step(&mut self, walkers: &mut [Walker], ground: &mut Ground, warming: bool) -> f64 {
        let dim = ground.target.dim();
        let shape = self.turn % ground.shapes.len();
        self.turn += 1;
        let rho = self.log_rho[shape].exp();
        let mut z = vec![0.0; walkers.len() * dim];
        for (w, row) in walkers.iter_mut().zip(z.chunks_exact_mut(dim)) {
            ground.shapes[shape].step(&w.z, rho, &mut w.rng, row);
        }
        let log_r = ground.log_r(&z);
        let mut accepted = 0.0;
        for ((w, row), log_r) in walkers.iter_mut().zip(z.chunks_exact(dim)).zip(log_r) {
            let ratio =
                ground.remainder(shape, row, log_r) - ground.remainder(shape, &w.z, w.log_r);
            accepted += f64::from(u8::from(w.decide(row, log_r, ratio)));
        }
        accepted /= walkers.len() as f64;
        if warming {
            // Robbins–Monro with a decay slow enough to travel orders of magnitude in the warm-up.
            let gain = 1.0 / (1.0 + self.turn as f64 / 10.0).sqrt();
            self.log_rho[shape] =
                (self.log_rho[shape] + gain * (accepted - ACCEPT)).clamp(-15.0, 0.0);
        }
        accepted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::Options;
    use crate::infer::testing::{
        check_moments, eight_schools, four_modes, funnel, linear, logistic,
    };

    #[test]
    fn known_posteriors_are_met_within_the_stated_errors() {
        for case in [linear(), funnel(), logistic(), eight_schools()] {
            let out = Pcn
                .run(&case.target, &Settings::new(2000, Seed(1)))
                .unwrap();
            assert!(out.reliable, "{}: {:?}", case.name, out.warnings);
            check_moments(&case, &out.noise.z, out.diagnostics.ess_bulk_min.unwrap());
        }
    }

    #[test]
    fn a_mode_that_all_chains_missed_is_told() {
        // Steps too short to cross: the chains stay where they start.
        let case = four_modes();
        let mut settings = Settings::new(800, Seed(1));
        settings.n_chains = 1;
        settings.options = Options::from_pairs([("about", "prior"), ("thin", "5")]);
        let out = Pcn.run(&case.target, &settings).unwrap();
        assert!(
            !out.reliable && out.warnings.iter().any(|w| w.contains("missed a mode")),
            "{:?}",
            out.warnings
        );
    }
}
