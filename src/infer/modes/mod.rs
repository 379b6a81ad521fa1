//! Modes of a posterior whose log r is smooth: where ascents from many places of the prior end, with the Gaussian that the
//! curvature there makes and its mass.
//!
//! ```text
//! prior draws ─▶ the highest, far apart, and some at random ─▶ ascents, all in one batch ─▶ ends merged ─▶ Laplace
//!                                    ▲                                                        │ many new ones?
//!                                    └────────────────────────────────────────────────────────┘
//! ```
//! Tempering loses a mode that has less than one particle at the temperature where modes part; an ascent finds it from
//! anywhere in its basin.

mod ascent;

use super::coordinates::centres::squared_distance;
use super::coordinates::frame::Frame;
use super::coordinates::linear::{dot, log_sum_exp};
use super::gaussian::{fill_normal, log_prior};
use crate::base::{Seed, Stream};
use crate::draws::{importance_ess, log_mean_exp, normalized, systematic};
use crate::lower::Target;
use ascent::{Hill, Top};

/// Prior draws that are looked at, and numbers that may be computed for them.
const LOOKS: usize = 2048;
const NUMBERS: usize = 50_000_000;
/// Ascents of the first round, and of all; each round doubles them while more than one in so many ends in a mode of its own.
const FIRST: usize = 64;
const MOST: usize = 1024;
const PER_MODE: usize = 8;
/// Squared distance, in a mode's own metric, below which two ends are one mode.
const NEAR: f64 = 1.0;
/// Dimensions above which curvatures cost too much.
const LARGE: usize = 100;
/// Draws are made from a mode's Gaussian with its covariance so many times as wide.
const WIDER: f64 = 1.5;
const LEAST_DRAWS: usize = 256;
/// A mode is visited where it has this part of the draws that it should have.
const VISITED: f64 = 0.05;
/// Draws in a mode that are worth fewer say that it is not what its curvature makes of it.
const LEAST_WORTH: f64 = 16.0;

/// A mode, as the Gaussian that log r's curvature makes of it.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    /// Its place is the mode's, its covariance the inverse curvature of log p(z) r(z).
    pub shape: Frame,
    /// log of Laplace's approximation to ∫ p(z) r(z) dz over it.
    pub log_mass: f64,
}

/// What ascents found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modes {
    /// By mass, the heaviest first.
    pub modes: Vec<Mode>,
    /// Ascents, and those of them that came to an end.
    pub ascents: usize,
    pub settled: usize,
    /// Evaluations of log r, and of its gradient.
    pub evaluations: u64,
    pub gradients: u64,
}

impl Modes {
    /// log of each mode's share of the mass of all.
    pub fn log_shares(&self) -> Vec<f64> {
        let masses: Vec<f64> = self.modes.iter().map(|m| m.log_mass).collect();
        let total = log_sum_exp(&masses);
        masses.iter().map(|m| m - total).collect()
    }

    /// How many of the rows `z: [n, dim]` lie in each mode: where its Gaussian has the highest share of the density.
    pub fn visits(&self, z: &[f64]) -> Vec<usize> {
        let mut counts = vec![0; self.modes.len()];
        let Some(dim) = self.modes.first().map(|m| m.shape.mean.len()) else {
            return counts;
        };
        let mut scratch = vec![0.0; dim];
        for z in z.chunks_exact(dim) {
            let density: Vec<f64> = self
                .modes
                .iter()
                .map(|m| m.log_mass + m.shape.log_density(z, &mut scratch))
                .collect();
            let here = (0..density.len()).max_by(|&a, &b| density[a].total_cmp(&density[b]));
            here.into_iter().for_each(|k| counts[k] += 1);
        }
        counts
    }

