//! How well a sampler serves data sets that it was not trained on.
//!
//! A simulated data set comes with one exact draw from its posterior, the noise that it was simulated from: where that noise
//! lies among the weighted paths tells whether the sampler misses a part, which weights alone never tell.

use super::super::layout::{Layout, Points};
use super::super::policy::Policy;
use super::Trained;
use crate::base::Seed;
use crate::draws::{importance_ess, khat_threshold, log_mean_exp, normalized, psis};
use crate::lower::Target;
use crate::store::packed;
use std::sync::Arc;

/// Paths drawn for each data set.
pub(super) const PATHS: usize = 512;

/// A simulated data set, bound.
pub(super) struct DataSet {
    pub f: Vec<f64>,
    /// The noise that it was simulated from.
    pub truth: Vec<f64>,
    pub target: Arc<dyn Target>,
}

/// Over held-out data sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// How many there are.
    pub data_sets: u64,
    /// Share of the paths that are effective: median, and a tenth of the data sets has less than the second.
    pub ess: [f64; 2],
    /// Share of the data sets whose weights have a light tail.
    pub light: f64,
    /// Share of the true noise coordinates inside their central 80 % intervals.
    pub inside: f64,
    /// Mean log ESS share: what training seeks to raise.
    pub score: f64,
    /// Mean log-weight of the true noise, above log Z: large where the sampler misses a part.
    pub gap: f64,
}
packed!(Judged {
    data_sets,
    ess,
    light,
    inside,
    score,
    gap
});

/// One data set's share in it.
struct One {
    ess: f64,
    light: bool,
    inside: f64,
    gap: f64,
}

/// Judges a sampler by data sets.
pub(super) fn judge(sampler: &Trained, sets: &[DataSet], seed: Seed) -> Judged {
    let of = |(i, set): (usize, &DataSet)| one(sampler, set, seed.child("data set", i as u64));
    let all: Vec<One> = sets.iter().enumerate().map(of).collect();
    let n = all.len().max(1) as f64;
    let mut ess: Vec<f64> = all.iter().map(|o| o.ess).collect();
    ess.sort_by(f64::total_cmp);
    let at = |p: f64| {
        ess.get((p * all.len() as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    let mean = |of: fn(&One) -> f64| all.iter().map(of).sum::<f64>() / n;
    Judged {
        data_sets: all.len() as u64,
        ess: [at(0.5), at(0.1)],
        light: mean(|o| f64::from(u8::from(o.light))),
        inside: mean(|o| o.inside),
        score: mean(|o| o.ess.max(1.0 / PATHS as f64).ln()),
        gap: mean(|o| o.gap),
    }
}

fn one(sampler: &Trained, set: &DataSet, seed: Seed) -> One {
    let Some(policy) = sampler.policy(&set.f, &*set.target) else {
        return One {
            ess: 0.0,
            light: false,
            inside: 0.0,
            gap: FAR,
        };
    };
    let mut shards = policy.draw(&*set.target, PATHS, 1.0, seed.child("paths", 0));
    let log_w = policy.evaluate(&*set.target, &mut shards);
    let x: Vec<f64> = shards
        .iter()
        .flat_map(|s| s.points.x.iter().copied())
        .collect();
    let khat = psis(&log_w).1.unwrap_or(0.0);
    let ess = importance_ess(&log_w) / PATHS as f64;
    One {
        ess,
        light: ess > 0.0 && khat <= khat_threshold(PATHS),
        inside: inside(&x, &log_w, &set.truth),
        gap: gap(&policy, set, log_mean_exp(&log_w), seed),
    }
}

/// A gap that counts as this much at most: one lost data set does not drown the mean.
const FAR: f64 = 50.0;

/// Share of the coordinates whose truth lies in the central 80 % of the weighted draws.
fn inside(x: &[f64], log_w: &[f64], truth: &[f64]) -> f64 {
    let d = truth.len();
    let Some(weights) = normalized(log_w) else {
        return 0.0;
    };
    let below = |j: usize| -> f64 {
        let rows = x.chunks_exact(d).zip(&weights);
        rows.filter(|(row, _)| row[j] < truth[j])
            .map(|(_, w)| w)
            .sum()
    };
    let central = (0..d).filter(|&j| (0.1..=0.9).contains(&below(j)));
    central.count() as f64 / d as f64
}

/// Log-weight of the truth's path above log Z.
fn gap(policy: &Policy, set: &DataSet, log_z: f64, seed: Seed) -> f64 {
    let points = truth(&policy.layout, set, 8);
    let mut shards = policy.renoise(&points, seed.child("truth", 0));
    policy.score(&*set.target, &mut shards);
    let log_w: Vec<f64> = shards.iter().flat_map(|s| policy.log_weights(s)).collect();
    let mean = log_w.iter().sum::<f64>() / log_w.len().max(1) as f64;
    let gap = mean - log_z;
    if gap.is_finite() {
        gap.clamp(-FAR, FAR)
    } else {
        FAR
    }
}

/// A data set's true noise, several times, evaluated.
pub(super) fn truth(layout: &Layout, set: &DataSet, copies: usize) -> Points {
    let z: Vec<f64> = (0..copies)
        .flat_map(|_| set.truth.iter().copied())
        .collect();
    layout.read(&*set.target, &z)
}
