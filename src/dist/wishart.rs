//! The Wishart distribution of positive definite matrices, and its inverse.
//!
//! Bartlett's decomposition: with A lower triangular, noise itself below its diagonal and roots of chi-square variables with
//! nu, nu − 1, … degrees of freedom on it, and S = L Lᵀ,
//!
//! ```text
//! Wishart(nu, S):     (L A)(L A)ᵀ            InvWishart(nu, S):   (L A⁻ᵀ)(L A⁻ᵀ)ᵀ
//! ```
//! Noise is read row by row, d(d + 1)/2 coordinates. Densities are in the elements on and below the diagonal, as in Stan.

use super::chi_square::ChiSquare;
use super::multi_normal::factor;
use super::params::{is_symmetric, positive, positive_definite};
use super::slopes::{add, spoil};
use super::{Multivariate, Univariate};
use crate::base::Shape;
use crate::compute::linalg::{
    cholesky, cholesky_adjoint, inverse_from_cholesky, log_diagonal, solve_lower,
    solve_lower_adjoint, times_transposed, times_transposed_adjoint,
};
use crate::compute::special::{LN_2, LN_PI, digamma, lgamma};

describe!(
    Wishart,
    Real,
    "The Wishart distribution of nu degrees of freedom and scale matrix S, whose mean is nu S.",
    [positive("nu"), positive_definite("S")],
    enough_freedom
);
describe!(
    InvWishart,
    Real,
    "The inverse Wishart distribution of nu degrees of freedom and scale matrix S, whose mean is S / (nu - d - 1).",
    [positive("nu"), positive_definite("S")],
    enough_freedom
);

fn side(s: &[f64]) -> usize {
    s.len().isqrt()
}

fn enough_freedom(p: &[&[f64]]) -> Result<(), (usize, String)> {
    let (nu, d) = (p[0][0], side(p[1]));
    if nu > d as f64 - 1.0 {
        Ok(())
    } else {
        Err((
            0,
            format!(
                "nu must be above {}, one less than the size of S, not {nu}",
                d - 1
            ),
        ))
    }
}

/// The Cholesky factor of S, if the parameters are valid.
fn valid_factor(p: &[&[f64]]) -> Option<Vec<f64>> {
    let (nu, d) = (p[0][0], side(p[1]));
    if nu.is_finite() && nu > d as f64 - 1.0 && nu > 0.0 {
        factor(p[1], d)
    } else {
        None
    }
}

fn square(shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
    match *shapes[1].dims() {
        [n, m] if n == m && n > 0 => Ok(shapes[1].clone()),
        _ => Err((
            1,
            format!("S must be a square matrix; its shape is {}", shapes[1]),
        )),
    }
}

fn triangle(shapes: &[&Shape]) -> usize {
    let d = shapes[1].dims()[0];
    d * (d + 1) / 2
}

/// Bartlett's A.
fn bartlett(nu: f64, d: usize, z: &[f64]) -> Vec<f64> {
    let mut a = vec![0.0; d * d];
    for i in 0..d {
        let row = i * (i + 1) / 2;
        a[i * d..i * d + i].copy_from_slice(&z[row..row + i]);
        a[i * d + i] = ChiSquare.transport(&[nu - i as f64], z[row + i]).sqrt();
    }
    a
}

/// Adds to the bar of z, and returns that of nu, given that of Bartlett's A.
fn bartlett_adjoint(nu: f64, d: usize, z: &[f64], a: &[f64], bar: &[f64], dz: &mut [f64]) -> f64 {
    let (mut nu_bar, mut in_nu) = (0.0, [0.0]);
    for i in 0..d {
        let row = i * (i + 1) / 2;
        add(&mut dz[row..row + i], 1.0, &bar[i * d..i * d + i]);
        let (freedom, noise) = ([nu - i as f64], z[row + i]);
        let square = ChiSquare.transport(&freedom, noise);
        let in_z = ChiSquare.d_transport(&freedom, noise, square, &mut in_nu);
        // d√s = ½ √s (ds / s), in an order that does not overflow.
        let log_bar = 0.5 * bar[i * d + i] * a[i * d + i];
        dz[row + i] += log_bar * (in_z / square);
        nu_bar += log_bar * (in_nu[0] / square);
    }
    nu_bar
}

