//! Log-gamma and digamma: shifted up by eight, where the asymptotic series holds.
//!
//! ```text
//! Γ(x) = Γ(x + 8) / (x (x + 1) … (x + 7))
//! ```

use super::exponential::log;
use super::{each, horner, rest};
use crate::compute::special::{self, HALF_LN_2PI};

/// B₂ₖ / (2k (2k − 1)), highest first: Stirling's series in 1/x².
const STIRLING: [f64; 8] = [
    -2.955_065_359_477_124e-2,
    6.410_256_410_256_41e-3,
    -1.917_526_917_526_917_6e-3,
    8.417_508_417_508_417e-4,
    -5.952_380_952_380_953e-4,
    7.936_507_936_507_937e-4,
    -2.777_777_777_777_778e-3,
    8.333_333_333_333_333e-2,
];
/// B₂ₖ / (2k), highest first.
const DIGAMMA: [f64; 8] = [
    -4.432_598_039_215_686e-1,
    8.333_333_333_333_333e-2,
    -2.109_279_609_279_609_3e-2,
    7.575_757_575_757_576e-3,
    -4.166_666_666_666_667e-3,
    3.968_253_968_253_968e-3,
    -8.333_333_333_333_333e-3,
    8.333_333_333_333_333e-2,
];
/// From here on the series needs no shift.
const FAR: f64 = 10.0;
/// Where both functions are computed by these means.
const USUAL: std::ops::Range<f64> = 1e-280..1e300;

/// ln Γ(x) for x in [1e-280, 1e300), its error relative to the larger of 1 and the value: elsewhere see [`lgamma_all`].
#[inline(always)]
pub fn lgamma(x: f64) -> f64 {
    let shift = x < FAR;
    let low = (x * (x + 7.0))
        * ((x + 1.0) * (x + 6.0))
        * (((x + 2.0) * (x + 5.0)) * ((x + 3.0) * (x + 4.0)));
    let y = if shift { x + 8.0 } else { x };
    let product = if shift { low } else { 1.0 };
    let w = 1.0 / y;
    let series = w * horner(&STIRLING, w * w);
    (y - 0.5).mul_add(log(y), -y) + (HALF_LN_2PI + series) - log(product)
}

/// The derivative of ln Γ for x in [1e-280, 1e300), its error relative to the larger of 1 and the value: elsewhere see
/// [`digamma_all`].
#[inline(always)]
pub fn digamma(x: f64) -> f64 {
    let shift = x < FAR;
    let y = if shift { x + 8.0 } else { x };
    let mut steps = 0.0;
    let mut i = 0;
    while i < 8 {
        steps += 1.0 / (x + (7 - i) as f64);
        i += 1;
    }
    let steps = if shift { steps } else { 0.0 };
    let w = 1.0 / y;
    let square = w * w;
    log(y) - 0.5 * w - square * horner(&DIGAMMA, square) - steps
}

each!(lgamma_usual, lgamma);
each!(digamma_usual, digamma);

/// ln Γ of each.
pub fn lgamma_all(x: &[f64], out: &mut [f64]) {
    lgamma_usual(x, out);
    rest(x, out, |x| USUAL.contains(&x), special::lgamma);
}

/// Digamma of each.
pub fn digamma_all(x: &[f64], out: &mut [f64]) {
    digamma_usual(x, out);
    rest(x, out, |x| USUAL.contains(&x), special::digamma);
}
