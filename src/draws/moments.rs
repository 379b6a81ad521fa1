//! Mean, standard deviation and quantiles, with or without weights.

/// Mean and standard deviation of `x: [n]`: with weights (which sum to 1) those of the weighted distribution itself,
/// without those of a sample (divisor n − 1). NaN for no draws.
pub fn mean_sd(x: &[f64], weights: Option<&[f64]>) -> (f64, f64) {
    let n = x.len() as f64;
    match weights {
        None => {
            let mean = x.iter().sum::<f64>() / n;
            (
                mean,
                (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt(),
            )
        }
        Some(w) => {
            let terms = || x.iter().zip(w).filter(|(_, w)| **w > 0.0);
            let mean = terms().map(|(v, w)| v * w).sum::<f64>();
            (
                mean,
                terms()
                    .map(|(v, w)| w * (v - mean) * (v - mean))
                    .sum::<f64>()
                    .sqrt(),
            )
        }
    }
}

/// Quantiles at each of `p`: without weights linear between order statistics (type 7, as in R, NumPy and ArviZ), with
/// weights (which sum to 1) the smallest value whose cumulative weight reaches p. NaN for no draws.
pub fn quantiles(x: &[f64], weights: Option<&[f64]>, p: &[f64]) -> Vec<f64> {
    let Some(w) = weights else {
        let ordered = sorted(x);
        return p.iter().map(|&p| quantile_of_sorted(&ordered, p)).collect();
    };
    let mut order: Vec<usize> = (0..x.len()).filter(|&i| w[i] > 0.0).collect();
    order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
    let mut total = 0.0;
    let reached: Vec<f64> = order
        .iter()
        .map(|&i| {
            total += w[i];
            total
        })
        .collect();
    let at = |p: f64| {
        // The sum is 1 only to rounding: a hair below p counts as p, so that half of an even split is its middle.
        let k = reached.partition_point(|r| *r < p * total - 1e-12);
        order
            .get(k.min(order.len().saturating_sub(1)))
            .map_or(f64::NAN, |&i| x[i])
    };
    p.iter().map(|&p| at(p)).collect()
}

pub(super) fn sorted(x: &[f64]) -> Vec<f64> {
    let mut ordered = x.to_vec();
    ordered.sort_by(f64::total_cmp);
    ordered
}

pub(super) fn quantile_of_sorted(ordered: &[f64], p: f64) -> f64 {
    let Some(last) = ordered.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = p * last as f64;
    let below = at.floor() as usize;
    let (a, b) = (ordered[below], ordered[(below + 1).min(last)]);
    // Equal neighbours may be infinite.
    if a == b {
        a
    } else {
        a + (at - below as f64) * (b - a)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::golden::{QUANTILES, close, series};

    #[test]
    fn figures_are_those_of_numpy() {
        for s in series() {
            let (mean, sd) = mean_sd(&s.x, None);
            close(&s.name, mean, s.mean, 1e-12);
            close(&s.name, sd, s.sd, 1e-12);
            for (q, truth) in quantiles(&s.x, None, &QUANTILES).iter().zip(&s.quantiles) {
                close(&s.name, *q, *truth, 1e-12);
            }
        }
    }

    #[test]
    fn weights_make_an_exact_distribution() {
        let (x, w) = ([3.0, 0.0, 1.0, 9.0], [0.25, 0.5, 0.25, 0.0]);
        let (mean, sd) = mean_sd(&x, Some(&w));
        assert!((mean - 1.0).abs() < 1e-15 && (sd - 1.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(
            quantiles(&x, Some(&w), &[0.05, 0.5, 0.51, 0.75, 0.95]),
            [0.0, 0.0, 1.0, 1.0, 3.0]
        );
        assert!(quantiles(&[], None, &[0.5])[0].is_nan());
    }
}
