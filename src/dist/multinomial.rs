//! The multinomial distribution: counts of n draws by category.
//!
//! With k categories, k − 1 noise coordinates: each count is binomial among what is left.

use super::dirichlet::vector_length;
use super::params::{count, is_count, is_simplex, simplex};
use super::slopes::spoil;
use super::{Multivariate, binomial};
use crate::base::Shape;
use crate::compute::special::{Odds, log_factorial, xlogy};

describe!(
    Multinomial,
    Int,
    "How often each category comes up in n independent draws with probabilities p.",
    [count("n"), simplex("p")]
);

fn valid(p: &[&[f64]]) -> bool {
    is_count(p[0][0]) && is_simplex(p[1])
}

impl Multivariate for Multinomial {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        vector_length("p", 1, shapes[1]).map(Shape::vector)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        shapes[1].len() - 1
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        if !valid(p) {
            return out.fill(f64::NAN);
        }
        let mut rest = p[0][0];
        for (i, &z) in z.iter().enumerate() {
            let (here, later) = (p[1][i], p[1][i + 1..].iter().sum::<f64>());
            out[i] = if rest == 0.0 && !z.is_nan() {
                0.0
            } else {
                binomial::transport(rest, Odds::from_ratio(here / later), z)
            };
            rest -= out[i];
        }
        out[z.len()] = rest;
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        if !valid(p) || x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        if !x.iter().all(|&v| is_count(v)) || x.iter().sum::<f64>() != p[0][0] {
            return f64::NEG_INFINITY;
        }
        log_factorial(p[0][0])
            + x.iter()
                .zip(p[1])
                .map(|(&x, &p)| xlogy(x, p) - log_factorial(x))
                .sum::<f64>()
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let n = if valid(p) { p[0][0] } else { f64::NAN };
        out.iter_mut().zip(p[1]).for_each(|(o, p)| *o = n * p);
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let n = if valid(p) { p[0][0] } else { f64::NAN };
        out.iter_mut()
            .zip(p[1])
            .for_each(|(o, p)| *o = (n * p * (1.0 - p)).sqrt());
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
        if density > f64::NEG_INFINITY {
            let seen = x.iter().zip(p[1]).zip(dp[1].iter_mut());
            seen.filter(|((x, _), _)| **x > 0.0)
                .for_each(|((x, p), d)| *d += bar * x / p);
        }
    }
    fn transport_adjoint(
        &self,
        _p: &[&[f64]],
        _shapes: &[&Shape],
        _z: &[f64],
        _x: &[f64],
        _bar: &[f64],
        _dp: &mut [&mut [f64]],
        _dz: &mut [f64],
    ) {
    }
}
