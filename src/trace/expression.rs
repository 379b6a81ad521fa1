//! Expressions: from the checked tree to values.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{FnValue, Kind, Payload, Tensor, Value, known_gaps};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryOp, Expr, ExprKind, Op, ReduceFn};

impl Machine<'_> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, e: &Expr) -> Result<Value> {
        match &e.kind {
            ExprKind::Bool(b) => Ok(Value::Num(Tensor::bool(*b))),
            ExprKind::Int(i) => Ok(Value::Num(Tensor::int(*i))),
            ExprKind::Real(x) => Ok(Value::real(*x)),
            ExprKind::Str(s) => Ok(Value::Str(s.as_str().into())),
            ExprKind::Asset(i) => Ok(self.inputs.assets[*i].clone()),
            ExprKind::Place(place) => self.get(*place, e.span),
            ExprKind::Closure(id) => self.closure(*id, e.span),
            ExprKind::SelfFn => {
                let f = self.frames.last().and_then(|f| f.function.clone());
                Ok(Value::Fn(f.expect("check puts this inside a function")))
            }
            ExprKind::Builtin(b) => Ok(Value::Fn(Arc::new(FnValue::Builtin(*b)))),
            ExprKind::Array(items) => {
                let values = self.eval_all(items)?;
                super::operators::rectangular(self.array_of(values, e.span)?, e.span)
            }
            ExprKind::Comprehension {
                body,
                pattern,
                iter,
            } => self.comprehension(body, pattern, iter, e.span),
            ExprKind::Tuple(items) => Ok(Value::Tuple(Arc::new(self.eval_all(items)?))),
            ExprKind::Record(fields) => {
                let values: Result<Vec<(String, Value)>> = fields
                    .iter()
                    .map(|(n, e)| Ok((n.clone(), self.eval(e)?)))
                    .collect();
                Ok(Value::Record(Arc::new(values?)))
            }
            ExprKind::Field(of, name, span) => {
                let v = self.eval(of)?;
                self.field(&v, name, *span)
            }
            ExprKind::Index(of, args) => self.index_expression(of, args, e.span),
            ExprKind::Call { callee, args } => {
                let f = self.eval(callee)?;
                let args = self.eval_all(args)?;
                self.call(&f, args, e.span)
            }
            ExprKind::CallBuiltin {
                builtin,
                args,
                named,
            } => {
                let values = self.eval_all(args)?;
                let named: Result<Vec<(String, Value)>> = named
                    .iter()
                    .map(|(n, e)| Ok((n.clone(), self.eval(e)?)))
                    .collect();
                self.call_builtin(*builtin, values, named?, e.span)
            }
            ExprKind::Dist { dist, args } => self.distribution(*dist, args, e.span),
            ExprKind::Unary(op, a) => {
                let a = self.eval(a)?;
                self.unary_value(*op, a, e.span)
            }
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
                self.short_circuit(*op, a, b, e.span)
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.binary_values(*op, a, b, e.span)
            }
            ExprKind::Range(lo, hi) => self.range(lo, hi, e.span),
            ExprKind::Sample(dist, site) => {
                let d = self.eval(dist)?;
                self.sample_expression(d, *site, e.span)
            }
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => Ok(self.branch(cond, then, otherwise.as_ref(), e.span)?.1),
            ExprKind::Block(block) => Ok(self.block(block)?.1),
            ExprKind::Memo(f) => {
                let inner = self.eval(f)?;
                Ok(Value::Fn(Arc::new(FnValue::Memo {
                    inner,
                    table: self.address.child(u64::from(e.span.start)),
                })))
            }
        }
    }

    pub(super) fn eval_all(&mut self, exprs: &[Expr]) -> Result<Vec<Value>> {
        exprs.iter().map(|e| self.eval(e)).collect()
    }

    /// The numbers of a value.
    pub(super) fn number(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        match v {
            Value::Num(t) => match &t.missing {
                Some(_) => Err(TraceError::model(
                    "odp::trace::missing_read",
                    "a missing element is read before its `observe`",
                    span,
                    "some elements here are missing in the data",
                )
                .help("observe the element first; from there on it has its imputed value")),
                None => Ok(t.clone()),
            },
            Value::Bottom => Ok(Tensor::real(f64::NAN)),
            other => {
                let error = TraceError::model(
                    "odp::trace::not_a_number",
                    "a number is needed here",
                    span,
                    format!("this is {}", other.describe()),
                );
                Err(match other {
                    Value::Str(_) => error.help("of texts only `==` and `!=` can be asked"),
                    Value::Tuple(_) => error.help("take its parts one by one: `t.0`, `t.1`"),
                    Value::Record(_) => error.help("take its fields one by one: `r.name`"),
                    _ => error,
                })
            }
        }
    }

    /// One truth.
    pub(super) fn truth(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        let t = self.truths(v, span)?;
        if t.is_scalar() {
            return Ok(t);
        }
        Err(TraceError::model(
            "odp::trace::not_one_bool",
            "a condition is one bool",
            span,
            format!("this is {}", v.describe()),
        )
        .help("reduce it with `any(…)` or `all(…)`"))
    }

    pub(super) fn truths(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        let t = self.number(v, span)?;
        if t.kind == Kind::Bool || matches!(v, Value::Bottom) {
            return Ok(t);
        }
        Err(TraceError::model(
            "odp::trace::not_a_bool",
            "a condition is a bool",
            span,
            format!("this is {}", v.describe()),
        )
        .help("compare it, as in `x == 1`"))
    }

    pub(super) fn int_scalar(&mut self, e: &Expr) -> Result<Tensor> {
        let v = self.eval(e)?;
        self.int_value(&v, e.span)
    }

    pub(super) fn int_value(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        let t = self.number(v, span)?;
        if t.kind == Kind::Int && t.is_scalar() {
            return Ok(t);
        }
        Err(TraceError::model(
            "odp::trace::not_an_int",
            "one int is needed here",
            span,
            format!("this is {}", v.describe()),
        ))
    }

    /// The elements of an array along its first axis, or the parts of a tuple.
    pub(super) fn parts_of(&mut self, v: &Value, span: Span) -> Result<Vec<Value>> {
        match v {
            Value::List(items) | Value::Tuple(items) => Ok(items.to_vec()),
            Value::Num(t) if t.shape.rank() > 0 => {
                let n = t.shape.dims()[0];
                (0..n)
                    .map(|i| self.row(t, i, span).map(Value::Num))
                    .collect()
            }
            Value::Bottom => Ok(Vec::new()),
            Value::Choice(_) | Value::Ragged(_) => Err(TraceError::model(
                "odp::trace::random_length",
                "an array whose length depends on chance cannot be used here",
                span,
                "its length is known here only in each execution",
            )
            .help("walk over it with `for`, a comprehension, `map` or `fold`, or index it")),
            other => Err(TraceError::model(
                "odp::trace::not_an_array",
                "an array is needed here",
                span,
                format!("this is {}", other.describe()),
            )),
        }
    }

    /// The i-th element along the first axis; missing elements stay missing.
    pub(super) fn row(&mut self, t: &Tensor, i: usize, span: Span) -> Result<Tensor> {
        let shape = Shape(t.shape.dims()[1..].to_vec());
        let len = shape.len();
        let indices: Vec<u32> = (i * len..(i + 1) * len).map(|k| k as u32).collect();
        let mut picked = self.pick(t, indices, shape, span);
        if let Some(missing) = &t.missing {
            picked.missing = known_gaps(missing[i * len..(i + 1) * len].into());
        }
        Ok(picked)
    }

    /// An array of values: numbers of one shape become a tensor.
    pub(super) fn array_of(&mut self, values: Vec<Value>, span: Span) -> Result<Value> {
        if values.iter().any(|v| matches!(v, Value::Bottom))
            && !values.iter().all(|v| matches!(v, Value::Bottom))
        {
            return Ok(Value::Bottom);
        }
        let mut tensors = Vec::with_capacity(values.len());
        for v in &values {
            match v {
                Value::Num(t) => tensors.push(t.clone()),
                _ => return Ok(Value::List(Arc::new(values))),
            }
        }
        let Some(first) = tensors.first() else {
            return Ok(Value::Num(Tensor::reals(Vec::new(), Shape::vector(0))));
        };
        let inner = first.shape.clone();
        if tensors.iter().any(|t| t.shape != inner) {
            return Ok(Value::List(Arc::new(values)));
        }
        let kind = tensors.iter().map(|t| t.kind).max().expect("not empty");
        let mut sizes = vec![tensors.len()];
        sizes.extend_from_slice(inner.dims());
        if inner.rank() == 0 {
            let cells = tensors
                .iter()
                .map(|t| t.cells().expect("a scalar has cells")[0])
                .collect();
            return Ok(Value::Num(super::machine::from_cells(
                cells,
                Shape(sizes),
                kind,
            )));
        }
        Ok(Value::Num(self.pack(&tensors, Shape(sizes), kind, span)))
    }

    /// A field of a record or a part of a tuple.
    pub(super) fn field(&mut self, v: &Value, name: &str, span: Span) -> Result<Value> {
        let found = match v {
            Value::Record(fields) => fields
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.clone()),
            Value::Tuple(items) => name
                .parse::<usize>()
                .ok()
                .and_then(|i| items.get(i).cloned()),
            Value::Bottom => Some(Value::Bottom),
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                return self.both(
                    c,
                    span,
                    |m| m.field(&a, name, span),
                    |m| m.field(&b, name, span),
                );
            }
            _ => None,
        };
        found.ok_or_else(|| {
            TraceError::model(
                "odp::trace::no_field",
                format!("there is no field `{name}`"),
                span,
                format!("in {}", v.describe()),
            )
        })
    }

    pub(super) fn as_reals(&mut self, t: Tensor, span: Span) -> Tensor {
        match t.known() {
            Some(values) => Tensor {
                kind: Kind::Real,
                payload: Payload::Float(values),
                ..t
            },
            None => {
                let id = self.node_of(&t, span);
                Tensor::node(id, t.shape, Kind::Real)
            }
        }
    }

    /// Reduces along an axis, or all elements.
    pub(super) fn reduce(
        &mut self,
        f: ReduceFn,
        t: &Tensor,
        axis: Option<usize>,
        kind: Kind,
        span: Span,
    ) -> Tensor {
        let Some(k) = axis else {
            return self.reduce_all(f, t, kind, span);
        };
        let view = axis_view(&t.shape, k);
        let mut sizes = t.shape.dims().to_vec();
        sizes.remove(k);
        self.emit(Op::Reduce(f, view), &[t], Shape(sizes), kind, span)
    }
}

/// How axis `k` of a shape lies in memory.
pub(super) fn axis_view(shape: &Shape, k: usize) -> Axis {
    let d = shape.dims();
    Axis {
        outer: d[..k].iter().product(),
        n: d[k],
        inner: d[k + 1..].iter().product(),
    }
}

pub(super) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
