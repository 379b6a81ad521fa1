//! Figures of a data set that are fitted to the program: linear estimates of its noise, and how far the data strays from
//! what they explain.
//!
//! In a linear model with noise of unknown scale these are the sufficient statistics. Where the scale varies, a regression
//! over all simulations is one for large scales; the second one weighs each simulation by what the first has left
//! unexplained, and is one for small scales.

use super::encoder::solve;
use crate::infer::coordinates::linear::{cholesky, dot, moments};
use crate::store::packed;

/// Data sets of more numbers have no such figures: the regression would cost more than training.
const MOST_NUMBERS: usize = 400;
/// In robust standard deviations: farther out, numbers say no more.
const FARTHEST: f64 = 50.0;
/// Added to the variances, relative to them.
const RIDGE: f64 = 1e-6;

/// Two regressions each way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Estimates {
    /// Of noise on numbers, `[2, dim, numbers + 1]`; empty where there are none.
    noise: Vec<f64>,
    /// Of numbers on the estimated noise, `[2, numbers, dim + 1]`.
    back: Vec<f64>,
    dim: usize,
    centre: Vec<f64>,
    scale: Vec<f64>,
}
packed!(Estimates {
    noise,
    back,
    dim,
    centre,
    scale
});

impl Estimates {
    /// From simulated data sets `y: [n, numbers]` with their noise `z: [n, dim]`; `scales` has each number's centre and
    /// scale.
    pub fn fit(y: &[f64], z: &[f64], dim: usize, scales: &[(f64, f64)]) -> Estimates {
        let p = scales.len();
        let mut fitted = Estimates {
            dim,
            centre: scales.iter().map(|s| s.0).collect(),
            scale: scales.iter().map(|s| s.1).collect(),
            ..Estimates::default()
        };
        if p == 0 || p > MOST_NUMBERS {
            return Estimates::default();
        }
        let u: Vec<f64> = y.chunks_exact(p).flat_map(|y| fitted.scaled(y)).collect();
        let mut weights = vec![1.0; u.len() / p];
        for pass in 0..2 {
            let Some(noise) = regression((&u, p), (z, dim), &weights) else {
                return Estimates::default();
            };
            let estimated: Vec<f64> = u
                .chunks_exact(p)
                .flat_map(|u| predicted(&noise, u))
                .collect();
            let Some(back) = regression((&estimated, dim), (&u, p), &weights) else {
                return Estimates::default();
            };
            fitted.noise.extend(noise);
            fitted.back.extend(back);
            if pass == 0 {
                let strays = u.chunks_exact(p).map(|u| fitted.strays(u, 0).1);
                weights = strays.map(|s| 1.0 / s.max(1e-6)).collect();
            }
        }
        fitted
    }

    /// Whether its parts are those of data sets of so many numbers.
    pub fn fits(&self, numbers: usize) -> bool {
        let (p, d) = (numbers, self.dim);
        let whole = self.noise.len() == 2 * d * (p + 1) && self.back.len() == 2 * p * (d + 1);
        self.is_none() || whole && d > 0 && [&self.centre, &self.scale].iter().all(|v| v.len() == p)
    }

    fn is_none(&self) -> bool {
        self.noise.is_empty() && self.back.is_empty()
    }

    /// Estimated noise and the log of what strays, by either regression; nothing where there is none.
    pub fn of(&self, y: &[f64], out: &mut Vec<f64>) {
        if self.is_none() {
            return;
        }
        let u = self.scaled(y);
        for pass in 0..2 {
            let (estimate, stray) = self.strays(&u, pass);
            out.extend(estimate);
            out.push(0.5 * (stray + 1e-12).ln());
        }
    }

    fn scaled(&self, y: &[f64]) -> Vec<f64> {
        let scales = self.centre.iter().zip(&self.scale);
        let scaled = y.iter().zip(scales).map(|(y, (c, s))| match *s > 0.0 {
            // A NaN stays one.
            true => ((y - c) / s).clamp(-FARTHEST, FARTHEST),
            false => 0.0 * y,
        });
        scaled.collect()
    }

    /// Estimated noise, and the mean square of what it leaves of the numbers.
    fn strays(&self, u: &[f64], pass: usize) -> (Vec<f64>, f64) {
        let (p, d) = (u.len(), self.dim);
        let half = |all: &[f64], size: usize| all[pass * size..(pass + 1) * size].to_vec();
        let estimate = predicted(&half(&self.noise, d * (p + 1)), u);
        let explained = predicted(&half(&self.back, p * (d + 1)), &estimate);
        let square: f64 = u
            .iter()
            .zip(&explained)
            .map(|(u, e)| (u - e) * (u - e))
            .sum();
        (estimate, square / p as f64)
    }
}

/// Slopes and offset of each of `b: [n, q]` on `a: [n, p]`, `[q, p + 1]`; `None` where the numbers do not allow it.
fn regression(
    (a, p): (&[f64], usize),
    (b, q): (&[f64], usize),
    weights: &[f64],
) -> Option<Vec<f64>> {
    let both = p + q;
    let rows = a.chunks_exact(p).zip(b.chunks_exact(q));
    let joint: Vec<f64> = rows.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
    let (mean, c, _) = moments(&joint, both, &|i| weights[i]);
    let mut factor: Vec<f64> = (0..p)
        .flat_map(|i| c[i * both..i * both + p].iter().copied())
        .collect();
    (0..p).for_each(|i| factor[i * p + i] += RIDGE * factor[i * p + i] + 1e-9);
    if !cholesky(&mut factor, p) {
        return None;
    }
    let mut slopes = Vec::with_capacity(q * (p + 1));
    for j in 0..q {
        let with: Vec<f64> = (0..p).map(|i| c[i * both + p + j]).collect();
        let slope = solve(&factor, &with);
        let offset = mean[p + j] - dot(&slope, &mean[..p]);
        slopes.extend(slope.into_iter().chain([offset]));
    }
    slopes.iter().all(|v| v.is_finite()).then_some(slopes)
}

fn predicted(slopes: &[f64], x: &[f64]) -> Vec<f64> {
    let rows = slopes.chunks_exact(x.len() + 1);
    rows.map(|row| dot(&row[..x.len()], x) + row[x.len()])
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::base::Seed;

    #[test]
    fn a_line_with_noise_of_any_scale_is_found() {
        let mut s = Seed(1).stream("line", 0);
        let mut normal = || s.sample::<f64, _>(StandardNormal);
        let (mut y, mut z) = (Vec::new(), Vec::new());
        for _ in 0..4000 {
            let [a, b, t] = [normal(), normal(), normal()];
            z.extend([a, b, t]);
            y.extend(
                (0..10)
                    .map(|i| a + 0.3 * b * (f64::from(i) - 4.5) + (2.0 * t - 2.0).exp() * normal()),
            );
        }
        let scales = vec![(0.0, 1.0); 10];
        let fitted = Estimates::fit(&y, &z, 3, &scales);
        assert!(fitted.fits(10) && !fitted.fits(9));
        let exact: Vec<f64> = (0..10).map(|i| 0.7 - 0.6 * (f64::from(i) - 4.5)).collect();
        let mut out = Vec::new();
        fitted.of(&exact, &mut out);
        // The second regression is that of small noise: it all but returns a and b, and leaves nothing.
        assert!(
            (out[4] - 0.7).abs() < 0.02 && (out[5] + 2.0).abs() < 0.05,
            "{out:?}"
        );
        assert!(out[7] < -3.0, "{out:?}");
        out.clear();
        fitted.of(&[f64::NAN; 10], &mut out);
        assert!(out[0].is_nan());
    }
}
