//! Training: denoising regression on particles, then off-policy trajectory balance, the best checkpoint kept.

use rayon::prelude::*;

use super::adam::Adam;
use super::average::{Learned, choices, set_choices};
use super::buffer::Buffer;
use super::candidates::Candidate;
use super::layout::Points;
use super::network::Network;
use super::objective;
use super::options::Recipe;
use super::policy::{Lesson, Paths, Policy};
use super::state::{Course, Entry, Keeping};
use crate::base::Seed;
use crate::draws::{importance_ess, log_mean_exp, normalized};
use crate::infer::modes::Modes;
use crate::infer::{Budget, Fitted, InferError, Progress};
use crate::lower::Target;
use crate::store::packed;

/// On-policy noise is this much wider while exploring.
const EXPLORE: f64 = 1.05;
/// Paths drawn, and held-out ends re-noised, to judge a policy.
pub(super) const JUDGED: usize = 1024;

/// Multiplications and additions that one phase of training may cost.
const WORK: f64 = 25e10;

/// Finite steps of denoising that make a state to go back to.
const SETTLED: usize = 25;
/// What is said where numbers ran away.
pub(super) const SETBACK: &str = "not finite: back to the last good state, smaller steps";

/// How well a policy fits, on paths it did not learn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fit {
    /// ESS of the path weights, truncated, as a share.
    pub ess: f64,
    pub log_z: f64,
    /// Mean log-weight of its own paths; −∞ where some are impossible.
    pub elbo: f64,
    /// Mean log-weight of held-out ends, re-noised.
    pub eubo: f64,
}
packed!(Fit {
    ess,
    log_z,
    elbo,
    eubo
});

impl Fit {
    /// Of what was not judged.
    fn unknown() -> Fit {
        Fit {
            ess: 0.0,
            log_z: 0.0,
            elbo: f64::NEG_INFINITY,
            eubo: f64::NAN,
        }
    }

    /// Higher is better, 0 is perfect. ESS does not see what the policy misses, the particles do: a missed mode makes
    /// EUBO − log Z larger than the weights' own spread explains.
    pub fn score(&self) -> f64 {
        let missed = if self.eubo.is_finite() {
            self.eubo - self.log_z
        } else {
            0.0
        };
        let score = -(-self.ess.max(1e-9).ln()).max(missed);
        if score.is_nan() {
            f64::NEG_INFINITY
        } else {
            score
        }
    }

    /// Whether more training would buy little.
    pub fn close(&self) -> bool {
        let gap = self.eubo - self.elbo;
        // Uneven weights beside a small gap: the held-out particles miss what the policy reaches.
        if gap.is_finite() {
            gap < 0.08 && self.ess > 0.7
        } else {
            self.ess > 0.95
        }
    }
}

/// What training needs beside the policy.
pub(crate) struct Trainer<'a> {
    pub target: &'a dyn Target,
    pub recipe: &'a Recipe,
    pub budget: &'a Budget,
    pub progress: &'a dyn Progress,
    pub seed: Seed,
    pub buffer: Buffer,
    pub held_out: Points,
    pub evaluations: u64,
    /// Evaluations of the gradient.
    pub gradients: u64,
    /// How the policies fitted, in order.
    pub history: Vec<Fitted>,
    /// Judgements so far.
    pub judged: u64,
    pub keeping: Keeping<'a>,
    /// Modes that ascents found.
    pub modes: Modes,
}

/// Optimiser state of a policy.
#[derive(Clone)]
pub(crate) struct Optimiser {
    pub network: Option<Adam>,
    pub choices: Adam,
    log_z: f64,
}
packed!(Optimiser {
    network,
    choices,
    log_z
});

impl Optimiser {
    pub fn new(policy: &Policy, log_z: f64) -> Optimiser {
        let network = policy.network.as_ref().map(|n| Adam::new(&n.parameters));
        Optimiser {
            network,
            choices: Adam::new(&choices(policy)),
            log_z,
        }
    }
}

