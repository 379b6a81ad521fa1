//! The `pt` engine: parallel tempering over p(z) r(z)^β, with log Z.
//!
//! ```text
//! β = 1   ●──●──●     draws
//!          ╲╱  ╲      neighbours exchange, even and odd pairs in turn
//! β < 1   ●──●──●     elliptical slices, about the prior and about a Gaussian fitted to the level
//!         ╲╱
//! β = 0   ●──●──●     the prior
//! ```
//!
//! Warm-up moves the levels until every pair exchanges equally often. log Z is the sum over pairs of the log mean of
//! r^(difference of β); its error is what batches of the run disagree by.
//!
//! # Source
//! Syed, Bouchard-Côté, Deligiannidis & Doucet 2022 (exchange in turns, levels); Xie et al. 2011 (stepping stones);
//! Friel & Pettitt 2008 (the bounds, by thermodynamic integration).

use std::time::Instant;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::chains::{self, Found, THIN, WARMUP, Walker};
use super::elliptical::slice;
use super::gaussian::{Gaussian, fill_normal, log_prior};
use super::{Engine, Evaluations, InferError, LogZ, Noise, OptionSpec, Outcome, Settings, Timing};
use crate::compute::special::log_add_exp;
use crate::draws::{log_sum_exp, mean_sd};
use crate::lower::Target;

/// Levels, where their number was not asked for.
const LEVELS: std::ops::RangeInclusive<usize> = 4..=24;
/// Shares of the warm-up after which levels and Gaussians are fitted again.
const TUNINGS: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.7];
/// More steps a draw than this are left to whoever asks for them: each moves all levels.
const MOST_THIN: usize = 20;
/// Batches of each chain that log Z's error comes from.
const BATCHES: usize = 5;
/// Pairs that exchange less often than this leave the draws to themselves.
const RARELY: f64 = 0.03;

/// Parallel tempering.
#[derive(Clone, Copy, Debug)]
pub struct Pt;

impl Engine for Pt {
    fn name(&self) -> &'static str {
        "pt"
    }

    fn summary(&self) -> &'static str {
        "Parallel tempering: chains at several temperatures that exchange, for several modes; gives log Z, needs no gradients"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[
            WARMUP,
            THIN,
            OptionSpec {
                name: "levels",
                default: "auto",
                help: "temperatures, prior and posterior included (auto: as many as a short SMC took, 4 to 24)",
            },
        ]
    }

    fn ends_anywhere(&self) -> bool {
        true
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let o = &settings.options;
        o.check(self.options())?;
        let warmup = o.count("warmup", 0)?.unwrap_or(1000);
        let thin = o.count("thin", 1)?;
        let levels = o.count("levels", 2)?;
        if let Some(answer) = Outcome::without_noise(target, settings, settings.n_chains) {
            return answer;
        }
        chains::afford_draws(target, settings)?;
        let start = Instant::now();
        let (walkers, found) = chains::starts(target, chains::enough_particles(target), settings)?;
        let mut tower = Tower::new(target, walkers, &found, levels, settings);
        let seen = tower.warm_up(warmup, settings);
        let thin = thin
            .unwrap_or_else(|| chains::choose_thin(&seen, tower.chains, tower.dim).min(MOST_THIN));
        let warmup_s = start.elapsed().as_secs_f64();
        let (noise, stones) = tower.sample(thin, settings);
        let timing = Timing {
            warmup_s,
            train_s: 0.0,
            sample_s: start.elapsed().as_secs_f64() - warmup_s,
        };
        let mut outcome = Outcome {
            log_z: Some(stones.log_z(&tower.betas)).filter(|z| z.estimate.is_finite()),
            diagnostics: chains::diagnose(&noise, None, target),
            noise,
            evaluations: Evaluations {
                log_r: tower.evaluations,
                gradient: found.particles.gradients,
            },
            timing,
            reliable: true,
            interrupted: settings.budget.interrupted(),
            ..Outcome::default()
        };
        if outcome.log_z.is_none() {
            outcome.warnings.push(
                "no draw of the prior met the evidence: log Z is not known; `--infer smc` gives it"
                    .to_string(),
            );
        }
        tower.judge(&mut outcome);
        chains::judge(&mut outcome, settings, "try a larger -O thin");
        chains::compare(&mut outcome, &found);
        Ok(outcome)
    }
}

