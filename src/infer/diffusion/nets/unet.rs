//! A small convolutional network over a block of noise that has the shape of an image.
//!
//! ```text
//! pixels ─▶ 3×3 ─▶ level 0 ─────────────── + ─▶ level 0 ─▶ shift, log-scale of pixels
//!                     └─▶ half the size ─▶ level 1 ─▶ twice ┘        └─ mean ─┐
//! other coordinates, context, step ─▶ said to every level ────────────────────┴─▶ shift, log-scale of others
//! ```
//! Pixels share weights, as do images of one shape; the outputs begin at zero.

use std::sync::Arc;

use super::body::{Inputs, Layers, Output, Start, chosen};
use super::pixels::{four, near, parent};
use super::tape::{Gather, Id, Parameters, Spread, Tape};
use crate::compute::dense::Activation;

/// Units that tell the levels about the rest.
const TOLD: usize = 32;
/// An image is halved while both its sides are at least this.
const LEAST_SIDE: usize = 4;

/// What is read of a program and an option.
pub(super) struct Facts {
    pub features: usize,
    pub contexts: usize,
    pub steps: usize,
    /// Channels of the finest level; the next has twice as many.
    pub width: usize,
    /// Levels, if the image has room for them.
    pub depth: usize,
    /// Colours, rows and columns.
    pub size: [usize; 3],
    /// Coordinates of `[rows, columns, colours]`; `None` where there is none.
    pub pixels: Vec<Option<u32>>,
    /// The coordinates of the layout.
    pub d: usize,
    /// What each pixel is, `[pixels, columns]`: means over its colours.
    pub known: Vec<f32>,
    pub columns: usize,
}

#[derive(Clone, Debug)]
struct Level {
    pixels: usize,
    channels: usize,
    near: Arc<Gather>,
    down: Convolution,
    up: Convolution,
    /// To the coarser level and back; none at the coarsest.
    coarser: Option<Coarser>,
}

#[derive(Clone, Debug)]
struct Convolution {
    weights: usize,
    bias: usize,
    told: usize,
}

#[derive(Clone, Debug)]
struct Coarser {
    four: Arc<Gather>,
    parent: Arc<Gather>,
    to: usize,
    back: usize,
}

/// The network.
#[derive(Clone, Debug)]
pub(super) struct Unet {
    pub layers: Layers,
    d: usize,
    features: usize,
    pixels: Vec<Option<u32>>,
    colours: usize,
    others: Vec<Option<u32>>,
    known: Vec<f32>,
    columns: usize,
    levels: Vec<Level>,
    told: [usize; 2],
    first: usize,
    from_known: usize,
    last: usize,
    last_known: usize,
    straight: usize,
    head: [usize; 3],
    pixel_places: Arc<[Option<u32>]>,
    other_places: Arc<[Option<u32>]>,
}

impl Unet {
    pub fn new(facts: Facts) -> Unet {
        let (f, [colours, rows, columns]) = (facts.features, facts.size);
        let c = facts.width;
        let is_pixel: std::collections::BTreeSet<u32> =
            facts.pixels.iter().flatten().copied().collect();
        let others: Vec<Option<u32>> = (0..facts.d as u32)
            .filter(|c| !is_pixel.contains(c))
            .map(Some)
            .collect();
        let mut layers = Layers::default();
        let told = [
            layers.even(facts.contexts + others.len() * f, TOLD, 1.0),
            layers.add(facts.steps, TOLD, Start::Waves),
        ];
        let first = layers.even(9 * f * colours, c, 1.0);
        let from_known = layers.add(facts.columns, c, Start::Normal(0.3));
        let levels = levels(&mut layers, rows, columns, c, facts.depth);
        let coarsest = levels.last().map_or(c, |l| l.channels);
        let both = |c: &Option<u32>| [*c, c.map(|c| c + facts.d as u32)];
        Unet {
            told,
            first,
            from_known,
            last: layers.zero(c, 2 * colours),
            last_known: layers.zero(facts.columns, 2 * colours),
            straight: layers.zero(facts.steps, 2 * colours * f * colours),
            head: [
                layers.even(TOLD + coarsest, 2 * TOLD, std::f64::consts::SQRT_2),
                layers.zero(1, 2 * TOLD),
                layers.zero(2 * TOLD, 2 * others.len()),
            ],
            layers,
            d: facts.d,
            features: f,
            colours,
            known: facts.known,
            columns: facts.columns,
            levels,
            pixel_places: facts.pixels.iter().flat_map(both).collect(),
            other_places: others.iter().flat_map(both).collect(),
            pixels: facts.pixels,
            others,
        }
    }

