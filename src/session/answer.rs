//! What a run answers: the JSON document of `odp run --json`, in its keys and their order, and the draws behind it.
//!
//! A figure that does not exist is `None` here and `null` there; a NaN or an infinity never gets in.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::figures::{Figures, summarise};
use super::verdict::{Finding, Run, verdict};
use super::{LooFacts, NoiseDraws};
use crate::base::{Report, Seed, SourceMap};
use crate::draws::{Draws, normalized, systematic};
use crate::infer::{Distilled, Fitted, Outcome};
use crate::store::{Levels, Record};

/// A finite figure, or none.
pub type Figure = Option<f64>;

/// A run's answer.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The version that answered.
    pub odp: &'static str,
    /// The program's name.
    pub model: String,
    /// The engine that answered.
    pub engine: String,
    /// The engine that was asked for.
    pub requested: String,
    /// The run's seed.
    pub seed: u64,
    /// Whether the draws may be trusted.
    pub reliable: bool,
    /// Whether the user interrupted the run.
    pub interrupted: bool,
    /// In plain words, what speaks against the draws and what is odd in the program, with places.
    pub warnings: Vec<String>,
    /// What is known of the program's noise.
    pub noise: NoiseFacts,
    /// The log marginal likelihood.
    pub log_z: LogZFacts,
    /// How well it went.
    pub diagnostics: DiagnosticFacts,
    /// What it cost in evaluations.
    pub evaluations: EvaluationFacts,
    /// What it cost in seconds.
    pub timing: TimingFacts,
    /// The draws' number and place.
    pub draws: DrawsFacts,
    /// Every element of every output, in the program's order.
    #[serde(serialize_with = "as_map")]
    pub parameters: Vec<(String, Figures)>,
    /// The texts behind the codes of columns of texts.
    #[serde(
        serialize_with = "levels_as_map",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub levels: Vec<Levels>,
    /// The one-step student, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub student: Option<StudentFacts>,
    /// How well the model predicts, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loo: Option<LooFacts>,
    /// Why this engine, where it was chosen for the user.
    #[serde(skip)]
    pub chosen_because: Option<String>,
    /// Warnings with places, as they are shown to a person; their words are in `warnings` too.
    #[serde(skip)]
    pub reports: Vec<Report>,
    /// The draws and all that is written to disk with them.
    #[serde(skip)]
    pub record: Record,
    /// The draws' noise, where the request asked for it.
    #[serde(skip)]
    pub kept: Option<NoiseDraws>,
}

/// What is known of a program's noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct NoiseFacts {
    /// Coordinates in all.
    pub dim: usize,
    /// Coordinates that reach a weight; the others keep the prior.
    pub active: usize,
    /// Those of the active ones that are integrated out, and drawn after the engine has run.
    pub marginalized: usize,
    /// Whether the log-weight is a smooth function of every active coordinate.
    pub smooth: bool,
    /// Independent parts.
    pub components: usize,
    /// Share of executions that ran past the unrolled bound.
    pub overflow_rate: f64,
}

/// The log marginal likelihood, in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LogZFacts {
    /// The estimate.
    pub estimate: Figure,
    /// Its standard error.
    pub se: Figure,
    /// A lower bound in expectation; none where it is −∞.
    pub elbo: Figure,
    /// An upper bound in expectation.
    pub eubo: Figure,
    /// Whether an improper prior leaves it open by a constant.
    pub up_to_constant: bool,
}

/// How well it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct DiagnosticFacts {
    pub is_ess: Figure,
    pub khat: Figure,
    pub violation_rate: Figure,
    pub failed_rate: Figure,
    pub rhat_max: Figure,
    pub ess_bulk_min: Figure,
    pub ess_tail_min: Figure,
    pub divergences: Option<u64>,
    pub acceptance: Figure,
}

/// A one-step student beside the sampler that it learned from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StudentFacts {
    /// Steps of regression.
    pub steps: usize,
    /// Root mean square distance from the ends of the teacher's probability flow, on noise that it did not learn from, in
    /// units of the sampler's own coordinates.
    pub distance: Figure,
    /// Share of its draws where it folds noise over itself, so that its density is not known.
    pub folded: Figure,
    /// KL(student ‖ posterior) in nats; none where it is ∞.
    pub kl: Figure,
    /// ESS of its draws' weights, as a share.
    pub ess: Figure,
    /// The teacher's paths' KL, in nats.
    pub teacher_kl: Figure,
    /// ESS of the teacher's paths, as a share.
    pub teacher_ess: Figure,
    /// Whether the draws are the student's; else they are the teacher's.
    pub answered: bool,
}

/// Evaluations that were spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct EvaluationFacts {
    pub log_r: u64,
    pub gradient: u64,
}

