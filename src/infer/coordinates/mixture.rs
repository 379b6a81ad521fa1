//! Frames fitted to particles: one Gaussian, or a mixture by EM with merging and pruning, both judged by particles that
//! were held out.

use super::bend::{Bend, bend};
use super::centres::far_apart;
use super::frame::Frame;
use super::linear::{log_sum_exp, moments, variances};
use crate::base::Stream;

/// Multiplications that an EM fit may cost.
const COST: f64 = 4e8;
/// Nats per held-out row that a part has to be worth.
const NEXT_TO_NOTHING: f64 = 0.002;
/// Multiplications above which a covariance is taken to be diagonal.
const DENSE: f64 = 2e9;
/// EM iterations.
const ROUNDS: usize = 50;

/// Parts and their shares.
#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    pub parts: Vec<Frame>,
    pub log_share: Vec<f64>,
}

impl Mixture {
    /// Mean log density of rows, without its constant.
    pub fn score(&self, x: &[f64], d: usize) -> f64 {
        let mut scratch = vec![0.0; d];
        let mut terms = vec![0.0; self.parts.len()];
        let n = (x.len() / d).max(1) as f64;
        x.chunks_exact(d)
            .map(|row| self.log_terms(row, &mut terms, &mut scratch))
            .sum::<f64>()
            / n
    }

    fn log_terms(&self, z: &[f64], terms: &mut [f64], scratch: &mut [f64]) -> f64 {
        for ((t, part), share) in terms.iter_mut().zip(&self.parts).zip(&self.log_share) {
            *t = share + part.log_density(z, scratch);
        }
        log_sum_exp(terms)
    }

    /// How clearly rows belong to one part: the mean of the largest responsibility, 1 for separated modes.
    pub fn separation(&self, x: &[f64], d: usize) -> f64 {
        let mut scratch = vec![0.0; d];
        let mut terms = vec![0.0; self.parts.len()];
        let n = (x.len() / d).max(1) as f64;
        let largest = |row: &[f64], terms: &mut [f64], scratch: &mut [f64]| {
            let total = self.log_terms(row, terms, scratch);
            (terms.iter().copied().fold(f64::NEG_INFINITY, f64::max) - total).exp()
        };
        x.chunks_exact(d)
            .map(|row| largest(row, &mut terms, &mut scratch))
            .sum::<f64>()
            / n
    }

    /// The same with every part widened by the factor that held-out rows like best (never none: a proposal has to be
    /// wider than what it proposes for).
    pub fn widened(self, held_out: &[f64], d: usize) -> Mixture {
        let with = |f: f64| Mixture {
            parts: self.parts.iter().map(|p| p.inflated(f)).collect(),
            ..self.clone()
        };
        let mut choices = [1.02, 1.05, 1.1, 1.2, 1.4].map(with).to_vec();
        let scores: Vec<f64> = choices.iter().map(|m| m.score(held_out, d)).collect();
        let best = (0..scores.len())
            .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
            .unwrap_or(0);
        // One step wider than the best costs little and buys lighter weights in the tails.
        choices.swap_remove((best + 1).min(scores.len() - 1))
    }
}

/// Rows to fit to, and every fourth one to judge by.
pub(crate) fn split(rows: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (i, row) in rows.chunks_exact(d).enumerate() {
        let part = match i % 4 {
            3 => &mut held_out,
            _ => &mut train,
        };
        part.extend_from_slice(row);
    }
    (train, held_out)
}

/// One Gaussian: full, shrunk or diagonal covariance, whichever the held-out rows prefer; `None` without enough rows.
pub(crate) fn gaussian(train: &[f64], held_out: &[f64], d: usize) -> Option<Mixture> {
    if train.len() as f64 * d as f64 > DENSE {
        let (mean, variance) = variances(train, d);
        let frame = Frame::diagonal(mean, &variance);
        return frame.log_det.is_finite().then(|| Mixture {
            parts: vec![frame],
            log_share: vec![0.0],
        });
    }
    let (mean, covariance, n) = moments(train, d, &|_| 1.0);
    let judge = if held_out.len() >= 8 * d {
        held_out
    } else {
        train
    };
    let shrunk = [0.0, 0.3 * d as f64, 3.0 * d as f64, f64::INFINITY].map(|pseudo| {
        let keep = if pseudo.is_infinite() {
            0.0
        } else {
            n / (n + pseudo)
        };
        regularised(&mean, &covariance, n, keep).map(|f| Mixture {
            parts: vec![f],
            log_share: vec![0.0],
        })
    });
    let score = |m: &Mixture| m.score(judge, d);
    shrunk
        .into_iter()
        .flatten()
        .max_by(|a, b| score(a).total_cmp(&score(b)))
}

