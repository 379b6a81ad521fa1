//! Markov chains: start, warm-up, thinning and diagnostics, the same for every way to step.
//!
//! ```text
//! short SMC ─▶ a start for each chain, a Gaussian to shape steps ─▶ warm-up (tune, learn how often to keep) ─▶ draws
//! ```
//!
//! All chains step together, one batch of log r a round; each has a random stream of its own, so that a chain is the same
//! whatever runs beside it.

use std::time::Instant;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::bridge;
use super::gaussian::{Gaussian, log_prior};
use super::mixture::Mixture;
use super::modes;
use super::population::{Particles, rough_particles};
use super::{Diagnostics, Evaluations, InferError, Noise, OptionSpec, Outcome, Settings, Timing};
use crate::base::{Bug, Stream, bites};
use crate::draws::{ess_bulk, ess_mean, ess_tail, grouped_ess, mean_sd, rhat};
use crate::lower::Target;

/// Options of every chain engine.
pub(crate) const WARMUP: OptionSpec = OptionSpec {
    name: "warmup",
    default: "1000",
    help: "steps of each chain before draws are kept",
};
/// See [`WARMUP`].
pub(crate) const THIN: OptionSpec = OptionSpec {
    name: "thin",
    default: "auto",
    help: "keep every so many steps (auto: the autocorrelation time seen in the warm-up, at most 200)",
};
/// See [`WARMUP`].
pub(crate) const ABOUT: OptionSpec = OptionSpec {
    name: "about",
    default: "auto",
    help: "shape steps after the `prior`, after a Gaussian `fitted` by a short SMC, or after both in turn (auto)",
};

/// Particles and moves of the SMC that finds the chains' starts.
const START_PARTICLES: usize = 1024;
const START_MOVES: usize = 5;
const MOST_THIN: f64 = 200.0;

/// One chain.
pub(crate) struct Walker {
    pub z: Vec<f64>,
    pub log_r: f64,
    pub rng: Stream,
}

/// What a way to step needs.
pub(crate) struct Ground<'a> {
    pub target: &'a dyn Target,
    /// Gaussians that steps may be shaped after.
    pub shapes: Vec<Gaussian>,
    pub evaluations: u64,
    /// Evaluations of the gradient.
    pub gradients: u64,
}

impl Ground<'_> {
    /// log r of rows, counted.
    pub fn log_r(&mut self, z: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; z.len() / self.target.dim()];
        self.target.log_r(z, &mut out);
        self.evaluations += out.len() as u64;
        out
    }

    /// log r of rows and its gradient `[rows, dim]`, counted.
    pub fn log_r_gradient(&mut self, z: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut out, mut gradient) = (vec![0.0; z.len() / self.target.dim()], vec![0.0; z.len()]);
        self.target.log_r_gradient(z, &mut out, &mut gradient);
        self.gradients += out.len() as u64;
        (out, gradient)
    }

    /// log of the density against N(0, I) that remains when `shape` takes the prior's place.
    pub fn remainder(&self, shape: usize, z: &[f64], log_r: f64) -> f64 {
        log_r + log_prior(z) - self.shapes[shape].log_density(z)
    }
}

/// A way to step.
pub(crate) trait Walk {
    /// Moves every walker once; returns the accepted share of proposals. During warm-up it may tune itself.
    fn step(&mut self, walkers: &mut [Walker], ground: &mut Ground, warming: bool) -> f64;

    /// Trajectories that diverged after the warm-up; `None` where there are no trajectories.
    fn divergences(&self) -> Option<u64> {
        None
    }
}

/// Refuses a program that gradients cannot serve.
pub(crate) fn demand_smooth(engine: &'static str, target: &dyn Target) -> Result<(), InferError> {
    let structure = target.structure();
    match structure.smooth {
        true => Ok(()),
        false => Err(InferError::NotSmooth {
            engine,
            jumps: structure.jumps.clone(),
        }),
    }
}

