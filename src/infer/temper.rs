//! The road from the prior to the posterior: levels N(z; 0, I)·r(z)^β, hard constraints softened on the way.
//!
//! ```text
//! prior ──λ: penalty on violations──▶ constraints hold ──β: 0 → 1──▶ posterior     (constraints rarely hold)
//! prior ─────────────────────────────────────β: 0 → 1──────────────▶ posterior     (otherwise)
//! ```

use crate::draws::importance_ess;
use crate::lower::Target;

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
        }
    }

    /// Whether evaluations need the violations.
    pub fn is_soft(self) -> bool {
        matches!(self, Level::Soft(_))
    }

    /// The exponent reached.
    pub fn beta(self) -> f64 {
        match self {
            Level::Hard(beta) => beta,
            _ => 0.0,
        }
    }
}

/// What the target says of one z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score {
    /// log r; where a constraint is violated, log r without it.
    pub log_r: f64,
    /// Nats lost at penalty 1; 0 where the constraints hold, ∞ where nothing softens them.
    pub violation: f64,
}

/// Scores `z: [n, dim]`; returns the number of evaluations.
pub(crate) fn score(target: &dyn Target, z: &[f64], soft: bool, out: &mut Vec<Score>) -> u64 {
    let n = z.len() / target.dim();
    let mut log_r = vec![0.0; n];
    out.clear();
    if !soft {
        target.log_r(z, &mut log_r);
        out.extend(log_r.iter().map(|&l| Score {
            log_r: finite(l),
            violation: 0.0,
        }));
        return n as u64;
    }
    let mut penalised = vec![0.0; n];
    target.log_r_soft(z, 0.0, &mut log_r);
    target.log_r_soft(z, 1.0, &mut penalised);
    out.extend(
        log_r
            .iter()
            .zip(&penalised)
            .map(|(&free, &p)| softened(finite(free), finite(p))),
    );
    2 * n as u64
}

fn softened(free: f64, penalised: f64) -> Score {
    if free == f64::NEG_INFINITY || penalised == f64::NEG_INFINITY {
        return Score {
            log_r: f64::NEG_INFINITY,
            violation: f64::INFINITY,
        };
    }
    let lost = free - penalised;
    let rounding = 1e-13 * (1.0 + free.abs());
    Score {
        log_r: free,
        violation: if lost > rounding { lost } else { 0.0 },
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
        Level::Prior | Level::Hard(_) => {
            let base = share * ess(Level::Hard(at.beta() + f64::MIN_POSITIVE));
            if ess(Level::POSTERIOR) >= base {
                return Level::POSTERIOR;
            }
            Level::Hard(bisect(at.beta(), 1.0, |b| ess(Level::Hard(b)) >= base))
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
        log_r
            .iter()
            .map(|&log_r| Score {
                log_r,
                violation: 0.0,
            })
            .collect()
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
                log_r: 0.0,
                violation: f64::from(i),
            })
            .collect();
        let Level::Soft(lambda) = next_level(&soft, Level::Soft(0.0), 0.5) else {
            panic!()
        };
        assert!(lambda > 0.0 && lambda < 1.0);
        let held = vec![
            Score {
                log_r: 0.0,
                violation: 0.0
            };
            3
        ];
        assert_eq!(next_level(&held, Level::Soft(1.0), 0.5), Level::Hard(0.0));
    }
}
