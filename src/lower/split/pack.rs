//! Components that are alike become one with copies; too many different ones are packed together.
//!
//! A component costs an engine's warm-up or training, however small it is. Alike ones cost it once, so they stay apart
//! whatever their number; of different ones at most [`MOST`] do.

use std::collections::{BTreeMap, HashMap};

use super::alike::Print;
use super::{Part, Piece, Share};
use crate::trace::NodeId;

/// Most components that differ.
const MOST: usize = 32;
/// Most copies of a component. An engine that steps from draw to draw pays for each step, some 8 µs however few the
/// dimensions: above this, several components side by side in one cost less.
const MOST_COPIES: usize = 64;

/// The components that are inferred, by their first coordinates. Equal `prints` say that two are alike.
pub(super) fn packed(components: Vec<Part>, prints: &[Print]) -> Vec<Part> {
    let mut kinds: Vec<Vec<Part>> = Vec::new();
    let mut places: HashMap<Print, usize> = HashMap::new();
    for (part, print) in components.into_iter().zip(prints) {
        let place = *places.entry(*print).or_insert_with(|| {
            kinds.push(Vec::new());
            kinds.len() - 1
        });
        kinds[place].push(part);
    }
    let mut kinds: Vec<Vec<Part>> = kinds.into_iter().flat_map(fewer_copies).collect();
    if kinds.len() <= MOST {
        return kinds.into_iter().map(with_copies).collect();
    }
    let mut alone: Vec<Vec<Part>> = Vec::new();
    let mut together: Vec<Part> = Vec::new();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.len()));
    for kind in kinds {
        match kind.len() > 1 && alone.len() < MOST / 2 {
            true => alone.push(kind),
            false => together.extend(kind),
        }
    }
    together.sort_by_key(|part| part.coordinates[0]);
    let groups = MOST - alone.len();
    let each = together.len().div_ceil(groups);
    let mut parts: Vec<Part> = alone.into_iter().map(with_copies).collect();
    while !together.is_empty() {
        let rest = together.split_off(each.min(together.len()));
        parts.push(merged(together));
        together = rest;
    }
    parts.sort_by_key(|part| part.coordinates[0]);
    parts
}

/// Components that are alike as at most [`MOST_COPIES`] that are: several side by side in one. Where coordinates lie between
/// each other in different orders, what is made of them is not alike.
fn fewer_copies(kind: Vec<Part>) -> Vec<Vec<Part>> {
    let each = kind.len().div_ceil(MOST_COPIES);
    if each == 1 {
        return vec![kind];
    }
    let mut found: Vec<Vec<Part>> = Vec::new();
    let mut places: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut rest = kind.into_iter().peekable();
    while rest.peek().is_some() {
        let side_by_side: Vec<Part> = rest.by_ref().take(each).collect();
        let place = *places.entry(order(&side_by_side)).or_insert_with(|| {
            found.push(Vec::new());
            found.len() - 1
        });
        found[place].push(merged(side_by_side));
    }
    found
}

/// Which component's which coordinate comes first, second, ….
fn order(parts: &[Part]) -> Vec<usize> {
    let all = parts.iter().flat_map(|p| &p.coordinates);
    let all: Vec<usize> = all.copied().collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|i| all[*i]);
    order
}

fn with_copies(kind: Vec<Part>) -> Part {
    let mut kind = kind.into_iter();
    let first = kind.next().expect("a kind has a member");
    Part {
        copies: kind.map(|part| part.coordinates).collect(),
        ..first
    }
}

/// Several components as one.
fn merged(parts: Vec<Part>) -> Part {
    let mut shares: BTreeMap<usize, Vec<Piece>> = BTreeMap::new();
    let mut coordinates = Vec::new();
    for part in parts {
        coordinates.extend(part.coordinates);
        for share in part.shares {
            let pieces = share.pieces.into_iter().flatten();
            shares.entry(share.term).or_default().extend(pieces);
        }
    }
    coordinates.sort_unstable();
    let share = |(term, pieces)| Share {
        term,
        pieces: Some(by_leaf(pieces)),
    };
    Part {
        coordinates,
        copies: Vec::new(),
        shares: shares.into_iter().map(share).collect(),
    }
}

/// One piece for each leaf, its elements ascending.
fn by_leaf(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut order: Vec<NodeId> = Vec::new();
    let mut all: HashMap<NodeId, Vec<Piece>> = HashMap::new();
    for piece in pieces {
        let same = all.entry(piece.leaf).or_default();
        if same.is_empty() {
            order.push(piece.leaf);
        }
        same.push(piece);
    }
    order
        .iter()
        .filter_map(|leaf| all.remove(leaf))
        .map(|mut same| match same.len() {
            1 => same.remove(0),
            _ => joined(&same),
        })
        .collect()
}

fn joined(pieces: &[Piece]) -> Piece {
    let mut pairs: Vec<(u32, f64)> = pieces
        .iter()
        .flat_map(|p| p.elements.iter().flatten().zip(&p.weights))
        .map(|(e, w)| (*e, *w))
        .collect();
    pairs.sort_by_key(|(e, _)| *e);
    let (elements, weights) = pairs.into_iter().unzip();
    Piece {
        leaf: pieces[0].leaf,
        elements: Some(elements),
        weights,
    }
}
