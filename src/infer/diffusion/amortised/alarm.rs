//! Whether a data set is like those that were simulated.
//!
//! The figures' Mahalanobis distance from the simulations' mean is held against that of as many fresh simulations: what lies
//! farther out than all of them is outside of what the networks have seen.

use super::encoder::forward;
use crate::infer::coordinates::linear::dot;
use crate::store::packed;

/// Fresh simulations that distances are held against.
pub(super) const FRESH: usize = 4096;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alarm {
    pub mean: Vec<f64>,
    /// The Cholesky factor of the figures' covariance, `[width, width]`.
    pub factor: Vec<f64>,
    /// Distance of the farthest fresh simulation.
    pub farthest: f64,
}
packed!(Alarm {
    mean,
    factor,
    farthest
});

impl Alarm {
    /// From fresh simulations' figures `f: [n, width]`.
    pub fn new(mean: Vec<f64>, factor: Vec<f64>, f: &[f64]) -> Alarm {
        let mut alarm = Alarm {
            mean,
            factor,
            farthest: 0.0,
        };
        let width = alarm.mean.len().max(1);
        let distances = f.chunks_exact(width).map(|f| alarm.distance(f));
        alarm.farthest = distances.fold(0.0, f64::max);
        alarm
    }

    /// Whether it is one for so many figures.
    pub fn fits(&self, width: usize) -> bool {
        self.mean.len() == width && self.factor.len() == width * width
    }

    /// Root mean square of the whitened figures.
    fn distance(&self, f: &[f64]) -> f64 {
        let centred: Vec<f64> = f.iter().zip(&self.mean).map(|(f, m)| f - m).collect();
        let u = forward(&self.factor, &centred);
        (dot(&u, &u) / u.len().max(1) as f64).sqrt()
    }

    /// Why a data set with such figures is not like the simulated ones, where it is not.
    pub fn sounds(&self, f: &[f64]) -> Option<String> {
        let distance = self.distance(f);
        // A distance that is no number is as far as can be.
        let far = distance.is_nan() || distance > self.farthest;
        far.then(|| {
            format!(
                "it lies {distance:.1} standard deviations out, and none of {FRESH} simulated data sets lies beyond {:.1}",
                self.farthest
            )
        })
    }
}
