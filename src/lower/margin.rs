//! How far an execution is from meeting a condition: what a penalty is measured by while warming up.

use crate::base::Shape;
use crate::ir::{Axis, BinaryFn, Op, ReduceFn, UnaryFn};
use crate::trace::{NodeId, NoiseGraph};

/// A scalar node that is 0 where the condition holds and positive elsewhere.
pub fn margin(graph: &mut NoiseGraph, condition: NodeId) -> NodeId {
    let each = distance(graph, condition, true);
    let (n, span) = (graph.node(each).shape.len(), graph.node(condition).span);
    if n == 1 {
        return each;
    }
    graph.add(
        Op::Reduce(
            ReduceFn::Sum,
            Axis {
                outer: 1,
                n,
                inner: 1,
            },
        ),
        vec![each],
        Shape::scalar(),
        span,
    )
}

/// Elementwise distance from `condition == wanted`.
fn distance(graph: &mut NoiseGraph, condition: NodeId, wanted: bool) -> NodeId {
    let node = graph.node(condition).clone();
    let (args, span) = (node.args.clone(), node.span);
    let shape = node.shape.clone();
    let binary =
        |graph: &mut NoiseGraph, f, a, b| graph.add(Op::Binary(f), vec![a, b], shape.clone(), span);
    match (&node.op, wanted) {
        (Op::Unary(UnaryFn::Not), _) => distance(graph, args[0], !wanted),
        (Op::Binary(BinaryFn::And), true) | (Op::Binary(BinaryFn::Or), false) => {
            let (a, b) = (
                distance(graph, args[0], wanted),
                distance(graph, args[1], wanted),
            );
            binary(graph, BinaryFn::Add, a, b)
        }
        (Op::Binary(BinaryFn::And), false) | (Op::Binary(BinaryFn::Or), true) => {
            let (a, b) = (
                distance(graph, args[0], wanted),
                distance(graph, args[1], wanted),
            );
            binary(graph, BinaryFn::Min, a, b)
        }
        (Op::Binary(BinaryFn::Lt | BinaryFn::Le), true)
        | (Op::Binary(BinaryFn::Gt | BinaryFn::Ge), false) => {
            excess(graph, args[0], args[1], &shape, span)
        }
        (Op::Binary(BinaryFn::Gt | BinaryFn::Ge), true)
        | (Op::Binary(BinaryFn::Lt | BinaryFn::Le), false) => {
            excess(graph, args[1], args[0], &shape, span)
        }
        (Op::Binary(BinaryFn::Eq), true) | (Op::Binary(BinaryFn::Ne), false) => {
            let d = binary(graph, BinaryFn::Sub, args[0], args[1]);
            graph.add(Op::Unary(UnaryFn::Abs), vec![d], shape, span)
        }
        (Op::Reduce(ReduceFn::All, axis), true) | (Op::Reduce(ReduceFn::Any, axis), false) => {
            let each = distance(graph, args[0], wanted);
            graph.add(Op::Reduce(ReduceFn::Sum, *axis), vec![each], shape, span)
        }
        (Op::Reduce(ReduceFn::Any, axis), true) | (Op::Reduce(ReduceFn::All, axis), false) => {
            let each = distance(graph, args[0], wanted);
            graph.add(Op::Reduce(ReduceFn::Min, *axis), vec![each], shape, span)
        }
        // Nothing is known about how far it is.
        (_, true) => graph.add(Op::Unary(UnaryFn::Not), vec![condition], shape, span),
        (_, false) => condition,
    }
}

/// max(a − b, 0).
fn excess(
    graph: &mut NoiseGraph,
    a: NodeId,
    b: NodeId,
    shape: &Shape,
    span: crate::base::Span,
) -> NodeId {
    let d = graph.add(Op::Binary(BinaryFn::Sub), vec![a, b], shape.clone(), span);
    let zero = graph.constant_node([0.0].into(), Shape::scalar(), span);
    graph.add(
        Op::Binary(BinaryFn::Max),
        vec![d, zero],
        shape.clone(),
        span,
    )
}
