//! Which noise matters, and which of it belongs together.
//!
//! ```text
//! terms ──▶ classes of noise, element by element ──▶ components ──▶ alike ones are one, inferred once
//!                                                          └──▶ too many different ones are packed together
//! ```
//! A term that is a sum is taken apart, and each component has its share of it.

mod alike;
mod classes;
mod meeting;
mod narrow;
mod pack;
mod reach;
mod summands;

use std::collections::HashMap;

use self::alike::{Alike, after, of_numbers};
use self::classes::{Classes, is_sum};
use self::summands::{Summands, Weights, summands};
pub(super) use meeting::meetings;
pub(super) use narrow::narrow;

use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph, Term};

/// Noise coordinates and terms of the log-weight that depend on each other and on nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Noise coordinates, ascending.
    pub coordinates: Vec<usize>,
    /// Coordinates of other components that are the same function of theirs.
    pub copies: Vec<Vec<usize>>,
    /// Its share of the log-weight, term by term.
    pub shares: Vec<Share>,
}

/// What a component has of a term.
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// The term's index.
    pub term: usize,
    /// The summands; `None` for the whole term.
    pub pieces: Option<Vec<Piece>>,
}

/// Some elements of a node in a weighted sum.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// The node.
    pub leaf: NodeId,
    /// The elements, ascending; `None` for all.
    pub elements: Option<Vec<u32>>,
    /// The weight of each, or of all.
    pub weights: Vec<f64>,
}

/// A program taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Independent components.
    pub components: Vec<Part>,
    /// Terms that no noise reaches.
    pub constant: Vec<usize>,
    /// Known summands of the terms that were taken apart.
    pub offset: f64,
    /// Whether the one component is the whole graph, read as it is.
    pub whole: bool,
}

/// The nodes that a term depends on.
pub(super) fn roots(term: &Term) -> impl Iterator<Item = NodeId> {
    [Some(term.node), term.mask].into_iter().flatten()
}

/// How far a log-weight is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    /// Not at all.
    Joint,
    /// By sites and terms.
    Coarse,
    /// By elements of plates and by summands.
    Fine,
}

/// Splits the log-weight into independent components. A program that may overflow is one component. A fine grain takes
/// plates and sums apart, finds components that are alike, and keeps different ones to a number that is worth its while.
pub(super) fn split(graph: &NoiseGraph, grain: Grain) -> Parts {
    let grain = match graph.overflow {
        Some(_) => Grain::Joint,
        None => grain,
    };
    let fine = grain == Grain::Fine;
    let mut splitter = Splitter::new(graph, grain);
    let mut parts = splitter.components();
    if fine && parts.components.len() > 1 {
        let prints = splitter.prints(&parts.components);
        parts.components = pack::packed(parts.components, &prints);
    }
    parts.whole = parts.components.len() == 1 && parts.components[0].coordinates == splitter.active;
    for part in &mut parts.components {
        splitter.make_whole(part);
    }
    splitter.take_constants(&mut parts);
    parts
}

struct Splitter<'a> {
    graph: &'a NoiseGraph,
    classes: Classes,
    terms: Vec<Summands>,
    /// Coordinates that some weight reads the block of.
    active: Vec<usize>,
    /// How many classes each term's summands are in.
    spread: Vec<usize>,
}

