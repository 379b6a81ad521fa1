//! The Dirichlet distribution over simplexes.
//!
//! Noise breaks a stick: with k elements, k − 1 beta variables take a share each of what is left, in logs, so that small
//! `alpha` keeps its digits.
//!
//! ```text
//! |←──── 1 ────→|
//! |x₀ |    rest | x₁ = share₁ · rest, …        share i ~ Beta(αᵢ, αᵢ₊₁ + … + αₖ₋₁)
//! ```

use super::Multivariate;
use super::beta::transport_odds;
use super::params::{SIMPLEX_TOLERANCE, is_positive, positive_vector};
use crate::base::Shape;
use crate::compute::special::lgamma;

describe!(
    Dirichlet,
    Real,
    "The Dirichlet distribution over probabilities that sum to 1.",
    [positive_vector("alpha")]
);

fn valid(alpha: &[f64]) -> bool {
    !alpha.is_empty() && alpha.iter().all(|&a| is_positive(a))
}

/// The length of a vector parameter, or the sentence.
pub fn vector_length(name: &str, index: usize, shape: &Shape) -> Result<usize, (usize, String)> {
    match *shape.dims() {
        [n] if n > 0 => Ok(n),
        [_] => Err((index, format!("{name} must have at least one element"))),
        _ => Err((
            index,
            format!("{name} must be a vector; its shape is {shape}"),
        )),
    }
}

impl Multivariate for Dirichlet {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        vector_length("alpha", 0, shapes[0]).map(Shape::vector)
    }
    fn noise_dim(&self, shapes: &[&Shape]) -> usize {
        shapes[0].len() - 1
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let alpha = p[0];
        if !valid(alpha) {
            return out.fill(f64::NAN);
        }
        let last = alpha.len() - 1;
        let mut later: f64 = alpha.iter().sum();
        let mut log_rest = 0.0;
        for i in 0..last {
            later = if i + 1 == last {
                alpha[last]
            } else {
                later - alpha[i]
            };
            let share = transport_odds(alpha[i], later, z[i]);
            out[i] = (log_rest + share.log_x).exp().max(f64::MIN_POSITIVE);
            log_rest += share.log_y;
        }
        out[last] = log_rest.exp().max(f64::MIN_POSITIVE);
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        let alpha = p[0];
        if !valid(alpha) || x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        if x.iter().any(|&v| v < 0.0) || (x.iter().sum::<f64>() - 1.0).abs() > SIMPLEX_TOLERANCE {
            return f64::NEG_INFINITY;
        }
        let power = |(a, v): (&f64, &f64)| {
            if *a == 1.0 {
                0.0
            } else {
                (a - 1.0) * v.ln() - lgamma(*a)
            }
        };
        lgamma(alpha.iter().sum()) + alpha.iter().zip(x).map(power).sum::<f64>()
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if !valid(p[0]) {
            return out.fill(f64::NAN);
        }
        let total: f64 = p[0].iter().sum();
        out.iter_mut().zip(p[0]).for_each(|(o, a)| *o = a / total);
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        if !valid(p[0]) {
            return out.fill(f64::NAN);
        }
        let total: f64 = p[0].iter().sum();
        let sd = |a: f64| (a / total * (1.0 - a / total) / (total + 1.0)).sqrt();
        out.iter_mut().zip(p[0]).for_each(|(o, &a)| *o = sd(a));
    }
}
