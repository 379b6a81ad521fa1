//! Truncated, censored and zero-inflated forms of any distribution over numbers, and quantiles.
//!
//! All keep one noise coordinate and a monotone transport. They find the base noise z₀ whose value is wanted, from
//! probabilities held as logs on the nearer tail, and leave the rest to the distribution's own transport:
//!
//! ```text
//! truncate       Φ(z₀) = F(lower) Φ(−z) + F(upper) Φ(z)       the same with 1 − F in the upper tail: nothing is subtracted
//! censor         clamp(T(z), lower, upper)
//! zero_inflated  Φ(z₀) = Φ(z) / (1 − p) below zero, Φ(−z₀) = Φ(−z) / (1 − p) above
//! ```
//! Bounds are inclusive, which matters for discrete distributions.

use super::Univariate;
use crate::base::{Bug, bites};
use crate::compute::special::{
    cap_log, inv_log_phi, inv_phi, log_add_exp, log_phi, log_sub_exp, log1mexp,
};

/// The x with P(X ≤ x) = prob; for discrete ones the smallest with P(X ≤ x) ≥ prob. NaN unless prob is in [0, 1].
pub fn quantile(d: &dyn Univariate, p: &[f64], prob: f64) -> f64 {
    let (first, last) = d.support(p);
    if prob == 0.0 {
        first
    } else if prob == 1.0 {
        last
    } else {
        d.transport(p, inv_phi(prob))
    }
}

/// An inclusive interval; either end may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The smallest value.
    pub lower: f64,
    /// The largest value.
    pub upper: f64,
}

impl Bounds {
    fn contains(self, x: f64) -> bool {
        self.lower <= x && x <= self.upper
    }
}

/// Whether a distribution can be restricted to these bounds.
///
/// # Errors
/// A plain sentence.
pub fn check_bounds(d: &dyn Univariate, p: &[f64], bounds: Bounds) -> Result<(), String> {
    let Bounds { lower, upper } = bounds;
    if lower.is_nan() || upper.is_nan() {
        return Err("a bound is not a number".into());
    }
    if lower > upper || (lower == upper && !d.is_discrete()) {
        return Err(format!(
            "lower must be below upper, which is {upper}, not {lower}"
        ));
    }
    if log_mass(d, p, bounds) == f64::NEG_INFINITY {
        return Err(format!(
            "{} has no mass between {lower} and {upper}",
            d.name()
        ));
    }
    Ok(())
}

/// ln P(X < x): for a discrete distribution up to the whole number below x.
fn log_below(d: &dyn Univariate, p: &[f64], x: f64) -> f64 {
    if d.is_discrete() {
        d.log_cdf(p, x.ceil() - 1.0)
    } else {
        d.log_cdf(p, x)
    }
}

/// ln P(X ≥ x).
fn log_at_or_above(d: &dyn Univariate, p: &[f64], x: f64) -> f64 {
    if d.is_discrete() {
        d.log_ccdf(p, x.ceil() - 1.0)
    } else {
        d.log_ccdf(p, x)
    }
}

/// ln(b − a) for probabilities a ≤ b, each given with its complement, all in logs.
fn log_between((a, a_up): (f64, f64), (b, b_up): (f64, f64)) -> f64 {
    if a_up < a {
        log_sub_exp(a_up, b_up) // both in the upper tail
    } else if b < b_up {
        log_sub_exp(b, a)
    } else {
        log1mexp(cap_log(log_add_exp(a, b_up)))
    }
}

/// ln P(lower ≤ X ≤ upper), from the nearer tail.
pub fn log_interval(d: &dyn Univariate, p: &[f64], bounds: Bounds) -> f64 {
    let Bounds { lower, upper } = bounds;
    let before = (log_below(d, p, lower), log_at_or_above(d, p, lower));
    let within = (d.log_cdf(p, upper), d.log_ccdf(p, upper));
    if lower > upper {
        f64::NEG_INFINITY
    } else {
        log_between(before, within)
    }
}

fn log_mass(d: &dyn Univariate, p: &[f64], bounds: Bounds) -> f64 {
    log_interval(d, p, bounds)
}

