//! Derivatives of truncated, censored and zero-inflated forms, from those of the distribution beneath.
//!
//! Parameters are the distribution's own, followed by the form's: `[…, lower, upper]` or `[…, zero]`. Bounds of a discrete
//! distribution have derivative 0, as infinite ones do. Transports are those of the distribution at a noise z₀ of which
//! `truncate` knows the probability:
//!
//! ```text
//! truncate       φ(z₀) dz₀ = φ(z) P(lower ≤ X ≤ upper) dz + Φ(−z) dF(lower) + Φ(z) dF(upper)
//! zero_inflated  φ(z₀) dz₀ = (φ(z) dz + Φ(z₀) dzero) / (1 − zero)                            and its mirror image above zero
//! ```
//! Of a narrow interval, and next to a bound, derivatives are differences of the distribution's own and lose as many digits as
//! the probability between does.

use super::Univariate;
use super::slopes::{none, step, tail_slope, undefined};
use super::truncate::{
    Bounds, censored_log_density, inflated_noise, log_interval, truncated_log_ccdf,
    truncated_log_cdf, truncated_log_density, truncated_noise, zero_inflated_log_ccdf,
    zero_inflated_log_cdf, zero_inflated_log_density,
};
use crate::compute::special::{log_phi, normal_log_density};

/// Room for a distribution's derivatives; laws that are wrapped more often than anyone does take it from the heap.
fn with_room<R>(n: usize, f: impl FnOnce(&mut [f64]) -> R) -> R {
    const ROOM: usize = 16;
    if n <= ROOM {
        f(&mut [0.0; ROOM][..n])
    } else {
        f(&mut vec![0.0; n])
    }
}

/// A multiple of the distribution function's derivatives: `factor` · e^−`log_unit` · d P(X ≤ x).
#[derive(Clone, Copy)]
struct Share {
    factor: f64,
    log_unit: f64,
}

/// Adds a multiple of d P(X ≤ x) in the parameters to `dp`, returns that in x; from the smaller tail.
fn add_d_cdf(d: &dyn Univariate, p: &[f64], x: f64, share: Share, dp: &mut [f64]) -> f64 {
    let (lower, upper) = (d.log_cdf(p, x), d.log_ccdf(p, x));
    with_room(p.len(), |room| {
        let (slope, weight) = if lower < upper {
            let weight = share.factor * tail_slope(lower, share.log_unit);
            (d.d_log_cdf(p, x, room), weight)
        } else {
            let weight = -share.factor * tail_slope(upper, share.log_unit);
            (d.d_log_ccdf(p, x, room), weight)
        };
        if weight == 0.0 {
            return 0.0;
        }
        dp.iter_mut().zip(room).for_each(|(d, r)| *d += weight * *r);
        weight * slope
    })
}

/// The same for P(X < x).
fn add_d_below(d: &dyn Univariate, p: &[f64], x: f64, share: Share, dp: &mut [f64]) -> f64 {
    let x = if d.is_discrete() { x.ceil() - 1.0 } else { x };
    add_d_cdf(d, p, x, share, dp)
}

/// Adds `factor` times the derivatives of [`log_interval`] in the parameters to `dp`, returns those in the bounds.
fn add_d_interval(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    factor: f64,
    dp: &mut [f64],
) -> (f64, f64) {
    let log_unit = log_interval(d, p, bounds);
    let share = |factor: f64| Share { factor, log_unit };
    let in_lower = add_d_below(d, p, bounds.lower, share(-factor), dp);
    (in_lower, add_d_cdf(d, p, bounds.upper, share(factor), dp))
}

/// Derivatives of [`truncated_transport`](super::truncated_transport), whose value at z is x.
pub fn truncated_d_transport(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    z: f64,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    if x.is_nan() || d.is_discrete() {
        return step(x, dp);
    }
    let at = truncated_noise(d, p, bounds, z);
    let log_unit = normal_log_density(at);
    let (own, ends) = dp.split_at_mut(p.len());
    let factor = d.d_transport(p, at, x, own);
    let share = |log_weight: f64| Share {
        factor,
        log_unit: log_unit - log_weight,
    };
    ends[0] = add_d_below(d, p, bounds.lower, share(log_phi(-z)), own);
    ends[1] = add_d_cdf(d, p, bounds.upper, share(log_phi(z)), own);
    factor * (normal_log_density(z) + log_interval(d, p, bounds) - log_unit).exp()
}

