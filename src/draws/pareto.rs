//! Pareto-smoothed importance sampling: how heavy the tail of weights is, and weights with that tail smoothed.
//!
//! # Source
//! Vehtari, Simpson, Gelman, Yao & Gabry 2024 (PSIS); Zhang & Stephens 2009 (the fit), with the weak prior towards ½ of
//! the R package loo and of ArviZ; the same figures as `arviz.psislw`, to rounding.

/// Weights below this (relative to the largest) are no tail: log of the smallest normal double.
const CUTOFF: f64 = -708.396_418_532_264_1;

/// Weights whose largest is below this many times the mean have no tail to speak of, whatever a Pareto fit sees in their
/// bounded ripples.
pub const ALL_BUT_EQUAL: f64 = 5.0;

/// Smooths unnormalised log weights `[n]`; returns them (not normalised) with the shape k̂ of the generalised Pareto
/// distribution fitted to their tail, the 3√n (at most n/5) largest.
///
/// k̂ is ∞ where the tail has too few distinct members to fit, and `None` where it has none because the largest weight is
/// shared by as many draws (then weights are bounded, and all is well).
pub fn psis(log_weights: &[f64]) -> (Vec<f64>, Option<f64>) {
    psis_of_dependent(log_weights, 1.0)
}

/// As [`psis`], for weights of draws that are each worth `efficiency` independent ones: the longer tail that their
/// dependence calls for.
pub fn psis_of_dependent(log_weights: &[f64], efficiency: f64) -> (Vec<f64>, Option<f64>) {
    let top = log_weights
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let n = log_weights.len();
    let tail = (n as f64 / 5.0)
        .min(3.0 * (n as f64 / efficiency).sqrt())
        .ceil() as usize;
    if !top.is_finite() || n <= tail + 1 {
        return (log_weights.to_vec(), Some(f64::INFINITY));
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| log_weights[a].total_cmp(&log_weights[b]));
    let cut = (log_weights[order[n - tail - 1]] - top).max(CUTOFF);
    let tail: Vec<usize> = order
        .into_iter()
        .filter(|&i| log_weights[i] - top > cut)
        .collect();
    if tail.len() <= 4 {
        return (
            log_weights.to_vec(),
            (!tail.is_empty()).then_some(f64::INFINITY),
        );
    }
    let excess: Vec<f64> = tail
        .iter()
        .map(|&i| (log_weights[i] - top).exp() - cut.exp())
        .collect();
    let (k, sigma) = fit(&excess);
    let mut smoothed = log_weights.to_vec();
    if k.is_finite() && sigma > 0.0 {
        let m = tail.len() as f64;
        for (rank, &i) in tail.iter().enumerate() {
            let q = quantile((rank as f64 + 0.5) / m, k, sigma);
            smoothed[i] = top + (q + cut.exp()).ln().min(0.0);
        }
    }
    (smoothed, Some(k))
}

/// Shape k̂ of the heavier tail of draws `x: [n]` that are worth `ess` independent ones: a generalised Pareto distribution fitted
/// to the 3n/√ess (at most n/5) largest, and one to the smallest. `None` for whole numbers and for tails of under 20 draws.
///
/// Moments of order m exist where k < 1/m; an average of h(x) is estimated well from n draws where that of h's tail is below
/// [`khat_threshold`] (Vehtari et al. 2024), which for squares is twice that of x.
pub(super) fn tail_shape(x: &[f64], ess: f64) -> Option<f64> {
    let n = x.len() as f64;
    let tail = (n / 5.0).min(3.0 * n / ess.max(1.0).sqrt()).ceil() as usize;
    if tail < 20 || x.len() <= tail + 1 || x.iter().all(|v| v.fract() == 0.0) {
        return None;
    }
    let upper = one_tail(x, tail, 1.0);
    let lower = one_tail(x, tail, -1.0);
    [upper, lower].into_iter().flatten().reduce(f64::max)
}

/// k̂ of the `tail` values that lie farthest where `sign` points.
fn one_tail(x: &[f64], tail: usize, sign: f64) -> Option<f64> {
    let mut outward: Vec<f64> = x.iter().map(|v| sign * v).collect();
    let (_, cut, beyond) = outward.select_nth_unstable_by(x.len() - tail - 1, f64::total_cmp);
    let mut excess: Vec<f64> = beyond.iter().map(|v| v - *cut).collect();
    excess.sort_by(f64::total_cmp);
    excess.retain(|e| *e > 0.0 && e.is_finite());
    // Many draws at one place are no tail.
    (2 * excess.len() > tail)
        .then(|| fit(&excess).0)
        .filter(|k| k.is_finite())
}

