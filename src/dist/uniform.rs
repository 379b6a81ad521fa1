//! The uniform distribution on an interval.

use super::Univariate;
use super::params::real;
use super::slopes::{none, undefined};
use crate::compute::special::{normal_log_density, phi};

describe!(
    Uniform,
    Real,
    "The uniform distribution between lower and upper.",
    [real("lower"), real("upper")],
    ordered
);

/// `lower < upper`, for every distribution that begins with them.
pub fn ordered(p: &[&[f64]]) -> Result<(), (usize, String)> {
    let (lower, upper) = (p[0][0], p[1][0]);
    if lower < upper {
        Ok(())
    } else {
        Err((
            1,
            format!("upper must be above lower, which is {lower}, not {upper}"),
        ))
    }
}

fn valid(p: &[f64]) -> bool {
    p[0] < p[1] && (p[1] - p[0]).is_finite()
}

impl Univariate for Uniform {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let width = p[1] - p[0];
        if z <= 0.0 {
            p[0] + width * phi(z)
        } else {
            p[1] - width * phi(-z)
        }
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if (p[0]..=p[1]).contains(&x) {
            -(p[1] - p[0]).ln()
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        let below = (x.clamp(p[0], p[1]) - p[0]) / (p[1] - p[0]);
        if below < 0.5 {
            below.ln()
        } else {
            (-(p[1] - x.clamp(p[0], p[1])) / (p[1] - p[0])).ln_1p()
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        let above = (p[1] - x.clamp(p[0], p[1])) / (p[1] - p[0]);
        if above < 0.5 {
            above.ln()
        } else {
            (-(x.clamp(p[0], p[1]) - p[0]) / (p[1] - p[0])).ln_1p()
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
        if valid(p) {
            (p[1] - p[0]) / 12f64.sqrt()
        } else {
            f64::NAN
        }
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            undefined(dp)
        } else if (p[0]..=p[1]).contains(&x) {
            let width = p[1] - p[0];
            (dp[0], dp[1]) = (1.0 / width, -1.0 / width);
            0.0
        } else {
            none(dp)
        }
    }
    #[inline]
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        (dp[0], dp[1]) = (phi(-z), phi(z));
        (p[1] - p[0]) * normal_log_density(z).exp()
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x <= p[0] || x >= p[1] {
            return none(dp);
        }
        let (width, below) = (p[1] - p[0], x - p[0]);
        (dp[0], dp[1]) = (-(p[1] - x) / width / below, -1.0 / width);
        1.0 / below
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x <= p[0] || x >= p[1] {
            return none(dp);
        }
        let (width, above) = (p[1] - p[0], p[1] - x);
        (dp[0], dp[1]) = (1.0 / width, (x - p[0]) / width / above);
        -1.0 / above
    }
}
