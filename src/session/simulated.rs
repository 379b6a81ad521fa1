//! Data that a program draws, in the shape in which it reads data.

use std::collections::HashMap;

use super::{Bound, ExitKind, Failure};
use crate::base::{Entry, Origin, Report, Shape, Values};
use crate::draws::Output;
use crate::ir::{DataDecl, DataKind, Model};
use crate::store::Inputs;
use crate::trace::TermKind;

/// A data variable that is drawn: where its elements are among the outputs of a program that simulates its data.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub key: String,
    pub kind: DataKind,
    pub shape: Shape,
    /// What stands where nothing is drawn.
    pub given: Vec<f64>,
    /// The outputs that are its elements.
    parts: Vec<Part>,
}

/// An output, and the variable's elements that it is.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    /// Which of the outputs of this name: the arms of a branch may each observe the variable.
    nth: usize,
    places: Vec<usize>,
}

impl Column {
    /// Its parts among outputs.
    pub fn within<'a>(&'a self, outputs: &'a [Output]) -> Vec<(&'a Output, &'a [usize])> {
        let find = |p: &Part| outputs.iter().filter(|o| o.name == p.name).nth(p.nth);
        let parts = self.parts.iter();
        parts
            .filter_map(|p| Some((find(p)?, p.places.as_slice())))
            .collect()
    }

    /// The numbers of one simulation.
    pub fn numbers(&self, parts: &[(&Output, &[usize])], sim: usize) -> Vec<f64> {
        let mut all = self.given.clone();
        for (output, places) in parts {
            let width = output.shape.len();
            for (e, &place) in places.iter().enumerate() {
                let x = output.values[sim * width + e];
                if !x.is_nan() {
                    all[place] = x;
                }
            }
        }
        all
    }

    /// Which elements are drawn.
    pub fn drawn(&self) -> Vec<bool> {
        let mut drawn = vec![false; self.shape.len()];
        let places = self.parts.iter().flat_map(|p| &p.places);
        places.for_each(|&p| drawn[p] = true);
        drawn
    }

    /// Numbers as an entry of this kind and shape.
    pub fn entry(&self, numbers: &[f64]) -> Entry {
        let values = match self.kind {
            DataKind::Bool => Values::Bool(numbers.iter().map(|x| *x != 0.0).collect()),
            DataKind::Int => Values::Int(numbers.iter().map(|x| *x as i64).collect()),
            DataKind::Real | DataKind::Str => Values::Real(numbers.to_vec()),
        };
        Entry {
            values,
            shape: self.shape.clone(),
            missing: Vec::new(),
            origin: Origin {
                file: "simulated data".to_string(),
                line: None,
                column: false,
            },
        }
    }
}

/// The data that outputs are draws of.
///
/// # Errors
/// In words, why there is no place to put a simulated value into.
pub(super) fn columns(
    model: &Model,
    inputs: &Inputs,
    outputs: &[Output],
) -> Result<Vec<Column>, String> {
    if let Some(o) = outputs.iter().find(|o| o.name.starts_with("observe@")) {
        let line = o.name["observe@".len()..]
            .split('[')
            .next()
            .unwrap_or_default();
        return Err(format!(
            "line {line} observes a value that is no data of its own: there is nothing to put a simulated value into"
        ));
    }
    let mut by_name: HashMap<&str, Vec<&Output>> = HashMap::new();
    for output in outputs {
        let bare = output.name.split('[').next().unwrap_or(&output.name);
        by_name.entry(bare).or_default().push(output);
    }
    let drawn = model.data.iter().filter_map(|d| {
        let outputs = by_name.get(d.name.as_str())?;
        Some(column(d, outputs, inputs.data.get(&d.key)))
    });
    let columns: Vec<Column> = drawn.collect();
    match columns.is_empty() {
        true => Err("this program observes no data: there is nothing to simulate".to_string()),
        false => Ok(columns),
    }
}

