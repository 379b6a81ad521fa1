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
const MOST: usize = 1024;
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
    let mut search = Search {
        graph,
        terms,
        needed: &needed,
        chosen: HashSet::new(),
        coordinates: Vec::new(),
    };
    search.take(&draws);
    let Search {
        chosen,
        mut coordinates,
        ..
    } = search;
    coordinates.sort_unstable();
    coordinates.dedup();
    let neck = has_neck(graph, &needed, &chosen, coordinates.len());
    Quadratic { coordinates, neck }
}

/// Draws that are taken, one after the other, where the log-weight stays quadratic.
struct Search<'a> {
    graph: &'a NoiseGraph,
    terms: &'a [usize],
    needed: &'a [NodeId],
    chosen: HashSet<NodeId>,
    coordinates: Vec<usize>,
}

impl Search<'_> {
    /// Takes as many of some draws as can be: all at once, or else of each half.
    fn take(&mut self, draws: &[(usize, usize, NodeId)]) {
        let len: usize = draws.iter().map(|d| d.0).sum();
        if self.coordinates.len() + len <= MOST {
            self.chosen.extend(draws.iter().map(|d| d.2));
            let degree = degrees(self.graph, self.needed, &self.chosen);
            if is_quadratic(self.graph, self.terms, &degree) {
                let own = draws.iter().flat_map(|d| d.1..d.1 + d.0);
                self.coordinates.extend(own);
                return;
            }
            draws.iter().for_each(|d| {
                self.chosen.remove(&d.2);
            });
        }
        if draws.len() > 1 {
            let (longer, shorter) = draws.split_at(draws.len() / 2);
            self.take(longer);
            self.take(shorter);
        }
    }
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

fn is_quadratic(graph: &NoiseGraph, terms: &[usize], degree: &[u8]) -> bool {
    terms.iter().map(|&t| &graph.terms[t]).all(|term| {
        let most = match term.kind {
            TermKind::Observe | TermKind::Factor => 2,
            _ => 0,
        };
        degree[term.node.index()] <= most && term.mask.is_none_or(|m| degree[m.index()] == 0)
    })
}

/// Degrees of what is needed, in the noise of some draws.
pub(super) fn degrees(graph: &NoiseGraph, needed: &[NodeId], chosen: &HashSet<NodeId>) -> Vec<u8> {
    let mut degree = vec![0; graph.len()];
    for &id in needed {
        let node = graph.node(id);
        let of: Vec<u8> = node.args.iter().map(|a| degree[a.index()]).collect();
        let own = match node.op {
            Op::Noise { .. } => u8::from(chosen.contains(&id)),
            _ if of.iter().all(|d| *d == 0) => 0,
            ref op => of_operation(graph, op, &node.args, &of),
        };
        degree[id.index()] = own.min(OTHER);
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
        Op::Transport(law) if is(law, "Normal") => of[0].max(of[1] + of[2]),
        Op::Transport(law) if is(law, "StdNormal") => of[0],
        Op::ArrayTransport(law) if is_multi_normal(law) => match &of[1..of.len() - 1] {
            scale if scale.iter().all(|d| *d == 0) => of[0].max(of[of.len() - 1]),
            _ => OTHER,
        },
        Op::LogDensity(law) | Op::LogDensitySum(law, _) if is(law, "Normal") => {
            match of[1] == 0 && of[0].max(of[2]) == 1 {
                true => 2,
                false => OTHER,
            }
        }
        Op::LogDensity(law) | Op::LogDensitySum(law, _) if is(law, "LogNormal") => {
            match of[0] == 1 && of[1] == 0 && of[2] == 0 {
                true => 2,
                false => OTHER,
            }
        }
        Op::LogDensity(law) | Op::LogDensitySum(law, _) if is(law, "StdNormal") => 2 * of[0],
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

fn is(law: &Law, name: &str) -> bool {
    matches!(law, Law::Plain(d) if d.name() == name)
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
    let has_scale = |law: &Law| is(law, "Normal") || is(law, "LogNormal");
    let mut evidence: HashMap<NodeId, usize> = HashMap::new();
    for &id in needed.iter().filter(|id| degree[id.index()] == 2) {
        let node = graph.node(id);
        let n = match &node.op {
            Op::LogDensity(law) if has_scale(law) => node.shape.len(),
            Op::LogDensitySum(law, n) if has_scale(law) => *n,
            _ => continue,
        };
        if graph.constant(node.args[1]).is_none() {
            *evidence.entry(node.args[1]).or_default() += n;
        }
    }
    evidence.values().any(|n| *n <= width)
}
