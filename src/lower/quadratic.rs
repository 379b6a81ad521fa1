//! Noise in which the log-weight is quadratic, whatever the other noise is: given that, its posterior is Gaussian.
//!
//! A latent value with a normal law that only normal evidence reads is the common case. What counts is the *degree* of each
//! operation in the chosen noise: 0 for what it does not move, 1 for what is affine in it, 2 for what is quadratic.

use std::collections::{HashMap, HashSet};

use crate::ir::{ArrayLaw, BinaryFn, Law, Op, ReduceFn, ScanFn, UnaryFn};
use crate::trace::{NodeId, NoiseGraph, TermKind};

/// Degree of everything that is not a polynomial of degree 2 at most.
const OTHER: u8 = 3;
/// Most coordinates that are taken together.
const MOST: usize = 64;
/// Operations times draws that may be looked at.
const COST: usize = 4_000_000;

/// Noise coordinates in which log r is quadratic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quadratic {
    /// The coordinates, ascending.
    pub coordinates: Vec<usize>,
    /// Whether they can meet all evidence of one drawn scale exactly: there is mass then where that scale is next to nothing,
    /// in a neck that moves over all noise hardly enter.
    pub neck: bool,
}

/// The most such noise that is found by adding draw after draw, the longest first; empty where there is none.
pub(super) fn quadratic(
    graph: &NoiseGraph,
    terms: &[usize],
    excluded: &dyn Fn(usize) -> bool,
) -> Quadratic {
    let none = Quadratic::default();
    let hard = |t: &usize| graph.terms[*t].kind == TermKind::Condition;
    if graph.overflow.is_some() || terms.iter().any(hard) {
        return none;
    }
    let needed = needed(graph, terms);
    let mut draws: Vec<(usize, usize, NodeId)> = needed
        .iter()
        .filter_map(|&id| match graph.node(id).op {
            Op::Noise { first } => Some((graph.node(id).shape.len(), first, id)),
            _ => None,
        })
        .filter(|&(len, first, _)| !(first..first + len).any(excluded))
        .collect();
    if draws.len() * needed.len() > COST {
        return none;
    }
    draws.sort_by_key(|&(len, first, _)| (std::cmp::Reverse(len), first));
    let mut chosen: HashSet<NodeId> = HashSet::new();
    let mut coordinates: Vec<usize> = Vec::new();
    for (len, first, id) in draws {
        if coordinates.len() + len > MOST {
            continue;
        }
        chosen.insert(id);
        if is_quadratic(graph, terms, &degrees(graph, &needed, &chosen)) {
            coordinates.extend(first..first + len);
        } else {
            chosen.remove(&id);
        }
    }
    coordinates.sort_unstable();
    coordinates.dedup();
    let neck = has_neck(graph, &needed, &chosen, coordinates.len());
    Quadratic { coordinates, neck }
}

/// What terms are computed from, operands first.
pub(super) fn needed(graph: &NoiseGraph, terms: &[usize]) -> Vec<NodeId> {
    let mut marked = vec![false; graph.len()];
    for term in terms.iter().map(|&t| &graph.terms[t]) {
        marked[term.node.index()] = true;
        term.mask.iter().for_each(|m| marked[m.index()] = true);
    }
    for id in graph.ids().rev() {
        if marked[id.index()] {
            let args = &graph.node(id).args;
            args.iter().for_each(|a| marked[a.index()] = true);
        }
    }
    graph.ids().filter(|id| marked[id.index()]).collect()
}

fn is_quadratic(graph: &NoiseGraph, terms: &[usize], degree: &HashMap<NodeId, u8>) -> bool {
    terms.iter().map(|&t| &graph.terms[t]).all(|term| {
        let most = match term.kind {
            TermKind::Observe | TermKind::Factor => 2,
            _ => 0,
        };
        degree[&term.node] <= most && term.mask.is_none_or(|m| degree[&m] == 0)
    })
}

