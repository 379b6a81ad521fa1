//! Refreshing particles: each draws a kind of move at every step, in proportion to how far that kind has been carrying
//! particles lately.
//!
//! One half of the particles is shaped after the other and the other way round: a proposal fitted to the very particles
//! that it moves is drawn to them, which biases log Z by about d²/n at every level.

use rand::RngExt;
use rayon::prelude::*;

use super::Evaluations;
use super::drift::{Drift, correlation, drift};
use super::flight::Glider;
use super::proposals::{Kind, Shape, kinds};
use super::temper::{Level, Road, Score};
use crate::base::Seed;
use crate::lower::Target;

/// Rows that share one random stream; fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 256;
/// Share of the proposals that goes evenly to all kinds, however badly they have been doing.
const EVEN: f64 = 0.25;
/// Shares of the particles that count as a coordinate's tails.
const TAIL: f64 = 0.05;
/// At a learned sampler's levels every so many steps offer each particle a fresh path to where it is.
const WALK_ANEW: u64 = 3;
/// Weight of the newest step in the running figures.
const RECENT: f64 = 0.4;

/// Particles at one level.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    pub z: Vec<f64>,
    pub scores: Vec<Score>,
    pub dim: usize,
}

impl Cloud {
    pub fn n(&self) -> usize {
        self.scores.len()
    }

    /// Keeps the particles at `index`, in order, repeats included.
    pub fn select(&self, index: &[usize]) -> Cloud {
        let d = self.dim;
        let mut z = Vec::with_capacity(index.len() * d);
        index
            .iter()
            .for_each(|&i| z.extend_from_slice(&self.z[i * d..(i + 1) * d]));
        Cloud {
            z,
            scores: index.iter().map(|&i| self.scores[i]).collect(),
            dim: d,
        }
    }
}

/// The kinds of moves, what shapes them, and what is remembered of their success.
pub(crate) struct Repertoire {
    kinds: Vec<Kind>,
    /// Running mean squared jump (per coordinate, in units of the particles' variance) of each kind.
    gains: Vec<f64>,
    /// Shapes for the first and for the second half of the particles.
    shapes: Vec<Shape>,
    /// Where the particles were when the stage began.
    start: Vec<f64>,
    /// Below and above which each coordinate was in its tails then.
    tails: Vec<(f64, f64)>,
    glider: Glider,
    seed: Seed,
    step: u64,
}

impl Repertoire {
    /// The moves that make sense for a target.
    pub fn new(target: &dyn Target, seed: Seed) -> Repertoire {
        let kinds = kinds(target);
        Repertoire {
            gains: vec![1.0; kinds.len()],
            kinds,
            shapes: Vec::new(),
            start: Vec::new(),
            tails: Vec::new(),
            glider: Glider::new(),
            seed,
            step: 0,
        }
    }

    /// Shapes the moves after particles `z: [n, dim]`, which also become the start that [`Repertoire::memory`] looks
    /// back to.
    pub fn fit(&mut self, z: &[f64], target: &dyn Target) {
        let n = z.len() / target.dim();
        let (first, second) = if n < 4 {
            (z, z)
        } else {
            z.split_at(n / 2 * target.dim())
        };
        let mut rng = self.seed.stream("fit", self.step);
        self.shapes = [second, first]
            .map(|half| Shape::fit(half, target, &mut rng))
            .into();
        self.start = z.to_vec();
        self.tails = (0..target.dim())
            .map(|j| tails(z, j, target.dim()))
            .collect();
    }

    fn shape(&self, i: usize, n: usize) -> &Shape {
        &self.shapes[usize::from(i >= n / 2)]
    }

    /// Moves each particle once; returns the share that was accepted.
    pub fn sweep(
        &mut self,
        cloud: &mut Cloud,
        level: Level,
        road: Road,
        spent: &mut Evaluations,
    ) -> f64 {
        let (n, d) = (cloud.n(), cloud.dim);
        self.step += 1;
        let shares = self.shares();
        let mut proposals = vec![0.0; n * d];
        let mut chosen: Vec<(usize, f64)> = vec![(0, 0.0); n];
        let (this, seed, step) = (&*self, self.seed, self.step);
        let blocks = cloud
            .z
            .par_chunks(BLOCK * d)
            .zip(proposals.par_chunks_mut(BLOCK * d));
        blocks
            .zip(chosen.par_chunks_mut(BLOCK))
            .enumerate()
            .for_each(|(b, ((z, p), chosen))| {
                let mut rng = seed.stream("propose", step << 24 | b as u64);
                let rows = z.chunks_exact(d).zip(p.chunks_exact_mut(d)).zip(chosen);
                for (row, ((z, p), chosen)) in rows.enumerate() {
                    let kind = pick(&shares, rng.random());
                    let shape = this.shape(b * BLOCK + row, n);
                    *chosen = (kind, shape.propose(this.kinds[kind], z, p, &mut rng));
                }
            });
        let scores = road.score(level, &proposals, seed.child("score", step), spent);
        let share = self.accept(cloud, level, &proposals, &scores, &chosen);
        if level.is_learned() && step.is_multiple_of(WALK_ANEW) {
            self.walk_anew(cloud, level, road, spent);
        }
        share
    }

    /// Offers each particle a fresh path to where it is: one whose path happened to be good would not leave it.
    fn walk_anew(&self, cloud: &mut Cloud, level: Level, road: Road, spent: &mut Evaluations) {
        let fresh = road.score(level, &cloud.z, self.seed.child("walk", self.step), spent);
        let mut rng = self.seed.stream("walk", self.step);
        for (old, new) in cloud.scores.iter_mut().zip(fresh) {
            let u: f64 = rng.random();
            if u.ln() < level.energy(new) - level.energy(*old) {
                *old = new;
            }
        }
    }

