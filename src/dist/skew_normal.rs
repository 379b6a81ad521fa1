//! The skew normal distribution.
//!
//! With location 0 and scale 1, and alpha ≥ 0 (the mirror image serves alpha < 0), the distribution function is that of
//! alpha = ∞, the half-normal, plus what is swept as alpha comes down:
//!
//! ```text
//! F(t) = [t > 0] erf(t/√2) + sweep,   sweep = (1/π) ∫ over s > alpha of exp(−t²(1 + s²)/2) / (1 + s²) ds
//! ```
//! Every term is positive, so that the lower tail, which falls like exp(−t²(1 + alpha²)/2), keeps its digits.

use super::Univariate;
use super::discrete::guess;
use super::params::{location_scale, positive, real};
use super::root;
use super::slopes::{noise_slope, none, undefined};
use crate::compute::special::{
    LN_2, LN_PI, cap_log, erf, gauss_legendre, log_add_exp, log_phi, log1mexp, normal_hazard,
    normal_log_density,
};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

describe!(
    SkewNormal,
    Real,
    "The skew normal distribution of location xi, scale omega and shape alpha.",
    [real("xi"), positive("omega"), real("alpha")]
);

fn valid(p: &[f64]) -> bool {
    location_scale(p[0], p[1]) && p[2].is_finite()
}

/// ln of the sweep for alpha ≥ 0, by panels in v = s − alpha: short where the exponent h v (v + 2 alpha), h = t²/2, falls
/// fast, and growing with s where only 1/(1 + s²) does.
fn log_sweep(t: f64, alpha: f64) -> f64 {
    if !t.is_finite() {
        return f64::NEG_INFINITY;
    }
    let h = 0.5 * t * t;
    if t.abs() * (1.0 + alpha) < 1e-9 {
        return ((1.0 / alpha).atan() / PI - t.abs() / (2.0 * PI).sqrt()).ln();
    }
    let reach = |drop: f64| drop / (h * alpha + (h * h * alpha * alpha + drop * h).sqrt());
    let end = reach(45.0);
    let integrand = |v: f64| (-h * v * (v + 2.0 * alpha)).exp() / (1.0 + (alpha + v) * (alpha + v));
    let (mut area, mut from) = (0.0, 0.0);
    while from < end {
        let smooth = from + 0.7 * (alpha + from).max(1.0);
        let fallen = h * from * (from + 2.0 * alpha);
        let to = smooth.min(reach(fallen + 6.0)).min(end);
        area += gauss_legendre(from, to, integrand);
        from = to;
    }
    area.ln() - h * (1.0 + alpha * alpha) - LN_PI
}

/// (ln P(T ≤ t), ln P(T > t)) for location 0 and scale 1.
fn tails(t: f64, alpha: f64) -> (f64, f64) {
    if alpha < 0.0 {
        let (lower, upper) = tails(-t, -alpha);
        return (upper, lower);
    }
    let sweep = log_sweep(t, alpha);
    if t <= 0.0 {
        return (sweep, log1mexp(cap_log(sweep)));
    }
    // 1 − F = erfc(t/√2) − sweep, of which the sweep is at most half.
    let upper = LN_2 + log_phi(-t);
    let upper = upper + log1mexp((sweep - upper).min(-LN_2));
    if upper < -LN_2 {
        (log1mexp(upper), upper)
    } else {
        (log_add_exp(erf(t * FRAC_1_SQRT_2).ln(), sweep), upper)
    }
}

fn standard_log_density(t: f64, alpha: f64) -> f64 {
    LN_2 + normal_log_density(t) + log_phi(alpha * t)
}

/// ln of −∂F/∂alpha, the integrand of the sweep at alpha.
fn log_sweep_slope(t: f64, alpha: f64) -> f64 {
    let square = if alpha.abs() < 1e150 {
        (alpha * alpha).ln_1p()
    } else {
        2.0 * alpha.abs().ln()
    };
    -0.5 * (t * t + (alpha * t) * (alpha * t)) - square - LN_PI
}

/// Derivatives of the log of the lower (`sign` 1) or upper (−1) tail.
fn d_tail(p: &[f64], x: f64, sign: f64, log_tail: f64, dp: &mut [f64]) -> f64 {
    if log_tail.is_nan() {
        return undefined(dp);
    }
    let t = (x - p[0]) / p[1];
    if t.is_infinite() || log_tail == f64::NEG_INFINITY {
        return none(dp);
    }
    let slope = sign * (standard_log_density(t, p[2]) - log_tail).exp();
    dp[0] = -slope / p[1];
    dp[1] = -slope * t / p[1];
    dp[2] = -sign * (log_sweep_slope(t, p[2]) - log_tail).exp();
    slope / p[1]
}

impl Univariate for SkewNormal {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) || z.is_nan() {
            return f64::NAN;
        }
        let standard = [0.0, 1.0, p[2]];
        let (mean, sd) = (self.mean(&standard), self.sd(&standard));
        let start = guess(
            z.clamp(-4.0, 4.0),
            mean,
            sd,
            0.5 * (4.0 - PI) * (mean / sd).powi(3),
        );
        let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
        let t = if z <= 0.0 {
            let level = log_phi(z);
            root::increasing(start, everywhere, |t| {
                let lower = tails(t, p[2]).0;
                (lower - level, (standard_log_density(t, p[2]) - lower).exp())
            })
        } else {
            let level = log_phi(-z);
            root::increasing(start, everywhere, |t| {
                let upper = tails(t, p[2]).1;
                (level - upper, (standard_log_density(t, p[2]) - upper).exp())
            })
        };
        p[0] + p[1] * t
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let t = (x - p[0]) / p[1];
        if t.is_infinite() {
            f64::NEG_INFINITY
        } else {
            standard_log_density(t, p[2]) - p[1].ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) && !x.is_nan() {
            tails((x - p[0]) / p[1], p[2]).0
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) && !x.is_nan() {
            tails((x - p[0]) / p[1], p[2]).1
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
        let delta = p[2] / 1f64.hypot(p[2]);
        if valid(p) {
            p[0] + p[1] * delta * (2.0 / PI).sqrt()
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let delta = p[2] / 1f64.hypot(p[2]);
        if valid(p) {
            p[1] * (1.0 - 2.0 / PI * delta * delta).sqrt()
        } else {
            f64::NAN
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let t = (x - p[0]) / p[1];
        if t.is_infinite() {
            return none(dp);
        }
        let hazard = normal_hazard(p[2] * t);
        let score = p[2] * hazard - t;
        dp[0] = -score / p[1];
        dp[1] = -(score * t + 1.0) / p[1];
        dp[2] = t * hazard;
        score / p[1]
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let mut t = (x - p[0]) / p[1];
        if (x - p[0]).abs() < 1e-5 * p[0].abs() {
            t = self.transport(&[0.0, 1.0, p[2]], z); // the difference has lost its digits
        }
        let log_density = standard_log_density(t, p[2]);
        dp[0] = 1.0;
        dp[1] = t;
        dp[2] = p[1] * (log_sweep_slope(t, p[2]) - log_density).exp();
        p[1] * noise_slope(z, log_density)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, 1.0, self.log_cdf(p, x), dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, -1.0, self.log_ccdf(p, x), dp)
    }
}
