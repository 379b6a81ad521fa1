//! Training for every data set: regression, a Gaussian, denoising, balance; each held to simulations that it has not seen.

use rayon::prelude::*;

use super::super::adam::Adam;
use super::super::average::{Average, Learned};
use super::super::candidates;
use super::super::layout::Layout;
use super::super::network::{Network, Sizes};
use super::super::objective::{self, Objective};
use super::super::policy::{Lesson, Paths, Policy, SHARD};
use super::super::schedule::Schedule;
use super::super::training::{decay, sum};
use super::alarm::{Alarm, FRESH};
use super::encoder::{Encoder, Regression, Seen};
use super::judge::{DataSet, Judged, judge, truth};
use super::options::Training;
use super::summary::Summary;
use super::supply::{Rows, Supply};
use super::{Facts, Simulator, Trained};
use crate::base::Seed;
use crate::infer::coordinates::frame::{Frame, Frames};
use crate::infer::{InferError, Settings};
use crate::lower::{Structure, Target};

/// Simulations that figures are standardised by and the regression is fitted to: so many, and so many for each figure.
const FIRST: usize = 8192;
const FOR_EACH: usize = 16;
/// Rows in a step of fitting the Gaussian.
const FIT_BATCH: usize = 256;
/// Held-out pairs that densities are measured by.
const HELD_OUT: usize = 1024;
/// Multiplications and additions that denoising may cost.
const WORK: f64 = 8e11;
/// Data sets in a step of balance, and copies of each one's true noise.
const AT_ONCE: usize = 8;
const TRUTHS: usize = 4;
/// Largest norm of a gradient.
const CLIP: f64 = 1.0;
/// Balance ends where half of the held-out data sets have more than this share of effective paths.
const CLOSE: f64 = 0.97;
/// Steps of balance between two looks.
const LOOK: usize = 50;
/// Numbers that data sets for balance and judgement may compute in one execution, all together.
const POOL: usize = 4_000_000;

/// Trains a sampler for every data set that `simulator` draws.
///
/// # Errors
/// `BadOption`, `AllFailed` where simulations fail, `Diverged`.
pub fn train(simulator: &dyn Simulator, settings: &Settings) -> Result<Trained, InferError> {
    let seed = settings.seed.child("amortised", 0);
    let sizes = simulator.arrays();
    let numbers: usize = sizes.iter().map(|s| s.iter().product::<usize>()).sum();
    settings.afford(
        4 * FIRST * (numbers + simulator.dim()),
        "amortise fewer numbers, or allow more with --max-mem",
    )?;
    let mut supply = Supply::new(simulator, seed.child("supply", 0));
    let first = supply.whole(FIRST, seed.child("first", 0))?;
    let summary = Summary::fit(&simulator.arrays(), &first.y, &first.z, simulator.dim());
    let few = FOR_EACH * summary.width();
    let rows = supply.rows(&summary, few.max(FIRST), seed.child("first", 1))?;
    let structure = structure(simulator, &first.y, summary.numbers())?;
    let training = Training::new(&settings.options, &structure)?;
    let mut work = Work {
        simulator,
        settings,
        training,
        seed,
        supply,
        summary,
    };
    work.run(&rows)
}

/// The structure of the first data set's target; of the others it is about the same.
fn structure(
    simulator: &dyn Simulator,
    y: &[f64],
    numbers: usize,
) -> Result<Structure, InferError> {
    let mut sets = y.chunks_exact(numbers.max(1)).take(64);
    let target = sets.find_map(|y| simulator.target(y));
    target
        .map(|t| t.structure().clone())
        .ok_or(InferError::AllFailed { failed: 64 })
}

pub(super) struct Work<'a> {
    simulator: &'a dyn Simulator,
    pub settings: &'a Settings,
    pub training: Training,
    pub seed: Seed,
    pub supply: Supply<'a>,
    pub summary: Summary,
}

