//! The network's passes written out: products, activations and their adjoints over a batch's rows, step by step.
//!
//! A step's rows stay in the cache from the first layer to the last and back again. A rollout can keep what a backward
//! pass needs, so that paths which the network drew itself are not run through it a second time.

use super::network::{Network, Sizes};
use crate::compute::dense;

/// What a network said at each step of a batch, and what a backward pass needs of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    batch: usize,
    context: Vec<f32>,
    /// What the context adds to the first layer, `[batch, width]`; empty where there is none.
    offset: Vec<f32>,
    /// `[steps, batch, inputs]`.
    x: Vec<f32>,
    /// Each hidden layer's values and slopes, `[steps, batch, width]`.
    hidden: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    /// `[steps, batch, outputs]`.
    pub values: Vec<f32>,
    /// Adjoints of one step: two layers' at a time.
    adjoint: [Vec<f32>; 2],
}

impl Tape {
    /// Makes room for a batch; what an earlier one left there is written over.
    pub fn begin(&mut self, network: &Network, batch: usize, context: Vec<f32>) {
        let Sizes {
            inputs,
            steps,
            width,
            depth,
            outputs,
            contexts,
        } = network.sizes;
        let rows = steps * batch;
        self.batch = batch;
        self.x.resize(rows * inputs, 0.0);
        for layers in [&mut self.hidden, &mut self.slopes] {
            layers.resize(depth, Vec::new());
            layers.iter_mut().for_each(|l| l.resize(rows * width, 0.0));
        }
        self.values.resize(rows * outputs, 0.0);
        self.adjoint
            .iter_mut()
            .for_each(|a| a.resize(batch * width, 0.0));
        self.offset.clear();
        if contexts > 0 {
            self.offset.resize(batch * width, 0.0);
            let weights = &network.parameters[2];
            dense::add_product(&context, weights, contexts, width, &mut self.offset);
        }
        self.context = context;
    }

    /// Runs one step's rows through the network; gives its outputs `[batch, outputs]`.
    pub fn forward(&mut self, network: &Network, step: usize, x: &[f64]) -> &[f32] {
        let Sizes {
            inputs,
            width,
            outputs,
            ..
        } = network.sizes;
        let rows = |w: usize| step * self.batch * w..(step + 1) * self.batch * w;
        let p = &network.parameters;
        let input = &mut self.x[rows(inputs)];
        input.iter_mut().zip(x).for_each(|(to, x)| *to = *x as f32);
        let mut below: &[f32] = input;
        let mut k = inputs;
        for (layer, (values, slopes)) in self.hidden.iter_mut().zip(&mut self.slopes).enumerate() {
            let u = &mut values[rows(width)];
            if layer == 0 {
                dense::fill_rows(u, &p[1][step * width..(step + 1) * width]);
                dense::add(u, &self.offset);
            } else {
                dense::fill_rows(u, &p[2 * layer + 2]);
            }
            let weights = &p[if layer == 0 { 0 } else { 2 * layer + 1 }];
            dense::add_product(below, weights, k, width, u);
            network
                .activation
                .apply_with_slope(u, &mut slopes[rows(width)]);
            (below, k) = (u, width);
        }
        let (weights, bias) = last(p);
        let out = &mut self.values[rows(outputs)];
        dense::fill_rows(out, bias);
        dense::add_product(below, weights, k, outputs, out);
        out
    }

    /// The values of the last hidden layer, `[steps, batch, width]`.
    pub fn last_hidden(&self) -> &[f32] {
        self.hidden.last().map_or(&[], Vec::as_slice)
    }

    /// The derivative of each of a step's outputs by each input, `[batch, inputs, outputs]`.
    pub fn jacobian(&self, network: &Network, step: usize) -> Vec<f32> {
        let Sizes {
            inputs,
            width,
            outputs,
            ..
        } = network.sizes;
        let (p, rows) = (&network.parameters, self.batch * inputs);
        let mut below: Vec<f32> = p[0].repeat(self.batch);
        for (layer, slopes) in self.slopes.iter().enumerate() {
            if layer > 0 {
                let mut sums = vec![0.0; rows * width];
                dense::add_product(&below, &p[2 * layer + 1], width, width, &mut sums);
                below = sums;
            }
            let slopes = slopes[step * self.batch * width..].chunks_exact(width);
            for (rows, slopes) in below.chunks_exact_mut(inputs * width).zip(slopes) {
                rows.chunks_exact_mut(width)
                    .for_each(|row| dense::multiply(row, slopes));
            }
        }
        let mut out = vec![0.0; rows * outputs];
        dense::add_product(&below, last(p).0, width, outputs, &mut out);
        out
    }

    /// The gradient of Σ output · `by_output` by every parameter, of all steps.
    pub fn gradient(&mut self, network: &Network, by_output: &[f32]) -> Vec<Vec<f32>> {
        let Sizes {
            steps,
            width,
            contexts,
            ..
        } = network.sizes;
        let mut bars: Vec<Vec<f32>> = network
            .parameters
            .iter()
            .map(|p| vec![0.0; p.len()])
            .collect();
        let mut by_offset = vec![0.0; self.offset.len()];
        for step in 0..steps {
            self.backward(network, step, by_output, &mut bars);
            if contexts > 0 {
                dense::add(&mut by_offset, &self.adjoint[0]);
            }
        }
        if contexts > 0 {
            let bar = &mut bars[2];
            dense::add_transposed_product(&self.context, &by_offset, contexts, width, bar);
        }
        bars
    }

    /// One step's share, added; leaves the adjoint of the first layer's sums in `adjoint[0]`.
    fn backward(
        &mut self,
        network: &Network,
        step: usize,
        by_output: &[f32],
        bars: &mut [Vec<f32>],
    ) {
        let Sizes {
            inputs,
            width,
            depth,
            outputs,
            ..
        } = network.sizes;
        let rows = |w: usize| step * self.batch * w..(step + 1) * self.batch * w;
        let p = &network.parameters;
        let [now, next] = &mut self.adjoint;
        let by_last = &by_output[rows(outputs)];
        let top = p.len() - 2;
        let below = &self.hidden[depth - 1][rows(width)];
        dense::add_transposed_product(below, by_last, width, outputs, &mut bars[top]);
        dense::add_columns(by_last, &mut bars[top + 1]);
        dense::product_transposed(by_last, &p[top], width, outputs, now);
        dense::multiply(now, &self.slopes[depth - 1][rows(width)]);
        for layer in (1..depth).rev() {
            let weights = 2 * layer + 1;
            let below = &self.hidden[layer - 1][rows(width)];
            dense::add_transposed_product(below, now, width, width, &mut bars[weights]);
            dense::add_columns(now, &mut bars[weights + 1]);
            dense::product_transposed(now, &p[weights], width, width, next);
            dense::multiply(next, &self.slopes[layer - 1][rows(width)]);
            std::mem::swap(now, next);
        }
        dense::add_transposed_product(&self.x[rows(inputs)], now, inputs, width, &mut bars[0]);
        dense::add_columns(now, &mut bars[1][step * width..(step + 1) * width]);
    }
}

fn last(parameters: &[Vec<f32>]) -> (&[f32], &[f32]) {
    match parameters {
        [.., weights, bias] => (weights, bias),
        _ => unreachable!("a network has an output layer"),
    }
}
