//! Derivatives by differences: what a distribution has until it states its own.

use crate::base::Shape;

use super::{Domain, Multivariate};

/// Steps relative to a number's size; the next is tried where a smaller one stays inside the domain.
const STEPS: [f64; 3] = [1e-3, 1e-5, 1e-7];

/// Writes ∂f/∂p_i into `dp` and returns ∂f/∂x.
pub(super) fn univariate(p: &[f64], x: f64, dp: &mut [f64], f: impl Fn(&[f64], f64) -> f64) -> f64 {
    let mut q = p.to_vec();
    for (i, d) in dp.iter_mut().enumerate() {
        *d = derivative(p[i], |v| {
            q[i] = v;
            f(&q, x)
        });
        q[i] = p[i];
    }
    derivative(x, |v| f(p, v))
}

/// Adds `bar` times the gradient of the log-density.
pub(super) fn log_density<D: Multivariate + ?Sized>(
    dist: &D,
    p: &[&[f64]],
    shapes: &[&Shape],
    x: &[f64],
    bar: f64,
    dp: &mut [&mut [f64]],
    dx: &mut [f64],
) {
    let f = |p: &[&[f64]], x: &[f64]| bar * dist.log_density(p, shapes, x);
    array(dist, p, x, dp, dx, f);
}

/// Adds the gradient of bar · transport.
#[allow(
    clippy::too_many_arguments,
    reason = "the adjoint of a function of as many arguments"
)]
pub(super) fn transport<D: Multivariate + ?Sized>(
    dist: &D,
    p: &[&[f64]],
    shapes: &[&Shape],
    z: &[f64],
    bar: &[f64],
    dp: &mut [&mut [f64]],
    dz: &mut [f64],
) {
    let f = |p: &[&[f64]], z: &[f64]| {
        let mut x = vec![0.0; bar.len()];
        dist.transport(p, shapes, z, &mut x);
        x.iter().zip(bar).map(|(x, b)| x * b).sum()
    };
    array(dist, p, z, dp, dz, f);
}

fn array<D: Multivariate + ?Sized>(
    dist: &D,
    p: &[&[f64]],
    x: &[f64],
    dp: &mut [&mut [f64]],
    dx: &mut [f64],
    f: impl Fn(&[&[f64]], &[f64]) -> f64,
) {
    for (i, param) in dist.params().iter().enumerate() {
        for e in 0..p[i].len() {
            dp[i][e] += derivative(p[i][e], |v| {
                let mut q = p[i].to_vec();
                moved(param.domain, &mut q, e, v - p[i][e]);
                let mut all = p.to_vec();
                all[i] = &q;
                f(&all, x)
            });
        }
    }
    for (e, d) in dx.iter_mut().enumerate() {
        *d += derivative(x[e], |v| {
            let mut y = x.to_vec();
            y[e] = v;
            f(p, &y)
        });
    }
}

/// Moves element e by h inside the parameter's domain: a simplex keeps its sum, a symmetric matrix its symmetry.
fn moved(domain: Domain, q: &mut [f64], e: usize, h: f64) {
    let n = q.len();
    match domain {
        Domain::Simplex => {
            q.iter_mut().for_each(|x| *x -= h / n as f64);
            q[e] += h;
        }
        Domain::PositiveDefinite => {
            let d = (n as f64).sqrt().round() as usize;
            q[e] += 0.5 * h;
            q[e % d * d + e / d] += 0.5 * h;
        }
        Domain::CholeskyFactor => {
            let d = (n as f64).sqrt().round() as usize;
            if e % d <= e / d {
                q[e] += h;
            }
        }
        _ => q[e] += h,
    }
}

/// The five-point rule; one-sided at the edge of a domain.
fn derivative(at: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    for step in STEPS {
        let h = step * at.abs().max(1e-2);
        let central = (8.0 * (f(at + h) - f(at - h)) - (f(at + 2.0 * h) - f(at - 2.0 * h))) / 12.0;
        if central.is_finite() {
            return central / h;
        }
    }
    let h = STEPS[2] * at.abs().max(1e-2);
    let here = f(at);
    [h, -h]
        .iter()
        .map(|h| (f(at + h) - here) / h)
        .find(|d| d.is_finite())
        .unwrap_or(f64::NAN)
}
