//! How the posterior of Gaussian noise is found, given all other noise: what is evaluated, and what is read off that.

use super::centre::Centred;
use super::probes::Probes;
use super::target::Target;
use crate::compute::sparse::Pattern;

/// Pairs that meet above which there are too many.
const MOST_PAIRS: usize = 1 << 14;
/// The share of a diagonal that a pivot has to keep where values take the place of noise.
const LEAST_KEPT: f64 = 1e-9;
/// Probes that are few enough to look no further.
const FEW_PROBES: usize = 4;

/// The inner noise of a target, or latent values in its place.
pub(super) struct Gaussian {
    /// The target over latent values, where they take their noise's place.
    centred: Option<Box<Centred>>,
    /// The same over noise, for executions in which scales are so small that values next to each other have lost their digits.
    noise: Option<Box<Gaussian>>,
    /// Of each coordinate, the precision that its own law has beside the log-weight: 1 for noise, 0 for latent values.
    own: Vec<f64>,
    probes: Probes,
    /// Where the precision has entries.
    pattern: Pattern,
    /// Where the entries that [`Probes::entries`] names stand among the numbers of a matrix.
    places: Vec<usize>,
    /// Where each coordinate's own entry stands.
    diagonal: Vec<usize>,
}

impl Gaussian {
    /// Of the coordinates `inner`, ascending, of a target whose log r is quadratic in them: over the values that `centred` puts in
    /// their places where fewer of them meet. `None` where too many meet.
    pub fn new(
        whole: &dyn Target,
        inner: &[usize],
        centred: impl FnOnce() -> Option<Centred>,
    ) -> Option<Gaussian> {
        let of_noise = probes(whole, inner);
        let few = |p: &Probes| p.groups.len() <= FEW_PROBES;
        if !of_noise.as_ref().is_some_and(few)
            && let Some(centred) = centred()
            && let Some(of_values) = probes(centred.target(), inner)
        {
            let fewer = |p: &Probes| of_values.groups.len() < p.groups.len();
            if of_noise.as_ref().is_none_or(fewer) {
                let all = || Probes::apart(inner.len());
                let noise = Gaussian::over_probes(inner, of_noise.unwrap_or_else(all), None);
                let mut found = Gaussian::over_probes(inner, of_values, Some(Box::new(centred)))?;
                found.noise = noise.map(Box::new);
                return Some(found);
            }
        }
        Gaussian::over_probes(inner, of_noise?, None)
    }

    fn over_probes(
        inner: &[usize],
        probes: Probes,
        centred: Option<Box<Centred>>,
    ) -> Option<Gaussian> {
        let k = inner.len();
        let mut own = vec![1.0; k];
        for column in centred.iter().flat_map(|c| c.columns()) {
            if let Ok(i) = inner.binary_search(&column) {
                own[i] = 0.0;
            }
        }
        let pattern = Pattern::new(k, probes.entries.iter().map(|e| (e.0, e.1)))?;
        let place = |i: usize, j: usize| pattern.place(i, j).expect("the pattern is of these");
        Some(Gaussian {
            places: probes.entries.iter().map(|e| place(e.0, e.1)).collect(),
            diagonal: (0..k).map(|i| place(i, i)).collect(),
            centred,
            noise: None,
            own,
            probes,
            pattern,
        })
    }

    /// The target over what is integrated out and the rest.
    pub fn over<'a>(&'a self, whole: &'a dyn Target) -> &'a dyn Target {
        match &self.centred {
            Some(centred) => centred.target(),
            None => whole,
        }
    }

