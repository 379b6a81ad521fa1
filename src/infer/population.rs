//! Adaptive tempered sequential Monte Carlo: particles from the prior, or from a learned sampler, carried to the posterior
//! level by level.
//!
//! ```text
//! first draws ─▶ weigh up to the next level (ESS ½) ─▶ resample ─▶ move until the start is forgotten ─▶ … ─▶ posterior
//! ```
//!
//! log Z is the sum of the log mean weights. Its standard error comes from the particles' family tree: how unequally the
//! first draws have descendants.
//!
//! # Source
//! Del Moral, Doucet & Jasra 2006 (samplers); Jasra et al. 2011 (adaptive levels); Chan & Lai 2013, Lee & Whiteley 2018
//! (variance from the family tree).

use super::drift::{Drift, left_over};
use super::gaussian::fill_normal;
use super::moves::{Cloud, Repertoire};
use super::refresh::Refreshed;
use super::temper::{INFINITE, Learned, Level, Road, Score, increments, next_level};
use super::{Budget, Evaluations, InferError, Progress};
use crate::base::{Bug, Seed, bites};
use crate::draws::{ALL_BUT_EQUAL, log_mean_exp, normalized, psis, systematic};
use crate::lower::Target;
use crate::store::packed;

/// Effective sample size kept by one step between levels.
const KEEP: f64 = 0.5;
/// More levels than any sane target needs.
const MAX_LEVELS: usize = 400;
/// A stage's moves end when the particles' correlation with their start has fallen below this; at the last, below that.
pub(crate) const FORGOTTEN: f64 = 0.3;
pub(crate) const LAST_FORGOTTEN: f64 = 0.1;
/// A stage may take this many times the nominal number of moves; the last one, this many more.
const PATIENCE: usize = 3;
const LAST_PATIENCE: usize = 8;
/// After the nominal number of moves, the stage ends where the memory has not faded by this much over so many more.
const FADING: f64 = 0.03;
const LOOK: usize = 6;
/// The last stage has so many times the nominal number first: its moves are a test of all stages before.
const LAST_MOVES: usize = 4;
/// Noise coordinates above which gradients, where there are any, come in at once; below, where simpler moves fail.
pub(crate) const MANY: usize = 12;
/// Numbers that an evaluation computes above which a trajectory takes seconds for all particles.
const LARGE: usize = 10_000;
/// Families that a Pareto tail can be fitted to.
const LEAST_FAMILIES: usize = 50;
/// Draws that were not made may weigh about as much as the heaviest that was: where that is less than this share of all
/// descendants, no tail matters.
const SLIGHT: f64 = 0.01;
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
    /// Estimate of log Z; NaN where the particles come from chains, which have none.
    pub log_z: f64,
    /// Its standard error: what the family tree says, with what drifting levels add.
    pub log_z_se: f64,
    /// Nats by which log Z may be off because levels were left before their particles had come to rest.
    pub unrest: f64,
    /// Pareto k̂ of the weight that each prior draw's descendants hold; `None` where few draws have descendants.
    pub khat: Option<f64>,
    /// Whether the particles lie in separated modes, as far as can be seen.
    pub modes: bool,
    /// How far the last level's particles drifted.
    pub drift: Drift,
    /// The exponents β of the levels, ascending to 1 (levels of the penalty phase count as 0).
    pub schedule: Vec<f64>,
    /// Evaluations of log r.
    pub evaluations: u64,
    /// Evaluations of the gradient.
    pub gradients: u64,
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
packed!(Particles {
    z,
    log_r,
    n,
    dim,
    log_z,
    log_z_se,
    unrest,
    khat,
    modes,
    drift,
    schedule,
    evaluations,
    gradients,
    acceptance,
    lineage,
    memory,
    reached,
    prior_share
});

/// What speaks against particles whose family tree and moves are known: standard deviations by which they may still be off,
/// nats that log Z may be off for levels that were left early, the Pareto k̂ of the families above which rarer draws than were
/// made may weigh as much.
pub(crate) const DRIFTING: f64 = 0.1;
pub(crate) const RESTLESS: f64 = 0.15;
pub(crate) const HEAVY: f64 = 0.7;
/// An error of log Z, in nats, that few families leave.
const LOOSE: f64 = 0.1;

