//! The `hmc` engine: Hamiltonian Monte Carlo with trajectories of a jittered number of steps, for smooth programs.
//!
//! ```text
//! momentum N(0, I) ─▶ leapfrog steps in the coordinates of a Gaussian fitted to a short SMC ─▶ accept or stay
//! ```
//!
//! All chains step together, one batch of gradients a leapfrog step. Each has a step size of its own, and takes a fourth of it now
//! and then.
//!
//! # Source
//! Neal 2011; step size by dual averaging: Hoffman & Gelman 2014, § 3.2.

use std::f64::consts::FRAC_PI_2;

use rand::RngExt;

use super::chains::{self, Ground, THIN, WARMUP, Walk, Walker};
use super::gaussian::{Gaussian, fill_normal, log_prior};
use super::{Engine, InferError, OptionSpec, Outcome, Settings};
use crate::lower::Target;

/// A trajectory that has lost this many nats of energy does not come back.
const DIVERGED: f64 = 1000.0;
/// Most steps of a trajectory whose number was not asked for, before jitter.
const MOST_STEPS: usize = 64;
/// Share of the trajectories after the warm-up that take smaller steps, and how much smaller: a chain that stands where the
/// tuned size always fails would stay there for dozens of draws.
const FINE_SHARE: f64 = 0.125;
const FINE: f64 = 0.25;

/// Hamiltonian Monte Carlo.
#[derive(Clone, Copy, Debug)]
pub struct Hmc;

impl Engine for Hmc {
    fn name(&self) -> &'static str {
        "hmc"
    }

    fn summary(&self) -> &'static str {
        "Hamiltonian Monte Carlo: chains that follow gradients for a jittered number of steps, for smooth programs"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            WARMUP,
            THIN,
            OptionSpec {
                name: "steps",
                default: "auto",
                help: "mean number of leapfrog steps of a trajectory (auto: a quarter turn of the fitted Gaussian)",
            },
            OptionSpec {
                name: "target_accept",
                default: "0.8",
                help: "acceptance that the step size is tuned to, in (0, 1): higher means smaller steps",
            },
        ]
    }

    fn ends_anywhere(&self) -> bool {
        true
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let o = &settings.options;
        o.check(self.options())?;
        chains::demand_smooth(self.name(), target)?;
        let mut walk = Trajectories {
            steps: o.count("steps", 1)?,
            target_accept: o.number("target_accept", 0.01, 0.999)?.unwrap_or(0.8),
            shape: Gaussian::standard(0),
            pilots: Vec::new(),
            divergences: 0,
        };
        let mut outcome = chains::run(&mut walk, target, settings)?;
        if walk.divergences > 0 {
            outcome.warnings.push(format!(
                "{} trajectories diverged; a larger -O target_accept makes smaller steps",
                walk.divergences
            ));
        }
        Ok(outcome)
    }
}

struct Trajectories {
    steps: Option<usize>,
    target_accept: f64,
    /// In whose coordinates the steps are taken.
    shape: Gaussian,
    /// One for each chain.
    pilots: Vec<Pilot>,
    divergences: u64,
}

/// A chain's step size, and its gradient where it stands.
struct Pilot {
    gradient: Vec<f64>,
    step: StepSize,
}

/// A trajectory under way.
struct Flight {
    walker: usize,
    z: Vec<f64>,
    log_r: f64,
    gradient: Vec<f64>,
    momentum: Vec<f64>,
    energy: f64,
    step: f64,
    left: usize,
    diverged: bool,
}

impl Walk for Trajectories {
    fn step(&mut self, walkers: &mut [Walker], ground: &mut Ground, warming: bool) -> f64 {
        if self.pilots.is_empty() {
            self.begin(walkers, ground);
        }
        let mut flights: Vec<Flight> = (0..walkers.len())
            .map(|i| self.launch(i, &mut walkers[i], warming))
            .collect();
        while flights.iter().any(|f| f.left > 0) {
            self.leap(&mut flights, ground);
        }
        let mut accepted = 0.0;
        for flight in flights {
            let walker = &mut walkers[flight.walker];
            let pilot = &mut self.pilots[flight.walker];
            let log_ratio = match flight.diverged {
                true => f64::NEG_INFINITY,
                false => -(flight.energy_now() - flight.energy),
            };
            let share = log_ratio.min(0.0).exp();
            accepted += share;
            self.divergences += u64::from(flight.diverged && !warming);
            if walker.decide(&flight.z, flight.log_r, log_ratio) {
                pilot.gradient = flight.gradient;
            }
            if warming {
                pilot.step.learn(share, self.target_accept);
            }
        }
        accepted / walkers.len() as f64
    }

    fn divergences(&self) -> Option<u64> {
        Some(self.divergences)
    }
}

