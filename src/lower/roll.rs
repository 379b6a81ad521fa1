//! Summands that one statement gives for each index, as one sum over an array.
//!
//! ```text
//!   log N(x[1] | x[0], s) + log N(x[2] | x[1], s) + …      becomes      Σ log N((x[1], x[2], …) | (x[0], x[1], …), s)
//! ```
//! Loops that carry a state are unrolled when they are traced: each step reads the one before. Where values are coordinates, nothing
//! of that is left, and what stands side by side is evaluated side by side.
//!
//! # Source
//! Superword-level parallelism: Larsen & Amarasinghe 2000.

use std::collections::HashMap;

use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, Op, ReduceFn};
use crate::trace::{NodeId, NoiseGraph, Term, TermKind};

/// Summands below which they stay as they are.
const FEW: usize = 4;
/// How far down operands are looked at.
const DEEPEST: usize = 64;

/// Makes one of those terms of a graph that do the same with other numbers.
pub(super) fn roll(graph: &mut NoiseGraph) {
    let terms = std::mem::take(&mut graph.terms);
    let mut rolling = Rolling {
        depth: Vec::with_capacity(graph.len()),
        graph,
        made: HashMap::new(),
    };
    rolling.measure();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<(Span, TermKind, u32), usize> = HashMap::new();
    for (t, term) in terms.iter().enumerate() {
        let alike = matches!(term.kind, TermKind::Observe | TermKind::Factor)
            && term.mask.is_none()
            && rolling.graph.node(term.node).shape.len() == 1;
        let new = groups.len();
        let depth = rolling.depth[term.node.index()];
        let group = match alike {
            true => *known.entry((term.span, term.kind, depth)).or_insert(new),
            false => new,
        };
        match groups.get_mut(group) {
            Some(group) => group.push(t),
            None => groups.push(vec![t]),
        }
    }
    let mut rolled = Vec::with_capacity(groups.len());
    for group in groups {
        let own: Vec<&Term> = group.iter().map(|&t| &terms[t]).collect();
        let nodes: Vec<NodeId> = own.iter().map(|t| t.node).collect();
        match nodes.len() < FEW || !rolling.are_alike(&nodes) {
            true => rolled.extend(own.into_iter().cloned()),
            false => {
                let all = rolling.array(&nodes, 0);
                rolled.push(Term {
                    node: rolling.sum(all, nodes.len()),
                    ..own[0].clone()
                });
            }
        }
    }
    graph.terms = rolled;
}

struct Rolling<'a> {
    graph: &'a mut NoiseGraph,
    /// Of each node, the longest way down to one without operands.
    depth: Vec<u32>,
    made: HashMap<Vec<NodeId>, NodeId>,
}

