//! Dense layers in single precision on row-major slices: matrix products and activations, each over many rows at once.
//!
//! Products run on one thread, in an order that only sizes decide: whoever splits rows over threads gets the same numbers.

use faer::linalg::matmul::matmul;
use faer::mat::{MatMut, MatRef};
use faer::{Accum, Par};

use super::vector::{exp_f32, widest};

/// What a hidden unit does to its sum u.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(0, u).
    Relu,
    /// u / (1 + exp(−u)).
    Silu,
    /// u Φ(u), Φ by tanh.
    ///
    /// # Source
    /// Hendrycks and Gimpel 2016, equation 2.
    Gelu,
}

impl Activation {
    /// Overwrites sums `u` with their values.
    pub fn apply(self, u: &mut [f32]) {
        widest(
            #[inline(always)]
            || match self {
                Activation::Relu => u.iter_mut().for_each(|u| *u = relu(*u).0),
                Activation::Silu => u.iter_mut().for_each(|u| *u = silu(*u).0),
                Activation::Gelu => u.iter_mut().for_each(|u| *u = gelu(*u).0),
            },
        );
    }

    /// Overwrites sums `u` with their values, and `slope` with the derivatives.
    pub fn apply_with_slope(self, u: &mut [f32], slope: &mut [f32]) {
        let all = u.iter_mut().zip(slope);
        widest(
            #[inline(always)]
            || match self {
                Activation::Relu => all.for_each(|(u, s)| (*u, *s) = relu(*u)),
                Activation::Silu => all.for_each(|(u, s)| (*u, *s) = silu(*u)),
                Activation::Gelu => all.for_each(|(u, s)| (*u, *s) = gelu(*u)),
            },
        );
    }
}

#[inline(always)]
fn relu(u: f32) -> (f32, f32) {
    if u > 0.0 { (u, 1.0) } else { (0.0, 0.0) }
}

#[inline(always)]
fn silu(u: f32) -> (f32, f32) {
    let s = 1.0 / (1.0 + exp_f32(-u));
    let h = u * s;
    (h, s + h * (1.0 - s))
}

#[inline(always)]
fn gelu(u: f32) -> (f32, f32) {
    // ½ (1 + tanh(t / 2)) is the logistic function of t = 2 √(2/π) (u + 0.044715 u³).
    const A: f32 = 1.595_769;
    const B: f32 = A * 0.044_715;
    let square = u * u;
    let s = 1.0 / (1.0 + exp_f32(-u * (A + B * square)));
    let h = u * s;
    (h, s + h * (1.0 - s) * (A + 3.0 * B * square))
}

/// `out += x w`, for x `[rows, k]`, w `[k, n]`, out `[rows, n]`.
pub fn add_product(x: &[f32], w: &[f32], k: usize, n: usize, out: &mut [f32]) {
    let rows = out.len() / n;
    matmul(
        MatMut::from_row_major_slice_mut(out, rows, n),
        Accum::Add,
        MatRef::from_row_major_slice(x, rows, k),
        MatRef::from_row_major_slice(w, k, n),
        1.0,
        Par::Seq,
    );
}

/// `out = y wᵀ`, for y `[rows, n]`, w `[k, n]`, out `[rows, k]`.
pub fn product_transposed(y: &[f32], w: &[f32], k: usize, n: usize, out: &mut [f32]) {
    let rows = y.len() / n;
    matmul(
        MatMut::from_row_major_slice_mut(out, rows, k),
        Accum::Replace,
        MatRef::from_row_major_slice(y, rows, n),
        MatRef::from_row_major_slice(w, k, n).transpose(),
        1.0,
        Par::Seq,
    );
}

/// `out += xᵀ y`, for x `[rows, k]`, y `[rows, n]`, out `[k, n]`.
pub fn add_transposed_product(x: &[f32], y: &[f32], k: usize, n: usize, out: &mut [f32]) {
    let rows = y.len() / n;
    matmul(
        MatMut::from_row_major_slice_mut(out, k, n),
        Accum::Add,
        MatRef::from_row_major_slice(x, rows, k).transpose(),
        MatRef::from_row_major_slice(y, rows, n),
        1.0,
        Par::Seq,
    );
}

/// Adds the sum of each column of `rows: [_, n]`.
pub fn add_columns(rows: &[f32], sums: &mut [f32]) {
    widest(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(s, v)| *s += v);
            }
        },
    );
}

/// Puts `row` in every row of `rows`.
pub fn fill_rows(rows: &mut [f32], row: &[f32]) {
    rows.chunks_exact_mut(row.len())
        .for_each(|r| r.copy_from_slice(row));
}

/// `a += b`.
pub fn add(a: &mut [f32], b: &[f32]) {
    widest(
        #[inline(always)]
        || a.iter_mut().zip(b).for_each(|(a, b)| *a += b),
    );
}

/// `a *= b`.
pub fn multiply(a: &mut [f32], b: &[f32]) {
    widest(
        #[inline(always)]
        || a.iter_mut().zip(b).for_each(|(a, b)| *a *= b),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_sums_of_products() {
        let (rows, k, n) = (5, 3, 7);
        let numbers = |n: usize, by: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * by) % 11) as f32 - 5.0).collect()
        };
        let (x, w, y) = (
            numbers(rows * k, 7),
            numbers(k * n, 5),
            numbers(rows * n, 3),
        );
        let mut out = vec![1.0; rows * n];
        add_product(&x, &w, k, n, &mut out);
        let (mut back, mut outer) = (vec![0.0; rows * k], vec![2.0; k * n]);
        product_transposed(&y, &w, k, n, &mut back);
        add_transposed_product(&x, &y, k, n, &mut outer);
        for i in 0..rows {
            for j in 0..n {
                let sum: f32 = (0..k).map(|p| x[i * k + p] * w[p * n + j]).sum();
                assert_eq!(out[i * n + j], 1.0 + sum);
            }
            for p in 0..k {
                let sum: f32 = (0..n).map(|j| y[i * n + j] * w[p * n + j]).sum();
                assert_eq!(back[i * k + p], sum);
            }
        }
        for p in 0..k {
            for j in 0..n {
                let sum: f32 = (0..rows).map(|i| x[i * k + p] * y[i * n + j]).sum();
                assert_eq!(outer[p * n + j], 2.0 + sum);
            }
        }
    }

    #[test]
    fn slopes_agree_with_differences() {
        for activation in [Activation::Relu, Activation::Silu, Activation::Gelu] {
            for u in [-20.0f32, -3.0, -0.7, 0.4, 2.5, 30.0] {
                let h = 1e-2;
                let mut near = [u - h, u, u + h];
                let mut slope = [0.0; 3];
                activation.apply_with_slope(&mut near, &mut slope);
                let difference = (near[2] - near[0]) / (2.0 * h);
                assert!(
                    (difference - slope[1]).abs() < 2e-3,
                    "{activation:?} at {u}"
                );
            }
        }
    }
}
