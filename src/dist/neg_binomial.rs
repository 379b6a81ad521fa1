//! Negative binomial distributions: Poisson with a gamma-distributed rate.

use super::Univariate;
use super::discrete::{guess, inverse};
use super::params::{is_positive, is_whole, positive};
use crate::compute::special::{Odds, log_beta_kernel, log_beta_tails};

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

same_as!(NegBinomial, NegBinomial2, mean_and_precision);

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
}
