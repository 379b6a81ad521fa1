//! Modes that particles lost on their way are given back: ascents found them, and curvature says what they weigh.
//!
//! A mode far out has less than one particle at the temperature where modes part, and nothing finds it later. What is given back
//! here is rough (draws of the mode's Gaussian, weighted and resampled); paths' weights make it exact, as with all particles.

use crate::base::Seed;
use crate::infer::coordinates::linear::log_sum_exp;
use crate::infer::modes::{Local, Modes};
use crate::infer::population::Particles;
use crate::lower::Target;

/// A mode is lost where it has less than this part of the particles that it should have.
const LOST: f64 = 0.2;
/// Modes with a smaller share of the mass are let go.
const LEAST: f64 = 0.002;

/// Adds particles where modes have too few.
pub(super) fn give_back(particles: &mut Particles, modes: &Modes, target: &dyn Target, seed: Seed) {
    if modes.modes.len() < 2 {
        return;
    }
    let shares: Vec<f64> = modes.log_shares().iter().map(|s| s.exp()).collect();
    let there = modes.visits(&particles.z);
    let n = particles.n as f64;
    let lost: Vec<usize> = (0..shares.len())
        .filter(|&k| shares[k] > LEAST && (there[k] as f64) < LOST * shares[k] * n)
        .collect();
    let kept: f64 = 1.0 - lost.iter().map(|&k| shares[k]).sum::<f64>();
    let mut stream = seed.stream("lost modes", 0);
    for k in lost {
        let count = (shares[k] / kept.max(0.05) * n).ceil() as usize;
        if let Some(found) = modes.modes[k].draw(count, target, &mut stream) {
            join(particles, found);
        }
    }
}

fn join(particles: &mut Particles, found: Local) {
    let first = particles.lineage.iter().max().map_or(0, |m| m + 1);
    particles.n += found.log_r.len();
    particles.z.extend(found.z);
    particles.log_r.extend(found.log_r);
    particles
        .lineage
        .extend(found.origin.iter().map(|&i| first + i as u32));
    particles.evaluations += found.evaluations;
    if !particles.log_z.is_nan() {
        particles.log_z = log_sum_exp(&[particles.log_z, found.log_mass]);
    }
    particles.modes = true;
}
