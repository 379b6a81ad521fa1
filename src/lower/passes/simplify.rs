//! `simplify`: algebra that holds for every number, infinite ones and NaN among them.
//!
//! ```text
//! x + 0, x − 0, x · 1, x / 1, x ^ 1, − − x  ─▶  x            x ^ 2  ─▶  x²          x / c  ─▶  x · (1/c)
//! a + (− b)  ─▶  a − b                                       x ^ ½  ─▶  √x
//! elements of elements of x  ─▶  elements of x               all elements of x in order  ─▶  x
//! ```
//! What would turn an infinity or NaN into a number (x · 0, log eˣ) stays.

use std::sync::Arc;

use super::Rewriter;
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, Op, ReduceFn, UnaryFn};
use crate::trace::NodeId;

/// The node that an operation is already, or one that is simpler.
pub(super) fn simplified(
    r: &mut Rewriter,
    op: &Op,
    args: &[NodeId],
    shape: &Shape,
    span: Span,
) -> Option<NodeId> {
    match op {
        Op::Binary(f) => binary(r, *f, args[0], args[1], shape, span),
        Op::Unary(UnaryFn::Neg) => {
            let node = r.graph.node(args[0]);
            matches!(node.op, Op::Unary(UnaryFn::Neg)).then(|| node.args[0])
        }
        Op::Take(indices) => elements(r, indices, args[0], shape, span),
        Op::Pack if args.len() == 1 => Some(args[0]),
        Op::Reduce(f, axis) if axis.n == 1 => sum_of_one(*f, args[0]),
        _ => None,
    }
}

/// The sum, product or extreme of one number.
fn sum_of_one(f: ReduceFn, x: NodeId) -> Option<NodeId> {
    use ReduceFn as R;
    matches!(f, R::Sum | R::Prod | R::LogSumExp).then_some(x)
}

fn binary(
    r: &mut Rewriter,
    f: BinaryFn,
    a: NodeId,
    b: NodeId,
    shape: &Shape,
    span: Span,
) -> Option<NodeId> {
    use BinaryFn as B;
    let whole = |r: &Rewriter, x: NodeId| (r.len(x) == shape.len()).then_some(x);
    let (left, right) = (all(r, a), all(r, b));
    match (f, left, right) {
        // Of zeros, only the one that is added to leaves −0 as it is; 0 and −0 weigh the same.
        (B::Add | B::Sub, _, Some(0.0)) | (B::Mul | B::Div | B::Pow, _, Some(1.0)) => whole(r, a),
        (B::Add, Some(0.0), _) | (B::Mul, Some(1.0), _) => whole(r, b),
        (B::Pow, None, Some(2.0)) if whole(r, a).is_some() => {
            Some(r.add(Op::Unary(UnaryFn::Square), vec![a], shape.clone(), span))
        }
        (B::Pow, None, Some(0.5)) if whole(r, a).is_some() => {
            Some(r.add(Op::Unary(UnaryFn::Sqrt), vec![a], shape.clone(), span))
        }
        (B::Div, None, Some(c)) if c.is_normal() && (1.0 / c).is_normal() => {
            let inverse = r.known(vec![1.0 / c], span);
            Some(r.add(Op::Binary(B::Mul), vec![a, inverse], shape.clone(), span))
        }
        (B::Add, ..) => {
            negated(r, b).map(|b| r.add(Op::Binary(B::Sub), vec![a, b], shape.clone(), span))
        }
        (B::Sub, ..) => {
            negated(r, b).map(|b| r.add(Op::Binary(B::Add), vec![a, b], shape.clone(), span))
        }
        _ => None,
    }
}

/// x where a node is −x.
fn negated(r: &Rewriter, id: NodeId) -> Option<NodeId> {
    let node = r.graph.node(id);
    matches!(node.op, Op::Unary(UnaryFn::Neg)).then(|| node.args[0])
}

/// The one number that all elements of a known array are.
fn all(r: &Rewriter, id: NodeId) -> Option<f64> {
    let values = r.constant(id)?;
    let first = *values.first()?;
    values.iter().all(|x| *x == first).then_some(first)
}

fn elements(
    r: &mut Rewriter,
    indices: &Arc<[u32]>,
    source: NodeId,
    shape: &Shape,
    span: Span,
) -> Option<NodeId> {
    let n = r.len(source);
    if n == indices.len() && (n == 1 || indices.iter().enumerate().all(|(k, &i)| i as usize == k)) {
        return Some(source);
    }
    let node = r.graph.node(source);
    let (Op::Take(inner), inside) = (&node.op, node.args.first().copied()?) else {
        return None;
    };
    let composed: Arc<[u32]> = indices
        .iter()
        .map(|&i| inner[if inner.len() == 1 { 0 } else { i as usize }])
        .collect();
    Some(r.add(Op::Take(composed), vec![inside], shape.clone(), span))
}
