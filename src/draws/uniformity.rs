//! Whether ranks are uniform: the test behind simulation-based calibration.
//!
//! Ranks are numbers from 0 to `most`; `n` of them should be independent and uniform. Two looks at them: a chi-square
//! test of a histogram, and the distance of their empirical distribution function from a straight line, against bands
//! that hold at all points at once.
//!
//! # Source
//! Talts, Betancourt, Simpson, Vehtari & Gelman 2018 (ranks); Säilynoja, Bürkner & Vehtari 2022 (simultaneous bands). The
//! bands' coverage is computed exactly, by their recursion over the points, not by simulation.

use spec_math::cephes64::chdtrc;

/// A histogram of ranks with its test.
#[derive(Clone, Debug, PartialEq)]
pub struct ChiSquare {
    /// Ranks in each of the bins, which are equally wide.
    pub counts: Vec<usize>,
    /// Σ (observed − expected)² / expected.
    pub statistic: f64,
    /// Probability of a larger statistic under uniform ranks, by the chi-square distribution with bins − 1 degrees.
    pub p: f64,
}

/// Expected ranks in a bin are at least this many, where there are bins enough to choose from.
const EXPECTED: usize = 10;

/// Tests a histogram with as many bins as divide the ranks evenly and keep ten expected ranks each; at least two.
pub fn chi_square(ranks: &[usize], most: usize) -> ChiSquare {
    let values = most + 1;
    let affordable = (ranks.len() / EXPECTED).clamp(2, 20);
    let divides = |bins: &usize| values.is_multiple_of(*bins);
    let bins = (2..=affordable.min(values))
        .rev()
        .find(divides)
        .unwrap_or(values.min(affordable));
    let mut counts = vec![0; bins];
    ranks.iter().for_each(|r| counts[r * bins / values] += 1);
    let wide = |b: usize| (0..values).filter(|v| v * bins / values == b).count() as f64;
    let expected = |b: usize| ranks.len() as f64 * wide(b) / values as f64;
    let term = |(b, &o): (usize, &usize)| (o as f64 - expected(b)).powi(2) / expected(b);
    let statistic: f64 = counts.iter().enumerate().map(term).sum();
    ChiSquare {
        p: chdtrc((bins - 1) as f64, statistic),
        counts,
        statistic,
    }
}

/// How many of the ranks lie below 1, 2, …, `most`: the empirical distribution function, times n.
pub fn counts_below(ranks: &[usize], most: usize) -> Vec<usize> {
    let mut counts = vec![0usize; most + 1];
    ranks.iter().for_each(|&r| counts[r] += 1);
    let mut total = 0;
    let below = counts[..most].iter().map(|c| {
        total += c;
        total
    });
    below.collect()
}

/// Probability that the empirical distribution function of uniform ranks leaves a straight line further, at its worst
/// point, than that of these ranks does.
pub fn ecdf_p(ranks: &[usize], most: usize) -> f64 {
    let binomials = binomials(ranks.len(), most);
    let worst = counts_below(ranks, most)
        .iter()
        .zip(&binomials)
        .map(|(&c, b)| b.level(c))
        .fold(1.0, f64::min);
    // A hair above: counts as extreme as the worst one are not inside.
    let inside = coverage(
        &intervals(&binomials, worst * (1.0 + 1e-9)),
        ranks.len(),
        most,
    );
    (1.0 - inside).clamp(0.0, 1.0)
}

/// For 1, 2, …, `most`, the least and the largest number of `n` uniform ranks that may lie below, such that all do with
/// at least the probability `confidence`.
pub fn ecdf_band(n: usize, most: usize, confidence: f64) -> Vec<(usize, usize)> {
    let binomials = binomials(n, most);
    let (mut narrow, mut wide) = (1.0 - confidence, 0.0);
    for _ in 0..40 {
        let level = 0.5 * (narrow + wide);
        match coverage(&intervals(&binomials, level), n, most) >= confidence {
            true => wide = level,
            false => narrow = level,
        }
    }
    intervals(&binomials, wide)
        .into_iter()
        .map(|i| i.unwrap_or((0, n)))
        .collect()
}

/// P(X ≤ k) and P(X ≥ k) of a binomial.
struct Binomial {
    at_most: Vec<f64>,
    at_least: Vec<f64>,
}

impl Binomial {
    fn new(n: usize, p: f64, log_factorial: &[f64]) -> Binomial {
        let mass: Vec<f64> = (0..=n).map(|k| mass(n, k, p, log_factorial)).collect();
        let mut at_most = mass.clone();
        (1..=n).for_each(|k| at_most[k] += at_most[k - 1]);
        let mut at_least = mass;
        (0..n).rev().for_each(|k| at_least[k] += at_least[k + 1]);
        Binomial { at_most, at_least }
    }

