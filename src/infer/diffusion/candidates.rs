//! Coordinates to choose from: the prior's own, one whitening, straight or bent, a mixture; per discrete value where there are enough
//! particles; discrete sites drawn as values, or left as noise. Which of them fits is for evidence to say.

use std::collections::BTreeMap;

use super::categorical::{Categorical, TABLE, digits};
use super::layout::{Layout, Points};
use super::options::{Components, Recipe};
use super::policy::Policy;
use super::schedule::Schedule;
use crate::base::Stream;
use crate::infer::coordinates::frame::{Frame, Frames};
use crate::infer::coordinates::mixture::{Mixture, bent, gaussian, mixture};
use crate::infer::modes::Modes;
use crate::lower::Target;

/// Most parts of a mixture that is fitted; of one whose parts ascents found.
const MOST_PARTS: usize = 40;
const MOST_MODES: usize = 128;
/// Rows that a discrete value needs for coordinates of its own, and how many values may have them.
const LEAST_ROWS: usize = 24;
const MOST_GROUPS: usize = 64;
/// Nats per held-out row by which a mixture must beat one Gaussian.
const GAIN: f64 = 0.05;

/// How clearly rows belong to one part where parts are separated modes.
const SEPARATED: f64 = 0.97;
/// Modes with less of the mass than this get no part.
const LEAST_SHARE: f64 = 1e-4;

/// A policy with the zero network.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub policy: Policy,
    pub train: Points,
    pub held_out: Points,
    /// For people: `one whitening`, `mixture of 25`.
    pub name: String,
    /// Whether its parts are separated modes, rather than one bent shape cut in pieces.
    pub separated: bool,
}

/// All candidates for particles `z: [n, dim]`, which are in no order; every fourth one is held out.
pub(crate) fn candidates(
    target: &dyn Target,
    recipe: &Recipe,
    modes: &Modes,
    z: &[f64],
    stream: &mut Stream,
) -> Vec<Candidate> {
    let discrete = Layout::discrete(target, z);
    let mut all = for_layout(target, recipe, modes, discrete.clone(), z, stream);
    if !discrete.sites.is_empty() && discrete.cells() > TABLE {
        let noise = Layout::noise(target);
        all.extend(for_layout(target, recipe, modes, noise, z, stream));
    }
    all
}

fn for_layout(
    target: &dyn Target,
    recipe: &Recipe,
    modes: &Modes,
    layout: Layout,
    z: &[f64],
    stream: &mut Stream,
) -> Vec<Candidate> {
    let points = layout.read(target, z);
    let n = points.log_r.len();
    let held: Vec<usize> = (0..n).filter(|i| i % 4 == 3).collect();
    let rest: Vec<usize> = (0..n).filter(|i| i % 4 != 3).collect();
    let (train, held_out) = (points.select(&layout, &rest), points.select(&layout, &held));
    let categorical = categorical(target, &layout, &points.k, stream);
    let schedule = Schedule::new(recipe.levels, recipe.high);
    let make = |(frames, name, separated): (Frames, String, bool)| Candidate {
        policy: policy(
            layout.clone(),
            categorical.clone(),
            frames,
            schedule.clone(),
        ),
        train: train.clone(),
        held_out: held_out.clone(),
        name,
        separated,
    };
    frames(recipe, modes, &layout, &train, &held_out, stream)
        .into_iter()
        .map(make)
        .collect()
}

/// The policy before anything is learned.
pub(crate) fn policy(
    layout: Layout,
    categorical: Option<Categorical>,
    frames: Frames,
    schedule: Schedule,
) -> Policy {
    let shares = frames
        .groups
        .iter()
        .flat_map(|g| g.log_share.iter().map(|s| *s as f32))
        .collect();
    Policy {
        layout,
        categorical,
        frames,
        shares,
        schedule,
        network: None,
        steer: None,
        student: None,
        told: Vec::new(),
    }
}

/// π over the discrete sites: exact by enumeration where nothing is diffused, else from frequencies.
pub(crate) fn categorical(
    target: &dyn Target,
    layout: &Layout,
    k: &[u32],
    stream: &mut Stream,
) -> Option<Categorical> {
    if layout.sites.is_empty() {
        return None;
    }
    if layout.width() > 0 || layout.cells() > TABLE {
        return Some(Categorical::fit(&layout.sites, k, stream));
    }
    let (cells, s) = (layout.cells(), layout.sites.len());
    let mut all = Points {
        k: (0..cells).flat_map(|c| digits(&layout.sites, c)).collect(),
        ..Points::default()
    };
    layout.evaluate(target, &mut all, cells);
    let log_weight = |c: usize| {
        let k = &all.k[c * s..(c + 1) * s];
        let log_p = &all.log_p[c * s..(c + 1) * s];
        // A site that is not reached has its first value.
        let terms = log_p.iter().zip(k).map(|(p, k)| {
            if !p.is_nan() {
                *p
            } else if *k == 0 {
                0.0
            } else {
                f64::NEG_INFINITY
            }
        });
        all.log_r[c] + terms.sum::<f64>()
    };
    let log_weights: Vec<f64> = (0..cells).map(log_weight).collect();
    match log_weights.iter().any(|l| l.is_finite()) {
        true => Some(Categorical::from_log_weights(&layout.sites, &log_weights)),
        false => Some(Categorical::fit(&layout.sites, k, stream)),
    }
}