/// Seconds of wall-clock time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct TimingFacts {
    pub compile_s: f64,
    pub warmup_s: f64,
    pub train_s: f64,
    pub sample_s: f64,
    pub total_s: f64,
}

/// The draws' number and place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DrawsFacts {
    /// Draws in all.
    pub n: usize,
    /// Chains they come from.
    pub chains: usize,
    /// Where they were written.
    pub path: Option<String>,
}

/// What an answer is made from.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// The program's name.
    pub model: String,
    /// The engine that was asked for; `outcome.chosen` says what answered.
    pub requested: String,
    /// The run's seed.
    pub seed: u64,
    /// What is known of the noise.
    pub noise: NoiseFacts,
    /// Whether an improper prior leaves log Z open by a constant.
    pub up_to_constant: bool,
    /// The engine's answer.
    pub outcome: Outcome,
    /// The outputs over the engine's draws.
    pub draws: Draws,
    /// How many draws are written where the engine's have weights.
    pub n_draws: usize,
    /// Statistics, observed data and predictions for the disk; its draws, model, engine and seed are filled in.
    pub record: Record,
    /// Levels of the columns of texts that the program uses.
    pub levels: Vec<Levels>,
    /// Seconds before the engine started.
    pub compile_s: f64,
    /// Seconds in all.
    pub total_s: f64,
    /// Warnings with places.
    pub reports: Vec<Report>,
}

impl Answer {
    /// Summarises the draws and gathers everything that speaks for or against them. `sources` are the texts that the
    /// parts' reports point into.
    pub fn new(parts: Parts, sources: &SourceMap) -> Answer {
        let Parts { outcome, draws, .. } = parts;
        let engine = outcome
            .chosen
            .as_ref()
            .map_or(parts.requested.as_str(), |(name, _)| name)
            .to_string();
        let parameters = summarise(&draws, &outcome);
        let attributes = curves(&outcome);
        let mut answer = Answer {
            odp: env!("CARGO_PKG_VERSION"),
            model: parts.model.clone(),
            engine: engine.clone(),
            requested: parts.requested,
            seed: parts.seed,
            reliable: outcome.reliable,
            interrupted: outcome.interrupted,
            warnings: outcome.warnings.clone(),
            noise: parts.noise,
            log_z: log_z(&outcome, parts.up_to_constant),
            diagnostics: diagnostics(&outcome, &parameters),
            evaluations: EvaluationFacts {
                log_r: outcome.evaluations.log_r,
                gradient: outcome.evaluations.gradient,
            },
            timing: TimingFacts {
                compile_s: parts.compile_s,
                warmup_s: outcome.timing.warmup_s,
                train_s: outcome.timing.train_s,
                sample_s: outcome.timing.sample_s,
                total_s: parts.total_s,
            },
            draws: DrawsFacts {
                n: draws.n,
                chains: draws.chains,
                path: None,
            },
            parameters,
            levels: parts.levels,
            student: outcome.distilled.as_ref().map(student),
            loo: None,
            chosen_because: outcome.chosen.map(|(_, why)| why),
            reports: Vec::new(),
            record: Record {
                model: parts.model,
                engine,
                seed: parts.seed,
                interrupted: outcome.interrupted,
                draws: equally_weighted(draws, parts.n_draws, Seed(parts.seed)),
                attributes,
                ..parts.record
            },
            kept: None,
        };
        let parameters = std::mem::take(&mut answer.parameters);
        answer.judge(&Run {
            reliable: answer.reliable,
            draws: answer.draws.n,
            parameters: &parameters,
            ..Run::default()
        });
        answer.parameters = parameters;
        answer.warn(parts.reports, sources);
        answer
    }

