//! A program as a source of simulations: noise that bears on its data, and the data that it leads to.
//!
//! The noise of a simulation is found by address among that of the program bound to the simulated data, as
//! [`sbc`](crate::session::sbc) does it. What cannot be laid out like this for every data set is refused.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::TrainRequest;
use crate::base::{Report, Seed, Span, nearest};
use crate::infer::diffusion::amortised::{Pairs, Simulator};
use crate::ir::DataDecl;
use crate::lower::Target;
use crate::session::bound::standard_normals;
use crate::session::program::unknown_data;
use crate::session::simulated::{Column, columns, refuse_weights};
use crate::session::{Bound, ExitKind, Failure, Limits, Program};
use crate::store::Inputs;

/// Data sets whose programs are compared before training.
const COMPARED: usize = 16;
/// Noise numbers drawn at a time.
const AT_ONCE: usize = 1 << 22;
/// The seed of what is looked at before a training has one.
const LOOK: Seed = Seed(1);

/// The place of a noise coordinate: the address of the choice that reads it, and which of its coordinates it is.
pub(super) type Place = (u128, usize);

/// See the module.
pub(super) struct Source {
    program: Program,
    inputs: Inputs,
    limits: Limits,
    simulated: Bound,
    pub columns: Vec<Column>,
    /// The trained coordinates' places.
    pub places: Vec<Place>,
    /// Where they are in the simulation's noise.
    within: Vec<usize>,
    size: usize,
}

impl Source {
    /// Looks at a program and refuses what cannot be trained for.
    pub fn new(
        program: Program,
        inputs: &Inputs,
        limits: &Limits,
        request: &TrainRequest,
    ) -> Result<Source, Failure> {
        declared(&program, &request.amortize)?;
        let limits = Limits {
            joint: true,
            ..limits.clone()
        };
        let simulated = program.simulate(inputs, &limits)?;
        bounded(&simulated)?;
        let z = standard_normals(LOOK, "columns", COMPARED * simulated.dim());
        let outputs = simulated.inner().0.pushforward.outputs(&z, COMPARED);
        let columns = columns(&program.model, inputs, &outputs);
        let columns = columns.map_err(|what| refused(&program, what, None, HELP))?;
        let mut source = Source {
            program,
            inputs: inputs.clone(),
            limits,
            simulated,
            columns,
            places: Vec::new(),
            within: Vec::new(),
            size: 1,
        };
        source.check_columns(&request.amortize)?;
        source.lay_out()?;
        Ok(source)
    }

    fn decl(&self, name: &str) -> Option<&DataDecl> {
        self.program.model.data.iter().find(|d| d.name == name)
    }

    fn refused(&self, what: String, label: Option<(Span, String)>, help: &str) -> Failure {
        refused(&self.program, what, label, help)
    }

    /// What is to be amortised must be drawn, all of it, and not missing.
    fn check_columns(&self, names: &[String]) -> Result<(), Failure> {
        for name in names {
            let decl = self.decl(name).expect("names are declared");
            let Some(column) = self.columns.iter().find(|c| c.name == *name) else {
                let what =
                    format!("the program draws no `{name}`: nothing can be simulated for it");
                let label = (decl.name_span, "no `observe` reads this".to_string());
                let help = "sizes and covariates are given once, with --data; only what is observed can be amortised";
                return Err(self.refused(what, Some(label), help));
            };
            let given = self.inputs.data.get(&column.key);
            let drawn = column.drawn();
            if let (Some(i), None) = (drawn.iter().position(|d| !d), given) {
                let what = format!(
                    "element {i} of `{name}` is never observed, and no data says what it is"
                );
                let label = (decl.name_span, "observed in part".to_string());
                return Err(self.refused(
                    what,
                    Some(label),
                    "give its value with --data; it stays as it is for every data set",
                ));
            }
        }
        let has_gaps = |c: &&Column| {
            let given = self.inputs.data.get(&c.key);
            given.is_some_and(|e| e.missing.contains(&true))
        };
        if let Some(column) = self.columns.iter().find(has_gaps) {
            let what = format!(
                "`{}` has missing elements: training needs complete data",
                column.name
            );
            let span = self
                .decl(&column.name)
                .map(|d| (d.name_span, "declared here".to_string()));
            let help =
                "which elements are missing changes the program's noise; `odp run` imputes them";
            return Err(self.refused(what, span, help));
        }
        Ok(())
    }

