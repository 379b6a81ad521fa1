//! Adaptive tempered sequential Monte Carlo: particles from the prior, carried to the posterior level by level.
//!
//! ```text
//! prior draws ─▶ weigh up to the next level (ESS ½) ─▶ resample ─▶ move until the start is forgotten ─▶ … ─▶ posterior
//! ```
//!
//! log Z is the sum of the log mean weights. Its standard error comes from the particles' family tree: how unequally the
//! prior draws have descendants.
//!
//! # Source
//! Del Moral, Doucet & Jasra 2006 (samplers); Jasra et al. 2011 (adaptive levels); Chan & Lai 2013, Lee & Whiteley 2018
//! (variance from the family tree).

use super::gaussian::fill_normal;
use super::moves::{Cloud, Repertoire};
use super::temper::{INFINITE, Level, increments, next_level, score};
use super::{Budget, InferError, Progress};
use crate::base::{Bug, Seed, bites};
use crate::draws::{log_mean_exp, normalized, systematic};
use crate::lower::Target;

/// Effective sample size kept by one step between levels.
const KEEP: f64 = 0.5;
/// More levels than any sane target needs.
const MAX_LEVELS: usize = 400;
/// A stage's moves end when the particles' correlation with their start has fallen below this; at the last, below that.
const FORGOTTEN: f64 = 0.3;
const LAST_FORGOTTEN: f64 = 0.1;
/// A stage may take this many times the nominal number of moves; the last one, this many more.
const PATIENCE: usize = 3;
const LAST_PATIENCE: usize = 8;
/// Rounds of prior draws looked through for ones with positive weight, where nothing softens the constraints.
const SEARCH_ROUNDS: usize = 100;
/// Levels of growing penalty after which an unchanged violation is there to stay.
const STALL: usize = 12;

/// Particles of the posterior, equally weighted.
#[derive(Clone, Debug, PartialEq)]
pub struct Particles {
    /// `[n, dim]`.
    pub z: Vec<f64>,
    /// log r of each particle `[n]`.
    pub log_r: Vec<f64>,
    /// Particles.
    pub n: usize,
    /// Noise coordinates.
    pub dim: usize,
    /// Estimate of log Z.
    pub log_z: f64,
    /// Its standard error.
    pub log_z_se: f64,
    /// The exponents β of the levels, ascending to 1 (levels of the penalty phase count as 0).
    pub schedule: Vec<f64>,
    /// Evaluations of log r.
    pub evaluations: u64,
    /// Mean acceptance of the last level's moves.
    pub acceptance: f64,
    /// The prior draw that each particle descends from `[n]`.
    pub lineage: Vec<u32>,
    /// Largest correlation, over coordinates, of the particles with their resampled start at the last level.
    pub memory: f64,
    /// The exponent that was reached before time ran out: 1 when all went well. The rest was made up for by weights.
    pub reached: f64,
    /// Share of prior draws with positive weight.
    pub prior_share: f64,
}

