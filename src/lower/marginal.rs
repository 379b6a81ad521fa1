//! A target with Gaussian noise integrated out.
//!
//! ```text
//! log r(a, b) quadratic in b:   posterior of b given a = N(m, P⁻¹),   P = I − ∂²log r/∂b²,   P m = ∂log r/∂b at b = 0
//! log r'(a) = log ∫ N(b; 0, I) r(a, b) db = log r(a, m) − ½ |m|² − ½ log |P|
//! ∂log r'/∂a = E[∂log r(a, b)/∂a]   over that posterior, of what is quadratic in b: its value at m + ½ tr(P⁻¹ ∂³log r/∂a ∂b²)
//! ```
//! Nothing is approximated: second derivatives of a quadratic are differences of its gradients, and the trace is one of
//! differences along the directions that show them, which needs P⁻¹ where P has entries only. An engine sees a alone; b is
//! drawn afterwards. Where a scale is drawn, the neck at its end is gone with b.
//!
//! b is noise, or the latent values that it leads to: steps of a walk all meet, its places meet their neighbours.
//!
//! # Source
//! Rao–Blackwellisation; by a compiler: Murray et al. 2018 (delayed sampling). Sparse precisions: Rue & Held 2005.

use rayon::prelude::*;

use super::gaussian::Gaussian;
use super::left::{Left, WithoutSome};
use super::target::{Structure, Target};

/// Numbers of noise that one thread evaluates at once.
const AT_ONCE: usize = 1 << 16;

/// A target over the noise that is not integrated out.
pub struct Marginal<'a> {
    left: Left<'a>,
    by: &'a Gaussian,
    /// The same over noise, for what cannot be evaluated over values.
    over_noise: Option<Box<Marginal<'a>>>,
    structure: Structure,
}

/// The posterior of the inner noise given the outer: its mean, and the Cholesky factor of its precision.
struct Conditional {
    mean: Vec<f64>,
    factor: Vec<f64>,
}

impl<'a> Marginal<'a> {
    /// Integrates the coordinates `inner`, ascending, out of a target whose log r is quadratic in them.
    pub fn new(whole: &'a dyn Target, inner: &[usize], by: &'a Gaussian) -> Marginal<'a> {
        let left = Left::new(by.over(whole), inner);
        let structure = Structure {
            dear_gradient: true,
            related: whole.structure().related.among(&left.outer),
            ..left.structure(by.evaluations().0 + 1)
        };
        let over_noise = by.over_noise().map(|by| Marginal::new(whole, inner, by));
        Marginal {
            left,
            by,
            over_noise: over_noise.map(Box::new),
            structure,
        }
    }

    fn rows_at_once(&self) -> usize {
        let each = self.left.whole.dim() * self.by.evaluations().1;
        (AT_ONCE / each.max(1)).max(1)
    }

    /// The inner noise's posterior for each row; `None` where an execution has no weight.
    fn conditionals(&self, z: &[f64]) -> Vec<Option<Conditional>> {
        let (d, groups) = (self.left.whole.dim(), self.by.groups());
        let each = groups.len() + 1;
        let bare = self.left.bare(z);
        let mut rows = Vec::with_capacity(bare.len() * each);
        for row in bare.chunks_exact(d) {
            rows.extend_from_slice(row);
            for group in groups {
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
        let (d, inner) = (self.left.whole.dim(), &self.left.inner);
        let slope = |probe: usize, j: usize| gradient[probe * d + inner[j]];
        let factor = self
            .by
            .factor(|group, row| slope(0, row) - slope(group + 1, row))?;
        let mut mean: Vec<f64> = (0..inner.len()).map(|j| slope(0, j)).collect();
        self.by.solve(&factor, &mut mean);
        let found = Conditional { mean, factor };
        found.mean.iter().all(|m| m.is_finite()).then_some(found)
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
        let each = out.chunks_exact_mut(1).zip(z.chunks_exact(self.dim()));
        for ((out, z), given) in each.zip(&given) {
            match (given, &self.over_noise) {
                (Some(given), _) => out[0] += self.by.log_volume(&given.mean, &given.factor),
                (None, Some(other)) => other.evaluate(z, out),
                (None, None) => out[0] = f64::NEG_INFINITY,
            }
        }
    }

    /// log r' of some rows, and its gradient.
    fn evaluate_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        let (dim, d, k) = (self.dim(), self.left.whole.dim(), self.left.inner.len());
        let given = self.conditionals(z);
        let each = self.by.evaluations().1;
        let mut rows = Vec::with_capacity(given.len() * each * d);
        for (z, given) in z.chunks_exact(dim).zip(&given) {
            let points = given.as_ref().map_or_else(
                || vec![vec![0.0; k]; each],
                |g| self.by.points(&g.mean, &g.factor),
            );
            points
                .iter()
                .for_each(|inner| rows.extend(self.left.joined(z, inner)));
        }
        let (at, slopes) = self.felt(&rows);
        let out = log_r
            .chunks_exact_mut(1)
            .zip(gradient.chunks_exact_mut(dim));
        let found = at.chunks_exact(each).zip(slopes.chunks_exact(each * d));
        let rows = z.chunks_exact(dim).zip(&given);
        for (((log_r, gradient), (at, slopes)), (z, given)) in out.zip(found).zip(rows) {
            let Some(given) = given.as_ref().filter(|_| at[0].is_finite()) else {
                match &self.over_noise {
                    Some(other) => other.evaluate_gradient(z, log_r, gradient),
                    None => {
                        log_r[0] = f64::NEG_INFINITY;
                        gradient.fill(0.0);
                    }
                }
                continue;
            };
            log_r[0] = at[0] + self.by.log_volume(&given.mean, &given.factor);
            for (g, &c) in gradient.iter_mut().zip(&self.left.outer) {
                *g = self.by.mean_of(|point| slopes[point * d + c]);
            }
        }
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
        let (first, second) = self.by.evaluations();
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
                let mut inner = e.to_vec();
                match (given, &self.over_noise) {
                    (Some(given), _) => {
                        self.by.draw(&given.mean, &given.factor, &mut inner);
                        let mut row = self.left.joined(z, &inner);
                        self.by.leave(&mut row);
                        all.extend(row);
                    }
                    (None, Some(other)) => all.extend(other.complete(z, 1, e)),
                    (None, None) => all.extend(self.left.joined(z, &inner)),
                }
            }
        }
        all
    }
}