impl Particles {
    /// Draws `z: [n, dim]` that came from elsewhere than from tempering, of which `families: [n]` are related and that
    /// moved as `moved` says; nothing is known about Z.
    pub(crate) fn from_draws(
        z: Vec<f64>,
        log_r: Vec<f64>,
        families: Vec<u32>,
        moved: &Refreshed,
    ) -> Particles {
        let n = log_r.len();
        Particles {
            dim: z.len() / n.max(1),
            z,
            log_r,
            n,
            log_z: f64::NAN,
            log_z_se: f64::NAN,
            unrest: 0.0,
            khat: None,
            modes: false,
            drift: moved.drift,
            schedule: vec![1.0],
            evaluations: moved.evaluations,
            gradients: moved.gradients,
            acceptance: moved.acceptance,
            lineage: families,
            memory: 0.0,
            reached: 1.0,
            prior_share: 1.0,
        }
    }

    /// log Z and its standard error, where they are known.
    pub(crate) fn evidence(&self) -> Option<(f64, f64)> {
        (!self.log_z.is_nan()).then_some((self.log_z, self.log_z_se))
    }

    /// Whether they may be off, by their own account.
    pub(crate) fn frail(&self) -> bool {
        self.drift.after > DRIFTING
            || self.unrest > RESTLESS
            || self.khat.is_some_and(|k| k > HEAVY)
            || self.log_z_se > LOOSE
    }
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
    carried(target, n, true, moves, seed, budget, progress)
}

