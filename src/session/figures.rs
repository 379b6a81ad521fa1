//! Summaries of one element of an output: mean, spread, quantiles, and how many independent draws they are worth.

use serde::Serialize;

use super::answer::{Figure, finite};
use crate::draws::{Draws, Output, Summary, normalized, summarize};
use crate::infer::Outcome;

/// The figures of one element, over the draws in which it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Figures {
    pub mean: Figure,
    pub sd: Figure,
    pub mcse: Figure,
    pub q05: Figure,
    pub q25: Figure,
    pub q50: Figure,
    pub q75: Figure,
    pub q95: Figure,
    pub ess_bulk: Figure,
    pub ess_tail: Figure,
    pub rhat: Figure,
    /// Monte Carlo standard errors of the sd and of the quantiles.
    pub mcse_sd: Figure,
    pub mcse_q05: Figure,
    pub mcse_q25: Figure,
    pub mcse_q50: Figure,
    pub mcse_q75: Figure,
    pub mcse_q95: Figure,
    /// Shape k̂ of the heavier tail.
    #[serde(skip)]
    pub tail: Figure,
    /// Share of draws in which the element exists.
    pub present: f64,
}

/// The figures of every element of every output, in order.
pub fn summarise(draws: &Draws, outcome: &Outcome) -> Vec<(String, Figures)> {
    let weights = draws.log_weights.as_deref().and_then(normalized);
    let dependence = outcome.dependence(weights.as_deref());
    // An importance sampler's weights bound what its draws are worth, however the draws were shuffled since.
    let cap = outcome.equal_weight_ess.unwrap_or(f64::INFINITY);
    let of = |output: &Output, e: usize| {
        let x = column(draws, output, e);
        let figures = match constant(&x, weights.as_deref(), outcome.exact) {
            Some(value) => value,
            None => {
                summarize(&x, dependence).map_or_else(Figures::default, |s| Figures::of(&s, cap))
            }
        };
        (output.element_name(e), figures)
    };
    draws
        .outputs
        .iter()
        .flat_map(|o| (0..o.shape.len()).map(move |e| of(o, e)))
        .collect()
}

/// One element over all draws; NaN where it is absent.
fn column(draws: &Draws, output: &Output, element: usize) -> Vec<f64> {
    let width = output.shape.len();
    let at = |draw: usize| {
        let i = draw * width + element;
        if output.present.get(i) == Some(&false) {
            f64::NAN
        } else {
            output.values[i]
        }
    };
    (0..draws.n).map(at).collect()
}

/// The figures of an element that has one value wherever it exists: exact, and no sample of anything. A single draw of a
/// sample has a value, and says nothing of a spread.
fn constant(x: &[f64], weights: Option<&[f64]>, exact: bool) -> Option<Figures> {
    let weight = |i: usize| weights.map_or(1.0 / x.len() as f64, |w| w[i]);
    let mut here = (0..x.len()).filter(|&i| !x[i].is_nan() && weight(i) > 0.0);
    let value = x[here.clone().next()?];
    let alone = !exact && here.clone().nth(1).is_none();
    if here.any(|i| x[i] != value) {
        return None;
    }
    let absent: f64 = (0..x.len()).filter(|&i| x[i].is_nan()).map(weight).sum();
    let (value, zero) = (finite(value), (value.is_finite() && !alone).then_some(0.0));
    Some(Figures {
        mean: value,
        sd: zero,
        mcse: zero,
        q05: value,
        q25: value,
        q50: value,
        q75: value,
        q95: value,
        mcse_sd: zero,
        mcse_q05: zero,
        mcse_q25: zero,
        mcse_q50: zero,
        mcse_q75: zero,
        mcse_q95: zero,
        present: 1.0 - absent,
        ..Figures::default()
    })
}

impl Figures {
    fn of(s: &Summary, cap: f64) -> Figures {
        let [q05, q25, q50, q75, q95] = s.quantiles.map(finite);
        let worth = |ess: Option<f64>| ess.and_then(|ess| finite(ess.min(cap)));
        let [mcse_q05, mcse_q25, mcse_q50, mcse_q75, mcse_q95] =
            s.mcse_quantiles.map(|e| e.and_then(finite));
        Figures {
            mean: finite(s.mean),
            sd: finite(s.sd),
            mcse: s.mcse.and_then(finite),
            q05,
            q25,
            q50,
            q75,
            q95,
            ess_bulk: worth(s.ess_bulk),
            ess_tail: worth(s.ess_tail),
            rhat: s.rhat.and_then(finite),
            mcse_sd: s.mcse_sd.and_then(finite),
            mcse_q05,
            mcse_q25,
            mcse_q50,
            mcse_q75,
            mcse_q95,
            tail: s.tail.and_then(finite),
            present: s.present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;
    use crate::draws::OutputKind;
    use crate::infer::Noise;

    fn draws(values: &[f64], present: &[bool]) -> Draws {
        let output = Output {
            name: "x".into(),
            shape: Shape::scalar(),
            kind: OutputKind::Real,
            values: values.to_vec(),
            present: present.to_vec(),
        };
        Draws {
            n: values.len(),
            chains: 1,
            outputs: vec![output],
            log_weights: None,
        }
    }

    fn figures(draws: &Draws, outcome: &Outcome) -> Figures {
        summarise(draws, outcome)[0].1
    }

    #[test]
    fn a_constant_is_exact() {
        let f = figures(&draws(&[0.1; 7], &[]), &Outcome::default());
        assert_eq!(
            (f.mean, f.sd, f.mcse, f.q95, f.ess_bulk, f.rhat),
            (Some(0.1), Some(0.0), Some(0.0), Some(0.1), None, None)
        );
    }

    #[test]
    fn what_is_never_there_has_no_figures() {
        let f = figures(&draws(&[1.0, 2.0], &[false, false]), &Outcome::default());
        assert_eq!(f, Figures::default());
        let f = figures(
            &draws(&[1.0, 2.0, 3.0, 4.0, f64::INFINITY], &[]),
            &Outcome::default(),
        );
        assert_eq!((f.mean, f.sd, f.q50), (None, None, Some(3.0)));
    }

    #[test]
    fn exact_weights_leave_no_error() {
        let mut d = draws(&[0.0, 1.0], &[]);
        d.log_weights = Some(vec![-3.0, -3.0]);
        let exact = Outcome {
            exact: true,
            ..Outcome::default()
        };
        let f = figures(&d, &exact);
        assert_eq!(
            (f.mean, f.mcse, f.ess_bulk, f.q50),
            (Some(0.5), Some(0.0), None, Some(0.0))
        );
    }

    #[test]
    fn resampled_draws_are_worth_their_weights() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * 7 % 1000)).collect();
        let outcome = Outcome {
            equal_weight_ess: Some(250.0),
            ..Outcome::default()
        };
        let f = figures(&draws(&values, &[]), &outcome);
        assert_eq!(
            (f.ess_bulk, f.ess_tail, f.rhat),
            (Some(250.0), Some(250.0), None)
        );
        let noise = Noise {
            lineage: Some((0..1000).collect()),
            chains: 1,
            ..Noise::default()
        };
        let f = figures(&draws(&values, &[]), &Outcome { noise, ..outcome });
        assert_eq!((f.ess_bulk, f.rhat), (Some(250.0), None));
    }
}
