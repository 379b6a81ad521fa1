//! Lewandowski, Kurowicka and Joe's distribution of correlation matrices, and of their Cholesky factors.
//!
//! Each element below the diagonal has one noise coordinate, row by row, which becomes a partial correlation r in (−1, 1);
//! rows of the factor L are then points of the unit sphere:
//!
//! ```text
//! L[i, j] = r[i, j] · √(1 − r[i, 0]²) · … · √(1 − r[i, j−1]²),     (1 + r[i, j]) / 2 ~ Beta(b, b),  b = eta + (d − 2 − j) / 2
//! ```
//!
//! # Source
//! D. Lewandowski, D. Kurowicka and H. Joe, "Generating random correlation matrices based on vines and extended onion method",
//! Journal of Multivariate Analysis 100 (2009), section 2.4; densities as in Stan.

use super::Multivariate;
use super::beta::{d_logit, transport_odds};
use super::params::{count, is_count, is_positive, is_symmetric, positive};
use super::slopes::{add, spoil};
use crate::base::Shape;
use crate::compute::linalg::{
    cholesky, inverse_from_cholesky, log_diagonal, times_transposed, times_transposed_adjoint,
};
use crate::compute::special::{LN_2, digamma_difference, lbeta};

describe!(
    LKJCorr,
    Real,
    "The distribution of d by d correlation matrices with density proportional to det(R)^(eta - 1).",
    [count("d"), positive("eta")],
    not_empty
);
describe!(
    LKJCholesky,
    Real,
    "The lower Cholesky factor of a d by d correlation matrix from LKJCorr(d, eta).",
    [count("d"), positive("eta")],
    not_empty
);

/// By how much the diagonal of a correlation matrix, or the norm of a factor's row, may be off 1.
const TOLERANCE: f64 = 1e-8;

fn not_empty(p: &[&[f64]]) -> Result<(), (usize, String)> {
    if p[0][0] >= 1.0 {
        Ok(())
    } else {
        Err((0, "d must be at least 1".into()))
    }
}

fn valid(p: &[&[f64]]) -> bool {
    is_count(p[0][0]) && p[0][0] >= 1.0 && is_positive(p[1][0])
}

/// Shape and number of noise coordinates, from the value of d.
fn layout(p: &[&[f64]]) -> Result<(Shape, usize), (usize, String)> {
    let d = p[0][0];
    if !(is_count(d) && d >= 1.0) {
        return Err((
            0,
            format!("d must be a whole number, 1 or above, that is known before the run, not {d}"),
        ));
    }
    let d = d as usize;
    Ok((Shape(vec![d, d]), d * (d - 1) / 2))
}

/// The sentence for a caller that has only shapes.
fn size_is_a_value() -> (usize, String) {
    (
        0,
        "the size of a correlation matrix is the value of d".into(),
    )
}

/// The shape of the beta variables behind column j.
fn column_shape(d: usize, eta: f64, j: usize) -> f64 {
    eta + 0.5 * (d - 2 - j) as f64
}

/// ln of the integral of det(R)^(eta − 1) over correlation matrices, in the elements below the diagonal.
fn log_normaliser(d: usize, eta: f64) -> f64 {
    (0..d.saturating_sub(1))
        .map(|j| {
            let b = column_shape(d, eta, j);
            (d - 1 - j) as f64 * ((2.0 * b - 1.0) * LN_2 + lbeta(b, b))
        })
        .sum()
}

fn transport_factor(d: usize, eta: f64, z: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    let mut z = z.iter();
    for i in 0..d {
        let mut log_rest = 0.0; // ln of what is left of the row's unit length
        for j in 0..i {
            let b = column_shape(d, eta, j);
            let odds = transport_odds(
                b,
                b,
                *z.next()
                    .expect("one noise coordinate for each element below the diagonal"),
            );
            out[i * d + j] = (0.5 * odds.logit()).tanh() * f64::exp(log_rest);
            log_rest += LN_2 + 0.5 * (odds.log_x + odds.log_y);
        }
        out[i * d + i] = f64::exp(log_rest).max(f64::MIN_POSITIVE);
    }
}

/// The derivative of [`log_normaliser`] in eta.
fn d_log_normaliser(d: usize, eta: f64) -> f64 {
    (0..d.saturating_sub(1))
        .map(|j| {
            let b = column_shape(d, eta, j);
            2.0 * (d - 1 - j) as f64 * (LN_2 - digamma_difference(b, b))
        })
        .sum()
}

/// Adds to the bar of z, and returns that of eta, given that of the factor's elements (on and below the diagonal).
fn transport_factor_adjoint(d: usize, eta: f64, z: &[f64], bar: &[f64], dz: &mut [f64]) -> f64 {
    let mut eta_bar = 0.0;
    let mut row = Vec::with_capacity(d); // the odds of a row, and ln of the length left before each
    for i in 0..d {
        row.clear();
        let first = i * i.saturating_sub(1) / 2;
        let mut log_rest = 0.0;
        for j in 0..i {
            let b = column_shape(d, eta, j);
            let odds = transport_odds(b, b, z[first + j]);
            row.push((odds, log_rest));
            log_rest += LN_2 + 0.5 * (odds.log_x + odds.log_y);
        }
        let mut rest_bar = bar[i * d + i] * f64::exp(log_rest);
        for (j, &(odds, log_rest)) in row.iter().enumerate().rev() {
            let b = column_shape(d, eta, j);
            let element_bar = bar[i * d + j] * f64::exp(log_rest);
            let logit_bar =
                2.0 * element_bar * odds.x * odds.y + 0.5 * rest_bar * (odds.y - odds.x);
            let slopes = d_logit(b, b, odds, z[first + j]);
            dz[first + j] += logit_bar * slopes.z;
            eta_bar += logit_bar * (slopes.alpha + slopes.beta);
            rest_bar += element_bar * (0.5 * odds.logit()).tanh();
        }
    }
    eta_bar
}

