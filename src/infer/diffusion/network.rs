//! The policy's network: a small MLP in f32 on burn, seen from outside as plain slices.
//!
//! ```text
//! x [steps, batch, inputs] ──W──┐
//! step table [steps, width] ────┼─► act ─► (W, act) × (depth − 1) ─► W ─► out [steps, batch, outputs]
//! context [batch, contexts] ─W──┘
//! ```
//! The last layer starts at zero, so that an untrained network says "the reference". Parameters live on the host as
//! plain vectors: they are initialised from our own streams (never the tensor library's global generator), stepped by
//! [`Adam`], and copied when a checkpoint is kept. A backward pass starts from the gradient of the loss by the outputs,
//! which the objective works out in f64: burn differentiates nothing but the MLP.

use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::RngExt;
use rand_distr::StandardNormal;

use crate::base::Stream;

/// Which sizes the network has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sizes {
    pub inputs: usize,
    pub contexts: usize,
    pub steps: usize,
    pub width: usize,
    pub depth: usize,
    pub outputs: usize,
}

/// Parameters and where they are computed with.
#[derive(Clone)]
pub(crate) struct Network {
    pub sizes: Sizes,
    pub parameters: Vec<Vec<f32>>,
    device: Device,
}

/// The device of a name that `-O device=…` or `--device` gives; `None` where this build has no such device.
pub(crate) fn device(name: &str) -> Option<Device> {
    match name {
        "flex" | "cpu" => Some(Device::flex()),
        _ => None,
    }
}

/// A forward pass that can still be differentiated.
pub(crate) struct Pass {
    parameters: Vec<Tensor<2>>,
    output: Tensor<2>,
    /// Outputs `[steps * batch, outputs]`.
    pub values: Vec<f32>,
}

impl Network {
    pub fn new(sizes: Sizes, device: Device, stream: &mut Stream) -> Network {
        let parameters = shapes(&sizes)
            .iter()
            .enumerate()
            .map(|(i, &[rows, columns])| match part(&sizes, i) {
                Part::Input | Part::Hidden => {
                    normals(rows * columns, (2.0 / rows as f64).sqrt(), stream)
                }
                Part::Context | Part::Bias | Part::Output => vec![0.0; rows * columns],
                Part::Steps => step_table(rows, columns, stream),
            })
            .collect();
        Network {
            sizes,
            parameters,
            device,
        }
    }

    /// Outputs at one step, without a graph: `x: [batch, inputs]`, `context: [batch, contexts]` → `[batch, outputs]`.
    pub fn outputs(&self, step: usize, x: Vec<f32>, context: &[f32]) -> Vec<f32> {
        let parameters = self.tensors(&self.device);
        let out = self.forward(&parameters, &[step], x, context, &self.device);
        host(out)
    }

    /// Outputs at all steps with the graph kept: `x: [steps, batch, inputs]` → [`Pass`].
    pub fn pass(&self, x: Vec<f32>, context: &[f32]) -> Pass {
        let device = self.device.clone().autodiff();
        let parameters: Vec<_> = self
            .tensors(&device)
            .into_iter()
            .map(Tensor::require_grad)
            .collect();
        let steps: Vec<usize> = (0..self.sizes.steps).collect();
        let output = self.forward(&parameters, &steps, x, context, &device);
        let values = host(output.clone().inner());
        Pass {
            parameters,
            output,
            values,
        }
    }

    fn tensors(&self, device: &Device) -> Vec<Tensor<2>> {
        let shapes = shapes(&self.sizes);
        self.parameters
            .iter()
            .zip(shapes)
            .map(|(p, shape)| matrix(p.clone(), shape, device))
            .collect()
    }