    /// Binds simulated data sets and lays their noise out; all must agree.
    fn lay_out(&mut self) -> Result<(), Failure> {
        let pairs = self.simulations(COMPARED, LOOK);
        let numbers: usize = self.columns.iter().map(|c| c.shape.len()).sum();
        let sets = pairs.chunks_exact(numbers.max(1));
        let sets = sets.filter(|y| y.iter().all(|v| v.is_finite()));
        let mut failed = None;
        let mut first: Option<Bound> = None;
        for y in sets {
            let bound = match self.bind(y) {
                Ok(bound) => bound,
                Err(failure) => {
                    failed.get_or_insert(failure);
                    continue;
                }
            };
            match &first {
                None => {
                    self.begin(&bound)?;
                    first = Some(bound);
                }
                Some(first) if places(&bound).as_ref() != Some(&self.places) => {
                    return Err(self.other_choices(first, &bound));
                }
                Some(_) => (),
            }
        }
        match (first, failed) {
            (Some(_), _) => Ok(()),
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(self.refused(
                "no simulated data set is made of finite numbers".to_string(),
                None,
                "look at what the program draws: `odp prior MODEL.odp`",
            )),
        }
    }

    fn begin(&mut self, bound: &Bound) -> Result<(), Failure> {
        refuse_weights(bound, "training")?;
        bounded(bound)?;
        self.places = places(bound).unwrap_or_default();
        if self.places.is_empty() {
            return Err(self.refused(
                "no draw of the program bears on the data".to_string(),
                None,
                "there is no posterior to learn: the prior is the answer for every data set",
            ));
        }
        let layout = &self.simulated.inner().0.graph.layout;
        let find = |(address, k): &Place| {
            let &(first, len) = layout.get(address)?;
            (*k < len).then_some(first + k)
        };
        let within: Option<Vec<usize>> = self.places.iter().map(find).collect();
        self.within = within.ok_or_else(|| self.not_simulated(bound))?;
        self.size = self.simulated.size().max(bound.size());
        Ok(())
    }

    /// A choice that is made with the data given and not while it is simulated.
    fn not_simulated(&self, bound: &Bound) -> Failure {
        let layout = &self.simulated.inner().0.graph.layout;
        let odd = |address: &u128| !layout.contains_key(address);
        self.of_choice(
            bound,
            odd,
            "drawn when the data is given, and not when it is simulated",
        )
    }

    /// The first choice of one program that the other does not make, or makes of another size.
    fn other_choices(&self, first: &Bound, bound: &Bound) -> Failure {
        let (a, b) = (&first.inner().0.graph.layout, &bound.inner().0.graph.layout);
        let text = "drawn for some data sets, and not for others";
        let more = b.iter().any(|(k, v)| a.get(k).map(|x| x.1) != Some(v.1));
        match more {
            true => self.of_choice(
                bound,
                |k| a.get(k).map(|x| x.1) != b.get(k).map(|x| x.1),
                text,
            ),
            false => self.of_choice(
                first,
                |k| a.get(k).map(|x| x.1) != b.get(k).map(|x| x.1),
                text,
            ),
        }
    }

    fn of_choice(&self, bound: &Bound, odd: impl Fn(&u128) -> bool, text: &str) -> Failure {
        let graph = &bound.inner().0.graph;
        let first = graph.layout.iter().filter(|(address, _)| odd(address));
        let first = first.map(|(_, (first, _))| *first).min();
        let site = first.and_then(|c| {
            graph
                .sites
                .iter()
                .find(|s| (s.first..s.first + s.len).contains(&c))
        });
        let label = site.map(|s| (s.span, text.to_string()));
        let what = "the program's choices depend on its data".to_string();
        self.refused(what, label, "one sampler serves data sets that lead to the same draws; use `odp run` for each of these")
    }

    /// The program with a data set.
    pub fn bind(&self, y: &[f64]) -> Result<Bound, Failure> {
        let mut inputs = self.inputs.clone();
        let mut rest = y;
        for column in &self.columns {
            let (numbers, more) = rest.split_at(column.shape.len());
            rest = more;
            inputs.levels.retain(|l| l.name != column.key);
            inputs
                .data
                .insert(column.key.clone(), column.entry(numbers));
        }
        self.program.bind(&inputs, &self.limits)
    }

