//! From a data set's figures f to a Gaussian for the posterior, in whose coordinates the noise is diffused, and to what the
//! diffusion network is told.
//!
//! ```text
//! z = A f + b + L₀ (δ(f) + P(f)⁻¹ v)      v ~ N(0, I)      P lower triangular, diag P = exp(−s(f))
//! ```
//! A, b and L₀ are the regression of simulated noise on its data's figures; (δ, s, the rest of P) are a network's outputs,
//! zero before it is trained. Its loss is −log density: ½ |v|² + Σ s.
//!
//! # Source
//! A Gaussian by regression is the first stage of neural posterior estimation (Papamakarios and Murray 2016); that the
//! factor of the *precision* is what is predicted makes the loss free of inverses.

use rayon::prelude::*;

use super::super::network::{Backend, Network, Pass, Sizes};
use super::weights::Weights;
use crate::base::Stream;
use crate::compute::dense::Activation;
use crate::infer::coordinates::frame::Frame;
use crate::infer::coordinates::linear::{cholesky, dot, moments};
use crate::store::packed;

/// Above this many dimensions P is diagonal: its triangle would have more outputs than the network has units.
const MOST_TRIANGLE: usize = 12;
/// Largest |s|.
const LARGEST_LOG_SCALE: f64 = 6.0;
/// Rows that are computed together. Fixed: results must not depend on the number of threads.
const ROWS: usize = 64;

/// See the module.
#[derive(Clone)]
pub(crate) struct Encoder {
    dim: usize,
    /// `[dim, figures + 1]`: A beside b.
    linear: Vec<f64>,
    /// L₀, `[dim, dim]`.
    lower: Vec<f64>,
    pub network: Network,
}

/// Rows of figures seen by an encoder.
pub(crate) struct Seen {
    /// `[n, dim]`, the noise in the Gaussian's own coordinates.
    pub v: Vec<f64>,
    /// `[n, told]`.
    pub told: Vec<f32>,
}

/// How simulated noise hangs together with the figures of its data, and these among themselves.
pub(crate) struct Regression {
    linear: Vec<f64>,
    lower: Vec<f64>,
    /// Mean of the figures, and the Cholesky factor of their covariance.
    pub mean: Vec<f64>,
    pub factor: Vec<f64>,
}

impl Regression {
    /// Ridge regression of `z: [n, d]` on `f: [n, width]`; `None` where the numbers do not allow it.
    pub fn fit(f: &[f64], width: usize, z: &[f64], d: usize) -> Option<Regression> {
        let both = width + d;
        let rows = f.chunks_exact(width).zip(z.chunks_exact(d));
        let joint: Vec<f64> = rows.flat_map(|(f, z)| f.iter().chain(z)).copied().collect();
        let (mean, c, _) = moments(&joint, both, &|_| 1.0);
        let of_f = |i: usize| (0..width).map(move |j| (i, j));
        let mut factor: Vec<f64> = (0..width)
            .flat_map(of_f)
            .map(|(i, j)| c[i * both + j])
            .collect();
        (0..width).for_each(|i| factor[i * width + i] += RIDGE);
        if !cholesky(&mut factor, width) {
            return None;
        }
        let mut linear = Vec::with_capacity(d * (width + 1));
        for j in 0..d {
            let with_f: Vec<f64> = (0..width).map(|i| c[i * both + width + j]).collect();
            let slope = solve(&factor, &with_f);
            let offset = mean[width + j] - dot(&slope, &mean[..width]);
            linear.extend(slope.into_iter().chain([offset]));
        }
        let residual = |i: usize, j: usize| {
            let explained: f64 = (0..width)
                .map(|k| linear[i * (width + 1) + k] * c[k * both + width + j])
                .sum();
            c[(width + i) * both + width + j] - explained
        };
        let mut lower = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..d {
                lower[i * d + j] = 0.5 * (residual(i, j) + residual(j, i));
            }
            lower[i * d + i] = lower[i * d + i].max(0.0) + LEAST_VARIANCE;
        }
        cholesky(&mut lower, d).then_some(Regression {
            linear,
            lower,
            mean: mean[..width].to_vec(),
            factor,
        })
    }
}

/// Added to the variances of standardised figures.
const RIDGE: f64 = 1e-4;
/// Variance of noise that the figures may seem to explain altogether.
const LEAST_VARIANCE: f64 = 1e-8;

/// x with L Lᵀ x = b.
pub(super) fn solve(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = forward(factor, b);
    for i in (0..n).rev() {
        let rest: f64 = (i + 1..n).map(|k| factor[k * n + i] * x[k]).sum();
        x[i] = (x[i] - rest) / factor[i * n + i];
    }
    x
}