/// The noise z₀ with Φ(z₀) = p, given ln p and ln(1 − p).
fn noise_at(log_p: f64, log_q: f64) -> f64 {
    if log_p < log_q || bites(Bug::WrongTail) {
        inv_log_phi(log_p)
    } else {
        -inv_log_phi(log_q)
    }
}

/// The noise that carries d to the value of the truncated one at z.
pub fn truncated_noise(d: &dyn Univariate, p: &[f64], bounds: Bounds, z: f64) -> f64 {
    let Bounds { lower, upper } = bounds;
    let (below, above) = (log_phi(z), log_phi(-z));
    let log_p = log_add_exp(log_below(d, p, lower) + above, d.log_cdf(p, upper) + below);
    let log_q = log_add_exp(
        log_at_or_above(d, p, lower) + above,
        d.log_ccdf(p, upper) + below,
    );
    noise_at(cap_log(log_p), cap_log(log_q))
}

/// Carries noise to a value of d restricted to the bounds; NaN if there is no mass between them.
pub fn truncated_transport(d: &dyn Univariate, p: &[f64], bounds: Bounds, z: f64) -> f64 {
    let Bounds { lower, upper } = bounds;
    let mass = log_mass(d, p, bounds);
    if mass.is_nan() || mass == f64::NEG_INFINITY || z.is_nan() {
        return f64::NAN;
    }
    let x = d.transport(p, truncated_noise(d, p, bounds, z));
    let (first, last) = if d.is_discrete() {
        (lower.ceil(), upper.floor())
    } else {
        (lower, upper)
    };
    if x.is_nan() {
        x
    } else {
        x.max(first).min(last)
    }
}

/// ln of the density of d restricted to the bounds; for an improper d, 0 between them.
pub fn truncated_log_density(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    let density = d.log_density(p, x);
    if density.is_nan() {
        density
    } else if !bounds.contains(x) {
        f64::NEG_INFINITY
    } else if d.is_improper() {
        density
    } else {
        normalised(density, log_mass(d, p, bounds))
    }
}

/// a − b, NaN where the normaliser b is that of no mass.
fn normalised(a: f64, b: f64) -> f64 {
    if b == f64::NEG_INFINITY {
        f64::NAN
    } else {
        a - b
    }
}

/// ln(improper density / density of the truncated base) at x, which the tracer adds as a factor; 0 for proper ones.
pub fn truncated_improper_correction(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    if !d.is_improper() {
        return 0.0;
    }
    let mass = log_mass(d, p, bounds);
    if mass == f64::NEG_INFINITY {
        f64::NAN
    } else {
        d.improper_correction(p, x) + mass
    }
}

/// ln P(X ≤ x) for d restricted to the bounds.
pub fn truncated_log_cdf(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    let upper = x.min(bounds.upper);
    if x.is_nan() {
        return x;
    }
    cap_log(normalised(
        log_interval(d, p, Bounds { upper, ..bounds }),
        log_mass(d, p, bounds),
    ))
}

/// ln P(X > x) for d restricted to the bounds.
pub fn truncated_log_ccdf(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x < bounds.lower {
        return normalised(0.0, log_mass(d, p, bounds));
    }
    let from = if d.is_discrete() { x.floor() + 1.0 } else { x };
    cap_log(normalised(
        log_interval(
            d,
            p,
            Bounds {
                lower: from,
                ..bounds
            },
        ),
        log_mass(d, p, bounds),
    ))
}

/// Carries noise to a value of d with what lies beyond a bound moved onto it.
pub fn censored_transport(d: &dyn Univariate, p: &[f64], bounds: Bounds, z: f64) -> f64 {
    let x = d.transport(p, z);
    if x.is_nan() || bounds.lower.is_nan() || bounds.upper.is_nan() || bounds.lower > bounds.upper {
        return f64::NAN;
    }
    x.max(bounds.lower).min(bounds.upper)
}

