//! Matrices of f32 and the few operations that structured networks are made of, kept for [`super::adjoint`].
//!
//! Values are computed as operations are named. A batch's examples stand below each other: a value of an example has so many
//! rows, and a matrix has that many for each. Memory is used again by the next step.

use std::collections::HashMap;
use std::sync::Arc;

use super::attention::{self, Mask};
use crate::compute::dense::{self, Activation};
use crate::compute::vector::widest;

/// A value on the tape.
pub(super) type Id = usize;
/// A network's parameters.
pub(super) type Parameters = [Vec<f32>];

/// Added to mean squares before their root is taken.
const LEAST_SQUARE: f32 = 1e-4;

/// Which rows stand beside each other in the next value: for each row of an example, rows of the example before, or none.
#[derive(Debug)]
pub(super) struct Gather {
    /// Rows of an example that are read.
    pub inside: usize,
    /// Rows side by side in one row.
    pub each: usize,
    /// `[rows, each]`.
    pub index: Vec<Option<u32>>,
}

/// How a smaller matrix's rows meet a larger one's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// Row r meets row r mod n: the same for all examples.
    Same,
    /// So many rows meet one.
    Runs(usize),
}

#[derive(Debug)]
pub(super) enum Op {
    Given,
    Row {
        table: usize,
        row: usize,
    },
    Linear {
        x: Id,
        weights: (usize, usize),
        bias: Option<usize>,
    },
    Sum(Id, Id),
    Spread {
        x: Id,
        y: Id,
        how: Spread,
    },
    Activated(Id),
    Normed(Id),
    Gathered {
        x: Id,
        by: Arc<Gather>,
    },
    Joined(Id, Id),
    Pooled {
        x: Id,
        rows: usize,
    },
    Attended {
        x: Id,
        slopes: usize,
        mask: Arc<Mask>,
    },
}

#[derive(Debug)]
pub(super) struct Node {
    pub op: Op,
    pub columns: usize,
    pub values: Vec<f32>,
    /// What the adjoint needs beside values: slopes, scales, attention's weights.
    pub kept: Vec<f32>,
}

/// The operations of one step.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) nodes: Vec<Node>,
    /// Memory that was used and will be again, by length.
    spare: HashMap<usize, Vec<Vec<f32>>>,
}

