//! Rewrites of a component's graph that leave its values as they are.
//!
//! ```text
//! nodes that the roots need, operands first
//!   ──▶ fold ──▶ simplify ──▶ stats ──▶ gemm ──▶ tables ──▶ cse ──▶ forward ──▶ fuse ──▶ the same function in fewer and cheaper steps
//! ```
//! One walk: each node, its operands already rewritten, goes through the passes that are on; `forward` and
//! `fuse` then look at the whole. Values agree with those of the
//! unrewritten graph within 1e-12, relative to the sizes of what is summed. The tracer itself folds what is known and shares
//! equal operations, for loops and branches need known values; `fold` and `cse` do it again for what the other passes make.

mod forward;
mod fuse;
mod gemm;
mod simplify;
mod stats;
mod tables;
mod triangle;

use std::collections::HashMap;

use crate::base::{Shape, Span};
use crate::ir::{Law, Op};
use crate::trace::{NodeId, NoiseGraph};

/// Which passes run; all of them where nothing else is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    on: u16,
}

/// Names of the passes, and what each does.
pub const PASSES: [(&str, &str); 12] = [
    ("fold", "operations on known numbers are done once"),
    ("cse", "equal operations on equal operands are done once"),
    ("dead", "what reaches no weight is left out"),
    (
        "simplify",
        "algebra: x + 0, x · 1, x ^ 2, choices of choices of elements",
    ),
    (
        "stats",
        "a plate of evidence becomes a formula in sums over its data",
    ),
    ("gemm", "products with known matrices run over panels"),
    (
        "plates",
        "loops over data without carried state become plates",
    ),
    (
        "fuse",
        "chains of elementwise operations on long arrays run piece by piece",
    ),
    (
        "split",
        "plates and sums are taken apart into independent components; alike ones are inferred once",
    ),
    (
        "forward",
        "recursions of log Σ exp over hidden states run as one operation",
    ),
    (
        "arms",
        "arms of chance are evaluated in the executions that take them only",
    ),
    ("tables", "transports of laws of known shape are looked up"),
];

impl Default for Passes {
    fn default() -> Passes {
        Passes { on: 0xfff }
    }
}

impl Passes {
    /// None of them.
    pub const NONE: Passes = Passes { on: 0 };

    /// From names with commas between them; nothing between them is no pass, and `all` is all of them.
    ///
    /// # Errors
    /// The first name that is no pass's.
    pub fn parse(text: &str) -> Result<Passes, String> {
        if text.trim() == "all" {
            return Ok(Passes::default());
        }
        let mut passes = Passes::NONE;
        let names = text.split(',').map(str::trim);
        for name in names.filter(|n| !n.is_empty() && *n != "none") {
            let place = PASSES.iter().position(|(n, _)| *n == name);
            passes.on |= 1 << place.ok_or_else(|| name.to_string())?;
        }
        Ok(passes)
    }

    /// The k-th subset of the passes, of 4096.
    #[cfg(test)]
    pub fn subset(k: u16) -> Passes {
        Passes { on: k }
    }

    /// Whether a pass runs.
    pub fn has(&self, name: &str) -> bool {
        let place = PASSES.iter().position(|(n, _)| *n == name);
        place.is_some_and(|i| self.on & (1 << i) != 0)
    }
}

/// A graph on its way through the passes.
pub(super) struct Rewriter {
    passes: Passes,
    graph: NoiseGraph,
    /// Laws that have a table.
    tabled: Vec<Law>,
}

/// What the passes made of some roots.
pub(super) struct Rewritten {
    /// The new graph.
    pub graph: NoiseGraph,
    /// Where the roots are in it.
    pub roots: Vec<NodeId>,
    /// Where the given nodes are.
    pub given: HashMap<NodeId, Vec<usize>>,
}

