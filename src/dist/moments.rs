//! Mean and standard deviation of a law restricted to an interval, by quadrature in noise or by summing.

use super::{Bounds, Univariate, log_interval};
use crate::compute::special::{inv_log_phi, normal_log_density};

/// Noise beyond this from the interval's inner edge weighs nothing (φ(10) is 8e-23).
const REACH: f64 = 10.0;
const PANELS: usize = 64;
/// Nodes and weights of Gauss–Legendre quadrature with 8 points on [−1, 1], one half.
const NODES: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];
/// Terms of a sum over whole numbers, at most.
const MOST_TERMS: usize = 10_000_000;

/// Mean and standard deviation between two bounds; NaN where an unbounded side has none.
pub fn interval_moments(d: &dyn Univariate, p: &[f64], bounds: Bounds) -> (f64, f64) {
    let log_mass = log_interval(d, p, bounds);
    if log_mass.is_nan() || log_mass == f64::NEG_INFINITY {
        return (f64::NAN, f64::NAN);
    }
    let (low, high) = d.support(p);
    let (a, b) = (bounds.lower.max(low), bounds.upper.min(high));
    let mean = expectation(d, p, (a, b), log_mass, &|x| x);
    let variance = expectation(d, p, (a, b), log_mass, &|x| (x - mean).powi(2));
    let open = a == f64::NEG_INFINITY || b == f64::INFINITY;
    let of = |own: f64, x: f64| {
        if open && !own.is_finite() {
            f64::NAN
        } else {
            x
        }
    };
    (of(d.mean(p), mean), of(d.sd(p), variance.sqrt()))
}

fn expectation(
    d: &dyn Univariate,
    p: &[f64],
    (a, b): (f64, f64),
    log_mass: f64,
    g: &dyn Fn(f64) -> f64,
) -> f64 {
    if d.is_discrete() {
        return sum(d, p, (a, b), log_mass, g);
    }
    let (low, high) = (noise_at(d, p, a), noise_at(d, p, b));
    let (low, high) = match (low > 0.0, high < 0.0) {
        (true, _) => (low, high.min(low + REACH)),
        (_, true) => (low.max(high - REACH), high),
        _ => (low.max(-REACH), high.min(REACH)),
    };
    let half = (high - low) / (2 * PANELS) as f64;
    let at = |z: f64| g(d.transport(p, z)) * (normal_log_density(z) - log_mass).exp();
    (0..PANELS)
        .map(|k| low + (2 * k + 1) as f64 * half)
        .flat_map(|middle| NODES.iter().map(move |(x, w)| (middle, x, w)))
        .map(|(middle, x, w)| half * w * (at(middle + half * x) + at(middle - half * x)))
        .sum()
}

/// The noise that leads to x, from the smaller tail.
fn noise_at(d: &dyn Univariate, p: &[f64], x: f64) -> f64 {
    let (below, above) = (d.log_cdf(p, x), d.log_ccdf(p, x));
    if below < above {
        inv_log_phi(below)
    } else {
        -inv_log_phi(above)
    }
}

fn sum(
    d: &dyn Univariate,
    p: &[f64],
    (a, b): (f64, f64),
    log_mass: f64,
    g: &dyn Fn(f64) -> f64,
) -> f64 {
    let (mut total, mut k) = (0.0, a.ceil());
    for _ in 0..MOST_TERMS {
        if k > b || d.log_ccdf(p, k - 1.0) - log_mass < -60.0 {
            return total;
        }
        total += g(k) * (d.log_density(p, k) - log_mass).exp();
        k += 1.0;
    }
    f64::NAN
}
