//! What a structured network is made of: parameters with their shapes and beginnings, and the values that go in and come out.

use rand_distr::StandardNormal;

use rand::RngExt;

use super::tape::Id;
use crate::base::Stream;

/// How a parameter begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Start {
    Zero,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Waves over the rows: neighbours in time begin alike.
    Waves,
    /// 0, 1, 2, …
    Counting,
}

/// Parameters in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers(Vec<(usize, usize, Start)>);

impl Layers {
    /// A matrix; gives its index.
    pub fn add(&mut self, rows: usize, columns: usize, start: Start) -> usize {
        self.0.push((rows, columns, start));
        self.0.len() - 1
    }

    /// A matrix that keeps the size of what it is multiplied with, times `gain`.
    pub fn even(&mut self, rows: usize, columns: usize, gain: f64) -> usize {
        self.add(rows, columns, Start::Normal(gain / (rows as f64).sqrt()))
    }

    /// A matrix or a row of zeros.
    pub fn zero(&mut self, rows: usize, columns: usize) -> usize {
        self.add(rows, columns, Start::Zero)
    }

    /// Parameters before anything is learned.
    pub fn begin(&self, stream: &mut Stream) -> Vec<Vec<f32>> {
        let one = |&(rows, columns, start): &(usize, usize, Start)| match start {
            Start::Zero => vec![0.0; rows * columns],
            Start::Counting => (0..rows * columns).map(|i| i as f32).collect(),
            Start::Normal(scale) => {
                let mut draw = || (scale * stream.sample::<f64, _>(StandardNormal)) as f32;
                (0..rows * columns).map(|_| draw()).collect()
            }
            Start::Waves => super::super::network::step_table(rows, columns, stream),
        };
        self.0.iter().map(one).collect()
    }
}

/// What goes into one step.
pub(super) struct Inputs<'a> {
    /// Examples.
    pub n: usize,
    pub step: usize,
    /// Features of a coordinate: its value, and what the gradient suggests where the policy is steered.
    pub features: usize,
    /// `[n, d, features]`.
    pub x: &'a [f32],
    /// An intercept, then what tells parts and discrete values apart: `[n, contexts]`.
    pub context: &'a [f32],
}

/// A value that is read out: its numbers for an example, flat, go to these places among `[d shifts, d log-scales]`.
pub(super) struct Output {
    pub id: Id,
    pub places: std::sync::Arc<[Option<u32>]>,
}

/// Features of some coordinates, in their order: `[n, chosen, features]`, zeros where there is none.
pub(super) fn chosen(inputs: &Inputs, d: usize, chosen: &[Option<u32>]) -> Vec<f32> {
    let f = inputs.features;
    let mut all = Vec::with_capacity(inputs.n * chosen.len() * f);
    for row in inputs.x.chunks_exact(d * f) {
        for c in chosen {
            match c {
                Some(c) => all.extend_from_slice(&row[*c as usize * f..(*c as usize + 1) * f]),
                None => all.resize(all.len() + f, 0.0),
            }
        }
    }
    all
}
