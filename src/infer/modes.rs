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
//!
//! # Source
//! Nocedal & Wright 2006, chapter 6 (quasi-Newton ascents).

use super::coordinates::frame::Frame;
use super::coordinates::linear::{dot, inverse, log_sum_exp};
use super::gaussian::{fill_normal, log_prior};
use crate::base::{Seed, Stream};
use crate::draws::{importance_ess, log_mean_exp, normalized, systematic};
use crate::lower::Target;

/// Prior draws that are looked at, and numbers that may be computed for them.
const LOOKS: usize = 2048;
const NUMBERS: usize = 50_000_000;
/// Ascents of the first round, and of all; each round doubles them while more than one in so many ends in a mode of its own.
const FIRST: usize = 64;
const MOST: usize = 1024;
const PER_MODE: usize = 8;
/// Steps of an ascent.
const STEPS: usize = 150;
/// The longest step, in the prior's standard deviations.
const REACH: f64 = 1.0;
const FIRST_STEP: f64 = 0.1;
/// The part of the promised gain that a step has to bring.
const ARMIJO: f64 = 1e-4;
/// An ascent has ended where two steps in a row promise to gain less than this, in nats.
const SETTLED: f64 = 1e-5;
/// Squared distance, in a mode's own metric, below which two ends are one mode.
const NEAR: f64 = 1.0;
/// Dimensions above which curvatures cost too much.
const LARGE: usize = 100;
/// Newton steps from the end of an ascent, each the best of so many lengths, until one promises to gain less than this, in nats.
const NEWTON: usize = 20;
const BACKTRACKS: i32 = 6;
const AT_REST: f64 = 1e-3;
/// Curvatures that are computed, at most.
const CURVATURES: usize = 1024;
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
    /// Curvatures computed.
    curvatures: usize,
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
    let mut goal = FIRST;
    while found.ascents < goal && !starts.is_empty() {
        let rest = starts.split_off((goal - found.ascents).min(starts.len() / dim) * dim);
        let ends = climb(target, &starts, &mut found);
        found.add(target, ends);
        starts = rest;
        if found.modes.len() * PER_MODE > found.ascents {
            goal = MOST.min(2 * goal);
        }
    }
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
    let distance = |a: usize, b: usize| -> f64 {
        let gaps = row(a).iter().zip(row(b)).map(|(x, y)| (x - y) * (x - y));
        gaps.sum()
    };
    for &i in &order {
        if chosen.len() == FIRST / 2 {
            break;
        }
        if chosen.iter().all(|&c| distance(c, i) > apart) {
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
    /// `count` rough draws of it; `None` where it is not what its curvature makes of it.
    pub fn draw(&self, count: usize, target: &dyn Target, stream: &mut Stream) -> Option<Local> {
        let (dim, n) = (target.dim(), LEAST_DRAWS.max(4 * count));
        let wide: Frame = self.shape.inflated(WIDER);
        let mut u = vec![0.0; n * dim];
        fill_normal(&mut u, stream);
        let mut z = vec![0.0; n * dim];
        u.chunks_exact(dim)
            .zip(z.chunks_exact_mut(dim))
            .for_each(|(u, z)| wide.place(u, z));
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

/// One ascent of log p(z) r(z).
struct Climber {
    z: Vec<f64>,
    height: f64,
    gradient: Vec<f64>,
    /// Inverse curvature as it is known so far, `[d, d]`.
    metric: Vec<f64>,
    direction: Vec<f64>,
    /// Share of the direction that is tried next.
    step: f64,
    /// Whether no curvature has been met yet.
    fresh: bool,
    quiet: usize,
}

impl Climber {
    fn new(z: &[f64], height: f64, gradient: &[f64]) -> Climber {
        let d = z.len();
        let steep = dot(gradient, gradient).sqrt().max(1e-3);
        let mut metric = vec![0.0; d * d];
        (0..d).for_each(|i| metric[i * d + i] = FIRST_STEP / steep);
        let direction = gradient.iter().map(|g| g * FIRST_STEP / steep).collect();
        Climber {
            z: z.to_vec(),
            height,
            gradient: gradient.to_vec(),
            metric,
            direction,
            step: 1.0,
            fresh: true,
            quiet: 0,
        }
    }

    fn proposal(&self) -> Vec<f64> {
        let length = dot(&self.direction, &self.direction).sqrt();
        let step = self.step * (REACH / length).min(1.0);
        let moved = self.z.iter().zip(&self.direction);
        moved.map(|(z, d)| z + step * d).collect()
    }

    /// Nats that the quadratic model gains, twice.
    fn promise(&self) -> f64 {
        dot(&self.direction, &self.gradient)
    }

    /// Goes there, or tries a shorter step.
    fn meet(&mut self, z: &[f64], height: f64, gradient: &[f64]) {
        let moved: Vec<f64> = z.iter().zip(&self.z).map(|(a, b)| a - b).collect();
        let enough = self.height + ARMIJO * dot(&moved, &self.gradient);
        if height.is_nan() || height < enough || gradient.iter().any(|g| !g.is_finite()) {
            self.step *= 0.25;
            return;
        }
        let bent: Vec<f64> = self
            .gradient
            .iter()
            .zip(gradient)
            .map(|(a, b)| a - b)
            .collect();
        self.learn(&moved, &bent);
        self.z.copy_from_slice(z);
        self.height = height;
        self.gradient.copy_from_slice(gradient);
        self.step = 1.0;
        let d = z.len();
        let rows = self.metric.chunks_exact(d);
        self.direction = rows.map(|row| dot(row, gradient)).collect();
        self.quiet = if self.promise() < SETTLED {
            self.quiet + 1
        } else {
            0
        };
    }

    /// The update of Broyden, Fletcher, Goldfarb and Shanno, after a first one that sets the scale.
    fn learn(&mut self, moved: &[f64], bent: &[f64]) {
        let d = moved.len();
        let along = dot(moved, bent);
        if along <= 1e-12 * dot(moved, moved).sqrt() * dot(bent, bent).sqrt() {
            return;
        }
        if self.fresh {
            self.metric.fill(0.0);
            let scale = along / dot(bent, bent);
            (0..d).for_each(|i| self.metric[i * d + i] = scale);
            self.fresh = false;
        }
        let pushed: Vec<f64> = self
            .metric
            .chunks_exact(d)
            .map(|row| dot(row, bent))
            .collect();
        let own = (1.0 + dot(bent, &pushed) / along) / along;
        for i in 0..d {
            for j in 0..d {
                self.metric[i * d + j] += own * moved[i] * moved[j]
                    - (pushed[i] * moved[j] + moved[i] * pushed[j]) / along;
            }
        }
    }

    /// At its end, or where rounding hides what is left.
    fn settled(&self) -> bool {
        self.quiet > 1 || self.step < 1e-9 && self.promise() < 1e-3
    }

    fn stuck(&self) -> bool {
        self.step < 1e-12
    }
}

/// The ends `[n, dim]` of the ascents that come to one.
fn climb(target: &dyn Target, starts: &[f64], found: &mut Modes) -> Vec<Vec<f64>> {
    let dim = target.dim();
    let (heights, gradients) = heights(target, starts, found);
    let rows = starts.chunks_exact(dim).zip(gradients.chunks_exact(dim));
    let mut climbers: Vec<Climber> = rows
        .zip(&heights)
        .filter(|((_, g), h)| h.is_finite() && g.iter().all(|g| g.is_finite()))
        .map(|((z, gradient), height)| Climber::new(z, *height, gradient))
        .collect();
    found.ascents += heights.len();
    for _ in 0..STEPS {
        let mut under_way: Vec<&mut Climber> = climbers
            .iter_mut()
            .filter(|c| !c.settled() && !c.stuck())
            .collect();
        if under_way.is_empty() {
            break;
        }
        let next: Vec<f64> = under_way.iter().flat_map(|c| c.proposal()).collect();
        let (heights, gradients) = self::heights(target, &next, found);
        for (i, climber) in under_way.iter_mut().enumerate() {
            let at = i * dim..(i + 1) * dim;
            climber.meet(&next[at.clone()], heights[i], &gradients[at]);
        }
    }
    climbers.retain(|c| c.settled());
    climbers.sort_by(|a, b| b.height.total_cmp(&a.height));
    climbers.into_iter().map(|c| c.z).collect()
}

/// log p(z) r(z) without the prior's constant, and its gradient, at rows.
fn heights(target: &dyn Target, z: &[f64], found: &mut Modes) -> (Vec<f64>, Vec<f64>) {
    let dim = target.dim();
    let (mut height, mut gradient) = (vec![0.0; z.len() / dim], vec![0.0; z.len()]);
    target.log_r_gradient(z, &mut height, &mut gradient);
    found.gradients += height.len() as u64;
    height
        .iter_mut()
        .zip(z.chunks_exact(dim))
        .for_each(|(h, z)| *h += log_prior(z));
    gradient.iter_mut().zip(z).for_each(|(g, z)| *g -= z);
    (height, gradient)
}

impl Modes {
    /// Merges ends of ascents with the modes that are known.
    fn add(&mut self, target: &dyn Target, ends: Vec<Vec<f64>>) {
        for end in ends {
            if self.knows(&end) {
                self.settled += 1;
                continue;
            }
            let Some(mode) = self.mode_at(target, end) else {
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

    /// The mode at the end of an ascent, after a few Newton steps along what the ascent took for flat; `None` where they lead
    /// to no maximum.
    fn mode_at(&mut self, target: &dyn Target, mut z: Vec<f64>) -> Option<Mode> {
        let d = z.len();
        let mut now = heights(target, &z, self);
        for _ in 0..NEWTON {
            let curvature = self.curvature(target, &z)?;
            let exact = inverse(curvature.clone(), d);
            let at_rest = |covariance: &Vec<f64>| decrement(covariance, &now.1) < AT_REST;
            if let Some(covariance) = exact.clone().filter(at_rest) {
                let shape = Frame::new(z, covariance)?;
                let log_mass = now.0[0] + shape.log_det;
                return Some(Mode { shape, log_mass });
            }
            let metric = exact.or_else(|| damped(&curvature, d))?;
            let newton = times(&metric, &now.1);
            let tries = (0..BACKTRACKS).map(|k| 0.5f64.powi(k));
            let steps: Vec<f64> = tries
                .flat_map(|t| {
                    z.iter()
                        .zip(&newton)
                        .map(move |(z, n)| z + t * n)
                        .collect::<Vec<_>>()
                })
                .collect();
            let (heights, gradients) = heights(target, &steps, self);
            let best = (0..heights.len()).max_by(|&a, &b| heights[a].total_cmp(&heights[b]))?;
            if heights[best] <= now.0[0] || heights[best].is_nan() {
                return None;
            }
            let at = best * d..(best + 1) * d;
            z.copy_from_slice(&steps[at.clone()]);
            now = (vec![heights[best]], gradients[at].to_vec());
        }
        None
    }

    /// Curvature of −log p(z) r(z), `[d, d]`, by differences of gradients; `None` after too many.
    fn curvature(&mut self, target: &dyn Target, z: &[f64]) -> Option<Vec<f64>> {
        self.curvatures += 1;
        if self.curvatures > CURVATURES {
            return None;
        }
        let d = z.len();
        let width = |j: usize| 1e-5 * z[j].abs().max(1.0);
        let mut around = Vec::with_capacity(2 * d * d);
        for j in 0..d {
            for sign in [-1.0, 1.0] {
                around.extend_from_slice(z);
                let at = around.len() - d + j;
                around[at] += sign * width(j);
            }
        }
        let (_, gradients) = heights(target, &around, self);
        let mut curvature = vec![0.0; d * d];
        for (j, pair) in gradients.chunks_exact(2 * d).enumerate() {
            for i in 0..d {
                let half = 0.5 * (pair[i] - pair[d + i]) / (2.0 * width(j));
                curvature[j * d + i] += half;
                curvature[i * d + j] += half;
            }
        }
        Some(curvature)
    }
}

fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix
        .chunks_exact(x.len())
        .map(|row| dot(row, x))
        .collect()
}

/// Nats that a Newton step gains, twice.
fn decrement(covariance: &[f64], gradient: &[f64]) -> f64 {
    dot(&times(covariance, gradient), gradient)
}

/// The inverse of a curvature with as much added to its diagonal as makes it positive definite.
fn damped(curvature: &[f64], d: usize) -> Option<Vec<f64>> {
    let most = curvature.iter().fold(1.0, |m: f64, c| m.max(c.abs()));
    (-8..=1).find_map(|power| {
        let mut more = curvature.to_vec();
        (0..d).for_each(|i| more[i * d + i] += most * 10f64.powi(power));
        inverse(more, d)
    })
}
