//! Draws element by element, and numbers and tables as a terminal shows them.

use odp::{Draws, OutputKind, significant};

/// One element of an output over all draws.
#[derive(Clone, Debug)]
pub struct Element {
    /// Its name: `theta[0]`.
    pub name: String,
    /// What its values are.
    pub kind: OutputKind,
    /// A value for each draw; NaN where it does not exist.
    pub values: Vec<f64>,
}

/// All elements of all outputs. A bare value is called `name`.
pub fn elements(draws: &Draws, name: &str) -> Vec<Element> {
    let mut all = Vec::new();
    for output in &draws.outputs {
        let width = output.shape.len();
        let values = |e: usize| {
            let at = |draw: usize| {
                let i = draw * width + e;
                match output.present.get(i) {
                    Some(false) => f64::NAN,
                    _ => output.values[i],
                }
            };
            (0..draws.n).map(at).collect()
        };
        all.extend((0..width).map(|e| Element {
            name: renamed(&output.element_name(e), name),
            kind: output.kind,
            values: values(e),
        }));
    }
    all
}

/// Whether an index can follow as it is: names, fields, indices and calls.
fn is_bare(expression: &str) -> bool {
    let mut depth = 0;
    expression.chars().all(|c| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        depth > 0 || c.is_alphanumeric() || "_.:)]".contains(c)
    })
}

/// An element of a program that returns an expression, named after the expression.
fn renamed(element: &str, name: &str) -> String {
    let rest = element.strip_prefix("value");
    match rest.filter(|r| r.is_empty() || r.starts_with(['[', '.'])) {
        Some("") => name.to_string(),
        Some(rest) if !is_bare(name) => format!("({name}){rest}"),
        Some(rest) => format!("{name}{rest}"),
        None => element.to_string(),
    }
}

impl Element {
    /// The values that exist.
    pub fn present(&self) -> Vec<f64> {
        self.values
            .iter()
            .copied()
            .filter(|x| !x.is_nan())
            .collect()
    }

    /// One of its values, shortly.
    pub fn shown(&self, x: f64) -> String {
        match self.kind {
            _ if x.is_nan() => "-".to_string(),
            OutputKind::Bool => (x == 1.0).to_string(),
            OutputKind::Int => x.to_string(),
            OutputKind::Real => significant(x, 4),
        }
    }

    /// The first values.
    pub fn first(&self, n: usize) -> Vec<String> {
        self.values.iter().take(n).map(|x| self.shown(*x)).collect()
    }
}

/// Mean and standard deviation of what is finite; NaN where there is nothing.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (square / (n - 1.0).max(1.0)).sqrt())
}

/// A table: the first column to the left, the others to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let width = |c: usize| {
        let cells = rows.iter().filter_map(|r| r.get(c));
        cells.map(|s| s.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(s, &w): (&String, &usize)| format!("  {s:>w$}");
        let first = format!("{:1$}", row[0], widths[0]);
        let rest: String = row[1..].iter().zip(&widths[1..]).map(cell).collect();
        format!("{}\n", (first + &rest).trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_values_take_the_expressions_name() {
        assert_eq!(renamed("value", "x + 1"), "x + 1");
        assert_eq!(renamed("value[0]", "x + 1"), "(x + 1)[0]");
        assert!(
            is_bare("theta[i + 1].a") && is_bare("f(a, b)") && !is_bare("x + 1") && !is_bare("-x")
        );
        assert_eq!(renamed("value[0,1]", "m"), "m[0,1]");
        assert_eq!(renamed("values", "m"), "values");
        assert_eq!(renamed("a.b", "r"), "a.b");
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [["", "1"], ["theta", "-2.5"]].map(|r| r.map(String::from).to_vec());
        assert_eq!(aligned(&rows), "          1\ntheta  -2.5\n");
        assert_eq!(aligned(&[]), "");
    }
}