/// x with L x = b.
pub(crate) fn forward(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x: Vec<f64> = Vec::with_capacity(n);
    for i in 0..n {
        let row = &factor[i * n..=i * n + i];
        x.push((b[i] - dot(&row[..i], &x)) / row[i]);
    }
    x
}

impl Encoder {
    /// The regression with a network that is yet to say anything.
    pub fn new(
        of: &Regression,
        d: usize,
        width: usize,
        depth: usize,
        stream: &mut Stream,
    ) -> Encoder {
        let triangle = if d <= MOST_TRIANGLE {
            d * (d - 1) / 2
        } else {
            0
        };
        let sizes = Sizes {
            inputs: of.mean.len(),
            contexts: 0,
            steps: 1,
            width,
            depth,
            outputs: 2 * d + triangle,
        };
        Encoder {
            dim: d,
            linear: of.linear.clone(),
            lower: of.lower.clone(),
            network: Network::new(sizes, Activation::Silu, Backend::Fused, stream),
        }
    }

    /// Noise coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Figures that it takes.
    pub fn figures(&self) -> usize {
        self.network.sizes.inputs
    }

    /// Numbers that the diffusion network is told: the figures, and what the encoder makes of them.
    pub fn told(&self) -> usize {
        self.figures() + self.network.sizes.width
    }

    /// Whether its parts fit together.
    pub fn is_sound(&self) -> bool {
        let (d, s) = (self.dim, &self.network.sizes);
        let triangle = if d <= MOST_TRIANGLE {
            d * d.saturating_sub(1) / 2
        } else {
            0
        };
        d > 0
            && self.linear.len() == d * (s.inputs + 1)
            && self.lower.len() == d * d
            && s.outputs == 2 * d + triangle
            && (s.contexts, s.steps) == (0, 1)
    }

    /// Rows `f: [n, width]` with their noise `z: [n, dim]`.
    pub fn see(&self, f: &[f64], z: &[f64]) -> Seen {
        let (width, d) = (self.figures(), self.dim);
        let shards = f.par_chunks(ROWS * width).zip(z.par_chunks(ROWS * d));
        let seen: Vec<Seen> = shards
            .map(|(f, z)| {
                let n = f.len() / width;
                let pass = self.network.pass(f, &[], &vec![0; n], Vec::new());
                let rows = f.chunks_exact(width).zip(z.chunks_exact(d));
                let said = pass.values().chunks_exact(self.network.sizes.outputs);
                let v = rows
                    .zip(said)
                    .flat_map(|((f, z), out)| self.whitened(&self.residual(f, z), out));
                let v = v.collect();
                Seen {
                    v,
                    told: self.tell(f, &pass),
                }
            })
            .collect();
        let mut all = Seen {
            v: Vec::new(),
            told: Vec::new(),
        };
        for seen in seen {
            all.v.extend(seen.v);
            all.told.extend(seen.told);
        }
        all
    }

