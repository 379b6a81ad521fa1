//! The `nuts` engine: the No-U-Turn sampler, for programs whose log r is smooth.
//!
//! ```text
//! short SMC ─▶ a start for each chain ─▶ warm-up (step size, mass) ─▶ draws, one trajectory each
//!                                          ▲                          │ in trouble?
//!                                          └── other coordinates ◀────┘
//! ```
//!
//! The density is log r(z) − |z|²/2 over noise; noise of improper measures is walked on the line that it comes from
//! (`density.rs`). Where trajectories diverge or draws are worth little, though chains do not stand in different modes, scales
//! are most likely driven by other coordinates: chains begin anew where that is undone, by latent values in the place of their
//! noise ([`Target::centred`]) and by bent coordinates ([`super::coordinates`]), which is as exact. Each chain is alone with its
//! random stream, so that a chain is the same whatever runs beside it and on however many threads. An execution that fails ends its trajectory as a divergence.
//!
//! # Source
//! Hoffman & Gelman 2014; Betancourt 2017 (multinomial, generalised criterion); the crate `nuts-rs`, whose mass matrix is
//! fitted to draws and gradients (Seyboldt, Carlson & Carpenter 2026).

mod density;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nuts_rs::{
    Chain, CpuMath, DiagNutsSettings, EuclideanAdaptOptions, LowRankNutsSettings, NutsSettings,
};
use rayon::prelude::*;

use super::chains::{self, WARMUP, Walker};
use super::coordinates::frame::Frame;
use super::coordinates::mixture;
use super::{Engine, Evaluations, InferError, Noise, OptionSpec, Outcome, Settings, Timing};
use crate::lower::{Centred, Target};
use density::Density;
pub(super) use density::Ways;

/// Divergent transitions above this share bias the draws: the neck of a funnel is cut off by one in a thousand, where posteriors
/// that are met within their errors have none or one in four thousand.
const MANY_DIVERGENCES: f64 = 0.0005;
/// A share of trajectories above this that were cut off by their depth is worth a warning.
const MANY_CUT: f64 = 0.05;

/// Chains whose R-hat is above this stand in different modes, and no coordinates bring these together; where trajectories
/// diverge, R-hat may be as large as the second for other reasons.
const DIFFERENT_MODES: f64 = 1.2;
const DIFFERENT_MODES_AND_DIVERGENT: f64 = 2.0;
/// Draws that coordinates can be fitted to.
const ENOUGH_DRAWS: usize = 400;
/// Latent values take their noise's place where that brings a coordinate so much closer to an independent Gaussian one
/// ([`Target::centred`]), and, where chains are in trouble still, where it does not take it much farther: what correlates is
/// sampled well by a metric that knows of it, what is driven by another coordinate is not. Chains that are merely slow are left
/// for a great gain only.
const BETTER: f64 = 0.8;
const NOT_MUCH_WORSE: f64 = 10.0;
const MUCH_BETTER: f64 = 0.1;
/// Chains are slow where draws are worth less than this share of them.
const SLOW: f64 = 0.25;

/// How often chains may begin anew, with smaller steps and in coordinates fitted to what they drew.
const RENEWALS: usize = 4;
/// Numbers computed in gradients for 4000 draws after which they do so no more: half a minute or so.
const MOST_NUMBERS: f64 = 1e9;

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
            OptionSpec {
                name: "coordinates",
                default: "auto",
                help: "whether chains in trouble begin anew, with latent values in their noise's place, smaller steps and coordinates bent after their draws (auto), or keep the prior's own (`plain`)",
            },
        ]
    }

    fn ends_anywhere(&self) -> bool {
        true
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
            low_rank: match o.choice("mass", &["auto", "diagonal", "low_rank"])? {
                Some("diagonal") => false,
                Some("low_rank") => true,
                _ => target.dim() <= MANY_FOR_CORRELATIONS,
            },
        };
        if let Some(answer) = Outcome::without_noise(target, settings, settings.n_chains) {
            return answer;
        }
        let renews = o.choice("coordinates", &["auto", "plain"])? != Some("plain");
        chains::afford_draws(target, settings)?;
        let start = Instant::now();
        let count = START_PARTICLES.max(4 * target.dim().min(500));
        let (walkers, found) = chains::starts(target, count, settings)?;
        let started_s = start.elapsed().as_secs_f64();
        let starts: Vec<Vec<f64>> = walkers.iter().map(|w| w.z.clone()).collect();
        let mut outcome = plan.attempt(target, walkers, Ways::of(target, None), settings)?;
        if renews {
            outcome = plan.renewed(outcome, target, &starts, settings)?;
        }
        outcome.evaluations.log_r += found.particles.evaluations;
        outcome.evaluations.gradient += found.particles.gradients;
        outcome.timing.warmup_s += started_s;
        outcome.interrupted = settings.budget.interrupted();
        chains::seek_unvisited(&mut outcome, target, &found, settings);
        chains::weigh(&mut outcome, target, settings);
        chains::seek_above(&mut outcome, target, settings);
        Ok(outcome)
    }
}

