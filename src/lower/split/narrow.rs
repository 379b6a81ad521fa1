//! One component as a graph of its own: only the elements that it reads, on coordinates 0, 1, ….
//!
//! ```text
//! what the component's summands need, from the terms downwards      (Wanted)
//!   ──▶ its coordinates                                             noise that is needed
//!   ──▶ every needed node anew, operands first, on those elements   (Builder)
//! ```

use std::collections::{BTreeMap, HashMap};

use super::classes::is_sum;
use super::reach::Reach;
use super::{Part, Piece, Share};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, Op, ReduceFn, UnaryFn};
use crate::trace::{NodeId, NoiseGraph, NoiseSite, Term};

/// The elements of a node that are needed: `None` for all, otherwise ascending.
type Elements = Option<Vec<u32>>;

/// The graph of one component, and which of the part's coordinates it reads (indices into them).
pub(in crate::lower) fn narrow(graph: &NoiseGraph, part: &Part) -> (NoiseGraph, Vec<usize>) {
    let sites = sites(graph, &part.coordinates);
    let mut asked: Vec<usize> = Vec::new();
    loop {
        let mut wanted = Wanted::of(graph, part);
        // Discrete sites are asked for the values and masks of their elements, which may need more noise.
        let discrete = sites.iter().map(|s| &graph.sites[*s]);
        discrete
            .filter(|s| s.discrete)
            .for_each(|site| wanted.site(site, &asked));
        wanted.close();
        let coordinates = wanted.coordinates();
        if coordinates == asked || !sites.iter().any(|s| graph.sites[*s].discrete) {
            return Builder::new(graph, wanted, coordinates).build(part, &sites);
        }
        asked = coordinates;
    }
}

fn within(site: &NoiseSite, c: usize) -> bool {
    (site.first..site.first + site.len).contains(&c)
}

/// Indices of the sites that have one of some coordinates.
fn sites(graph: &NoiseGraph, coordinates: &[usize]) -> Vec<usize> {
    let some = |s: &NoiseSite| {
        let at = coordinates.partition_point(|c| *c < s.first);
        coordinates.get(at).is_some_and(|c| within(s, *c))
    };
    let all = graph.sites.iter().enumerate();
    all.filter(|(_, s)| some(s)).map(|(i, _)| i).collect()
}

/// Which elements of which nodes are needed.
struct Wanted<'a> {
    graph: &'a NoiseGraph,
    nodes: BTreeMap<NodeId, Elements>,
}

