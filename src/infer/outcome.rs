//! What an engine answers with: draws of noise, log Z where it has one, and everything that speaks for or against them.

use super::{InferError, Settings};
use crate::draws::Dependence;
use crate::lower::Target;

/// Draws of noise, weighted or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Noise {
    /// `[n, dim]`, row-major. With several chains, chain after chain: `[chains, n / chains, dim]`.
    pub z: Vec<f64>,
    /// Draws.
    pub n: usize,
    /// Noise coordinates.
    pub dim: usize,
    /// Chains the draws come from; 1 where there are none.
    pub chains: usize,
    /// Unnormalised log weights `[n]`; `None` where all are equal.
    pub log_weights: Option<Vec<f64>>,
    /// For particles and resampled paths: draws with the same number descend from the same one and may be correlated (see
    /// [`crate::draws::grouped_ess`]). `None` where draws are independent or form chains.
    pub lineage: Option<Vec<u32>>,
}

/// An estimate of the log marginal likelihood, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogZ {
    /// The estimate.
    pub estimate: f64,
    /// Its standard error; 0 where it is exact.
    pub se: f64,
    /// A lower bound in expectation; `None` where there is none or it is −∞.
    pub elbo: Option<f64>,
    /// An upper bound in expectation.
    pub eubo: Option<f64>,
}

/// How well it went; `None` where a figure does not exist for the engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics {
    /// Effective sample size of the importance weights.
    pub is_ess: Option<f64>,
    /// Pareto k̂ of the importance weights.
    pub khat: Option<f64>,
    /// Share of proposals with weight 0.
    pub violation_rate: Option<f64>,
    /// Share of executions that failed numerically.
    pub failed_rate: Option<f64>,
    /// Largest R̂ over the noise coordinates.
    pub rhat_max: Option<f64>,
    /// Smallest bulk ESS over the noise coordinates.
    pub ess_bulk_min: Option<f64>,
    /// Smallest tail ESS over the noise coordinates.
    pub ess_tail_min: Option<f64>,
    /// Divergent transitions, for engines that have them.
    pub divergences: Option<u64>,
    /// Share of accepted proposals.
    pub acceptance: Option<f64>,
}

/// How well a sampler fitted at some point of its training, on draws that it did not learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// What was looked at: a candidate's name, `training`.
    pub stage: String,
    /// Iterations of training before.
    pub step: usize,
    /// Mean log-weight of its own draws, in nats; −∞ where some are impossible.
    pub elbo: f64,
    /// Mean log-weight of held-out particles.
    pub eubo: f64,
    /// ESS of the weights, as a share.
    pub ess: f64,
}

/// A one-step student beside the sampler that it learned from, each judged by its own draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distilled {
    /// Steps of regression.
    pub steps: usize,
    /// Root mean square distance from the ends of the teacher's probability flow, on noise that it did not learn from, in the
    /// units of the coordinates that the sampler works in (1 where the posterior is as wide as its whitening).
    pub distance: f64,
    /// Share of its draws where it folds noise over itself, so that its density is not known.
    pub folded: f64,
    /// KL(student ‖ posterior) in nats: log Z − ELBO of its draws; ∞ where some are impossible.
    pub kl: f64,
    /// ESS of its draws' weights, as a share.
    pub ess: f64,
    /// The same of the teacher's paths.
    pub teacher_kl: f64,
    /// The same of the teacher's paths.
    pub teacher_ess: f64,
    /// Whether the answer's draws are the student's, weighed; else they are the teacher's.
    pub answered: bool,
}

impl Distilled {
    /// Of two independent parts: divergences add up, of the others the worse.
    pub fn and(self, other: Distilled) -> Distilled {
        Distilled {
            steps: self.steps.max(other.steps),
            distance: self.distance.max(other.distance),
            folded: self.folded.max(other.folded),
            kl: self.kl + other.kl,
            ess: self.ess.min(other.ess),
            teacher_kl: self.teacher_kl + other.teacher_kl,
            teacher_ess: self.teacher_ess.min(other.teacher_ess),
            answered: self.answered && other.answered,
        }
    }
}

