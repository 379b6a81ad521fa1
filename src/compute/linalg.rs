//! Small dense linear algebra on row-major slices, for distributions over vectors and matrices.
//!
//! Sizes here are those of one value of a distribution (a few to a few hundred): plain loops for the smallest, loops over
//! strips of rows (`symmetric`) for what takes time, and blocks (faer) for factors of large matrices.
//!
//! An adjoint carries the derivative of a number with respect to a result, its *bar*, back to the arguments. That of a
//! symmetric matrix is symmetric: it goes with changes that keep the matrix so.

use faer::{MatRef, Side};

use super::symmetric;

/// Matrices of up to so many rows are served by plain loops.
const PLAIN: usize = 8;
/// Larger ones than this go through blocks, for they do not stay in the nearest cache.
const IN_CACHE: usize = 160;

/// The lower Cholesky factor of a symmetric n by n matrix, of which the lower triangle is read; `None` if it is not positive
/// definite or holds a NaN.
pub fn cholesky(m: &[f64], n: usize) -> Option<Vec<f64>> {
    match n {
        0..=PLAIN => plain_cholesky(m, n),
        n if n <= IN_CACHE => symmetric::cholesky(m, n),
        n => blocked_cholesky(m, n),
    }
}

fn plain_cholesky(m: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = m[i * n + j] - dot;
            if i != j {
                l[i * n + j] = rest / l[j * n + j];
            } else if rest > 0.0 && rest.is_finite() {
                l[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(l)
}

fn blocked_cholesky(m: &[f64], n: usize) -> Option<Vec<f64>> {
    let factor = MatRef::from_row_major_slice(m, n, n)
        .llt(Side::Lower)
        .ok()?;
    let lower = factor.L();
    let mut l = vec![0.0; n * n];
    for (i, row) in l.chunks_exact_mut(n).enumerate() {
        let columns = row[..=i].iter_mut().enumerate();
        columns.for_each(|(j, x)| *x = lower[(i, j)]);
    }
    (0..n).all(|i| l[i * n + i].is_finite()).then_some(l)
}

/// Overwrites b with L⁻¹ b, for a lower triangular n by n matrix L.
pub fn solve_lower(l: &[f64], n: usize, b: &mut [f64]) {
    if n > PLAIN {
        return symmetric::solve_lower(l, n, b);
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| l[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
}

/// Overwrites b with L⁻ᵀ b, for a lower triangular n by n matrix L.
pub fn solve_lower_transposed(l: &[f64], n: usize, b: &mut [f64]) {
    if n > PLAIN {
        return symmetric::solve_lower_transposed(l, n, b);
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| l[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
}

/// ln |det A| of an n by n matrix, and the determinant's sign: 1, −1, or 0 where it is singular. Elimination with the
/// largest pivot of each column.
pub fn log_determinant(mut a: Vec<f64>, n: usize) -> (f64, f64) {
    let (mut log, mut sign) = (0.0, 1.0);
    for k in 0..n {
        let size = |i: &usize| a[i * n + k].abs();
        let pivot = (k..n)
            .max_by(|i, j| size(i).total_cmp(&size(j)))
            .unwrap_or(k);
        if pivot != k {
            (0..n).for_each(|j| a.swap(k * n + j, pivot * n + j));
            sign = -sign;
        }
        let (above, below) = a.split_at_mut((k + 1) * n);
        let row = &above[k * n..];
        if row[k] == 0.0 || !row[k].is_finite() {
            return (f64::NEG_INFINITY, 0.0);
        }
        log += row[k].abs().ln();
        sign *= row[k].signum();
        for other in below.chunks_exact_mut(n) {
            let factor = other[k] / row[k];
            let rest = other[k..].iter_mut().zip(&row[k..]);
            rest.for_each(|(x, r)| *x -= factor * r);
        }
    }
    (log, sign)
}

/// Σ ln Lᵢᵢ: half the log-determinant of L Lᵀ.
pub fn log_diagonal(l: &[f64], n: usize) -> f64 {
    (0..n).map(|i| l[i * n + i].ln()).sum()
}

/// (L Lᵀ)⁻¹ for a lower triangular n by n matrix L.
pub fn inverse_from_cholesky(l: &[f64], n: usize) -> Vec<f64> {
    if n > PLAIN {
        return symmetric::inverse_from_cholesky(l, n);
    }
    let mut inverse = vec![0.0; n * n];
    for (i, row) in inverse.chunks_mut(n.max(1)).enumerate() {
        row[i] = 1.0;
        solve_lower(l, n, row);
        solve_lower_transposed(l, n, row);
    }
    inverse
}

/// A Aᵀ for an n by n matrix A.
pub fn times_transposed(a: &[f64], n: usize) -> Vec<f64> {
    let dot = |i: usize, j: usize| (0..n).map(|k| a[i * n + k] * a[j * n + k]).sum();
    (0..n * n)
        .map(|e| dot((e / n).max(e % n), (e / n).min(e % n)))
        .collect()
}

/// Adds `scale` · a bᵀ, its lower triangle only, to the n by n matrix `m`.
pub fn add_lower_outer(m: &mut [f64], n: usize, scale: f64, a: &[f64], b: &[f64]) {
    for i in 0..n {
        for j in 0..=i {
            m[i * n + j] += scale * a[i] * b[j];
        }
    }
}

/// The bar of M = L Lᵀ from that of its Cholesky factor L, whose lower triangle is read.
///
/// # Source
/// I. Murray, "Differentiation of the Cholesky decomposition" (2016), arXiv:1602.07527, equation 10: ½ L⁻ᵀ (P + Pᵀ) L⁻¹ with
/// P the lower triangle of Lᵀ L̄, its diagonal halved.
pub fn cholesky_adjoint(l: &[f64], n: usize, l_bar: &[f64]) -> Vec<f64> {
    if n > PLAIN {
        return symmetric::cholesky_adjoint(l, n, l_bar);
    }
    let mut m_bar = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (i..n).map(|k| l[k * n + i] * l_bar[k * n + j]).sum();
            // P + Pᵀ: the halved diagonal comes twice.
            m_bar[i * n + j] = dot;
            m_bar[j * n + i] = dot;
        }
    }
    // L⁻ᵀ from the left on each column; by symmetry again on what are the rows.
    for _ in 0..2 {
        for row in m_bar.chunks_mut(n.max(1)) {
            solve_lower_transposed(l, n, row);
        }
        transpose(&mut m_bar, n);
    }
    m_bar.iter_mut().for_each(|v| *v *= 0.5);
    m_bar
}

fn transpose(m: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..i {
            m.swap(i * n + j, j * n + i);
        }
    }
}

/// For x = L⁻¹ b: turns the bar of x into that of b, and adds L's to `l_bar`.
pub fn solve_lower_adjoint(l: &[f64], n: usize, x: &[f64], bar: &mut [f64], l_bar: &mut [f64]) {
    solve_lower_transposed(l, n, bar);
    add_lower_outer(l_bar, n, -1.0, bar, x);
}

/// For x = L⁻ᵀ b: turns the bar of x into that of b, and adds L's to `l_bar`.
pub fn solve_lower_transposed_adjoint(
    l: &[f64],
    n: usize,
    x: &[f64],
    bar: &mut [f64],
    l_bar: &mut [f64],
) {
    solve_lower(l, n, bar);
    add_lower_outer(l_bar, n, -1.0, x, bar);
}

/// The bar of A from that of A Aᵀ.
pub fn times_transposed_adjoint(a: &[f64], n: usize, bar: &[f64]) -> Vec<f64> {
    let both = |i: usize, k: usize| bar[i * n + k] + bar[k * n + i];
    (0..n * n)
        .map(|e| (0..n).map(|k| both(e / n, k) * a[k * n + e % n]).sum())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A covariance with rows that are much alike, and a matrix without symmetry.
    fn matrices(n: usize) -> (Vec<f64>, Vec<f64>) {
        let covariance = |i: usize, j: usize| {
            let d = (i as f64 - j as f64) / 3.0;
            (-0.5 * d * d).exp() + if i == j { 0.1 } else { 0.0 }
        };
        let all = || (0..n * n).map(|e| (e / n, e % n));
        (
            all().map(|(i, j)| covariance(i, j)).collect(),
            all()
                .map(|(i, j)| (1.3 * i as f64 + 0.7 * (j * j) as f64).sin())
                .collect(),
        )
    }

    fn near(a: &[f64], b: &[f64]) -> bool {
        let size = b.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12 * size)
    }

    #[test]
    fn determinants_of_products_and_of_exchanged_rows() {
        for n in [1, 2, 5, 17, 60] {
            let (m, _) = matrices(n);
            let l = cholesky(&m, n).expect("positive definite");
            let (log, sign) = log_determinant(m.clone(), n);
            assert_eq!(sign, 1.0);
            assert!((log - 2.0 * log_diagonal(&l, n)).abs() < 1e-10, "{n}");
            let mut exchanged = m.clone();
            if n > 1 {
                (0..n).for_each(|j| exchanged.swap(j, (n - 1) * n + j));
            } else {
                exchanged[0] = -exchanged[0];
            }
            let (again, sign) = log_determinant(exchanged, n);
            assert!(sign == -1.0 && (again - log).abs() < 1e-10, "{n}");
        }
        assert_eq!(log_determinant(vec![1.0, 2.0, 2.0, 4.0], 2).1, 0.0);
    }

    #[test]
    fn factors_and_inverses_of_all_sizes() {
        for n in [1, 2, 8, 9, 15, 16, 17, 31, 33, 50, 64, 100, 161, 200] {
            let (m, bar) = matrices(n);
            let l = cholesky(&m, n).expect("positive definite");
            assert!(near(&times_transposed(&l, n), &m), "factor of {n}");
            assert!((0..n * n).all(|e| e % n <= e / n || l[e] == 0.0));
            let inverse = inverse_from_cholesky(&l, n);
            let (mut x, mut y) = (bar[..n].to_vec(), vec![0.0; n]);
            solve_lower(&l, n, &mut x);
            solve_lower_transposed(&l, n, &mut x);
            for i in 0..n {
                y[i] = (0..n).map(|j| inverse[i * n + j] * bar[j]).sum();
            }
            assert!(near(&x, &y), "inverse of {n}");
            let back: Vec<f64> = (0..n)
                .map(|i| (0..n).map(|j| m[i * n + j] * x[j]).sum())
                .collect();
            assert!(near(&back, &bar[..n]), "solution of {n}");
            // The derivative along a direction that keeps the matrix symmetric, by differences.
            let slopes = cholesky_adjoint(&l, n, &bar);
            let way: Vec<f64> = (0..n * n).map(|e| ((e / n + e % n) as f64).cos()).collect();
            let at = |h: f64| -> f64 {
                let moved: Vec<f64> = m.iter().zip(&way).map(|(m, w)| m + h * w).collect();
                let l = cholesky(&moved, n).expect("positive definite");
                let lower = (0..n * n).filter(|e| e % n <= e / n);
                lower.map(|e| l[e] * bar[e]).sum()
            };
            let h = 1e-5;
            let difference = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let slope: f64 = slopes.iter().zip(&way).map(|(s, w)| s * w).sum();
            assert!(
                (slope - difference).abs() < 1e-6 * (1.0 + slope.abs()),
                "{n}: {slope} {difference}"
            );
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for n in [2, 8, 9, 40, 200] {
            let (mut m, _) = matrices(n);
            m[n * n - 1] = -1.0;
            assert!(cholesky(&m, n).is_none(), "{n}");
            m[n * n - 1] = f64::NAN;
            assert!(cholesky(&m, n).is_none(), "{n}");
            m[n * n - 1] = f64::INFINITY;
            assert!(cholesky(&m, n).is_none(), "{n}");
        }
    }
}