/// Whether L is the factor of a correlation matrix: lower triangular, positive diagonal, rows of length 1.
fn is_correlation_factor(l: &[f64], d: usize) -> bool {
    l.chunks(d).enumerate().all(|(i, row)| {
        let length: f64 = row.iter().map(|v| v * v).sum();
        row[i] > 0.0 && row[i + 1..].iter().all(|&v| v == 0.0) && (length - 1.0).abs() <= TOLERANCE
    })
}

impl Multivariate for LKJCholesky {
    fn event_shape(&self, _shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        Err(size_is_a_value())
    }
    /// 0: see [`layout`](Multivariate::layout).
    fn noise_dim(&self, _shapes: &[&Shape]) -> usize {
        0
    }
    fn layout(&self, p: &[&[f64]], _shapes: &[&Shape]) -> Result<(Shape, usize), (usize, String)> {
        layout(p)
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        if valid(p) {
            transport_factor(p[0][0] as usize, p[1][0], z, out)
        } else {
            out.fill(f64::NAN)
        }
    }
    /// In the elements below the diagonal, as in Stan.
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        if !valid(p) || x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        let (d, eta) = (p[0][0] as usize, p[1][0]);
        if !is_correlation_factor(x, d) {
            return f64::NEG_INFINITY;
        }
        let power = |i: usize| (d - 1 - i) as f64 + 2.0 * (eta - 1.0);
        (1..d).map(|i| power(i) * x[i * d + i].ln()).sum::<f64>() - log_normaliser(d, eta)
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
        let density = self.log_density(p, &[], x);
        if density.is_nan() {
            return spoil(dp, dx);
        }
        if density.is_infinite() {
            return;
        }
        let (d, eta) = (p[0][0] as usize, p[1][0]);
        for i in 1..d {
            let power = (d - 1 - i) as f64 + 2.0 * (eta - 1.0);
            dx[i * d + i] += bar * power / x[i * d + i];
        }
        dp[1][0] += bar * (2.0 * log_diagonal(x, d) - d_log_normaliser(d, eta));
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
        if !valid(p) || x.iter().any(|v| v.is_nan()) {
            return spoil(dp, dz);
        }
        dp[1][0] += transport_factor_adjoint(p[0][0] as usize, p[1][0], z, bar, dz);
    }
}

impl Multivariate for LKJCorr {
    fn event_shape(&self, _shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        Err(size_is_a_value())
    }
    /// 0: see [`layout`](Multivariate::layout).
    fn noise_dim(&self, _shapes: &[&Shape]) -> usize {
        0
    }
    fn layout(&self, p: &[&[f64]], _shapes: &[&Shape]) -> Result<(Shape, usize), (usize, String)> {
        layout(p)
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        if !valid(p) {
            return out.fill(f64::NAN);
        }
        let d = p[0][0] as usize;
        let mut l = vec![0.0; d * d];
        transport_factor(d, p[1][0], z, &mut l);
        out.copy_from_slice(&times_transposed(&l, d));
        (0..d).for_each(|i| out[i * d + i] = 1.0);
    }
    /// In the elements below the diagonal, as in Stan.
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        if !valid(p) || x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        let (d, eta) = (p[0][0] as usize, p[1][0]);
        let unit_diagonal = (0..d).all(|i| (x[i * d + i] - 1.0).abs() <= TOLERANCE);
        match cholesky(x, d) {
            Some(l) if unit_diagonal && is_symmetric(x, d) => {
                2.0 * (eta - 1.0) * log_diagonal(&l, d) - log_normaliser(d, eta)
            }
            _ => f64::NEG_INFINITY,
        }
    }
    /// 1 on the diagonal, 0 elsewhere.
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if !valid(p) {
            return out.fill(f64::NAN);
        }
        let d = p[0][0] as usize;
        out.iter_mut()
            .enumerate()
            .for_each(|(e, o)| *o = if e / d == e % d { 1.0 } else { 0.0 });
    }
    /// Every correlation is 2 Beta(b, b) − 1 with b = eta − 1 + d/2.
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if !valid(p) {
            return out.fill(f64::NAN);
        }
        let d = p[0][0] as usize;
        let b = p[1][0] - 1.0 + 0.5 * p[0][0];
        out.iter_mut().enumerate().for_each(|(e, o)| {
            *o = if e / d == e % d {
                0.0
            } else {
                1.0 / (2.0 * b + 1.0).sqrt()
            }
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
        let density = self.log_density(p, &[], x);
        if density.is_nan() {
            return spoil(dp, dx);
        }
        let (d, eta) = (p[0][0] as usize, p[1][0]);
        let Some(l) = cholesky(x, d).filter(|_| density.is_finite()) else {
            return;
        };
        add(dx, bar * (eta - 1.0), &inverse_from_cholesky(&l, d));
        dp[1][0] += bar * (2.0 * log_diagonal(&l, d) - d_log_normaliser(d, eta));
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
        if !valid(p) || x.iter().any(|v| v.is_nan()) {
            return spoil(dp, dz);
        }
        let d = p[0][0] as usize;
        let (mut l, mut r_bar) = (vec![0.0; d * d], bar.to_vec());
        transport_factor(d, p[1][0], z, &mut l);
        (0..d).for_each(|i| r_bar[i * d + i] = 0.0); // the diagonal is 1
        let l_bar = times_transposed_adjoint(&l, d, &r_bar);
        dp[1][0] += transport_factor_adjoint(d, p[1][0], z, &l_bar, dz);
    }
}
