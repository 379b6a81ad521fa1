//! Where the truth stands among the draws.

use std::collections::BTreeMap;

use rand::RngExt;

use super::{NoiseDraws, Quantities};
use crate::base::Seed;
use crate::draws::normalized;

/// Which of the draws the truth is ranked among: `ranks` of them, evenly spaced, so that neighbours in a chain are far
/// apart; with weights, drawn by these.
pub(super) fn picked(kept: &NoiseDraws, ranks: usize, seed: Seed) -> Vec<usize> {
    let Some(weights) = kept.log_weights.as_deref().and_then(normalized) else {
        return (0..ranks)
            .map(|i| (2 * i + 1) * kept.n / (2 * ranks))
            .collect();
    };
    let mut total = 0.0;
    let sums: Vec<f64> = weights
        .iter()
        .map(|w| {
            total += w;
            total
        })
        .collect();
    let mut stream = seed.stream("pick", 0);
    let one = |_| {
        let u = stream.random::<f64>() * total;
        sums.partition_point(|s| *s <= u).min(weights.len() - 1)
    };
    (0..ranks).map(one).collect()
}

/// For each quantity, how many of the picked draws lie below the truth; among equals the truth stands anywhere.
pub(super) fn ranks(
    draws: &Quantities,
    truth: &Quantities,
    picked: &[usize],
    seed: Seed,
) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for (i, (name, values)) in draws.iter().enumerate() {
        let Some((_, of_truth)) = truth.iter().find(|(n, _)| n == name) else {
            continue;
        };
        let x = of_truth[0];
        let below = picked.iter().filter(|&&d| values[d] < x).count();
        let equal = picked.iter().filter(|&&d| values[d] == x).count();
        let among = seed.stream("ties", i as u64).random_range(0..=equal);
        all.insert(name.clone(), below + among);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_broken_by_chance() {
        let draws = vec![
            ("k".to_string(), vec![1.0; 10]),
            ("x".to_string(), vec![0.0; 10]),
        ];
        let truth = vec![("k".to_string(), vec![1.0]), ("x".to_string(), vec![2.0])];
        let picked: Vec<usize> = (0..10).collect();
        let of = |s: u64| ranks(&draws, &truth, &picked, Seed(s));
        assert!((0..20).all(|s| of(s)["x"] == 10 && of(s)["k"] <= 10));
        assert!((0..20).any(|s| of(s)["k"] != of(0)["k"]));
        assert_eq!(of(3), of(3));
    }
}
