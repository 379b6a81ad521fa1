//! `Ordered(D, n)`, the order statistics of n draws, and `ordered_of([D…])`, draws restricted to increasing order.
//!
//! The k-th smallest of n uniform numbers is drawn given the one before it: with S the share that is left above,
//! S_k = S_{k−1}·V^{1/(n−k+1)} for a uniform V (Rényi's representation). In noise this is
//! log S_k = log S_{k−1} + log Φ(−z_k)/(n − k + 1), from which the k-th value is D's own transport at Φ⁻¹(1 − S_k).
//! Smooth and monotone in every coordinate; sorting independent draws would give the posterior n! copies of each mode.

use super::combine::is_invertible;
use super::distribution::Given;
use super::draw::child;
use super::error::{Result, TraceError};
use super::graph::TermKind;
use super::machine::Machine;
use super::transform::{is_discrete, value_shape};
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::compute::special;
use crate::ir::{Axis, BinaryFn, Law, LawFn, Op, ReduceFn, ScanFn, UnaryFn};
use std::sync::Arc;

impl Machine<'_> {
    pub(super) fn ordered(&mut self, args: Vec<Given>, span: Span) -> Result<DistKind> {
        let mut args = args.into_iter().flatten();
        let (Some((base, at)), Some((n, n_at))) = (args.next(), args.next()) else {
            unreachable!("check counts the arguments")
        };
        let base = self.over_numbers(&base, at, span)?;
        let n = self.int_value(&n, n_at)?;
        match n.known_int() {
            Some(n) if n >= 0 => Ok(DistKind::Ordered {
                base,
                n: n as usize,
            }),
            _ => Err(TraceError::model(
                "odp::trace::negative_size",
                "the size of `Ordered` is a known int, 0 or more",
                n_at,
                format!("this is {}", super::words(&n)),
            )
            .label(span, "in this distribution")),
        }
    }

    /// A distribution over single numbers whose quantiles are known.
    fn over_numbers(&mut self, v: &Value, at: Span, span: Span) -> Result<Arc<DistValue>> {
        let Value::Dist(d) = v else {
            return Err(not_over_numbers("Ordered", v, at));
        };
        let d = self.flat(d, span);
        let single = value_shape(&d).is_some_and(|s| s.rank() == 0);
        self.demand_methods("Ordered", &d, &["quantile"], at)?;
        match single && is_invertible(&d) {
            true => Ok(d),
            false => Err(not_over_numbers("Ordered", v, at)),
        }
    }

    pub(super) fn ordered_of(&mut self, args: Vec<Given>, span: Span) -> Result<DistKind> {
        let Some((parts, at)) = args.into_iter().flatten().next() else {
            unreachable!("check counts the arguments")
        };
        let items = match &parts {
            Value::List(items) => items.to_vec(),
            Value::Num(t) if t.shape.is_empty() => Vec::new(),
            Value::Dist(d) => self.split_dist(d, span),
            other => return Err(not_over_numbers("ordered_of", other, at)),
        };
        let laws: Option<Vec<_>> = items.iter().map(scalar_law).collect();
        match laws {
            Some(parts) => Ok(DistKind::OrderedOf { parts }),
            None => Err(not_over_numbers("ordered_of", &parts, at)),
        }
    }

    /// An array of independent laws over numbers, one by one.
    fn split_dist(&mut self, d: &Arc<DistValue>, span: Span) -> Vec<Value> {
        let DistKind::Scalar { law, params, shape } = &d.kind else {
            return vec![Value::Dist(d.clone())];
        };
        let spread: Vec<Tensor> = params.iter().map(|p| self.spread(p, shape, span)).collect();
        (0..shape.len())
            .map(|i| {
                let params = spread
                    .iter()
                    .map(|p| self.pick(p, vec![i as u32], Shape::scalar(), span))
                    .collect();
                let kind = DistKind::Scalar {
                    law: law.clone(),
                    params,
                    shape: Shape::scalar(),
                };
                Value::Dist(Arc::new(DistValue { kind, span: d.span }))
            })
            .collect()
    }

    pub(super) fn draw_ordered(
        &mut self,
        base: &Arc<DistValue>,
        n: usize,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Tensor> {
        let own: Vec<u128> = (0..n).map(|i| child(addresses[0], i as u64)).collect();
        let z = self.noise(&own, &Ranked, Shape::vector(n), span)?;
        let below = self.unary(UnaryFn::Neg, &z.value, Kind::Real, span);
        let tails = self.unary(UnaryFn::LogPhi, &below, Kind::Real, span);
        let shares: Vec<f64> = (0..n).map(|k| 1.0 / (n - k) as f64).collect();
        let shares = Tensor::reals(shares, Shape::vector(n));
        let steps = self.elementwise(BinaryFn::Mul, &tails, &shares, Kind::Real, span)?;
        let axis = Axis {
            outer: 1,
            n,
            inner: 1,
        };
        let left = self.emit(
            Op::Scan(ScanFn::CumSum, axis),
            &[&steps],
            Shape::vector(n),
            Kind::Real,
            span,
        );
        let above = self.unary(UnaryFn::InvLogPhi, &left, Kind::Real, span);
        let ranked = self.unary(UnaryFn::Neg, &above, Kind::Real, span);
        let x = match &base.kind {
            DistKind::Scalar { law, params, .. } => {
                let shape = Shape::vector(n);
                let params: Vec<Tensor> = params
                    .iter()
                    .map(|p| self.broadcast(p, &shape, span))
                    .collect();
                self.carried(law, &params, &ranked, shape, span)
            }
            _ => {
                let p = self.unary(UnaryFn::Phi, &ranked, Kind::Real, span);
                self.law_fn(LawFn::Quantile, base, &p, span)?
            }
        };
        self.note(&z, &x, false, name, span);
        Ok(x)
    }

    /// A law's transport of given noise.
    fn carried(
        &mut self,
        law: &Law,
        params: &[Tensor],
        z: &Tensor,
        shape: Shape,
        span: Span,
    ) -> Tensor {
        let kind = super::distribution::value_kind(crate::dist::Describe::kind(law));
        let mut args: Vec<&Tensor> = params.iter().collect();
        args.push(z);
        self.emit(Op::Transport(law.clone()), &args, shape, kind, span)
    }

    /// Each value above the one before it; the probability of that is a factor of the weight.
    pub(super) fn draw_ordered_of(
        &mut self,
        parts: &[(Law, Vec<Tensor>)],
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Tensor> {
        let own: Vec<u128> = (0..parts.len())
            .map(|i| child(addresses[0], i as u64))
            .collect();
        let noise = self.noise(&own, &Ranked, Shape::vector(parts.len()), span)?;
        let mut drawn: Vec<Tensor> = Vec::with_capacity(parts.len());
        for (i, (law, params)) in parts.iter().enumerate() {
            let z = self.pick(&noise.value, vec![i as u32], Shape::scalar(), span);
            let Some(before) = drawn.last().cloned() else {
                drawn.push(self.carried(law, params, &z, Shape::scalar(), span));
                continue;
            };
            let mut args: Vec<&Tensor> = params.iter().collect();
            args.push(&before);
            let above = self.emit(
                Op::LawFn(law.clone(), LawFn::LogCcdf),
                &args,
                Shape::scalar(),
                Kind::Real,
                span,
            );
            self.weigh(TermKind::Improper, &above, span);
            let mut bounds = params.clone();
            // A discrete law's bounds are inclusive; strictly above is one more.
            bounds.push(if law.is_discrete() {
                self.elementwise(BinaryFn::Add, &before, &Tensor::int(1), Kind::Int, span)?
            } else {
                before
            });
            bounds.push(Tensor::real(f64::INFINITY));
            let truncated = Law::Truncated(Arc::new(law.clone()));
            drawn.push(self.carried(&truncated, &bounds, &z, Shape::scalar(), span));
        }
        let kind = drawn.iter().map(|t| t.kind).max().unwrap_or(Kind::Real);
        let x = self.pack(&drawn, Shape::vector(parts.len()), kind, span);
        self.note(&noise, &x, false, name, span);
        Ok(x)
    }

    /// log n! + Σ log p(x_k) where x increases (minus log m! for every value that a discrete law repeats m times).
    pub(super) fn log_prob_ordered(
        &mut self,
        base: &Arc<DistValue>,
        n: usize,
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        self.expect_length(x, n, span)?;
        let each = self.log_prob(base, &Value::Num(x.clone()), true, span)?;
        let sum = self.reduce_all(ReduceFn::Sum, &each, Kind::Real, span);
        let constant = Tensor::real(special::lgamma(n as f64 + 1.0));
        let mut total = self.elementwise(BinaryFn::Add, &sum, &constant, Kind::Real, span)?;
        if is_discrete(base) {
            let repeated = self.repetitions(x, span)?;
            total = self.elementwise(BinaryFn::Sub, &total, &repeated, Kind::Real, span)?;
        }
        let comparison = if is_discrete(base) {
            BinaryFn::Le
        } else {
            BinaryFn::Lt
        };
        self.where_increasing(x, comparison, total, span)
    }

    pub(super) fn log_prob_ordered_of(
        &mut self,
        parts: &[(Law, Vec<Tensor>)],
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        self.expect_length(x, parts.len(), span)?;
        let mut total = Tensor::real(0.0);
        for (i, (law, params)) in parts.iter().enumerate() {
            let xi = self.pick(x, vec![i as u32], Shape::scalar(), span);
            let score = self.densities(law, params, &xi, span);
            total = self.elementwise(BinaryFn::Add, &total, &score, Kind::Real, span)?;
        }
        self.where_increasing(x, BinaryFn::Lt, total, span)
    }

    fn densities(&mut self, law: &Law, params: &[Tensor], x: &Tensor, span: Span) -> Tensor {
        let mut args: Vec<Tensor> = params
            .iter()
            .map(|p| self.broadcast(p, &x.shape, span))
            .collect();
        args.push(x.clone());
        let refs: Vec<&Tensor> = args.iter().collect();
        self.emit(
            Op::LogDensity(law.clone()),
            &refs,
            x.shape.clone(),
            Kind::Real,
            span,
        )
    }

    /// Σ log m! over the values of x, each occurring m times.
    fn repetitions(&mut self, x: &Tensor, span: Span) -> Result<Tensor> {
        let n = x.shape.len();
        let rows = x.clone().reshaped(Shape(vec![n, 1]));
        let columns = x.clone().reshaped(Shape(vec![1, n]));
        let equal = self.elementwise(BinaryFn::Eq, &rows, &columns, Kind::Int, span)?;
        let earlier: Vec<f64> = (0..n * n)
            .map(|k| if k % n <= k / n { 1.0 } else { 0.0 })
            .collect();
        let earlier = Tensor::reals(earlier, Shape(vec![n, n]));
        let kept = self.elementwise(BinaryFn::Mul, &equal, &earlier, Kind::Real, span)?;
        let counts = self.reduce(ReduceFn::Sum, &kept, Some(1), Kind::Real, span);
        let logs = self.unary(UnaryFn::Log, &counts, Kind::Real, span);
        Ok(self.reduce_all(ReduceFn::Sum, &logs, Kind::Real, span))
    }

    fn where_increasing(
        &mut self,
        x: &Tensor,
        comparison: BinaryFn,
        score: Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let n = x.shape.len() as u32;
        if n < 2 {
            return Ok(score);
        }
        let shape = Shape::vector(n as usize - 1);
        let lower = self.pick(x, (0..n - 1).collect(), shape.clone(), span);
        let upper = self.pick(x, (1..n).collect(), shape, span);
        let steps = self.elementwise(comparison, &lower, &upper, Kind::Bool, span)?;
        let all = self.reduce_all(ReduceFn::All, &steps, Kind::Bool, span);
        let nothing = Tensor::real(f64::NEG_INFINITY);
        Ok(self.emit(
            Op::Select,
            &[&all, &score, &nothing],
            Shape::scalar(),
            Kind::Real,
            span,
        ))
    }

    fn expect_length(&self, x: &Tensor, n: usize, span: Span) -> Result<()> {
        if x.shape.dims() == [n] {
            return Ok(());
        }
        Err(TraceError::model(
            "odp::trace::observed_shape",
            format!("{n} ordered values are needed here"),
            span,
            format!("this is {}", super::words(x)),
        ))
    }
}

/// The noise of ranks, which belongs to no one law.
struct Ranked;

impl crate::dist::Describe for Ranked {
    fn name(&self) -> &'static str {
        "ordered"
    }
    fn summary(&self) -> &'static str {
        "ranks"
    }
    fn params(&self) -> &'static [crate::dist::Param] {
        &[]
    }
    fn kind(&self) -> crate::dist::ValueKind {
        crate::dist::ValueKind::Real
    }
}

fn scalar_law(v: &Value) -> Option<(Law, Vec<Tensor>)> {
    let Value::Dist(d) = v else { return None };
    match &d.kind {
        DistKind::Scalar { law, params, shape } if shape.rank() == 0 => {
            Some((law.clone(), params.clone()))
        }
        _ => None,
    }
}

fn not_over_numbers(name: &str, v: &Value, at: Span) -> TraceError {
    TraceError::model(
        "odp::trace::not_a_distribution",
        format!("`{name}` orders draws of distributions over single numbers"),
        at,
        format!("this is {}", v.describe()),
    )
}
