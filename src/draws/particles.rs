//! Draws that descend from common ancestors.

use std::collections::BTreeMap;

/// Effective sample size of equally weighted draws `x: [n]` whose members of one group (`groups: [n]`) may be
/// correlated while groups are independent: n·Var(x) over the variance of the sum of the groups' deviations. At most n;
/// NaN for constant draws.
///
/// # Source
/// Lee & Whiteley 2018, the variance estimator for particle approximations of expectations.
pub fn grouped_ess(x: &[f64], groups: &[u32]) -> f64 {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    let mut squares = 0.0;
    for (v, g) in x.iter().zip(groups) {
        *sums.entry(*g).or_default() += v - mean;
        squares += (v - mean) * (v - mean);
    }
    let between: f64 = sums.values().map(|s| s * s).sum();
    if squares > 0.0 {
        (n * squares / between).min(n)
    } else {
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_count_once() {
        let x: Vec<f64> = (0..1000).map(|i| f64::from(i / 10 * 37 % 100)).collect();
        let groups: Vec<u32> = (0..1000).map(|i| i / 10).collect();
        assert!((grouped_ess(&x, &groups) - 100.0).abs() < 1e-6);
        let alone: Vec<u32> = (0..1000).collect();
        assert!((grouped_ess(&x, &alone) - 1000.0).abs() < 1e-6);
    }
}