/// One Gaussian behind a bend, where held-out rows like that better than `straight`.
pub(crate) fn bent(
    train: &[f64],
    held_out: &[f64],
    d: usize,
    straight: &Mixture,
) -> Option<Mixture> {
    if d < 2 || held_out.len() < 8 * d {
        return None;
    }
    let behind = |b: &Bend| {
        let (train, held_out) = (b.residuals(train).0, b.residuals(held_out).0);
        gaussian(&train, &held_out, d)
    };
    let with = |b: &Bend, m: Mixture| Mixture {
        parts: m.parts.into_iter().map(|f| f.bent(b.clone())).collect(),
        ..m
    };
    let score = |b: Option<&Bend>| match b {
        None => straight.score(held_out, d),
        Some(b) => behind(b).map_or(f64::NEG_INFINITY, |m| with(b, m).score(held_out, d)),
    };
    let best = bend(train, d, &score)?;
    behind(&best).map(|m| with(&best, m))
}

/// A frame whose correlations are scaled by `keep`; a little of the prior goes in for each row that is missing.
fn regularised(mean: &[f64], covariance: &[f64], n: f64, keep: f64) -> Option<Frame> {
    let d = mean.len();
    let prior = (2.0 / (n + 2.0)).min(0.5) * 0.1;
    let floor = 1e-12;
    let mut c = covariance.to_vec();
    for i in 0..d {
        for j in 0..d {
            c[i * d + j] *= if i == j { 1.0 } else { keep };
        }
        let few = if n < 12.0 { prior } else { 0.0 };
        c[i * d + i] = c[i * d + i].max(floor) * (1.0 + 1e-9) + few;
    }
    Frame::new(mean.to_vec(), c)
}

/// A mixture by EM from `most` centres, reduced to as few parts as held-out rows allow; `None` where one part does, or
/// where it cannot be afforded.
pub(crate) fn mixture(
    train: &[f64],
    held_out: &[f64],
    d: usize,
    most: usize,
    stream: &mut Stream,
) -> Option<Mixture> {
    let n = train.len() / d;
    let affordable = COST / (ROUNDS * n * d * (d + 4)) as f64;
    let most = most.min(affordable as usize).min(n / (4 * d).max(10));
    if most < 2 {
        return None;
    }
    let mut m = seeded(train, d, most, stream);
    let least = (2.0 * d as f64).max(8.0).max(0.002 * n as f64);
    for round in 0..ROUNDS {
        m = improve(&m, train, d, if round > 9 { least } else { 1e-3 })?;
    }
    let m = reduced(m, train, held_out, d, least)?;
    (m.parts.len() > 1).then_some(m)
}

/// Joins pairs of parts as long as held-out rows lose next to nothing by it, then lets EM settle.
fn reduced(m: Mixture, train: &[f64], held_out: &[f64], d: usize, least: f64) -> Option<Mixture> {
    let mut best = (m.score(held_out, d), m.clone());
    let mut now = m;
    while now.parts.len() > 1 {
        join_cheapest(&mut now, d);
        if now.parts.len() % 4 == 1 || now.parts.len() < 8 {
            now = improve(&improve(&now, train, d, least)?, train, d, least)?;
        }
        let score = now.score(held_out, d);
        if score > best.0 - NEXT_TO_NOTHING {
            best = (score.max(best.0), now.clone());
        } else if score < best.0 - 2.0 {
            break;
        }
    }
    (0..10).try_fold(best.1, |m, _| improve(&m, train, d, least))
}

