//! The Cauchy distribution and its folded form.

use super::Univariate;
use super::params::{finite, is_positive, location_scale, not_below_zero, positive, real};
use crate::compute::special::{LN_2, LN_PI, erf, phi};
use std::f64::consts::{FRAC_1_PI, FRAC_1_SQRT_2, FRAC_PI_2, PI};

describe!(
    Cauchy,
    Real,
    "The Cauchy distribution of location mu and scale sigma.",
    [real("mu"), positive("sigma")]
);
describe!(
    HalfCauchy,
    Real,
    "The absolute value of a Cauchy variable of location 0 and scale sigma.",
    [positive("sigma")]
);

impl Univariate for Cauchy {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !location_scale(p[0], p[1]) || z.is_nan() {
            return f64::NAN;
        }
        let tail = phi(-z.abs());
        // Near the middle tan(π (Φ(|z|) − ½)) keeps the digits of z; in the tails 1 / tan(π Φ(−|z|)) does.
        let t = if tail > 0.25 {
            (FRAC_PI_2 * erf(z.abs() * FRAC_1_SQRT_2)).tan()
        } else {
            1.0 / (PI * tail).tan()
        };
        finite(p[0] + p[1] * t.copysign(z))
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !location_scale(p[0], p[1]) {
            return f64::NAN;
        }
        let t = (x - p[0]) / p[1];
        -LN_PI
            - p[1].ln()
            - if t.abs() < 1e150 {
                (t * t).ln_1p()
            } else {
                2.0 * t.abs().ln()
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
    fn mean(&self, _p: &[f64]) -> f64 {
        f64::NAN
    }
    fn sd(&self, _p: &[f64]) -> f64 {
        f64::NAN
    }
}

/// ln of the distribution function for location 0 and scale 1.
fn standard_log_cdf(t: f64) -> f64 {
    if t < -1.0 {
        ((-1.0 / t).atan() * FRAC_1_PI).ln()
    } else if t <= 1.0 {
        (0.5 + t.atan() * FRAC_1_PI).ln()
    } else {
        (-(1.0 / t).atan() * FRAC_1_PI).ln_1p()
    }
}

impl Univariate for HalfCauchy {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !is_positive(p[0]) || z.is_nan() {
            return f64::NAN;
        }
        let tail = phi(-z.abs());
        finite(
            p[0] * if z <= 0.0 {
                (FRAC_PI_2 * tail).tan()
            } else {
                1.0 / (FRAC_PI_2 * tail).tan()
            },
        )
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if x < 0.0 && is_positive(p[0]) {
            f64::NEG_INFINITY
        } else {
            LN_2 + Cauchy.log_density(&[0.0, p[0]], x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) {
            return f64::NAN;
        }
        let t = not_below_zero(x) / p[0];
        if t < 1.0 {
            (2.0 * FRAC_1_PI * t.atan()).ln()
        } else {
            (-2.0 * FRAC_1_PI * (1.0 / t).atan()).ln_1p()
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) {
            return f64::NAN;
        }
        let t = not_below_zero(x) / p[0];
        if t < 1.0 {
            (-2.0 * FRAC_1_PI * t.atan()).ln_1p()
        } else {
            (2.0 * FRAC_1_PI * (1.0 / t).atan()).ln()
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
}
