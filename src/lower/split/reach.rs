//! What the elements of an operation's value are computed from.
//!
//! The elements fall into *units* that are computed together: the elements of an elementwise operation one by one, a line
//! of a scan, one of a batch of arrays, all of a matrix that is factored.

use crate::ir::{Axis, Op};
use crate::trace::{NodeId, NoiseGraph};

/// Products of known size up to this many multiplications are looked at element by element.
const MOST_PRODUCTS: usize = 1 << 20;

/// How an operation's elements fall into units.
#[derive(Clone, Debug)]
enum Way {
    Elementwise,
    Take,
    Pack(Vec<usize>),
    Reduce(Axis),
    Scan(Axis),
    Product { k: usize, n: usize },
    Rows(usize),
    Batch(usize),
    Whole,
}

/// The units of one operation.
#[derive(Clone, Debug)]
pub(super) struct Reach<'a> {
    op: &'a Op,
    lens: Vec<usize>,
    way: Way,
    len: usize,
    /// How many units there are.
    pub units: usize,
}

impl<'a> Reach<'a> {
    /// Of a node.
    pub fn of(graph: &'a NoiseGraph, id: NodeId) -> Reach<'a> {
        let node = graph.node(id);
        let lens: Vec<usize> = node.args.iter().map(|&a| len(graph, a)).collect();
        let way = way(graph, id, &lens);
        let len = node.shape.len();
        let units = match &way {
            Way::Scan(axis) => axis.outer * axis.inner,
            Way::Rows(row) => len / (*row).max(1),
            Way::Batch(each) => len / (*each).max(1),
            Way::Whole => 1,
            _ => len,
        };
        Reach {
            op: &node.op,
            lens,
            way,
            len,
            units,
        }
    }

    /// Of the parts whose sum a node is: those of [`Reach::of`] where it is no sum.
    pub fn apart(graph: &'a NoiseGraph, id: NodeId) -> Reach<'a> {
        let reach = Reach::of(graph, id);
        let parts = match reach.op {
            Op::LogDensitySum(_, n) => *n,
            Op::MatMul { m: 1, k, n: 1 } => *k,
            _ => return reach,
        };
        Reach {
            way: Way::Elementwise,
            len: parts,
            units: parts,
            ..reach
        }
    }

    /// Whether all elements are computed from all operands.
    pub fn is_whole(&self) -> bool {
        matches!(self.way, Way::Whole)
    }

    /// Whether an operand is read whole by every unit.
    pub fn shares(&self, operand: usize) -> bool {
        match self.way {
            Way::Whole => true,
            Way::Elementwise => self.lens[operand] == 1,
            Way::Rows(_) => operand == 0,
            _ => false,
        }
    }

    /// The unit of an element.
    pub fn unit(&self, element: usize) -> usize {
        match &self.way {
            Way::Scan(axis) => {
                let outer = element / (axis.n * axis.inner).max(1);
                outer * axis.inner + element % axis.inner.max(1)
            }
            Way::Rows(each) | Way::Batch(each) => element / (*each).max(1),
            Way::Whole => 0,
            _ => element,
        }
    }

    /// The elements of a unit, ascending.
    pub fn elements(&self, unit: usize, mut each: impl FnMut(usize)) {
        match &self.way {
            Way::Scan(axis) => line(axis, unit).for_each(each),
            Way::Rows(n) | Way::Batch(n) => (unit * n..(unit + 1) * n).for_each(each),
            Way::Whole => (0..self.len).for_each(each),
            _ => each(unit),
        }
    }

    /// What a unit reads: (operand, element), in the order in which the operation sees them.
    pub fn reads(&self, unit: usize, mut each: impl FnMut(usize, usize)) {
        match &self.way {
            Way::Elementwise => {
                for (a, len) in self.lens.iter().enumerate() {
                    each(a, if *len == 1 { 0 } else { unit });
                }
            }
            Way::Take => {
                if let Op::Take(indices) = self.op {
                    each(0, indices[unit] as usize);
                }
            }
            Way::Pack(ends) => {
                let a = ends.partition_point(|end| *end <= unit);
                each(a, unit - (ends[a] - self.lens[a]));
            }
            Way::Reduce(axis) => line(axis, unit).for_each(|e| each(0, e)),
            Way::Scan(axis) => line(axis, unit).for_each(|e| each(0, e)),
            Way::Product { k, n } => {
                let (row, column) = (unit / n, unit % n);
                (0..*k).for_each(|l| each(0, row * k + l));
                (0..*k).for_each(|l| each(1, l * n + column));
            }
            Way::Rows(_) => {
                (0..self.lens[0]).for_each(|e| each(0, e));
                each(1, unit);
            }
            Way::Batch(_) => {
                for (a, len) in self.lens.iter().enumerate() {
                    let one = self.part(a);
                    let start = if *len == one { 0 } else { unit * one };
                    (start..start + one).for_each(|e| each(a, e));
                }
            }
            Way::Whole => {
                for (a, len) in self.lens.iter().enumerate() {
                    (0..*len).for_each(|e| each(a, e));
                }
            }
        }
    }

    /// Elements of an operand that belong to one of a batch.
    fn part(&self, operand: usize) -> usize {
        let (law, last) = match self.op {
            Op::ArrayTransport(law) => (law, law.noise),
            Op::ArrayLogDensity(law) => (law, law.event),
            Op::ArrayCellEdge(law) => (law, 1),
            _ => return self.lens[operand],
        };
        let is_last = operand + 1 == self.lens.len();
        if is_last {
            last
        } else {
            law.shapes[operand].len()
        }
    }
}

fn len(graph: &NoiseGraph, id: NodeId) -> usize {
    graph.node(id).shape.len()
}

/// The elements of one line along an axis.
fn line(axis: &Axis, unit: usize) -> impl Iterator<Item = usize> {
    let (outer, i) = (unit / axis.inner.max(1), unit % axis.inner.max(1));
    let (n, inner) = (axis.n, axis.inner);
    (0..n).map(move |k| (outer * n + k) * inner + i)
}

fn way(graph: &NoiseGraph, id: NodeId, lens: &[usize]) -> Way {
    let node = graph.node(id);
    match &node.op {
        Op::Const(_)
        | Op::Noise { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Transport(_)
        | Op::LogDensity(_)
        | Op::LawFn(..)
        | Op::CellEdge(_) => Way::Elementwise,
        Op::Take(_) => Way::Take,
        Op::Pack => {
            let ends = lens.iter().scan(0, |sum, len| {
                *sum += len;
                Some(*sum)
            });
            Way::Pack(ends.collect())
        }
        Op::Reduce(_, axis) => Way::Reduce(*axis),
        Op::Scan(_, axis) => Way::Scan(*axis),
        Op::MatMul { m, k, n } if m * k * n <= MOST_PRODUCTS => Way::Product { k: *k, n: *n },
        Op::Gather { row, .. } if graph.constant(node.args[0]).is_some() => Way::Rows(*row),
        Op::ArrayTransport(law) if law.batch > 1 => Way::Batch(law.event),
        Op::ArrayLogDensity(law) if law.batch > 1 => Way::Batch(1),
        _ => Way::Whole,
    }
}
