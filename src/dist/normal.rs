//! The normal distribution and those made from it by exp and by folding.

use super::Univariate;
use super::params::{is_positive, location_scale, not_below_zero, positive, positive_finite, real};
use crate::compute::special::{
    LN_2, cap_log, erf, inv_erf, inv_log_phi, log_phi, normal_log_density, phi,
};
use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

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
}

impl Univariate for Normal {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            p[0] + p[1] * z
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            normal_log_density((x - p[0]) / p[1]) - p[1].ln()
        } else {
            f64::NAN
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            log_phi((x - p[0]) / p[1])
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if location_scale(p[0], p[1]) {
            log_phi((p[0] - x) / p[1])
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
            p[1]
        } else {
            f64::NAN
        }
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
}

impl Univariate for HalfNormal {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !is_positive(p[0]) {
            return f64::NAN;
        }
        p[0] * if z <= 0.0 {
            SQRT_2 * inv_erf(phi(z))
        } else {
            -inv_log_phi(log_phi(-z) - LN_2)
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) {
            f64::NAN
        } else if x < 0.0 {
            f64::NEG_INFINITY
        } else {
            LN_2 + normal_log_density(x / p[0]) - p[0].ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !is_positive(p[0]) {
            return f64::NAN;
        }
        let t = not_below_zero(x) / p[0];
        if t < 1.0 {
            erf(t * FRAC_1_SQRT_2).ln()
        } else {
            (-2.0 * phi(-t)).ln_1p()
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if is_positive(p[0]) {
            cap_log(LN_2 + log_phi(-not_below_zero(x) / p[0]))
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if is_positive(p[0]) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if is_positive(p[0]) {
            p[0] * (2.0 / PI).sqrt()
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if is_positive(p[0]) {
            p[0] * (1.0 - 2.0 / PI).sqrt()
        } else {
            f64::NAN
        }
    }
}
