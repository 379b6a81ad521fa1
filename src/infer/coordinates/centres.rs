//! Rows that stand far apart: where the parts of a mixture begin.
//!
//! # Source
//! k-means++: Arthur & Vassilvitskii 2007.

use rand::RngExt;

use crate::base::Stream;

/// At most `most` of the rows `x: [n, d]`, each drawn with a probability that grows with its squared distance from those before it;
/// and every row's squared distance from the nearest of them.
pub(crate) fn far_apart(
    x: &[f64],
    d: usize,
    most: usize,
    rng: &mut Stream,
) -> (Vec<usize>, Vec<f64>) {
    let n = x.len() / d;
    let row = |i: usize| &x[i * d..(i + 1) * d];
    let mut centres = vec![rng.random_range(0..n)];
    let mut near: Vec<f64> = (0..n)
        .map(|i| squared_distance(row(i), row(centres[0])))
        .collect();
    while centres.len() < most {
        let total: f64 = near.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut u = rng.random::<f64>() * total;
        let next = near
            .iter()
            .position(|v| {
                u -= v;
                u <= 0.0
            })
            .unwrap_or(n - 1);
        centres.push(next);
        near.iter_mut()
            .enumerate()
            .for_each(|(i, v)| *v = v.min(squared_distance(row(i), row(next))));
    }
    (centres, near)
}

/// Σ (a − b)².
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn every_cluster_has_a_centre_and_equal_rows_have_one() {
        let x: Vec<f64> = (0..300)
            .map(|i| f64::from(100 * (i % 3) + i / 100))
            .collect();
        let (centres, near) = far_apart(&x, 1, 3, &mut Seed(1).stream("centres", 0));
        let mut clusters: Vec<usize> = centres.iter().map(|c| c % 3).collect();
        clusters.sort_unstable();
        assert_eq!(clusters, [0, 1, 2]);
        assert!(near.iter().all(|d| *d <= 4.0), "{near:?}");
        let (centres, _) = far_apart(&[1.5; 40], 2, 5, &mut Seed(1).stream("centres", 0));
        assert_eq!(centres.len(), 1);
    }
}
