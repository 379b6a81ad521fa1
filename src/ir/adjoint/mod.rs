//! The adjoint of each operation, over lanes: from the gradient with respect to a result to those of its operands.
//!
//! ```text
//! bar of the result ─▶ rule of the operation (operands and result at hand) ─▶ added to the bars of the operands
//! ```
//!
//! A bar of 0 gives 0 whatever the derivative is: what a `Select` or a mask has not taken may be infinite or no number at
//! all. Comparisons, rounding, indices and discrete transports carry nothing ([`carries`]).
//!
//! # Source
//! Griewank & Walther 2008, *Evaluating Derivatives*; matrices: Giles 2008, Murray 2016.

mod along;
mod elementwise;
mod laws;
mod linear;

pub(super) use elementwise::by_divisor;

use super::chain;
use super::forward::backward;
use super::kernel::Arg;
use super::op::{BinaryFn, LawFn, Op, ReduceFn, UnaryFn};
use super::strip::{SHORT, WIDTH, numbers, strips};
use crate::dist::ValueKind;

/// Bars of the operands of one operation, in one array.
pub struct Bars<'a> {
    /// `[element, lane]` of each operand that takes part.
    pub file: &'a mut [f64],
    /// The element of the file at which each operand's begin; `None` for what depends on no noise.
    pub at: &'a [Option<usize>],
    /// Numbers of an element.
    pub lanes: usize,
}

impl Bars<'_> {
    /// The bar of operand `i`, of `numbers` numbers.
    pub(super) fn of(&mut self, i: usize, numbers: usize) -> Option<&mut [f64]> {
        let start = self.at[i]? * self.lanes;
        Some(&mut self.file[start..start + numbers])
    }

    /// Adds to one number of the bar of operand `i`, if it takes part.
    pub(super) fn add(&mut self, i: usize, number: usize, value: f64) {
        if let Some(start) = self.at[i] {
            self.file[start * self.lanes + number] += value;
        }
    }

    /// Adds numbers to one lane of the bar of operand `i`, from element `first` on.
    fn add_lane(&mut self, i: usize, first: usize, lane: usize, numbers: &[f64]) {
        let Some(start) = self.at[i] else { return };
        let target = &mut self.file[(start + first) * self.lanes..];
        match self.lanes {
            1 => target.iter_mut().zip(numbers).for_each(|(t, x)| *t += x),
            lanes => target
                .iter_mut()
                .skip(lane)
                .step_by(lanes)
                .zip(numbers)
                .for_each(|(t, x)| *t += x),
        }
    }
}

/// What a bar contributes through a derivative: nothing where it is 0.
#[inline]
pub(super) fn times(bar: f64, derivative: f64) -> f64 {
    if bar == 0.0 { 0.0 } else { bar * derivative }
}

/// Whether a small change of operand `i` moves the operation's value.
pub fn carries(op: &Op, i: usize, n_args: usize) -> bool {
    use BinaryFn as B;
    use UnaryFn as U;
    let last = i + 1 == n_args;
    match op {
        Op::Unary(f) => !matches!(
            f,
            U::Not | U::Floor | U::Ceil | U::Round | U::Sign | U::Fixed
        ),
        Op::Binary(f) => !matches!(
            f,
            B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge | B::And | B::Or | B::FloorDiv
        ),
        Op::Select => i != 0,
        Op::Chain(steps) => steps.carries(i),
        Op::Gather { .. } => i == 0,
        Op::Reduce(f, _) => !matches!(
            f,
            ReduceFn::Any | ReduceFn::All | ReduceFn::ArgMin | ReduceFn::ArgMax
        ),
        Op::Transport(law) => !law.is_discrete(),
        Op::LogDensity(law) | Op::LogDensitySum(law, _) => !(last && law.is_discrete()),
        Op::LawFn(law, f) => match f {
            LawFn::Mean | LawFn::Sd => !last,
            LawFn::Quantile => !law.is_discrete(),
            _ => !(last && law.is_discrete()),
        },
        Op::CellEdge(_) => !last,
        Op::ArrayTransport(law) => law.dist.kind() == ValueKind::Real,
        Op::ArrayLogDensity(law) => !(last && law.dist.kind() != ValueKind::Real),
        Op::ArrayCellEdge(_) | Op::Const(_) | Op::Noise { .. } => false,
        Op::Take(_)
        | Op::Pack
        | Op::Scan(..)
        | Op::Forward(_)
        | Op::MatMul { .. }
        | Op::Dense(..)
        | Op::Cholesky(_)
        | Op::SolveLower { .. }
        | Op::Solve { .. }
        | Op::LogDet(_) => true,
    }
}