/// All chains at all levels: walker `chain · levels + level`.
struct Tower<'a> {
    target: &'a dyn Target,
    dim: usize,
    chains: usize,
    /// From 0 to 1.
    betas: Vec<f64>,
    walkers: Vec<Walker>,
    prior: Gaussian,
    /// A Gaussian for each level, once there is one.
    fitted: Vec<Gaussian>,
    /// Share of refused exchanges between each level and the next, summed, with their number.
    refused: Vec<(f64, f64)>,
    turn: usize,
    evaluations: u64,
}

/// r^β's logarithm; at β = 0 there is no r.
fn tempered(beta: f64, log_r: f64) -> f64 {
    if beta == 0.0 { 0.0 } else { beta * log_r }
}

impl<'a> Tower<'a> {
    fn new(
        target: &'a dyn Target,
        starts: Vec<Walker>,
        found: &Found,
        levels: Option<usize>,
        settings: &Settings,
    ) -> Tower<'a> {
        let (dim, chains) = (target.dim(), starts.len());
        let betas = first_levels(&found.particles.schedule, levels);
        let mut walkers = Vec::with_capacity(chains * betas.len());
        for (c, start) in starts.into_iter().enumerate() {
            let seed = settings.seed.child("chain", c as u64);
            for k in 0..betas.len() - 1 {
                let mut rng = seed.stream("level", k as u64);
                let i = rng.random_range(0..found.particles.n);
                walkers.push(Walker {
                    z: found.particles.z[i * dim..(i + 1) * dim].to_vec(),
                    log_r: found.particles.log_r[i],
                    rng,
                });
            }
            walkers.push(start);
        }
        Tower {
            target,
            dim,
            chains,
            refused: vec![(0.0, 0.0); betas.len() - 1],
            betas,
            walkers,
            prior: Gaussian::standard(dim),
            fitted: Vec::new(),
            turn: 0,
            evaluations: found.particles.evaluations,
        }
    }

    fn level(&self, walker: usize) -> usize {
        walker % self.betas.len()
    }

    /// Moves every walker, then exchanges neighbours.
    fn step(&mut self) {
        self.turn += 1;
        let fitted = self.turn.is_multiple_of(2) && !self.fitted.is_empty();
        let mut walkers = std::mem::take(&mut self.walkers);
        let about = |i: usize| match fitted {
            true => &self.fitted[self.level(i)],
            false => &self.prior,
        };
        let remainder = |i: usize, z: &[f64], log_r: f64| {
            let carried = if fitted {
                log_prior(z) - about(i).log_density(z)
            } else {
                0.0
            };
            tempered(self.betas[self.level(i)], log_r) + carried
        };
        let (_, spent) = slice(self.target, &mut walkers, about, remainder);
        self.walkers = walkers;
        self.evaluations += spent;
        self.renew_prior();
        self.revisit_sites();
        self.exchange();
    }

    /// The lowest level is the prior itself: a fresh draw each time.
    fn renew_prior(&mut self) {
        let levels = self.betas.len();
        let mut z = vec![0.0; self.chains * self.dim];
        let lowest = self.walkers.iter_mut().step_by(levels);
        for (w, row) in lowest.zip(z.chunks_exact_mut(self.dim)) {
            fill_normal(row, &mut w.rng);
        }
        let log_r = self.log_r(&z);
        let lowest = self.walkers.iter_mut().step_by(levels);
        for ((w, row), log_r) in lowest.zip(z.chunks_exact(self.dim)).zip(log_r) {
            w.z.copy_from_slice(row);
            w.log_r = log_r;
        }
    }

    /// Fresh noise at one discrete site of each walker: slices rarely cross between cells.
    fn revisit_sites(&mut self) {
        let sites: Vec<usize> = self
            .target
            .structure()
            .discrete
            .iter()
            .map(|s| s.coordinate)
            .collect();
        if sites.is_empty() {
            return;
        }
        let mut z = Vec::with_capacity(self.walkers.len() * self.dim);
        for w in &mut self.walkers {
            let at = z.len() + sites[w.rng.random_range(0..sites.len())];
            z.extend_from_slice(&w.z);
            z[at] = StandardNormal.sample(&mut w.rng);
        }
        let log_r = self.log_r(&z);
        let levels = self.betas.len();
        let rows = z.chunks_exact(self.dim).zip(log_r);
        for (i, (w, (row, log_r))) in self.walkers.iter_mut().zip(rows).enumerate() {
            let beta = self.betas[i % levels];
            w.decide(row, log_r, tempered(beta, log_r) - tempered(beta, w.log_r));
        }
    }

    fn log_r(&mut self, z: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; z.len() / self.dim];
        self.target.log_r(z, &mut out);
        self.evaluations += out.len() as u64;
        out
    }

    fn exchange(&mut self) {
        let levels = self.betas.len();
        for chain in self.walkers.chunks_exact_mut(levels) {
            for k in (self.turn % 2..levels - 1).step_by(2) {
                let (low, high) = chain.split_at_mut(k + 1);
                let (a, b) = (&mut low[k], &mut high[0]);
                let log_ratio = (self.betas[k + 1] - self.betas[k]) * (a.log_r - b.log_r);
                // Neither has weight: there is nothing to exchange.
                let share = if log_ratio.is_nan() {
                    0.0
                } else {
                    log_ratio.exp().min(1.0)
                };
                self.refused[k].0 += 1.0 - share;
                self.refused[k].1 += 1.0;
                if b.rng.random::<f64>() < share {
                    std::mem::swap(&mut a.z, &mut b.z);
                    std::mem::swap(&mut a.log_r, &mut b.log_r);
                }
            }
        }
    }

    /// Returns what the posterior's walkers saw in the second half, `[steps, chains, dim + 1]` with log r last.
    fn warm_up(&mut self, steps: usize, settings: &Settings) -> Vec<f64> {
        let budget = settings.budget.share(0.5);
        let tunings = TUNINGS.map(|share| (share * steps as f64) as usize);
        let mut window: Vec<Vec<f64>> = vec![Vec::new(); self.betas.len()];
        let mut seen = Vec::new();
        for step in 1..=steps {
            if budget.exhausted() {
                break;
            }
            self.step();
            for (i, w) in self.walkers.iter().enumerate() {
                window[self.level(i)].extend_from_slice(&w.z);
            }
            if tunings.contains(&step) {
                self.tune(&mut window);
            }
            if 2 * step > steps {
                let levels = self.betas.len();
                for w in self.walkers.iter().skip(levels - 1).step_by(levels) {
                    seen.extend(w.z.iter().chain([&w.log_r]));
                }
            }
            if step % 20 == 0 {
                self.report("warm-up", step, steps, settings);
            }
        }
        seen
    }

    fn report(&self, stage: &str, done: usize, total: usize, settings: &Settings) {
        let (levels, worst) = (self.betas.len(), self.least_exchange(0));
        let message = format!("{levels} levels, exchange at least {worst:.2}");
        settings.progress.update(stage, done, Some(total), &message);
    }

    /// Moves the levels until each pair would refuse as often as any other, and fits a Gaussian to each level.
    fn tune(&mut self, window: &mut [Vec<f64>]) {
        self.fitted = window
            .iter()
            .map(|z| Gaussian::fit(z, self.dim, None))
            .collect();
        window.iter_mut().for_each(Vec::clear);
        let refused = |(sum, n): &(f64, f64)| (sum / n.max(1.0)).max(1e-3);
        let mut barrier = vec![0.0];
        for r in &self.refused {
            barrier.push(barrier[barrier.len() - 1] + refused(r));
        }
        let last = self.betas.len() - 1;
        let old = self.betas.clone();
        for k in 1..last {
            let goal = barrier[last] * k as f64 / last as f64;
            let j = barrier.partition_point(|b| *b <= goal).clamp(1, last);
            let share = (goal - barrier[j - 1]) / (barrier[j] - barrier[j - 1]);
            self.betas[k] = old[j - 1] + share * (old[j] - old[j - 1]);
        }
        self.refused.fill((0.0, 0.0));
    }

    /// The smallest share of exchanges taken, of pairs from the given one upwards.
    fn least_exchange(&self, first: usize) -> f64 {
        let taken = |(sum, n): &(f64, f64)| if *n > 0.0 { 1.0 - sum / n } else { 1.0 };
        self.refused[first..].iter().map(taken).fold(1.0, f64::min)
    }

    /// Draws `[chains, n, dim]`, one every `thin` steps.
    fn sample(&mut self, thin: usize, settings: &Settings) -> (Noise, Stones) {
        let levels = self.betas.len();
        let goal = settings.n_draws.div_ceil(self.chains);
        let mut kept: Vec<Vec<f64>> = vec![Vec::with_capacity(goal * self.dim); self.chains];
        let mut stones = Stones::new(self.chains * BATCHES, levels);
        self.refused.fill((0.0, 0.0));
        let mut n = 0;
        // Time that has run out before leaves one draw: the answer is what there is.
        while n < goal && (n == 0 || !settings.budget.exhausted()) {
            let batch = n * BATCHES / goal;
            for _ in 0..thin {
                self.step();
                for (i, w) in self.walkers.iter().enumerate() {
                    let (chain, k) = (i / levels, i % levels);
                    stones.add(chain * BATCHES + batch, k, w.log_r, &self.betas);
                }
            }
            for (k, w) in kept
                .iter_mut()
                .zip(self.walkers.iter().skip(levels - 1).step_by(levels))
            {
                k.extend_from_slice(&w.z);
            }
            n += 1;
            if n % 20 == 0 {
                self.report("sampling", n, goal, settings);
            }
        }
        let noise = Noise {
            z: kept.concat(),
            n: n * self.chains,
            dim: self.dim,
            chains: self.chains,
            ..Noise::default()
        };
        (noise, stones)
    }

    fn judge(&self, outcome: &mut Outcome) {
        // Few prior draws meet hard constraints; the levels above share them, and what they find.
        let first = usize::from(self.target.structure().hard_constraints);
        let least = self.least_exchange(first);
        if least < RARELY {
            outcome.distrust(format!(
                "neighbouring temperatures exchange in only {:.1} % of attempts, so that modes stay apart; try a larger -O levels",
                100.0 * least
            ));
        }
    }
}

