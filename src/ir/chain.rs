//! Chains of elementwise operations, evaluated a piece of their elements at a time.
//!
//! ```text
//! one by one    t ─▶ −b t ─▶ exp ─▶ a · ─▶ + c       each arrow writes and reads an array of all elements
//! as a chain    a few hundred numbers of t ─▶ … ─▶ the same of the result; then the next few hundred
//! ```
//! What stands between stays in the nearest cache and is written nowhere else. The way back computes it again, piece by piece:
//! the operations that form chains are cheap ([`fits`]). Every number is what it is without the chain, for the kernels are
//! the same.

use std::ops::Range;

use super::adjoint::{self, Bars};
use super::kernel::{self, Arg};
use super::op::{BinaryFn, Op, UnaryFn};
use super::{Law, normal};

/// Numbers of a piece, over its elements and lanes.
const PIECE: usize = 1024;
/// Most operands of an operation in a chain.
const MAX_SOURCES: usize = 4;

/// Where a step has an operand from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// An operand of the chain.
    Operand(usize),
    /// The value of an earlier step.
    Step(usize),
}

/// One operation of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// Its operands.
    pub sources: Vec<Source>,
}

/// Elementwise operations in the order of their evaluation; the last one's value is the chain's.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// The operations, each as long as the chain.
    pub steps: Vec<Step>,
}

/// Whether an operation can be part of a chain: elementwise, and cheap enough to be done again on the way back.
pub fn fits(op: &Op) -> bool {
    use BinaryFn as B;
    use UnaryFn as U;
    match op {
        Op::Unary(f) => !matches!(
            f,
            U::Lgamma | U::Digamma | U::LogPhi | U::InvPhi | U::InvLogPhi | U::Logit
        ),
        Op::Binary(f) => !matches!(f, B::Pow | B::Rem | B::Atan2 | B::BetaFn),
        Op::Select => true,
        Op::Transport(law) | Op::LogDensity(law) => {
            matches!(law, Law::Plain(_)) && normal::is_normal(law)
        }
        _ => false,
    }
}

impl Chain {
    /// Whether a small change of operand `i` moves the chain's value.
    pub fn carries(&self, i: usize) -> bool {
        let moved = self.moved(|k| k == i);
        moved.last().copied().unwrap_or(false)
    }

    /// Which steps are moved by the chosen operands.
    fn moved(&self, chosen: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut moved: Vec<bool> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let n = step.sources.len();
            let by = |(k, source): (usize, &Source)| {
                let moves = match *source {
                    Source::Operand(i) => chosen(i),
                    Source::Step(j) => moved[j],
                };
                moves && adjoint::carries(&step.op, k, n)
            };
            let here = step.sources.iter().enumerate().any(by);
            moved.push(here);
        }
        moved
    }

    /// Computes the steps `which` of a piece into `room`, which holds the steps before them.
    fn run_piece(&self, which: Range<usize>, piece: &Piece, room: &mut [f64]) {
        for j in which {
            let (before, rest) = room.split_at_mut(j * piece.numbers());
            let out = &mut rest[..piece.numbers()];
            piece.with(&self.steps[j], before, |args| {
                kernel::run(&self.steps[j].op, args, out, piece.lanes);
            });
        }
    }
}

/// Some elements of the operands.
struct Piece<'a> {
    args: Vec<Arg<'a>>,
    elements: usize,
    lanes: usize,
}

