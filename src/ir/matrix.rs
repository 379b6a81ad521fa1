//! Dense matrices of one execution, row-major. A factorisation that does not exist gives NaN.

use faer::linalg::solvers::Solve;
use faer::{MatMut, MatRef, Side};

/// A B for `a: [m, k]` and `b: [k, n]`; terms are added in the order of k.
pub fn product([m, k, n]: [usize; 3], a: &[f64], b: &[f64], out: &mut [f64]) {
    for i in 0..m {
        let (row, o) = (&a[i * k..(i + 1) * k], &mut out[i * n..(i + 1) * n]);
        if n == 1 {
            o[0] = row.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y);
            continue;
        }
        o.fill(0.0);
        for (x, b) in row.iter().zip(b.chunks_exact(n.max(1))) {
            o.iter_mut().zip(b).for_each(|(o, y)| *o += x * y);
        }
    }
}

/// Lower Cholesky factor of `a: [n, n]` (its lower triangle is read) into `out`.
pub fn cholesky(n: usize, a: &[f64], out: &mut [f64]) {
    match MatRef::from_row_major_slice(a, n, n).llt(Side::Lower) {
        Ok(factor) => {
            let l = factor.L();
            for i in 0..n {
                for j in 0..n {
                    out[i * n + j] = if j <= i { l[(i, j)] } else { 0.0 };
                }
            }
        }
        Err(_) => out.fill(f64::NAN),
    }
}

/// L⁻¹ b for lower triangular `l: [n, n]` and `b: [n, m]`, by forward substitution.
pub fn solve_lower(n: usize, m: usize, l: &[f64], b: &[f64], out: &mut [f64]) {
    for i in 0..n {
        for j in 0..m {
            let known: f64 = (0..i).map(|k| l[i * n + k] * out[k * m + j]).sum();
            out[i * m + j] = (b[i * m + j] - known) / l[i * n + i];
        }
    }
}

/// A⁻¹ b for `a: [n, n]` and `b: [n, m]`, by LU with partial pivoting.
pub fn solve(n: usize, m: usize, a: &[f64], b: &[f64], out: &mut [f64]) {
    let lu = MatRef::from_row_major_slice(a, n, n).partial_piv_lu();
    out.copy_from_slice(b);
    lu.solve_in_place(MatMut::from_row_major_slice_mut(out, n, m));
    if out.iter().any(|x| !x.is_finite()) {
        out.fill(f64::NAN);
    }
}

/// log |det A| of `a: [n, n]`.
pub fn log_det(n: usize, a: &[f64]) -> f64 {
    let lu = MatRef::from_row_major_slice(a, n, n).partial_piv_lu();
    let u = lu.U();
    (0..n).map(|i| u[(i, i)].abs().ln()).sum()
}
