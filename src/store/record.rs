//! What a run leaves behind, whatever the format: draws with their statistics and the data they answer to.

use crate::base::{Entry, Values};
use crate::draws::{Draws, Output, OutputKind};

/// A figure of every draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// Its name, as ArviZ has them: `lp`, `diverging`, `acceptance_rate`.
    pub name: String,
    /// One for each draw, chain after chain.
    pub values: Vec<f64>,
}

/// A run's output.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Record {
    /// The program's name.
    pub model: String,
    /// The engine that answered.
    pub engine: String,
    /// The run's seed.
    pub seed: u64,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// Whether the outputs come from the prior instead of the posterior.
    pub prior: bool,
    /// The outputs, all of the same weight.
    pub draws: Draws,
    /// Figures of the draws.
    pub sample_stats: Vec<Stat>,
    /// Simulated observations, where there are some; of as many draws and chains as `draws`.
    pub predictive: Vec<Output>,
    /// Pointwise log-likelihood of the observations, where there is one.
    pub log_likelihood: Vec<Output>,
    /// What was observed.
    pub observed: Vec<(String, Entry)>,
    /// What else is to be known of the run: documents by name.
    pub attributes: Vec<(String, serde_json::Value)>,
}

impl Record {
    /// Chains and draws of each. Draws that do not divide evenly count as one chain.
    pub fn chains_and_length(&self) -> (usize, usize) {
        match (self.draws.n, self.draws.chains) {
            (n, chains) if chains > 0 && n % chains == 0 => (chains, n / chains),
            (n, _) => (1, n),
        }
    }
}

/// An observed entry in the terms of an output with one draw; `None` for texts, which no reader of draws takes.
pub fn as_output(name: &str, entry: &Entry) -> Option<Output> {
    let (values, kind) = match &entry.values {
        Values::Bool(v) => (
            v.iter().map(|&b| f64::from(u8::from(b))).collect(),
            OutputKind::Bool,
        ),
        Values::Int(v) => (v.iter().map(|&x| x as f64).collect(), OutputKind::Int),
        Values::Real(v) => (v.clone(), OutputKind::Real),
        Values::Str(_) => return None,
    };
    Some(Output {
        name: name.to_string(),
        shape: entry.shape.clone(),
        kind,
        values,
        present: entry.missing.iter().map(|&m| !m).collect(),
    })
}

/// `name`, or with as many `_` behind it as it takes to be unlike `taken`.
pub fn unlike(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = name.to_string();
    while taken(&name) {
        name.push('_');
    }
    name
}
