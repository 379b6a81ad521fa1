//! Distributions of a location and a scale, or of a scale alone, from their standard form: x = mu + sigma t.

use super::params::{finite, location_scale};
use super::slopes::{is_clamped, noise_slope, none, tail_slope, undefined};
use super::{Describe, Univariate};
use crate::base::{Bug, bites};

/// The form of location 0 and scale 1. Parameters are `[mu, sigma]`, or `[sigma]` for a form that is never negative.
pub trait Standard: Describe {
    /// Its smallest value: −∞, or 0.
    const FIRST: f64 = f64::NEG_INFINITY;
    /// Its mean; NaN where there is none.
    const MEAN: f64;
    /// Its standard deviation; NaN where there is none.
    const SD: f64;
    /// The value that noise is carried to.
    fn of_noise(z: f64) -> f64;
    /// The log-density at t.
    fn log_shape(t: f64) -> f64;
    /// The derivative of the log-density.
    fn score(t: f64) -> f64;
    /// ln P(T ≤ t).
    fn log_lower(t: f64) -> f64;
    /// ln P(T > t).
    fn log_upper(t: f64) -> f64;
    /// dt/dz.
    fn noise_slope(z: f64, t: f64) -> f64 {
        noise_slope(z, Self::log_shape(t))
    }
    /// d ln P(T ≤ t)/dt.
    fn lower_slope(t: f64) -> f64 {
        tail_slope(Self::log_shape(t), Self::log_lower(t))
    }
    /// −d ln P(T > t)/dt.
    fn upper_slope(t: f64) -> f64 {
        tail_slope(Self::log_shape(t), Self::log_upper(t))
    }
}

/// Location and scale, NaN if they are not valid.
#[inline]
fn place(p: &[f64]) -> (f64, f64) {
    let (mu, sigma) = match *p {
        [mu, sigma] => (mu, sigma),
        _ => (0.0, p[0]),
    };
    if location_scale(mu, sigma) && bites(Bug::ScaleAsVariance) {
        (mu, sigma.sqrt())
    } else if location_scale(mu, sigma) {
        (mu, sigma)
    } else {
        (f64::NAN, f64::NAN)
    }
}

/// Writes the derivatives in location and scale, the latter alone if it is the only parameter.
#[inline]
fn write(dp: &mut [f64], in_mu: f64, in_sigma: f64) {
    match dp {
        [mu, sigma] => (*mu, *sigma) = (in_mu, in_sigma),
        _ => dp[0] = in_sigma,
    }
}

/// The standard value, its smallest where x lies below.
#[inline]
fn inside<S: Standard>(p: &[f64], x: f64) -> f64 {
    let (mu, sigma) = place(p);
    let t = (x - mu) / sigma;
    if t < S::FIRST { S::FIRST } else { t }
}

/// Derivatives of the log of a tail, given that in t.
fn tail<S: Standard>(p: &[f64], x: f64, dp: &mut [f64], slope: impl Fn(f64) -> f64) -> f64 {
    let (mu, sigma) = place(p);
    let t = (x - mu) / sigma;
    if t.is_nan() {
        return undefined(dp);
    }
    if t <= S::FIRST || t == f64::INFINITY {
        return none(dp);
    }
    let dx = slope(t) / sigma;
    write(dp, -dx, if dx == 0.0 { 0.0 } else { -dx * t });
    dx
}

impl<S: Standard> Univariate for S {
    #[inline]
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        let (mu, sigma) = place(p);
        finite(mu + sigma * S::of_noise(z))
    }
    #[inline]
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        let (mu, sigma) = place(p);
        let t = (x - mu) / sigma;
        if t < S::FIRST {
            f64::NEG_INFINITY
        } else {
            S::log_shape(t) - sigma.ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        S::log_lower(inside::<S>(p, x))
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        S::log_upper(inside::<S>(p, x))
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        let (mu, _) = place(p);
        if mu.is_nan() {
            (mu, mu)
        } else {
            (S::FIRST, f64::INFINITY)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        let (mu, sigma) = place(p);
        mu + sigma * S::MEAN
    }
    fn sd(&self, p: &[f64]) -> f64 {
        place(p).1 * S::SD
    }
    #[inline]
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let (mu, sigma) = place(p);
        let t = (x - mu) / sigma;
        if t.is_nan() {
            return undefined(dp);
        }
        if t < S::FIRST || S::log_shape(t) == f64::NEG_INFINITY {
            return none(dp);
        }
        let score = S::score(t);
        write(dp, -score / sigma, -(score * t + 1.0) / sigma);
        score / sigma
    }
    #[inline]
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        let ((mu, sigma), t) = (place(p), S::of_noise(z));
        if mu.is_nan() || t.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        write(dp, 1.0, t); // not (x − mu) / sigma, which loses digits far from 0
        sigma * S::noise_slope(z, t)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        tail::<S>(p, x, dp, S::lower_slope)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        tail::<S>(p, x, dp, |t| -S::upper_slope(t))
    }
}
