//! What there is: engines with their options, distributions with their parameters, built-in functions, keywords.

use serde::Serialize;

use super::support::support;
use crate::dist::{self, Domain, Param, ValueKind};
use crate::infer;
use crate::ir::Builtin;

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
    /// Where its values lie.
    pub support: String,
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

/// A word of the language: a built-in function, a combinator, a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WordFacts {
    /// The word.
    pub name: &'static str,
    /// How it is written: `atan2(y, x)`.
    pub usage: &'static str,
    /// One line.
    pub summary: &'static str,
}

/// All built-in functions.
pub fn builtins() -> Vec<WordFacts> {
    let facts = |b: &Builtin| WordFacts {
        name: b.name(),
        usage: b.usage(),
        summary: b.summary(),
    };
    Builtin::ALL.iter().map(facts).collect()
}

/// What makes distributions of others.
pub fn combinators() -> Vec<WordFacts> {
    words(COMBINATORS)
}

/// All keywords.
pub fn keywords() -> Vec<WordFacts> {
    words(KEYWORDS)
}

fn words(table: &'static [(&str, &str, &str)]) -> Vec<WordFacts> {
    let facts = |&(name, usage, summary)| WordFacts {
        name,
        usage,
        summary,
    };
    table.iter().map(facts).collect()
}

const COMBINATORS: &[(&str, &str, &str)] = &[
    (
        "iid",
        "iid(D, n, m, ...)",
        "an array of independent draws of D",
    ),
    (
        "truncate",
        "truncate(D, lower = -inf, upper = inf)",
        "D restricted to an interval",
    ),
    (
        "censor",
        "censor(D, lower = -inf, upper = inf)",
        "D whose values beyond a bound are recorded as the bound",
    ),
    (
        "mixture",
        "mixture(w, [D, ...])",
        "one of several distributions, with probabilities w",
    ),
    (
        "zero_inflated",
        "zero_inflated(p, D)",
        "0 with probability p, else a draw of D",
    ),
    ("transform", "transform(D, f)", "f of a draw of D"),
    (
        "Ordered",
        "Ordered(D, n)",
        "n draws of D in increasing order",
    ),
    (
        "ordered_of",
        "ordered_of([D, ...])",
        "independent draws restricted to increasing order",
    ),
];

const KEYWORDS: &[(&str, &str, &str)] = &[
    ("and", "a and b", "whether both are true"),
    ("break", "break", "leaves the loop"),
    (
        "condition",
        "condition e",
        "executions in which e is false have weight 0",
    ),
    ("continue", "continue", "goes on with the loop's next round"),
    (
        "data",
        "data y: real[n] where y > 0",
        "an input and its type",
    ),
    (
        "distribution",
        "distribution D(a) { sample { … } log_prob(x) { … } }",
        "a distribution of your own",
    ),
    ("else", "if c { a } else { b }", "the other arm of an `if`"),
    (
        "factor",
        "factor e",
        "adds e to the log-weight of this execution",
    ),
    ("false", "false", "a bool"),
    (
        "fn",
        "fn f(a, b: real) { … }",
        "a function; its last expression is its value",
    ),
    (
        "for",
        "for i in 0..n { … }",
        "a loop over an array or a range",
    ),
    (
        "from",
        "data y: real[n] from \"Y\"",
        "the input's name in the data file",
    ),
    (
        "if",
        "if c { a } else { b }",
        "a choice, as a statement or as a value",
    ),
    (
        "in",
        "for v in xs { … }",
        "what a loop, a plate or a comprehension goes over",
    ),
    ("let", "let x = e", "a name for a value"),
    (
        "memo",
        "memo |k| e",
        "a function whose random choices are drawn once for each argument",
    ),
    ("not", "not a", "whether it is false"),
    (
        "observe",
        "observe y ~ D",
        "conditions on D having produced the value y",
    ),
    ("or", "a or b", "whether one of them is true"),
    (
        "return",
        "return { a, b }",
        "the program's result; its fields are the outputs",
    ),
    (
        "sample",
        "sample x ~ D",
        "draws x from D; also `sample x[i in 0..n] ~ D` and `sample D`",
    ),
    ("true", "true", "a bool"),
    (
        "use",
        "use \"helpers.odp\"",
        "the functions, distributions and constants of a file or module",
    ),
    (
        "var",
        "var s = e",
        "a variable, changed by `s = e` and `s += e`",
    ),
    (
        "where",
        "data n: int where n > 0",
        "what must hold of an input",
    ),
    ("while", "while c { … }", "a loop as long as c is true"),
];

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
    let facts = |distribution: &dist::Distribution| {
        let d = distribution.describe();
        DistributionFacts {
            name: d.name(),
            summary: d.summary(),
            values: match d.kind() {
                ValueKind::Real => "real",
                ValueKind::Int => "int",
                ValueKind::Bool => "bool",
            },
            support: support(distribution),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_told() {
        for word in crate::syntax::keywords() {
            assert!(KEYWORDS.iter().any(|(name, ..)| name == word), "{word}");
        }
    }

    #[test]
    fn every_combinator_is_one() {
        for (name, ..) in COMBINATORS {
            let text = format!("let d = {name}()");
            let files = std::sync::Arc::new(crate::store::NoFiles);
            let failure = crate::session::Session::compile("m.odp", &text, files).unwrap_err();
            // Its arguments are missed, not the name itself.
            assert_ne!(
                failure.reports[0].code, "odp::check::unknown_name",
                "{name}"
            );
        }
    }
}
