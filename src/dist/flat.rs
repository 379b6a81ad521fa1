//! The improper uniform measures, on the line and on its positive half.
//!
//! They draw from a proper base, whose density the program then factors out again:
//!
//! ```text
//! Flat(mu, sigma)    base Cauchy(mu, sigma)                                  |x − mu| / sigma = 1e6 lies at |z| = 5.0
//! HalfFlat(sigma)    base with x / sigma = Φ(z) / Φ(−z), density             x / sigma = 1e±6 lies at z = ±4.75
//!                    sigma / (sigma + x)², which is smooth and positive at 0
//! ```
//! `log_density` is 0 on the support, while `transport`, `log_cdf` and `log_ccdf` are the base's: truncation needs them.

use super::Univariate;
use super::cauchy::Cauchy;
use super::logistic::{logit_of_noise, logit_slope};
use super::params::{is_positive, location_scale, not_below_zero, positive, positive_finite, real};
use super::slopes::{is_clamped, none, step, undefined};
use crate::compute::special::{log_inv_logit, softplus};

describe!(
    Flat,
    Real,
    "The improper uniform measure on the real line; mu and sigma hint at where the posterior lies and never change it.",
    [real("mu").or(0.0), positive("sigma").or(1.0)]
);
describe!(
    HalfFlat,
    Real,
    "The improper uniform measure on the positive reals; sigma hints at the posterior's scale and never changes it.",
    [positive("sigma").or(1.0)]
);

impl Univariate for Flat {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        Cauchy.transport(p, z)
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !location_scale(p[0], p[1]) || x.is_nan() {
            f64::NAN
        } else if x.is_finite() {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        Cauchy.log_cdf(p, x)
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        Cauchy.log_ccdf(p, x)
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        Cauchy.support(p)
    }
    fn mean(&self, _p: &[f64]) -> f64 {
        f64::NAN
    }
    fn sd(&self, _p: &[f64]) -> f64 {
        f64::NAN
    }
    fn improper_correction(&self, p: &[f64], x: f64) -> f64 {
        -Cauchy.log_density(p, x)
    }
    fn is_improper(&self) -> bool {
        true
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_density(p, x), dp)
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        Cauchy.d_transport(p, z, x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        Cauchy.d_log_cdf(p, x, dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        Cauchy.d_log_ccdf(p, x, dp)
    }
    fn d_improper_correction(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let slope = Cauchy.d_log_density(p, x, dp);
        dp.iter_mut().for_each(|d| *d = -*d);
        -slope
    }
}

/// Derivatives of the log of a tail of `HalfFlat`'s base, P(X ≤ x) = x / (sigma + x), given that in ln x.
fn d_tail(p: &[f64], x: f64, dp: &mut [f64], in_log_x: impl Fn(f64) -> f64) -> f64 {
    if !is_positive(p[0]) || x.is_nan() {
        return undefined(dp);
    }
    if x <= 0.0 || x == f64::INFINITY {
        return none(dp);
    }
    let slope = in_log_x(x);
    dp[0] = -slope / p[0];
    slope / x
}

impl Univariate for HalfFlat {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if is_positive(p[0]) {
            positive_finite(p[0] * logit_of_noise(z).exp())
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            f64::NAN
        } else if x >= 0.0 && x.is_finite() {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if is_positive(p[0]) {
            log_inv_logit((not_below_zero(x) / p[0]).ln())
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if is_positive(p[0]) {
            -softplus((not_below_zero(x) / p[0]).ln())
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if is_positive(p[0]) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, _p: &[f64]) -> f64 {
        f64::NAN
    }
    fn sd(&self, _p: &[f64]) -> f64 {
        f64::NAN
    }
    fn improper_correction(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 {
            f64::NEG_INFINITY
        } else {
            p[0].ln() + 2.0 * (x / p[0]).ln_1p()
        }
    }
    fn is_improper(&self) -> bool {
        true
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_density(p, x), dp)
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        dp[0] = x / p[0];
        x * logit_slope(z)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, dp, |x| p[0] / (p[0] + x))
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, dp, |x| -x / (p[0] + x))
    }
    fn d_improper_correction(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || x == f64::INFINITY {
            return none(dp);
        }
        dp[0] = (1.0 - x / p[0]) / (p[0] + x);
        2.0 / (p[0] + x)
    }
}
