//! Noise inside a cell.

use crate::compute::special::{inv_phi, phi};

/// The u-quantile of a standard normal restricted to `(low, high]`, computed from the smaller tail.
pub fn truncated_normal(low: f64, high: f64, u: f64) -> f64 {
    if low.is_nan() || high.is_nan() {
        return inv_phi(u);
    }
    if low > 0.0 {
        return -truncated_normal(-high, -low, 1.0 - u);
    }
    let (a, b) = (phi(low), phi(high));
    let p = a + u * (b - a);
    let z = if p < 0.5 {
        inv_phi(p)
    } else {
        -inv_phi(phi(-high) + (1.0 - u) * (phi(-low) - phi(-high)))
    };
    let z = if z.is_finite() { z } else { inv_phi(u) };
    z.clamp(low.max(-40.0), high.min(40.0).max(low.max(-40.0)))
}
