//! What a mask says about a condition: a test that is already decided for everybody here need not run both arms.
//!
//! A mask is a conjunction. Its parts decide a condition when they contain it, its negation, or a comparison of the
//! same number that settles it (`n == 3` settles `n == 2` and `n > 1`).

use super::graph::{NodeId, NoiseGraph};
use super::machine::Machine;
use crate::ir::{BinaryFn, Op, UnaryFn};

/// Conjunctions are followed this deep; a longer chain decides less, never wrongly.
const DEPTH: usize = 400;

impl Machine<'_> {
    /// Whether one condition is the negation of the other.
    pub(super) fn opposite(&self, a: NodeId, b: NodeId) -> bool {
        negated(&self.graph, a) == Some(b) || negated(&self.graph, b) == Some(a)
    }

    /// Whether a condition is the same for all executions at this point, and what it is.
    pub(super) fn implied(&self, c: NodeId) -> Option<bool> {
        let mut parts = vec![self.mask?];
        let mut seen = 0;
        while let Some(part) = parts.pop() {
            if let Some(decided) = decides(&self.graph, part, c) {
                return Some(decided);
            }
            seen += 1;
            let node = self.graph.node(part);
            if node.op == Op::Binary(BinaryFn::And) && seen < DEPTH {
                parts.extend(&node.args);
            }
        }
        None
    }
}

/// What the truth of `part` says about `c`.
fn decides(graph: &NoiseGraph, part: NodeId, c: NodeId) -> Option<bool> {
    if part == c {
        return Some(true);
    }
    if negated(graph, part) == Some(c) || negated(graph, c) == Some(part) {
        return Some(false);
    }
    let (x, known) = comparison(graph, part)?;
    let (y, asked) = comparison(graph, c)?;
    (x == y).then(|| known.settles(asked)).flatten()
}

fn negated(graph: &NoiseGraph, id: NodeId) -> Option<NodeId> {
    let node = graph.node(id);
    (node.op == Op::Unary(UnaryFn::Not)).then(|| node.args[0])
}

/// A set of whole numbers that a comparison with a constant leaves.
#[derive(Clone, Copy)]
enum Range {
    Exactly(f64),
    Above(f64),
    Below(f64),
}

impl Range {
    /// Whether lying here decides lying there. `Above` and `Below` exclude their bound.
    fn settles(self, asked: Range) -> Option<bool> {
        use Range::*;
        match (self, asked) {
            (Exactly(a), Exactly(b)) => Some(a == b),
            (Exactly(a), Above(b)) => Some(a > b),
            (Exactly(a), Below(b)) => Some(a < b),
            (Above(a), Above(b)) if a >= b => Some(true),
            (Below(a), Below(b)) if a <= b => Some(true),
            (Above(a), Exactly(b)) if b <= a => Some(false),
            (Below(a), Exactly(b)) if b >= a => Some(false),
            (Above(a), Below(b)) if b <= a => Some(false),
            (Below(a), Above(b)) if b >= a => Some(false),
            _ => None,
        }
    }
}

/// A scalar comparison of a node with a constant.
fn comparison(graph: &NoiseGraph, id: NodeId) -> Option<(NodeId, Range)> {
    let node = graph.node(id);
    let Op::Binary(f) = node.op else { return None };
    let constant = |i: usize| {
        graph
            .constant(node.args[i])
            .filter(|v| v.len() == 1)
            .map(|v| v[0])
    };
    match (constant(0), constant(1)) {
        (None, Some(k)) => Some((node.args[0], range(f, k)?)),
        (Some(k), None) => Some((node.args[1], range(mirrored(f)?, k)?)),
        _ => None,
    }
}

fn range(f: BinaryFn, k: f64) -> Option<Range> {
    match f {
        BinaryFn::Eq => Some(Range::Exactly(k)),
        BinaryFn::Gt => Some(Range::Above(k)),
        BinaryFn::Lt => Some(Range::Below(k)),
        _ => None,
    }
}

fn mirrored(f: BinaryFn) -> Option<BinaryFn> {
    match f {
        BinaryFn::Eq => Some(BinaryFn::Eq),
        BinaryFn::Gt => Some(BinaryFn::Lt),
        BinaryFn::Lt => Some(BinaryFn::Gt),
        _ => None,
    }
}
