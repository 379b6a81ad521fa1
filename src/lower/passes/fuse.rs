//! `fuse`: elementwise operations that feed one another become one, which runs over a piece of the elements at a time.
//!
//! ```text
//! t ─▶ −b t ─▶ exp ─▶ a · ─▶ + c ─▶ density      ─▶      t ─▶ Chain(4 steps) ─▶ density
//! ```
//! Only what nothing else reads is taken in, and only arrays that would leave the nearest cache.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Rewritten;
use crate::ir::Op;
use crate::ir::chain::{self, Chain, Source, Step};
use crate::trace::{NodeId, NoiseGraph};

/// Shorter arrays stay near on their own, and doing operations again on the way back costs more than it saves.
const WORTH: usize = 1 << 14;
/// Most operations of a chain: their pieces share the nearest cache.
const MOST: usize = 24;

/// The same function, its chains fused.
pub(super) fn fused(old: Rewritten) -> Rewritten {
    let long = |id: NodeId| old.graph.node(id).shape.len() >= WORTH;
    if !old.graph.ids().any(long) {
        return old;
    }
    let heads = heads(&old);
    if old.graph.ids().all(|id| heads[id.index()] == id) {
        return old;
    }
    let mut members: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for id in old.graph.ids() {
        members.entry(heads[id.index()]).or_default().push(id);
    }
    let mut graph = NoiseGraph::default();
    let mut places: Vec<Option<NodeId>> = vec![None; old.graph.len()];
    for id in old.graph.ids().filter(|id| heads[id.index()] == *id) {
        let node = old.graph.node(id);
        let (op, operands) = match &members[&id][..] {
            [_] => (node.op.clone(), node.args.clone()),
            several => of_members(&old.graph, several),
        };
        let at = |a: &NodeId| places[a.index()].expect("operands stand before their users");
        let args = operands.iter().map(at).collect();
        let new = match op {
            Op::Const(values) => graph.constant_node(values, node.shape.clone(), node.span),
            op => graph.push(op, args, node.shape.clone(), node.span),
        };
        places[id.index()] = Some(new);
    }
    let at = |id: &NodeId| places[id.index()];
    Rewritten {
        roots: old.roots.iter().filter_map(at).collect(),
        given: old
            .given
            .iter()
            .filter_map(|(id, columns)| Some((at(id)?, columns.clone())))
            .collect(),
        graph,
    }
}

/// For each node, the last of the chain that it belongs to; itself where it belongs to none.
fn heads(old: &Rewritten) -> Vec<NodeId> {
    let graph = &old.graph;
    let mut heads: Vec<NodeId> = graph.ids().collect();
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
    for id in graph.ids() {
        let args = graph.node(id).args.iter();
        args.for_each(|a| users[a.index()].push(id));
    }
    let kept: BTreeSet<NodeId> = old.roots.iter().chain(old.given.keys()).copied().collect();
    let can = |id: NodeId| {
        let node = graph.node(id);
        node.shape.len() >= WORTH && chain::fits(&node.op) && !old.given.contains_key(&id)
    };
    let mut sizes = vec![1; graph.len()];
    for id in graph.ids().rev() {
        let users = &users[id.index()];
        let Some(first) = users.first().map(|u| heads[u.index()]) else {
            continue;
        };
        let as_long = graph.node(first).shape.len() == graph.node(id).shape.len();
        let together = users.iter().all(|u| heads[u.index()] == first);
        let room = sizes[first.index()] < MOST;
        if can(id) && can(first) && as_long && together && room && !kept.contains(&id) {
            heads[id.index()] = first;
            sizes[first.index()] += 1;
        }
    }
    heads
}

/// The chain of some nodes, operands before users, and what it reads.
fn of_members(graph: &NoiseGraph, members: &[NodeId]) -> (Op, Vec<NodeId>) {
    let mut operands: Vec<NodeId> = Vec::new();
    let mut source = |a: &NodeId| {
        if let Ok(j) = members.binary_search(a) {
            return Source::Step(j);
        }
        let known = operands.iter().position(|o| o == a);
        Source::Operand(known.unwrap_or_else(|| {
            operands.push(*a);
            operands.len() - 1
        }))
    };
    let step = |id: &NodeId| {
        let node = graph.node(*id);
        Step {
            op: node.op.clone(),
            sources: node.args.iter().map(&mut source).collect(),
        }
    };
    let steps = members.iter().map(step).collect();
    (Op::Chain(Arc::new(Chain { steps })), operands)
}
