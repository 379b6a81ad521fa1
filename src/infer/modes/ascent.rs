//! Ascents of log p(z) r(z), many in one batch, and the curvature where they end.
//!
//! # Source
//! Nocedal & Wright 2006, chapters 3 and 6 (quasi-Newton and damped Newton steps).

use crate::compute::linalg::{cholesky, inverse_from_cholesky};
use crate::infer::coordinates::linear::dot;
use crate::infer::gaussian::log_prior;
use crate::lower::Target;

/// Steps of an ascent.
const STEPS: usize = 300;
/// The longest step, in the prior's standard deviations, and the first.
const REACH: f64 = 1.0;
const FIRST_STEP: f64 = 0.1;
/// The part of the promised gain that a step has to bring.
const ARMIJO: f64 = 1e-4;
/// An ascent has ended where two steps in a row promise to gain less than this, in nats.
const SETTLED: f64 = 1e-5;
/// Newton steps from the end of an ascent, each the best of so many lengths, until one promises to gain less than this, in nats.
const NEWTON: usize = 20;
const LENGTHS: i32 = 6;
const AT_REST: f64 = 1e-3;
/// Curvatures that are computed, at most.
const CURVATURES: usize = 1024;

/// log p(z) r(z) of a smooth target, without the prior's constant.
pub(super) struct Hill<'a> {
    target: &'a dyn Target,
    /// Evaluations of the gradient.
    pub gradients: u64,
    curvatures: usize,
}

/// A maximum.
pub(super) struct Top {
    pub z: Vec<f64>,
    pub height: f64,
    /// Inverse curvature, `[d, d]`.
    pub covariance: Vec<f64>,
}

impl<'a> Hill<'a> {
    pub fn new(target: &'a dyn Target) -> Hill<'a> {
        Hill {
            target,
            gradients: 0,
            curvatures: 0,
        }
    }

    /// Heights and their gradients at rows.
    fn at(&mut self, z: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let dim = self.target.dim();
        let (mut height, mut gradient) = (vec![0.0; z.len() / dim], vec![0.0; z.len()]);
        self.target.log_r_gradient(z, &mut height, &mut gradient);
        self.gradients += height.len() as u64;
        let rows = height.iter_mut().zip(z.chunks_exact(dim));
        rows.for_each(|(h, z)| *h += log_prior(z));
        gradient.iter_mut().zip(z).for_each(|(g, z)| *g -= z);
        (height, gradient)
    }

    /// The ends of the ascents from `starts: [n, d]` that come to one, the highest first.
    pub fn climb(&mut self, starts: &[f64]) -> Vec<Vec<f64>> {
        let dim = self.target.dim();
        let (heights, gradients) = self.at(starts);
        let rows = starts.chunks_exact(dim).zip(gradients.chunks_exact(dim));
        let mut climbers: Vec<Climber> = rows
            .zip(&heights)
            .filter(|((_, g), h)| h.is_finite() && g.iter().all(|g| g.is_finite()))
            .map(|((z, gradient), height)| Climber::new(z, *height, gradient))
            .collect();
        for _ in 0..STEPS {
            let mut under_way: Vec<&mut Climber> =
                climbers.iter_mut().filter(|c| c.under_way()).collect();
            if under_way.is_empty() {
                break;
            }
            let next: Vec<f64> = under_way.iter().flat_map(|c| c.proposal()).collect();
            let (heights, gradients) = self.at(&next);
            for (i, climber) in under_way.iter_mut().enumerate() {
                let at = i * dim..(i + 1) * dim;
                climber.meet(&next[at.clone()], heights[i], &gradients[at]);
            }
        }
        climbers.retain(|c| c.settled());
        climbers.sort_by(|a, b| b.height.total_cmp(&a.height));
        climbers.into_iter().map(|c| c.z).collect()
    }

    /// The maximum by the end of an ascent, after a few Newton steps along what the ascent took for flat; `None` where they
    /// lead to none.
    pub fn top(&mut self, mut z: Vec<f64>) -> Option<Top> {
        let d = z.len();
        let (mut height, mut gradient) = self.at(&z);
        for _ in 0..NEWTON {
            let curvature = self.curvature(&z)?;
            let exact = inverse(&curvature, d);
            let gain = |covariance: &Vec<f64>| dot(&times(covariance, &gradient), &gradient);
            if let Some(covariance) = exact.clone().filter(|c| gain(c) < AT_REST) {
                let height = height[0];
                return Some(Top {
                    z,
                    height,
                    covariance,
                });
            }
            let metric = exact.or_else(|| damped(&curvature, d))?;
            let newton = times(&metric, &gradient);
            let tried: Vec<f64> = (0..LENGTHS)
                .flat_map(|k| along(&z, &newton, 0.5f64.powi(k)))
                .collect();
            let (heights, gradients) = self.at(&tried);
            let best = (0..heights.len()).max_by(|&a, &b| heights[a].total_cmp(&heights[b]))?;
            if heights[best] <= height[0] || heights[best].is_nan() {
                return None;
            }
            let at = best * d..(best + 1) * d;
            z.copy_from_slice(&tried[at.clone()]);
            (height, gradient) = (vec![heights[best]], gradients[at].to_vec());
        }
        None
    }

    /// Curvature of −log p(z) r(z), `[d, d]`, by differences of gradients; `None` after too many.
    fn curvature(&mut self, z: &[f64]) -> Option<Vec<f64>> {
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
        let (_, gradients) = self.at(&around);
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
        along(&self.z, &self.direction, step)
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
        self.direction = times(&self.metric, gradient);
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
        let pushed = times(&self.metric, bent);
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

    fn under_way(&self) -> bool {
        !self.settled() && self.step > 1e-12
    }
}

fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    let rows = matrix.chunks_exact(x.len());
    rows.map(|row| dot(row, x)).collect()
}

fn along(z: &[f64], direction: &[f64], step: f64) -> Vec<f64> {
    z.iter().zip(direction).map(|(z, d)| z + step * d).collect()
}

/// `None` where a curvature is not positive definite.
fn inverse(curvature: &[f64], d: usize) -> Option<Vec<f64>> {
    cholesky(curvature, d).map(|root| inverse_from_cholesky(&root, d))
}

/// The inverse of a curvature with as much added to its diagonal as makes it positive definite.
fn damped(curvature: &[f64], d: usize) -> Option<Vec<f64>> {
    let most = curvature.iter().fold(1.0, |m: f64, c| m.max(c.abs()));
    (-8..=1).find_map(|power| {
        let mut more = curvature.to_vec();
        (0..d).for_each(|i| more[i * d + i] += most * 10f64.powi(power));
        inverse(&more, d)
    })
}
