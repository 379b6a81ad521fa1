//! A token for each coordinate, which attends to those that it meets in the log-weight.
//!
//! ```text
//! value, push ──W──┐
//! family, evidence ┼─▶ token ─▶ (attention, then two layers of its own) × depth ─▶ W ─▶ shift, log-scale
//! step, context ───┘      └── and one token more, which sees all and is seen by all
//! ```
//! All weights are shared: what tells one coordinate from another is its family, how much evidence it reaches, the frame's mean and
//! scale, and whom it meets. Elements of a plate that agree in these are treated alike. The output begins at zero.

use std::sync::Arc;

use super::attention::{HEAD, Mask};
use super::body::{Inputs, Layers, Output, Start, chosen};
use super::tape::{Id, Parameters, Spread, Tape};
use crate::compute::dense::Activation;

/// What is read of a program and an option.
pub(super) struct Facts {
    pub features: usize,
    pub contexts: usize,
    pub steps: usize,
    pub width: usize,
    pub depth: usize,
    pub mask: Mask,
    /// What each coordinate is, `[d, columns]`.
    pub known: Vec<f32>,
    pub columns: usize,
}

#[derive(Clone, Debug)]
struct Block {
    look: usize,
    slopes: usize,
    heard: usize,
    inner: usize,
    inner_bias: usize,
    outer: usize,
}

/// The network.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub layers: Layers,
    d: usize,
    width: usize,
    features: usize,
    known: Vec<f32>,
    columns: usize,
    mask: Arc<Mask>,
    tokens: Arc<[Option<u32>]>,
    places: Arc<[Option<u32>]>,
    from_values: usize,
    from_known: usize,
    from_steps: usize,
    from_context: usize,
    blocks: Vec<Block>,
    last: usize,
    last_known: usize,
    straight: usize,
}

impl Graph {
    pub fn new(facts: Facts) -> Graph {
        let d = facts.known.len() / facts.columns;
        let w = facts.width.next_multiple_of(HEAD);
        // One column more says which token is everybody's.
        let columns = facts.columns + 1;
        let mut known: Vec<f32> = Vec::with_capacity((d + 1) * columns);
        for row in facts.known.chunks_exact(facts.columns) {
            known.extend_from_slice(row);
            known.push(0.0);
        }
        known.resize(d * columns + facts.columns, 0.0);
        known.push(1.0);
        let f = facts.features;
        let mut layers = Layers::default();
        let from_values = layers.even(f, w, 1.0);
        let from_known = layers.add(columns, w, Start::Normal(0.5));
        let from_steps = layers.add(facts.steps, w, Start::Waves);
        let from_context = layers.zero(facts.contexts, w);
        let blocks = (0..facts.depth)
            .map(|_| Block::new(&mut layers, w))
            .collect();
        let shift = |i: usize| [Some(i as u32), Some((d + i) as u32)];
        let places = (0..d).flat_map(shift).chain([None, None]);
        Graph {
            from_values,
            from_known,
            from_steps,
            from_context,
            blocks,
            last: layers.zero(w, 2),
            last_known: layers.zero(columns, 2),
            straight: layers.zero(facts.steps, 2 * f),
            layers,
            d,
            width: w,
            features: f,
            known,
            columns,
            mask: Arc::new(facts.mask),
            tokens: (0..d as u32).map(Some).chain([None]).collect(),
            places: places.collect(),
        }
    }

    pub fn forward(
        &self,
        tape: &mut Tape,
        p: &Parameters,
        by: Activation,
        inputs: &Inputs,
    ) -> Vec<Output> {
        let (w, tokens) = (self.width, self.d + 1);
        let x = tape.given(&chosen(inputs, self.d, &self.tokens), self.features);
        let known = tape.given(&self.known, self.columns);
        let context = tape.given(inputs.context, inputs.context.len() / inputs.n);
        let mut h = tape.linear(p, x, (self.from_values, 0), None, w);
        let facts = tape.linear(p, known, (self.from_known, 0), None, w);
        h = tape.spread(h, facts, Spread::Same);
        let step = tape.row(p, self.from_steps, inputs.step, w);
        h = tape.spread(h, step, Spread::Same);
        let told = tape.linear(p, context, (self.from_context, 0), None, w);
        h = tape.spread(h, told, Spread::Runs(tokens));
        for block in &self.blocks {
            h = block.forward(tape, p, by, h, w, &self.mask);
        }
        let h = tape.normed(h);
        let mut out = tape.linear(p, h, (self.last, 0), None, 2);
        let own = tape.linear(p, known, (self.last_known, 0), None, 2);
        out = tape.spread(out, own, Spread::Same);
        let at = inputs.step * 2 * self.features;
        let straight = tape.linear(p, x, (self.straight, at), None, 2);
        out = tape.sum(out, straight);
        vec![Output {
            id: out,
            places: self.places.clone(),
        }]
    }

    /// Multiplications for an example and a step.
    pub fn work(&self) -> usize {
        let (w, tokens) = (self.width, self.d + 1);
        let block = tokens * 8 * w * w + 2 * self.mask.edges() * w;
        self.blocks.len() * block + tokens * w * (self.features + 2)
    }
}

impl Block {
    fn new(layers: &mut Layers, w: usize) -> Block {
        Block {
            look: layers.even(w, 3 * w, 1.0),
            slopes: layers.add(1, w / HEAD, Start::Counting),
            heard: layers.even(w, w, 0.5),
            inner: layers.even(w, 2 * w, std::f64::consts::SQRT_2),
            inner_bias: layers.zero(1, 2 * w),
            outer: layers.even(2 * w, w, 0.5),
        }
    }

    fn forward(
        &self,
        tape: &mut Tape,
        p: &Parameters,
        by: Activation,
        h: Id,
        w: usize,
        mask: &Arc<Mask>,
    ) -> Id {
        let seen = tape.normed(h);
        let seen = tape.linear(p, seen, (self.look, 0), None, 3 * w);
        let heard = tape.attended(p, seen, self.slopes, mask);
        let heard = tape.linear(p, heard, (self.heard, 0), None, w);
        let h = tape.sum(h, heard);
        let inner = tape.normed(h);
        let inner = tape.linear(p, inner, (self.inner, 0), Some(self.inner_bias), 2 * w);
        let inner = tape.activated(inner, by);
        let outer = tape.linear(p, inner, (self.outer, 0), None, w);
        tape.sum(h, outer)
    }
}
