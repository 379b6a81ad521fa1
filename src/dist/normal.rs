//! The normal distribution and those made from it by exp and by folding.

use super::Univariate;
use super::location_scale::Standard;
use super::params::{location_scale, not_below_zero, positive, positive_finite, real};
use super::slopes::{is_clamped, none};
use crate::compute::special::{
    LN_2, cap_log, erf, inv_erf, inv_log_phi, log_phi, normal_hazard, normal_log_density, phi,
};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

describe!(
    StdNormal,
    Real,
    "The normal distribution of mean 0 and standard deviation 1.",
    []
);
describe!(
    Normal,
    Real,
    "The normal distribution of mean mu and standard deviation sigma.",
    [real("mu"), positive("sigma")]
);
describe!(
    LogNormal,
    Real,
    "exp of a normal variable of mean mu and standard deviation sigma.",
    [real("mu"), positive("sigma")]
);
describe!(
    HalfNormal,
    Real,
    "The absolute value of a normal variable of mean 0 and standard deviation sigma.",
    [positive("sigma")]
);

impl Univariate for StdNormal {
    #[inline]
    fn transport(&self, _p: &[f64], z: f64) -> f64 {
        z
    }
    #[inline]
    fn log_density(&self, _p: &[f64], x: f64) -> f64 {
        normal_log_density(x)
    }
    fn log_cdf(&self, _p: &[f64], x: f64) -> f64 {
        log_phi(x)
    }
    fn log_ccdf(&self, _p: &[f64], x: f64) -> f64 {
        log_phi(-x)
    }
    fn support(&self, _p: &[f64]) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
    fn mean(&self, _p: &[f64]) -> f64 {
        0.0
    }
    fn sd(&self, _p: &[f64]) -> f64 {
        1.0
    }
    #[inline]
    fn d_log_density(&self, _p: &[f64], x: f64, _dp: &mut [f64]) -> f64 {
        if x.is_infinite() { 0.0 } else { -x }
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], z: f64, _x: f64, _dp: &mut [f64]) -> f64 {
        if z.is_nan() { z } else { 1.0 }
    }
    fn d_log_cdf(&self, _p: &[f64], x: f64, _dp: &mut [f64]) -> f64 {
        if x.is_infinite() {
            0.0
        } else {
            normal_hazard(x)
        }
    }
    fn d_log_ccdf(&self, _p: &[f64], x: f64, _dp: &mut [f64]) -> f64 {
        if x.is_infinite() {
            0.0
        } else {
            -normal_hazard(-x)
        }
    }
}

impl Standard for Normal {
    const MEAN: f64 = 0.0;
    const SD: f64 = 1.0;
    #[inline]
    fn of_noise(z: f64) -> f64 {
        z
    }
    #[inline]
    fn log_shape(t: f64) -> f64 {
        normal_log_density(t)
    }
    #[inline]
    fn score(t: f64) -> f64 {
        -t
    }
    fn log_lower(t: f64) -> f64 {
        log_phi(t)
    }
    fn log_upper(t: f64) -> f64 {
        log_phi(-t)
    }
    #[inline]
    fn noise_slope(_z: f64, _t: f64) -> f64 {
        1.0
    }
    fn lower_slope(t: f64) -> f64 {
        normal_hazard(t)
    }
    fn upper_slope(t: f64) -> f64 {
        normal_hazard(-t)
    }
}

impl Univariate for LogNormal {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        positive_finite(Normal.transport(p, z).exp())
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !location_scale(p[0], p[1]) || x.is_nan() {
            return f64::NAN;
        }
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let log_x = x.ln();
        normal_log_density((log_x - p[0]) / p[1]) - p[1].ln() - log_x
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        Normal.log_cdf(p, not_below_zero(x).ln())
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        Normal.log_ccdf(p, not_below_zero(x).ln())
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if location_scale(p[0], p[1]) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if location_scale(p[0], p[1]) {
            (p[0] + 0.5 * p[1] * p[1]).exp()
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        self.mean(p) * (p[1] * p[1]).exp_m1().sqrt()
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if x <= 0.0 && location_scale(p[0], p[1]) {
            return none(dp);
        }
        // In ln x, whose density lacks the factor 1/x.
        let slope = Normal.d_log_density(p, x.ln(), dp);
        if x == f64::INFINITY {
            slope
        } else {
            (slope - 1.0) / x
        }
    }
    #[inline]
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if is_clamped(x) {
            return none(dp);
        }
        let slope = Normal.d_transport(p, z, x.ln(), dp);
        dp.iter_mut().for_each(|d| *d *= x);
        x * slope
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        per_log(Normal.d_log_cdf(p, not_below_zero(x).ln(), dp), x)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        per_log(Normal.d_log_ccdf(p, not_below_zero(x).ln(), dp), x)
    }
}

/// A derivative in x from that in ln x, where there is any.
fn per_log(slope: f64, x: f64) -> f64 {
    if slope == 0.0 { 0.0 } else { slope / x }
}

impl Standard for HalfNormal {
    const FIRST: f64 = 0.0;
    const MEAN: f64 = 0.7978845608028654; // √(2/π)
    const SD: f64 = 0.6028102749890869; // √(1 − 2/π)
    fn of_noise(z: f64) -> f64 {
        if z <= 0.0 {
            SQRT_2 * inv_erf(phi(z))
        } else {
            -inv_log_phi(log_phi(-z) - LN_2)
        }
    }
    #[inline]
    fn log_shape(t: f64) -> f64 {
        LN_2 + normal_log_density(t)
    }
    #[inline]
    fn score(t: f64) -> f64 {
        -t
    }
    fn log_lower(t: f64) -> f64 {
        if t < 1.0 {
            erf(t * FRAC_1_SQRT_2).ln()
        } else {
            (-2.0 * phi(-t)).ln_1p()
        }
    }
    fn log_upper(t: f64) -> f64 {
        cap_log(LN_2 + log_phi(-t))
    }
    fn upper_slope(t: f64) -> f64 {
        normal_hazard(-t)
    }
}
