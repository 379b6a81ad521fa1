//! What tokens know of each other before anything is learned: who meets whom, and what sort of coordinate each is.

use std::collections::BTreeMap;

use super::attention::Mask;
use crate::lower::Relations;

/// Most others that a token sees, those with which it shares most; the rest it hears of through the token for all.
const MOST_SEEN: usize = 24;
/// Coordinates in one summand above which it tells nothing of who is near.
const WIDE: usize = 4096;

/// Numbers that say what a coordinate is, beside its family: an intercept, how much evidence it reaches, its frame's mean and scale.
const FACTS: usize = 4;

/// Coordinates with which each of `d` meets, and the number of summands they share, itself included.
pub(super) fn shared(relations: &Relations, d: usize) -> Vec<BTreeMap<u32, f64>> {
    let mut all = vec![BTreeMap::new(); d];
    for (set, times) in &relations.meetings {
        for a in set {
            if set.len() > WIDE {
                *all[*a as usize].entry(*a).or_insert(0.0) += times;
                continue;
            }
            for b in set {
                *all[*a as usize].entry(*b).or_insert(0.0) += times;
            }
        }
    }
    all
}

/// The mask over `continuous` coordinates and, last, a token that sees all and is seen by all.
///
/// Nearness is the log of the summands that two share by those that they have, geometrically averaged.
pub(super) fn mask(relations: &Relations, d: usize, continuous: &[usize]) -> Mask {
    let shared = shared(relations, d);
    let mut place = vec![None; d];
    for (token, &c) in continuous.iter().enumerate() {
        place[c] = Some(token as u32);
    }
    let hub = continuous.len() as u32;
    let reach = |c: usize| shared[c].get(&(c as u32)).copied().unwrap_or(1.0);
    let mut mask = Mask {
        starts: vec![0],
        seen: Vec::new(),
        nearness: Vec::new(),
    };
    for (token, &c) in continuous.iter().enumerate() {
        let near = |(b, times): (&u32, &f64)| {
            let other = place[*b as usize].filter(|t| *t != token as u32)?;
            let least = (times / (reach(c) * reach(*b as usize)).sqrt()).ln();
            // No −0, which would stand behind 0.
            Some((other, least.min(0.0) as f32 + 0.0))
        };
        let mut others: Vec<(u32, f32)> = shared[c].iter().filter_map(near).collect();
        // The nearest; of equally near ones those next to it, whichever side.
        let aside = |t: u32| (t.abs_diff(token as u32), t);
        others.sort_by(|a, b| b.1.total_cmp(&a.1).then(aside(a.0).cmp(&aside(b.0))));
        others.truncate(MOST_SEEN);
        others.sort_unstable_by_key(|(t, _)| *t);
        others.extend([(token as u32, 0.0), (hub, 0.0)]);
        mask.see(&others);
    }
    let all: Vec<(u32, f32)> = (0..=hub).map(|t| (t, 0.0)).collect();
    mask.see(&all);
    mask
}

impl Mask {
    fn see(&mut self, others: &[(u32, f32)]) {
        self.seen.extend(others.iter().map(|(t, _)| *t));
        self.nearness.extend(others.iter().map(|(_, n)| *n));
        self.starts.push(self.seen.len());
    }
}

/// What each coordinate is, `[continuous, columns]`: its family, one-hot, and [`FACTS`] numbers; with the number of columns.
pub(super) fn facts(
    relations: &Relations,
    d: usize,
    continuous: &[usize],
    place: &[f64],
    scale: &[f64],
) -> (Vec<f32>, usize) {
    let shared = shared(relations, d);
    let mut families: Vec<u32> = continuous.iter().map(|&c| relations.family[c]).collect();
    let of_each = families.clone();
    families.sort_unstable();
    families.dedup();
    let columns = families.len() + FACTS;
    let mut all = vec![0.0; continuous.len() * columns];
    for (i, row) in all.chunks_exact_mut(columns).enumerate() {
        let c = continuous[i];
        let family = families.binary_search(&of_each[i]).unwrap_or(0);
        row[family] = 1.0;
        let evidence = shared[c].get(&(c as u32)).copied().unwrap_or(0.0);
        let numbers = [1.0, 0.3 * evidence.ln_1p(), place[i], scale[i].ln()];
        let bounded = numbers.map(|v| v.clamp(-4.0, 4.0) as f32);
        row[families.len()..].copy_from_slice(&bounded);
    }
    (all, columns)
}
