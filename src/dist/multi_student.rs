//! The multivariate Student's t distribution.
//!
//! Noise enters one coordinate at a time: given u₀ … uᵢ₋₁, the next whitened coordinate is Student's t with nu + i degrees of
//! freedom and squared scale (nu + u₀² + … + uᵢ₋₁²) / (nu + i). So n values take n noise coordinates, with no extra one for a
//! common scale; x = mu + L u.

use std::cell::Cell;

use super::multi_normal::{
    add_elliptical, factor, location_matrix_shape, shift_and_scale, shift_and_scale_adjoint,
};
use super::params::{finite, is_positive, positive, positive_definite, real_vector};
use super::slopes::{add, is_clamped, spoil};
use super::student::{StudentT, freedom_score};
use super::{Multivariate, Univariate};
use crate::base::Shape;
use crate::compute::linalg::{cholesky_adjoint, log_diagonal, solve_lower};
use crate::compute::special::{LN_PI, log_gamma_ratio};

describe!(
    MultiStudentT,
    Real,
    "The multivariate Student's t distribution of nu degrees of freedom, location mu and scale matrix Sigma.",
    [
        positive("nu"),
        real_vector("mu"),
        positive_definite("Sigma")
    ]
);

/// The Cholesky factor of Sigma, if the parameters are valid.
fn valid_factor(p: &[&[f64]]) -> Option<Vec<f64>> {
    if is_positive(p[0][0]) && p[1].iter().all(|m| m.is_finite()) {
        factor(p[2], p[1].len())
    } else {
        None
    }
}

/// One whitened coordinate, and √(nu + Σ u²) over those before it.
struct Step {
    value: f64,
    size: f64,
}

/// The whitened coordinates that noise is carried to.
fn whiten(nu: f64, z: &[f64]) -> Vec<Step> {
    let (mut size, mut nu) = (nu.sqrt(), nu);
    z.iter()
        .map(|&z| {
            let value = StudentT.transport(&[nu, 0.0, size / nu.sqrt()], z);
            let step = Step { value, size };
            size = finite(size.hypot(value));
            nu += 1.0;
            step
        })
        .collect()
}

/// Adds to the bar of z, and returns that of nu, given that of the whitened coordinates.
fn whiten_adjoint(nu: f64, steps: &[Step], z: &[f64], bar: &[f64], dz: &mut [f64]) -> f64 {
    let (mut nu_bar, mut size_bar, mut slopes) = (0.0, 0.0, [0.0; 3]);
    for (i, step) in steps.iter().enumerate().rev() {
        let (freedom, Step { value, size }) = (nu + i as f64, step);
        let scale = size / freedom.sqrt();
        let in_z = StudentT.d_transport(&[freedom, 0.0, scale], z[i], *value, &mut slopes);
        let after = size.hypot(*value);
        let value_bar = bar[i] + size_bar * value / after;
        let scale_bar = value_bar * slopes[2];
        dz[i] += value_bar * in_z;
        nu_bar += value_bar * slopes[0] - 0.5 * scale_bar * scale / freedom;
        size_bar = size_bar * size / after + scale_bar / freedom.sqrt();
    }
    nu_bar + 0.5 * size_bar / nu.sqrt()
}

impl Multivariate for MultiStudentT {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        location_matrix_shape(1, "Sigma", shapes)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        shapes[1].len()
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let Some(l) = valid_factor(p) else {
            return out.fill(f64::NAN);
        };
        let whitened: Vec<f64> = whiten(p[0][0], z).iter().map(|s| s.value).collect();
        shift_and_scale(p[1], &l, &whitened, out);
        out.iter_mut().for_each(|x| *x = finite(*x));
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        let Some(l) = valid_factor(p) else {
            return f64::NAN;
        };
        let (nu, n) = (p[0][0], x.len());
        let mut u: Vec<f64> = x.iter().zip(p[1]).map(|(x, m)| x - m).collect();
        solve_lower(&l, n, &mut u);
        let distance = u.iter().fold(0.0f64, |r, v| r.hypot(*v));
        let spread = if distance < 1e150 {
            (distance * distance / nu).ln_1p()
        } else {
            2.0 * distance.ln() - nu.ln()
        };
        let half = 0.5 * n as f64;
        log_gamma_ratio(0.5 * nu, half)
            - half * (nu.ln() + LN_PI)
            - log_diagonal(&l, n)
            - (0.5 * nu + half) * spread
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if valid_factor(p).is_some() && p[0][0] > 1.0 {
            out.copy_from_slice(p[1])
        } else {
            out.fill(f64::NAN)
        }
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let (nu, n) = (p[0][0], p[1].len());
        if valid_factor(p).is_none() || nu <= 2.0 {
            return out.fill(f64::NAN);
        }
        out.iter_mut()
            .enumerate()
            .for_each(|(i, o)| *o = (p[2][i * n + i] * nu / (nu - 2.0)).sqrt());
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
        let Some(l) = factor else {
            return spoil(dp, dx);
        };
        let (nu, n) = (p[0][0], x.len() as f64);
        let distance = Cell::new(0.0);
        let weight = |u: &[f64]| {
            let t = u.iter().fold(0.0f64, |sum, v| sum.hypot(*v));
            distance.set(t);
            (nu + n) / (nu + t * t)
        };
        let (freedom, rest) = dp.split_at_mut(1);
        let (mu, sigma) = rest.split_at_mut(1);
        let r: Vec<f64> = x.iter().zip(p[1]).map(|(x, m)| x - m).collect();
        let force = add_elliptical(&l, r, weight, bar, mu[0], sigma[0]);
        add(dx, -bar, &force);
        freedom[0][0] += bar * freedom_score(nu, n, distance.get());
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
        let Some(l) = valid_factor(p) else {
            return spoil(dp, dz);
        };
        let n = z.len();
        // What overflowed does not move.
        let moves = |v: f64, x: f64| if is_clamped(x) { 0.0 } else { v };
        let bar: Vec<f64> = bar.iter().zip(x).map(|(b, x)| moves(*b, *x)).collect();
        let steps = whiten(p[0][0], z);
        let whitened: Vec<f64> = steps.iter().map(|s| moves(s.value, s.value)).collect();
        let (mut l_bar, mut u_bar) = (vec![0.0; n * n], vec![0.0; n]);
        shift_and_scale_adjoint(&l, &whitened, &bar, dp[1], &mut l_bar, &mut u_bar);
        add(dp[2], 1.0, &cholesky_adjoint(&l, n, &l_bar));
        dp[0][0] += whiten_adjoint(p[0][0], &steps, z, &u_bar, dz);
    }
}
