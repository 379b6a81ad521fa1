//! Student's t distribution.
//!
//! T²/(ν + T²) is a beta variable of shapes ½ and ν/2, whose lower tail gives the middle of T's distribution, and whose upper tail T's tails.

use super::Univariate;
use super::params::{finite, is_positive, location_scale, not_below_zero, positive, real};
use crate::compute::special::{
    LN_2, LN_PI, Odds, erf, inv_log_beta_inc, log_beta_tails, log_gamma_ratio, log_phi,
};
use std::f64::consts::FRAC_1_SQRT_2;

describe!(
    StudentT,
    Real,
    "Student's t distribution of nu degrees of freedom, location mu and scale sigma.",
    [positive("nu"), real("mu"), positive("sigma")]
);
describe!(
    HalfStudentT,
    Real,
    "The absolute value of a Student's t variable of nu degrees of freedom, location 0 and scale sigma.",
    [positive("nu"), positive("sigma")]
);

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && location_scale(p[1], p[2])
}

impl Univariate for StudentT {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) || z.is_nan() {
            return f64::NAN;
        }
        let size = z.abs();
        let t = if size < 0.6 {
            quantile_of_size(p[0], erf(size * FRAC_1_SQRT_2).ln())
        } else {
            upper_quantile_of_size(p[0], LN_2 + log_phi(-size))
        };
        finite(p[1] + p[2] * t.copysign(z))
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let nu = p[0];
        let t = (x - p[1]) / p[2];
        let spread = if t.abs() < 1e150 {
            (t * t / nu).ln_1p()
        } else {
            2.0 * t.abs().ln() - nu.ln()
        };
        log_gamma_ratio(0.5 * nu, 0.5)
            - 0.5 * (LN_PI + nu.ln())
            - p[2].ln()
            - 0.5 * (nu + 1.0) * spread
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            standard_log_cdf(p[0], (x - p[1]) / p[2])
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            standard_log_cdf(p[0], (p[1] - x) / p[2])
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (f64::NEG_INFINITY, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) && p[0] > 1.0 {
            p[1]
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) && p[0] > 2.0 {
            p[2] * (p[0] / (p[0] - 2.0)).sqrt()
        } else {
            f64::NAN
        }
    }
}

/// (ln P(|T| ≤ t), ln P(|T| > t)) for t ≥ 0, location 0 and scale 1.
fn size_tails(nu: f64, t: f64) -> (f64, f64) {
    let at = if (1e-100..1e100).contains(&t) {
        Odds::from_ratio(t * t / nu)
    } else {
        Odds::from_logit(2.0 * t.ln() - nu.ln())
    };
    log_beta_tails(0.5, 0.5 * nu, at)
}

/// The t with ln P(|T| ≤ t) = log_p.
fn quantile_of_size(nu: f64, log_p: f64) -> f64 {
    t_of(nu, inv_log_beta_inc(0.5, 0.5 * nu, log_p))
}

/// The t with ln P(|T| > t) = log_q.
fn upper_quantile_of_size(nu: f64, log_q: f64) -> f64 {
    t_of(nu, inv_log_beta_inc(0.5 * nu, 0.5, log_q).flip())
}

fn t_of(nu: f64, odds: Odds) -> f64 {
    nu.sqrt() * (0.5 * odds.logit()).exp()
}

fn standard_log_cdf(nu: f64, t: f64) -> f64 {
    let (inner, outer) = size_tails(nu, t.abs());
    if t <= -1.0 {
        outer - LN_2
    } else if t < 1.0 {
        (0.5 + 0.5 * inner.exp().copysign(t)).ln()
    } else {
        (-0.5 * outer.exp()).ln_1p()
    }
}

fn half_valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

impl Univariate for HalfStudentT {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !half_valid(p) || z.is_nan() {
            return f64::NAN;
        }
        finite(
            p[1] * if z <= 0.0 {
                quantile_of_size(p[0], log_phi(z))
            } else {
                upper_quantile_of_size(p[0], log_phi(-z))
            },
        )
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if x < 0.0 && half_valid(p) {
            f64::NEG_INFINITY
        } else {
            LN_2 + StudentT.log_density(&[p[0], 0.0, p[1]], x)
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if half_valid(p) {
            size_tails(p[0], not_below_zero(x) / p[1]).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if half_valid(p) {
            size_tails(p[0], not_below_zero(x) / p[1]).1
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if half_valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if !half_valid(p) || p[0] <= 1.0 {
            return f64::NAN;
        }
        // E|T| = 2 σ √(ν/π) Γ((ν + 1)/2) / (Γ(ν/2) (ν − 1)).
        let log_ratio = log_gamma_ratio(0.5 * p[0], 0.5) - (0.5 * (p[0] - 1.0)).ln();
        p[1] * (0.5 * (p[0].ln() - LN_PI) + log_ratio).exp()
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if !half_valid(p) || p[0] <= 2.0 {
            return f64::NAN;
        }
        let mean = self.mean(p);
        (p[1] * p[1] * p[0] / (p[0] - 2.0) - mean * mean).sqrt()
    }
}
