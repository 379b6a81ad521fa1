//! The exponential function, the logarithm and their kin.
//!
//! # Source
//! Argument reduction and the logarithm's polynomial: Sun's fdlibm (`e_exp.c`, `e_log.c`, 1993); the exponential's polynomial
//! is Taylor's, of degree 13 on |r| ≤ ½ ln 2.

use super::{each, horner};

/// Adding it leaves a number's nearest whole number in the last bits.
const MAGIC: f64 = 6_755_399_441_055_744.0;
const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// ln 2 in two parts, of which the first has zeros at its end.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// 1/13!, 1/12!, … 1/2!.
const TAYLOR: [f64; 12] = [
    1.605_904_383_682_161_3e-10,
    2.087_675_698_786_81e-9,
    2.505_210_838_544_172e-8,
    2.755_731_922_398_589_3e-7,
    2.755_731_922_398_589e-6,
    2.480_158_730_158_73e-5,
    1.984_126_984_126_984e-4,
    1.388_888_888_888_889e-3,
    8.333_333_333_333_333e-3,
    4.166_666_666_666_666_4e-2,
    1.666_666_666_666_666_6e-1,
    0.5,
];

const LOG_SERIES: [f64; 7] = [
    1.479_819_860_511_658_6e-1,
    1.531_383_769_920_937_3e-1,
    1.818_357_216_161_805e-1,
    2.222_219_843_214_978_4e-1,
    2.857_142_874_366_239e-1,
    3.999_999_999_940_942e-1,
    6.666_666_666_666_735e-1,
];

/// x = n ln 2 + r with |r| ≤ ½ ln 2: (n, r, eʳ − 1).
#[inline(always)]
fn reduced(x: f64) -> (f64, f64) {
    let n = x.mul_add(LOG2_E, MAGIC) - MAGIC;
    let r = (-n).mul_add(LN2_LOW, (-n).mul_add(LN2_HIGH, x));
    (n, (r * r).mul_add(horner(&TAYLOR, r), r))
}

/// 2ⁿ for a whole |n| ≤ 1022.
#[inline(always)]
fn power_of_two(n: f64) -> f64 {
    f64::from_bits(((n + MAGIC).to_bits() << 52).wrapping_add(1023 << 52))
}

/// x 2ⁿ, by two factors: neither is out of range where the result is not.
#[inline(always)]
fn scaled(x: f64, n: f64) -> f64 {
    let half = n.mul_add(0.5, MAGIC) - MAGIC;
    x * power_of_two(half) * power_of_two(n - half)
}

/// x within bounds; NaN stays.
#[inline(always)]
fn clamped(x: f64, low: f64, high: f64) -> f64 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// eˣ, within 1 ulp (2 where it is subnormal).
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let (n, p) = reduced(clamped(x, -746.0, 710.0));
    scaled(1.0 + p, n)
}

/// eˣ − 1.
#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let (n, p) = reduced(clamped(x, -40.0, 710.0));
    // For large n the subtracted power is 0.
    let back = clamped(-n, -1000.0, 1000.0);
    let y = scaled(p + (1.0 - power_of_two(back)), n);
    // −0 and what is so small that it is its own value.
    if x.abs() < 1e-300 { x } else { y }
}

/// ln x, within 1 ulp; −∞ at 0, NaN below.
#[inline(always)]
pub fn log(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let y = if tiny {
        x * 18_014_398_509_481_984.0
    } else {
        x
    };
    const TOP: u64 = 0x3fe6_a09e_0000_0000;
    let t = y.to_bits().wrapping_add((1023 << 52) - TOP);
    let k = f64::from_bits((t >> 52) | 0x4330_0000_0000_0000)
        - (4_503_599_627_370_496.0 + 1023.0)
        - if tiny { 54.0 } else { 0.0 };
    let f = f64::from_bits((t & 0x000f_ffff_ffff_ffff).wrapping_add(TOP)) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * horner(&LOG_SERIES, z);
    let half_square = 0.5 * f * f;
    let rest = s.mul_add(half_square + r, k * LN2_LOW) - half_square;
    let value = k.mul_add(LN2_HIGH, rest + f);
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    let value = if x < 0.0 { f64::NAN } else { value };
    // +∞ and NaN are their own.
    if x < f64::INFINITY { value } else { x }
}

/// ln(1 + x).
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let u = 1.0 + x;
    // What 1 + x has rounded away, to first order.
    let lost = (x - (u - 1.0)) / u;
    let value = log(u) + lost;
    let value = if u == 0.0 { f64::NEG_INFINITY } else { value };
    let value = if x.abs() < 1e-300 { x } else { value };
    if u < f64::INFINITY { value } else { u }
}

/// ln(1 + y) for y in [0, 1], or NaN.
#[inline(always)]
fn log1p_of_part(y: f64) -> f64 {
    let u = 1.0 + y;
    log(u) + (y - (u - 1.0)) / u
}

/// tanh x.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let e = expm1(2.0 * clamped(x.abs(), 0.0, 40.0));
    (e / (e + 2.0)).copysign(x)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn inv_logit(x: f64) -> f64 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// ln(1 + eˣ).
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + log1p_of_part(exp(-x.abs()))
}

each! {
    /// [`exp`] of each.
    exp_all, exp
}

each! {
    /// [`expm1`] of each.
    expm1_all, expm1
}

each! {
    /// [`log`] of each.
    log_all, log
}

each! {
    /// [`log1p`] of each.
    log1p_all, log1p
}

each! {
    /// [`tanh`] of each.
    tanh_all, tanh
}

each! {
    /// [`inv_logit`] of each.
    inv_logit_all, inv_logit
}

each! {
    /// [`softplus`] of each.
    softplus_all, softplus
}