impl<'a> Trainer<'a> {
    pub fn new(
        target: &'a dyn Target,
        recipe: &'a Recipe,
        budget: &'a Budget,
        progress: &'a dyn Progress,
        seed: Seed,
    ) -> Trainer<'a> {
        let buffer = Buffer::new(Points::default());
        Trainer {
            target,
            recipe,
            budget,
            progress,
            seed,
            buffer,
            held_out: Points::default(),
            evaluations: 0,
            gradients: 0,
            history: Vec::new(),
            judged: 0,
            keeping: Keeping::default(),
            modes: Modes::default(),
        }
    }

    /// Takes a candidate's particles for the buffer, and those it held out to be judged by.
    pub fn learn_from(&mut self, candidate: &Candidate) {
        self.buffer = Buffer::new(candidate.train.clone());
        self.held_out = candidate.held_out.clone();
    }

    fn note(&mut self, stage: &str, step: usize, fit: &Fit) {
        self.history.push(Fitted {
            stage: stage.to_string(),
            step,
            elbo: fit.elbo,
            eubo: fit.eubo,
            ess: fit.ess,
        });
    }

    /// Reports how something fits.
    pub fn say(&mut self, what: &str, fit: &Fit) {
        self.note(what, 0, fit);
        let message = format!(
            "{what}: ELBO {:.2}, EUBO {:.2}, ESS {:.0} %",
            fit.elbo,
            fit.eubo,
            100.0 * fit.ess
        );
        self.progress.update("fitting", 0, None, &message);
    }

    /// At most `steps`, fewer for a large network unless they were asked for: by its work, never by the clock, so that results
    /// stay the same.
    pub fn steps_affordable(&self, policy: &Policy, (steps, asked): (usize, bool)) -> usize {
        if asked {
            return steps;
        }
        let size = policy.network.as_ref().map_or(1, Network::work);
        let work = 6.0 * (self.recipe.batch_for(policy) * policy.schedule.len() * size) as f64;
        steps.min((WORK / work) as usize).max(steps.min(50))
    }

    /// Judges a policy by fresh paths and by the held-out particles.
    pub fn judge(&mut self, policy: &Policy) -> Fit {
        self.judged += 1;
        let seed = self.seed.child("judge", self.judged);
        let mut shards = policy.draw(self.target, JUDGED, 1.0, seed);
        let log_w = policy.evaluate(self.target, &mut shards);
        self.evaluations += JUDGED as u64;
        self.gradients += policy.gradients(JUDGED + self.held_out.log_r.len().min(JUDGED));
        if let Some(weights) = normalized(&log_w) {
            let mut points = Points::default();
            shards.iter().for_each(|s| points.extend(&s.points));
            self.buffer.add(
                &policy.layout,
                &points,
                &weights,
                &mut seed.stream("buffer", 0),
            );
        }
        let n = log_w.len() as f64;
        Fit {
            ess: importance_ess(&truncated(&log_w)) / n,
            log_z: log_mean_exp(&log_w),
            elbo: log_w.iter().sum::<f64>() / n,
            eubo: self.upper_bound(policy, seed),
        }
    }

    /// Mean log-weight of held-out particles; NaN where there are none.
    fn upper_bound(&self, policy: &Policy, seed: Seed) -> f64 {
        let rows: Vec<usize> = (0..self.held_out.log_r.len().min(JUDGED)).collect();
        let mut shards = policy.renoise(&self.held_out.select(&policy.layout, &rows), seed);
        policy.score(self.target, &mut shards);
        shards
            .iter()
            .flat_map(|s| policy.log_weights(s))
            .sum::<f64>()
            / rows.len() as f64
    }

    /// Phase (a): denoising regression on the buffer.
    ///
    /// # Errors
    /// `Diverged` for good; `BadState`.
    pub fn denoise(&mut self, policy: &mut Policy, steps: usize) -> Result<(), InferError> {
        if policy.network.is_none() || self.buffer.is_empty() {
            return Ok(());
        }
        let Entry::At(mut course) = self.enter(policy, Fit::unknown())? else {
            return Ok(());
        };
        while course.step < steps {
            if self.ends_here(policy, &course) {
                course.average.put_into(policy);
                return Ok(());
            }
            let i = course.step;
            let rate = course.scale * self.recipe.rate * decay(i, steps);
            if self.denoising_step(policy, &mut course.optimiser, rate, i as u64) {
                course.average.follow(policy);
                if i % SETTLED == SETTLED - 1 {
                    course.settle(policy);
                }
            } else {
                self.recover("denoising", policy, &mut course)?;
            }
            if i.is_multiple_of(50) {
                self.progress.update("denoising", i, Some(steps), "");
            }
            course.step += 1;
        }
        course.average.put_into(policy);
        self.leave(policy, course.best);
        Ok(())
    }

    /// One iteration of denoising; false where its gradient was not finite (nothing is changed then).
    fn denoising_step(
        &mut self,
        policy: &mut Policy,
        optimiser: &mut Optimiser,
        rate: f64,
        i: u64,
    ) -> bool {
        let (seed, batch) = (self.seed.child("denoise", 0), self.recipe.batch_for(policy));
        let mut stream = seed.stream("pick", i);
        let points = self.buffer.sample(&policy.layout, batch, &mut stream);
        let mut shards = policy.renoise(&points, seed.child("noise", i));
        self.gradients += policy.gradients(batch);
        let (gradient, by_gain) = denoising_gradient(policy, self.target, &mut shards);
        let mut by_choice = choices(policy);
        by_choice.iter_mut().for_each(|v| v.fill(0.0));
        by_choice[2] = by_gain;
        self.apply(policy, optimiser, Some(gradient), &by_choice, rate)
    }

    /// Back to the last good state with a smaller step.
    ///
    /// # Errors
    /// `Diverged` where that has been done too often.
    fn recover(
        &self,
        stage: &str,
        policy: &mut Policy,
        course: &mut Course,
    ) -> Result<(), InferError> {
        course.recover(policy)?;
        self.progress.update(stage, course.step, None, SETBACK);
        Ok(())
    }

    /// Phase (b): trajectory balance from the better of what there is; keeps the best checkpoint and says how it fits.
    ///
    /// # Errors
    /// `Diverged` for good; `BadState`.
    pub fn balance(
        &mut self,
        policy: &mut Policy,
        start: Fit,
        steps: usize,
    ) -> Result<Fit, InferError> {
        self.note("training", 0, &start);
        let mut course = match self.enter(policy, start)? {
            Entry::Done(best) => return Ok(best),
            Entry::At(course) => course,
        };
        let every = (steps / 6).clamp(25, 100).min(steps.max(1));
        let mut cut = false;
        while course.step < steps && !course.is_enough() {
            cut = self.ends_here(policy, &course);
            if cut {
                break;
            }
            let i = course.step;
            let rate = course.scale * 0.5 * self.recipe.rate * decay(i, steps);
            let explore = if i < 7 * steps / 10 { EXPLORE } else { 1.0 };
            let judged = (i + 1).is_multiple_of(every) || i + 1 == steps;
            if self.balance_step(policy, &mut course.optimiser, rate, explore, i as u64) {
                course.average.follow(policy);
                if judged {
                    self.look(policy, &mut course, steps);
                }
            } else {
                self.recover("training", policy, &mut course)?;
            }
            course.step += 1;
        }
        course.good.put_into(policy);
        if !cut {
            self.leave(policy, course.best);
        }
        Ok(course.best)
    }

    /// Judges the average, keeps it if it is the best so far, and goes back to the best if this is far worse.
    fn look(&mut self, policy: &mut Policy, course: &mut Course, steps: usize) {
        let current = Learned::of(policy);
        course.average.put_into(policy);
        let fit = self.judge(policy);
        let step = course.step + 1;
        self.note("training", step, &fit);
        let message = format!("ELBO {:.2}, ESS {:.0} %", fit.elbo, 100.0 * fit.ess);
        self.progress
            .update("training", step, Some(steps), &message);
        let gain = fit.score() - course.best.score();
        course.flat = match gain {
            gain if gain > 0.02 => 0,
            gain if gain > -0.3 => course.flat + 1,
            _ => course.flat + 2,
        };
        let lost = fit.score() < course.best.score() - 1.0;
        if fit.score() > course.best.score() {
            course.best = fit;
            course.settle(policy);
        }
        current.put_into(policy);
        if lost {
            course.go_back(policy);
        }
    }

    /// One iteration of trajectory balance; false where its gradient was not finite or no execution could be evaluated.
    pub fn balance_step(
        &mut self,
        policy: &mut Policy,
        optimiser: &mut Optimiser,
        rate: f64,
        spread: f64,
        i: u64,
    ) -> bool {
        let seed = self.seed.child("balance", i);
        let batch = self.recipe.batch_for(policy);
        let half = match self.buffer.is_empty() {
            true => batch,
            false => batch / 2,
        };
        let (mut shards, mut lessons): (Vec<Paths>, Vec<_>) = policy
            .draw_to_learn(self.target, half, spread, seed)
            .into_iter()
            .unzip();
        // Two things that do not need each other: whoever is free takes a part of either.
        let frozen: &Policy = policy;
        let (failed, evaluated) = self.target.failures();
        let (_, others) = rayon::join(
            || frozen.evaluate(self.target, &mut shards),
            || self.remembered(frozen, batch - half, seed),
        );
        self.evaluations += half as u64;
        self.gradients += policy.gradients(batch);
        let (failed_now, evaluated_now) = self.target.failures();
        if evaluated_now > evaluated && failed_now - failed == evaluated_now - evaluated {
            // log r of none of them is a number: there is nothing to learn, and log Z of such a batch is made up.
            return false;
        }
        let (other_paths, other_lessons): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        shards.extend(other_paths);
        lessons.extend(other_lessons);
        let log_w: Vec<f64> = shards.iter().flat_map(|s| policy.log_weights(s)).collect();
        let n = log_w.len() as f64;
        let residuals = objective::residuals(
            self.recipe.objective,
            &log_w,
            &mut optimiser.log_z,
            20.0 * rate,
        );
        let mut at = 0;
        let factors: Vec<Vec<f64>> = shards
            .iter()
            .map(|s| {
                at += s.n;
                residuals[at - s.n..at].iter().map(|r| r / n).collect()
            })
            .collect();
        let mut by_choice = choices(policy);
        by_choice.iter_mut().for_each(|v| v.fill(0.0));
        for ((s, lesson), c) in shards.iter().zip(&lessons).zip(&factors) {
            if let Some(lesson) = lesson {
                policy.by_gains(s, &lesson.by_output, c, &mut by_choice[2]);
            }
        }
        let gradient = network_gradient(policy, lessons, &factors);
        for (s, c) in shards.iter().zip(&factors) {
            let [values, shares, _] = by_choice.as_mut_slice() else {
                unreachable!("three vectors")
            };
            objective::by_choices(policy, s, c, values, shares);
        }
        self.apply(policy, optimiser, gradient, &by_choice, rate)
    }

    /// The other half of a batch: ends from the buffer, re-noised, with what they say about the network.
    fn remembered(&self, policy: &Policy, n: usize, seed: Seed) -> Vec<(Paths, Option<Lesson>)> {
        if n == 0 {
            return Vec::new();
        }
        let points = self
            .buffer
            .sample(&policy.layout, n, &mut seed.stream("pick", 0));
        let shards = policy.renoise(&points, seed.child("noise", 0));
        let learn = |mut paths: Paths| {
            let lesson = policy.learn(self.target, &mut paths);
            (paths, lesson)
        };
        shards.into_par_iter().map(learn).collect()
    }

    fn apply(
        &self,
        policy: &mut Policy,
        optimiser: &mut Optimiser,
        network: Option<Vec<Vec<f32>>>,
        choice: &[Vec<f32>],
        rate: f64,
    ) -> bool {
        if let (Some(n), Some(adam), Some(g)) =
            (&mut policy.network, &mut optimiser.network, &network)
            && !adam.update(&mut n.parameters, g, rate, 1.0)
        {
            return false;
        }
        let mut logits = choices(policy);
        if !optimiser
            .choices
            .update(&mut logits, choice, 10.0 * rate, 1.0)
        {
            return false;
        }
        set_choices(policy, logits);
        true
    }

    /// Whether training by balance can change anything.
    pub fn trainable(policy: &Policy) -> bool {
        policy.network.is_some() || policy.categorical.is_some() || policy.frames.parts.len() > 1
    }
}

