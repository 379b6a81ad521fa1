//! Whether the answer may be trusted.

use super::exactify::Weighted;
use crate::infer::drift::Drift;

/// Evidence beside the weights themselves.
#[derive(Clone)]
pub(crate) struct Evidence {
    /// SMC's log Z and its standard error.
    pub smc: Option<(f64, f64)>,
    /// Whether SMC's particles may be off, by their own account.
    pub frail: bool,
    /// Whether it learned from its own paths in their place, and was still finding more.
    pub unsettled: bool,
    /// Mean log-weight of SMC's held-out particles under the policy.
    pub particles: Option<f64>,
    /// Share of the policy's paths that failed: trajectories of the warm-up may fail as they like.
    pub failed: f64,
    /// Share of held-out particles that weigh more than any path.
    pub unseen: f64,
    /// How far the resampled paths drifted under exact moves.
    pub drift: Drift,
}

/// Share of effective paths above which they may contradict an SMC that finds less, and one that doubts itself.
const GOOD: f64 = 0.5;
const VERY_GOOD: f64 = 0.75;
/// Share of the posterior that paths may have missed, by the weights of particles.
pub(crate) const UNSEEN: f64 = 0.03;
/// That share above which what carries paths on starts too far from it: a stochastic volatility's tail was a quarter short at .07.
pub(crate) const MUCH_UNSEEN: f64 = 0.05;
/// Biases, in standard deviations, that exact moves may bring to light: of the weighted paths, and of the draws.
const OFF_BEFORE: f64 = 0.15;
const OFF_AFTER: f64 = 0.1;

/// What log Z and its standard error are held against the evidence with, and how even the paths were that gave them.
pub(crate) struct Found {
    pub log_z: f64,
    pub se: f64,
    /// Share of effective paths.
    pub share: f64,
}

/// Reasons not to trust draws of weighted paths; none means reliable.
pub(crate) fn verdict(w: &Weighted, evidence: &Evidence) -> Vec<String> {
    let n = w.log_w.len();
    let mut against = weights(w);
    against.extend(evidence.against(&Found {
        log_z: w.log_z,
        se: w.se,
        share: w.ess / n as f64,
    }));
    against
}

fn weights(w: &Weighted) -> Vec<String> {
    let mut against = Vec::new();
    let n = w.log_w.len();
    if w.khat > w.khat_limit() {
        against.push(format!(
            "the importance weights have too heavy a tail: k̂ {:.2}, above {:.2} for {n} paths",
            w.khat,
            w.khat_limit()
        ));
    }
    if w.few() {
        against.push(format!(
            "the paths are worth only {:.0} draws of {n}",
            w.ess
        ));
    }
    against
}

impl Evidence {
    /// What it says against draws with such a log Z.
    pub fn against(&self, found: &Found) -> Vec<String> {
        let mut against = Vec::new();
        if let Some((log_z, se)) = self.smc {
            let more = log_z - found.log_z;
            let allowed = 4.0 * (se * se + found.se * found.se).sqrt() + 0.1;
            if more > allowed || more.is_nan() {
                against.push(format!(
                    "SMC finds more evidence than the trained sampler: log Z {log_z:.2} ± {se:.2} against {:.2}; a mode may be missing",
                    found.log_z
                ));
            }
            // Weights never prove mass that is not there, so SMC finding less than good paths did speaks against SMC alone. But
            // where the paths are only so good, they learned from particles that missed something, and may miss more.
            if -more > allowed && found.share < GOOD {
                against.push(format!(
                    "SMC finds less evidence than the trained sampler: log Z {log_z:.2} ± {se:.2} against {:.2}; its particles, which the sampler learned from, missed a part",
                    found.log_z
                ));
            }
        }
        if self.drift.before > OFF_BEFORE || self.drift.after > OFF_AFTER {
            against.push(format!(
                "exact moves carry the draws away (noise coordinate {} by about {:.2} standard deviations): the weighted paths miss a part of the posterior",
                self.drift.coordinate, self.drift.before
            ));
        }
        if self.frail && (self.unsettled || found.share < VERY_GOOD) {
            against.push(
                "the particles that the sampler learned from had not come to rest, or descend from few, and its own paths are not so even as to make up for that".to_string(),
            );
        }
        // A well-covered posterior has KL(posterior ‖ policy) below what the weights' spread says; a missed part does not.
        let spread = -found.share.max(1e-12).ln();
        if self
            .particles
            .is_some_and(|eubo| eubo - found.log_z > 1.0 + 2.0 * spread)
        {
            against.push("SMC's particles lie where the trained sampler hardly goes".to_string());
        }
        if self.unseen > UNSEEN {
            against.push(format!(
                "{:.0} % of the particles that it learned from weigh more than any of its paths: that part of the posterior is hardly seen",
                100.0 * self.unseen
            ));
        }
        if self.failed > 1e-2 {
            against.push(format!(
                "{:.1} % of the executions failed numerically",
                100.0 * self.failed
            ));
        }
        against
    }
}
