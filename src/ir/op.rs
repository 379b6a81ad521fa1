//! The operations of the noise graph: what they are called and what number they give.
//!
//! Every value is an array of f64, row-major; ints and bools are stored as whole numbers. The kernels that run an
//! operation over lanes are in `kernel`; the tracer folds constants with the same kernels.

use std::sync::Arc;

use super::chain::Chain;
use super::forward::Forward;
use super::law::{ArrayLaw, Law};
use crate::compute::special;
use crate::compute::wide::Panels;

/// An elementwise function of one number.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryFn {
    Neg,
    Not,
    Exp,
    Log,
    Log2,
    Log10,
    Log1p,
    Expm1,
    Sqrt,
    Cbrt,
    Abs,
    Floor,
    Ceil,
    Round,
    Sign,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Logit,
    InvLogit,
    Softplus,
    Lgamma,
    Digamma,
    Erf,
    Erfc,
    Phi,
    LogPhi,
    InvPhi,
    InvLogPhi,
    Square,
    /// The number itself, as a constant: derivatives end here, and so do jumps.
    Fixed,
}

/// An elementwise function of two numbers.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryFn {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Min,
    Max,
    Atan2,
    BetaFn,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

/// What a reduction does along its axis.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceFn {
    Sum,
    Prod,
    Min,
    Max,
    LogSumExp,
    Any,
    All,
    ArgMin,
    ArgMax,
}

/// What an operation along an axis that keeps its size does.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanFn {
    CumSum,
    Softmax,
    LogSoftmax,
    Sort,
}

/// How an array is seen by a reduction: `[outer, n, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Axis {
    /// Product of the sizes before the axis.
    pub outer: usize,
    /// Size of the axis.
    pub n: usize,
    /// Product of the sizes after it.
    pub inner: usize,
}

/// An operation of the noise graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Known numbers.
    Const(Arc<[f64]>),
    /// Noise coordinates `first..first + len`.
    Noise { first: usize },
    /// Elementwise.
    Unary(UnaryFn),
    /// Elementwise; each operand has the result's length or one element.
    Binary(BinaryFn),
    /// `(condition, a, b)`: a where the condition is not 0. Lengths as in `Binary`.
    Select,
    /// A fixed choice of elements: slices, transposes, broadcasts, gathers by known indices.
    Take(Arc<[u32]>),
    /// `(source [n, row], index)`: rows by a computed index; NaN outside.
    Gather { rows: usize, row: usize },
    /// All elements of all operands, in order.
    Pack,
    /// Along one axis.
    Reduce(ReduceFn, Axis),
    /// Along one axis.
    Scan(ScanFn, Axis),
    /// Elementwise operations one after another, a piece of the elements at a time.
    Chain(Arc<Chain>),
    /// `(start, step, evidence)`: the forward recursion over hidden states, in logs.
    Forward(Forward),
    /// `[m, k] @ [k, n]`.
    MatMul { m: usize, k: usize, n: usize },
    /// A known matrix by `[k, n]`; the number is n.
    Dense(Arc<Panels>, usize),
    /// Lower Cholesky factor of `[n, n]`; NaN where it does not exist.
    Cholesky(usize),
    /// `(L [n, n], b [n, m])`: L⁻¹ b.
    SolveLower { n: usize, m: usize },
    /// `(A [n, n], b [n, m])`: A⁻¹ b.
    Solve { n: usize, m: usize },
    /// log |det A|.
    LogDet(usize),
    /// `(parameters…, z)`: elementwise transport of noise.
    Transport(Law),
    /// `(parameters…, x)`: elementwise log-density.
    LogDensity(Law),
    /// `(parameters…, x)`: the sum of the elementwise log-densities over `n` elements.
    LogDensitySum(Law, usize),
    /// `(parameters…, x)`: other functions of a law.
    LawFn(Law, LawFn),
    /// `(parameters…, k)`: the noise z with Φ(z) = F(k).
    CellEdge(Law),
    /// `(parameters…, z)`: transport of a distribution over arrays, `batch` of them.
    ArrayTransport(ArrayLaw),
    /// `(parameters…, x)`: log-densities, one for each of the batch.
    ArrayLogDensity(ArrayLaw),
    /// `(parameters…, k)`: as `CellEdge`.
    ArrayCellEdge(ArrayLaw),
}

