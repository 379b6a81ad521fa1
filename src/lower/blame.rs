//! Which statement of a component lets an execution fail, and which operation it began with.

use std::collections::HashMap;

use super::component::Component;
use super::tape::{Block, Tape};
use super::target::Target;
use crate::base::{Shape, Span};
use crate::dist;
use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph, TermKind};

impl Component {
    /// For one execution, each term's log-weight and place: what blame is laid by. NaN is a failure.
    pub fn weights(&self, z: &[f64]) -> Vec<(TermKind, f64, Span)> {
        let mut block = Block::default();
        self.noise.run_lanes(z, 1, &mut block);
        self.terms
            .iter()
            .map(|t| (t.kind, self.weight(&self.noise, &block, t, 0, None), t.span))
            .collect()
    }

    /// The statement at which one execution fails numerically; what follows a weight of 0 is not executed.
    pub fn failure(&self, z: &[f64]) -> Option<(TermKind, Span)> {
        let weights = self.weights(z);
        let ends = |w: f64| w.is_nan() || w == f64::NEG_INFINITY;
        let (kind, weight, span) = weights.into_iter().find(|(_, w, _)| ends(*w))?;
        weight.is_nan().then_some((kind, span))
    }

    /// The first operation of a failing statement whose value is not a number though its operands are, with those.
    pub fn origin_of_failure(
        &self,
        graph: &NoiseGraph,
        statement: Span,
        z: &[f64],
    ) -> Option<(Span, String)> {
        let term = graph.terms.iter().find(|t| t.span == statement)?;
        let columns: HashMap<usize, usize> = self
            .coordinates
            .iter()
            .enumerate()
            .map(|(i, &c)| (c, i))
            .collect();
        // Noise of other components is at its median.
        let (row, median) = ([z, &[0.0]].concat(), self.dim());
        let column = |c: usize| columns.get(&c).copied().unwrap_or(median);
        origin(graph, term.node, &row, column)
    }
}

/// The first operation that a node is computed from whose value is not a number though its operands are, with those.
/// `column` says where in the row of noise a coordinate stands.
pub(super) fn origin(
    graph: &NoiseGraph,
    root: NodeId,
    row: &[f64],
    column: impl Fn(usize) -> usize,
) -> Option<(Span, String)> {
    let needed = graph.ancestors([root]);
    let ids: Vec<NodeId> = graph.ids().filter(|id| needed[id.index()]).collect();
    let tape = Tape::new(graph, &ids, row.len(), column, &HashMap::new());
    let mut block = Block::default();
    tape.run_lanes(row, 1, &mut block);
    let places: HashMap<NodeId, usize> = ids.iter().enumerate().map(|(i, &id)| (id, i)).collect();
    let element = |id: NodeId, e: usize| {
        let e = match graph.node(id).shape.len() {
            1 => 0,
            _ => e,
        };
        tape.value(&block, places[&id], e, 0)
    };
    for &id in &ids {
        let node = graph.node(id);
        let same = |a: &NodeId| {
            let len = graph.node(*a).shape.len();
            len <= 1 || len == node.shape.len()
        };
        let begins = |e: usize| {
            let mut read = node.args.iter().filter(|a| same(a));
            element(id, e).is_nan() && read.all(|a| !element(*a, e).is_nan())
        };
        if let Some(e) = (0..node.shape.len()).find(|&e| begins(e)) {
            let read = node.args.iter().filter(|a| same(a)).take(4);
            let values: Vec<String> = read.map(|a| format!("{:.6}", element(*a, e))).collect();
            if values.is_empty() {
                let origin = graph.nan_origin.clone();
                return origin.or(Some((node.span, "not a number".to_string())));
            }
            let params =
                |n: usize| -> Vec<f64> { node.args[..n].iter().map(|a| element(*a, e)).collect() };
            let computed = || format!("not a number: it was computed from {}", values.join(", "));
            let why = invalid_parameters(&node.op, params).unwrap_or_else(computed);
            return Some((node.span, why));
        }
    }
    None
}

/// Which parameter of a law over numbers is outside of its domain, in words. `params` gives the values of the first ones.
fn invalid_parameters(op: &Op, params: impl Fn(usize) -> Vec<f64>) -> Option<String> {
    let (Op::Transport(law) | Op::LogDensity(law) | Op::LogDensitySum(law, _)) = op else {
        return None;
    };
    let base = law.base();
    let values = params(dist::Describe::params(base).len());
    let apart: Vec<&[f64]> = values.chunks(1).collect();
    let scalar = Shape::scalar();
    let shapes = vec![&scalar; apart.len()];
    let checked = dist::check_params(&dist::Distribution::Scalar(base), &apart, &shapes);
    let (_, why) = checked.err()?;
    Some(format!("{}: {why}", dist::Describe::name(base)))
}
