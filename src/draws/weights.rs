//! Importance weights: sums in log space, effective sample size, resampling.

use rand::RngExt;

use super::psis;
use crate::base::{Bug, Stream, bites};

/// log Σ exp(x); −∞ for no terms.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let top = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return top;
    }
    top + x.iter().map(|v| (v - top).exp()).sum::<f64>().ln()
}

/// log of the mean of exp(x).
pub fn log_mean_exp(x: &[f64]) -> f64 {
    log_sum_exp(x) - (x.len() as f64).ln()
}

/// Weights that sum to 1 from unnormalised log weights; `None` if all are 0.
pub fn normalized(log_weights: &[f64]) -> Option<Vec<f64>> {
    let total = log_sum_exp(log_weights);
    total
        .is_finite()
        .then(|| log_weights.iter().map(|l| (l - total).exp()).collect())
}

/// Kish's effective sample size (Σw)²/Σw² of unnormalised log weights; 0 if all weights are 0.
pub fn importance_ess(log_weights: &[f64]) -> f64 {
    let top = log_weights
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return 0.0;
    }
    let (sum, squares) = log_weights
        .iter()
        .map(|l| (l - top).exp())
        .fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    sum * sum / squares
}

/// Kish's effective sample size of weights that sum to 1.
pub(super) fn kish(weights: &[f64]) -> f64 {
    1.0 / weights.iter().map(|w| w * w).sum::<f64>()
}

/// Systematic resampling: `n` indices into `weights` (which sum to 1), in order; index i appears n·w\[i\] times, rounded
/// up or down.
pub fn systematic(weights: &[f64], n: usize, rng: &mut Stream) -> Vec<usize> {
    let offset: f64 = rng.random();
    let last = weights.iter().rposition(|w| *w > 0.0).unwrap_or(0);
    let (mut i, mut reached) = (0, weights.first().copied().unwrap_or(0.0));
    (0..n)
        .map(|k| {
            let u = (k as f64 + offset) / n as f64;
            while reached < u && i < last {
                i += 1;
                reached += weights[i];
            }
            i
        })
        .collect()
}

/// `n` indices of draws with unnormalised log weights, resampled by Pareto-smoothed weights in random order, with the
/// shape k̂ of their tail (see [`super::psis`]); no indices if all weights are 0.
pub fn pareto_resampled(
    log_weights: &[f64],
    n: usize,
    rng: &mut Stream,
) -> (Vec<usize>, Option<f64>) {
    let (smoothed, khat) = psis(log_weights);
    let Some(weights) = normalized(&smoothed) else {
        return (Vec::new(), khat);
    };
    let equal = bites(Bug::NoResampling).then(|| vec![1.0 / weights.len() as f64; weights.len()]);
    let mut picked = systematic(&equal.unwrap_or(weights), n, rng);
    for i in (1..picked.len()).rev() {
        picked.swap(i, rng.random_range(0..=i));
    }
    (picked, khat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn sums_in_log_space_neither_overflow_nor_vanish() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - 2f64.ln()).abs() < 1e-12);
        assert_eq!(log_sum_exp(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
        assert!((log_mean_exp(&[-900.0, f64::NEG_INFINITY]) + 900.0 + 2f64.ln()).abs() < 1e-12);
        assert_eq!(normalized(&[f64::NEG_INFINITY]), None);
    }

    #[test]
    fn ess_counts_equal_weights() {
        assert!((importance_ess(&[-5.0, -5.0, f64::NEG_INFINITY, -5.0]) - 3.0).abs() < 1e-12);
        assert_eq!(importance_ess(&[f64::NEG_INFINITY]), 0.0);
    }

    #[test]
    fn pareto_resampling_follows_the_weights() {
        // Normal weights of sd 1 over N(0, 1) draws x = log w shift the mean by exactly 1.
        let mut rng = Seed(2).stream("test", 0);
        let x: Vec<f64> = (0..20_000)
            .map(|_| rand_distr::Distribution::sample(&rand_distr::StandardNormal, &mut rng))
            .collect();
        let (picked, khat) = pareto_resampled(&x, 20_000, &mut rng);
        let mean = picked.iter().map(|&i| x[i]).sum::<f64>() / 20_000.0;
        // ESS = n/e = 7357: a standard error of .012 (delta method: √(2e/n) = .0165); 5 of them.
        assert!((mean - 1.0).abs() < 0.085, "{mean}");
        assert!(khat.unwrap() < 0.7);
    }

    #[test]
    fn systematic_resampling_rounds_each_share() {
        let w = [0.1, 0.0, 0.55, 0.35, 0.0];
        let picked = systematic(&w, 1000, &mut Seed(1).stream("test", 0));
        for (i, share) in w.iter().enumerate() {
            let count = picked.iter().filter(|&&p| p == i).count() as f64;
            assert!((count - 1000.0 * share).abs() <= 1.0, "{i}: {count}");
        }
    }
}
