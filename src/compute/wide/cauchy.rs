//! Cauchy numbers from standard normal ones.
//!
//! # Source
//! Cephes `tan.c` (S. L. Moshier) for the tangent of up to π/4, which is all that tails need.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

use super::normal::{centre, lower_tail};
use super::{each, horner};

const P: [f64; 3] = [
    -1.309_369_391_813_837_9e4,
    1.153_516_648_385_874_2e6,
    -1.795_652_519_764_848_8e7,
];
const Q: [f64; 5] = [
    1.0,
    1.368_129_634_706_929_5e4,
    -1.320_892_344_402_109_7e6,
    2.500_838_018_233_579e7,
    -5.386_957_559_294_546e7,
];

/// tan(x) for |x| ≤ π/4.
#[inline(always)]
fn tangent(x: f64) -> f64 {
    let z = x * x;
    x + x * (z * horner(&P, z) / horner(&Q, z))
}

/// 1 / t, at most the largest number.
#[inline(always)]
fn inverse(t: f64) -> f64 {
    let inverse = 1.0 / t;
    if inverse > f64::MAX {
        f64::MAX
    } else {
        inverse
    }
}

/// tan(π (Φ(z) − ½)), the standard Cauchy number of noise z.
#[inline(always)]
pub fn cauchy(z: f64) -> f64 {
    let a = z.abs();
    let tail = lower_tail(a);
    // Near the middle the odd function keeps the digits of z; in the tails the tail's tangent does.
    let middle = tangent(FRAC_PI_2 * centre(a * FRAC_1_SQRT_2));
    let far = inverse(tangent(PI * tail));
    let size = if tail > 0.25 { middle } else { far };
    size.copysign(z)
}

/// tan(π Φ(z) / 2), the standard half-Cauchy number of noise z.
#[inline(always)]
pub fn half_cauchy(z: f64) -> f64 {
    let t = tangent(FRAC_PI_2 * lower_tail(z.abs()));
    let upper = inverse(t);
    if z <= 0.0 { t } else { upper }
}

each! {
    /// [`cauchy`] of each.
    cauchy_all, cauchy
}

each! {
    /// [`half_cauchy`] of each.
    half_cauchy_all, half_cauchy
}
