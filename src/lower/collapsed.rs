//! A target with the values of conjugate families integrated out.
//!
//! ```text
//! log r(a, θ) = g(a) + h(a, θ)       h a sum of functions of θ, with coefficients that add to the parameters η(a) of θ's law
//! log r'(a)   = g + h(a, θ₀) − (its functions at θ₀) + A(η + added) − A(η)            A: the log normaliser
//! ∂log r'/∂a  = ∂g/∂a + (A'(η + added) − A'(η)) ∂η/∂a + ½ ∂h(a, θ₊)/∂a + ½ ∂h(a, θ₋)/∂a
//! ```
//! What evidence adds is read off its slopes at known places, once and for all where it depends on θ alone; the derivative is by
//! E[∂log r/∂a] over the posterior, at two places of each value (`lower/family.rs`), and by levers on η. Nothing is approximated.
//! An engine sees a alone; θ is drawn afterwards, and its noise computed, so that outputs know nothing of this.
//!
//! # Source
//! Rao–Blackwellisation by conjugacy; by a compiler: Murray et al. 2018 (delayed sampling).

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::component::Component;
use super::conjugate::Conjugate;
use super::family::{PROBES, Values};
use super::left::{Left, WithoutSome};
use super::tape::Block;
use super::target::{Structure, Target};

/// Numbers that one thread evaluates at once.
const AT_ONCE: usize = 1 << 14;

/// A target over the noise that is not integrated out.
pub struct Collapsed<'a> {
    left: Left<'a>,
    of: &'a Conjugate,
    structure: Structure,
    /// What evidence that depends on the values alone adds, and weighs.
    known: Option<(Vec<f64>, f64)>,
    failed: AtomicU64,
    evaluated: AtomicU64,
}

/// What is known of some executions.
struct Weighed {
    /// Parameters of the values' laws, and what evidence adds to them: `[execution, parameters]`.
    prior: Vec<f64>,
    added: Vec<f64>,
}

