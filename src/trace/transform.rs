//! `transform(D, f)`: drawn by applying f, scored by inverting it.
//!
//! f is called once on a stand-in for the draw. The operations on the way from the stand-in to the result are undone
//! one by one, from the result back, while the logarithm of |f′| adds up:
//!
//! ```text
//!   y = exp(2·x + 1)      exp: u = log y, log|exp′| = u      +1: u − 1      2·: x = u / 2, log|2|
//!   log p(y) = log p_D(x) − Σ log|f′|
//! ```
//! A value that f cannot give has density 0.

use std::f64::consts::{LN_2, LN_10};
use std::sync::Arc;

use super::algebra::Algebra;
use super::distribution::Given;
use super::error::{Result, TraceError};
use super::graph::NodeId;
use super::machine::{Machine, from_known};
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Bug, Shape, Span, bites};
use crate::dist::Univariate;
use crate::ir::{BinaryFn, Law, Op, ReduceFn, UnaryFn};

/// Half the logarithm of 2π.
const HALF_LOG_2PI: f64 = 0.918_938_533_204_672_8;

/// What undoing f leaves of rounding at a whole number, about.
const ROUNDING: f64 = 1e-9;

/// What undoing f gives at a value y.
pub(super) struct Undone {
    /// x = f⁻¹(y).
    pub x: Tensor,
    /// log |f′(x)|, elementwise.
    log_slope: Tensor,
    /// log |det| of matrices on the way.
    log_det: Tensor,
    /// Where y is a value that f can give; `None`: everywhere.
    pub valid: Option<Tensor>,
    /// 1 where f increases, −1 where it decreases.
    pub sign: Tensor,
    /// Conditions that y is a value of f; where one does not hold, the share of values above y (1 or 0).
    pub bounds: Vec<(Tensor, Tensor)>,
}

