//! Which noise each element of each node depends on, and which noise belongs together for that.
//!
//! ```text
//!   x: Noise [4]   {0} {1} {2} {3}        elementwise: the classes stay apart
//!   exp(x)         {0} {1} {2} {3}
//!   x[0] · x[2]    {0 2}                  0 and 2 are one class from now on, wherever they are read
//! ```
//! What is only ever added up does not join its summands: the sum can be taken apart (`summands`).

use super::Groups;
use super::reach::Reach;
use super::summands::operands;
use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph, NoiseSite, Term, TermKind};

/// No coordinate: an element that no noise reaches.
pub(super) const NONE: u32 = u32::MAX;

/// For the elements of a node, one coordinate of the class each depends on.
#[derive(Clone, Debug)]
pub(super) enum Touch {
    /// No noise.
    Nothing,
    /// All elements on one class.
    One(u32),
    /// Each on its own; [`NONE`] where on none.
    Each(Vec<u32>),
}

impl Touch {
    /// A coordinate of an element's class.
    pub fn of(&self, element: usize) -> Option<u32> {
        match self {
            Touch::Nothing => None,
            Touch::One(c) => Some(*c),
            Touch::Each(all) => Some(all[element]).filter(|c| *c != NONE),
        }
    }

    /// The coordinates that stand for the elements' classes.
    pub fn all(&self) -> impl Iterator<Item = u32> {
        let (one, each): (Option<u32>, &[u32]) = match self {
            Touch::Nothing => (None, &[]),
            Touch::One(c) => (Some(*c), &[]),
            Touch::Each(all) => (None, all),
        };
        one.into_iter()
            .chain(each.iter().copied().filter(|c| *c != NONE))
    }
}

/// How a node is used on its way to the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Use {
    /// By an operation that needs its value.
    pub value: bool,
    /// As a summand of a term.
    pub summand: bool,
}

/// The classes of a graph's noise.
pub(super) struct Classes {
    /// Coordinates joined so far.
    pub groups: Groups,
    /// How each node is used.
    pub uses: Vec<Use>,
    /// Of nodes that are used for their value, and of summands that are no sums.
    pub touches: Vec<Touch>,
}

impl Classes {
    /// Of a graph; `fine` looks at elements, otherwise at whole nodes and terms.
    pub fn of(graph: &NoiseGraph, fine: bool) -> Classes {
        let uses = uses(graph, fine);
        let mut classes = Classes {
            groups: Groups::new(graph.dim),
            touches: Vec::with_capacity(graph.len()),
            uses,
        };
        for id in graph.ids() {
            let touch = classes.touch(graph, id, fine);
            classes.touches.push(touch);
        }
        for site in discrete(graph) {
            if classes.uses[site.value.index()] != Use::default() {
                classes.keep_site(graph, site);
            }
        }
        for term in &graph.terms {
            if let Some(mask) = term.mask.filter(|m| graph.constant(*m).is_none()) {
                classes.join_nodes(term.node, mask);
            }
        }
        classes
    }

    /// Whether a node is a leaf of sums: a summand that is used for nothing else.
    pub fn is_leaf(&self, graph: &NoiseGraph, id: NodeId) -> bool {
        let u = self.uses[id.index()];
        u.summand && !u.value && operands(graph, id).is_none()
    }

    fn touch(&mut self, graph: &NoiseGraph, id: NodeId, fine: bool) -> Touch {
        let node = graph.node(id);
        let leaf = self.is_leaf(graph, id);
        if !self.uses[id.index()].value && !leaf {
            return Touch::Nothing;
        }
        if let Op::Noise { first } = node.op {
            return self.noise(first, node.shape.len(), fine);
        }
        let one_class = |a: &NodeId| !matches!(self.touches[a.index()], Touch::Each(_));
        let keeps_apart = node.op == Op::Pack && node.args.len() > 1;
        if !keeps_apart && node.args.iter().all(one_class) {
            return self.join_all(&node.args);
        }
        let reach = match leaf {
            true => Reach::apart(graph, id),
            false => Reach::of(graph, id),
        };
        let shared = |(i, a): (usize, &NodeId)| {
            reach.shares(i) && !matches!(self.touches[a.index()], Touch::Nothing)
        };
        if reach.is_whole() || node.args.iter().enumerate().any(shared) {
            return self.join_all(&node.args);
        }
        match self.by_units(&reach, &node.args, node.shape.len()) {
            Touch::Each(all) if all.len() == 1 && all[0] == NONE => Touch::Nothing,
            Touch::Each(all) if all.len() == 1 => Touch::One(all[0]),
            touch => touch,
        }
    }