    pub fn forward(
        &self,
        tape: &mut Tape,
        p: &Parameters,
        by: Activation,
        inputs: &Inputs,
    ) -> Vec<Output> {
        let told = self.told(tape, p, by, inputs);
        let f = self.features * self.colours;
        let x = tape.given(&chosen(inputs, self.d, &self.pixels), f);
        let known = tape.given(&self.known, self.columns);
        let finest = &self.levels[0];
        let seen = tape.gathered(x, &finest.near);
        let mut h = tape.linear(p, seen, (self.first, 0), None, finest.channels);
        let facts = tape.linear(p, known, (self.from_known, 0), None, finest.channels);
        h = tape.spread(h, facts, Spread::Same);
        let mut kept = Vec::new();
        for level in &self.levels {
            h = level.stage(&level.down, tape, p, by, h, told);
            if let Some(coarser) = &level.coarser {
                kept.push(h);
                let four = tape.gathered(h, &coarser.four);
                h = tape.linear(p, four, (coarser.to, 0), None, 2 * level.channels);
            }
        }
        let coarsest = h;
        for level in self.levels.iter().rev() {
            if let Some(coarser) = &level.coarser {
                let fine = kept.pop().expect("a finer level was kept on the way down");
                let back = tape.linear(p, h, (coarser.back, 0), None, level.channels);
                let back = tape.gathered(back, &coarser.parent);
                h = tape.sum(fine, back);
            }
            h = level.stage(&level.up, tape, p, by, h, told);
        }
        let h = tape.normed(h);
        let outputs = 2 * self.colours;
        let mut out = tape.linear(p, h, (self.last, 0), None, outputs);
        let own = tape.linear(p, known, (self.last_known, 0), None, outputs);
        out = tape.spread(out, own, Spread::Same);
        let at = inputs.step * outputs * f;
        let straight = tape.linear(p, x, (self.straight, at), None, outputs);
        let id = tape.sum(out, straight);
        let mut all = vec![Output {
            id,
            places: self.pixel_places.clone(),
        }];
        all.extend(self.rest(tape, p, by, coarsest, told));
        all
    }

    /// What other coordinates, the context and the step say, `[n, TOLD]`.
    fn told(&self, tape: &mut Tape, p: &Parameters, by: Activation, inputs: &Inputs) -> Id {
        let contexts = inputs.context.len() / inputs.n;
        let width = contexts + self.others.len() * self.features;
        let others = chosen(inputs, self.d, &self.others);
        let mut all = Vec::with_capacity(inputs.n * width);
        for (i, context) in inputs.context.chunks_exact(contexts).enumerate() {
            all.extend_from_slice(context);
            all.extend_from_slice(&others[i * (width - contexts)..(i + 1) * (width - contexts)]);
        }
        let told = tape.given(&all, width);
        let told = tape.linear(p, told, (self.told[0], 0), None, TOLD);
        let step = tape.row(p, self.told[1], inputs.step, TOLD);
        let told = tape.spread(told, step, Spread::Same);
        tape.activated(told, by)
    }

    /// Outputs of the other coordinates.
    fn rest(
        &self,
        tape: &mut Tape,
        p: &Parameters,
        by: Activation,
        coarsest: Id,
        told: Id,
    ) -> Option<Output> {
        let level = self.levels.last()?;
        (!self.others.is_empty()).then(|| {
            let mean = tape.pooled(coarsest, level.pixels);
            let all = tape.joined(told, mean);
            let inner = tape.linear(p, all, (self.head[0], 0), Some(self.head[1]), 2 * TOLD);
            let inner = tape.activated(inner, by);
            Output {
                id: tape.linear(p, inner, (self.head[2], 0), None, 2 * self.others.len()),
                places: self.other_places.clone(),
            }
        })
    }

    /// Multiplications for an example and a step.
    pub fn work(&self) -> usize {
        let of = |l: &Level| {
            let stages = 18 * l.channels * l.channels;
            let between = l
                .coarser
                .as_ref()
                .map_or(0, |_| 3 * l.channels * l.channels);
            l.pixels * (stages + between)
        };
        let first = 9 * self.features * self.colours * self.levels[0].channels;
        self.levels.iter().map(of).sum::<usize>() + self.levels[0].pixels * first
    }
}

impl Level {
    /// A residual 3×3 convolution.
    fn stage(
        &self,
        by_name: &Convolution,
        tape: &mut Tape,
        p: &Parameters,
        by: Activation,
        h: Id,
        told: Id,
    ) -> Id {
        let seen = tape.normed(h);
        let seen = tape.gathered(seen, &self.near);
        let weights = (by_name.weights, 0);
        let mut u = tape.linear(p, seen, weights, Some(by_name.bias), self.channels);
        let told = tape.linear(p, told, (by_name.told, 0), None, self.channels);
        u = tape.spread(u, told, Spread::Runs(self.pixels));
        let u = tape.activated(u, by);
        tape.sum(h, u)
    }
}

fn levels(
    layers: &mut Layers,
    mut rows: usize,
    mut columns: usize,
    mut channels: usize,
    depth: usize,
) -> Vec<Level> {
    let mut all = Vec::new();
    loop {
        let last = all.len() + 1 >= depth || rows.min(columns) < LEAST_SIDE;
        let convolution = |layers: &mut Layers| Convolution {
            weights: layers.even(9 * channels, channels, 1.0),
            bias: layers.zero(1, channels),
            told: layers.even(TOLD, channels, 0.3),
        };
        let (down, up) = (convolution(layers), convolution(layers));
        let coarser = (!last).then(|| Coarser {
            four: Arc::new(four(rows, columns)),
            parent: Arc::new(parent(rows, columns)),
            to: layers.even(4 * channels, 2 * channels, 1.0),
            back: layers.even(2 * channels, channels, 0.7),
        });
        all.push(Level {
            pixels: rows * columns,
            channels,
            near: Arc::new(near(rows, columns)),
            down,
            up,
            coarser,
        });
        if last {
            return all;
        }
        (rows, columns) = (rows.div_ceil(2), columns.div_ceil(2));
        channels *= 2;
    }
}
