//! Matrices.

use super::{Bars, times};
use crate::compute::wide::{self, Panels};
use crate::ir::kernel::Arg;
use crate::ir::matrix;

/// C = A B: Ā = C̄ Bᵀ, B̄ = Aᵀ C̄.
pub(super) fn matmul(
    [m, k, n]: [usize; 3],
    args: &[Arg],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let (a, b) = (args[0], args[1]);
    for i in 0..m {
        for j in 0..n {
            let bar = &bar[(i * n + j) * lanes..][..lanes];
            if bar.iter().all(|b| *b == 0.0) {
                continue;
            }
            if let Some(target) = bars.of(0, m * k * lanes) {
                for l in 0..k {
                    let target = &mut target[(i * k + l) * lanes..][..lanes];
                    scaled(target, bar, b, l * n + j, lanes);
                }
            }
            if let Some(target) = bars.of(1, k * n * lanes) {
                for l in 0..k {
                    let target = &mut target[(l * n + j) * lanes..][..lanes];
                    scaled(target, bar, a, i * k + l, lanes);
                }
            }
        }
    }
}

/// Y = X B with X known: B̄ = Xᵀ Ȳ.
pub(super) fn dense(x: &Panels, n: usize, bar: &[f64], bars: &mut Bars, lanes: usize) {
    if let Some(target) = bars.of(0, x.k * n * lanes) {
        wide::add_transposed_product(x, bar, n * lanes, target);
    }
}

/// Adds bar times an element of another matrix.
#[inline]
fn scaled(target: &mut [f64], bar: &[f64], other: Arg, e: usize, lanes: usize) {
    if other.uniform {
        let x = other.data[e];
        target
            .iter_mut()
            .zip(bar)
            .for_each(|(t, &b)| *t += times(b, x));
    } else {
        let x = &other.data[e * lanes..(e + 1) * lanes];
        let each = target.iter_mut().zip(bar).zip(x);
        each.for_each(|((t, &b), &x)| *t += times(b, x));
    }
}

/// Calls `rule(operands, result, bar, bars of the operands)` for each lane whose bar is not 0, and adds what it writes.
fn by_lane(
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
    rule: impl Fn(&[Vec<f64>], &[f64], &[f64], &mut [Vec<f64>]),
) {
    let mut inputs = vec![Vec::new(); args.len()];
    let mut given: Vec<Vec<f64>> = args.iter().map(|a| vec![0.0; a.len]).collect();
    for lane in 0..lanes {
        let b = column(bar, lane, lanes);
        if b.iter().all(|b| *b == 0.0) {
            continue;
        }
        let y = column(out, lane, lanes);
        args.iter()
            .zip(&mut inputs)
            .for_each(|(a, v)| a.lane(lane, lanes, v));
        given.iter_mut().for_each(|g| g.fill(0.0));
        rule(&inputs, &y, &b, &mut given);
        for (i, g) in given.iter().enumerate() {
            g.iter()
                .enumerate()
                .for_each(|(e, &x)| bars.add(i, e * lanes + lane, x));
        }
    }
}

fn column(x: &[f64], lane: usize, lanes: usize) -> Vec<f64> {
    x.iter().skip(lane).step_by(lanes).copied().collect()
}

/// A = L Lᵀ, of which the lower triangle is read: row by row backwards through the factorisation (Murray 2016, § 3.2).
pub(super) fn cholesky(
    n: usize,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    by_lane(args, out, bar, bars, lanes, |_, l, bar, given| {
        let g = &mut given[0];
        for i in 0..n {
            g[i * n..i * n + i + 1].copy_from_slice(&bar[i * n..i * n + i + 1]);
        }
        for i in (0..n).rev() {
            for j in (0..=i).rev() {
                if j == i {
                    g[i * n + i] /= 2.0 * l[i * n + i];
                } else {
                    g[i * n + j] /= l[j * n + j];
                    g[j * n + j] -= g[i * n + j] * l[i * n + j];
                }
                let d = g[i * n + j];
                for k in 0..j {
                    g[i * n + k] -= d * l[j * n + k];
                    g[j * n + k] -= d * l[i * n + k];
                }
            }
        }
    });
}

/// X = L⁻¹ B: B̄ = L⁻ᵀ X̄, L̄ = −tril(B̄ Xᵀ).
pub(super) fn solve_lower(
    [n, m]: [usize; 2],
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    by_lane(args, out, bar, bars, lanes, |inputs, x, bar, given| {
        let l = &inputs[0];
        let mut b = bar.to_vec();
        for i in (0..n).rev() {
            for c in 0..m {
                let known: f64 = (i + 1..n).map(|k| l[k * n + i] * b[k * m + c]).sum();
                b[i * m + c] = (b[i * m + c] - known) / l[i * n + i];
            }
        }
        for i in 0..n {
            for j in 0..=i {
                given[0][i * n + j] = -(0..m).map(|c| b[i * m + c] * x[j * m + c]).sum::<f64>();
            }
        }
        given[1].copy_from_slice(&b);
    });
}

/// X = A⁻¹ B: B̄ = A⁻ᵀ X̄, Ā = −B̄ Xᵀ.
pub(super) fn solve(
    [n, m]: [usize; 2],
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    by_lane(args, out, bar, bars, lanes, |inputs, x, bar, given| {
        let mut b = vec![0.0; n * m];
        matrix::solve(n, m, &transposed(n, &inputs[0]), bar, &mut b);
        for i in 0..n {
            for j in 0..n {
                given[0][i * n + j] = -(0..m).map(|c| b[i * m + c] * x[j * m + c]).sum::<f64>();
            }
        }
        given[1].copy_from_slice(&b);
    });
}

/// log |det A|: Ā = A⁻ᵀ.
pub(super) fn log_det(n: usize, args: &[Arg], bar: &[f64], bars: &mut Bars, lanes: usize) {
    by_lane(args, bar, bar, bars, lanes, |inputs, _, bar, given| {
        let mut scaled = vec![0.0; n * n];
        (0..n).for_each(|i| scaled[i * n + i] = bar[0]);
        matrix::solve(n, n, &transposed(n, &inputs[0]), &scaled, &mut given[0]);
    });
}

fn transposed(n: usize, a: &[f64]) -> Vec<f64> {
    (0..n * n).map(|e| a[e % n * n + e / n]).collect()
}
