//! The hypergeometric distribution.

use super::Univariate;
use super::binomial;
use super::discrete::{guess, inverse};
use super::params::{count, is_count, is_whole};
use super::slopes::step;
use super::sums::{log_sum_down, log_sum_up};
use crate::compute::special::{Odds, cap_log, log1mexp};

describe!(
    Hypergeometric,
    Int,
    "The number of successes among n draws without replacement from N items of which K are successes.",
    [count("N"), count("K"), count("n")],
    not_more_than_all
);

fn not_more_than_all(p: &[&[f64]]) -> Result<(), (usize, String)> {
    let all = p[0][0];
    for (i, name) in [(1, "K"), (2, "n")] {
        if p[i][0] > all {
            return Err((
                i,
                format!("{name} must not exceed N, which is {all}, not {}", p[i][0]),
            ));
        }
    }
    Ok(())
}

fn valid(p: &[f64]) -> bool {
    p.iter().all(|&v| is_count(v)) && p[1] <= p[0] && p[2] <= p[0]
}

/// The smallest and largest number of successes.
fn range(p: &[f64]) -> (f64, f64) {
    ((p[1] + p[2] - p[0]).max(0.0), p[1].min(p[2]))
}

/// By three binomial masses of the same probability n/N, which may be any: for this one nothing cancels for large N.
fn log_mass(p: &[f64], k: f64) -> f64 {
    if p[2] == 0.0 || p[2] == p[0] {
        return 0.0; // no choice
    }
    let share = Odds::from_ratio(p[2] / (p[0] - p[2]));
    binomial::log_mass(p[1], share, k) + binomial::log_mass(p[0] - p[1], share, p[2] - k)
        - binomial::log_mass(p[0], share, p[2])
}

/// mass(k + 1) / mass(k).
fn ratio(p: &[f64], k: f64) -> f64 {
    (p[1] - k) * (p[2] - k) / ((k + 1.0) * (p[0] - p[1] - p[2] + k + 1.0))
}

/// (ln P(X ≤ k), ln P(X > k)): the smaller is a sum, the larger its complement.
fn tails(p: &[f64], k: f64) -> (f64, f64) {
    let (first, last) = range(p);
    if k < first {
        return (f64::NEG_INFINITY, 0.0);
    }
    if k >= last {
        return (0.0, f64::NEG_INFINITY);
    }
    if k < p[2] * (p[1] / p[0]) - 0.5 {
        let lower = cap_log(log_sum_down(log_mass(p, k), k, first, true, |j| {
            1.0 / ratio(p, j - 1.0)
        }));
        (lower, log1mexp(lower))
    } else {
        let upper = cap_log(log_sum_up(log_mass(p, k + 1.0), k + 1.0, last, true, |j| {
            ratio(p, j)
        }));
        (log1mexp(upper), upper)
    }
}

impl Univariate for Hypergeometric {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let start = guess(z, self.mean(p), self.sd(p), 0.0);
        inverse(z, start, range(p), |k| tails(p, k).0, |k| tails(p, k).1)
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        let (first, last) = range(p);
        if x < first || x > last || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            log_mass(p, x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) && !x.is_nan() {
            tails(p, x.floor()).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) && !x.is_nan() {
            tails(p, x.floor()).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            range(p)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if !valid(p) {
            f64::NAN
        } else if p[0] == 0.0 {
            0.0
        } else {
            p[2] * (p[1] / p[0])
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if !valid(p) {
            f64::NAN
        } else if p[0] < 2.0 {
            0.0
        } else {
            (self.mean(p) * ((p[0] - p[1]) / p[0]) * ((p[0] - p[2]) / (p[0] - 1.0))).sqrt()
        }
    }
    /// Its parameters are whole numbers.
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_density(p, x), dp)
    }
    #[inline]
    fn d_transport(&self, _p: &[f64], _z: f64, x: f64, dp: &mut [f64]) -> f64 {
        step(x, dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_cdf(p, x), dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        step(self.log_ccdf(p, x), dp)
    }
}
