//! Gradients in the policy: at every step the mean is pushed towards where log r rises, as seen from the x_0 that the
//! reference predicts.
//!
//! ```text
//! x_{s+1} ─▶ x̂_0 = √ᾱ x_{s+1} ─▶ z = frame(x̂_0) ─▶ push = √(1 − ᾱ) ∇[log r + log N(z) − log N(x̂_0) + log |∂z/∂x̂_0|]
//! network's e ─▶ e + gain_s · push
//! ```
//! In coordinates that fit the posterior, the bracket is nearly flat, and its gradient is what is still wrong with them: to
//! first order E[x_0 | x] = x̂_0 + (1 − ᾱ) E[∇ | x]. The gradient at x̂_0 stands for that mean, and shrunk by ᾱ it does so well:
//! gains are learned like the network, and where they were, they came to lie near ᾱ (Sonar: .98 .99 .85 .59 .20 .08 …).
//! The push is an input, a function of x_{s+1} alone: paths' weights are as exact as without.
//!
//! # Source
//! The Langevin parametrisation of Zhang & Chen 2022 (path integral sampler) and Sendera et al. 2024, who evaluate at x; we
//! evaluate at the predicted end, in the frame's coordinates, with a gain for each step instead of a network of time.

use super::schedule::{Schedule, Step};
use crate::infer::coordinates::frame::Frames;
use crate::lower::Target;

/// Largest push of a coordinate, in units of the network's output.
const FARTHEST: f64 = 2.0;

/// What a push is worth at each step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steer {
    pub gains: Vec<f32>,
}

impl Steer {
    /// Gains ᾱ: where noise hides the end, its prediction hardly moves, and gradients there say what is known already.
    pub fn new(schedule: &Schedule) -> Steer {
        let gain = |step: &Step| (step.shrink * step.shrink) as f32;
        Steer {
            gains: schedule.steps.iter().map(gain).collect(),
        }
    }

    /// Adds the pushes of rows at step `s` to a network's outputs `[rows, 2 d]`.
    pub fn apply(&self, s: usize, pushes: &[f32], d: usize, outputs: &mut [f32]) {
        let gain = self.gains[s];
        for (row, push) in outputs.chunks_exact_mut(2 * d).zip(pushes.chunks_exact(d)) {
            row.iter_mut().zip(push).for_each(|(e, p)| *e += gain * p);
        }
    }

    /// Adds to `by_gain` the gradient by the gain of step `s`, from that by outputs `[rows, 2 d]`, rows weighed by `c`.
    pub fn learn(
        s: usize,
        pushes: &[f32],
        d: usize,
        by_output: &[f32],
        c: &[f64],
        by_gain: &mut [f32],
    ) {
        let rows = by_output.chunks_exact(2 * d).zip(pushes.chunks_exact(d));
        let total: f64 = rows
            .zip(c)
            .map(|((row, push), c)| {
                c * row
                    .iter()
                    .zip(push)
                    .map(|(e, p)| f64::from(e * p))
                    .sum::<f64>()
            })
            .sum();
        by_gain[s] += total as f32;
    }
}

/// Pushes `[rows, d]` for rows `noisy: [rows, d]` at a step, each in the frame of its part. All noise is continuous.
pub(crate) fn pushes(
    target: &dyn Target,
    frames: &Frames,
    part: &[usize],
    step: &Step,
    noisy: &[f64],
) -> Vec<f32> {
    let d = frames.dim;
    let ends: Vec<f64> = noisy.iter().map(|x| step.shrink * x).collect();
    let mut z = vec![0.0; ends.len()];
    for ((z, u), &p) in z.chunks_exact_mut(d).zip(ends.chunks_exact(d)).zip(part) {
        frames.parts[p].place(u, z);
    }
    let (mut log_r, mut gradient) = (vec![0.0; part.len()], vec![0.0; z.len()]);
    target.log_r_gradient(&z, &mut log_r, &mut gradient);
    let scale = (1.0 - step.shrink * step.shrink).sqrt();
    let rows = z.chunks_exact(d).zip(ends.chunks_exact(d)).zip(part);
    let mut all = Vec::with_capacity(z.len());
    for (((z, u), &p), g) in rows.zip(gradient.chunks_exact_mut(d)) {
        g.iter_mut().zip(z).for_each(|(g, z)| *g -= z);
        frames.parts[p].pull(z, g);
        all.extend(g.iter().zip(u).map(|(g, u)| bounded(scale * (g + u))));
    }
    all
}

/// Nothing where there is no gradient.
fn bounded(push: f64) -> f32 {
    if push.is_nan() {
        0.0
    } else {
        push.clamp(-FARTHEST, FARTHEST) as f32
    }
}