impl Work<'_> {
    fn run(&mut self, rows: &Rows) -> Result<Trained, InferError> {
        let d = self.simulator.dim();
        let regression = Regression::fit(&rows.f, self.summary.width(), &rows.z, d);
        let regression = regression.ok_or(InferError::Diverged {
            engine: "diffusion",
            why: "the simulated data sets have no covariance".to_string(),
        })?;
        let held_out = self
            .supply
            .rows(&self.summary, HELD_OUT, self.seed.child("held out", 0))?;
        let fresh = self
            .supply
            .rows(&self.summary, FRESH, self.seed.child("fresh", 0))?;
        let mut facts = Facts::default();
        let encoder = self.fit(&regression, &held_out, &mut facts)?;
        let alarm = Alarm::new(regression.mean, regression.factor, &fresh.f);
        let mut sampler = Trained {
            summary: self.summary.clone(),
            network: self.network(&encoder)?,
            encoder,
            student: None,
            levels: self.training.recipe.levels,
            high: self.training.recipe.high,
            alarm,
            facts: Facts::default(),
        };
        self.denoise(&mut sampler, &held_out, &mut facts)?;
        let held = self.data_sets("judged by", self.training.datasets)?;
        self.balance(&mut sampler, &held, &mut facts)?;
        self.distil(&mut sampler, &held, &mut facts)?;
        facts.simulations = self.supply.simulations;
        facts.cut = self.settings.budget.exhausted();
        sampler.facts = facts;
        Ok(sampler)
    }

    fn network(&self, encoder: &Encoder) -> Result<Network, InferError> {
        let (recipe, d) = (&self.training.recipe, self.simulator.dim());
        let sizes = Sizes {
            inputs: d,
            contexts: encoder.told(),
            steps: recipe.levels,
            width: recipe.width_for(d),
            depth: recipe.depth,
            outputs: 2 * d,
        };
        let mut stream = self.seed.stream("initial weights", 1);
        Ok(Network::new(
            sizes,
            recipe.activation,
            recipe.backend()?,
            &mut stream,
        ))
    }

    fn say(&self, stage: &str, done: usize, total: usize, message: &str) {
        self.settings
            .progress
            .update(stage, done, Some(total), message);
    }

    /// The Gaussian for every data set.
    fn fit(
        &mut self,
        regression: &Regression,
        held_out: &Rows,
        facts: &mut Facts,
    ) -> Result<Encoder, InferError> {
        let recipe = &self.training.recipe;
        let (d, steps, rate) = (self.simulator.dim(), self.training.fit, recipe.rate);
        let width = (regression.mean.len() / 2)
            .max(2 * d)
            .clamp(48, 96)
            .next_multiple_of(16);
        let mut stream = self.seed.stream("initial weights", 0);
        let mut encoder = Encoder::new(regression, d, width, 2, &mut stream);
        let mut adam = Adam::new(&encoder.network.parameters);
        let budget = self.settings.budget.share(0.3);
        let straight = encoder.lesson(&held_out.f, &held_out.z).1;
        facts.log_density[0] = -straight;
        let mut best = (straight, encoder.network.parameters.clone());
        for i in 0..steps {
            if budget.exhausted() {
                break;
            }
            let rows = self.supply.next(&self.summary, FIT_BATCH)?;
            let (gradient, _) = encoder.lesson(&rows.f, &rows.z);
            let learning = rate * decay(i, steps);
            adam.update(&mut encoder.network.parameters, &gradient, learning, CLIP);
            facts.steps[0] += 1;
            if (i + 1).is_multiple_of(200) || i + 1 == steps {
                let loss = encoder.lesson(&held_out.f, &held_out.z).1;
                self.say(
                    "fitting",
                    i + 1,
                    steps,
                    &format!("held-out log density {:.3}", -loss),
                );
                if loss < best.0 {
                    best = (loss, encoder.network.parameters.clone());
                }
            }
        }
        encoder.network.parameters = best.1;
        facts.log_density[1] = -best.0;
        Ok(encoder)
    }

    /// Denoising regression in the Gaussians' coordinates.
    fn denoise(
        &mut self,
        sampler: &mut Trained,
        held_out: &Rows,
        facts: &mut Facts,
    ) -> Result<(), InferError> {
        let mut template = self.template(sampler.network.clone());
        let unseen = sampler.encoder.see(&held_out.f, &held_out.z);
        let untrained = template.clone();
        let (batch, rate) = (self.training.batch, self.training.recipe.rate);
        let steps = self.affordable(&sampler.network);
        let mut adam = Adam::new(&sampler.network.parameters);
        let mut average = Average::new(&template);
        let budget = self.settings.budget.share(0.6);
        for i in 0..steps {
            if budget.exhausted() {
                break;
            }
            let rows = self.supply.next(&self.summary, batch)?;
            let seen = sampler.encoder.see(&rows.f, &rows.z);
            let seed = self.seed.child("denoise", i as u64);
            let gradient = denoising_gradient(&template, &seen, seed);
            let network = template
                .network
                .as_mut()
                .expect("a template with a network");
            adam.update(
                &mut network.parameters,
                &gradient,
                rate * decay(i, steps),
                CLIP,
            );
            average.follow(&template);
            facts.steps[1] += 1;
            if (i + 1).is_multiple_of(250) {
                let current = Learned::of(&template);
                average.put_into(&mut template);
                let gain = gain(&template, &rows_of(&unseen), self.seed.child("gain", 0));
                current.put_into(&mut template);
                let message = format!("held-out log density {:.3}", facts.log_density[1] + gain);
                self.say("denoising", i + 1, steps, &message);
            }
        }
        average.put_into(&mut template);
        let seed = self.seed.child("gain", 0);
        let gain = gain(&template, &rows_of(&unseen), seed);
        // Where the Gaussian is all there is to say, a network only adds noise.
        let better = gain > 0.0;
        facts.log_density[2] = facts.log_density[1] + gain.max(0.0);
        let kept = if better { template } else { untrained };
        sampler.network = kept.network.expect("a template with a network");
        Ok(())
    }

    /// Fewer steps for a large network: by its work, never by the clock, so that results stay the same.
    fn affordable(&self, network: &Network) -> usize {
        let s = &network.sizes;
        let path = s.steps * (s.inputs + s.width * (s.depth - 1) + s.outputs) * s.width;
        let work = 6.0 * (self.training.batch * (path + s.contexts * s.width)) as f64;
        let steps = self.training.pre;
        steps.min((WORK / work) as usize).max(steps.min(200))
    }

    /// A policy that knows no data set: batches of many use its schedule and its network.
    pub fn template(&self, network: Network) -> Policy {
        let (d, recipe) = (self.simulator.dim(), &self.training.recipe);
        let frames = Frames::single(d, vec![Frame::prior(d)], vec![0.0]);
        let schedule = Schedule::new(recipe.levels, recipe.high);
        Policy {
            network: Some(network),
            ..candidates::policy(Layout::of_noise(d), None, frames, schedule)
        }
    }

    /// Simulated data sets, bound.
    fn data_sets(&mut self, purpose: &str, n: usize) -> Result<Vec<DataSet>, InferError> {
        let n = n.min((POOL / self.simulator.size().max(1)).max(8));
        let pairs = self.supply.whole(n, self.seed.child(purpose, 0))?;
        let (numbers, d) = (self.summary.numbers().max(1), self.simulator.dim());
        let sets: Vec<(&[f64], &[f64])> = pairs
            .y
            .chunks_exact(numbers)
            .zip(pairs.z.chunks_exact(d))
            .collect();
        let (simulator, summary) = (self.simulator, &self.summary);
        let bound = sets.into_par_iter().filter_map(|(y, z)| {
            Some(DataSet {
                f: summary.of(y),
                truth: z.to_vec(),
                target: simulator.target(y)?,
            })
        });
        Ok(bound.collect())
    }

    /// Trajectory balance on a pool of data sets; kept where held-out ones are served better.
    fn balance(
        &mut self,
        sampler: &mut Trained,
        held: &[DataSet],
        facts: &mut Facts,
    ) -> Result<(), InferError> {
        let steps = self.training.steps;
        let mut best = self.look(sampler, held, 0, steps);
        if steps > 0 && best.ess[1] < CLOSE && !self.settings.budget.exhausted() {
            let pool = self.data_sets("balanced on", self.training.datasets)?;
            let pool: Vec<Pooled> = pool
                .into_iter()
                .filter_map(|s| Pooled::new(s, sampler))
                .collect();
            self.balance_on(&pool, sampler, held, (&mut best, facts));
        }
        facts.judged = best;
        Ok(())
    }

    fn balance_on(
        &self,
        pool: &[Pooled],
        sampler: &mut Trained,
        held: &[DataSet],
        (best, facts): (&mut Judged, &mut Facts),
    ) {
        let steps = self.training.steps;
        let mut template = self.template(sampler.network.clone());
        let mut adam = Adam::new(&sampler.network.parameters);
        let mut average = Average::new(&template);
        for i in 0..steps {
            if self.settings.budget.exhausted() || pool.is_empty() {
                break;
            }
            let seed = self.seed.child("balance", i as u64);
            let gradient = self.balance_gradient(pool, sampler, &template, seed);
            let network = template
                .network
                .as_mut()
                .expect("a template with a network");
            let rate = 0.25 * self.training.recipe.rate * decay(i, steps);
            if let Some(gradient) = gradient {
                adam.update(&mut network.parameters, &gradient, rate, CLIP);
            }
            average.follow(&template);
            facts.steps[2] += 1;
            if (i + 1).is_multiple_of(LOOK) || i + 1 == steps {
                let mut averaged = template.clone();
                average.put_into(&mut averaged);
                let tried = Trained {
                    network: averaged.network.expect("a template with a network"),
                    ..sampler.clone()
                };
                let judged = self.look(&tried, held, i + 1, steps);
                if judged.score > best.score {
                    sampler.network = tried.network;
                    *best = judged;
                }
            }
        }
    }

    fn look(&self, sampler: &Trained, held: &[DataSet], step: usize, steps: usize) -> Judged {
        let judged = judge(sampler, held, self.seed.child("judge", 0));
        let message = format!("held-out ESS {:.0} %", 100.0 * judged.ess[0]);
        self.say("balancing", step, steps.max(1), &message);
        judged
    }

    /// The VarGrad loss's gradient over a few data sets, each with its own paths and its own mean.
    fn balance_gradient(
        &self,
        pool: &[Pooled],
        sampler: &Trained,
        template: &Policy,
        seed: Seed,
    ) -> Option<Vec<Vec<f32>>> {
        use rand::RngExt;
        let mut stream = seed.stream("pick", 0);
        let chosen: Vec<usize> = (0..AT_ONCE)
            .map(|_| stream.random_range(0..pool.len()))
            .collect();
        let network = template.network.as_ref()?;
        let n = (AT_ONCE * (self.training.paths + TRUTHS)) as f64;
        let one = |(k, &i): (usize, &usize)| -> Vec<Vec<Vec<f32>>> {
            let set = &pool[i];
            let mut policy =
                sampler.policy_in(set.frame.clone(), set.told.clone(), &*set.data.target);
            policy.network = Some(network.clone());
            lessons(
                &policy,
                &set.data,
                self.training.paths,
                n,
                seed.child("set", k as u64),
            )
        };
        let all: Vec<_> = chosen.par_iter().enumerate().map(one).collect();
        sum(all.into_iter().flatten())
    }
}

