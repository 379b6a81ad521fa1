//! Elementwise functions, selections and moves of elements.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10};

use super::{Bars, add_each, times};
use crate::base::{Bug, bites};
use crate::compute::special;
use crate::ir::kernel::Arg;
use crate::ir::op::{BinaryFn, UnaryFn};

impl UnaryFn {
    /// The derivative at x, where the value is y.
    #[inline]
    pub fn derivative(self, x: f64, y: f64) -> f64 {
        use UnaryFn::*;
        match self {
            Neg => -1.0,
            Not | Floor | Ceil | Round | Sign | Fixed => 0.0,
            Exp => y,
            Log => 1.0 / x,
            Log2 => 1.0 / (x * LN_2),
            Log10 => 1.0 / (x * LN_10),
            Log1p => 1.0 / (1.0 + x),
            Expm1 => y + 1.0,
            Sqrt => 0.5 / y,
            Cbrt => 1.0 / (3.0 * y * y),
            Abs => Sign.apply(x),
            Sin => x.cos(),
            Cos => -x.sin(),
            Tan => 1.0 + y * y,
            Asin => 1.0 / ((1.0 - x) * (1.0 + x)).sqrt(),
            Acos => -1.0 / ((1.0 - x) * (1.0 + x)).sqrt(),
            Atan => 1.0 / (1.0 + x * x),
            Sinh => x.cosh(),
            Cosh => x.sinh(),
            Tanh => 1.0 / x.cosh().powi(2),
            Logit => 1.0 / (x * (1.0 - x)),
            InvLogit => y * special::inv_logit(-x),
            Softplus => special::inv_logit(x),
            Lgamma => special::digamma(x),
            Digamma => special::trigamma(x),
            Erf => FRAC_2_SQRT_PI * (-x * x).exp(),
            Erfc => -FRAC_2_SQRT_PI * (-x * x).exp(),
            Phi => special::normal_log_density(x).exp(),
            LogPhi => (special::normal_log_density(x) - y).exp(),
            InvPhi => (-special::normal_log_density(y)).exp(),
            InvLogPhi => (x - special::normal_log_density(y)).exp(),
            Square => 2.0 * x,
        }
    }
}

impl BinaryFn {
    /// The derivatives at (a, b), where the value is y. Of equal operands, `min` and `max` follow the first.
    #[inline]
    pub fn derivatives(self, a: f64, b: f64, y: f64) -> (f64, f64) {
        use BinaryFn::*;
        let choose = |first: bool| if first { (1.0, 0.0) } else { (0.0, 1.0) };
        match self {
            Add => (1.0, 1.0),
            Sub => (1.0, -1.0),
            Mul => (b, a),
            Div => (1.0 / b, -y / b),
            Rem => (1.0, -(a / b).floor()),
            Pow => power(a, b, y),
            Min => choose(a <= b),
            Max => choose(a >= b),
            Atan2 => {
                let r2 = a * a + b * b;
                (b / r2, -a / r2)
            }
            BetaFn => {
                let both = special::digamma(a + b);
                (
                    y * (special::digamma(a) - both),
                    y * (special::digamma(b) - both),
                )
            }
            FloorDiv | Eq | Ne | Lt | Le | Gt | Ge | And | Or => (0.0, 0.0),
        }
    }
}

/// Of a^b. At a = 0 a^b is 0 whatever b is, as long as it is positive.
fn power(a: f64, b: f64, y: f64) -> (f64, f64) {
    let by_base = if b == 0.0 {
        0.0
    } else {
        b * BinaryFn::Pow.apply(a, b - 1.0)
    };
    let by_exponent = if a == 0.0 && b > 0.0 { 0.0 } else { y * a.ln() };
    (by_base, by_exponent)
}

/// The derivative of a / b by b.
#[inline]
pub(in crate::ir) fn by_divisor(a: f64, b: f64) -> f64 {
    let sign = if bites(Bug::WrongAdjoint) { 1.0 } else { -1.0 };
    sign * a / (b * b)
}

