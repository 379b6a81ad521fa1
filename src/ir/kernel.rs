//! Runs one operation over lanes.
//!
//! A register holds an array for every lane, `[element, lane]`: all lanes of element 0, then of element 1, and so on.
//! A known array has one value an element for all lanes. Elementwise operands have the result's length or one element.

use super::evidence::Evidence;
use super::law::{ArrayLaw, Law};
use super::matrix;
use super::normal;
use super::op::{Axis, BinaryFn, LawFn, Op, ReduceFn, ScanFn};
use super::{bernoulli_logit, cauchy, chain, coin, forward, product, reduce, unary};
use crate::base::Shape;
use crate::compute::special;
use crate::dist::Univariate;

/// An operand.
#[derive(Clone, Copy)]
pub struct Arg<'a> {
    /// `[len, lanes]`, or `[len]` where it is the same in all lanes.
    pub data: &'a [f64],
    /// Number of elements.
    pub len: usize,
    /// Whether it is the same in all lanes.
    pub uniform: bool,
}

/// One element of an operand, over the lanes.
#[derive(Clone, Copy)]
pub(super) enum Row<'a> {
    One(f64),
    Many(&'a [f64]),
}

impl<'a> Row<'a> {
    #[inline]
    pub(super) fn at(&self, lane: usize) -> f64 {
        match self {
            Row::One(x) => *x,
            Row::Many(xs) => xs[lane],
        }
    }

    /// The row as `width` numbers, written out into `room` where it is one number.
    #[inline]
    pub(super) fn spread<'b>(&self, width: usize, room: &'b mut Vec<f64>) -> &'b [f64]
    where
        'a: 'b,
    {
        match self {
            Row::One(x) => {
                room.clear();
                room.resize(width, *x);
                room
            }
            Row::Many(xs) => xs,
        }
    }
}

/// How an elementwise operation is walked: rows of numbers that stand side by side. With one lane that is all elements in
/// one row, so that a single execution runs over contiguous numbers too.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// Numbers in a row.
    pub width: usize,
    flat: bool,
}

impl Grid {
    /// For a result of `n` elements.
    #[inline]
    pub(super) fn new(n: usize, lanes: usize) -> Grid {
        match lanes {
            1 => Grid {
                width: n.max(1),
                flat: true,
            },
            _ => Grid {
                width: lanes,
                flat: false,
            },
        }
    }
}

impl<'a> Arg<'a> {
    /// A row of the grid.
    #[inline]
    pub(super) fn line(&self, grid: &Grid, row: usize) -> Row<'a> {
        match (grid.flat, self.len) {
            (true, 1) => Row::One(self.data[0]),
            (true, _) => Row::Many(&self.data[..grid.width]),
            (false, _) => self.row(row, grid.width),
        }
    }

    #[inline]
    pub(super) fn row(&self, element: usize, lanes: usize) -> Row<'a> {
        let e = if self.len == 1 { 0 } else { element };
        if self.uniform {
            Row::One(self.data[e])
        } else {
            Row::Many(&self.data[e * lanes..(e + 1) * lanes])
        }
    }

    #[inline]
    pub(super) fn at(&self, element: usize, lane: usize, lanes: usize) -> f64 {
        let e = if self.len == 1 { 0 } else { element };
        if self.uniform {
            self.data[e]
        } else {
            self.data[e * lanes + lane]
        }
    }

    /// One lane's array: where it stands, or copied to `room` where its numbers are apart.
    pub(super) fn of_lane<'b>(&self, lane: usize, lanes: usize, room: &'b mut Vec<f64>) -> &'b [f64]
    where
        'a: 'b,
    {
        if self.uniform || lanes == 1 {
            return self.data;
        }
        room.clear();
        room.extend(self.data.iter().skip(lane).step_by(lanes));
        room
    }
}

/// One lane of every operand.
pub(super) fn of_lane<'b>(
    args: &[Arg<'b>],
    lane: usize,
    lanes: usize,
    rooms: &'b mut [Vec<f64>],
) -> Vec<&'b [f64]> {
    let each = args.iter().zip(rooms);
    each.map(|(a, room)| a.of_lane(lane, lanes, room)).collect()
}

