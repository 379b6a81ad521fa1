//! The uniform distribution over whole numbers.

use super::Univariate;
use super::discrete::inverse;
use super::params::{integer, is_whole};
use super::slopes::step;
use crate::compute::special::phi;

describe!(
    DiscreteUniform,
    Int,
    "Every whole number from lower to upper, both included, with the same probability.",
    [integer("lower"), integer("upper")],
    not_empty
);

fn not_empty(p: &[&[f64]]) -> Result<(), (usize, String)> {
    let (lower, upper) = (p[0][0], p[1][0]);
    if lower <= upper {
        Ok(())
    } else {
        Err((
            1,
            format!("upper must not be below lower, which is {lower}, not {upper}"),
        ))
    }
}

fn valid(p: &[f64]) -> bool {
    is_whole(p[0]) && is_whole(p[1]) && p[0] <= p[1]
}

/// How many values lie at or below x, and how many above.
fn counts(p: &[f64], x: f64) -> (f64, f64) {
    let x = x.floor().clamp(p[0] - 1.0, p[1]);
    (x - p[0] + 1.0, p[1] - x)
}

impl Univariate for DiscreteUniform {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let start = p[0] + (p[1] - p[0] + 1.0) * phi(z) - 0.5;
        inverse(
            z,
            start,
            (p[0], p[1]),
            |k| self.log_cdf(p, k),
            |k| self.log_ccdf(p, k),
        )
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < p[0] || x > p[1] || !is_whole(x) {
            f64::NEG_INFINITY
        } else {
            -(p[1] - p[0] + 1.0).ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        let (below, above) = counts(p, x);
        if below < above {
            (below / (below + above)).ln()
        } else {
            (-above / (below + above)).ln_1p()
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        let (below, above) = counts(p, x);
        if above < below {
            (above / (below + above)).ln()
        } else {
            (-below / (below + above)).ln_1p()
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (p[0], p[1])
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[0] + 0.5 * (p[1] - p[0])
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let n = p[1] - p[0] + 1.0;
        if valid(p) {
            ((n - 1.0) * (n + 1.0) / 12.0).sqrt()
        } else {
            f64::NAN
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
