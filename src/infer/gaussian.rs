//! Gaussians fitted to particles: factorisation, density, draws. Sequential sums, so that results do not depend on
//! threads.

use rand_distr::{Distribution, StandardNormal};

use crate::base::Stream;

#[allow(dead_code, reason = "tests use it")]
const HALF_LOG_2PI: f64 = 0.918_938_533_204_672_7;

/// Above this many multiplications a fit keeps only the diagonal of the covariance.
const FULL_FIT_COST: f64 = 2e9;

/// Fills with N(0, 1).
pub(crate) fn fill_normal(out: &mut [f64], rng: &mut Stream) {
    for v in out {
        *v = StandardNormal.sample(rng);
    }
}

/// log N(z; 0, I), without the constant.
pub(crate) fn log_prior(z: &[f64]) -> f64 {
    -0.5 * z.iter().map(|v| v * v).sum::<f64>()
}

/// Lower Cholesky factor in place of a symmetric matrix `a: [d, d]` (its upper triangle is ignored and zeroed); false if
/// it is not positive definite.
pub(crate) fn cholesky(a: &mut [f64], d: usize) -> bool {
    for j in 0..d {
        for i in j..d {
            let (head, tail) = a.split_at(i * d);
            let row_i = &tail[..d];
            let row_j = if i == j {
                row_i
            } else {
                &head[j * d..j * d + d]
            };
            let s = row_i[j] - dot(&row_i[..j], &row_j[..j]);
            if i == j {
                if !(s > 0.0 && s.is_finite()) {
                    return false;
                }
                a[j * d + j] = s.sqrt();
            } else {
                a[i * d + j] = s / a[j * d + j];
            }
        }
        a[j * d + j + 1..(j + 1) * d].fill(0.0);
    }
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The factor of a covariance.
#[derive(Clone, Debug)]
pub(crate) enum Factor {
    /// Standard deviations `[d]`.
    Diagonal(Vec<f64>),
    /// Lower triangular `[d, d]`.
    Lower(Vec<f64>),
}

/// N(mean, L Lᵀ).
#[derive(Clone, Debug)]
pub(crate) struct Gaussian {
    pub mean: Vec<f64>,
    pub factor: Factor,
    log_det: f64,
}

impl Gaussian {
    /// The prior, N(0, I).
    pub fn standard(dim: usize) -> Gaussian {
        Gaussian {
            mean: vec![0.0; dim],
            factor: Factor::Diagonal(vec![1.0; dim]),
            log_det: 0.0,
        }
    }

    /// Fits rows `z: [n, d]` with weights `w: [n]` (equal if `None`). Correlations shrink as d approaches the number of
    /// rows; with too few rows, or too many dimensions to afford them, there are none.
    pub fn fit(z: &[f64], d: usize, w: Option<&[f64]>) -> Gaussian {
        let n = z.len() / d;
        let weight = |i: usize| w.map_or(1.0, |w| w[i]);
        let total: f64 = (0..n).map(weight).sum();
        let squares: f64 = (0..n).map(|i| weight(i).powi(2)).sum();
        let rows = total * total / squares;
        let mut mean = vec![0.0; d];
        for (i, row) in z.chunks_exact(d).enumerate() {
            mean.iter_mut()
                .zip(row)
                .for_each(|(m, v)| *m += weight(i) / total * v);
        }
        if n as f64 * (d * d) as f64 > FULL_FIT_COST || rows < 2.0 * d as f64 {
            return Gaussian::diagonal_fit(z, d, mean, weight, total);
        }
        let mut cov = covariance(z, d, &mean, weight, total);
        let keep = rows / (rows + d as f64);
        for i in 0..d {
            for j in 0..i {
                cov[i * d + j] *= keep;
            }
            cov[i * d + i] = cov[i * d + i].max(1e-18) * (1.0 + 1e-9);
        }
        let spread: Vec<f64> = (0..d).map(|j| cov[j * d + j].sqrt()).collect();
        match cholesky(&mut cov, d) {
            true => Gaussian::lower(mean, cov),
            false => Gaussian::diagonal(mean, spread),
        }
    }

    fn diagonal_fit(
        z: &[f64],
        d: usize,
        mean: Vec<f64>,
        weight: impl Fn(usize) -> f64,
        total: f64,
    ) -> Gaussian {
        let mut var = vec![0.0; d];
        for (i, row) in z.chunks_exact(d).enumerate() {
            var.iter_mut()
                .zip(row)
                .zip(&mean)
                .for_each(|((s, v), m)| *s += weight(i) / total * (v - m).powi(2));
        }
        Gaussian::diagonal(mean, var.iter().map(|v| v.max(1e-18).sqrt()).collect())
    }

    /// N(mean, diag(spread²)).
    pub fn diagonal(mean: Vec<f64>, spread: Vec<f64>) -> Gaussian {
        let log_det = spread.iter().map(|s| s.ln()).sum();
        Gaussian {
            mean,
            factor: Factor::Diagonal(spread),
            log_det,
        }
    }

    /// N(mean, L Lᵀ) from a lower factor.
    pub fn lower(mean: Vec<f64>, factor: Vec<f64>) -> Gaussian {
        let d = mean.len();
        let log_det = (0..d).map(|i| factor[i * d + i].ln()).sum();
        Gaussian {
            mean,
            factor: Factor::Lower(factor),
            log_det,
        }
    }

    /// The same shape about another mean.
    pub fn moved(&self, mean: &[f64]) -> Gaussian {
        Gaussian {
            mean: mean.to_vec(),
            ..self.clone()
        }
    }

    /// Dimension.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// log density, with its constant less d·½ log 2π (as [`log_prior`]).
    pub fn log_density(&self, z: &[f64]) -> f64 {
        -0.5 * self.distance(z) - self.log_det
    }

    /// Squared Mahalanobis distance to the mean.
    pub fn distance(&self, z: &[f64]) -> f64 {
        let d = self.dim();
        match &self.factor {
            Factor::Diagonal(s) => (0..d).map(|j| ((z[j] - self.mean[j]) / s[j]).powi(2)).sum(),
            Factor::Lower(l) => {
                let mut u = vec![0.0; d];
                let mut sum = 0.0;
                for i in 0..d {
                    let row = &l[i * d..i * d + i + 1];
                    u[i] = (z[i] - self.mean[i] - dot(&row[..i], &u[..i])) / row[i];
                    sum += u[i] * u[i];
                }
                sum
            }
        }
    }

    /// L Lᵀ, `[d, d]`.
    pub fn covariance(&self) -> Vec<f64> {
        let d = self.dim();
        let mut cov = vec![0.0; d * d];
        for i in 0..d {
            match &self.factor {
                Factor::Diagonal(s) => cov[i * d + i] = s[i] * s[i],
                Factor::Lower(l) => {
                    for j in 0..=i {
                        cov[i * d + j] = dot(&l[i * d..i * d + j + 1], &l[j * d..j * d + j + 1]);
                        cov[j * d + i] = cov[i * d + j];
                    }
                }
            }
        }
        cov
    }

    /// `out = L·noise`.
    pub fn scale(&self, noise: &[f64], out: &mut [f64]) {
        let d = self.dim();
        match &self.factor {
            Factor::Diagonal(s) => out
                .iter_mut()
                .zip(noise.iter().zip(s))
                .for_each(|(o, (e, s))| *o = e * s),
            Factor::Lower(l) => {
                for i in 0..d {
                    out[i] = dot(&l[i * d..i * d + i + 1], &noise[..i + 1]);
                }
            }
        }
    }

    /// `out = Lᵀ·gradient`: a gradient in the coordinates in which this Gaussian is standard.
    pub fn pull_back(&self, gradient: &[f64], out: &mut [f64]) {
        let d = self.dim();
        match &self.factor {
            Factor::Diagonal(s) => out
                .iter_mut()
                .zip(gradient.iter().zip(s))
                .for_each(|(o, (g, s))| *o = g * s),
            Factor::Lower(l) => {
                out.fill(0.0);
                for (i, g) in gradient.iter().enumerate() {
                    let row = &l[i * d..i * d + i + 1];
                    out.iter_mut().zip(row).for_each(|(o, l)| *o += g * l);
                }
            }
        }
    }

    /// A step that leaves this Gaussian invariant and is reversible under it: `m + √(1 − ρ²)(z − m) + ρ L ε`
    /// (preconditioned Crank–Nicolson; ρ = 1 forgets z).
    ///
    /// # Source
    /// Cotter, Roberts, Stuart & White 2013, with mean and covariance as in Rudolf & Sprungk 2018.
    pub fn step(&self, z: &[f64], rho: f64, rng: &mut Stream, out: &mut [f64]) {
        let mut noise = vec![0.0; z.len()];
        fill_normal(&mut noise, rng);
        self.scale(&noise, out);
        let keep = (1.0 - rho * rho).max(0.0).sqrt();
        for (j, o) in out.iter_mut().enumerate() {
            *o = self.mean[j] + keep * (z[j] - self.mean[j]) + rho * *o;
        }
    }
}

fn covariance(
    z: &[f64],
    d: usize,
    mean: &[f64],
    weight: impl Fn(usize) -> f64,
    total: f64,
) -> Vec<f64> {
    let mut cov = vec![0.0; d * d];
    let mut x = vec![0.0; d];
    for (r, row) in z.chunks_exact(d).enumerate() {
        let w = weight(r) / total;
        if w == 0.0 {
            continue;
        }
        x.iter_mut()
            .zip(row.iter().zip(mean))
            .for_each(|(x, (v, m))| *x = v - m);
        for i in 0..d {
            let wi = w * x[i];
            cov[i * d..i * d + i + 1]
                .iter_mut()
                .zip(&x)
                .for_each(|(c, v)| *c += wi * v);
        }
    }
    cov
}

/// log N(x; mean, sd) in nats, with its constant.
#[cfg(test)]
pub(crate) fn log_normal(x: f64, mean: f64, sd: f64) -> f64 {
    -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - HALF_LOG_2PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn a_fit_recovers_the_gaussian_it_was_drawn_from() {
        let truth = Gaussian::lower(vec![1.0, -2.0], vec![2.0, 0.0, -1.0, 0.5]);
        let mut rng = Seed(3).stream("test", 0);
        let mut z = vec![0.0; 2 * 20_000];
        z.chunks_exact_mut(2)
            .for_each(|row| truth.step(&[0.0, 0.0], 1.0, &mut rng, row));
        let fit = Gaussian::fit(&z, 2, None);
        // Standard errors: 2/√20000 = .014 of a mean, √(2/20000) = 1 % of a variance; 5 of them.
        assert!((fit.mean[0] - 1.0).abs() < 0.07 && (fit.mean[1] + 2.0).abs() < 0.04);
        for point in [[1.0, -2.0], [3.0, -3.0], [0.0, -2.0]] {
            assert!((fit.log_density(&point) - truth.log_density(&point)).abs() < 0.1);
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        assert!(!cholesky(&mut [1.0, 0.0, 2.0, 1.0], 2));
        let mut a = vec![4.0, 0.0, 2.0, 5.0];
        assert!(cholesky(&mut a, 2));
        assert_eq!(a, vec![2.0, 0.0, 1.0, 2.0]);
    }

    #[test]
    fn few_rows_or_a_constant_column_still_give_a_gaussian() {
        let fit = Gaussian::fit(&[1.0, 5.0, 0.0, 1.0, 5.0, 0.1, 1.0, 5.0, 0.2], 3, None);
        assert!(fit.log_density(&[1.0, 5.0, 0.1]).is_finite());
    }
}
