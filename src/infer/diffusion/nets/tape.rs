//! Reverse mode over matrices of f32: the few operations that structured networks are made of, and their adjoints.
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
enum Op {
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
struct Node {
    op: Op,
    columns: usize,
    values: Vec<f32>,
    /// What the adjoint needs beside values: slopes, scales, attention's weights.
    kept: Vec<f32>,
}

/// The operations of one step.
#[derive(Debug, Default)]
pub(super) struct Tape {
    nodes: Vec<Node>,
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
        for (r, row) in own.chunks_exact_mut(columns).enumerate() {
            let from = how.row(r, y_rows) * columns;
            let add = &self.nodes[y].values[from..from + columns];
            row.iter_mut().zip(add).for_each(|(x, y)| *x += y);
        }
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
        let mut weights = self.room(rows / mask.tokens() * mask.edges() * p[slopes].len());
        let x_values = &self.nodes[x].values;
        attention::forward(x_values, &p[slopes], mask, &mut own, &mut weights);
        let mask = mask.clone();
        self.push(Op::Attended { x, slopes, mask }, columns, own, weights)
    }

    /// Adds the gradient by parameters to `by`, from that by some values.
    pub fn backward(&mut self, p: &Parameters, outputs: &[(Id, Vec<f32>)], by: &mut [Vec<f32>]) {
        let mut bars: Vec<Vec<f32>> = Vec::new();
        bars.resize_with(self.nodes.len(), Vec::new);
        for (id, bar) in outputs {
            bars[*id] = self.copy_of(bar);
        }
        for id in (0..self.nodes.len()).rev() {
            let bar = std::mem::take(&mut bars[id]);
            if !bar.is_empty() {
                self.pull(p, id, &bar, &mut bars, by);
                self.give_back(bar);
            }
        }
    }

    fn pull(
        &mut self,
        p: &Parameters,
        id: Id,
        bar: &[f32],
        bars: &mut [Vec<f32>],
        by: &mut [Vec<f32>],
    ) {
        let op = std::mem::replace(&mut self.nodes[id].op, Op::Given);
        match &op {
            Op::Given => {}
            Op::Row { table, row } => {
                let at = row * bar.len();
                dense::add(&mut by[*table][at..at + bar.len()], bar);
            }
            Op::Linear { x, weights, bias } => {
                let (k, n) = (self.nodes[*x].columns, self.nodes[id].columns);
                let place = weights.1..weights.1 + k * n;
                let own = &mut by[weights.0][place.clone()];
                dense::add_transposed_product(&self.nodes[*x].values, bar, k, n, own);
                if let Some(bias) = bias {
                    dense::add_columns(bar, &mut by[*bias]);
                }
                if !matches!(self.nodes[*x].op, Op::Given) {
                    let mut room = self.room(self.nodes[*x].values.len());
                    dense::product_transposed(bar, &p[weights.0][place], k, n, &mut room);
                    self.merge(bars, *x, room);
                }
            }
            Op::Sum(x, y) => {
                for to in [x, y] {
                    dense::add(self.bar(bars, *to), bar);
                }
            }
            Op::Spread { x, y, how } => {
                dense::add(self.bar(bars, *x), bar);
                let (columns, y_rows) = (self.nodes[id].columns, self.rows(*y));
                let to = self.bar(bars, *y);
                for (r, row) in bar.chunks_exact(columns).enumerate() {
                    let at = how.row(r, y_rows) * columns;
                    let sums = &mut to[at..at + columns];
                    sums.iter_mut().zip(row).for_each(|(s, v)| *s += v);
                }
            }
            Op::Activated(x) => {
                let mut room = self.copy_of(bar);
                dense::multiply(&mut room, &self.nodes[id].kept);
                self.merge(bars, *x, room);
            }
            Op::Normed(x) => {
                let mut room = self.room(bar.len());
                unscale(&self.nodes[id], bar, &mut room);
                self.merge(bars, *x, room);
            }
            Op::Gathered { x, by: gather } => {
                let c = self.nodes[*x].columns;
                let examples = self.rows(*x) / gather.inside;
                let to = self.bar(bars, *x);
                gather.each_piece(examples, c, |from, at| {
                    let sums = to[at..at + c].iter_mut();
                    sums.zip(&bar[from..from + c]).for_each(|(s, v)| *s += v);
                });
            }
            Op::Joined(x, y) => {
                let (a, b) = (self.nodes[*x].columns, self.nodes[*y].columns);
                for (to, columns, skip) in [(x, a, 0), (y, b, a)] {
                    let rows = self.bar(bars, *to).chunks_exact_mut(columns);
                    for (to, row) in rows.zip(bar.chunks_exact(a + b)) {
                        to.iter_mut().zip(&row[skip..]).for_each(|(s, v)| *s += v);
                    }
                }
            }
            Op::Pooled { x, rows } => {
                let c = self.nodes[id].columns;
                let to = self.bar(bars, *x);
                for (example, mean) in to.chunks_exact_mut(rows * c).zip(bar.chunks_exact(c)) {
                    for row in example.chunks_exact_mut(c) {
                        let each = row.iter_mut().zip(mean);
                        each.for_each(|(s, v)| *s += v / *rows as f32);
                    }
                }
            }
            Op::Attended { x, slopes, mask } => {
                let mut room = self.room(self.nodes[*x].values.len());
                let (values, weights) = (&self.nodes[*x].values, &self.nodes[id].kept);
                let known = (values.as_slice(), p[*slopes].as_slice(), weights.as_slice());
                attention::backward(known, mask, bar, &mut room, &mut by[*slopes]);
                self.merge(bars, *x, room);
            }
        }
        self.nodes[id].op = op;
    }