    fn noise(&mut self, first: usize, len: usize, fine: bool) -> Touch {
        if first >= self.groups.len() || len == 0 {
            return Touch::Nothing;
        }
        if fine && len > 1 {
            return Touch::Each((first as u32..(first + len) as u32).collect());
        }
        (first..first + len).for_each(|c| self.groups.join(first, c));
        Touch::One(first as u32)
    }

    fn join_all(&mut self, nodes: &[NodeId]) -> Touch {
        let mut one: Option<u32> = None;
        for a in nodes {
            for c in self.touches[a.index()].all() {
                match one {
                    Some(one) => self.groups.join(one as usize, c as usize),
                    None => one = Some(c),
                }
            }
        }
        one.map_or(Touch::Nothing, Touch::One)
    }

    fn by_units(&mut self, reach: &Reach, args: &[NodeId], len: usize) -> Touch {
        let mut all = vec![NONE; len.max(reach.units)];
        for unit in 0..reach.units {
            let mut one: Option<u32> = None;
            reach.reads(unit, |a, e| {
                if let Some(c) = self.touches[args[a].index()].of(e) {
                    match one {
                        Some(one) => self.groups.join(one as usize, c as usize),
                        None => one = Some(c),
                    }
                }
            });
            if let Some(c) = one {
                reach.elements(unit, |e| all[e] = c);
            }
        }
        Touch::Each(all)
    }

    fn join_nodes(&mut self, a: NodeId, b: NodeId) {
        self.join_all(&[a, b]);
    }

    /// A discrete site whose coordinates cannot be told apart by its value's elements is kept together, and each with
    /// its mask.
    fn keep_site(&mut self, graph: &NoiseGraph, site: &NoiseSite) {
        if !is_elementwise(graph, site) {
            (site.first..site.first + site.len).for_each(|c| self.groups.join(site.first, c));
        }
        if let Some(mask) = site.mask {
            self.join_nodes(site.value, mask);
        }
    }
}

/// Whether element e of a site's value has coordinate first + e for its own.
fn is_elementwise(graph: &NoiseGraph, site: &NoiseSite) -> bool {
    let node = graph.node(site.value);
    let alone = match &node.op {
        Op::Transport(_) => true,
        Op::ArrayTransport(law) => law.event == 1 && law.noise == 1,
        _ => false,
    };
    let noise = node.args.last().map(|z| graph.node(*z));
    let own = |first: usize, len: usize| first == site.first && len == site.len;
    alone
        && node.shape.len() == site.len
        && noise.is_some_and(|z| matches!(z.op, Op::Noise { first } if own(first, z.shape.len())))
}

fn discrete(graph: &NoiseGraph) -> impl Iterator<Item = &NoiseSite> {
    graph.sites.iter().filter(|s| s.discrete)
}

/// Whether a term is a number that is added to every execution's sum.
pub(super) fn is_sum(graph: &NoiseGraph, term: &Term) -> bool {
    use TermKind::{Factor, Improper, Observe};
    matches!(term.kind, Observe | Factor | Improper)
        && term.mask.is_none_or(|m| graph.constant(m).is_some())
}

/// How each node is used, found from the terms downwards.
fn uses(graph: &NoiseGraph, fine: bool) -> Vec<Use> {
    let mut uses = vec![Use::default(); graph.len()];
    for term in &graph.terms {
        let root = &mut uses[term.node.index()];
        match fine && is_sum(graph, term) {
            true => root.summand = true,
            false => root.value = true,
        }
        if let Some(mask) = term.mask {
            uses[mask.index()].value = true;
        }
    }
    if let Some(over) = graph.overflow {
        uses[over.index()].value = true;
    }
    let masks = discrete(graph).filter_map(|s| Some((s.value, s.mask?)));
    let masks: std::collections::HashMap<NodeId, NodeId> = masks.collect();
    for id in graph.ids().rev() {
        let used = uses[id.index()];
        if used == Use::default() {
            continue;
        }
        if let Some(mask) = masks.get(&id) {
            uses[mask.index()].value = true;
        }
        match operands(graph, id) {
            Some(summands) if !used.value => {
                summands.iter().for_each(|a| uses[a.index()].summand = true)
            }
            _ => {
                let args = &graph.node(id).args;
                args.iter().for_each(|a| uses[a.index()].value = true);
            }
        }
    }
    uses
}