/// The largest k̂ at which an estimate from `n` weights is still to be trusted: min(1 − 1/log₁₀ n, 0.7).
pub fn khat_threshold(n: usize) -> f64 {
    (1.0 - 1.0 / (n as f64).log10()).min(0.7)
}

/// Shape and scale of a generalised Pareto distribution from an ascending sample of excesses.
fn fit(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let grid = 30 + n.sqrt() as usize;
    let quartile = x[(n / 4.0 + 0.5) as usize - 1];
    let mean_log = |b: f64| x.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / n;
    let b: Vec<f64> = (1..=grid)
        .map(|i| {
            (1.0 - (grid as f64 / (i as f64 - 0.5)).sqrt()) / (3.0 * quartile)
                + 1.0 / x[x.len() - 1]
        })
        .collect();
    let profile: Vec<f64> = b
        .iter()
        .map(|&b| {
            let k = mean_log(b);
            n * ((-b / k).ln() - k - 1.0)
        })
        .collect();
    let weight = |i: usize| 1.0 / profile.iter().map(|l| (l - profile[i]).exp()).sum::<f64>();
    let weights: Vec<f64> = (0..grid)
        .map(weight)
        .map(|w| if w >= 10.0 * f64::EPSILON { w } else { 0.0 })
        .collect();
    let total: f64 = weights.iter().sum();
    let b_mean = b
        .iter()
        .zip(&weights)
        .map(|(b, w)| b * w / total)
        .sum::<f64>();
    let k = mean_log(b_mean);
    ((n * k + 5.0) / (n + 10.0), -k / b_mean)
}

fn quantile(p: f64, k: f64, sigma: f64) -> f64 {
    let exponential = -(-p).ln_1p();
    if k.abs() < f64::EPSILON {
        sigma * exponential
    } else {
        sigma * (k * exponential).exp_m1() / k
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::golden::{close, weights};

    #[test]
    fn figures_are_those_of_arviz() {
        for w in weights() {
            let (smoothed, khat) = psis(&w.log_w);
            close(&w.name, khat.unwrap(), w.khat, 1e-9);
            for (s, truth) in smoothed.iter().zip(&w.smoothed) {
                assert!(
                    s == truth || (s - truth).abs() < 1e-7,
                    "{}: {s} {truth}",
                    w.name
                );
            }
        }
    }

    #[test]
    fn equal_weights_have_no_tail_and_a_few_big_ones_too_little_of_one() {
        assert_eq!(psis(&[-3.0; 100]), (vec![-3.0; 100], None));
        let mut few = vec![0.0; 100];
        few[..3].copy_from_slice(&[1.0, 2.0, 3.0]);
        assert_eq!(psis(&few).1, Some(f64::INFINITY));
        assert_eq!(psis(&[f64::NEG_INFINITY; 30]).1, Some(f64::INFINITY));
    }

    #[test]
    fn tails_of_draws_have_the_shape_of_their_law() {
        // Quantiles in the place of draws; two standard errors of k̂ from 190 exceedances, (1 + k) / √190.
        let p = |i: usize| (i as f64 + 0.5) / 4000.0;
        let pareto = |k: f64| -> Vec<f64> { (0..4000).map(|i| -(1.0 - p(i)).powf(-k)).collect() };
        for k in [0.2, 0.5, 1.0] {
            let found = tail_shape(&pareto(k), 4000.0).unwrap();
            assert!(
                (found - k).abs() < 2.0 * (1.0 + k) / 190f64.sqrt(),
                "{k}: {found}"
            );
        }
        let normal: Vec<f64> = (0..4000)
            .map(|i| spec_math::cephes64::ndtri(p(i)))
            .collect();
        assert!(tail_shape(&normal, 4000.0).unwrap() < 0.1);
        let uniform: Vec<f64> = (0..4000).map(p).collect();
        assert!(tail_shape(&uniform, 4000.0).unwrap() < -0.5);
        let counts: Vec<f64> = (0..4000).map(|i| (i % 50) as f64).collect();
        assert_eq!(tail_shape(&counts, 4000.0), None);
    }

    #[test]
    fn the_threshold_grows_with_the_sample() {
        assert!((khat_threshold(100) - 0.5).abs() < 1e-12);
        assert_eq!(khat_threshold(100_000), 0.7);
    }
}
