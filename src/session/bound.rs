//! A program with its data: what is known of it, and draws from its posterior.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use rand_distr::{Distribution, StandardNormal};

use super::answer::equally_weighted;
use super::failure::MOST_JUMPS;
use super::parts::{Alone, Nothing, together};
use super::program::exit_kind;
use super::verdict::{Finding, MUCH_BEYOND, Run, verdict};
use super::{
    Answer, Checkpoint, Description, DiscreteFacts, ExitKind, Failure, GraphView, InferRequest,
    NoiseDraws, NoiseFacts, OutputFacts, Parts,
};
use crate::base::{Entry, Report, Seed, SourceMap, Span};
use crate::draws::{Draws, normalized};
use crate::infer::{self, InferError, Outcome, Settings};
use crate::ir::Model;
use crate::lower::{Component, DiscreteSite, Inner, Lowered, Marginalize, Target};
use crate::store::{Levels, Record};
use crate::trace::{self, NoiseSite, Term, TermKind};

/// Prior executions that are looked at before inference.
const PRIOR_LOOK: usize = 1000;
/// Of large programs fewer executions are run, so that about this many numbers are computed.
const LOOK_NUMBERS: usize = 2_000_000;
const FEWEST_LOOKS: usize = 16;
/// How much further a program is unrolled whose posterior lies beyond the bound; no further than this on its own.
pub(super) const DEEPER: usize = 8;
const DEEPEST: usize = 256;
/// Where no larger a share of the posterior's draws runs past the bound, twice the depth holds them.
const FEW_BEYOND: f64 = 0.1;
/// As many chains are never too many: a chain has one draw at least.
const FEW_CHAINS: usize = 8;
const ALL_FAIL: &str = "every execution of this program fails numerically";
/// The seed of what is looked at before a run has one.
pub(super) const LOOK: Seed = Seed(1);

/// A program with its data: ready to run.
pub struct Bound {
    pub(super) model: Arc<Model>,
    #[cfg_attr(
        not(test),
        allow(
            dead_code,
            reason = "the tests hold the lanes against the interpreter with it"
        )
    )]
    inputs: Arc<trace::Inputs>,
    pub(super) lowered: Lowered,
    warnings: Vec<Report>,
    description: Description,
    prior_failure_rate: f64,
    pub(super) levels: Vec<Levels>,
    pub(super) observed: Vec<(String, Entry)>,
    pub(super) compile_s: f64,
    pub(super) max_mem: u64,
    /// What is integrated out before an engine runs.
    pub(super) marginalize: Marginalize,
    /// How often loops and recursions that depend on chance are unrolled.
    pub(super) unroll: usize,
    /// Traces the program again with another unrolling bound, where the user has not asked for one.
    pub(super) retrace: Option<Retrace>,
}

/// See [`Bound::infer`].
pub(super) type Retrace = Box<dyn Fn(usize) -> Result<Bound, Failure> + Send + Sync>;

/// Makes room for noise that reaches no weight: every execution several times, its weight shared among them.
fn spread_exact(outcome: &mut Outcome, n_draws: usize) {
    let copies = n_draws.div_ceil(outcome.noise.n.max(1));
    let noise = &mut outcome.noise;
    let dim = noise.dim;
    noise.z = (0..noise.n)
        .flat_map(|i| (0..copies).flat_map(move |_| i * dim..(i + 1) * dim))
        .map(|k| noise.z[k])
        .collect();
    let shared = (copies as f64).ln();
    noise.log_weights = Some(match &noise.log_weights {
        Some(w) => w
            .iter()
            .flat_map(|w| std::iter::repeat_n(w - shared, copies))
            .collect(),
        None => vec![0.0; noise.n * copies],
    });
    noise.n *= copies;
    noise.lineage = None;
    outcome.exact = false;
}

