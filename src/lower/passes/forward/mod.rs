//! `forward`: the forward recursion over hidden states, written as loops and folds write it, becomes one operation.
//!
//! ```text
//! a₀ ─▶ + step ─▶ log Σ exp ─▶ + evidence₁ ─▶ a₁ ─▶ …  ─▶ a_T          ─▶     Forward(a₀, step, all evidence) ─▶ elements ─▶ a_t
//! ```
//! The sum over the state before is one reduction of a matrix, along either axis, or a pack of one reduction for each state.
//! Evidence that is the same function at every time is computed for all times at once.

mod links;
mod together;

use std::collections::HashMap;

use super::{Passes, Rewriter, Rewritten};
use crate::base::{Shape, Span};
use crate::ir::Op;
use crate::ir::forward::Forward;
use crate::trace::{NodeId, NoiseGraph};
use links::{Link, Matrix, chains};
use together::{all_of, full};

/// How often the graph is looked at again: a recursion may read the results of another.
const ROUNDS: usize = 4;

/// The same function, its recursions one operation each.
pub(super) fn gathered(mut old: Rewritten, passes: Passes) -> Rewritten {
    for _ in 0..ROUNDS {
        let chains = chains(&old);
        if chains.is_empty() {
            break;
        }
        old = Rewriting::new(&old, &chains, passes).done();
    }
    old
}

/// A graph on its way to one with recursions in one piece.
struct Rewriting<'a> {
    old: &'a Rewritten,
    chains: &'a [Vec<Link>],
    /// Results of recursions: which, and after how many steps.
    results: HashMap<NodeId, (usize, usize)>,
    /// The recursions that are there already.
    whole: Vec<Option<NodeId>>,
    places: Vec<Option<NodeId>>,
    new: Rewriter,
}

impl<'a> Rewriting<'a> {
    fn new(old: &'a Rewritten, chains: &'a [Vec<Link>], passes: Passes) -> Rewriting<'a> {
        let each = chains.iter().enumerate();
        let results = each.flat_map(|(c, chain)| {
            let steps = chain.iter().enumerate();
            steps.map(move |(t, l)| (l.to, (c, t + 1)))
        });
        Rewriting {
            old,
            chains,
            results: results.collect(),
            whole: vec![None; chains.len()],
            places: vec![None; old.graph.len()],
            new: Rewriter {
                passes,
                graph: NoiseGraph::default(),
                tabled: Vec::new(),
            },
        }
    }

    fn done(mut self) -> Rewritten {
        let old = self.old;
        old.roots.iter().for_each(|root| self.place(*root));
        let at = |id: &NodeId| self.places[id.index()];
        Rewritten {
            roots: self.old.roots.iter().filter_map(at).collect(),
            given: self
                .old
                .given
                .iter()
                .filter_map(|(id, columns)| Some((at(id)?, columns.clone())))
                .collect(),
            graph: self.new.graph,
        }
    }

    /// Brings a node over, and before it what it reads.
    fn place(&mut self, root: NodeId) {
        let mut stack = vec![root];
        while let Some(&id) = stack.last() {
            let waiting = stack.len();
            if self.places[id.index()].is_none() {
                let missing = |a: &NodeId| self.places[a.index()].is_none();
                let reads = self.reads(id);
                stack.extend(reads.into_iter().filter(missing));
            }
            if stack.len() > waiting {
                continue;
            }
            stack.pop();
            if self.places[id.index()].is_none() {
                self.places[id.index()] = Some(self.brought(id));
            }
        }
    }

    /// What has to stand before a node.
    fn reads(&self, id: NodeId) -> Vec<NodeId> {
        let Some(&(c, _)) = self.results.get(&id) else {
            return self.old.graph.node(id).args.clone();
        };
        if self.whole[c].is_some() {
            return Vec::new();
        }
        let chain = &self.chains[c];
        let evidence = chain.iter().filter_map(|l| l.evidence);
        let matrix = chain[0].matrix.nodes().iter().copied();
        evidence.chain(matrix).chain([chain[0].from]).collect()
    }

    fn brought(&mut self, id: NodeId) -> NodeId {
        let node = self.old.graph.node(id);
        let (shape, span) = (node.shape.clone(), node.span);
        if let Some(&(c, t)) = self.results.get(&id) {
            let whole = self.whole(c);
            let n = shape.len() as u32;
            let own = (t as u32 * n..(t as u32 + 1) * n).collect();
            return self.new.add(Op::Take(own), vec![whole], shape, span);
        }
        let args = node.args.iter().map(|a| self.at(*a)).collect();
        match &node.op {
            Op::Const(values) => self.new.graph.constant_node(values.clone(), shape, span),
            Op::Noise { first } => self.new.graph.noise(*first, shape, span),
            op if self.old.given.contains_key(&id) => {
                self.new.graph.push(op.clone(), args, shape, span)
            }
            op => self.new.graph.shared(op.clone(), args, shape, span),
        }
    }

    fn at(&self, id: NodeId) -> NodeId {
        self.places[id.index()].expect("what a node reads stands before it")
    }

    /// The operation that a recursion becomes.
    fn whole(&mut self, c: usize) -> NodeId {
        if let Some(id) = self.whole[c] {
            return id;
        }
        let chain = &self.chains[c];
        let last = self.old.graph.node(chain[chain.len() - 1].to);
        let (states, span) = (last.shape.len(), last.span);
        let start = self.at(chain[0].from);
        let step = self.step(&chain[0].matrix, states, span);
        let nothing = self.new.known(vec![0.0], span);
        let evidence: Vec<NodeId> = chain
            .iter()
            .map(|l| l.evidence.map_or(nothing, |e| self.at(e)))
            .collect();
        let evidence = all_of(&mut self.new, &evidence, states, span);
        let steps = chain.len();
        let id = self.new.add(
            Op::Forward(Forward { states, steps }),
            vec![start, step, evidence],
            Shape(vec![steps + 1, states]),
            span,
        );
        self.whole[c] = Some(id);
        id
    }

    /// The steps' logs as `[before, after]`.
    fn step(&mut self, matrix: &Matrix, states: usize, span: Span) -> NodeId {
        let columns = match matrix {
            Matrix::Rows(m) => {
                let m = self.at(*m);
                return full(&mut self.new, m, states * states, span);
            }
            Matrix::Columns(m) => {
                let m = self.at(*m);
                full(&mut self.new, m, states * states, span)
            }
            Matrix::Apart(columns) => {
                let columns: Vec<NodeId> = columns.iter().map(|c| self.at(*c)).collect();
                all_of(&mut self.new, &columns, states, span)
            }
        };
        let turned = (0..states * states)
            .map(|e| (e % states * states + e / states) as u32)
            .collect();
        let shape = Shape(vec![states, states]);
        self.new.add(Op::Take(turned), vec![columns], shape, span)
    }
}
