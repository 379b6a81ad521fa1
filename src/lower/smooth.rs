//! What keeps log r from being a smooth function of the noise.
//!
//! Of what noise moves on its way to a weight, these count: discrete draws and atoms, comparisons and logic (and so every
//! choice between arms by chance), rounding, positions (`argmax`, an index by chance), conditions, and executions beyond the
//! unrolling bound. `abs`, `min`, `max` and `sort` have kinks but no jumps, and pass. What reaches no weight never counts.

use std::collections::HashMap;

use super::split::roots;
use super::target::Jump;
use crate::dist::ValueKind;
use crate::ir::{BinaryFn, Law, Op, ReduceFn, UnaryFn};
use crate::trace::{NodeId, NoiseGraph, NoiseSite, TermKind};

/// The jumps of the sum of `terms`, in the program's order; `overflows` says whether executions may pass the unrolling
/// bound.
pub fn jumps(graph: &NoiseGraph, terms: &[usize], overflows: bool) -> Vec<Jump> {
    // A solver's own judgement of an execution adds nothing to the weights that it does not fail.
    let weighs = |t: &&usize| graph.terms[**t].kind != TermKind::Failure;
    let needed = moved_by(
        graph,
        terms
            .iter()
            .filter(weighs)
            .flat_map(|&t| roots(&graph.terms[t])),
    );
    let mut found: Vec<Jump> = terms.iter().filter_map(|&t| of_term(graph, t)).collect();
    let sites: HashMap<NodeId, &NoiseSite> =
        graph.sites.iter().rev().map(|s| (s.value, s)).collect();
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let site = sites.get(&id).copied();
        if let Some(why) = of_node(graph, id, site) {
            // A draw's own statement, any other node's expression.
            let span = site.map_or(graph.node(id).span, |s| s.span);
            found.push(Jump { span, why });
        }
    }
    if let Some(id) = graph.overflow.filter(|_| overflows) {
        found.push(Jump {
            span: graph.node(id).span,
            why: "goes on for as long as chance has it".to_string(),
        });
    }
    found.sort_by_key(|j| (j.span.file, j.span.start, j.span.end));
    found.dedup_by_key(|j| j.span);
    found
}

/// What the roots are computed from, by index; what a constant was found from does not count.
fn moved_by(graph: &NoiseGraph, roots: impl Iterator<Item = NodeId>) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    roots.for_each(|id| needed[id.index()] = true);
    for id in graph.ids().rev() {
        let node = graph.node(id);
        if needed[id.index()] && node.op != Op::Unary(UnaryFn::Fixed) {
            node.args.iter().for_each(|a| needed[a.index()] = true);
        }
    }
    needed
}

fn of_term(graph: &NoiseGraph, t: usize) -> Option<Jump> {
    let term = &graph.terms[t];
    let why = match term.kind {
        TermKind::Condition => "cuts executions off: a hard constraint is not smooth",
        TermKind::Fault => "fails in some executions: that is not smooth",
        _ => return None,
    };
    Some(Jump {
        span: term.span,
        why: why.to_string(),
    })
}

/// Why an operation on what noise moves is not smooth.
fn of_node(graph: &NoiseGraph, id: NodeId, site: Option<&NoiseSite>) -> Option<String> {
    use BinaryFn as B;
    use UnaryFn as U;
    let node = graph.node(id);
    let why = match &node.op {
        Op::Unary(U::Floor | U::Ceil | U::Round | U::Sign) => "rounding jumps",
        Op::Binary(B::FloorDiv | B::Rem) => "whole division jumps",
        Op::Unary(U::Not)
        | Op::Binary(B::Eq | B::Ne | B::Lt | B::Le | B::Gt | B::Ge | B::And | B::Or)
        | Op::Reduce(ReduceFn::Any | ReduceFn::All, _) => {
            "what follows depends on this comparison, and jumps with it"
        }
        Op::Reduce(ReduceFn::ArgMax | ReduceFn::ArgMin, _) => "a position jumps",
        Op::Gather { .. } if graph.constant(node.args[1]).is_none() => "an index by chance jumps",
        Op::Transport(law) if law.has_atoms() && !is_point(law) => return Some(drawn(site)),
        Op::ArrayTransport(law) if law.dist.kind() != ValueKind::Real => {
            return Some(drawn(site));
        }
        Op::LogDensity(law) | Op::LogDensitySum(law, _) if is_point(law) => {
            "a point mass is met exactly or not at all"
        }
        _ => return None,
    };
    Some(why.to_string())
}

/// `Delta(x)`: its value is x, whatever the noise.
fn is_point(law: &Law) -> bool {
    matches!(law, Law::Plain(d) if d.name() == "Delta")
}

fn drawn(site: Option<&NoiseSite>) -> String {
    match site {
        Some(site) if !site.name.is_empty() => format!("`{}` takes separate values", site.name),
        _ => "this draw takes separate values".to_string(),
    }
}
