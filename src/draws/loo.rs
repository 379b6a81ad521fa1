//! How well a model predicts what it has not seen, from the log-likelihood of each observation at each draw: PSIS-LOO
//! and WAIC.
//!
//! # Source
//! Vehtari, Gelman & Gabry 2017; the same figures as ArviZ's `loo` and `waic` (log scale), to rounding.

use super::moments::mean_sd;
use super::pareto::{khat_threshold, psis_of_dependent};
use super::weights::{log_mean_exp, log_sum_exp};

/// An estimate of the expected log predictive density of new data, in nats.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Σ over observations.
    pub elpd: f64,
    /// Its standard error, from the spread over observations.
    pub se: f64,
    /// Effective number of parameters: how much better the data is fitted than predicted.
    pub p: f64,
    /// For each observation its part.
    pub pointwise: Vec<f64>,
    /// Pareto k̂ of each observation's weights, for LOO; an observation that tells nothing has none.
    pub khat: Vec<Option<f64>>,
    /// How many observations the figure is not to be trusted for: k̂ above the threshold for the number of draws, or for
    /// WAIC a log-likelihood whose variance over draws exceeds 0.4.
    pub untrusted: usize,
}

/// A larger variance of an observation's log-likelihood is more than WAIC can take.
const LARGEST_VARIANCE: f64 = 0.4;

/// Leave-one-out cross-validation by Pareto-smoothed importance sampling. `log_lik[i]: [n]` are the log-likelihoods of
/// observation i at the draws; each draw is worth `efficiency` independent ones. `None` without observations or draws.
pub fn loo(log_lik: &[Vec<f64>], efficiency: f64) -> Option<Criterion> {
    let n = log_lik.first().map(Vec::len).filter(|n| *n > 0)?;
    let one = |l: &Vec<f64>| {
        let inverse: Vec<f64> = l.iter().map(|x| -x).collect();
        let (smoothed, khat) = psis_of_dependent(&inverse, efficiency);
        let total = log_sum_exp(&smoothed);
        let weighted: Vec<f64> = smoothed.iter().zip(l).map(|(w, l)| w + l).collect();
        (log_sum_exp(&weighted) - total, khat)
    };
    let (pointwise, khat): (Vec<f64>, Vec<Option<f64>>) = log_lik.iter().map(one).unzip();
    let limit = khat_threshold(n);
    let untrusted = khat.iter().filter(|k| k.is_some_and(|k| k > limit)).count();
    let fitted: f64 = log_lik.iter().map(|l| log_mean_exp(l)).sum();
    let elpd: f64 = pointwise.iter().sum();
    Some(Criterion {
        elpd,
        se: spread(&pointwise),
        p: fitted - elpd,
        pointwise,
        khat,
        untrusted,
    })
}

/// The widely applicable information criterion; `log_lik` as in [`loo`].
pub fn waic(log_lik: &[Vec<f64>]) -> Option<Criterion> {
    log_lik.first().filter(|l| !l.is_empty())?;
    // The variance divides by n, as in ArviZ.
    let variance = |l: &Vec<f64>| {
        let n = l.len() as f64;
        mean_sd(l, None).1.powi(2) * (n - 1.0) / n
    };
    let variances: Vec<f64> = log_lik.iter().map(variance).collect();
    let parts = log_lik.iter().zip(&variances);
    let pointwise: Vec<f64> = parts.map(|(l, v)| log_mean_exp(l) - v).collect();
    Some(Criterion {
        elpd: pointwise.iter().sum(),
        se: spread(&pointwise),
        p: variances.iter().sum(),
        untrusted: variances.iter().filter(|v| **v > LARGEST_VARIANCE).count(),
        khat: Vec::new(),
        pointwise,
    })
}

/// Standard error of a sum of parts: √(n · variance).
fn spread(parts: &[f64]) -> f64 {
    let n = parts.len() as f64;
    let mean = parts.iter().sum::<f64>() / n;
    parts
        .iter()
        .map(|x| (x - mean) * (x - mean))
        .sum::<f64>()
        .sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::golden::{close, criteria};

    #[test]
    fn figures_are_those_of_arviz() {
        for c in criteria() {
            let check = |ours: &Criterion, theirs: [f64; 3], pointwise: &[f64]| {
                close(&c.name, ours.elpd, theirs[0], 1e-9);
                close(&c.name, ours.se, theirs[1], 1e-9);
                close(&c.name, ours.p, theirs[2], 1e-8);
                let pairs = ours.pointwise.iter().zip(pointwise);
                pairs.for_each(|(a, b)| close(&c.name, *a, *b, 1e-9));
            };
            let ours = loo(&c.log_lik, c.reff).unwrap();
            check(&ours, c.loo, &c.loo_i);
            let pairs = ours.khat.iter().zip(&c.khat);
            pairs.for_each(|(a, b)| close(&c.name, a.unwrap(), *b, 1e-8));
            close(&c.name, khat_threshold(c.log_lik[0].len()), c.good_k, 1e-12);
            assert_eq!(
                ours.untrusted,
                c.khat.iter().filter(|k| **k > c.good_k).count()
            );
            check(&waic(&c.log_lik).unwrap(), c.waic, &c.waic_i);
        }
    }

    #[test]
    fn nothing_observed_has_no_criterion() {
        assert_eq!((loo(&[], 1.0), waic(&[vec![]])), (None, None));
        // An observation of a known likelihood is predicted as well as it is fitted.
        let known = loo(&[vec![-1.5; 50]], 1.0).unwrap();
        assert!((known.elpd + 1.5).abs() < 1e-12 && known.khat == [None]);
    }
}
