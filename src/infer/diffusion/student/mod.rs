//! A student: the trained sampler's many steps learned as one, by regression on its probability flow.
//!
//! ```text
//! teacher   ε ── dx/dθ = −e(x, θ), θ from π/2 down to 0 ──▶ clean end     one evaluation a step, gradients where it is steered
//! student   ε ────────────── ε + g(ε; part, values, y) ──────────────▶ clean end     one evaluation
//! ```
//! The student is an invertible map of noise as far as its Jacobian says so, and then its density is known: its draws are
//! weighed like paths, and its distance to the posterior is log Z − ELBO. A student with zero output is the identity, which
//! is what the flow of a zero network is.
//!
//! # Source
//! Luhman and Luhman 2021 (one step from pairs of noise and the flow's end); the flow is that of Song et al. 2021, eq. 13.

mod distil;
mod flow;

pub(super) use distil::{FOLDED, distil};

use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::adam::Adam;
use super::network::{Backend, Network, Sizes};
use super::policy::{Policy, SHARD};
use super::training::{decay, sum};
use crate::base::{Seed, Stream};
use crate::compute::dense::Activation;
use crate::infer::{Budget, Progress};

/// Rows of a step of regression, cut in shards of [`SHARD`].
const BATCH: usize = 256;
/// Largest norm of a gradient.
const CLIP: f64 = 1.0;

/// Noise, whom it is drawn for, and where the teacher's flow takes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    /// `[n, d]`.
    pub noise: Vec<f64>,
    /// `[n, contexts]`.
    pub context: Vec<f32>,
    /// `[n, d]`.
    pub ends: Vec<f64>,
}

/// What it learns with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lessons {
    pub steps: usize,
    pub rate: f64,
    pub width: usize,
    pub depth: usize,
}

/// One function of noise.
#[derive(Clone)]
pub(crate) struct Student {
    pub network: Network,
}

/// Where noise is taken, and by what volumes grow on the way.
pub(crate) struct Taken {
    /// `[n, d]`.
    pub ends: Vec<f64>,
    /// log |det| of the map's Jacobian, `[n]`.
    pub log_volume: Vec<f64>,
    /// How many Jacobians turn space inside out: there the map is not invertible.
    pub folded: usize,
}

impl Pairs {
    /// Pairs of one policy's network and rows that it is told different things of, `context: [n, contexts]`.
    pub fn told(policy: &Policy, context: &[f32], seed: Seed) -> Pairs {
        let (d, width) = (
            policy.frames.dim,
            policy.network.as_ref().map_or(0, |n| n.sizes.contexts),
        );
        let shards = context.par_chunks(SHARD * width.max(1)).enumerate();
        let one = |(shard, context): (usize, &[f32])| {
            let n = context.len() / width.max(1);
            let mut stream = seed.stream("noise", shard as u64);
            let noise: Vec<f64> = (0..n * d).map(|_| stream.sample(StandardNormal)).collect();
            Pairs {
                ends: policy.flow(&noise, &vec![0; n], context.to_vec(), |_, _| None),
                context: context.to_vec(),
                noise,
            }
        };
        let all: Vec<Pairs> = shards.map(one).collect();
        all.into_iter().collect()
    }

    /// `n` pairs of a policy's own noise.
    pub fn of(policy: &Policy, target: &dyn crate::lower::Target, n: usize, seed: Seed) -> Pairs {
        let shards = policy.shards(n, seed, |n, stream| {
            let paths = policy.choose(n, stream);
            let d = policy.frames.dim;
            let noise: Vec<f64> = (0..n * d).map(|_| stream.sample(StandardNormal)).collect();
            let context = policy.context(&paths.points.k, &paths.part);
            let push = |s: usize, x: &[f64]| policy.push(target, s, x, &paths.part);
            Pairs {
                ends: policy.flow(&noise, &paths.part, context.clone(), push),
                context,
                noise,
            }
        });
        shards.into_iter().collect()
    }

    fn rows(&self, d: usize) -> usize {
        self.noise.len() / d.max(1)
    }

    /// Whether the flow moves nothing: the network says nothing.
    pub fn still(&self) -> bool {
        self.noise == self.ends
    }
}

impl FromIterator<Pairs> for Pairs {
    fn from_iter<I: IntoIterator<Item = Pairs>>(all: I) -> Pairs {
        all.into_iter().fold(Pairs::default(), |mut sum, p| {
            sum.noise.extend(p.noise);
            sum.context.extend(p.context);
            sum.ends.extend(p.ends);
            sum
        })
    }
}

