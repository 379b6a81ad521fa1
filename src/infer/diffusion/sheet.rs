//! The kernels of all rows of one step at once: what [`Kernel`] says of a coordinate, in loops that become vectors.

use super::schedule::{Kernel, Step};
use crate::compute::vector::widest;

/// One step's coordinates, flat as `[rows, d]`; its memory is used again by the next step.
#[derive(Default)]
pub(crate) struct Sheet {
    /// The network's shifts, then the gradients by them.
    e: Vec<f64>,
    /// The network's log-scales, then the gradients by them.
    v: Vec<f64>,
    /// δ of each coordinate.
    pub delta: Vec<f64>,
    /// log policy − log reference of each coordinate.
    ratio: Vec<f64>,
}

impl Sheet {
    /// Turns noise in `delta` into draws from the policy whose outputs are `out: [rows, 2 d]`.
    pub fn draw(&mut self, step: &Step, out: &[f32], d: usize) {
        self.read(out, d);
        let all = self.e.iter_mut().zip(&mut self.v).zip(&mut self.ratio);
        widest(
            #[inline(always)]
            || {
                for (((e, v), ratio), delta) in all.zip(&mut self.delta) {
                    let kernel = Kernel::new(step, *e, *v);
                    let noise = *delta;
                    *delta = kernel.at(noise);
                    *ratio = kernel.log_ratio_at(*delta, noise);
                    (*e, *v) = kernel.gradient_at(noise, noise * noise);
                }
            },
        );
    }

    /// Weighs `delta`, of variance `variance` (0 for a given δ), under the policy whose outputs are `out: [rows, 2 d]`.
    pub fn weigh(&mut self, step: &Step, out: &[f32], d: usize, variance: f64) {
        self.read(out, d);
        let all = self.e.iter_mut().zip(&mut self.v).zip(&mut self.ratio);
        widest(
            #[inline(always)]
            || {
                for (((e, v), ratio), &delta) in all.zip(&self.delta) {
                    let kernel = Kernel::new(step, *e, *v);
                    *ratio = kernel.log_ratio(delta);
                    (*e, *v) = kernel.gradient(delta, variance);
                }
            },
        );
    }

    /// Puts δ = factor · (a − keep · b) in `delta`.
    pub fn difference(&mut self, a: &[f64], keep: f64, b: &[f64], factor: f64) {
        self.delta.resize(a.len(), 0.0);
        widest(
            #[inline(always)]
            || {
                for ((delta, a), b) in self.delta.iter_mut().zip(a).zip(b) {
                    *delta = factor * (a - keep * b);
                }
            },
        );
    }

    /// Adds each row's log policy − log reference.
    pub fn add_ratio(&self, d: usize, to: &mut [f64]) {
        for (to, row) in to.iter_mut().zip(self.ratio.chunks_exact(d)) {
            *to += row.iter().sum::<f64>();
        }
    }

    /// Writes the gradient of log policy by the outputs, times `factor`, to `out: [rows, 2 d]`.
    pub fn write_gradient(&self, d: usize, factor: f64, out: &mut [f32]) {
        let rows = self.e.chunks_exact(d).zip(self.v.chunks_exact(d));
        for (out, (e, v)) in out.chunks_exact_mut(2 * d).zip(rows) {
            let (by_e, by_v) = out.split_at_mut(d);
            for (((to_e, to_v), e), v) in by_e.iter_mut().zip(by_v).zip(e).zip(v) {
                (*to_e, *to_v) = ((factor * e) as f32, (factor * v) as f32);
            }
        }
    }

    fn read(&mut self, out: &[f32], d: usize) {
        self.e.clear();
        self.v.clear();
        for row in out.chunks_exact(2 * d) {
            let (e, v) = row.split_at(d);
            self.e.extend(e.iter().map(|&e| f64::from(e)));
            self.v.extend(v.iter().map(|&v| f64::from(v)));
        }
        self.ratio.resize(self.e.len(), 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::Schedule;
    use super::*;

    #[test]
    fn a_sheet_says_what_kernels_say() {
        let (d, step) = (3, Schedule::new(8, 4.0).steps[2]);
        let out: Vec<f32> = (0..5 * 2 * d)
            .map(|i| (i as f32 * 0.7).sin() * 2.0)
            .collect();
        let noise: Vec<f64> = (0..5 * d).map(|i| (i as f64 * 1.3).cos()).collect();
        let mut sheet = Sheet::default();
        sheet.delta.clone_from(&noise);
        sheet.draw(&step, &out, d);
        let (mut ratio, mut gradient) = (vec![0.0; 5], vec![0.0; 5 * 2 * d]);
        sheet.add_ratio(d, &mut ratio);
        sheet.write_gradient(d, 2.0, &mut gradient);
        for i in 0..5 {
            let mut sum = 0.0;
            for c in 0..d {
                let (e, v) = (out[i * 2 * d + c], out[i * 2 * d + d + c]);
                let (e, v) = (f64::from(e), f64::from(v));
                let sd = (1.5 * (v / 1.5).tanh()).exp();
                let delta = step.gain * e + sd * noise[i * d + c];
                assert!((sheet.delta[i * d + c] - delta).abs() < 1e-12);
                let log_normal = |x: f64, sd: f64| -0.5 * (x / sd).powi(2) - sd.ln();
                sum += log_normal(delta - step.gain * e, sd) - log_normal(delta, 1.0);
                let by_e = 2.0 * noise[i * d + c] / sd * step.gain;
                assert!((f64::from(gradient[i * 2 * d + c]) - by_e).abs() < 1e-5);
            }
            assert!((ratio[i] - sum).abs() < 1e-12);
        }
    }
}