/// Refuses more draws than memory can hold.
pub(crate) fn afford_draws(target: &dyn Target, settings: &Settings) -> Result<(), InferError> {
    let kept = settings
        .n_draws
        .saturating_mul(target.dim())
        .saturating_mul(2);
    settings.afford(kept, "ask for fewer draws (--draws N)")
}

/// Runs chains of `walk`.
pub(crate) fn run(
    walk: &mut dyn Walk,
    target: &dyn Target,
    settings: &Settings,
) -> Result<Outcome, InferError> {
    let o = &settings.options;
    let warmup = o.count("warmup", 0)?.unwrap_or(1000);
    let thin = o.count("thin", 1)?;
    let about = o
        .choice("about", &["auto", "prior", "fitted"])?
        .unwrap_or("auto");
    if let Some(answer) = Outcome::without_noise(target, settings, settings.n_chains) {
        return answer;
    }
    let seen = warmup
        .saturating_mul(settings.n_chains)
        .saturating_mul(target.dim() + 1)
        / 2;
    let kept = settings
        .n_draws
        .saturating_mul(target.dim())
        .saturating_mul(2);
    settings.afford(kept.saturating_add(seen), "ask for fewer draws (--draws N)")?;
    let start = Instant::now();
    let (mut walkers, found) = starts(target, enough_particles(target), settings)?;
    let mut ground = found.ground(target, about);
    let seen = warm_up(walk, &mut walkers, &mut ground, warmup, settings);
    let thin = thin.unwrap_or_else(|| choose_thin(&seen, walkers.len(), target.dim()));
    let warmup_s = start.elapsed().as_secs_f64();
    let (noise, acceptance) = sample(walk, &mut walkers, &mut ground, thin, settings);
    let mut outcome = Outcome {
        diagnostics: Diagnostics {
            divergences: walk.divergences(),
            ..diagnose(&noise, Some(acceptance), target)
        },
        noise,
        evaluations: Evaluations {
            log_r: ground.evaluations,
            gradient: ground.gradients,
        },
        reliable: true,
        interrupted: settings.budget.interrupted(),
        ..Outcome::default()
    };
    outcome.timing = Timing {
        warmup_s,
        train_s: 0.0,
        sample_s: start.elapsed().as_secs_f64() - warmup_s,
    };
    judge(&mut outcome, settings, "try a larger -O thin");
    compare(&mut outcome, &found);
    seek_unvisited(&mut outcome, target, &found, settings);
    Ok(outcome)
}

/// What a short SMC found: where to start, and what to hold the chains against.
pub(crate) struct Found {
    pub particles: Particles,
    /// A Gaussian fitted to them.
    pub fitted: Gaussian,
}

impl Found {
    /// What a way to step needs, with the Gaussians that `about` names.
    fn ground<'a>(&self, target: &'a dyn Target, about: &str) -> Ground<'a> {
        let mut shapes = Vec::new();
        if about != "fitted" {
            shapes.push(Gaussian::standard(target.dim()));
        }
        if about != "prior" {
            shapes.push(self.fitted.clone());
        }
        Ground {
            target,
            shapes,
            evaluations: self.particles.evaluations,
            gradients: self.particles.gradients,
        }
    }
}

/// Particles for a fit of their Gaussian too.
pub(crate) fn enough_particles(target: &dyn Target) -> usize {
    START_PARTICLES.max(8 * target.dim().min(1000))
}

/// Starts drawn from a short SMC of `count` particles, with what it found.
pub(crate) fn starts(
    target: &dyn Target,
    count: usize,
    settings: &Settings,
) -> Result<(Vec<Walker>, Found), InferError> {
    let dim = target.dim();
    let seed = settings.seed.child("start", 0);
    let budget = settings.budget.share(0.3);
    let found = rough_particles(
        target,
        count,
        START_MOVES,
        seed,
        &budget,
        &*settings.progress,
    )?;
    let fitted = Gaussian::fit(&found.z, dim, None);
    let chosen = spread_out(&found, &fitted, settings.n_chains.max(1), settings);
    let walkers = chosen.into_iter().enumerate().map(|(c, i)| Walker {
        z: found.z[i * dim..(i + 1) * dim].to_vec(),
        log_r: found.log_r[i],
        rng: settings.seed.stream("chain", c as u64),
    });
    let walkers = walkers.collect();
    Ok((
        walkers,
        Found {
            particles: found,
            fitted,
        },
    ))
}

