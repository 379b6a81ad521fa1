//! What `odp check` says of a program: what it takes, what it gives, and what inference will meet.

use serde::Serialize;

use super::answer::NoiseFacts;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputFacts {
    /// Its name in the program.
    pub name: String,
    /// Its type as written: `real[J]`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its shape as given, where data was bound: `[8]`.
    pub given: Option<String>,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputFacts {
    /// Its name.
    pub name: String,
    /// Its type, as far as it is known: `real[8]`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// A discrete choice among the noise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiscreteFacts {
    /// Its name.
    pub name: String,
    /// How many values it has, where that is known and finite.
    pub values: Option<usize>,
}

/// What is known of a program, with or without its data.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Description {
    /// The program's name.
    pub model: String,
    /// Its `data` declarations.
    pub inputs: Vec<InputFacts>,
    /// What it gives.
    pub outputs: Vec<OutputFacts>,
    /// Its noise, once data is bound.
    pub noise: Option<NoiseFacts>,
    /// Its discrete choices, once data is bound.
    pub discrete: Vec<DiscreteFacts>,
    /// Whether an execution can have weight 0, once data is bound.
    pub hard_constraints: Option<bool>,
    /// What keeps the log-weight from being smooth, with places, once data is bound.
    pub jumps: Vec<String>,
    /// What `auto` would choose, and why, once data is bound.
    pub auto: Option<(String, String)>,
    /// Warnings, with places.
    pub warnings: Vec<String>,
}

impl Description {
    /// The same as text.
    pub fn text(&self) -> String {
        let mut lines = vec![format!("{}: no errors", self.model)];
        let mut list = |title: &str, rows: Vec<String>| {
            if !rows.is_empty() {
                lines.push(title.to_string());
                lines.extend(rows.into_iter().map(|r| format!("  {r}")));
            }
        };
        let given = |i: &InputFacts| {
            i.given
                .as_ref()
                .map_or(String::new(), |g| format!("   given {g}"))
        };
        list(
            "inputs",
            self.inputs
                .iter()
                .map(|i| format!("{}: {}{}", i.name, i.ty, given(i)))
                .collect(),
        );
        list(
            "outputs",
            self.outputs
                .iter()
                .map(|o| format!("{}: {}", o.name, o.ty))
                .collect(),
        );
        list(
            "noise",
            self.noise.map_or(Vec::new(), |n| self.noise_lines(&n)),
        );
        list(
            "discrete choices",
            self.discrete.iter().map(DiscreteFacts::line).collect(),
        );
        list(
            "engine",
            self.auto
                .iter()
                .map(|(name, why)| format!("auto would choose {name}: {why}"))
                .collect(),
        );
        if self.noise.is_none() {
            lines.push(
                "with its data (`--data`, `--set`) it says more: sizes, noise, what is smooth"
                    .to_string(),
            );
        }
        lines.join("\n") + "\n"
    }

    fn noise_lines(&self, n: &NoiseFacts) -> Vec<String> {
        let parts = if n.components == 1 {
            "part"
        } else {
            "independent parts"
        };
        let mut lines = vec![format!(
            "{} dimensions, {} of which reach a weight, in {} {parts}",
            n.dim, n.active, n.components
        )];
        if n.marginalized > 0 {
            lines.push(format!(
                "{} of them are integrated out by a formula before an engine runs, and drawn after it",
                n.marginalized
            ));
        }
        let smooth = if n.smooth {
            "smooth: gradients can be used"
        } else {
            "not smooth: engines that need gradients cannot be used"
        };
        lines.push(smooth.to_string());
        lines.extend(self.jumps.iter().map(|j| format!("  {j}")));
        if self.hard_constraints == Some(true) {
            lines.push("some executions may have weight 0".to_string());
        }
        lines
    }
}

impl DiscreteFacts {
    fn line(&self) -> String {
        match self.values {
            Some(n) => format!("{}: {n} values", self.name),
            None => format!("{}: without a bound", self.name),
        }
    }
}
