//! The sampler: discrete values k, then a part j of the frames, then a path of noise that ends in z = mean_j + L_j x_0.
//!
//! The log-weight of (k, j, path), unbiased for Z at any network because the target carries the same extra variables
//! (the fixed responsibility γ(j | z, k) for j, the reference's noising for the path):
//!
//! ```text
//! log w = log r + Σ_reached sites [log p(k_s | …) − log π(k_s | k_before)]          discrete values
//!       + log N(z; 0, I) − log q(z | k) + log share_j − log π(j | k)               frames, q = Σ_j share_j N_j
//!       − Σ_steps [log policy − log reference]                                     network
//! ```
//! (γ(j | z, k) = share_j N_j(z) / q(z | k) cancels the frame's own density.) A site that is not reached has ratio 1.

use std::borrow::Cow;

use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::categorical::{Categorical, category, pick};
use super::layout::{Layout, Points};
use super::network::{Network, Pass};
use super::schedule::Schedule;
use super::sheet::Sheet;
use super::steer::{self, Steer};
use super::student::Student;
use crate::base::{Bug, Seed, Stream, bites};
use crate::infer::coordinates::frame::Frames;
use crate::infer::coordinates::linear::log_sum_exp;
use crate::lower::Target;

/// Paths that are computed together. Fixed: results must not depend on the number of threads.
pub(crate) const SHARD: usize = 64;
/// Most columns of one-hot context; beyond that a site's value is one number.
const MOST_CONTEXTS: usize = 256;

/// Everything that is learned or fitted.
#[derive(Clone)]
pub(crate) struct Policy {
    pub layout: Layout,
    pub categorical: Option<Categorical>,
    pub frames: Frames,
    /// Logits of π(j | k), by part.
    pub shares: Vec<f32>,
    pub schedule: Schedule,
    /// `None` for the zero network: then paths are not needed, and a draw is one of the frames' mixture.
    pub network: Option<Network>,
    /// Gradients beside the network's word, where they are used.
    pub steer: Option<Steer>,
    /// One step in the place of the network's many, where that is what draws.
    pub student: Option<Student>,
    /// What the network is told beside the values and the part, the same for all paths: a data set's summary.
    pub told: Vec<f32>,
}

/// Paths, their ends and the pieces of their weights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    pub n: usize,
    pub points: Points,
    pub part: Vec<usize>,
    /// `[T + 1, n, d]`, the clean end first; empty without a network.
    pub states: Vec<f64>,
    /// What gradients say at the noisy end of each step, `[T, n, d]`; empty where the policy does not ask.
    pub pushes: Vec<f32>,
    /// Σ_steps [log policy − log reference].
    pub log_ratio: Vec<f64>,
    /// log q(z | k), without −(d/2) log 2π.
    pub log_q: Vec<f64>,
}

impl Paths {
    /// What gradients say at the noisy end of a step; nothing where the policy does not ask.
    fn push(&self, step: usize) -> &[f32] {
        let size = self.points.x.len();
        let own = self.pushes.get(step * size..(step + 1) * size);
        own.unwrap_or_default()
    }
}

/// What a shard's paths say about the network.
pub(crate) struct Lesson {
    pub pass: Pass,
    /// Gradient of each path's log policy by the network's outputs, `[steps, n, 2 d]`.
    pub by_output: Vec<f32>,
}

impl Policy {
    /// Columns that tell the network which part and which values it works for.
    pub fn contexts(&self) -> usize {
        let parts = if self.frames.parts.len() > 1 {
            self.frames.parts.len()
        } else {
            0
        };
        parts + self.site_columns().iter().sum::<usize>() + self.told.len()
    }

    fn site_columns(&self) -> Vec<usize> {
        let all: usize = self.layout.sites.iter().map(|s| s.n).sum();
        self.layout
            .sites
            .iter()
            .map(|s| if all <= MOST_CONTEXTS { s.n } else { 1 })
            .collect()
    }