/// Degrees of what is needed.
fn degrees(graph: &NoiseGraph, needed: &[NodeId], chosen: &HashSet<NodeId>) -> HashMap<NodeId, u8> {
    let mut degree: HashMap<NodeId, u8> = HashMap::with_capacity(needed.len());
    for &id in needed {
        let node = graph.node(id);
        let of: Vec<u8> = node.args.iter().map(|a| degree[a]).collect();
        let own = match node.op {
            Op::Noise { .. } => u8::from(chosen.contains(&id)),
            _ if of.iter().all(|d| *d == 0) => 0,
            ref op => of_operation(graph, op, &node.args, &of),
        };
        degree.insert(id, own.min(OTHER));
    }
    degree
}

/// The degree of an operation on operands of degrees `of`, one of which is not 0.
fn of_operation(graph: &NoiseGraph, op: &Op, args: &[NodeId], of: &[u8]) -> u8 {
    let most = || of.iter().copied().max().unwrap_or(0);
    let all_but_first_known = || of[1..].iter().all(|d| *d == 0);
    match op {
        Op::Unary(UnaryFn::Neg) | Op::Take(_) | Op::Pack => most(),
        Op::Reduce(ReduceFn::Sum, _) | Op::Scan(ScanFn::CumSum, _) | Op::Dense(..) => most(),
        Op::Unary(UnaryFn::Square) => 2 * of[0],
        Op::Binary(BinaryFn::Add | BinaryFn::Sub) => most(),
        Op::Binary(BinaryFn::Mul) | Op::MatMul { .. } => of[0] + of[1],
        Op::Binary(BinaryFn::Div) | Op::Gather { .. } if all_but_first_known() => of[0],
        Op::Binary(BinaryFn::Pow) if graph.constant(args[1]).is_some_and(|p| p[..] == [2.0]) => {
            2 * of[0]
        }
        Op::Select if of[0] == 0 => most(),
        Op::SolveLower { .. } | Op::Solve { .. } if of[0] == 0 => of[1],
        Op::Transport(law) if is_normal(law) => of[0].max(of[1] + of[2]),
        Op::ArrayTransport(law) if is_multi_normal(law) => match &of[1..of.len() - 1] {
            scale if scale.iter().all(|d| *d == 0) => of[0].max(of[of.len() - 1]),
            _ => OTHER,
        },
        Op::LogDensity(law) | Op::LogDensitySum(law, _) if is_normal(law) => {
            match of[1] == 0 && of[0].max(of[2]) == 1 {
                true => 2,
                false => OTHER,
            }
        }
        Op::ArrayLogDensity(law) if is_multi_normal(law) => {
            let (x, scale) = (of[of.len() - 1], &of[1..of.len() - 1]);
            match of[0].max(x) == 1 && scale.iter().all(|d| *d == 0) {
                true => 2,
                false => OTHER,
            }
        }
        _ => OTHER,
    }
}

/// `(mean, sd)`.
fn is_normal(law: &Law) -> bool {
    matches!(law, Law::Plain(d) if d.name() == "Normal")
}

/// `(mean, covariance or a factor of it)`.
fn is_multi_normal(law: &ArrayLaw) -> bool {
    law.dist.name().starts_with("MultiNormal")
}

/// Whether `width` chosen coordinates can meet all the evidence that has one drawn scale.
fn has_neck(graph: &NoiseGraph, needed: &[NodeId], chosen: &HashSet<NodeId>, width: usize) -> bool {
    if width == 0 {
        return false;
    }
    let degree = degrees(graph, needed, chosen);
    let mut evidence: HashMap<NodeId, usize> = HashMap::new();
    for &id in needed.iter().filter(|id| degree[id] == 2) {
        let node = graph.node(id);
        let n = match &node.op {
            Op::LogDensity(law) if is_normal(law) => node.shape.len(),
            Op::LogDensitySum(law, n) if is_normal(law) => *n,
            _ => continue,
        };
        if graph.constant(node.args[1]).is_none() {
            *evidence.entry(node.args[1]).or_default() += n;
        }
    }
    evidence.values().any(|n| *n <= width)
}
