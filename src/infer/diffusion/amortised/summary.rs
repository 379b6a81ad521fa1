//! What the networks are told of a data set: its numbers and figures of them, standardised by simulated data sets.
//!
//! ```text
//! y: [numbers] ──► elements (or means of blocks), mean, log sd, quantiles, lag, margins, estimates ──► standardised,
//!                                                                                                 squashed ──► f
//! ```
//! The figures are those that posteriors of simple programs hang on; what else matters is for the encoder to learn from
//! the elements.

use rayon::prelude::*;

use super::estimates::Estimates;
use crate::store::packed;

/// An array with more elements is told as means of this many blocks, beside its figures.
const MOST_ELEMENTS: usize = 256;
const BLOCKS: usize = 128;
/// Arrays with fewer elements have no figures of their own.
const FEWEST: usize = 4;
/// An axis with more places has no margins.
const LONGEST_AXIS: usize = 64;
const QUANTILES: [f64; 7] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0];
/// In robust standard deviations: beyond this a figure grows by its logarithm only, since prior predictive tails are long.
const STRAIGHT: f64 = 3.0;
/// What a figure is that never moved in training and does now.
const NEVER_SEEN: f64 = 10.0;

/// From the numbers of a data set to its standardised figures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    /// The sizes of each array.
    arrays: Vec<Vec<usize>>,
    centre: Vec<f64>,
    /// 0 where the figure does not move.
    scale: Vec<f64>,
    estimates: Estimates,
}
packed!(Summary {
    arrays,
    centre,
    scale,
    estimates
});

impl Summary {
    /// Takes centres, scales and estimates from simulated data sets `y: [n, numbers]` with their noise `z: [n, dim]`.
    pub fn fit(arrays: &[Vec<usize>], y: &[f64], z: &[f64], dim: usize) -> Summary {
        let mut summary = Summary {
            arrays: arrays.to_vec(),
            centre: Vec::new(),
            scale: Vec::new(),
            estimates: Estimates::default(),
        };
        let numbers = summary.numbers().max(1);
        let number = |j: usize| robust(y.iter().skip(j).step_by(numbers).copied().collect());
        let scales: Vec<(f64, f64)> = (0..numbers).into_par_iter().map(number).collect();
        summary.estimates = Estimates::fit(y, z, dim, &scales);
        let rows: Vec<Vec<f64>> = y
            .par_chunks_exact(numbers)
            .map(|y| summary.figures(y))
            .filter(|f| f.iter().all(|v| v.is_finite()))
            .collect();
        let width = rows.first().map_or(0, Vec::len);
        let column = |j: usize| robust(rows.iter().map(|r| r[j]).collect());
        let all: Vec<(f64, f64)> = (0..width).into_par_iter().map(column).collect();
        (summary.centre, summary.scale) = all.into_iter().unzip();
        summary
    }

    /// Numbers of a data set.
    pub fn numbers(&self) -> usize {
        let len = |sizes: &Vec<usize>| sizes.iter().product::<usize>();
        self.arrays.iter().map(len).sum()
    }

    /// Figures of a data set.
    pub fn width(&self) -> usize {
        self.centre.len()
    }

    /// Whether it is one that `fit` could have made.
    pub fn is_sound(&self) -> bool {
        let zeros = vec![0.0; self.numbers()];
        self.estimates.fits(zeros.len())
            && self.scale.len() == self.width()
            && self.figures(&zeros).len() == self.width()
    }

    /// The figures of one data set; not finite where its numbers are not.
    pub fn of(&self, y: &[f64]) -> Vec<f64> {
        let figures = self.figures(y).into_iter();
        let scales = self.centre.iter().zip(&self.scale);
        figures
            .zip(scales)
            .map(|(x, (c, s))| standardised(x, *c, *s))
            .collect()
    }

    fn figures(&self, y: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        let mut rest = y;
        for sizes in &self.arrays {
            let (x, more) = rest.split_at(sizes.iter().product());
            rest = more;
            elements(x, &mut out);
            if x.len() >= FEWEST {
                of_all(x, &mut out);
                margins(x, sizes, &mut out);
            }
        }
        self.estimates.of(y, &mut out);
        out
    }
}

fn standardised(x: f64, centre: f64, scale: f64) -> f64 {
    if scale > 0.0 {
        let t = (x - centre) / scale;
        let beyond = (t.abs() - STRAIGHT).max(0.0);
        t.clamp(-STRAIGHT, STRAIGHT) + t.signum() * beyond.ln_1p()
    } else if x == centre {
        0.0
    } else {
        // NaN stays NaN.
        NEVER_SEEN * (x - centre).signum()
    }
}

