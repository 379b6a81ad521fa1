//! Which coordinates meet: those that one summand of the log-weight is computed from.
//!
//! ```text
//!   mu ─┬─▶ y[0] ~ Normal(mu + t[0], 1)        {mu, t[0]}
//!   t ──┴─▶ y[1] ~ Normal(mu + t[1], 1)        {mu, t[1]}
//! ```
//! Noise is independent before the log-weight is looked at, so two coordinates are in each other's Markov blanket exactly where they
//! meet. The walk is that of [`super::classes`], with sets in place of classes.

use std::collections::HashMap;

use super::classes::{Classes, Use, is_sum};
use super::reach::Reach;
use super::summands::summands;
use crate::ir::{Op, ScanFn};
use crate::trace::{NodeId, NoiseGraph, Term};

/// Coordinates in all sets together above which nothing is told apart any more.
const MOST: usize = 1 << 24;

/// Sets of coordinates that meet, ascending, each with the number of summands in which they do; in the order in which they are met.
///
/// A term that is not taken apart (a condition, what a mask by chance decides) is one summand, and so is a discrete value with
/// its parameters. Where sets are too many, all coordinates meet.
pub(in super::super) fn meetings(graph: &NoiseGraph) -> Vec<(Vec<u32>, f64)> {
    let mut walk = Walk {
        graph,
        classes: Classes::of(graph, true),
        sets: Sets::default(),
        read: Vec::with_capacity(graph.len()),
    };
    for id in graph.ids() {
        let read = walk.node(id);
        walk.read.push(read);
        if walk.sets.size > MOST {
            return vec![((0..graph.dim as u32).collect(), 1.0)];
        }
    }
    walk.summed()
}

/// What a node's elements are computed from: indices of sets.
enum Read {
    All(u32),
    Each(Vec<u32>),
}

impl Read {
    fn of(&self, element: usize) -> u32 {
        match self {
            Read::All(set) => *set,
            Read::Each(all) => all[element],
        }
    }

    fn all(&self) -> &[u32] {
        match self {
            Read::All(set) => std::slice::from_ref(set),
            Read::Each(all) => all,
        }
    }
}

struct Walk<'a> {
    graph: &'a NoiseGraph,
    classes: Classes,
    sets: Sets,
    read: Vec<Read>,
}

