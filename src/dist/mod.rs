//! Distributions: each one's transport from standard Gaussian noise, log-density, and what else is known in closed form.
//!
//! ```text
//! contract        this file: Describe, Univariate, Multivariate, Distribution
//! families        one file each, one line a distribution in `registry`
//! params          what parameters may be, and the sentence when they are not
//! discrete, root  inverses of distribution functions; sums: those that are sums
//! truncate        truncated, censored and zero-inflated forms of any univariate one
//! ```
#![allow(
    dead_code,
    reason = "moments, bounds and supports belong to the contract before a part of the language asks for them"
)]

mod params;
#[macro_use]
mod describe;

mod bernoulli;
mod beta;
mod beta_binomial;
mod binomial;
mod categorical;
mod cauchy;
mod chi_square;
mod delta;
mod differences;
mod dirichlet;
mod discrete;
mod discrete_uniform;
mod exponential;
mod extreme;
mod flat;
mod gamma;
mod geometric;
mod hypergeometric;
mod laplace;
mod lkj;
mod logistic;
mod multi_normal;
mod multi_student;
mod multinomial;
mod neg_binomial;
mod normal;
mod ordered_logistic;
mod pareto;
mod poisson;
mod registry;
mod root;
mod skew_normal;
mod student;
mod sums;
mod triangular;
mod truncate;
mod uniform;
mod von_mises;
mod wishart;

#[cfg(test)]
mod tests;

pub use params::check_params;
pub use registry::{all, find};
#[allow(unused_imports, reason = "the admission tests reach them here")]
pub use truncate::{
    Bounds, censored_log_ccdf, censored_log_cdf, censored_log_density, censored_transport,
    check_bounds, log_interval, quantile, truncated_improper_correction, truncated_log_ccdf,
    truncated_log_cdf, truncated_log_density, truncated_transport, zero_inflated_log_ccdf,
    zero_inflated_log_cdf, zero_inflated_log_density, zero_inflated_transport,
};

use crate::base::Shape;

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Any finite real.
    Real,
    /// A finite real above 0.
    Positive,
    /// A finite real, 0 or above.
    NonNegative,
    /// In [0, 1].
    Unit,
    /// A whole number ≥ 0.
    Count,
    /// Any whole number.
    Integer,
    /// A vector of non-negative reals that sum to 1 (± 1e-8).
    Simplex,
    /// A vector of finite reals.
    RealVector,
    /// A vector of positive reals.
    PositiveVector,
    /// A symmetric positive definite matrix.
    PositiveDefinite,
    /// A lower triangular matrix with a positive diagonal.
    CholeskyFactor,
}

/// One parameter of a distribution.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name, as in Stan.
    pub name: &'static str,
    /// What it may be.
    pub domain: Domain,
    /// Its value when it is not given.
    pub default: Option<f64>,
    /// Axes of the parameter: 0 a number, 1 a vector, 2 a matrix.
    pub rank: usize,
}

/// What the values of a distribution are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Reals.
    Real,
    /// Whole numbers.
    Int,
    /// True or false (stored as 1 and 0).
    Bool,
}

/// What every distribution says of itself.
pub trait Describe: Send + Sync {
    /// Its name in the language.
    fn name(&self) -> &'static str;
    /// One sentence for `odp distributions`.
    fn summary(&self) -> &'static str;
    /// Its parameters, in order.
    fn params(&self) -> &'static [Param];
    /// What its values are.
    fn kind(&self) -> ValueKind;
    /// What the parameters must fulfil beyond their domains (`lower < upper`), for one set of them.
    ///
    /// # Errors
    /// The index of the parameter at fault, and a plain sentence.
    fn constraint(&self, _p: &[&[f64]]) -> Result<(), (usize, String)> {
        Ok(())
    }
    /// Whether its values are whole numbers or bools.
    fn is_discrete(&self) -> bool {
        self.kind() != ValueKind::Real
    }
}

/// A distribution over numbers: one noise coordinate, a monotone quantile transport.
///
/// `p` are the parameters in the order of [`Describe::params`]. With invalid parameters every function returns NaN.
pub trait Univariate: Describe {
    /// The value that noise `z ~ N(0, 1)` is carried to: F⁻¹(Φ(z)), computed from the smaller tail. Non-decreasing in z.
    fn transport(&self, p: &[f64], z: f64) -> f64;
    /// Log-density (log-mass for discrete ones) in nats; −∞ outside the support.
    fn log_density(&self, p: &[f64], x: f64) -> f64;
    /// log P(X ≤ x).
    fn log_cdf(&self, p: &[f64], x: f64) -> f64;
    /// log P(X > x).
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64;
    /// Smallest and largest value with positive density, given the parameters.
    fn support(&self, p: &[f64]) -> (f64, f64);
    /// Mean; NaN where there is none.
    fn mean(&self, p: &[f64]) -> f64;
    /// Standard deviation; NaN where there is none.
    fn sd(&self, p: &[f64]) -> f64;
    /// For the improper ones: log of (improper density / base density) at x, which the tracer adds as a factor. 0 elsewhere.
    fn improper_correction(&self, _p: &[f64], _x: f64) -> f64 {
        0.0
    }
    /// Whether the measure is improper (`Flat`, `HalfFlat`).
    fn is_improper(&self) -> bool {
        false
    }

    // Derivatives. The defaults are differences.

