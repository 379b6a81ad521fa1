//! The policy's network: a small MLP in f32, seen from outside as plain slices.
//!
//! ```text
//! x [steps, batch, inputs] ──W──┐
//! step table [steps, width] ────┼─► act ─► (W, act) × (depth − 1) ─► W ─► out [steps, batch, outputs]
//! context [batch, contexts] ─W──┘
//! ```
//! The last layer starts at zero, so that an untrained network says "the reference". Parameters live on the host as
//! plain vectors: they are initialised from our own streams (never the tensor library's global generator), stepped by
//! [`super::adam`], and copied when a checkpoint is kept. A backward pass starts from the gradient of the loss by the
//! outputs, which the objective works out: only the MLP itself is differentiated, by [`super::fused`] or by burn.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Device;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::fused::Tape;
use super::plain;
use crate::base::Stream;
use crate::compute::dense::Activation;
use crate::store::packed;

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

packed!(Sizes {
    inputs,
    contexts,
    steps,
    width,
    depth,
    outputs
});

/// Who computes passes.
#[derive(Clone)]
pub(crate) enum Backend {
    /// Our own, on this machine's processor.
    Fused,
    /// burn, on any of its devices.
    Burn(Device),
}

/// Parameters and how they are computed with.
#[derive(Clone)]
pub(crate) struct Network {
    pub sizes: Sizes,
    pub activation: Activation,
    pub parameters: Vec<Vec<f32>>,
    pub backend: Backend,
    /// Tapes that are not in use: their memory is used again by the next batch.
    spare: Arc<Mutex<Vec<Tape>>>,
}

/// A batch going through the network step by step, in any order of steps.
pub(crate) struct Run<'a> {
    network: &'a Network,
    context: Vec<f32>,
    tape: Option<Tape>,
    said: Vec<f32>,
}

/// A forward pass over all steps that can still be differentiated.
pub(crate) enum Pass {
    Fused(Tape),
    Burn {
        values: Vec<f32>,
        graph: plain::Pass,
    },
}

impl Network {
    pub fn new(
        sizes: Sizes,
        activation: Activation,
        backend: Backend,
        stream: &mut Stream,
    ) -> Network {
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
            activation,
            parameters,
            backend,
            spare: Arc::default(),
        }
    }

    /// Begins a batch of the given context, `[batch, contexts]`.
    pub fn run(&self, batch: usize, context: Vec<f32>) -> Run<'_> {
        let mut run = Run {
            network: self,
            context: Vec::new(),
            tape: None,
            said: Vec::new(),
        };
        match self.backend {
            Backend::Fused => {
                let mut tape = self.spares().pop().unwrap_or_default();
                tape.begin(self, batch, context);
                run.tape = Some(tape);
            }
            Backend::Burn(_) => run.context = context,
        }
        run
    }

    /// Outputs at all steps with what a gradient needs: `x: [steps, batch, inputs]` → [`Pass`].
    pub fn pass(&self, x: &[f64], batch: usize, context: Vec<f32>) -> Pass {
        if let Backend::Burn(device) = &self.backend {
            let x = x.iter().map(|&v| v as f32).collect();
            let (values, graph) = plain::pass(self, device, x, &context);
            return Pass::Burn { values, graph };
        }
        let mut run = self.run(batch, context);
        for (step, x) in x.chunks_exact(batch * self.sizes.inputs).enumerate() {
            run.step(step, x);
        }
        run.into_pass().expect("a fused run has a tape")
    }

    fn spares(&self) -> std::sync::MutexGuard<'_, Vec<Tape>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run<'_> {
    /// Outputs `[batch, outputs]` of the rows `x: [batch, inputs]` at a step.
    pub fn step(&mut self, step: usize, x: &[f64]) -> &[f32] {
        match (&mut self.tape, &self.network.backend) {
            (Some(tape), _) => tape.forward(self.network, step, x),
            (None, Backend::Burn(device)) => {
                let x = x.iter().map(|&v| v as f32).collect();
                self.said = plain::outputs(self.network, device, &[step], x, &self.context);
                &self.said
            }
            (None, Backend::Fused) => unreachable!("a fused run has a tape"),
        }
    }

    /// The pass over all steps, where this run has kept it.
    pub fn into_pass(mut self) -> Option<Pass> {
        self.tape.take().map(Pass::Fused)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let Some(tape) = self.tape.take() {
            self.network.spares().push(tape);
        }
    }
}

impl Pass {
    /// Outputs `[steps * batch, outputs]`.
    pub fn values(&self) -> &[f32] {
        match self {
            Pass::Fused(tape) => &tape.values,
            Pass::Burn { values, .. } => values,
        }
    }

    /// The values of the last hidden layer, `[steps * batch, width]`; nothing where burn has computed them.
    pub fn last_hidden(&self) -> &[f32] {
        match self {
            Pass::Fused(tape) => tape.last_hidden(),
            Pass::Burn { .. } => &[],
        }
    }

