//! The Laplace (double exponential) distribution.

use super::location_scale::Standard;
use super::params::{positive, real};
use crate::compute::special::{LN_2, erf, log_phi, normal_hazard};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

describe!(
    Laplace,
    Real,
    "The Laplace distribution of location mu and scale sigma.",
    [real("mu"), positive("sigma")]
);

impl Standard for Laplace {
    const MEAN: f64 = 0.0;
    const SD: f64 = SQRT_2;
    #[inline]
    fn of_noise(z: f64) -> f64 {
        let size = z.abs();
        let t = if size < 1.0 {
            -(-erf(size * FRAC_1_SQRT_2)).ln_1p()
        } else {
            -(LN_2 + log_phi(-size))
        };
        t.copysign(z)
    }
    #[inline]
    fn log_shape(t: f64) -> f64 {
        -t.abs() - LN_2
    }
    /// 0 at the peak, between the slopes of its sides.
    #[inline]
    fn score(t: f64) -> f64 {
        if t == 0.0 { 0.0 } else { -t.signum() }
    }
    fn log_lower(t: f64) -> f64 {
        if t <= 0.0 {
            t - LN_2
        } else {
            (-0.5 * (-t).exp()).ln_1p()
        }
    }
    fn log_upper(t: f64) -> f64 {
        Self::log_lower(-t)
    }
    /// φ(z) / Φ(−|z|): the value is the log of the smaller tail.
    fn noise_slope(z: f64, _t: f64) -> f64 {
        normal_hazard(-z.abs())
    }
}