impl Machine<'_> {
    pub(super) fn transform(&mut self, args: Vec<Given>, span: Span) -> Result<DistKind> {
        let mut args = args.into_iter().flatten();
        let (Some((base, at)), Some((f, f_at))) = (args.next(), args.next()) else {
            unreachable!("check counts the arguments")
        };
        let Value::Dist(base) = base else {
            return Err(TraceError::model(
                "odp::trace::not_a_distribution",
                "`transform` takes a distribution and a function",
                at,
                format!("this is {}", base.describe()),
            ));
        };
        if !matches!(f, Value::Fn(_)) {
            return Err(TraceError::model(
                "odp::trace::not_a_function",
                "the second argument of `transform` is a function",
                f_at,
                format!("this is {}", f.describe()),
            )
            .label(span, "in this distribution"));
        }
        Ok(DistKind::Transform { base, f })
    }

    /// The log-density of y under a transformed distribution.
    pub(super) fn log_prob_transform(
        &mut self,
        base: &Arc<DistValue>,
        f: &Value,
        y: &Tensor,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let undone = self.undo(base, f, y, span)?;
        let apart = scores_apart(base) && undone.log_det.known_scalar() == Some(0.0);
        let mut score = self.log_prob(base, &Value::Num(undone.x.clone()), apart, span)?;
        if !is_discrete(base) && !bites(Bug::DroppedJacobian) {
            let slope = match apart {
                true => undone.log_slope,
                false => {
                    let slope = self.spread(&undone.log_slope, &y.shape, span);
                    let sum = self.reduce_all(ReduceFn::Sum, &slope, Kind::Real, span);
                    self.elementwise(BinaryFn::Add, &sum, &undone.log_det, Kind::Real, span)?
                }
            };
            score = self.elementwise(BinaryFn::Sub, &score, &slope, Kind::Real, span)?;
        }
        if let Some(valid) = undone.valid {
            let valid = match apart {
                true => valid,
                false => self.reduce_all(ReduceFn::All, &valid, Kind::Bool, span),
            };
            score = self.or_else(&valid, score, f64::NEG_INFINITY, span)?;
        }
        Ok(match apart && !each {
            true => self.reduce_all(ReduceFn::Sum, &score, Kind::Real, span),
            false => score,
        })
    }

    /// `t` where the condition holds, a number elsewhere.
    fn or_else(&mut self, valid: &Tensor, t: Tensor, otherwise: f64, span: Span) -> Result<Tensor> {
        let shape = t.shape.broadcast(&valid.shape).unwrap_or(t.shape.clone());
        let (valid, t) = (
            self.broadcast(valid, &shape, span),
            self.broadcast(&t, &shape, span),
        );
        let other = Tensor::real(otherwise);
        Ok(self.emit(Op::Select, &[&valid, &t, &other], shape, Kind::Real, span))
    }

    /// f⁻¹ at a known bound (`None` where f cannot give it), and f's direction where it is known.
    pub(super) fn origin(
        &mut self,
        base: &Arc<DistValue>,
        f: &Value,
        bound: &Tensor,
        span: Span,
    ) -> Result<(Option<Tensor>, Option<f64>)> {
        let undone = self.undo(base, f, bound, span)?;
        let inside = undone.valid.is_none_or(|v| v.known_scalar() == Some(1.0));
        Ok((inside.then_some(undone.x), undone.sign.known_scalar()))
    }

    /// Undoes f at y.
    pub(super) fn undo(
        &mut self,
        base: &Arc<DistValue>,
        f: &Value,
        y: &Tensor,
        span: Span,
    ) -> Result<Undone> {
        let shape = value_shape(base).unwrap_or_else(|| y.shape.clone());
        let shape = if shape.rank() == 0 {
            y.shape.clone()
        } else {
            shape
        };
        let kind = if is_discrete(base) {
            Kind::Int
        } else {
            Kind::Real
        };
        let stand_in = self.graph.stand_in(shape.clone(), span);
        let x = Value::Num(Tensor::node(stand_in, shape.clone(), kind));
        let terms = self.graph.terms.len();
        let result = self.call(f, vec![x], span)?;
        // Nothing is drawn here: no execution can fail at the stand-in.
        self.graph.terms.truncate(terms);
        let Value::Num(result) = result else {
            return Err(cannot_invert("it does not give numbers", base.span, span));
        };
        if result.shape != y.shape {
            return Err(TraceError::model(
                "odp::trace::observed_shape",
                format!("{} is no value of this transform", super::words(y)),
                span,
                format!("the function gives {}", super::words(&result)),
            ));
        }
        let mut at = self.node_of(&result, span);
        let depends = self.depends_on(stand_in, at);
        let mut undone = Undone {
            x: self.as_reals(y.clone(), span),
            log_slope: Tensor::real(0.0),
            log_det: Tensor::real(0.0),
            valid: None,
            sign: Tensor::real(1.0),
            bounds: Vec::new(),
        };
        while at != stand_in {
            let node = self.graph.node(at).clone();
            let through: Vec<usize> = (0..node.args.len())
                .filter(|&i| depends(node.args[i]))
                .collect();
            let [i] = through[..] else {
                let why = match through.len() {
                    0 => "its result does not depend on its argument",
                    _ => "its argument is used in more than one place",
                };
                return Err(cannot_invert(why, node.span, span));
            };
            let others: Vec<Tensor> = node
                .args
                .iter()
                .enumerate()
                .filter(|(k, _)| *k != i)
                .map(|(_, &a)| self.tensor_of(a))
                .collect();
            let positive = node.args[i] != stand_in && self.gives_positive(node.args[i])
                || node.args[i] == stand_in && has_positive_support(base);
            self.undo_one(&mut undone, &node.op, i, &others, positive, node.span, span)?;
            at = node.args[i];
        }
        if kind == Kind::Int {
            undone.x = self.snapped(&undone.x, span)?;
        }
        undone.x = self.spread(&undone.x, &shape, span);
        Ok(undone)
    }

    /// Numbers that are whole but for rounding, as whole numbers.
    fn snapped(&mut self, x: &Tensor, span: Span) -> Result<Tensor> {
        let mut m = Algebra {
            machine: self,
            span,
        };
        let whole = m.of(UnaryFn::Round, x);
        let off = m.minus(x, &whole)?;
        let (off, size) = (m.of(UnaryFn::Abs, &off), m.of(UnaryFn::Abs, x));
        let most = m.times(&size, ROUNDING)?;
        let most = m.plus(&most, ROUNDING)?;
        let near = self.elementwise(BinaryFn::Le, &off, &most, Kind::Bool, span)?;
        let shape = x.shape.clone();
        Ok(self.emit(Op::Select, &[&near, &whole, x], shape, Kind::Real, span))
    }

    /// Which of the nodes up to `last` depend on a node.
    fn depends_on(&self, source: NodeId, last: NodeId) -> impl Fn(NodeId) -> bool + use<> {
        let first = source.index();
        let mut depends = vec![false; last.index() + 1 - first];
        depends[0] = true;
        for k in first + 1..=last.index() {
            let node = self.graph.node(NodeId::new(k));
            depends[k - first] = node
                .args
                .iter()
                .any(|a| a.index() >= first && depends[a.index() - first]);
        }
        move |id| {
            id.index()
                .checked_sub(first)
                .and_then(|k| depends.get(k).copied())
                .unwrap_or(false)
        }
    }

    fn tensor_of(&self, id: NodeId) -> Tensor {
        let node = self.graph.node(id);
        match self.graph.constant(id) {
            Some(v) => from_known(v.clone(), node.shape.clone(), Kind::Real),
            None => Tensor::node(id, node.shape.clone(), Kind::Real),
        }
    }

    fn gives_positive(&self, id: NodeId) -> bool {
        use UnaryFn::*;
        matches!(
            self.graph.node(id).op,
            Op::Unary(Exp | Sqrt | Abs | Softplus | InvLogit | Phi | Square | Cosh)
        )
    }

    #[allow(clippy::too_many_arguments)]
    fn undo_one(
        &mut self,
        u: &mut Undone,
        op: &Op,
        i: usize,
        others: &[Tensor],
        positive: bool,
        at: Span,
        span: Span,
    ) -> Result<()> {
        match (op, others) {
            (Op::Unary(f), []) => self.undo_unary(u, *f, positive, at, span),
            (Op::Binary(f), [k]) => self.undo_binary(u, *f, i, k, positive, at, span),
            (Op::MatMul { m, k, n: 1 }, [a]) if m == k && i == 1 => {
                let shape = u.x.shape.clone();
                let solved = Op::Solve { n: *m, m: 1 };
                u.x = self.emit(solved, &[a, &u.x.clone()], shape, Kind::Real, span);
                let log_det = self.emit(Op::LogDet(*m), &[a], Shape::scalar(), Kind::Real, span);
                u.log_det =
                    self.elementwise(BinaryFn::Add, &u.log_det, &log_det, Kind::Real, span)?;
                Ok(())
            }
            _ => Err(cannot_invert("this step has no inverse", at, span)),
        }
    }

    fn undo_unary(
        &mut self,
        u: &mut Undone,
        f: UnaryFn,
        positive: bool,
        at: Span,
        span: Span,
    ) -> Result<()> {
        use UnaryFn as U;
        let y = u.x.clone();
        let mut m = Algebra {
            machine: self,
            span,
        };
        let (x, slope) = match f {
            U::Neg => {
                u.sign = m.of(U::Neg, &u.sign);
                (m.of(U::Neg, &y), Tensor::real(0.0))
            }
            U::Exp => {
                m.require(u, BinaryFn::Gt, &y, 0.0)?;
                let x = m.of(U::Log, &y);
                (x.clone(), x)
            }
            U::Log => (m.of(U::Exp, &y), m.of(U::Neg, &y)),
            U::Log2 | U::Log10 => {
                let base = if f == U::Log2 { LN_2 } else { LN_10 };
                let log_x = m.times(&y, base)?;
                let slope = m.of(U::Neg, &log_x);
                (m.of(U::Exp, &log_x), m.plus(&slope, -base.ln())?)
            }
            U::Log1p => (m.of(U::Expm1, &y), m.of(U::Neg, &y)),
            U::Expm1 => {
                m.require(u, BinaryFn::Gt, &y, -1.0)?;
                let x = m.of(U::Log1p, &y);
                (x.clone(), x)
            }
            U::Sqrt => {
                m.require(u, BinaryFn::Ge, &y, 0.0)?;
                let double = m.times(&y, 2.0)?;
                let log = m.of(U::Log, &double);
                (m.of(U::Square, &y), m.of(U::Neg, &log))
            }
            U::Cbrt => {
                let square = m.of(U::Square, &y);
                let triple = m.times(&square, 3.0)?;
                let log = m.of(U::Log, &triple);
                (m.product(&square, &y)?, m.of(U::Neg, &log))
            }
            U::Sinh => {
                let square = m.of(U::Square, &y);
                let one = m.of(U::Log1p, &square);
                let root = m.times(&one, 0.5)?;
                let size = m.of(U::Abs, &y);
                let reach = m.of(U::Exp, &root);
                let sum = m.sum(&size, &reach)?;
                let log = m.of(U::Log, &sum);
                let sign = m.of(U::Sign, &y);
                (m.product(&sign, &log)?, root)
            }
            U::Tanh => {
                m.require(u, BinaryFn::Gt, &y, -1.0)?;
                m.require(u, BinaryFn::Lt, &y, 1.0)?;
                let minus = m.of(U::Neg, &y);
                let (a, b) = (m.of(U::Log1p, &y), m.of(U::Log1p, &minus));
                let difference = m.minus(&a, &b)?;
                (m.times(&difference, 0.5)?, m.sum(&a, &b)?)
            }
            U::Atan => {
                m.require(u, BinaryFn::Gt, &y, -std::f64::consts::FRAC_PI_2)?;
                m.require(u, BinaryFn::Lt, &y, std::f64::consts::FRAC_PI_2)?;
                let x = m.of(U::Tan, &y);
                let square = m.of(U::Square, &x);
                let log = m.of(U::Log1p, &square);
                (x, m.of(U::Neg, &log))
            }
            U::Logit => {
                let minus = m.of(U::Neg, &y);
                let (a, b) = (m.of(U::Softplus, &y), m.of(U::Softplus, &minus));
                (m.of(U::InvLogit, &y), m.sum(&a, &b)?)
            }
            U::InvLogit => {
                m.require(u, BinaryFn::Gt, &y, 0.0)?;
                m.require(u, BinaryFn::Lt, &y, 1.0)?;
                let minus = m.of(U::Neg, &y);
                let (a, b) = (m.of(U::Log, &y), m.of(U::Log1p, &minus));
                (m.of(U::Logit, &y), m.sum(&a, &b)?)
            }
            U::Softplus => {
                m.require(u, BinaryFn::Gt, &y, 0.0)?;
                let minus = m.of(U::Neg, &y);
                let below = m.of(U::Expm1, &minus);
                let share = m.of(U::Neg, &below);
                let slope = m.of(U::Log, &share);
                (m.sum(&y, &slope)?, slope)
            }
            U::Phi => {
                m.require(u, BinaryFn::Gt, &y, 0.0)?;
                m.require(u, BinaryFn::Lt, &y, 1.0)?;
                let x = m.of(U::InvPhi, &y);
                let square = m.of(U::Square, &x);
                let half = m.times(&square, -0.5)?;
                (x, m.plus(&half, -HALF_LOG_2PI)?)
            }
            U::InvPhi => {
                let square = m.of(U::Square, &y);
                let half = m.times(&square, 0.5)?;
                (m.of(U::Phi, &y), m.plus(&half, HALF_LOG_2PI)?)
            }
            U::Square if positive => {
                m.require(u, BinaryFn::Ge, &y, 0.0)?;
                let x = m.of(U::Sqrt, &y);
                let double = m.times(&x, 2.0)?;
                (x, m.of(U::Log, &double))
            }
            _ => return Err(cannot_invert("this function has no inverse here", at, span)),
        };
        u.x = x;
        u.log_slope = m.sum(&u.log_slope, &slope)?;
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn undo_binary(
        &mut self,
        u: &mut Undone,
        f: BinaryFn,
        i: usize,
        k: &Tensor,
        positive: bool,
        at: Span,
        span: Span,
    ) -> Result<()> {
        use UnaryFn as U;
        let y = u.x.clone();
        let mut m = Algebra {
            machine: self,
            span,
        };
        let size = m.of(U::Abs, k);
        let log_size = m.of(U::Log, &size);
        let (x, slope) = match (f, i) {
            (BinaryFn::Add, _) => (m.minus(&y, k)?, Tensor::real(0.0)),
            (BinaryFn::Sub, 0) => (m.sum(&y, k)?, Tensor::real(0.0)),
            (BinaryFn::Sub, _) => {
                u.sign = m.of(U::Neg, &u.sign);
                (m.minus(k, &y)?, Tensor::real(0.0))
            }
            (BinaryFn::Mul, _) => {
                m.turn(u, k)?;
                (m.quotient(&y, k)?, log_size)
            }
            (BinaryFn::Div, 0) => {
                m.turn(u, k)?;
                (m.product(&y, k)?, m.of(U::Neg, &log_size))
            }
            (BinaryFn::Div, _) => {
                m.turn(u, k)?;
                u.sign = m.of(U::Neg, &u.sign);
                let x = m.quotient(k, &y)?;
                let magnitude = m.of(U::Abs, &x);
                let log = m.of(U::Log, &magnitude);
                let twice = m.times(&log, 2.0)?;
                (x, m.minus(&log_size, &twice)?)
            }
            (BinaryFn::Pow, 0) => {
                let Some(p) = k.known_scalar().filter(|p| *p != 0.0) else {
                    return Err(cannot_invert(
                        "its exponent is not a known number",
                        at,
                        span,
                    ));
                };
                let odd = p.trunc() == p && p.rem_euclid(2.0) == 1.0;
                if !odd && !positive {
                    return Err(cannot_invert(
                        "a power is invertible on positive numbers",
                        at,
                        span,
                    ));
                }
                let magnitude = m.of(U::Abs, &y);
                let log_y = m.of(U::Log, &magnitude);
                let log_x = m.times(&log_y, 1.0 / p)?;
                let mut x = m.of(U::Exp, &log_x);
                if odd && !positive {
                    let sign = m.of(U::Sign, &y);
                    x = m.product(&sign, &x)?;
                } else {
                    m.require(u, BinaryFn::Ge, &y, 0.0)?;
                }
                m.turn(u, k)?;
                let scaled = m.times(&log_x, p - 1.0)?;
                (x, m.sum(&scaled, &log_size)?)
            }
            (BinaryFn::Pow, _) => {
                m.require(u, BinaryFn::Gt, &y, 0.0)?;
                let log_k = m.of(U::Log, k);
                m.turn(u, &log_k)?;
                let log_y = m.of(U::Log, &y);
                let magnitude = m.of(U::Abs, &log_k);
                let log = m.of(U::Log, &magnitude);
                (m.quotient(&log_y, &log_k)?, m.sum(&log_y, &log)?)
            }
            _ => return Err(cannot_invert("this operation has no inverse", at, span)),
        };
        u.x = x;
        u.log_slope = m.sum(&u.log_slope, &slope)?;
        Ok(())
    }
}

