//! The logistic distribution.

use super::Univariate;
use super::params::{location_scale, positive, real};
use crate::compute::special::{erf, log_inv_logit, log_phi, softplus};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

describe!(
    Logistic,
    Real,
    "The logistic distribution of location mu and scale sigma.",
    [real("mu"), positive("sigma")]
);

impl Univariate for Logistic {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            p[0] + p[1] * logit_of_noise(z)
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !location_scale(p[0], p[1]) {
            return f64::NAN;
        }
        let t = ((x - p[0]) / p[1]).abs();
        -t - 2.0 * (-t).exp().ln_1p() - p[1].ln()
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            log_inv_logit((x - p[0]) / p[1])
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            -softplus((x - p[0]) / p[1])
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
            p[1] * PI / 3f64.sqrt()
        } else {
            f64::NAN
        }
    }
}

/// ln(Φ(z) / Φ(−z)): 2 artanh(2Φ(z) − 1) near the middle, a difference of logs in the tails.
#[inline]
pub fn logit_of_noise(z: f64) -> f64 {
    if z.abs() < 1.0 {
        2.0 * erf(z * FRAC_1_SQRT_2).atanh()
    } else {
        log_phi(z) - log_phi(-z)
    }
}
