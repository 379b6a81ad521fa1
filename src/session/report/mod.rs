//! A run's output as one page that a browser opens: nothing in it comes from elsewhere, and no script runs.
//!
//! ```text
//! Record (draws, predictions, data, the run's own document) ──► sections ──► one HTML text
//! ```
//!
//! A section whose material is not there (a CSV has draws and nothing else) is left out, and said to be at the end.

mod page;
mod predictions;
mod sections;

use serde_json::Value;

use super::picture;
use crate::store::Record;

/// The page of a run's output.
pub fn report(record: &Record) -> String {
    let sections: Vec<Section> = [
        sections::verdict(record),
        sections::table(record),
        sections::marginals(record),
        sections::pairs(record),
        sections::chains(record),
        sections::training(record),
        sections::path_weights(record),
        predictions::checks(record),
        sections::criteria(record),
        sections::graph(record),
        sections::facts(record),
    ]
    .into_iter()
    .flatten()
    .collect();
    page::page(record, &sections)
}

/// A part of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    html: String,
}

impl Section {
    fn new(id: &'static str, title: &'static str, html: String) -> Option<Section> {
        Some(Section { id, title, html })
    }
}

/// An attribute of the record.
fn attribute<'a>(record: &'a Record, name: &str) -> Option<&'a Value> {
    let found = record.attributes.iter().find(|(n, _)| n == name);
    found.map(|(_, v)| v)
}

/// The run's own document, where it was kept.
fn answer(record: &Record) -> Option<&Value> {
    attribute(record, "answer")
}

/// One element of an output over all draws, by chain.
struct Variable {
    name: String,
    whole: bool,
    chains: Vec<Vec<f64>>,
}

impl Variable {
    fn all(&self) -> Vec<f64> {
        let all = self.chains.iter().flatten().copied();
        all.filter(|x| x.is_finite()).collect()
    }

    /// Whether it takes more than one value.
    fn moves(&self) -> bool {
        let all = self.all();
        all.iter().any(|x| *x != all[0])
    }
}

/// The first elements of the posterior, and how many there are.
fn variables(record: &Record, most: usize) -> (Vec<Variable>, usize) {
    let (chains, length) = record.chains_and_length();
    let outputs = &record.draws.outputs;
    let total = outputs.iter().map(|o| o.shape.len()).sum();
    let elements = outputs
        .iter()
        .flat_map(|o| (0..o.shape.len()).map(move |e| (o, e)));
    let one = |(o, e): (&crate::draws::Output, usize)| {
        let width = o.shape.len();
        let chain = |c: usize| -> Vec<f64> {
            (c * length..(c + 1) * length)
                .map(|d| o.values[d * width + e])
                .collect()
        };
        let chains: Vec<Vec<f64>> = (0..chains).map(chain).collect();
        Variable {
            name: o.element_name(e),
            whole: chains
                .iter()
                .flatten()
                .all(|x| x.fract() == 0.0 || x.is_nan()),
            chains,
        }
    };
    (elements.take(most).map(one).collect(), total)
}

#[cfg(test)]
mod tests;
