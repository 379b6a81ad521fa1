//! What parameters may be, and the sentence when they are not.
//!
//! ```text
//! Normal(0, -1)  →  (1, "sigma must be positive, not -1")
//! ```
//! The functions of a distribution do not call this: they return NaN for parameters that it would refuse.

use super::{Describe, Distribution, Domain, Param};
use crate::base::Shape;

/// By how much a simplex's sum may be off 1.
pub const SIMPLEX_TOLERANCE: f64 = 1e-8;

/// By how much two mirrored elements of a symmetric matrix may differ, relative to the larger of their row's and column's diagonal.
const SYMMETRY_TOLERANCE: f64 = 1e-8;

const fn param(name: &'static str, domain: Domain, rank: usize) -> Param {
    Param {
        name,
        domain,
        default: None,
        rank,
    }
}

/// A finite real.
pub const fn real(name: &'static str) -> Param {
    param(name, Domain::Real, 0)
}

/// A finite real above 0.
pub const fn positive(name: &'static str) -> Param {
    param(name, Domain::Positive, 0)
}

/// A finite real, 0 or above.
pub const fn non_negative(name: &'static str) -> Param {
    param(name, Domain::NonNegative, 0)
}

/// A probability.
pub const fn unit(name: &'static str) -> Param {
    param(name, Domain::Unit, 0)
}

/// A whole number ≥ 0.
pub const fn count(name: &'static str) -> Param {
    param(name, Domain::Count, 0)
}

/// A whole number.
pub const fn integer(name: &'static str) -> Param {
    param(name, Domain::Integer, 0)
}

/// Probabilities that sum to 1.
pub const fn simplex(name: &'static str) -> Param {
    param(name, Domain::Simplex, 1)
}

/// A vector of reals.
pub const fn real_vector(name: &'static str) -> Param {
    param(name, Domain::RealVector, 1)
}

/// A vector of positive reals.
pub const fn positive_vector(name: &'static str) -> Param {
    param(name, Domain::PositiveVector, 1)
}

/// A symmetric positive definite matrix.
pub const fn positive_definite(name: &'static str) -> Param {
    param(name, Domain::PositiveDefinite, 2)
}

/// A lower triangular matrix with a positive diagonal.
pub const fn cholesky_factor(name: &'static str) -> Param {
    param(name, Domain::CholeskyFactor, 2)
}

impl Param {
    /// The same with a value for when it is not given.
    pub const fn or(self, default: f64) -> Param {
        Param {
            default: Some(default),
            ..self
        }
    }
}

/// Whether a number is a whole one.
#[inline]
pub fn is_whole(x: f64) -> bool {
    x == x.floor() && x.is_finite()
}

/// Whether a location and a scale are valid.
#[inline]
pub fn location_scale(mu: f64, sigma: f64) -> bool {
    mu.is_finite() && is_positive(sigma)
}

/// Whether a number is finite and above 0.
#[inline]
pub fn is_positive(x: f64) -> bool {
    x > 0.0 && x < f64::INFINITY
}

/// Whether a number is a probability.
#[inline]
pub fn is_unit(x: f64) -> bool {
    (0.0..=1.0).contains(&x)
}

/// Whether a number is a whole one ≥ 0.
#[inline]
pub fn is_count(x: f64) -> bool {
    x >= 0.0 && is_whole(x)
}