/// Weights with none above √n times their mean (Ionides 2008): one outlier does not decide between policies, whose tails
/// training may yet mend; the verdict sees all of it.
fn truncated(log_w: &[f64]) -> Vec<f64> {
    let most = log_mean_exp(log_w) + 0.5 * (log_w.len() as f64).ln();
    log_w.iter().map(|w| w.min(most)).collect()
}

/// The loss's gradient by the network's parameters: paths' lessons, each times its path's factor.
fn network_gradient(
    policy: &Policy,
    lessons: Vec<Option<Lesson>>,
    factors: &[Vec<f64>],
) -> Option<Vec<Vec<f32>>> {
    let network = policy.network.as_ref()?;
    let one = |(lesson, c): (Option<Lesson>, &Vec<f64>)| {
        lesson.map(|l| {
            let by_output = objective::by_outputs(l.by_output, network.sizes.outputs, c);
            l.pass.gradient(network, by_output)
        })
    };
    let all: Vec<_> = lessons.into_par_iter().zip(factors).map(one).collect();
    sum(all.into_iter().flatten())
}

/// The denoising loss's gradient by the network's parameters, and by the gains.
fn denoising_gradient(
    policy: &Policy,
    target: &dyn Target,
    shards: &mut [Paths],
) -> (Vec<Vec<f32>>, Vec<f32>) {
    let batch = shards.iter().map(|s| s.n).sum();
    let network = policy.network.as_ref().expect("a policy with a network");
    let gains = policy.steer.as_ref().map_or(0, |s| s.gains.len());
    let one = |s: &mut Paths| {
        let pass = policy.pass(target, s).expect("a policy with a network");
        let said = policy.with_pushes(s, pass.values());
        let by_output = objective::denoising(policy, s, &said, batch);
        let mut by_gain = vec![0.0; gains];
        policy.by_gains(s, &by_output, &vec![1.0; s.n], &mut by_gain);
        let mut all = pass.gradient(network, by_output);
        all.push(by_gain);
        all
    };
    let all: Vec<_> = shards.par_iter_mut().map(one).collect();
    let mut all = sum(all.into_iter()).expect("a batch has shards");
    let by_gain = all.pop().expect("gains stand last");
    (all, by_gain)
}

/// Sum in the shards' order, whatever thread computed them.
pub(super) fn sum(gradients: impl Iterator<Item = Vec<Vec<f32>>>) -> Option<Vec<Vec<f32>>> {
    gradients.reduce(|mut a, b| {
        a.iter_mut()
            .zip(b)
            .for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| *a += b));
        a
    })
}

/// Constant over the first half, then linearly down to a twentieth.
pub(super) fn decay(i: usize, steps: usize) -> f64 {
    (2.0 * (steps - i) as f64 / steps as f64).clamp(0.05, 1.0)
}
