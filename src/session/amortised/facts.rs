//! What a training says of itself: the JSON document of `odp train --json`, and words.

use serde::Serialize;

use crate::infer::diffusion::amortised::{Facts, Pupil};
use crate::session::answer::finite;
use crate::session::{Figure, significant};

/// Shares below which the sampler is said to serve few data sets.
const FEW: f64 = 0.05;
/// Standard errors of the share inside central intervals that are no accident.
const FAR: f64 = 5.0;
/// Nats by which the true noise may weigh more than the paths.
const MISSED: f64 = 2.0;

/// A trained sampler's figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TrainingFacts {
    /// The version that trained it.
    pub odp: String,
    /// The program's name.
    pub model: String,
    /// The data that a query gives.
    pub amortized: Vec<String>,
    /// The training's seed.
    pub seed: u64,
    /// Noise coordinates that bear on the data.
    pub dim: usize,
    /// Numbers of a data set.
    pub numbers: usize,
    /// Whether time ran out, or the user interrupted: then it could have been better.
    pub interrupted: bool,
    /// What speaks against the sampler, in words.
    pub warnings: Vec<String>,
    /// Simulations that were drawn.
    pub simulations: u64,
    /// Steps that were taken.
    pub steps: StepFacts,
    /// Mean log density of held-out noise, in nats and without its constant, as it rose.
    pub log_density: DensityFacts,
    /// Over simulated data sets that it was not trained on.
    pub held_out: HeldOutFacts,
    /// The one-step student, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub student: Option<PupilFacts>,
    /// Seconds of wall-clock time; none where the sampler comes from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_s: Option<f64>,
    /// Where it was written.
    pub path: Option<String>,
}

/// Steps of each phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct StepFacts {
    pub fit: u64,
    pub denoise: u64,
    pub balance: u64,
}

/// Mean log density of held-out noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DensityFacts {
    /// Under the regression.
    pub regression: Figure,
    /// Under the Gaussian that was fitted for every data set.
    pub gaussian: Figure,
    /// Under the sampler, at least.
    pub sampler: Figure,
}

/// How held-out data sets are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct HeldOutFacts {
    /// How many there were.
    pub data_sets: u64,
    /// Share of the paths that are effective: the median.
    pub ess_median: f64,
    /// A tenth of the data sets has less.
    pub ess_low: f64,
    /// Share of the data sets whose weights have a light tail (Pareto k̂).
    pub light_tails: f64,
    /// Share of true noise coordinates inside their central 80 % intervals.
    pub inside_80: f64,
    /// Mean log-weight of the true noise above log Z; large where the sampler misses a part.
    pub gap: f64,
}

/// A one-step student as held-out data sets see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PupilFacts {
    /// Steps of regression.
    pub steps: u64,
    /// Root mean square distance from the ends of the sampler's probability flow, in the units of each data set's coordinates.
    pub distance: Figure,
    /// Share of its draws where it folds noise over itself, so that its density is not known.
    pub folded: Figure,
    /// Share of its draws that are effective: the median.
    pub ess_median: f64,
    /// A tenth of the data sets has less.
    pub ess_low: f64,
    /// Share of true noise coordinates inside their central 80 % intervals.
    pub inside_80: f64,
    /// Whether it answers queries; else the sampler itself does.
    pub kept: bool,
}

impl PupilFacts {
    fn of(p: &Pupil) -> PupilFacts {
        PupilFacts {
            steps: p.steps,
            distance: finite(p.distance),
            folded: finite(p.folded),
            ess_median: p.ess[0],
            ess_low: p.ess[1],
            inside_80: p.inside,
            kept: p.kept,
        }
    }
}

impl TrainingFacts {
    /// Of a training's own facts; names and places are filled in by who knows them.
    pub(super) fn of(facts: &Facts) -> TrainingFacts {
        let j = &facts.judged;
        let [fit, denoise, balance] = facts.steps;
        let [regression, gaussian, sampler] = facts.log_density.map(finite);
        let held_out = HeldOutFacts {
            data_sets: j.data_sets,
            ess_median: j.ess[0],
            ess_low: j.ess[1],
            light_tails: j.light,
            inside_80: j.inside,
            gap: j.gap,
        };
        TrainingFacts {
            interrupted: facts.cut,
            warnings: warnings(&held_out),
            simulations: facts.simulations,
            steps: StepFacts {
                fit,
                denoise,
                balance,
            },
            log_density: DensityFacts {
                regression,
                gaussian,
                sampler,
            },
            held_out,
            student: facts.student.as_ref().map(PupilFacts::of),
            ..TrainingFacts::default()
        }
    }

    /// The document of `--json`.
    pub fn json(&self) -> String {
        // Strings, numbers and lists: nothing in here can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For a person: what was trained, how it serves held-out data sets, and what speaks against it.
    pub fn words(&self) -> String {
        let h = &self.held_out;
        let percent = |x: f64| format!("{:.0} %", 100.0 * x);
        let time = self
            .train_s
            .map_or(String::new(), |s| format!(" in {} s", significant(s, 3)));
        let mut text = format!(
            "{} · a sampler for every {} · {} noise dimensions, {} numbers · seed {}\n\n{} simulations{time}\n",
            self.model,
            self.amortized.join(", "),
            self.dim,
            self.numbers,
            self.seed,
            self.simulations,
        );
        text.push_str(&format!(
            "held-out data sets ({}): ESS {} of the paths in the median, {} in the lowest tenth; light tails in {}\n",
            h.data_sets,
            percent(h.ess_median),
            percent(h.ess_low),
            percent(h.light_tails),
        ));
        text.push_str(&format!(
            "true values inside central 80 % intervals: {}\n",
            percent(h.inside_80)
        ));
        if let Some(s) = &self.student {
            text.push_str(&format!(
                "one-step student: {} from the sampler's flow (rms); ESS {} in the median, {} in the lowest tenth; {}\n",
                s.distance.map_or("-".to_string(), |x| significant(x, 2)),
                percent(s.ess_median),
                percent(s.ess_low),
                if s.kept { "it answers queries" } else { "the sampler serves better, and answers them itself" },
            ));
        }
        for warning in &self.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        if let Some(path) = &self.path {
            text.push_str(&format!("sampler written to {path}\n"));
        }
        text
    }
}

fn warnings(h: &HeldOutFacts) -> Vec<String> {
    let mut all = Vec::new();
    if h.data_sets == 0 {
        all.push("no simulated data set could be bound to judge the sampler by".to_string());
        return all;
    }
    if h.ess_median < FEW {
        all.push(format!(
            "half of the held-out data sets are served by fewer than {:.1} % of the paths: most queries will fall back to SMC",
            100.0 * h.ess_median.max(1e-3)
        ));
    }
    // Coordinates of one data set hang together: as if each had one.
    let error = (0.16 / h.data_sets as f64).sqrt();
    if (h.inside_80 - 0.8).abs() > FAR * error {
        all.push(format!(
            "{:.0} % of the true values lie inside central 80 % intervals",
            100.0 * h.inside_80
        ));
    }
    if h.gap > MISSED - h.ess_median.max(1e-3).ln() {
        all.push(
            "true values lie where the sampler hardly goes: it may miss a part of some posteriors"
                .to_string(),
        );
    }
    all
}