/// Adds to the bars of the operands of `op`. `out` is its value and `bar` the gradient with respect to it, both
/// `[element, lane]`.
pub fn run(op: &Op, args: &[Arg], out: &[f64], bar: &[f64], bars: &mut Bars, lanes: usize) {
    match op {
        Op::Const(_) | Op::Noise { .. } | Op::ArrayCellEdge(_) => {}
        Op::Unary(f) => elementwise::unary(*f, args[0], out, bar, bars),
        Op::Binary(f) => elementwise::binary(*f, args, out, bar, bars, lanes),
        Op::Select => elementwise::select(args, bar, bars, lanes),
        Op::Chain(steps) => chain::run_adjoint(steps, args, out, bar, bars, lanes),
        Op::Take(indices) => elementwise::take(indices, args[0], bar, bars, lanes),
        Op::Gather { rows, row } => elementwise::gather(*rows, *row, args, bar, bars, lanes),
        Op::Pack => elementwise::pack(args, bar, bars, lanes),
        Op::Reduce(f, axis) => along::reduce(*f, *axis, args[0], out, bar, bars, lanes),
        Op::Scan(f, axis) => along::scan(*f, *axis, args[0], out, bar, bars, lanes),
        Op::Forward(f) => backward::run(f, args, out, bar, bars, lanes),
        Op::MatMul { m, k, n } => linear::matmul([*m, *k, *n], args, bar, bars, lanes),
        Op::Dense(x, n) => linear::dense(x, *n, bar, bars, lanes),
        Op::Cholesky(n) => linear::cholesky(*n, args, out, bar, bars, lanes),
        Op::SolveLower { n, m } => linear::solve_lower([*n, *m], args, out, bar, bars, lanes),
        Op::Solve { n, m } => linear::solve([*n, *m], args, out, bar, bars, lanes),
        Op::LogDet(n) => linear::log_det(*n, args, bar, bars, lanes),
        Op::Transport(law) => laws::transport(law, args, out, bar, bars, lanes),
        Op::LogDensity(law) => laws::log_density(law, args, out.len() / lanes, bar, bars, lanes),
        Op::LogDensitySum(law, n) => laws::log_density(law, args, *n, bar, bars, lanes),
        Op::LawFn(law, f) => laws::law_fn(law, *f, args, out, bar, bars, lanes),
        Op::CellEdge(law) => laws::cell_edge(law, args, out, bar, bars, lanes),
        Op::ArrayTransport(law) => laws::array_transport(law, args, out, bar, bars, lanes),
        Op::ArrayLogDensity(law) => laws::array_log_density(law, args, bar, bars, lanes),
    }
}

/// Adds `bar · derivative(operands)` to the bar of operand `i`, elementwise over `n` elements with `N` operands; a broadcast
/// operand gets the sum.
pub(super) fn add_each<const N: usize>(
    bars: &mut Bars,
    i: usize,
    args: &[Arg],
    bar: Arg,
    n: usize,
    derivative: impl Fn([f64; N]) -> f64,
) {
    if bars.at[i].is_some() {
        match numbers(n, bars.lanes) {
            0..=SHORT => add_strips::<SHORT, N>(bars, i, args, bar, n, derivative),
            _ => add_strips::<WIDTH, N>(bars, i, args, bar, n, derivative),
        }
    }
}

fn add_strips<const ROOM: usize, const N: usize>(
    bars: &mut Bars,
    i: usize,
    args: &[Arg],
    bar: Arg,
    n: usize,
    derivative: impl Fn([f64; N]) -> f64,
) {
    let (len, lanes) = (args[i].len, bars.lanes);
    let mut rooms: [Option<[f64; ROOM]>; N] = [const { None }; N];
    let mut room: Option<[f64; ROOM]> = None;
    let mut each = [0.0; ROOM];
    for strip in strips(n, lanes) {
        let mut rest = rooms.iter_mut();
        let x: [&[f64]; N] = std::array::from_fn(|j| {
            let room = rest.next().expect("a room for each operand");
            strip.of_lazily(&args[j], room)
        });
        let bar = strip.of_lazily(&bar, &mut room);
        let each = &mut each[..strip.width];
        for (k, (e, b)) in each.iter_mut().zip(bar).enumerate() {
            *e = times(*b, derivative(std::array::from_fn(|j| x[j][k])));
        }
        strip.add(bars, i, len, each);
    }
}
