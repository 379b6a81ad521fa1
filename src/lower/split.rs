//! Which noise matters, and which of it belongs together.

use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph, Term};

/// Noise coordinates and terms of the log-weight that depend on each other and on nothing else.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Noise coordinates, ascending.
    pub coordinates: Vec<usize>,
    /// Indices of terms.
    pub terms: Vec<usize>,
}

/// A program taken apart.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Independent components.
    pub components: Vec<Part>,
    /// Terms that no noise reaches.
    pub constant: Vec<usize>,
}

/// The nodes that a term depends on.
pub fn roots(term: &Term) -> impl Iterator<Item = NodeId> {
    [Some(term.node), term.mask].into_iter().flatten()
}

impl Parts {
    /// The same with all components as one, if there are any.
    pub fn joined(self) -> Parts {
        let mut all = Part::default();
        for part in self.components {
            all.coordinates.extend(part.coordinates);
            all.terms.extend(part.terms);
        }
        all.coordinates.sort_unstable();
        all.terms.sort_unstable();
        let none = all.coordinates.is_empty();
        Parts {
            components: if none { Vec::new() } else { vec![all] },
            constant: self.constant,
        }
    }
}

/// Splits the log-weight into independent components. A program that may overflow is one component.
pub fn split(graph: &NoiseGraph) -> Parts {
    let all = graph.terms.iter().flat_map(roots).chain(graph.overflow);
    let needed = graph.ancestors(all);
    let mut groups = Groups::new(graph.dim);
    // For each needed node, one coordinate of the group it depends on.
    let mut touches: Vec<Option<usize>> = vec![None; graph.len()];
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        if let Op::Noise { first } = node.op {
            (first..first + node.shape.len()).for_each(|c| groups.join(first, c));
            touches[id.index()] = (!node.shape.is_empty()).then_some(first);
            continue;
        }
        for a in &node.args {
            touches[id.index()] = match (touches[id.index()], touches[a.index()]) {
                (Some(x), Some(y)) => {
                    groups.join(x, y);
                    Some(x)
                }
                (x, y) => x.or(y),
            };
        }
    }
    let mut parts = Parts::default();
    let mut homes: Vec<Option<usize>> = vec![None; graph.dim];
    let active: Vec<usize> = graph
        .ids()
        .filter(|id| needed[id.index()])
        .flat_map(|id| match graph.node(id).op {
            Op::Noise { first } => first..first + graph.node(id).shape.len(),
            _ => 0..0,
        })
        .collect();
    for (t, term) in graph.terms.iter().enumerate() {
        let mut coordinate: Option<usize> = None;
        for r in roots(term) {
            match (coordinate, touches[r.index()]) {
                (Some(x), Some(y)) => groups.join(x, y),
                (None, y) => coordinate = y,
                _ => {}
            }
        }
        if coordinate.is_none() {
            parts.constant.push(t);
        }
    }
    let active: Vec<usize> = active.into_iter().chain(graph.tail).collect();
    if graph.overflow.is_some() {
        active.windows(2).for_each(|w| groups.join(w[0], w[1]));
    }
    let mut sorted = active;
    sorted.sort_unstable();
    sorted.dedup();
    for c in sorted {
        let group = groups.find(c);
        let home = *homes[group].get_or_insert_with(|| {
            parts.components.push(Part::default());
            parts.components.len() - 1
        });
        parts.components[home].coordinates.push(c);
    }
    for (t, term) in graph.terms.iter().enumerate() {
        let coordinate = roots(term).find_map(|r| touches[r.index()]);
        if let Some(home) = coordinate.and_then(|c| homes[groups.find(c)]) {
            parts.components[home].terms.push(t);
        }
    }
    parts
}

/// Union–find with path halving.
struct Groups(Vec<usize>);

impl Groups {
    fn new(n: usize) -> Self {
        Groups((0..n).collect())
    }

    fn find(&mut self, mut x: usize) -> usize {
        while self.0[x] != x {
            self.0[x] = self.0[self.0[x]];
            x = self.0[x];
        }
        x
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.0[high] = low;
    }
}
