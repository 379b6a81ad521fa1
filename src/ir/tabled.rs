//! Transports of laws whose shape is known: the inverse of a distribution function is computed once in a while and looked up else.
//!
//! ```text
//! x = mu + sigma t(z)      t = F⁻¹(Φ(z)) of the standard form     a polynomial on each quarter of z from −8 to 8
//! ```
//! A piece is made when noise first falls on it, from the law's own transport at Chebyshev's points, and is held to it at other
//! points: where it is not met to rounding, and beyond the pieces, the law's own transport answers. A piece depends on the law
//! alone, so that it is the same whoever makes it.

use std::sync::{Arc, OnceLock};

use super::Law;
use super::kernel::MAX_PARAMS;
use crate::dist::Univariate;

/// Noise from which there are pieces, and to its negative.
const FIRST: f64 = -8.0;
/// Pieces for each unit of noise.
const PER_UNIT: f64 = 4.0;
/// All of them.
const PIECES: usize = 64;
/// Coefficients of a piece: with singularities half a unit away, the next would add 8⁻¹⁶ of the piece's size.
const TERMS: usize = 16;
/// Relative error, of the law's own transport and of the piece together, that is taken for rounding.
const ROUNDING: f64 = 2e-13;

/// How a law's value is made of its standard form's: which parameters are its frame.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Frame {
    /// All parameters are known: t is the value.
    None,
    /// mu + sigma t.
    LocationScale(usize, usize),
    /// sigma t.
    Scale(usize),
    /// t / rate.
    Rate(usize),
}

impl Frame {
    /// Of a law whose inverse is dear.
    fn of(name: &str) -> Frame {
        match name {
            "StudentT" => Frame::LocationScale(1, 2),
            "SkewNormal" => Frame::LocationScale(0, 1),
            "HalfStudentT" | "InvGamma" => Frame::Scale(1),
            "Gamma" => Frame::Rate(1),
            _ => Frame::None,
        }
    }

    /// The parameter's value in the standard form, where parameter i belongs to the frame.
    fn standard(self, i: usize) -> Option<f64> {
        match self {
            Frame::LocationScale(location, _) if i == location => Some(0.0),
            Frame::LocationScale(_, scale) | Frame::Scale(scale) | Frame::Rate(scale) => {
                (i == scale).then_some(1.0)
            }
            Frame::None => None,
        }
    }

    /// Location and scale; `None` where they are none.
    fn place(self, p: &[f64]) -> Option<(f64, f64)> {
        let (mu, sigma) = match self {
            Frame::None => (0.0, 1.0),
            Frame::LocationScale(location, scale) => (p[location], p[scale]),
            Frame::Scale(scale) => (0.0, p[scale]),
            Frame::Rate(rate) => (0.0, 1.0 / p[rate]),
        };
        (mu.is_finite() && sigma > 0.0 && sigma < f64::INFINITY).then_some((mu, sigma))
    }
}

/// Polynomials of one function, made when they are asked for; `None` where the function is none.
type Pieces = [OnceLock<Option<[f64; TERMS]>>; PIECES];

/// A law whose shape is known, with its table.
pub struct Tabled {
    law: Law,
    frame: Frame,
    /// Parameters of the standard form.
    standard: Vec<f64>,
    values: Pieces,
    slopes: Pieces,
}

impl Tabled {
    /// The law with a table, where that serves: `known(i)` is parameter i, where it is one known number.
    pub fn of(law: &Law, known: impl Fn(usize) -> Option<f64>) -> Option<Arc<Tabled>> {
        let (base, frame, count) = match law {
            Law::Plain(d) => (*d, Frame::of(d.name()), d.params().len()),
            Law::Truncated(inner) => match &**inner {
                Law::Plain(d) => (*d, Frame::None, d.params().len() + 2),
                _ => return None,
            },
            _ => return None,
        };
        let plain = matches!(law, Law::Plain(_));
        if law.has_atoms() || law.is_improper() || (plain && is_cheap(base.name())) {
            return None;
        }
        let parameter = |i| frame.standard(i).or_else(|| known(i));
        let standard = (0..count).map(parameter).collect::<Option<Vec<f64>>>()?;
        Some(Arc::new(Tabled {
            law: law.clone(),
            frame,
            standard,
            values: std::array::from_fn(|_| OnceLock::new()),
            slopes: std::array::from_fn(|_| OnceLock::new()),
        }))
    }

    /// The law itself.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// t; `None` where there is no piece.
    #[inline]
    fn value(&self, z: f64) -> Option<f64> {
        look_up(&self.values, z, |z| {
            let t = self.law.transport(&self.standard, z);
            (t, self.room(t))
        })
    }

