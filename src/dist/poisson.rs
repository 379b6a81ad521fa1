//! The Poisson distribution.

use super::Univariate;
use super::discrete::{guess, inverse};
use super::params::{is_whole, non_negative, real};
use super::slopes::{none, step, undefined};
use crate::base::{Bug, bites};
use crate::compute::special::{log_factorial, log_gamma_kernel, log_gamma_tails, log_phi};

describe!(
    Poisson,
    Int,
    "The Poisson distribution of a rate, which is its mean.",
    [non_negative("rate")]
);

describe!(
    PoissonLog,
    Int,
    "The Poisson distribution of rate exp(log_rate).",
    [real("log_rate")]
);

fn valid(rate: f64) -> bool {
    rate >= 0.0 && rate.is_finite()
}

/// ln of the mass at a whole number k ≥ 0, from the rate and its log.
#[inline]
pub fn log_mass(rate: f64, log_rate: f64, k: f64) -> f64 {
    if k == 0.0 {
        -rate
    } else if bites(Bug::LostConstant) {
        k * log_rate - rate
    } else if k < 64.0 {
        k * log_rate - rate - log_factorial(k)
    } else {
        log_gamma_kernel(k, rate, log_rate) - k.ln()
    }
}

/// (ln P(X ≤ k), ln P(X > k)) for any real k.
pub fn log_tails(rate: f64, log_rate: f64, k: f64) -> (f64, f64) {
    if k.is_nan() {
        return (k, k);
    }
    if k < 0.0 {
        return (f64::NEG_INFINITY, 0.0);
    }
    if k == f64::INFINITY {
        return (0.0, f64::NEG_INFINITY);
    }
    let (above, below) = log_gamma_tails(k.floor() + 1.0, rate, log_rate);
    (below, above)
}

/// The value that noise is carried to.
pub fn transport(rate: f64, log_rate: f64, z: f64) -> f64 {
    let sd = rate.sqrt();
    // Far in the upper tail of a small rate the mass falls faster than any normal guess: ln P(X ≥ k) ≈ k ln(rate / k).
    let start = if rate < 1.0 {
        if z <= 0.0 {
            0.0
        } else {
            log_phi(-z) / (log_rate - 2.0)
        }
    } else {
        guess(z, rate, sd, 1.0 / sd)
    };
    inverse(
        z,
        start,
        (0.0, f64::INFINITY),
        |k| log_tails(rate, log_rate, k).0,
        |k| log_tails(rate, log_rate, k).1,
    )
}

/// mass(k) over a tail, k = ⌊x⌋: dF(k) = −mass(k) drate. 0 where the tail does not depend on the rate.
fn d_tail(rate: f64, log_rate: f64, x: f64, log_tail: f64) -> f64 {
    if x < 0.0 || x == f64::INFINITY || log_tail == f64::NEG_INFINITY {
        0.0
    } else {
        (log_mass(rate, log_rate, x.floor()) - log_tail).exp()
    }
}

impl Univariate for Poisson {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p[0]) {
            transport(p[0], p[0].ln(), z)
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p[0]) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            log_mass(p[0], p[0].ln(), x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p[0]) {
            log_tails(p[0], p[0].ln(), x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p[0]) {
            log_tails(p[0], p[0].ln(), x).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if !valid(p[0]) {
            return (f64::NAN, f64::NAN);
        }
        (0.0, if p[0] == 0.0 { 0.0 } else { f64::INFINITY })
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p[0]) { p[0] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p[0]) { p[0].sqrt() } else { f64::NAN }
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || !is_whole(x) || (p[0] == 0.0 && x > 0.0) {
            return none(dp);
        }
        dp[0] = if x == 0.0 { -1.0 } else { (x - p[0]) / p[0] };
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        dp[0] = -d_tail(p[0], p[0].ln(), x, self.log_cdf(p, x));
        0.0
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        dp[0] = d_tail(p[0], p[0].ln(), x, self.log_ccdf(p, x));
        0.0
    }
}

fn log_valid(log_rate: f64) -> bool {
    log_rate.is_finite() && log_rate.exp() < f64::INFINITY
}

impl Univariate for PoissonLog {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if log_valid(p[0]) {
            transport(p[0].exp(), p[0], z)
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !log_valid(p[0]) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            log_mass(p[0].exp(), p[0], x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if log_valid(p[0]) {
            log_tails(p[0].exp(), p[0], x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if log_valid(p[0]) {
            log_tails(p[0].exp(), p[0], x).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if log_valid(p[0]) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if log_valid(p[0]) {
            p[0].exp()
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if log_valid(p[0]) {
            (0.5 * p[0]).exp()
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !log_valid(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || !is_whole(x) {
            return none(dp);
        }
        dp[0] = x - p[0].exp();
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !log_valid(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        let rate = p[0].exp();
        dp[0] = -rate * d_tail(rate, p[0], x, self.log_cdf(p, x));
        0.0
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !log_valid(p[0]) || x.is_nan() {
            return undefined(dp);
        }
        let rate = p[0].exp();
        dp[0] = rate * d_tail(rate, p[0], x, self.log_ccdf(p, x));
        0.0
    }
}