/// The levels that a short SMC took, or as many as asked for, taken from them.
fn first_levels(schedule: &[f64], levels: Option<usize>) -> Vec<f64> {
    let mut taken = vec![0.0];
    taken.extend(schedule.iter().filter(|b| **b > 0.0 && **b < 1.0));
    taken.push(1.0);
    taken.dedup();
    let n = levels.unwrap_or(taken.len().clamp(*LEVELS.start(), *LEVELS.end()));
    let at = |k: usize| {
        let x = k as f64 / (n - 1) as f64 * (taken.len() - 1) as f64;
        let i = (x as usize).min(taken.len() - 2);
        taken[i] + (x - i as f64) * (taken[i + 1] - taken[i])
    };
    let mut betas: Vec<f64> = (0..n).map(at).collect();
    (betas[0], betas[n - 1]) = (0.0, 1.0);
    betas
}

/// What log Z is made of, batch by batch.
struct Stones {
    levels: usize,
    /// `[batch, level]`: log Σ r^(β of the next level − β), Σ log r, number.
    sums: Vec<(f64, f64, f64)>,
}

impl Stones {
    fn new(batches: usize, levels: usize) -> Stones {
        Stones {
            levels,
            sums: vec![(f64::NEG_INFINITY, 0.0, 0.0); batches * levels],
        }
    }

