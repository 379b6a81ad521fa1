//! The beta distribution.
//!
//! Values that round to 0 or 1 are the smallest normal f64 and the largest below 1, so that log-densities stay finite.

use super::Univariate;
use super::params::{is_positive, positive, unit};
use super::slopes::{is_clamped, none, step, tail_slope, undefined};
use crate::compute::special::{
    Odds, d_log_beta_kernel, d_log_beta_tails, inv_log_beta_inc, lbeta, log_beta_kernel,
    log_beta_tails, log_phi, normal_log_density,
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

/// Derivatives in mean and precision from those in the shapes.
fn chain(p: &[f64], dq: [f64; 2]) -> [f64; 2] {
    [p[1] * (dq[0] - dq[1]), p[0] * dq[0] + (1.0 - p[0]) * dq[1]]
}

same_as!(BetaProportion, Beta, shapes, chain);

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

/// Derivatives of a transported logit.
pub struct LogitSlopes {
    /// In the first shape.
    pub alpha: f64,
    /// In the second shape.
    pub beta: f64,
    /// In the noise.
    pub z: f64,
}

/// Derivatives of ln(x / (1 − x)) at the point `at` that noise is carried to.
pub fn d_logit(alpha: f64, beta: f64, at: Odds, z: f64) -> LogitSlopes {
    let kernel = log_beta_kernel(alpha, beta, at);
    let (lower, upper) = d_log_beta_tails(alpha, beta, at);
    let (tail, factor) = if lower.value < upper.value {
        (lower, -(lower.value - kernel).exp())
    } else {
        (upper, (upper.value - kernel).exp())
    };
    LogitSlopes {
        alpha: tail.slopes[0] * factor,
        beta: tail.slopes[1] * factor,
        z: (normal_log_density(z) - kernel).exp(),
    }
}

/// Derivatives of the log of the lower or upper tail.
fn d_tail(p: &[f64], x: f64, dp: &mut [f64], is_upper: bool) -> f64 {
    if !valid(p) || x.is_nan() {
        return undefined(dp);
    }
    if x <= 0.0 || x >= 1.0 {
        return none(dp);
    }
    let at = Odds::from_x(x);
    let (lower, upper) = d_log_beta_tails(p[0], p[1], at);
    let (tail, sign) = if is_upper {
        (upper, -1.0)
    } else {
        (lower, 1.0)
    };
    dp.copy_from_slice(&tail.slopes);
    sign * tail_slope(log_beta_kernel(p[0], p[1], at), tail.value) / at.x / at.y
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
    /// At an end, where a derivative in a shape may be infinite, that is given as 0.
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let density = self.log_density(p, x);
        if !density.is_finite() {
            return step(density, dp);
        }
        let at = Odds::from_x(x);
        (dp[0], dp[1]) = d_log_beta_kernel(p[0], p[1], at);
        dp.iter_mut()
            .filter(|d| d.is_infinite())
            .for_each(|d| *d = 0.0);
        let end = |shape: f64, v: f64| if shape == 1.0 { 0.0 } else { (shape - 1.0) / v };
        end(p[0], at.x) - end(p[1], at.y)
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        let at = if 1.0 - x < 1e-5 {
            transport_odds(p[0], p[1], z) // the distance from 1 has lost its digits
        } else {
            Odds::from_x(x)
        };
        let slopes = d_logit(p[0], p[1], at, z);
        let scale = at.x * at.y;
        (dp[0], dp[1]) = (scale * slopes.alpha, scale * slopes.beta);
        scale * slopes.z
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, dp, false)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, dp, true)
    }
}