    /// `[n, contexts]`.
    pub fn context(&self, k: &[u32], part: &[usize]) -> Vec<f32> {
        let columns = self.contexts();
        let mut out = vec![0.0; part.len() * columns];
        if columns == 0 {
            return out;
        }
        let widths = self.site_columns();
        let s = self.layout.sites.len();
        for (i, row) in out.chunks_exact_mut(columns).enumerate() {
            let mut at = 0;
            if self.frames.parts.len() > 1 {
                row[part[i]] = 1.0;
                at = self.frames.parts.len();
            }
            for (j, (site, &width)) in self.layout.sites.iter().zip(&widths).enumerate() {
                let v = category(site, k[i * s + j]);
                if width == 1 {
                    row[at] = v as f32 / site.n as f32 - 0.5;
                } else {
                    row[at + v] = 1.0;
                }
                at += width;
            }
            row[at..].copy_from_slice(&self.told);
        }
        out
    }

    /// log π(j | group) of a group's parts.
    pub fn log_shares(&self, group: usize) -> Vec<f64> {
        let logits: Vec<f64> = self.frames.groups[group]
            .parts
            .iter()
            .map(|&p| f64::from(self.shares[p]))
            .collect();
        let total = log_sum_exp(&logits);
        logits.iter().map(|l| l - total).collect()
    }

    /// Evaluations of the gradient that `n` paths take.
    pub fn gradients(&self, n: usize) -> u64 {
        match (&self.steer, &self.network) {
            // The noisiest state says nothing.
            (Some(_), Some(_)) => (n * (self.schedule.len() - 1)) as u64,
            _ => 0,
        }
    }

    /// `n` paths drawn from the policy, in shards of [`SHARD`]; noise `spread` times the policy's own (1 for its law).
    pub fn draw(&self, target: &dyn Target, n: usize, spread: f64, seed: Seed) -> Vec<Paths> {
        let drawn = self.shards(n, seed, |n, stream| {
            self.draw_shard(target, n, spread, stream, false)
        });
        drawn.into_iter().map(|(paths, _)| paths).collect()
    }

    /// As [`Policy::draw`], with what the paths say about the network, if there is one.
    pub fn draw_to_learn(
        &self,
        target: &dyn Target,
        n: usize,
        spread: f64,
        seed: Seed,
    ) -> Vec<(Paths, Option<Lesson>)> {
        self.shards(n, seed, |n, stream| {
            self.draw_shard(target, n, spread, stream, true)
        })
    }

    pub fn shards<T: Send>(
        &self,
        n: usize,
        seed: Seed,
        draw: impl Fn(usize, &mut Stream) -> T + Sync,
    ) -> Vec<T> {
        let shards: Vec<usize> = (0..n.div_ceil(SHARD)).collect();
        let size = |s: usize| SHARD.min(n - s * SHARD);
        shards
            .into_par_iter()
            .map(|s| draw(size(s), &mut seed.stream("paths", s as u64)))
            .collect()
    }

    fn draw_shard(
        &self,
        target: &dyn Target,
        n: usize,
        spread: f64,
        stream: &mut Stream,
        learn: bool,
    ) -> (Paths, Option<Lesson>) {
        let d = self.frames.dim;
        let mut paths = self.choose(n, stream);
        let (clean, lesson) = self.roll(target, &mut paths, spread, stream, learn);
        for i in 0..n {
            let frame = &self.frames.parts[paths.part[i]];
            frame.place(
                &clean[i * d..(i + 1) * d],
                &mut paths.points.x[i * d..(i + 1) * d],
            );
        }
        paths.log_q = self.log_q(&paths.points);
        (paths, lesson)
    }