/// Whether chains got stuck, but not in modes of their own.
fn in_trouble(outcome: &Outcome) -> bool {
    let apart = outcome.diagnostics.rhat_max.unwrap_or(f64::INFINITY);
    let limit = match many_divergences(outcome) {
        true => DIFFERENT_MODES_AND_DIVERGENT,
        false => DIFFERENT_MODES,
    };
    !outcome.reliable && apart < limit && outcome.noise.n >= ENOUGH_DRAWS
}

/// Whether draws of chains that agree are worth little.
fn is_slow(outcome: &Outcome) -> bool {
    let ess = outcome.diagnostics.ess_bulk_min.unwrap_or(0.0);
    outcome.reliable && ess < SLOW * outcome.noise.n as f64 && outcome.noise.n >= ENOUGH_DRAWS
}

/// One divergence in a short run is no share of anything.
fn many_divergences(outcome: &Outcome) -> bool {
    let divergences = outcome.diagnostics.divergences.unwrap_or(0);
    divergences > 1 && divergences as f64 > MANY_DIVERGENCES * outcome.noise.n as f64
}

/// The coordinates that are latent values.
fn columns(latent: &Option<Centred>) -> Vec<usize> {
    latent.iter().flat_map(Centred::columns).collect()
}

/// Coordinates in which the draws look normal; `None` where no coordinate drives others, so that a metric serves as well.
fn bent_after(outcome: &Outcome, ways: Ways) -> Option<Frame> {
    let dim = outcome.noise.dim;
    let mut lines = outcome.noise.z.clone();
    let rows = lines.chunks_exact_mut(dim);
    rows.for_each(|row| ways.onto_lines(row));
    let (train, held_out) = mixture::split(&lines, dim);
    let straight = mixture::gaussian(&train, &held_out, dim)?;
    let bent = mixture::bent(&train, &held_out, dim, &straight)?;
    bent.parts.into_iter().next()
}

/// The chains' starts with streams of their own for each round.
fn anew(starts: &[Vec<f64>], settings: &Settings, round: usize) -> Vec<Walker> {
    let seed = settings.seed.child("bent", round as u64);
    let walker = |(c, z): (usize, &Vec<f64>)| Walker {
        z: z.clone(),
        log_r: 0.0,
        rng: seed.stream("chain", c as u64),
    };
    starts.iter().enumerate().map(walker).collect()
}

/// Whether the later attempt is the one to keep.
fn gains(before: &Outcome, next: &Outcome) -> bool {
    let worth = |o: &Outcome| {
        let ess = o.diagnostics.ess_bulk_min.unwrap_or(0.0);
        (o.reliable, !many_divergences(o), ess)
    };
    worth(next) > worth(before)
}

/// The later attempt, unless it explores less than the one before; either has cost what both did.
fn better(before: Outcome, mut next: Outcome) -> Outcome {
    let gradients = before.evaluations.gradient + next.evaluations.gradient;
    let spent = before.timing.warmup_s + before.timing.sample_s;
    next.timing.warmup_s += spent;
    let mut best = match gains(&before, &next) {
        true => next,
        false => Outcome {
            timing: next.timing,
            ..before
        },
    };
    best.evaluations.gradient = gradients;
    best
}

