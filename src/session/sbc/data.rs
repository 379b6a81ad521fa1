//! Data that a program draws, in the shape in which it reads data.

use std::collections::HashMap;

use super::{NoiseDraws, SbcRequest};
use crate::base::{Entry, Origin, Report, Seed, Shape, Values};
use crate::draws::Output;
use crate::ir::{DataKind, Model};
use crate::session::{ExitKind, Failure, InferRequest, Limits, Program};
use crate::store::Inputs;

/// Draws of a program's parameters and data.
pub(super) struct Simulator {
    inputs: Inputs,
    truths: NoiseDraws,
    columns: Vec<Column>,
}

/// A variable that is drawn: where its elements are.
struct Column {
    key: String,
    kind: DataKind,
    shape: Shape,
    /// What stands where nothing is drawn.
    given: Vec<f64>,
    /// The output, its element, and the variable's element that it is.
    parts: Vec<(Output, Vec<usize>)>,
}

impl Simulator {
    /// Draws `request.sims` sets.
    pub fn new(
        program: &Program,
        inputs: &Inputs,
        limits: &Limits,
        request: &SbcRequest,
    ) -> Result<Simulator, Failure> {
        let simulated = program.simulate(inputs, limits)?;
        let prior = InferRequest {
            draws: request.sims,
            keep_noise: true,
            options: Vec::new(),
            time_budget: None,
            seed: Seed(request.infer.seed).child("simulate", 0).0,
            progress: std::sync::Arc::new(crate::infer::NoProgress),
            ..InferRequest::new("prior", 0)
        };
        let answer = simulated.infer(&prior)?;
        let columns = columns(program, inputs, &answer.record.draws.outputs)?;
        Ok(Simulator {
            inputs: inputs.clone(),
            truths: answer.kept.expect("the request asked for it"),
            columns,
        })
    }

    /// The inputs of one simulation.
    pub fn inputs(&self, sim: usize) -> Inputs {
        let mut inputs = self.inputs.clone();
        for column in &self.columns {
            inputs.levels.retain(|l| l.name != column.key);
            inputs.data.insert(column.key.clone(), column.entry(sim));
        }
        inputs
    }

    /// The noise of one simulation, as draws of their own.
    pub fn truth(&self, sim: usize) -> NoiseDraws {
        let dim = self.truths.dim;
        NoiseDraws {
            n: 1,
            chains: 1,
            n_draws: 1,
            log_weights: None,
            z: self.truths.z[sim * dim..(sim + 1) * dim].to_vec(),
            ..self.truths.clone_without_noise()
        }
    }
}

impl Column {
    fn entry(&self, sim: usize) -> Entry {
        let mut all = self.given.clone();
        for (output, places) in &self.parts {
            let width = output.shape.len();
            for (e, &place) in places.iter().enumerate() {
                let x = output.values[sim * width + e];
                if !x.is_nan() {
                    all[place] = x;
                }
            }
        }
        let values = match self.kind {
            DataKind::Bool => Values::Bool(all.iter().map(|x| *x != 0.0).collect()),
            DataKind::Int => Values::Int(all.iter().map(|x| *x as i64).collect()),
            DataKind::Real | DataKind::Str => Values::Real(all),
        };
        Entry {
            values,
            shape: self.shape.clone(),
            missing: Vec::new(),
            origin: Origin {
                file: "simulated data".to_string(),
                line: None,
            },
        }
    }
}

fn columns(program: &Program, inputs: &Inputs, outputs: &[Output]) -> Result<Vec<Column>, Failure> {
    let model = &program.model;
    if let Some(o) = outputs.iter().find(|o| o.name.starts_with("observe@")) {
        let line = o.name["observe@".len()..]
            .split('[')
            .next()
            .unwrap_or_default();
        return Err(unobserved(
            model,
            format!(
                "line {line} observes a value that is no data of its own: there is nothing to put a simulated value into"
            ),
        ));
    }
    let mut by_name: HashMap<&str, Vec<&Output>> = HashMap::new();
    for output in outputs {
        let bare = output.name.split('[').next().unwrap_or(&output.name);
        by_name.entry(bare).or_default().push(output);
    }
    let mut columns = Vec::new();
    for d in &model.data {
        let Some(outputs) = by_name.get(d.name.as_str()) else {
            continue;
        };
        let given = inputs.data.get(&d.key);
        if given.is_some_and(|e| e.missing.contains(&true)) {
            let what = format!(
                "`{}` has missing elements: calibration needs complete data",
                d.name
            );
            return Err(unobserved(model, what));
        }
        columns.push(column(d, outputs, given));
    }
    match columns.is_empty() {
        true => Err(unobserved(
            model,
            "this program observes no data: there is nothing to simulate".to_string(),
        )),
        false => Ok(columns),
    }
}

