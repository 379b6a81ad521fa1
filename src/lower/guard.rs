//! Which executions an operation is for.
//!
//! ```text
//! terms, outputs ──▶ every execution, or those of the term's mask
//! choose(c, a, b) for g ──▶ c for g,   a for g and c,   b for g and not c
//! x for all that read it ──▶ the union: x is for k = 3 or k = 4
//! ```
//! One walk from the roots down. A guard is a union of arms, an arm is some conditions with the value that each must have. A
//! guard may hold for more executions than are needed, never for fewer: conditions are forgotten where there are many of them,
//! and where they are computed later than what they guard.

use std::collections::{HashMap, HashSet};

use crate::ir::{ArrayLaw, BinaryFn, Law, Op, ReduceFn, UnaryFn, is_normal};
use crate::trace::{Node, NodeId, NoiseGraph};

/// Conditions, each with the value that it must have, in order.
pub(super) type Arm = Vec<(NodeId, bool)>;

/// Any of these arms; `[[]]` is every execution, `[]` none.
pub(super) type Guard = Vec<Arm>;

/// Most arms of a guard, and conditions of an arm.
const MOST: (usize, usize) = (16, 8);

/// How often guards that do not pay are dropped before all are.
const ROUNDS: usize = 6;

/// What an element that is brought from one guard to another costs, in cheap operations.
const MOVE: usize = 6;

/// The guard of every node, by its index; `None` where none pays.
pub(super) struct Guards {
    /// Different guards; the first is none, the second every execution.
    pub table: Vec<Guard>,
    /// Which of them each node has.
    pub of: Vec<usize>,
}

/// Executions that no one needs, and all of them.
const NOBODY: usize = 0;
/// All executions.
pub(super) const EVERYONE: usize = 1;

/// The guards of what `roots` need. A root with a mask is read where that is not 0 only; `given` nodes are not looked behind.
pub(super) fn guards(
    graph: &NoiseGraph,
    roots: &[(NodeId, Option<NodeId>)],
    given: &HashMap<NodeId, Vec<usize>>,
) -> Option<Guards> {
    let mut denied = HashSet::new();
    for _ in 0..ROUNDS {
        let found = Walk::new(graph, &denied).down(roots, given);
        let poor = found.poor(graph, given);
        if found.of.iter().all(|g| *g <= EVERYONE) {
            return None;
        }
        if poor.is_empty() {
            return Some(found);
        }
        denied.extend(poor.into_iter().map(|g| found.table[g].clone()));
    }
    None
}

impl Guards {
    /// Guards under which too little is computed for what is brought there.
    fn poor(&self, graph: &NoiseGraph, given: &HashMap<NodeId, Vec<usize>>) -> Vec<usize> {
        let (mut saved, mut moved) = (vec![0; self.table.len()], vec![0; self.table.len()]);
        let mut seen = HashSet::new();
        for id in graph.ids().filter(|id| self.of[id.index()] != NOBODY) {
            let (node, own) = (graph.node(id), self.of[id.index()]);
            if given.contains_key(&id) {
                continue;
            }
            saved[own] += work(graph, node);
            for a in node.args.iter().filter(|a| graph.constant(**a).is_none()) {
                let from = self.of[a.index()];
                if from != own && seen.insert((*a, own)) {
                    let pays = if own == EVERYONE { from } else { own };
                    moved[pays] += graph.node(*a).shape.len();
                }
            }
        }
        let conditions = |g: usize| self.table[g].iter().map(Vec::len).sum::<usize>();
        let is_poor =
            |g: &usize| saved[*g] > 0 && saved[*g] < MOVE * (moved[*g] + conditions(*g)) + 32;
        (EVERYONE + 1..self.table.len()).filter(is_poor).collect()
    }
}

