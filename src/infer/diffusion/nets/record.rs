//! A batch going through a structured network, step by step, and the gradient of what it was told.

use super::Plan;
use std::sync::{Arc, Mutex, PoisonError};

use super::body::Inputs;
use super::tape::Tape;
use crate::compute::dense::Activation;
use crate::compute::vector::widest;

/// What a structured network was asked and said at each step of a batch.
#[derive(Debug, Default)]
pub(crate) struct Record {
    n: usize,
    steps: usize,
    part: Vec<usize>,
    /// An intercept, then the context: `[n, 1 + contexts]`.
    context: Vec<f32>,
    /// Features in the program's coordinates, `[steps, n, d, features]`.
    x: Vec<f32>,
    /// Shifts, then log-scales: `[steps, n, 2 d]`.
    pub values: Vec<f32>,
}

/// A network as a record needs it.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub plan: &'a Plan,
    pub parameters: &'a [Vec<f32>],
    pub activation: Activation,
    /// Room for one step's values, for whoever takes it.
    pub tapes: &'a Tapes,
}

/// Tapes that are not in use.
#[derive(Debug, Default)]
pub(crate) struct Tapes(Mutex<Vec<Tape>>);

impl Tapes {
    /// Works on one that is free, or new.
    fn with<R>(&self, work: impl FnOnce(&mut Tape) -> R) -> R {
        let room = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tape = room().pop().unwrap_or_default();
        let result = work(&mut tape);
        room().push(tape);
        result
    }
}

impl Record {
    /// Makes room for a batch of the given parts and context, `[n, contexts]`.
    pub fn begin(&mut self, plan: &Plan, steps: usize, part: &[usize], context: &[f32]) {
        (self.n, self.steps) = (part.len(), steps);
        self.part = part.to_vec();
        self.context.clear();
        let contexts = context.len() / self.n;
        for i in 0..self.n {
            self.context.push(1.0);
            let own = &context[i * contexts..(i + 1) * contexts];
            self.context.extend_from_slice(own);
        }
        let rows = steps * self.n;
        self.x.resize(rows * plan.d * plan.features, 0.0);
        self.values.resize(rows * 2 * plan.d, 0.0);
    }

    /// Outputs `[n, 2 d]` at a step for rows `x: [n, d]` and what gradients push, `[n, d]` or nothing.
    pub fn step(&mut self, known: Known, step: usize, x: &[f64], push: &[f32]) -> &[f32] {
        let (d, f) = (known.plan.d, known.plan.features);
        let size = self.n * d;
        let own = &mut self.x[step * size * f..(step + 1) * size * f];
        let x: Vec<f32> = x.iter().map(|v| *v as f32).collect();
        let mut mapped = vec![0.0; d];
        for (i, row) in own.chunks_exact_mut(d * f).enumerate() {
            for (k, source) in [&x, push].into_iter().take(f).enumerate() {
                let from = source.get(i * d..(i + 1) * d);
                match from {
                    Some(from) => known.plan.place(self.part[i], from, &mut mapped),
                    None => mapped.fill(0.0),
                }
                let to = row.iter_mut().skip(k).step_by(f);
                to.zip(&mapped).for_each(|(to, v)| *to = *v);
            }
        }
        known.tapes.with(|tape| self.forward(known, step, tape))
    }

    fn forward(&mut self, known: Known, step: usize, tape: &mut Tape) -> &[f32] {
        let outputs = self.run(known, step, tape);
        let d = known.plan.d;
        let size = 2 * self.n * d;
        let said = &mut self.values[step * size..(step + 1) * size];
        said.fill(0.0);
        for (id, places) in outputs {
            let rows = tape.values(id).chunks_exact(places.len());
            for (row, said) in rows.zip(said.chunks_exact_mut(2 * d)) {
                let there = row.iter().zip(&*places);
                there
                    .filter_map(|(v, at)| Some((v, (*at)?)))
                    .for_each(|(v, at)| said[at as usize] = *v);
            }
        }
        let mut shift = vec![0.0; d];
        for (row, part) in said.chunks_exact_mut(2 * d).zip(&self.part) {
            known.plan.bring_back(*part, &row[..d], &mut shift);
            row[..d].copy_from_slice(&shift);
        }
        said
    }

