//! The beta distribution.
//!
//! Values that round to 0 or 1 are the smallest normal f64 and the largest below 1, so that log-densities stay finite.

use super::Univariate;
use super::params::{is_positive, positive, unit};
use crate::compute::special::{
    Odds, inv_log_beta_inc, lbeta, log_beta_kernel, log_beta_tails, log_phi,
};

describe!(
    Beta,
    Real,
    "The beta distribution of shapes alpha and beta, whose mean is alpha / (alpha + beta).",
    [positive("alpha"), positive("beta")]
);

describe!(
    BetaProportion,
    Real,
    "The beta distribution of mean mu and precision kappa, whose shapes are mu kappa and (1 - mu) kappa.",
    [unit("mu"), positive("kappa")],
    inner_mean
);

fn inner_mean(p: &[&[f64]]) -> Result<(), (usize, String)> {
    let mu = p[0][0];
    if mu > 0.0 && mu < 1.0 {
        Ok(())
    } else {
        Err((0, format!("mu must lie above 0 and below 1, not at {mu}")))
    }
}

fn shapes(p: &[f64]) -> [f64; 2] {
    if is_positive(p[1]) {
        [p[0] * p[1], (1.0 - p[0]) * p[1]]
    } else {
        [f64::NAN; 2]
    }
}

same_as!(BetaProportion, Beta, shapes);

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

/// The largest f64 below 1.
const BELOW_ONE: f64 = 1.0 - 0.5 * f64::EPSILON;

/// The point that noise is carried to, with its distance from both ends.
pub fn transport_odds(alpha: f64, beta: f64, z: f64) -> Odds {
    if z <= 0.0 {
        inv_log_beta_inc(alpha, beta, log_phi(z))
    } else {
        inv_log_beta_inc(beta, alpha, log_phi(-z)).flip()
    }
}

/// (shape − 1) ln v, 0 for a shape of 1 even where v is 0.
fn power(shape: f64, log_v: f64) -> f64 {
    if shape == 1.0 {
        0.0
    } else {
        (shape - 1.0) * log_v
    }
}

fn tails(p: &[f64], x: f64) -> (f64, f64) {
    if valid(p) && !x.is_nan() {
        log_beta_tails(p[0], p[1], Odds::from_x(x.clamp(0.0, 1.0)))
    } else {
        (f64::NAN, f64::NAN)
    }
}

impl Univariate for Beta {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) && !z.is_nan() {
            transport_odds(p[0], p[1], z)
                .x
                .clamp(f64::MIN_POSITIVE, BELOW_ONE)
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if p[0] >= 10.0 && p[1] >= 10.0 && 0.0 < x && x < 1.0 {
            let at = Odds::from_x(x); // the kernel keeps its digits when both shapes are large
            log_beta_kernel(p[0], p[1], at) - at.log_x - at.log_y
        } else if (0.0..=1.0).contains(&x) {
            power(p[0], x.ln()) + power(p[1], (-x).ln_1p()) - lbeta(p[0], p[1])
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        tails(p, x).0
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        tails(p, x).1
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, 1.0)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[0] / (p[0] + p[1])
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let total = p[0] + p[1];
        if valid(p) {
            (p[0] / total * (p[1] / total) / (total + 1.0)).sqrt()
        } else {
            f64::NAN
        }
    }
}