/// Target evaluations that were spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// Of log r.
    pub log_r: u64,
    /// Of its gradient.
    pub gradient: u64,
}

/// Seconds of wall-clock time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Finding the posterior's place and scale.
    pub warmup_s: f64,
    /// Training a network.
    pub train_s: f64,
    /// Drawing.
    pub sample_s: f64,
}

/// An engine's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The draws.
    pub noise: Noise,
    /// The log marginal likelihood, from engines that have it.
    pub log_z: Option<LogZ>,
    /// How well it went.
    pub diagnostics: Diagnostics,
    /// What it cost in evaluations.
    pub evaluations: Evaluations,
    /// What it cost in time.
    pub timing: Timing,
    /// The verdict: whether the draws may be trusted.
    pub reliable: bool,
    /// In plain words, what speaks against them.
    pub warnings: Vec<String>,
    /// Whether the user interrupted.
    pub interrupted: bool,
    /// How many independent draws these are worth, where the engine knows better than a chain analysis of the draws:
    /// an upper bound for every quantity's ESS (importance resampling, particles). `None` for chains and exact draws.
    pub equal_weight_ess: Option<f64>,
    /// Whether the draws are all there is, with exact weights: figures from them have no Monte Carlo error.
    pub exact: bool,
    /// For samplers that are trained: how they came to fit.
    pub training: Vec<Fitted>,
    /// Log weights of the paths or proposals that the draws were resampled from; empty where there were none.
    pub path_log_weights: Vec<f64>,
    /// For a sampler that was distilled into one step: how the student compares.
    pub distilled: Option<Distilled>,
    /// For `auto`: what answered, and why.
    pub chosen: Option<(&'static str, String)>,
}

impl Outcome {
    /// The answer where no noise reaches the evidence: as many draws of nothing, and log Z exactly. `None` where some does.
    pub(crate) fn without_noise(
        target: &dyn Target,
        settings: &Settings,
        chains: usize,
    ) -> Option<Result<Outcome, InferError>> {
        if target.dim() > 0 {
            return None;
        }
        let mut log_r = [0.0];
        target.log_r(&[], &mut log_r);
        let log_r = log_r[0];
        if log_r == f64::NEG_INFINITY {
            return Some(Err(InferError::ImpossibleEvidence { tried: 1 }));
        }
        let chains = chains.max(1);
        let noise = Noise {
            n: settings.n_draws.div_ceil(chains) * chains,
            chains,
            ..Noise::default()
        };
        Some(Ok(Outcome {
            log_z: Some(LogZ {
                estimate: log_r,
                se: 0.0,
                elbo: Some(log_r),
                eubo: Some(log_r),
            }),
            evaluations: Evaluations {
                log_r: 1,
                gradient: 0,
            },
            reliable: true,
            noise,
            ..Outcome::default()
        }))
    }

    /// How the draws depend on each other, for [`crate::draws::summarize`]. `weights` are the normalised ones of
    /// [`Noise::log_weights`], where there are any.
    pub fn dependence<'a>(&'a self, weights: Option<&'a [f64]>) -> Dependence<'a> {
        match (weights, &self.noise.lineage, self.equal_weight_ess) {
            (Some(w), ..) if self.exact => Dependence::Exact(w),
            (Some(w), ..) => Dependence::Weighted(w),
            (None, Some(lineage), Some(ess)) if self.diagnostics.is_ess.is_some() => {
                Dependence::Resampled(lineage, ess)
            }
            (None, Some(lineage), _) => Dependence::Lineage(lineage),
            (None, None, Some(ess)) => Dependence::Worth(ess),
            (None, None, None) => Dependence::Chains(self.noise.chains),
        }
    }

    /// Adds a warning that makes the result unreliable.
    pub fn distrust(&mut self, warning: impl Into<String>) {
        self.reliable = false;
        self.warnings.push(warning.into());
    }
}
