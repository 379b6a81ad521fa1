//! The beta-binomial distribution.

use super::Univariate;
use super::beta::transport_odds;
use super::discrete::inverse;
use super::params::{count, is_count, is_positive, is_whole, positive};
use super::slopes::{complement, none, step, undefined};
use super::sums::{log_sum_down, log_sum_up, mean_of_scores};
use crate::compute::special::{
    cap_log, digamma_difference, lbeta, log_choose, log_gamma_ratio, log1mexp,
};

describe!(
    BetaBinomial,
    Int,
    "The number of successes in n trials whose probability is a beta variable of shapes alpha and beta.",
    [count("n"), positive("alpha"), positive("beta")]
);

fn valid(p: &[f64]) -> bool {
    is_count(p[0]) && is_positive(p[1]) && is_positive(p[2])
}

fn log_mass(p: &[f64], k: f64) -> f64 {
    let [n, alpha, beta] = [p[0], p[1], p[2]];
    if n < alpha + beta {
        // The beta functions themselves are huge where their shapes are, and nearly equal.
        return log_choose(n, k) + log_gamma_ratio(alpha, k) + log_gamma_ratio(beta, n - k)
            - log_gamma_ratio(alpha + beta, n);
    }
    shifted(k, alpha) + shifted(n - k, beta) - shifted(n, alpha + beta) - lbeta(alpha, beta)
}

/// ln Γ(x + a) − ln Γ(x + 1), without cancellation for large x.
fn shifted(x: f64, a: f64) -> f64 {
    log_gamma_ratio(x + 1.0, a) - (x + a).ln()
}

/// mass(k + 1) / mass(k).
fn ratio(p: &[f64], k: f64) -> f64 {
    let [n, alpha, beta] = [p[0], p[1], p[2]];
    (n - k) * (k + alpha) / ((k + 1.0) * (n - k - 1.0 + beta))
}

/// (ln P(X ≤ k), ln P(X > k)) for whole 0 ≤ k < n: the smaller is a sum, the larger its complement.
fn tails(p: &[f64], k: f64) -> (f64, f64) {
    let unimodal = p[1] >= 1.0 && p[2] >= 1.0; // otherwise the mass may rise again towards an end
    let lower = || {
        cap_log(log_sum_down(log_mass(p, k), k, 0.0, unimodal, |j| {
            1.0 / ratio(p, j - 1.0)
        }))
    };
    let upper = || {
        cap_log(log_sum_up(
            log_mass(p, k + 1.0),
            k + 1.0,
            p[0],
            unimodal,
            |j| ratio(p, j),
        ))
    };
    let (first, second) = if k < p[0] * p[1] / (p[1] + p[2]) {
        (lower(), None)
    } else {
        (f64::NAN, Some(upper()))
    };
    match second {
        None if first < -0.5 => (first, log1mexp(first)),
        None => (first, upper()),
        Some(up) if up < -0.5 => (log1mexp(up), up),
        Some(up) => (lower(), up),
    }
}

/// Derivatives of the log-mass in alpha and beta.
fn scores(p: &[f64], k: f64) -> [f64; 2] {
    let [n, alpha, beta] = [p[0], p[1], p[2]];
    let total = digamma_difference(alpha + beta, n);
    [
        digamma_difference(alpha, k) - total,
        digamma_difference(beta, n - k) - total,
    ]
}

/// Derivatives of the log of a tail: those of the masses on the side of the mean where k lies, averaged over that side, and the
/// complement of that for the other.
fn d_tail(p: &[f64], x: f64, is_upper: bool, dp: &mut [f64]) -> f64 {
    if !valid(p) || x.is_nan() {
        return undefined(dp);
    }
    let k = x.floor();
    if k < 0.0 || k >= p[0] {
        return none(dp);
    }
    let unimodal = p[1] >= 1.0 && p[2] >= 1.0;
    let (lower, upper) = tails(p, k);
    let sum_upper = k >= p[0] * p[1] / (p[1] + p[2]);
    let mean = if sum_upper {
        mean_of_scores(scores(p, k + 1.0), p[0] - k - 1.0, unimodal, |i| {
            let j = k + 1.0 + i;
            let up = [1.0 / (p[1] + j), -1.0 / (p[2] + p[0] - j - 1.0)];
            (ratio(p, j), up)
        })
    } else {
        mean_of_scores(scores(p, k), k, unimodal, |i| {
            let j = k - i;
            let down = [-1.0 / (p[1] + j - 1.0), 1.0 / (p[2] + p[0] - j)];
            (1.0 / ratio(p, j - 1.0), down)
        })
    };
    dp[0] = 0.0;
    dp[1..].copy_from_slice(&mean);
    match (is_upper, sum_upper) {
        (true, false) => complement(0.0, dp, lower, upper),
        (false, true) => complement(0.0, dp, upper, lower),
        _ => 0.0,
    }
}

impl Univariate for BetaBinomial {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        // The share of successes is nearly the beta variable itself when n is large.
        let start = p[0] * transport_odds(p[1], p[2], z).x;
        inverse(
            z,
            start,
            (0.0, p[0]),
            |k| self.log_cdf(p, k),
            |k| self.log_ccdf(p, k),
        )
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || x > p[0] || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            log_mass(p, x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 {
            f64::NEG_INFINITY
        } else if x >= p[0] {
            0.0
        } else {
            tails(p, x.floor()).0
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 {
            0.0
        } else if x >= p[0] {
            f64::NEG_INFINITY
        } else {
            tails(p, x.floor()).1
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, p[0])
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[0] * p[1] / (p[1] + p[2])
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let total = p[1] + p[2];
        if valid(p) {
            (p[0] * (p[1] / total) * (p[2] / total) * (total + p[0]) / (total + 1.0)).sqrt()
        } else {
            f64::NAN
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || x > p[0] || !is_whole(x) {
            return none(dp);
        }
        let [alpha, beta] = scores(p, x);
        (dp[0], dp[1], dp[2]) = (0.0, alpha, beta);
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, false, dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, true, dp)
    }
}