    /// The document of `--json`.
    pub fn json(&self) -> String {
        // Strings, numbers and maps with text keys: nothing in here can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Puts this document into the record, without times and places, for whoever opens the draws later.
    pub fn describe_record(&mut self) {
        let Ok(mut document) = serde_json::to_value(&*self) else {
            return;
        };
        if let Some(keys) = document.as_object_mut() {
            keys.retain(|k, _| k != "timing" && k != "draws");
        }
        document["verdict"] = self.verdict().into();
        self.record
            .attributes
            .push(("answer".to_string(), document));
    }

    /// Adds warnings with places.
    pub fn warn(&mut self, reports: Vec<Report>, sources: &SourceMap) {
        self.warnings
            .extend(reports.iter().map(|r| in_one_line(r, sources)));
        self.reports.extend(reports);
    }

    /// Adds what the session's own rules find; see [`super::verdict`].
    pub(super) fn judge(&mut self, run: &Run) {
        for finding in verdict(run) {
            match finding {
                Finding::Distrust(why) => self.distrust(why),
                Finding::Warn(why) => self.warnings.push(why),
            }
        }
    }

    pub(super) fn distrust(&mut self, warning: String) {
        self.reliable = false;
        self.warnings.push(warning);
    }
}

/// How the engine came to its draws, as documents for the record.
fn curves(outcome: &Outcome) -> Vec<(String, serde_json::Value)> {
    let mut all = Vec::new();
    if !outcome.training.is_empty() {
        let step = |f: &Fitted| {
            let (elbo, eubo) = (finite(f.elbo), finite(f.eubo));
            serde_json::json!({"stage": f.stage, "step": f.step, "elbo": elbo, "eubo": eubo, "ess": finite(f.ess)})
        };
        let steps: Vec<_> = outcome.training.iter().map(step).collect();
        all.push(("training".to_string(), steps.into()));
    }
    let weights = &outcome.path_log_weights;
    if (1..=MOST_WEIGHTS).contains(&weights.len()) {
        let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Weights of 0 are null.
        let weights: Vec<Figure> = weights.iter().map(|w| finite(w - top)).collect();
        all.push(("path_log_weights".to_string(), weights.into()));
    }
    all
}

/// More path weights than these are not kept with the draws.
const MOST_WEIGHTS: usize = 20_000;

/// Draws without weights, for readers that know none: `n` of them, resampled where there are weights.
pub(super) fn equally_weighted(draws: Draws, n: usize, seed: Seed) -> Draws {
    let Some(weights) = draws.log_weights.as_deref().and_then(normalized) else {
        return draws;
    };
    let picked = systematic(&weights, n, &mut seed.stream("record", 0));
    Draws {
        chains: 1,
        log_weights: None,
        ..draws.picked(&picked)
    }
}

/// `model.odp:7:3: the headline`.
fn in_one_line(report: &Report, sources: &SourceMap) -> String {
    let place = report.labels.first().and_then(|label| {
        let (line, column) = sources.line_col(label.span);
        sources
            .get(label.span.file)
            .map(|s| format!("{}:{line}:{column}: ", s.name))
    });
    format!("{}{}", place.unwrap_or_default(), report.message)
}

/// The figure where it is a finite number.
pub fn finite(x: f64) -> Figure {
    x.is_finite().then_some(x)
}

fn log_z(outcome: &Outcome, up_to_constant: bool) -> LogZFacts {
    let z = outcome.log_z;
    LogZFacts {
        estimate: z.and_then(|z| finite(z.estimate)),
        se: z.and_then(|z| finite(z.se)),
        elbo: z.and_then(|z| z.elbo).and_then(finite),
        eubo: z.and_then(|z| z.eubo).and_then(finite),
        up_to_constant,
    }
}

fn student(d: &Distilled) -> StudentFacts {
    StudentFacts {
        steps: d.steps,
        distance: finite(d.distance),
        folded: finite(d.folded),
        kl: finite(d.kl),
        ess: finite(d.ess),
        teacher_kl: finite(d.teacher_kl),
        teacher_ess: finite(d.teacher_ess),
        answered: d.answered,
    }
}

fn diagnostics(outcome: &Outcome, parameters: &[(String, Figures)]) -> DiagnosticFacts {
    let d = &outcome.diagnostics;
    let all = |figure: fn(&Figures) -> Figure, noise: Figure| {
        parameters
            .iter()
            .filter_map(move |(_, f)| figure(f))
            .chain(noise.and_then(finite))
    };
    DiagnosticFacts {
        is_ess: d.is_ess.and_then(finite),
        khat: d.khat.and_then(finite),
        violation_rate: d.violation_rate.and_then(finite),
        failed_rate: d.failed_rate.and_then(finite),
        rhat_max: all(|f| f.rhat, d.rhat_max).reduce(f64::max),
        ess_bulk_min: all(|f| f.ess_bulk, d.ess_bulk_min).reduce(f64::min),
        ess_tail_min: all(|f| f.ess_tail, d.ess_tail_min).reduce(f64::min),
        divergences: d.divergences,
        acceptance: d.acceptance.and_then(finite),
    }
}

fn as_map<S: Serializer>(entries: &[(String, Figures)], out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(Some(entries.len()))?;
    entries
        .iter()
        .try_for_each(|(name, figures)| map.serialize_entry(name, figures))?;
    map.end()
}

fn levels_as_map<S: Serializer>(levels: &[Levels], out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(Some(levels.len()))?;
    levels
        .iter()
        .try_for_each(|l| map.serialize_entry(&l.name, &l.levels))?;
    map.end()
}

#[cfg(test)]
mod tests;
