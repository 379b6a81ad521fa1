//! The `nuts` engine: the No-U-Turn sampler, for programs whose log r is smooth.
//!
//! ```text
//! short SMC ─▶ a start for each chain ─▶ warm-up (step size, mass) ─▶ draws, one trajectory each
//! ```
//!
//! The density is log r(z) − |z|²/2 over noise; noise of improper measures is walked on the line that it comes from
//! ([`Stretch`]). Each chain is alone with its random stream, so that a chain is the same
//! whatever runs beside it and on however many threads. An execution that fails ends its trajectory as a divergence.
//!
//! # Source
//! Hoffman & Gelman 2014; Betancourt 2017 (multinomial, generalised criterion); the crate `nuts-rs`, whose mass matrix is
//! fitted to draws and gradients (Seyboldt, Carlson & Carpenter 2026).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nuts_rs::{
    Chain, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, EuclideanAdaptOptions, HasDims,
    LogpError, LowRankNutsSettings, NutsSettings,
};
use rayon::prelude::*;

use super::chains::{self, Found, WARMUP, Walker};
use super::gaussian::log_prior;
use super::{Engine, Evaluations, InferError, Noise, OptionSpec, Outcome, Settings, Timing};
use crate::lower::{Stretch, Target};

/// Divergent transitions above this share bias the draws beyond repair.
const MANY_DIVERGENCES: f64 = 0.01;
/// A share of trajectories above this that were cut off by their depth is worth a warning.
const MANY_CUT: f64 = 0.05;

/// Dimensions above which correlations cost more than they help.
const MANY_FOR_CORRELATIONS: usize = 300;
/// Particles that starts are taken from: they are rough, and gradients do the rest.
const START_PARTICLES: usize = 256;

/// The No-U-Turn sampler.
#[derive(Clone, Copy, Debug)]
pub struct Nuts;

impl Engine for Nuts {
    fn name(&self) -> &'static str {
        "nuts"
    }

    fn summary(&self) -> &'static str {
        "The No-U-Turn sampler: chains that follow gradients, for smooth programs of any dimension"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            WARMUP,
            OptionSpec {
                name: "target_accept",
                default: "0.9",
                help: "acceptance that the step size is tuned to, in (0, 1): higher means smaller steps",
            },
            OptionSpec {
                name: "max_depth",
                default: "10",
                help: "a trajectory has at most 2^max_depth steps",
            },
            OptionSpec {
                name: "mass",
                default: "auto",
                help: "what the metric learns: `diagonal` scales, or the strongest correlations too, `low_rank` (auto: up to 300 dimensions)",
            },
        ]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let o = &settings.options;
        o.check(self.options())?;
        chains::demand_smooth(self.name(), target)?;
        let plan = Plan {
            warmup: o.count("warmup", 0)?.unwrap_or(1000),
            target_accept: o.number("target_accept", 0.01, 0.999)?.unwrap_or(0.9),
            max_depth: o.count("max_depth", 1)?.unwrap_or(10).min(30),
            draws: settings.n_draws.div_ceil(settings.n_chains.max(1)),
        };
        let low_rank = match o.choice("mass", &["auto", "diagonal", "low_rank"])? {
            Some("diagonal") => false,
            Some("low_rank") => true,
            _ => target.dim() <= MANY_FOR_CORRELATIONS,
        };
        chains::afford_draws(target, settings)?;
        let start = Instant::now();
        let count = START_PARTICLES.max(4 * target.dim().min(500));
        let (walkers, found) = chains::starts(target, count, settings)?;
        let started_s = start.elapsed().as_secs_f64();
        let begun = Instant::now();
        let runs = match low_rank {
            true => plan.all(&plan.low_rank(), target, walkers, settings),
            false => plan.all(&plan.diagonal(), target, walkers, settings),
        }?;
        let timing = split_time(started_s, begun.elapsed().as_secs_f64(), &runs);
        let mut outcome = answer(runs, &plan, target, &found)?;
        outcome.timing = timing;
        outcome.interrupted = settings.budget.interrupted();
        // Rough particles do not contradict chains that agree. Their part was to start them far apart, one in each mode.
        chains::judge(
            &mut outcome,
            settings,
            "ask for more draws, or a longer -O warmup",
        );
        chains::seek_unvisited(&mut outcome, target, &found, settings);
        Ok(outcome)
    }
}

