//! The exponential distribution.

use super::Univariate;
use super::params::{is_positive, not_below_zero, positive};
use super::slopes::{none, undefined};
use crate::compute::special::{log_phi, log1mexp, normal_hazard};

describe!(
    Exponential,
    Real,
    "The exponential distribution of a rate, whose mean is 1 / rate.",
    [positive("rate")]
);

impl Univariate for Exponential {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if is_positive(p[0]) {
            -log_phi(-z) / p[0]
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) {
            f64::NAN
        } else if x < 0.0 {
            f64::NEG_INFINITY
        } else {
            p[0].ln() - p[0] * x
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if is_positive(p[0]) {
            log1mexp(-p[0] * not_below_zero(x))
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if is_positive(p[0]) {
            -p[0] * not_below_zero(x)
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
    fn mean(&self, p: &[f64]) -> f64 {
        if is_positive(p[0]) {
            1.0 / p[0]
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        self.mean(p)
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            undefined(dp)
        } else if x < 0.0 || x == f64::INFINITY {
            none(dp)
        } else {
            dp[0] = 1.0 / p[0] - x;
            -p[0]
        }
    }
    #[inline]
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        dp[0] = -x / p[0];
        normal_hazard(-z) / p[0]
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        if x <= 0.0 || x == f64::INFINITY {
            return none(dp);
        }
        let odds = 1.0 / (p[0] * x).exp_m1();
        dp[0] = x * odds;
        p[0] * odds
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !is_positive(p[0]) || x.is_nan() {
            undefined(dp)
        } else if x <= 0.0 || x == f64::INFINITY {
            none(dp)
        } else {
            dp[0] = -x;
            -p[0]
        }
    }
}
