//! A checked program; with its data it becomes functions of noise.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::bound::DEEPER;
use super::compile::{self, Origin};
use super::{Bound, Description, ExitKind, Failure, Limits};
use crate::base::{Data, Report, Seed, SourceMap, nearest};
use crate::ir::{DataDecl, DataKind, Model, Size, Type};
use crate::lower::{Marginalize, Overflow, Passes, lower};
use crate::store::Inputs;
use crate::trace::{self, Class, TraceError, trace};

/// A checked program, ready for data.
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) model: Arc<Model>,
    pub(super) warnings: Vec<Report>,
    pub(super) description: Description,
    pub(super) result: Type,
    pub(super) compile_s: f64,
    pub(super) origin: Origin,
}

/// How often a loop or recursion that depends on chance is unrolled when nothing else is asked for: the first of these
/// at which hardly any prior execution runs past the bound.
const UNROLL: [usize; 8] = [3, 4, 6, 8, 16, 32, 64, 128];
/// Larger graphs are not made just to unroll further.
const MAX_UNROLLED_NODES: usize = 60_000;
/// Nor is noise spread over more coordinates than this where they multiply with each level, as in a recursion that calls
/// itself twice: engines slow down long before the levels that few executions reach.
const MAX_MULTIPLIED_DIM: usize = 64;
/// Coordinates multiply when they grow by more than this times what the number of levels grows by.
const MULTIPLIED: f64 = 1.8;
/// Unrolling further is worth it while more of the prior's executions than this run past the bound.
const RARE: f64 = 1e-3;

impl Program {
    /// Its name: the file's stem, or the folder's where the stem is `model`.
    pub fn name(&self) -> &str {
        &self.description.model
    }

    /// What is known without data.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// What is odd in it, with places.
    pub fn warnings(&self) -> &[Report] {
        &self.warnings
    }

    /// The same program without the warnings that only a finished one deserves: of names that nothing reads yet, of draws
    /// that reach nothing yet, of evidence that tells nothing yet.
    pub fn unfinished(mut self) -> Program {
        const FINISHED: [&str; 6] = [
            "odp::check::unused",
            "odp::check::unused_site",
            "odp::check::dropped_draw",
            "odp::check::no_effect",
            "odp::check::idle_evidence",
            "odp::check::constant_observe",
        ];
        self.warnings.retain(|w| !FINISHED.contains(&w.code));
        self
    }

    /// The texts that reports point into.
    pub fn sources(&self) -> &SourceMap {
        &self.model.sources
    }

    /// The same program with an expression as its result, as if `return expression` were its last line; a `return` at
    /// its file level does not count. All else, noise and evidence, stays as it is.
    ///
    /// # Errors
    /// What is wrong with the expression, at its place in a text named `expression`.
    pub fn returning(&self, expression: &str) -> Result<Program, Failure> {
        compile::returning(&self.origin, expression)
    }

    /// The type of what the program's `return` gives; `Type::Unit` without one.
    pub fn result_type(&self) -> &Type {
        &self.result
    }

    /// The type of an expression over the program's names, as far as it is known without data: `real[J]`. A function
    /// without annotations is shown with reals where it takes them.
    ///
    /// # Errors
    /// As [`Program::returning`].
    pub fn type_of(&self, expression: &str) -> Result<Type, Failure> {
        Ok(self.returning(expression)?.result)
    }

