//! The Pareto distribution.

use super::Univariate;
use super::params::{finite, is_positive, positive};
use super::slopes::{complement, is_clamped, none, undefined};
use crate::compute::special::{log_phi, log1mexp, normal_hazard};

describe!(
    Pareto,
    Real,
    "The Pareto distribution of values above y_min, with P(X > x) = (y_min / x)^alpha.",
    [positive("y_min"), positive("alpha")]
);

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

impl Univariate for Pareto {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            finite(p[0] * (-log_phi(-z) / p[1]).exp())
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < p[0] {
            f64::NEG_INFINITY
        } else {
            p[1].ln() - p[1] * (x / p[0]).ln() - x.ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        log1mexp(self.log_ccdf(p, x))
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        // x/y_min is often nearly 1, where ln_1p keeps the digits.
        if x <= p[0] {
            0.0
        } else if x < 2.0 * p[0] {
            -p[1] * ((x - p[0]) / p[0]).ln_1p()
        } else {
            -p[1] * (x / p[0]).ln()
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (p[0], f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        match valid(p) {
            true if p[1] > 1.0 => p[0] * p[1] / (p[1] - 1.0),
            true => f64::INFINITY,
            false => f64::NAN,
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        match valid(p) {
            true if p[1] > 2.0 => p[0] / (p[1] - 1.0) * (p[1] / (p[1] - 2.0)).sqrt(),
            true => f64::INFINITY,
            false => f64::NAN,
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x < p[0] || x == f64::INFINITY {
            return none(dp);
        }
        dp[0] = p[1] / p[0];
        dp[1] = 1.0 / p[1] - (x / p[0]).ln();
        -(p[1] + 1.0) / x
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        dp[0] = x / p[0];
        dp[1] = x * (log_phi(-z) / p[1]) / p[1];
        x / p[1] * normal_hazard(-z)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let slope = self.d_log_ccdf(p, x, dp);
        complement(slope, dp, self.log_ccdf(p, x), self.log_cdf(p, x))
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x <= p[0] || x == f64::INFINITY {
            return none(dp);
        }
        dp[0] = p[1] / p[0];
        dp[1] = self.log_ccdf(p, x) / p[1];
        -p[1] / x
    }
}
