//! The Laplace (double exponential) distribution.

use super::Univariate;
use super::params::{location_scale, positive, real};
use crate::compute::special::{LN_2, erf, log_phi};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

describe!(
    Laplace,
    Real,
    "The Laplace distribution of location mu and scale sigma.",
    [real("mu"), positive("sigma")]
);

impl Univariate for Laplace {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !location_scale(p[0], p[1]) {
            return f64::NAN;
        }
        let size = z.abs();
        let t = if size < 1.0 {
            -(-erf(size * FRAC_1_SQRT_2)).ln_1p()
        } else {
            -(LN_2 + log_phi(-size))
        };
        p[0] + p[1] * t.copysign(z)
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            -((x - p[0]) / p[1]).abs() - LN_2 - p[1].ln()
        } else {
            f64::NAN
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            standard_log_cdf((x - p[0]) / p[1])
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            standard_log_cdf((p[0] - x) / p[1])
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
            p[0]
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if location_scale(p[0], p[1]) {
            SQRT_2 * p[1]
        } else {
            f64::NAN
        }
    }
}

fn standard_log_cdf(t: f64) -> f64 {
    if t <= 0.0 {
        t - LN_2
    } else {
        (-0.5 * (-t).exp()).ln_1p()
    }
}
