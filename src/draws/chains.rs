//! Convergence of chains: rank-normalised split R̂, bulk and tail effective sample size, Monte Carlo error.
//!
//! # Source
//! Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021; the same figures as ArviZ's `rhat`, `ess` and `mcse`, to rounding.
//!
//! Everywhere `x: [n_chains, n]`, chain after chain; the chains are split in halves (an odd middle draw is dropped).

use spec_math::cephes64::ndtri;

use super::fourier::autocovariance;
use super::moments::{mean_sd, quantile_of_sorted, sorted};

/// Fewest draws of a chain that figures exist for.
const FEWEST: usize = 4;

/// Rank-normalised split R̂: the larger of that of the values and that of their distances from the median. `None` with
/// one chain, under 4 draws a chain, values that are not finite, or chains that never move.
pub fn rhat(x: &[f64], n_chains: usize) -> Option<f64> {
    if n_chains < 2 || !usable(x, n_chains) {
        return None;
    }
    let halves = split(x, n_chains);
    let median = quantile_of_sorted(&sorted(&halves), 0.5);
    let folded: Vec<f64> = halves.iter().map(|v| (v - median).abs()).collect();
    let bulk = plain_rhat(&rank_normalised(&halves), 2 * n_chains);
    let tail = plain_rhat(&rank_normalised(&folded), 2 * n_chains);
    let larger = if tail.is_nan() { bulk } else { bulk.max(tail) };
    (!larger.is_nan()).then_some(larger)
}

/// Effective sample size for the bulk (of the rank-normalised values). `None` under 4 draws a chain or with values that
/// are not finite.
pub fn ess_bulk(x: &[f64], n_chains: usize) -> Option<f64> {
    usable(x, n_chains).then(|| ess(&rank_normalised(&split(x, n_chains)), 2 * n_chains))
}

/// Effective sample size for the tails: the smaller of those of the 5 % and 95 % quantiles. `None` as in [`ess_bulk`].
pub fn ess_tail(x: &[f64], n_chains: usize) -> Option<f64> {
    if !usable(x, n_chains) {
        return None;
    }
    let of_quantile = |p: f64| ess_quantile(x, n_chains, p);
    Some(of_quantile(0.05)?.min(of_quantile(0.95)?))
}

/// Effective sample size for the quantile at `p`. `None` as in [`ess_bulk`].
pub fn ess_quantile(x: &[f64], n_chains: usize, p: f64) -> Option<f64> {
    if !usable(x, n_chains) {
        return None;
    }
    let q = quantile_of_sorted(&sorted(x), p);
    let below: Vec<f64> = x.iter().map(|&v| f64::from(u8::from(v <= q))).collect();
    Some(ess(&split(&below, n_chains), 2 * n_chains))
}

/// Effective sample size for the standard deviation. `None` as in [`ess_bulk`].
pub fn ess_sd(x: &[f64], n_chains: usize) -> Option<f64> {
    let mean = mean_sd(x, None).0;
    let squares: Vec<f64> = x.iter().map(|v| (v - mean) * (v - mean)).collect();
    ess_mean(&squares, n_chains)
}

/// Effective sample size for the mean. `None` as in [`ess_bulk`].
pub fn ess_mean(x: &[f64], n_chains: usize) -> Option<f64> {
    usable(x, n_chains).then(|| ess(&split(x, n_chains), 2 * n_chains))
}

fn usable(x: &[f64], n_chains: usize) -> bool {
    n_chains > 0 && x.len() / n_chains >= FEWEST && x.iter().all(|v| v.is_finite())
}

/// `[2 n_chains, n / 2]`.
fn split(x: &[f64], n_chains: usize) -> Vec<f64> {
    let n = x.len() / n_chains;
    let half = n / 2;
    x.chunks_exact(n)
        .flat_map(|c| [&c[..half], &c[n - half..]])
        .flatten()
        .copied()
        .collect()
}

/// Normal scores of the ranks, ties at their mean rank: Φ⁻¹((rank − 3/8) / (S + 1/4)).
pub(super) fn rank_normalised(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut scores = vec![0.0; x.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| x[a] == x[b]) {
        let rank = before as f64 + 0.5 * (tied.len() as f64 + 1.0);
        let score = ndtri((rank - 0.375) / (x.len() as f64 + 0.25));
        tied.iter().for_each(|&i| scores[i] = score);
        before += tied.len();
    }
    scores
}

fn plain_rhat(x: &[f64], n_chains: usize) -> f64 {
    let n = (x.len() / n_chains) as f64;
    let (means, sds): (Vec<f64>, Vec<f64>) = x
        .chunks_exact(x.len() / n_chains)
        .map(|c| mean_sd(c, None))
        .unzip();
    let between = n * mean_sd(&means, None).1.powi(2);
    let within = sds.iter().map(|s| s * s).sum::<f64>() / n_chains as f64;
    ((between / within + n - 1.0) / n).sqrt()
}

/// Effective sample size by Geyer's initial positive, then monotone, sequence over all chains together.
fn ess(x: &[f64], n_chains: usize) -> f64 {
    let (low, high) = x
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(*v), h.max(*v))
        });
    let total = x.len() as f64;
    if high <= low {
        return total;
    }
    let n = x.len() / n_chains;
    let rho = autocorrelation(x, n_chains);
    let tau = (-1.0 + 2.0 * positive_sum(&rho, n)).max(1.0 / total.log10());
    total / tau
}