/// A function that belongs to a law, beside transport and log-density.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LawFn {
    Cdf,
    LogCdf,
    LogCcdf,
    Quantile,
    Mean,
    Sd,
    ImproperCorrection,
    /// log-mass that a truncated law keeps of its base.
    LogMass,
}

impl UnaryFn {
    /// The function's value.
    #[inline]
    pub fn apply(self, x: f64) -> f64 {
        use UnaryFn::*;
        match self {
            Neg => -x,
            Not => {
                if x.is_nan() {
                    x
                } else if x == 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Exp => x.exp(),
            Log => x.ln(),
            Log2 => x.log2(),
            Log10 => x.log10(),
            Log1p => x.ln_1p(),
            Expm1 => x.exp_m1(),
            Sqrt => x.sqrt(),
            Cbrt => x.cbrt(),
            Abs => x.abs(),
            Floor => x.floor(),
            Ceil => x.ceil(),
            Round => x.round_ties_even(),
            Fixed => x,
            Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            }
            Sin => x.sin(),
            Cos => x.cos(),
            Tan => x.tan(),
            Asin => x.asin(),
            Acos => x.acos(),
            Atan => x.atan(),
            Sinh => x.sinh(),
            Cosh => x.cosh(),
            Tanh => x.tanh(),
            Logit => x.ln() - (-x).ln_1p(),
            InvLogit => special::inv_logit(x),
            Softplus => special::softplus(x),
            Lgamma => special::lgamma(x),
            Digamma => special::digamma(x),
            Erf => special::erf(x),
            Erfc => special::erfc(x),
            Phi => special::phi(x),
            LogPhi => special::log_phi(x),
            InvPhi => special::inv_phi(x),
            InvLogPhi => special::inv_log_phi(x),
            Square => x * x,
        }
    }
}

impl BinaryFn {
    /// Whether its values are truths, 0 and 1.
    pub fn is_truth(self) -> bool {
        use BinaryFn::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge | And | Or)
    }

    /// The function's value.
    #[inline]
    pub fn apply(self, a: f64, b: f64) -> f64 {
        use BinaryFn::*;
        let truth = |t: bool| if t { 1.0 } else { 0.0 };
        // A comparison with NaN is neither true nor false: it must not turn a failed execution into a valid one.
        let compare = |t: bool| {
            if a.is_nan() || b.is_nan() {
                f64::NAN
            } else {
                truth(t)
            }
        };
        match self {
            Add => a + b,
            Sub => a - b,
            Mul => a * b,
            Div => a / b,
            FloorDiv => (a / b).floor(),
            Rem => floor_remainder(a, b),
            Pow => power(a, b),
            Min => {
                if a.is_nan() || b.is_nan() {
                    f64::NAN
                } else {
                    a.min(b)
                }
            }
            Max => {
                if a.is_nan() || b.is_nan() {
                    f64::NAN
                } else {
                    a.max(b)
                }
            }
            Atan2 => a.atan2(b),
            BetaFn => special::lbeta(a, b).exp(),
            Eq => compare(a == b),
            Ne => compare(a != b),
            Lt => compare(a < b),
            Le => compare(a <= b),
            Gt => compare(a > b),
            Ge => compare(a >= b),
            And => {
                if a == 0.0 || b == 0.0 {
                    0.0
                } else {
                    compare(true)
                }
            }
            Or => {
                if (a != 0.0 && !a.is_nan()) || (b != 0.0 && !b.is_nan()) {
                    1.0
                } else {
                    compare(false)
                }
            }
        }
    }
}

/// The remainder that takes the divisor's sign.
fn floor_remainder(a: f64, b: f64) -> f64 {
    let r = a % b;
    if r != 0.0 && (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// a^b; small whole exponents by multiplication, so that squares are exact.
#[inline]
fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 {
        a * a
    } else if b == 0.5 {
        a.sqrt()
    } else if b == b.trunc() && b.abs() <= 64.0 {
        a.powi(b as i32)
    } else {
        a.powf(b)
    }
}