/// Chains share the threads: the time that all took, by the part that warm-up had of each.
fn split_time(wall_s: f64, runs: &[Run]) -> Timing {
    let sum = |f: fn(&Run) -> f64| runs.iter().map(f).sum::<f64>();
    let (warmup, sample) = (sum(|r| r.warmup_s), sum(|r| r.sample_s));
    let share = warmup / (warmup + sample).max(f64::MIN_POSITIVE);
    Timing {
        warmup_s: share * wall_s,
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
    /// Whether the metric learns correlations.
    low_rank: bool,
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
    /// The plan with half as much room for rejection in each round.
    fn careful(&self, round: usize) -> Plan {
        Plan {
            target_accept: 1.0 - (1.0 - self.target_accept) * 0.5f64.powi(round as i32),
            ..*self
        }
    }

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

    /// Chains that begin anew while they are in trouble, or slow: with latent values in their noise's place, then with smaller steps and in
    /// coordinates fitted to what they drew.
    fn renewed(
        &self,
        mut outcome: Outcome,
        target: &dyn Target,
        starts: &[Vec<f64>],
        settings: &Settings,
    ) -> Result<Outcome, InferError> {
        let most = MOST_NUMBERS * (settings.n_draws as f64 / 4000.0).max(1.0);
        let walkers = |outcome: &Outcome, round: usize| {
            let spent = outcome.evaluations.gradient as f64 * target.structure().size as f64;
            let affords = spent < most && !settings.budget.exhausted();
            affords.then(|| anew(starts, settings, round))
        };
        let mut latent: Option<Centred> = None;
        for round in 0..2 {
            let limit = match round {
                0 if in_trouble(&outcome) => BETTER,
                0 if is_slow(&outcome) => MUCH_BETTER,
                _ if in_trouble(&outcome) => NOT_MUCH_WORSE,
                _ => break,
            };
            let Some(walkers) = walkers(&outcome, round) else {
                break;
            };
            let other = target.centred(&outcome.noise.z, limit);
            if columns(&other) == columns(&latent) {
                continue;
            }
            let ways = Ways::of(target, None).over(&other);
            let next = self.attempt(target, walkers, ways, settings)?;
            if gains(&outcome, &next) {
                latent = other;
            }
            outcome = better(outcome, next);
        }
        for round in 1..=RENEWALS {
            let room = in_trouble(&outcome).then(|| walkers(&outcome, 1 + round));
            let Some(walkers) = room.flatten() else {
                break;
            };
            let plan = self.careful(round);
            let frame = bent_after(&outcome, Ways::of(target, None).over(&latent));
            let ways = Ways::of(target, frame.as_ref()).over(&latent);
            outcome = better(outcome, plan.attempt(target, walkers, ways, settings)?);
        }
        Ok(outcome)
    }

    /// All chains by their ways to noise, and what they say of themselves. Rough particles do not contradict chains that agree:
    /// their part was to start them far apart, one in each mode.
    fn attempt(
        &self,
        target: &dyn Target,
        walkers: Vec<Walker>,
        ways: Ways,
        settings: &Settings,
    ) -> Result<Outcome, InferError> {
        let begun = Instant::now();
        let runs = match self.low_rank {
            true => self.all(&self.low_rank(), ways, walkers, settings),
            false => self.all(&self.diagonal(), ways, walkers, settings),
        }?;
        let timing = split_time(begun.elapsed().as_secs_f64(), &runs);
        let mut outcome = answer(runs, self, target)?;
        outcome.timing = timing;
        chains::judge(
            &mut outcome,
            settings,
            "ask for more draws, or a longer -O warmup",
        );
        Ok(outcome)
    }

    /// All chains, over threads.
    fn all<S: nuts_rs::Settings>(
        &self,
        sampler: &S,
        ways: Ways,
        walkers: Vec<Walker>,
        settings: &Settings,
    ) -> Result<Vec<Run>, InferError> {
        walkers
            .into_par_iter()
            .enumerate()
            .map(|(c, w)| self.chain(sampler, ways, c, w, settings))
            .collect()
    }

    fn chain<S: nuts_rs::Settings>(
        &self,
        sampler: &S,
        ways: Ways,
        index: usize,
        mut walker: Walker,
        settings: &Settings,
    ) -> Result<Run, InferError> {
        let gradients = AtomicU64::new(0);
        let dim = walker.z.len();
        let density = Density {
            ways,
            gradients: &gradients,
        };
        let begun = Instant::now();
        let mut chain = sampler
            .new_chain(index as u64, CpuMath::new(density), &mut walker.rng)
            .map_err(failed)?;
        ways.enter(&mut walker.z);
        chain.set_position(&walker.z).map_err(failed)?;
        let mut run = Run {
            z: Vec::with_capacity(self.draws * dim),
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
            ways.leave(&mut z);
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

fn answer(runs: Vec<Run>, plan: &Plan, target: &dyn Target) -> Result<Outcome, InferError> {
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
            log_r: 0,
            gradient: total(|r| r.gradients),
        },
        reliable: true,
        noise,
        ..Outcome::default()
    };
    let n = outcome.noise.n;
    if runs.iter().any(|r| r.untuned) {
        outcome.distrust(
            "time ran out in the warm-up: the draws come from chains that were still being tuned",
        );
    }
    if many_divergences(&outcome) {
        outcome.distrust(format!(
            "{divergences} of {n} trajectories diverged: the posterior has places too sharp for the step size; try a larger -O target_accept, or `--infer smc`"
        ));
    } else if divergences > 0 {
        outcome.warnings.push(format!(
            "{divergences} of {n} trajectories diverged; a larger -O target_accept makes smaller steps"
        ));
    }
    if cut as f64 > MANY_CUT * n as f64 {
        outcome.warnings.push(format!(
            "{cut} of {n} trajectories were cut off at 2^{} steps; a larger -O max_depth, or -O mass=low_rank, makes better draws",
            plan.max_depth
        ));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::Options;
    use crate::infer::testing::{
        check_moments, eight_schools, four_modes, funnel, linear, logistic, neal, ring,
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
    fn a_funnel_is_met_in_bent_coordinates_and_not_trusted_in_its_own() {
        let run = |coordinates: &str| {
            let mut settings = Settings::new(4000, Seed(1));
            settings.options = Options::from_pairs([("coordinates", coordinates)]);
            Nuts.run(&neal(6).target, &settings).unwrap()
        };
        let out = run("plain");
        assert!(!out.reliable, "{:?}", out.diagnostics);
        let out = run("auto");
        assert!(out.reliable, "{:?}", out.warnings);
        check_moments(
            &neal(6),
            &out.noise.z,
            out.diagnostics.ess_bulk_min.unwrap(),
        );
    }

    #[test]
    fn the_density_behind_a_frame_has_the_gradient_of_its_differences() {
        let case = neal(3);
        let mut settings = Settings::new(2000, Seed(2));
        settings.options = Options::from_pairs([("coordinates", "plain")]);
        let draws = Nuts.run(&case.target, &settings).unwrap();
        let ways = |frame| Ways::of(&case.target, frame);
        let frame = bent_after(&draws, ways(None)).expect("a funnel bends");
        let mut density = density::Density {
            ways: ways(Some(&frame)),
            gradients: &AtomicU64::new(0),
        };
        let u = [0.4, -0.7, 1.1];
        let mut gradient = [0.0; 3];
        nuts_rs::CpuLogpFunc::logp(&mut density, &u, &mut gradient).unwrap();
        for i in 0..3 {
            let mut at = |step: f64| {
                let mut moved = u;
                moved[i] += step;
                nuts_rs::CpuLogpFunc::logp(&mut density, &moved, &mut [0.0; 3]).unwrap()
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!(
                (difference - gradient[i]).abs() < 1e-4 * (1.0 + difference.abs()),
                "{i}: {difference} {gradient:?}"
            );
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