/// Chains share the threads: the time that all took, by the part that warm-up had of each.
fn split_time(started_s: f64, wall_s: f64, runs: &[Run]) -> Timing {
    let sum = |f: fn(&Run) -> f64| runs.iter().map(f).sum::<f64>();
    let (warmup, sample) = (sum(|r| r.warmup_s), sum(|r| r.sample_s));
    let share = warmup / (warmup + sample).max(f64::MIN_POSITIVE);
    Timing {
        warmup_s: started_s + share * wall_s,
        train_s: 0.0,
        sample_s: (1.0 - share) * wall_s,
    }
}

/// What the options say.
struct Plan {
    warmup: usize,
    target_accept: f64,
    max_depth: usize,
    /// Of each chain.
    draws: usize,
}

/// What one chain leaves behind.
struct Run {
    z: Vec<f64>,
    n: usize,
    divergences: u64,
    /// Trajectories that ended at the greatest depth.
    cut: u64,
    gradients: u64,
    /// Whether draws were kept before the warm-up was over, for want of time.
    untuned: bool,
    warmup_s: f64,
    sample_s: f64,
}

impl Plan {
    fn diagonal(&self) -> DiagNutsSettings {
        self.with(DiagNutsSettings::default())
    }

    fn low_rank(&self) -> LowRankNutsSettings {
        self.with(LowRankNutsSettings::default())
    }

    fn with<S>(
        &self,
        mut s: NutsSettings<EuclideanAdaptOptions<S>>,
    ) -> NutsSettings<EuclideanAdaptOptions<S>>
    where
        EuclideanAdaptOptions<S>: std::fmt::Debug + Copy + Default + serde::Serialize,
        S: std::fmt::Debug + Default,
    {
        s.num_tune = self.warmup as u64;
        s.num_draws = self.draws as u64;
        s.maxdepth = self.max_depth as u64;
        s.adapt_options.step_size_settings.target_accept = self.target_accept;
        s
    }

    /// All chains, over threads.
    fn all<S: nuts_rs::Settings>(
        &self,
        sampler: &S,
        target: &dyn Target,
        walkers: Vec<Walker>,
        settings: &Settings,
    ) -> Result<Vec<Run>, InferError> {
        walkers
            .into_par_iter()
            .enumerate()
            .map(|(c, w)| self.chain(sampler, target, c, w, settings))
            .collect()
    }

    fn chain<S: nuts_rs::Settings>(
        &self,
        sampler: &S,
        target: &dyn Target,
        index: usize,
        mut walker: Walker,
        settings: &Settings,
    ) -> Result<Run, InferError> {
        let gradients = AtomicU64::new(0);
        let density = Density {
            target,
            gradients: &gradients,
        };
        let begun = Instant::now();
        let mut chain = sampler
            .new_chain(index as u64, CpuMath::new(density), &mut walker.rng)
            .map_err(failed)?;
        let lines = Lines(&target.structure().stretched);
        lines.enter(&mut walker.z);
        chain.set_position(&walker.z).map_err(failed)?;
        let mut run = Run {
            z: Vec::with_capacity(self.draws * target.dim()),
            n: 0,
            divergences: 0,
            cut: 0,
            gradients: 0,
            untuned: false,
            warmup_s: 0.0,
            sample_s: 0.0,
        };
        let warm_up = settings.budget.share(0.5);
        let mut left = self.warmup;
        // Time that has run out before leaves one draw: the answer is what there is.
        while run.n < self.draws && (run.n == 0 || !settings.budget.exhausted()) {
            let (mut z, progress) = chain.draw().map_err(failed)?;
            if index == 0 && (left + run.n).is_multiple_of(20) {
                self.report(
                    left,
                    run.n,
                    progress.step_size,
                    progress.num_steps,
                    settings,
                );
            }
            if left > 0 && !warm_up.exhausted() {
                left -= 1;
                run.warmup_s = begun.elapsed().as_secs_f64();
                continue;
            }
            run.untuned = left > 0;
            lines.leave(&mut z);
            run.z.extend_from_slice(&z);
            run.n += 1;
            run.divergences += u64::from(progress.diverging);
            run.cut += u64::from(progress.num_steps + 1 >= 1 << self.max_depth);
        }
        run.sample_s = begun.elapsed().as_secs_f64() - run.warmup_s;
        run.gradients = gradients.load(Ordering::Relaxed);
        Ok(run)
    }

