//! Categorical distributions, by probabilities and by logits: one noise coordinate, inverse distribution function.

use super::Multivariate;
use super::dirichlet::vector_length;
use super::params::{is_simplex, is_whole, real_vector, simplex};
use super::slopes::spoil;
use crate::base::Shape;
use crate::compute::special::{logsumexp, phi};

describe!(
    Categorical,
    Int,
    "k with probability p[k], counted from 0.",
    [simplex("p")]
);
describe!(
    CategoricalLogit,
    Int,
    "k with probability softmax(logits)[k], counted from 0.",
    [real_vector("logits")]
);

/// The smallest k with Φ(z) ≤ F(k), where `weight(k)` are the relative masses and `total` their sum: added up from the near end.
fn transport(n: usize, total: f64, z: f64, weight: impl Fn(usize) -> f64) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    if z <= 0.0 {
        let level = total * phi(z);
        let mut sum = 0.0;
        let reached = (0..n).find(|&k| {
            sum += weight(k);
            sum >= level && sum > 0.0
        });
        return reached.unwrap_or(n - 1) as f64;
    }
    let level = total * phi(-z);
    let mut above = 0.0;
    // From the far end: the mass above k − 1 exceeds the level first at the answer.
    let reached = (0..n).rev().find(|&k| {
        above += weight(k);
        above > level
    });
    reached.unwrap_or(0) as f64
}

/// ln of the share of the weights at or below x, or above it.
fn log_share(n: usize, total: f64, x: f64, above: bool, weight: impl Fn(usize) -> f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    let split = (x.floor() + 1.0).clamp(0.0, n as f64) as usize;
    let (below_sum, above_sum) = (
        (0..split).map(&weight).sum::<f64>(),
        (split..n).map(&weight).sum::<f64>(),
    );
    let (part, rest) = if above {
        (above_sum, below_sum)
    } else {
        (below_sum, above_sum)
    };
    if part < rest {
        (part / total).ln()
    } else {
        (-rest / total).ln_1p()
    }
}

/// Mean and standard deviation of the value.
fn moments(n: usize, total: f64, weight: impl Fn(usize) -> f64) -> (f64, f64) {
    let mean = (0..n).map(|k| k as f64 * weight(k)).sum::<f64>() / total;
    let variance = (0..n)
        .map(|k| (k as f64 - mean).powi(2) * weight(k))
        .sum::<f64>()
        / total;
    (mean, variance.sqrt())
}

/// The category a value names, if it is one.
fn index(x: f64, n: usize) -> Option<usize> {
    (is_whole(x) && x >= 0.0 && x < n as f64).then_some(x as usize)
}

impl Multivariate for Categorical {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        vector_length("p", 0, shapes[0]).map(|_| Shape::scalar())
    }
    fn noise_dim(&self, _shapes: &[&Shape]) -> usize {
        1
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let p = p[0];
        out[0] = if is_simplex(p) {
            transport(p.len(), p.iter().sum(), z[0], |k| p[k])
        } else {
            f64::NAN
        };
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        if !is_simplex(p[0]) || x[0].is_nan() {
            return f64::NAN;
        }
        index(x[0], p[0].len()).map_or(f64::NEG_INFINITY, |k| {
            p[0][k].ln() - p[0].iter().sum::<f64>().ln()
        })
    }
    fn n_categories(&self, shapes: &[&Shape]) -> Option<usize> {
        Some(shapes[0].len())
    }
    fn log_cdf(&self, p: &[&[f64]], _shapes: &[&Shape], x: f64) -> f64 {
        let p = p[0];
        if is_simplex(p) {
            log_share(p.len(), p.iter().sum(), x, false, |k| p[k])
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[&[f64]], _shapes: &[&Shape], x: f64) -> f64 {
        let p = p[0];
        if is_simplex(p) {
            log_share(p.len(), p.iter().sum(), x, true, |k| p[k])
        } else {
            f64::NAN
        }
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        out[0] = if is_simplex(p[0]) {
            moments(p[0].len(), p[0].iter().sum(), |k| p[0][k]).0
        } else {
            f64::NAN
        };
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        out[0] = if is_simplex(p[0]) {
            moments(p[0].len(), p[0].iter().sum(), |k| p[0][k]).1
        } else {
            f64::NAN
        };
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
        if !is_simplex(p[0]) || x[0].is_nan() {
            return spoil(dp, dx);
        }
        if let Some(k) = index(x[0], p[0].len()).filter(|&k| p[0][k] > 0.0) {
            let total: f64 = p[0].iter().sum();
            dp[0].iter_mut().for_each(|d| *d -= bar / total);
            dp[0][k] += bar / p[0][k];
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

/// logsumexp of finite logits; NaN if one is not finite.
fn log_total(logits: &[f64]) -> f64 {
    if !logits.is_empty() && logits.iter().all(|v| v.is_finite()) {
        logsumexp(logits)
    } else {
        f64::NAN
    }
}

impl Multivariate for CategoricalLogit {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        vector_length("logits", 0, shapes[0]).map(|_| Shape::scalar())
    }
    fn noise_dim(&self, _shapes: &[&Shape]) -> usize {
        1
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let total = log_total(p[0]);
        out[0] = if total.is_nan() {
            f64::NAN
        } else {
            transport(p[0].len(), 1.0, z[0], |k| (p[0][k] - total).exp())
        };
    }
    #[inline]
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        let total = log_total(p[0]);
        if total.is_nan() || x[0].is_nan() {
            return f64::NAN;
        }
        index(x[0], p[0].len()).map_or(f64::NEG_INFINITY, |k| p[0][k] - total)
    }
    fn n_categories(&self, shapes: &[&Shape]) -> Option<usize> {
        Some(shapes[0].len())
    }
    fn log_cdf(&self, p: &[&[f64]], _shapes: &[&Shape], x: f64) -> f64 {
        let total = log_total(p[0]);
        log_share(p[0].len(), 1.0, x, false, |k| (p[0][k] - total).exp())
    }
    fn log_ccdf(&self, p: &[&[f64]], _shapes: &[&Shape], x: f64) -> f64 {
        let total = log_total(p[0]);
        log_share(p[0].len(), 1.0, x, true, |k| (p[0][k] - total).exp())
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let total = log_total(p[0]);
        out[0] = moments(p[0].len(), 1.0, |k| (p[0][k] - total).exp()).0;
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        let total = log_total(p[0]);
        out[0] = moments(p[0].len(), 1.0, |k| (p[0][k] - total).exp()).1;
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
        let total = log_total(p[0]);
        if total.is_nan() || x[0].is_nan() {
            return spoil(dp, dx);
        }
        if let Some(k) = index(x[0], p[0].len()) {
            let shares = p[0].iter().map(|l| (l - total).exp());
            dp[0]
                .iter_mut()
                .zip(shares)
                .for_each(|(d, s)| *d -= bar * s);
            dp[0][k] += bar;
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
