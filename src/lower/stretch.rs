//! Noise of the improper measures, seen from the line that they are uniform on.
//!
//! `Flat` and `HalfFlat` draw from a heavy-tailed base. Evidence that is Gaussian on the line is bent in its noise, the more
//! the farther it lies from the base's centre; an engine that follows gradients does better on the line itself:
//!
//! ```text
//! z ~ N(0, 1)  ◀──▶  u: (x − mu) / sigma of Flat,  base Cauchy(0, 1)
//!                       log(x / sigma) of HalfFlat, base Logistic(0, 1)
//! ```

use std::f64::consts::{FRAC_1_PI, PI};

use crate::compute::special::{
    inv_log_phi, inv_logit, log_inv_logit, log_phi, normal_log_density, phi,
};
use crate::ir::{Law, Op};
use crate::trace::{NodeId, NoiseGraph};

/// Which line the noise of an improper measure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Of `Flat`.
    Line,
    /// Of `HalfFlat`, by its logarithm.
    Half,
}

impl Stretch {
    /// The noise that a node transports to an improper measure: its first coordinate, and which measure.
    pub(super) fn of(graph: &NoiseGraph, id: NodeId) -> Option<(NodeId, Stretch)> {
        let node = graph.node(id);
        let Op::Transport(Law::Plain(d)) = &node.op else {
            return None;
        };
        let stretch = match d.name() {
            "Flat" => Stretch::Line,
            "HalfFlat" => Stretch::Half,
            _ => return None,
        };
        node.args.last().map(|z| (*z, stretch))
    }

    /// u of noise z.
    pub fn place(self, z: f64) -> f64 {
        match self {
            Stretch::Line => z.signum() / (PI * phi(-z.abs())).tan(),
            Stretch::Half => log_phi(z) - log_phi(-z),
        }
    }

    /// z of u, with dz/du.
    pub fn noise(self, u: f64) -> (f64, f64) {
        let log_tail = match self {
            Stretch::Line => (FRAC_1_PI * 1f64.atan2(u.abs())).ln(),
            Stretch::Half => log_inv_logit(-u.abs()),
        };
        let z = -u.signum() * inv_log_phi(log_tail);
        (z, (self.log_base(u).0 - normal_log_density(z)).exp())
    }

    /// log of the base's density at u, and its derivative.
    pub fn log_base(self, u: f64) -> (f64, f64) {
        match self {
            Stretch::Line => (-(PI * (1.0 + u * u)).ln(), -2.0 * u / (1.0 + u * u)),
            Stretch::Half => (
                log_inv_logit(u) + log_inv_logit(-u),
                1.0 - 2.0 * inv_logit(u),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_noise_are_inverse_and_carry_the_base() {
        for stretch in [Stretch::Line, Stretch::Half] {
            for z in [-4.0, -1.3, -1e-3, 0.2, 2.5, 4.5] {
                let u = stretch.place(z);
                let (back, slope) = stretch.noise(u);
                assert!(
                    (back - z).abs() < 1e-9 * (1.0 + z.abs()),
                    "{stretch:?} {z} {back}"
                );
                let h = 1e-4 * (1.0 + u.abs());
                let difference = (stretch.noise(u + h).0 - stretch.noise(u - h).0) / (2.0 * h);
                assert!((slope / difference - 1.0).abs() < 1e-5, "{stretch:?} {z}");
                // The base is the push-forward of the noise.
                let pushed = normal_log_density(z) + slope.ln();
                let (log_base, d) = stretch.log_base(u);
                assert!((pushed - log_base).abs() < 1e-9, "{stretch:?} {z}");
                let by = (stretch.log_base(u + h).0 - stretch.log_base(u - h).0) / (2.0 * h);
                assert!((d - by).abs() < 1e-6, "{stretch:?} {z}");
            }
        }
    }
}