    /// Refuses names of inputs that the program does not declare.
    pub fn declares<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let size = |s: &Size, of: &str| matches!(s, Size::Binds { name, .. } if name == of);
        let own = |d: &DataDecl, name: &str| {
            d.name == name || d.key == name || d.sizes.iter().any(|s| size(s, name))
        };
        let data = &self.model.data;
        let unknown = |name: &&str| data.iter().all(|d| !own(d, name));
        match names.into_iter().find(unknown) {
            None => Ok(()),
            Some(name) => {
                let message = format!("the program declares no data `{name}`");
                let all = || data.iter().map(|d| d.name.as_str());
                Err(unknown_data(message, all().collect(), nearest(name, all())))
            }
        }
    }

    /// Binds data: sizes, `where` conditions, evidence; then traces the program and lowers it.
    ///
    /// # Errors
    /// Data that is missing, of the wrong kind or size, or breaks a `where`; a limit that is reached; what is wrong with
    /// the program once its data is known.
    pub fn bind(&self, inputs: &Inputs, limits: &Limits) -> Result<Bound, Failure> {
        self.bound(inputs, limits, trace::Inputs::new)
    }

    /// As [`Program::bind`], with every `observe y ~ D` read as a draw of y: the outputs are those of the program and
    /// the simulated observations. `factor` and `condition` weigh nothing. Observed inputs may be absent where their
    /// sizes are known without them.
    ///
    /// # Errors
    /// As [`Program::bind`].
    pub fn simulate(&self, inputs: &Inputs, limits: &Limits) -> Result<Bound, Failure> {
        self.bound(inputs, limits, trace::Inputs::simulated)
    }

    fn bound(
        &self,
        inputs: &Inputs,
        limits: &Limits,
        gather: fn(&Model, &Data) -> Result<trace::Inputs, Vec<TraceError>>,
    ) -> Result<Bound, Failure> {
        let started = Instant::now();
        let unroll = limits.unroll;
        let ways = Ways {
            passes: limits.passes,
            marginalize: limits.marginalize,
            joint: limits.joint,
        };
        self.refuse_faults(inputs)?;
        let data = self.decoded(inputs);
        let bound_inputs = gather(&self.model, &data).map_err(|errors| self.failures(errors))?;
        let bound_inputs = Arc::new(bound_inputs);
        let at = |n: usize, max_nodes: usize| trace::Limits {
            max_depth: limits.max_depth,
            max_steps: limits.max_steps,
            max_noise: limits.max_noise,
            unroll: n,
            max_nodes,
            max_mem: limits.max_mem,
            plates: limits.passes.has("plates"),
        };
        let plenty = trace::Limits::default().max_nodes;
        let mut bound =
            self.lowered(&bound_inputs, at(unroll.unwrap_or(UNROLL[0]), plenty), ways)?;
        let mut unrolled = unroll.unwrap_or(UNROLL[0]);
        if unroll.is_none() {
            for n in UNROLL.into_iter().skip(1) {
                if !bound.may_overflow()
                    || bound.seldom_overflows(RARE)
                    || bound.size() > MAX_UNROLLED_NODES
                {
                    break;
                }
                // A trace that is not kept ends as soon as that is clear.
                let in_proportion = MULTIPLIED * (n as f64 / unrolled as f64) * bound.dim() as f64;
                let next = trace::Limits {
                    max_noise: limits
                        .max_noise
                        .min(MAX_MULTIPLIED_DIM.max(in_proportion as usize)),
                    ..at(n, 4 * MAX_UNROLLED_NODES)
                };
                match self.lowered(&bound_inputs, next, ways) {
                    Ok(next) => (bound, unrolled) = (next, n),
                    Err(_) => break,
                }
            }
        }
        bound.levels = inputs
            .levels
            .iter()
            .filter(|l| self.model.data.iter().any(|d| d.key == l.name))
            .cloned()
            .collect();
        bound.observed = self
            .model
            .data
            .iter()
            .filter_map(|d| Some((d.name.clone(), data.get(&d.key)?.clone())))
            .collect();
        bound.look_at_prior()?;
        bound.unroll = unrolled;
        if unroll.is_none() && bound.may_overflow() {
            let (program, inputs) = (self.clone(), bound_inputs);
            let most = MAX_MULTIPLIED_DIM.max(DEEPER * 2 * bound.dim());
            let limits = trace::Limits {
                max_noise: limits.max_noise.min(most),
                ..at(0, 4 * MAX_UNROLLED_NODES)
            };
            bound.retrace = Some(Box::new(move |unroll| {
                program.lowered(&inputs, trace::Limits { unroll, ..limits }, ways)
            }));
        }
        bound.max_mem = limits.max_mem;
        bound.compile_s = self.compile_s + started.elapsed().as_secs_f64();
        Ok(bound)
    }

    /// Inputs that are declared and cannot be used.
    fn refuse_faults(&self, inputs: &Inputs) -> Result<(), Failure> {
        let mut sources = self.model.sources.clone();
        let reports: Vec<Report> = self
            .model
            .data
            .iter()
            .filter_map(|d| {
                Some(
                    inputs
                        .fault(&d.key)?
                        .report(&mut sources)
                        .label(d.name_span, "declared here"),
                )
            })
            .collect();
        if reports.is_empty() {
            Ok(())
        } else {
            Err(Failure {
                reports,
                exit: ExitKind::Input,
                sources,
            })
        }
    }

    /// Columns of texts that the program declares `string` are texts again.
    fn decoded<'a>(&self, inputs: &'a Inputs) -> Cow<'a, Data> {
        let mut data = Cow::Borrowed(&inputs.data);
        // Of what is declared `real` texts are no codes: one cell that is misspelt makes a column of texts.
        let texts = |d: &&crate::ir::DataDecl| matches!(d.kind, DataKind::Str | DataKind::Real);
        for d in self.model.data.iter().filter(texts) {
            if let (Some(levels), Some(entry)) = (inputs.levels_of(&d.key), inputs.data.get(&d.key))
            {
                data.to_mut().insert(d.key.clone(), levels.decode(entry));
            }
        }
        data
    }

    fn lowered(
        &self,
        inputs: &Arc<trace::Inputs>,
        limits: trace::Limits,
        ways: Ways,
    ) -> Result<Bound, Failure> {
        let traced = trace(&self.model, inputs, limits).map_err(|e| self.failures(vec![e]))?;
        let overflow = Overflow {
            model: self.model.clone(),
            inputs: inputs.clone(),
            limits,
            layout: Arc::new(traced.graph.layout.clone()),
            dim: traced.graph.dim,
            seed: Seed(0x6f64_7021),
        };
        let mut description = self.description.clone();
        for (fact, i) in description.inputs.iter_mut().zip(0..) {
            fact.given = inputs.value(i).map(|t| t.shape.to_string());
        }
        Ok(Bound::new(
            self.model.clone(),
            inputs.clone(),
            lower(traced, overflow, ways.passes, ways.joint),
            ways.marginalize,
            self.warnings.clone(),
            description,
        ))
    }

    fn failures(&self, errors: Vec<TraceError>) -> Failure {
        let exit = errors
            .first()
            .map_or(ExitKind::Model, |e| exit_kind(e.class));
        let reports = errors.into_iter().map(|e| e.report).collect();
        Failure {
            reports,
            exit,
            sources: self.model.sources.clone(),
        }
    }
}

