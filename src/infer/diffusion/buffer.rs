//! Ends of paths worth learning from: SMC's particles, and the policy's own draws in proportion to their weights.

use rand::RngExt;

use super::layout::{Layout, Points};
use crate::base::Stream;
use crate::draws::systematic;

/// Evaluated points, drawn from evenly.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    points: Points,
    /// The policy's own draws.
    pub own: Points,
    capacity: usize,
}

impl Buffer {
    pub fn new(points: Points) -> Buffer {
        let capacity = points.log_r.len().max(1024);
        Buffer {
            points,
            own: Points::default(),
            capacity,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.points.log_r.is_empty() && self.own.log_r.is_empty()
    }

    /// Adds weighted points by resampling them; the oldest go when there are too many.
    pub fn add(&mut self, layout: &Layout, points: &Points, weights: &[f64], stream: &mut Stream) {
        // Few effective draws would fill the buffer with copies.
        let ess = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let n = (2.0 * ess) as usize;
        if n < 8 {
            return;
        }
        let chosen = systematic(weights, n.min(weights.len()), stream);
        self.own.extend(&points.select(layout, &chosen));
        let size = self.own.log_r.len();
        if size > self.capacity {
            let newest: Vec<usize> = (size - self.capacity..size).collect();
            self.own = self.own.select(layout, &newest);
        }
    }

    /// `n` points: half from the particles and half from the policy's own draws, as far as there are any.
    pub fn sample(&self, layout: &Layout, n: usize, stream: &mut Stream) -> Points {
        let (a, b) = (self.points.log_r.len(), self.own.log_r.len());
        let mut of = |points: &Points, n: usize| {
            let size = points.log_r.len();
            let chosen: Vec<usize> = (0..n).map(|_| stream.random_range(0..size)).collect();
            points.select(layout, &chosen)
        };
        if b == 0 {
            return of(&self.points, n);
        }
        if a == 0 {
            return of(&self.own, n);
        }
        // Until the policy has filled its part, its few draws count for what they are.
        let own = (n * b / (a + b)).min(n / 2);
        let mut points = of(&self.points, n - own);
        points.extend(&of(&self.own, own));
        points
    }
}