impl Student {
    /// The identity on `dim` coordinates, told as many columns of context.
    fn new(dim: usize, contexts: usize, lessons: &Lessons, stream: &mut Stream) -> Student {
        let sizes = Sizes {
            inputs: dim,
            contexts,
            steps: 1,
            width: lessons.width,
            depth: lessons.depth,
            outputs: dim,
        };
        // Smooth, for the Jacobian of kinks jumps.
        let network = Network::new(sizes, Activation::Silu, Backend::Fused, stream);
        Student { network }
    }

    /// Learns pairs by least squares.
    pub fn learn(
        pairs: &Pairs,
        dim: usize,
        lessons: &Lessons,
        (budget, progress): (&Budget, &dyn Progress),
        seed: Seed,
    ) -> Student {
        let n = pairs.rows(dim);
        let contexts = pairs.context.len() / n.max(1);
        let mut student = Student::new(dim, contexts, lessons, &mut seed.stream("weights", 0));
        let mut adam = Adam::new(&student.network.parameters);
        let mut stream = seed.stream("pick", 0);
        for i in 0..lessons.steps {
            if budget.exhausted() {
                break;
            }
            let picked: Vec<usize> = (0..BATCH).map(|_| stream.random_range(0..n)).collect();
            let gradient = student.gradient(pairs, &picked);
            let rate = lessons.rate * decay(i, lessons.steps);
            adam.update(&mut student.network.parameters, &gradient, rate, CLIP);
            if i.is_multiple_of(250) {
                progress.update("distilling", i, Some(lessons.steps), "");
            }
        }
        student
    }

    /// The gradient of half the mean squared distance by the parameters.
    fn gradient(&self, pairs: &Pairs, picked: &[usize]) -> Vec<Vec<f32>> {
        let (d, c) = (self.network.sizes.inputs, self.network.sizes.contexts);
        let one = |rows: &[usize]| {
            let take = |from: &[f64]| -> Vec<f64> {
                let row = |&i: &usize| from[i * d..(i + 1) * d].iter().copied();
                rows.iter().flat_map(row).collect()
            };
            let (noise, ends) = (take(&pairs.noise), take(&pairs.ends));
            let row = |&i: &usize| pairs.context[i * c..(i + 1) * c].iter().copied();
            let context = rows.iter().flat_map(row).collect();
            let pass = self
                .network
                .pass(&noise, &[], &vec![0; rows.len()], context);
            let off = pass.values().iter().zip(noise.iter().zip(&ends));
            let scale = 1.0 / picked.len() as f64;
            let by_output = off
                .map(|(g, (x, end))| (scale * (x + f64::from(*g) - end)) as f32)
                .collect();
            pass.gradient(&self.network, by_output)
        };
        let shards: Vec<_> = picked.par_chunks(SHARD).map(one).collect();
        sum(shards.into_iter()).unwrap_or_default()
    }

    /// Takes noise `[n, d]` to its ends.
    pub fn take(&self, noise: &[f64], context: Vec<f32>) -> Taken {
        let d = self.network.sizes.inputs;
        let n = noise.len() / d.max(1);
        let mut run = self.network.run(&vec![0; n], context);
        let said = run.step(0, noise, &[]).iter();
        let ends = noise
            .iter()
            .zip(said)
            .map(|(x, g)| x + f64::from(*g))
            .collect();
        let slopes = run.jacobian(0);
        let mut taken = Taken {
            ends,
            log_volume: Vec::with_capacity(n),
            folded: 0,
        };
        for slopes in slopes.chunks_exact(d * d) {
            let (log_volume, sign) = volume(slopes, d);
            taken.log_volume.push(log_volume);
            taken.folded += usize::from(sign <= 0.0);
        }
        taken
    }

    /// How it does on pairs that it did not learn: root mean square distance from the flow's ends, in units of the prior's
    /// standard deviation in the part's coordinates, and the share of them where it folds noise over itself.
    pub fn examine(&self, pairs: &Pairs) -> (f64, f64) {
        let d = self.network.sizes.inputs;
        let taken = self.take(&pairs.noise, pairs.context.clone());
        let off = taken.ends.iter().zip(&pairs.ends);
        let squares = off.map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let n = pairs.rows(d).max(1) as f64;
        ((squares / (n * d as f64)).sqrt(), taken.folded as f64 / n)
    }
}

