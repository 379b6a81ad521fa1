//! The little linear algebra that frames need, in sequential sums: results do not depend on threads.

/// Lower Cholesky factor in place of a symmetric `a: [d, d]`, whose upper triangle is zeroed; false if it is not positive
/// definite.
pub(crate) fn cholesky(a: &mut [f64], d: usize) -> bool {
    for i in 0..d {
        for j in 0..=i {
            let sum = a[i * d + j] - dot(&a[i * d..i * d + j], &a[j * d..j * d + j]);
            if i > j {
                a[i * d + j] = sum / a[j * d + j];
            } else if sum > 0.0 {
                a[i * d + i] = sum.sqrt();
            } else {
                return false;
            }
        }
        a[i * d + i + 1..(i + 1) * d].fill(0.0);
    }
    true
}

/// Σ a b.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// log Σ exp, −∞ for nothing.
pub(crate) fn log_sum_exp(x: &[f64]) -> f64 {
    let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        most
    } else {
        most + x.iter().map(|v| (v - most).exp()).sum::<f64>().ln()
    }
}

/// Weighted mean and covariance `[d, d]` of rows, and the effective number of rows.
pub(crate) fn moments(
    x: &[f64],
    d: usize,
    weight: &dyn Fn(usize) -> f64,
) -> (Vec<f64>, Vec<f64>, f64) {
    let n = x.len() / d;
    let total: f64 = (0..n).map(weight).sum();
    let squares: f64 = (0..n).map(|i| weight(i).powi(2)).sum();
    let mut mean = vec![0.0; d];
    for (i, row) in x.chunks_exact(d).enumerate() {
        let w = weight(i) / total;
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += w * v);
    }
    let mut covariance = vec![0.0; d * d];
    let mut c = vec![0.0; d];
    for (i, row) in x.chunks_exact(d).enumerate() {
        let w = weight(i) / total;
        if w < 1e-12 {
            continue;
        }
        c.iter_mut()
            .zip(row.iter().zip(&mean))
            .for_each(|(c, (v, m))| *c = v - m);
        for a in 0..d {
            let wa = w * c[a];
            covariance[a * d..=a * d + a]
                .iter_mut()
                .zip(&c)
                .for_each(|(s, v)| *s += wa * v);
        }
    }
    for a in 0..d {
        for b in 0..a {
            covariance[b * d + a] = covariance[a * d + b];
        }
    }
    (mean, covariance, total * total / squares)
}

/// Mean and variance of each column of `x: [n, d]`, the latter with a floor.
pub(crate) fn variances(x: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (x.len() / d) as f64;
    let (mut mean, mut variance) = (vec![0.0; d], vec![1e-12; d]);
    x.chunks_exact(d)
        .for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n));
    for row in x.chunks_exact(d) {
        variance
            .iter_mut()
            .zip(row.iter().zip(&mean))
            .for_each(|(s, (v, m))| *s += (v - m) * (v - m) / n);
    }
    (mean, variance)
}
