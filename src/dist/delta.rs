//! The point mass.

use super::Univariate;
use super::params::real;
use super::slopes::{step, undefined};

describe!(
    Delta,
    Real,
    "Always x; its log-density there is 0.",
    [real("x")]
);

impl Univariate for Delta {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if p[0].is_finite() && !z.is_nan() {
            p[0]
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !p[0].is_finite() || x.is_nan() {
            f64::NAN
        } else if x == p[0] {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !p[0].is_finite() || x.is_nan() {
            f64::NAN
        } else if x >= p[0] {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !p[0].is_finite() || x.is_nan() {
            f64::NAN
        } else if x < p[0] {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if p[0].is_finite() {
            (p[0], p[0])
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if p[0].is_finite() { p[0] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if p[0].is_finite() { 0.0 } else { f64::NAN }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_density(p, x), dp)
    }
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if x.is_nan() {
            return undefined(dp);
        }
        dp[0] = 1.0;
        0.0
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_cdf(p, x), dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_ccdf(p, x), dp)
    }
}