pub(super) fn standard_normals(seed: Seed, purpose: &str, n: usize) -> Vec<f64> {
    let mut stream = seed.stream(purpose, 0);
    (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
}

/// The name of the draw that reads a coordinate, of draws by their first ones.
fn named(by_place: &BTreeMap<usize, &NoiseSite>, coordinate: usize) -> String {
    let site = by_place.range(..=coordinate).next_back();
    site.map_or_else(String::new, |(_, s)| s.element_name(coordinate - s.first))
}

impl Bound {
    pub(super) fn new(
        model: Arc<Model>,
        inputs: Arc<trace::Inputs>,
        lowered: Lowered,
        marginalize: Marginalize,
        warnings: Vec<Report>,
        description: Description,
    ) -> Bound {
        let mut bound = Bound {
            model,
            inputs,
            lowered,
            warnings,
            description,
            prior_failure_rate: 0.0,
            levels: Vec::new(),
            observed: Vec::new(),
            compile_s: 0.0,
            max_mem: u64::MAX,
            marginalize,
            unroll: 0,
            retrace: None,
        };
        bound.description = bound.described();
        bound
    }

    /// What is known with the data: dimensions, smoothness, discrete choices.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// What is odd in the program or its data, with places.
    pub fn warnings(&self) -> &[Report] {
        &self.warnings
    }

    /// The texts that reports point into.
    pub fn sources(&self) -> &SourceMap {
        &self.model.sources
    }

    /// What `print` said, line by line: known values, and the types of those that depend on chance.
    pub fn printed(&self) -> &[String] {
        &self.lowered.printed
    }

    /// The noise graph.
    pub fn graph(&self) -> GraphView {
        super::view::view(&self.description.model, &self.lowered)
    }

    fn described(&self) -> Description {
        let structures = || self.lowered.components.iter().map(|c| c.structure());
        let outputs = self.lowered.pushforward.described();
        Description {
            noise: Some(self.noise_facts("auto")),
            discrete: self.discrete_facts(),
            hard_constraints: Some(structures().any(|s| s.hard_constraints)),
            jumps: structures()
                .flat_map(|s| &s.jumps)
                .take(MOST_JUMPS)
                .map(|j| {
                    let (line, column) = self.model.sources.line_col(j.span);
                    format!("line {line}:{column}: {}", j.why)
                })
                .collect(),
            outputs: outputs
                .into_iter()
                .map(|(name, ty)| OutputFacts { name, ty })
                .collect(),
            ..self.description.clone()
        }
    }

    /// The discrete sites of all components, alike ones too.
    fn discrete_facts(&self) -> Vec<DiscreteFacts> {
        let by_place = self.by_place();
        let name = |c: usize| named(&by_place, c);
        let of_member = |c: &Component, member: &[usize]| -> Vec<DiscreteFacts> {
            let facts = |d: &DiscreteSite| DiscreteFacts {
                name: name(member[d.coordinate]),
                values: d.n_values,
            };
            c.structure().discrete.iter().map(facts).collect()
        };
        let components = self.lowered.components.iter();
        components
            .flat_map(|c| {
                c.members()
                    .flat_map(|m| of_member(c, m))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn by_place(&self) -> BTreeMap<usize, &NoiseSite> {
        let sites = &self.lowered.graph.sites;
        sites.iter().map(|s| (s.first, s)).collect()
    }

    /// The name of the draw that reads a coordinate.
    pub(super) fn name_of(&self, coordinate: usize) -> String {
        named(&self.by_place(), coordinate)
    }

    /// What is known of the noise, as an engine sees it.
    fn noise_facts(&self, engine: &str) -> NoiseFacts {
        NoiseFacts {
            dim: self.lowered.dim,
            active: self.active(),
            marginalized: self
                .lowered
                .components
                .iter()
                .map(|c| self.integrated_out(c, engine).len() * c.members().len())
                .sum(),
            smooth: self.is_smooth(),
            components: self
                .lowered
                .components
                .iter()
                .map(|c| c.members().len())
                .sum(),
            overflow_rate: self
                .lowered
                .components
                .iter()
                .map(|c| c.overflow_rate())
                .fold(0.0, f64::max),
        }
    }

    /// The log-weight's components, the outputs and the graph: what the tests hold against the interpreter.
    pub(super) fn inner(&self) -> (&Lowered, &Model, &trace::Inputs) {
        (&self.lowered, &self.model, &self.inputs)
    }

    /// Whether some execution can run past the unrolling bound.
    pub(super) fn may_overflow(&self) -> bool {
        self.lowered.graph.overflow.is_some()
    }

    /// Operations in the graph.
    pub(super) fn size(&self) -> usize {
        self.lowered.graph.len()
    }

    /// Noise coordinates of the graph.
    pub(super) fn dim(&self) -> usize {
        self.lowered.graph.dim
    }

    /// Noise coordinates that reach a weight.
    fn active(&self) -> usize {
        let dims = |c: &Arc<Component>| c.members().len() * c.dim();
        self.lowered.components.iter().map(dims).sum()
    }

    /// Whether log r is smooth in all of them.
    fn is_smooth(&self) -> bool {
        self.lowered.components.iter().all(|c| c.structure().smooth)
    }

    /// How many executions of the prior are looked at.
    fn looks(&self) -> usize {
        let size: usize = self.lowered.components.iter().map(|c| c.size()).sum();
        (LOOK_NUMBERS / size.max(1)).clamp(FEWEST_LOOKS, PRIOR_LOOK)
    }

    pub(super) fn failure(&self, report: Report, exit: ExitKind) -> Failure {
        Failure {
            reports: vec![report],
            exit,
            sources: self.model.sources.clone(),
        }
    }

    /// Whether less than this share of the prior's executions runs past the unrolling bound. The look ends as soon as that is
    /// clear.
    pub(super) fn seldom_overflows(&self, share: f64) -> bool {
        let Some(component) = self.lowered.components.first() else {
            return true;
        };
        let (dim, mut left) = (component.dim(), 4 * PRIOR_LOOK);
        let enough = (share * left as f64).ceil() as usize;
        let mut stream = LOOK.stream("unroll", 0);
        let rows = |most: usize| {
            let n = most.min(left);
            left -= n;
            let noise = (0..n * dim).map(|_| StandardNormal.sample(&mut stream));
            (n > 0).then(|| noise.collect())
        };
        component.overflowing(enough, rows) < enough
    }

    /// Runs some executions of the prior: failures are reported with their place, faults are errors.
    pub(super) fn look_at_prior(&mut self) -> Result<(), Failure> {
        if let Some((term, weight)) = self.lowered.ends {
            return Err(self.ended(&self.lowered.graph.terms[term], weight));
        }
        let (mut failed, mut total) = (0usize, 0usize);
        let mut warnings = Vec::new();
        for component in &self.lowered.components {
            let dim = component.dim();
            let n = self.looks();
            let z = standard_normals(LOOK, "look", n * dim);
            let mut log_r = vec![0.0; n];
            component.log_r(&z, &mut log_r);
            let weightless: Vec<f64> = z
                .chunks_exact(dim)
                .zip(&log_r)
                .filter(|(_, w)| **w == f64::NEG_INFINITY)
                .flat_map(|(row, _)| row)
                .copied()
                .collect();
            let [failed_here, ..] = component.counts();
            let failing = match failed_here {
                0 => Vec::new(),
                _ => component.failing(&weightless),
            };
            let here = failing.iter().filter(|f| **f).count();
            let first = failing.iter().position(|f| *f).and_then(|i| {
                let row = &weightless[i * dim..(i + 1) * dim];
                let (kind, span) = component.failure(row)?;
                Some((kind, span, row.to_vec()))
            });
            failed += here;
            total += n;
            if let Some((kind, span, row)) = first {
                let (report, fault) = self.failure_report(component, kind, span, &row, here);
                if fault {
                    return Err(self.failure(report, ExitKind::Model));
                }
                if here == n {
                    return Err(self.failure(report, ExitKind::Numerical));
                }
                warnings.push(report);
            }
            if let Some(e) = component.error() {
                return Err(self.failure(e.report, exit_kind(e.class)));
            }
            component.reset_counts();
        }
        self.prior_failure_rate = if total == 0 {
            0.0
        } else {
            failed as f64 / total as f64
        };
        self.warnings.extend(warnings);
        Ok(())
    }

    /// What to say where a term that no noise reaches gives every execution weight 0.
    fn ended(&self, term: &Term, weight: f64) -> Failure {
        let (report, kind) = match (term.kind, weight == f64::NEG_INFINITY) {
            (TermKind::Fault, _) => {
                let message = term.message.as_deref().unwrap_or("a fault");
                let report = Report::error("odp::run::fault", message);
                (
                    report.label(term.span, "whatever is drawn"),
                    ExitKind::Model,
                )
            }
            (_, true) => {
                let error =
                    trace::impossible(term.span, "this has probability 0, whatever is drawn");
                (error.report, exit_kind(error.class))
            }
            (_, false) => {
                let report = Report::error("odp::infer::numeric", ALL_FAIL);
                let label = "this log-weight is not a number, whatever is drawn";
                (report.label(term.span, label), ExitKind::Numerical)
            }
        };
        self.failure(report, kind)
    }

    /// What to say about executions that fail, and whether it is a fault of the program.
    fn failure_report(
        &self,
        component: &Component,
        kind: TermKind,
        span: Span,
        row: &[f64],
        n: usize,
    ) -> (Report, bool) {
        if kind == TermKind::Fault {
            let term = self
                .lowered
                .graph
                .terms
                .iter()
                .find(|t| t.kind == kind && t.span == span);
            let message = term
                .and_then(|t| t.message.as_deref())
                .unwrap_or("a fault")
                .to_string();
            let report = Report::error("odp::run::fault", message)
                .label(span, "in some executions of the prior")
                .help("guard it: an arm of an `if` that an execution does not take is no fault");
            return (report, true);
        }
        let share = 100.0 * n as f64 / self.looks() as f64;
        let message =
            format!("{share:.1} % of the executions fail numerically here: they have weight 0");
        let report = if n == self.looks() {
            Report::error("odp::infer::numeric", ALL_FAIL)
        } else {
            Report::warning("odp::infer::numeric", message)
        };
        let report = report.label(span, "this log-weight is not a number");
        let said = self.lowered.graph.terms.iter().find(|t| t.span == span);
        let said = said.filter(|t| t.kind == TermKind::Failure);
        let origin = match said.and_then(|t| t.message.as_deref()) {
            Some(message) => return (report.label(span, message), false),
            None => component.origin_of_failure(&self.lowered.graph, span, row),
        };
        (
            match origin {
                Some((at, text)) => report.label(at, text).help(
                    "restrict what is drawn to where this is defined, for example with `truncate`",
                ),
                None => report,
            },
            false,
        )
    }

    /// Draws from the posterior.
    ///
    /// # Errors
    /// Impossible evidence, an engine that cannot serve the program, limits, numerical failure. A poor fit is an
    /// [`Answer`] with `reliable: false`.
    pub fn infer(&self, request: &InferRequest) -> Result<Answer, Failure> {
        let engine = infer::find(&request.engine)
            .map_err(|e| Failure::of_infer(&e, self.model.sources.clone()))?;
        self.refuse_chains(request)?;
        self.begin_checkpoint(engine, request)?;
        let (mut answer, mut beyond) = self.infer_once(engine, request)?;
        let mut unroll = self.unroll;
        // The posterior may lie where the prior seldom goes: again, twice as deep for few of its draws, much deeper for many.
        for _ in 0..2 {
            let most = (DEEPER * self.unroll).min(DEEPEST);
            let depth = if beyond > FEW_BEYOND {
                most
            } else {
                most.min(2 * unroll)
            };
            if let Some(retrace) = &self.retrace
                && beyond > MUCH_BEYOND
                && depth > unroll
                && request.time_budget.is_none()
                && let Ok(bound) = retrace(depth)
            {
                unroll = depth;
                let deeper = self.in_place_of(bound, unroll);
                (answer, beyond) = deeper.infer_once(engine, request)?;
            }
        }
        answer.warn(Bound::checkpoint_trouble(request), &self.model.sources);
        if request.engine != "prior" {
            answer.judge(&Run {
                beyond,
                unroll,
                ..Run::default()
            });
        }
        Ok(answer)
    }

    /// The same program and data traced anew, with what this one was told.
    fn in_place_of(&self, other: Bound, unroll: usize) -> Bound {
        Bound {
            unroll,
            levels: self.levels.clone(),
            observed: self.observed.clone(),
            compile_s: self.compile_s,
            max_mem: self.max_mem,
            prior_failure_rate: self.prior_failure_rate,
            ..other
        }
    }

    /// The share of the posterior's draws that run past the unrolling bound.
    fn share_beyond(&self, z: &[f64], log_weights: Option<&[f64]>) -> f64 {
        let Some(component) = self
            .lowered
            .components
            .first()
            .filter(|_| self.may_overflow())
        else {
            return 0.0;
        };
        let n = z.len() / self.lowered.dim.max(1);
        let weights = log_weights.and_then(normalized);
        let mut share = 0.0;
        for (i, row) in z.chunks_exact(self.lowered.dim.max(1)).enumerate() {
            let own: Vec<f64> = component.coordinates.iter().map(|&c| row[c]).collect();
            if component.overflow_key(&own).is_some() {
                share += weights.as_ref().map_or(1.0 / n as f64, |w| w[i]);
            }
        }
        share
    }

    /// Each chain is warmed up by itself: more chains than draws are a slip.
    fn refuse_chains(&self, request: &InferRequest) -> Result<(), Failure> {
        let (chains, draws) = (request.chains, request.draws);
        if chains <= draws.max(FEW_CHAINS) {
            return Ok(());
        }
        let message = format!("{chains} chains have no draw each in {draws}");
        let report = Report::error("odp::infer::bad_option", message)
            .help("ask for fewer chains (--chains K), or for more draws (--draws N)");
        Err(self.failure(report, ExitKind::Input))
    }

    /// A device that this build has, whether the engine computes on it or not.
    fn demand_device(&self, name: &str) -> Result<(), Failure> {
        crate::compute::device::device(name)
            .map(drop)
            .map_err(|why| {
                let name = "device".to_string();
                Failure::of_infer(&InferError::BadOption { name, why }, self.sources().clone())
            })
    }

    pub(super) fn infer_once(
        &self,
        engine: &dyn infer::Engine,
        request: &InferRequest,
    ) -> Result<(Answer, f64), Failure> {
        let started = Instant::now();
        let mut settings = request.settings();
        settings.max_bytes = Some(self.max_mem);
        if let Some(device) = &request.device {
            self.demand_device(device)?;
            let reads = engine.options().iter().any(|o| o.name == "device");
            if reads || engine.name() == "auto" {
                let options = &mut settings.options.0;
                options.insert("device".to_string(), device.clone());
            }
        }
        // What is kept goes on later, with all of its draws.
        let together = !engine.ends_anywhere() && request.checkpoint.is_none();
        let budget = request.time_budget.filter(|_| together);
        let paced = self.pace(&mut settings, budget);
        let mut outcome = self.outcome(engine, &settings, request.checkpoint.as_ref())?;
        outcome.warnings.extend(paced);
        self.judge_failures(&mut outcome);
        if outcome.exact && self.active() < self.lowered.dim {
            spread_exact(&mut outcome, settings.n_draws);
        }
        let z = self.noise(&outcome, settings.seed);
        let prior = engine.name() == "prior";
        let (z, draws, failing) = self.without_failing(z, &mut outcome, settings.seed, prior)?;
        self.judge_propriety(&z, &mut outcome);
        let beyond = self.share_beyond(&z, draws.log_weights.as_deref());
        outcome.noise.z = Vec::new();
        let parts = Parts {
            model: self.description.model.clone(),
            requested: request.engine.clone(),
            seed: request.seed,
            noise: self.noise_facts(engine.name()),
            up_to_constant: self.lowered.improper,
            outcome,
            draws,
            n_draws: settings.n_draws,
            record: Record {
                prior,
                observed: self.observed.clone(),
                ..Record::default()
            },
            levels: self.levels.clone(),
            compile_s: self.compile_s,
            total_s: self.compile_s + started.elapsed().as_secs_f64(),
            reports: self.warnings.iter().cloned().chain(failing).collect(),
        };
        let n_draws = parts.n_draws;
        let log_weights = parts.draws.log_weights.clone();
        let (n, chains) = (parts.draws.n, parts.draws.chains);
        let mut answer = Answer::new(parts, &self.model.sources);
        if request.keep_noise {
            answer.kept = Some(NoiseDraws {
                n,
                chains,
                n_draws,
                log_weights,
                z,
                seed: settings.seed,
                dim: self.lowered.dim,
                layout: self.lowered.graph.layout.clone(),
                n_terms: self.lowered.graph.terms.len(),
            });
        }
        Ok((answer, beyond))
    }

    /// What the program returns, written as the language writes it, where none of it depends on chance.
    pub fn result(&self) -> Option<&str> {
        self.lowered.result.as_deref()
    }

    /// Whether this program makes the choices of the run that the draws come from, no others, and weighs as many things.
    pub fn has_noise_of(&self, kept: &NoiseDraws) -> bool {
        let graph = &self.lowered.graph;
        kept.layout == graph.layout && kept.n_terms == graph.terms.len()
    }

    /// The outputs of this program at the noise of another run's draws, equally weighted: of the same program, or of one
    /// made from it by [`Program::returning`](super::Program::returning). Choices that the other did not make are drawn
    /// from the prior.
    pub fn at(&self, kept: &NoiseDraws) -> Draws {
        let z = kept.laid_out(&self.lowered.graph.layout, self.lowered.dim);
        let draws = Draws {
            n: kept.n,
            chains: kept.chains,
            outputs: self.lowered.pushforward.outputs(&z, kept.n),
            log_weights: kept.log_weights.clone(),
        };
        equally_weighted(draws, kept.n_draws, kept.seed)
    }

    /// Runs an engine over every component. The outcome's noise has the active coordinates, component after component.
    fn outcome(
        &self,
        engine: &dyn infer::Engine,
        settings: &Settings,
        checkpoint: Option<&Arc<Checkpoint>>,
    ) -> Result<Outcome, Failure> {
        let components = &self.lowered.components;
        let mut found: Vec<Alone> = Vec::new();
        for (i, component) in components.iter().enumerate() {
            let alike = component.members().len();
            // As many draws of each chain as of the chains of other components.
            let chains = settings.n_chains.max(1);
            let n_draws = match alike {
                1 => settings.n_draws,
                k => k * settings.n_draws.div_ceil(chains) * chains,
            };
            let own = Settings {
                seed: settings.seed.child("component", i as u64),
                keeper: self.keeper(checkpoint, i),
                n_draws,
                alike,
                ..settings.clone()
            };
            let outcome = self
                .alone(engine, component, &own)
                .map_err(|e| self.explain(e, component))?;
            if let Some(e) = component.error() {
                return Err(self.failure(e.report, exit_kind(e.class)));
            }
            found.push(Alone {
                outcome,
                alike,
                n_draws,
                seed: own.seed,
            });
        }
        let mut outcome = match together(found) {
            Some(outcome) => outcome,
            None => engine
                .run(&Nothing::new(), settings)
                .map_err(|e| Failure::of_infer(&e, self.model.sources.clone()))?,
        };
        if let Some(z) = &mut outcome.log_z {
            let constant = self.lowered.constant;
            z.estimate += constant;
            z.elbo = z.elbo.map(|x| x + constant);
            z.eubo = z.eubo.map(|x| x + constant);
        }
        Ok(outcome)
    }

    /// What of a component an engine does not see.
    fn integrated_out<'a>(&self, component: &'a Component, engine: &str) -> Inner<'a> {
        let explores = match engine {
            "prior" | "enumerate" => return Inner::Nothing,
            "auto" => !component.structure().smooth,
            _ => matches!(engine, "diffusion" | "smc" | "importance"),
        };
        self.marginalize.of(component, explores)
    }

    /// Runs an engine over one component, over what is left where some of it is integrated out.
    fn alone(
        &self,
        engine: &dyn infer::Engine,
        component: &Component,
        settings: &Settings,
    ) -> Result<Outcome, InferError> {
        let inner = self.integrated_out(component, engine.name());
        let Some(left) = inner.left(component) else {
            return engine.run(component, settings);
        };
        left.set_counts(component.counts());
        let mut outcome = engine.run(&*left, settings)?;
        component.set_counts(left.counts());
        if outcome.exact {
            spread_exact(&mut outcome, settings.n_draws);
        }
        let noise = &mut outcome.noise;
        let fresh = standard_normals(settings.seed, "integrated out", noise.n * inner.len());
        noise.z = left.complete(&noise.z, noise.n, &fresh);
        noise.dim = component.dim();
        let spent = &mut outcome.evaluations;
        spent.gradient = left.gradients(spent.log_r, spent.gradient);
        Ok(outcome)
    }

    fn judge_failures(&self, outcome: &mut Outcome) {
        let counts = self.lowered.components.iter().map(|c| c.failures());
        let (failed, total) = counts.fold((0, 0), |(a, b), (f, n)| (a + f, b + n));
        outcome.diagnostics.failed_rate = Some(if total == 0 {
            0.0
        } else {
            failed as f64 / total as f64
        });
        let prior_failures = self.prior_failure_rate;
        outcome.warnings.extend(
            verdict(&Run {
                prior_failures,
                ..Run::default()
            })
            .into_iter()
            .map(Finding::words),
        );
    }

    /// All of the program's noise for each draw.
    fn noise(&self, outcome: &Outcome, seed: Seed) -> Vec<f64> {
        let (n, dim) = (outcome.noise.n, self.lowered.dim);
        // What reaches no weight has its prior as its posterior.
        let mut z = standard_normals(seed, "irrelevant", n * dim);
        let coordinates = || {
            self.lowered
                .components
                .iter()
                .flat_map(|c| c.members().flatten().copied())
        };
        let width = self.active();
        for draw in 0..n {
            for (k, c) in coordinates().enumerate() {
                z[draw * dim + c] = outcome.noise.z[draw * width + k];
            }
        }
        z
    }

    /// The outputs that the noise of the draws leads to.
    pub(super) fn pushed(&self, z: &[f64], outcome: &Outcome) -> Draws {
        let n = outcome.noise.n;
        Draws {
            n,
            chains: outcome.noise.chains,
            outputs: self.lowered.pushforward.outputs(z, n),
            log_weights: outcome.noise.log_weights.clone(),
        }
    }

    fn explain(&self, e: InferError, component: &Component) -> Failure {
        match e {
            InferError::ImpossibleEvidence { .. } => {
                self.failure(self.impossible(component), ExitKind::Model)
            }
            InferError::CannotServe { .. } => {
                let mut failure = Failure::of_infer(&e, self.model.sources.clone());
                if let (Some(report), Some((span, text))) =
                    (failure.reports.first_mut(), self.not_finite(component))
                {
                    *report = report.clone().label(span, text);
                }
                failure
            }
            other => Failure::of_infer(&other, self.model.sources.clone()),
        }
    }

    /// The first site of a component that is not one of finitely many values: what enumeration cannot serve.
    fn not_finite(&self, component: &Component) -> Option<(Span, String)> {
        let finite = |c: usize| {
            let here = component
                .structure()
                .discrete
                .iter()
                .find(|d| component.coordinates[d.coordinate] == c);
            here.is_some_and(|d| d.n_values.is_some())
        };
        let own = |first: usize| component.coordinates.contains(&first);
        let site = self
            .lowered
            .graph
            .sites
            .iter()
            .find(|s| (s.first..s.first + s.len).any(|c| own(c) && !finite(c)))?;
        let why = if site.discrete {
            "has no bound that is known"
        } else {
            "is continuous"
        };
        Some((site.span, format!("`{}` {why}", site.name)))
    }

    /// Points at the statement that most executions fail at.
    fn impossible(&self, component: &Component) -> Report {
        let z = standard_normals(LOOK, "blame", PRIOR_LOOK * component.dim());
        let mut counts: HashMap<Span, usize> = HashMap::new();
        for row in z.chunks_exact(component.dim()) {
            let weights = component.weights(row);
            if let Some((_, _, span)) = weights.iter().find(|(_, w, _)| *w == f64::NEG_INFINITY) {
                *counts.entry(*span).or_default() += 1;
            }
        }
        let worst = counts
            .into_iter()
            .max_by_key(|(span, n)| (*n, std::cmp::Reverse(span.start)));
        let report = Report::error(
            "odp::infer::impossible_evidence",
            "no execution of this program has positive weight",
        );
        match worst {
            Some((span, n)) => report
                .label(span, format!("{n} of {PRIOR_LOOK} executions drawn from the prior have probability 0 here"))
                .help("is this value in the support of its distribution? are the draws above it able to lead here?"),
            None => report,
        }
    }
}