    /// The share of the posterior in modes that draws `z: [n, dim]` hardly visit, as draws of these modes weigh them beside
    /// the others' evidence (`known`, or else their curvatures').
    pub fn missed(
        &mut self,
        z: &[f64],
        known: Option<f64>,
        target: &dyn Target,
        seed: Seed,
    ) -> f64 {
        let (visits, shares) = (self.visits(z), self.log_shares());
        let n = z.len() as f64 / target.dim() as f64;
        let seen = |k: &usize| visits[*k] as f64 > VISITED * shares[*k].exp() * n;
        let (seen, unseen): (Vec<usize>, Vec<usize>) = (0..visits.len()).partition(seen);
        let visited: Vec<f64> = seen.iter().map(|&k| self.modes[k].log_mass).collect();
        let known = known.unwrap_or_else(|| log_sum_exp(&visited));
        let mut stream = seed.stream("unvisited modes", 0);
        let mut missed = Vec::new();
        for k in unseen {
            let found = self.modes[k].draw(0, target, &mut stream);
            self.evaluations += LEAST_DRAWS as u64;
            missed.extend(found.map(|f| f.log_mass));
        }
        let missed = log_sum_exp(&missed);
        (missed - log_sum_exp(&[known, missed])).exp()
    }

    /// Whether all ascents, or nearly all, ended in one place, or in places that weigh less than `least` beside it.
    pub fn single(&self, least: f64) -> bool {
        let others = self.log_shares().get(1).copied();
        let lost = self.ascents - self.settled;
        !self.modes.is_empty()
            && 20 * lost <= self.ascents
            && others.unwrap_or(f64::NEG_INFINITY) < least.ln()
    }
}

/// Looks for modes of a smooth target; finds none in more than a hundred dimensions.
pub(crate) fn search(target: &dyn Target, seed: Seed) -> Modes {
    let dim = target.dim();
    let mut found = Modes::default();
    if dim == 0 || dim > LARGE || !target.structure().smooth {
        return found;
    }
    let mut rng = seed.stream("modes", 0);
    let looks = (NUMBERS / target.structure().size.max(dim)).clamp(FIRST, LOOKS);
    let (mut starts, evaluations) = high_first(target, looks, &mut rng);
    found.evaluations = evaluations;
    let (mut hill, mut goal) = (Hill::new(target), FIRST);
    while found.ascents < goal && !starts.is_empty() {
        let rest = starts.split_off((goal - found.ascents).min(starts.len() / dim) * dim);
        found.ascents += starts.len() / dim;
        let ends = hill.climb(&starts);
        found.add(&mut hill, ends);
        starts = rest;
        if found.modes.len() * PER_MODE > found.ascents {
            goal = MOST.min(2 * goal);
        }
    }
    found.gradients = hill.gradients;
    found
        .modes
        .sort_by(|a, b| b.log_mass.total_cmp(&a.log_mass));
    found
}

/// Draws of the prior `[n, dim]` that have weight: half of a first round's are the highest of all that stand apart, the rest come as drawn.
fn high_first(target: &dyn Target, looks: usize, rng: &mut Stream) -> (Vec<f64>, u64) {
    let dim = target.dim();
    let mut z = vec![0.0; looks * dim];
    fill_normal(&mut z, rng);
    let mut log_r = vec![0.0; looks];
    target.log_r(&z, &mut log_r);
    let row = |i: usize| &z[i * dim..(i + 1) * dim];
    let mut order: Vec<usize> = (0..looks).filter(|&i| log_r[i].is_finite()).collect();
    order.sort_by(|&a, &b| log_r[b].total_cmp(&log_r[a]));
    let mut chosen: Vec<usize> = Vec::new();
    let apart = 0.25 * dim as f64;
    for &i in &order {
        if chosen.len() == FIRST / 2 {
            break;
        }
        if chosen
            .iter()
            .all(|&c| squared_distance(row(c), row(i)) > apart)
        {
            chosen.push(i);
        }
    }
    order.sort_unstable();
    let others = order.iter().filter(|i| !chosen.contains(i)).copied();
    let all: Vec<usize> = chosen.iter().copied().chain(others).collect();
    let rows = all.into_iter().take(MOST).flat_map(|i| row(i).to_vec());
    (rows.collect(), looks as u64)
}

/// Draws of one mode, weighted and resampled.
pub(crate) struct Local {
    /// `[count, dim]`, and log r of each.
    pub z: Vec<f64>,
    pub log_r: Vec<f64>,
    /// Which of the weighted draws each is.
    pub origin: Vec<usize>,
    /// log of the weights' mean: ∫ p(z) r(z) dz over the mode.
    pub log_mass: f64,
    pub evaluations: u64,
}