/// Computes `op` of `args` into `out: [element, lane]`. `Const` and `Noise` are not computed but loaded.
pub fn run(op: &Op, args: &[Arg], out: &mut [f64], lanes: usize) {
    match op {
        Op::Const(_) | Op::Noise { .. } => {}
        Op::Unary(f) => unary::run(*f, args[0], out, lanes),
        Op::Binary(f) => binary(*f, args[0], args[1], out, lanes),
        Op::Select => select(args, out, lanes),
        Op::Chain(steps) => chain::run(steps, args, out, lanes),
        Op::Take(indices) => take(indices, args[0], out, lanes),
        Op::Gather { rows, row } => gather(*rows, *row, args[0], args[1], out, lanes),
        Op::Pack => pack(args, out, lanes),
        Op::Reduce(ReduceFn::LogSumExp, axis) if lanes == 1 || !args[0].uniform => {
            reduce::log_sum_exp(*axis, args[0].data, out, lanes)
        }
        Op::Reduce(f, axis) => reduce(*f, *axis, args[0], out, lanes),
        Op::Scan(f, axis) => scan(*f, *axis, args[0], out, lanes),
        Op::Forward(f) => forward::run(f, args, out, lanes),
        Op::MatMul { m, k, n } => product::matmul([*m, *k, *n], args[0], args[1], out, lanes),
        Op::Dense(x, n) => product::dense(x, *n, args[0], out, lanes),
        Op::Cholesky(n) => by_lane(args, out, lanes, |a, o| matrix::cholesky(*n, a[0], o)),
        Op::SolveLower { n, m } => by_lane(args, out, lanes, |a, o| {
            matrix::solve_lower(*n, *m, a[0], a[1], o)
        }),
        Op::Solve { n, m } => by_lane(args, out, lanes, |a, o| {
            matrix::solve(*n, *m, a[0], a[1], o)
        }),
        Op::LogDet(n) => by_lane(args, out, lanes, |a, o| o[0] = matrix::log_det(*n, a[0])),
        Op::Transport(law) if normal::is_normal(law) => normal::transport(args, out, lanes),
        Op::Transport(law) if coin::is_coin(law) => {
            let last = coin::Last::default();
            law_each(args, out, lanes, |p, z| last.transport(law, p, z))
        }
        Op::Transport(law) => match cauchy::of_noise(law) {
            Some(of_noise) => cauchy::transport(of_noise, args, out, lanes),
            None => law_each(args, out, lanes, |p, z| law.transport(p, z)),
        },
        Op::LogDensity(law) if normal::is_normal(law) => normal::log_density(args, out, lanes),
        Op::LogDensitySum(law, n) if normal::is_normal(law) => {
            normal::log_density_sum(*n, args, out)
        }
        Op::LogDensity(law) if bernoulli_logit::is_bernoulli_logit(law) => {
            bernoulli_logit::log_density(args, out, lanes)
        }
        Op::LogDensitySum(law, n) if bernoulli_logit::is_bernoulli_logit(law) => {
            bernoulli_logit::log_density_sum(*n, args, out)
        }
        Op::LogDensity(law) => match Evidence::of(law) {
            Some(evidence) => evidence.log_density(args, out, lanes),
            None => log_density(law, args, out, lanes),
        },
        Op::LogDensitySum(law, n) => match Evidence::of(law) {
            Some(evidence) => evidence.log_density_sum(*n, args, out),
            None => log_density_sum(law, *n, args, out, lanes),
        },
        Op::LawFn(law, f) => law_each(args, out, lanes, |p, x| law_fn(law, *f, p, x)),
        Op::CellEdge(law) => law_each(args, out, lanes, |p, k| {
            cell_edge(law.log_cdf(p, k), law.log_ccdf(p, k))
        }),
        Op::ArrayTransport(law) => array_transport(law, args, out, lanes),
        Op::ArrayLogDensity(law) => array_log_density(law, args, out, lanes),
        Op::ArrayCellEdge(law) => array_cell_edge(law, args, out, lanes),
    }
}

fn binary(f: BinaryFn, a: Arg, b: Arg, out: &mut [f64], lanes: usize) {
    /// A loop of its own for each of the cheap ones: which it is must not be asked for every number.
    macro_rules! loops {
        ($($own:ident)*) => {
            match f {
                $(BinaryFn::$own => map2(a, b, out, lanes, |x, y| BinaryFn::$own.apply(x, y)),)*
                f => map2(a, b, out, lanes, |x, y| f.apply(x, y)),
            }
        };
    }
    loops!(Add Sub Mul Div Min Max Eq Ne Lt Le Gt Ge And Or)
}