    /// A value's adjoint so far.
    fn bar<'a>(&mut self, bars: &'a mut [Vec<f32>], id: Id) -> &'a mut [f32] {
        if bars[id].is_empty() {
            bars[id] = self.room(self.nodes[id].values.len());
        }
        &mut bars[id]
    }

    fn merge(&mut self, bars: &mut [Vec<f32>], id: Id, more: Vec<f32>) {
        if bars[id].is_empty() {
            bars[id] = more;
        } else {
            dense::add(&mut bars[id], &more);
            self.give_back(more);
        }
    }

    fn rows(&self, id: Id) -> usize {
        self.nodes[id].values.len() / self.nodes[id].columns
    }

    fn copy(&mut self, id: Id) -> Vec<f32> {
        let mut own = self.room(self.nodes[id].values.len());
        own.copy_from_slice(&self.nodes[id].values);
        own
    }

    fn copy_of(&mut self, values: &[f32]) -> Vec<f32> {
        let mut own = self.room(values.len());
        own.copy_from_slice(values);
        own
    }

    /// So many zeros.
    fn room(&mut self, len: usize) -> Vec<f32> {
        match self.spare.get_mut(&len).and_then(Vec::pop) {
            Some(mut room) => {
                room.fill(0.0);
                room
            }
            None => vec![0.0; len],
        }
    }

    fn give_back(&mut self, room: Vec<f32>) {
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
    fn row(self, r: usize, rows: usize) -> usize {
        match self {
            Spread::Same => r % rows,
            Spread::Runs(n) => r / n,
        }
    }
}

impl Gather {
    /// Calls `each(place in the gathered matrix, place in the one that is read)` for every row that is read, of `c` columns.
    fn each_piece(&self, examples: usize, c: usize, mut each: impl FnMut(usize, usize)) {
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

/// The adjoint of scaling rows: `scale (bar − y mean(bar y))`.
fn unscale(node: &Node, bar: &[f32], to: &mut [f32]) {
    let columns = node.columns;
    widest(
        #[inline(always)]
        || {
            let rows = node.values.chunks_exact(columns).zip(&node.kept);
            let bars = bar.chunks_exact(columns).zip(to.chunks_exact_mut(columns));
            for ((y, scale), (bar, to)) in rows.zip(bars) {
                let mean: f32 = y.iter().zip(bar).map(|(y, b)| y * b).sum::<f32>() / columns as f32;
                let each = to.iter_mut().zip(y).zip(bar);
                each.for_each(|((to, y), b)| *to = scale * (b - y * mean));
            }
        },
    );
}
