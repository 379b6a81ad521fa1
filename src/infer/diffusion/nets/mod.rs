//! Structured networks: what a program's graph says about its noise, built into the policy's network.
//!
//! ```text
//!              Relations ─▶ Plan: tokens and a mask, or pixels ─▶ layers
//! u [n, d] ──▶ A u: the program's coordinates ──▶ network ──▶ o [n, d] ──▶ Aᵀ o: shifts along u, and log-scales
//! ```
//! A frame's whitening mixes coordinates, so that u_i is no coordinate of the program any more. A is that whitening with rows of
//! length 1: A u are the program's own coordinates, standardised, in which the graph means what it says; a shift comes back as
//! gradients do, by Aᵀ. Where the frame mixes nothing, A is nothing. A bend changes means and scales, no coordinate's identity.
//!
//! A backward pass runs each step forward once more, and keeps no more than one step's values.
//!
//! # Source
//! Attention over tokens of a graphical model: Gloeckler et al. 2024 (Simformer). Convolutions: Ronneberger et al. 2015 (U-Net).

mod adjoint;
mod attention;
mod body;
mod graph;
mod pixels;
mod record;
mod sight;
mod tape;
mod unet;

#[cfg(test)]
mod tests;

pub(crate) use record::{Known, Record, Tapes};

use body::{Inputs, Output};
use graph::Graph;
use tape::{Parameters, Tape};
use unet::Unet;

use crate::base::Stream;
use crate::compute::dense::Activation;
use crate::infer::coordinates::frame::Frames;
use crate::lower::{Block, Relations};

/// Sides of the smallest image.
const LEAST_SIDE: usize = 4;
/// Units of a token, and channels of an image's finest level.
const WIDTH: usize = 8;
const CHANNELS: usize = 8;

/// Which network a policy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One for all: a multilayer perceptron.
    Mlp,
    /// A token for each coordinate.
    Graph,
    /// Convolutions over an image.
    Unet,
}

/// What a plan is made from, beside the relations.
pub(crate) struct Wanted<'a> {
    pub frames: &'a Frames,
    /// The target's coordinates that are diffused.
    pub continuous: &'a [usize],
    /// Whether gradients are told.
    pub steered: bool,
    pub contexts: usize,
    pub steps: usize,
    pub width: Option<usize>,
    pub depth: usize,
}

/// A network's structure, which stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    d: usize,
    features: usize,
    /// For each part of the frames: A, `[d, d]`, lower triangular; nothing where it is the identity.
    maps: Vec<Option<Vec<f32>>>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Graph(Graph),
    Unet(Unet),
}

impl Plan {
    /// `None` where a plain network is asked for, or there is no image.
    pub fn new(kind: Kind, relations: &Relations, wanted: &Wanted) -> Option<Plan> {
        let dim = relations.family.len();
        let features = 1 + usize::from(wanted.steered);
        let (place, scale) = wanted.frames.spans();
        let (known, columns) = sight::facts(relations, dim, wanted.continuous, &place, &scale);
        let body = match kind {
            Kind::Mlp => return None,
            Kind::Graph => Body::Graph(Graph::new(graph::Facts {
                features,
                contexts: 1 + wanted.contexts,
                steps: wanted.steps,
                width: wanted.width.unwrap_or(WIDTH),
                depth: wanted.depth,
                mask: sight::mask(relations, dim, wanted.continuous),
                known,
                columns,
            })),
            Kind::Unet => {
                let (size, pixels) = image(relations, dim, wanted.continuous)?;
                Body::Unet(Unet::new(unet::Facts {
                    features,
                    contexts: 1 + wanted.contexts,
                    steps: wanted.steps,
                    width: wanted.width.unwrap_or(CHANNELS),
                    depth: wanted.depth,
                    known: of_pixels(&pixels, size[0], &known, columns),
                    columns,
                    size,
                    pixels,
                    d: wanted.continuous.len(),
                }))
            }
        };
        let maps = wanted.frames.parts.iter().map(|f| f.correlation_root());
        Some(Plan {
            d: wanted.continuous.len(),
            features,
            maps: maps.collect(),
            body,
        })
    }

    /// Parameters before anything is learned.
    pub fn begin(&self, stream: &mut Stream) -> Vec<Vec<f32>> {
        match &self.body {
            Body::Graph(g) => g.layers.begin(stream),
            Body::Unet(u) => u.layers.begin(stream),
        }
    }

    /// Multiplications for a path and a step.
    pub fn work(&self) -> usize {
        let mixed = self.maps.iter().any(Option::is_some);
        let mapped = if mixed { 3 * self.d * self.d / 2 } else { 0 };
        mapped
            + match &self.body {
                Body::Graph(g) => g.work(),
                Body::Unet(u) => u.work(),
            }
    }

    fn forward(
        &self,
        tape: &mut Tape,
        p: &Parameters,
        by: Activation,
        inputs: &Inputs,
    ) -> Vec<Output> {
        match &self.body {
            Body::Graph(g) => g.forward(tape, p, by, inputs),
            Body::Unet(u) => u.forward(tape, p, by, inputs),
        }
    }
}

/// Whether something that is drawn has an image's shape: rows and columns, or colours first.
pub(crate) fn is_image(shape: &[usize]) -> bool {
    let sides = match shape {
        [h, w] | [_, h, w] => h.min(w),
        _ => return false,
    };
    *sides >= LEAST_SIDE
}

/// The largest image among the diffused coordinates: (colours, rows, columns), and its coordinates, colours last.
fn image(
    relations: &Relations,
    dim: usize,
    continuous: &[usize],
) -> Option<([usize; 3], Vec<Option<u32>>)> {
    let mut place = vec![None; dim];
    for (i, &c) in continuous.iter().enumerate() {
        place[c] = Some(i as u32);
    }
    let here = |c: &Option<u32>| c.and_then(|c| place[c as usize]);
    let size = |b: &&Block| b.coordinates.iter().filter_map(here).count();
    let whole = |b: &&Block| b.shape.iter().product::<usize>() == b.coordinates.len();
    let images = relations.blocks.iter().filter(|b| is_image(&b.shape));
    // The first of equally large ones.
    let block = images.filter(whole).rev().max_by_key(size)?;
    if size(&block) == 0 {
        return None;
    }
    let shape = match block.shape[..] {
        [h, w] => [1, h, w],
        [c, h, w] => [c, h, w],
        _ => return None,
    };
    let pixels = shape[1] * shape[2];
    let all = (0..pixels).flat_map(|p| (0..shape[0]).map(move |c| c * pixels + p));
    Some((shape, all.map(|i| here(&block.coordinates[i])).collect()))
}

/// Facts of pixels: means over those of a pixel's coordinates that are there.
fn of_pixels(pixels: &[Option<u32>], colours: usize, known: &[f32], columns: usize) -> Vec<f32> {
    let mut all = vec![0.0; pixels.len() / colours * columns];
    for (row, own) in all
        .chunks_exact_mut(columns)
        .zip(pixels.chunks_exact(colours))
    {
        for c in own.iter().flatten() {
            let facts = &known[*c as usize * columns..(*c as usize + 1) * columns];
            let each = row.iter_mut().zip(facts);
            each.for_each(|(sum, v)| *sum += v / colours as f32);
        }
    }
    all
}