    /// Coordinates that are probed together.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.probes.groups
    }

    /// Evaluations of the gradient that show the posterior, and those that show a mean over it.
    pub fn evaluations(&self) -> (usize, usize) {
        let groups = self.groups().len();
        (groups + 1, 2 * groups + 3)
    }

    /// Numbers that one gradient of what is left computes, of a target that computes `size`.
    pub fn cost(&self, whole: usize) -> usize {
        let size = match &self.centred {
            Some(centred) => centred.target().size(),
            None => whole,
        };
        let (first, second) = self.evaluations();
        size * (first + second) + 3 * self.pattern.cost()
    }

    /// The same over noise, where this is over values.
    pub fn over_noise(&self) -> Option<&Gaussian> {
        self.noise.as_deref()
    }

    /// The factor of the precision, whose entries are the drop of a slope along each group of coordinates: `drop(group, slope)`.
    pub fn factor(&self, drop: impl Fn(usize, usize) -> f64) -> Option<Vec<f64>> {
        let mut numbers = vec![0.0; self.pattern.len()];
        for (&(i, j, group, row), &place) in self.probes.entries.iter().zip(&self.places) {
            let own = if i == j { self.own[i] } else { 0.0 };
            numbers[place] = own + drop(group, row);
        }
        let kept = self.pattern.factor(&mut numbers)?;
        (self.centred.is_none() || kept > LEAST_KEPT).then_some(numbers)
    }

    /// P⁻¹ b.
    pub fn solve(&self, factor: &[f64], b: &mut [f64]) {
        self.pattern.solve(factor, b);
    }

    /// What the integral has beside log r at the mean: −½ |m|² of noise, and −½ log |P|.
    pub fn log_volume(&self, mean: &[f64], factor: &[f64]) -> f64 {
        let squares = self.own.iter().zip(mean).map(|(own, m)| own * m * m);
        -0.5 * squares.sum::<f64>() - self.pattern.log_diagonal(factor)
    }

    /// The places whose values [`Gaussian::mean_of`] makes a mean of: with e along a group, w the covariances that its probe shows, and
    /// W the sum of these, the mean, mean ± W, and mean + e ± w for each group.
    pub fn points(&self, mean: &[f64], factor: &[f64]) -> Vec<Vec<f64>> {
        let k = mean.len();
        let covariance = self.pattern.inverse(factor);
        let sd: Vec<f64> = self
            .diagonal
            .iter()
            .map(|&p| covariance[p].sqrt())
            .collect();
        let mut along = vec![vec![0.0; k]; self.groups().len()];
        for (&(i, j, group, row), &place) in self.probes.entries.iter().zip(&self.places) {
            let other = if row == i { j } else { i };
            let both = if i == j { 1.0 } else { 2.0 };
            along[group][row] += both * covariance[place] / sd[other];
        }
        let moved = |by: &dyn Fn(usize) -> f64| (0..k).map(|i| mean[i] + by(i)).collect();
        let all: Vec<f64> = (0..k).map(|i| along.iter().map(|w| w[i]).sum()).collect();
        let mut points = vec![mean.to_vec(), moved(&|i| all[i]), moved(&|i| -all[i])];
        for (group, w) in self.groups().iter().zip(&along) {
            let mut e = vec![0.0; k];
            group.iter().for_each(|&c| e[c] = sd[c]);
            points.push(moved(&|i| e[i] + w[i]));
            points.push(moved(&|i| e[i] - w[i]));
        }
        points
    }

    /// The mean over the posterior of what is quadratic, by its values at the points.
    pub fn mean_of(&self, value: impl Fn(usize) -> f64) -> f64 {
        let groups = 0..self.groups().len();
        let across = groups.map(|g| value(3 + 2 * g) - value(4 + 2 * g));
        value(0) + 0.25 * (across.sum::<f64>() - value(1) + value(2))
    }

    /// Makes a draw of standard normal noise.
    pub fn draw(&self, mean: &[f64], factor: &[f64], noise: &mut [f64]) {
        self.pattern.spread(factor, noise);
        noise.iter_mut().zip(mean).for_each(|(x, m)| *x += m);
    }

    /// A place of the target [`Gaussian::over`] to its noise.
    pub fn leave(&self, row: &mut [f64]) {
        if let Some(centred) = &self.centred {
            centred.leave(row);
        }
    }
}

/// What shows the second derivatives by the inner coordinates; `None` where too many pairs of them meet.
fn probes(whole: &dyn Target, inner: &[usize]) -> Option<Probes> {
    let k = inner.len();
    let mut place = vec![None; whole.dim()];
    let each = inner.iter().enumerate();
    each.for_each(|(i, &c)| place[c] = Some(i));
    let mut meet = vec![false; k * k];
    for (met, _) in whole.structure().related.relations(whole.dim()).meetings {
        let own: Vec<usize> = met.iter().filter_map(|&c| place[c as usize]).collect();
        for (at, &i) in own.iter().enumerate() {
            own[..at].iter().for_each(|&j| meet[i * k + j] = true);
        }
    }
    let pairs = (0..k * k).filter(|p| meet[*p]).map(|p| (p / k, p % k));
    (pairs.clone().count() <= MOST_PAIRS).then(|| Probes::new(k, pairs))
}