/// L A for a lower triangular L.
fn lower_product(l: &[f64], a: &[f64], d: usize) -> Vec<f64> {
    let dot = |i: usize, j: usize| (0..=i).map(|k| l[i * d + k] * a[k * d + j]).sum();
    (0..d * d).map(|e| dot(e / d, e % d)).collect()
}

/// A M A for symmetric matrices.
fn sandwich(a: &[f64], m: &[f64], d: usize) -> Vec<f64> {
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let dot = |i: usize, j: usize| (0..d).map(|k| a[i * d + k] * b[k * d + j]).sum();
        (0..d * d).map(|e| dot(e / d, e % d)).collect()
    };
    product(&product(a, m), a)
}

/// The factors of S and of a value with a density; `None` elsewhere, everything then being NaN if an argument is not valid.
fn factors(
    p: &[&[f64]],
    x: &[f64],
    dp: &mut [&mut [f64]],
    dx: &mut [f64],
) -> Option<(Vec<f64>, Vec<f64>)> {
    match valid_factor(p) {
        Some(l) if x.iter().all(|v| !v.is_nan()) => Some((l, value_factor(x, side(p[1]))?)),
        _ => {
            spoil(dp, dx);
            None
        }
    }
}

/// The derivative of [`log_normaliser`] in nu.
fn d_log_normaliser(nu: f64, d: usize) -> f64 {
    let gammas: f64 = (0..d).map(|i| digamma(0.5 * (nu - i as f64))).sum();
    0.5 * (gammas + d as f64 * LN_2)
}

/// ln of the multivariate gamma function of dimension d at nu / 2, plus nu d / 2 · ln 2.
fn log_normaliser(nu: f64, d: usize) -> f64 {
    let gammas: f64 = (0..d).map(|i| lgamma(0.5 * (nu - i as f64))).sum();
    0.25 * (d * (d - 1)) as f64 * LN_PI + gammas + 0.5 * nu * d as f64 * LN_2
}

/// tr((L Lᵀ)⁻¹ (M Mᵀ)): the squared size of L⁻¹ M.
fn trace_of_ratio(l: &[f64], m: &[f64], d: usize) -> f64 {
    let mut column = vec![0.0; d];
    let mut trace = 0.0;
    for j in 0..d {
        column
            .iter_mut()
            .enumerate()
            .for_each(|(i, c)| *c = m[i * d + j]);
        solve_lower(l, d, &mut column);
        trace += column.iter().map(|v| v * v).sum::<f64>();
    }
    trace
}

/// The factor of a value in the support.
fn value_factor(x: &[f64], d: usize) -> Option<Vec<f64>> {
    if is_symmetric(x, d) {
        cholesky(x, d)
    } else {
        None
    }
}

impl Multivariate for Wishart {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        square(shapes)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        triangle(shapes)
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let Some(l) = valid_factor(p) else {
            return out.fill(f64::NAN);
        };
        let d = side(p[1]);
        let a = bartlett(p[0][0], d, z);
        out.copy_from_slice(&times_transposed(&lower_product(&l, &a, d), d));
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        let Some(l) = valid_factor(p) else {
            return f64::NAN;
        };
        if x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        let (nu, d) = (p[0][0], side(p[1]));
        let Some(m) = value_factor(x, d) else {
            return f64::NEG_INFINITY;
        };
        (nu - d as f64 - 1.0) * log_diagonal(&m, d)
            - 0.5 * trace_of_ratio(&l, &m, d)
            - nu * log_diagonal(&l, d)
            - log_normaliser(nu, d)
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let nu = if valid_factor(p).is_some() {
            p[0][0]
        } else {
            f64::NAN
        };
        out.iter_mut().zip(p[1]).for_each(|(o, s)| *o = nu * s);
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let (s, d) = (p[1], side(p[1]));
        let nu = if valid_factor(p).is_some() {
            p[0][0]
        } else {
            f64::NAN
        };
        out.iter_mut().enumerate().for_each(|(e, o)| {
            let (i, j) = (e / d, e % d);
            *o = (nu * (s[e] * s[e] + s[i * d + i] * s[j * d + j])).sqrt();
        });
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
        let Some((l, m)) = factors(p, x, dp, dx) else {
            return;
        };
        let (nu, d) = (p[0][0], side(p[1]));
        let (scale, value) = (inverse_from_cholesky(&l, d), inverse_from_cholesky(&m, d));
        dp[0][0] += bar * (log_diagonal(&m, d) - log_diagonal(&l, d) - d_log_normaliser(nu, d));
        add(dp[1], 0.5 * bar, &sandwich(&scale, x, d));
        add(dp[1], -0.5 * bar * nu, &scale);
        add(dx, 0.5 * bar * (nu - d as f64 - 1.0), &value);
        add(dx, -0.5 * bar, &scale);
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
        let d = side(p[1]);
        let a = bartlett(p[0][0], d, z);
        let product_bar = times_transposed_adjoint(&lower_product(&l, &a, d), d, bar);
        let (mut l_bar, mut a_bar) = (vec![0.0; d * d], vec![0.0; d * d]);
        for i in 0..d {
            for k in 0..=i {
                let dot = |j: usize| product_bar[i * d + j] * a[k * d + j];
                l_bar[i * d + k] = (0..=k).map(dot).sum();
                for j in 0..=k {
                    a_bar[k * d + j] += l[i * d + k] * product_bar[i * d + j];
                }
            }
        }
        dp[0][0] += bartlett_adjoint(p[0][0], d, z, &a, &a_bar, dz);
        add(dp[1], 1.0, &cholesky_adjoint(&l, d, &l_bar));
    }
}