impl Trajectories {
    fn begin(&mut self, walkers: &[Walker], ground: &mut Ground) {
        let z: Vec<f64> = walkers.iter().flat_map(|w| w.z.iter().copied()).collect();
        let (_, gradient) = ground.log_r_gradient(&z);
        let dim = ground.target.dim();
        self.shape = ground.shapes[ground.shapes.len() - 1].clone();
        self.pilots = gradient
            .chunks_exact(dim)
            .map(|g| Pilot {
                gradient: g.to_vec(),
                step: StepSize::new((dim as f64).powf(-0.25)),
            })
            .collect();
    }

    fn launch(&self, i: usize, walker: &mut Walker, warming: bool) -> Flight {
        let pilot = &self.pilots[i];
        let mut momentum = vec![0.0; walker.z.len()];
        fill_normal(&mut momentum, &mut walker.rng);
        let tuned = pilot.step.size(warming);
        let quarter = (FRAC_PI_2 / tuned).ceil() as usize;
        let mean = self.steps.unwrap_or(quarter.clamp(1, MOST_STEPS));
        let jitter = 0.5 + walker.rng.random::<f64>();
        let fine = !warming && walker.rng.random::<f64>() < FINE_SHARE;
        let mut flight = Flight {
            walker: i,
            z: walker.z.clone(),
            log_r: walker.log_r,
            gradient: pilot.gradient.clone(),
            momentum,
            energy: 0.0,
            step: if fine { FINE * tuned } else { tuned },
            left: ((mean as f64 * jitter).round() as usize).max(1),
            diverged: false,
        };
        flight.energy = flight.energy_now();
        flight
    }

    /// One leapfrog step of every trajectory that is still under way.
    fn leap(&self, flights: &mut [Flight], ground: &mut Ground) {
        let dim = ground.target.dim();
        let shape = &self.shape;
        let mut rows = Vec::new();
        let mut moved = vec![0.0; dim];
        for f in flights.iter_mut().filter(|f| f.left > 0) {
            let e = f.step;
            f.kick(0.5 * e, shape, &mut moved);
            shape.scale(&f.momentum, &mut moved);
            f.z.iter_mut().zip(&moved).for_each(|(z, v)| *z += e * v);
            rows.extend_from_slice(&f.z);
        }
        let (log_r, gradient) = ground.log_r_gradient(&rows);
        let under_way = flights.iter_mut().filter(|f| f.left > 0);
        for ((f, log_r), gradient) in under_way.zip(log_r).zip(gradient.chunks_exact(dim)) {
            f.left -= 1;
            f.log_r = log_r;
            f.gradient.copy_from_slice(gradient);
            f.kick(0.5 * f.step, shape, &mut moved);
            let lost = f.energy_now() - f.energy;
            if lost.is_nan() || lost >= DIVERGED {
                f.diverged = true;
                f.left = 0;
            }
        }
    }
}

impl Flight {
    fn energy_now(&self) -> f64 {
        -self.log_r - log_prior(&self.z) - log_prior(&self.momentum)
    }

    fn kick(&mut self, e: f64, shape: &Gaussian, room: &mut [f64]) {
        let total: Vec<f64> = self
            .gradient
            .iter()
            .zip(&self.z)
            .map(|(g, z)| g - z)
            .collect();
        shape.pull_back(&total, room);
        self.momentum
            .iter_mut()
            .zip(room)
            .for_each(|(p, g)| *p += e * *g);
    }
}

/// Dual averaging of the log step size.
struct StepSize {
    log: f64,
    averaged: f64,
    anchor: f64,
    error: f64,
    n: f64,
}

impl StepSize {
    fn new(first: f64) -> StepSize {
        StepSize {
            log: first.ln(),
            averaged: first.ln(),
            anchor: (10.0 * first).ln(),
            error: 0.0,
            n: 0.0,
        }
    }

    fn size(&self, warming: bool) -> f64 {
        match warming {
            true => self.log.exp(),
            false => self.averaged.exp(),
        }
    }

    fn learn(&mut self, accepted: f64, goal: f64) {
        self.n += 1.0;
        let w = 1.0 / (self.n + 10.0);
        self.error = (1.0 - w) * self.error + w * (goal - accepted);
        self.log = self.anchor - self.n.sqrt() / 0.05 * self.error;
        let keep = self.n.powf(-0.75);
        self.averaged = keep * self.log + (1.0 - keep) * self.averaged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::{check_moments, eight_schools, funnel, linear, logistic, ring};

    #[test]
    fn known_posteriors_are_met_within_the_stated_errors() {
        for case in [linear(), funnel(), logistic(), eight_schools()] {
            let out = Hmc
                .run(&case.target, &Settings::new(2000, Seed(1)))
                .unwrap();
            assert!(out.reliable, "{}: {:?}", case.name, out.warnings);
            check_moments(&case, &out.noise.z, out.diagnostics.ess_bulk_min.unwrap());
            assert!(out.diagnostics.acceptance.unwrap() > 0.6, "{}", case.name);
        }
    }

    #[test]
    fn what_is_not_smooth_is_refused() {
        let refused = Hmc.run(&ring().target, &Settings::new(100, Seed(1)));
        assert!(matches!(
            refused,
            Err(InferError::NotSmooth { engine: "hmc", .. })
        ));
    }
}
