//! The kinds of moves that particles make: reversible proposals, shaped after other particles.
//!
//! ```text
//! fitted   Crank–Nicolson about the particles' Gaussian      one mode, correlated
//! mixture  the same inside a mixture's component, or a jump  separated modes
//! prior    Crank–Nicolson about N(0, I)                      weak evidence, odd shapes
//! apart    z + γ (z_a − z_b) of two other particles          curved shapes; modes, at γ = 1
//! cross    the same in a few coordinates                     many modes that multiply; many weak links
//! block    fresh or nudged noise in a few coordinates        many weakly linked coordinates
//! narrow   the same at a scale drawn anew each time          funnels: the right scale differs from place to place
//! site     fresh noise at one discrete site                  branches
//! ```

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::gaussian::{Gaussian, fill_normal, log_prior};
use super::mixture::Mixture;
use crate::base::Stream;
use crate::lower::Target;

/// A kind of move; the number is ρ (1 forgets z) or γ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Fitted(f64),
    Mixture(f64),
    Prior(f64),
    Apart(f64),
    Cross(f64),
    Block(f64),
    Narrow,
    Site,
}

/// Nats of scale, downwards from 1, over which [`Kind::Narrow`] draws.
const SCALES: f64 = 7.0;

/// The kinds that make sense for a target.
pub(crate) fn kinds(target: &dyn Target) -> Vec<Kind> {
    let d = target.dim();
    let differential = 2.38 / (2.0 * d as f64).sqrt();
    let mut kinds = Vec::new();
    kinds.extend([1.0, 0.75, 0.5, 0.25, 0.1, 0.04, 0.015].map(Kind::Fitted));
    kinds.extend([1.0, 0.5, 0.2].map(Kind::Mixture));
    kinds.extend([0.8, 0.4, 0.15, 0.05].map(Kind::Prior));
    kinds.extend([1.0, differential, 0.4 * differential].map(Kind::Apart));
    if d > 1 {
        kinds.extend([1.0, 0.5].map(Kind::Cross));
        kinds.extend([1.0, 0.4, 0.1].map(Kind::Block));
    }
    // Few of its steps fit where they are tried, and none of the others fits in narrow places: three shares.
    kinds.extend([Kind::Narrow; 3]);
    if !target.structure().discrete.is_empty() {
        kinds.push(Kind::Site);
    }
    kinds
}

/// What moves are shaped after: some particles, and what was fitted to them.
pub(crate) struct Shape {
    single: Mixture,
    mixture: Option<Mixture>,
    /// The particles, `[n, dim]`.
    others: Vec<f64>,
    /// Their standard deviations `[dim]`.
    pub spread: Vec<f64>,
    /// Coordinates of the discrete sites.
    sites: Vec<usize>,
}

impl Shape {
    /// Fits particles `z: [n, dim]`.
    pub fn fit(z: &[f64], target: &dyn Target, rng: &mut Stream) -> Shape {
        let d = target.dim();
        let single = Mixture::single(z, d);
        Shape {
            mixture: Mixture::fit(z, d, &single, rng),
            single,
            others: z.to_vec(),
            spread: spread(z, d),
            sites: target
                .structure()
                .discrete
                .iter()
                .map(|s| s.coordinate)
                .collect(),
        }
    }

    /// One Gaussian over all particles.
    pub fn gaussian(&self) -> &Gaussian {
        self.single.first()
    }

    /// Whether there are separated modes to jump between.
    pub fn has_modes(&self) -> bool {
        self.mixture.is_some()
    }

    /// Writes a proposal p; returns log [N(p) q(p → z)] − log [N(z) q(z → p)].
    pub fn propose(&self, kind: Kind, z: &[f64], p: &mut [f64], rng: &mut Stream) -> f64 {
        match kind {
            Kind::Fitted(rho) => jump(&self.single, rho, z, p, rng),
            Kind::Mixture(rho) => jump(
                self.mixture.as_ref().unwrap_or(&self.single),
                rho,
                z,
                p,
                rng,
            ),
            Kind::Prior(rho) => {
                fill_normal(p, rng);
                let keep = (1.0 - rho * rho).sqrt();
                p.iter_mut()
                    .zip(z)
                    .for_each(|(p, z)| *p = keep * z + rho * *p);
                0.0
            }
            Kind::Apart(gamma) => {
                self.differ(gamma, 0, z.len(), z, p, rng);
                log_prior(p) - log_prior(z)
            }
            Kind::Cross(gamma) => {
                let (first, width) = block(z.len(), rng);
                self.differ(gamma, first, width, z, p, rng);
                log_prior(p) - log_prior(z)
            }
            Kind::Block(rho) => {
                p.copy_from_slice(z);
                let (first, width) = block(z.len(), rng);
                (first..first + width).for_each(|j| nudge(&mut p[j % z.len()], rho, rng));
                0.0
            }
            Kind::Narrow => {
                p.copy_from_slice(z);
                let rho = (-SCALES * rng.random::<f64>()).exp();
                let (first, width) = block(z.len(), rng);
                (first..first + width).for_each(|j| nudge(&mut p[j % z.len()], rho, rng));
                0.0
            }
            Kind::Site => {
                p.copy_from_slice(z);
                let site = self.sites[rng.random_range(0..self.sites.len())];
                nudge(&mut p[site], 1.0, rng);
                0.0
            }
        }
    }