    /// `n` paths with values and parts drawn, and nothing else.
    pub fn choose(&self, n: usize, stream: &mut Stream) -> Paths {
        let (d, s) = (self.frames.dim, self.layout.sites.len());
        let mut paths = Paths {
            n,
            ..Paths::default()
        };
        paths.points.k = vec![0; n * s];
        paths.points.x = vec![0.0; n * d];
        for i in 0..n {
            if let Some(c) = &self.categorical {
                c.draw(stream, &mut paths.points.k[i * s..(i + 1) * s]);
            }
            let group = self.frames.group(&paths.points.k[i * s..(i + 1) * s]);
            let p: Vec<f64> = self.log_shares(group).iter().map(|l| l.exp()).collect();
            let j = if p.len() == 1 {
                0
            } else {
                pick(&p, stream.random())
            };
            paths.part.push(self.frames.groups[group].parts[j]);
        }
        paths
    }

    /// Runs the chain from noise to the clean end, which is returned, with what is to be learned if that is asked for.
    fn roll(
        &self,
        target: &dyn Target,
        paths: &mut Paths,
        spread: f64,
        stream: &mut Stream,
        learn: bool,
    ) -> (Vec<f64>, Option<Lesson>) {
        let (n, d) = (paths.n, self.frames.dim);
        paths.log_ratio = vec![0.0; n];
        let size = n * d;
        if let Some(student) = self.student.as_ref().filter(|_| size > 0 && !learn) {
            let context = self.context(&paths.points.k, &paths.part);
            return (student.roll(paths, context, (d, spread), stream), None);
        }
        let Some(network) = self.network.as_ref().filter(|_| size > 0) else {
            let clean = (0..size).map(|_| stream.sample(StandardNormal)).collect();
            return (clean, None);
        };
        let steps = self.schedule.len();
        // The noisiest state is independent of the rest under the reference, and so left at zero.
        let mut states = vec![0.0; (steps + 1) * size];
        let mut by_output = vec![0.0; if learn { 2 * steps * size } else { 0 }];
        let mut run = network.run(&paths.part, self.context(&paths.points.k, &paths.part));
        let mut sheet = Sheet::default();
        // The last step's first.
        let mut pushes = Vec::with_capacity(steps);
        for (s, step) in self.schedule.steps.iter().enumerate().rev() {
            let (below, above) = states.split_at_mut((s + 1) * size);
            let noisy = &above[..size];
            sheet.delta.clear();
            let noise = || spread * stream.sample::<f64, _>(StandardNormal);
            sheet.delta.extend(std::iter::repeat_with(noise).take(size));
            let push = self.push(target, s, noisy, &paths.part);
            let said = match &push {
                Some(push) => self.steered(s, push, run.step(s, noisy, push)),
                None => Cow::Borrowed(run.step(s, noisy, &[])),
            };
            sheet.draw(step, &said, d);
            pushes.push(push.unwrap_or_default());
            let calmer = below[s * size..].iter_mut().zip(noisy).zip(&sheet.delta);
            calmer.for_each(|((x, above), delta)| *x = step.keep * above + step.noise * delta);
            sheet.add_ratio(d, &mut paths.log_ratio);
            if learn {
                sheet.write_gradient(d, 1.0, &mut by_output[2 * s * size..2 * (s + 1) * size]);
            }
        }
        let clean = states[..size].to_vec();
        paths.states = states;
        paths.pushes = pushes.into_iter().rev().flatten().collect();
        let pass = run.into_pass().filter(|_| learn);
        let lesson = learn.then(|| Lesson {
            pass: pass.unwrap_or_else(|| self.pass_of(network, paths)),
            by_output,
        });
        (clean, lesson)
    }

    /// What gradients say at rows `noisy: [n, d]` of step `s`, where the policy asks.
    pub fn push(
        &self,
        target: &dyn Target,
        s: usize,
        noisy: &[f64],
        part: &[usize],
    ) -> Option<Vec<f32>> {
        self.steer.as_ref()?;
        // The noisiest state is the same for all, and a bias of the network.
        if s + 1 == self.schedule.len() {
            return Some(vec![0.0; noisy.len()]);
        }
        let step = &self.schedule.steps[s];
        Some(steer::pushes(target, &self.frames, part, step, noisy))
    }