/// The walk, with guards numbered and what was joined remembered.
struct Walk<'a> {
    graph: &'a NoiseGraph,
    denied: &'a HashSet<Guard>,
    table: Vec<Guard>,
    numbers: HashMap<Guard, usize>,
    joined: HashMap<(usize, usize), usize>,
    narrowed: HashMap<(usize, NodeId, bool), usize>,
    of: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a NoiseGraph, denied: &'a HashSet<Guard>) -> Walk<'a> {
        let mut walk = Walk {
            graph,
            denied,
            table: Vec::new(),
            numbers: HashMap::new(),
            joined: HashMap::new(),
            narrowed: HashMap::new(),
            of: vec![NOBODY; graph.len()],
        };
        walk.number(Vec::new());
        walk.number(vec![Vec::new()]);
        walk
    }

    fn down(
        mut self,
        roots: &[(NodeId, Option<NodeId>)],
        given: &HashMap<NodeId, Vec<usize>>,
    ) -> Guards {
        for &(root, mask) in roots {
            let guard = self.narrow(EVERYONE, mask, true);
            self.need(root, guard);
            mask.into_iter().for_each(|m| self.need(m, EVERYONE));
        }
        for id in self.graph.ids().rev() {
            if self.of[id.index()] == NOBODY {
                continue;
            }
            let own = self.settled(id);
            self.of[id.index()] = own;
            let node = self.graph.node(id);
            match (&node.op, &node.args[..]) {
                _ if given.contains_key(&id) => {}
                (Op::Select, &[c, a, b]) => {
                    self.need(c, own);
                    let (left, right) = (
                        self.narrow(own, Some(c), true),
                        self.narrow(own, Some(c), false),
                    );
                    self.need(a, left);
                    self.need(b, right);
                }
                (_, args) => args.iter().for_each(|a| self.need(*a, own)),
            }
        }
        Guards {
            table: self.table,
            of: self.of,
        }
    }

    fn number(&mut self, guard: Guard) -> usize {
        let next = self.table.len();
        *self.numbers.entry(guard).or_insert_with_key(|guard| {
            self.table.push(guard.clone());
            next
        })
    }

    /// A node's guard without conditions that stand behind it.
    fn settled(&mut self, id: NodeId) -> usize {
        let own = self.of[id.index()];
        let behind = |(c, _): &(NodeId, bool)| *c >= id;
        let guard = &self.table[own];
        let number = match guard.iter().flatten().any(behind) {
            false => own,
            true => {
                let mut kept = Guard::new();
                for arm in guard {
                    let before = arm.iter().copied().filter(|l| !behind(l)).collect();
                    join(&mut kept, before);
                }
                self.number(kept)
            }
        };
        match self.denied.contains(&self.table[number]) {
            true => EVERYONE,
            false => number,
        }
    }

    fn need(&mut self, id: NodeId, guard: usize) {
        let before = self.of[id.index()];
        self.of[id.index()] = match (before, guard) {
            (a, b) if a == b || b == NOBODY || a == EVERYONE => a,
            (NOBODY, b) | (_, b @ EVERYONE) => b,
            (a, b) => match self.joined.get(&(a, b)) {
                Some(&known) => known,
                None => {
                    let mut union = self.table[a].clone();
                    let more = self.table[b].clone();
                    more.into_iter().for_each(|arm| join(&mut union, arm));
                    let number = self.number(union);
                    self.joined.insert((a, b), number);
                    number
                }
            },
        };
    }

    /// Those executions of a guard in which a condition has a value; all of them where it is not one number or is known.
    fn narrow(&mut self, guard: usize, condition: Option<NodeId>, holds: bool) -> usize {
        let tells =
            |c: &NodeId| self.graph.node(*c).shape.len() == 1 && self.graph.constant(*c).is_none();
        let Some(c) = condition.filter(tells) else {
            return guard;
        };
        if let Some(&known) = self.narrowed.get(&(guard, c, holds)) {
            return known;
        }
        let mut narrower = Guard::new();
        for arm in self.table[guard]
            .iter()
            .filter(|a| !a.contains(&(c, !holds)))
        {
            let mut arm = arm.clone();
            if arm.len() < MOST.1 && !arm.contains(&(c, holds)) {
                arm.push((c, holds));
                arm.sort_unstable();
            }
            join(&mut narrower, arm);
        }
        let number = self.number(narrower);
        self.narrowed.insert((guard, c, holds), number);
        number
    }
}

/// Adds an arm, in order, unless there is one that asks for less; what they have in common where they become many.
fn join(guard: &mut Guard, arm: Arm) {
    let within = |a: &Arm, b: &Arm| a.iter().all(|l| b.contains(l));
    if guard.iter().any(|a| within(a, &arm)) {
        return;
    }
    guard.retain(|a| !within(&arm, a));
    let place = guard.partition_point(|a| *a < arm);
    guard.insert(place, arm);
    if guard.len() > MOST.0 {
        let mut common = guard[0].clone();
        common.retain(|l| guard.iter().all(|a| a.contains(l)));
        *guard = vec![common];
    }
}

/// What an operation costs, in cheap operations on one number; only its size matters.
fn work(graph: &NoiseGraph, node: &Node) -> usize {
    let len = node.shape.len();
    let read = |k: usize| graph.node(node.args[k]).shape.len();
    match &node.op {
        Op::Const(_) => 0,
        Op::Noise { .. } | Op::Select | Op::Take(_) | Op::Gather { .. } | Op::Pack => len,
        Op::Unary(f) => len * unary(*f),
        Op::Binary(BinaryFn::Pow | BinaryFn::Atan2 | BinaryFn::BetaFn) => 10 * len,
        Op::Binary(_) => len,
        Op::Reduce(ReduceFn::LogSumExp, _) => 6 * read(0),
        Op::Reduce(..) => read(0),
        Op::Scan(..) => 4 * read(0),
        Op::Chain(_) => 4 * len,
        Op::Forward(_) => 4 * (read(1) + read(2)),
        Op::MatMul { m, k, n } => m * k * n,
        Op::Dense(..) => read(0) + 8 * len,
        Op::Cholesky(n) | Op::LogDet(n) => n * n * n / 3 + 10 * n,
        Op::SolveLower { n, m } => n * n * m,
        Op::Solve { n, m } => n * n * (n + m),
        Op::Transport(law) if is_normal(law) => len,
        Op::Transport(_) => 100 * len,
        Op::LogDensity(law) => len * law_work(law),
        Op::LogDensitySum(law, n) => n * law_work(law),
        Op::LawFn(..) | Op::CellEdge(_) => 30 * len,
        Op::ArrayTransport(law) | Op::ArrayLogDensity(law) | Op::ArrayCellEdge(law) => {
            array_work(law)
        }
    }
}

fn unary(f: UnaryFn) -> usize {
    use UnaryFn as U;
    match f {
        U::Neg | U::Not | U::Abs | U::Floor | U::Ceil | U::Round | U::Sign | U::Square => 1,
        U::Fixed | U::Sqrt => 1,
        U::Lgamma | U::Digamma | U::InvPhi | U::InvLogPhi => 20,
        _ => 4,
    }
}

fn law_work(law: &Law) -> usize {
    match is_normal(law) {
        true => 3,
        false => 15,
    }
}

fn array_work(law: &ArrayLaw) -> usize {
    law.batch * law.event.max(law.noise) * 50
}