/// log |det(I + J)| and its sign, of slopes J `[d, d]`.
fn volume(slopes: &[f32], d: usize) -> (f64, f64) {
    let mut a: Vec<f64> = slopes.iter().map(|v| f64::from(*v)).collect();
    (0..d).for_each(|i| a[i * d + i] += 1.0);
    crate::compute::linalg::log_determinant(a, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::NoProgress;
    use crate::infer::coordinates::frame::{Frame, Frames};
    use crate::infer::diffusion::candidates;
    use crate::infer::diffusion::layout::Layout;
    use crate::infer::diffusion::schedule::Schedule;
    use crate::infer::testing::Written;

    const LESSONS: Lessons = Lessons {
        steps: 1500,
        rate: 4e-3,
        width: 48,
        depth: 2,
    };

    fn learned(pairs: &Pairs) -> Student {
        Student::learn(
            pairs,
            2,
            &LESSONS,
            (&Budget::default(), &NoProgress),
            Seed(2),
        )
    }

    /// A map that turns, stretches and bends noise.
    fn bent(n: usize, seed: u64) -> Pairs {
        let mut s = Seed(seed).stream("noise", 0);
        let noise: Vec<f64> = (0..2 * n).map(|_| s.sample(StandardNormal)).collect();
        let one = |x: &[f64]| {
            let bend = 0.5 * x[0] + x[1] + 0.4 * (x[0] * 1.5).sin();
            [1.3 * x[0] - 0.5 * x[1], bend]
        };
        let ends = noise.chunks_exact(2).flat_map(one).collect();
        Pairs {
            noise,
            context: Vec::new(),
            ends,
        }
    }

    #[test]
    fn a_map_is_learned_and_its_density_integrates_to_one() {
        let student = learned(&bent(8192, 1));
        let unseen = bent(4096, 7);
        let (distance, folded) = student.examine(&unseen);
        assert!(distance < 0.03 && folded == 0.0, "{distance} {folded}");
        let taken = student.take(&unseen.noise, Vec::new());
        // Under draws of the student, N(0, .8² I) / density has mean 1: its law is wider everywhere.
        let square = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>();
        let rows = taken.ends.chunks_exact(2).zip(unseen.noise.chunks_exact(2));
        let ratio: Vec<f64> = rows
            .zip(&taken.log_volume)
            .map(|((x, e), v)| {
                (-0.5 * square(x) / 0.64 - 2.0 * 0.8f64.ln() + 0.5 * square(e) + v).exp()
            })
            .collect();
        let n = ratio.len() as f64;
        let mean = ratio.iter().sum::<f64>() / n;
        let variance = ratio.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
        let error = (variance / n).sqrt();
        assert!(
            (mean - 1.0).abs() < 4.5 * error && error < 0.03,
            "{mean} ± {error}"
        );
    }

    /// |x| on the first coordinate: nothing invertible does that, and the Jacobian says so.
    #[test]
    fn a_fold_is_seen() {
        let mut pairs = bent(8192, 1);
        for (end, x) in pairs
            .ends
            .chunks_exact_mut(2)
            .zip(pairs.noise.chunks_exact(2))
        {
            end.copy_from_slice(&[x[0].abs(), x[1]]);
        }
        let student = learned(&pairs);
        let (distance, folded) = student.examine(&pairs);
        assert!(
            distance < 0.2 && (0.4..0.6).contains(&folded),
            "{distance} {folded}"
        );
    }

    #[test]
    fn the_flow_of_a_zero_network_moves_nothing() {
        let target = Written::new(3, |_: &[f64]| 0.0);
        let frames = Frames::single(3, vec![Frame::prior(3)], vec![0.0]);
        let layout = Layout::noise(&target);
        let mut policy = candidates::policy(layout, None, frames, Schedule::new(8, 4.5));
        let sizes = Sizes {
            inputs: 3,
            contexts: 0,
            steps: 8,
            width: 16,
            depth: 2,
            outputs: 6,
        };
        let mut stream = Seed(1).stream("weights", 0);
        let network = Network::new(sizes, Activation::Relu, Backend::Fused, &mut stream);
        policy.network = Some(network);
        assert!(Pairs::of(&policy, &target, 200, Seed(4)).still());
        // A constant word e: every angle turns by e, a quarter turn in all.
        let bias = policy
            .network
            .as_mut()
            .and_then(|n| n.parameters.last_mut());
        bias.expect("a bias").fill(0.3);
        let pairs = Pairs::of(&policy, &target, 200, Seed(4));
        let moved = pairs.ends.iter().zip(&pairs.noise);
        for (end, noise) in moved {
            assert!((end - noise - 0.3 * std::f64::consts::FRAC_PI_2).abs() < 1e-6);
        }
    }
}
