//! Coin flips: as a bool, as 0 and 1, and by their log-odds.

use super::Univariate;
use super::params::{is_unit, real, unit};
use super::slopes::step;
use crate::compute::special::{inv_logit, log_phi, softplus};

describe!(Flip, Bool, "True with probability p.", [unit("p")]);
describe!(
    Bernoulli,
    Int,
    "1 with probability p, 0 otherwise.",
    [unit("p")]
);
describe!(
    BernoulliLogit,
    Int,
    "1 with probability inv_logit(logit), 0 otherwise.",
    [real("logit")]
);

/// Carries noise to 0 or 1, from the logs of their probabilities, of which one is asked for.
#[inline]
fn transport(log_zero: impl Fn() -> f64, log_one: impl Fn() -> f64, z: f64) -> f64 {
    let zero = if z <= 0.0 {
        log_zero() >= log_phi(z)
    } else {
        log_one() <= log_phi(-z)
    };
    if zero { 0.0 } else { 1.0 }
}

/// The log-mass of what is neither 0 nor 1.
fn elsewhere(x: f64) -> f64 {
    if x.is_nan() { x } else { f64::NEG_INFINITY }
}

fn log_cdf(log_zero: f64, x: f64) -> f64 {
    if x < 0.0 {
        f64::NEG_INFINITY
    } else if x < 1.0 {
        log_zero
    } else if x.is_nan() {
        f64::NAN
    } else {
        0.0
    }
}

fn log_ccdf(log_one: f64, x: f64) -> f64 {
    if x < 0.0 {
        0.0
    } else if x < 1.0 {
        log_one
    } else if x.is_nan() {
        f64::NAN
    } else {
        f64::NEG_INFINITY
    }
}

/// Derivatives of the log of a tail, which depends on the parameter between 0 and 1 only.
fn d_between(log_tail: f64, x: f64, slope: f64, dp: &mut [f64]) -> f64 {
    if log_tail.is_finite() && (0.0..1.0).contains(&x) {
        dp[0] = slope;
        0.0
    } else {
        step(log_tail, dp)
    }
}

impl Univariate for Bernoulli {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if is_unit(p[0]) && !z.is_nan() {
            // Half of the draws are the likelier number, whatever the logs are.
            if (z < 0.0 && p[0] < 0.5) || (z > 0.0 && p[0] > 0.5) {
                return if z > 0.0 { 1.0 } else { 0.0 };
            }
            transport(|| (-p[0]).ln_1p(), || p[0].ln(), z)
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !is_unit(p[0]) {
            f64::NAN
        } else if x == 1.0 {
            p[0].ln()
        } else if x == 0.0 {
            (-p[0]).ln_1p()
        } else {
            elsewhere(x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if is_unit(p[0]) {
            log_cdf((-p[0]).ln_1p(), x)
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if is_unit(p[0]) {
            log_ccdf(p[0].ln(), x)
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if !is_unit(p[0]) {
            return (f64::NAN, f64::NAN);
        }
        (
            if p[0] == 1.0 { 1.0 } else { 0.0 },
            if p[0] == 0.0 { 0.0 } else { 1.0 },
        )
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if is_unit(p[0]) { p[0] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if is_unit(p[0]) {
            (p[0] * (1.0 - p[0])).sqrt()
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let mass = self.log_density(p, x);
        if !mass.is_finite() {
            return step(mass, dp);
        }
        dp[0] = if x == 1.0 {
            1.0 / p[0]
        } else {
            -1.0 / (1.0 - p[0])
        };
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_between(self.log_cdf(p, x), x, -1.0 / (1.0 - p[0]), dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_between(self.log_ccdf(p, x), x, 1.0 / p[0], dp)
    }
}

fn same(p: &[f64]) -> [f64; 1] {
    [p[0]]
}

fn chain(_p: &[f64], dq: [f64; 1]) -> [f64; 1] {
    dq
}

same_as!(Flip, Bernoulli, same, chain);

impl Univariate for BernoulliLogit {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if p[0].is_finite() && !z.is_nan() {
            transport(|| -softplus(p[0]), || -softplus(-p[0]), z)
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !p[0].is_finite() {
            f64::NAN
        } else if x == 1.0 {
            -softplus(-p[0])
        } else if x == 0.0 {
            -softplus(p[0])
        } else {
            elsewhere(x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if p[0].is_finite() {
            log_cdf(-softplus(p[0]), x)
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if p[0].is_finite() {
            log_ccdf(-softplus(-p[0]), x)
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if p[0].is_finite() {
            (0.0, 1.0)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if p[0].is_finite() {
            inv_logit(p[0])
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if p[0].is_finite() {
            (inv_logit(p[0]) * inv_logit(-p[0])).sqrt()
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !p[0].is_finite() || (x != 0.0 && x != 1.0) {
            return step(self.log_density(p, x), dp);
        }
        dp[0] = if x == 1.0 {
            inv_logit(-p[0])
        } else {
            -inv_logit(p[0])
        };
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_between(self.log_cdf(p, x), x, -inv_logit(p[0]), dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_between(self.log_ccdf(p, x), x, inv_logit(-p[0]), dp)
    }
}