#[inline]
fn map2(a: Arg, b: Arg, out: &mut [f64], lanes: usize, f: impl Fn(f64, f64) -> f64) {
    let grid = Grid::new(out.len() / lanes, lanes);
    for (e, o) in out.chunks_exact_mut(grid.width).enumerate() {
        match (a.line(&grid, e), b.line(&grid, e)) {
            (Row::One(x), Row::One(y)) => o.fill(f(x, y)),
            (Row::One(x), Row::Many(ys)) => o.iter_mut().zip(ys).for_each(|(o, &y)| *o = f(x, y)),
            (Row::Many(xs), Row::One(y)) => o.iter_mut().zip(xs).for_each(|(o, &x)| *o = f(x, y)),
            (Row::Many(xs), Row::Many(ys)) => {
                o.iter_mut()
                    .zip(xs.iter().zip(ys))
                    .for_each(|(o, (&x, &y))| *o = f(x, y));
            }
        }
    }
}

fn select(args: &[Arg], out: &mut [f64], lanes: usize) {
    let grid = Grid::new(out.len() / lanes, lanes);
    for (e, o) in out.chunks_exact_mut(grid.width).enumerate() {
        let (c, a, b) = (
            args[0].line(&grid, e),
            args[1].line(&grid, e),
            args[2].line(&grid, e),
        );
        for (lane, o) in o.iter_mut().enumerate() {
            let c = c.at(lane);
            // A condition that is not a number belongs to no arm.
            *o = if c.is_nan() {
                f64::NAN
            } else if c != 0.0 {
                a.at(lane)
            } else {
                b.at(lane)
            };
        }
    }
}

fn take(indices: &[u32], a: Arg, out: &mut [f64], lanes: usize) {
    for (&i, o) in indices.iter().zip(out.chunks_exact_mut(lanes)) {
        match a.row(i as usize, lanes) {
            Row::One(x) => o.fill(x),
            Row::Many(xs) => o.copy_from_slice(xs),
        }
    }
}

fn gather(rows: usize, row: usize, source: Arg, index: Arg, out: &mut [f64], lanes: usize) {
    for (e, o) in out.chunks_exact_mut(lanes).enumerate() {
        let (which, within) = (e / row, e % row);
        let index = index.row(which, lanes);
        for (lane, o) in o.iter_mut().enumerate() {
            let i = index.at(lane);
            let inside = i >= 0.0 && i < rows as f64;
            // `len == 1` means broadcast to Arg::at, which is right here too: a source of one element has one row of one.
            *o = if inside {
                source.at(i as usize * row + within, lane, lanes)
            } else {
                f64::NAN
            };
        }
    }
}

fn pack(args: &[Arg], out: &mut [f64], lanes: usize) {
    let mut rows = out.chunks_exact_mut(lanes);
    for a in args {
        for e in 0..a.len {
            let o = rows
                .next()
                .expect("a pack is as long as its operands together");
            match a.row(e, lanes) {
                Row::One(x) => o.fill(x),
                Row::Many(xs) => o.copy_from_slice(xs),
            }
        }
    }
}

fn reduce(f: ReduceFn, axis: Axis, a: Arg, out: &mut [f64], lanes: usize) {
    for outer in 0..axis.outer {
        for inner in 0..axis.inner {
            let o = &mut out[(outer * axis.inner + inner) * lanes..][..lanes];
            let rows = (0..axis.n).map(|i| a.row((outer * axis.n + i) * axis.inner + inner, lanes));
            match f {
                ReduceFn::Sum => fold(rows, o, 0.0, |acc, x| acc + x),
                ReduceFn::Prod => fold(rows, o, 1.0, |acc, x| acc * x),
                ReduceFn::Min => fold(rows, o, f64::INFINITY, |acc, x| BinaryFn::Min.apply(acc, x)),
                ReduceFn::Max => fold(rows, o, f64::NEG_INFINITY, |acc, x| {
                    BinaryFn::Max.apply(acc, x)
                }),
                ReduceFn::Any => fold(rows, o, 0.0, |acc, x| BinaryFn::Or.apply(acc, x)),
                ReduceFn::All => fold(rows, o, 1.0, |acc, x| BinaryFn::And.apply(acc, x)),
                ReduceFn::LogSumExp => log_sum_exp(rows, o),
                ReduceFn::ArgMin => arg_best(rows, o, |x, best| x < best),
                ReduceFn::ArgMax => arg_best(rows, o, |x, best| x > best),
            }
        }
    }
}

#[inline]
fn fold<'a>(
    rows: impl Iterator<Item = Row<'a>>,
    out: &mut [f64],
    start: f64,
    f: impl Fn(f64, f64) -> f64,
) {
    out.fill(start);
    for row in rows {
        match row {
            Row::One(x) => out.iter_mut().for_each(|o| *o = f(*o, x)),
            Row::Many(xs) => out.iter_mut().zip(xs).for_each(|(o, &x)| *o = f(*o, x)),
        }
    }
}

