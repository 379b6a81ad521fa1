//! Noise levels, and the reference process that they define.
//!
//! ```text
//! clean x_0 ──► x_1 ──► … ──► x_T        x_{s+1} = a_s x_s + √(1 − a_s²) ε,   the last a = 0
//! ```
//! N(0, I) is invariant under each step, so the reversal is the same kernel and p_ref(path) = N(x_0)·p_noise(path | x_0)
//! holds exactly at every T. A step of the policy is measured in the reference's own units: with
//! δ = (x_s − a_s x_{s+1}) / √(1 − a_s²), the reference says δ ~ N(0, 1) and the policy says δ ~ N(g_s e, exp(2ℓ)), where
//! (e, v) is the network's output and ℓ = 1.5 tanh(v / 1.5). Output zero is the reference itself.
//!
//! # Source
//! Predicting x_0 = √ᾱ x + √(1 − ᾱ) e and taking the posterior mean (Ho et al. 2020, eq. 7) gives
//! g_s = √(ᾱ_s (1 − a_s²) / (1 − ᾱ_{s+1})). Euler–Maruyama, the paper's choice, is not stationary and is not used.

use crate::compute::vector::{exp, tanh};

/// Largest |log standard deviation| that the policy can ask for, relative to the reference.
const SPREAD: f64 = 1.5;

/// One transition x_{s+1} → x_s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    /// Correlation of neighbours: a.
    pub keep: f64,
    /// Standard deviation of the reference: √(1 − a²).
    pub noise: f64,
    /// How far a unit of the network's output moves the mean, in units of `noise`.
    pub gain: f64,
    /// The mean of δ given x_0 is `pull · (x_0 − shrink · x_{s+1})`.
    pub pull: f64,
    /// √ᾱ_{s+1}.
    pub shrink: f64,
    /// Variance of δ given x_0.
    pub rest: f64,
}

/// The steps, the one next to the clean end first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    pub steps: Vec<Step>,
}

impl Schedule {
    /// Noise levels linear in log-SNR from `high` to −9, then nothing of the signal left.
    pub fn new(n: usize, high: f64) -> Schedule {
        let low = -9.0;
        let signal = |s: usize| match s {
            0 => 1.0,
            s if s == n => 0.0,
            s => 1.0 / (1.0 + (-(high + (low - high) * (s - 1) as f64 / (n - 1) as f64)).exp()),
        };
        let step = |s: usize| {
            let (clean, noisy) = (signal(s), signal(s + 1));
            let keep2 = noisy / clean;
            let noise = (1.0 - keep2).sqrt();
            Step {
                keep: keep2.sqrt(),
                noise,
                gain: (clean * (1.0 - keep2) / (1.0 - noisy)).sqrt(),
                pull: clean.sqrt() * noise / (1.0 - noisy),
                shrink: noisy.sqrt(),
                rest: (1.0 - clean) / (1.0 - noisy),
            }
        };
        Schedule {
            steps: (0..n).map(step).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }
}

/// A policy's output at one coordinate: the shift of δ's mean and the log of its standard deviation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    shift: f64,
    log_sd: f64,
    /// 1 / standard deviation.
    sharpness: f64,
    slope: f64,
    gain: f64,
}

impl Kernel {
    #[inline(always)]
    pub fn new(step: &Step, e: f64, v: f64) -> Kernel {
        let t = tanh(v / SPREAD);
        Kernel {
            shift: step.gain * e,
            log_sd: SPREAD * t,
            sharpness: exp(-SPREAD * t),
            slope: 1.0 - t * t,
            gain: step.gain,
        }
    }

    /// δ that standard noise leads to.
    #[inline(always)]
    pub fn at(&self, noise: f64) -> f64 {
        self.shift + noise / self.sharpness
    }

    /// log policy − log reference at δ.
    #[inline(always)]
    pub fn log_ratio(&self, delta: f64) -> f64 {
        self.log_ratio_at(delta, (delta - self.shift) * self.sharpness)
    }

    /// As [`Kernel::log_ratio`], for δ in the policy's own units too: its standard noise.
    #[inline(always)]
    pub fn log_ratio_at(&self, delta: f64, noise: f64) -> f64 {
        0.5 * (delta * delta - noise * noise) - self.log_sd
    }

    /// Gradient of E[log policy] by (e, v), where δ has mean `delta` and variance `variance` (0 for a given δ).
    #[inline(always)]
    pub fn gradient(&self, delta: f64, variance: f64) -> (f64, f64) {
        let noise = (delta - self.shift) * self.sharpness;
        let spread = variance * self.sharpness * self.sharpness;
        self.gradient_at(noise, noise * noise + spread)
    }

    /// As [`Kernel::gradient`], from the mean of the standard noise and of its square.
    #[inline(always)]
    pub fn gradient_at(&self, noise: f64, square: f64) -> (f64, f64) {
        (
            noise * self.sharpness * self.gain,
            (square - 1.0) * self.slope,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_forgets_at_its_last_step_and_is_stationary() {
        let s = Schedule::new(12, 5.0);
        assert_eq!(s.steps[11].keep, 0.0);
        for step in &s.steps {
            assert!((step.keep.powi(2) + step.noise.powi(2) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_posterior_given_x0_averages_to_the_reference() {
        // Under x_0 | x_{s+1} ~ N(√ᾱ x, 1 − ᾱ), δ must come out N(0, 1).
        for step in Schedule::new(9, 6.0).steps {
            let variance = step.pull.powi(2) * (1.0 - step.shrink.powi(2)) + step.rest;
            assert!((variance - 1.0).abs() < 1e-9, "{step:?}");
        }
    }

    #[test]
    fn zero_output_is_the_reference_and_gradients_agree_with_differences() {
        let step = Schedule::new(8, 4.0).steps[3];
        assert_eq!(Kernel::new(&step, 0.0, 0.0).log_ratio(1.3), 0.0);
        let (e, v, d) = (0.4, -0.7, 0.9);
        let at = |e: f64, v: f64| Kernel::new(&step, e, v).log_ratio(d);
        let (by_e, by_v) = Kernel::new(&step, e, v).gradient(d, 0.0);
        assert!(((at(e + 0.01, v) - at(e - 0.01, v)) / 0.02 - by_e).abs() < 1e-3);
        assert!(((at(e, v + 0.01) - at(e, v - 0.01)) / 0.02 - by_v).abs() < 1e-3);
    }
}
