//! Inverse of a discrete distribution function.
//!
//! ```text
//!   F(k−1)        Φ(z)  F(k)
//! ────┼────────────×─────┼────►        the value is k
//! ```

use crate::compute::special::log_phi;

/// The smallest k with Φ(z) ≤ F(k), compared in the smaller tail: in ln F for z ≤ 0, in ln(1 − F) above.
///
/// Brackets by steps that double from `guess`, then bisects. `bounds` are the smallest and largest value.
pub fn inverse(
    z: f64,
    guess: f64,
    bounds: (f64, f64),
    log_cdf: impl Fn(f64) -> f64,
    log_ccdf: impl Fn(f64) -> f64,
) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    if z <= 0.0 {
        let level = log_phi(z);
        smallest(guess, bounds, |k| log_cdf(k) >= level)
    } else {
        let level = log_phi(-z);
        smallest(guess, bounds, |k| log_ccdf(k) <= level)
    }
}

/// Cornish and Fisher's guess at the quantile, from mean, standard deviation and skewness.
pub fn guess(z: f64, mean: f64, sd: f64, skewness: f64) -> f64 {
    mean + sd * (z + skewness * (z * z - 1.0) / 6.0)
}

/// The smallest whole number in the bounds for which `reached`, which is false and then true, holds; the upper bound if none does.
fn smallest(guess: f64, (first, last): (f64, f64), reached: impl Fn(f64) -> bool) -> f64 {
    let start = if guess.is_nan() {
        first
    } else {
        guess.floor().clamp(first, last)
    };
    let (mut low, mut high);
    let mut step = 1.0;
    if reached(start) {
        high = start;
        loop {
            low = high - step;
            if low < first {
                low = first - 1.0;
                break;
            }
            if !reached(low) {
                break;
            }
            high = low;
            step *= 2.0;
        }
    } else {
        low = start;
        loop {
            high = low + step;
            if high >= last {
                high = last;
                break;
            }
            if reached(high) {
                break;
            }
            low = high;
            step *= 2.0;
        }
    }
    bisect(low, high, reached)
}

/// Narrows (low, high], of which `high` is reached and `low` is not.
fn bisect(mut low: f64, mut high: f64, reached: impl Fn(f64) -> bool) -> f64 {
    while high - low > 1.0 {
        let middle = (low + 0.5 * (high - low)).floor();
        if middle <= low || middle >= high {
            break; // beyond 2⁵³ neighbours are further than 1 apart
        }
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}