fn log_sum_exp<'a>(rows: impl Iterator<Item = Row<'a>> + Clone, out: &mut [f64]) {
    fold(rows.clone(), out, f64::NEG_INFINITY, |acc, x| {
        BinaryFn::Max.apply(acc, x)
    });
    for (lane, o) in out.iter_mut().enumerate() {
        let top = *o;
        if top.is_finite() {
            *o = top
                + rows
                    .clone()
                    .map(|r| (r.at(lane) - top).exp())
                    .sum::<f64>()
                    .ln();
        }
    }
}

fn arg_best<'a>(
    rows: impl Iterator<Item = Row<'a>> + Clone,
    out: &mut [f64],
    better: impl Fn(f64, f64) -> bool,
) {
    for (lane, o) in out.iter_mut().enumerate() {
        let mut best = (0usize, f64::NAN);
        for (i, row) in rows.clone().enumerate() {
            let x = row.at(lane);
            if i == 0 || better(x, best.1) {
                best = (i, x);
            }
        }
        *o = best.0 as f64;
    }
}

fn scan(f: ScanFn, axis: Axis, a: Arg, out: &mut [f64], lanes: usize) {
    let mut line = vec![0.0; axis.n];
    for outer in 0..axis.outer {
        for inner in 0..axis.inner {
            let at = |i: usize| (outer * axis.n + i) * axis.inner + inner;
            for lane in 0..lanes {
                line.iter_mut()
                    .enumerate()
                    .for_each(|(i, x)| *x = a.at(at(i), lane, lanes));
                scan_line(f, &mut line);
                line.iter()
                    .enumerate()
                    .for_each(|(i, &x)| out[at(i) * lanes + lane] = x);
            }
        }
    }
}

fn scan_line(f: ScanFn, line: &mut [f64]) {
    match f {
        ScanFn::CumSum => {
            let mut sum = 0.0;
            line.iter_mut().for_each(|x| {
                sum += *x;
                *x = sum;
            });
        }
        ScanFn::Sort => line.sort_by(f64::total_cmp),
        ScanFn::Softmax | ScanFn::LogSoftmax => {
            let total = special::logsumexp(line);
            line.iter_mut().for_each(|x| {
                *x -= total;
                if f == ScanFn::Softmax {
                    *x = x.exp();
                }
            });
        }
    }
}

/// For operations on whole arrays: one call a lane.
fn by_lane(args: &[Arg], out: &mut [f64], lanes: usize, f: impl Fn(&[&[f64]], &mut [f64])) {
    let mut rooms = vec![Vec::new(); args.len()];
    if lanes == 1 {
        return f(&of_lane(args, 0, 1, &mut rooms), out);
    }
    let mut result = vec![0.0; out.len() / lanes];
    for lane in 0..lanes {
        f(&of_lane(args, lane, lanes, &mut rooms), &mut result);
        let own = out.iter_mut().skip(lane).step_by(lanes);
        own.zip(&result).for_each(|(o, x)| *o = *x);
    }
}

/// Most parameters of a law over numbers.
pub(super) const MAX_PARAMS: usize = 16;

/// Elementwise over `(parameters…, x)`.
fn law_each(args: &[Arg], out: &mut [f64], lanes: usize, f: impl Fn(&[f64], f64) -> f64) {
    let (x, params) = args
        .split_last()
        .expect("a law's operation has a value operand");
    let mut p = [0.0; MAX_PARAMS];
    let mut rows = [Row::One(0.0); MAX_PARAMS];
    let grid = Grid::new(out.len() / lanes, lanes);
    for (e, o) in out.chunks_exact_mut(grid.width).enumerate() {
        rows.iter_mut()
            .zip(params)
            .for_each(|(r, a)| *r = a.line(&grid, e));
        let x = x.line(&grid, e);
        for (lane, o) in o.iter_mut().enumerate() {
            p.iter_mut()
                .zip(&rows[..params.len()])
                .for_each(|(p, r)| *p = r.at(lane));
            *o = f(&p[..params.len()], x.at(lane));
        }
    }
}

fn log_density(law: &Law, args: &[Arg], out: &mut [f64], lanes: usize) {
    law_each(args, out, lanes, |p, x| density(law, p, x));
}

