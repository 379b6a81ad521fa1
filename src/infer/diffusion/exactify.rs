//! From a trained policy to draws: weighted paths with a defensive share of broader ones, Pareto smoothing, resampling.

use rand::RngExt;

use super::layout::Points;
use super::policy::{Paths, Policy};
use crate::base::{Seed, Stream};
use crate::draws::{
    ALL_BUT_EQUAL, importance_ess, khat_threshold, log_mean_exp, normalized, psis, systematic,
};
use crate::infer::coordinates::frame::{Frame, Frames, Group};
use crate::infer::coordinates::linear::log_sum_exp;
use crate::lower::Target;

/// Share of the paths that come from something broader than the policy, so that weights stay bounded where it is thin; and
/// the share where that was not enough.
pub(crate) const DEFENCE: f64 = 0.04;
pub(crate) const STRONG_DEFENCE: f64 = 0.2;
/// The defence is the prior, one Gaussian over everything, and the frames themselves with covariances this much wider.
const WIDER: f64 = 3.0;
const SHARES: [f64; 3] = [0.2, 0.4, 0.4];
/// Effective paths below which no figure is worth printing without a warning.
const LEAST_ESS: f64 = 100.0;

/// Weighted ends of paths, and what their weights say.
pub(crate) struct Weighted {
    pub points: Points,
    /// Of each point, among all paths.
    pub log_w: Vec<f64>,
    /// Of the trained paths alone; −∞ where one is impossible.
    pub elbo: f64,
    pub log_z: f64,
    pub se: f64,
    pub ess: f64,
    pub khat: f64,
    /// Share of paths with weight 0.
    pub impossible: f64,
    smoothed: Vec<f64>,
}

/// Draws and weighs `n` paths of a policy, defended by the prior, by `broad`, and by wider frames.
pub(crate) fn weigh(
    policy: &Policy,
    broad: Option<Frame>,
    share: f64,
    target: &dyn Target,
    n: usize,
    seed: Seed,
) -> Weighted {
    let d = policy.frames.dim;
    let already_prior = policy.network.is_none()
        && policy.student.is_none()
        && policy.frames == Frames::single(d, vec![Frame::prior(d)], vec![0.0]);
    let rest = if d == 0 || already_prior {
        0
    } else {
        (share * n as f64).ceil() as usize
    };
    let defence = defence(policy, broad);
    let share = rest as f64 / n as f64;
    let mut shards = policy.draw(target, n - rest, 1.0, seed.child("policy", 0));
    let mut log_w = policy.evaluate(target, &mut shards);
    let elbo = log_w.iter().sum::<f64>() / log_w.len() as f64;
    let mut points = Points::default();
    let mut at = 0;
    for s in &shards {
        // The density of both proposals' mixture stands below, whichever of them the draw came from.
        let broader = defence.log_q(&s.points);
        (0..s.n)
            .for_each(|i| log_w[at + i] += s.log_q[i] - log_mixture(s.log_q[i], broader[i], share));
        points.extend(&s.points);
        at += s.n;
    }
    if rest > 0 {
        let mut shards = defence.draw(target, rest, 1.0, seed.child("defence", 0));
        defence.evaluate(target, &mut shards);
        let mut conditionals = vec![0.0; policy.layout.sites.len()];
        for s in &shards {
            for (i, own) in policy.log_q(&s.points).into_iter().enumerate() {
                let top = s.points.log_r[i]
                    + policy.log_site_ratio(&s.points, i, &mut conditionals)
                    + policy.log_prior(s, i);
                log_w.push(top - log_mixture(own, s.log_q[i], share));
            }
            points.extend(&s.points);
        }
    }
    log_w
        .iter_mut()
        .filter(|w| w.is_nan())
        .for_each(|w| *w = f64::NEG_INFINITY);
    summary(points, log_w, elbo)
}

/// The share of points that others found whose weight among such paths is larger than that of any path: so much of the
/// posterior the paths have not seen, whatever their weights say.
pub(crate) fn unseen(
    found: &Weighted,
    policy: &Policy,
    broad: Option<Frame>,
    target: &dyn Target,
    others: &Points,
    seed: Seed,
) -> f64 {
    /// Weights above the largest by less than this, in nats, are as good as seen.
    const MARGIN: f64 = 0.25;
    let largest = found
        .log_w
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let weights = weigh_others(policy, broad, target, others, seed);
    let above = weights.iter().filter(|w| **w > largest + MARGIN).count();
    above as f64 / weights.len().max(1) as f64
}

