//! `simplify`: algebra that holds for every number, infinite ones and NaN among them.
//!
//! ```text
//! x + 0, x − 0, x · 1, x / 1, x ^ 1, − − x  ─▶  x            x ^ 2  ─▶  x²          x / c  ─▶  x · (1/c)
//! a + (− b)  ─▶  a − b                                       x ^ ½  ─▶  √x
//! elements of one operand of a pack  ─▶  elements of it      elements of x, one after another, packed  ─▶  elements of x
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
        Op::Pack => put_together(r, args, shape, span),
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
    let (inside, composed) = match &node.op {
        Op::Take(inner) => {
            let inner = |i: u32| inner[if inner.len() == 1 { 0 } else { i as usize }];
            (node.args[0], indices.iter().map(|&i| inner(i)).collect())
        }
        Op::Pack => within_one(r, &node.args, indices)?,
        _ => return None,
    };
    Some(r.add(Op::Take(composed), vec![inside], shape.clone(), span))
}

/// The operand of a pack that all of some elements are in, and which elements of it they are.
fn within_one(r: &Rewriter, parts: &[NodeId], indices: &[u32]) -> Option<(NodeId, Arc<[u32]>)> {
    let first = *indices.first()? as usize;
    let mut start = 0;
    let part = *parts.iter().find(|p| {
        start += r.len(**p);
        first < start
    })?;
    let len = r.len(part);
    let own = start - len..start;
    let inside = indices.iter().all(|i| own.contains(&(*i as usize)));
    inside.then(|| (part, indices.iter().map(|i| i - own.start as u32).collect()))
}

/// A pack of nothing but elements of one array.
fn put_together(r: &mut Rewriter, args: &[NodeId], shape: &Shape, span: Span) -> Option<NodeId> {
    let source = match r.graph.node(*args.first()?) {
        node if matches!(node.op, Op::Take(_)) => node.args[0],
        _ => return None,
    };
    let mut all = Vec::with_capacity(shape.len());
    for &a in args {
        match r.graph.node(a) {
            node if node.args.first() == Some(&source) => match &node.op {
                Op::Take(indices) => all.extend(indices.iter().copied()),
                _ => return None,
            },
            _ => return None,
        }
    }
    (all.len() == shape.len())
        .then(|| r.add(Op::Take(all.into()), vec![source], shape.clone(), span))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::lower::passes::{Passes, rewrite};
    use crate::trace::NoiseGraph;

    #[test]
    fn elements_of_packs_are_what_was_packed() {
        let (mut g, span) = (NoiseGraph::default(), Span::default());
        let a = g.noise(0, Shape::vector(3), span);
        let b = g.noise(3, Shape::vector(2), span);
        let mut op = |op, args: &[NodeId], n| g.push(op, args.to_vec(), Shape::vector(n), span);
        let take = |indices: &[u32]| Op::Take(indices.into());
        let pack = op(Op::Pack, &[a, b], 5);
        let whole = op(take(&[3, 4]), &[pack], 2);
        let some = op(take(&[2, 1]), &[pack], 2);
        let both = op(take(&[2, 3]), &[pack], 2);
        let (head, tail) = (op(take(&[0]), &[a], 1), op(take(&[1, 2]), &[a], 2));
        let again = op(Op::Pack, &[head, tail], 3);
        let passes = Passes::parse("simplify, dead").unwrap();
        let roots = [whole, some, both, again];
        let done = rewrite(passes, &g, &roots, &HashMap::new(), |_| true);
        let node = |k: usize| done.graph.node(done.roots[k]);
        assert_eq!(node(0).op, Op::Noise { first: 3 });
        assert_eq!(node(1).op, take(&[2, 1]));
        assert_eq!(done.graph.node(node(1).args[0]).op, Op::Noise { first: 0 });
        assert_eq!(done.graph.node(node(2).args[0]).op, Op::Pack);
        assert_eq!(node(3).op, Op::Noise { first: 0 });
    }
}
