//! Modes that particles lost on their way are given back: ascents found them, and draws of them say what they weigh.
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
/// A mode is given at most so many times the particles that there are.
const MOST_ODDS: f64 = 4.0;

/// Adds particles where modes have too few.
pub(super) fn give_back(particles: &mut Particles, modes: &Modes, target: &dyn Target, seed: Seed) {
    if modes.modes.len() < 2 {
        return;
    }
    let (shares, there) = (modes.log_shares(), modes.visits(&particles.z));
    let n = particles.n as f64;
    let lost = |k: usize, share: f64| share > LEAST && (there[k] as f64) < LOST * share * n;
    let (few, enough): (Vec<usize>, Vec<usize>) =
        (0..shares.len()).partition(|&k| lost(k, shares[k].exp()));
    let masses: Vec<f64> = enough.iter().map(|&k| modes.modes[k].log_mass).collect();
    let known = particles
        .evidence()
        .map_or_else(|| log_sum_exp(&masses), |(log_z, _)| log_z);
    let mut stream = seed.stream("lost modes", 0);
    for k in few {
        let mode = &modes.modes[k];
        // What it weighs is for draws to say: a curvature may mislead.
        let Some(probe) = mode.draw(0, target, &mut stream) else {
            continue;
        };
        particles.evaluations += probe.evaluations;
        let odds = (probe.log_mass - known).exp().min(MOST_ODDS);
        if lost(k, odds / (1.0 + odds))
            && let Some(found) = mode.draw((odds * n).ceil() as usize, target, &mut stream)
        {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::modes::search;
    use crate::infer::smc::Refreshed;
    use crate::infer::testing::islands;

    #[test]
    fn an_island_without_particles_gets_its_share_of_them() {
        let target = islands(vec![vec![1.0, 0.5], vec![-1.0, -0.5]], 0.1);
        let modes = search(&target, Seed(1));
        let mut rng = Seed(2).stream("particles", 0);
        let there = modes.modes[1].draw(500, &target, &mut rng).unwrap();
        let families = (0..500).collect();
        let mut particles =
            Particles::from_draws(there.z, there.log_r, families, &Refreshed::default());
        particles.log_z = 0.0;
        particles.log_z_se = 0.05;
        give_back(&mut particles, &modes, &target, Seed(3));
        // The second island weighs twice as much as the first, whose mass is 1.
        let [second, first] = modes.visits(&particles.z)[..] else {
            panic!("two islands")
        };
        assert_eq!(first, 500);
        assert!((900..1100).contains(&second), "{second}");
        assert!(
            (particles.log_z - 3f64.ln()).abs() < 0.1,
            "{}",
            particles.log_z
        );
        let before = particles.n;
        give_back(&mut particles, &modes, &target, Seed(3));
        assert_eq!(particles.n, before);
    }
}
