//! Extreme values: Gumbel, Fréchet and Weibull.
//!
//! With E exponential of rate 1, −ln E is Gumbel, E^(−1/alpha) Fréchet, E^(1/alpha) Weibull.

use super::Univariate;
use super::params::{is_positive, location_scale, not_below_zero, positive, positive_finite, real};
use crate::compute::special::{lgamma1p, log_phi, log1mexp};
use std::f64::consts::PI;

describe!(
    Gumbel,
    Real,
    "The Gumbel (extreme value) distribution of location mu and scale beta.",
    [real("mu"), positive("beta")]
);
describe!(
    Frechet,
    Real,
    "The Fréchet distribution of shape alpha and scale sigma.",
    [positive("alpha"), positive("sigma")]
);
describe!(
    Weibull,
    Real,
    "The Weibull distribution of shape alpha and scale sigma.",
    [positive("alpha"), positive("sigma")]
);

const EULER: f64 = 0.5772156649015329;

/// −ln(−ln Φ(z)): noise to a standard Gumbel variable.
fn gumbel_of_noise(z: f64) -> f64 {
    if z > 8.0 {
        -log_phi(-z)
    } else {
        -(-log_phi(z)).ln()
    }
}

/// ln(1 − exp(−e⁻ᵗ)): the upper tail of a standard Gumbel variable.
fn log_upper(t: f64) -> f64 {
    if t > 40.0 { -t } else { log1mexp(-(-t).exp()) }
}

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

impl Univariate for Gumbel {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            p[0] + p[1] * gumbel_of_noise(z)
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !location_scale(p[0], p[1]) {
            return f64::NAN;
        }
        let t = (x - p[0]) / p[1];
        if t == f64::NEG_INFINITY {
            t
        } else {
            -t - (-t).exp() - p[1].ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            -(-(x - p[0]) / p[1]).exp()
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            log_upper((x - p[0]) / p[1])
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if location_scale(p[0], p[1]) {
            (f64::NEG_INFINITY, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if location_scale(p[0], p[1]) {
            p[0] + p[1] * EULER
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if location_scale(p[0], p[1]) {
            p[1] * PI / 6f64.sqrt()
        } else {
            f64::NAN
        }
    }
}

/// ln of the density of σ E^(1/shape) at x > 0, E = `e` = (x/σ)^shape, where `shape` is negative for Fréchet.
fn log_power_density(shape: f64, x: f64, log_ratio: f64) -> f64 {
    let log_e = shape * log_ratio;
    shape.abs().ln() + log_e - log_e.exp() - x.ln()
}

/// Γ(1 + a), and the standard deviation of E^a over it, for a > −½.
fn moments(a: f64) -> (f64, f64) {
    let mean = lgamma1p(a).exp();
    (
        mean,
        mean * (lgamma1p(2.0 * a) - 2.0 * lgamma1p(a)).exp_m1().sqrt(),
    )
}

impl Univariate for Weibull {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            positive_finite(p[1] * (-gumbel_of_noise(-z) / p[0]).exp())
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || x == f64::INFINITY {
            f64::NEG_INFINITY
        } else if x == 0.0 {
            if p[0] == 1.0 {
                -p[1].ln()
            } else {
                (1.0 - p[0]) * f64::INFINITY
            }
        } else {
            log_power_density(p[0], x, (x / p[1]).ln())
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_upper(-p[0] * (not_below_zero(x) / p[1]).ln())
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            -(p[0] * (not_below_zero(x) / p[1]).ln()).exp()
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[1] * moments(1.0 / p[0]).0
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[1] * moments(1.0 / p[0]).1
        } else {
            f64::NAN
        }
    }
}

impl Univariate for Frechet {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            positive_finite(p[1] * (gumbel_of_noise(z) / p[0]).exp())
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let density = log_power_density(-p[0], x, (x / p[1]).ln());
        if density.is_nan() {
            f64::NEG_INFINITY
        } else {
            density
        } // ∞ − ∞ far below the scale
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            -(-p[0] * (not_below_zero(x) / p[1]).ln()).exp()
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_upper(p[0] * (not_below_zero(x) / p[1]).ln())
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) && p[0] > 1.0 {
            p[1] * moments(-1.0 / p[0]).0
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) && p[0] > 2.0 {
            p[1] * moments(-1.0 / p[0]).1
        } else {
            f64::NAN
        }
    }
}