    fn report(&self, left: usize, n: usize, step_size: f64, steps: u64, settings: &Settings) {
        let message = format!("step {step_size:.3}, {steps} steps a draw");
        let (stage, done, total) = match left {
            0 => ("sampling", n, self.draws),
            _ => ("warm-up", self.warmup - left, self.warmup),
        };
        settings.progress.update(stage, done, Some(total), &message);
    }
}

fn failed(error: impl std::fmt::Display) -> InferError {
    InferError::Diverged {
        engine: "nuts",
        why: error.to_string(),
    }
}

fn answer(
    runs: Vec<Run>,
    plan: &Plan,
    target: &dyn Target,
    found: &Found,
) -> Result<Outcome, InferError> {
    let (chains, dim) = (runs.len(), target.dim());
    // A budget that ends early ends chains at different draws.
    let n = runs.iter().map(|r| r.n).min().unwrap_or(0);
    let noise = Noise {
        z: runs.iter().flat_map(|r| r.z[..n * dim].to_vec()).collect(),
        n: n * chains,
        dim,
        chains,
        ..Noise::default()
    };
    let total = |f: fn(&Run) -> u64| runs.iter().map(f).sum::<u64>();
    let (divergences, cut) = (total(|r| r.divergences), total(|r| r.cut));
    let mut diagnostics = chains::diagnose(&noise, None, target);
    diagnostics.divergences = Some(divergences);
    let mut outcome = Outcome {
        diagnostics,
        evaluations: Evaluations {
            log_r: found.particles.evaluations,
            gradient: total(|r| r.gradients) + found.particles.gradients,
        },
        reliable: true,
        ..Outcome::default()
    };
    if runs.iter().any(|r| r.untuned) {
        outcome.distrust(
            "time ran out in the warm-up: the draws come from chains that were still being tuned",
        );
    }
    let share = divergences as f64 / noise.n as f64;
    if share > MANY_DIVERGENCES {
        outcome.distrust(format!(
            "{divergences} of {} trajectories diverged: the posterior has places too sharp for the step size; try a larger -O target_accept, or `--infer smc`",
            noise.n
        ));
    } else if divergences > 0 {
        outcome.warnings.push(format!(
            "{divergences} of {} trajectories diverged; a larger -O target_accept makes smaller steps",
            noise.n
        ));
    }
    if cut as f64 > MANY_CUT * noise.n as f64 {
        outcome.warnings.push(format!(
            "{cut} of {} trajectories were cut off at 2^{} steps; a larger -O max_depth, or -O mass=low_rank, makes better draws",
            noise.n, plan.max_depth
        ));
    }
    outcome.noise = noise;
    Ok(outcome)
}

/// Where trajectories run: noise, but for improper measures, which are walked on their lines.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a [(usize, Stretch)]);