/// Draws `n` particles of a target's posterior with about `moves` moves a level (more where the particles mix badly,
/// fewer where they mix at once).
///
/// # Errors
/// `ImpossibleEvidence` if nothing with positive weight is found, `AllFailed` if every execution fails, `Diverged` if a
/// weight is infinite or time runs out before the first execution with positive weight.
pub fn particles(
    target: &dyn Target,
    n: usize,
    moves: usize,
    seed: Seed,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Particles, InferError> {
    if target.dim() == 0 {
        return without_noise(target, n);
    }
    let mut run = Run::start(target, n.max(2), seed, budget)?;
    let mut repertoire = Repertoire::new(target, seed.child("moves", 0));
    let moves = moves.max(1);
    while run.level != Level::POSTERIOR {
        if run.stalled() {
            return Err(run.nothing_found());
        }
        let next = match run.schedule.len() < MAX_LEVELS && !budget.exhausted() {
            true => next_level(&run.cloud.scores, run.level, KEEP),
            false => Level::POSTERIOR,
        };
        let cut_short = next == Level::POSTERIOR && budget.exhausted();
        if !cut_short {
            run.reached = next.beta();
        }
        run.advance(next)
            .map_err(|e| if cut_short { out_of_time() } else { e })?;
        repertoire.fit(&run.cloud.z, target);
        run.refresh(&mut repertoire, moves, budget, progress);
    }
    if run.log_z.is_nan() || run.log_z.abs() >= INFINITE {
        let why = "the weight of an execution is infinite: a density has a pole".to_string();
        return Err(InferError::Diverged { engine: "smc", why });
    }
    Ok(run.finish(&repertoire))
}

/// A program without chance has one execution, and its weight is Z.
fn without_noise(target: &dyn Target, n: usize) -> Result<Particles, InferError> {
    let mut log_r = [0.0];
    target.log_r(&[], &mut log_r);
    if log_r[0] == f64::NEG_INFINITY {
        return Err(InferError::ImpossibleEvidence { tried: 1 });
    }
    Ok(Particles {
        z: Vec::new(),
        log_r: vec![log_r[0]; n],
        n,
        dim: 0,
        log_z: log_r[0],
        log_z_se: 0.0,
        schedule: vec![1.0],
        evaluations: 1,
        acceptance: 1.0,
        lineage: (0..n as u32).collect(),
        memory: 0.0,
        reached: 1.0,
        prior_share: 1.0,
    })
}

/// Carries draws of a target's posterior on by `moves` exact moves, fitted to the draws themselves; returns the mean
/// acceptance and the evaluations spent. `z: [n, dim]` and `log_r: [n]` are updated in place.
pub fn refresh(
    target: &dyn Target,
    z: &mut Vec<f64>,
    log_r: &mut [f64],
    moves: usize,
    seed: Seed,
) -> (f64, u64) {
    let dim = target.dim();
    if dim == 0 || z.is_empty() {
        return (1.0, 0);
    }
    let mut evaluations = 0;
    let mut cloud = Cloud {
        z: std::mem::take(z),
        scores: Vec::new(),
        dim,
    };
    evaluations += score(target, &cloud.z, false, &mut cloud.scores);
    let mut repertoire = Repertoire::new(target, seed);
    repertoire.fit(&cloud.z, target);
    let mut accepted = 0.0;
    for _ in 0..moves {
        accepted += repertoire.sweep(&mut cloud, Level::POSTERIOR, target, &mut evaluations);
    }
    log_r
        .iter_mut()
        .zip(&cloud.scores)
        .for_each(|(l, s)| *l = s.log_r);
    *z = cloud.z;
    (accepted / moves.max(1) as f64, evaluations)
}

fn out_of_time() -> InferError {
    let why =
        "time ran out before an execution was found that agrees with the evidence".to_string();
    InferError::Diverged { engine: "smc", why }
}

/// A population on its way.
struct Run<'a> {
    target: &'a dyn Target,
    cloud: Cloud,
    level: Level,
    lineage: Vec<u32>,
    /// Prior draws that the population was selected from.
    origin: usize,
    prior_share: f64,
    log_z: f64,
    variance: f64,
    schedule: Vec<f64>,
    evaluations: u64,
    acceptance: f64,
    reached: f64,
    /// Median violation at each level of the penalty phase.
    violations: Vec<f64>,
    seed: Seed,
}