/// Rewrites what `roots` need. `given` nodes are left alone: a tape may load their values.
///
/// `within(c)` says whether noise coordinate c is there to be read: without `dead`, all nodes that read no other are kept.
pub(super) fn rewrite(
    passes: Passes,
    old: &NoiseGraph,
    roots: &[NodeId],
    given: &HashMap<NodeId, Vec<usize>>,
    within: impl Fn(usize) -> bool,
) -> Rewritten {
    let mut needed = old.ancestors(roots.iter().copied());
    if !passes.has("dead") {
        keep_all(old, &mut needed, within);
    }
    let count = needed.iter().filter(|n| **n).count();
    let mut rewriter = Rewriter {
        passes,
        graph: NoiseGraph::with_room(count),
        tabled: Vec::new(),
    };
    let mut places: Vec<Option<NodeId>> = vec![None; old.len()];
    let at = |places: &[Option<NodeId>], id: &NodeId| {
        places[id.index()].expect("operands stand before their users")
    };
    for id in old.ids().filter(|id| needed[id.index()]) {
        let node = old.node(id);
        let args: Vec<NodeId> = node.args.iter().map(|a| at(&places, a)).collect();
        let (shape, span) = (node.shape.clone(), node.span);
        let new = match &node.op {
            Op::Const(values) => rewriter.graph.constant_node(values.clone(), shape, span),
            Op::Noise { first } => rewriter.graph.noise(*first, shape, span),
            op if given.contains_key(&id) => rewriter.graph.push(op.clone(), args, shape, span),
            op => rewriter.add(op.clone(), args, shape, span),
        };
        places[id.index()] = Some(new);
    }
    let done = Rewritten {
        graph: rewriter.graph,
        roots: roots.iter().map(|r| at(&places, r)).collect(),
        given: given
            .iter()
            .filter_map(|(id, columns)| Some((places[id.index()]?, columns.clone())))
            .collect(),
    };
    let done = match ["forward", "dead", "cse"].iter().all(|p| passes.has(p)) {
        true => forward::gathered(done, passes),
        false => done,
    };
    match passes.has("fuse") && passes.has("dead") {
        true => fuse::fused(done),
        false => done,
    }
}

/// Marks every operation that reads no noise but what is `within`.
fn keep_all(old: &NoiseGraph, needed: &mut [bool], within: impl Fn(usize) -> bool) {
    let mut can = vec![true; old.len()];
    for id in old.ids() {
        let node = old.node(id);
        can[id.index()] = match &node.op {
            Op::Noise { first } => (*first..first + node.shape.len()).all(&within),
            _ => node.args.iter().all(|a| can[a.index()]),
        };
    }
    needed.iter_mut().zip(can).for_each(|(n, c)| *n |= c);
}

impl Rewriter {
    /// An operation on rewritten operands, by way of the passes.
    fn add(&mut self, op: Op, args: Vec<NodeId>, shape: Shape, span: Span) -> NodeId {
        if self.passes.has("fold")
            && let Some(values) = self.graph.folded(&op, &args, &shape)
        {
            return self.graph.constant_node(values, shape, span);
        }
        if self.passes.has("simplify")
            && let Some(id) = simplify::simplified(self, &op, &args, &shape, span)
        {
            return id;
        }
        if self.passes.has("stats")
            && let Some(id) = stats::summed(self, &op, &args, span)
        {
            return id;
        }
        let (op, args) = match self.passes.has("gemm") {
            true => gemm::laid_out(&self.graph, op, args),
            false => (op, args),
        };
        let op = match self.passes.has("tables") {
            true => tables::looked_up(&self.graph, op, &args, &mut self.tabled),
            false => op,
        };
        match self.passes.has("cse") {
            true => self.graph.shared(op, args, shape, span),
            false => self.graph.push(op, args, shape, span),
        }
    }

    /// Known numbers.
    fn known(&mut self, values: Vec<f64>, span: Span) -> NodeId {
        let shape = if values.len() == 1 {
            Shape::scalar()
        } else {
            Shape(vec![values.len()])
        };
        self.graph.constant_node(values.into(), shape, span)
    }

    fn constant(&self, id: NodeId) -> Option<&[f64]> {
        self.graph.constant(id).map(|values| &values[..])
    }

    fn len(&self, id: NodeId) -> usize {
        self.graph.node(id).shape.len()
    }
}
