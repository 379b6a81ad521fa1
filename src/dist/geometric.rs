//! The geometric distribution.

use super::Univariate;
use super::discrete::inverse;
use super::params::{is_whole, unit};
use super::slopes::{complement, step};
use crate::compute::special::{log_phi, log1mexp};

describe!(
    Geometric,
    Int,
    "The number of failures before the first success, in trials that succeed with probability p.",
    [unit("p")],
    possible
);

fn possible(p: &[&[f64]]) -> Result<(), (usize, String)> {
    if p[0][0] > 0.0 {
        Ok(())
    } else {
        Err((0, "p must be above 0, or no trial ever succeeds".into()))
    }
}

fn valid(p: &[f64]) -> bool {
    p[0] > 0.0 && p[0] <= 1.0
}

impl Univariate for Geometric {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let start = (log_phi(-z) / (-p[0]).ln_1p()).ceil() - 1.0;
        inverse(
            z,
            start,
            (0.0, f64::INFINITY),
            |k| self.log_cdf(p, k),
            |k| self.log_ccdf(p, k),
        )
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || !is_whole(x) {
            f64::NEG_INFINITY
        } else if x == 0.0 {
            p[0].ln()
        } else {
            x * (-p[0]).ln_1p() + p[0].ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        log1mexp(self.log_ccdf(p, x))
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 {
            0.0
        } else {
            (x.floor() + 1.0) * (-p[0]).ln_1p()
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if !valid(p) {
            return (f64::NAN, f64::NAN);
        }
        (0.0, if p[0] == 1.0 { 0.0 } else { f64::INFINITY })
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            (1.0 - p[0]) / p[0]
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            (1.0 - p[0]).sqrt() / p[0]
        } else {
            f64::NAN
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let mass = self.log_density(p, x);
        if !mass.is_finite() {
            return step(mass, dp);
        }
        dp[0] = 1.0 / p[0] - if x == 0.0 { 0.0 } else { x / (1.0 - p[0]) };
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let slope = self.d_log_ccdf(p, x, dp);
        complement(slope, dp, self.log_ccdf(p, x), self.log_cdf(p, x))
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let tail = self.log_ccdf(p, x);
        if !tail.is_finite() || x < 0.0 {
            return step(tail, dp);
        }
        dp[0] = -(x.floor() + 1.0) / (1.0 - p[0]);
        0.0
    }
}