fn column(d: &crate::ir::DataDecl, outputs: &[&Output], given: Option<&Entry>) -> Column {
    let whole = outputs.iter().find(|o| o.name == d.name);
    let shape = match (whole, given) {
        (Some(o), _) => o.shape.clone(),
        (None, Some(entry)) => entry.shape.clone(),
        (None, None) => spanned(outputs),
    };
    let given = given.map(numbers).filter(|v| v.len() == shape.len());
    let parts = outputs.iter().map(|o| {
        let places = match o.name == d.name {
            true => (0..o.shape.len()).collect(),
            false => vec![shape_index(&o.name, &shape)],
        };
        ((*o).clone(), places)
    });
    Column {
        key: d.key.clone(),
        kind: d.kind,
        given: given.unwrap_or_else(|| vec![0.0; shape.len()]),
        parts: parts.collect(),
        shape,
    }
}

/// The indices in `y[1,2]`.
fn indices(name: &str) -> Vec<usize> {
    let inside = name
        .split_once('[')
        .map_or("", |(_, i)| i.trim_end_matches(']'));
    inside.split(',').filter_map(|i| i.parse().ok()).collect()
}

fn shape_index(name: &str, shape: &Shape) -> usize {
    let flat = indices(name)
        .iter()
        .zip(shape.dims())
        .fold(0, |flat, (i, n)| flat * n + i);
    flat.min(shape.len().saturating_sub(1))
}

/// The smallest shape that holds all elements.
fn spanned(outputs: &[&Output]) -> Shape {
    let mut dims: Vec<usize> = Vec::new();
    for index in outputs.iter().map(|o| indices(&o.name)) {
        dims.resize(dims.len().max(index.len()), 0);
        dims.iter_mut()
            .zip(index)
            .for_each(|(n, i)| *n = (*n).max(i + 1));
    }
    Shape(dims)
}

fn numbers(entry: &Entry) -> Vec<f64> {
    match &entry.values {
        Values::Bool(v) => v.iter().map(|&b| f64::from(u8::from(b))).collect(),
        Values::Int(v) => v.iter().map(|&x| x as f64).collect(),
        Values::Real(v) => v.clone(),
        Values::Str(v) => vec![0.0; v.len()],
    }
}

fn unobserved(model: &Model, what: String) -> Failure {
    let report = Report::error("odp::session::nothing_simulated", what).help(
        "calibration draws the observed data from the program: declare what is observed with `data` and `observe` it by its name",
    );
    Failure {
        reports: vec![report],
        exit: ExitKind::Model,
        sources: model.sources.clone(),
    }
}

/// The choices of a program may depend on its data; then a simulation's own do not tell the truth.
pub(super) fn other_choices() -> Failure {
    let report = Report::error(
        "odp::session::other_choices",
        "with simulated data the program makes choices that the simulation did not make: its sites depend on what it observes",
    );
    Failure::plain(ExitKind::Model, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_find_their_places() {
        assert_eq!(indices("y[1,2]"), [1, 2]);
        assert_eq!(indices("y"), [0usize; 0]);
        assert_eq!(shape_index("y[1,2]", &Shape(vec![2, 3])), 5);
        let output = |name: &str| Output {
            name: name.to_string(),
            shape: Shape::scalar(),
            kind: crate::draws::OutputKind::Real,
            values: vec![],
            present: vec![],
        };
        let (a, b) = (output("y[1,0]"), output("y[0,4]"));
        assert_eq!(spanned(&[&a, &b]), Shape(vec![2, 5]));
    }
}
