//! A network as numbers in a file.

use super::super::network::{Backend, Network, Sizes, shapes};
use crate::base::Seed;
use crate::compute::dense::Activation;
use crate::store::packed;

/// Sizes, activation and parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    sizes: Sizes,
    activation: u8,
    parameters: Vec<Vec<f32>>,
}
packed!(Weights {
    sizes,
    activation,
    parameters
});

const ACTIVATIONS: [Activation; 3] = [Activation::Relu, Activation::Silu, Activation::Gelu];
/// Larger sizes are no network of ours.
const LARGEST: usize = 1 << 20;

impl Weights {
    pub fn of(network: &Network) -> Weights {
        let activation = ACTIVATIONS.iter().position(|a| *a == network.activation);
        Weights {
            sizes: network.sizes.clone(),
            activation: activation.expect("all activations are listed") as u8,
            parameters: network.parameters.clone(),
        }
    }

    /// The network, if the numbers are one.
    pub fn network(self) -> Option<Network> {
        let s = &self.sizes;
        let all = [s.inputs, s.contexts, s.steps, s.width, s.depth, s.outputs];
        if all.iter().any(|n| *n > LARGEST) || s.depth == 0 || s.steps == 0 || s.depth > 64 {
            return None;
        }
        let wanted = shapes(s).into_iter().map(|[rows, columns]| rows * columns);
        if !wanted.eq(self.parameters.iter().map(Vec::len)) {
            return None;
        }
        let activation = *ACTIVATIONS.get(usize::from(self.activation))?;
        // A network of its own is made small, and filled.
        let tiny = Sizes {
            inputs: 1,
            contexts: 0,
            steps: 1,
            width: 1,
            depth: 1,
            outputs: 1,
        };
        let mut network =
            Network::new(tiny, activation, Backend::Fused, &mut Seed(0).stream("", 0));
        network.sizes = self.sizes;
        network.parameters = self.parameters;
        Some(network)
    }
}
