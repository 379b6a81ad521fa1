//! Ordered logistic regression's outcome.

use super::Multivariate;
use super::dirichlet::vector_length;
use super::params::{is_whole, real, real_vector};
use super::slopes::spoil;
use crate::base::Shape;
use crate::compute::special::{inv_logit, log_inv_logit, log_phi, log1mexp, softplus};

describe!(
    OrderedLogistic,
    Int,
    "The number of cutpoints below a logistic variable of location eta: one of 0 to the number of cutpoints.",
    [real("eta"), real_vector("cutpoints")],
    increasing
);

fn increasing(p: &[&[f64]]) -> Result<(), (usize, String)> {
    match p[1].windows(2).find(|w| w[0] >= w[1]) {
        None => Ok(()),
        Some(w) => Err((
            1,
            format!("cutpoints must increase; {} follows {}", w[1], w[0]),
        )),
    }
}

fn valid(p: &[&[f64]]) -> bool {
    p[0][0].is_finite()
        && p[1].iter().all(|c| c.is_finite())
        && p[1].windows(2).all(|w| w[0] < w[1])
}

/// ln P(X = k), for k within range: logistic cdf between the cutpoints on both sides, as a product without cancellation.
fn log_mass(eta: f64, cutpoints: &[f64], k: usize) -> f64 {
    let below = if k == 0 {
        f64::NEG_INFINITY
    } else {
        cutpoints[k - 1] - eta
    };
    let above = if k == cutpoints.len() {
        f64::INFINITY
    } else {
        cutpoints[k] - eta
    };
    -softplus(below) - softplus(-above)
        + if k == 0 || k == cutpoints.len() {
            0.0
        } else {
            log1mexp(below - above)
        }
}

/// Mean and standard deviation of the value.
fn moments(p: &[&[f64]]) -> (f64, f64) {
    if !valid(p) {
        return (f64::NAN, f64::NAN);
    }
    let mass = |k: usize| log_mass(p[0][0], p[1], k).exp();
    let mean: f64 = (1..=p[1].len()).map(|k| k as f64 * mass(k)).sum();
    let variance: f64 = (0..=p[1].len())
        .map(|k| (k as f64 - mean).powi(2) * mass(k))
        .sum();
    (mean, variance.sqrt())
}

impl Multivariate for OrderedLogistic {
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)> {
        vector_length("cutpoints", 1, shapes[1]).map(|_| Shape::scalar())
    }
    fn noise_dim(&self, _shapes: &[&Shape]) -> usize {
        1
    }
    fn transport(&self, p: &[&[f64]], _shapes: &[&Shape], z: &[f64], out: &mut [f64]) {
        let z = z[0];
        if !valid(p) || z.is_nan() {
            return out.fill(f64::NAN);
        }
        let (level, eta) = (log_phi(-z.abs()), p[0][0]);
        // X ≤ k if Φ(z) ≤ F(k), in the smaller tail.
        let beyond = |c: &f64| {
            if z <= 0.0 {
                log_inv_logit(c - eta) < level
            } else {
                -softplus(c - eta) > level
            }
        };
        out[0] = p[1].partition_point(beyond) as f64;
    }
    fn log_density(&self, p: &[&[f64]], _shapes: &[&Shape], x: &[f64]) -> f64 {
        if !valid(p) || x[0].is_nan() {
            f64::NAN
        } else if is_whole(x[0]) && x[0] >= 0.0 && x[0] <= p[1].len() as f64 {
            log_mass(p[0][0], p[1], x[0] as usize)
        } else {
            f64::NEG_INFINITY
        }
    }
    fn n_categories(&self, shapes: &[&Shape]) -> Option<usize> {
        Some(shapes[1].len() + 1)
    }
    fn log_cdf(&self, p: &[&[f64]], _shapes: &[&Shape], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 {
            f64::NEG_INFINITY
        } else {
            p[1].get(x as usize)
                .map_or(0.0, |c| log_inv_logit(c - p[0][0]))
        }
    }
    fn log_ccdf(&self, p: &[&[f64]], _shapes: &[&Shape], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 {
            0.0
        } else {
            p[1].get(x as usize)
                .map_or(f64::NEG_INFINITY, |c| -softplus(c - p[0][0]))
        }
    }
    fn mean(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        out[0] = moments(p).0;
    }
    fn sd(&self, p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        out[0] = moments(p).1;
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
        if !valid(p) || x[0].is_nan() {
            return spoil(dp, dx);
        }
        if !(is_whole(x[0]) && x[0] >= 0.0 && x[0] <= p[1].len() as f64) {
            return;
        }
        let (k, eta, cutpoints) = (x[0] as usize, p[0][0], p[1]);
        let between = k > 0 && k < cutpoints.len();
        let share = if between {
            1.0 / (cutpoints[k] - cutpoints[k - 1]).exp_m1()
        } else {
            0.0
        };
        if k > 0 {
            let below = inv_logit(cutpoints[k - 1] - eta);
            dp[1][k - 1] -= bar * (below + share);
            dp[0][0] += bar * below;
        }
        if k < cutpoints.len() {
            let above = inv_logit(eta - cutpoints[k]);
            dp[1][k] += bar * (above + share);
            dp[0][0] -= bar * above;
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