/// Log-weights of points that others found among the paths of a policy with its usual defence.
fn weigh_others(
    policy: &Policy,
    broad: Option<Frame>,
    target: &dyn Target,
    points: &Points,
    seed: Seed,
) -> Vec<f64> {
    let defence = defence(policy, broad);
    let mut shards = policy.renoise(points, seed);
    policy.score(target, &mut shards);
    let of_shard = |s: &Paths| {
        let broader = defence.log_q(&s.points);
        let own = policy.log_weights(s).into_iter().enumerate();
        own.map(|(i, w)| w + s.log_q[i] - log_mixture(s.log_q[i], broader[i], DEFENCE))
            .collect::<Vec<f64>>()
    };
    shards.iter().flat_map(of_shard).collect()
}

/// The policy with broader frames and no network: its density is known.
fn defence(policy: &Policy, broad: Option<Frame>) -> Policy {
    let d = policy.frames.dim;
    let mut frames = Frames {
        dim: d,
        parts: Vec::new(),
        groups: Vec::new(),
        of_values: policy.frames.of_values.clone(),
    };
    for group in &policy.frames.groups {
        let first = frames.parts.len();
        let mut log_share = vec![SHARES[0].ln(), SHARES[1].ln()];
        frames.parts.extend([
            Frame::prior(d),
            broad.clone().unwrap_or_else(|| Frame::prior(d)),
        ]);
        for (&part, share) in group.parts.iter().zip(&group.log_share) {
            frames.parts.push(policy.frames.parts[part].inflated(WIDER));
            log_share.push(share + SHARES[2].ln());
        }
        frames.groups.push(Group {
            parts: (first..frames.parts.len()).collect(),
            log_share,
        });
    }
    let shares = frames
        .groups
        .iter()
        .flat_map(|g| g.log_share.iter().map(|s| *s as f32))
        .collect();
    Policy {
        frames,
        shares,
        network: None,
        steer: None,
        student: None,
        ..policy.clone()
    }
}

/// log[share · broader + (1 − share) · own] from log densities.
fn log_mixture(own: f64, broader: f64, share: f64) -> f64 {
    if share == 0.0 {
        own
    } else {
        log_sum_exp(&[share.ln() + broader, (1.0 - share).ln() + own])
    }
}

fn summary(points: Points, log_w: Vec<f64>, elbo: f64) -> Weighted {
    let n = log_w.len() as f64;
    let ess = importance_ess(&log_w);
    let (mut smoothed, khat) = psis(&log_w);
    let log_z = log_mean_exp(&log_w);
    let largest = log_w.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let khat = match khat {
        _ if ess == 0.0 => f64::INFINITY,
        // No k̂ means a tail of equal weights, which is as light as can be.
        None => 0.0,
        // The variance of bounded ripples is finite, and smoothing by a fit to them would only bend them.
        Some(k) if largest - log_z < ALL_BUT_EQUAL.ln() => {
            smoothed.clone_from(&log_w);
            k.min(0.5)
        }
        Some(k) => k,
    };
    let impossible = log_w.iter().filter(|w| **w == f64::NEG_INFINITY).count() as f64 / n;
    let se = if ess > 0.0 {
        (1.0 / ess - 1.0 / n).max(0.0).sqrt()
    } else {
        f64::INFINITY
    };
    Weighted {
        points,
        elbo,
        log_z,
        se,
        ess,
        khat,
        impossible,
        smoothed,
        log_w,
    }
}

impl Weighted {
    /// Whether the paths alone are not to be trusted.
    pub fn weak(&self) -> bool {
        self.few() || self.khat > self.khat_limit()
    }

    /// Whether the paths are worth too few draws.
    pub fn few(&self) -> bool {
        self.ess < LEAST_ESS.min(0.25 * self.log_w.len() as f64)
    }

    /// What speaks against them, in order: that they are weak, then the weight of their tail.
    pub fn doubt(&self) -> (bool, f64) {
        (self.weak(), self.khat)
    }

    /// Whichever is less in doubt.
    pub fn or(self, other: Weighted) -> Weighted {
        match other.doubt() <= self.doubt() {
            true => other,
            false => self,
        }
    }

    /// Above this k̂ the weights' mean is not to be trusted at this number of paths.
    pub fn khat_limit(&self) -> f64 {
        khat_threshold(self.log_w.len())
    }

    /// `n` equally weighted noise vectors, in random order, and the path that each comes from; `None` where all weights are 0.
    pub fn resample(
        &self,
        policy: &Policy,
        target: &dyn Target,
        n: usize,
        stream: &mut Stream,
    ) -> Option<(Vec<f64>, Vec<u32>)> {
        let weights = normalized(&self.smoothed)?;
        let mut chosen = systematic(&weights, n, stream);
        shuffle(&mut chosen, stream);
        let points = self.points.select(&policy.layout, &chosen);
        let z = policy.layout.noise_of(target, &points, n, stream);
        Some((z, chosen.into_iter().map(|i| i as u32).collect()))
    }
}

/// Fisher and Yates.
pub(crate) fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, stream.random_range(0..=i));
    }
}