impl<'a> Piece<'a> {
    fn of(args: &[Arg<'a>], elements: Range<usize>, lanes: usize) -> Piece<'a> {
        let part = |a: &Arg<'a>| {
            let numbers = if a.uniform { 1 } else { lanes };
            match a.len {
                1 => *a,
                _ => Arg {
                    data: &a.data[elements.start * numbers..elements.end * numbers],
                    len: elements.len(),
                    uniform: a.uniform,
                },
            }
        };
        Piece {
            args: args.iter().map(part).collect(),
            elements: elements.len(),
            lanes,
        }
    }

    fn numbers(&self) -> usize {
        self.elements * self.lanes
    }

    /// Calls `f` with a step's operands; `values` has the earlier steps.
    fn with(&self, step: &Step, values: &[f64], f: impl FnOnce(&[Arg])) {
        let mut args = [Arg {
            data: &[],
            len: 0,
            uniform: true,
        }; MAX_SOURCES];
        for (arg, source) in args.iter_mut().zip(&step.sources) {
            *arg = match *source {
                Source::Operand(i) => self.args[i],
                Source::Step(j) => Arg {
                    data: &values[j * self.numbers()..(j + 1) * self.numbers()],
                    len: self.elements,
                    uniform: false,
                },
            };
        }
        f(&args[..step.sources.len()]);
    }
}

/// The ranges of elements that pieces have.
fn pieces(n: usize, lanes: usize) -> (usize, impl Iterator<Item = Range<usize>>) {
    let most = (PIECE / lanes).max(1);
    let ranges = (0..n).step_by(most);
    (most, ranges.map(move |first| first..(first + most).min(n)))
}

/// Computes a chain of `args` into `out: [element, lane]`.
pub(super) fn run(chain: &Chain, args: &[Arg], out: &mut [f64], lanes: usize) {
    let last = chain.steps.len() - 1;
    let (most, ranges) = pieces(out.len() / lanes, lanes);
    let mut room = vec![0.0; last * most * lanes];
    for range in ranges {
        let out = &mut out[range.start * lanes..range.end * lanes];
        let piece = Piece::of(args, range, lanes);
        chain.run_piece(0..last, &piece, &mut room);
        piece.with(&chain.steps[last], &room, |args| {
            kernel::run(&chain.steps[last].op, args, out, lanes);
        });
    }
}

/// Adds the adjoints of a chain.
pub(super) fn run_adjoint(
    chain: &Chain,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let last = chain.steps.len() - 1;
    let (most, ranges) = pieces(out.len() / lanes, lanes);
    let way = Way::new(chain, args, bars.at, most);
    let mut room = vec![0.0; last * most * lanes];
    let mut file = vec![0.0; way.elements * lanes];
    for range in ranges {
        let numbers = range.start * lanes..range.end * lanes;
        let piece = Piece::of(args, range, lanes);
        chain.run_piece(0..last, &piece, &mut room);
        file[way.scalars * lanes..].fill(0.0);
        let steps = chain.steps.iter().enumerate().rev();
        for (j, step) in steps.filter(|(j, _)| way.steps[*j].is_some()) {
            let own = way.steps[j].unwrap_or(0) * lanes;
            let (before, rest) = file.split_at_mut(own);
            let (y, b) = match j == last {
                true => (&out[numbers.clone()], &bar[numbers.clone()]),
                false => (
                    &room[j * piece.numbers()..(j + 1) * piece.numbers()],
                    &rest[..piece.numbers()],
                ),
            };
            let mut own = Bars {
                file: before,
                at: &way.at[j],
                lanes,
            };
            piece.with(step, &room, |args| {
                adjoint::run(&step.op, args, y, b, &mut own, lanes);
            });
        }
        for (i, at) in way.operands.iter().enumerate() {
            if let Some(at) = at.filter(|at| *at >= way.scalars) {
                add(bars, i, numbers.clone(), &file[at * lanes..]);
            }
        }
    }
    for (i, at) in way.operands.iter().enumerate() {
        if let Some(at) = at.filter(|at| *at < way.scalars) {
            add(bars, i, 0..lanes, &file[at * lanes..]);
        }
    }
}

/// Adds to some numbers of the bar of operand `i`.
fn add(bars: &mut Bars, i: usize, numbers: Range<usize>, from: &[f64]) {
    if let Some(target) = bars.of(i, numbers.end) {
        let target = target[numbers].iter_mut();
        target.zip(from).for_each(|(t, x)| *t += x);
    }
}

/// Where each bar of a piece stands, in elements: those of single numbers first, for they are kept from piece to piece, then
/// those of the other operands, then those of the steps.
struct Way {
    operands: Vec<Option<usize>>,
    steps: Vec<Option<usize>>,
    /// For each step, where its operands' bars are.
    at: Vec<Vec<Option<usize>>>,
    /// Elements of single numbers.
    scalars: usize,
    /// All elements.
    elements: usize,
}

impl Way {
    fn new(chain: &Chain, args: &[Arg], taking_part: &[Option<usize>], most: usize) -> Way {
        let mut operands = vec![None; args.len()];
        let (mut scalars, mut elements) = (0, 0);
        for single in [true, false] {
            let here = (0..args.len()).filter(|&i| taking_part[i].is_some());
            for i in here.filter(|&i| (args[i].len == 1) == single) {
                operands[i] = Some(elements);
                elements += if single { 1 } else { most };
            }
            if single {
                scalars = elements;
            }
        }
        let moved = chain.moved(|i| taking_part[i].is_some());
        let place = |moved: &bool| {
            let at = elements;
            elements += if *moved { most } else { 0 };
            moved.then_some(at)
        };
        let steps: Vec<Option<usize>> = moved.iter().map(place).collect();
        let of_source = |source: &Source| match *source {
            Source::Operand(i) => operands[i],
            Source::Step(j) => steps[j],
        };
        let of_step = |step: &Step| {
            let n = step.sources.len();
            let each = step.sources.iter().enumerate();
            each.map(|(k, s)| of_source(s).filter(|_| adjoint::carries(&step.op, k, n)))
                .collect()
        };
        Way {
            at: chain.steps.iter().map(of_step).collect(),
            operands,
            steps,
            scalars,
            elements,
        }
    }
}
