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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;
use rand::RngExt;
use rand_distr::StandardNormal;

use super::fused::Tape;
use super::nets::{Known, Plan, Record, Tapes};
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
    /// Our own, of a network that follows the program's structure.
    Structured(Arc<Plan>),
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
    records: Arc<Mutex<Vec<Record>>>,
    tapes: Arc<Tapes>,
}

/// A batch going through the network step by step, in any order of steps.
pub(crate) struct Run<'a> {
    network: &'a Network,
    context: Vec<f32>,
    kept: Kept,
    said: Vec<f32>,
}

/// What a run keeps for a backward pass.
enum Kept {
    Nothing,
    Tape(Tape),
    Record(Record),
}

/// A forward pass over all steps that can still be differentiated.
pub(crate) enum Pass {
    Fused(Tape),
    Burn {
        values: Vec<f32>,
        graph: plain::Pass,
    },
    Structured(Record),
}

impl Network {
    pub fn new(
        sizes: Sizes,
        activation: Activation,
        backend: Backend,
        stream: &mut Stream,
    ) -> Network {
        let parameters = match &backend {
            Backend::Structured(plan) => plan.begin(stream),
            _ => initial(&sizes, stream),
        };
        Network {
            sizes,
            activation,
            parameters,
            backend,
            spare: Arc::default(),
            records: Arc::default(),
            tapes: Arc::default(),
        }
    }

    /// Multiplications for one path and step, about.
    pub fn work(&self) -> usize {
        match &self.backend {
            Backend::Structured(plan) => plan.work(),
            _ => self.parameters.iter().map(Vec::len).sum(),
        }
    }

    /// Begins a batch of the given parts of the frames and context, `[batch, contexts]`.
    pub fn run(&self, part: &[usize], context: Vec<f32>) -> Run<'_> {
        let batch = part.len();
        let mut run = Run {
            network: self,
            context: Vec::new(),
            kept: Kept::Nothing,
            said: Vec::new(),
        };
        match &self.backend {
            Backend::Fused => {
                let mut tape = self.spares().pop().unwrap_or_default();
                tape.begin(self, batch, context);
                run.kept = Kept::Tape(tape);
            }
            Backend::Structured(plan) => {
                let mut record = lock(&self.records).pop().unwrap_or_default();
                record.begin(plan, self.sizes.steps, part, &context);
                run.kept = Kept::Record(record);
            }
            Backend::Burn(_) => run.context = context,
        }
        run
    }

    /// Outputs at all steps with what a gradient needs: `x: [steps, batch, inputs]` → [`Pass`]. A structured network is told
    /// what gradients push, too: `[steps, batch, inputs]`, or nothing.
    pub fn pass(&self, x: &[f64], pushes: &[f32], part: &[usize], context: Vec<f32>) -> Pass {
        if let Backend::Burn(device) = &self.backend {
            let x = x.iter().map(|&v| v as f32).collect();
            let (values, graph) = plain::pass(self, device, x, &context);
            return Pass::Burn { values, graph };
        }
        let mut run = self.run(part, context);
        let size = part.len() * self.sizes.inputs;
        for (step, x) in x.chunks_exact(size).enumerate() {
            let push = pushes.get(step * size..(step + 1) * size);
            run.step(step, x, push.unwrap_or_default());
        }
        run.into_pass().expect("our own runs are kept")
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Tape>> {
        lock(&self.spare)
    }

    fn known<'a>(&'a self, plan: &'a Plan) -> Known<'a> {
        Known {
            plan,
            parameters: &self.parameters,
            activation: self.activation,
            tapes: &self.tapes,
        }
    }
}

