//! `forward`: the forward recursion over hidden states, written as loops and folds write it, becomes one operation.
//!
//! ```text
//! a₀ ─▶ + step ─▶ log Σ exp ─▶ + evidence₁ ─▶ a₁ ─▶ …  ─▶ a_T          ─▶     Forward(a₀, step, all evidence) ─▶ elements ─▶ a_t
//! ```
//! The sum over the state before is one reduction of a matrix, along either axis, or a pack of one reduction for each state.
//! Evidence that is the same function at every time is computed for all times at once.

use std::collections::HashMap;

use super::{Passes, Rewriter, Rewritten};
use crate::base::{Shape, Span};
use crate::ir::forward::Forward;
use crate::ir::{Axis, BinaryFn, Op, ReduceFn};
use crate::trace::{NodeId, NoiseGraph};

/// Shorter recursions stay as they are.
const WORTH: usize = 3;
/// How often the graph is looked at again: a recursion may read the results of another.
const ROUNDS: usize = 4;
/// How deep evidence is looked into.
const DEPTH: usize = 16;

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

/// Where `step` has its numbers.
#[derive(Clone, Debug, PartialEq)]
enum Matrix {
    /// `[before, after]`.
    Rows(NodeId),
    /// `[after, before]`.
    Columns(NodeId),
    /// A column `[before]` for each state after.
    Apart(Vec<NodeId>),
}

/// One step of a recursion.
#[derive(Clone, Debug)]
struct Link {
    from: NodeId,
    matrix: Matrix,
    evidence: Option<NodeId>,
    to: NodeId,
}

/// The recursions that can be taken as one: what they read depends on no recursion of this round.
fn chains(old: &Rewritten) -> Vec<Vec<Link>> {
    let links = links(old);
    let ends: HashMap<NodeId, &Link> = links.iter().map(|l| (l.to, l)).collect();
    let next: HashMap<NodeId, &Link> = links.iter().rev().map(|l| (l.from, l)).collect();
    let begins = |l: &&Link| ends.get(&l.from).is_none_or(|b| b.matrix != l.matrix);
    let mut found: Vec<Vec<Link>> = Vec::new();
    for first in links.iter().filter(begins) {
        let mut chain = vec![first.clone()];
        let mut last = first;
        while let Some(l) = next.get(&last.to).filter(|l| l.matrix == first.matrix) {
            chain.push((*l).clone());
            last = l;
        }
        if chain.len() >= WORTH {
            found.push(chain);
        }
    }
    let reached = reached(&old.graph, &found);
    let known = |id: &NodeId| !reached[id.index()];
    found.retain(|chain| {
        let evidence = chain.iter().filter_map(|l| l.evidence.as_ref());
        let matrix = chain[0].matrix.nodes();
        evidence.chain(matrix).chain([&chain[0].from]).all(known)
    });
    found
}

impl Matrix {
    fn nodes(&self) -> &[NodeId] {
        match self {
            Matrix::Rows(m) | Matrix::Columns(m) => std::slice::from_ref(m),
            Matrix::Apart(columns) => columns,
        }
    }
}

/// What depends on a recursion's results.
fn reached(graph: &NoiseGraph, chains: &[Vec<Link>]) -> Vec<bool> {
    let mut reached = vec![false; graph.len()];
    let results = chains.iter().flatten();
    results.for_each(|l| reached[l.to.index()] = true);
    for id in graph.ids() {
        reached[id.index()] |= graph.node(id).args.iter().any(|a| reached[a.index()]);
    }
    reached
}

/// All steps, in the order of their results.
fn links(old: &Rewritten) -> Vec<Link> {
    let graph = &old.graph;
    let mut users: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    let sums: Vec<_> = graph
        .ids()
        .filter_map(|id| Some((id, sum_over_states(graph, id)?)))
        .collect();
    if sums.len() < WORTH {
        return Vec::new();
    }
    for id in graph.ids() {
        for a in &graph.node(id).args {
            users.entry(*a).or_default().push(id);
        }
    }
    let link = |(sum, (from, matrix)): (NodeId, (NodeId, Matrix))| {
        let own = users.get(&sum).map_or(&[][..], |u| u);
        let (to, evidence) = match own {
            [user] if !old.roots.contains(&sum) => with_evidence(graph, sum, *user),
            _ => None,
        }
        .unwrap_or((sum, None));
        let free = [sum, to].iter().all(|id| !old.given.contains_key(id));
        free.then_some(Link {
            from,
            matrix,
            evidence,
            to,
        })
    };
    sums.into_iter().filter_map(link).collect()
}

