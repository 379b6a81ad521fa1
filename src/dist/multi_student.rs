//! The multivariate Student's t distribution.
//!
//! Noise enters one coordinate at a time: given u₀ … uᵢ₋₁, the next whitened coordinate is Student's t with nu + i degrees of
//! freedom and squared scale (nu + u₀² + … + uᵢ₋₁²) / (nu + i). So n values take n noise coordinates, with no extra one for a
//! common scale; x = mu + L u.

use super::multi_normal::{factor, location_matrix_shape, shift_and_scale};
use super::params::{finite, is_positive, positive, positive_definite, real_vector};
use super::student::StudentT;
use super::{Multivariate, Univariate};
use crate::base::Shape;
use crate::compute::linalg::{log_diagonal, solve_lower};
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
        let (mut size, mut nu) = (p[0][0].sqrt(), p[0][0]); // size: √(nu + Σ u²)
        let whitened: Vec<f64> = z
            .iter()
            .map(|&z| {
                let u = StudentT.transport(&[nu, 0.0, size / nu.sqrt()], z);
                size = finite(size.hypot(u));
                nu += 1.0;
                u
            })
            .collect();
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
}