impl<'a> Wanted<'a> {
    /// What the shares of a component name.
    fn of(graph: &'a NoiseGraph, part: &Part) -> Wanted<'a> {
        let mut wanted = Wanted {
            graph,
            nodes: BTreeMap::new(),
        };
        for share in &part.shares {
            let term = &graph.terms[share.term];
            if let Some(mask) = kept_mask(graph, term, share) {
                wanted.all(mask);
            }
            match &share.pieces {
                None => wanted.all(term.node),
                Some(pieces) => pieces.iter().for_each(|p| wanted.piece(p)),
            }
        }
        wanted
    }

    fn piece(&mut self, piece: &Piece) {
        match (&piece.elements, is_apart(self.graph, piece)) {
            (None, _) => self.all(piece.leaf),
            (Some(all), false) => self.some(piece.leaf, all.iter().copied()),
            (Some(all), true) => {
                let reach = Reach::apart(self.graph, piece.leaf);
                self.operands(piece.leaf, &reach, all.iter().map(|e| *e as usize));
            }
        }
    }

    fn site(&mut self, site: &NoiseSite, coordinates: &[usize]) {
        let own = coordinates.iter().filter(|c| within(site, **c));
        let own: Vec<u32> = own.map(|c| (c - site.first) as u32).collect();
        if own.is_empty() {
            return;
        }
        self.some(site.value, own.into_iter());
        if let Some(mask) = site.mask {
            self.all(mask);
        }
    }

    fn all(&mut self, id: NodeId) {
        self.nodes.insert(id, None);
    }

    fn some(&mut self, id: NodeId, elements: impl Iterator<Item = u32>) {
        if let Some(held) = self.nodes.entry(id).or_insert_with(|| Some(Vec::new())) {
            held.extend(elements);
        }
    }

    fn operands(&mut self, id: NodeId, reach: &Reach, units: impl Iterator<Item = usize>) {
        let args = &self.graph.node(id).args;
        let mut read: Vec<Vec<u32>> = vec![Vec::new(); args.len()];
        for unit in units {
            reach.reads(unit, |a, e| read[a].push(e as u32));
        }
        for (a, read) in args.iter().zip(read) {
            if !read.is_empty() {
                self.some(*a, read.into_iter());
            }
        }
    }

    /// Goes down to what is needed for what is needed.
    fn close(&mut self) {
        let mut next = self.nodes.last_key_value().map(|(id, _)| *id);
        while let Some(id) = next {
            self.settle(id);
            next = self.nodes.range(..id).next_back().map(|(id, _)| *id);
        }
    }

    /// Makes a node's elements those of whole units, and asks for what they read.
    fn settle(&mut self, id: NodeId) {
        let reach = Reach::of(self.graph, id);
        let len = self.graph.node(id).shape.len();
        let some = self.nodes.get_mut(&id).expect("it is wanted").take();
        let units = some.map(|all| {
            let mut units: Vec<usize> = all.iter().map(|e| reach.unit(*e as usize)).collect();
            units.sort_unstable();
            units.dedup();
            units
        });
        let units = units.filter(|units| units.len() < reach.units);
        let Some(units) = units else {
            return self.settle_all(id, &reach);
        };
        let mut elements = Vec::new();
        units
            .iter()
            .for_each(|u| reach.elements(*u, |e| elements.push(e as u32)));
        elements.sort_unstable();
        self.operands(id, &reach, units.into_iter());
        let elements = Some(elements).filter(|all| all.len() < len);
        self.nodes.insert(id, elements);
    }

    fn settle_all(&mut self, id: NodeId, reach: &Reach) {
        let node = self.graph.node(id);
        match node.op {
            Op::Take(_) => self.operands(id, reach, 0..reach.units),
            _ => node.args.iter().for_each(|a| self.all(*a)),
        }
        self.nodes.insert(id, None);
    }

    /// The noise that is needed, ascending.
    fn coordinates(&self) -> Vec<usize> {
        let mut found = Vec::new();
        for (id, elements) in &self.nodes {
            let node = self.graph.node(*id);
            if let Op::Noise { first } = node.op {
                each(elements, node.shape.len(), |e| found.push(first + e));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn each(elements: &Elements, len: usize, mut f: impl FnMut(usize)) {
    match elements {
        None => (0..len).for_each(f),
        Some(all) => all.iter().for_each(|e| f(*e as usize)),
    }
}

/// A term that is taken apart counts everywhere; one that is kept whole has its mask.
fn kept_mask(graph: &NoiseGraph, term: &Term, share: &Share) -> Option<NodeId> {
    term.mask
        .filter(|_| share.pieces.is_none() || !is_sum(graph, term))
}

/// Whether a piece's elements are those of the parts of a sum that is one node.
fn is_apart(graph: &NoiseGraph, piece: &Piece) -> bool {
    let node = graph.node(piece.leaf);
    piece.elements.is_some()
        && matches!(
            node.op,
            Op::LogDensitySum(..) | Op::MatMul { m: 1, n: 1, .. }
        )
}

/// Builds the component's graph.
struct Builder<'a> {
    old: &'a NoiseGraph,
    new: NoiseGraph,
    wanted: BTreeMap<NodeId, Elements>,
    places: HashMap<NodeId, NodeId>,
    coordinates: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(old: &'a NoiseGraph, wanted: Wanted, coordinates: Vec<usize>) -> Builder<'a> {
        let mut new = NoiseGraph::default();
        new.dim = coordinates.len();
        new.improper = old.improper;
        new.nan_origin = old.nan_origin.clone();
        Builder {
            old,
            new,
            wanted: wanted.nodes,
            places: HashMap::new(),
            coordinates,
        }
    }

    fn build(mut self, part: &Part, sites: &[usize]) -> (NoiseGraph, Vec<usize>) {
        let ids: Vec<NodeId> = self.wanted.keys().copied().collect();
        for id in ids {
            let new = self.node(id);
            self.places.insert(id, new);
        }
        for share in &part.shares {
            let term = self.term(share);
            self.new.terms.push(term);
        }
        for s in sites {
            self.site(&self.old.sites[*s]);
        }
        let rank = |c: &usize| part.coordinates.partition_point(|p| p < c);
        let kept = self.coordinates.iter().map(rank).collect();
        (self.new, kept)
    }

    fn node(&mut self, id: NodeId) -> NodeId {
        let node = self.old.node(id).clone();
        let elements = self.wanted[&id].clone();
        if let Op::Noise { first } = node.op {
            return self.noise(first, &elements, &node.shape, node.span);
        }
        if let Op::Const(values) = &node.op {
            let Some(some) = elements else {
                return self
                    .new
                    .constant_node(values.clone(), node.shape, node.span);
            };
            let values = some.iter().map(|e| values[*e as usize]).collect();
            return self
                .new
                .constant_node(values, shape_of(some.len()), node.span);
        }
        let reach = Reach::of(self.old, id);
        let whole = |a: &NodeId| matches!(self.wanted.get(a), Some(None));
        match elements {
            None if node.args.iter().all(whole) => {
                let args = node.args.iter().map(|a| self.places[a]).collect();
                self.add(node.op, args, node.shape, node.span)
            }
            None => {
                let all: Vec<usize> = (0..reach.units).collect();
                self.units(id, &reach, &all, Some(&node.shape))
            }
            Some(some) => {
                let mut units: Vec<usize> = some.iter().map(|e| reach.unit(*e as usize)).collect();
                units.sort_unstable();
                units.dedup();
                self.units(id, &reach, &units, None)
            }
        }
    }

    /// Some units of an operation; their elements ascending.
    fn units(
        &mut self,
        id: NodeId,
        reach: &Reach,
        units: &[usize],
        shape: Option<&Shape>,
    ) -> NodeId {
        let node = self.old.node(id);
        let (op, span, args) = (node.op.clone(), node.span, node.args.clone());
        let mut read: Vec<Vec<u32>> = vec![Vec::new(); args.len()];
        for unit in units {
            reach.reads(*unit, |a, e| read[a].push(e as u32));
        }
        let mut made = Vec::new();
        units
            .iter()
            .for_each(|u| reach.elements(*u, |e| made.push(e as u32)));
        let out = || shape.cloned().unwrap_or(shape_of(made.len()));
        let m = units.len();
        let line = |n: usize| Axis {
            outer: m,
            n,
            inner: 1,
        };
        let new = match op {
            Op::Take(_) => self.aligned(args[0], &read[0], span),
            Op::Pack => {
                let parts = args.iter().zip(&read).filter(|(_, r)| !r.is_empty());
                let parts: Vec<(NodeId, &Vec<u32>)> = parts.map(|(a, r)| (*a, r)).collect();
                let parts: Vec<NodeId> = parts
                    .into_iter()
                    .map(|(a, r)| self.aligned(a, r, span))
                    .collect();
                match parts[..] {
                    [one] => one,
                    _ => self.add(Op::Pack, parts, out(), span),
                }
            }
            Op::Reduce(f, axis) => {
                let lines = self.aligned(args[0], &read[0], span);
                self.add(Op::Reduce(f, line(axis.n)), vec![lines], out(), span)
            }
            Op::Scan(f, axis) => {
                let lines = self.aligned(args[0], &read[0], span);
                self.add(Op::Scan(f, line(axis.n)), vec![lines], out(), span)
            }
            Op::MatMul { k, n, .. } if !reach.is_whole() => {
                return self.product(&args, k, n, units, out(), span);
            }
            Op::Gather { rows, row } if !reach.is_whole() => {
                let source = self.places[&args[0]];
                let index = self.aligned(args[1], &read[1], span);
                self.add(Op::Gather { rows, row }, vec![source, index], out(), span)
            }
            op => {
                let op = with_batch(op, m);
                let each = |a: &NodeId| self.old.node(*a).shape.len();
                let lens: Vec<usize> = args.iter().map(each).collect();
                let operands: Vec<NodeId> = args
                    .iter()
                    .zip(&read)
                    .enumerate()
                    .map(|(i, (a, r))| match reach.shares(i) {
                        true => self.aligned(*a, &all(lens[i]), span),
                        false => self.aligned(*a, r, span),
                    })
                    .collect();
                self.add(op, operands, out(), span)
            }
        };
        self.ascending(new, &made, span)
    }

    /// Some elements of a product: the rows and columns that they lie on, and the elements of these.
    fn product(
        &mut self,
        args: &[NodeId],
        k: usize,
        n: usize,
        units: &[usize],
        shape: Shape,
        span: Span,
    ) -> NodeId {
        let distinct = |of: &dyn Fn(usize) -> usize| {
            let mut all: Vec<usize> = units.iter().map(|u| of(*u)).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let (rows, columns) = (distinct(&|u| u / n), distinct(&|u| u % n));
        let left: Vec<u32> = rows
            .iter()
            .flat_map(|r| (0..k).map(move |l| (r * k + l) as u32))
            .collect();
        let right: Vec<u32> = (0..k)
            .flat_map(|l| columns.iter().map(move |c| (l * n + c) as u32))
            .collect();
        let args = vec![
            self.aligned(args[0], &left, span),
            self.aligned(args[1], &right, span),
        ];
        let (m, n2) = (rows.len(), columns.len());
        let op = Op::MatMul { m, k, n: n2 };
        if m * n2 == units.len() {
            return self.add(op, args, shape, span);
        }
        let grid = self.add(op, args, Shape(vec![m, n2]), span);
        let place = |list: &[usize], x: usize| list.partition_point(|y| *y < x);
        let at = units
            .iter()
            .map(|u| (place(&rows, u / n) * n2 + place(&columns, u % n)) as u32);
        self.add(Op::Take(at.collect()), vec![grid], shape, span)
    }

    /// A node whose elements are `made`, in ascending order.
    fn ascending(&mut self, id: NodeId, made: &[u32], span: Span) -> NodeId {
        if made.is_sorted() {
            return id;
        }
        let mut order: Vec<u32> = (0..made.len() as u32).collect();
        order.sort_by_key(|i| made[*i as usize]);
        let shape = self.new.node(id).shape.clone();
        self.add(Op::Take(order.into()), vec![id], shape, span)
    }

    /// Some elements of an old node, in the given order.
    fn aligned(&mut self, id: NodeId, elements: &[u32], span: Span) -> NodeId {
        let new = self.places[&id];
        let len = self.new.node(new).shape.len();
        let held = &self.wanted[&id];
        let place = |e: &u32| match held {
            None => *e,
            Some(all) => all.partition_point(|x| x < e) as u32,
        };
        let places: Vec<u32> = elements.iter().map(place).collect();
        let same = places.len() == len && places.iter().enumerate().all(|(i, p)| i as u32 == *p);
        if same {
            return new;
        }
        let shape = shape_of(places.len());
        self.add(Op::Take(places.into()), vec![new], shape, span)
    }

    /// Coordinates of the component; those that stand side by side are one block.
    fn noise(&mut self, first: usize, elements: &Elements, shape: &Shape, span: Span) -> NodeId {
        let mut ranks = Vec::new();
        let rank = |c: usize| self.coordinates.partition_point(|x| *x < c);
        each(elements, shape.len(), |e| ranks.push(rank(first + e)));
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for r in &ranks {
            match runs.last_mut() {
                Some((start, n)) if *start + *n == *r => *n += 1,
                _ => runs.push((*r, 1)),
            }
        }
        let whole = match elements {
            None => shape.clone(),
            Some(all) => shape_of(all.len()),
        };
        if let [(start, _)] = runs[..] {
            return self.new.noise(start, whole, span);
        }
        let blocks = runs
            .iter()
            .map(|(start, n)| self.new.noise(*start, shape_of(*n), span));
        let blocks = blocks.collect();
        self.add(Op::Pack, blocks, whole, span)
    }

    fn add(&mut self, op: Op, args: Vec<NodeId>, shape: Shape, span: Span) -> NodeId {
        self.new.add(op, args, shape, span)
    }

    fn term(&mut self, share: &Share) -> Term {
        let term = self.old.terms[share.term].clone();
        let node = match &share.pieces {
            None => self.places[&term.node],
            Some(pieces) => self.sum(pieces, term.span),
        };
        let mask = kept_mask(self.old, &term, share).map(|m| self.places[&m]);
        Term { node, mask, ..term }
    }

    fn sum(&mut self, pieces: &[Piece], span: Span) -> NodeId {
        let mut sum: Option<NodeId> = None;
        for piece in pieces {
            let next = self.weighed(piece);
            sum = Some(match sum {
                None => next,
                Some(sum) => {
                    let both = vec![sum, next];
                    self.add(Op::Binary(BinaryFn::Add), both, Shape::scalar(), span)
                }
            });
        }
        sum.expect("a share has a piece")
    }

    /// The weighted sum of a piece's elements.
    fn weighed(&mut self, piece: &Piece) -> NodeId {
        let node = self.old.node(piece.leaf);
        let (op, span, len) = (node.op.clone(), node.span, node.shape.len());
        let first = piece.weights[0];
        let alike = piece.weights.iter().all(|w| w.to_bits() == first.to_bits());
        let values = match (&piece.elements, is_apart(self.old, piece)) {
            (Some(some), true) => self.part_of_sum(piece.leaf, op, some, span),
            (Some(some), false) => self.aligned(piece.leaf, some, span),
            (None, _) => self.aligned(piece.leaf, &all(len), span),
        };
        let n = self.new.node(values).shape.len();
        if !alike {
            let weights = piece.weights.clone().into();
            let weights = self.new.constant_node(weights, shape_of(n), span);
            let mul = Op::Binary(BinaryFn::Mul);
            let each = self.add(mul, vec![values, weights], shape_of(n), span);
            return self.total(each, n, span);
        }
        let total = self.total(values, n, span);
        match first {
            1.0 => total,
            -1.0 => self.add(Op::Unary(UnaryFn::Neg), vec![total], Shape::scalar(), span),
            w => {
                let w = self.new.constant_node([w].into(), Shape::scalar(), span);
                let mul = Op::Binary(BinaryFn::Mul);
                self.add(mul, vec![total, w], Shape::scalar(), span)
            }
        }
    }

    fn total(&mut self, id: NodeId, n: usize, span: Span) -> NodeId {
        if n == 1 {
            return id;
        }
        let axis = Axis {
            outer: 1,
            n,
            inner: 1,
        };
        let sum = Op::Reduce(ReduceFn::Sum, axis);
        self.add(sum, vec![id], Shape::scalar(), span)
    }

    /// Some of the parts that a node is the sum of, summed.
    fn part_of_sum(&mut self, leaf: NodeId, op: Op, some: &[u32], span: Span) -> NodeId {
        let reach = Reach::apart(self.old, leaf);
        let args = self.old.node(leaf).args.clone();
        let m = some.len();
        let operands: Vec<NodeId> = args
            .iter()
            .enumerate()
            .map(|(i, a)| match reach.shares(i) {
                true => self.aligned(*a, &[0], span),
                false => self.aligned(*a, some, span),
            })
            .collect();
        let op = match op {
            Op::LogDensitySum(law, _) => Op::LogDensitySum(law, m),
            _ => Op::MatMul { m: 1, k: m, n: 1 },
        };
        self.add(op, operands, Shape::scalar(), span)
    }

    /// A site, as far as it is the component's.
    fn site(&mut self, site: &NoiseSite) {
        let Some(value) = self.places.get(&site.value) else {
            return;
        };
        let own: Vec<usize> = self
            .coordinates
            .iter()
            .enumerate()
            .filter(|(_, c)| within(site, **c))
            .map(|(rank, _)| rank)
            .collect();
        let Some(&first) = own.first() else { return };
        let of = |rank: &usize| (self.coordinates[*rank] - site.first) as u32;
        self.new.sites.push(NoiseSite {
            first,
            len: own.len(),
            value: *value,
            elements: (own.len() < site.len).then(|| own.iter().map(of).collect()),
            mask: site.mask.and_then(|m| self.places.get(&m).copied()),
            ..site.clone()
        });
    }
}

fn all(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

fn shape_of(n: usize) -> Shape {
    match n {
        1 => Shape::scalar(),
        n => Shape::vector(n),
    }
}

/// An operation over arrays with another number of them.
fn with_batch(op: Op, batch: usize) -> Op {
    match op {
        Op::ArrayTransport(law) if law.batch > 1 => {
            Op::ArrayTransport(crate::ir::ArrayLaw { batch, ..law })
        }
        Op::ArrayLogDensity(law) if law.batch > 1 => {
            Op::ArrayLogDensity(crate::ir::ArrayLaw { batch, ..law })
        }
        op => op,
    }
}