/// The shape of one value, where it is known.
pub(super) fn value_shape(d: &DistValue) -> Option<Shape> {
    match &d.kind {
        DistKind::Scalar { shape, .. } => Some(shape.clone()),
        DistKind::Mixture { shape, parts, .. } => {
            let event = event_of_parts(parts).unwrap_or_else(Shape::scalar);
            Some(Shape([shape.dims(), event.dims()].concat()))
        }
        DistKind::Array { batch, event, .. } => Some(Shape([batch.dims(), event.dims()].concat())),
        DistKind::Transform { base, .. } => value_shape(base),
        DistKind::Ordered { n, .. } => Some(Shape::vector(*n)),
        DistKind::OrderedOf { parts } => Some(Shape::vector(parts.len())),
        DistKind::Iid { base, sizes } => {
            value_shape(base).map(|s| Shape([sizes, s.dims()].concat()))
        }
        DistKind::Bounded { .. } | DistKind::Censored { .. } => Some(Shape::scalar()),
        DistKind::User { shape, .. } => shape.clone(),
        DistKind::Ragged { .. } => None,
    }
}

/// The shape of what a mixture's parts draw as a whole; `None` where they are over numbers.
pub(super) fn event_of_parts(parts: &[Arc<DistValue>]) -> Option<Shape> {
    let whole = |part: &Arc<DistValue>| match part.kind {
        DistKind::Array { .. } | DistKind::Iid { .. } => value_shape(part),
        _ => None,
    };
    parts.iter().find_map(whole)
}

