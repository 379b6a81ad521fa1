//! The multivariate normal distribution, by covariance, by its Cholesky factor, and by precision.
//!
//! x = mu + L z with L Lᵀ = Sigma; by precision Q = R Rᵀ, x = mu + R⁻ᵀ z.

use super::Multivariate;
use super::dirichlet::vector_length;
use super::params::{cholesky_factor, is_positive, is_symmetric, positive_definite, real_vector};
use crate::base::Shape;
use crate::compute::linalg::{
    cholesky, inverse_from_cholesky, log_diagonal, solve_lower, solve_lower_transposed,
};
use crate::compute::special::HALF_LN_2PI;

describe!(
    MultiNormal,
    Real,
    "The multivariate normal distribution of mean mu and covariance matrix Sigma.",
    [real_vector("mu"), positive_definite("Sigma")]
);

describe!(
    MultiNormalCholesky,
    Real,
    "The multivariate normal distribution of mean mu and covariance L Lᵀ.",
    [real_vector("mu"), cholesky_factor("L")]
);
describe!(
    MultiNormalPrec,
    Real,
    "The multivariate normal distribution of mean mu and precision (inverse covariance) matrix Q.",
    [real_vector("mu"), positive_definite("Q")]
);

/// The shape of a value whose location is a vector and whose scale a square matrix of the same size.
///
/// # Errors
/// The parameter at fault (`first` is the location's index), and a sentence.
pub fn location_matrix_shape(
    first: usize,
    matrix: &str,
    shapes: &[&Shape],
) -> Result<Shape, (usize, String)> {
    let n = vector_length("mu", first, shapes[first])?;
    match *shapes[first + 1].dims() {
        [a, b] if a == n && b == n => Ok(Shape::vector(n)),
        [a, b] if a == b => Err((
            first + 1,
            format!(
                "{matrix} must be {n} by {n} to go with mu, which has {n} elements; it is {a} by {b}"
            ),
        )),
        _ => Err((
            first + 1,
            format!(
                "{matrix} must be a square matrix; its shape is {}",
                shapes[first + 1]
            ),
        )),
    }
}

/// The Cholesky factor of a covariance; `None` unless it is symmetric and positive definite.
pub fn factor(sigma: &[f64], n: usize) -> Option<Vec<f64>> {
    if is_symmetric(sigma, n) {
        cholesky(sigma, n)
    } else {
        None
    }
}

/// mu + L z.
pub fn shift_and_scale(mu: &[f64], l: &[f64], z: &[f64], out: &mut [f64]) {
    let n = mu.len();
    for i in 0..n {
        out[i] = mu[i] + (0..=i).map(|j| l[i * n + j] * z[j]).sum::<f64>();
    }
}

/// The normal log-density of x with mean mu and covariance L Lᵀ.
pub fn log_density_cholesky(mu: &[f64], l: &[f64], x: &[f64]) -> f64 {
    let n = mu.len();
    let mut r: Vec<f64> = x.iter().zip(mu).map(|(x, m)| x - m).collect();
    solve_lower(l, n, &mut r);
    -0.5 * r.iter().map(|v| v * v).sum::<f64>() - log_diagonal(l, n) - n as f64 * HALF_LN_2PI
}

impl Multivariate for MultiNormal {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        location_matrix_shape(0, "Sigma", shapes)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        shapes[0].len()
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        match valid_factor(p) {
            Some(l) => shift_and_scale(p[0], &l, z, out),
            None => out.fill(f64::NAN),
        }
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        match valid_factor(p) {
            Some(l) => log_density_cholesky(p[0], &l, x),
            None => f64::NAN,
        }
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        match valid_factor(p) {
            Some(_) => out.copy_from_slice(p[0]),
            None => out.fill(f64::NAN),
        }
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let n = p[0].len();
        match valid_factor(p) {
            Some(_) => out
                .iter_mut()
                .enumerate()
                .for_each(|(i, o)| *o = p[1][i * n + i].sqrt()),
            None => out.fill(f64::NAN),
        }
    }
}

/// Whether L is finite and lower triangular with a positive diagonal, and mu finite.
fn cholesky_valid(p: &[&[f64]]) -> bool {
    let n = p[0].len();
    let row = |i: usize| {
        let row = &p[1][i * n..(i + 1) * n];
        row[..i].iter().all(|v| v.is_finite())
            && is_positive(row[i])
            && row[i + 1..].iter().all(|&v| v == 0.0)
    };
    p[0].iter().all(|m| m.is_finite()) && (0..n).all(row)
}

impl Multivariate for MultiNormalCholesky {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        location_matrix_shape(0, "L", shapes)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        shapes[0].len()
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        if cholesky_valid(p) {
            shift_and_scale(p[0], p[1], z, out)
        } else {
            out.fill(f64::NAN)
        }
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        if cholesky_valid(p) {
            log_density_cholesky(p[0], p[1], x)
        } else {
            f64::NAN
        }
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if cholesky_valid(p) {
            out.copy_from_slice(p[0])
        } else {
            out.fill(f64::NAN)
        }
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if !cholesky_valid(p) {
            return out.fill(f64::NAN);
        }
        let n = p[0].len();
        out.iter_mut()
            .zip(p[1].chunks(n))
            .for_each(|(o, row)| *o = row.iter().map(|v| v * v).sum::<f64>().sqrt());
    }
}

/// The Cholesky factor of the covariance or precision, if the parameters are valid.
fn valid_factor(p: &[&[f64]]) -> Option<Vec<f64>> {
    if p[0].iter().all(|m| m.is_finite()) {
        factor(p[1], p[0].len())
    } else {
        None
    }
}

impl Multivariate for MultiNormalPrec {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        location_matrix_shape(0, "Q", shapes)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        shapes[0].len()
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let Some(r) = valid_factor(p) else {
            return out.fill(f64::NAN);
        };
        out.copy_from_slice(z);
        solve_lower_transposed(&r, z.len(), out);
        out.iter_mut().zip(p[0]).for_each(|(o, m)| *o += m);
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        let Some(r) = valid_factor(p) else {
            return f64::NAN;
        };
        let n = x.len();
        // |Rᵀ (x − mu)|², column by column.
        let column = |j: usize| (j..n).map(|i| r[i * n + j] * (x[i] - p[0][i])).sum::<f64>();
        log_diagonal(&r, n)
            - n as f64 * HALF_LN_2PI
            - 0.5 * (0..n).map(|j| column(j).powi(2)).sum::<f64>()
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if valid_factor(p).is_some() {
            out.copy_from_slice(p[0])
        } else {
            out.fill(f64::NAN)
        }
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let n = p[0].len();
        match valid_factor(p) {
            Some(r) => {
                let covariance = inverse_from_cholesky(&r, n);
                out.iter_mut()
                    .enumerate()
                    .for_each(|(i, o)| *o = covariance[i * n + i].sqrt());
            }
            None => out.fill(f64::NAN),
        }
    }
}
