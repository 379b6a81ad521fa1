//! The Cauchy distribution and its folded form.

use super::location_scale::Standard;
use super::params::{finite, positive, real};
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

impl Standard for Cauchy {
    const MEAN: f64 = f64::NAN;
    const SD: f64 = f64::NAN;
    fn of_noise(z: f64) -> f64 {
        let tail = phi(-z.abs());
        // Near the middle tan(π (Φ(|z|) − ½)) keeps the digits of z; in the tails 1 / tan(π Φ(−|z|)) does.
        let t = if tail > 0.25 {
            (FRAC_PI_2 * erf(z.abs() * FRAC_1_SQRT_2)).tan()
        } else {
            1.0 / (PI * tail).tan()
        };
        finite(t).copysign(z)
    }
    #[inline]
    fn log_shape(t: f64) -> f64 {
        -LN_PI
            - if t.abs() < 1e150 {
                (t * t).ln_1p()
            } else {
                2.0 * t.abs().ln()
            }
    }
    #[inline]
    fn score(t: f64) -> f64 {
        if t.abs() < 1.0 {
            -2.0 * t / (1.0 + t * t)
        } else {
            -2.0 / (t + 1.0 / t)
        }
    }
    fn log_lower(t: f64) -> f64 {
        if t < -1.0 {
            ((-1.0 / t).atan() * FRAC_1_PI).ln()
        } else if t <= 1.0 {
            (0.5 + t.atan() * FRAC_1_PI).ln()
        } else {
            (-(1.0 / t).atan() * FRAC_1_PI).ln_1p()
        }
    }
    fn log_upper(t: f64) -> f64 {
        Self::log_lower(-t)
    }
}

impl Standard for HalfCauchy {
    const FIRST: f64 = 0.0;
    const MEAN: f64 = f64::INFINITY;
    const SD: f64 = f64::INFINITY;
    fn of_noise(z: f64) -> f64 {
        let tail = FRAC_PI_2 * phi(-z.abs());
        finite(if z <= 0.0 {
            tail.tan()
        } else {
            1.0 / tail.tan()
        })
    }
    #[inline]
    fn log_shape(t: f64) -> f64 {
        LN_2 + Cauchy::log_shape(t)
    }
    #[inline]
    fn score(t: f64) -> f64 {
        Cauchy::score(t)
    }
    fn log_lower(t: f64) -> f64 {
        if t < 1.0 {
            (2.0 * FRAC_1_PI * t.atan()).ln()
        } else {
            (-2.0 * FRAC_1_PI * (1.0 / t).atan()).ln_1p()
        }
    }
    fn log_upper(t: f64) -> f64 {
        if t < 1.0 {
            (-2.0 * FRAC_1_PI * t.atan()).ln_1p()
        } else {
            (2.0 * FRAC_1_PI * (1.0 / t).atan()).ln()
        }
    }
}
