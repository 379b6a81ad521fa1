//! The binomial distribution.

use super::Univariate;
use super::discrete::{guess, inverse};
use super::params::{count, is_count, is_unit, is_whole, real, unit};
use super::slopes::{none, step, undefined};
use crate::compute::special::{Odds, log_beta_kernel, log_beta_tails, log_choose, xlogy};

describe!(
    Binomial,
    Int,
    "The number of successes in n independent trials, each with probability p.",
    [count("n"), unit("p")]
);

describe!(
    BinomialLogit,
    Int,
    "The number of successes in n independent trials, each with probability inv_logit(logit).",
    [count("n"), real("logit")]
);

fn valid(p: &[f64]) -> bool {
    is_count(p[0]) && is_unit(p[1])
}

/// ln of the binomial mass at k of 0..=n, the probability held as odds.
pub fn log_mass(n: f64, at: Odds, k: f64) -> f64 {
    let rest = n - k;
    if k >= 10.0 && rest >= 10.0 {
        // The kernel of the beta density compares k/n with p directly, so that nothing cancels for large n.
        return log_beta_kernel(k, rest, at) + (n / k / rest).ln();
    }
    let successes = if k == 0.0 { 0.0 } else { k * at.log_x };
    let failures = if rest == 0.0 { 0.0 } else { rest * at.log_y };
    log_choose(n, k) + successes + failures
}

/// (ln P(X ≤ k), ln P(X > k)) for any real k, the probability held as odds.
pub fn log_tails(n: f64, at: Odds, k: f64) -> (f64, f64) {
    if k.is_nan() {
        return (k, k);
    }
    let k = k.floor();
    if k < 0.0 {
        (f64::NEG_INFINITY, 0.0)
    } else if k >= n {
        (0.0, f64::NEG_INFINITY)
    } else {
        log_beta_tails(n - k, k + 1.0, at.flip())
    }
}

/// The value that noise is carried to, the probability held as odds.
pub fn transport(n: f64, at: Odds, z: f64) -> f64 {
    let variance = n * at.x * at.y;
    let start = if variance > 0.0 {
        guess(
            z,
            n * at.x,
            variance.sqrt(),
            (at.y - at.x) / variance.sqrt(),
        )
    } else {
        n * at.x
    };
    inverse(
        z,
        start,
        (0.0, n),
        |k| log_tails(n, at, k).0,
        |k| log_tails(n, at, k).1,
    )
}

/// −dF(k)/dp over a tail, k = ⌊x⌋: n times the mass at k among n − 1 trials. 0 where the tail does not depend on p.
fn d_tail(n: f64, at: Odds, x: f64, log_tail: f64) -> f64 {
    let k = x.floor();
    if k < 0.0 || k >= n || log_tail == f64::NEG_INFINITY {
        return 0.0;
    }
    n * (log_mass(n - 1.0, at, k) - log_tail).exp()
}

impl Univariate for Binomial {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            transport(p[0], Odds::from_x(p[1]), z)
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || x > p[0] || !is_whole(x) {
            f64::NEG_INFINITY
        } else if p[0] < 64.0 {
            log_choose(p[0], x)
                + xlogy(x, p[1])
                + if x == p[0] {
                    0.0
                } else {
                    (p[0] - x) * (-p[1]).ln_1p()
                }
        } else {
            log_mass(p[0], Odds::from_x(p[1]), x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_tails(p[0], Odds::from_x(p[1]), x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_tails(p[0], Odds::from_x(p[1]), x).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if !valid(p) {
            return (f64::NAN, f64::NAN);
        }
        (
            if p[1] == 1.0 { p[0] } else { 0.0 },
            if p[1] == 0.0 { 0.0 } else { p[0] },
        )
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) { p[0] * p[1] } else { f64::NAN }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            (p[0] * p[1] * (1.0 - p[1])).sqrt()
        } else {
            f64::NAN
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let [n, share] = [p[0], p[1]];
        let impossible = (share == 0.0 && x != 0.0) || (share == 1.0 && x != n);
        if x < 0.0 || x > n || !is_whole(x) || impossible {
            return none(dp);
        }
        dp[0] = 0.0;
        dp[1] = if share == 0.0 || share == 1.0 {
            n - 2.0 * n * (1.0 - share)
        } else {
            (x - n * share) / share / (1.0 - share)
        };
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        dp[0] = 0.0;
        dp[1] = -d_tail(p[0], Odds::from_x(p[1]), x, self.log_cdf(p, x));
        0.0
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        dp[0] = 0.0;
        dp[1] = d_tail(p[0], Odds::from_x(p[1]), x, self.log_ccdf(p, x));
        0.0
    }
}

fn logit_valid(p: &[f64]) -> bool {
    is_count(p[0]) && p[1].is_finite()
}

impl Univariate for BinomialLogit {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if logit_valid(p) {
            transport(p[0], Odds::from_logit(p[1]), z)
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !logit_valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || x > p[0] || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            log_mass(p[0], Odds::from_logit(p[1]), x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if logit_valid(p) {
            log_tails(p[0], Odds::from_logit(p[1]), x).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if logit_valid(p) {
            log_tails(p[0], Odds::from_logit(p[1]), x).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if logit_valid(p) {
            (0.0, p[0])
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if logit_valid(p) {
            p[0] * Odds::from_logit(p[1]).x
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let at = Odds::from_logit(p[1]);
        if logit_valid(p) {
            (p[0] * at.x * at.y).sqrt()
        } else {
            f64::NAN
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !logit_valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x < 0.0 || x > p[0] || !is_whole(x) {
            return none(dp);
        }
        let at = Odds::from_logit(p[1]);
        dp[0] = 0.0;
        dp[1] = x * at.y - (p[0] - x) * at.x;
        0.0
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !logit_valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let at = Odds::from_logit(p[1]);
        dp[0] = 0.0;
        dp[1] = -at.x * at.y * d_tail(p[0], at, x, self.log_cdf(p, x));
        0.0
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !logit_valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let at = Odds::from_logit(p[1]);
        dp[0] = 0.0;
        dp[1] = at.x * at.y * d_tail(p[0], at, x, self.log_ccdf(p, x));
        0.0
    }
}
