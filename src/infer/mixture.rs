//! A Gaussian mixture fitted to particles: what lets a move jump between separated modes.

use rand::RngExt;

use super::coordinates::centres::far_apart;
use super::gaussian::{Gaussian, cholesky};
use crate::base::Stream;
use crate::draws::log_sum_exp;

/// Particles an EM fit looks at, and particles held out to judge it.
const TRAIN: usize = 1000;
const HELD_OUT: usize = 500;
/// EM iterations.
const ROUNDS: usize = 25;
/// Multiplications an EM fit may cost.
const COST: f64 = 3e7;
/// Nats per held-out particle by which a mixture must beat one Gaussian.
const GAIN: f64 = 0.1;
/// Squared distance of centres, in units of the summed covariances, below which components are one.
const OVERLAP: f64 = 4.0;

/// Σ_k w_k N(m_k, S_k).
#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    log_w: Vec<f64>,
    parts: Vec<Gaussian>,
}

impl Mixture {
    /// One Gaussian fitted to `z: [n, d]`.
    pub fn single(z: &[f64], d: usize) -> Mixture {
        Mixture {
            log_w: vec![0.0],
            parts: vec![Gaussian::fit(z, d, None)],
        }
    }

    /// Its first component.
    pub fn first(&self) -> &Gaussian {
        &self.parts[0]
    }

    /// A mixture, if it describes held-out particles clearly better than `single` does; at most 30 components, fewer as
    /// d grows, none where they cannot be afforded.
    pub fn fit(z: &[f64], d: usize, single: &Mixture, rng: &mut Stream) -> Option<Mixture> {
        let n = z.len() / d;
        let most = (COST / (TRAIN * ROUNDS * d * d.max(3)) as f64).min(30.0) as usize;
        if most < 2 || n < 200 {
            return None;
        }
        let pick = |count: usize, rng: &mut Stream| -> Vec<f64> {
            (0..count)
                .flat_map(|_| {
                    let i = rng.random_range(0..n);
                    z[i * d..(i + 1) * d].to_vec()
                })
                .collect()
        };
        let train = pick(TRAIN.min(n), rng);
        let held_out = pick(HELD_OUT.min(n), rng);
        let mut mix = Mixture::seeded(&train, d, most, rng);
        for round in 0..ROUNDS {
            mix.improve(&train, d, round > 4);
            if round % 4 == 3 {
                mix.merge();
            }
        }
        let score = |m: &Mixture| {
            held_out
                .chunks_exact(d)
                .map(|x| m.log_density(x))
                .sum::<f64>()
        };
        let gain = (score(&mix) - score(single)) / HELD_OUT.min(n) as f64;
        (mix.parts.len() > 1 && gain > GAIN).then_some(mix)
    }

    /// Centres far apart, spheres around them.
    fn seeded(x: &[f64], d: usize, most: usize, rng: &mut Stream) -> Mixture {
        let (centres, near) = far_apart(x, d, most, rng);
        let row = |i: usize| &x[i * d..(i + 1) * d];
        let spread = (near.iter().sum::<f64>() / x.len() as f64).max(1e-6).sqrt();
        let parts: Vec<_> = centres
            .iter()
            .map(|&c| Gaussian::diagonal(row(c).to_vec(), vec![spread; d]))
            .collect();
        Mixture {
            log_w: vec![-(parts.len() as f64).ln(); parts.len()],
            parts,
        }
    }

    /// One step of EM; `prune` drops components with too few particles to have a covariance.
    fn improve(&mut self, x: &[f64], d: usize, prune: bool) {
        let n = x.len() / d;
        let k = self.parts.len();
        let mut share = vec![0.0; k * n];
        let mut terms = vec![0.0; k];
        for (i, row) in x.chunks_exact(d).enumerate() {
            let total = self.log_terms(row, &mut terms);
            terms
                .iter()
                .enumerate()
                .for_each(|(c, t)| share[c * n + i] = (t - total).exp());
        }
        let least = (2.0 * d as f64).max(6.0);
        let mut next = Mixture {
            log_w: Vec::new(),
            parts: Vec::new(),
        };
        for share in share.chunks_exact(n) {
            let count: f64 = share.iter().sum();
            if count < 1e-6 || (prune && count < least) {
                continue;
            }
            next.log_w.push((count / n as f64).ln());
            next.parts.push(Gaussian::fit(x, d, Some(share)));
        }
        if !next.parts.is_empty() {
            let total = log_sum_exp(&next.log_w);
            next.log_w.iter_mut().for_each(|l| *l -= total);
            *self = next;
        }
    }

    /// Merges components whose centres lie well inside each other, keeping their joint mean and covariance.
    fn merge(&mut self) {
        let mut a = 0;
        while a < self.parts.len() {
            match (a + 1..self.parts.len()).find(|&b| overlap(&self.parts[a], &self.parts[b])) {
                None => a += 1,
                Some(b) => {
                    let other = (self.log_w.remove(b), self.parts.remove(b));
                    let joint = log_sum_exp(&[self.log_w[a], other.0]);
                    let share = (other.0 - joint).exp();
                    self.parts[a] = joined(&self.parts[a], &other.1, share);
                    self.log_w[a] = joint;
                }
            }
        }
    }

