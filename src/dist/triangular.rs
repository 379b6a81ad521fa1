//! The triangular distribution.

use super::Univariate;
use super::params::real;
use super::slopes::{complement, none, step, undefined};
use crate::compute::special::{normal_log_density, phi};

describe!(
    Triangular,
    Real,
    "The distribution whose density rises linearly from lower to mode and falls linearly to upper.",
    [real("lower"), real("mode"), real("upper")],
    in_order
);

fn in_order(p: &[&[f64]]) -> Result<(), (usize, String)> {
    let (lower, mode, upper) = (p[0][0], p[1][0], p[2][0]);
    if lower >= upper {
        Err((
            2,
            format!("upper must be above lower, which is {lower}, not {upper}"),
        ))
    } else if !(lower..=upper).contains(&mode) {
        Err((
            1,
            format!("mode must lie between lower and upper, {lower} and {upper}, not at {mode}"),
        ))
    } else {
        Ok(())
    }
}

fn valid(p: &[f64]) -> bool {
    p[0] <= p[1] && p[1] <= p[2] && p[0] < p[2] && (p[2] - p[0]).is_finite()
}

/// P(X ≤ x) for x up to the mode: the area of the triangle on x's left.
fn left(p: &[f64], x: f64) -> f64 {
    (x - p[0]) / (p[2] - p[0]) * ((x - p[0]) / (p[1] - p[0]))
}

/// P(X > x) from the mode on.
fn right(p: &[f64], x: f64) -> f64 {
    (p[2] - x) / (p[2] - p[0]) * ((p[2] - x) / (p[2] - p[1]))
}

/// P(X ≤ x) from the mode on: the triangle on the mode's left and the trapezoid from it to x.
fn past_mode(p: &[f64], x: f64) -> f64 {
    let width = p[2] - p[0];
    (p[1] - p[0]) / width + (x - p[1]) / width * (((p[2] - p[1]) + (p[2] - x)) / (p[2] - p[1]))
}

/// The distribution seen in a mirror, where values have the other sign.
fn mirrored(p: &[f64]) -> [f64; 3] {
    [-p[2], -p[1], -p[0]]
}

/// Derivatives of ln [`left`].
fn d_left(p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
    let (below, per_width, per_rise) = (x - p[0], 1.0 / (p[2] - p[0]), 1.0 / (p[1] - p[0]));
    dp[0] = per_width + per_rise - 2.0 / below;
    dp[1] = -per_rise;
    dp[2] = -per_width;
    2.0 / below
}

/// Derivatives of ln [`right`].
fn d_right(p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
    let slope = d_left(&mirrored(p), -x, dp);
    dp.reverse();
    dp.iter_mut().for_each(|d| *d = -*d);
    -slope
}

/// Derivatives of the transport where the value lies before the mode: (x − lower)² = Φ(z) (upper − lower) (mode − lower).
fn d_rising(p: &[f64], z: f64, dp: &mut [f64]) -> f64 {
    let (width, rise) = (p[2] - p[0], p[1] - p[0]);
    let below = (phi(z) * width * rise).sqrt();
    dp[0] = 1.0 - 0.5 * below * (1.0 / width + 1.0 / rise);
    dp[1] = 0.5 * below / rise;
    dp[2] = 0.5 * below / width;
    if below == 0.0 {
        return 0.0; // Φ(z) underflows
    }
    normal_log_density(z).exp() / below * 0.5 * width * rise
}

/// The value for noise z ≤ 0.
fn lower_transport(p: &[f64], z: f64) -> f64 {
    let (width, fall) = (p[2] - p[0], p[2] - p[1]);
    let below = phi(z) * width - (p[1] - p[0]); // past the mode, in units of the width
    if below <= 0.0 {
        return (p[0] + (phi(z) * width * (p[1] - p[0])).sqrt()).min(p[1]);
    }
    p[1] + below * fall / (fall + (fall * (fall - below)).sqrt())
}

impl Univariate for Triangular {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) || z.is_nan() {
            f64::NAN
        } else if z <= 0.0 {
            lower_transport(p, z)
        } else {
            -lower_transport(&mirrored(p), -z)
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        let height = (2.0 / (p[2] - p[0])).ln();
        if !(p[0]..=p[2]).contains(&x) {
            f64::NEG_INFINITY
        } else if x == p[1] {
            height
        } else if x < p[1] {
            height + ((x - p[0]) / (p[1] - p[0])).ln()
        } else {
            height + ((p[2] - x) / (p[2] - p[1])).ln()
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x <= p[0] {
            f64::NEG_INFINITY
        } else if x < p[1] {
            left(p, x).ln()
        } else if x < p[2] {
            past_mode(p, x).ln()
        } else {
            0.0
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x <= p[0] {
            0.0
        } else if x < p[1] {
            past_mode(&mirrored(p), -x).ln()
        } else if x < p[2] {
            right(p, x).ln()
        } else {
            f64::NEG_INFINITY
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (p[0], p[2])
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[0] + ((p[1] - p[0]) + (p[2] - p[0])) / 3.0
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let (mode, upper) = (p[1] - p[0], p[2] - p[0]);
        if valid(p) {
            ((mode * mode + upper * upper - mode * upper) / 18.0).sqrt()
        } else {
            f64::NAN
        }
    }
    /// At the mode, where the density has a kink, 0 in x and in the mode.
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        let density = self.log_density(p, x);
        if !density.is_finite() {
            return step(density, dp);
        }
        let per_width = 1.0 / (p[2] - p[0]);
        (dp[0], dp[1], dp[2]) = (per_width, 0.0, -per_width);
        let (side, end) = if x < p[1] {
            (0, p[0])
        } else if x > p[1] {
            (2, p[2])
        } else {
            return 0.0;
        };
        let (here, whole) = (1.0 / (x - end), 1.0 / (p[1] - end));
        dp[side] += whole - here;
        dp[1] = -whole;
        here
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let width = p[2] - p[0];
        let rises = if z <= 0.0 {
            phi(z) * width <= p[1] - p[0]
        } else {
            phi(-z) * width > p[2] - p[1]
        };
        if rises {
            return d_rising(p, z, dp);
        }
        let slope = d_rising(&mirrored(p), -z, dp);
        dp.reverse();
        slope
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            undefined(dp)
        } else if x <= p[0] || x >= p[2] {
            none(dp)
        } else if x < p[1] {
            d_left(p, x, dp)
        } else {
            let slope = d_right(p, x, dp);
            complement(slope, dp, self.log_ccdf(p, x), self.log_cdf(p, x))
        }
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            undefined(dp)
        } else if x <= p[0] || x >= p[2] {
            none(dp)
        } else if x < p[1] {
            let slope = d_left(p, x, dp);
            complement(slope, dp, self.log_cdf(p, x), self.log_ccdf(p, x))
        } else {
            d_right(p, x, dp)
        }
    }
}