fn column(d: &DataDecl, outputs: &[&Output], given: Option<&Entry>) -> Column {
    let whole = outputs.iter().find(|o| o.name == d.name);
    let shape = match (whole, given) {
        (Some(o), _) => o.shape.clone(),
        (None, Some(entry)) => entry.shape.clone(),
        (None, None) => spanned(outputs),
    };
    let given = given.map(numbers).filter(|v| v.len() == shape.len());
    let parts = outputs.iter().enumerate().map(|(i, o)| Part {
        name: o.name.clone(),
        nth: outputs[..i].iter().filter(|p| p.name == o.name).count(),
        places: match o.name == d.name {
            true => (0..o.shape.len()).collect(),
            false => vec![shape_index(&o.name, &shape)],
        },
    });
    Column {
        name: d.name.clone(),
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

/// The elements of an entry as numbers.
pub(super) fn numbers(entry: &Entry) -> Vec<f64> {
    match &entry.values {
        Values::Bool(v) => v.iter().map(|&b| f64::from(u8::from(b))).collect(),
        Values::Int(v) => v.iter().map(|&x| x as f64).collect(),
        Values::Real(v) => v.clone(),
        Values::Str(v) => vec![0.0; v.len()],
    }
}

/// Weights that are no observations cannot be simulated; `who` wants to.
pub(super) fn refuse_weights(bound: &Bound, who: &str) -> Result<(), Failure> {
    let terms = &bound.inner().0.graph.terms;
    let odd = terms.iter().find_map(|t| {
        let what = match t.kind {
            TermKind::Factor => "`factor` weighs executions",
            TermKind::Condition => "`condition` rules executions out",
            TermKind::Improper => "an improper prior",
            _ => return None,
        };
        Some((what, t.span))
    });
    let Some((what, span)) = odd else {
        return Ok(());
    };
    let report = Report::error(
        "odp::session::not_simulable",
        format!("{who} draws data from the program, and this weight cannot be drawn from"),
    );
    let report = report.label(span, what).help(
        "write it as a distribution: `sample` from what the weight makes of the prior, or `observe` data by it",
    );
    Err(Failure {
        reports: vec![report],
        exit: ExitKind::Model,
        sources: bound.sources().clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loop_walks_over_is_drawn_where_it_stands() {
        let text = "data x: real[3]\ndata y: real[3]\nsample m ~ Normal(0, 10)\nfor v in x { observe v ~ Normal(m, 1) }\nfor (a, b) in zip(x, y) { observe b ~ Normal(a, 1) }\n";
        let program = crate::session::Session::compile(
            "m.odp",
            text,
            std::sync::Arc::new(crate::store::NoFiles),
        )
        .unwrap();
        let given = br#"{"x": [1, 2, 3], "y": [1, 2, 3]}"#;
        // With data that is there for its size, and without.
        for data in [&given[..], b"{}"] {
            let inputs = Inputs::from_bytes("d.json", data.to_vec(), 1 << 20).unwrap();
            let simulated = program.simulate(&inputs, &Default::default()).unwrap();
            let request = crate::session::InferRequest {
                draws: 500,
                ..crate::session::InferRequest::new("prior", 1)
            };
            let draws = simulated.infer(&request).unwrap().record.draws;
            let names: Vec<&str> = draws.outputs.iter().map(|o| o.name.as_str()).collect();
            assert_eq!(names, ["m", "x[0]", "x[1]", "x[2]", "y[0]", "y[1]", "y[2]"]);
            // Each has noise of its own, and y follows the x that was drawn: their squared distances are 1 and 2 in the mean, with
            // standard errors of √(2/500) and twice that.
            let apart = |i: usize, j: usize| {
                let pairs = draws.outputs[i].values.iter().zip(&draws.outputs[j].values);
                pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 500.0
            };
            assert!((apart(1, 4) - 1.0).abs() < 0.32, "{}", apart(1, 4));
            assert!((apart(1, 2) - 2.0).abs() < 0.64, "{}", apart(1, 2));
        }
    }

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