/// The user of a sum that adds evidence to it.
fn with_evidence(
    graph: &NoiseGraph,
    sum: NodeId,
    user: NodeId,
) -> Option<(NodeId, Option<NodeId>)> {
    let node = graph.node(user);
    let (Op::Binary(BinaryFn::Add), [a, b]) = (&node.op, &node.args[..]) else {
        return None;
    };
    let evidence = if *a == sum { b } else { a };
    let as_long = node.shape.len() == graph.node(sum).shape.len();
    (as_long && *evidence != sum).then_some((user, Some(*evidence)))
}

/// What a node sums over: the logs before, and the logs of the steps.
fn sum_over_states(graph: &NoiseGraph, id: NodeId) -> Option<(NodeId, Matrix)> {
    let node = graph.node(id);
    let states = node.shape.len();
    match &node.op {
        Op::Reduce(ReduceFn::LogSumExp, axis) if axis.n == states && states > 1 => {
            of_matrix(graph, node.args[0], *axis)
        }
        Op::Pack if states > 1 && node.args.len() == states => {
            let pairs: Option<Vec<[NodeId; 2]>> =
                node.args.iter().map(|a| of_one_state(graph, *a)).collect();
            let pairs = pairs?;
            let shared = |x: &&NodeId| {
                graph.node(**x).shape.len() == states && pairs.iter().all(|p| p.contains(x))
            };
            let from = *pairs[0].iter().filter(shared).max()?;
            let other = |[a, b]: &[NodeId; 2]| if *a == from { *b } else { *a };
            Some((from, Matrix::Apart(pairs.iter().map(other).collect())))
        }
        _ => None,
    }
}

/// log Σ exp of a matrix to which each row, or each column, is added.
fn of_matrix(graph: &NoiseGraph, sum: NodeId, axis: Axis) -> Option<(NodeId, Matrix)> {
    let n = axis.n;
    let [a, b] = summands(graph, sum)?;
    let rows = axis.outer == 1 && axis.inner == n;
    let spread = |id: NodeId| {
        let node = graph.node(id);
        let Op::Take(indices) = &node.op else {
            return None;
        };
        let at = |e: usize| if rows { e / n } else { e % n };
        let over = indices.len() == n * n
            && graph.node(node.args[0]).shape.len() == n
            && indices
                .iter()
                .enumerate()
                .all(|(e, &i)| i as usize == at(e));
        over.then_some(node.args[0])
    };
    let of = |matrix: NodeId| match rows {
        true => Matrix::Rows(matrix),
        false => Matrix::Columns(matrix),
    };
    let found = [(spread(a), b), (spread(b), a)].into_iter();
    let (from, matrix) = found
        .filter_map(|(from, matrix)| Some((from?, matrix)))
        .max_by_key(|(from, _)| *from)?;
    Some((from, of(matrix)))
}

/// The summands of the log Σ exp that gives one state's number.
fn of_one_state(graph: &NoiseGraph, id: NodeId) -> Option<[NodeId; 2]> {
    let node = graph.node(id);
    let whole =
        matches!(&node.op, Op::Reduce(ReduceFn::LogSumExp, axis) if axis.outer * axis.inner == 1);
    whole.then(|| summands(graph, node.args[0])).flatten()
}

fn summands(graph: &NoiseGraph, id: NodeId) -> Option<[NodeId; 2]> {
    let node = graph.node(id);
    match (&node.op, &node.args[..]) {
        (Op::Binary(BinaryFn::Add), [a, b]) => Some([*a, *b]),
        _ => None,
    }
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

/// A node, written out where it is one number for all.
fn full(r: &mut Rewriter, id: NodeId, len: usize, span: Span) -> NodeId {
    if r.len(id) == len {
        return id;
    }
    let shape = Shape(vec![len]);
    r.add(Op::Take(vec![0; len].into()), vec![id], shape, span)
}

/// Parts of `width` elements, or of one that stands for as many, one after another.
fn all_of(r: &mut Rewriter, parts: &[NodeId], width: usize, span: Span) -> NodeId {
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
