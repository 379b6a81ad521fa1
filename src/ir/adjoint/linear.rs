//! Matrices.

use super::{Bars, times};
use crate::compute::linalg;
use crate::compute::wide::{self, Panels};
use crate::ir::kernel::{Arg, of_lane};
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
    rule: impl Fn(&[&[f64]], &[f64], &[f64], &mut [Vec<f64>]),
) {
    let [out, bar] = [out, bar].map(|data| Arg {
        data,
        len: data.len() / lanes,
        uniform: false,
    });
    let (mut room_y, mut room_b) = (Vec::new(), Vec::new());
    let mut rooms = vec![Vec::new(); args.len()];
    let mut given: Vec<Vec<f64>> = args.iter().map(|a| vec![0.0; a.len]).collect();
    for lane in 0..lanes {
        let b = bar.of_lane(lane, lanes, &mut room_b);
        if b.iter().all(|b| *b == 0.0) {
            continue;
        }
        let y = out.of_lane(lane, lanes, &mut room_y);
        let inputs = of_lane(args, lane, lanes, &mut rooms);
        given.iter_mut().for_each(|g| g.fill(0.0));
        rule(&inputs, y, b, &mut given);
        for (i, g) in given.iter().enumerate() {
            bars.add_lane(i, 0, lane, g);
        }
    }
}

/// A = L Lᵀ, of which the lower triangle is read: a number below the diagonal stands for its mirror image too.
pub(super) fn cholesky(
    n: usize,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    by_lane(args, out, bar, bars, lanes, |_, l, bar, given| {
        let both = linalg::cholesky_adjoint(l, n, bar);
        for i in 0..n {
            let row = i * n..i * n + i;
            let below = given[0][row.clone()].iter_mut().zip(&both[row]);
            below.for_each(|(g, b)| *g = 2.0 * b);
            given[0][i * n + i] = both[i * n + i];
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
        let mut b = bar.to_vec();
        matrix::solve_lower_transposed(n, m, inputs[0], &mut b);
        let (x, rows) = (x.chunks_exact(m.max(1)), b.chunks_exact(m.max(1)));
        for (i, bar) in rows.enumerate() {
            let row = &mut given[0][i * n..i * n + i + 1];
            for (g, x) in row.iter_mut().zip(x.clone()) {
                *g = -bar.iter().zip(x).map(|(b, x)| b * x).sum::<f64>();
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
        matrix::solve(n, m, &transposed(n, inputs[0]), bar, &mut b);
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
        matrix::solve(n, n, &transposed(n, inputs[0]), &scaled, &mut given[0]);
    });
}

fn transposed(n: usize, a: &[f64]) -> Vec<f64> {
    (0..n * n).map(|e| a[e % n * n + e / n]).collect()
}
