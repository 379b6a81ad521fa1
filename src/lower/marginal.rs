//! A target with Gaussian noise integrated out.
//!
//! ```text
//! log r(a, b) quadratic in b:   posterior of b given a = N(m, P⁻¹),   P = I − ∂²log r/∂b²,   P m = ∂log r/∂b at b = 0
//! log r'(a) = log ∫ N(b; 0, I) r(a, b) db = log r(a, m) − ½ |m|² − ½ log |P|
//! ∂log r'/∂a = E[∂log r(a, b)/∂a]   over that posterior, of what is quadratic in b: exact by its mean and 2 k points about it
//! ```
//! Nothing is approximated: second derivatives of a quadratic are differences of its gradients. An engine sees a alone; b is
//! drawn afterwards. Where a scale is drawn, the neck at its end is gone with b.
//!
//! # Source
//! Rao–Blackwellisation; by a compiler: Murray et al. 2018 (delayed sampling).

use rayon::prelude::*;

use super::left::{Left, WithoutSome};
use super::probes::Probes;
use super::target::{Structure, Target};
use crate::compute::linalg::{cholesky, solve_lower, solve_lower_transposed};

/// Numbers of noise that one thread evaluates at once.
const AT_ONCE: usize = 1 << 16;

/// A target over the noise that is not integrated out.
pub struct Marginal<'a> {
    left: Left<'a>,
    probes: Probes,
    structure: Structure,
}

/// The posterior of the inner noise given the outer: its mean, and the Cholesky factor of its precision.
struct Conditional {
    mean: Vec<f64>,
    lower: Vec<f64>,
}

impl<'a> Marginal<'a> {
    /// Integrates the coordinates `inner`, ascending, out of a target whose log r is quadratic in them.
    pub fn new(whole: &'a dyn Target, inner: &[usize]) -> Marginal<'a> {
        let left = Left::new(whole, inner);
        let probes = probes(whole, inner);
        let structure = Structure {
            dear_gradient: true,
            ..left.structure(probes.groups.len() + 2)
        };
        Marginal {
            left,
            probes,
            structure,
        }
    }

    fn rows_at_once(&self) -> usize {
        let each = self.left.whole.dim() * (2 * self.left.inner.len() + 1);
        (AT_ONCE / each.max(1)).max(1)
    }

    /// The inner noise's posterior for each row; `None` where an execution has no weight.
    fn conditionals(&self, z: &[f64]) -> Vec<Option<Conditional>> {
        let (d, each) = (self.left.whole.dim(), self.probes.groups.len() + 1);
        let bare = self.left.bare(z);
        let mut rows = Vec::with_capacity(bare.len() * each);
        for row in bare.chunks_exact(d) {
            rows.extend_from_slice(row);
            for group in &self.probes.groups {
                let at = rows.len();
                rows.extend_from_slice(row);
                group
                    .iter()
                    .for_each(|&i| rows[at + self.left.inner[i]] = 1.0);
            }
        }
        let (log_r, gradient) = self.felt(&rows);
        log_r
            .chunks(each)
            .zip(gradient.chunks(each * d))
            .map(|(log_r, gradient)| {
                let weighs = log_r.iter().all(|l| l.is_finite());
                weighs.then(|| self.conditional(gradient)).flatten()
            })
            .collect()
    }

    /// From the gradients at nothing and at each probe.
    fn conditional(&self, gradient: &[f64]) -> Option<Conditional> {
        let (d, k) = (self.left.whole.dim(), self.left.inner.len());
        let slope = |probe: usize, j: usize| gradient[probe * d + self.left.inner[j]];
        let mut precision = vec![0.0; k * k];
        for &(i, j, group, row) in &self.probes.entries {
            let entry = f64::from(u8::from(i == j)) + slope(0, row) - slope(group + 1, row);
            precision[i * k + j] = entry;
            precision[j * k + i] = entry;
        }
        let lower = cholesky(&precision, k)?;
        let mut mean: Vec<f64> = (0..k).map(|j| slope(0, j)).collect();
        solve_lower(&lower, k, &mut mean);
        solve_lower_transposed(&lower, k, &mut mean);
        mean.iter()
            .all(|m| m.is_finite())
            .then_some(Conditional { mean, lower })
    }

    fn felt(&self, rows: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut log_r = vec![0.0; rows.len() / self.left.whole.dim()];
        let mut gradient = vec![0.0; rows.len()];
        self.left
            .whole
            .log_r_gradient(rows, &mut log_r, &mut gradient);
        (log_r, gradient)
    }

    /// log r' of some rows.
    fn evaluate(&self, z: &[f64], out: &mut [f64]) {
        let given = self.conditionals(z);
        let nothing = vec![0.0; self.left.inner.len()];
        let rows: Vec<f64> = z
            .chunks_exact(self.dim())
            .zip(&given)
            .flat_map(|(z, g)| {
                self.left
                    .joined(z, g.as_ref().map_or(&nothing, |g| &g.mean))
            })
            .collect();
        self.left.whole.log_r(&rows, out);
        for (out, given) in out.iter_mut().zip(&given) {
            *out = given
                .as_ref()
                .map_or(f64::NEG_INFINITY, |g| *out + g.log_volume());
        }
    }

    /// log r' of some rows, and its gradient.
    fn evaluate_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        let (dim, d, k) = (self.dim(), self.left.whole.dim(), self.left.inner.len());
        let given = self.conditionals(z);
        let mut rows = Vec::with_capacity(given.len() * (2 * k + 1) * d);
        for (z, given) in z.chunks_exact(dim).zip(&given) {
            let points = given
                .as_ref()
                .map_or_else(|| vec![vec![0.0; k]; 2 * k + 1], Conditional::points);
            points
                .iter()
                .for_each(|inner| rows.extend(self.left.joined(z, inner)));
        }
        let (at, slopes) = self.felt(&rows);
        let each = log_r.iter_mut().zip(gradient.chunks_exact_mut(dim));
        let found = at
            .chunks_exact(2 * k + 1)
            .zip(slopes.chunks_exact((2 * k + 1) * d));
        for (((log_r, gradient), (at, slopes)), given) in each.zip(found).zip(&given) {
            let Some(given) = given.as_ref().filter(|_| at[0].is_finite()) else {
                *log_r = f64::NEG_INFINITY;
                gradient.fill(0.0);
                continue;
            };
            *log_r = at[0] + given.log_volume();
            for (g, &c) in gradient.iter_mut().zip(&self.left.outer) {
                let middle = slopes[c];
                let about = (1..=2 * k).map(|p| slopes[p * d + c] - middle);
                *g = middle + 0.5 * about.sum::<f64>();
            }
        }
    }
}

