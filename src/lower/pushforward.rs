//! f: noise to the values of the outputs.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::component::Component;
use super::overflow::Overflow;
use super::tape::{Block, Tape};
use crate::draws::{Output, OutputKind};
use crate::trace::{Kind, NodeId, NoiseGraph, OutputNode, Source};

/// The outputs of a program as a function of all its noise.
pub struct Pushforward {
    outputs: Vec<OutputNode>,
    tape: Tape,
    /// For each output, where its numbers and its presence are on the tape.
    places: Vec<(Option<usize>, Option<usize>)>,
    dim: usize,
    beyond: Option<(Arc<Component>, Overflow)>,
}

impl Pushforward {
    /// Lowers the outputs. `beyond` knows the executions that run past the unrolling bound.
    pub fn new(
        graph: &NoiseGraph,
        outputs: Vec<OutputNode>,
        beyond: Option<(Arc<Component>, Overflow)>,
    ) -> Pushforward {
        let mut roots: Vec<NodeId> = Vec::new();
        let mut place = |id: NodeId| {
            roots.push(id);
            roots.len() - 1
        };
        let places = outputs
            .iter()
            .map(|o| {
                let source = match &o.source {
                    Source::Node(id) => Some(place(*id)),
                    Source::Known(_) => None,
                };
                (source, o.present.map(&mut place))
            })
            .collect();
        let tape = Tape::new(graph, &roots, graph.dim, |c| c, &HashMap::new());
        Pushforward {
            outputs,
            tape,
            places,
            dim: graph.dim,
            beyond,
        }
    }

    /// Names and types of the outputs.
    pub fn described(&self) -> Vec<(String, String)> {
        let ty = |o: &OutputNode| {
            let kind = format!("{:?}", o.kind).to_lowercase();
            if o.shape.rank() == 0 {
                kind
            } else {
                format!("{kind}{}", o.shape)
            }
        };
        self.outputs
            .iter()
            .map(|o| (o.name.clone(), ty(o)))
            .collect()
    }

    /// The nodes that outputs depending on noise are read from.
    pub fn nodes(&self) -> Vec<(String, NodeId)> {
        let node = |o: &OutputNode| match o.source {
            Source::Node(id) => Some((o.name.clone(), id)),
            Source::Known(_) => None,
        };
        self.outputs.iter().filter_map(node).collect()
    }

    /// The outputs of `n` executions. `z: [n, dim]` holds all of the program's noise.
    pub fn outputs(&self, z: &[f64], n: usize) -> Vec<Output> {
        let width: usize = self.outputs.iter().map(|o| o.shape.len()).sum();
        let mut values = vec![0.0; n * width];
        let mut present = vec![true; n * width];
        let lanes = self.tape.lanes;
        values
            .par_chunks_mut((lanes * width).max(1))
            .zip(present.par_chunks_mut((lanes * width).max(1)))
            .enumerate()
            .for_each_init(Block::default, |block, (b, (values, present))| {
                let count = values.len() / width.max(1);
                let rows = &z[b * lanes * self.dim..(b * lanes + count) * self.dim];
                self.tape.run_lanes(rows, count, block);
                for lane in 0..count {
                    let (v, p) = (
                        &mut values[lane * width..(lane + 1) * width],
                        &mut present[lane * width..(lane + 1) * width],
                    );
                    self.lane(block, lane, v, p);
                    self.lane_beyond(&rows[lane * self.dim..(lane + 1) * self.dim], v, p);
                }
            });
        self.columns(&values, &present, n, width)
    }

    fn lane(&self, block: &Block, lane: usize, values: &mut [f64], present: &mut [bool]) {
        let mut at = 0;
        for (o, (source, exists)) in self.outputs.iter().zip(&self.places) {
            let here = exists.is_none_or(|e| self.tape.value(block, e, 0, lane) == 1.0);
            for element in 0..o.shape.len() {
                values[at] = match (source, &o.source) {
                    _ if !here => f64::NAN,
                    (Some(s), _) => self.tape.value(block, *s, element, lane),
                    (None, Source::Known(known)) => known[element],
                    (None, Source::Node(_)) => unreachable!("nodes have a place on the tape"),
                };
                present[at] = here;
                at += 1;
            }
        }
    }

    /// An execution that ran past the bound has its values from the interpreter.
    fn lane_beyond(&self, z: &[f64], values: &mut [f64], present: &mut [bool]) {
        let Some((component, overflow)) = &self.beyond else {
            return;
        };
        let row: Vec<f64> = component.coordinates.iter().map(|&c| z[c]).collect();
        let Some(key) = component.overflow_key(&row) else {
            return;
        };
        let Ok(execution) = overflow.execution(z, key, &HashMap::new()) else {
            return;
        };
        let mut at = 0;
        for o in &self.outputs {
            let found = execution
                .outputs
                .iter()
                .find(|e| e.name == o.name && e.shape == o.shape);
            for element in 0..o.shape.len() {
                let value = found.and_then(|e| match &e.source {
                    Source::Known(v) => Some(v[element]),
                    Source::Node(_) => None,
                });
                values[at] = value.unwrap_or(f64::NAN);
                present[at] = value.is_some();
                at += 1;
            }
        }
    }

    fn columns(&self, values: &[f64], present: &[bool], n: usize, width: usize) -> Vec<Output> {
        let mut at = 0;
        self.outputs
            .iter()
            .map(|o| {
                let len = o.shape.len();
                let pick = |draw: usize| draw * width + at..draw * width + at + len;
                let values_of: Vec<f64> = (0..n)
                    .flat_map(|d| values[pick(d)].iter().copied())
                    .collect();
                let present_of: Vec<bool> = (0..n)
                    .flat_map(|d| present[pick(d)].iter().copied())
                    .collect();
                at += len;
                Output {
                    name: o.name.clone(),
                    shape: o.shape.clone(),
                    kind: match o.kind {
                        Kind::Real => OutputKind::Real,
                        Kind::Int => OutputKind::Int,
                        Kind::Bool => OutputKind::Bool,
                    },
                    values: values_of,
                    present: if present_of.iter().all(|p| *p) {
                        Vec::new()
                    } else {
                        present_of
                    },
                }
            })
            .collect()
    }
}
