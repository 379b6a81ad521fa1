//! One algorithm for a value and for its derivatives: what a series or continued fraction asks of its numbers.
//!
//! ```text
//! f64        the value alone
//! Dual<N>    the value and its slopes in N variables (forward mode)
//! ```
//! A function that is known as a whole enters by [`Number::of_one`] or [`Number::of_two`]: its value, and its slopes, which
//! plain numbers never ask for.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value and its derivatives in `N` variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<const N: usize> {
    /// The value.
    pub value: f64,
    /// Its derivatives.
    pub slopes: [f64; N],
}

impl<const N: usize> Dual<N> {
    /// The variable `i` at this value.
    pub fn variable(value: f64, i: usize) -> Self {
        let mut slopes = [0.0; N];
        slopes[i] = 1.0;
        Dual { value, slopes }
    }

    /// A number that depends on no variable.
    pub fn constant(value: f64) -> Self {
        Dual {
            value,
            slopes: [0.0; N],
        }
    }

    fn combine(value: f64, a: (f64, Self), b: (f64, Self)) -> Self {
        let slope = |i: usize| a.0 * a.1.slopes[i] + b.0 * b.1.slopes[i];
        Dual {
            value,
            slopes: std::array::from_fn(slope),
        }
    }
}

/// What series and continued fractions are summed in.
pub trait Number:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
{
    /// A number that depends on no variable.
    fn constant(value: f64) -> Self;
    /// The value alone.
    fn value(self) -> f64;
    /// f(a), from its value and its slope.
    fn of_one(a: Self, value: f64, slope: impl FnOnce() -> f64) -> Self;
    /// f(a, b), from its value and its two slopes.
    fn of_two(a: Self, b: Self, value: f64, slopes: impl FnOnce() -> (f64, f64)) -> Self;
    /// Whether every slope is at most `share` of the other number's.
    fn slopes_within(self, share: f64, of: Self) -> bool;

    /// Whether value and slopes are at most `share` of the other number's: a series may stop.
    fn is_within(self, share: f64, of: Self) -> bool {
        self.value().abs() <= share * of.value().abs() && self.slopes_within(16.0 * share, of)
    }
    /// 1 / self.
    fn recip(self) -> Self {
        Self::constant(1.0) / self
    }
    /// The natural logarithm.
    fn ln(self) -> Self {
        let v = self.value();
        Self::of_one(self, v.ln(), || 1.0 / v)
    }
    /// ln(1 + self).
    fn ln_1p(self) -> Self {
        let v = self.value();
        Self::of_one(self, v.ln_1p(), || 1.0 / (1.0 + v))
    }
    /// e^self.
    fn exp(self) -> Self {
        let e = self.value().exp();
        Self::of_one(self, e, || e)
    }
    /// e^self − 1.
    fn exp_m1(self) -> Self {
        let v = self.value();
        Self::of_one(self, v.exp_m1(), || v.exp())
    }
    /// ln(1 − e^self), for numbers ≤ 0.
    fn log1mexp(self) -> Self {
        let v = self.value();
        Self::of_one(self, super::log1mexp(v), || -1.0 / (-v).exp_m1())
    }
}

impl Number for f64 {
    fn constant(value: f64) -> f64 {
        value
    }
    #[inline]
    fn value(self) -> f64 {
        self
    }
    #[inline]
    fn of_one(_a: f64, value: f64, _slope: impl FnOnce() -> f64) -> f64 {
        value
    }
    #[inline]
    fn of_two(_a: f64, _b: f64, value: f64, _slopes: impl FnOnce() -> (f64, f64)) -> f64 {
        value
    }
    #[inline]
    fn slopes_within(self, _share: f64, _of: f64) -> bool {
        true
    }
}

impl<const N: usize> Number for Dual<N> {
    fn constant(value: f64) -> Self {
        Dual::constant(value)
    }
    fn value(self) -> f64 {
        self.value
    }
    fn of_one(a: Self, value: f64, slope: impl FnOnce() -> f64) -> Self {
        let slope = slope();
        Dual {
            value,
            slopes: a.slopes.map(|s| slope * s),
        }
    }
    fn of_two(a: Self, b: Self, value: f64, slopes: impl FnOnce() -> (f64, f64)) -> Self {
        let (da, db) = slopes();
        Dual::combine(value, (da, a), (db, b))
    }
    fn slopes_within(self, share: f64, of: Self) -> bool {
        let pairs = self.slopes.iter().zip(&of.slopes);
        pairs
            .into_iter()
            .all(|(s, o)| s.abs() <= share * o.abs() || s.is_nan())
    }
}

impl<const N: usize> Add for Dual<N> {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Dual::combine(self.value + b.value, (1.0, self), (1.0, b))
    }
}

impl<const N: usize> Sub for Dual<N> {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Dual::combine(self.value - b.value, (1.0, self), (-1.0, b))
    }
}

impl<const N: usize> Mul for Dual<N> {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Dual::combine(self.value * b.value, (b.value, self), (self.value, b))
    }
}

impl<const N: usize> Div for Dual<N> {
    type Output = Self;
    fn div(self, b: Self) -> Self {
        let (r, ratio) = (1.0 / b.value, self.value / b.value);
        Dual::combine(ratio, (r, self), (-ratio * r, b))
    }
}

impl<const N: usize> Neg for Dual<N> {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

impl<const N: usize> Add<f64> for Dual<N> {
    type Output = Self;
    fn add(self, b: f64) -> Self {
        Dual {
            value: self.value + b,
            ..self
        }
    }
}

impl<const N: usize> Sub<f64> for Dual<N> {
    type Output = Self;
    fn sub(self, b: f64) -> Self {
        self + -b
    }
}

impl<const N: usize> Mul<f64> for Dual<N> {
    type Output = Self;
    fn mul(self, b: f64) -> Self {
        Dual {
            value: self.value * b,
            slopes: self.slopes.map(|s| s * b),
        }
    }
}
