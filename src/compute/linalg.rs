//! Small dense linear algebra on row-major slices, for distributions over vectors and matrices.
//!
//! Sizes here are those of one value of a distribution (a few to a few hundred): plain loops, no blocking.

/// The lower Cholesky factor of a symmetric n by n matrix, of which the lower triangle is read; `None` if it is not positive
/// definite or holds a NaN.
pub fn cholesky(m: &[f64], n: usize) -> Option<Vec<f64>> {
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

/// Overwrites b with L⁻¹ b, for a lower triangular n by n matrix L.
pub fn solve_lower(l: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| l[i * n + k] * b[k]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
}

/// Overwrites b with L⁻ᵀ b, for a lower triangular n by n matrix L.
pub fn solve_lower_transposed(l: &[f64], n: usize, b: &mut [f64]) {
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| l[k * n + i] * b[k]).sum();
        b[i] = (b[i] - dot) / l[i * n + i];
    }
}

/// Σ ln Lᵢᵢ: half the log-determinant of L Lᵀ.
pub fn log_diagonal(l: &[f64], n: usize) -> f64 {
    (0..n).map(|i| l[i * n + i].ln()).sum()
}

/// (L Lᵀ)⁻¹ for a lower triangular n by n matrix L.
pub fn inverse_from_cholesky(l: &[f64], n: usize) -> Vec<f64> {
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