impl<'a> Splitter<'a> {
    fn new(graph: &'a NoiseGraph, grain: Grain) -> Splitter<'a> {
        let fine = grain == Grain::Fine;
        let mut classes = Classes::of(graph, fine);
        let mut terms = Vec::with_capacity(graph.terms.len());
        for term in &graph.terms {
            let taken = match fine && is_sum(graph, term) {
                true => summands(graph, &classes, term.node),
                false => Summands {
                    leaves: vec![(term.node, Weights::All(1.0))],
                    constant: 0.0,
                },
            };
            // A known summand that decides the whole: it stays with all that it decides about.
            if !taken.constant.is_finite() {
                let leaves = taken.leaves.iter();
                let all: Vec<u32> = leaves
                    .flat_map(|(leaf, _)| classes.touches[leaf.index()].all())
                    .collect();
                classes.groups.join_all(&all);
            }
            terms.push(taken);
        }
        let active = active(graph, &classes);
        if grain == Grain::Joint {
            let all: Vec<u32> = active.iter().map(|c| *c as u32).collect();
            classes.groups.join_all(&all);
        }
        Splitter {
            graph,
            classes,
            spread: vec![0; terms.len()],
            terms,
            active,
        }
    }

    /// A component for each class that reaches a term, by their first coordinates.
    fn components(&mut self) -> Parts {
        let mut parts = Parts::default();
        let mut shares: HashMap<usize, Vec<Share>> = HashMap::new();
        for term in 0..self.terms.len() {
            let off = |m: NodeId| self.graph.constant(m).is_some_and(|m| m[0] == 0.0);
            let pieces = match self.graph.terms[term].mask {
                Some(mask) if off(mask) => Vec::new(),
                _ => self.pieces(term),
            };
            if pieces.is_empty() {
                parts.constant.push(term);
            }
            self.spread[term] = pieces.len();
            for (class, pieces) in pieces {
                let pieces = Some(pieces);
                shares
                    .entry(class)
                    .or_default()
                    .push(Share { term, pieces });
            }
        }
        let mut homes: HashMap<usize, usize> = HashMap::new();
        let all: Vec<usize> = self.active.clone();
        for c in all {
            let class = self.classes.groups.find(c);
            let home = match (homes.get(&class), shares.remove(&class)) {
                (Some(home), _) => *home,
                (None, None) if self.graph.overflow.is_none() => continue,
                (None, shares) => {
                    parts.components.push(Part {
                        shares: shares.unwrap_or_default(),
                        ..Part::default()
                    });
                    homes.insert(class, parts.components.len() - 1);
                    parts.components.len() - 1
                }
            };
            parts.components[home].coordinates.push(c);
        }
        parts
    }

    /// A term's summands by the class that each depends on, the classes in the order in which they are met.
    fn pieces(&mut self, term: usize) -> Vec<(usize, Vec<Piece>)> {
        let mut found: Vec<(usize, Vec<Piece>)> = Vec::new();
        let mut places: HashMap<usize, usize> = HashMap::new();
        let mut loose: Vec<Piece> = Vec::new();
        for (leaf, weights) in &self.terms[term].leaves {
            let apart =
                self.classes.is_leaf(self.graph, *leaf) && self.graph.node(*leaf).shape.len() == 1;
            let weight = |e: usize| weights.of(if apart { 0 } else { e });
            match &self.classes.touches[leaf.index()] {
                classes::Touch::Each(all) => {
                    for (e, class) in all.iter().enumerate() {
                        let Some(w) = weight(e) else { continue };
                        let piece = match *class {
                            classes::NONE => last_of(&mut loose, *leaf),
                            c => {
                                let class = self.classes.groups.find(c as usize);
                                let place = *places.entry(class).or_insert_with(|| {
                                    found.push((class, Vec::new()));
                                    found.len() - 1
                                });
                                last_of(&mut found[place].1, *leaf)
                            }
                        };
                        piece.elements.get_or_insert_default().push(e as u32);
                        piece.weights.push(w);
                    }
                }
                touch => {
                    let piece = whole_piece(*leaf, weights);
                    match touch.of(0) {
                        None => loose.push(piece),
                        Some(c) => {
                            let class = self.classes.groups.find(c as usize);
                            let place = *places.entry(class).or_insert_with(|| {
                                found.push((class, Vec::new()));
                                found.len() - 1
                            });
                            found[place].1.push(piece);
                        }
                    }
                }
            }
        }
        // A known weight that some executions have: it belongs to what decides which.
        let mask = self.graph.terms[term].mask;
        if found.is_empty()
            && let Some(c) = mask.and_then(|m| self.classes.touches[m.index()].of(0))
        {
            let class = self.classes.groups.find(c as usize);
            return vec![(class, loose)];
        }
        // What no noise reaches goes with what is there.
        if let Some((_, first)) = found.first_mut() {
            first.extend(loose);
        }
        found
    }

    /// What each component is a function of, so that equal ones are the same function of their noise.
    fn prints(&self, components: &[Part]) -> Vec<alike::Print> {
        let mut rank = vec![u32::MAX; self.graph.dim];
        for part in components {
            let coordinates = part.coordinates.iter().enumerate();
            coordinates.for_each(|(k, c)| rank[*c] = k as u32);
        }
        let alike = Alike::of(self.graph, &self.classes, &rank);
        let mut prints: Vec<alike::Print> = components
            .iter()
            .map(|part| self.print(&alike, part))
            .collect();
        let homes: HashMap<usize, usize> = components
            .iter()
            .enumerate()
            .flat_map(|(i, part)| part.coordinates.iter().map(move |c| (*c, i)))
            .collect();
        for site in self.graph.sites.iter().filter(|s| s.discrete) {
            let own = rank.iter().enumerate().skip(site.first).take(site.len);
            for (c, rank) in own {
                if let (Some(home), Some(mask)) = (homes.get(&c), site.mask) {
                    let here = after((*rank).into(), alike.node(mask));
                    prints[*home] = after(prints[*home], here);
                }
            }
        }
        prints
    }

    fn print(&self, alike: &Alike, part: &Part) -> alike::Print {
        let mut print = part.coordinates.len() as alike::Print;
        for share in &part.shares {
            let term = &self.graph.terms[share.term];
            print = after(print, term.kind as alike::Print);
            print = after(print, term.mask.map_or(0, |m| alike.node(m)));
            // A known summand stays with a term that is not taken apart.
            if self.spread[share.term] == 1 {
                print = after(print, of_numbers(&[self.terms[share.term].constant]));
            }
            for piece in share.pieces.iter().flatten() {
                print = after(print, of_numbers(&piece.weights));
                match &piece.elements {
                    None => print = after(print, alike.node(piece.leaf)),
                    Some(all) => {
                        let elements = all.iter().map(|e| alike.element(piece.leaf, *e as usize));
                        print = elements.fold(print, after);
                    }
                }
            }
        }
        print
    }

    /// Terms that are all in one component are taken as they are written.
    fn make_whole(&mut self, part: &mut Part) {
        for share in &mut part.shares {
            let pieces = share.pieces.as_ref().map_or(0, |p| self.classes_of(p));
            if pieces == self.spread[share.term] && part.copies.is_empty()
                || self.spread[share.term] == 1
            {
                share.pieces = None;
                self.terms[share.term].constant = 0.0;
            }
        }
    }

    /// In how many classes some pieces of a term are.
    fn classes_of(&mut self, pieces: &[Piece]) -> usize {
        let mut found: Vec<usize> = Vec::new();
        for piece in pieces {
            let touch = &self.classes.touches[piece.leaf.index()];
            let of = |e: &u32| touch.of(*e as usize);
            match &piece.elements {
                None => found.extend(touch.of(0).map(|c| c as usize)),
                Some(all) => found.extend(all.iter().filter_map(of).map(|c| c as usize)),
            }
        }
        for c in &mut found {
            *c = self.classes.groups.find(*c);
        }
        found.sort_unstable();
        found.dedup();
        found.len()
    }

    /// The known summands that no component keeps.
    fn take_constants(&self, parts: &mut Parts) {
        let apart = |t: &usize| self.spread[*t] > 1;
        let all = (0..self.terms.len()).filter(apart);
        parts.offset = all.map(|t| self.terms[t].constant).sum();
    }
}

fn whole_piece(leaf: NodeId, weights: &Weights) -> Piece {
    match weights {
        Weights::All(w) => Piece {
            leaf,
            elements: None,
            weights: vec![*w],
        },
        Weights::Each(all) if all.iter().all(|w| !w.is_nan()) => Piece {
            leaf,
            elements: None,
            weights: all.clone(),
        },
        Weights::Each(all) => {
            let summed = all.iter().enumerate().filter(|(_, w)| !w.is_nan());
            let (elements, weights) = summed.map(|(e, w)| (e as u32, *w)).unzip();
            Piece {
                leaf,
                elements: Some(elements),
                weights,
            }
        }
    }
}

/// The last piece if it is of this leaf, or a new one.
fn last_of(pieces: &mut Vec<Piece>, leaf: NodeId) -> &mut Piece {
    if pieces.last().is_none_or(|p| p.leaf != leaf) {
        pieces.push(Piece {
            leaf,
            elements: None,
            weights: Vec::new(),
        });
    }
    pieces.last_mut().expect("one was just put there")
}

/// The coordinates of all noise that some weight reads, ascending.
fn active(graph: &NoiseGraph, classes: &Classes) -> Vec<usize> {
    let used = |id: &NodeId| classes.uses[id.index()] != classes::Use::default();
    let blocks = graph.ids().filter(used).flat_map(|id| {
        let node = graph.node(id);
        match node.op {
            Op::Noise { first } if first < graph.dim => first..first + node.shape.len(),
            _ => 0..0,
        }
    });
    let mut all: Vec<usize> = blocks.chain(graph.tail).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Union–find with path halving.
pub(super) struct Groups(Vec<u32>);

impl Groups {
    fn new(n: usize) -> Self {
        Groups((0..n as u32).collect())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&mut self, x: usize) -> usize {
        let mut x = x as u32;
        while self.0[x as usize] != x {
            self.0[x as usize] = self.0[self.0[x as usize] as usize];
            x = self.0[x as usize];
        }
        x as usize
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.0[high] = low as u32;
    }

    fn join_all(&mut self, all: &[u32]) {
        all.windows(2)
            .for_each(|w| self.join(w[0] as usize, w[1] as usize));
    }
}