/// Derivatives of [`truncated_log_density`].
pub fn truncated_d_log_density(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let density = truncated_log_density(d, p, bounds, x);
    if !density.is_finite() || d.is_improper() {
        return step(density, dp);
    }
    let (own, ends) = dp.split_at_mut(p.len());
    let slope = d.d_log_density(p, x, own);
    (ends[0], ends[1]) = add_d_interval(d, p, bounds, -1.0, own);
    slope
}

/// Derivatives of [`truncated_improper_correction`](super::truncated_improper_correction).
pub fn truncated_d_improper_correction(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    if !d.is_improper() {
        return none(dp);
    }
    if log_interval(d, p, bounds) == f64::NEG_INFINITY {
        return undefined(dp);
    }
    let (own, ends) = dp.split_at_mut(p.len());
    let slope = d.d_improper_correction(p, x, own);
    (ends[0], ends[1]) = add_d_interval(d, p, bounds, 1.0, own);
    slope
}

/// Derivatives of [`truncated_log_cdf`].
pub fn truncated_d_log_cdf(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let tail = truncated_log_cdf(d, p, bounds, x);
    if !tail.is_finite() || x >= bounds.upper {
        return step(tail, dp);
    }
    dp.fill(0.0);
    let (own, ends) = dp.split_at_mut(p.len());
    let (lower, slope) = add_d_interval(d, p, Bounds { upper: x, ..bounds }, 1.0, own);
    (ends[0], ends[1]) = add_d_interval(d, p, bounds, -1.0, own);
    ends[0] += lower;
    slope
}

/// Derivatives of [`truncated_log_ccdf`].
pub fn truncated_d_log_ccdf(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let tail = truncated_log_ccdf(d, p, bounds, x);
    if !tail.is_finite() || x < bounds.lower {
        return step(tail, dp);
    }
    dp.fill(0.0);
    let (own, ends) = dp.split_at_mut(p.len());
    let lower = if d.is_discrete() { x.floor() + 1.0 } else { x };
    let (slope, upper) = add_d_interval(d, p, Bounds { lower, ..bounds }, 1.0, own);
    (ends[0], ends[1]) = add_d_interval(d, p, bounds, -1.0, own);
    ends[1] += upper;
    slope
}

/// Derivatives of [`censored_transport`](super::censored_transport), whose value at z is x: at a bound, that bound's is 1.
pub fn censored_d_transport(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    z: f64,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    step(x, dp);
    if x.is_nan() || d.is_discrete() {
        return dp[0];
    }
    let (own, ends) = dp.split_at_mut(p.len());
    if x == bounds.lower {
        ends[0] = 1.0;
        0.0
    } else if x == bounds.upper {
        ends[1] = 1.0;
        0.0
    } else {
        d.d_transport(p, z, x, own)
    }
}

/// Derivatives of [`censored_log_density`]; at a bound x is the bound, whose derivative is given as the bound's.
pub fn censored_d_log_density(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let density = censored_log_density(d, p, bounds, x);
    step(density, dp);
    if !density.is_finite() || bounds.lower == bounds.upper {
        return dp[0];
    }
    let (own, ends) = dp.split_at_mut(p.len());
    if x == bounds.lower {
        ends[0] = d.d_log_cdf(p, x, own);
        0.0
    } else if x == bounds.upper {
        let from = if d.is_discrete() { x.ceil() - 1.0 } else { x };
        ends[1] = d.d_log_ccdf(p, from, own);
        0.0
    } else {
        d.d_log_density(p, x, own)
    }
}

/// Derivatives of [`censored_log_cdf`](super::censored_log_cdf).
pub fn censored_d_log_cdf(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let (own, ends) = dp.split_at_mut(p.len());
    ends.fill(0.0);
    if x >= bounds.upper || x < bounds.lower {
        none(own)
    } else {
        d.d_log_cdf(p, x, own)
    }
}

