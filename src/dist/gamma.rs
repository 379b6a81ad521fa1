//! The gamma and inverse gamma distributions.
//!
//! With a small shape most of the mass lies below the smallest f64. Values there are the smallest normal f64, so that their
//! logs and log-densities stay finite.

use super::Univariate;
use super::params::{is_positive, not_below_zero, positive, positive_finite};
use super::slopes::{is_clamped, none, tail_slope, undefined};
use crate::compute::special::{
    d_log_gamma_kernel, d_log_gamma_tails, inv_log_gamma_p, inv_log_gamma_q, log_gamma_kernel,
    log_gamma_tails, log_phi, normal_log_density,
};

describe!(
    Gamma,
    Real,
    "The gamma distribution of shape alpha and rate beta, whose mean is alpha / beta.",
    [positive("alpha"), positive("beta")]
);
describe!(
    InvGamma,
    Real,
    "The inverse of a gamma variable of shape alpha and rate beta, so that beta is a scale.",
    [positive("alpha"), positive("beta")]
);

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

/// (ln t, t) for the gamma variable t of this shape and rate 1 that noise z is carried to.
fn standard_transport(shape: f64, z: f64) -> (f64, f64) {
    if z <= 0.0 {
        inv_log_gamma_p(shape, log_phi(z))
    } else {
        inv_log_gamma_q(shape, log_phi(-z))
    }
}

/// ln P and ln Q at the positive x, or at 0 below.
fn tails(shape: f64, x: f64) -> (f64, f64) {
    if x.is_nan() {
        (x, x)
    } else {
        log_gamma_tails(shape, not_below_zero(x), not_below_zero(x).ln())
    }
}

/// Derivatives in z and in the shape of ln t, the standard variable that noise is carried to.
fn d_log_transport(shape: f64, t: f64, log_t: f64, z: f64) -> (f64, f64) {
    let kernel = log_gamma_kernel(shape, t, log_t);
    let (lower, upper) = d_log_gamma_tails(shape, t, log_t);
    let in_shape = if lower.value < upper.value {
        -lower.slopes[0] * (lower.value - kernel).exp()
    } else {
        upper.slopes[0] * (upper.value - kernel).exp()
    };
    ((normal_log_density(z) - kernel).exp(), in_shape)
}

/// Derivatives of ln P: writes that in the shape, returns that in ln t.
fn d_lower(shape: f64, t: f64, log_t: f64, dp: &mut [f64]) -> f64 {
    let lower = d_log_gamma_tails(shape, t, log_t).0;
    dp[0] = lower.slopes[0];
    tail_slope(log_gamma_kernel(shape, t, log_t), lower.value)
}

/// Derivatives of ln Q: writes that in the shape, returns that in ln t.
fn d_upper(shape: f64, t: f64, log_t: f64, dp: &mut [f64]) -> f64 {
    let upper = d_log_gamma_tails(shape, t, log_t).1;
    dp[0] = upper.slopes[0];
    -tail_slope(log_gamma_kernel(shape, t, log_t), upper.value)
}

/// The gamma variable and its log at a value x of the inverse distribution that has a density; `None` elsewhere, `dp` then being
/// filled with what all derivatives are.
fn inverse(p: &[f64], x: f64, dp: &mut [f64]) -> Option<(f64, f64)> {
    if !valid(p) || x.is_nan() {
        undefined(dp);
        return None;
    }
    let t = p[1] / x;
    if x <= 0.0 || x == f64::INFINITY || t == f64::INFINITY {
        none(dp);
        return None;
    }
    Some((t, p[1].ln() - x.ln()))
}

impl Univariate for Gamma {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) && !z.is_nan() {
            positive_finite(standard_transport(p[0], z).1 / p[1])
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        if x < 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        if x == 0.0 {
            return if p[0] == 1.0 {
                p[1].ln()
            } else {
                (1.0 - p[0]) * f64::INFINITY
            };
        }
        let log_x = x.ln();
        log_gamma_kernel(p[0], p[1] * x, p[1].ln() + log_x) - log_x
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] * x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] * x).1
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
        if valid(p) { p[0] / p[1] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[0].sqrt() / p[1]
        } else {
            f64::NAN
        }
    }
    /// At 0, where a shape of 1 alone has a finite density, that in alpha is given as 0.
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || x == f64::INFINITY || (x == 0.0 && p[0] != 1.0) {
            return none(dp);
        }
        dp[1] = p[0] / p[1] - x;
        if x == 0.0 {
            dp[0] = 0.0;
            return -p[1];
        }
        dp[0] = d_log_gamma_kernel(p[0], p[1] * x, p[1].ln() + x.ln());
        (p[0] - 1.0) / x - p[1]
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        let (in_z, in_shape) = d_log_transport(p[0], p[1] * x, p[1].ln() + x.ln(), z);
        dp[0] = x * in_shape;
        dp[1] = -x / p[1];
        x * in_z
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x <= 0.0 || x == f64::INFINITY {
            return none(dp);
        }
        let in_log_x = d_lower(p[0], p[1] * x, p[1].ln() + x.ln(), dp);
        dp[1] = in_log_x / p[1];
        in_log_x / x
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x <= 0.0 || x == f64::INFINITY {
            return none(dp);
        }
        let in_log_x = d_upper(p[0], p[1] * x, p[1].ln() + x.ln(), dp);
        dp[1] = in_log_x / p[1];
        in_log_x / x
    }
}

impl Univariate for InvGamma {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) || z.is_nan() {
            return f64::NAN;
        }
        let (log_t, t) = standard_transport(p[0], -z);
        positive_finite(if t > 1e-290 {
            p[1] / t
        } else {
            (p[1].ln() - log_t).exp()
        })
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let t = p[1] / x;
        if t == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let log_x = x.ln();
        log_gamma_kernel(p[0], t, p[1].ln() - log_x) - log_x
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] / not_below_zero(x)).1
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] / not_below_zero(x)).0
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
        match valid(p) {
            true if p[0] > 1.0 => p[1] / (p[0] - 1.0),
            true => f64::INFINITY,
            false => f64::NAN,
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        match valid(p) {
            true if p[0] > 2.0 => p[1] / (p[0] - 1.0) / (p[0] - 2.0).sqrt(),
            true => f64::INFINITY,
            false => f64::NAN,
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let Some((t, log_t)) = inverse(p, x, dp) else {
            return dp[0];
        };
        dp[0] = d_log_gamma_kernel(p[0], t, log_t);
        dp[1] = (p[0] - t) / p[1];
        -(p[0] - t + 1.0) / x
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if is_clamped(x) && valid(p) {
            return none(dp);
        }
        let Some((t, log_t)) = inverse(p, x, dp) else {
            return dp[0];
        };
        let (in_z, in_shape) = d_log_transport(p[0], t, log_t, -z);
        dp[0] = -x * in_shape;
        dp[1] = x / p[1];
        x * in_z
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let Some((t, log_t)) = inverse(p, x, dp) else {
            return dp[0];
        };
        let in_log_t = d_upper(p[0], t, log_t, dp);
        dp[1] = in_log_t / p[1];
        -in_log_t / x
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let Some((t, log_t)) = inverse(p, x, dp) else {
            return dp[0];
        };
        let in_log_t = d_lower(p[0], t, log_t, dp);
        dp[1] = in_log_t / p[1];
        -in_log_t / x
    }
}
