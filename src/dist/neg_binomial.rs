//! Negative binomial distributions: Poisson with a gamma-distributed rate.

use super::Univariate;
use super::discrete::{guess, inverse};
use super::params::{is_positive, is_whole, positive};
use super::slopes::{none, step, tail_slope, undefined};
use crate::compute::special::{
    Odds, d_log_beta_tails, digamma_difference, digamma_excess, log_beta_kernel, log_beta_tails,
    log1pmx,
};

describe!(
    NegBinomial2,
    Int,
    "The negative binomial distribution of mean mu and variance mu + mu² / phi.",
    [positive("mu"), positive("phi")]
);

describe!(
    NegBinomial,
    Int,
    "The negative binomial distribution of shape alpha and inverse scale beta, whose mean is alpha / beta.",
    [positive("alpha"), positive("beta")]
);

/// `NegBinomial2`'s parameters: the same mean, the shape as its precision.
fn mean_and_precision(p: &[f64]) -> [f64; 2] {
    if valid(p) {
        [p[0] / p[1], p[0]]
    } else {
        [f64::NAN; 2]
    }
}

/// Derivatives in alpha and beta from those in mean and precision.
fn chain(p: &[f64], dq: [f64; 2]) -> [f64; 2] {
    [dq[0] / p[1] + dq[1], -p[0] / p[1] / p[1] * dq[0]]
}

same_as!(NegBinomial, NegBinomial2, mean_and_precision, chain);

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

/// ln of the mass at a whole number k ≥ 0: `size` failures to wait for, `at` their probability.
pub fn log_mass(size: f64, at: Odds, k: f64) -> f64 {
    if k == 0.0 {
        size * at.log_x
    } else {
        log_beta_kernel(size, k, at) - k.ln()
    }
}

/// (ln P(X ≤ k), ln P(X > k)) for any real k.
pub fn log_tails(size: f64, at: Odds, k: f64) -> (f64, f64) {
    if k.is_nan() {
        (k, k)
    } else if k < 0.0 {
        (f64::NEG_INFINITY, 0.0)
    } else if k == f64::INFINITY {
        (0.0, f64::NEG_INFINITY)
    } else {
        log_beta_tails(size, k.floor() + 1.0, at)
    }
}

/// The value that noise is carried to, for a distribution of this mean.
pub fn transport(size: f64, at: Odds, mean: f64, z: f64) -> f64 {
    let sd = (mean * (1.0 + mean / size)).sqrt();
    let start = guess(z, mean, sd, (1.0 + 2.0 * mean / size) / sd);
    inverse(
        z,
        start,
        (0.0, f64::INFINITY),
        |k| log_tails(size, at, k).0,
        |k| log_tails(size, at, k).1,
    )
}

/// Derivatives of the log of a tail of `NegBinomial2`, an incomplete beta function of shapes phi and k + 1 at the logit
/// ln(phi/mu).
fn d_tail(p: &[f64], x: f64, is_upper: bool, dp: &mut [f64]) -> f64 {
    if !valid(p) || x.is_nan() {
        return undefined(dp);
    }
    if x < 0.0 || x == f64::INFINITY {
        return none(dp);
    }
    let (shape, at) = (x.floor() + 1.0, Odds::from_ratio(p[1] / p[0]));
    let (lower, upper) = d_log_beta_tails(p[1], shape, at);
    let (tail, sign) = if is_upper {
        (upper, -1.0)
    } else {
        (lower, 1.0)
    };
    let in_logit = sign * tail_slope(log_beta_kernel(p[1], shape, at), tail.value);
    dp[0] = -in_logit / p[0];
    dp[1] = tail.slopes[0] + in_logit / p[1];
    0.0
}

impl Univariate for NegBinomial2 {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            transport(p[1], Odds::from_ratio(p[1] / p[0]), p[0], z)
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            log_mass(p[1], Odds::from_ratio(p[1] / p[0]), x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_tails(p[1], Odds::from_ratio(p[1] / p[0]), x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_tails(p[1], Odds::from_ratio(p[1] / p[0]), x).1
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
        if valid(p) { p[0] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            (p[0] * (1.0 + p[0] / p[1])).sqrt()
        } else {
            f64::NAN
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || !is_whole(x) {
            return none(dp);
        }
        let [mu, phi] = [p[0], p[1]];
        let gap = (x - mu) / (mu + phi);
        dp[0] = phi / mu * gap;
        // ψ(phi + x) − ψ(phi) − ln(1 + mu/phi) − gap, regrouped so that nothing cancels when phi is large.
        dp[1] = if gap > -0.9 {
            digamma_excess(phi, x) + log1pmx(gap)
        } else {
            digamma_difference(phi, x) - (mu / phi).ln_1p() - gap
        };
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    /// In phi relative to 1e−16 times phi, where that is more than the usual error.
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, false, dp)
    }
    /// In phi relative to 1e−16 times phi, where that is more than the usual error.
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, true, dp)
    }
}