    /// log(w_k N(z; m_k, S_k)) of each component into `terms`; returns the log density (constant as in `log_prior`).
    fn log_terms(&self, z: &[f64], terms: &mut [f64]) -> f64 {
        for ((t, part), log_w) in terms.iter_mut().zip(&self.parts).zip(&self.log_w) {
            *t = log_w + part.log_density(z);
        }
        log_sum_exp(terms)
    }

    /// Of each component, the share of rows that it is responsible for, and how surely its own rows are its own (1 where
    /// it lies apart).
    pub fn shares(&self, z: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
        let k = self.parts.len();
        let (mut share, mut own, mut terms) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
        let n = (z.len() / d) as f64;
        for row in z.chunks_exact(d) {
            let total = self.log_terms(row, &mut terms);
            for (c, t) in terms.iter().enumerate() {
                let p = (t - total).exp();
                share[c] += p / n;
                own[c] += p * p / n;
            }
        }
        let sure = own
            .iter()
            .zip(&share)
            .map(|(o, s)| o / s.max(1e-300))
            .collect();
        (share, sure)
    }

    /// log density, with the constant as in `log_prior`.
    pub fn log_density(&self, z: &[f64]) -> f64 {
        if let [only] = self.parts.as_slice() {
            return only.log_density(z);
        }
        self.log_terms(z, &mut vec![0.0; self.parts.len()])
    }

    /// Proposes from z: with ρ = 1 a fresh draw of the mixture, below that a Crank–Nicolson step inside a component drawn
    /// by its responsibility for z. Either way the mixture is the invariant law: under density p the Metropolis
    /// ratio is p(z')q(z)/p(z)q(z') with q the mixture's density (the component cancels).
    pub fn propose(&self, z: &[f64], rho: f64, rng: &mut Stream, out: &mut [f64]) {
        let k = match self.parts.len() {
            1 => 0,
            _ => self.choose(z, rho, rng),
        };
        self.parts[k].step(z, rho, rng, out);
    }

    fn choose(&self, z: &[f64], rho: f64, rng: &mut Stream) -> usize {
        let mut terms = self.log_w.clone();
        let total = match rho >= 1.0 {
            true => 0.0,
            false => self.log_terms(z, &mut terms),
        };
        let mut u: f64 = rng.random();
        let found = terms.iter().position(|t| {
            u -= (t - total).exp();
            u <= 0.0
        });
        found.unwrap_or(terms.len() - 1)
    }
}

/// Whether (m_a − m_b)ᵀ(S_a + S_b)⁻¹(m_a − m_b) is below [`OVERLAP`].
fn overlap(a: &Gaussian, b: &Gaussian) -> bool {
    let mut sum = a.covariance();
    sum.iter_mut()
        .zip(b.covariance())
        .for_each(|(x, y)| *x += y);
    cholesky(&mut sum, a.dim()) && Gaussian::lower(a.mean.clone(), sum).distance(&b.mean) < OVERLAP
}

/// The Gaussian with the moments of `(1 − share)·a + share·b`.
fn joined(a: &Gaussian, b: &Gaussian, share: f64) -> Gaussian {
    let d = a.dim();
    let mean: Vec<f64> = a
        .mean
        .iter()
        .zip(&b.mean)
        .map(|(x, y)| x + share * (y - x))
        .collect();
    let (sa, sb) = (a.covariance(), b.covariance());
    let mut cov: Vec<f64> = sa
        .iter()
        .zip(&sb)
        .map(|(x, y)| x + share * (y - x))
        .collect();
    for i in 0..d {
        for j in 0..d {
            cov[i * d + j] +=
                share * (1.0 - share) * (b.mean[i] - a.mean[i]) * (b.mean[j] - a.mean[j]);
        }
    }
    let spread = (0..d).map(|j| cov[j * d + j].sqrt()).collect();
    match cholesky(&mut cov, d) {
        true => Gaussian::lower(mean, cov),
        false => Gaussian::diagonal(mean, spread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn separated_modes_are_found_and_one_gaussian_is_left_alone() {
        let mut rng = Seed(1).stream("test", 0);
        let lone = Gaussian::standard(2);
        let mut z = vec![0.0; 2 * 3000];
        for (i, row) in z.chunks_exact_mut(2).enumerate() {
            lone.step(&[0.0; 2], 1.0, &mut rng, row);
            row[0] = row[0] * 0.2 + [-3.0, 0.0, 3.0][i % 3];
        }
        let mix = Mixture::fit(&z, 2, &Mixture::single(&z, 2), &mut rng).expect("three modes");
        assert!(
            mix.parts.len() >= 3 && mix.parts.len() <= 8,
            "{}",
            mix.parts.len()
        );
        let mut plain = vec![0.0; 2 * 3000];
        plain
            .chunks_exact_mut(2)
            .for_each(|row| lone.step(&[0.0; 2], 1.0, &mut rng, row));
        assert!(Mixture::fit(&plain, 2, &Mixture::single(&plain, 2), &mut rng).is_none());
    }
}