/// x, or 0 below; NaN stays.
#[inline]
pub fn not_below_zero(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

/// Brings a value that overflowed back to the largest finite one. NaN stays.
#[inline]
pub fn finite(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

/// Brings a positive value that under- or overflowed back to the finite ones, so that its log-density stays finite too. NaN stays.
#[inline]
pub fn positive_finite(x: f64) -> f64 {
    x.clamp(f64::MIN_POSITIVE, f64::MAX)
}

/// Whether the elements are probabilities that sum to 1.
pub fn is_simplex(p: &[f64]) -> bool {
    !p.is_empty()
        && p.iter().all(|&v| v >= 0.0)
        && (p.iter().sum::<f64>() - 1.0).abs() <= SIMPLEX_TOLERANCE
}

/// Whether a matrix (row-major, n by n) is symmetric.
pub fn is_symmetric(m: &[f64], n: usize) -> bool {
    (0..n).all(|i| {
        (0..i).all(|j| {
            let (a, b) = (m[i * n + j], m[j * n + i]);
            let scale = || m[i * n + i].abs().max(m[j * n + j].abs());
            a == b || (a - b).abs() <= SYMMETRY_TOLERANCE * scale()
        })
    })
}

/// Checks parameter values against their domains, and against each other.
///
/// `p[i]` is the i-th parameter's elements, row-major, `shapes[i]` its shape; a distribution over numbers may have arrays of
/// parameters, which are checked element by element, broadcast together.
///
/// # Errors
/// The index of the parameter at fault, and a plain sentence.
pub fn check_params(
    d: &Distribution,
    p: &[&[f64]],
    shapes: &[&Shape],
) -> Result<(), (usize, String)> {
    let describe = d.describe();
    for (i, param) in describe.params().iter().enumerate() {
        check_domain(param, p[i], shapes[i]).map_err(|sentence| (i, sentence))?;
    }
    match d {
        Distribution::Array(d) => {
            d.layout(p, shapes)?;
            describe.constraint(p)
        }
        Distribution::Scalar(_) => check_each(describe, p, shapes),
    }
}

/// The constraint of a distribution over numbers, for each set of broadcast parameters.
fn check_each(d: &dyn Describe, p: &[&[f64]], shapes: &[&Shape]) -> Result<(), (usize, String)> {
    let mut all = Shape::scalar();
    for (i, shape) in shapes.iter().enumerate() {
        let Some(wider) = all.broadcast(shape) else {
            let name = d.params()[i].name;
            return Err((
                i,
                format!(
                    "the shape of {name}, {shape}, does not fit the shape of the others, {all}"
                ),
            ));
        };
        all = wider;
    }
    let indices: Vec<Vec<u32>> = shapes.iter().map(|s| all.broadcast_indices(s)).collect();
    for element in 0..all.len() {
        let values: Vec<[f64; 1]> = p
            .iter()
            .zip(&indices)
            .map(|(v, at)| [v[at[element] as usize]])
            .collect();
        let slices: Vec<&[f64]> = values.iter().map(|v| &v[..]).collect();
        d.constraint(&slices)?;
    }
    Ok(())
}

/// Checks one parameter's elements; the error is a sentence.
fn check_domain(param: &Param, values: &[f64], shape: &Shape) -> Result<(), String> {
    let name = param.name;
    let each = |holds: fn(f64) -> bool, what: &str| match values.iter().find(|&&v| !holds(v)) {
        None => Ok(()),
        Some(v) if values.len() == 1 => Err(format!("{name} must be {what}, not {v}")),
        Some(v) => Err(format!("every element of {name} must be {what}, not {v}")),
    };
    match param.domain {
        Domain::Real | Domain::RealVector => each(f64::is_finite, "a finite number"),
        Domain::Positive | Domain::PositiveVector => each(
            is_positive,
            if_infinite(values, "positive", "positive and finite"),
        ),
        Domain::NonNegative => each(
            |v| v >= 0.0 && v.is_finite(),
            if_infinite(values, "0 or above", "0 or above, and finite"),
        ),
        Domain::Unit => each(is_unit, "between 0 and 1"),
        Domain::Count => each(is_count, "a whole number, 0 or above"),
        Domain::Integer => each(is_whole, "a whole number"),
        Domain::Simplex => {
            each(|v| v >= 0.0, "0 or above")?;
            let sum = values.iter().sum::<f64>();
            if is_simplex(values) {
                Ok(())
            } else {
                Err(format!(
                    "the elements of {name} must sum to 1, they sum to {sum}"
                ))
            }
        }
        Domain::PositiveDefinite => {
            each(f64::is_finite, "a finite number")?;
            check_positive_definite(name, values, shape)
        }
        Domain::CholeskyFactor => {
            each(f64::is_finite, "a finite number")?;
            check_cholesky_factor(name, values, shape)
        }
    }
}

fn if_infinite(values: &[f64], usual: &'static str, infinite: &'static str) -> &'static str {
    if values.contains(&f64::INFINITY) {
        infinite
    } else {
        usual
    }
}

fn side(name: &str, shape: &Shape) -> Result<usize, String> {
    match *shape.dims() {
        [n, m] if n == m => Ok(n),
        _ => Err(format!(
            "{name} must be a square matrix; its shape is {shape}"
        )),
    }
}

fn check_positive_definite(name: &str, m: &[f64], shape: &Shape) -> Result<(), String> {
    let n = side(name, shape)?;
    if !is_symmetric(m, n) {
        return Err(format!("{name} must be symmetric"));
    }
    if crate::compute::linalg::cholesky(m, n).is_some() {
        Ok(())
    } else {
        Err(format!("{name} must be positive definite"))
    }
}

fn check_cholesky_factor(name: &str, m: &[f64], shape: &Shape) -> Result<(), String> {
    let n = side(name, shape)?;
    for i in 0..n {
        if !is_positive(m[i * n + i]) {
            return Err(format!(
                "the diagonal of {name} must be positive, not {}",
                m[i * n + i]
            ));
        }
        if let Some(j) = (i + 1..n).find(|&j| m[i * n + j] != 0.0) {
            return Err(format!(
                "{name} must be lower triangular; its element [{i}, {j}] is {}",
                m[i * n + j]
            ));
        }
    }
    Ok(())
}