    /// Data sets `[n, numbers]`.
    fn simulations(&self, n: usize, seed: Seed) -> Vec<f64> {
        self.pairs(n, seed).y
    }
}

const HELP: &str = "training draws the observed data from the program: declare what is observed with `data` and `observe` it by its name";

impl Simulator for Source {
    fn dim(&self) -> usize {
        self.places.len()
    }

    fn arrays(&self) -> Vec<Vec<usize>> {
        self.columns
            .iter()
            .map(|c| c.shape.dims().to_vec())
            .collect()
    }

    fn size(&self) -> usize {
        self.size
    }

    fn pairs(&self, n: usize, seed: Seed) -> Pairs {
        let dim = self.simulated.dim();
        let block = (AT_ONCE / dim.max(1)).max(1);
        let mut pairs = Pairs::default();
        for (b, start) in (0..n).step_by(block).enumerate() {
            let count = block.min(n - start);
            let z = standard_normals(seed.child("pairs", b as u64), "simulate", count * dim);
            let outputs = self.simulated.inner().0.pushforward.outputs(&z, count);
            let parts: Vec<_> = self
                .columns
                .iter()
                .map(|c| (c, c.within(&outputs)))
                .collect();
            let y = (0..count).into_par_iter().flat_map_iter(|i| {
                let numbers = parts.iter().flat_map(move |(c, parts)| c.numbers(parts, i));
                numbers.collect::<Vec<f64>>()
            });
            pairs.y.extend(y.collect::<Vec<f64>>());
            let rows = (0..count).flat_map(|i| self.within.iter().map(move |c| i * dim + c));
            pairs.z.extend(rows.map(|at| z[at]));
        }
        pairs
    }

    fn target(&self, y: &[f64]) -> Option<Arc<dyn Target>> {
        let bound = self.bind(y).ok()?;
        if places(&bound)? != self.places {
            return None;
        }
        let component = bound.inner().0.components.first()?.clone();
        Some(component)
    }
}

/// The places of a bound program's active coordinates, in their order.
pub(super) fn places(bound: &Bound) -> Option<Vec<Place>> {
    let lowered = bound.inner().0;
    let mut of: HashMap<usize, Place> = HashMap::new();
    for (address, &(first, len)) in &lowered.graph.layout {
        of.extend((0..len).map(|k| (first + k, (*address, k))));
    }
    let active = lowered.components.iter().flat_map(|c| &c.coordinates);
    active.map(|c| of.get(c).copied()).collect()
}

fn declared(program: &Program, names: &[String]) -> Result<(), Failure> {
    let all = || program.model.data.iter().map(|d| d.name.as_str());
    let unknown = |name: &&String| all().all(|n| n != name.as_str());
    let Some(name) = names.iter().find(unknown) else {
        return match names.is_empty() {
            true => Err(unknown_data(
                "nothing is to be amortised".to_string(),
                all().collect(),
                None,
            )),
            false => Ok(()),
        };
    };
    let message = format!("the program declares no data `{name}`");
    Err(unknown_data(message, all().collect(), nearest(name, all())))
}

/// Executions past the unrolling bound have noise that no network sees.
fn bounded(bound: &Bound) -> Result<(), Failure> {
    if !bound.may_overflow() {
        return Ok(());
    }
    let lowered = bound.inner().0;
    let terms = lowered.graph.terms.iter();
    let site = lowered
        .graph
        .sites
        .iter()
        .find(|s| s.mask.is_some())
        .map(|s| s.span);
    let span = site.or_else(|| terms.map(|t| t.span).next());
    let report = Report::error(
        "odp::session::not_amortisable",
        "a loop or a recursion of this program has no bound: no sampler can be trained for it",
    );
    let report = match span {
        Some(span) => report.label(span, "drawn as often as chance has it"),
        None => report,
    };
    Err(Failure {
        reports: vec![
            report.help("bound it by a number that is known, or use `odp run` for each data set"),
        ],
        exit: ExitKind::Model,
        sources: bound.sources().clone(),
    })
}

fn refused(program: &Program, what: String, label: Option<(Span, String)>, help: &str) -> Failure {
    let report = Report::error("odp::session::not_amortisable", what).help(help);
    let report = match label {
        Some((span, text)) => report.label(span, text),
        None => report,
    };
    Failure {
        reports: vec![report],
        exit: ExitKind::Model,
        sources: program.sources().clone(),
    }
}