    /// The Gaussian of a data set, and what the diffusion network is told; `None` where it is none.
    pub fn frame(&self, f: &[f64]) -> Option<(Frame, Vec<f32>)> {
        let d = self.dim;
        let pass = self.network.pass(f, &[], &[0], Vec::new());
        let out = Outputs::new(pass.values(), d);
        let centre = self.regressed(f);
        let mean =
            (0..d).map(|i| centre[i] + dot(&self.lower[i * d..=i * d + i], &out.delta[..=i]));
        let inverse = out.inverse(d);
        let mut lower = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..=i {
                lower[i * d + j] = (j..=i)
                    .map(|k| self.lower[i * d + k] * inverse[k * d + j])
                    .sum();
            }
        }
        let frame = Frame::lower(mean.collect(), lower)?;
        let told = self.tell(f, &pass);
        told.iter().all(|t| t.is_finite()).then_some((frame, told))
    }

    /// The gradient of the mean loss over rows by the network's parameters, and that loss (without (d/2) log 2π).
    pub fn lesson(&self, f: &[f64], z: &[f64]) -> (Vec<Vec<f32>>, f64) {
        let (width, d) = (self.figures(), self.dim);
        let n = f.len() / width;
        let shards: Vec<(Vec<Vec<f32>>, f64)> = f
            .par_chunks(ROWS * width)
            .zip(z.par_chunks(ROWS * d))
            .map(|(f, z)| self.shard_lesson(f, z, n))
            .collect();
        let loss = shards.iter().map(|(_, l)| l).sum::<f64>() / n as f64 + self.log_det();
        let gradients = shards.into_iter().map(|(g, _)| g);
        (
            super::super::training::sum(gradients).unwrap_or_default(),
            loss,
        )
    }

    fn shard_lesson(&self, f: &[f64], z: &[f64], n: usize) -> (Vec<Vec<f32>>, f64) {
        let (width, d, outputs) = (self.figures(), self.dim, self.network.sizes.outputs);
        let pass = self
            .network
            .pass(f, &[], &vec![0; f.len() / width], Vec::new());
        let mut by_output = vec![0.0f32; pass.values().len()];
        let mut loss = 0.0;
        let rows = f.chunks_exact(width).zip(z.chunks_exact(d));
        let both = pass
            .values()
            .chunks_exact(outputs)
            .zip(by_output.chunks_exact_mut(outputs));
        for ((f, z), (out, by)) in rows.zip(both) {
            loss += Outputs::new(out, d).gradient(&self.residual(f, z), n as f64, by);
        }
        (pass.gradient(&self.network, by_output), loss)
    }

    fn log_det(&self) -> f64 {
        (0..self.dim)
            .map(|i| self.lower[i * self.dim + i].ln())
            .sum()
    }

    fn regressed(&self, f: &[f64]) -> Vec<f64> {
        let rows = self.linear.chunks_exact(f.len() + 1);
        rows.map(|row| dot(&row[..f.len()], f) + row[f.len()])
            .collect()
    }

    /// L₀⁻¹ (z − A f − b).
    fn residual(&self, f: &[f64], z: &[f64]) -> Vec<f64> {
        let centred: Vec<f64> = z
            .iter()
            .zip(self.regressed(f))
            .map(|(z, m)| z - m)
            .collect();
        forward(&self.lower, &centred)
    }

    fn whitened(&self, u: &[f64], out: &[f32]) -> Vec<f64> {
        Outputs::new(out, self.dim).whiten(u)
    }

    fn tell(&self, f: &[f64], pass: &Pass) -> Vec<f32> {
        let hidden = pass.last_hidden().chunks_exact(self.network.sizes.width);
        let rows = f.chunks_exact(self.figures()).zip(hidden);
        rows.flat_map(|(f, h)| f.iter().map(|&v| v as f32).chain(h.iter().copied()))
            .collect()
    }

    /// As it is kept in a file.
    pub fn kept(&self) -> Kept {
        Kept {
            dim: self.dim,
            linear: self.linear.clone(),
            lower: self.lower.clone(),
            weights: Weights::of(&self.network),
        }
    }
}

/// An encoder in a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    dim: usize,
    linear: Vec<f64>,
    lower: Vec<f64>,
    weights: Weights,
}
packed!(Kept {
    dim,
    linear,
    lower,
    weights
});

impl Kept {
    /// The encoder, if it is one.
    pub fn encoder(self) -> Option<Encoder> {
        let encoder = Encoder {
            dim: self.dim,
            linear: self.linear,
            lower: self.lower,
            network: self.weights.network()?,
        };
        encoder.is_sound().then_some(encoder)
    }
}

/// What the network said of one row.
struct Outputs {
    delta: Vec<f64>,
    scale: Vec<f64>,
    /// Row by row, without the diagonal; empty where P is diagonal.
    triangle: Vec<f64>,
}

impl Outputs {
    fn new(out: &[f32], d: usize) -> Outputs {
        let reals = |o: &[f32]| o.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let most = LARGEST_LOG_SCALE;
        Outputs {
            delta: reals(&out[..d]),
            scale: out[d..2 * d]
                .iter()
                .map(|&s| f64::from(s).clamp(-most, most))
                .collect(),
            triangle: reals(&out[2 * d..]),
        }
    }

    /// Row i of P left of the diagonal.
    fn row(&self, i: usize) -> &[f64] {
        match self.triangle.is_empty() {
            true => &[],
            false => &self.triangle[i * i.saturating_sub(1) / 2..][..i],
        }
    }

    /// P (u − δ).
    fn whiten(&self, u: &[f64]) -> Vec<f64> {
        let e: Vec<f64> = u.iter().zip(&self.delta).map(|(u, d)| u - d).collect();
        (0..u.len())
            .map(|i| dot(self.row(i), &e) + (-self.scale[i]).exp() * e[i])
            .collect()
    }

    /// P⁻¹, `[d, d]`.
    fn inverse(&self, d: usize) -> Vec<f64> {
        let mut p = vec![0.0; d * d];
        for i in 0..d {
            p[i * d..i * d + self.row(i).len()].copy_from_slice(self.row(i));
            p[i * d + i] = (-self.scale[i]).exp();
        }
        let mut inverse = vec![0.0; d * d];
        for j in 0..d {
            let mut unit = vec![0.0; d];
            unit[j] = 1.0;
            for (i, v) in forward(&p, &unit).into_iter().enumerate() {
                inverse[i * d + j] = v;
            }
        }
        inverse
    }

