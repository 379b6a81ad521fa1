//! Student's t distribution.
//!
//! T²/(ν + T²) is a beta variable of shapes ½ and ν/2, whose lower tail gives the middle of T's distribution, and whose upper tail T's tails.

use super::Univariate;
use super::params::{finite, is_positive, location_scale, not_below_zero, positive, real};
use super::slopes::{is_clamped, noise_slope, none, tail_slope, undefined};
use crate::compute::special::{
    LN_2, LN_PI, Odds, d_log_beta_tails, digamma_excess, erf, gauss_legendre, inv_log_beta_inc,
    log_beta_kernel, log_beta_tails, log_gamma_ratio, log_phi, log1pmx,
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
        standard_log_density(p[0], (x - p[1]) / p[2]) - p[2].ln()
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
        match valid(p) {
            true if p[0] > 2.0 => p[2] * (p[0] / (p[0] - 2.0)).sqrt(),
            true if p[0] > 1.0 => f64::INFINITY,
            _ => f64::NAN,
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let t = (x - p[1]) / p[2];
        if t.is_infinite() {
            return none(dp);
        }
        let score = standard_score(p[0], t);
        dp[0] = freedom_score(p[0], 1.0, t);
        dp[1] = -score / p[2];
        dp[2] = -(score * t + 1.0) / p[2];
        score / p[2]
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        let mut t = (x - p[1]) / p[2];
        if (x - p[1]).abs() < 1e-5 * p[1].abs() {
            t = self.transport(&[p[0], 0.0, 1.0], z); // the difference has lost its digits
        }
        dp[0] = p[2] * t * drift(p[0], t.abs());
        dp[1] = 1.0;
        dp[2] = t;
        p[2] * noise_slope(z, standard_log_density(p[0], t))
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, 1.0, dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, -1.0, dp)
    }
}

/// For location 0 and scale 1.
fn standard_log_density(nu: f64, t: f64) -> f64 {
    log_gamma_ratio(0.5 * nu, 0.5)
        - 0.5 * (LN_PI + nu.ln())
        - 0.5 * (nu + 1.0) * standard_spread(nu, t)
}

/// Its derivative in t.
fn standard_score(nu: f64, t: f64) -> f64 {
    if t * t < nu {
        -(nu + 1.0) * t / (nu + t * t)
    } else {
        -(nu + 1.0) / (t + nu / t)
    }
}

/// The derivative in nu of the log-density in n dimensions at distance t, without cancellation when nu is large: with
/// w = t²/(nu + t²) it is half of ψ((nu + n)/2) − ψ(nu/2) − n/nu + ln(1 − w) + w + n w/nu.
pub fn freedom_score(nu: f64, n: f64, t: f64) -> f64 {
    let u = t / nu * t;
    let (w, fall) = if u < 1.0 {
        let w = u / (1.0 + u);
        (w, log1pmx(-w))
    } else {
        let w = 1.0 / (1.0 + nu / t / t);
        (w, w - standard_spread(nu, t))
    };
    0.5 * (digamma_excess(0.5 * nu, 0.5 * n) + log1pmx(n / nu) + fall + w * n / nu)
}

/// ln(1 + t²/nu).
fn standard_spread(nu: f64, t: f64) -> f64 {
    if t.abs() < 1e150 {
        (t * t / nu).ln_1p()
    } else {
        2.0 * t.abs().ln() - nu.ln()
    }
}

/// The point t²/(nu + t²).
fn odds_of(nu: f64, t: f64) -> Odds {
    if (1e-100..1e100).contains(&t) {
        Odds::from_ratio(t * t / nu)
    } else {
        Odds::from_logit(2.0 * t.ln() - nu.ln())
    }
}

/// (ln P(|T| ≤ t), ln P(|T| > t)) for t ≥ 0, location 0 and scale 1.
fn size_tails(nu: f64, t: f64) -> (f64, f64) {
    log_beta_tails(0.5, 0.5 * nu, odds_of(nu, t))
}

/// d ln t/d nu at fixed P(|T| ≤ t), for t ≥ 0.
///
/// By the incomplete beta function this is a difference that is 1/nu of its terms. Where that costs digits, the derivative
/// of P is the integral of the density's, over the side of t that holds less; it takes longer.
fn drift(nu: f64, t: f64) -> f64 {
    if t == 0.0 || t == f64::INFINITY {
        return 0.0; // t itself is what it multiplies
    }
    if nu > 2e4 {
        return if t < 1.0 {
            -scores_within(nu, t) / t
        } else {
            scores_beyond(nu, t) / t
        };
    }
    let at = odds_of(nu, t);
    let kernel = log_beta_kernel(0.5, 0.5 * nu, at);
    let (inner, outer) = d_log_beta_tails(0.5, 0.5 * nu, at);
    let in_shape = if inner.value < outer.value {
        inner.slopes[1] * (inner.value - kernel).exp()
    } else {
        -outer.slopes[1] * (outer.value - kernel).exp()
    };
    0.5 / nu - 0.25 * in_shape
}