/// Puts in place of two parts the Gaussian with their moments: the pair that loses least by Runnalls's bound on the
/// Kullback–Leibler divergence (Runnalls 2007, eq. 21).
fn join_cheapest(m: &mut Mixture, d: usize) {
    let mut cheapest: Option<(f64, usize, usize, Frame)> = None;
    for a in 0..m.parts.len() {
        for b in a + 1..m.parts.len() {
            let (wa, wb) = (m.log_share[a].exp(), m.log_share[b].exp());
            let Some(joint) = joined(&m.parts[a], &m.parts[b], wa / (wa + wb), d) else {
                continue;
            };
            let cost =
                (wa + wb) * joint.log_det - wa * m.parts[a].log_det - wb * m.parts[b].log_det;
            if cheapest.as_ref().is_none_or(|c| cost < c.0) {
                cheapest = Some((cost, a, b, joint));
            }
        }
    }
    let Some((_, a, b, joint)) = cheapest else {
        m.parts.truncate(1);
        m.log_share = vec![0.0];
        return;
    };
    m.parts[a] = joint;
    m.log_share[a] = log_sum_exp(&[m.log_share[a], m.log_share[b]]);
    m.parts.remove(b);
    m.log_share.remove(b);
}

/// The Gaussian with the moments of a·wa + b·(1 − wa).
fn joined(a: &Frame, b: &Frame, wa: f64, d: usize) -> Option<Frame> {
    let wb = 1.0 - wa;
    let mean: Vec<f64> = a
        .mean
        .iter()
        .zip(&b.mean)
        .map(|(x, y)| wa * x + wb * y)
        .collect();
    let gap: Vec<f64> = a.mean.iter().zip(&b.mean).map(|(x, y)| x - y).collect();
    let mut covariance = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            covariance[i * d + j] =
                wa * a.covariance(i, j) + wb * b.covariance(i, j) + wa * wb * gap[i] * gap[j];
        }
    }
    Frame::new(mean, covariance)
}

/// Centres far apart, with spheres around them.
fn seeded(x: &[f64], d: usize, most: usize, stream: &mut Stream) -> Mixture {
    let (centres, near) = far_apart(x, d, most, stream);
    let row = |i: usize| &x[i * d..(i + 1) * d];
    let variance = (near.iter().sum::<f64>() / x.len() as f64).max(1e-8);
    let sphere = |c: usize| {
        let mut s = vec![0.0; d * d];
        (0..d).for_each(|i| s[i * d + i] = variance);
        Frame::new(row(c).to_vec(), s).expect("a sphere is positive definite")
    };
    let parts: Vec<_> = centres.iter().map(|&c| sphere(c)).collect();
    Mixture {
        log_share: vec![-(parts.len() as f64).ln(); parts.len()],
        parts,
    }
}

/// One iteration of EM; parts with fewer than `least` rows are dropped.
fn improve(m: &Mixture, x: &[f64], d: usize, least: f64) -> Option<Mixture> {
    let (n, k) = (x.len() / d, m.parts.len());
    let mut responsibility = vec![0.0; k * n];
    let (mut terms, mut scratch) = (vec![0.0; k], vec![0.0; d]);
    for (i, row) in x.chunks_exact(d).enumerate() {
        let total = m.log_terms(row, &mut terms, &mut scratch);
        terms
            .iter()
            .enumerate()
            .for_each(|(c, t)| responsibility[c * n + i] = (t - total).exp());
    }
    let mut next = Mixture {
        parts: Vec::new(),
        log_share: Vec::new(),
    };
    for share in responsibility.chunks_exact(n) {
        let count: f64 = share.iter().sum();
        if count < least || count.is_nan() {
            continue;
        }
        let (mean, covariance, rows) = moments(x, d, &|i| share[i]);
        let keep = rows / (rows + 0.5 * d as f64);
        if let Some(frame) = regularised(&mean, &covariance, rows, keep) {
            next.parts.push(frame);
            next.log_share.push(count.ln());
        }
    }
    let total = log_sum_exp(&next.log_share);
    next.log_share.iter_mut().for_each(|s| *s -= total);
    (!next.parts.is_empty()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    #[test]
    fn separated_modes_get_a_part_each() {
        let mut s = Seed(1).stream("test", 0);
        let mut x = Vec::new();
        for i in 0..4000 {
            x.push([-2.0, 0.0, 2.0][i % 3] + 0.1 * s.sample::<f64, _>(StandardNormal));
            x.push(s.sample::<f64, _>(StandardNormal));
        }
        let held_out = x.split_off(2 * 3000);
        let m = mixture(&x, &held_out, 2, 20, &mut s).expect("three modes");
        assert!((3..5).contains(&m.parts.len()), "{}", m.parts.len());
        assert!(m.score(&x, 2) > gaussian(&x, &x, 2).unwrap().score(&x, 2) + 0.5);
    }
}