    /// Differential evolution (ter Braak 2006; in some coordinates only: Vrugt et al. 2009).
    fn differ(
        &self,
        gamma: f64,
        first: usize,
        width: usize,
        z: &[f64],
        p: &mut [f64],
        rng: &mut Stream,
    ) {
        let d = z.len();
        let n = self.others.len() / d;
        let (a, b) = (rng.random_range(0..n) * d, rng.random_range(0..n) * d);
        p.copy_from_slice(z);
        for j in (first..first + width).map(|j| j % d) {
            let hair: f64 = StandardNormal.sample(rng);
            p[j] +=
                gamma * (self.others[a + j] - self.others[b + j]) + 1e-2 * self.spread[j] * hair;
        }
    }
}

/// A run of coordinates (around the end): first and width, often a single one.
fn block(d: usize, rng: &mut Stream) -> (usize, usize) {
    let most = (d / 2).clamp(1, 64);
    let width = if rng.random::<bool>() {
        1
    } else {
        rng.random_range(1..=most)
    };
    (rng.random_range(0..d), width)
}

fn jump(q: &Mixture, rho: f64, z: &[f64], p: &mut [f64], rng: &mut Stream) -> f64 {
    q.propose(z, rho, rng, p);
    log_prior(p) - q.log_density(p) - log_prior(z) + q.log_density(z)
}

fn nudge(v: &mut f64, rho: f64, rng: &mut Stream) {
    let fresh: f64 = StandardNormal.sample(rng);
    *v = (1.0 - rho * rho).sqrt() * *v + rho * fresh;
}

fn spread(z: &[f64], d: usize) -> Vec<f64> {
    let n = (z.len() / d) as f64;
    let (mut mean, mut var) = (vec![0.0; d], vec![0.0; d]);
    for row in z.chunks_exact(d) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n);
    }
    for row in z.chunks_exact(d) {
        var.iter_mut()
            .zip(row)
            .zip(&mean)
            .for_each(|((s, v), m)| *s += (v - m) * (v - m) / n);
    }
    var.into_iter().map(|v| v.max(1e-18).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::branches;

    #[test]
    fn every_kind_of_move_leaves_the_prior_alone() {
        // Metropolis with weight 1 from exact prior draws: means and variances must stay, whatever the shape.
        let target = branches().target;
        let mut rng = Seed(5).stream("test", 0);
        let mut others = vec![0.0; 5 * 400];
        fill_normal(&mut others, &mut rng);
        others
            .chunks_exact_mut(5)
            .enumerate()
            .for_each(|(i, row)| row[0] = 0.3 * row[0] + [-2.0, 1.0][i % 2]);
        let shape = Shape::fit(&others, &target, &mut rng);
        assert!(shape.has_modes());
        for kind in kinds(&target) {
            let n = 20_000;
            let (mut sum, mut square) = (0.0, 0.0);
            let (mut z, mut p) = ([0.0; 5], [0.0; 5]);
            for _ in 0..n {
                fill_normal(&mut z, &mut rng);
                let ratio = shape.propose(kind, &z, &mut p, &mut rng);
                let to = if rng.random::<f64>().ln() < ratio {
                    &p
                } else {
                    &z
                };
                sum += to[0];
                square += to[0] * to[0];
            }
            // Standard errors 1/√n and √2/√n; 5 of them.
            let error = 5.0 / f64::from(n).sqrt();
            assert!(
                (sum / f64::from(n)).abs() < error,
                "{kind:?}: mean {}",
                sum / f64::from(n)
            );
            assert!(
                (square / f64::from(n) - 1.0).abs() < 1.5 * error,
                "{kind:?}: square {}",
                square / f64::from(n)
            );
        }
    }
}