/// As [`particles`], for chains to start from: in many dimensions without trajectories, for the chains follow gradients
/// themselves and need no more than a place near each mode.
///
/// # Errors
/// As [`particles`].
pub fn rough_particles(
    target: &dyn Target,
    n: usize,
    moves: usize,
    seed: Seed,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Particles, InferError> {
    let glides = target.dim() <= MANY;
    carried(target, n, glides, moves, seed, budget, progress)
}

/// From prior draws to the posterior; `glides`: whether moves may follow gradients.
fn carried(
    target: &dyn Target,
    n: usize,
    glides: bool,
    moves: usize,
    seed: Seed,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Particles, InferError> {
    if target.dim() == 0 {
        return without_noise(target, n);
    }
    let mut run = Run::start(target, n.max(2), seed, budget)?;
    run.glides = glides;
    tempered(run, moves, seed, budget, progress)
}

/// Draws `n` particles of a target's posterior from a learned sampler's paths: SMC along the learned chain, in the place of
/// the prior's levels.
///
/// # Errors
/// As [`particles`].
pub(crate) fn particles_from(
    learned: &dyn Learned,
    target: &dyn Target,
    n: usize,
    moves: usize,
    seed: Seed,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Particles, InferError> {
    let road = Road {
        target,
        learned: Some(learned),
    };
    let run = Run::on_paths(road, learned, n.max(2), seed);
    tempered(run, moves, seed, budget, progress)
}

fn tempered(
    mut run: Run<'_>,
    moves: usize,
    seed: Seed,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Particles, InferError> {
    let target = run.road.target;
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
        unrest: 0.0,
        khat: None,
        modes: false,
        drift: Drift::default(),
        schedule: vec![1.0],
        evaluations: 1,
        gradients: 0,
        acceptance: 1.0,
        lineage: (0..n as u32).collect(),
        memory: 0.0,
        reached: 1.0,
        prior_share: 1.0,
    })
}

/// Pareto k̂ of the shares that the families of so many first draws have.
fn tail_of_families(shares: &[f64], origin: usize) -> Option<f64> {
    let log: Vec<f64> = shares
        .iter()
        .filter(|s| **s > 0.0)
        .map(|s| s.ln())
        .collect();
    if log.len() < LEAST_FAMILIES {
        return None;
    }
    let khat = psis(&log).1?;
    let largest = shares.iter().copied().fold(0.0, f64::max);
    let harmless = largest < SLIGHT || largest * (origin as f64) < ALL_BUT_EQUAL;
    Some(if harmless { khat.min(0.5) } else { khat })
}

fn out_of_time() -> InferError {
    let why =
        "time ran out before an execution was found that agrees with the evidence".to_string();
    InferError::Diverged { engine: "smc", why }
}

/// A population on its way.
struct Run<'a> {
    road: Road<'a>,
    /// Whether moves may follow gradients.
    glides: bool,
    cloud: Cloud,
    level: Level,
    lineage: Vec<u32>,
    /// Prior draws that the population was selected from.
    origin: usize,
    prior_share: f64,
    log_z: f64,
    variance: f64,
    khat: Option<f64>,
    /// Nats that log Z's slope at this level may still be off.
    restless: f64,
    /// The same, added up over the levels' distances in β.
    unrest: f64,
    drift: Drift,
    schedule: Vec<f64>,
    spent: Evaluations,
    acceptance: f64,
    reached: f64,
    /// Median violation at each level of the penalty phase.
    violations: Vec<f64>,
    seed: Seed,
}

impl<'a> Run<'a> {
    /// Nothing yet, of `n` first draws.
    fn new(road: Road<'a>, n: usize, seed: Seed) -> Run<'a> {
        Run {
            road,
            glides: true,
            cloud: Cloud {
                z: Vec::new(),
                scores: Vec::new(),
                dim: road.target.dim(),
            },
            level: Level::Prior,
            lineage: (0..n as u32).collect(),
            origin: n,
            prior_share: 0.0,
            log_z: 0.0,
            variance: 0.0,
            khat: None,
            restless: 0.0,
            unrest: 0.0,
            drift: Drift::default(),
            schedule: Vec::new(),
            spent: Evaluations::default(),
            acceptance: 1.0,
            reached: 0.0,
            violations: Vec::new(),
            seed,
        }
    }

    /// Prior draws, at the level that the road begins with.
    fn start(
        target: &'a dyn Target,
        n: usize,
        seed: Seed,
        budget: &Budget,
    ) -> Result<Run<'a>, InferError> {
        let mut run = Run::new(Road::from_prior(target), n, seed);
        run.cloud = run.prior_draws(n, 0);
        let alive = run.alive();
        run.prior_share = alive.len() as f64 / n as f64;
        if alive.len() * 10 < n && !run.soften() {
            run.search(n, budget)?;
        }
        Ok(run)
    }

    /// Ends of a learned sampler's paths.
    fn on_paths(road: Road<'a>, learned: &dyn Learned, n: usize, seed: Seed) -> Run<'a> {
        let mut run = Run::new(road, n, seed);
        (run.cloud.z, run.cloud.scores) = learned.draw(n, seed.child("paths", 0), &mut run.spent);
        run.level = Level::Learned(0.0);
        run.prior_share = run.alive().len() as f64 / n as f64;
        run
    }

    fn prior_draws(&mut self, n: usize, round: usize) -> Cloud {
        let dim = self.cloud.dim;
        let mut cloud = Cloud {
            z: vec![0.0; n * dim],
            scores: Vec::new(),
            dim,
        };
        fill_normal(&mut cloud.z, &mut self.seed.stream("prior", round as u64));
        cloud.scores = self.scores(Level::Prior, &cloud.z);
        cloud
    }

    fn scores(&mut self, level: Level, z: &[f64]) -> Vec<Score> {
        let seed = self.seed.child("scores", self.schedule.len() as u64);
        self.road.score(level, z, seed, &mut self.spent)
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.cloud.n())
            .filter(|&i| self.cloud.scores[i].log_r > f64::NEG_INFINITY)
            .collect()
    }

    /// Starts on the penalty phase, if the target's softened constraints give some direction.
    fn soften(&mut self) -> bool {
        let z = std::mem::take(&mut self.cloud.z);
        let scores = self.scores(Level::Soft(0.0), &z);
        self.cloud.z = z;
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
        let (failed, evaluated) = self.road.target.failures();
        match failed > 0 && failed == evaluated {
            true => InferError::AllFailed { failed },
            false => InferError::ImpossibleEvidence {
                tried: self.spent.log_r,
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
        let shares = self.family_shares(&weights);
        let sum: f64 = shares.iter().map(|s| s * s).sum();
        self.variance = (sum - 1.0 / self.origin as f64).max(0.0);
        self.khat = tail_of_families(&shares, self.origin);
        if !self.level.is_soft() && !to.is_soft() && self.level != Level::Prior {
            self.unrest += self.restless * (to.beta() - self.level.beta());
        }
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
            let z = std::mem::take(&mut self.cloud.z);
            self.cloud.scores = self.scores(to, &z);
            self.cloud.z = z;
        }
        Ok(())
    }

    /// The share of the weight that each prior draw's descendants hold. Their squares, less those of an even spread, add
    /// up to the variance of log Z.
    fn family_shares(&self, weights: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; self.lineage.iter().max().map_or(0, |m| *m as usize + 1)];
        self.lineage
            .iter()
            .zip(weights)
            .for_each(|(&a, w)| shares[a as usize] += w);
        shares
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
        let before = self.slopes();
        let smooth = self.glides
            && self.road.target.structure().guides(self.cloud.dim)
            && !self.level.is_soft()
            && !self.level.is_learned()
            && self.cloud.dim > 1;
        let many = self.cloud.dim > MANY;
        // Trajectories are dear where programs are large, and come often where levels are many.
        let most_glides = match (self.road.target.structure().size > LARGE, last) {
            (true, true) => 2,
            (true, false) => 0,
            (false, false) if many => 1,
            (false, _) => usize::MAX,
        };
        let (mut accepted, mut done, mut glides) = (0.0, 0, 0);
        let mut before_that = f64::INFINITY;
        while done < most && !budget.exhausted() {
            let glide = smooth && done % 3 == 2 && (many || done > least) && glides < most_glides;
            accepted += if glide {
                glides += 1;
                let target = self.road.target;
                repertoire.glide(&mut self.cloud, self.level, target, &mut self.spent)
            } else {
                repertoire.sweep(&mut self.cloud, self.level, self.road, &mut self.spent)
            };
            done += 1;
            if done < least {
                continue;
            }
            let memory = repertoire.memory(&self.cloud);
            let enough = if last { LAST_MOVES * moves } else { moves };
            let check = done >= enough && (done - enough).is_multiple_of(LOOK);
            // Memory that does not fade is that of a mode, which moves do not leave: its weight is known all the same.
            if memory < forgotten || (check && memory > before_that - FADING) {
                break;
            }
            if check {
                before_that = memory;
            }
        }
        self.restless = left_over(&before, &self.slopes(), &self.lineage);
        if last {
            self.drift = repertoire.drift(std::slice::from_ref(&self.cloud.z), &self.lineage);
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

    /// Of each particle, what log Z's slope in β is the mean of, its far tails drawn in.
    fn slopes(&self) -> Vec<f64> {
        let slope = |s: &Score| match self.level {
            Level::Learned(_) => s.path,
            _ => s.log_r,
        };
        let slopes: Vec<f64> = self.cloud.scores.iter().map(slope).collect();
        let mut sorted = slopes.clone();
        sorted.sort_by(f64::total_cmp);
        let far = sorted.len() / 200;
        let (low, high) = (sorted[far], sorted[sorted.len() - 1 - far]);
        slopes.iter().map(|l| l.clamp(low, high)).collect()
    }

    fn place(&self) -> String {
        match self.level {
            Level::Hard(beta) | Level::Learned(beta) => format!("exponent {beta:.3}"),
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
            log_z_se: self.variance.sqrt().hypot(self.unrest),
            unrest: self.unrest,
            khat: self.khat,
            modes: repertoire.has_modes(),
            drift: self.drift,
            schedule: self.schedule,
            evaluations: self.spent.log_r,
            gradients: self.spent.gradient,
            acceptance: self.acceptance,
            lineage: self.lineage,
            memory,
            reached: self.reached,
            prior_share: self.prior_share,
        }
    }
}