pub(super) fn unary(f: UnaryFn, x: Arg, out: &[f64], bar: &[f64], bars: &mut Bars) {
    let Some(target) = bars.of(0, x.data.len()) else {
        return;
    };
    match f {
        UnaryFn::Neg => target.iter_mut().zip(bar).for_each(|(t, b)| *t -= b),
        UnaryFn::Exp => along(target, bar, x.data, out, |_, y| y),
        UnaryFn::Log => along(target, bar, x.data, out, |x, _| 1.0 / x),
        UnaryFn::Square => along(target, bar, x.data, out, |x, _| 2.0 * x),
        f => along(target, bar, x.data, out, |x, y| f.derivative(x, y)),
    }
}

#[inline]
fn along(target: &mut [f64], bar: &[f64], x: &[f64], y: &[f64], d: impl Fn(f64, f64) -> f64) {
    for (((t, &b), &x), &y) in target.iter_mut().zip(bar).zip(x).zip(y) {
        *t += times(b, d(x, y));
    }
}

pub(super) fn binary(
    f: BinaryFn,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let n = out.len() / lanes;
    let whole = |data| Arg {
        data,
        len: n,
        uniform: false,
    };
    let bar = whole(bar);
    match f {
        BinaryFn::Add => {
            add_each(bars, 0, args, bar, n, |[]| 1.0);
            add_each(bars, 1, args, bar, n, |[]| 1.0);
        }
        BinaryFn::Sub => {
            add_each(bars, 0, args, bar, n, |[]| 1.0);
            add_each(bars, 1, args, bar, n, |[]| -1.0);
        }
        BinaryFn::Mul => {
            add_each(bars, 0, args, bar, n, |[_, b]| b);
            add_each(bars, 1, args, bar, n, |[a, _]| a);
        }
        BinaryFn::Div => {
            add_each(bars, 0, args, bar, n, |[_, b]| 1.0 / b);
            add_each(bars, 1, args, bar, n, |[a, b]| by_divisor(a, b));
        }
        f => {
            let with = [args[0], args[1], whole(out)];
            let d = |[a, b, y]: [f64; 3]| f.derivatives(a, b, y);
            add_each(bars, 0, &with, bar, n, |x| d(x).0);
            add_each(bars, 1, &with, bar, n, |x| d(x).1);
        }
    }
}

/// Each arm gets the bar where it was taken.
pub(super) fn select(args: &[Arg], bar: &[f64], bars: &mut Bars, lanes: usize) {
    let n = bar.len() / lanes;
    let bar = Arg {
        data: bar,
        len: n,
        uniform: false,
    };
    let truth = |t: bool| if t { 1.0 } else { 0.0 };
    add_each(bars, 1, args, bar, n, |[c]| truth(c != 0.0 && !c.is_nan()));
    add_each(bars, 2, args, bar, n, |[c]| truth(c == 0.0));
}

pub(super) fn take(indices: &[u32], source: Arg, bar: &[f64], bars: &mut Bars, lanes: usize) {
    let Some(target) = bars.of(0, source.data.len()) else {
        return;
    };
    for (&i, bar) in indices.iter().zip(bar.chunks_exact(lanes)) {
        let e = if source.len == 1 { 0 } else { i as usize };
        add_row(&mut target[e * lanes..(e + 1) * lanes], bar);
    }
}

fn add_row(target: &mut [f64], bar: &[f64]) {
    target.iter_mut().zip(bar).for_each(|(t, b)| *t += b);
}

pub(super) fn gather(
    rows: usize,
    row: usize,
    args: &[Arg],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let (source, index) = (args[0], args[1]);
    let Some(target) = bars.of(0, source.data.len()) else {
        return;
    };
    for (e, bar) in bar.chunks_exact(lanes).enumerate() {
        let (which, within) = (e / row, e % row);
        for (lane, b) in bar.iter().enumerate() {
            let i = index.at(which, lane, lanes);
            if i >= 0.0 && i < rows as f64 {
                target[(i as usize * row + within) * lanes + lane] += b;
            }
        }
    }
}

pub(super) fn pack(args: &[Arg], bar: &[f64], bars: &mut Bars, lanes: usize) {
    let mut start = 0;
    for (i, a) in args.iter().enumerate() {
        let numbers = a.len * lanes;
        if let Some(target) = bars.of(i, numbers) {
            add_row(target, &bar[start..start + numbers]);
        }
        start += numbers;
    }
}
