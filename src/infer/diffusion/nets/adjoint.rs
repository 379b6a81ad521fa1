//! The adjoints of a tape's operations, from the last to the first.

use super::attention;
use super::tape::{Id, Node, Op, Parameters, Tape};
use crate::compute::dense;
use crate::compute::vector::widest;

impl Tape {
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