    fn forward(
        &self,
        p: &[Tensor<2>],
        steps: &[usize],
        x: Vec<f32>,
        context: &[f32],
        device: &Device,
    ) -> Tensor<2> {
        let Sizes {
            inputs,
            contexts,
            width,
            ..
        } = self.sizes;
        let rows = x.len() / inputs;
        let batch = rows / steps.len();
        let table = if steps.len() == 1 {
            p[1].clone().slice([steps[0]..steps[0] + 1, 0..width])
        } else {
            p[1].clone()
        };
        let mut h = matrix(x, [rows, inputs], device).matmul(p[0].clone());
        h = if contexts == 0 {
            (h.reshape([steps.len(), batch, width]) + table.reshape([steps.len(), 1, width]))
                .reshape([rows, width])
        } else {
            let c = matrix(context.to_vec(), [batch, contexts], device).matmul(p[2].clone());
            (h.reshape([steps.len(), batch, width])
                + (c.reshape([1, batch, width]) + table.reshape([steps.len(), 1, width])))
            .reshape([rows, width])
        };
        let mut rest = &p[3..];
        while let [weight, bias, tail @ ..] = rest {
            h = activation::relu(h).matmul(weight.clone()) + bias.clone();
            rest = tail;
        }
        h
    }
}

impl Pass {
    /// The gradient of Σ output · `by_output` by every parameter.
    pub fn gradient(self, by_output: Vec<f32>) -> Vec<Vec<f32>> {
        let shape = self.output.dims();
        let seed = matrix(by_output, shape, &self.output.device());
        let gradients = (self.output * seed).sum().backward();
        let gradient = |p: &Tensor<2>| {
            p.grad(&gradients)
                .map_or_else(|| vec![0.0; p.dims()[0] * p.dims()[1]], host)
        };
        self.parameters.iter().map(gradient).collect()
    }
}

enum Part {
    Input,
    Steps,
    Context,
    Hidden,
    Output,
    Bias,
}

/// Input weights, step table, context table (one empty row where there is none), then (weight, bias) per layer.
fn shapes(s: &Sizes) -> Vec<[usize; 2]> {
    let mut all = vec![
        [s.inputs, s.width],
        [s.steps, s.width],
        [s.contexts.max(1), s.width],
    ];
    for _ in 1..s.depth {
        all.extend([[s.width, s.width], [1, s.width]]);
    }
    all.extend([[s.width, s.outputs], [1, s.outputs]]);
    all
}

fn part(s: &Sizes, index: usize) -> Part {
    let last = 3 + 2 * (s.depth.max(1) - 1);
    match index {
        0 => Part::Input,
        1 => Part::Steps,
        2 => Part::Context,
        i if i == last => Part::Output,
        i if (i - 3).is_multiple_of(2) => Part::Hidden,
        _ => Part::Bias,
    }
}

fn normals(n: usize, scale: f64, stream: &mut Stream) -> Vec<f32> {
    (0..n)
        .map(|_| (scale * stream.sample::<f64, _>(StandardNormal)) as f32)
        .collect()
}

/// Random Fourier features of the step's place: neighbours in time start with like biases.
fn step_table(steps: usize, width: usize, stream: &mut Stream) -> Vec<f32> {
    let waves: Vec<(f64, f64)> = (0..width)
        .map(|_| {
            (
                4.0 * stream.sample::<f64, _>(StandardNormal),
                stream.random_range(0.0..std::f64::consts::TAU),
            )
        })
        .collect();
    let at = |n: usize, (speed, phase): (f64, f64)| {
        (speed * (n as f64 + 0.5) / steps as f64 + phase).sin() as f32
    };
    (0..steps)
        .flat_map(|n| waves.iter().map(move |&w| at(n, w)))
        .collect()
}

fn matrix(data: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(data, shape), device)
}

fn host(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("networks are f32")
}

/// Adam over host parameters, with the gradient's norm clipped.
pub(crate) struct Adam {
    mean: Vec<Vec<f32>>,
    square: Vec<Vec<f32>>,
    step: i32,
}

impl Adam {
    pub fn new(parameters: &[Vec<f32>]) -> Adam {
        let zeros = || parameters.iter().map(|p| vec![0.0; p.len()]).collect();
        Adam {
            mean: zeros(),
            square: zeros(),
            step: 0,
        }
    }