/// How a traced program becomes targets.
#[derive(Clone, Copy)]
struct Ways {
    passes: Passes,
    marginalize: Marginalize,
    joint: bool,
}

pub(super) fn exit_kind(class: Class) -> ExitKind {
    match class {
        Class::Model => ExitKind::Model,
        Class::Data => ExitKind::Input,
        Class::Limit => ExitKind::Limit,
        Class::Numeric => ExitKind::Numerical,
    }
}

/// The name of the program in a file: its stem, or its folder's name where the stem is `model`.
pub fn program_name(file: &str) -> String {
    let path = Path::new(file);
    let text = |s: Option<&std::ffi::OsStr>| s.map(|s| s.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_else(|| "model".to_string());
    if stem != "model" {
        return stem;
    }
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let named = folder.canonicalize().ok().and_then(|f| text(f.file_name()));
    named.or_else(|| text(folder.file_name())).unwrap_or(stem)
}

/// Names that are not among a program's data.
pub(super) fn unknown_data(message: String, all: Vec<&str>, near: Option<&str>) -> Failure {
    let help = match (near, all.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, true) => "it declares none: `data y: real[n]` does".to_string(),
        (None, false) => format!("it declares {}", all.join(", ")),
    };
    let report = Report::error("odp::session::unknown_data", message).help(help);
    Failure::plain(ExitKind::Input, report)
}
