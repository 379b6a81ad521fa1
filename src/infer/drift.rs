//! Whether draws stand still in law: moves that leave the posterior as it is may carry single draws, but not their means.
//!
//! ```text
//! start z ──exact moves──▶ z'      Δ = mean f(z') − mean f(z),   ρ = regression of f(z') on f(z)
//! bias at the start ≈ Δ / (1 − ρ),   bias that is left ≈ ρ Δ / (1 − ρ)
//! ```
//! f runs over every coordinate and its square about the mean, clipped at four standard deviations, and over being in the
//! coordinate's tails: a narrow place that draws only begin to enter shows there first. The standard error of Δ sums over *groups* of related draws, so that few ancestors do not look like many. What moves cannot cross (a gap
//! between modes) is not seen.

use crate::store::packed;

/// Shares of the draws in the tails that are looked at.
const TAILS: [f64; 2] = [0.01, 0.05];
/// Standard deviations at which features are clipped.
const CLIP: f64 = 4.0;
/// A change by less than so many of its standard errors is chance: with a few hundred features, once in a thousand runs.
const CHANCE: f64 = 4.5;
/// Fewer groups than this cannot tell chance from drift.
const LEAST_GROUPS: usize = 20;
/// More memory than this says too little of where the draws are going.
const MOST_MEMORY: f64 = 0.97;

/// The largest biases over all features, in standard deviations of the feature's coordinate; 0 where chance explains them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Drift {
    /// Before the moves.
    pub before: f64,
    /// After them.
    pub after: f64,
    /// The coordinate with the largest bias before.
    pub coordinate: usize,
}
packed!(Drift {
    before,
    after,
    coordinate
});

/// Compares draws before exact moves with snapshots of them during and after: `[n, dim]` all, `groups: [n]`. Features are
/// averaged over the snapshots, which makes for less noise.
pub(crate) fn drift(start: &[f64], snapshots: &[Vec<f64>], dim: usize, groups: &[u32]) -> Drift {
    let mut worst = Drift::default();
    let Some(last) = snapshots.last().filter(|_| groups.len() >= 50) else {
        return worst;
    };
    for j in 0..dim {
        let (x, y) = (column(start, j, dim), column(last, j, dim));
        let (centre, scale) = pooled(&x, &y);
        if scale.is_nan() || scale <= 1e-12 * (1.0 + centre.abs()) {
            continue;
        }
        let standard = |v: &f64| ((v - centre) / scale).clamp(-CLIP, CLIP);
        let x: Vec<f64> = x.iter().map(standard).collect();
        let y: Vec<Vec<f64>> = snapshots
            .iter()
            .map(|z| column(z, j, dim).iter().map(standard).collect())
            .collect();
        let place = compare(&x, &y, groups, &|v| v);
        // A variance that is off by b is a standard deviation that is off by b/2.
        let width = compare(&x, &y, groups, &|v| v * v).map(|(b, a)| (0.5 * b, 0.5 * a));
        for (before, after) in [place, width]
            .into_iter()
            .chain(edges(&x, &y, groups))
            .flatten()
        {
            if before > worst.before {
                (worst.before, worst.coordinate) = (before, j);
            }
            worst.after = worst.after.max(after);
        }
    }
    worst
}

/// The change of one feature, averaged over the snapshots.
fn compare(
    x: &[f64],
    y: &[Vec<f64>],
    groups: &[u32],
    feature: &dyn Fn(f64) -> f64,
) -> Option<(f64, f64)> {
    let before: Vec<f64> = x.iter().map(|v| feature(*v)).collect();
    let mut after = vec![0.0; x.len()];
    let share = 1.0 / y.len() as f64;
    for y in y {
        after
            .iter_mut()
            .zip(y)
            .for_each(|(a, v)| *a += share * feature(*v));
    }
    change(&before, &after, groups)
}

/// Changes of the shares in the tails, in standard deviations of being there. Ties at an edge are no tail.
fn edges(x: &[f64], y: &[Vec<f64>], groups: &[u32]) -> Vec<Option<(f64, f64)>> {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let one = |inside: &dyn Fn(f64) -> bool| {
        let mark = |v: f64| f64::from(u8::from(inside(v)));
        let marked: Vec<f64> = x.iter().map(|v| mark(*v)).collect();
        let (_, sd) = pooled(&marked, &marked);
        compare(x, y, groups, &mark)
            .filter(|_| sd > 0.0)
            .map(|(before, after)| (before / sd, after / sd))
    };
    let both = |share: f64| {
        let at = (share * x.len() as f64) as usize;
        let (low, high) = (sorted[at], sorted[x.len() - 1 - at]);
        [one(&|v| v < low), one(&|v| v > high)]
    };
    TAILS.into_iter().flat_map(both).collect()
}