    /// One step. Returns false, and changes nothing, where the gradient is not finite.
    pub fn update(
        &mut self,
        parameters: &mut [Vec<f32>],
        gradient: &[Vec<f32>],
        rate: f64,
        clip: f64,
    ) -> bool {
        let norm = gradient
            .iter()
            .flatten()
            .map(|&g| f64::from(g) * f64::from(g))
            .sum::<f64>()
            .sqrt();
        if !norm.is_finite() {
            return false;
        }
        let scale = if norm > clip { clip / norm } else { 1.0 } as f32;
        self.step += 1;
        let (b1, b2) = (0.9f32, 0.99f32);
        let rate = (rate * f64::from(1.0 - b2.powi(self.step)).sqrt()
            / f64::from(1.0 - b1.powi(self.step))) as f32;
        for (((p, g), m), s) in parameters
            .iter_mut()
            .zip(gradient)
            .zip(&mut self.mean)
            .zip(&mut self.square)
        {
            for (((p, &g), m), s) in p.iter_mut().zip(g).zip(m).zip(s) {
                let g = scale * g;
                *m = b1 * *m + (1.0 - b1) * g;
                *s = b2 * *s + (1.0 - b2) * g * g;
                *p -= rate * *m / (s.sqrt() + 1e-8);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn network(width: usize) -> Network {
        let sizes = Sizes {
            inputs: 10,
            contexts: 3,
            steps: 12,
            width,
            depth: 3,
            outputs: 20,
        };
        Network::new(
            sizes,
            device("flex").unwrap(),
            &mut Seed(1).stream("network", 0),
        )
    }

    #[test]
    #[ignore = "a clock, not a law"]
    fn speed() {
        let n = network(64);
        let mut s = Seed(2).stream("x", 0);
        for batch in [64usize, 128, 256] {
            let x = normals(12 * batch * 10, 1.0, &mut s);
            let c = vec![0.5f32; batch * 3];
            let t = std::time::Instant::now();
            for _ in 0..20 {
                let pass = n.pass(x.clone(), &c);
                let g = vec![1e-3; pass.values.len()];
                pass.gradient(g);
            }
            println!(
                "batch {batch}: {:.2} ms a training pass",
                t.elapsed().as_secs_f64() * 50.0
            );
            let t = std::time::Instant::now();
            for _ in 0..20 {
                for k in 0..12 {
                    n.outputs(k, x[..batch * 10].to_vec(), &c);
                }
            }
            println!(
                "batch {batch}: {:.2} ms a rollout",
                t.elapsed().as_secs_f64() * 50.0
            );
        }
    }

    #[test]
    fn gradient_agrees_with_differences() {
        let mut n = network(16);
        let mut s = Seed(3).stream("x", 0);
        let last = n.parameters.len() - 2;
        n.parameters[last] = normals(16 * 20, 0.3, &mut s);
        n.parameters[2] = normals(3 * 16, 0.3, &mut s);
        let x = normals(12 * 4 * 10, 1.0, &mut s);
        let c = normals(4 * 3, 1.0, &mut s);
        let by_output = normals(12 * 4 * 20, 1.0, &mut s);
        let value = |n: &Network| -> f64 {
            n.pass(x.clone(), &c)
                .values
                .iter()
                .zip(&by_output)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        let gradient = n.pass(x.clone(), &c).gradient(by_output.clone());
        for (part, by_part) in gradient.iter().enumerate() {
            let h = 1e-3f32;
            let old = n.parameters[part][1];
            n.parameters[part][1] = old + h;
            let up = value(&n);
            n.parameters[part][1] = old - h;
            let down = value(&n);
            n.parameters[part][1] = old;
            let difference = (up - down) / (2.0 * f64::from(h));
            let exact = f64::from(by_part[1]);
            assert!(
                (difference - exact).abs() < 0.05 * exact.abs().max(1.0),
                "parameter {part}: {difference} against {exact}"
            );
        }
    }
}
