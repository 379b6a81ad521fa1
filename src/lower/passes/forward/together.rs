//! Nodes that are alike, one after another in one node: what is the same function of its time is computed for all times at once.

use super::super::Rewriter;
use crate::base::{Shape, Span};
use crate::ir::Op;
use crate::trace::NodeId;

/// How deep into operands it is looked.
const DEPTH: usize = 16;

/// A node, written out where it is one number for all.
pub(super) fn full(r: &mut Rewriter, id: NodeId, len: usize, span: Span) -> NodeId {
    if r.len(id) == len {
        return id;
    }
    let shape = Shape(vec![len]);
    r.add(Op::Take(vec![0; len].into()), vec![id], shape, span)
}

/// Parts of `width` elements, or of one that stands for as many, one after another.
pub(super) fn all_of(r: &mut Rewriter, parts: &[NodeId], width: usize, span: Span) -> NodeId {
    let id = joined(r, parts, width, span, DEPTH);
    full(r, id, parts.len() * width, span)
}

/// As [`all_of`], or one number where that is all.
fn joined(r: &mut Rewriter, parts: &[NodeId], width: usize, span: Span, depth: usize) -> NodeId {
    let shape = Shape(vec![parts.len() * width]);
    if parts.iter().all(|p| *p == parts[0]) {
        return match r.len(parts[0]) {
            1 => parts[0],
            _ => {
                let again = (0..shape.len()).map(|e| (e % width) as u32).collect();
                r.add(Op::Take(again), vec![parts[0]], shape, span)
            }
        };
    }
    if let Some(values) = known(r, parts, width) {
        return r.known(values, span);
    }
    if let Some((source, indices)) = taken(r, parts, width) {
        return r.add(Op::Take(indices.into()), vec![source], shape, span);
    }
    let alike = (depth > 0).then(|| same_function(r, parts)).flatten();
    if let Some((op, operands)) = alike {
        let args: Vec<NodeId> = operands
            .iter()
            .map(|each| joined(r, each, width, span, depth - 1))
            .collect();
        if args.iter().any(|a| r.len(*a) == shape.len()) {
            return r.add(op, args, shape, span);
        }
    }
    let args = parts.iter().map(|p| full(r, *p, width, span)).collect();
    r.add(Op::Pack, args, shape, span)
}

/// The numbers of known parts.
fn known(r: &Rewriter, parts: &[NodeId], width: usize) -> Option<Vec<f64>> {
    let mut all = Vec::with_capacity(parts.len() * width);
    for p in parts {
        match r.constant(*p)? {
            [x] => all.extend(std::iter::repeat_n(*x, width)),
            values => all.extend(values),
        }
    }
    Some(all)
}

/// The source of parts that are elements of one array, and which elements they are.
fn taken(r: &Rewriter, parts: &[NodeId], width: usize) -> Option<(NodeId, Vec<u32>)> {
    let source = *r.graph.node(parts[0]).args.first()?;
    let mut all = Vec::with_capacity(parts.len() * width);
    for p in parts {
        let node = r.graph.node(*p);
        let Op::Take(indices) = &node.op else {
            return None;
        };
        if node.args[0] != source {
            return None;
        }
        match indices[..] {
            [i] => all.extend(std::iter::repeat_n(i, width)),
            _ => all.extend(indices.iter()),
        }
    }
    Some((source, all))
}

/// The elementwise operation that all parts are, and its operands: for each place, those of all parts.
fn same_function(r: &Rewriter, parts: &[NodeId]) -> Option<(Op, Vec<Vec<NodeId>>)> {
    let first = r.graph.node(parts[0]);
    let elementwise = matches!(
        first.op,
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::LogDensity(_) | Op::LawFn(..)
    );
    let same = |p: &NodeId| r.graph.node(*p).op == first.op;
    if !elementwise || !parts.iter().all(same) {
        return None;
    }
    let operand = |i: usize| parts.iter().map(|p| r.graph.node(*p).args[i]).collect();
    Some((
        first.op.clone(),
        (0..first.args.len()).map(operand).collect(),
    ))
}