/// The remaining bias of the mean of one feature of each draw, in its own units; 0 where chance explains it.
pub(crate) fn left_over(start: &[f64], now: &[f64], groups: &[u32]) -> f64 {
    change(start, now, groups).map_or(0.0, |(_, after)| after)
}

/// Bias before and after, if the change is more than chance.
fn change(x: &[f64], y: &[f64], groups: &[u32]) -> Option<(f64, f64)> {
    let n = x.len() as f64;
    let delta = y.iter().zip(x).map(|(y, x)| y - x).sum::<f64>() / n;
    let mut sums = vec![0.0; groups.iter().max().map_or(0, |m| *m as usize + 1)];
    let mut seen = vec![false; sums.len()];
    for ((x, y), &g) in x.iter().zip(y).zip(groups) {
        sums[g as usize] += y - x - delta;
        seen[g as usize] = true;
    }
    if seen.iter().filter(|s| **s).count() < LEAST_GROUPS {
        return None;
    }
    let se = sums.iter().map(|s| s * s).sum::<f64>().sqrt() / n;
    let memory = slope(x, y).clamp(0.0, MOST_MEMORY);
    (delta.abs() > CHANCE * se).then(|| {
        let before = delta.abs() / (1.0 - memory);
        (before, memory * before)
    })
}

fn column(z: &[f64], j: usize, dim: usize) -> Vec<f64> {
    z.iter().skip(j).step_by(dim).copied().collect()
}

fn pooled(x: &[f64], y: &[f64]) -> (f64, f64) {
    let n = (x.len() + y.len()) as f64;
    let all = || x.iter().chain(y);
    let mean = all().sum::<f64>() / n;
    (
        mean,
        (all().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt(),
    )
}

/// How much of a deviation at the start is left on average: the regression of y on x.
fn slope(x: &[f64], y: &[f64]) -> f64 {
    let spread = |x: &[f64]| pooled(x, x).1;
    correlation(x, y) * spread(y) / spread(x).max(1e-150)
}

pub(crate) fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (a, b) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xy, mut xx, mut yy) = (0.0, 1e-300, 1e-300);
    for (x, y) in x.iter().zip(y) {
        xy += (x - a) * (y - b);
        xx += (x - a) * (x - a);
        yy += (y - b) * (y - b);
    }
    xy / (xx * yy).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::gaussian::fill_normal;

    /// Autoregressive steps towards N(0, 1) from N(shift, width²).
    fn steps(shift: f64, width: f64, keep: f64) -> (Vec<f64>, Vec<f64>, Vec<u32>) {
        let mut rng = Seed(3).stream("test", 0);
        let (mut x, mut e) = (vec![0.0; 4000], vec![0.0; 4000]);
        fill_normal(&mut x, &mut rng);
        fill_normal(&mut e, &mut rng);
        x.iter_mut().for_each(|x| *x = shift + width * *x);
        let noise = (1.0 - keep * keep).sqrt();
        let y = x
            .iter()
            .zip(&e)
            .map(|(x, e)| keep * x + noise * e)
            .collect();
        (x, y, (0..4000).collect())
    }

    #[test]
    fn draws_that_stand_still_in_law_do_not_drift() {
        let (x, y, groups) = steps(0.0, 1.0, 0.7);
        assert_eq!(drift(&x, &[y], 1, &groups), Drift::default());
    }

    #[test]
    fn a_bias_is_measured_before_it_is_gone() {
        // 30 % of the way: Δ = 0.15 ± .012, memory .7, so 0.5 before and .35 after, to a tenth or so.
        let (x, y, groups) = steps(0.5, 1.0, 0.7);
        let found = drift(&x, &[y], 1, &groups);
        assert!(
            (found.before - 0.5).abs() < 0.12 && (found.after - 0.35).abs() < 0.1,
            "{found:?}"
        );
        let (x, y, groups) = steps(0.0, 0.7, 0.7);
        assert!(drift(&x, &[y], 1, &groups).before > 0.15);
    }

    #[test]
    fn a_handful_of_families_proves_nothing() {
        let (x, y, _) = steps(0.5, 1.0, 0.7);
        let few: Vec<u32> = (0..4000).map(|i| i % 3).collect();
        let y = [y];
        assert_eq!(drift(&x, &y, 1, &few), Drift::default());
        let many: Vec<u32> = (0..4000).collect();
        assert_eq!(
            drift(&x[..40], &[y[0][..40].to_vec()], 1, &many[..40]),
            Drift::default()
        );
        assert!(drift(&x, &y, 1, &many).before > 0.0);
    }
}
