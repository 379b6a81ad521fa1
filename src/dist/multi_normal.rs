//! The multivariate normal distribution, by covariance, by its Cholesky factor, and by precision.
//!
//! x = mu + L z with L Lᵀ = Sigma; by precision Q = R Rᵀ, x = mu + R⁻ᵀ z.

use super::Multivariate;
use super::dirichlet::vector_length;
use super::params::{cholesky_factor, is_positive, is_symmetric, positive_definite, real_vector};
use super::slopes::{add, spoil};
use crate::base::Shape;
use crate::compute::linalg::{
    add_lower_outer, cholesky, cholesky_adjoint, inverse_from_cholesky, log_diagonal, solve_lower,
    solve_lower_adjoint, solve_lower_transposed, solve_lower_transposed_adjoint,
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

/// Adds to the bars of mu, of L (lower triangle) and of z, given that of mu + L z.
pub fn shift_and_scale_adjoint(
    l: &[f64],
    z: &[f64],
    bar: &[f64],
    mu_bar: &mut [f64],
    l_bar: &mut [f64],
    z_bar: &mut [f64],
) {
    let n = bar.len();
    add(mu_bar, 1.0, bar);
    add_lower_outer(l_bar, n, 1.0, bar, z);
    for j in 0..n {
        z_bar[j] += (j..n).map(|i| l[i * n + j] * bar[i]).sum::<f64>();
    }
}

/// Adds to the bars of mu and Sigma = L Lᵀ, given that of a log-density g(rᵀ Sigma⁻¹ r) − ½ ln det Sigma of r = x − mu, where
/// `weight` is −2g′ at |L⁻¹ r|, given L⁻¹ r. Returns minus the derivative in x.
pub fn add_elliptical(
    l: &[f64],
    mut r: Vec<f64>,
    weight: impl Fn(&[f64]) -> f64,
    bar: f64,
    mu_bar: &mut [f64],
    sigma_bar: &mut [f64],
) -> Vec<f64> {
    let n = r.len();
    solve_lower(l, n, &mut r);
    let weight = weight(&r);
    solve_lower_transposed(l, n, &mut r);
    let inverse = inverse_from_cholesky(l, n);
    let rows = sigma_bar
        .chunks_exact_mut(n.max(1))
        .zip(inverse.chunks_exact(n.max(1)));
    for ((bars, inverse), here) in rows.zip(&r) {
        let here = weight * here;
        for ((b, inverse), there) in bars.iter_mut().zip(inverse).zip(&r) {
            *b += 0.5 * bar * (here * there - inverse);
        }
    }
    r.iter_mut().for_each(|v| *v *= weight);
    add(mu_bar, bar, &r);
    r
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
    fn log_density_adjoint(
        &self,
        p: &[&[f64]],
        _shapes: &[&Shape],
        x: &[f64],
        bar: f64,
        dp: &mut [&mut [f64]],
        dx: &mut [f64],
    ) {
        if bar == 0.0 {
            return;
        }
        match valid_factor(p) {
            Some(l) if x.iter().all(|v| !v.is_nan()) => {
                let (mu, sigma) = dp.split_at_mut(1);
                let r: Vec<f64> = x.iter().zip(p[0]).map(|(x, m)| x - m).collect();
                let whitened = add_elliptical(&l, r, |_| 1.0, bar, mu[0], sigma[0]);
                add(dx, -bar, &whitened);
            }
            _ => spoil(dp, dx),
        }
    }
    fn transport_adjoint(
        &self,
        p: &[&[f64]],
        _shapes: &[&Shape],
        z: &[f64],
        _x: &[f64],
        bar: &[f64],
        dp: &mut [&mut [f64]],
        dz: &mut [f64],
    ) {
        if bar.iter().all(|b| *b == 0.0) {
            return;
        }
        let Some(l) = valid_factor(p) else {
            return spoil(dp, dz);
        };
        let n = z.len();
        let mut l_bar = vec![0.0; n * n];
        shift_and_scale_adjoint(&l, z, bar, dp[0], &mut l_bar, dz);
        add(dp[1], 1.0, &cholesky_adjoint(&l, n, &l_bar));
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
    fn log_density_adjoint(
        &self,
        p: &[&[f64]],
        _shapes: &[&Shape],
        x: &[f64],
        bar: f64,
        dp: &mut [&mut [f64]],
        dx: &mut [f64],
    ) {
        if bar == 0.0 {
            return;
        }
        if !cholesky_valid(p) || x.iter().any(|v| v.is_nan()) {
            return spoil(dp, dx);
        }
        let (l, n) = (p[1], x.len());
        let mut w: Vec<f64> = x.iter().zip(p[0]).map(|(x, m)| x - m).collect();
        solve_lower(l, n, &mut w);
        // −½ |w|² − Σ ln Lᵢᵢ, w = L⁻¹ (x − mu).
        let mut w_bar: Vec<f64> = w.iter().map(|w| -bar * w).collect();
        solve_lower_adjoint(l, n, &w, &mut w_bar, dp[1]);
        (0..n).for_each(|i| dp[1][i * n + i] -= bar / l[i * n + i]);
        add(dx, 1.0, &w_bar);
        add(dp[0], -1.0, &w_bar);
    }
    fn transport_adjoint(
        &self,
        p: &[&[f64]],
        _shapes: &[&Shape],
        z: &[f64],
        _x: &[f64],
        bar: &[f64],
        dp: &mut [&mut [f64]],
        dz: &mut [f64],
    ) {
        if bar.iter().all(|b| *b == 0.0) {
            return;
        }
        if !cholesky_valid(p) {
            return spoil(dp, dz);
        }
        let (mu, l) = dp.split_at_mut(1);
        shift_and_scale_adjoint(p[1], z, bar, mu[0], l[0], dz);
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
    fn log_density_adjoint(
        &self,
        p: &[&[f64]],
        _shapes: &[&Shape],
        x: &[f64],
        bar: f64,
        dp: &mut [&mut [f64]],
        dx: &mut [f64],
    ) {
        if bar == 0.0 {
            return;
        }
        let factor = valid_factor(p).filter(|_| x.iter().all(|v| !v.is_nan()));
        let Some(q) = factor else {
            return spoil(dp, dx);
        };
        let n = x.len();
        let r: Vec<f64> = x.iter().zip(p[0]).map(|(x, m)| x - m).collect();
        let covariance = inverse_from_cholesky(&q, n);
        for i in 0..n {
            let force: f64 = (0..n).map(|j| p[1][i * n + j] * r[j]).sum();
            dx[i] -= bar * force;
            dp[0][i] += bar * force;
            for j in 0..n {
                dp[1][i * n + j] += 0.5 * bar * (covariance[i * n + j] - r[i] * r[j]);
            }
        }
    }
    fn transport_adjoint(
        &self,
        p: &[&[f64]],
        _shapes: &[&Shape],
        z: &[f64],
        x: &[f64],
        bar: &[f64],
        dp: &mut [&mut [f64]],
        dz: &mut [f64],
    ) {
        if bar.iter().all(|b| *b == 0.0) {
            return;
        }
        let Some(r) = valid_factor(p) else {
            return spoil(dp, dz);
        };
        let n = z.len();
        let moved: Vec<f64> = x.iter().zip(p[0]).map(|(x, m)| x - m).collect();
        let (mut z_bar, mut r_bar) = (bar.to_vec(), vec![0.0; n * n]);
        solve_lower_transposed_adjoint(&r, n, &moved, &mut z_bar, &mut r_bar);
        add(dp[0], 1.0, bar);
        add(dp[1], 1.0, &cholesky_adjoint(&r, n, &r_bar));
        add(dz, 1.0, &z_bar);
    }
}
