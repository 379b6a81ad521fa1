//! The logistic distribution.

use super::location_scale::Standard;
use super::params::{positive, real};
use crate::compute::special::{
    erf, inv_logit, log_inv_logit, log_phi, normal_hazard, phi, softplus,
};
use std::f64::consts::FRAC_1_SQRT_2;

describe!(
    Logistic,
    Real,
    "The logistic distribution of location mu and scale sigma.",
    [real("mu"), positive("sigma")]
);

impl Standard for Logistic {
    const MEAN: f64 = 0.0;
    const SD: f64 = 1.8137993642342178; // π/√3
    #[inline]
    fn of_noise(z: f64) -> f64 {
        logit_of_noise(z)
    }
    #[inline]
    fn log_shape(t: f64) -> f64 {
        -t.abs() - 2.0 * (-t.abs()).exp().ln_1p()
    }
    #[inline]
    fn score(t: f64) -> f64 {
        -(0.5 * t).tanh()
    }
    fn log_lower(t: f64) -> f64 {
        log_inv_logit(t)
    }
    fn log_upper(t: f64) -> f64 {
        -softplus(t)
    }
    fn noise_slope(z: f64, _t: f64) -> f64 {
        logit_slope(z)
    }
    fn lower_slope(t: f64) -> f64 {
        inv_logit(-t)
    }
    fn upper_slope(t: f64) -> f64 {
        inv_logit(t)
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

/// Its derivative, φ(z) / (Φ(z) Φ(−z)).
#[inline]
pub fn logit_slope(z: f64) -> f64 {
    normal_hazard(-z.abs()) / phi(z.abs())
}
