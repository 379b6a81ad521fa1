//! The log-density of each observation apart: the parts whose sum, with factors, is log r.
//!
//! A statement that observes an array is one term of the log-weight, a sum; here it is taken apart again where it is
//! a sum over elements.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::tape::{Block, Tape};
use crate::base::{Shape, Span};
use crate::ir::{Op, ReduceFn};
use crate::trace::{NodeId, NoiseGraph, TermKind};

/// Log-densities of observations as a function of all noise.
pub struct Pointwise {
    tape: Tape,
    terms: Vec<Term>,
    dim: usize,
}

struct Term {
    node: usize,
    mask: Option<usize>,
    len: usize,
    observed: Option<Arc<str>>,
    span: Span,
}

/// What one variable, or one statement, contributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The observed variable, where there is one.
    pub observed: Option<Arc<str>>,
    /// The first statement that observes it.
    pub span: Span,
    /// Observations.
    pub len: usize,
    /// `[n, len]`, in nats; 0 where an execution does not reach the observation.
    pub values: Vec<f64>,
}

impl Pointwise {
    /// Takes the observations of a graph apart; those that no noise reaches too.
    pub fn new(graph: &NoiseGraph) -> Pointwise {
        let mut graph = graph.clone();
        let mut roots: Vec<NodeId> = Vec::new();
        let mut place = |id: NodeId| {
            roots.push(id);
            roots.len() - 1
        };
        let mut terms = Vec::new();
        let observed = graph.terms.clone();
        for term in observed.iter().filter(|t| t.kind == TermKind::Observe) {
            let node = apart(&mut graph, term.node);
            terms.push(Term {
                len: graph.node(node).shape.len(),
                node: place(node),
                mask: term.mask.map(&mut place),
                observed: term.observed.clone(),
                span: term.span,
            });
        }
        let tape = Tape::new(&graph, &roots, graph.dim, |c| c, &HashMap::new());
        Pointwise {
            tape,
            terms,
            dim: graph.dim,
        }
    }

    /// How many observations there are.
    pub fn len(&self) -> usize {
        self.terms.iter().map(|t| t.len).sum()
    }

    /// Of `n` executions, by variable in the order in which they are first observed. `z: [n, dim]` is all noise.
    pub fn scores(&self, z: &[f64], n: usize) -> Vec<Scores> {
        let width = self.len();
        let mut all = vec![0.0; n * width];
        let lanes = self.tape.lanes;
        all.par_chunks_mut((lanes * width).max(1))
            .enumerate()
            .for_each_init(Block::default, |block, (b, rows)| {
                let count = rows.len() / width.max(1);
                let first = b * lanes;
                let noise = &z[first * self.dim..(first + count) * self.dim];
                self.tape.run_lanes(noise, count, block);
                let chunks = rows.chunks_exact_mut(width).enumerate();
                chunks.for_each(|(lane, row)| self.lane(block, lane, row));
            });
        self.grouped(&all, n)
    }

    fn lane(&self, block: &Block, lane: usize, row: &mut [f64]) {
        let mut at = 0;
        for term in &self.terms {
            let reached = |m| self.tape.value(block, m, 0, lane) != 0.0;
            if term.mask.is_none_or(reached) {
                for (e, x) in row[at..at + term.len].iter_mut().enumerate() {
                    *x = self.tape.value(block, term.node, e, lane);
                }
            }
            at += term.len;
        }
    }

    /// Terms of one variable are one; a statement that observes none stands for itself.
    fn grouped(&self, all: &[f64], n: usize) -> Vec<Scores> {
        let width = self.len();
        let mut groups: Vec<(&Term, Vec<usize>)> = Vec::new();
        let mut at = 0;
        for term in &self.terms {
            let same = |t: &Term| match (&t.observed, &term.observed) {
                (None, None) => t.span == term.span,
                (a, b) => a == b,
            };
            let columns = at..at + term.len;
            at += term.len;
            match groups.iter_mut().find(|(t, _)| same(t)) {
                Some((_, held)) => held.extend(columns),
                None => groups.push((term, columns.collect())),
            }
        }
        let scores = |(term, columns): (&Term, Vec<usize>)| Scores {
            observed: term.observed.clone(),
            span: term.span,
            len: columns.len(),
            values: (0..n)
                .flat_map(|draw| columns.iter().map(move |c| all[draw * width + c]))
                .collect(),
        };
        groups.into_iter().map(scores).collect()
    }
}

/// The node whose elements a term is the sum of; the term itself where it is no such sum.
fn apart(graph: &mut NoiseGraph, id: NodeId) -> NodeId {
    let node = graph.node(id).clone();
    match node.op {
        Op::LogDensitySum(law, n) => {
            graph.add(Op::LogDensity(law), node.args, Shape::vector(n), node.span)
        }
        Op::Reduce(ReduceFn::Sum, axis) if axis.outer * axis.inner == 1 => node.args[0],
        _ => id,
    }
}
