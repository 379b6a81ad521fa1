//! Monte Carlo standard errors of the mean, the standard deviation and quantiles.
//!
//! # Source
//! Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021 (quantiles: the interval of Beta order statistics); the same
//! figures as ArviZ's `mcse`, to rounding. `x: [n_chains, n]`, chain after chain; `None` under 4 draws a chain or with
//! values that are not finite.

use spec_math::cephes64::incbi;

use super::chains::{ess_mean, ess_quantile, ess_sd};
use super::moments::{mean_sd, quantiles, sorted};

/// Of the mean.
pub fn mcse_mean(x: &[f64], n_chains: usize) -> Option<f64> {
    ess_mean(x, n_chains).map(|ess| mean_sd(x, None).1 / ess.sqrt())
}

/// Of the standard deviation.
pub fn mcse_sd(x: &[f64], n_chains: usize) -> Option<f64> {
    let squares = squared_deviations(x, mean_sd(x, None).0);
    sd_error(&squares, None, ess_sd(x, n_chains)?)
}

/// Of the quantile at `p`.
pub fn mcse_quantile(x: &[f64], n_chains: usize, p: f64) -> Option<f64> {
    Some(quantile_error(x, None, ess_quantile(x, n_chains, p)?, p))
}

/// (x − mean)².
pub(super) fn squared_deviations(x: &[f64], mean: f64) -> Vec<f64> {
    x.iter().map(|v| (v - mean) * (v - mean)).collect()
}

/// Error of the standard deviation by the delta method, from squared deviations that are worth `ess` draws; `None`
/// where they are all 0.
pub(super) fn sd_error(squares: &[f64], weights: Option<&[f64]>, ess: f64) -> Option<f64> {
    let share = |i: usize| weights.map_or(1.0 / squares.len() as f64, |w| w[i]);
    let moment = |power: i32| -> f64 {
        let terms = squares.iter().enumerate();
        terms.map(|(i, s)| share(i) * s.powi(power)).sum()
    };
    let variance = moment(1);
    let error = ((moment(2) - variance * variance).max(0.0) / ess / variance / 4.0).sqrt();
    error.is_finite().then_some(error)
}

/// Half the distance between the quantiles that bound the one at `p` with 68 %, for draws worth `ess`. Order statistics
/// are taken outwards, as ArviZ does.
pub(super) fn quantile_error(x: &[f64], weights: Option<&[f64]>, ess: f64, p: f64) -> f64 {
    let beta = |q: f64| incbi(ess * p + 1.0, ess * (1.0 - p) + 1.0, q);
    let (low, high) = (beta(0.158_655_3), beta(0.841_344_7));
    if weights.is_some() {
        let q = quantiles(x, weights, &[low, high]);
        return (q[1] - q[0]) / 2.0;
    }
    let (ordered, n) = (sorted(x), x.len() as f64);
    let below = (low * n - 1.0).floor().max(0.0);
    let above = (high * n - 1.0).ceil().clamp(0.0, n - 1.0);
    (ordered[above as usize] - ordered[below as usize]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_count_as_copies_do() {
        let x = [3.0, 1.0, 2.0, 5.0];
        let (w, copies) = ([0.25, 0.25, 0.25, 0.25], x);
        let squares = squared_deviations(&x, 2.75);
        let plain = sd_error(&squares, None, 4.0).unwrap();
        assert!((sd_error(&squares, Some(&w), 4.0).unwrap() - plain).abs() < 1e-12);
        assert!(quantile_error(&copies, Some(&w), 4.0, 0.5) > 0.0);
        assert_eq!(sd_error(&[0.0; 4], None, 4.0), None);
    }
}