/// Particles to start from, far apart, so that chains in different modes disagree: the first at random, each other with
/// a probability that grows with its squared distance from those before.
fn spread_out(
    found: &Particles,
    shape: &Gaussian,
    chains: usize,
    settings: &Settings,
) -> Vec<usize> {
    let (n, dim) = (found.n, found.dim);
    let row = |i: usize| &found.z[i * dim..(i + 1) * dim];
    let mut rng = settings.seed.stream("starts", 0);
    let mut chosen = vec![rng.random_range(0..n)];
    let mut near = vec![f64::INFINITY; n];
    while chosen.len() < chains {
        let newest = shape.moved(row(chosen[chosen.len() - 1]));
        near.iter_mut()
            .enumerate()
            .for_each(|(i, d)| *d = d.min(newest.distance(row(i))));
        let mut u = rng.random::<f64>() * near.iter().sum::<f64>();
        let next = near.iter().position(|d| {
            u -= d;
            u < 0.0
        });
        chosen.push(next.unwrap_or_else(|| rng.random_range(0..n)));
    }
    chosen
}

/// Steps of the warm-up; returns the second half of them, `[steps, chains, dim + 1]` with log r last.
fn warm_up(
    walk: &mut dyn Walk,
    walkers: &mut [Walker],
    ground: &mut Ground,
    steps: usize,
    settings: &Settings,
) -> Vec<f64> {
    let mut seen = Vec::new();
    let budget = settings.budget.share(0.5);
    for step in 0..steps {
        if budget.exhausted() {
            break;
        }
        let accepted = walk.step(walkers, ground, true);
        revisit_sites(walkers, ground);
        if 2 * step >= steps {
            walkers
                .iter()
                .for_each(|w| seen.extend(w.z.iter().chain([&w.log_r])));
        }
        if step % 50 == 0 {
            settings.progress.update(
                "warm-up",
                step,
                Some(steps),
                &format!("acceptance {accepted:.2}"),
            );
        }
    }
    seen
}

/// Fresh noise at one discrete site of each walker: steps shaped for continuous noise rarely cross between cells.
fn revisit_sites(walkers: &mut [Walker], ground: &mut Ground) {
    let sites: Vec<usize> = ground
        .target
        .structure()
        .discrete
        .iter()
        .map(|s| s.coordinate)
        .collect();
    if sites.is_empty() {
        return;
    }
    let mut z = Vec::with_capacity(walkers.len() * ground.target.dim());
    for w in walkers.iter_mut() {
        let at = z.len() + sites[w.rng.random_range(0..sites.len())];
        z.extend_from_slice(&w.z);
        z[at] = StandardNormal.sample(&mut w.rng);
    }
    let log_r = ground.log_r(&z);
    for ((w, z), log_r) in walkers
        .iter_mut()
        .zip(z.chunks_exact(ground.target.dim()))
        .zip(log_r)
    {
        w.decide(z, log_r, log_r - w.log_r);
    }
}

impl Walker {
    /// Metropolis: moves to `z` with probability min(1, exp(log_ratio)); whether it did.
    pub fn decide(&mut self, z: &[f64], log_r: f64, log_ratio: f64) -> bool {
        let u: f64 = self.rng.random();
        let accepted = u.ln() < log_ratio || bites(Bug::NoReject);
        if accepted {
            self.z.copy_from_slice(z);
            self.log_r = log_r;
        }
        accepted
    }
}

/// The largest autocorrelation time (steps a draw) over the coordinates and log r.
pub(crate) fn choose_thin(seen: &[f64], chains: usize, dim: usize) -> usize {
    let (width, columns) = (chains * (dim + 1), dim + 1);
    let steps = seen.len() / width;
    let total = (steps * chains) as f64;
    let time = |j: usize| {
        let x: Vec<f64> = (0..chains)
            .flat_map(|c| (0..steps).map(move |s| seen[s * width + c * columns + j]))
            .collect();
        ess_mean(&x, chains).map_or(1.0, |e| total / e)
    };
    let slowest = (0..columns).map(time).fold(1.0, f64::max);
    slowest.clamp(1.0, MOST_THIN).round() as usize
}

