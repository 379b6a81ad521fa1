//! Finds forward recursions: steps that sum over the states before, one after another, with the same numbers between states.

use std::collections::{BTreeSet, HashMap};

use super::super::Rewritten;
use crate::ir::{Axis, BinaryFn, Op, ReduceFn};
use crate::trace::{NodeId, NoiseGraph};

/// Shorter recursions stay as they are.
const WORTH: usize = 3;

/// Where `step` has its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Matrix {
    /// `[before, after]`.
    Rows(NodeId),
    /// `[after, before]`.
    Columns(NodeId),
    /// A column `[before]` for each state after.
    Apart(Vec<NodeId>),
}

/// One step of a recursion.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The logs before.
    pub(super) from: NodeId,
    pub(super) matrix: Matrix,
    /// What is added to the sums.
    pub(super) evidence: Option<NodeId>,
    /// The logs after.
    pub(super) to: NodeId,
}

/// The recursions that can be taken as one: what they read depends on no recursion of this round.
pub(super) fn chains(old: &Rewritten) -> Vec<Vec<Link>> {
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
    /// What it is read from.
    pub(super) fn nodes(&self) -> &[NodeId] {
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
    let roots: BTreeSet<NodeId> = old.roots.iter().copied().collect();
    let link = |(sum, (from, matrix)): (NodeId, (NodeId, Matrix))| {
        let own = users.get(&sum).map_or(&[][..], |u| u);
        let (to, evidence) = match own {
            [user] if !roots.contains(&sum) => with_evidence(graph, sum, *user),
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