/// Median, and the standard deviation of a normal with the same median deviation (the plain one where that is 0).
fn robust(mut x: Vec<f64>) -> (f64, f64) {
    let n = x.len().max(1) as f64;
    let mean = x.iter().sum::<f64>() / n;
    let sd = (x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
    x.sort_by(f64::total_cmp);
    let middle = x.get(x.len() / 2).copied().unwrap_or(0.0);
    let mut off: Vec<f64> = x.iter().map(|v| (v - middle).abs()).collect();
    off.sort_by(f64::total_cmp);
    let spread = 1.4826 * off.get(off.len() / 2).copied().unwrap_or(0.0);
    let tiny = 1e-9 * middle.abs();
    match (spread > tiny, sd > tiny && sd.is_finite()) {
        (true, _) => (middle, spread),
        (false, true) => (middle, sd),
        (false, false) => (middle, 0.0),
    }
}

fn elements(x: &[f64], out: &mut Vec<f64>) {
    if x.len() <= MOST_ELEMENTS {
        out.extend(x);
        return;
    }
    let block = |b: usize| &x[b * x.len() / BLOCKS..(b + 1) * x.len() / BLOCKS];
    out.extend((0..BLOCKS).map(|b| moments(block(b).iter().copied()).0));
}

/// Mean, log standard deviation, correlation of neighbours, quantiles.
fn of_all(x: &[f64], out: &mut Vec<f64>) {
    let (mean, sd) = moments(x.iter().copied());
    let lagged: f64 = x.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    let lag = lagged / (x.len() as f64 * sd * sd).max(1e-300);
    out.extend([mean, log_sd(sd), lag]);
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = (x.len() - 1) as f64;
    out.extend(QUANTILES.map(|p| sorted[(p * last).round() as usize]));
}

/// Mean and log standard deviation at each place of each axis, where there are several axes.
fn margins(x: &[f64], sizes: &[usize], out: &mut Vec<f64>) {
    let mut inner: usize = x.len();
    for &size in sizes.iter().filter(|_| sizes.len() > 1) {
        inner /= size;
        if !(2..=LONGEST_AXIS).contains(&size) {
            continue;
        }
        for place in 0..size {
            let here = |i: &usize| (i / inner) % size == place;
            let (mean, sd) = moments((0..x.len()).filter(here).map(|i| x[i]));
            out.extend([mean, log_sd(sd)]);
        }
    }
}

fn log_sd(sd: f64) -> f64 {
    (sd + 1e-9).ln()
}

fn moments(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count().max(1) as f64;
    let mean = x.clone().sum::<f64>() / n;
    let variance = x.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_standardised_and_keep_their_number() {
        let arrays = vec![vec![], vec![5], vec![3, 4], vec![300]];
        let n = 1 + 5 + 12 + 300;
        let y: Vec<f64> = (0..50 * n).map(|i| ((i * 7919) % 1013) as f64).collect();
        let z: Vec<f64> = (0..50).map(|i| f64::from(i) / 25.0 - 1.0).collect();
        let summary = Summary::fit(&arrays, &y, &z, 1);
        let width = 1 + (5 + 10) + (12 + 10 + 14) + (128 + 10) + 4;
        assert_eq!((summary.numbers(), summary.width()), (n, width));
        assert!(summary.is_sound());
        let mut above = 0;
        for y in y.chunks_exact(n) {
            let f = summary.of(y);
            assert!(f.iter().all(|v| v.abs() < 8.0));
            above += usize::from(f[0] > 0.0);
        }
        assert!((20..=30).contains(&above), "{above}");
    }

    #[test]
    fn what_never_moved_is_far_away_once_it_moves() {
        let z = [-1.0, 0.0, 1.0];
        let summary = Summary::fit(&[vec![2]], &[1.0, 5.0, 2.0, 5.0, 3.0, 5.0], &z, 1);
        assert_eq!(summary.of(&[2.0, 5.0])[..2], [0.0, 0.0]);
        assert_eq!(summary.of(&[2.0, 4.0])[1], -NEVER_SEEN);
        assert!(summary.of(&[2.0, f64::NAN])[1].is_nan());
        let far = summary.of(&[1e9, 5.0])[0];
        assert!(far > STRAIGHT && far < 30.0, "{far}");
    }
}