/// Draws `[chains, n, dim]`, one every `thin` steps, with the mean acceptance. A budget that ends early leaves fewer.
fn sample(
    walk: &mut dyn Walk,
    walkers: &mut [Walker],
    ground: &mut Ground,
    thin: usize,
    settings: &Settings,
) -> (Noise, f64) {
    let (chains, dim) = (walkers.len(), ground.target.dim());
    let goal = settings.n_draws.div_ceil(chains);
    let mut kept: Vec<Vec<f64>> = vec![Vec::with_capacity(goal * dim); chains];
    let mut accepted = 0.0;
    let mut n = 0;
    // Time that has run out before leaves one draw: the answer is what there is.
    while n < goal && (n == 0 || !settings.budget.exhausted()) {
        for _ in 0..thin {
            accepted += walk.step(walkers, ground, false) / thin as f64;
            revisit_sites(walkers, ground);
        }
        kept.iter_mut()
            .zip(walkers.iter())
            .for_each(|(k, w)| k.extend_from_slice(&w.z));
        n += 1;
        if n % 20 == 0 {
            let message = format!("acceptance {:.2}, every {thin}", accepted / n as f64);
            settings
                .progress
                .update("sampling", n, Some(goal), &message);
        }
    }
    let noise = Noise {
        z: kept.concat(),
        n: n * chains,
        dim,
        chains,
        ..Noise::default()
    };
    (noise, accepted / n.max(1) as f64)
}

/// What the draws say of themselves.
pub(crate) fn diagnose(noise: &Noise, acceptance: Option<f64>, target: &dyn Target) -> Diagnostics {
    let mut d = Diagnostics {
        acceptance,
        violation_rate: Some(0.0),
        ..Diagnostics::default()
    };
    let least = |a: Option<f64>, b: Option<f64>| b.map_or(a, |b| Some(a.map_or(b, |a| a.min(b))));
    for j in 0..noise.dim {
        let x: Vec<f64> = noise.z.iter().skip(j).step_by(noise.dim).copied().collect();
        d.ess_bulk_min = least(d.ess_bulk_min, ess_bulk(&x, noise.chains));
        d.ess_tail_min = least(d.ess_tail_min, ess_tail(&x, noise.chains));
        d.rhat_max =
            rhat(&x, noise.chains).map_or(d.rhat_max, |r| Some(d.rhat_max.map_or(r, |m| m.max(r))));
    }
    let (failed, evaluated) = target.failures();
    d.failed_rate = Some(failed as f64 / evaluated.max(1) as f64);
    d
}

/// The verdict: R̂ below 1.01 (a little more for short chains, whose R̂ is noisy) and enough effective draws.
/// `advice` says what would make more of the draws.
pub(crate) fn judge(outcome: &mut Outcome, settings: &Settings, advice: &str) {
    let noise = &outcome.noise;
    let (n, per_chain) = (noise.n, noise.n / noise.chains);
    let limit = 1.01f64.max(1.0 + 10.0 / per_chain as f64);
    let d = outcome.diagnostics.clone();
    match d.rhat_max {
        Some(r) if r > limit => outcome.distrust(format!(
            "the chains disagree (R-hat {r:.3}, above {limit:.3}): they have not explored the same posterior; try `--infer smc`"
        )),
        None if noise.chains > 1 => outcome.distrust("the chains are too short, or stand still, so that they cannot be compared"),
        _ => {}
    }
    let needed = (n as f64 / 4.0).min(400.0);
    let worth = d
        .ess_bulk_min
        .unwrap_or(0.0)
        .min(d.ess_tail_min.unwrap_or(0.0));
    if worth < needed {
        outcome.distrust(format!(
            "the {n} draws are worth only about {worth:.0} independent ones; {advice}"
        ));
    }
    if n < settings.n_draws {
        outcome.warnings.push(format!(
            "time ran out after {n} of {} draws",
            settings.n_draws
        ));
    }
}