    /// dt/dz.
    #[inline]
    fn slope(&self, z: f64) -> Option<f64> {
        look_up(&self.slopes, z, |z| {
            let mut dp = [0.0; MAX_PARAMS];
            let t = self.law.transport(&self.standard, z);
            let dp = &mut dp[..self.standard.len()];
            let slope = self.law.d_transport(&self.standard, z, t, dp);
            (slope, slope.abs())
        })
    }

    /// Distance of a value from the nearer end of the support, or from zero where there is none: what densities are told by.
    fn room(&self, t: f64) -> f64 {
        let (lower, upper) = self.law.support(&self.standard);
        match (t - lower).min(upper - t) {
            f64::INFINITY => t.abs(),
            room => room,
        }
    }

    /// The law's transport.
    pub fn transport(&self, p: &[f64], z: f64) -> f64 {
        match (self.frame.place(p), self.value(z)) {
            (Some((mu, sigma)), Some(t)) => (mu + sigma * t).clamp(-f64::MAX, f64::MAX),
            _ => self.law.transport(p, z),
        }
    }

    /// Its derivatives, in the frame's parameters and in z: what is known has none.
    pub fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        let place = self.frame.place(p).filter(|_| x.abs() < f64::MAX);
        let (Some((_, sigma)), Some(t), Some(slope)) = (place, self.value(z), self.slope(z)) else {
            return self.law.d_transport(p, z, x, dp);
        };
        dp.fill(0.0);
        match self.frame {
            Frame::None => {}
            Frame::LocationScale(location, scale) => (dp[location], dp[scale]) = (1.0, t),
            Frame::Scale(scale) => dp[scale] = t,
            Frame::Rate(rate) => dp[rate] = -x / p[rate],
        }
        sigma * slope
    }
}

/// Laws whose inverse is a handful of operations.
fn is_cheap(name: &str) -> bool {
    matches!(
        name,
        "StdNormal" | "Normal" | "LogNormal" | "Cauchy" | "HalfCauchy" | "Flat" | "HalfFlat"
    )
}

/// The function at z, from the piece that z falls on; `own` is its value, and the size that the value's error counts by.
#[inline]
fn look_up(pieces: &Pieces, z: f64, own: impl Fn(f64) -> (f64, f64)) -> Option<f64> {
    let place = (z - FIRST) * PER_UNIT;
    // NaN is nowhere.
    if !(place >= 0.0 && place < PIECES as f64) {
        return None;
    }
    let piece = place as usize;
    let middle = FIRST + (piece as f64 + 0.5) / PER_UNIT;
    let of_unit = |u: f64| own(middle + 0.5 * u / PER_UNIT);
    let terms = pieces[piece].get_or_init(|| fitted(of_unit)).as_ref()?;
    Some(polynomial(terms, 2.0 * PER_UNIT * (z - middle)))
}

/// The polynomial that agrees with a function of u from −1 to 1.
fn fitted(own: impl Fn(f64) -> (f64, f64)) -> Option<[f64; TERMS]> {
    let angle = |k: usize| std::f64::consts::PI * (k as f64 + 0.5) / TERMS as f64;
    let at: [f64; TERMS] = std::array::from_fn(|k| own(angle(k).cos()).0);
    let chebyshev: [f64; TERMS] = std::array::from_fn(|n| {
        let terms = (0..TERMS).map(|k| at[k] * (n as f64 * angle(k)).cos());
        terms.sum::<f64>() * if n == 0 { 1.0 } else { 2.0 } / TERMS as f64
    });
    let terms = powers(&chebyshev);
    let largest = at.iter().fold(0.0f64, |size, x| size.max(x.abs()));
    // Where the function passes through zero, what is left of a difference counts by its other values.
    let through_zero = own(-1.0).0 * own(1.0).0 <= 0.0;
    let least = if through_zero {
        64.0 * f64::EPSILON * largest
    } else {
        0.0
    };
    let met = (0..=TERMS).all(|k| {
        let u = 2.0 * k as f64 / TERMS as f64 - 1.0;
        let (own, size) = own(u);
        (polynomial(&terms, u) - own).abs()
            <= ROUNDING * size + 16.0 * f64::EPSILON * own.abs() + least
    });
    met.then_some(terms)
}

/// Coefficients of powers of u, from those of Chebyshev's polynomials.
fn powers(chebyshev: &[f64; TERMS]) -> [f64; TERMS] {
    let mut sum = [0.0; TERMS];
    let (mut before, mut now) = ([0.0; TERMS], [0.0; TERMS]);
    (before[1], now[0]) = (1.0, 1.0); // T₋₁ = T₁ = u
    for c in chebyshev {
        sum.iter_mut().zip(&now).for_each(|(s, t)| *s += c * t);
        let next = std::array::from_fn(|k| match k {
            0 => -before[0],
            _ => 2.0 * now[k - 1] - before[k],
        });
        (before, now) = (now, next);
    }
    sum
}

