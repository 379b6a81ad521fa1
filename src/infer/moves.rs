//! Refreshing particles: each draws a kind of move at every step, in proportion to how far that kind has been carrying
//! particles lately.
//!
//! One half of the particles is shaped after the other and the other way round: a proposal fitted to the very particles
//! that it moves is drawn to them, which biases log Z by about d²/n at every level.

use rand::RngExt;
use rayon::prelude::*;

use super::proposals::{Kind, Shape, kinds};
use super::temper::{Level, Score, score};
use crate::base::Seed;
use crate::lower::Target;

/// Rows that share one random stream; fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 256;
/// Share of the proposals that goes evenly to all kinds, however badly they have been doing.
const EVEN: f64 = 0.25;
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
    }

    fn shape(&self, i: usize, n: usize) -> &Shape {
        &self.shapes[usize::from(i >= n / 2)]
    }

    /// Moves each particle once; returns the share that was accepted.
    pub fn sweep(
        &mut self,
        cloud: &mut Cloud,
        level: Level,
        target: &dyn Target,
        evaluations: &mut u64,
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
        let mut scores = Vec::new();
        *evaluations += score(target, &proposals, level.is_soft(), &mut scores);
        self.accept(cloud, level, &proposals, &scores, &chosen)
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

    /// Probability of each kind: partly even, partly by its gain.
    fn shares(&self) -> Vec<f64> {
        let modes = self.shapes.iter().any(Shape::has_modes);
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

    /// The largest correlation, over coordinates, between the particles and where they started the stage: 0 forgot
    /// everything, 1 stands still.
    pub fn memory(&self, cloud: &Cloud) -> f64 {
        let d = cloud.dim;
        let n = cloud.n() as f64;
        let (mut now, mut then) = (vec![0.0; d], vec![0.0; d]);
        let pairs = || cloud.z.chunks_exact(d).zip(self.start.chunks_exact(d));
        for (x, y) in pairs() {
            now.iter_mut().zip(x).for_each(|(m, v)| *m += v / n);
            then.iter_mut().zip(y).for_each(|(m, v)| *m += v / n);
        }
        let mut sums = vec![(0.0, 1e-300, 1e-300); d];
        for (x, y) in pairs() {
            for (j, s) in sums.iter_mut().enumerate() {
                let (a, b) = (x[j] - now[j], y[j] - then[j]);
                *s = (s.0 + a * b, s.1 + a * a, s.2 + b * b);
            }
        }
        sums.iter()
            .map(|(xy, xx, yy)| xy / (xx * yy).sqrt())
            .fold(0.0, f64::max)
    }
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
