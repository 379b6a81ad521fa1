//! The network as burn computes it, on any of its devices: the oracle of [`super::fused`], and the way to other machines.

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::network::{Network, Sizes, shapes};
use crate::compute::dense::Activation;

/// A forward pass that can still be differentiated.
pub(crate) struct Pass {
    parameters: Vec<Tensor<2>>,
    output: Tensor<2>,
}

/// Outputs at some steps, without a graph: `x: [steps, batch, inputs]` → `[steps, batch, outputs]`.
pub(crate) fn outputs(
    network: &Network,
    device: &Device,
    steps: &[usize],
    x: Vec<f32>,
    context: &[f32],
) -> Vec<f32> {
    let parameters = tensors(network, device);
    host(forward(network, &parameters, steps, x, context, device))
}

/// Outputs at all steps, and the graph that led to them.
pub(crate) fn pass(
    network: &Network,
    device: &Device,
    x: Vec<f32>,
    context: &[f32],
) -> (Vec<f32>, Pass) {
    let device = device.clone().autodiff();
    let parameters: Vec<_> = tensors(network, &device)
        .into_iter()
        .map(Tensor::require_grad)
        .collect();
    let steps: Vec<usize> = (0..network.sizes.steps).collect();
    let output = forward(network, &parameters, &steps, x, context, &device);
    let values = host(output.clone().inner());
    (values, Pass { parameters, output })
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

fn tensors(network: &Network, device: &Device) -> Vec<Tensor<2>> {
    network
        .parameters
        .iter()
        .zip(shapes(&network.sizes))
        .map(|(p, shape)| matrix(p.clone(), shape, device))
        .collect()
}

fn forward(
    network: &Network,
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
    } = network.sizes;
    let rows = x.len() / inputs;
    let batch = rows / steps.len();
    let table = if steps.len() == 1 {
        p[1].clone().slice([steps[0]..steps[0] + 1, 0..width])
    } else {
        p[1].clone()
    };
    let mut offset = table.reshape([steps.len(), 1, width]);
    if contexts > 0 {
        let c = matrix(context.to_vec(), [batch, contexts], device).matmul(p[2].clone());
        offset = c.reshape([1, batch, width]) + offset;
    }
    let mut h = matrix(x, [rows, inputs], device).matmul(p[0].clone());
    h = (h.reshape([steps.len(), batch, width]) + offset).reshape([rows, width]);
    let mut rest = &p[3..];
    while let [weight, bias, tail @ ..] = rest {
        h = activated(network.activation, h).matmul(weight.clone()) + bias.clone();
        rest = tail;
    }
    h
}

fn activated(by: Activation, u: Tensor<2>) -> Tensor<2> {
    match by {
        Activation::Relu => activation::relu(u),
        Activation::Silu => activation::silu(u),
        Activation::Gelu => activation::gelu_approximate(u),
    }
}

fn matrix(data: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(data, shape), device)
}

fn host(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("networks are f32")
}
