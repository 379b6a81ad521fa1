//! The road to the posterior: from the prior by levels N(z; 0, I)·r(z)^β, hard constraints softened on the way; or from a
//! learned sampler.
//!
//! ```text
//! prior   ──λ: penalty on violations──▶ constraints hold ──β: 0 → 1──▶ posterior     (constraints rarely hold)
//! prior   ─────────────────────────────────────β: 0 → 1──────────────▶ posterior     (otherwise)
//! learned ─────────────────────────────────────β: 0 → 1──────────────▶ posterior     (a sampler whose paths have weights)
//! ```
//!
//! A learned sampler's density is known only along its paths. So its levels are over (z, path): the posterior's density times
//! the reference's noising of z into the path, times w^(β − 1), with w the path's weight. At β = 0 that is the sampler's own law, at
//! β = 1 the posterior with a path that follows it. A move proposes a new z and a fresh path to it, and is exact (Andrieu &
//! Roberts 2009).

use super::Evaluations;
use crate::base::Seed;
use crate::draws::importance_ess;
use crate::lower::Target;

/// Longest step from a learned sampler towards the posterior.
const LEARNED_STEP: f64 = 0.25;
/// Stands for an infinite log-weight.
pub(crate) const INFINITE: f64 = 1e290;

/// One density on the road.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Level {
    /// N(0, I).
    Prior,
    /// N(0, I)·exp(−λ·violation).
    Soft(f64),
    /// N(0, I)·r^β where the constraints hold, 0 elsewhere.
    Hard(f64),
    /// Between a learned sampler (0) and the posterior (1), along its paths.
    Learned(f64),
}

impl Level {
    /// The posterior.
    pub const POSTERIOR: Level = Level::Hard(1.0);

    /// log density against the prior.
    pub fn energy(self, s: Score) -> f64 {
        match self {
            Level::Prior => 0.0,
            _ if s.log_r == f64::NEG_INFINITY => f64::NEG_INFINITY,
            Level::Soft(lambda) => -lambda * s.violation,
            Level::Hard(_) if s.violation > 0.0 => f64::NEG_INFINITY,
            Level::Hard(beta) => beta * s.log_r,
            Level::Learned(beta) => s.log_r - (1.0 - beta) * s.path,
        }
    }

    /// Whether evaluations need the violations.
    pub fn is_soft(self) -> bool {
        matches!(self, Level::Soft(_))
    }

    /// Whether evaluations need paths of a learned sampler.
    pub fn is_learned(self) -> bool {
        matches!(self, Level::Learned(_))
    }

    /// The exponent reached.
    pub fn beta(self) -> f64 {
        match self {
            Level::Hard(beta) | Level::Learned(beta) => beta,
            _ => 0.0,
        }
    }

    /// As far as one step may go. A step of Δβ makes weights whose Pareto k̂ is Δβ times that of the paths: few paths may
    /// carry the tail though many are effective, and moves on the way let it be found.
    fn farthest(self) -> Level {
        match self {
            Level::Learned(beta) if beta + LEARNED_STEP < 1.0 => {
                Level::Learned(beta + LEARNED_STEP)
            }
            _ => Level::POSTERIOR,
        }
    }

    /// The level with another exponent on the same road.
    fn at(self, beta: f64) -> Level {
        match self {
            Level::Learned(_) => Level::Learned(beta),
            _ => Level::Hard(beta),
        }
    }
}

/// What is known of one z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    /// log r; where a constraint is violated, log r without it.
    pub log_r: f64,
    /// Nats lost at penalty 1; 0 where the constraints hold, ∞ where nothing softens them.
    pub violation: f64,
    /// Log-weight of a learned sampler's path that ends here; 0 where there is none.
    pub path: f64,
}

impl Score {
    /// Where the constraints hold, without a path.
    pub fn of(log_r: f64) -> Score {
        Score {
            log_r,
            violation: 0.0,
            path: 0.0,
        }
    }
}

/// A sampler that a road may begin with, in the place of the prior.
pub(crate) trait Learned: Sync {
    /// Ends `z: [n, dim]` of paths that it draws, and what is known of them.
    fn draw(&self, n: usize, seed: Seed, spent: &mut Evaluations) -> (Vec<f64>, Vec<Score>);

