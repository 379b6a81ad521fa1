//! The error function and the Gaussian distribution function.
//!
//! # Source
//! Cephes `ndtr.c` (S. L. Moshier) for erf and erfc.

use super::exponential::exp;
use super::{each, horner};
use crate::compute::special::normal_tables as t;
use std::f64::consts::FRAC_1_SQRT_2;

/// e^(−a²·scale) for a ≥ 0, where squaring a would lose digits: a is split into a short part and a rest.
#[inline(always)]
fn exp_of_square(a: f64, scale: f64) -> f64 {
    let short = f64::from_bits(a.to_bits() & 0xffff_ffff_f800_0000);
    let d = scale * (a - short) * (a + short);
    let rest = 1.0 - d * (1.0 - d * (0.5 - d * (1.0 / 6.0)));
    exp(-scale * short * short) * rest
}

/// erfc(a) e^(a²) for a ≥ 1.
#[inline(always)]
fn scaled_tail(a: f64) -> f64 {
    let near = horner(&t::ERFC_P, a) / horner(&t::ERFC_Q, a);
    let far = horner(&t::ERFC_R, a) / horner(&t::ERFC_S, a);
    if a < 8.0 { near } else { far }
}

/// erf(x) for |x| ≤ 1.
#[inline(always)]
pub(super) fn centre(x: f64) -> f64 {
    let z = x * x;
    x * horner(&t::ERF_T, z) / horner(&t::ERF_U, z)
}

/// Beyond this erfc is 0.
const FARTHEST: f64 = 28.0;

#[inline(always)]
fn tail(x: f64) -> f64 {
    let a = x.abs();
    let a = if a > FARTHEST { FARTHEST } else { a };
    exp_of_square(a, 1.0) * scaled_tail(a)
}

/// The error function.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    let outer = (1.0 - tail(x)).copysign(x);
    if x.abs() < 1.0 { centre(x) } else { outer }
}

/// 1 − erf(x).
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    let tail = tail(x);
    let outer = if x < 0.0 { 2.0 - tail } else { tail };
    if x.abs() < 1.0 {
        1.0 - centre(x)
    } else {
        outer
    }
}

/// Φ(−a) for a ≥ √2.
#[inline(always)]
fn far_tail(a: f64) -> f64 {
    let a = if a > 40.0 { 40.0 } else { a };
    0.5 * exp_of_square(a, 0.5) * scaled_tail(a * FRAC_1_SQRT_2)
}

/// Φ(−a) for a ≥ 0.
#[inline(always)]
pub(super) fn lower_tail(a: f64) -> f64 {
    let near = 0.5 - 0.5 * centre(a * FRAC_1_SQRT_2);
    let far = far_tail(a);
    if a * FRAC_1_SQRT_2 < 1.0 { near } else { far }
}

/// Φ(x).
#[inline(always)]
pub fn phi(x: f64) -> f64 {
    let a = x.abs();
    let tail = far_tail(a);
    let outer = if x < 0.0 { tail } else { 1.0 - tail };
    let inner = 0.5 + 0.5 * centre(x * FRAC_1_SQRT_2);
    if a * FRAC_1_SQRT_2 < 1.0 {
        inner
    } else {
        outer
    }
}

each! {
    /// [`erf`] of each.
    erf_all, erf
}

each! {
    /// [`erfc`] of each.
    erfc_all, erfc
}

each! {
    /// [`phi`] of each.
    phi_all, phi
}