    /// A network's outputs at step `s` with the pushes there.
    pub fn steered<'a>(&self, s: usize, push: &[f32], said: &'a [f32]) -> Cow<'a, [f32]> {
        let mut said = Cow::Borrowed(said);
        if let Some(steer) = &self.steer {
            steer.apply(s, push, self.frames.dim, said.to_mut());
        }
        said
    }

    /// Asks for the pushes of paths that the policy did not draw itself.
    fn ask(&self, target: &dyn Target, paths: &mut Paths) {
        let size = paths.n * self.frames.dim;
        if self.steer.is_none() || size == 0 || paths.states.is_empty() {
            return;
        }
        let noisy = paths.states[size..].chunks_exact(size).enumerate();
        paths.pushes = noisy
            .flat_map(|(s, noisy)| self.push(target, s, noisy, &paths.part).unwrap_or_default())
            .collect();
    }

    /// A network's outputs at all steps of paths, `[steps, n, 2 d]`, with the pushes, where there are any.
    pub fn with_pushes<'a>(&self, paths: &Paths, said: &'a [f32]) -> Cow<'a, [f32]> {
        let mut said = Cow::Borrowed(said);
        let size = paths.n * self.frames.dim;
        if let Some(steer) = self.steer.as_ref().filter(|_| size > 0) {
            let steps = said
                .to_mut()
                .chunks_exact_mut(2 * size)
                .zip(paths.pushes.chunks_exact(size));
            for (s, (said, push)) in steps.enumerate() {
                steer.apply(s, push, self.frames.dim, said);
            }
        }
        said
    }

    /// Adds the gradient of Σ_i c_i log policy(path i) by the gains, from that of each path by outputs `[steps, n, 2 d]`.
    pub fn by_gains(&self, paths: &Paths, by_output: &[f32], c: &[f64], by_gain: &mut [f32]) {
        let (d, size) = (self.frames.dim, paths.n * self.frames.dim);
        if self.steer.is_none() || size == 0 {
            return;
        }
        let steps = by_output
            .chunks_exact(2 * size)
            .zip(paths.pushes.chunks_exact(size));
        for (s, (by_output, push)) in steps.enumerate() {
            Steer::learn(s, push, d, by_output, c, by_gain);
        }
    }

    /// Given ends, in shards: a part by its responsibility and a path by the reference's noising.
    pub fn renoise(&self, points: &Points, seed: Seed) -> Vec<Paths> {
        let n = points.log_r.len();
        let shards: Vec<usize> = (0..n.div_ceil(SHARD)).collect();
        let rows = |s: usize| (s * SHARD..((s + 1) * SHARD).min(n)).collect::<Vec<_>>();
        let one = |s: usize| {
            self.renoise_shard(
                points.select(&self.layout, &rows(s)),
                &mut seed.stream("renoise", s as u64),
            )
        };
        shards.into_par_iter().map(one).collect()
    }

    fn renoise_shard(&self, points: Points, stream: &mut Stream) -> Paths {
        let (n, d, s) = (points.log_r.len(), self.frames.dim, self.layout.sites.len());
        let mut paths = Paths {
            n,
            points,
            ..Paths::default()
        };
        let mut clean = vec![0.0; n * d];
        let (mut terms, mut scratch) = (Vec::new(), vec![0.0; d]);
        for i in 0..n {
            let x = &paths.points.x[i * d..(i + 1) * d];
            let group = self.frames.group(&paths.points.k[i * s..(i + 1) * s]);
            let log_q = self.frames.log_terms(group, x, &mut terms, &mut scratch);
            let p: Vec<f64> = terms.iter().map(|t| (t - log_q).exp()).collect();
            let j = if p.len() == 1 {
                0
            } else {
                pick(&p, stream.random())
            };
            let part = self.frames.groups[group].parts[j];
            self.frames.parts[part].whiten(x, &mut clean[i * d..(i + 1) * d]);
            paths.part.push(part);
            paths.log_q.push(log_q);
        }
        paths.log_ratio = vec![0.0; n];
        if self.network.is_some() && d > 0 {
            paths.states = self.noised(clean, stream);
        }
        paths
    }

    /// All states of paths with given clean ends `[n, d]`, by the reference's noising.
    pub fn noised(&self, clean: Vec<f64>, stream: &mut Stream) -> Vec<f64> {
        let size = clean.len();
        let mut states = clean;
        for (s, step) in self.schedule.steps.iter().enumerate() {
            // The noisiest state is left at zero, as in `roll`.
            let last = s + 1 == self.schedule.len();
            for c in 0..size {
                let e: f64 = if last {
                    0.0
                } else {
                    stream.sample(StandardNormal)
                };
                states.push(step.keep * states[s * size + c] + step.noise * e);
            }
        }
        states
    }

    /// log q(z | k) of points, without −(d/2) log 2π.
    pub fn log_q(&self, points: &Points) -> Vec<f64> {
        let (d, s) = (self.frames.dim, self.layout.sites.len());
        let (mut terms, mut scratch) = (Vec::new(), vec![0.0; d]);
        let n = points
            .x
            .len()
            .checked_div(d)
            .unwrap_or(points.k.len() / s.max(1));
        let one = |i: usize| {
            let group = self.frames.group(&points.k[i * s..(i + 1) * s]);
            self.frames.log_terms(
                group,
                &points.x[i * d..(i + 1) * d],
                &mut terms,
                &mut scratch,
            )
        };
        (0..n).map(one).collect()
    }

    /// The network's pass over all steps of a shard's paths, which get what gradients say; `None` without a network.
    pub fn pass(&self, target: &dyn Target, paths: &mut Paths) -> Option<Pass> {
        let network = self.network_for(paths)?;
        self.ask(target, paths);
        Some(self.pass_of(network, paths))
    }

    fn pass_of(&self, network: &Network, paths: &Paths) -> Pass {
        let noisy = &paths.states[paths.n * self.frames.dim..];
        let context = self.context(&paths.points.k, &paths.part);
        network.pass(noisy, &paths.pushes, &paths.part, context)
    }

    fn network_for(&self, paths: &Paths) -> Option<&Network> {
        let size = paths.n * self.frames.dim;
        self.network.as_ref().filter(|_| size > 0)
    }

    /// Fills in `log_ratio` of paths that the policy did not draw itself.
    pub fn score(&self, target: &dyn Target, shards: &mut [Paths]) {
        shards.par_iter_mut().for_each(|paths| {
            let Some(network) = self.network_for(paths) else {
                return;
            };
            self.ask(target, paths);
            let size = paths.n * self.frames.dim;
            let mut run = network.run(&paths.part, self.context(&paths.points.k, &paths.part));
            let noisy = paths.states[size..].chunks_exact(size).enumerate();
            let values: Vec<f32> = noisy
                .flat_map(|(s, x)| run.step(s, x, paths.push(s)).to_vec())
                .collect();
            drop(run);
            let said = self.with_pushes(paths, &values);
            self.ratios(paths, &said, &mut []);
        });
    }

    /// As [`Policy::score`], with what the paths say about the network, if there is one.
    pub fn learn(&self, target: &dyn Target, paths: &mut Paths) -> Option<Lesson> {
        let pass = self.pass(target, paths)?;
        let said = self.with_pushes(paths, pass.values());
        let mut by_output = vec![0.0; said.len()];
        self.ratios(paths, &said, &mut by_output);
        Some(Lesson { pass, by_output })
    }

    /// Σ_steps [log policy − log reference] from the network's outputs `[steps, n, 2 d]`; its gradient by them goes to
    /// `by_output`, unless that is empty.
    pub fn ratios(&self, paths: &mut Paths, values: &[f32], by_output: &mut [f32]) {
        let (d, size) = (self.frames.dim, paths.n * self.frames.dim);
        let mut ratio = vec![0.0; paths.n];
        let mut sheet = Sheet::default();
        let steps = self
            .schedule
            .steps
            .iter()
            .zip(values.chunks_exact(2 * size));
        for (s, (step, values)) in steps.enumerate() {
            let (calm, noisy) = paths.states[s * size..(s + 2) * size].split_at(size);
            sheet.difference(calm, step.keep, noisy, 1.0 / step.noise);
            sheet.weigh(step, values, d, 0.0);
            sheet.add_ratio(d, &mut ratio);
            if !by_output.is_empty() {
                sheet.write_gradient(d, 1.0, &mut by_output[2 * s * size..2 * (s + 1) * size]);
            }
        }
        paths.log_ratio = ratio;
    }

    /// Log-weights of paths whose points are evaluated.
    pub fn log_weights(&self, paths: &Paths) -> Vec<f64> {
        let s = self.layout.sites.len();
        let mut conditionals = vec![0.0; s];
        let one = |i: usize| {
            let k = &paths.points.k[i * s..(i + 1) * s];
            paths.points.log_r[i]
                + self.log_site_ratio(&paths.points, i, &mut conditionals)
                + self.log_prior(paths, i)
                - if bites(Bug::LostReference) {
                    0.0
                } else {
                    paths.log_q[i]
                }
                + self.log_share_ratio(k, paths.part[i])
                - paths.log_ratio[i]
        };
        (0..paths.n)
            .map(one)
            .map(|w| if w.is_nan() { f64::NEG_INFINITY } else { w })
            .collect()
    }

    /// Σ over reached sites of log p − log π.
    pub fn log_site_ratio(&self, points: &Points, i: usize, conditionals: &mut [f64]) -> f64 {
        let Some(categorical) = &self.categorical else {
            return 0.0;
        };
        let s = self.layout.sites.len();
        categorical.log_conditionals(&points.k[i * s..(i + 1) * s], conditionals);
        let reached = points.log_p[i * s..(i + 1) * s]
            .iter()
            .zip(&*conditionals)
            .filter(|(p, _)| !p.is_nan());
        reached.map(|(p, c)| p - c).sum()
    }

    /// log N(z; 0, I) of the diffused coordinates, without −(d/2) log 2π.
    pub fn log_prior(&self, paths: &Paths, i: usize) -> f64 {
        let d = self.frames.dim;
        -0.5 * paths.points.x[i * d..(i + 1) * d]
            .iter()
            .map(|v| v * v)
            .sum::<f64>()
    }

    /// log share − log π of a part.
    fn log_share_ratio(&self, k: &[u32], part: usize) -> f64 {
        let group = self.frames.group(k);
        let parts = &self.frames.groups[group].parts;
        if parts.len() == 1 {
            return 0.0;
        }
        let j = part - parts[0];
        self.frames.groups[group].log_share[j] - self.log_shares(group)[j]
    }

    /// Evaluates the ends of all shards in one batch and gives their log-weights.
    pub fn evaluate(&self, target: &dyn Target, shards: &mut [Paths]) -> Vec<f64> {
        let mut all = Points::default();
        shards.iter().for_each(|p| all.extend(&p.points));
        let n = shards.iter().map(|p| p.n).sum();
        self.layout.evaluate(target, &mut all, n);
        let mut at = 0;
        for paths in shards.iter_mut() {
            let s = self.layout.sites.len();
            paths.points.log_r = all.log_r[at..at + paths.n].to_vec();
            if s > 0 {
                paths.points.log_p = all.log_p[at * s..(at + paths.n) * s].to_vec();
            }
            at += paths.n;
        }
        shards.iter().flat_map(|p| self.log_weights(p)).collect()
    }
}