    /// What is known of `z: [n, dim]`, each with a fresh path that the reference leads away from it.
    fn score(&self, z: &[f64], seed: Seed, spent: &mut Evaluations) -> Vec<Score>;
}

/// Where a road leads, and where it begins.
#[derive(Clone, Copy)]
pub(crate) struct Road<'a> {
    pub target: &'a dyn Target,
    /// `None` where it begins with the prior.
    pub learned: Option<&'a dyn Learned>,
}

impl<'a> Road<'a> {
    /// From the prior.
    pub fn from_prior(target: &'a dyn Target) -> Road<'a> {
        Road {
            target,
            learned: None,
        }
    }

    /// What a level needs to know of `z: [n, dim]`.
    pub fn score(
        &self,
        level: Level,
        z: &[f64],
        seed: Seed,
        spent: &mut Evaluations,
    ) -> Vec<Score> {
        match self.learned {
            Some(learned) if level.is_learned() => learned.score(z, seed, spent),
            _ => score(self.target, z, level.is_soft(), spent),
        }
    }
}

/// Scores `z: [n, dim]`.
pub(crate) fn score(
    target: &dyn Target,
    z: &[f64],
    soft: bool,
    spent: &mut Evaluations,
) -> Vec<Score> {
    let n = z.len() / target.dim();
    let mut log_r = vec![0.0; n];
    spent.log_r += n as u64;
    if !soft {
        target.log_r(z, &mut log_r);
        return log_r.iter().map(|&l| Score::of(finite(l))).collect();
    }
    spent.log_r += n as u64;
    let mut penalised = vec![0.0; n];
    target.log_r_soft(z, 0.0, &mut log_r);
    target.log_r_soft(z, 1.0, &mut penalised);
    let both = log_r.iter().zip(&penalised);
    both.map(|(&free, &p)| softened(finite(free), finite(p)))
        .collect()
}

fn softened(free: f64, penalised: f64) -> Score {
    if free == f64::NEG_INFINITY || penalised == f64::NEG_INFINITY {
        return Score {
            violation: f64::INFINITY,
            ..Score::of(f64::NEG_INFINITY)
        };
    }
    let lost = free - penalised;
    let rounding = 1e-13 * (1.0 + free.abs());
    Score {
        violation: if lost > rounding { lost } else { 0.0 },
        ..Score::of(free)
    }
}

/// A NaN has no weight; +∞ (a density's pole) is capped so that differences stay numbers.
fn finite(log_r: f64) -> f64 {
    if log_r.is_nan() {
        f64::NEG_INFINITY
    } else {
        log_r.min(INFINITE)
    }
}

/// Log weights of particles at `from` under `to`.
pub(crate) fn increments(scores: &[Score], from: Level, to: Level) -> Vec<f64> {
    scores
        .iter()
        .map(|&s| difference(to.energy(s), from.energy(s)))
        .collect()
}

fn difference(to: f64, from: f64) -> f64 {
    if to == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else {
        to - from
    }
}

/// The next level: as far along as keeps the weights' effective sample size above `share` of what a step of
/// infinitesimal length keeps (that one still drops particles of weight 0).
pub(crate) fn next_level(scores: &[Score], at: Level, share: f64) -> Level {
    let ess = |to: Level| importance_ess(&increments(scores, at, to));
    match at {
        Level::Prior | Level::Hard(_) | Level::Learned(_) => {
            let base = share * ess(at.at(at.beta() + f64::MIN_POSITIVE));
            let farthest = at.farthest();
            if ess(farthest) >= base {
                return farthest;
            }
            at.at(bisect(at.beta(), farthest.beta(), |b| {
                ess(at.at(b)) >= base
            }))
        }
        Level::Soft(lambda) => {
            let n = scores.len() as f64;
            let hold = scores.iter().filter(|s| s.violation == 0.0).count() as f64;
            if hold >= 0.3 * n {
                return Level::Hard(0.0);
            }
            let enough = |step: f64| ess(Level::Soft(lambda + step)) >= share * n;
            let far = (0..2000)
                .map(|k| 1e-300 * 2f64.powi(k))
                .find(|&step| !enough(step));
            Level::Soft(
                lambda + far.map_or_else(|| even_step(scores), |far| bisect(0.0, far, enough)),
            )
        }
    }
}

/// Where violations are all alike, no step changes the weights: take one that makes executions without violation a few
/// nats likelier to be found.
fn even_step(scores: &[Score]) -> f64 {
    let least = scores
        .iter()
        .map(|s| s.violation)
        .filter(|v| *v > 0.0)
        .fold(f64::INFINITY, f64::min);
    3.0 / least
}

/// The largest x in `(low, high)` that is still enough, found to a relative 1e-6; at least a hair above `low`.
fn bisect(low: f64, high: f64, enough: impl Fn(f64) -> bool) -> f64 {
    let (start, mut low, mut high) = (low, low, high);
    for _ in 0..200 {
        let middle = if low > 0.0 && high / low > 4.0 {
            (low * high).sqrt()
        } else {
            0.5 * (low + high)
        };
        if enough(middle) {
            low = middle
        } else {
            high = middle
        }
        if high - low <= 1e-6 * (high - start) {
            break;
        }
    }
    if low > start { low } else { high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(log_r: &[f64]) -> Vec<Score> {
        log_r.iter().map(|&l| Score::of(l)).collect()
    }

    #[test]
    fn the_next_level_keeps_half_of_the_sample() {
        let s = scores(&(0..1000).map(|i| -0.1 * f64::from(i)).collect::<Vec<_>>());
        let Level::Hard(beta) = next_level(&s, Level::Prior, 0.5) else {
            panic!()
        };
        let ess = importance_ess(&increments(&s, Level::Prior, Level::Hard(beta)));
        assert!((ess / 1000.0 - 0.5).abs() < 1e-3, "{ess}");
        assert_eq!(
            next_level(&scores(&[-1.0, -1.1]), Level::Prior, 0.5),
            Level::POSTERIOR
        );
    }

    #[test]
    fn a_step_drops_what_has_no_weight_and_still_moves() {
        let mut s = scores(&[0.0; 10]);
        s[..7].iter_mut().for_each(|s| s.log_r = f64::NEG_INFINITY);
        assert_eq!(next_level(&s, Level::Prior, 0.5), Level::POSTERIOR);
    }

    #[test]
    fn penalties_grow_until_constraints_hold() {
        let soft: Vec<_> = (1..=100)
            .map(|i| Score {
                violation: f64::from(i),
                ..Score::of(0.0)
            })
            .collect();
        let Level::Soft(lambda) = next_level(&soft, Level::Soft(0.0), 0.5) else {
            panic!()
        };
        assert!(lambda > 0.0 && lambda < 1.0);
        let held = [Score::of(0.0); 3];
        assert_eq!(next_level(&held, Level::Soft(1.0), 0.5), Level::Hard(0.0));
    }

    #[test]
    fn a_learned_road_begins_with_the_sampler_and_ends_with_the_posterior() {
        let s = Score {
            path: 2.0,
            ..Score::of(-3.0)
        };
        assert_eq!(Level::Learned(0.0).energy(s), -5.0);
        assert_eq!(Level::Learned(1.0).energy(s), Level::POSTERIOR.energy(s));
        assert_eq!(
            increments(&[s], Level::Learned(0.25), Level::POSTERIOR),
            [1.5]
        );
        let even = [s; 4];
        let next = |from| next_level(&even, Level::Learned(from), 0.5);
        assert_eq!(next(0.0), Level::Learned(LEARNED_STEP));
        assert_eq!(next(1.0 - LEARNED_STEP), Level::POSTERIOR);
        let uneven: Vec<_> = (0..1000)
            .map(|i| Score {
                path: -0.1 * f64::from(i),
                ..s
            })
            .collect();
        let next = next_level(&uneven, Level::Learned(0.0), 0.5);
        assert!(next.beta() > 0.0 && next.beta() < LEARNED_STEP);
    }
}