impl Multivariate for InvWishart {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        square(shapes)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        triangle(shapes)
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let Some(l) = valid_factor(p) else {
            return out.fill(f64::NAN);
        };
        let d = side(p[1]);
        let a = bartlett(p[0][0], d, z);
        // Row i of L A⁻ᵀ solves A b = (row i of L).
        let mut b = l;
        b.chunks_mut(d).for_each(|row| solve_lower(&a, d, row));
        out.copy_from_slice(&times_transposed(&b, d));
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        let Some(l) = valid_factor(p) else {
            return f64::NAN;
        };
        if x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        let (nu, d) = (p[0][0], side(p[1]));
        let Some(m) = value_factor(x, d) else {
            return f64::NEG_INFINITY;
        };
        nu * log_diagonal(&l, d)
            - (nu + d as f64 + 1.0) * log_diagonal(&m, d)
            - 0.5 * trace_of_ratio(&m, &l, d)
            - log_normaliser(nu, d)
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let freedom = p[0][0] - side(p[1]) as f64 - 1.0;
        let scale = if valid_factor(p).is_some() && freedom > 0.0 {
            freedom
        } else {
            f64::NAN
        };
        out.iter_mut().zip(p[1]).for_each(|(o, s)| *o = s / scale);
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let (s, d) = (p[1], side(p[1]));
        let m = p[0][0] - d as f64; // nu − d
        if valid_factor(p).is_none() || m <= 3.0 {
            return out.fill(f64::NAN);
        }
        out.iter_mut().enumerate().for_each(|(e, o)| {
            let (i, j) = (e / d, e % d);
            let spread = (m + 1.0) * s[e] * s[e] + (m - 1.0) * s[i * d + i] * s[j * d + j];
            *o = (spread / (m * (m - 1.0).powi(2) * (m - 3.0))).sqrt();
        });
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
        let Some((l, m)) = factors(p, x, dp, dx) else {
            return;
        };
        let (nu, d) = (p[0][0], side(p[1]));
        let (scale, value) = (inverse_from_cholesky(&l, d), inverse_from_cholesky(&m, d));
        dp[0][0] += bar * (log_diagonal(&l, d) - log_diagonal(&m, d) - d_log_normaliser(nu, d));
        add(dp[1], 0.5 * bar * nu, &scale);
        add(dp[1], -0.5 * bar, &value);
        add(dx, -0.5 * bar * (nu + d as f64 + 1.0), &value);
        add(dx, 0.5 * bar, &sandwich(&value, p[1], d));
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
        let d = side(p[1]);
        let a = bartlett(p[0][0], d, z);
        let mut b = l.clone();
        b.chunks_mut(d).for_each(|row| solve_lower(&a, d, row));
        let (mut l_bar, mut a_bar) = (times_transposed_adjoint(&b, d, bar), vec![0.0; d * d]);
        l_bar
            .chunks_mut(d)
            .zip(b.chunks(d))
            .for_each(|(bar, row)| solve_lower_adjoint(&a, d, row, bar, &mut a_bar));
        dp[0][0] += bartlett_adjoint(p[0][0], d, z, &a, &a_bar, dz);
        add(dp[1], 1.0, &cholesky_adjoint(&l, d, &l_bar));
    }
}