    /// Twice the smaller tail.
    fn level(&self, k: usize) -> f64 {
        (2.0 * self.at_most[k].min(self.at_least[k])).min(1.0)
    }
}

fn mass(n: usize, k: usize, p: f64, log_factorial: &[f64]) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return f64::from(u8::from((p <= 0.0 && k == 0) || (p >= 1.0 && k == n)));
    }
    let choose = log_factorial[n] - log_factorial[k] - log_factorial[n - k];
    (choose + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()
}

fn log_factorials(n: usize) -> Vec<f64> {
    let mut all = vec![0.0; n + 1];
    (1..=n).for_each(|k| all[k] = all[k - 1] + (k as f64).ln());
    all
}

fn binomials(n: usize, most: usize) -> Vec<Binomial> {
    let log_factorial = log_factorials(n);
    let at = |j: usize| Binomial::new(n, j as f64 / (most + 1) as f64, &log_factorial);
    (1..=most).map(at).collect()
}

/// The counts at each point whose level is at least this; none where no count has it.
fn intervals(binomials: &[Binomial], level: f64) -> Vec<Option<(usize, usize)>> {
    let one = |b: &Binomial| {
        let inside = |k: &usize| b.level(*k) >= level;
        let low = (0..b.at_most.len()).find(inside)?;
        let high = (0..b.at_most.len()).rev().find(inside)?;
        Some((low, high))
    };
    binomials.iter().map(one).collect()
}

/// Probability that the counts of `n` uniform ranks lie in all intervals: from point to point, the count grows by a
/// binomial number of those that are left.
fn coverage(intervals: &[Option<(usize, usize)>], n: usize, most: usize) -> f64 {
    let log_factorial = log_factorials(n);
    let (mut first, mut chance) = (0, vec![1.0]);
    for (j, interval) in intervals.iter().enumerate() {
        let Some((low, high)) = *interval else {
            return 0.0;
        };
        // Of those not below the last point, the share that is below this one.
        let share = 1.0 / (most + 1 - j) as f64;
        let mut next = vec![0.0; high + 1 - low];
        for (i, c) in chance.iter().enumerate().filter(|(_, c)| **c > 0.0) {
            let before = first + i;
            for k in low.max(before)..=high {
                next[k - low] += c * mass(n - before, k - before, share, &log_factorial);
            }
        }
        (first, chance) = (low, next);
    }
    chance.iter().sum()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::base::Seed;

    #[test]
    fn even_ranks_pass_and_piled_ones_do_not() {
        let even: Vec<usize> = (0..200).map(|i| i % 100).collect();
        let test = chi_square(&even, 99);
        assert_eq!((test.counts.len(), test.statistic), (20, 0.0));
        assert!(test.p == 1.0 && ecdf_p(&even, 99) > 0.9);
        let piled: Vec<usize> = (0..200).map(|i| if i % 2 == 0 { 3 } else { 96 }).collect();
        assert!(chi_square(&piled, 99).p < 1e-12 && ecdf_p(&piled, 99) < 1e-12);
        let shifted: Vec<usize> = (0..200).map(|i| (i % 100) * 3 / 4).collect();
        assert!(ecdf_p(&shifted, 99) < 1e-6);
    }

    #[test]
    fn bands_hold_at_all_points_at_once() {
        // By simulation: 95 % of uniform ranks' functions lie inside, to 4 standard errors of 2000 trials.
        let (n, most, trials) = (60, 19, 2000);
        let band = ecdf_band(n, most, 0.95);
        let mut rng = Seed(4).stream("test", 0);
        let mut inside = 0;
        let mut small = 0;
        for _ in 0..trials {
            let ranks: Vec<usize> = (0..n).map(|_| rng.random_range(0..=most)).collect();
            let counts = counts_below(&ranks, most);
            let fits = |(c, (low, high)): (&usize, &(usize, usize))| c >= low && c <= high;
            inside += usize::from(counts.iter().zip(&band).all(fits));
            small += usize::from(ecdf_p(&ranks, most) < 0.05);
        }
        let share = inside as f64 / f64::from(trials);
        // Counts are whole: the band covers at least what it should, and little more.
        assert!((0.93..0.985).contains(&share), "{share}");
        // A p-value below .05 comes in at most 5 %: 4 standard errors are .0195.
        assert!(small as f64 / f64::from(trials) < 0.0695, "{small}");
    }

    #[test]
    fn few_ranks_have_few_bins() {
        let test = chi_square(&[0, 1, 2, 3, 4, 5, 6], 6);
        assert_eq!(test.counts.len(), 2);
        assert_eq!(test.counts.iter().sum::<usize>(), 7);
        assert_eq!(counts_below(&[0, 0, 2, 3], 3), [2, 2, 3]);
    }
}