impl<'a> Run<'a> {
    /// Prior draws, at the level that the road begins with.
    fn start(
        target: &'a dyn Target,
        n: usize,
        seed: Seed,
        budget: &Budget,
    ) -> Result<Run<'a>, InferError> {
        let dim = target.dim();
        let mut run = Run {
            target,
            cloud: Cloud {
                z: Vec::new(),
                scores: Vec::new(),
                dim,
            },
            level: Level::Prior,
            lineage: Vec::new(),
            origin: n,
            prior_share: 0.0,
            log_z: 0.0,
            variance: 0.0,
            schedule: Vec::new(),
            evaluations: 0,
            acceptance: 1.0,
            reached: 0.0,
            violations: Vec::new(),
            seed,
        };
        run.cloud = run.prior_draws(n, 0);
        let alive = run.alive();
        run.prior_share = alive.len() as f64 / n as f64;
        if alive.len() * 10 < n && !run.soften() {
            run.search(n, budget)?;
        }
        if run.lineage.is_empty() {
            run.lineage = (0..n as u32).collect();
        }
        Ok(run)
    }

    fn prior_draws(&mut self, n: usize, round: usize) -> Cloud {
        let dim = self.cloud.dim;
        let mut cloud = Cloud {
            z: vec![0.0; n * dim],
            scores: Vec::new(),
            dim,
        };
        fill_normal(&mut cloud.z, &mut self.seed.stream("prior", round as u64));
        self.evaluations += score(self.target, &cloud.z, false, &mut cloud.scores);
        cloud
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.cloud.n())
            .filter(|&i| self.cloud.scores[i].log_r > f64::NEG_INFINITY)
            .collect()
    }

    /// Starts on the penalty phase, if the target's softened constraints give some direction.
    fn soften(&mut self) -> bool {
        let mut scores = Vec::new();
        self.evaluations += score(self.target, &self.cloud.z, true, &mut scores);
        let some = scores
            .iter()
            .find(|s| s.violation.is_finite())
            .map(|s| s.violation);
        let graded = scores
            .iter()
            .any(|s| s.violation.is_finite() && Some(s.violation) != some);
        if graded {
            self.cloud.scores = scores;
            self.level = Level::Soft(0.0);
        }
        graded
    }

    /// Looks through many prior draws for ones with positive weight, and starts from those.
    fn search(&mut self, n: usize, budget: &Budget) -> Result<(), InferError> {
        let mut found = self.cloud.select(&self.alive());
        let mut rounds = 1;
        while found.n() * 4 < n && rounds < SEARCH_ROUNDS && !budget.exhausted() {
            let draws = self.prior_draws(n, rounds);
            let before = std::mem::replace(&mut self.cloud, draws);
            let more = self.cloud.select(&self.alive());
            self.cloud = before;
            found.z.extend(more.z);
            found.scores.extend(more.scores);
            rounds += 1;
        }
        if found.n() == 0 {
            return Err(self.nothing_found());
        }
        self.origin = rounds * n;
        self.prior_share = found.n() as f64 / self.origin as f64;
        self.log_z = self.prior_share.ln();
        self.variance = (1.0 - self.prior_share) / found.n() as f64;
        let picked = systematic(
            &vec![1.0 / found.n() as f64; found.n()],
            n,
            &mut self.seed.stream("resample", 0),
        );
        self.lineage = picked.iter().map(|&i| i as u32).collect();
        self.cloud = found.select(&picked);
        self.level = Level::Hard(0.0);
        Ok(())
    }

    fn nothing_found(&self) -> InferError {
        let (failed, evaluated) = self.target.failures();
        match failed > 0 && failed == evaluated {
            true => InferError::AllFailed { failed },
            false => InferError::ImpossibleEvidence {
                tried: self.evaluations,
            },
        }
    }

    /// Whether growing penalties lead nowhere: no particle meets the constraints, and the violation is stuck, or all but
    /// gone without the constraints ever holding (they then hold on a set without volume).
    fn stalled(&mut self) -> bool {
        if !self.level.is_soft() || self.cloud.scores.iter().any(|s| s.violation == 0.0) {
            self.violations.clear();
            return false;
        }
        let mut v: Vec<f64> = self.cloud.scores.iter().map(|s| s.violation).collect();
        v.sort_by(f64::total_cmp);
        let median = v[v.len() / 2];
        self.violations.push(median);
        let now = self.violations.len() - 1;
        let stuck = now >= STALL && median > 0.99 * self.violations[now - STALL];
        stuck || median < 1e-10 * self.violations[0]
    }

    /// Weighs the particles up to a level and resamples them.
    fn advance(&mut self, to: Level) -> Result<(), InferError> {
        let log_w = increments(&self.cloud.scores, self.level, to);
        let Some(weights) = normalized(&log_w) else {
            return Err(self.nothing_found());
        };
        if !(bites(Bug::LostIncrement) && self.schedule.is_empty()) {
            self.log_z += log_mean_exp(&log_w);
        }
        self.variance = self.family_variance(&weights);
        let round = self.schedule.len() as u64 + 1;
        let picked = systematic(
            &weights,
            self.cloud.n(),
            &mut self.seed.stream("resample", round),
        );
        let stay_hard = !self.level.is_soft() || to.is_soft();
        self.cloud = self.cloud.select(&picked);
        self.lineage = picked.iter().map(|&i| self.lineage[i]).collect();
        self.level = to;
        self.schedule.push(to.beta());
        if !stay_hard {
            self.evaluations += score(self.target, &self.cloud.z, false, &mut self.cloud.scores);
        }
        Ok(())
    }

    /// Variance of log Z: the squared shares of the weight that each prior draw's descendants hold, less those of an
    /// even spread.
    fn family_variance(&self, weights: &[f64]) -> f64 {
        let mut shares = vec![0.0; self.lineage.iter().max().map_or(0, |m| *m as usize + 1)];
        self.lineage
            .iter()
            .zip(weights)
            .for_each(|(&a, w)| shares[a as usize] += w);
        let sum: f64 = shares.iter().map(|s| s * s).sum();
        (sum - 1.0 / self.origin as f64).max(0.0)
    }

    /// Moves the particles until they have forgotten where they were resampled.
    fn refresh(
        &mut self,
        repertoire: &mut Repertoire,
        moves: usize,
        budget: &Budget,
        progress: &dyn Progress,
    ) {
        let last = self.level == Level::POSTERIOR;
        let (patience, forgotten) = if last {
            (LAST_PATIENCE, LAST_FORGOTTEN)
        } else {
            (PATIENCE, FORGOTTEN)
        };
        let most = moves * patience;
        let least = (moves / 3).max(2);
        let (mut accepted, mut done) = (0.0, 0);
        while done < most && !budget.exhausted() {
            accepted += repertoire.sweep(
                &mut self.cloud,
                self.level,
                self.target,
                &mut self.evaluations,
            );
            done += 1;
            if done >= least && repertoire.memory(&self.cloud) < forgotten {
                break;
            }
        }
        self.acceptance = if done > 0 {
            accepted / done as f64
        } else {
            0.0
        };
        let message = format!("{}, log Z so far {:.2}", self.place(), self.log_z);
        progress.update(
            "tempering",
            (1000.0 * self.level.beta()) as usize,
            Some(1000),
            &message,
        );
    }

    fn place(&self) -> String {
        match self.level {
            Level::Hard(beta) => format!("exponent {beta:.3}"),
            _ => "meeting the constraints".to_string(),
        }
    }

    fn finish(self, repertoire: &Repertoire) -> Particles {
        let memory = repertoire.memory(&self.cloud);
        Particles {
            n: self.cloud.n(),
            dim: self.cloud.dim,
            log_r: self.cloud.scores.iter().map(|s| s.log_r).collect(),
            z: self.cloud.z,
            log_z: self.log_z,
            log_z_se: self.variance.sqrt(),
            schedule: self.schedule,
            evaluations: self.evaluations,
            acceptance: self.acceptance,
            lineage: self.lineage,
            memory,
            reached: self.reached,
            prior_share: self.prior_share,
        }
    }
}
