//! What derivatives of distributions share.
//!
//! ```text
//! ∂x/∂z = φ(z) / f(x)              in logs: both underflow long before their ratio does
//! ∂x/∂θ = −(∂F/∂θ) / f(x)          from the smaller tail
//! ∂ ln F/∂x = f(x) / F(x)
//! ```

use crate::compute::special::normal_log_density;

/// Derivatives for an argument or parameters that are not valid.
pub fn undefined(dp: &mut [f64]) -> f64 {
    dp.fill(f64::NAN);
    f64::NAN
}

/// Derivatives of what does not change: outside of the support, of a value that was brought back to the finite ones, of a step.
pub fn none(dp: &mut [f64]) -> f64 {
    dp.fill(0.0);
    0.0
}

/// Derivatives of a value that does not change, as that of a transport that jumps: undefined if it is NaN.
#[inline]
pub fn step(value: f64, dp: &mut [f64]) -> f64 {
    if value.is_nan() {
        undefined(dp)
    } else {
        none(dp)
    }
}

/// Adjoints with invalid arguments: everything they would add to becomes NaN.
pub fn spoil(dp: &mut [&mut [f64]], rest: &mut [f64]) {
    dp.iter_mut().for_each(|d| d.fill(f64::NAN));
    rest.fill(f64::NAN);
}

/// Adds `factor` · b to a.
pub fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

/// dx/dz of the transport, from the log-density at x.
#[inline]
pub fn noise_slope(z: f64, log_density: f64) -> f64 {
    (normal_log_density(z) - log_density).exp()
}

/// Density over tail, from their logs; 0 where there is no tail.
#[inline]
pub fn tail_slope(log_density: f64, log_tail: f64) -> f64 {
    if log_tail == f64::NEG_INFINITY {
        0.0
    } else {
        (log_density - log_tail).exp()
    }
}

/// Turns the derivatives of the log of one tail into those of the other's: `this` and `other` are the logs.
pub fn complement(dx: f64, dp: &mut [f64], this: f64, other: f64) -> f64 {
    let factor = -tail_slope(this, other);
    dp.iter_mut().for_each(|d| *d *= factor);
    dx * factor
}

/// Whether a transported value was brought back from under- or overflow.
pub fn is_clamped(x: f64) -> bool {
    x == f64::MIN_POSITIVE || x.abs() == f64::MAX
}