/// Derivatives of [`censored_log_ccdf`](super::censored_log_ccdf).
pub fn censored_d_log_ccdf(
    d: &dyn Univariate,
    p: &[f64],
    bounds: Bounds,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let (own, ends) = dp.split_at_mut(p.len());
    ends.fill(0.0);
    if x >= bounds.upper || x < bounds.lower {
        none(own)
    } else {
        d.d_log_ccdf(p, x, own)
    }
}

/// Derivatives of [`zero_inflated_transport`](super::zero_inflated_transport), whose value at z is x.
pub fn zero_inflated_d_transport(
    d: &dyn Univariate,
    p: &[f64],
    zero: f64,
    z: f64,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    if x.is_nan() || d.is_discrete() || x == 0.0 {
        return step(x, dp);
    }
    let Some(at) = inflated_noise(d, p, zero, z) else {
        return none(dp);
    };
    let (own, extra) = dp.split_at_mut(p.len());
    let slope = d.d_transport(p, at, x, own) / (1.0 - zero);
    let log_unit = normal_log_density(at);
    extra[0] = if x < 0.0 {
        slope * (log_phi(at) - log_unit).exp()
    } else {
        -slope * (log_phi(-at) - log_unit).exp()
    };
    slope * (normal_log_density(z) - log_unit).exp()
}

/// Derivatives of [`zero_inflated_log_density`].
pub fn zero_inflated_d_log_density(
    d: &dyn Univariate,
    p: &[f64],
    zero: f64,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let density = zero_inflated_log_density(d, p, zero, x);
    if !density.is_finite() {
        return step(density, dp);
    }
    let (own, extra) = dp.split_at_mut(p.len());
    if x != 0.0 {
        extra[0] = -1.0 / (1.0 - zero);
        return d.d_log_density(p, x, own);
    }
    if !d.is_discrete() {
        extra[0] = 1.0 / zero;
        return none(own);
    }
    let mass = d.log_density(p, x);
    extra[0] = -mass.exp_m1() * (-density).exp();
    scaled(d.d_log_density(p, x, own), own, zero, mass - density)
}

/// Derivatives of [`zero_inflated_log_cdf`].
pub fn zero_inflated_d_log_cdf(
    d: &dyn Univariate,
    p: &[f64],
    zero: f64,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let tail = zero_inflated_log_cdf(d, p, zero, x);
    if !tail.is_finite() {
        return step(tail, dp);
    }
    let (own, extra) = dp.split_at_mut(p.len());
    let slope = d.d_log_cdf(p, x, own);
    if x < 0.0 {
        extra[0] = -1.0 / (1.0 - zero);
        return slope;
    }
    extra[0] = (d.log_ccdf(p, x) - tail).exp();
    scaled(slope, own, zero, d.log_cdf(p, x) - tail)
}

/// Derivatives of [`zero_inflated_log_ccdf`].
pub fn zero_inflated_d_log_ccdf(
    d: &dyn Univariate,
    p: &[f64],
    zero: f64,
    x: f64,
    dp: &mut [f64],
) -> f64 {
    let tail = zero_inflated_log_ccdf(d, p, zero, x);
    if !tail.is_finite() {
        return step(tail, dp);
    }
    let (own, extra) = dp.split_at_mut(p.len());
    let slope = d.d_log_ccdf(p, x, own);
    if x >= 0.0 {
        extra[0] = -1.0 / (1.0 - zero);
        return slope;
    }
    extra[0] = (d.log_cdf(p, x) - tail).exp();
    scaled(slope, own, zero, d.log_ccdf(p, x) - tail)
}

/// Derivatives of the log of a sum of which one summand is (1 − zero) times a probability: those of the log of that, times its
/// share; `log_ratio` is ln of the probability over the sum.
fn scaled(slope: f64, dp: &mut [f64], zero: f64, log_ratio: f64) -> f64 {
    let share = (1.0 - zero) * log_ratio.exp();
    dp.iter_mut().for_each(|d| *d *= share);
    slope * share
}
