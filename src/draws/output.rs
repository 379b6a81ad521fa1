//! Named outputs of a run: what is summarised, printed and written.

use crate::base::{Shape, element_name};

/// What an output's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// Reals.
    Real,
    /// Whole numbers.
    Int,
    /// 0 and 1.
    Bool,
}

/// One output, over all draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name: `theta`, `a.b`, `value`.
    pub name: String,
    /// Its shape in one draw.
    pub shape: Shape,
    /// What it holds.
    pub kind: OutputKind,
    /// `values[draw * shape.len() + element]`; NaN where absent.
    pub values: Vec<f64>,
    /// Which values exist, in the layout of `values`; empty when all do.
    pub present: Vec<bool>,
}

/// All outputs of a run. Draws of chain c are `c * n/chains ..`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Draws {
    /// Number of draws, all chains together.
    pub n: usize,
    /// Number of chains.
    pub chains: usize,
    /// The outputs, in the program's order.
    pub outputs: Vec<Output>,
    /// Log-weights of the draws where they are not equal (enumeration).
    pub log_weights: Option<Vec<f64>>,
}

impl Draws {
    /// Some of the draws, as often as they are named.
    pub fn picked(self, draws: &[usize]) -> Draws {
        let weights = self.log_weights;
        Draws {
            n: draws.len(),
            chains: self.chains,
            outputs: self.outputs.into_iter().map(|o| o.picked(draws)).collect(),
            log_weights: weights.map(|w| draws.iter().map(|&i| w[i]).collect()),
        }
    }
}

impl Output {
    fn picked(self, draws: &[usize]) -> Output {
        let width = self.shape.len();
        let elements = || draws.iter().flat_map(|&i| i * width..(i + 1) * width);
        let present = match self.present.is_empty() {
            true => Vec::new(),
            false => elements().map(|i| self.present[i]).collect(),
        };
        let values = elements().map(|i| self.values[i]).collect();
        Output {
            values,
            present,
            ..self
        }
    }

    /// The name of one element, with indices from 0: `theta[0]`, `x[1,2]`; a scalar's is the output's own.
    pub fn element_name(&self, element: usize) -> String {
        element_name(&self.name, &self.shape, element)
    }
}