fn lock<T>(room: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

fn initial(sizes: &Sizes, stream: &mut Stream) -> Vec<Vec<f32>> {
    let one = |(i, &[rows, columns]): (usize, &[usize; 2])| match part(sizes, i) {
        Part::Input | Part::Hidden => normals(rows * columns, (2.0 / rows as f64).sqrt(), stream),
        Part::Context | Part::Bias | Part::Output => vec![0.0; rows * columns],
        Part::Steps => step_table(rows, columns, stream),
    };
    shapes(sizes).iter().enumerate().map(one).collect()
}

impl Run<'_> {
    /// Outputs `[batch, outputs]` of the rows `x: [batch, inputs]` at a step, with what gradients push there, or nothing.
    pub fn step(&mut self, step: usize, x: &[f64], push: &[f32]) -> &[f32] {
        match (&mut self.kept, &self.network.backend) {
            (Kept::Tape(tape), _) => tape.forward(self.network, step, x),
            (Kept::Record(record), Backend::Structured(plan)) => {
                record.step(self.network.known(plan), step, x, push)
            }
            (_, Backend::Burn(device)) => {
                let x = x.iter().map(|&v| v as f32).collect();
                self.said = plain::outputs(self.network, device, &[step], x, &self.context);
                &self.said
            }
            _ => unreachable!("our own runs are kept"),
        }
    }

    /// The derivative of each of a step's outputs by each input, `[batch, inputs, outputs]`, where our own plain network
    /// runs; nothing elsewhere.
    pub fn jacobian(&self, step: usize) -> Vec<f32> {
        match &self.kept {
            Kept::Tape(tape) => tape.jacobian(self.network, step),
            _ => Vec::new(),
        }
    }

    /// The pass over all steps, where this run has kept it.
    pub fn into_pass(mut self) -> Option<Pass> {
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => None,
            Kept::Tape(tape) => Some(Pass::Fused(tape)),
            Kept::Record(record) => Some(Pass::Structured(record)),
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => {}
            Kept::Tape(tape) => self.network.spares().push(tape),
            Kept::Record(record) => lock(&self.network.records).push(record),
        }
    }
}

impl Pass {
    /// Outputs `[steps * batch, outputs]`.
    pub fn values(&self) -> &[f32] {
        match self {
            Pass::Fused(tape) => &tape.values,
            Pass::Burn { values, .. } => values,
            Pass::Structured(record) => &record.values,
        }
    }

    /// The values of the last hidden layer, `[steps * batch, width]`; nothing where others have computed them.
    pub fn last_hidden(&self) -> &[f32] {
        match self {
            Pass::Fused(tape) => tape.last_hidden(),
            Pass::Burn { .. } | Pass::Structured(_) => &[],
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
            Pass::Structured(record) => {
                let Backend::Structured(plan) = &network.backend else {
                    unreachable!("a record is of a structured network")
                };
                let gradient = record.gradient(network.known(plan), &by_output);
                lock(&network.records).push(record);
                gradient
            }
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
pub(super) fn step_table(steps: usize, width: usize, stream: &mut Stream) -> Vec<f32> {
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
                let ours = fused.pass(&x, &[], &[0; 7], context.clone());
                let said = ours.values().to_vec();
                let gradient = ours.gradient(&fused, by_output.clone());
                for name in built() {
                    let mut plain = fused.clone();
                    plain.backend = Backend::Burn(device(name).unwrap());
                    let what = format!("{name}, {activation:?}, {contexts}, {depth}");
                    let theirs = plain.pass(&x, &[], &[0; 7], context.clone());
                    assert_near(&said, theirs.values(), &what);
                    let mut run = plain.run(&[0; 7], context.clone());
                    let of_step = run.step(5, &x[5 * batch * 10..6 * batch * 10], &[]);
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
    fn a_jacobian_agrees_with_differences() {
        for activation in ACTIVATIONS {
            let n = network(3, 2, activation);
            let (x, context, h) = (inputs(4 * 10), vec![0.5; 4 * 3], 1e-2);
            let mut run = n.run(&[0; 4], context.clone());
            run.step(5, &x, &[]);
            let slopes = run.jacobian(5);
            for (row, input, output) in [(0, 0, 0), (1, 4, 7), (3, 9, 19)] {
                let at = |shift: f64| {
                    let mut x = x.clone();
                    x[row * 10 + input] += shift;
                    let mut run = n.run(&[0; 4], context.clone());
                    f64::from(run.step(5, &x, &[])[row * 20 + output])
                };
                let difference = (at(h) - at(-h)) / (2.0 * h);
                let slope = f64::from(slopes[(row * 10 + input) * 20 + output]);
                let what = format!("{activation:?} {row} {input} {output}");
                assert!(
                    (difference - slope).abs() < 0.02,
                    "{what}: {difference} against {slope}"
                );
            }
        }
    }

    #[test]
    fn a_tape_that_is_used_again_says_the_same() {
        let n = network(3, 2, Activation::Silu);
        let (x, context) = (inputs(12 * 9 * 10), vec![0.5; 9 * 3]);
        let once = |batch: usize| {
            let pass = n.pass(
                &x[..12 * batch * 10],
                &[],
                &vec![0; batch],
                context[..batch * 3].to_vec(),
            );
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
            let pass = n.pass(&x, &[], &[0; 4], c.clone());
            let each = pass.values().iter().zip(&by_output);
            each.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let gradient = n
            .pass(&x, &[], &[0; 4], c.clone())
            .gradient(&n, by_output.clone());
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
