//! One row of the results' table: what is said of one quantity.

use super::chains::{ess_bulk, ess_mean, ess_tail, rank_normalised, rhat};
use super::mcse::{
    mcse_mean, mcse_quantile, mcse_sd, quantile_error, sd_error, squared_deviations,
};
use super::moments::{mean_sd, quantiles};
use super::pareto::tail_shape;
use super::particles::grouped_ess;
use super::weights::kish;

/// How draws depend on each other, which decides what they are worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dependence<'a> {
    /// Not at all.
    Independent,
    /// Weighted draws of which nothing else is known (weights `[n]` sum to 1).
    Weighted(&'a [f64]),
    /// Every value that has weight, with its exact weight `[n]` (sum 1): no Monte Carlo error.
    Exact(&'a [f64]),
    /// So many chains, one after the other.
    Chains(usize),
    /// Particles: draws with the same number `[n]` descend from the same one.
    Lineage(&'a [u32]),
    /// Resampled from weighted ones: draws with the same number `[n]` come from the same one, and no quantity is worth more than
    /// so many independent draws.
    Resampled(&'a [u32], f64),
    /// Together worth so many independent draws.
    Worth(f64),
}

/// Figures for one quantity; `None` where one does not exist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Monte Carlo standard error of the mean.
    pub mcse: Option<f64>,
    /// Monte Carlo standard error of the standard deviation.
    pub mcse_sd: Option<f64>,
    /// Quantiles at 5, 25, 50, 75 and 95 %.
    pub quantiles: [f64; 5],
    /// Their Monte Carlo standard errors.
    pub mcse_quantiles: [Option<f64>; 5],
    /// Effective sample size for the bulk.
    pub ess_bulk: Option<f64>,
    /// Effective sample size for the tails.
    pub ess_tail: Option<f64>,
    /// Rank-normalised split R̂.
    pub rhat: Option<f64>,
    /// Shape k̂ of a generalised Pareto distribution fitted to its heavier tail; nothing for weighted draws.
    pub tail: Option<f64>,
    /// Share (by weight) of draws in which the value exists; the other figures are over those.
    pub present: f64,
}

/// Sums up draws `x: [n]` of one quantity; NaN marks a draw in which it is absent. `None` if it is absent in all.
pub fn summarize(x: &[f64], dependence: Dependence) -> Option<Summary> {
    let weights = match dependence {
        Dependence::Weighted(w) | Dependence::Exact(w) => Some(w),
        _ => None,
    };
    let here: Vec<usize> = (0..x.len())
        .filter(|&i| !x[i].is_nan() && weights.is_none_or(|w| w[i] > 0.0))
        .collect();
    let present = match weights {
        None => here.len() as f64 / x.len() as f64,
        Some(w) => here.iter().map(|&i| w[i]).sum::<f64>() / w.iter().sum::<f64>(),
    };
    if here.is_empty() {
        return None;
    }
    let values: Vec<f64> = here.iter().map(|&i| x[i]).collect();
    let shares: Option<Vec<f64>> = weights.map(|w| {
        let total: f64 = here.iter().map(|&i| w[i]).sum();
        here.iter().map(|&i| w[i] / total).collect()
    });
    let (mean, sd) = mean_sd(&values, shares.as_deref());
    let q = quantiles(&values, shares.as_deref(), &LEVELS);
    let worth = worth(x, &values, shares.as_deref(), mean, present, dependence);
    let sd = if values.len() == 1 && weights.is_none() {
        0.0
    } else {
        sd
    };
    let errors = errors(
        x,
        &values,
        shares.as_deref(),
        (mean, sd),
        &worth,
        dependence,
    );
    Some(Summary {
        mean,
        sd,
        mcse: errors.mean,
        mcse_sd: errors.sd,
        quantiles: q.try_into().expect("five quantiles"),
        mcse_quantiles: errors.quantiles,
        ess_bulk: worth.bulk,
        ess_tail: worth.tail,
        rhat: worth.rhat,
        tail: match weights {
            None => worth.bulk.and_then(|ess| tail_shape(&values, ess)),
            Some(_) => None,
        },
        present,
    })
}

/// Where quantiles are taken.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Monte Carlo standard errors.
struct Errors {
    mean: Option<f64>,
    sd: Option<f64>,
    quantiles: [Option<f64>; 5],
}

fn errors(
    x: &[f64],
    values: &[f64],
    shares: Option<&[f64]>,
    (mean, sd): (f64, f64),
    worth: &Worth,
    dependence: Dependence,
) -> Errors {
    match dependence {
        Dependence::Exact(_) => {
            return Errors {
                mean: Some(0.0),
                sd: Some(0.0),
                quantiles: [Some(0.0); 5],
            };
        }
        // Chains in which every draw has the value.
        Dependence::Chains(chains) if values.len() == x.len() => {
            return Errors {
                mean: mcse_mean(x, chains),
                sd: mcse_sd(x, chains),
                quantiles: LEVELS.map(|p| mcse_quantile(x, chains, p)),
            };
        }
        _ => {}
    }
    let squares = squared_deviations(values, mean);
    let of_mean = worth.mean.filter(|e| *e > 0.0);
    let of_tail = of_mean.zip(worth.tail).map(|(m, t)| m.min(t));
    let of_tail = of_tail.filter(|e| *e > 0.0);
    let quantile = |p: f64| of_tail.map(|e| quantile_error(values, shares, e, p));
    Errors {
        mean: of_mean.map(|e| sd / e.sqrt()),
        sd: of_mean.and_then(|e| sd_error(&squares, shares, e)),
        quantiles: LEVELS.map(quantile),
    }
}

#[derive(Default)]
struct Worth {
    mean: Option<f64>,
    bulk: Option<f64>,
    tail: Option<f64>,
    rhat: Option<f64>,
}

impl Worth {
    fn all(ess: f64) -> Worth {
        Worth {
            mean: Some(ess),
            bulk: Some(ess),
            tail: Some(ess),
            rhat: None,
        }
    }
}

fn worth(
    x: &[f64],
    values: &[f64],
    shares: Option<&[f64]>,
    mean: f64,
    present: f64,
    dependence: Dependence,
) -> Worth {
    match dependence {
        Dependence::Exact(_) => Worth::default(),
        Dependence::Independent => Worth::all(values.len() as f64),
        Dependence::Worth(ess) => Worth::all(ess.min(x.len() as f64) * present),
        Dependence::Weighted(_) => Worth::all(shares.map_or(0.0, kish)),
        Dependence::Chains(chains) => {
            // An absent value adds nothing to the error of the mean over those present: it stands at the mean.
            let filled = fill(x, mean);
            let scale = |ess: Option<f64>| ess.map(|e| e * present);
            Worth {
                mean: scale(ess_mean(&filled, chains)),
                bulk: scale(ess_bulk(&filled, chains)),
                tail: scale(ess_tail(&filled, chains)),
                rhat: rhat(&filled, chains),
            }
        }
        Dependence::Lineage(groups) => related(&fill(x, mean), groups, x.len() as f64, present),
        Dependence::Resampled(groups, most) => related(&fill(x, mean), groups, most, present),
    }
}

/// What draws `x` are worth that are related within groups, and together worth `most` at most.
fn related(x: &[f64], groups: &[u32], most: f64, present: f64) -> Worth {
    let q = quantiles(x, None, &[0.05, 0.95]);
    let grouped = |x: &[f64]| {
        let ess = grouped_ess(x, groups);
        present * if ess.is_nan() { most } else { ess.min(most) }
    };
    let below = |q: f64| {
        let is_below = x.iter().map(|v| f64::from(u8::from(*v <= q)));
        is_below.collect::<Vec<f64>>()
    };
    Worth {
        mean: Some(grouped(x)),
        bulk: Some(grouped(&rank_normalised(x))),
        tail: Some(grouped(&below(q[0])).min(grouped(&below(q[1])))),
        rhat: None,
    }
}

fn fill(x: &[f64], value: f64) -> Vec<f64> {
    x.iter()
        .map(|v| if v.is_nan() { value } else { *v })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::base::Seed;

    #[test]
    fn an_exact_distribution_has_no_error() {
        let s = summarize(&[0.0, 1.0, f64::NAN], Dependence::Exact(&[0.2, 0.2, 0.6])).unwrap();
        assert!(
            (s.mean - 0.5).abs() < 1e-15
                && (s.sd - 0.5).abs() < 1e-15
                && (s.present - 0.4).abs() < 1e-15
        );
        assert_eq!((s.mcse, s.ess_bulk, s.rhat), (Some(0.0), None, None));
    }

    #[test]
    fn absent_draws_are_left_out() {
        let mut x = vec![0.0; 4000];
        let mut rng = Seed(1).stream("test", 0);
        x.iter_mut()
            .for_each(|v| *v = StandardNormal.sample(&mut rng));
        x.iter_mut().step_by(4).for_each(|v| *v = f64::NAN);
        let s = summarize(&x, Dependence::Chains(4)).unwrap();
        assert!((s.present - 0.75).abs() < 1e-12);
        // Worth the 3000 that are there; the estimate's own error is about 10 %.
        assert!(
            (s.ess_bulk.unwrap() / 3000.0 - 1.0).abs() < 0.4,
            "{:?}",
            s.ess_bulk
        );
        assert_eq!(summarize(&[f64::NAN; 8], Dependence::Independent), None);
        let single = summarize(&[f64::NAN, 2.0], Dependence::Independent).unwrap();
        assert_eq!((single.mean, single.sd, single.present), (2.0, 0.0, 0.5));
    }

    #[test]
    fn weights_lower_what_draws_are_worth() {
        let w: Vec<f64> = (0..100).map(|i| if i < 50 { 0.02 } else { 0.0 }).collect();
        let x: Vec<f64> = (0..100).map(f64::from).collect();
        let s = summarize(&x, Dependence::Weighted(&w)).unwrap();
        assert!((s.ess_bulk.unwrap() - 50.0).abs() < 1e-9 && (s.mean - 24.5).abs() < 1e-12);
    }
}