impl Tape {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        for node in std::mem::take(&mut self.nodes) {
            self.give_back(node.kept);
            self.give_back(node.values);
        }
    }

    /// A value's numbers.
    pub fn values(&self, id: Id) -> &[f32] {
        &self.nodes[id].values
    }

    /// Numbers from outside; no gradient goes there.
    pub fn given(&mut self, values: &[f32], columns: usize) -> Id {
        let own = self.copy_of(values);
        self.push(Op::Given, columns, own, Vec::new())
    }

    /// One row of a table.
    pub fn row(&mut self, p: &Parameters, table: usize, row: usize, columns: usize) -> Id {
        let own = self.copy_of(&p[table][row * columns..(row + 1) * columns]);
        self.push(Op::Row { table, row }, columns, own, Vec::new())
    }

    /// `x w + bias`, to so many columns; `w` begins somewhere in a parameter.
    pub fn linear(
        &mut self,
        p: &Parameters,
        x: Id,
        weights: (usize, usize),
        bias: Option<usize>,
        columns: usize,
    ) -> Id {
        let (k, rows) = (self.nodes[x].columns, self.rows(x));
        let mut own = self.room(rows * columns);
        if let Some(bias) = bias {
            dense::fill_rows(&mut own, &p[bias]);
        }
        let w = &p[weights.0][weights.1..weights.1 + k * columns];
        dense::add_product(&self.nodes[x].values, w, k, columns, &mut own);
        self.push(Op::Linear { x, weights, bias }, columns, own, Vec::new())
    }

    /// `x + y`.
    pub fn sum(&mut self, x: Id, y: Id) -> Id {
        let mut own = self.copy(x);
        dense::add(&mut own, &self.nodes[y].values);
        self.push(Op::Sum(x, y), self.nodes[x].columns, own, Vec::new())
    }

    /// `x` with rows of `y` added.
    pub fn spread(&mut self, x: Id, y: Id, how: Spread) -> Id {
        let columns = self.nodes[x].columns;
        let mut own = self.copy(x);
        let y_rows = self.rows(y);
        let values = &self.nodes[y].values;
        widest(
            #[inline(always)]
            || {
                for (r, row) in own.chunks_exact_mut(columns).enumerate() {
                    let from = how.row(r, y_rows) * columns;
                    let add = &values[from..from + columns];
                    row.iter_mut().zip(add).for_each(|(x, y)| *x += y);
                }
            },
        );
        self.push(Op::Spread { x, y, how }, columns, own, Vec::new())
    }

    /// A unit's non-linearity.
    pub fn activated(&mut self, x: Id, by: Activation) -> Id {
        let mut own = self.copy(x);
        let mut slopes = self.room(own.len());
        by.apply_with_slope(&mut own, &mut slopes);
        self.push(Op::Activated(x), self.nodes[x].columns, own, slopes)
    }

    /// Rows scaled to a mean square of 1.
    pub fn normed(&mut self, x: Id) -> Id {
        let columns = self.nodes[x].columns;
        let mut own = self.copy(x);
        let mut scales = self.room(own.len() / columns);
        widest(
            #[inline(always)]
            || {
                for (row, scale) in own.chunks_exact_mut(columns).zip(&mut scales) {
                    let square: f32 = row.iter().map(|v| v * v).sum();
                    *scale = 1.0 / (square / columns as f32 + LEAST_SQUARE).sqrt();
                    row.iter_mut().for_each(|v| *v *= *scale);
                }
            },
        );
        self.push(Op::Normed(x), columns, own, scales)
    }

    /// Rows of `x` side by side.
    pub fn gathered(&mut self, x: Id, by: &Arc<Gather>) -> Id {
        let c = self.nodes[x].columns;
        let examples = self.rows(x) / by.inside;
        let mut own = self.room(examples * by.index.len() * c);
        by.each_piece(examples, c, |to, from| {
            own[to..to + c].copy_from_slice(&self.nodes[x].values[from..from + c]);
        });
        let by = by.clone();
        self.push(
            Op::Gathered { x, by: by.clone() },
            c * by.each,
            own,
            Vec::new(),
        )
    }

    /// Columns of `x`, then those of `y`.
    pub fn joined(&mut self, x: Id, y: Id) -> Id {
        let (a, b) = (self.nodes[x].columns, self.nodes[y].columns);
        let mut own = self.room(self.rows(x) * (a + b));
        let rows = self.nodes[x].values.chunks_exact(a);
        let rows = rows.zip(self.nodes[y].values.chunks_exact(b));
        for (own, (x, y)) in own.chunks_exact_mut(a + b).zip(rows) {
            own[..a].copy_from_slice(x);
            own[a..].copy_from_slice(y);
        }
        self.push(Op::Joined(x, y), a + b, own, Vec::new())
    }

    /// Means of so many rows.
    pub fn pooled(&mut self, x: Id, rows: usize) -> Id {
        let c = self.nodes[x].columns;
        let mut own = self.room(self.nodes[x].values.len() / rows);
        let examples = self.nodes[x].values.chunks_exact(rows * c);
        for (mean, example) in own.chunks_exact_mut(c).zip(examples) {
            dense::add_columns(example, mean);
            mean.iter_mut().for_each(|m| *m /= rows as f32);
        }
        self.push(Op::Pooled { x, rows }, c, own, Vec::new())
    }

    /// Attention of tokens to those that a mask lets them see: `x` is queries, keys and values side by side.
    pub fn attended(&mut self, p: &Parameters, x: Id, slopes: usize, mask: &Arc<Mask>) -> Id {
        let columns = self.nodes[x].columns / 3;
        let rows = self.rows(x);
        let mut own = self.room(rows * columns);
        let room = attention::room(rows / mask.tokens(), p[slopes].len(), mask);
        let mut weights = self.room(room);
        let x_values = &self.nodes[x].values;
        attention::forward(x_values, &p[slopes], mask, &mut own, &mut weights);
        let mask = mask.clone();
        self.push(Op::Attended { x, slopes, mask }, columns, own, weights)
    }

    pub(super) fn rows(&self, id: Id) -> usize {
        self.nodes[id].values.len() / self.nodes[id].columns
    }

    fn copy(&mut self, id: Id) -> Vec<f32> {
        let mut own = self.room(self.nodes[id].values.len());
        own.copy_from_slice(&self.nodes[id].values);
        own
    }

    pub(super) fn copy_of(&mut self, values: &[f32]) -> Vec<f32> {
        let mut own = self.room(values.len());
        own.copy_from_slice(values);
        own
    }

    /// So many zeros.
    pub(super) fn room(&mut self, len: usize) -> Vec<f32> {
        match self.spare.get_mut(&len).and_then(Vec::pop) {
            Some(mut room) => {
                room.fill(0.0);
                room
            }
            None => vec![0.0; len],
        }
    }

    pub(super) fn give_back(&mut self, room: Vec<f32>) {
        if !room.is_empty() {
            self.spare.entry(room.len()).or_default().push(room);
        }
    }

    fn push(&mut self, op: Op, columns: usize, values: Vec<f32>, kept: Vec<f32>) -> Id {
        self.nodes.push(Node {
            op,
            columns,
            values,
            kept,
        });
        self.nodes.len() - 1
    }
}

impl Spread {
    pub(super) fn row(self, r: usize, rows: usize) -> usize {
        match self {
            Spread::Same => r % rows,
            Spread::Runs(n) => r / n,
        }
    }
}

impl Gather {
    /// Calls `each(place in the gathered matrix, place in the one that is read)` for every row that is read, of `c` columns.
    pub(super) fn each_piece(&self, examples: usize, c: usize, mut each: impl FnMut(usize, usize)) {
        for b in 0..examples {
            for (piece, from) in self.index.iter().enumerate() {
                if let Some(from) = from {
                    let to = (b * self.index.len() + piece) * c;
                    each(to, (b * self.inside + *from as usize) * c);
                }
            }
        }
    }
}
