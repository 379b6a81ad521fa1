//! Coordinates in which the continuous noise is diffused: z = mean + L u for each part of a mixture, bent or as it is.
//!
//! A *group* is a set of parts that share discrete values (all of them where there are none). Part densities define the
//! fixed responsibility γ(part | z, group) which the target carries as the backward kernel of the part's index.

use std::collections::BTreeMap;

use super::bend::Bend;
use super::linear::{cholesky, dot};
use crate::base::Stream;
use crate::infer::gaussian::fill_normal;

/// The shape of L.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Identity,
    Diagonal,
    Lower,
}

/// One affine map, with L lower triangular, and the bend that may follow it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub mean: Vec<f64>,
    /// `[d, d]`, lower triangular, row-major; `[d]` where L is diagonal; nothing for the identity.
    lower: Vec<f64>,
    pub log_det: f64,
    shape: Shape,
    bend: Option<Bend>,
}

impl Frame {
    /// The prior's own coordinates.
    pub fn prior(d: usize) -> Frame {
        Frame {
            mean: vec![0.0; d],
            lower: Vec::new(),
            log_det: 0.0,
            shape: Shape::Identity,
            bend: None,
        }
    }

    /// From a mean and variances.
    pub fn diagonal(mean: Vec<f64>, variance: &[f64]) -> Frame {
        let lower: Vec<f64> = variance.iter().map(|v| v.sqrt()).collect();
        let log_det = lower.iter().map(|l| l.ln()).sum();
        Frame {
            mean,
            lower,
            log_det,
            shape: Shape::Diagonal,
            bend: None,
        }
    }

    /// From a mean and a covariance; `None` where that is not positive definite.
    pub fn new(mean: Vec<f64>, mut covariance: Vec<f64>) -> Option<Frame> {
        let d = mean.len();
        if !cholesky(&mut covariance, d) {
            return None;
        }
        let log_det: f64 = (0..d).map(|i| covariance[i * d + i].ln()).sum();
        (log_det.is_finite() && mean.iter().all(|m| m.is_finite())).then_some(Frame {
            mean,
            lower: covariance,
            log_det,
            shape: Shape::Lower,
            bend: None,
        })
    }

    /// The same map with a bend behind it.
    pub fn bent(self, bend: Bend) -> Frame {
        Frame {
            bend: Some(bend),
            ..self
        }
    }

    /// From a mean and L itself, `[d, d]`, lower triangular with a positive diagonal; `None` where it is not, or not finite.
    pub fn lower(mean: Vec<f64>, lower: Vec<f64>) -> Option<Frame> {
        let d = mean.len();
        let diagonal = || (0..d).map(|i| lower[i * d + i]);
        let log_det: f64 = diagonal().map(f64::ln).sum();
        let finite = mean.iter().chain(&lower).all(|v| v.is_finite()) && log_det.is_finite();
        (finite && diagonal().all(|l| l > 0.0)).then_some(Frame {
            mean,
            lower,
            log_det,
            shape: Shape::Lower,
            bend: None,
        })
    }

    /// The same place with the covariance scaled by `factor`.
    pub fn inflated(&self, factor: f64) -> Frame {
        let d = self.mean.len();
        if self.shape == Shape::Identity {
            let bend = self.bend.clone();
            return Frame {
                bend,
                ..Frame::diagonal(self.mean.clone(), &vec![factor; d])
            };
        }
        let scale = factor.sqrt();
        let lower = self.lower.iter().map(|l| l * scale).collect();
        Frame {
            mean: self.mean.clone(),
            lower,
            log_det: self.log_det + d as f64 * scale.ln(),
            shape: self.shape,
            bend: self.bend.clone(),
        }
    }

    /// `z = mean + L u`, bent.
    pub fn place(&self, u: &[f64], z: &mut [f64]) {
        let d = self.mean.len();
        match self.shape {
            Shape::Identity => z.copy_from_slice(u),
            Shape::Diagonal => (0..d).for_each(|i| z[i] = self.mean[i] + self.lower[i] * u[i]),
            Shape::Lower => {
                (0..d).for_each(|i| {
                    z[i] = self.mean[i] + dot(&self.lower[i * d..=i * d + i], &u[..=i])
                });
            }
        }
        if let Some(bend) = &self.bend {
            bend.place(z);
        }
    }

    /// `n` draws: u ~ N(0, I) and where they lie, both `[n, d]`.
    pub fn draws(&self, n: usize, rng: &mut Stream) -> (Vec<f64>, Vec<f64>) {
        let d = self.mean.len();
        let (mut u, mut z) = (vec![0.0; n * d], vec![0.0; n * d]);
        fill_normal(&mut u, rng);
        let rows = u.chunks_exact(d).zip(z.chunks_exact_mut(d));
        rows.for_each(|(u, z)| self.place(u, z));
        (u, z)
    }

    /// `u = L⁻¹ (z − mean)`, after the bend is undone; returns log |∂z/∂u|.
    pub fn whiten(&self, z: &[f64], u: &mut [f64]) -> f64 {
        let Some(bend) = &self.bend else {
            self.whiten_affine(z, u);
            return self.log_det;
        };
        let mut flat = z.to_vec();
        let log_det = bend.undo(&mut flat);
        self.whiten_affine(&flat, u);
        self.log_det + log_det
    }

    /// log |∂z/∂u| at z.
    pub fn log_det_at(&self, z: &[f64]) -> f64 {
        match &self.bend {
            Some(bend) => self.log_det + bend.undo(&mut z.to_vec()),
            None => self.log_det,
        }
    }

