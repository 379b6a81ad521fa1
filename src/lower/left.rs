//! The coordinates that are left of a target where others are integrated out.

use super::target::{DiscreteSite, Structure, Target};

/// A target over some of the coordinates of another, and how draws of the others are put back.
pub trait WithoutSome: Target {
    /// Gradients of the whole that so many evaluations of log r and of its gradient took.
    fn gradients(&self, log_r: u64, gradient: u64) -> u64;

    /// All noise `[n, whole dim]` of draws `z: [n, dim]`: what was integrated out is drawn from its posterior given the rest, by
    /// `noise: [n, whole dim − dim]` from N(0, 1).
    fn complete(&self, z: &[f64], n: usize, noise: &[f64]) -> Vec<f64>;
}

/// Which coordinates of a target are integrated out, and which are `0..dim`.
pub(super) struct Left<'a> {
    pub whole: &'a dyn Target,
    pub inner: Vec<usize>,
    pub outer: Vec<usize>,
}

impl<'a> Left<'a> {
    pub fn new(whole: &'a dyn Target, inner: &[usize]) -> Left<'a> {
        Left {
            whole,
            inner: inner.to_vec(),
            outer: (0..whole.dim()).filter(|c| !inner.contains(c)).collect(),
        }
    }

    pub fn dim(&self) -> usize {
        self.outer.len()
    }

    /// What is known of a target over these coordinates that evaluates the whole so many times.
    pub fn structure(&self, evaluations: usize) -> Structure {
        let of = self.whole.structure();
        let place = |c: usize| self.outer.iter().position(|o| *o == c);
        let own = |s: &DiscreteSite| {
            let coordinate = place(s.coordinate)?;
            Some(DiscreteSite {
                coordinate,
                ..s.clone()
            })
        };
        let stretched = of.stretched.iter();
        Structure {
            discrete: of.discrete.iter().filter_map(own).collect(),
            stretched: stretched
                .filter_map(|(c, s)| Some((place(*c)?, *s)))
                .collect(),
            tail: None,
            size: of.size * evaluations,
            operations: of.operations * evaluations,
            related: of.related.among(&self.outer),
            ..of.clone()
        }
    }

    /// A whole row.
    pub fn joined(&self, outer: &[f64], inner: &[f64]) -> Vec<f64> {
        let mut row = vec![0.0; self.whole.dim()];
        self.outer.iter().zip(outer).for_each(|(&c, v)| row[c] = *v);
        self.inner.iter().zip(inner).for_each(|(&c, v)| row[c] = *v);
        row
    }

    /// Whole rows with nothing at the inner coordinates.
    pub fn bare(&self, z: &[f64]) -> Vec<f64> {
        let nothing = vec![0.0; self.inner.len()];
        z.chunks_exact(self.dim())
            .flat_map(|z| self.joined(z, &nothing))
            .collect()
    }

    /// log p of each discrete site's value.
    pub fn scores(&self, zk: &[f64], log_p: &mut [f64]) {
        let n = zk.len() / self.dim();
        self.whole
            .log_r_given(&self.bare(zk), &mut vec![0.0; n], log_p);
    }

    /// As [`Target::fill`].
    pub fn fill(&self, zk: &mut [f64], u: &[f64]) {
        let mut rows = self.bare(zk);
        self.whole.fill(&mut rows, u);
        let own = rows.chunks_exact(self.whole.dim());
        for (zk, row) in zk.chunks_exact_mut(self.outer.len()).zip(own) {
            let each = zk.iter_mut().zip(&self.outer);
            each.for_each(|(z, &c)| *z = row[c]);
        }
    }

    /// As [`Target::discrete_values`].
    pub fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]) {
        self.whole.discrete_values(&self.bare(z), k, active);
    }
}