    fn run(&self, known: Known, step: usize, tape: &mut Tape) -> Vec<(usize, Arc<[Option<u32>]>)> {
        let Known {
            plan,
            parameters,
            activation,
            ..
        } = known;
        let size = self.n * plan.d * plan.features;
        let inputs = Inputs {
            n: self.n,
            step,
            features: plan.features,
            x: &self.x[step * size..(step + 1) * size],
            context: &self.context,
        };
        tape.clear();
        let outputs = plan.forward(tape, parameters, activation, &inputs);
        outputs.into_iter().map(|o| (o.id, o.places)).collect()
    }

    /// The gradient of Σ output · `by_output` by every parameter.
    pub fn gradient(&self, known: Known, by_output: &[f32]) -> Vec<Vec<f32>> {
        known.tapes.with(|tape| self.pull(known, by_output, tape))
    }

    fn pull(&self, known: Known, by_output: &[f32], tape: &mut Tape) -> Vec<Vec<f32>> {
        let zeros = |p: &Vec<f32>| vec![0.0; p.len()];
        let mut by: Vec<Vec<f32>> = known.parameters.iter().map(zeros).collect();
        let size = 2 * self.n * known.plan.d;
        for (step, by_output) in by_output.chunks_exact(size).enumerate() {
            let outputs = self.run(known, step, tape);
            let by_output = self.in_place(known, by_output);
            let bars: Vec<(usize, Vec<f32>)> = outputs
                .into_iter()
                .map(|(id, places)| {
                    let rows = by_output.chunks_exact(2 * known.plan.d);
                    let read =
                        |row: &[f32], at: &Option<u32>| at.map_or(0.0, |at| row[at as usize]);
                    let bar = rows.flat_map(|row| places.iter().map(move |at| read(row, at)));
                    (id, bar.collect())
                })
                .collect();
            tape.backward(known.parameters, &bars, &mut by);
        }
        by
    }

    /// The gradient by outputs in the program's coordinates.
    fn in_place(&self, known: Known, by_output: &[f32]) -> Vec<f32> {
        let d = known.plan.d;
        let mut all = by_output.to_vec();
        let mut shift = vec![0.0; d];
        for (row, part) in all.chunks_exact_mut(2 * d).zip(&self.part) {
            known.plan.place(*part, &row[..d], &mut shift);
            row[..d].copy_from_slice(&shift);
        }
        all
    }
}

impl Plan {
    /// `A u`.
    fn place(&self, part: usize, u: &[f32], to: &mut [f32]) {
        let Some(a) = &self.maps[part] else {
            return to.copy_from_slice(u);
        };
        widest(
            #[inline(always)]
            || {
                for (i, (to, row)) in to.iter_mut().zip(a.chunks_exact(self.d)).enumerate() {
                    *to = dot(&row[..=i], &u[..=i]);
                }
            },
        );
    }

    /// `Aᵀ o`.
    fn bring_back(&self, part: usize, o: &[f32], to: &mut [f32]) {
        let Some(a) = &self.maps[part] else {
            return to.copy_from_slice(o);
        };
        to.fill(0.0);
        widest(
            #[inline(always)]
            || {
                for (i, (o, row)) in o.iter().zip(a.chunks_exact(self.d)).enumerate() {
                    let sums = to.iter_mut().zip(&row[..=i]);
                    sums.for_each(|(to, a)| *to += a * o);
                }
            },
        );
    }
}

/// Σ a b, in eight sums that are added up last.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a.iter().zip(b) {
        (0..8).for_each(|k| sums[k] += a[k] * b[k]);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
