//! f: noise to the values of the outputs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::blame;
use super::component::Component;
use super::overflow::Overflow;
use super::tape::{Block, Tape};
use crate::base::{Shape, Span, element_name};
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

    /// The operation that first fails on the way to an element of an output, in the execution with the noise `z: [dim]`, and
    /// why.
    pub fn origin_of_failure(
        &self,
        graph: &NoiseGraph,
        element: &str,
        z: &[f64],
    ) -> Option<(Span, String)> {
        let named = |o: &&OutputNode| {
            (0..o.shape.len()).any(|e| element_name(&o.name, &o.shape, e) == element)
        };
        match self.outputs.iter().find(named)?.source {
            Source::Node(node) => blame::origin(graph, node, z, |c| c),
            Source::Known(_) => None,
        }
    }

    /// The outputs of `n` executions. `z: [n, dim]` holds all of the program's noise.
    pub fn outputs(&self, z: &[f64], n: usize) -> Vec<Output> {
        let width: usize = self.outputs.iter().map(|o| o.shape.len()).sum();
        let mut values = vec![0.0; n * width];
        let mut present = vec![true; n * width];
        let lanes = self.tape.lanes;
        let longer: Mutex<Vec<(usize, Longer)>> = Mutex::default();
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
                    let row = &rows[lane * self.dim..(lane + 1) * self.dim];
                    let more = self.lane_beyond(row, v, p);
                    if !more.is_empty() {
                        let mut longer = longer.lock().expect("no thread panics with this held");
                        longer.push((b * lanes + lane, more));
                    }
                }
            });
        let mut columns = self.columns(&values, &present, n, width);
        columns
            .retain(|(padding, o)| !padding || o.present.is_empty() || o.present.contains(&true));
        let mut columns: Vec<Output> = columns.into_iter().map(|(_, o)| o).collect();
        columns.extend(longer_ones(longer.into_inner().unwrap_or_default(), n));
        columns
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

    /// An execution that ran past the bound has its values from the interpreter. What it has beyond the bound's names
    /// is returned.
    fn lane_beyond(&self, z: &[f64], values: &mut [f64], present: &mut [bool]) -> Longer {
        let Some((component, overflow)) = &self.beyond else {
            return Vec::new();
        };
        let row: Vec<f64> = component.coordinates.iter().map(|&c| z[c]).collect();
        let Some(key) = component.overflow_key(&row) else {
            return Vec::new();
        };
        let Ok(execution) = overflow.execution(z, key, &HashMap::new()) else {
            return Vec::new();
        };
        let mut given: Longer = execution.outputs.iter().flat_map(elements).collect();
        let mut at = 0;
        for o in &self.outputs {
            for element in 0..o.shape.len() {
                let name = element_name(&o.name, &o.shape, element);
                let found = given.iter().position(|(n, ..)| *n == name);
                let value = found.map(|i| given.swap_remove(i).2);
                values[at] = value.unwrap_or(f64::NAN);
                present[at] = value.is_some();
                at += 1;
            }
        }
        given
    }

    /// The outputs, and whether each is there only where an array of random length is that long.
    fn columns(
        &self,
        values: &[f64],
        present: &[bool],
        n: usize,
        width: usize,
    ) -> Vec<(bool, Output)> {
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
                let output = Output {
                    name: o.name.clone(),
                    shape: o.shape.clone(),
                    kind: kind_of(o.kind),
                    values: values_of,
                    present: if present_of.iter().all(|p| *p) {
                        Vec::new()
                    } else {
                        present_of
                    },
                };
                (o.padding, output)
            })
            .collect()
    }
}

/// Names, kinds and values of single numbers.
type Longer = Vec<(String, Kind, f64)>;

fn elements(o: &OutputNode) -> Longer {
    let Source::Known(values) = &o.source else {
        return Vec::new();
    };
    (0..o.shape.len())
        .map(|e| (element_name(&o.name, &o.shape, e), o.kind, values[e]))
        .collect()
}

/// Outputs that only some executions have, which are longer than the bound.
fn longer_ones(mut found: Vec<(usize, Longer)>, n: usize) -> Vec<Output> {
    found.sort_by_key(|(draw, _)| *draw);
    let mut outputs: Vec<Output> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (draw, values) in found {
        for (name, kind, x) in values {
            let i = *places.entry(name.clone()).or_insert_with(|| {
                outputs.push(Output {
                    name,
                    shape: Shape::scalar(),
                    kind: kind_of(kind),
                    values: vec![f64::NAN; n],
                    present: vec![false; n],
                });
                outputs.len() - 1
            });
            outputs[i].values[draw] = x;
            outputs[i].present[draw] = true;
        }
    }
    outputs.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    outputs
}

fn kind_of(kind: Kind) -> OutputKind {
    match kind {
        Kind::Real => OutputKind::Real,
        Kind::Int => OutputKind::Int,
        Kind::Bool => OutputKind::Bool,
    }
}