impl<'a> Collapsed<'a> {
    /// Integrates values out of a component.
    pub fn new(component: &'a Component, of: &'a Conjugate) -> Collapsed<'a> {
        let left = Left::new(component, &of.coordinates);
        let evidence = match of.alone {
            true => 0,
            false => of.evidence.structure().size * PROBES,
        };
        let structure = Structure {
            size: of.rest.structure().size + evidence,
            ..left.structure(1)
        };
        let mut collapsed = Collapsed {
            left,
            of,
            structure,
            known: None,
            failed: AtomicU64::new(0),
            evaluated: AtomicU64::new(0),
        };
        if of.alone {
            let mut added = Vec::new();
            let mut log_r = [0.0];
            collapsed.probe(&vec![0.0; collapsed.dim()], &mut log_r, &mut added);
            collapsed.known = Some((added, log_r[0]));
        }
        collapsed
    }

    /// Parameters of all values.
    fn width(&self) -> usize {
        self.of.values.iter().map(|v| v.n * v.width()).sum()
    }

    fn rows_at_once(&self) -> usize {
        let each = self.of.rest.dim() + PROBES * self.of.evidence.dim() + self.width();
        (AT_ONCE / each.max(1)).max(1)
    }

    /// Calls `each(values, where their numbers are, where their parameters are)` for each array of values.
    fn each(&self, mut each: impl FnMut(&Values, std::ops::Range<usize>, std::ops::Range<usize>)) {
        let (mut number, mut parameter) = (0, 0);
        for v in &self.of.values {
            let (numbers, parameters) = (v.numbers(), v.n * v.width());
            each(
                v,
                number..number + numbers,
                parameter..parameter + parameters,
            );
            number += numbers;
            parameter += parameters;
        }
    }

    /// What evidence adds to the parameters, and weighs beside that, for each row.
    fn probe(&self, z: &[f64], weight: &mut [f64], added: &mut Vec<f64>) {
        let (d, dim, wide) = (self.of.evidence.dim(), self.dim(), self.width());
        let mut rows = Vec::with_capacity(weight.len() * PROBES * d);
        for row in z.chunks_exact(dim) {
            for probe in 0..PROBES {
                rows.extend_from_slice(row);
                self.each(|v, numbers, _| {
                    let places = v.probe(probe);
                    rows.extend(
                        numbers
                            .enumerate()
                            .map(|(i, _)| places[usize::from(i % v.k > 0)]),
                    );
                });
            }
        }
        let (log_r, slopes) = felt(&self.of.evidence, &rows);
        added.resize(weight.len() * wide, 0.0);
        let each = weight.iter_mut().zip(added.chunks_exact_mut(wide));
        for (i, (weight, added)) in each.enumerate() {
            let slopes = &slopes[i * PROBES * d..][..PROBES * d];
            let at = |probe: usize| &slopes[probe * d + dim..(probe + 1) * d];
            *weight = log_r[i * PROBES];
            self.each(|v, numbers, parameters| {
                let slopes = [&at(0)[numbers.clone()], &at(1)[numbers]];
                *weight -= v.added(slopes, &mut added[parameters]);
            });
        }
    }

    /// The parameters of the values' laws of each row, by the tape of the rest.
    fn prior(&self, rows: &[f64], n: usize) -> Vec<f64> {
        let (tape, d, wide) = (&self.of.parameters, self.of.rest.dim(), self.width());
        let mut prior = vec![0.0; n * wide];
        let mut block = Block::default();
        let each = rows
            .chunks(tape.lanes * d)
            .zip(prior.chunks_mut(tape.lanes * wide));
        for (rows, prior) in each {
            tape.run_lanes(rows, rows.len() / d, &mut block);
            for (lane, own) in prior.chunks_exact_mut(wide).enumerate() {
                let mut at = 0;
                for (v, levers) in self.of.values.iter().zip(&self.of.levers) {
                    let each = v.n * v.width() / levers.len();
                    for &(output, len, _) in levers {
                        for (i, o) in own[at..at + each].iter_mut().enumerate() {
                            *o = tape.value(&block, output, i % len, lane);
                        }
                        at += each;
                    }
                }
            }
        }
        prior
    }

    /// Rows of the rest, with nothing at the levers.
    fn rows(&self, z: &[f64]) -> Vec<f64> {
        let (d, dim) = (self.of.rest.dim(), self.dim());
        let mut rows = vec![0.0; z.len() / dim * d];
        let each = rows.chunks_exact_mut(d).zip(z.chunks_exact(dim));
        each.for_each(|(row, z)| row[..dim].copy_from_slice(z));
        rows
    }

    /// Adds to what the rest weighs what the values do.
    fn weigh(&self, z: &[f64], rows: &[f64], out: &mut [f64]) -> Weighed {
        let wide = self.width();
        let prior = self.prior(rows, out.len());
        let mut weight = vec![0.0; out.len()];
        let mut added = Vec::new();
        match &self.known {
            Some((known, at)) => {
                added.extend(std::iter::repeat_n(known, out.len()).flatten());
                weight.fill(*at);
            }
            None => self.probe(z, &mut weight, &mut added),
        }
        let mut posterior = vec![0.0; wide];
        for (i, out) in out.iter_mut().enumerate() {
            let (prior, added) = (&prior[i * wide..][..wide], &added[i * wide..][..wide]);
            if *out == f64::NEG_INFINITY || weight[i] == f64::NEG_INFINITY {
                *out = f64::NEG_INFINITY;
                continue;
            }
            let each = posterior.iter_mut().zip(prior.iter().zip(added));
            each.for_each(|(p, (a, b))| *p = a + b);
            *out += weight[i];
            self.each(|v, _, own| {
                let after = v.log_normaliser(&posterior[own.clone()]);
                *out += after - v.log_normaliser(&prior[own]);
            });
            if !out.is_finite() {
                *out = f64::NEG_INFINITY;
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.evaluated
            .fetch_add(out.len() as u64, Ordering::Relaxed);
        Weighed { prior, added }
    }

    fn evaluate(&self, z: &[f64], out: &mut [f64]) {
        let rows = self.rows(z);
        self.of.rest.log_r(&rows, out);
        self.weigh(z, &rows, out);
    }

    fn evaluate_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        let (dim, wide, d) = (self.dim(), self.width(), self.of.rest.dim());
        let mut rows = self.rows(z);
        self.of.rest.log_r(&rows, log_r);
        let of = self.weigh(z, &rows, log_r);
        let mut posteriors = Vec::with_capacity(of.prior.len());
        let (mut before, mut after) = (vec![0.0; wide], vec![0.0; wide]);
        for (i, row) in rows.chunks_exact_mut(d).enumerate() {
            let (prior, added) = (&of.prior[i * wide..][..wide], &of.added[i * wide..][..wide]);
            posteriors.extend(prior.iter().zip(added).map(|(a, b)| a + b));
            if log_r[i] == f64::NEG_INFINITY {
                continue;
            }
            let posterior = &posteriors[i * wide..];
            let levers = &mut row[dim..];
            let mut of_value = self.of.levers.iter();
            self.each(|v, _, own| {
                v.means(&prior[own.clone()], &mut before[own.clone()]);
                v.means(&posterior[own.clone()], &mut after[own.clone()]);
                let own_levers = of_value.next().expect("each of the values has some");
                let each = own.len() / own_levers.len();
                let mut at = own.start;
                for &(_, len, first) in own_levers {
                    for i in first.into_iter().flat_map(|_| 0..each) {
                        let place = first.expect("it has one") + i % len;
                        levers[place] += after[at + i] - before[at + i];
                    }
                    at += each;
                }
            });
        }
        let (_, slopes) = felt(&self.of.rest, &rows);
        for (own, slopes) in gradient.chunks_exact_mut(dim).zip(slopes.chunks_exact(d)) {
            own.copy_from_slice(&slopes[..dim]);
        }
        if !self.of.alone {
            self.add_evidence(z, log_r, &posteriors, gradient);
        }
        let none = log_r.iter().zip(gradient.chunks_exact_mut(dim));
        let none = none.filter(|(log_r, _)| **log_r == f64::NEG_INFINITY);
        none.for_each(|(_, gradient)| gradient.fill(0.0));
    }

    /// The mean slopes of the evidence over the posteriors.
    fn add_evidence(&self, z: &[f64], log_r: &[f64], posteriors: &[f64], gradient: &mut [f64]) {
        let (d, dim, wide) = (self.of.evidence.dim(), self.dim(), self.width());
        let mut rows = vec![0.5; log_r.len() * 2 * d];
        for (i, rows) in rows.chunks_exact_mut(2 * d).enumerate() {
            let (up, down) = rows.split_at_mut(d);
            up[..dim].copy_from_slice(&z[i * dim..][..dim]);
            down[..dim].copy_from_slice(&z[i * dim..][..dim]);
            if log_r[i] == f64::NEG_INFINITY {
                continue;
            }
            let posterior = &posteriors[i * wide..][..wide];
            let (up, down) = (&mut up[dim..], &mut down[dim..]);
            self.each(|v, numbers, own| {
                let (up, down) = (&mut up[numbers.clone()], &mut down[numbers]);
                v.places(&posterior[own], up, down);
            });
        }
        let (_, slopes) = felt(&self.of.evidence, &rows);
        let each = gradient
            .chunks_exact_mut(dim)
            .zip(slopes.chunks_exact(2 * d));
        for (gradient, slopes) in each {
            let both = slopes[..dim].iter().zip(&slopes[d..d + dim]);
            let each = gradient.iter_mut().zip(both);
            each.for_each(|(g, (up, down))| *g += 0.5 * (up + down));
        }
    }
}