impl Lines<'_> {
    fn enter(self, z: &mut [f64]) {
        self.0.iter().for_each(|&(j, s)| z[j] = s.place(z[j]));
    }

    fn leave(self, u: &mut [f64]) {
        self.0.iter().for_each(|&(j, s)| u[j] = s.noise(u[j]).0);
    }

    /// From log r and its gradient at the noise of u, the log-density over u and its gradient, in place.
    fn density(self, u: &[f64], z: &[f64], log_r: f64, gradient: &mut [f64]) -> f64 {
        let mut log_density = log_r + log_prior(z);
        gradient.iter_mut().zip(z).for_each(|(g, z)| *g -= z);
        for &(j, s) in self.0 {
            let (log_base, d) = s.log_base(u[j]);
            log_density += log_base + 0.5 * z[j] * z[j];
            gradient[j] = (gradient[j] + z[j]) * s.noise(u[j]).1 + d;
        }
        log_density
    }
}

/// The log-density along trajectories, and its gradient.
struct Density<'a> {
    target: &'a dyn Target,
    gradients: &'a AtomicU64,
}

/// An execution without weight, or with a gradient that is not a number.
#[derive(Debug, thiserror::Error)]
#[error("the density or its gradient is not a finite number")]
struct NoWeight;

impl LogpError for NoWeight {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl HasDims for Density<'_> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        let dim = self.target.dim() as u64;
        HashMap::from([("unconstrained_parameter".to_string(), dim)])
    }
}

impl CpuLogpFunc for Density<'_> {
    type LogpError = NoWeight;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn logp(&mut self, u: &[f64], gradient: &mut [f64]) -> Result<f64, NoWeight> {
        let lines = Lines(&self.target.structure().stretched);
        let mut z = u.to_vec();
        lines.leave(&mut z);
        let mut log_r = [0.0];
        self.target.log_r_gradient(&z, &mut log_r, gradient);
        self.gradients.fetch_add(1, Ordering::Relaxed);
        let log_density = lines.density(u, &z, log_r[0], gradient);
        match log_density.is_finite() && gradient.iter().all(|g| g.is_finite()) {
            true => Ok(log_density),
            false => Err(NoWeight),
        }
    }

    fn expand_vector<R: rand::Rng + ?Sized>(
        &mut self,
        _rng: &mut R,
        z: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(z.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::Options;
    use crate::infer::testing::{
        check_moments, eight_schools, four_modes, funnel, linear, logistic, ring,
    };

    #[test]
    fn known_posteriors_are_met_within_the_stated_errors() {
        for case in [linear(), funnel(), logistic(), eight_schools()] {
            for mass in ["diagonal", "low_rank"] {
                let mut settings = Settings::new(2000, Seed(1));
                settings.options = Options::from_pairs([("mass", mass)]);
                let out = Nuts.run(&case.target, &settings).unwrap();
                assert!(out.reliable, "{} {mass}: {:?}", case.name, out.warnings);
                check_moments(&case, &out.noise.z, out.diagnostics.ess_bulk_min.unwrap());
                assert!(out.evaluations.gradient > 2000, "{:?}", out.evaluations);
            }
        }
    }

    #[test]
    fn chains_in_several_modes_are_told() {
        let out = Nuts
            .run(&four_modes().target, &Settings::new(2000, Seed(1)))
            .unwrap();
        assert!(!out.reliable, "{:?}", out.diagnostics);
    }

    #[test]
    fn what_is_not_smooth_is_refused() {
        let refused = Nuts.run(&ring().target, &Settings::new(100, Seed(1)));
        assert!(
            matches!(refused, Err(InferError::NotSmooth { engine: "nuts", .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_chain_does_not_depend_on_the_chains_beside_it() {
        let case = funnel();
        let run = |chains: usize| {
            let mut settings = Settings::new(50 * chains, Seed(5));
            settings.n_chains = chains;
            settings.options = Options::from_pairs([("warmup", "50")]);
            Nuts.run(&case.target, &settings).unwrap().noise.z
        };
        assert_eq!(run(2)[..500], run(3)[..500]);
    }
}
