//! Draws of a posterior, carried on by exact moves: relatives part, and what drifts was not at rest.

use super::Evaluations;
use super::drift::Drift;
use super::moves::{Cloud, Repertoire};
use super::population::{FORGOTTEN, LAST_FORGOTTEN, MANY};
use super::temper::{Level, Road};
use crate::base::Seed;
use crate::lower::Target;

/// Draws that are refreshed are looked at every so many moves.
const SNAPSHOT: usize = 3;

/// What a refreshing of draws came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Refreshed {
    /// Mean acceptance of the moves.
    pub acceptance: f64,
    /// Evaluations of log r that were spent.
    pub evaluations: u64,
    /// Evaluations of the gradient.
    pub gradients: u64,
    /// How far the draws drifted: they should stand still in law.
    pub(crate) drift: Drift,
}

/// Carries draws of a target's posterior on by at most `moves` exact moves, fitted to the draws themselves; fewer where they
/// have forgotten their start before. `z: [n, dim]` and `log_r: [n]` are updated in place; `families: [n]` are those of
/// related draws.
pub fn refresh(
    target: &dyn Target,
    z: &mut Vec<f64>,
    log_r: &mut [f64],
    families: &[u32],
    moves: usize,
    seed: Seed,
) -> Refreshed {
    let dim = target.dim();
    let mut done = Refreshed {
        acceptance: 1.0,
        ..Refreshed::default()
    };
    if dim == 0 || z.is_empty() {
        return done;
    }
    let mut cloud = Cloud {
        z: std::mem::take(z),
        scores: Vec::new(),
        dim,
    };
    let road = Road::from_prior(target);
    let mut spent = Evaluations::default();
    cloud.scores = road.score(Level::POSTERIOR, &cloud.z, seed, &mut spent);
    let mut repertoire = Repertoire::new(target, seed);
    repertoire.fit(&cloud.z, target);
    let smooth = target.structure().guides(dim) && dim > 1;
    let mut accepted = 0.0;
    let mut snapshots = Vec::new();
    let mut made = 0;
    while made < moves {
        // Trajectories where there are many dimensions, or where simpler moves have not been enough.
        let third = smooth && made % 3 == 2;
        let dull = || made > SNAPSHOT && repertoire.memory(&cloud) > FORGOTTEN;
        accepted += if third && (dim > MANY || dull()) {
            repertoire.glide(&mut cloud, Level::POSTERIOR, target, &mut spent)
        } else {
            repertoire.sweep(&mut cloud, Level::POSTERIOR, road, &mut spent)
        };
        made += 1;
        if 2 * made > moves && (moves - made).is_multiple_of(SNAPSHOT) {
            snapshots.push(cloud.z.clone());
            if repertoire.memory(&cloud) < LAST_FORGOTTEN {
                break;
            }
        }
    }
    (done.evaluations, done.gradients) = (spent.log_r, spent.gradient);
    done.acceptance = accepted / made.max(1) as f64;
    done.drift = repertoire.drift(&snapshots, families);
    log_r
        .iter_mut()
        .zip(&cloud.scores)
        .for_each(|(l, s)| *l = s.log_r);
    *z = cloud.z;
    done
}