impl Mode {
    fn of(top: Top) -> Option<Mode> {
        let shape = Frame::new(top.z, top.covariance)?;
        let log_mass = top.height + shape.log_det;
        Some(Mode { shape, log_mass })
    }

    /// `count` rough draws of it; `None` where it is not what its curvature makes of it.
    pub fn draw(&self, count: usize, target: &dyn Target, stream: &mut Stream) -> Option<Local> {
        let (dim, n) = (target.dim(), LEAST_DRAWS.max(4 * count));
        let wide: Frame = self.shape.inflated(WIDER);
        let (u, z) = wide.draws(n, stream);
        let mut log_r = vec![0.0; n];
        target.log_r(&z, &mut log_r);
        let rows = z.chunks_exact(dim).zip(u.chunks_exact(dim)).zip(&log_r);
        let log_w: Vec<f64> = rows
            .map(|((z, u), r)| r + log_prior(z) - log_prior(u) + wide.log_det)
            .collect();
        if importance_ess(&log_w) < LEAST_WORTH {
            return None;
        }
        let origin = systematic(&normalized(&log_w)?, count, stream);
        Some(Local {
            z: origin
                .iter()
                .flat_map(|&i| z[i * dim..(i + 1) * dim].to_vec())
                .collect(),
            log_r: origin.iter().map(|&i| log_r[i]).collect(),
            origin,
            log_mass: log_mean_exp(&log_w),
            evaluations: n as u64,
        })
    }
}

impl Modes {
    /// Merges ends of ascents with the modes that are known.
    fn add(&mut self, hill: &mut Hill, ends: Vec<Vec<f64>>) {
        for end in ends {
            if self.knows(&end) {
                self.settled += 1;
                continue;
            }
            let Some(mode) = hill.top(end).and_then(Mode::of) else {
                continue;
            };
            self.settled += 1;
            if !self.knows(&mode.shape.mean) {
                self.modes.push(mode);
            }
        }
    }

    fn knows(&self, z: &[f64]) -> bool {
        let mut u = vec![0.0; z.len()];
        self.modes.iter().any(|m| {
            m.shape.whiten(z, &mut u);
            dot(&u, &u) < NEAR
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::testing::{Written, islands};

    #[test]
    fn every_island_is_found_with_its_mass() {
        let corner = |k: usize| {
            (0..3)
                .map(|j| if k >> j & 1 == 1 { 1.2 } else { -1.2 })
                .collect()
        };
        let found = search(&islands((0..8).map(corner).collect(), 0.05), Seed(1));
        assert_eq!(found.modes.len(), 8);
        assert!(!found.single(0.01));
        for (mode, weight) in found.modes.iter().zip((1..9).rev()) {
            assert!(
                (mode.log_mass - f64::from(weight).ln()).abs() < 1e-3,
                "{}",
                mode.log_mass
            );
        }
    }

    #[test]
    fn a_narrow_bent_ridge_is_one_mode() {
        let ridge = Written::new(3, |z| {
            let off = (z[0] + z[1] + 0.1 * z[1].powi(3) - 0.7) / 0.01;
            -0.5 * off * off - 0.5 * ((z[2] - z[0]) / 0.05).powi(2)
        });
        let found = search(&ridge, Seed(2));
        assert_eq!(found.modes.len(), 1);
        assert!(found.single(0.01), "{} of {}", found.settled, found.ascents);
    }

    #[test]
    fn what_draws_never_visit_is_missed() {
        let target = islands(vec![vec![1.0, 1.0], vec![-1.0, -1.0]], 0.1);
        let mut found = search(&target, Seed(3));
        let draws = [0.97, 1.02, 1.05, 0.9, 1.0, 1.1];
        // The second island weighs twice as much.
        let missed = found.missed(&draws, None, &target, Seed(3));
        assert!((missed - 2.0 / 3.0).abs() < 0.02, "{missed}");
        let both = [1.0, 1.0, -1.0, -1.0, -1.1, -0.9];
        assert_eq!(found.missed(&both, None, &target, Seed(3)), 0.0);
    }

    #[test]
    fn what_jumps_is_not_climbed() {
        let rough = Written::new(2, |_| 0.0).constrained(|z| z[0].max(0.0));
        let found = search(&rough, Seed(1));
        assert!(found.modes.is_empty() && found.gradients == 0);
    }
}
