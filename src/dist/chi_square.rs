//! Chi-square distributions: gamma with shape nu / 2 and rate ½.

use super::gamma::{Gamma, InvGamma};
use super::params::positive;

describe!(
    ChiSquare,
    Real,
    "The sum of squares of nu standard normal variables.",
    [positive("nu")]
);
describe!(
    InvChiSquare,
    Real,
    "The inverse of a chi-square variable of nu degrees of freedom.",
    [positive("nu")]
);

/// The gamma distribution's parameters.
fn gamma(p: &[f64]) -> [f64; 2] {
    [0.5 * p[0], 0.5]
}

/// Derivatives in nu from those in the gamma distribution's parameters.
fn chain(_p: &[f64], dq: [f64; 2]) -> [f64; 1] {
    [0.5 * dq[0]]
}

same_as!(ChiSquare, Gamma, gamma, chain);
same_as!(InvChiSquare, InvGamma, gamma, chain);
