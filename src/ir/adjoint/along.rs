//! Along an axis: reductions and scans.

use super::{Bars, times};
use crate::ir::kernel::Arg;
use crate::ir::op::{Axis, ReduceFn, ScanFn};
use crate::ir::reduce::log_sum_exp_adjoint;

pub(super) fn reduce(
    f: ReduceFn,
    axis: Axis,
    a: Arg,
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let Some(target) = bars.of(0, a.data.len()) else {
        return;
    };
    match f {
        ReduceFn::Sum => return sum(axis, bar, target, lanes),
        ReduceFn::LogSumExp => {
            return log_sum_exp_adjoint(axis, a.data, out, bar, target, lanes);
        }
        _ => {}
    }
    let mut line = Line::new(axis.n);
    for result in 0..axis.outer * axis.inner {
        for lane in 0..lanes {
            let (b, y) = (bar[result * lanes + lane], out[result * lanes + lane]);
            if b == 0.0 {
                continue;
            }
            line.load(a, axis, result, lane, lanes);
            let (x, d) = (&line.x, &mut line.d);
            match f {
                ReduceFn::Prod => product_of_others(x, d),
                ReduceFn::Min | ReduceFn::Max => {
                    d.fill(0.0);
                    if let Some(i) = x.iter().position(|x| *x == y) {
                        d[i] = 1.0;
                    }
                }
                _ => return,
            }
            d.iter_mut().for_each(|d| *d *= b);
            line.add(target, axis, result, lane, lanes);
        }
    }
}

fn sum(axis: Axis, bar: &[f64], target: &mut [f64], lanes: usize) {
    for outer in 0..axis.outer {
        for i in 0..axis.n {
            let rows = axis.inner * lanes;
            let bar = &bar[outer * rows..(outer + 1) * rows];
            let target = &mut target[(outer * axis.n + i) * rows..][..rows];
            target.iter_mut().zip(bar).for_each(|(t, b)| *t += b);
        }
    }
}

/// Each element's derivative of the product, without a division: elements may be 0.
fn product_of_others(x: &[f64], d: &mut [f64]) {
    let mut before = 1.0;
    for (x, d) in x.iter().zip(d.iter_mut()) {
        *d = before;
        before *= x;
    }
    let mut after = 1.0;
    for (x, d) in x.iter().zip(d.iter_mut()).rev() {
        *d *= after;
        after *= x;
    }
}

pub(super) fn scan(
    f: ScanFn,
    axis: Axis,
    a: Arg,
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let Some(target) = bars.of(0, a.data.len()) else {
        return;
    };
    let whole = |data| Arg {
        data,
        len: a.len,
        uniform: false,
    };
    let (mut line, mut values, mut gradient) =
        (Line::new(axis.n), Line::new(axis.n), Line::new(axis.n));
    for which in 0..axis.outer * axis.inner {
        for lane in 0..lanes {
            gradient.load(whole(bar), axis, which, lane, lanes);
            let b = &gradient.x;
            if b.iter().all(|b| *b == 0.0) {
                continue;
            }
            line.load(a, axis, which, lane, lanes);
            values.load(whole(out), axis, which, lane, lanes);
            scan_line(f, &line.x, &values.x, b, &mut line.d);
            line.add(target, axis, which, lane, lanes);
        }
    }
}

fn scan_line(f: ScanFn, x: &[f64], y: &[f64], b: &[f64], d: &mut [f64]) {
    match f {
        ScanFn::CumSum => {
            let mut total = 0.0;
            for (b, d) in b.iter().zip(d).rev() {
                total += b;
                *d = total;
            }
        }
        ScanFn::Softmax => {
            let mean: f64 = b.iter().zip(y).map(|(b, y)| times(*b, *y)).sum();
            for ((b, y), d) in b.iter().zip(y).zip(d) {
                *d = y * (b - mean);
            }
        }
        ScanFn::LogSoftmax => {
            let total: f64 = b.iter().sum();
            for ((b, y), d) in b.iter().zip(y).zip(d) {
                *d = b - times(total, y.exp());
            }
        }
        ScanFn::Sort => {
            let mut order: Vec<usize> = (0..x.len()).collect();
            order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
            order.iter().zip(b).for_each(|(&i, b)| d[i] = *b);
        }
    }
}

/// One line of one lane, with the derivatives by its elements.
struct Line {
    x: Vec<f64>,
    d: Vec<f64>,
}

impl Line {
    fn new(n: usize) -> Line {
        Line {
            x: vec![0.0; n],
            d: vec![0.0; n],
        }
    }

    fn load(&mut self, a: Arg, axis: Axis, which: usize, lane: usize, lanes: usize) {
        for (i, x) in self.x.iter_mut().enumerate() {
            *x = a.at(element(axis, which, i), lane, lanes);
        }
    }

    fn add(&self, target: &mut [f64], axis: Axis, which: usize, lane: usize, lanes: usize) {
        for (i, d) in self.d.iter().enumerate() {
            target[element(axis, which, i) * lanes + lane] += d;
        }
    }
}

/// The i-th element of a line; lines are counted over `[outer, inner]`.
fn element(axis: Axis, which: usize, i: usize) -> usize {
    let (outer, inner) = (which / axis.inner, which % axis.inner);
    (outer * axis.n + i) * axis.inner + inner
}