/// Chains that agree with each other may all have missed a mode. The particles they started from have seen the whole, if
/// roughly: means that differ by more than their errors say so.
pub(crate) fn compare(outcome: &mut Outcome, found: &Found) {
    let found = &found.particles;
    let column = |z: &[f64], j: usize| {
        z.iter()
            .skip(j)
            .step_by(found.dim)
            .copied()
            .collect::<Vec<f64>>()
    };
    let apart = |j: usize| {
        let (chains, start) = (column(&outcome.noise.z, j), column(&found.z, j));
        let ((m, sd), (m0, sd0)) = (mean_sd(&chains, None), mean_sd(&start, None));
        let worth = ess_mean(&chains, outcome.noise.chains)
            .unwrap_or(1.0)
            .min(chains.len() as f64);
        let worth0 = grouped_ess(&start, &found.lineage);
        let error = (sd * sd / worth + sd0 * sd0 / worth0).sqrt();
        // The short SMC is itself rough, the more so the less its particles moved.
        let forgiven = (0.15 + 0.75 * found.memory) * sd.max(sd0);
        (m - m0).abs() > 6.0 * error + forgiven
    };
    let differ = (0..found.dim).filter(|&j| apart(j)).count();
    if differ > 0 {
        outcome.distrust(format!(
            "the chains agree on means that a short SMC contradicts (in {differ} of {} noise coordinates): they may have missed a mode; try `--infer smc`",
            found.dim
        ));
    }
}

/// A mode that a short SMC found apart from the others, and that no chain has visited, was missed.
pub(crate) fn seek_unvisited(
    outcome: &mut Outcome,
    target: &dyn Target,
    found: &Found,
    settings: &Settings,
) {
    let (z, dim) = (&found.particles.z, target.dim());
    let mut rng = settings.seed.stream("modes", 0);
    let single = Mixture::single(z, dim);
    let Some(modes) = Mixture::fit(z, dim, &single, &mut rng) else {
        return;
    };
    let (there, sure) = modes.shares(z, dim);
    let (here, _) = modes.shares(&outcome.noise.z, dim);
    let missed: f64 = (0..there.len())
        .filter(|&k| there[k] > 0.01 && sure[k] > 0.95 && here[k] < 0.05 * there[k])
        .map(|k| there[k])
        .sum();
    if missed > 0.02 {
        outcome.distrust(format!(
            "a short SMC found modes with about {:.0} % of the posterior that no chain has visited; try `--infer smc`",
            100.0 * missed
        ));
    }
}

/// Adds log Z to draws of a smooth posterior that are trusted.
pub(crate) fn weigh(outcome: &mut Outcome, target: &dyn Target, settings: &Settings) {
    if !outcome.reliable || !target.structure().smooth || settings.budget.exhausted() {
        return;
    }
    let (log_z, evaluations) = bridge::log_z(target, &outcome.noise, settings.seed);
    outcome.evaluations.log_r += evaluations;
    outcome.log_z = log_z;
}

/// Ascents from places of the prior may lead to a mode that no chain has visited.
pub(crate) fn seek_above(outcome: &mut Outcome, target: &dyn Target, settings: &Settings) {
    if !outcome.reliable || settings.budget.exhausted() {
        return;
    }
    let mut modes = modes::search(target, settings.seed.child("ascents", 0));
    let known = outcome.log_z.map(|z| z.estimate);
    let missed = modes.missed(&outcome.noise.z, known, target, settings.seed);
    outcome.evaluations.log_r += modes.evaluations;
    outcome.evaluations.gradient += modes.gradients;
    if missed > 0.02 {
        outcome.log_z = None;
        outcome.distrust(format!(
            "ascents found modes with about {:.0} % of the posterior that no chain has visited; try `--infer diffusion`",
            100.0 * missed
        ));
    }
}
