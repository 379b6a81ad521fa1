//! A term as the weighted sum of what is not itself a sum: `Σ wₑ · leaf[e] + constant`.
//!
//! The weights come from a sweep from the term downwards, as derivatives do. Sums, differences, signs, known factors,
//! reductions by sums, and choices of elements are passed through.

use std::collections::BTreeMap;

use super::classes::Classes;
use super::reach::Reach;
use crate::ir::{BinaryFn, Op, ReduceFn, UnaryFn};
use crate::trace::{NodeId, NoiseGraph};

/// Weights of a node's elements in a sum.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    /// Of all elements.
    All(f64),
    /// Of each; NaN for what is not summed.
    Each(Vec<f64>),
}

impl Weights {
    /// The weight of an element, if it is a summand.
    pub fn of(&self, element: usize) -> Option<f64> {
        match self {
            Weights::All(w) => Some(*w),
            Weights::Each(all) => Some(all[element]).filter(|w| !w.is_nan()),
        }
    }

    fn each(self, len: usize) -> Vec<f64> {
        match self {
            Weights::All(w) => vec![w; len],
            Weights::Each(all) => all,
        }
    }
}

/// A term taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Summands {
    /// What is summed, last nodes first.
    pub leaves: Vec<(NodeId, Weights)>,
    /// What no noise reaches.
    pub constant: f64,
}

/// The operands that a node is a weighted sum of; `None` where it is no sum.
pub(super) fn operands(graph: &NoiseGraph, id: NodeId) -> Option<Vec<NodeId>> {
    let node = graph.node(id);
    let factor = |a: NodeId| {
        let known = graph.constant(a)?;
        known.iter().all(|x| x.is_finite()).then_some(())
    };
    let args = &node.args;
    match &node.op {
        Op::Unary(UnaryFn::Neg) | Op::Take(_) | Op::Reduce(ReduceFn::Sum, _) => Some(vec![args[0]]),
        Op::Binary(BinaryFn::Add | BinaryFn::Sub) | Op::Pack => Some(args.clone()),
        Op::Binary(BinaryFn::Mul) if factor(args[1]).is_some() => Some(vec![args[0]]),
        Op::Binary(BinaryFn::Mul) if factor(args[0]).is_some() => Some(vec![args[1]]),
        Op::Binary(BinaryFn::Div) => {
            let known = graph.constant(args[1])?;
            let fine = known.iter().all(|x| x.recip().is_finite() && x.is_finite());
            fine.then(|| vec![args[0]])
        }
        _ => None,
    }
}

/// Takes a term's node apart.
pub(super) fn summands(graph: &NoiseGraph, classes: &Classes, root: NodeId) -> Summands {
    let mut found = Summands::default();
    let mut open: BTreeMap<NodeId, Weights> = BTreeMap::from([(root, Weights::All(1.0))]);
    while let Some((id, weights)) = open.pop_last() {
        let node = graph.node(id);
        if let Some(values) = graph.constant(id) {
            let sum = |(e, x): (usize, &f64)| weights.of(e).map_or(0.0, |w| w * x);
            found.constant += values.iter().enumerate().map(sum).sum::<f64>();
            continue;
        }
        let inner = operands(graph, id).filter(|_| !classes.uses[id.index()].value);
        let Some(inner) = inner else {
            found.leaves.push((id, weights));
            continue;
        };
        for (position, a) in node.args.iter().enumerate() {
            if inner.contains(a) {
                let here = passed(graph, id, position, &weights);
                add(graph, &mut open, *a, here);
            }
        }
    }
    found
}

fn add(graph: &NoiseGraph, open: &mut BTreeMap<NodeId, Weights>, id: NodeId, more: Weights) {
    let len = graph.node(id).shape.len();
    let sum = match (open.remove(&id), more) {
        (None, more) => more,
        (Some(Weights::All(a)), Weights::All(b)) => Weights::All(a + b),
        (Some(a), b) => {
            let both = a.each(len).into_iter().zip(b.each(len));
            Weights::Each(
                both.map(|(a, b)| match (a.is_nan(), b.is_nan()) {
                    (true, _) => b,
                    (_, true) => a,
                    _ => a + b,
                })
                .collect(),
            )
        }
    };
    open.insert(id, sum);
}

/// The weights that an operand's elements have through a node of the given weights.
fn passed(graph: &NoiseGraph, id: NodeId, position: usize, weights: &Weights) -> Weights {
    let node = graph.node(id);
    let len = graph.node(node.args[position]).shape.len();
    let factor = |e: usize| -> f64 {
        let known = |a: usize| {
            let values = graph.constant(node.args[a]);
            values.map_or(1.0, |v| v[if v.len() == 1 { 0 } else { e }])
        };
        match &node.op {
            Op::Unary(UnaryFn::Neg) => -1.0,
            Op::Binary(BinaryFn::Sub) if position == 1 => -1.0,
            Op::Binary(BinaryFn::Mul) => known(1 - position),
            Op::Binary(BinaryFn::Div) => 1.0 / known(1),
            _ => 1.0,
        }
    };
    let uniform = match &node.op {
        Op::Binary(BinaryFn::Mul | BinaryFn::Div) => {
            let other = graph.constant(node.args[1 - position]);
            other.is_none_or(|v| v.len() == 1)
        }
        Op::Take(_) | Op::Pack => false,
        _ => true,
    };
    let reach = Reach::of(graph, id);
    let once = len == node.shape.len() || matches!(node.op, Op::Reduce(..) | Op::Pack);
    if let (Weights::All(w), true, true) = (weights, uniform || node.op == Op::Pack, once) {
        return Weights::All(w * factor(0));
    }
    let mut all = vec![f64::NAN; len];
    for unit in 0..reach.units {
        if let Some(w) = weights.of(unit) {
            let w = w * factor(unit);
            reach.reads(unit, |a, e| {
                if a == position {
                    all[e] = if all[e].is_nan() { w } else { all[e] + w };
                }
            });
        }
    }
    Weights::Each(all)
}
