//! The optimiser of everything learned: Adam over host parameters, with the gradient's norm clipped.
//!
//! # Source
//! Kingma and Ba 2015, with β₂ = 0.99: gradients of a posterior's sampler forget soon.

use crate::compute::vector::widest;
use crate::store::packed;

/// Adam over host parameters, with the gradient's norm clipped.
#[derive(Clone)]
pub(crate) struct Adam {
    mean: Vec<Vec<f32>>,
    square: Vec<Vec<f32>>,
    step: i32,
}
packed!(Adam { mean, square, step });

impl Adam {
    pub fn new(parameters: &[Vec<f32>]) -> Adam {
        let zeros = || parameters.iter().map(|p| vec![0.0; p.len()]).collect();
        Adam {
            mean: zeros(),
            square: zeros(),
            step: 0,
        }
    }

    /// Whether its moments are those of such parameters.
    pub fn fits(&self, parameters: &[Vec<f32>]) -> bool {
        let alike = |m: &[Vec<f32>]| m.iter().map(Vec::len).eq(parameters.iter().map(Vec::len));
        alike(&self.mean) && alike(&self.square)
    }

    /// One step. Returns false, and changes nothing, where the gradient is not finite.
    pub fn update(
        &mut self,
        parameters: &mut [Vec<f32>],
        gradient: &[Vec<f32>],
        rate: f64,
        clip: f64,
    ) -> bool {
        let norm = gradient
            .iter()
            .flatten()
            .map(|&g| f64::from(g) * f64::from(g))
            .sum::<f64>()
            .sqrt();
        if !norm.is_finite() {
            return false;
        }
        let scale = if norm > clip { clip / norm } else { 1.0 } as f32;
        self.step += 1;
        let (b1, b2) = (0.9f32, 0.99f32);
        let rate = (rate * f64::from(1.0 - b2.powi(self.step)).sqrt()
            / f64::from(1.0 - b1.powi(self.step))) as f32;
        for (((p, g), m), s) in parameters
            .iter_mut()
            .zip(gradient)
            .zip(&mut self.mean)
            .zip(&mut self.square)
        {
            widest(
                #[inline(always)]
                || {
                    for (((p, &g), m), s) in p.iter_mut().zip(g).zip(m).zip(s) {
                        let g = scale * g;
                        *m = b1 * *m + (1.0 - b1) * g;
                        *s = b2 * *s + (1.0 - b2) * g * g;
                        *p -= rate * *m / (s.sqrt() + 1e-8);
                    }
                },
            );
        }
        true
    }
}
