//! ln Σ exp along an axis, over whole rows: the numbers that stand side by side in memory are summed side by side.
//!
//! ```text
//! [outer, n, inner × lanes]     row 0  x x x x x …
//!                               row 1  x x x x x …     one result below each column
//!                               row 2  x x x x x …
//! ```
//! Terms are added in the order of rows, whatever the number of columns is.

use super::op::Axis;
use crate::compute::wide;

/// Columns taken together.
const WIDTH: usize = 256;

/// Into `out: [outer, inner × lanes]`, of `x: [outer, n, inner × lanes]`.
pub(super) fn log_sum_exp(axis: Axis, x: &[f64], out: &mut [f64], lanes: usize) {
    let columns = axis.inner * lanes;
    if columns == 0 || axis.n == 0 {
        return out.fill(f64::NEG_INFINITY);
    }
    for (block, out) in x
        .chunks_exact((axis.n * columns).max(1))
        .zip(out.chunks_exact_mut(columns))
    {
        match columns {
            1 => out[0] = of_line(block),
            _ => of_columns(block, columns, out),
        }
    }
}

/// The larger number; NaN where one is.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    let top = if b > a { b } else { a };
    if b.is_nan() { b } else { top }
}

fn of_line(x: &[f64]) -> f64 {
    let top = x.iter().fold(f64::NEG_INFINITY, |a, &b| larger(a, b));
    if !top.is_finite() {
        return top;
    }
    let (mut sum, mut room) = (0.0, [0.0; WIDTH]);
    for x in x.chunks(WIDTH) {
        let terms = &mut room[..x.len()];
        terms.iter_mut().zip(x).for_each(|(t, x)| *t = x - top);
        exp_in_place(terms);
        sum = terms.iter().fold(sum, |s, t| s + t);
    }
    let mut log = [0.0];
    wide::log_all(&[sum], &mut log);
    top + log[0]
}

fn exp_in_place(x: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x = wide::exp(*x)),
    );
}

fn of_columns(block: &[f64], columns: usize, out: &mut [f64]) {
    let mut room = [0.0; WIDTH];
    for (c, out) in out.chunks_mut(WIDTH).enumerate() {
        let sums = &mut room[..out.len()];
        sums.fill(0.0);
        let rows = || {
            block
                .chunks_exact(columns)
                .map(|row| &row[c * WIDTH..][..out.len()])
        };
        let rows: Vec<&[f64]> = rows().collect();
        out.fill(f64::NEG_INFINITY);
        wide::run(
            #[inline(always)]
            || {
                for row in &rows {
                    out.iter_mut()
                        .zip(*row)
                        .for_each(|(o, &x)| *o = larger(*o, x));
                }
                for row in &rows {
                    for ((s, &x), &top) in sums.iter_mut().zip(*row).zip(&*out) {
                        *s += wide::exp(x - top);
                    }
                }
                for (o, &s) in out.iter_mut().zip(&*sums) {
                    let value = *o + wide::log(s);
                    *o = if o.abs() < f64::INFINITY { value } else { *o };
                }
            },
        );
    }
}

/// Adds bar · exp(x − y), the softmax, to `target: [outer, n, inner × lanes]`; nothing where the bar is 0.
pub(super) fn log_sum_exp_adjoint(
    axis: Axis,
    x: &[f64],
    y: &[f64],
    bar: &[f64],
    target: &mut [f64],
    lanes: usize,
) {
    let columns = (axis.inner * lanes).max(1);
    let size = (axis.n * columns).max(1);
    let blocks = x.chunks_exact(size).zip(target.chunks_exact_mut(size));
    let results = y.chunks_exact(columns).zip(bar.chunks_exact(columns));
    wide::run(
        #[inline(always)]
        || {
            for ((x, target), (y, bar)) in blocks.zip(results) {
                if let ([y], [b]) = (y, bar) {
                    for (t, &x) in target.iter_mut().zip(x) {
                        *t += if *b == 0.0 { 0.0 } else { b * wide::exp(x - y) };
                    }
                    continue;
                }
                for (x, target) in x
                    .chunks_exact(columns)
                    .zip(target.chunks_exact_mut(columns))
                {
                    for (((t, &x), &y), &b) in target.iter_mut().zip(x).zip(y).zip(bar) {
                        let d = b * wide::exp(x - y);
                        *t += if b == 0.0 { 0.0 } else { d };
                    }
                }
            }
        },
    );
}