    /// The loss at u; its gradient by the outputs, divided by `n`, goes to `by`.
    fn gradient(&self, u: &[f64], n: f64, by: &mut [f32]) -> f64 {
        let d = u.len();
        let v = self.whiten(u);
        let e: Vec<f64> = u.iter().zip(&self.delta).map(|(u, d)| u - d).collect();
        let mut by_delta = vec![0.0; d];
        let mut at = 2 * d;
        for i in 0..d {
            let p = (-self.scale[i]).exp();
            by_delta[i] -= p * v[i];
            by[d + i] = ((1.0 - v[i] * e[i] * p) / n) as f32;
            for (j, t) in self.row(i).iter().enumerate() {
                by_delta[j] -= t * v[i];
                by[at] = (v[i] * e[j] / n) as f32;
                at += 1;
            }
        }
        by.iter_mut()
            .zip(&by_delta)
            .for_each(|(to, g)| *to = (g / n) as f32);
        0.5 * dot(&v, &v) + self.scale.iter().sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::base::Seed;

    /// z = (f₀ + noise, half of that noise + more noise): a regression with a known answer.
    fn rows(n: usize) -> (Vec<f64>, Vec<f64>) {
        let mut s = Seed(1).stream("rows", 0);
        let (mut f, mut z) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let [a, b, e, g]: [f64; 4] = std::array::from_fn(|_| s.sample(StandardNormal));
            f.extend([a, b]);
            z.extend([a + 0.1 * e, 0.05 * e + 0.2 * g]);
        }
        (f, z)
    }

    fn encoder() -> (Encoder, Vec<f64>, Vec<f64>) {
        let (f, z) = rows(4000);
        let regression = Regression::fit(&f, 2, &z, 2).unwrap();
        let encoder = Encoder::new(&regression, 2, 8, 2, &mut Seed(2).stream("w", 0));
        (encoder, f, z)
    }

    #[test]
    fn regression_finds_the_gaussian() {
        let (encoder, ..) = encoder();
        let (frame, told) = encoder.frame(&[1.5, -3.0]).unwrap();
        // Standard errors of 4000 rows: 0.0016 for the mean's slope, 1.1 % for a standard deviation; 5 of them.
        assert!((frame.mean[0] - 1.5).abs() < 0.02 && frame.mean[1].abs() < 0.04);
        assert!((frame.covariance(0, 0).sqrt() - 0.1).abs() < 0.006);
        assert!((frame.covariance(1, 0) - 0.005).abs() < 0.002);
        assert_eq!(told.len(), encoder.told());
    }

    #[test]
    fn rows_are_whitened_by_their_frame_and_gradients_agree_with_differences() {
        let (mut encoder, f, z) = encoder();
        let mut s = Seed(3).stream("w", 0);
        let outputs = encoder.network.parameters.len() - 2;
        encoder.network.parameters[outputs]
            .iter_mut()
            .for_each(|w| *w = s.random_range(-0.2..0.2));
        let seen = encoder.see(&f[..20], &z[..20]);
        for i in 0..10 {
            let (frame, told) = encoder.frame(&f[2 * i..2 * i + 2]).unwrap();
            let mut u = [0.0; 2];
            frame.whiten(&z[2 * i..2 * i + 2], &mut u);
            assert!((u[0] - seen.v[2 * i]).abs() < 1e-6 && (u[1] - seen.v[2 * i + 1]).abs() < 1e-6);
            let there = &seen.told[i * told.len()..(i + 1) * told.len()];
            assert!(told.iter().zip(there).all(|(a, b)| (a - b).abs() < 1e-5));
        }
        let (gradient, loss) = encoder.lesson(&f[..20], &z[..20]);
        let mean = |e: &Encoder| -> f64 {
            let density = |i: usize| {
                let frame = e.frame(&f[2 * i..2 * i + 2]).unwrap().0;
                -frame.log_density(&z[2 * i..2 * i + 2], &mut [0.0; 2])
            };
            (0..10).map(density).sum::<f64>() / 10.0
        };
        assert!((loss - mean(&encoder)).abs() < 1e-5, "{loss}");
        for (part, at) in [
            (0, 3),
            (3, 5),
            (outputs, 1),
            (outputs, 20),
            (outputs + 1, 4),
        ] {
            let h = 1e-2;
            let mut moved = [1.0, -1.0].map(|s| {
                let mut e = encoder.clone();
                e.network.parameters[part][at] += s * h;
                mean(&e)
            });
            moved[0] = (moved[0] - moved[1]) / (2.0 * f64::from(h));
            let exact = f64::from(gradient[part][at]);
            assert!(
                (moved[0] - exact).abs() < 0.02 * exact.abs().max(0.5),
                "{part} {at}: {moved:?} {exact}"
            );
        }
    }
}
