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
use super::beta::{d_logit, transport_odds};
use super::params::{SIMPLEX_TOLERANCE, is_positive, positive_vector};
use super::slopes::{is_clamped, spoil};
use crate::base::Shape;
use crate::compute::special::{digamma, lgamma};

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
        let total = digamma(p[0].iter().sum());
        for (i, (&a, &x)) in p[0].iter().zip(x).enumerate() {
            if x > 0.0 {
                dp[0][i] += bar * (total - digamma(a) + x.ln());
                dx[i] += bar * (a - 1.0) / x;
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
        let (alpha, last) = (p[0], x.len() - 1);
        if !valid(alpha) || x.iter().any(|v| v.is_nan()) {
            return spoil(dp, dz);
        }
        // In logs: a value that underflowed does not move.
        let log_bar = |i: usize| if is_clamped(x[i]) { 0.0 } else { bar[i] * x[i] };
        let (mut rest_bar, mut later) = (log_bar(last), alpha[last]);
        let mut later_bars = vec![0.0; last];
        for i in (0..last).rev() {
            let at = transport_odds(alpha[i], later, z[i]);
            let slopes = d_logit(alpha[i], later, at, z[i]);
            let logit_bar = log_bar(i) * at.y - rest_bar * at.x;
            dz[i] += logit_bar * slopes.z;
            dp[0][i] += logit_bar * slopes.alpha;
            later_bars[i] = logit_bar * slopes.beta;
            rest_bar += log_bar(i);
            later += alpha[i];
        }
        let mut sum = 0.0;
        for (d, later_bar) in dp[0][1..].iter_mut().zip(&later_bars) {
            sum += later_bar;
            *d += sum;
        }
    }
}