fn log_density_sum(law: &Law, n: usize, args: &[Arg], out: &mut [f64], lanes: usize) {
    let (x, params) = args.split_last().expect("a density has a value operand");
    let mut p = [0.0; MAX_PARAMS];
    let mut rows = [Row::One(0.0); MAX_PARAMS];
    out.fill(0.0);
    for e in 0..n {
        rows.iter_mut()
            .zip(params)
            .for_each(|(r, a)| *r = a.row(e, lanes));
        let x = x.row(e, lanes);
        for (lane, o) in out.iter_mut().enumerate() {
            p.iter_mut()
                .zip(&rows[..params.len()])
                .for_each(|(p, r)| *p = r.at(lane));
            *o += density(law, &p[..params.len()], x.at(lane));
        }
    }
}

#[inline]
pub(super) fn density(law: &Law, p: &[f64], x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else {
        law.log_density(p, x)
    }
}

pub(super) fn law_fn(law: &Law, f: LawFn, p: &[f64], x: f64) -> f64 {
    match f {
        LawFn::Cdf => law.log_cdf(p, x).exp(),
        LawFn::LogCdf => law.log_cdf(p, x),
        LawFn::LogCcdf => law.log_ccdf(p, x),
        LawFn::Quantile => quantile(law, p, x),
        LawFn::Mean => law.mean(p),
        LawFn::Sd => law.sd(p),
        LawFn::ImproperCorrection => law.improper_correction(p, x),
        LawFn::LogMass => law.log_mass(p),
    }
}

/// A draw is finite; the quantiles at 0 and 1 are the ends of what may be drawn.
fn quantile(law: &Law, p: &[f64], x: f64) -> f64 {
    match x {
        0.0 if !law.is_discrete() => law.support(p).0,
        1.0 if !law.is_discrete() => law.support(p).1,
        _ => law.transport(p, special::inv_phi(x)),
    }
}

/// The noise z with Φ(z) = F, from the smaller tail.
pub(super) fn cell_edge(log_cdf: f64, log_ccdf: f64) -> f64 {
    if log_cdf < log_ccdf {
        special::inv_log_phi(log_cdf)
    } else {
        -special::inv_log_phi(log_ccdf)
    }
}

/// Calls `f(parameters of one of the batch, x of it, which)` for every lane.
fn each_of_batch(
    law: &ArrayLaw,
    args: &[Arg],
    x_len: usize,
    lanes: usize,
    mut f: impl FnMut(&[&[f64]], &[f64], usize, usize),
) {
    let mut rooms: Vec<Vec<f64>> = vec![Vec::new(); args.len()];
    for lane in 0..lanes {
        let inputs = of_lane(args, lane, lanes, &mut rooms);
        let (x, params) = inputs
            .split_last()
            .expect("a law's operation has a value operand");
        for b in 0..law.batch {
            let p: Vec<&[f64]> = params
                .iter()
                .zip(law.shapes.iter())
                .map(|(v, s)| part(v, s.len(), b))
                .collect();
            f(&p, part(x, x_len, b), b, lane);
        }
    }
}

/// The b-th of several parts of `len` elements; where there is only one, that one.
pub(super) fn part(v: &[f64], len: usize, b: usize) -> &[f64] {
    if v.len() == len {
        v
    } else {
        &v[b * len..(b + 1) * len]
    }
}

fn array_transport(law: &ArrayLaw, args: &[Arg], out: &mut [f64], lanes: usize) {
    let shapes: Vec<&Shape> = law.shapes.iter().collect();
    let mut value = vec![0.0; law.event];
    each_of_batch(law, args, law.noise, lanes, |p, z, b, lane| {
        law.dist.transport(p, &shapes, z, &mut value);
        value
            .iter()
            .enumerate()
            .for_each(|(e, &x)| out[(b * law.event + e) * lanes + lane] = x);
    });
}

fn array_log_density(law: &ArrayLaw, args: &[Arg], out: &mut [f64], lanes: usize) {
    let shapes: Vec<&Shape> = law.shapes.iter().collect();
    each_of_batch(law, args, law.event, lanes, |p, x, b, lane| {
        let failed = x.iter().any(|x| x.is_nan());
        out[b * lanes + lane] = if failed {
            f64::NAN
        } else {
            law.dist.log_density(p, &shapes, x)
        };
    });
}

fn array_cell_edge(law: &ArrayLaw, args: &[Arg], out: &mut [f64], lanes: usize) {
    let shapes: Vec<&Shape> = law.shapes.iter().collect();
    each_of_batch(law, args, 1, lanes, |p, k, b, lane| {
        let log_cdf = law.dist.log_cdf(p, &shapes, k[0]);
        out[b * lanes + lane] = cell_edge(log_cdf, special::log1mexp(log_cdf.min(0.0)));
    });
}