    fn whiten_affine(&self, z: &[f64], u: &mut [f64]) {
        let d = self.mean.len();
        match self.shape {
            Shape::Identity => u.copy_from_slice(z),
            Shape::Diagonal => (0..d).for_each(|i| u[i] = (z[i] - self.mean[i]) / self.lower[i]),
            Shape::Lower => {
                for i in 0..d {
                    let row = &self.lower[i * d..=i * d + i];
                    u[i] = (z[i] - self.mean[i] - dot(&row[..i], &u[..i])) / row[i];
                }
            }
        }
    }

    /// Turns the gradient of h by z = place(u), in place, into that of h + log |∂z/∂u| by u.
    pub fn pull(&self, z: &[f64], gradient: &mut [f64]) {
        let d = self.mean.len();
        if let Some(bend) = &self.bend {
            bend.pull(z, gradient);
        }
        match self.shape {
            Shape::Identity => {}
            Shape::Diagonal => (0..d).for_each(|i| gradient[i] *= self.lower[i]),
            Shape::Lower => {
                let by_flat = gradient.to_vec();
                gradient.fill(0.0);
                for (row, g) in self.lower.chunks_exact(d).zip(&by_flat) {
                    gradient
                        .iter_mut()
                        .zip(row)
                        .for_each(|(to, l)| *to += g * l);
                }
            }
        }
    }

    /// Entry (i, j ≤ i) of the covariance of what the bend, if any, gets.
    pub fn covariance(&self, i: usize, j: usize) -> f64 {
        let d = self.mean.len();
        match self.shape {
            Shape::Identity => f64::from(u8::from(i == j)),
            Shape::Diagonal if i == j => self.lower[i] * self.lower[i],
            Shape::Diagonal => 0.0,
            Shape::Lower => dot(
                &self.lower[i * d..=i * d + j],
                &self.lower[j * d..=j * d + j],
            ),
        }
    }

    /// L with rows of length 1, `[d, d]`: the root of the correlations of what the bend, if any, gets; `None` for the identity.
    pub fn correlation_root(&self) -> Option<Vec<f32>> {
        let d = self.mean.len();
        (self.shape == Shape::Lower).then(|| {
            let rows = self.lower.chunks_exact(d).flat_map(|row| {
                let length = dot(row, row).sqrt();
                row.iter().map(move |l| (l / length) as f32)
            });
            rows.collect()
        })
    }

    /// log density of z for u ~ N(0, I), without −(d/2) log 2π.
    pub fn log_density(&self, z: &[f64], scratch: &mut [f64]) -> f64 {
        let log_det = self.whiten(z, scratch);
        -0.5 * dot(scratch, scratch) - log_det
    }
}

/// The parts used for one set of discrete values, with their fitted shares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub parts: Vec<usize>,
    pub log_share: Vec<f64>,
}

/// All parts, and which group of them a vector of discrete values uses. Group 0 serves values that are rare.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frames {
    pub dim: usize,
    pub parts: Vec<Frame>,
    pub groups: Vec<Group>,
    pub of_values: BTreeMap<Vec<u32>, usize>,
}

impl Frames {
    /// One group with the given parts.
    pub fn single(dim: usize, parts: Vec<Frame>, log_share: Vec<f64>) -> Frames {
        let group = Group {
            parts: (0..parts.len()).collect(),
            log_share,
        };
        Frames {
            dim,
            parts,
            groups: vec![group],
            of_values: BTreeMap::new(),
        }
    }

    /// Adds a group for one vector of discrete values.
    pub fn add_group(&mut self, values: Vec<u32>, parts: Vec<Frame>, log_share: Vec<f64>) {
        let first = self.parts.len();
        self.groups.push(Group {
            parts: (first..first + parts.len()).collect(),
            log_share,
        });
        self.parts.extend(parts);
        self.of_values.insert(values, self.groups.len() - 1);
    }

    /// The group that discrete values use.
    pub fn group(&self, values: &[u32]) -> usize {
        if self.of_values.is_empty() {
            0
        } else {
            self.of_values.get(values).copied().unwrap_or(0)
        }
    }

    /// Means over the parts of each coordinate's mean, and of its standard deviation, before any bend.
    pub fn spans(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut place, mut scale) = (vec![0.0; self.dim], vec![0.0; self.dim]);
        let share = 1.0 / self.parts.len() as f64;
        for frame in &self.parts {
            for i in 0..self.dim {
                place[i] += share * frame.mean[i];
                scale[i] += share * frame.covariance(i, i).sqrt();
            }
        }
        (place, scale)
    }

    /// log(share · density) of each of the group's parts into `terms`; returns their log sum.
    pub fn log_terms(
        &self,
        group: usize,
        z: &[f64],
        terms: &mut Vec<f64>,
        scratch: &mut [f64],
    ) -> f64 {
        let group = &self.groups[group];
        terms.clear();
        terms.extend(
            group
                .parts
                .iter()
                .zip(&group.log_share)
                .map(|(&p, s)| s + self.parts[p].log_density(z, scratch)),
        );
        super::linear::log_sum_exp(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitening_undoes_placing_and_densities_integrate() {
        let f = Frame::new(vec![1.0, -2.0], vec![4.0, 0.0, 1.0, 2.0]).unwrap();
        let (mut z, mut u) = ([0.0; 2], [0.0; 2]);
        f.place(&[0.3, -1.1], &mut z);
        f.whiten(&z, &mut u);
        assert!((u[0] - 0.3).abs() < 1e-12 && (u[1] + 1.1).abs() < 1e-12);
        let mut sum = 0.0;
        for i in 0..200 {
            for j in 0..200 {
                let z = [
                    1.0 + 0.1 * (i as f64 - 99.5),
                    -2.0 + 0.1 * (j as f64 - 99.5),
                ];
                sum += 0.01 * f.log_density(&z, &mut u).exp() / std::f64::consts::TAU;
            }
        }
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }
}