/// log r and its gradient.
fn felt(component: &Component, rows: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut log_r = vec![0.0; rows.len() / component.dim().max(1)];
    let mut gradient = vec![0.0; rows.len()];
    component.log_r_gradient(rows, &mut log_r, &mut gradient);
    (log_r, gradient)
}

impl Target for Collapsed<'_> {
    fn dim(&self) -> usize {
        self.left.dim()
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
        let count = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let [failed, _, overflowed] = self.of.rest.counts();
        [
            failed + count(&self.failed),
            count(&self.evaluated),
            overflowed,
        ]
    }

    fn set_counts(&self, [failed, evaluated, overflowed]: [u64; 3]) {
        self.of.rest.set_counts([0, 0, overflowed]);
        self.failed.store(failed, Ordering::Relaxed);
        self.evaluated.store(evaluated, Ordering::Relaxed);
    }
}

impl WithoutSome for Collapsed<'_> {
    fn gradients(&self, log_r: u64, gradient: u64) -> u64 {
        match self.of.alone {
            true => gradient,
            false => log_r * PROBES as u64 + gradient * (PROBES as u64 + 3),
        }
    }

    fn complete(&self, z: &[f64], _n: usize, noise: &[f64]) -> Vec<f64> {
        let (wide, k) = (self.width(), self.left.inner.len());
        let mut all = Vec::with_capacity(z.len() + noise.len());
        for (z, fresh) in z.chunks_exact(self.dim()).zip(noise.chunks_exact(k)) {
            let mut log_r = [0.0];
            let rows = self.rows(z);
            self.of.rest.log_r(&rows, &mut log_r);
            let of = self.weigh(z, &rows, &mut log_r);
            let posterior: Vec<f64> = of.prior.iter().zip(&of.added).map(|(a, b)| a + b).collect();
            let mut inner = Vec::with_capacity(k);
            debug_assert_eq!(posterior.len(), wide);
            self.each(|v, _, own| {
                let own_fresh = &fresh[inner.len()..][..v.n * v.noise()];
                match log_r[0].is_finite() {
                    true => v.noise_of_draws(
                        &of.prior[own.clone()],
                        &posterior[own],
                        own_fresh,
                        &mut inner,
                    ),
                    false => inner.extend_from_slice(own_fresh),
                }
            });
            all.extend(self.left.joined(z, &inner));
        }
        all
    }
}
