//! Factors and inverses of symmetric positive definite matrices of some tens to a few hundred rows.
//!
//! Every step has one form: a strip of a row is what it was, plus weighted strips of other rows.
//!
//! ```text
//! U = Lᵀ     row i: (A[i, i…] − Σ_{k<i} U[k, i] U[k, i…]) / U[i, i]
//! M = L⁻¹    row i: (e_i − Σ_{k<i} L[i, k] M[k, …i]) / L[i, i]
//! A⁻¹        row i: Σ_{k≥i} M[k, i] M[k, …i]
//! ```
//! A strip stays in registers while the rows go by. Sums run over rows in two interleaved parts.

use std::ops::Range;

use super::wide;

/// Numbers of a strip.
const WIDTH: usize = 16;

/// Rows of numbers, each padded with zeros beyond its last strip.
struct Rows {
    data: Vec<f64>,
    stride: usize,
}

impl Rows {
    fn new(n: usize) -> Rows {
        // An odd number of cache lines a row: the numbers of a column do not crowd a few sets of the cache.
        let stride = n.next_multiple_of(WIDTH) + WIDTH / 2;
        Rows {
            data: vec![0.0; n * stride],
            stride,
        }
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f64 {
        self.data[row * self.stride + column]
    }

    #[inline(always)]
    fn strip(&self, row: usize, first: usize) -> &[f64; WIDTH] {
        let start = row * self.stride + first;
        let strip = &self.data[start..start + WIDTH];
        strip.try_into().expect("a strip is whole")
    }

    #[inline(always)]
    fn put(&mut self, row: usize, first: usize, strip: [f64; WIDTH]) {
        let start = row * self.stride + first;
        self.data[start..start + WIDTH].copy_from_slice(&strip);
    }

    /// A strip plus Σ weight(k) · (the same strip of row k).
    #[inline(always)]
    fn added(
        &self,
        mut even: [f64; WIDTH],
        first: usize,
        rows: Range<usize>,
        weight: impl Fn(usize) -> f64,
    ) -> [f64; WIDTH] {
        let mut odd = [0.0; WIDTH];
        let mut k = rows.start;
        while k + 1 < rows.end {
            let (w, v) = (weight(k), weight(k + 1));
            let (a, b) = (self.strip(k, first), self.strip(k + 1, first));
            for t in 0..WIDTH {
                even[t] = w.mul_add(a[t], even[t]);
                odd[t] = v.mul_add(b[t], odd[t]);
            }
            k += 2;
        }
        if k < rows.end {
            let (w, a) = (weight(k), self.strip(k, first));
            for t in 0..WIDTH {
                even[t] = w.mul_add(a[t], even[t]);
            }
        }
        for t in 0..WIDTH {
            even[t] += odd[t];
        }
        even
    }
}

/// The lower Cholesky factor of an n by n matrix, of which the lower triangle is read; `None` if it is not positive definite.
pub(super) fn cholesky(m: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut upper = Rows::new(n);
    for (i, row) in m.chunks_exact(n).enumerate() {
        for (j, x) in row[..=i].iter().enumerate() {
            upper.data[j * upper.stride + i] = *x;
        }
    }
    let done = wide::run(
        #[inline(always)]
        || factor(&mut upper, n),
    );
    let mut l = vec![0.0; n * n];
    for (i, row) in l.chunks_exact_mut(n).enumerate() {
        for (j, x) in row[..=i].iter_mut().enumerate() {
            *x = upper.at(j, i);
        }
    }
    done.then_some(l)
}

/// Turns the upper triangle of a matrix into Lᵀ; what stands left of the diagonal is not looked at. False where a pivot is no
/// positive number.
#[inline(always)]
fn factor(upper: &mut Rows, n: usize) -> bool {
    for i in 0..n {
        let own = i / WIDTH * WIDTH;
        let mut inverse = 0.0;
        for first in (own..n).step_by(WIDTH) {
            let row = *upper.strip(i, first);
            let mut row = upper.added(row, first, 0..i, |k| -upper.at(k, i));
            if first == own {
                let pivot = row[i - own];
                if !(pivot > 0.0 && pivot < f64::INFINITY) {
                    return false;
                }
                inverse = 1.0 / pivot.sqrt();
                row.iter_mut().for_each(|x| *x *= inverse);
                row[i - own] = pivot.sqrt();
            } else {
                row.iter_mut().for_each(|x| *x *= inverse);
            }
            upper.put(i, first, row);
        }
    }
    true
}

/// L⁻¹ for a lower triangular matrix.
#[inline(always)]
fn inverted(l: &[f64], n: usize) -> Rows {
    let mut inverse = Rows::new(n);
    for (i, row) in l.chunks_exact(n).enumerate() {
        let scale = 1.0 / row[i];
        for first in (0..=i).step_by(WIDTH) {
            let mut start = [0.0; WIDTH];
            if i - first < WIDTH {
                start[i - first] = 1.0;
            }
            // Above the strip's own diagonal there are zeros.
            let mut strip = inverse.added(start, first, first..i, |k| -row[k]);
            strip.iter_mut().for_each(|x| *x *= scale);
            inverse.put(i, first, strip);
        }
    }
    inverse
}

/// `scale` · Lᵀ-like product: row i is Σ_{k≥i} left[k, i] · right[k, …i], mirrored.
#[inline(always)]
fn mirrored(n: usize, right: &Rows, scale: f64, left: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    for i in 0..n {
        for first in (0..=i).step_by(WIDTH) {
            let strip = right.added([0.0; WIDTH], first, i..n, |k| left(k, i));
            for (j, x) in (first..=i).zip(strip) {
                out[i * n + j] = scale * x;
                out[j * n + i] = scale * x;
            }
        }
    }
    out
}

/// (L Lᵀ)⁻¹ for a lower triangular matrix.
pub(super) fn inverse_from_cholesky(l: &[f64], n: usize) -> Vec<f64> {
    wide::run(
        #[inline(always)]
        || {
            let inverse = inverted(l, n);
            mirrored(n, &inverse, 1.0, |k, i| inverse.at(k, i))
        },
    )
}

/// ½ L⁻ᵀ (P + Pᵀ) L⁻¹ with P the lower triangle of Lᵀ L̄, its diagonal halved.
pub(super) fn cholesky_adjoint(l: &[f64], n: usize, l_bar: &[f64]) -> Vec<f64> {
    let mut bar = Rows::new(n);
    for (i, row) in l_bar.chunks_exact(n).enumerate() {
        bar.data[i * bar.stride..][..=i].copy_from_slice(&row[..=i]);
    }
    wide::run(
        #[inline(always)]
        || {
            let both = mirrored(n, &bar, 1.0, |k, i| l[k * n + i]);
            let inverse = inverted(l, n);
            let mut right = Rows::new(n);
            for (i, row) in both.chunks_exact(n).enumerate() {
                for first in (0..n).step_by(WIDTH) {
                    let strip = inverse.added([0.0; WIDTH], first, first..n, |k| row[k]);
                    right.put(i, first, strip);
                }
            }
            mirrored(n, &right, 0.5, |k, i| inverse.at(k, i))
        },
    )
}

/// Overwrites b with L⁻¹ b.
pub(super) fn solve_lower(l: &[f64], n: usize, b: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (i, row) in l.chunks_exact(n).enumerate() {
                b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
            }
        },
    );
}

/// Overwrites b with L⁻ᵀ b.
pub(super) fn solve_lower_transposed(l: &[f64], n: usize, b: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (i, row) in l.chunks_exact(n).enumerate().rev() {
                let (before, here) = b.split_at_mut(i);
                here[0] /= row[i];
                for (b, l) in before.iter_mut().zip(row) {
                    *b = (-here[0]).mul_add(*l, *b);
                }
            }
        },
    );
}

/// Σ aᵢ bᵢ in eight interleaved parts.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let mut sum = a.remainder().iter().zip(b.remainder()).fold(
        0.0,
        #[inline(always)]
        |sum, (x, y)| x.mul_add(*y, sum),
    );
    for (x, y) in a.zip(b) {
        for t in 0..8 {
            parts[t] = x[t].mul_add(y[t], parts[t]);
        }
    }
    for part in parts {
        sum += part;
    }
    sum
}