#[inline]
fn polynomial(terms: &[f64; TERMS], u: f64) -> f64 {
    terms.iter().rev().fold(0.0, |value, c| value * u + c)
}

impl PartialEq for Tabled {
    fn eq(&self, other: &Self) -> bool {
        self.law == other.law && self.standard == other.standard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist;

    fn tabled(name: &str, p: &[f64]) -> Arc<Tabled> {
        let Some(dist::Distribution::Scalar(d)) = dist::find(name) else {
            panic!("{name} is a law over numbers");
        };
        Tabled::of(&Law::Plain(d), |i| Some(p[i])).expect("its inverse is dear")
    }

    const LAWS: [(&str, &[f64]); 11] = [
        ("StudentT", &[4.0, 0.3, 2.0]),
        ("StudentT", &[1.5, -2.0, 0.1]),
        ("HalfStudentT", &[3.0, 2.5]),
        ("SkewNormal", &[1.0, 0.5, 4.0]),
        ("Gamma", &[2.0, 0.1]),
        ("Gamma", &[0.3, 3.0]),
        ("InvGamma", &[5.0, 5.0]),
        ("Beta", &[20.0, 1.5]),
        ("Beta", &[0.5, 0.5]),
        ("ChiSquare", &[7.0]),
        ("VonMises", &[0.4, 2.0]),
    ];

    #[test]
    fn a_table_is_the_laws_own_transport_and_its_slope() {
        for (name, p) in LAWS {
            let tabled = tabled(name, p);
            let middle = tabled.law.transport(p, 0.0);
            let span = tabled
                .law
                .d_transport(p, 0.0, middle, &mut [0.0; 3][..p.len()]);
            for k in 0..4000 {
                let z = -8.5 + 17.0 * (k as f64 + 0.37) / 4000.0;
                let (own, x) = (tabled.law.transport(p, z), tabled.transport(p, z));
                let ends = tabled.law.support(p);
                let size = match ends.0.max(-ends.1) {
                    f64::NEG_INFINITY => own.abs() + span,
                    _ => (own - ends.0).min(ends.1 - own),
                };
                let off = 4e-13 * size + 4e-15 * own.abs();
                assert!(
                    (x - own).abs() <= off,
                    "{name} {p:?} at {z}: {x:e}, {own:e}"
                );
                let (mut dp, mut own_dp) = ([0.0; 3], [0.0; 3]);
                let n = p.len();
                let slope = tabled.d_transport(p, z, x, &mut dp[..n]);
                let own_slope = tabled.law.d_transport(p, z, own, &mut own_dp[..n]);
                assert!(
                    (slope - own_slope).abs() <= (1e-10 + 4.0 * off / size) * own_slope.abs(),
                    "{name} {p:?} at {z}: {slope:e}, {own_slope:e}"
                );
                for i in (0..n).filter(|i| tabled.frame.standard(*i).is_some()) {
                    let off = (dp[i] - own_dp[i]).abs();
                    assert!(
                        off <= 1e-10 * (own_dp[i].abs() + 1e-3),
                        "{name} {p:?} at {z}, parameter {i}: {dp:?}, {own_dp:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn most_of_the_noise_that_is_drawn_falls_on_pieces() {
        for (name, p) in LAWS {
            let tabled = tabled(name, p);
            let noise = (0..640).map(|k| -4.0 + (k as f64 + 0.5) / 80.0);
            let own = noise.filter(|z| tabled.value(*z).is_none() || tabled.slope(*z).is_none());
            let mass: f64 = own.map(|z| (-0.5 * z * z).exp() / 80.0).sum();
            let mass = mass / std::f64::consts::TAU.sqrt();
            assert!(mass < 0.02, "{name} {p:?}: {mass}");
        }
    }

    #[test]
    fn what_is_not_valid_is_no_number() {
        let tabled = tabled("StudentT", &[4.0, 0.0, 1.0]);
        for p in [
            [4.0, 0.0, -1.0],
            [4.0, f64::NAN, 1.0],
            [4.0, 0.0, f64::INFINITY],
        ] {
            assert!(tabled.transport(&p, 0.3).is_nan(), "{p:?}");
        }
        assert!(tabled.transport(&[4.0, 0.0, 1.0], f64::NAN).is_nan());
    }

    #[test]
    fn laws_that_jump_or_are_cheap_have_none() {
        for name in ["Poisson", "Normal", "Delta", "Flat"] {
            let Some(dist::Distribution::Scalar(d)) = dist::find(name) else {
                panic!()
            };
            assert!(
                Tabled::of(&Law::Plain(d), |_| Some(1.0)).is_none(),
                "{name}"
            );
        }
    }
}