/// Whether a distribution's log-densities can be had for each number by itself.
fn scores_apart(d: &DistValue) -> bool {
    match &d.kind {
        DistKind::Scalar { .. } | DistKind::Bounded { .. } | DistKind::Censored { .. } => true,
        DistKind::User { shape, .. } => shape.is_some(),
        DistKind::Mixture { parts, .. } => parts.iter().all(|p| scores_apart(p)),
        DistKind::Transform { base, .. } => scores_apart(base),
        _ => false,
    }
}

pub(super) fn is_discrete(d: &DistValue) -> bool {
    match &d.kind {
        DistKind::Scalar { law, .. } => law.is_discrete(),
        DistKind::Array { dist, .. } => dist.is_discrete(),
        DistKind::Mixture { parts, .. } => parts.iter().all(|p| is_discrete(p)),
        DistKind::Iid { base, .. }
        | DistKind::Ragged { base, .. }
        | DistKind::Bounded { base, .. }
        | DistKind::Censored { base, .. }
        | DistKind::Ordered { base, .. }
        | DistKind::Transform { base, .. } => is_discrete(base),
        DistKind::OrderedOf { parts } => parts.iter().all(|(law, _)| law.is_discrete()),
        DistKind::User { .. } => false,
    }
}

/// Whether every value is 0 or more, whatever the parameters that are not known.
fn has_positive_support(d: &DistValue) -> bool {
    const POSITIVE: [&str; 26] = [
        "LogNormal",
        "HalfNormal",
        "HalfCauchy",
        "HalfStudentT",
        "Exponential",
        "Gamma",
        "InvGamma",
        "ChiSquare",
        "InvChiSquare",
        "Weibull",
        "Frechet",
        "Pareto",
        "Beta",
        "BetaProportion",
        "HalfFlat",
        "Bernoulli",
        "BernoulliLogit",
        "Binomial",
        "BinomialLogit",
        "BetaBinomial",
        "Poisson",
        "PoissonLog",
        "NegBinomial",
        "NegBinomial2",
        "Geometric",
        "Hypergeometric",
    ];
    let DistKind::Scalar { law, params, .. } = &d.kind else {
        return false;
    };
    if POSITIVE.contains(&law.base().name()) && !matches!(law, Law::ZeroInflated(_)) {
        return true;
    }
    let known: Option<Vec<Arc<[f64]>>> = params.iter().map(|p| p.known()).collect();
    known.is_some_and(|known| {
        let lowest = |e: usize| -> f64 {
            let p: Vec<f64> = known.iter().map(|v| v[e % v.len().max(1)]).collect();
            law.support(&p).0
        };
        let n = known.iter().map(|v| v.len()).max().unwrap_or(1);
        (0..n).all(|e| lowest(e) >= 0.0)
    })
}

fn cannot_invert(why: &str, at: Span, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::not_invertible",
        "the function of this `transform` cannot be inverted, so its density is not known",
        span,
        "scored here",
    )
    .label(at, why)
    .help(
        "use invertible functions with the argument in one place (`exp(2 * x + 1)`), or write a `distribution` with a `log_prob`",
    )
}
