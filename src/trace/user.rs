//! Users' distributions: drawn by their own `sample`, scored by their own `log_prob`.
//!
//! One over numbers is an array of independent ones where its arguments are arrays: each element has one element of each
//! argument, and draws and scores of its own. Any other one is a single distribution over what its sampler gives.

use std::sync::Arc;

use super::distribution::Given;
use super::error::{Result, TraceError};
use super::law_fn::no_closed_form;
use super::machine::Machine;
use super::value::{DistKind, DistValue, FnValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryOp, Expr, ExprKind, FnId, LawFn, Over, Place, ReduceFn, UnaryFn};

impl Machine<'_> {
    /// A user's distribution of given arguments.
    pub(super) fn user_dist(
        &mut self,
        id: usize,
        args: Vec<Given>,
        span: Span,
    ) -> Result<DistKind> {
        let (args, spans): (Vec<Value>, Vec<Span>) = args.into_iter().flatten().unzip();
        let over = self.over(id, &args);
        let shape = match over {
            Over::Each => {
                let arrays = args
                    .iter()
                    .zip(&spans)
                    .filter_map(|(v, at)| Some((numbers(v)?.clone(), *at)));
                let (arrays, spans): (Vec<Tensor>, Vec<Span>) = arrays.unzip();
                Some(self.common_shape(&arrays, &spans, span)?)
            }
            Over::Number => Some(Shape::scalar()),
            Over::Array(_) | Over::Whole => None,
        };
        Ok(DistKind::User {
            id,
            args,
            shape,
            each: over == Over::Each,
        })
    }

    /// What a user's distribution of some arguments is over.
    fn over(&self, id: usize, args: &[Value]) -> Over {
        let rank = |v: &Value| numbers(v).map_or(0, |t| t.shape.rank());
        let ranks: Vec<usize> = args.iter().map(rank).collect();
        self.model.distributions[id].over(&ranks)
    }

    /// The axes of an array that a user's distribution over smaller arrays is repeated along, and those of one draw.
    pub(super) fn repeated_along(&self, d: &DistValue, shape: &Shape) -> Option<(Shape, Shape)> {
        let DistKind::User { id, args, .. } = &d.kind else {
            return None;
        };
        let Over::Array(rank) = self.over(*id, args) else {
            return None;
        };
        let (rows, row) = shape.dims().split_at(shape.rank().checked_sub(rank)?);
        Some((Shape(rows.to_vec()), Shape(row.to_vec())))
    }

    /// Draws of a user's distribution; `addresses` has one for each element.
    pub(super) fn draw_user(
        &mut self,
        d: &DistValue,
        addresses: &[u128],
        span: Span,
    ) -> Result<Value> {
        let DistKind::User {
            id,
            args,
            shape,
            each,
        } = &d.kind
        else {
            unreachable!("the caller matched it")
        };
        let Some(shape) = shape.as_ref().filter(|s| s.rank() > 0) else {
            return self.draw_one(*id, args.clone(), addresses[0], span);
        };
        if shape.is_empty() {
            return Ok(Value::Num(Tensor::reals(Vec::new(), shape.clone())));
        }
        let args = self.spread_args(args, *each, shape, span);
        let mut values = Vec::with_capacity(shape.len());
        for (i, address) in addresses.iter().enumerate() {
            self.step(span)?;
            let args = self.args_at(&args, *each, &[i as u32], &Shape::scalar(), span);
            values.push(self.draw_one(*id, args, *address, span)?);
        }
        let flat = self.array_of(values, span)?;
        self.unflatten(flat, shape.dims())
    }

    fn draw_one(
        &mut self,
        id: usize,
        args: Vec<Value>,
        address: u128,
        span: Span,
    ) -> Result<Value> {
        let f = method(self.model.distributions[id].sample);
        self.address
            .push_absolute(&[address as u64, (address >> 64) as u64]);
        let value = self.call(&f, args, span);
        self.address.pop();
        value
    }

    /// The arguments, with `each` those that are numbers with an element for each of a shape.
    pub(super) fn spread_args(
        &mut self,
        args: &[Value],
        each: bool,
        shape: &Shape,
        span: Span,
    ) -> Vec<Value> {
        let mut spread = Vec::with_capacity(args.len());
        for v in args {
            spread.push(match numbers(v).filter(|_| each) {
                Some(t) => Value::Num(self.spread(t, shape, span)),
                None => v.clone(),
            });
        }
        spread
    }

    /// The arguments of some elements, of spread ones: with `each` numbers of that shape.
    pub(super) fn args_at(
        &mut self,
        spread: &[Value],
        each: bool,
        which: &[u32],
        shape: &Shape,
        span: Span,
    ) -> Vec<Value> {
        let mut at = Vec::with_capacity(spread.len());
        for v in spread {
            at.push(match numbers(v).filter(|_| each) {
                Some(t) => Value::Num(self.pick(t, which.to_vec(), shape.clone(), span)),
                None => v.clone(),
            });
        }
        at
    }

    /// The joint log-density of a value, or with `each` its elements apart.
    pub(super) fn log_prob_user(
        &mut self,
        d: &DistValue,
        x: &Value,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let DistKind::User {
            id, args, shape, ..
        } = &d.kind
        else {
            unreachable!("the caller matched it")
        };
        let user = &self.model.distributions[*id];
        let Some(function) = user.log_prob else {
            return Err(TraceError::model(
                "odp::trace::no_log_prob",
                format!(
                    "`{}` has no `log_prob`, so it cannot be observed",
                    user.name
                ),
                span,
                "observed here",
            )
            .label(user.span, "add `log_prob(x) { … }` here"));
        };
        let Some(shape) = shape else {
            return self.score_arrays(d, function, x, each, span);
        };
        let t = self.number(x, span)?;
        let all = match shape.broadcast(&t.shape).filter(|_| each) {
            Some(all) => all,
            None => self.observed_shape(shape, &t, d.span, span)?,
        };
        if all.rank() == 0 {
            return self.score_one(*id, function, args.clone(), x.clone(), span);
        }
        let scores = self.elementwise_by(d, function, &t, &all, span)?;
        Ok(match each {
            true => scores,
            false => self.reduce_all(ReduceFn::Sum, &scores, Kind::Real, span),
        })
    }

    /// The log-density of a value as a whole, or of each of the values along an array's first axes.
    fn score_arrays(
        &mut self,
        d: &DistValue,
        function: FnId,
        x: &Value,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let DistKind::User { id, args, .. } = &d.kind else {
            unreachable!("the caller matched it")
        };
        let along = numbers(x).and_then(|t| Some((t, self.repeated_along(d, &t.shape)?)));
        let Some((t, (rows, row))) = along.filter(|(_, (rows, _))| rows.rank() > 0) else {
            return self.score_one(*id, function, args.clone(), x.clone(), span);
        };
        let scores = self.log_prob_rows(t, &rows, &row, span, |m, one| {
            m.score_one(*id, function, args.clone(), Value::Num(one), span)
        })?;
        let apart = self.pack(&scores, rows, Kind::Real, span);
        Ok(match each {
            true => apart,
            false => self.reduce_all(ReduceFn::Sum, &apart, Kind::Real, span),
        })
    }

    /// `cdf`, `log_cdf`, `log_ccdf` and `quantile`, where the user has written what they need.
    pub(super) fn law_fn_of_user(
        &mut self,
        f: LawFn,
        x: &Tensor,
        d: &DistValue,
        span: Span,
    ) -> Result<Tensor> {
        let DistKind::User {
            id, args, shape, ..
        } = &d.kind
        else {
            unreachable!("the caller matched it")
        };
        let user = &self.model.distributions[*id];
        let function = match f {
            LawFn::Cdf | LawFn::LogCdf | LawFn::LogCcdf => user.cdf,
            LawFn::Quantile => user.quantile,
            _ => None,
        };
        let Some(function) = function else {
            return Err(no_closed_form(f, d, span)
                .label(user.span, "add `cdf(x) { … }` or `quantile(p) { … }` here"));
        };
        let all = self.fits(shape.as_ref().unwrap_or(&Shape::scalar()), x, span)?;
        let p = match all.rank() {
            0 => self.score_one(*id, function, args.clone(), Value::Num(x.clone()), span)?,
            _ => self.elementwise_by(d, function, x, &all, span)?,
        };
        Ok(match f {
            LawFn::LogCdf => self.unary(UnaryFn::Log, &p, Kind::Real, span),
            LawFn::LogCcdf => {
                let minus = self.unary(UnaryFn::Neg, &p, Kind::Real, span);
                self.unary(UnaryFn::Log1p, &minus, Kind::Real, span)
            }
            _ => p,
        })
    }

    /// A method's value at each element: at once where its body works element by element, else one by one.
    fn elementwise_by(
        &mut self,
        d: &DistValue,
        function: FnId,
        x: &Tensor,
        all: &Shape,
        span: Span,
    ) -> Result<Tensor> {
        let DistKind::User { id, args, each, .. } = &d.kind else {
            unreachable!("the callers matched it")
        };
        let model = self.model;
        let body = &model.functions[function].body;
        let value = body.value.as_deref().filter(|_| body.stmts.is_empty());
        // Arrays that all elements share would be taken for an element of each.
        let shared = |v: &Value| numbers(v).is_some_and(|t| !t.is_scalar());
        if let Some(value) = value
            && (*each || !args.iter().any(shared))
            && self.is_by_element(value)?
        {
            let scores = self.method_at(function, args.clone(), Value::Num(x.clone()), span)?;
            if scores.shape == *all {
                return Ok(scores);
            }
        }
        let args = self.spread_args(args, *each, all, span);
        let x = self.spread(x, all, span);
        let mut scores = Vec::with_capacity(all.len());
        for i in 0..all.len() {
            self.step(span)?;
            let args = self.args_at(&args, *each, &[i as u32], &Shape::scalar(), span);
            let one = self.pick(&x, vec![i as u32], Shape::scalar(), span);
            scores.push(self.score_one(*id, function, args, Value::Num(one), span)?);
        }
        Ok(self.pack(&scores, all.clone(), Kind::Real, span))
    }

    /// Whether an expression over numbers works element by element on arrays: operators and functions of single numbers.
    fn is_by_element(&mut self, e: &Expr) -> Result<bool> {
        Ok(match &e.kind {
            ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Place(Place::Local(_)) => true,
            ExprKind::Place(place) => match self.get(*place, e.span)? {
                Value::Num(t) => t.is_scalar(),
                _ => false,
            },
            ExprKind::Unary(_, a) => self.is_by_element(a)?,
            ExprKind::Binary(BinaryOp::MatMul | BinaryOp::And | BinaryOp::Or, ..) => false,
            ExprKind::Binary(_, a, b) => self.is_by_element(a)? && self.is_by_element(b)?,
            ExprKind::CallBuiltin {
                builtin,
                args,
                named,
            } => {
                let mut all = super::builtin::is_elementwise(*builtin) && named.is_empty();
                for a in args {
                    all = all && self.is_by_element(a)?;
                }
                all
            }
            _ => false,
        })
    }

    /// A method's value at one argument, which is one number.
    fn score_one(
        &mut self,
        id: usize,
        function: FnId,
        args: Vec<Value>,
        x: Value,
        span: Span,
    ) -> Result<Tensor> {
        let t = self.method_at(function, args, x, span)?;
        if t.is_scalar() {
            return Ok(t);
        }
        let (user, body) = (
            &self.model.distributions[id],
            &self.model.functions[function].body,
        );
        let at = body.value.as_ref().map_or(body.span, |e| e.span);
        Err(TraceError::model(
            "odp::trace::not_one_number",
            format!("`{}` gives {} for one value", user.name, super::words(&t)),
            at,
            "one number is needed",
        )
        .label(span, "asked for here")
        .help("what belongs to one draw as a whole is summed: `sum(…)`"))
    }

    fn method_at(
        &mut self,
        function: FnId,
        mut args: Vec<Value>,
        x: Value,
        span: Span,
    ) -> Result<Tensor> {
        args.push(x);
        let v = self.call(&method(function), args, span)?;
        let t = self.number(&v, span)?;
        if t.kind != Kind::Bool || matches!(v, Value::Bottom) {
            return Ok(t);
        }
        let body = &self.model.functions[function].body;
        let at = body.value.as_ref().map_or(body.span, |e| e.span);
        Err(TraceError::model(
            "odp::trace::not_a_number",
            "a number is needed here",
            at,
            format!("this is {}", v.describe()),
        )
        .label(span, "asked for here")
        .help("convert it: `real(…)`"))
    }
}

/// A number or an array of numbers.
fn numbers(v: &Value) -> Option<&Tensor> {
    match v {
        Value::Num(t) => Some(t),
        _ => None,
    }
}

fn method(id: FnId) -> Value {
    Value::Fn(Arc::new(FnValue::Closure {
        id,
        captured: Vec::new(),
    }))
}