impl Walk<'_> {
    fn node(&mut self, id: NodeId) -> Read {
        let (graph, node) = (self.graph, self.graph.node(id));
        if self.classes.uses[id.index()] == Use::default() {
            return Read::All(0);
        }
        if let Op::Noise { first } = node.op {
            // Coordinates from `dim` on stand in for no program's.
            let own = (first..first + node.shape.len()).filter(|_| first < graph.dim);
            return Read::Each(own.map(|c| self.sets.one(c as u32)).collect());
        }
        let apart = node.op == Op::Pack && node.args.len() > 1;
        let alike = |a: &NodeId| matches!(self.read[a.index()], Read::All(_));
        if !apart && node.args.iter().all(alike) {
            return Read::All(self.of_all(&node.args));
        }
        let reach = Reach::of(graph, id);
        if reach.is_whole() {
            return Read::All(self.of_all(&node.args));
        }
        if let Op::Scan(ScanFn::CumSum, axis) = node.op {
            return self.running(node.args[0], node.shape.len(), axis.n, axis.inner);
        }
        let mut all = vec![0; node.shape.len()];
        for unit in 0..reach.units {
            let set = self.of_unit(&reach, &node.args, unit);
            reach.elements(unit, |e| all[e] = set);
        }
        Read::Each(all)
    }

    fn of_all(&mut self, nodes: &[NodeId]) -> u32 {
        let all = nodes.iter().flat_map(|a| self.read[a.index()].all());
        let all = all.copied().collect();
        self.sets.union(all)
    }

    fn of_unit(&mut self, reach: &Reach, args: &[NodeId], unit: usize) -> u32 {
        let mut all = Vec::new();
        reach.reads(unit, |a, e| all.push(self.read[args[a].index()].of(e)));
        self.sets.union(all)
    }

    /// A running sum's element is computed from those before it.
    fn running(&mut self, x: NodeId, len: usize, n: usize, inner: usize) -> Read {
        let mut all = vec![0; len];
        for e in 0..len {
            let own = self.read[x.index()].of(e);
            all[e] = match (e / inner.max(1)).is_multiple_of(n.max(1)) {
                true => own,
                false => self.sets.union(vec![all[e - inner], own]),
            };
        }
        Read::Each(all)
    }

    fn summed(mut self) -> Vec<(Vec<u32>, f64)> {
        let graph = self.graph;
        let mut met = Vec::new();
        for term in &graph.terms {
            let off = |m: NodeId| graph.constant(m).is_some_and(|m| m[0] == 0.0);
            if !term.mask.is_some_and(off) {
                self.term(term, &mut met);
            }
        }
        for site in graph.sites.iter().filter(|s| s.discrete) {
            met.extend(self.read[site.value.index()].all());
        }
        let mut places: HashMap<u32, usize> = HashMap::new();
        let mut found: Vec<(Vec<u32>, f64)> = Vec::new();
        for set in met.into_iter().filter(|set| *set != 0) {
            let place = *places.entry(set).or_insert_with(|| {
                found.push((self.sets.all[set as usize - 1].clone(), 0.0));
                found.len() - 1
            });
            found[place].1 += 1.0;
        }
        found
    }

    fn term(&mut self, term: &Term, met: &mut Vec<u32>) {
        let graph = self.graph;
        if !is_sum(graph, term) {
            let roots: Vec<NodeId> = super::roots(term).collect();
            return met.push(self.of_all(&roots));
        }
        for (leaf, weights) in summands(graph, &self.classes, term.node).leaves {
            let len = graph.node(leaf).shape.len();
            let reach = Reach::apart(graph, leaf);
            if len == 1 && reach.units > 1 && self.classes.is_leaf(graph, leaf) {
                let units = 0..reach.units;
                let args = &graph.node(leaf).args;
                met.extend(units.map(|u| self.of_unit(&reach, args, u)));
            } else {
                let summed = (0..len).filter(|e| weights.of(*e).is_some());
                met.extend(summed.map(|e| self.read[leaf.index()].of(e)));
            }
        }
    }
}

/// Sets of coordinates, each kept once; 0 is the empty one, and set k stands at k − 1.
#[derive(Default)]
struct Sets {
    all: Vec<Vec<u32>>,
    known: HashMap<Vec<u32>, u32>,
    unions: HashMap<(u32, u32), u32>,
    size: usize,
}

impl Sets {
    fn one(&mut self, c: u32) -> u32 {
        self.intern(vec![c])
    }

    fn intern(&mut self, set: Vec<u32>) -> u32 {
        if set.is_empty() {
            return 0;
        }
        if let Some(k) = self.known.get(&set) {
            return *k;
        }
        self.size += set.len();
        self.all.push(set.clone());
        self.known.insert(set, self.all.len() as u32);
        self.all.len() as u32
    }

    fn union(&mut self, mut sets: Vec<u32>) -> u32 {
        sets.sort_unstable();
        sets.dedup();
        sets.retain(|s| *s != 0);
        match sets[..] {
            [] => 0,
            [one] => one,
            [a, b] => {
                if let Some(known) = self.unions.get(&(a, b)) {
                    return *known;
                }
                let union = self.merged(&sets);
                self.unions.insert((a, b), union);
                union
            }
            _ => self.merged(&sets),
        }
    }

    fn merged(&mut self, sets: &[u32]) -> u32 {
        let of = |k: &u32| &self.all[*k as usize - 1];
        let mut all: Vec<u32> = sets.iter().flat_map(of).copied().collect();
        all.sort_unstable();
        all.dedup();
        self.intern(all)
    }
}