fn frames(
    recipe: &Recipe,
    modes: &Modes,
    layout: &Layout,
    train: &Points,
    held_out: &Points,
    stream: &mut Stream,
) -> Vec<(Frames, String, bool)> {
    let d = layout.width();
    let prior = || {
        (
            Frames::single(d, vec![Frame::prior(d)], vec![0.0]),
            "the prior's coordinates".to_string(),
            false,
        )
    };
    if d == 0 || recipe.components == Components::Prior {
        return vec![prior()];
    }
    let at_most = |usual: usize| match recipe.components {
        Components::AtMost(k) => k,
        _ => usual,
    };
    let most = at_most(MOST_PARTS);
    let mut all = Vec::new();
    let straight = gaussian(&train.x, &held_out.x, d);
    let bent = straight
        .as_ref()
        .and_then(|one| bent(&train.x, &held_out.x, d, one))
        .map(|m| m.widened(&held_out.x, d));
    let one = straight.map(|m| m.widened(&held_out.x, d));
    let many = mixture(&train.x, &held_out.x, d, most, stream).map(|m| m.widened(&held_out.x, d));
    if let Some(m) = &one {
        all.push((of(d, m), "one whitening".to_string(), false));
    }
    if let Some(m) = &bent {
        all.push((of(d, m), "one bent whitening".to_string(), false));
    }
    if let Some(m) = at_modes(modes, at_most(MOST_MODES)).map(|m| m.widened(&held_out.x, d)) {
        let name = format!("the curvatures of {} modes", m.parts.len());
        all.push((of(d, &m), name, m.separation(&held_out.x, d) > SEPARATED));
    }
    let enough = |m: &Mixture| {
        one.as_ref()
            .is_none_or(|o| m.score(&held_out.x, d) > o.score(&held_out.x, d) + GAIN)
    };
    if let Some(m) = many.filter(enough) {
        let separated = m.separation(&held_out.x, d) > SEPARATED;
        all.push((
            of(d, &m),
            format!("a mixture of {}", m.parts.len()),
            separated,
        ));
    }
    if !layout.sites.is_empty() {
        let base = all
            .last()
            .or(all.first())
            .map_or_else(prior, |last| last.clone());
        all.extend(per_value(layout, train, held_out, base.0, most, stream));
    }
    if recipe.components == Components::Auto || all.is_empty() {
        all.push(prior());
    }
    all
}

/// The Gaussians that log r's curvatures make of modes, at most `most`; `None` where there are not several.
fn at_modes(modes: &Modes, most: usize) -> Option<Mixture> {
    let shares = modes.log_shares();
    let heavy = |share: &&f64| **share > LEAST_SHARE.ln();
    let count = shares.iter().take(most).take_while(heavy).count();
    (count > 1).then(|| Mixture {
        parts: modes.modes[..count]
            .iter()
            .map(|m| m.shape.clone())
            .collect(),
        log_share: shares[..count].to_vec(),
    })
}

fn of(d: usize, m: &Mixture) -> Frames {
    Frames::single(d, m.parts.clone(), m.log_share.clone())
}

/// Frames of their own for the joint discrete values with enough particles; `base` serves the others.
fn per_value(
    layout: &Layout,
    train: &Points,
    held_out: &Points,
    base: Frames,
    most: usize,
    stream: &mut Stream,
) -> Option<(Frames, String, bool)> {
    let (d, s) = (layout.width(), layout.sites.len());
    let rows = |points: &Points| {
        let mut by: BTreeMap<Vec<u32>, Vec<f64>> = BTreeMap::new();
        for (k, x) in points.k.chunks_exact(s).zip(points.x.chunks_exact(d)) {
            by.entry(k.to_vec()).or_default().extend(x);
        }
        by
    };
    let (train, held_out) = (rows(train), rows(held_out));
    let mut frequent: Vec<_> = train
        .iter()
        .filter(|(_, x)| x.len() >= LEAST_ROWS * d)
        .collect();
    frequent.sort_by_key(|(_, x)| std::cmp::Reverse(x.len()));
    frequent.truncate(MOST_GROUPS);
    let mut all = base;
    let nothing = Vec::new();
    for (k, x) in frequent {
        let judge = held_out
            .get(k)
            .filter(|h| h.len() >= 8 * d)
            .unwrap_or(&nothing);
        let judge = if judge.is_empty() { x } else { judge };
        let Some(one) = gaussian(x, judge, d).map(|m| m.widened(judge, d)) else {
            continue;
        };
        let many = if x.len() > 200 * d {
            mixture(x, judge, d, most.min(8), stream).map(|m| m.widened(judge, d))
        } else {
            None
        };
        let best = match many {
            Some(m) if m.score(judge, d) > one.score(judge, d) + 4.0 * GAIN => m,
            _ => one,
        };
        all.add_group(k.clone(), best.parts, best.log_share);
    }
    let groups = all.of_values.len();
    (groups > 0).then(|| {
        (
            all,
            format!("coordinates for each of {groups} discrete values"),
            true,
        )
    })
}
