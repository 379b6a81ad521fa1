//! The gamma and inverse gamma distributions.
//!
//! With a small shape most of the mass lies below the smallest f64. Values there are the smallest normal f64, so that their
//! logs and log-densities stay finite.

use super::Univariate;
use super::params::{is_positive, not_below_zero, positive, positive_finite};
use crate::compute::special::{
    inv_log_gamma_p, inv_log_gamma_q, log_gamma_kernel, log_gamma_tails, log_phi,
};

describe!(
    Gamma,
    Real,
    "The gamma distribution of shape alpha and rate beta, whose mean is alpha / beta.",
    [positive("alpha"), positive("beta")]
);
describe!(
    InvGamma,
    Real,
    "The inverse of a gamma variable of shape alpha and rate beta, so that beta is a scale.",
    [positive("alpha"), positive("beta")]
);

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

/// (ln t, t) for the gamma variable t of this shape and rate 1 that noise z is carried to.
fn standard_transport(shape: f64, z: f64) -> (f64, f64) {
    if z <= 0.0 {
        inv_log_gamma_p(shape, log_phi(z))
    } else {
        inv_log_gamma_q(shape, log_phi(-z))
    }
}

/// ln P and ln Q at the positive x, or at 0 below.
fn tails(shape: f64, x: f64) -> (f64, f64) {
    if x.is_nan() {
        (x, x)
    } else {
        log_gamma_tails(shape, not_below_zero(x), not_below_zero(x).ln())
    }
}

impl Univariate for Gamma {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) && !z.is_nan() {
            positive_finite(standard_transport(p[0], z).1 / p[1])
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        if x < 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        if x == 0.0 {
            return if p[0] == 1.0 {
                p[1].ln()
            } else {
                (1.0 - p[0]) * f64::INFINITY
            };
        }
        let log_x = x.ln();
        log_gamma_kernel(p[0], p[1] * x, p[1].ln() + log_x) - log_x
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] * x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] * x).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) { p[0] / p[1] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[0].sqrt() / p[1]
        } else {
            f64::NAN
        }
    }
}

impl Univariate for InvGamma {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) || z.is_nan() {
            return f64::NAN;
        }
        let (log_t, t) = standard_transport(p[0], -z);
        positive_finite(if t > 1e-290 {
            p[1] / t
        } else {
            (p[1].ln() - log_t).exp()
        })
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let t = p[1] / x;
        if t == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let log_x = x.ln();
        log_gamma_kernel(p[0], t, p[1].ln() - log_x) - log_x
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] / not_below_zero(x)).1
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            tails(p[0], p[1] / not_below_zero(x)).0
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) && p[0] > 1.0 {
            p[1] / (p[0] - 1.0)
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) && p[0] > 2.0 {
            p[1] / (p[0] - 1.0) / (p[0] - 2.0).sqrt()
        } else {
            f64::NAN
        }
    }
}
