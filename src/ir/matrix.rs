//! Dense matrices of one execution, row-major. A factorisation that does not exist gives NaN.

use faer::linalg::solvers::Solve;
use faer::{MatMut, MatRef};

use crate::compute::linalg;

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
    match linalg::cholesky(a, n) {
        Some(l) => out.copy_from_slice(&l),
        None => out.fill(f64::NAN),
    }
}

/// L⁻¹ b for lower triangular `l: [n, n]` and `b: [n, m]`, by forward substitution.
pub fn solve_lower(n: usize, m: usize, l: &[f64], b: &[f64], out: &mut [f64]) {
    out.copy_from_slice(b);
    if m == 1 {
        return linalg::solve_lower(l, n, out);
    }
    for i in 0..n {
        let (before, rest) = out.split_at_mut(i * m);
        let here = &mut rest[..m];
        for (k, row) in before.chunks_exact(m.max(1)).enumerate() {
            take_away(here, l[i * n + k], row);
        }
        here.iter_mut().for_each(|x| *x /= l[i * n + i]);
    }
}

/// L⁻ᵀ b, as [`solve_lower`], in place.
pub fn solve_lower_transposed(n: usize, m: usize, l: &[f64], b: &mut [f64]) {
    if m == 1 {
        return linalg::solve_lower_transposed(l, n, b);
    }
    for i in (0..n).rev() {
        let (before, rest) = b.split_at_mut(i * m);
        let here = &mut rest[..m];
        here.iter_mut().for_each(|x| *x /= l[i * n + i]);
        for (k, row) in before.chunks_exact_mut(m.max(1)).enumerate() {
            take_away(row, l[i * n + k], here);
        }
    }
}

fn take_away(row: &mut [f64], weight: f64, other: &[f64]) {
    row.iter_mut()
        .zip(other)
        .for_each(|(x, y)| *x -= weight * y);
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