/// A data set with its Gaussian.
struct Pooled {
    data: DataSet,
    frame: Frame,
    told: Vec<f32>,
}

impl Pooled {
    fn new(data: DataSet, sampler: &Trained) -> Option<Pooled> {
        let (frame, told) = sampler.encoder.frame(&data.f)?;
        Some(Pooled { data, frame, told })
    }
}

/// Gradients of ½ (log w − mean)² over fresh paths and the truth's own, by the network's parameters; shard by shard.
fn lessons(policy: &Policy, set: &DataSet, paths: usize, n: f64, seed: Seed) -> Vec<Vec<Vec<f32>>> {
    let target: &dyn Target = &*set.target;
    let drawn = policy.draw_to_learn(target, paths, 1.0, seed.child("draw", 0));
    let (mut shards, mut lessons): (Vec<Paths>, Vec<Option<Lesson>>) = drawn.into_iter().unzip();
    policy.evaluate(target, &mut shards);
    for mut paths in policy.renoise(&truth(&policy.layout, set, TRUTHS), seed.child("truth", 0)) {
        lessons.push(policy.learn(target, &mut paths));
        shards.push(paths);
    }
    let log_w: Vec<f64> = shards.iter().flat_map(|s| policy.log_weights(s)).collect();
    let residuals = objective::residuals(Objective::VarGrad, &log_w, &mut 0.0, 0.0);
    let network = policy.network.as_ref().expect("a policy with a network");
    let mut at = 0;
    let mut gradients = Vec::new();
    for (shard, lesson) in shards.iter().zip(lessons) {
        let factors: Vec<f64> = residuals[at..at + shard.n].iter().map(|r| r / n).collect();
        at += shard.n;
        if let Some(lesson) = lesson {
            let by_output =
                objective::by_outputs(lesson.by_output, network.sizes.outputs, &factors);
            gradients.push(lesson.pass.gradient(network, by_output));
        }
    }
    gradients
}

