//! Draws of 0 and 1 from noise. Many in a row share their probability, and then the place where 0 becomes 1 is found once;
//! noise that is clear of it needs no logarithm.

use std::cell::Cell;

use super::Law;
use super::kernel::cell_edge;
use crate::dist::Univariate;

/// Noise at this distance from the edge, relative to its size or 1, is clear of all rounding.
const CLEAR: f64 = 1e-6;

/// Whether a law draws 0 and 1 with one parameter.
pub(super) fn is_coin(law: &Law) -> bool {
    matches!(law, Law::Plain(d) if matches!(d.name(), "Bernoulli" | "BernoulliLogit" | "Flip"))
}

/// The parameter of the last draw, and its edge once it has come twice.
pub(super) struct Last {
    p: Cell<f64>,
    edge: Cell<Option<f64>>,
}

impl Default for Last {
    fn default() -> Last {
        Last {
            p: Cell::new(f64::NAN),
            edge: Cell::new(None),
        }
    }
}

impl Last {
    /// What the law carries z to.
    #[inline]
    pub(super) fn transport(&self, law: &Law, p: &[f64], z: f64) -> f64 {
        if p[0] != self.p.get() {
            self.p.set(p[0]);
            self.edge.set(None);
            return law.transport(p, z);
        }
        let edge = self.edge.get().unwrap_or_else(|| {
            let edge = cell_edge(law.log_cdf(p, 0.0), law.log_ccdf(p, 0.0));
            self.edge.set(Some(edge));
            edge
        });
        if (z - edge).abs() > CLEAR * (1.0 + edge.abs()) {
            return if z > edge { 1.0 } else { 0.0 };
        }
        law.transport(p, z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist;

    #[test]
    fn many_draws_are_what_each_would_be_alone() {
        for (name, parameters) in [
            (
                "Bernoulli",
                [0.0, 1e-300, 1e-9, 0.3, 0.5, 1.0 - 1e-12, 1.0, -0.1],
            ),
            ("Flip", [0.0, 1e-20, 0.25, 0.5, 0.75, 0.999, 1.0, f64::NAN]),
            (
                "BernoulliLogit",
                [-800.0, -40.0, -2.0, 0.0, 1e-9, 3.0, 700.0, f64::INFINITY],
            ),
        ] {
            let Some(dist::Distribution::Scalar(d)) = dist::find(name) else {
                panic!("{name} is a distribution over numbers");
            };
            let law = Law::Plain(d);
            for p in parameters {
                let last = Last::default();
                let edge = cell_edge(law.log_cdf(&[p], 0.0), law.log_ccdf(&[p], 0.0));
                let near = [-1e-3, -1e-6, -1e-9, -1e-15, 0.0, 1e-15, 1e-9, 1e-5].map(|d| edge + d);
                let far = [
                    f64::NEG_INFINITY,
                    -40.0,
                    -1.0,
                    0.0,
                    2.0,
                    9.0,
                    f64::INFINITY,
                    f64::NAN,
                ];
                for z in near.into_iter().chain(far) {
                    let (many, alone) = (last.transport(&law, &[p], z), law.transport(&[p], z));
                    let same = many == alone || (many.is_nan() && alone.is_nan());
                    assert!(same, "{name}({p}) at {z}: {many}, not {alone}");
                }
            }
        }
    }
}