    /// Gradient of the log-density: writes ∂/∂p_i into `dp` and returns ∂/∂x.
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        differences::univariate(p, x, dp, |p, x| self.log_density(p, x))
    }
    /// Gradient of the transport at z, whose value is x: writes ∂x/∂p_i into `dp` and returns ∂x/∂z. Zeros for discrete ones.
    fn d_transport(&self, p: &[f64], z: f64, _x: f64, dp: &mut [f64]) -> f64 {
        if self.is_discrete() {
            dp.fill(0.0);
            return 0.0;
        }
        differences::univariate(p, z, dp, |p, z| self.transport(p, z))
    }
    /// Gradient of log P(X ≤ x): writes ∂/∂p_i into `dp` and returns ∂/∂x.
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        differences::univariate(p, x, dp, |p, x| self.log_cdf(p, x))
    }
    /// Gradient of log P(X > x): writes ∂/∂p_i into `dp` and returns ∂/∂x.
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        differences::univariate(p, x, dp, |p, x| self.log_ccdf(p, x))
    }
    /// Gradient of [`improper_correction`](Self::improper_correction): writes ∂/∂p_i into `dp` and returns ∂/∂x.
    fn d_improper_correction(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        differences::univariate(p, x, dp, |p, x| self.improper_correction(p, x))
    }
}

/// A distribution over arrays, or one whose parameters are arrays (a categorical's `p`).
///
/// `p[i]` is the i-th parameter's elements, row-major; `shapes[i]` its shape.
pub trait Multivariate: Describe {
    /// Shape of one value; a scalar for `Categorical`. `Err` names the parameter at fault and says why.
    fn event_shape(&self, shapes: &[&Shape]) -> Result<Shape, (usize, String)>;
    /// How many noise coordinates one value takes.
    fn noise_dim(&self, shapes: &[&Shape]) -> usize;
    /// Carries `z` to a value, written to `out` (length of the event shape); NaN with invalid parameters.
    fn transport(&self, p: &[&[f64]], shapes: &[&Shape], z: &[f64], out: &mut [f64]);
    /// Joint log-density of one value.
    fn log_density(&self, p: &[&[f64]], shapes: &[&Shape], x: &[f64]) -> f64;
    /// Shape of one value and number of noise coordinates, for the distributions whose size is the value of a parameter (`d` of
    /// `LKJCorr`); for all others [`event_shape`](Self::event_shape) and [`noise_dim`](Self::noise_dim).
    ///
    /// Elements of `p` that are not known yet may be NaN; the size itself must be known.
    ///
    /// # Errors
    /// The index of the parameter at fault, and a plain sentence.
    fn layout(&self, _p: &[&[f64]], shapes: &[&Shape]) -> Result<(Shape, usize), (usize, String)> {
        Ok((self.event_shape(shapes)?, self.noise_dim(shapes)))
    }
    /// For finite discrete scalars, how many values 0..K there are.
    fn n_categories(&self, _shapes: &[&Shape]) -> Option<usize> {
        None
    }
    /// For discrete scalars: log P(X ≤ x). NaN where it does not exist.
    fn log_cdf(&self, _p: &[&[f64]], _shapes: &[&Shape], _x: f64) -> f64 {
        f64::NAN
    }
    /// For discrete scalars: log P(X > x). NaN where it does not exist.
    fn log_ccdf(&self, _p: &[&[f64]], _shapes: &[&Shape], _x: f64) -> f64 {
        f64::NAN
    }
    /// Mean of each element, where it exists.
    fn mean(&self, _p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        out.fill(f64::NAN);
    }
    /// Standard deviation of each element, where it exists.
    fn sd(&self, _p: &[&[f64]], _shapes: &[&Shape], out: &mut [f64]) {
        out.fill(f64::NAN);
    }

    // Derivatives. The defaults are differences.

    /// Adds `bar` times the gradient of the log-density to `dp` (each as long as its parameter) and `dx`. Every element of a
    /// matrix that the log-density reads is free.
    #[allow(
        clippy::too_many_arguments,
        reason = "the adjoint of a function of as many arguments"
    )]
    fn log_density_adjoint(
        &self,
        p: &[&[f64]],
        shapes: &[&Shape],
        x: &[f64],
        bar: f64,
        dp: &mut [&mut [f64]],
        dx: &mut [f64],
    ) {
        differences::log_density(self, p, shapes, x, bar, dp, dx);
    }
    /// Adds the gradient of `bar` · transport at z, whose value is x, to `dp` and `dz`. Nothing for discrete ones.
    #[allow(
        clippy::too_many_arguments,
        reason = "the adjoint of a function of as many arguments"
    )]
    fn transport_adjoint(
        &self,
        p: &[&[f64]],
        shapes: &[&Shape],
        z: &[f64],
        _x: &[f64],
        bar: &[f64],
        dp: &mut [&mut [f64]],
        dz: &mut [f64],
    ) {
        if !self.is_discrete() {
            differences::transport(self, p, shapes, z, bar, dp, dz);
        }
    }
}

/// A registered distribution.
#[derive(Clone, Copy)]
pub enum Distribution {
    /// Over numbers, with number parameters; arrays of parameters make independent ones.
    Scalar(&'static dyn Univariate),
    /// Over arrays or with array parameters.
    Array(&'static dyn Multivariate),
}

impl Distribution {
    /// What it says of itself.
    pub fn describe(&self) -> &'static dyn Describe {
        match *self {
            Distribution::Scalar(d) => d,
            Distribution::Array(d) => d,
        }
    }
}