    /// Moves each particle along a trajectory, where log r is smooth; returns the share that was accepted.
    pub fn glide(
        &mut self,
        cloud: &mut Cloud,
        level: Level,
        target: &dyn Target,
        spent: &mut Evaluations,
    ) -> f64 {
        self.step += 1;
        let n = cloud.n();
        let shapes = &self.shapes;
        let shape = |i: usize| shapes[usize::from(i >= n / 2)].gaussian();
        let seed = self.seed.child("glide", self.step);
        let (share, gradients) = self.glider.glide(cloud, level, target, shape, seed);
        spent.gradient += gradients;
        share
    }

    fn accept(
        &mut self,
        cloud: &mut Cloud,
        level: Level,
        p: &[f64],
        scores: &[Score],
        chosen: &[(usize, f64)],
    ) -> f64 {
        let d = cloud.dim;
        let mut rng = self.seed.stream("accept", self.step);
        let mut tally = vec![(0.0, 0.0); self.kinds.len()];
        let mut accepted = 0usize;
        for (i, (&new, &(kind, correction))) in scores.iter().zip(chosen).enumerate() {
            let ratio = level.energy(new) - level.energy(cloud.scores[i]) + correction;
            let u: f64 = rng.random();
            tally[kind].0 += 1.0;
            if u.ln() < ratio {
                let (old, new_z) = (&mut cloud.z[i * d..(i + 1) * d], &p[i * d..(i + 1) * d]);
                tally[kind].1 += squared_jump(old, new_z, &self.shape(i, scores.len()).spread);
                old.copy_from_slice(new_z);
                cloud.scores[i] = new;
                accepted += 1;
            }
        }
        for (gain, (tried, jumped)) in self.gains.iter_mut().zip(tally) {
            if tried > 0.0 {
                *gain += RECENT * (jumped / tried - *gain);
            }
        }
        accepted as f64 / scores.len() as f64
    }

    /// Whether there are separated modes to jump between.
    pub fn has_modes(&self) -> bool {
        self.shapes.iter().any(Shape::has_modes)
    }

    /// Probability of each kind: partly even, partly by its gain.
    fn shares(&self) -> Vec<f64> {
        let modes = self.has_modes();
        let able: Vec<bool> = self
            .kinds
            .iter()
            .map(|k| modes || !matches!(k, Kind::Mixture(_)))
            .collect();
        let count = able.iter().filter(|a| **a).count() as f64;
        let total: f64 = self
            .gains
            .iter()
            .zip(&able)
            .filter(|(_, a)| **a)
            .map(|(g, _)| g + 1e-9)
            .sum();
        let share = |(g, &a): (&f64, &bool)| {
            if a {
                EVEN / count + (1.0 - EVEN) * (g + 1e-9) / total
            } else {
                0.0
            }
        };
        self.gains.iter().zip(&able).map(share).collect()
    }

    /// The largest correlation, over coordinates and over being in a coordinate's tails, between the particles and where
    /// they started the stage: 0 forgot everything, 1 stands still. Tails are looked at apart, since particles in a
    /// narrow place may stand still while most others forget.
    pub fn memory(&self, cloud: &Cloud) -> f64 {
        let d = cloud.dim;
        let of = |j: usize| {
            let now: Vec<f64> = cloud.z.iter().skip(j).step_by(d).copied().collect();
            let then: Vec<f64> = self.start.iter().skip(j).step_by(d).copied().collect();
            let (low, high) = self.tails[j];
            let tail = |inside: &dyn Fn(f64) -> bool| {
                let mark = |x: &[f64]| -> Vec<f64> {
                    x.iter().map(|v| f64::from(u8::from(inside(*v)))).collect()
                };
                correlation(&mark(&now), &mark(&then))
            };
            correlation(&now, &then)
                .max(tail(&|v| v < low))
                .max(tail(&|v| v > high))
        };
        (0..d)
            .into_par_iter()
            .map(of)
            .collect::<Vec<f64>>()
            .into_iter()
            .fold(0.0, f64::max)
    }

    /// How far the particles have drifted since the stage began, by snapshots of it; `families: [n]` are those of related
    /// particles.
    pub fn drift(&self, snapshots: &[Vec<f64>], families: &[u32]) -> Drift {
        let dim = self.tails.len();
        drift(&self.start, snapshots, dim, families)
    }
}

/// Quantiles [`TAIL`] and 1 − [`TAIL`] of coordinate j.
fn tails(z: &[f64], j: usize, d: usize) -> (f64, f64) {
    let mut x: Vec<f64> = z.iter().skip(j).step_by(d).copied().collect();
    x.sort_by(f64::total_cmp);
    let at = (TAIL * x.len() as f64) as usize;
    (x[at], x[x.len() - 1 - at])
}

fn pick(shares: &[f64], mut u: f64) -> usize {
    let found = shares.iter().position(|s| {
        u -= s;
        u < 0.0
    });
    found.unwrap_or_else(|| shares.iter().rposition(|s| *s > 0.0).unwrap_or(0))
}

fn squared_jump(a: &[f64], b: &[f64], spread: &[f64]) -> f64 {
    let sum: f64 = a
        .iter()
        .zip(b)
        .zip(spread)
        .map(|((x, y), s)| ((x - y) / s).powi(2))
        .sum();
    sum / a.len() as f64
}
