//! The Gaussian distribution function, its log and its inverse.
//!
//! Noise is standard normal, so everything that carries noise to values begins here. Tails are held as logs: Φ(−40) is no
//! f64 any more, ln Φ(−40) is.

use super::normal_tables::*;
use super::{HALF_LN_2PI, LN_2, log1mexp};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The error function.
#[inline]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// 1 − erf(x), accurate in the upper tail.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// exp(x²) erfc(x), which does not underflow for large x.
///
/// # Source
/// Rational approximations of Cephes `ndtr.c` (S. L. Moshier), there multiplied by exp(−x²).
pub fn erfcx(x: f64) -> f64 {
    if x < 1.0 {
        (x * x).exp() * libm::erfc(x)
    } else if x < 8.0 {
        horner(&ERFC_P, x) / horner(&ERFC_Q, x)
    } else if x < 1e6 {
        horner(&ERFC_R, x) / horner(&ERFC_S, x)
    } else {
        1.0 / (x * PI.sqrt())
    }
}

/// ln of the standard normal density.
#[inline]
pub fn normal_log_density(z: f64) -> f64 {
    -0.5 * z * z - HALF_LN_2PI
}

/// Φ(x), the standard normal distribution function (`Phi` in the language).
#[inline]
pub fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// ln Φ(x) (`log_Phi`), accurate in both tails.
#[inline]
pub fn log_phi(x: f64) -> f64 {
    if x > 0.0 {
        (-phi(-x)).ln_1p()
    } else if x > -1.4 {
        phi(x).ln()
    } else {
        -0.5 * x * x + (0.5 * erfcx(-x * FRAC_1_SQRT_2)).ln()
    }
}

/// The derivative of ln Φ, the density over Φ: nearly −z in the lower tail.
#[inline]
pub fn normal_hazard(z: f64) -> f64 {
    (2.0 / PI).sqrt() / erfcx(-z * FRAC_1_SQRT_2)
}

/// Φ⁻¹(p) (`inv_Phi`): ∓∞ at 0 and 1, NaN outside of [0, 1].
///
/// # Source
/// M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
#[inline]
pub fn inv_phi(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        central(q)
    } else if q < 0.0 {
        -far_tail(p.ln())
    } else {
        far_tail((1.0 - p).ln())
    }
}

/// The z with ln Φ(z) = log_p, for any log_p ≤ 0 (NaN above).
pub fn inv_log_phi(log_p: f64) -> f64 {
    if log_p > -LN_2 {
        let upper = -log_p.exp_m1();
        if upper >= 0.075 {
            central(0.5 - upper)
        } else {
            far_tail(log1mexp(log_p))
        }
    } else if log_p >= -2.5 {
        central(log_p.exp() - 0.5)
    } else {
        -far_tail(log_p)
    }
}

/// erf⁻¹(p) for p in [−1, 1], accurate in relative terms near 0.
pub fn inv_erf(p: f64) -> f64 {
    if p.abs() <= 0.85 {
        FRAC_1_SQRT_2 * central(0.5 * p)
    } else {
        (FRAC_1_SQRT_2 * far_tail((0.5 * (1.0 - p.abs())).ln())).copysign(p)
    }
}

/// Φ⁻¹(½ + q) for |q| ≤ 0.425, accurate in relative terms near q = 0.
#[inline]
fn central(q: f64) -> f64 {
    let r = 0.180625 - q * q;
    q * horner(&AS241_A, r) / horner(&AS241_B, r)
}

/// −Φ⁻¹(p) for p < 0.08, from ln p.
fn far_tail(log_p: f64) -> f64 {
    let r = (-log_p).sqrt();
    if r <= 5.0 {
        horner(&AS241_C, r - 1.6) / horner(&AS241_D, r - 1.6)
    } else if r <= 26.0 {
        horner(&AS241_E, r - 5.0) / horner(&AS241_F, r - 5.0)
    } else if log_p.is_finite() {
        very_far_tail(log_p)
    } else if log_p == f64::NEG_INFINITY {
        f64::INFINITY
    } else {
        f64::NAN
    }
}

/// Newton's method on ln Φ, whose slope in the tail is nearly |z|.
fn very_far_tail(log_p: f64) -> f64 {
    let mut t = (-2.0 * log_p - (-4.0 * PI * log_p).ln()).sqrt();
    for _ in 0..3 {
        let scaled = 0.5 * erfcx(t * FRAC_1_SQRT_2);
        let gap = -0.5 * t * t + scaled.ln() - log_p;
        t += gap * scaled * (2.0 * PI).sqrt();
    }
    t
}

/// A polynomial, highest power first.
#[inline]
fn horner(c: &[f64], x: f64) -> f64 {
    c.iter().fold(0.0, |sum, &c| sum * x + c)
}