/// ρ_t of all chains together, `[n]`.
fn autocorrelation(x: &[f64], n_chains: usize) -> Vec<f64> {
    let n = x.len() / n_chains;
    let mut cov = vec![0.0; n];
    let mut means = Vec::with_capacity(n_chains);
    for chain in x.chunks_exact(n) {
        cov.iter_mut()
            .zip(autocovariance(chain))
            .for_each(|(a, c)| *a += c / n_chains as f64);
        means.push(chain.iter().sum::<f64>() / n as f64);
    }
    let draws = n as f64;
    let within = cov[0] * draws / (draws - 1.0);
    let between = if n_chains > 1 {
        mean_sd(&means, None).1.powi(2)
    } else {
        0.0
    };
    let both = within * (draws - 1.0) / draws + between;
    let mut rho: Vec<f64> = cov.iter().map(|c| 1.0 - (within - c) / both).collect();
    rho[0] = 1.0;
    rho
}

/// Σ ρ_t up to where ρ_{2k} + ρ_{2k+1} turns negative, the pair sums made non-increasing; the first even term beyond
/// counts by half, as in ArviZ and Stan.
fn positive_sum(rho: &[f64], n: usize) -> f64 {
    let mut kept = vec![0.0; n.max(4)];
    let (mut even, mut odd) = (1.0, rho[1]);
    kept[0] = even;
    kept[1] = odd;
    let mut t = 1;
    while t + 3 < n && even + odd > 0.0 {
        even = rho[t + 1];
        odd = rho[t + 2];
        if even + odd >= 0.0 {
            kept[t + 1] = even;
            kept[t + 2] = odd;
        }
        t += 2;
    }
    // t ≥ 1; where no pair fitted (n < 5) only ρ_0 counts, at weight a half.
    let last = t as isize - 2;
    let after = (last + 1) as usize;
    if even > 0.0 {
        kept[after] = even;
    }
    let mut t = 1;
    while t as isize <= last - 2 {
        if kept[t + 1] + kept[t + 2] > kept[t - 1] + kept[t] {
            kept[t + 1] = (kept[t - 1] + kept[t]) / 2.0;
            kept[t + 2] = kept[t + 1];
        }
        t += 2;
    }
    kept[..after].iter().sum::<f64>() + 0.5 * kept[after]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::golden::{awkward, close, series};
    use crate::draws::mcse::{mcse_mean, mcse_quantile, mcse_sd};

    #[test]
    fn figures_are_those_of_arviz() {
        for s in series() {
            let chains = s.n_chains;
            // ArviZ's numbers went through Cephes and an FFT of other lengths: agreement to rounding.
            close(&s.name, ess_bulk(&s.x, chains).unwrap(), s.ess_bulk, 1e-8);
            close(&s.name, ess_tail(&s.x, chains).unwrap(), s.ess_tail, 1e-8);
            close(&s.name, ess_mean(&s.x, chains).unwrap(), s.ess_mean, 1e-8);
            close(&s.name, mcse_mean(&s.x, chains).unwrap(), s.mcse_mean, 1e-8);
            match s.rhat {
                Some(r) => close(&s.name, rhat(&s.x, chains).unwrap(), r, 1e-10),
                None => assert_eq!(rhat(&s.x, chains), None),
            }
        }
    }

    #[test]
    fn figures_of_awkward_series_are_those_of_arviz() {
        for s in awkward() {
            let (x, chains) = (&s.x[..], s.n_chains);
            let check = |what: &str, ours: Option<f64>, theirs: Option<f64>| {
                let name = format!("{}, {what}", s.name);
                match theirs {
                    Some(truth) => close(&name, ours.expect(&name), truth, 1e-7),
                    None => assert_eq!(ours, None, "{name}"),
                }
            };
            check("rhat", rhat(x, chains), s.rhat);
            check("ess_bulk", ess_bulk(x, chains), s.ess_bulk);
            check("ess_tail", ess_tail(x, chains), s.ess_tail);
            check("ess_mean", ess_mean(x, chains), s.ess_mean);
            check("ess_sd", ess_sd(x, chains), s.ess_sd);
            check("mcse_mean", mcse_mean(x, chains), s.mcse_mean);
            check("mcse_sd", mcse_sd(x, chains), s.mcse_sd);
            for (i, &p) in s.probs.iter().enumerate() {
                let ess = ess_quantile(x, chains, p);
                check(&format!("ess_quantile {p}"), ess, s.ess_quantile[i]);
                let error = mcse_quantile(x, chains, p);
                check(&format!("mcse_quantile {p}"), error, s.mcse_quantile[i]);
            }
        }
    }

    #[test]
    fn figures_that_do_not_exist_are_none() {
        assert_eq!(ess_bulk(&[1.0, 2.0, 3.0], 1), None);
        assert_eq!(ess_bulk(&[1.0, f64::NAN, 3.0, 4.0], 1), None);
        assert_eq!(rhat(&[2.0; 40], 4), None);
        assert_eq!(ess_mean(&[2.0; 40], 4), Some(40.0));
        assert!(ess_mean(&[1.0, 2.0, 3.0, 5.0], 1).is_some());
    }
}