/// What shows the second derivatives by the inner coordinates.
fn probes(whole: &dyn Target, inner: &[usize]) -> Probes {
    let mut place = vec![None; whole.dim()];
    inner
        .iter()
        .enumerate()
        .for_each(|(i, &c)| place[c] = Some(i));
    let k = inner.len();
    let mut meet = vec![false; k * k];
    for (met, _) in whole.structure().related.relations(whole.dim()).meetings {
        let own: Vec<usize> = met.iter().filter_map(|&c| place[c as usize]).collect();
        for (&i, &j) in own.iter().flat_map(|i| own.iter().map(move |j| (i, j))) {
            meet[i * k + j] = true;
        }
    }
    Probes::new(k, |i, j| meet[i * k + j])
}

impl Conditional {
    /// mean + scale · L⁻ᵀ e.
    fn at(&self, e: &[f64], scale: f64) -> Vec<f64> {
        let mut b = e.to_vec();
        solve_lower_transposed(&self.lower, self.mean.len(), &mut b);
        b.iter()
            .zip(&self.mean)
            .map(|(b, m)| m + scale * b)
            .collect()
    }

    /// The mean, and a root of the covariance added to it and taken from it, column by column.
    fn points(&self) -> Vec<Vec<f64>> {
        let k = self.mean.len();
        let mut points = vec![self.mean.clone()];
        for i in 0..k {
            let mut e = vec![0.0; k];
            e[i] = 1.0;
            points.extend([1.0, -1.0].map(|sign| self.at(&e, sign)));
        }
        points
    }

    /// −½ |m|² − ½ log |P|.
    fn log_volume(&self) -> f64 {
        let k = self.mean.len();
        let square: f64 = self.mean.iter().map(|m| m * m).sum();
        let log_det: f64 = (0..k).map(|i| self.lower[i * k + i].ln()).sum();
        -0.5 * square - log_det
    }
}

impl Target for Marginal<'_> {
    fn dim(&self) -> usize {
        self.left.outer.len()
    }

    fn structure(&self) -> &Structure {
        &self.structure
    }

    fn log_r(&self, z: &[f64], out: &mut [f64]) {
        let rows = self.rows_at_once();
        z.par_chunks(rows * self.dim())
            .zip(out.par_chunks_mut(rows))
            .for_each(|(z, out)| self.evaluate(z, out));
    }

    fn log_r_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        let (rows, dim) = (self.rows_at_once(), self.dim());
        z.par_chunks(rows * dim)
            .zip(log_r.par_chunks_mut(rows))
            .zip(gradient.par_chunks_mut(rows * dim))
            .for_each(|((z, log_r), gradient)| self.evaluate_gradient(z, log_r, gradient));
    }

    fn log_r_given(&self, zk: &[f64], log_r: &mut [f64], log_p: &mut [f64]) {
        self.left.scores(zk, log_p);
        let mut z = zk.to_vec();
        self.left.fill(&mut z, &vec![0.5; log_p.len()]);
        self.log_r(&z, log_r);
    }

    fn fill(&self, zk: &mut [f64], u: &[f64]) {
        self.left.fill(zk, u);
    }

    fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]) {
        self.left.discrete_values(z, k, active);
    }

    fn counts(&self) -> [u64; 3] {
        self.left.whole.counts()
    }

    fn set_counts(&self, counts: [u64; 3]) {
        self.left.whole.set_counts(counts);
    }
}

impl WithoutSome for Marginal<'_> {
    fn gradients(&self, log_r: u64, gradient: u64) -> u64 {
        let (first, second) = (self.probes.groups.len() + 1, 2 * self.left.inner.len() + 1);
        log_r * first as u64 + gradient * (first + second) as u64
    }

    fn complete(&self, z: &[f64], n: usize, noise: &[f64]) -> Vec<f64> {
        let k = self.left.inner.len();
        let mut all = Vec::with_capacity(n * self.left.whole.dim());
        let rows = self.rows_at_once();
        for (z, noise) in z.chunks(rows * self.dim()).zip(noise.chunks(rows * k)) {
            let given = self.conditionals(z);
            let each = given.iter().zip(z.chunks_exact(self.dim()));
            for ((given, z), e) in each.zip(noise.chunks_exact(k)) {
                let inner = match given {
                    Some(given) => given.at(e, 1.0),
                    None => e.to_vec(),
                };
                all.extend(self.left.joined(z, &inner));
            }
        }
        all
    }
}