/// ∫ over (0, t) of the density's derivative in nu, over the density at t; for t ≤ 1.
fn scores_within(nu: f64, t: f64) -> f64 {
    let log_end = standard_spread(nu, t);
    gauss_legendre(0.0, t, |u| {
        let rise = 0.5 * (nu + 1.0) * (log_end - standard_spread(nu, u));
        freedom_score(nu, 1.0, u) * rise.exp()
    })
}

/// ∫ over (t, ∞) of the density's derivative in nu, over the density at t; for nu > 2e4, in panels over which the density falls
/// by about e⁻⁴.
fn scores_beyond(nu: f64, t: f64) -> f64 {
    let log_start = standard_spread(nu, t);
    let (mut area, mut from) = (0.0, t);
    loop {
        let to = from - 4.0 / standard_score(nu, from);
        let panel = gauss_legendre(from, to, |u| {
            let fall = 0.5 * (nu + 1.0) * (log_start - standard_spread(nu, u));
            freedom_score(nu, 1.0, u) * fall.exp()
        });
        area += panel;
        if panel.abs() <= 1e-17 * area.abs() || panel.is_nan() {
            return area;
        }
        from = to;
    }
}

/// Derivatives of ln P(X ≤ x) for `sign` 1, of ln P(X > x) for −1.
fn d_tail(p: &[f64], x: f64, sign: f64, dp: &mut [f64]) -> f64 {
    if !valid(p) || x.is_nan() {
        return undefined(dp);
    }
    let t = (x - p[1]) / p[2];
    let slope = sign
        * tail_slope(
            standard_log_density(p[0], t),
            standard_log_cdf(p[0], sign * t),
        );
    if slope == 0.0 {
        return none(dp);
    }
    dp[0] = -slope * t * drift(p[0], t.abs());
    dp[1] = -slope / p[2];
    dp[2] = -slope * t / p[2];
    slope / p[2]
}

/// The same for the folded distribution, from the log of the tail.
fn d_half_tail(p: &[f64], x: f64, log_tail: f64, sign: f64, dp: &mut [f64]) -> f64 {
    if log_tail.is_nan() {
        return undefined(dp);
    }
    if x <= 0.0 || x == f64::INFINITY {
        return none(dp);
    }
    let t = x / p[1];
    let slope = sign * tail_slope(LN_2 + standard_log_density(p[0], t), log_tail);
    dp[0] = -slope * t * drift(p[0], t);
    dp[1] = -slope * t / p[1];
    slope / p[1]
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
        if !half_valid(p) {
            return f64::NAN;
        }
        if p[0] <= 1.0 {
            return f64::INFINITY;
        }
        // E|T| = 2 σ √(ν/π) Γ((ν + 1)/2) / (Γ(ν/2) (ν − 1)).
        let log_ratio = log_gamma_ratio(0.5 * p[0], 0.5) - (0.5 * (p[0] - 1.0)).ln();
        p[1] * (0.5 * (p[0].ln() - LN_PI) + log_ratio).exp()
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if !half_valid(p) {
            return f64::NAN;
        }
        if p[0] <= 2.0 {
            return f64::INFINITY;
        }
        let mean = self.mean(p);
        (p[1] * p[1] * p[0] / (p[0] - 2.0) - mean * mean).sqrt()
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if x < 0.0 && half_valid(p) {
            return none(dp);
        }
        let mut dq = [0.0; 3];
        let slope = StudentT.d_log_density(&[p[0], 0.0, p[1]], x, &mut dq);
        (dp[0], dp[1]) = (dq[0], dq[2]);
        slope
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !half_valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if is_clamped(x) {
            return none(dp);
        }
        let t = x / p[1];
        dp[0] = x * drift(p[0], t);
        dp[1] = t;
        p[1] * noise_slope(z, LN_2 + standard_log_density(p[0], t))
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_half_tail(p, x, self.log_cdf(p, x), 1.0, dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_half_tail(p, x, self.log_ccdf(p, x), -1.0, dp)
    }
}