/// ln of d's density between the bounds; at a bound, ln of the mass of its tail, the bound's own included.
pub fn censored_log_density(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    let density = d.log_density(p, x);
    if density.is_nan()
        || bounds.lower.is_nan()
        || bounds.upper.is_nan()
        || bounds.lower > bounds.upper
    {
        f64::NAN
    } else if !bounds.contains(x) {
        f64::NEG_INFINITY
    } else if bounds.lower == bounds.upper {
        0.0
    } else if x == bounds.lower && x > f64::NEG_INFINITY {
        d.log_cdf(p, x)
    } else if x == bounds.upper && x < f64::INFINITY {
        log_at_or_above(d, p, x)
    } else {
        density
    }
}

/// ln P(X ≤ x) of the censored variable.
pub fn censored_log_cdf(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    let inside = d.log_cdf(p, x);
    if inside.is_nan() {
        inside
    } else if x >= bounds.upper {
        0.0
    } else if x < bounds.lower {
        f64::NEG_INFINITY
    } else {
        inside
    }
}

/// ln P(X > x) of the censored variable.
pub fn censored_log_ccdf(d: &dyn Univariate, p: &[f64], bounds: Bounds, x: f64) -> f64 {
    let inside = d.log_ccdf(p, x);
    if inside.is_nan() {
        inside
    } else if x >= bounds.upper {
        f64::NEG_INFINITY
    } else if x < bounds.lower {
        0.0
    } else {
        inside
    }
}

/// Carries noise to 0 with probability `zero`, to a value of d otherwise; monotone.
pub fn zero_inflated_transport(d: &dyn Univariate, p: &[f64], zero: f64, z: f64) -> f64 {
    if !(0.0..=1.0).contains(&zero) || z.is_nan() {
        return f64::NAN;
    }
    inflated_noise(d, p, zero, z).map_or(0.0, |at| d.transport(p, at))
}

/// The noise that carries d to the value of the zero-inflated one at z, NaN with invalid parameters; `None` for the added zero.
pub fn inflated_noise(d: &dyn Univariate, p: &[f64], zero: f64, z: f64) -> Option<f64> {
    let log_rest = (-zero).ln_1p();
    let (negative, positive) = (
        log_rest + log_below(d, p, 0.0),
        log_rest + log_at_or_above(d, p, 0.0),
    );
    let (log_u, log_v) = (log_phi(z), log_phi(-z));
    if negative.is_nan() {
        Some(f64::NAN)
    } else if log_u <= negative {
        let log_p = log_u - log_rest;
        Some(noise_at(log_p, log1mexp(cap_log(log_p))))
    } else if log_v >= positive {
        None
    } else {
        let log_q = log_v - log_rest;
        Some(noise_at(log1mexp(cap_log(log_q)), log_q))
    }
}

/// ln of the mass or density at x: at 0 that of a discrete d gains ln `zero`'s share, a continuous d has the point mass there.
pub fn zero_inflated_log_density(d: &dyn Univariate, p: &[f64], zero: f64, x: f64) -> f64 {
    let density = d.log_density(p, x);
    if !(0.0..=1.0).contains(&zero) || density.is_nan() {
        f64::NAN
    } else if x != 0.0 {
        (-zero).ln_1p() + density
    } else if d.is_discrete() {
        log_add_exp(zero.ln(), (-zero).ln_1p() + density)
    } else {
        zero.ln()
    }
}

/// ln P(X ≤ x) of the zero-inflated variable.
pub fn zero_inflated_log_cdf(d: &dyn Univariate, p: &[f64], zero: f64, x: f64) -> f64 {
    if !(0.0..=1.0).contains(&zero) {
        return f64::NAN;
    }
    let rest = (-zero).ln_1p();
    if x < 0.0 {
        rest + d.log_cdf(p, x)
    } else {
        cap_log(log_add_exp(zero.ln(), rest + d.log_cdf(p, x)))
    }
}

/// ln P(X > x) of the zero-inflated variable.
pub fn zero_inflated_log_ccdf(d: &dyn Univariate, p: &[f64], zero: f64, x: f64) -> f64 {
    if !(0.0..=1.0).contains(&zero) {
        return f64::NAN;
    }
    let rest = (-zero).ln_1p();
    if x >= 0.0 {
        rest + d.log_ccdf(p, x)
    } else {
        cap_log(log_add_exp(zero.ln(), rest + d.log_ccdf(p, x)))
    }
}
