//! What there is: engines with their options, distributions with their parameters.

use serde::Serialize;

use crate::dist::{self, Domain, Param, ValueKind};
use crate::infer;

/// An engine.
#[derive(Clone, Debug, Serialize)]
pub struct EngineFacts {
    /// Its name, for `--infer`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Its options, for `-O name=value`.
    pub options: Vec<OptionFacts>,
}

/// An option of an engine.
#[derive(Clone, Debug, Serialize)]
pub struct OptionFacts {
    /// Its name.
    pub name: &'static str,
    /// Its value when it is not given.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// A distribution.
#[derive(Clone, Debug, Serialize)]
pub struct DistributionFacts {
    /// Its name in the language.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What its values are.
    pub values: &'static str,
    /// Its parameters, in order.
    pub parameters: Vec<ParameterFacts>,
}

/// A parameter of a distribution.
#[derive(Clone, Debug, Serialize)]
pub struct ParameterFacts {
    /// Its name, for keyword arguments.
    pub name: &'static str,
    /// What it may be.
    pub domain: String,
    /// Its value when it is not given.
    pub default: Option<f64>,
}

/// All engines.
pub fn engines() -> Vec<EngineFacts> {
    let option = |o: &infer::OptionSpec| OptionFacts {
        name: o.name,
        default: o.default,
        help: o.help,
    };
    let facts = |e: &&dyn infer::Engine| EngineFacts {
        name: e.name(),
        summary: e.summary(),
        options: e.options().iter().map(option).collect(),
    };
    infer::engines().iter().map(facts).collect()
}

/// All distributions, in alphabetical order.
pub fn distributions() -> Vec<DistributionFacts> {
    let facts = |d: &dist::Distribution| {
        let d = d.describe();
        DistributionFacts {
            name: d.name(),
            summary: d.summary(),
            values: match d.kind() {
                ValueKind::Real => "real",
                ValueKind::Int => "int",
                ValueKind::Bool => "bool",
            },
            parameters: d.params().iter().map(parameter).collect(),
        }
    };
    let mut all: Vec<_> = dist::all().iter().map(facts).collect();
    all.sort_by_key(|d| d.name);
    all
}

fn parameter(p: &Param) -> ParameterFacts {
    ParameterFacts {
        name: p.name,
        domain: domain(&p.domain),
        default: p.default,
    }
}

fn domain(domain: &Domain) -> String {
    // `PositiveVector` -> `positive vector`
    let mut words = String::new();
    for c in format!("{domain:?}").chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

impl DistributionFacts {
    /// How it is called, with its defaults: `Normal(mu, sigma)`.
    pub fn signature(&self) -> String {
        let parameter = |p: &ParameterFacts| match p.default {
            Some(x) => format!("{} = {x}", p.name),
            None => p.name.to_string(),
        };
        let parameters: Vec<String> = self.parameters.iter().map(parameter).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}