    /// The gradient of Σ output · `by_output` by every parameter of the network that made this pass.
    pub fn gradient(self, network: &Network, by_output: Vec<f32>) -> Vec<Vec<f32>> {
        match self {
            Pass::Fused(mut tape) => {
                let gradient = tape.gradient(network, &by_output);
                network.spares().push(tape);
                gradient
            }
            Pass::Burn { graph, .. } => graph.gradient(by_output),
        }
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
pub(crate) fn shapes(s: &Sizes) -> Vec<[usize; 2]> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::compute::device::{built, device};

    const ACTIVATIONS: [Activation; 3] = [Activation::Relu, Activation::Silu, Activation::Gelu];

    /// A network with nothing left at zero.
    fn network(contexts: usize, depth: usize, activation: Activation) -> Network {
        let sizes = Sizes {
            inputs: 10,
            contexts,
            steps: 12,
            width: 23,
            depth,
            outputs: 20,
        };
        let mut s = Seed(1).stream("network", 0);
        let mut n = Network::new(sizes, activation, Backend::Fused, &mut s);
        n.parameters
            .iter_mut()
            .filter(|p| p.iter().all(|v| *v == 0.0))
            .for_each(|p| *p = normals(p.len(), 0.3, &mut s));
        n
    }

    fn inputs(n: usize) -> Vec<f64> {
        let mut s = Seed(3).stream("x", 0);
        (0..n).map(|_| s.sample(StandardNormal)).collect()
    }

    fn assert_near(a: &[f32], b: &[f32], what: &str) {
        assert_eq!(a.len(), b.len(), "{what}");
        let size = b.iter().fold(1.0f32, |m, v| m.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-4 * size, "{what}: {a} against {b}");
        }
    }

    /// Every device of this build says what the fused network says, and has its gradients.
    #[test]
    fn devices_agree() {
        let batch = 7;
        let x = inputs(12 * batch * 10);
        for (contexts, depth) in [(0, 1), (3, 2), (0, 3)] {
            for activation in ACTIVATIONS {
                let fused = network(contexts, depth, activation);
                let mut s = Seed(4).stream("context", 0);
                let context = normals(batch * contexts, 1.0, &mut s);
                let by_output = normals(12 * batch * 20, 1.0, &mut s);
                let ours = fused.pass(&x, batch, context.clone());
                let said = ours.values().to_vec();
                let gradient = ours.gradient(&fused, by_output.clone());
                for name in built() {
                    let mut plain = fused.clone();
                    plain.backend = Backend::Burn(device(name).unwrap());
                    let what = format!("{name}, {activation:?}, {contexts}, {depth}");
                    let theirs = plain.pass(&x, batch, context.clone());
                    assert_near(&said, theirs.values(), &what);
                    let mut run = plain.run(batch, context.clone());
                    let of_step = run.step(5, &x[5 * batch * 10..6 * batch * 10]);
                    assert_near(&said[5 * batch * 20..6 * batch * 20], of_step, &what);
                    let theirs = theirs.gradient(&plain, by_output.clone());
                    for (a, b) in gradient.iter().zip(&theirs) {
                        assert_near(a, b, &what);
                    }
                }
            }
        }
    }

    #[test]
    fn a_tape_that_is_used_again_says_the_same() {
        let n = network(3, 2, Activation::Silu);
        let (x, context) = (inputs(12 * 9 * 10), vec![0.5; 9 * 3]);
        let once = |batch: usize| {
            let pass = n.pass(&x[..12 * batch * 10], batch, context[..batch * 3].to_vec());
            let values = pass.values().to_vec();
            (values, pass.gradient(&n, vec![0.1; 12 * batch * 20]))
        };
        let (first, larger) = (once(4), once(9));
        assert!(once(4) == first && once(9) == larger);
    }

    #[test]
    fn gradient_agrees_with_differences() {
        let mut n = network(3, 2, Activation::Gelu);
        let batch = 4;
        let x = inputs(12 * batch * 10);
        let mut s = Seed(5).stream("c", 0);
        let c = normals(batch * 3, 1.0, &mut s);
        let by_output = normals(12 * batch * 20, 1.0, &mut s);
        let value = |n: &Network| -> f64 {
            let pass = n.pass(&x, batch, c.clone());
            let each = pass.values().iter().zip(&by_output);
            each.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let gradient = n.pass(&x, batch, c.clone()).gradient(&n, by_output.clone());
        for (part, by_part) in gradient.iter().enumerate() {
            let h = 1e-2f32;
            let old = n.parameters[part][1];
            n.parameters[part][1] = old + h;
            let up = value(&n);
            n.parameters[part][1] = old - h;
            let down = value(&n);
            n.parameters[part][1] = old;
            let difference = (up - down) / (2.0 * f64::from(h));
            let exact = f64::from(by_part[1]);
            assert!(
                (difference - exact).abs() < 0.02 * exact.abs().max(1.0),
                "parameter {part}: {difference} against {exact}"
            );
        }
    }
}