    fn add(&mut self, batch: usize, k: usize, log_r: f64, betas: &[f64]) {
        let s = &mut self.sums[batch * self.levels + k];
        if k + 1 < self.levels {
            s.0 = log_add_exp(s.0, (betas[k + 1] - betas[k]) * log_r);
        }
        s.1 += log_r;
        s.2 += 1.0;
    }

    /// The estimate from all batches, with bounds: log r averaged at the lower and at the higher end of each pair.
    fn log_z(&self, betas: &[f64]) -> LogZ {
        let batches: Vec<&[(f64, f64, f64)]> = self
            .sums
            .chunks_exact(self.levels)
            .filter(|b| b[0].2 > 0.0)
            .collect();
        // log of the mean of r^(difference of β) at each level below the last.
        let stones: Vec<f64> = (0..self.levels - 1)
            .map(|k| {
                let terms: Vec<f64> = batches.iter().map(|b| b[k].0).collect();
                let n: f64 = batches.iter().map(|b| b[k].2).sum();
                log_sum_exp(&terms) - n.ln()
            })
            .collect();
        let mean = |k: usize| {
            let (sum, n) = batches
                .iter()
                .fold((0.0, 0.0), |(s, n), b| (s + b[k].1, n + b[k].2));
            sum / n
        };
        let integral = |shift: usize| -> Option<f64> {
            let sum: f64 = (0..self.levels - 1)
                .map(|k| (betas[k + 1] - betas[k]) * mean(k + shift))
                .sum();
            sum.is_finite().then_some(sum)
        };
        // To first order, what each batch alone would add: a batch without a weight at some level still counts.
        let deviation = |b: &&[(f64, f64, f64)]| -> f64 {
            let each = stones.iter().zip(b.iter());
            each.map(|(m, (sum, _, n))| (sum - n.ln() - m).exp() - 1.0)
                .sum()
        };
        let each: Vec<f64> = batches.iter().map(deviation).collect();
        let (_, sd) = mean_sd(&each, None);
        let total = stones.iter().sum::<f64>();
        LogZ {
            estimate: total,
            se: sd / (each.len() as f64).sqrt(),
            // Bounds in expectation: their noise does not put the estimate outside.
            elbo: integral(0).map(|x| x.min(total)),
            eubo: integral(1).map(|x| x.max(total)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::{
        branches, check_moments, eight_schools, four_modes, grid25, linear, logistic, many_well,
        ring,
    };

    #[test]
    fn known_posteriors_and_evidence_are_met_within_the_stated_errors() {
        for case in [
            linear(),
            four_modes(),
            grid25(),
            branches(),
            ring(),
            logistic(),
            eight_schools(),
            many_well(),
        ] {
            let out = Pt.run(&case.target, &Settings::new(3000, Seed(1))).unwrap();
            assert!(out.reliable, "{}: {:?}", case.name, out.warnings);
            check_moments(&case, &out.noise.z, out.diagnostics.ess_bulk_min.unwrap());
            let z = out.log_z.unwrap();
            // Of the ring, one prior draw in 700 meets the constraints.
            assert!(z.se < 0.4, "{}: {z:?}", case.name);
            // 5 standard errors of a mean of 20 batches, whose own error is a fifth.
            assert!(
                (z.estimate - case.log_z).abs() < 6.0 * z.se + 0.01,
                "{}: log Z {} ± {}, not {}",
                case.name,
                z.estimate,
                z.se,
                case.log_z
            );
            assert!(z.elbo.is_none_or(|e| e <= z.estimate) && z.eubo.unwrap() >= z.estimate);
            let spent = out.evaluations.log_r + out.evaluations.gradient;
            assert_eq!(spent, case.target.evaluated());
        }
    }

    #[test]
    fn levels_can_be_asked_for() {
        let betas = first_levels(&[0.0, 0.1, 0.4, 1.0], Some(7));
        assert_eq!((betas.len(), betas[0], betas[6]), (7, 0.0, 1.0));
        assert!(betas.windows(2).all(|w| w[0] < w[1]), "{betas:?}");
        assert_eq!(first_levels(&[1.0], None).len(), 4);
    }
}