impl Rolling<'_> {
    /// Whether some single numbers come from one elementwise operation, and none from another of them.
    fn are_alike(&mut self, nodes: &[NodeId]) -> bool {
        self.measure();
        let (graph, depth) = (&self.graph, &self.depth);
        let first = graph.node(nodes[0]);
        elementwise(&first.op).is_some()
            && nodes.iter().all(|id| {
                let node = graph.node(*id);
                node.shape.len() == 1
                    && node.op == first.op
                    && depth[id.index()] == depth[nodes[0].index()]
            })
    }

    fn measure(&mut self) {
        for i in self.depth.len()..self.graph.len() {
            let args = &self.graph.node(NodeId::new(i)).args;
            let below = args.iter().map(|a| self.depth[a.index()] + 1).max();
            self.depth.push(below.unwrap_or(0));
        }
    }

    /// The array of some single numbers; the number itself where they are all the same one.
    fn array(&mut self, nodes: &[NodeId], down: usize) -> NodeId {
        if nodes.iter().all(|id| *id == nodes[0]) {
            return nodes[0];
        }
        if let Some(made) = self.made.get(nodes) {
            return *made;
        }
        let span = self.graph.node(nodes[0]).span;
        let shape = Shape(vec![nodes.len()]);
        let made = if let Some(known) = self.constants(nodes) {
            self.graph.constant_node(known.into(), shape, span)
        } else if let Some(first) = self.noise(nodes) {
            self.graph.noise(first, shape, span)
        } else if let Some((from, indices)) = self.elements(nodes) {
            let take = Op::Take(indices.into());
            self.graph.add(take, vec![from], shape, span)
        } else if down < DEEPEST && self.are_alike(nodes) {
            let op = elementwise(&self.graph.node(nodes[0]).op).expect("they are alike");
            let each = 0..self.graph.node(nodes[0]).args.len();
            let args = each.map(|i| {
                let operand = |id: &NodeId| self.graph.node(*id).args[i];
                let operands: Vec<NodeId> = nodes.iter().map(operand).collect();
                self.array(&operands, down + 1)
            });
            let args = args.collect();
            self.graph.add(op, args, shape, span)
        } else {
            self.graph.add(Op::Pack, nodes.to_vec(), shape, span)
        };
        self.made.insert(nodes.to_vec(), made);
        made
    }

    fn constants(&self, nodes: &[NodeId]) -> Option<Vec<f64>> {
        let number = |id: &NodeId| match self.graph.constant(*id)?[..] {
            [x] => Some(x),
            _ => None,
        };
        nodes.iter().map(number).collect()
    }

    /// The first of coordinates that follow each other.
    fn noise(&self, nodes: &[NodeId]) -> Option<usize> {
        let coordinate = |id: &NodeId| match self.graph.node(*id) {
            node if node.shape.len() != 1 => None,
            node => match node.op {
                Op::Noise { first } => Some(first),
                _ => None,
            },
        };
        let first = coordinate(&nodes[0])?;
        let mut each = nodes.iter().enumerate();
        each.all(|(i, id)| coordinate(id) == Some(first + i))
            .then_some(first)
    }

    /// Elements of one array.
    fn elements(&self, nodes: &[NodeId]) -> Option<(NodeId, Vec<u32>)> {
        let element = |id: &NodeId| {
            let node = self.graph.node(*id);
            match &node.op {
                Op::Take(indices) if indices.len() == 1 => Some((node.args[0], indices[0])),
                _ => None,
            }
        };
        let from = element(&nodes[0])?.0;
        let index = |id: &NodeId| element(id).filter(|e| e.0 == from).map(|e| e.1);
        let indices: Option<Vec<u32>> = nodes.iter().map(index).collect();
        Some((from, indices?))
    }

    /// The sum of `n` numbers, which may all be the same one.
    fn sum(&mut self, all: NodeId, n: usize) -> NodeId {
        let node = self.graph.node(all);
        let (len, span) = (node.shape.len(), node.span);
        if len == 1 {
            let times = self
                .graph
                .constant_node([n as f64].into(), Shape::scalar(), span);
            let op = Op::Binary(BinaryFn::Mul);
            return self.graph.add(op, vec![times, all], Shape::scalar(), span);
        }
        let axis = Axis {
            outer: 1,
            n,
            inner: 1,
        };
        let sum = Op::Reduce(ReduceFn::Sum, axis);
        self.graph.add(sum, vec![all], Shape::scalar(), span)
    }
}

/// An operation on single numbers, for each element of arrays.
fn elementwise(op: &Op) -> Option<Op> {
    match op {
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Transport(_) | Op::LogDensity(_) => {
            Some(op.clone())
        }
        Op::LogDensitySum(law, 1) => Some(Op::LogDensity(law.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::UnaryFn;

    /// (x[t] − x[t − 1] − 0.1 t)² of `n` coordinates, written out, with one summand of another kind.
    fn written_out(n: usize) -> NoiseGraph {
        let mut graph = NoiseGraph::with_room(4 * n);
        graph.dim = n;
        let (span, one) = (Span::default(), Shape::scalar);
        let x: Vec<NodeId> = (0..n).map(|t| graph.noise(t, one(), span)).collect();
        let sub = Op::Binary(BinaryFn::Sub);
        for t in 1..n {
            let off = graph.add(sub.clone(), vec![x[t], x[t - 1]], one(), span);
            let drift = graph.constant_node([0.1 * t as f64].into(), one(), span);
            let off = graph.add(sub.clone(), vec![off, drift], one(), span);
            let square = graph.add(Op::Unary(UnaryFn::Square), vec![off], one(), span);
            graph.terms.push(Term::factor(square, span));
        }
        graph.terms.push(Term::factor(x[0], span));
        graph
    }

    fn total(graph: &NoiseGraph) -> f64 {
        let roots: Vec<NodeId> = graph.terms.iter().map(|t| t.node).collect();
        let mut given = HashMap::new();
        graph.evaluate(&roots, &|c| (c as f64 * 0.7).sin(), &mut given);
        roots.iter().map(|r| given[r][0]).sum()
    }

    #[test]
    fn what_a_loop_wrote_out_becomes_one_sum_of_the_same_value() {
        let mut graph = written_out(9);
        let before = total(&graph);
        roll(&mut graph);
        assert_eq!(graph.terms.len(), 2);
        assert!((total(&graph) - before).abs() < 1e-14);
        let packs = graph.ids().filter(|id| graph.node(*id).op == Op::Pack);
        assert_eq!(packs.count(), 0);
    }

    #[test]
    fn a_few_summands_stay() {
        let mut graph = written_out(4);
        roll(&mut graph);
        assert_eq!(graph.terms.len(), 4);
    }
}
