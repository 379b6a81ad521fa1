//! Fingerprints by which components that are one function of their noise are found: the same operations on the same known
//! numbers and on the same coordinates, counted inside of each component.
//!
//! Two independent 64-bit halves: among a million components two different ones agree with probability 1e-26.

use super::classes::{Classes, Touch};
use super::reach::Reach;
use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph};

/// A fingerprint.
pub(super) type Print = u128;

const NOISE: Print = 1;
const KNOWN: Print = 2;
const ELEMENT: Print = 3;

/// Puts one thing after another.
pub(super) fn after(h: Print, x: Print) -> Print {
    const ODD: Print = 0x2d99_787f_4f2c_1d27_a25e_d30c_8be5_6cb1;
    let mut h = (h ^ x).wrapping_mul(ODD);
    h ^= h >> 67;
    h = h.wrapping_mul(ODD ^ 0x5bd1_e995_0000);
    h.rotate_left(53) ^ (h >> 61)
}

/// Of a text.
pub(super) fn of_text(text: &str) -> Print {
    text.bytes().fold(7, |h, b| after(h, b.into()))
}

/// Of numbers.
pub(super) fn of_numbers(x: &[f64]) -> Print {
    match x {
        [x] => number(*x),
        x => x.iter().fold(KNOWN, |h, x| after(h, x.to_bits().into())),
    }
}

fn number(x: f64) -> Print {
    after(KNOWN, x.to_bits().into())
}

/// Of a node, or of each of its elements.
#[derive(Clone, Debug)]
enum Prints {
    None,
    Whole(Print),
    Each(Vec<Print>),
}

/// Fingerprints of a graph's nodes.
pub(super) struct Alike<'a> {
    graph: &'a NoiseGraph,
    prints: Vec<Prints>,
}

impl<'a> Alike<'a> {
    /// `rank[c]` counts coordinate c inside of its component.
    pub fn of(graph: &'a NoiseGraph, classes: &Classes, rank: &[u32]) -> Alike<'a> {
        let mut alike = Alike {
            graph,
            prints: Vec::with_capacity(graph.len()),
        };
        for id in graph.ids() {
            let leaf = classes.is_leaf(graph, id);
            let used = classes.uses[id.index()].value || leaf;
            let known = graph.constant(id).is_some();
            let prints = match &classes.touches[id.index()] {
                _ if !used && !known => Prints::None,
                Touch::Each(_) => alike.each(id, leaf, rank),
                _ if alike.reads_elements(id) => alike.each(id, leaf, rank),
                _ => Prints::Whole(alike.whole(id, rank)),
            };
            alike.prints.push(prints);
        }
        alike
    }

    /// Whether an operand's elements have prints of their own, which its users' prints are to be made from.
    fn reads_elements(&self, id: NodeId) -> bool {
        let args = &self.graph.node(id).args;
        args.iter()
            .any(|a| matches!(self.prints[a.index()], Prints::Each(_)))
    }

    /// Of an element.
    pub fn element(&self, id: NodeId, e: usize) -> Print {
        match &self.prints[id.index()] {
            Prints::Each(all) => all[e],
            Prints::None => 0,
            Prints::Whole(whole) => match self.graph.constant(id) {
                Some(values) => number(values[e]),
                None if self.graph.node(id).shape.len() == 1 => *whole,
                None => after(after(*whole, ELEMENT), e as Print),
            },
        }
    }

    /// Of a whole node.
    pub fn node(&self, id: NodeId) -> Print {
        match &self.prints[id.index()] {
            Prints::Each(all) => all.iter().fold(ELEMENT, |h, x| after(h, *x)),
            Prints::None => 0,
            Prints::Whole(whole) => *whole,
        }
    }

    fn whole(&self, id: NodeId, rank: &[u32]) -> Print {
        let node = self.graph.node(id);
        let own = match &node.op {
            Op::Const(values) => return of_numbers(values),
            Op::Noise { first } => {
                let of = |c: usize| rank.get(c).copied().unwrap_or(u32::MAX);
                let all = (*first..first + node.shape.len()).map(of);
                return all.fold(NOISE, |h, c| after(h, c.into()));
            }
            Op::Take(indices) => indices
                .iter()
                .fold(of_text("Take"), |h, i| after(h, (*i).into())),
            op => of_text(&name(op, true)),
        };
        let shape = node.shape.dims().iter();
        let own = shape.fold(own, |h, n| after(h, *n as Print));
        node.args.iter().fold(own, |h, a| after(h, self.node(*a)))
    }

    fn each(&self, id: NodeId, leaf: bool, rank: &[u32]) -> Prints {
        let node = self.graph.node(id);
        if let Op::Noise { first } = node.op {
            let ranks = &rank[first..first + node.shape.len()];
            return Prints::Each(ranks.iter().map(|c| after(NOISE, (*c).into())).collect());
        }
        let reach = match leaf {
            true => Reach::apart(self.graph, id),
            false => Reach::of(self.graph, id),
        };
        let own = of_text(&name(&node.op, false));
        let moves = matches!(node.op, Op::Take(_) | Op::Pack);
        let mut all = vec![0; node.shape.len().max(reach.units)];
        for unit in 0..reach.units {
            let mut print = own;
            reach.reads(unit, |a, e| {
                let read = self.element(node.args[a], e);
                print = if moves { read } else { after(print, read) };
            });
            let mut k: Print = 0;
            reach.elements(unit, |e| {
                all[e] = if k == 0 { print } else { after(print, k) };
                k += 1;
            });
        }
        match all[..] {
            [one] if node.shape.len() == 1 && !leaf => Prints::Whole(one),
            _ => Prints::Each(all),
        }
    }
}

/// What an operation is, apart from its operands; without the number of its units where it is not looked at as a whole.
fn name(op: &Op, whole: bool) -> String {
    match op {
        Op::ArrayTransport(law) | Op::ArrayLogDensity(law) | Op::ArrayCellEdge(law) => {
            let kind = std::mem::discriminant(op);
            let batch = if whole { law.batch } else { 0 };
            let name = crate::dist::Describe::name(law.dist);
            format!("{kind:?} {name} {:?} {batch}", law.shapes)
        }
        op if whole => format!("{op:?}"),
        Op::Reduce(f, axis) => format!("Reduce {f:?} {}", axis.n),
        Op::Scan(f, axis) => format!("Scan {f:?} {}", axis.n),
        Op::LogDensitySum(law, _) => format!("LogDensity {law:?}"),
        Op::MatMul { .. } => "MatMul".to_string(),
        Op::Gather { row, .. } => format!("Gather {row}"),
        op => format!("{op:?}"),
    }
}
