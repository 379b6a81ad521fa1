//! The triangular distribution.

use super::Univariate;
use super::params::real;
use crate::compute::special::phi;

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
}