fn rows_of(seen: &Seen) -> Vec<(&[f64], &[f32])> {
    let n = HELD_OUT;
    let (d, told) = (seen.v.len() / n, seen.told.len() / n);
    let shards = seen.v.chunks(SHARD * d).zip(seen.told.chunks(SHARD * told));
    shards.collect()
}

/// Clean ends with what the network is told of each, noised.
fn noised(template: &Policy, v: &[f64], seed: Seed, shard: usize) -> Paths {
    let n = v.len() / template.frames.dim;
    Paths {
        n,
        part: vec![0; n],
        states: template.noised(v.to_vec(), &mut seed.stream("noise", shard as u64)),
        ..Paths::default()
    }
}

fn denoising_gradient(template: &Policy, seen: &Seen, seed: Seed) -> Vec<Vec<f32>> {
    let network = template
        .network
        .as_ref()
        .expect("a template with a network");
    let (d, told) = (network.sizes.inputs, network.sizes.contexts);
    let batch = seen.v.len() / d;
    let shards = seen
        .v
        .par_chunks(SHARD * d)
        .zip(seen.told.par_chunks(SHARD * told));
    let one = |(shard, (v, told)): (usize, (&[f64], &[f32]))| {
        let paths = noised(template, v, seed, shard);
        let pass = network.pass(&paths.states[v.len()..], &[], &paths.part, told.to_vec());
        let by_output = objective::denoising(template, &paths, pass.values(), batch);
        pass.gradient(network, by_output)
    };
    let all: Vec<_> = shards.enumerate().map(one).collect();
    sum(all.into_iter()).unwrap_or_default()
}

/// Mean log policy − log reference of held-out paths: how much log density the network adds to the Gaussian, at least.
fn gain(template: &Policy, shards: &[(&[f64], &[f32])], seed: Seed) -> f64 {
    let network = template
        .network
        .as_ref()
        .expect("a template with a network");
    let one = |(shard, (v, told)): (usize, &(&[f64], &[f32]))| {
        let mut paths = noised(template, v, seed, shard);
        let pass = network.pass(&paths.states[v.len()..], &[], &paths.part, told.to_vec());
        template.ratios(&mut paths, pass.values(), &mut []);
        (paths.log_ratio.iter().sum::<f64>(), paths.n)
    };
    let all: Vec<(f64, usize)> = shards.par_iter().enumerate().map(one).collect();
    let n: usize = all.iter().map(|(_, n)| n).sum();
    all.iter().map(|(s, _)| s).sum::<f64>() / n.max(1) as f64
}
