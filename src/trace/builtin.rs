//! What the built-in functions do. Names and signatures are in `ir::Builtin` and `check`.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::expression::{axis_view, not_yet};
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, BinaryOp, Builtin, LawFn, Op, ReduceFn, ScanFn, UnaryFn};

/// The elementwise function of one number behind a built-in, and the kind of its result (`None`: the operand's own).
fn elementwise_fn(b: Builtin) -> Option<(UnaryFn, Option<Kind>)> {
    use Builtin as B;
    use UnaryFn as U;
    let real = Some(Kind::Real);
    Some(match b {
        B::Exp => (U::Exp, real),
        B::Log => (U::Log, real),
        B::Log2 => (U::Log2, real),
        B::Log10 => (U::Log10, real),
        B::Log1p => (U::Log1p, real),
        B::Expm1 => (U::Expm1, real),
        B::Sqrt => (U::Sqrt, real),
        B::Cbrt => (U::Cbrt, real),
        B::Abs => (U::Abs, None),
        B::Floor => (U::Floor, real),
        B::Ceil => (U::Ceil, real),
        B::Round => (U::Round, real),
        B::Sign => (U::Sign, None),
        B::Sin => (U::Sin, real),
        B::Cos => (U::Cos, real),
        B::Tan => (U::Tan, real),
        B::Asin => (U::Asin, real),
        B::Acos => (U::Acos, real),
        B::Atan => (U::Atan, real),
        B::Sinh => (U::Sinh, real),
        B::Cosh => (U::Cosh, real),
        B::Tanh => (U::Tanh, real),
        B::Logit => (U::Logit, real),
        B::InvLogit => (U::InvLogit, real),
        B::Softplus => (U::Softplus, real),
        B::Lgamma => (U::Lgamma, real),
        B::Digamma => (U::Digamma, real),
        B::Erf => (U::Erf, real),
        B::Erfc => (U::Erfc, real),
        B::Phi => (U::Phi, real),
        B::LogPhi => (U::LogPhi, real),
        B::InvPhi => (U::InvPhi, real),
        _ => return None,
    })
}

/// Whether a built-in works on every element of its one argument.
pub(super) fn is_elementwise(b: Builtin) -> bool {
    elementwise_fn(b).is_some() || matches!(b, Builtin::ToReal | Builtin::ToInt)
}

/// A value as `print` shows it.
fn shown(v: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(shown).collect::<Vec<_>>().join(", ");
    match v {
        Value::Str(s) => s.to_string(),
        Value::Num(t) => shown_numbers(t),
        Value::List(items) => format!("[{}]", list(items)),
        Value::Tuple(items) => format!("({})", list(items)),
        Value::Record(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, v)| format!("{name}: {}", shown(v)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => format!("<{}>", other.describe()),
    }
}

fn shown_numbers(t: &Tensor) -> String {
    let Some(values) = t.known() else {
        return format!("<{} that depends on chance>", super::words(t));
    };
    let one = |i: usize| match (t.kind, t.known_ints()) {
        (Kind::Bool, _) => (values[i] != 0.0).to_string(),
        (Kind::Int, Some(v)) => v[i].to_string(),
        _ => values[i].to_string(),
    };
    let row = |from: usize, n: usize| {
        let all: Vec<String> = (from..from + n).map(one).collect();
        format!("[{}]", all.join(", "))
    };
    match *t.shape.dims() {
        [] => one(0),
        [n] => row(0, n),
        [n, m] => {
            let rows: Vec<String> = (0..n).map(|i| row(i * m, m)).collect();
            format!("[{}]", rows.join(", "))
        }
        _ => format!("{} {}", row(0, values.len()), t.shape),
    }
}

/// Built-ins that walk over their arrays themselves.
fn takes_walks(b: Builtin) -> bool {
    use Builtin as B;
    matches!(b, B::Map | B::Fold | B::Scan | B::Zip)
}

/// The reduction of all elements behind a built-in, where nothing is a valid argument.
fn reduction(b: Builtin) -> Option<ReduceFn> {
    use Builtin as B;
    Some(match b {
        B::Sum => ReduceFn::Sum,
        B::Prod => ReduceFn::Prod,
        B::Logsumexp => ReduceFn::LogSumExp,
        B::Any => ReduceFn::Any,
        B::All => ReduceFn::All,
        _ => return None,
    })
}

/// Arguments of a call, taken by position.
pub(super) struct Args {
    pub name: &'static str,
    pub values: Vec<Value>,
    pub named: Vec<(String, Value)>,
    pub span: Span,
}

impl Args {
    pub fn get(&self, i: usize) -> Result<&Value> {
        self.values.get(i).ok_or_else(|| {
            TraceError::model(
                "odp::trace::arity",
                format!(
                    "`{}` needs more than {} arguments",
                    self.name,
                    self.values.len()
                ),
                self.span,
                "called here",
            )
        })
    }

    pub fn named(&self, name: &str) -> Option<&Value> {
        self.named.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

impl Machine<'_> {
    /// Calls a built-in.
    pub(super) fn call_builtin(
        &mut self,
        b: Builtin,
        values: Vec<Value>,
        named: Vec<(String, Value)>,
        span: Span,
    ) -> Result<Value> {
        if values.iter().any(|v| matches!(v, Value::Bottom)) {
            return Ok(Value::Bottom);
        }
        if let Some(v) = self.over_places(b, &values, &named, span)? {
            return Ok(v);
        }
        if let (Builtin::Length, [Value::List(items)]) = (b, &values[..]) {
            return Ok(Value::Num(Tensor::int(items.len() as i64)));
        }
        if !takes_walks(b)
            && let Some(i) = values.iter().position(super::ragged::is_open)
        {
            return self.distribute(b, values, named, i, span);
        }
        if let Some(i) = self.random_size_argument(b, &values) {
            return self.with_each_size(b, values, named, i, span);
        }
        let args = Args {
            name: b.name(),
            values,
            named,
            span,
        };
        if let Some((f, kind)) = elementwise_fn(b) {
            let t = self.arg(&args, 0)?;
            if let Some(exact) = super::exact::unary(f, &t) {
                return match exact {
                    Ok(t) => Ok(Value::Num(t)),
                    Err(why) => self.fault(super::expression::int_fault(why, span)),
                };
            }
            let kind = kind.unwrap_or(t.kind.max(Kind::Int));
            return Ok(Value::Num(self.unary(f, &t, kind, span)));
        }
        self.arrays(b, &args)
            .transpose()
            .or_else(|| self.matrices(b, &args).transpose())
            .or_else(|| self.rest(b, &args).transpose())
            .unwrap_or_else(|| Err(not_yet(&format!("`{}`", b.name()), span)))
    }

    /// A call whose argument is one of two: both calls, each under its mask.
    fn distribute(
        &mut self,
        b: Builtin,
        values: Vec<Value>,
        named: Vec<(String, Value)>,
        i: usize,
        span: Span,
    ) -> Result<Value> {
        let Some((c, x, y)) = self.opened(&values[i], span)? else {
            unreachable!("the caller found a choice")
        };
        let with = |v: Value| {
            let mut values = values.clone();
            values[i] = v;
            values
        };
        let (first, second, named2) = (with(x), with(y), named.clone());
        self.both(
            c,
            span,
            |m| m.call_builtin(b, first, named, span),
            |m| m.call_builtin(b, second, named2, span),
        )
    }

    /// Built-ins that work on the places of arrays of random length.
    fn over_places(
        &mut self,
        b: Builtin,
        values: &[Value],
        named: &[(String, Value)],
        span: Span,
    ) -> Result<Option<Value>> {
        use Builtin as B;
        let (Some(Value::Ragged(r)), true) = (values.first(), named.is_empty()) else {
            return Ok(None);
        };
        let (r, f) = (r.clone(), reduction(b));
        match (b, values) {
            (B::Length, [_]) => Ok(Some(Value::Num(r.length.clone()))),
            (B::Mean, [_]) => {
                let Some(sum) = self.reduced_ragged(ReduceFn::Sum, &r, span)? else {
                    return Ok(None);
                };
                let mean = self.elementwise(BinaryFn::Div, &sum, &r.length, Kind::Real, span)?;
                Ok(Some(Value::Num(mean)))
            }
            (_, [_]) if f.is_some() => {
                let f = f.expect("checked in the guard");
                Ok(self.reduced_ragged(f, &r, span)?.map(Value::Num))
            }
            (_, [xs]) if is_elementwise(b) => self.place_by_place(xs, None, &mut |m, x, _| {
                m.call_builtin(b, vec![x], Vec::new(), span)
            }),
            (B::Min | B::Max | B::Div | B::Atan2 | B::BetaFn, [x, y]) => {
                self.place_by_place(x, Some(y), &mut |m, x, y| {
                    let y = y.expect("two operands");
                    m.call_builtin(b, vec![x, y], Vec::new(), span)
                })
            }
            _ => Ok(None),
        }
    }

    /// Which argument is a size that depends on chance.
    fn random_size_argument(&self, b: Builtin, values: &[Value]) -> Option<usize> {
        use Builtin as B;
        let sizes = match b {
            B::Zeros | B::Ones | B::Eye => 0..values.len(),
            B::Fill | B::Reshape => 1..values.len(),
            B::Linspace => 2..values.len(),
            _ => return None,
        };
        sizes.into_iter().find(|&i| {
            matches!(&values[i], Value::Num(t) if t.is_scalar() && t.kind == Kind::Int && t.known().is_none())
        })
    }

    /// An array of random size: place by place where it has one axis, else a choice by size.
    fn with_each_size(
        &mut self,
        b: Builtin,
        values: Vec<Value>,
        named: Vec<(String, Value)>,
        i: usize,
        span: Span,
    ) -> Result<Value> {
        let Value::Num(n) = values[i].clone() else {
            unreachable!("the caller found a number")
        };
        let one = match (b, &values[..]) {
            (Builtin::Zeros, [_]) => Some(Value::real(0.0)),
            (Builtin::Ones, [_]) => Some(Value::real(1.0)),
            (Builtin::Fill, [v, _]) => Some(v.clone()),
            _ => None,
        };
        if let Some(one) = one {
            let longest = self.random_size(&n, span)?;
            return Ok(self.ragged(vec![one; longest], n));
        }
        self.by_value(&n, span, &mut |m, k| {
            let mut values = values.clone();
            values[i] = Value::Num(Tensor::int(k));
            m.call_builtin(b, values, named.clone(), span)
        })
    }

    pub(super) fn arg(&mut self, args: &Args, i: usize) -> Result<Tensor> {
        let v = args.get(i)?.clone();
        self.number(&v, args.span)
    }

    fn size(&mut self, args: &Args, i: usize) -> Result<usize> {
        let v = args.get(i)?.clone();
        let n = self.int_value(&v, args.span)?;
        match n.known_int() {
            Some(n) if n >= 0 => Ok(n as usize),
            Some(n) => Err(TraceError::model(
                "odp::trace::negative_size",
                format!("a size cannot be {n}"),
                args.span,
                "this size",
            )),
            None => Err(TraceError::model(
                "odp::trace::random_length",
                format!("a size of `{}` depends on chance here", args.name),
                args.span,
                "its value is known only in each execution",
            )
            .help("`fill`, `zeros`, `ones`, `iid`, plates and comprehensions take such sizes")),
        }
    }

    fn axis(&mut self, args: &Args, t: &Tensor) -> Result<Option<usize>> {
        let v = match args.named("axis") {
            Some(v) => v.clone(),
            None => match args.values.get(1) {
                Some(v) => v.clone(),
                None => return Ok(None),
            },
        };
        let k = self.int_value(&v, args.span)?.known_int();
        let rank = t.shape.rank() as i64;
        match k {
            Some(k) if (-rank..rank).contains(&k) => Ok(Some(k.rem_euclid(rank) as usize)),
            _ => Err(TraceError::model(
                "odp::trace::axis",
                format!("this array has axes 0..{rank}"),
                args.span,
                "no such axis",
            )),
        }
    }

    // ---- reductions and arrays ----

    fn arrays(&mut self, b: Builtin, args: &Args) -> Result<Option<Value>> {
        use Builtin as B;
        let span = args.span;
        let value = match b {
            B::Min | B::Max if args.values.len() == 2 => {
                let f = if b == B::Min {
                    BinaryFn::Min
                } else {
                    BinaryFn::Max
                };
                let (x, y) = (self.arg(args, 0)?, self.arg(args, 1)?);
                match super::exact::elementwise(f, &x, &y) {
                    Some(exact) => exact,
                    None => self.elementwise(f, &x, &y, x.kind.max(y.kind), span)?,
                }
            }
            B::Sum => self.reduced(ReduceFn::Sum, args)?,
            B::Prod => self.reduced(ReduceFn::Prod, args)?,
            B::Min => self.reduced(ReduceFn::Min, args)?,
            B::Max => self.reduced(ReduceFn::Max, args)?,
            B::Logsumexp => self.reduced(ReduceFn::LogSumExp, args)?,
            B::Any => self.reduced(ReduceFn::Any, args)?,
            B::All => self.reduced(ReduceFn::All, args)?,
            B::Argmax => self.reduced(ReduceFn::ArgMax, args)?,
            B::Argmin => self.reduced(ReduceFn::ArgMin, args)?,
            B::Mean | B::Variance | B::Sd => self.moment(b, args)?,
            B::Cumsum => self.scanned(ScanFn::CumSum, args)?,
            B::Softmax => self.scanned(ScanFn::Softmax, args)?,
            B::LogSoftmax => self.scanned(ScanFn::LogSoftmax, args)?,
            B::Sort => self.scanned(ScanFn::Sort, args)?,
            B::BetaFn | B::Atan2 => {
                let f = if b == B::Atan2 {
                    BinaryFn::Atan2
                } else {
                    BinaryFn::BetaFn
                };
                let (x, y) = (self.arg(args, 0)?, self.arg(args, 1)?);
                self.elementwise(f, &x, &y, Kind::Real, span)?
            }
            B::Div => {
                let (x, y) = (self.arg(args, 0)?, self.arg(args, 1)?);
                return self.int_arithmetic(BinaryOp::Div, &x, &y, span).map(Some);
            }
            B::Where => {
                let (c, x, y) = (self.arg(args, 0)?, self.arg(args, 1)?, self.arg(args, 2)?);
                let shape = c
                    .shape
                    .broadcast(&x.shape)
                    .and_then(|s| s.broadcast(&y.shape));
                let Some(shape) = shape else {
                    return Err(TraceError::model(
                        "odp::trace::shape_mismatch",
                        format!("shapes {}, {} and {} do not fit", c.shape, x.shape, y.shape),
                        span,
                        "in this `where_`",
                    ));
                };
                let kind = x.kind.max(y.kind);
                let (c, x, y) = (
                    self.broadcast(&c, &shape, span),
                    self.broadcast(&x, &shape, span),
                    self.broadcast(&y, &shape, span),
                );
                self.emit(Op::Select, &[&c, &x, &y], shape, kind, span)
            }
            B::Length => return self.length(args).map(Some),
            B::Shape => {
                let t = self.arg(args, 0)?;
                let sizes: Vec<i64> = t.shape.dims().iter().map(|&n| n as i64).collect();
                let n = sizes.len();
                Tensor::ints(sizes, Shape::vector(n))
            }
            B::Reshape => self.reshape(args)?,
            B::Zeros => self.filled(args, 0, Tensor::real(0.0))?,
            B::Ones => self.filled(args, 0, Tensor::real(1.0))?,
            B::Fill => {
                let t = self.arg(args, 0)?;
                self.filled(args, 1, t)?
            }
            B::Linspace => self.linspace(args)?,
            B::Range => {
                let first = self.int_value(&args.get(0)?.clone(), span)?;
                let (a, b) = match args.values.get(1).cloned() {
                    None => (Tensor::int(0), first),
                    Some(v) => (first, self.int_value(&v, span)?),
                };
                return self.range_between(&a, &b, span).map(Some);
            }
            B::Concat => return self.concat(args).map(Some),
            B::Stack => {
                let parts = self.parts_of(&args.get(0)?.clone(), span)?;
                return self.array_of(parts, span).map(Some);
            }
            B::ToReal => {
                let t = self.arg(args, 0)?;
                self.as_reals(t, span)
            }
            B::ToInt => {
                let t = self.arg(args, 0)?;
                self.whole(t, span)?
            }
            _ => return Ok(None),
        };
        Ok(Some(Value::Num(value)))
    }

    fn reduced(&mut self, f: ReduceFn, args: &Args) -> Result<Tensor> {
        let v = args.get(0)?.clone();
        let t = match &v {
            Value::List(items) if items.is_empty() => Tensor::reals(Vec::new(), Shape::vector(0)),
            _ => self.number(&v, args.span)?,
        };
        let axis = self.axis(args, &t)?;
        let n = axis.map_or(t.shape.len(), |k| t.shape.dims()[k]);
        if n == 0
            && matches!(
                f,
                ReduceFn::ArgMax | ReduceFn::ArgMin | ReduceFn::Min | ReduceFn::Max
            )
        {
            return Err(TraceError::model(
                "odp::trace::empty",
                format!("`{}` of no elements", args.name),
                args.span,
                "this array is empty",
            ));
        }
        let view = axis.map_or(
            Axis {
                outer: 1,
                n: t.shape.len(),
                inner: 1,
            },
            |k| axis_view(&t.shape, k),
        );
        if let Some(exact) = super::exact::reduce(f, &t, view) {
            let mut sizes = t.shape.dims().to_vec();
            match axis {
                Some(k) => drop(sizes.remove(k)),
                None => sizes.clear(),
            }
            return exact
                .map(|v| Tensor::ints(v, Shape(sizes)))
                .map_err(|why| super::expression::int_fault(why, args.span));
        }
        let kind = match f {
            ReduceFn::Any | ReduceFn::All => Kind::Bool,
            ReduceFn::ArgMax | ReduceFn::ArgMin => Kind::Int,
            ReduceFn::LogSumExp => Kind::Real,
            _ => t.kind.max(Kind::Int),
        };
        Ok(self.reduce(f, &t, axis, kind, args.span))
    }

    fn moment(&mut self, b: Builtin, args: &Args) -> Result<Tensor> {
        let t = self.arg(args, 0)?;
        let axis = self.axis(args, &t)?;
        let span = args.span;
        let n = axis.map_or(t.shape.len(), |k| t.shape.dims()[k]) as f64;
        let sum = self.reduce(ReduceFn::Sum, &t, axis, Kind::Real, span);
        let mean = self.elementwise(BinaryFn::Div, &sum, &Tensor::real(n), Kind::Real, span)?;
        if b == Builtin::Mean {
            return Ok(mean);
        }
        let kept = match axis {
            Some(k) => {
                let mut sizes = t.shape.dims().to_vec();
                sizes[k] = 1;
                mean.reshaped(Shape(sizes))
            }
            None => mean,
        };
        let centred = self.elementwise(BinaryFn::Sub, &t, &kept, Kind::Real, span)?;
        let squares = self.unary(UnaryFn::Square, &centred, Kind::Real, span);
        let total = self.reduce(ReduceFn::Sum, &squares, axis, Kind::Real, span);
        let variance = self.elementwise(
            BinaryFn::Div,
            &total,
            &Tensor::real(n - 1.0),
            Kind::Real,
            span,
        )?;
        Ok(if b == Builtin::Sd {
            self.unary(UnaryFn::Sqrt, &variance, Kind::Real, span)
        } else {
            variance
        })
    }

    fn scanned(&mut self, f: ScanFn, args: &Args) -> Result<Tensor> {
        let t = self.arg(args, 0)?;
        let axis = match self.axis(args, &t)? {
            Some(k) => axis_view(&t.shape, k),
            None => Axis {
                outer: 1,
                n: t.shape.len(),
                inner: 1,
            },
        };
        if let Some(exact) = super::exact::scan(f, &t, axis) {
            return exact.map_err(|why| super::expression::int_fault(why, args.span));
        }
        let kind = if matches!(f, ScanFn::Softmax | ScanFn::LogSoftmax) {
            Kind::Real
        } else {
            t.kind
        };
        Ok(self.emit(Op::Scan(f, axis), &[&t], t.shape.clone(), kind, args.span))
    }

    fn length(&mut self, args: &Args) -> Result<Value> {
        let n = match args.get(0)? {
            Value::List(items) | Value::Tuple(items) => items.len(),
            Value::Num(t) if t.shape.rank() > 0 => t.shape.dims()[0],
            Value::Str(s) => s.chars().count(),
            other => {
                return Err(TraceError::model(
                    "odp::trace::not_an_array",
                    "`length` is of an array",
                    args.span,
                    format!("this is {}", other.describe()),
                ));
            }
        };
        Ok(Value::Num(Tensor::int(n as i64)))
    }

    fn reshape(&mut self, args: &Args) -> Result<Tensor> {
        let t = self.arg(args, 0)?;
        let sizes: Result<Vec<usize>> =
            (1..args.values.len()).map(|i| self.size(args, i)).collect();
        let shape = Shape(sizes?);
        if shape.len() != t.shape.len() {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!("{} elements cannot have the shape {shape}", t.shape.len()),
                args.span,
                format!("this is {}", t.shape),
            ));
        }
        Ok(t.reshaped(shape))
    }

    fn filled(&mut self, args: &Args, first: usize, value: Tensor) -> Result<Tensor> {
        let sizes: Result<Vec<usize>> = (first..args.values.len())
            .map(|i| self.size(args, i))
            .collect();
        let mut sizes = sizes?;
        sizes.extend_from_slice(value.shape.dims());
        let n = sizes.iter().fold(1usize, |n, &k| n.saturating_mul(k));
        self.room_for(n, args.span)?;
        Ok(self.spread(&value, &Shape(sizes), args.span))
    }

    fn linspace(&mut self, args: &Args) -> Result<Tensor> {
        let (a, b, n) = (self.arg(args, 0)?, self.arg(args, 1)?, self.size(args, 2)?);
        self.room_for(n, args.span)?;
        let steps: Vec<f64> = (0..n)
            .map(|i| {
                if n > 1 {
                    i as f64 / (n - 1) as f64
                } else {
                    0.0
                }
            })
            .collect();
        if let (Some(a), Some(b)) = (a.known_scalar(), b.known_scalar()) {
            let values: Vec<f64> = (0..n)
                .map(|i| {
                    if i + 1 == n && n > 1 {
                        b
                    } else {
                        a + (b - a) * steps[i]
                    }
                })
                .collect();
            return Ok(Tensor::reals(values, Shape::vector(n)));
        }
        let t = Tensor::reals(steps, Shape::vector(n));
        let width = self.elementwise(BinaryFn::Sub, &b, &a, Kind::Real, args.span)?;
        let scaled = self.elementwise(BinaryFn::Mul, &width, &t, Kind::Real, args.span)?;
        self.elementwise(BinaryFn::Add, &a, &scaled, Kind::Real, args.span)
    }

    fn concat(&mut self, args: &Args) -> Result<Value> {
        let items = match (args.values.len(), args.get(0)?) {
            (1, Value::List(items)) => items.to_vec(),
            _ => args.values.clone(),
        };
        let mut tensors = Vec::with_capacity(items.len());
        for v in &items {
            match v {
                Value::Num(t) if t.missing.is_none() => tensors.push(if t.is_scalar() {
                    t.clone().reshaped(Shape::vector(1))
                } else {
                    t.clone()
                }),
                _ => {
                    let mut all = Vec::new();
                    for v in &items {
                        all.extend(self.parts_of(v, args.span)?);
                    }
                    return self.array_of(all, args.span);
                }
            }
        }
        tensors.retain(|t| !t.shape.is_empty());
        let Some(first) = tensors.first() else {
            return Ok(items.into_iter().next().unwrap_or(Value::Unit));
        };
        let inner = Shape(first.shape.dims()[1..].to_vec());
        if tensors.iter().any(|t| t.shape.dims()[1..] != *inner.dims()) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                "arrays that are joined agree in all axes but the first",
                args.span,
                "these do not",
            ));
        }
        let n = tensors.iter().map(|t| t.shape.dims()[0]).sum();
        // The parts and what is made of them stand beside the whole.
        self.room_for(4 * n * inner.len(), args.span)?;
        let kind = tensors.iter().map(|t| t.kind).max().expect("not empty");
        Ok(Value::Num(self.pack(
            &tensors,
            Shape([&[n], inner.dims()].concat()),
            kind,
            args.span,
        )))
    }

    fn whole(&mut self, t: Tensor, span: Span) -> Result<Tensor> {
        match t.known() {
            Some(values) => {
                let ints: Option<Vec<i64>> = values
                    .iter()
                    .map(|x| x.trunc())
                    .map(|x| (x.abs() < 9.2e18).then_some(x as i64))
                    .collect();
                ints.map(|v| Tensor::ints(v, t.shape)).ok_or_else(|| {
                    TraceError::model(
                        "odp::trace::integer",
                        "this number is no int",
                        span,
                        "too large, or not a number",
                    )
                })
            }
            None => {
                let id = self.node_of(&t, span);
                let t = Tensor::node(id, t.shape, t.kind);
                if t.kind == Kind::Real {
                    // Towards zero: sign times floor of the magnitude.
                    let magnitude = self.unary(UnaryFn::Abs, &t, Kind::Real, span);
                    let floor = self.unary(UnaryFn::Floor, &magnitude, Kind::Real, span);
                    let sign = self.unary(UnaryFn::Sign, &t, Kind::Real, span);
                    return self.elementwise(BinaryFn::Mul, &sign, &floor, Kind::Int, span);
                }
                Ok(Tensor {
                    kind: Kind::Int,
                    ..t
                })
            }
        }
    }

    // ---- matrices ----

    fn matrices(&mut self, b: Builtin, args: &Args) -> Result<Option<Value>> {
        use Builtin as B;
        let span = args.span;
        let value = match b {
            B::Dot => {
                let (x, y) = (self.arg(args, 0)?, self.arg(args, 1)?);
                self.matmul(&x, &y, span)?
            }
            B::Norm => {
                let t = self.arg(args, 0)?;
                let squares = self.unary(UnaryFn::Square, &t, Kind::Real, span);
                let sum = self.reduce_all(ReduceFn::Sum, &squares, Kind::Real, span);
                self.unary(UnaryFn::Sqrt, &sum, Kind::Real, span)
            }
            B::Transpose => {
                let t = self.arg(args, 0)?;
                let (n, m) = self.matrix_shape(&t, span)?;
                let order = (0..m)
                    .flat_map(|j| (0..n).map(move |i| (i * m + j) as u32))
                    .collect();
                self.pick(&t, order, Shape(vec![m, n]), span)
            }
            B::Eye => {
                let n = self.size(args, 0)?;
                self.room_for(n.saturating_mul(n), span)?;
                let values: Vec<f64> = (0..n * n)
                    .map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 })
                    .collect();
                Tensor::reals(values, Shape(vec![n, n]))
            }
            B::Diag => self.diag(args)?,
            B::Outer => {
                let (x, y) = (self.arg(args, 0)?, self.arg(args, 1)?);
                let (n, m) = (x.shape.len(), y.shape.len());
                self.room_for(n.saturating_mul(m), span)?;
                let (x, y) = (x.reshaped(Shape(vec![n, 1])), y.reshaped(Shape(vec![1, m])));
                let product = self.binary_tensors(BinaryOp::Mul, &x, &y, span)?;
                self.number(&product, span)?
            }
            B::Kron => {
                let (x, y) = (self.arg(args, 0)?, self.arg(args, 1)?);
                let ((a, b), (c, d)) = (self.matrix_shape(&x, span)?, self.matrix_shape(&y, span)?);
                let (x, y) = (
                    x.reshaped(Shape(vec![a, 1, b, 1])),
                    y.reshaped(Shape(vec![1, c, 1, d])),
                );
                let product = self.binary_tensors(BinaryOp::Mul, &x, &y, span)?;
                self.number(&product, span)?
                    .reshaped(Shape(vec![a * c, b * d]))
            }
            B::Cholesky => {
                let t = self.arg(args, 0)?;
                let n = self.square(&t, span)?;
                self.checked_matrix(
                    Op::Cholesky(n),
                    &[&t],
                    t.shape.clone(),
                    "this matrix is not positive definite",
                    span,
                )?
            }
            B::Logdet => {
                let t = self.arg(args, 0)?;
                let n = self.square(&t, span)?;
                self.emit(Op::LogDet(n), &[&t], Shape::scalar(), Kind::Real, span)
            }
            B::Inverse => {
                let t = self.arg(args, 0)?;
                let n = self.square(&t, span)?;
                let eye: Vec<f64> = (0..n * n)
                    .map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 })
                    .collect();
                let eye = Tensor::reals(eye, t.shape.clone());
                self.checked_matrix(
                    Op::Solve { n, m: n },
                    &[&t, &eye],
                    t.shape.clone(),
                    "this matrix is singular",
                    span,
                )?
            }
            B::SolveLower | B::Solve => {
                let (a, x) = (self.arg(args, 0)?, self.arg(args, 1)?);
                let n = self.square(&a, span)?;
                let m = x.shape.len().checked_div(n).unwrap_or(0);
                if x.shape.dims().first() != Some(&n) {
                    return Err(TraceError::model(
                        "odp::trace::shape_mismatch",
                        format!("`{}` of {} and {}", args.name, a.shape, x.shape),
                        span,
                        "the first sizes must be equal",
                    ));
                }
                let op = if b == B::Solve {
                    Op::Solve { n, m }
                } else {
                    Op::SolveLower { n, m }
                };
                self.checked_matrix(
                    op,
                    &[&a, &x],
                    x.shape.clone(),
                    "this matrix is singular",
                    span,
                )?
            }
            _ => return Ok(None),
        };
        Ok(Some(Value::Num(value)))
    }

    /// A matrix operation that may fail: on known matrices that is an error at once.
    fn checked_matrix(
        &mut self,
        op: Op,
        args: &[&Tensor],
        shape: Shape,
        why: &str,
        span: Span,
    ) -> Result<Tensor> {
        let t = self.emit(op, args, shape, Kind::Real, span);
        if self.is_tracing()
            && self.mask.is_none()
            && t.known().is_some_and(|v| v.iter().any(|x| x.is_nan()))
        {
            let mut error =
                TraceError::model("odp::trace::matrix", why, span, "fails whatever is drawn");
            error.class = super::error::Class::Numeric;
            return Err(error);
        }
        Ok(t)
    }

    fn matrix_shape(&self, t: &Tensor, span: Span) -> Result<(usize, usize)> {
        match t.shape.dims() {
            [n, m] => Ok((*n, *m)),
            _ => Err(TraceError::model(
                "odp::trace::not_a_matrix",
                "a matrix is needed here",
                span,
                format!("this is {}", super::words(t)),
            )),
        }
    }

    fn square(&self, t: &Tensor, span: Span) -> Result<usize> {
        match self.matrix_shape(t, span)? {
            (n, m) if n == m => Ok(n),
            _ => Err(TraceError::model(
                "odp::trace::not_square",
                "a square matrix is needed here",
                span,
                format!("this is {}", t.shape),
            )),
        }
    }

    fn diag(&mut self, args: &Args) -> Result<Tensor> {
        let t = self.arg(args, 0)?;
        let span = args.span;
        if let [n, m] = *t.shape.dims() {
            let k = n.min(m);
            return Ok(self.pick(
                &t,
                (0..k).map(|i| (i * m + i) as u32).collect(),
                Shape::vector(k),
                span,
            ));
        }
        let n = t.shape.len();
        self.room_for(n.saturating_mul(n), span)?;
        let padded = self.pack(
            &[t.clone().reshaped(Shape::vector(n)), Tensor::real(0.0)],
            Shape::vector(n + 1),
            Kind::Real,
            span,
        );
        let order = (0..n * n)
            .map(|k| {
                if k % (n + 1) == 0 {
                    (k / n) as u32
                } else {
                    n as u32
                }
            })
            .collect();
        Ok(self.pick(&padded, order, Shape(vec![n, n]), span))
    }

    // ---- functions of functions, distributions, and the rest ----

    fn rest(&mut self, b: Builtin, args: &Args) -> Result<Option<Value>> {
        use Builtin as B;
        Ok(Some(match b {
            B::Map => {
                let (xs, f) = (args.get(0)?.clone(), args.get(1)?.clone());
                let (xs, f) = if matches!(xs, Value::Fn(_)) {
                    (f, xs)
                } else {
                    (xs, f)
                };
                let walk = self.walk_of(&xs, args.span)?;
                self.each_item(walk, args.span, |m, x| m.call(&f, vec![x], args.span))?
            }
            B::Fold | B::Scan => self.fold_or_scan(b, args)?,
            B::Zip => self.zip(args)?,
            B::Print => {
                let words: Vec<String> = args.values.iter().map(shown).collect();
                self.printed.push(words.join(" "));
                Value::Unit
            }
            B::Assert => {
                self.assert(args)?;
                Value::Unit
            }
            B::LogProb | B::LogProbEach => {
                let (Value::Dist(d), x) = (args.get(0)?.clone(), args.get(1)?.clone()) else {
                    return Err(self.needs_dist(args));
                };
                Value::Num(self.log_prob(&d, &x, b == B::LogProbEach, args.span)?)
            }
            B::Cdf => self.law_fn_call(LawFn::Cdf, args)?,
            B::LogCdf => self.law_fn_call(LawFn::LogCdf, args)?,
            B::LogCcdf => self.law_fn_call(LawFn::LogCcdf, args)?,
            B::Quantile => self.law_fn_call(LawFn::Quantile, args)?,
            B::MeanOf => self.law_fn_call(LawFn::Mean, args)?,
            B::SdOf => self.law_fn_call(LawFn::Sd, args)?,
            B::OdeRk4 | B::OdeEuler => self.ode(b, args)?,
            B::OdeDopri => self.ode_dopri(args)?,
            _ => return Ok(None),
        }))
    }

    fn fold_or_scan(&mut self, b: Builtin, args: &Args) -> Result<Value> {
        let (xs, init, f) = (
            args.get(0)?.clone(),
            args.get(1)?.clone(),
            args.get(2)?.clone(),
        );
        let walk = self.walk_of(&xs, args.span)?;
        let length = walk.length.clone();
        let mut acc = init;
        let seen = self.each_item(walk, args.span, |m, item| {
            let next = m.call(&f, vec![acc.clone(), item], args.span)?;
            // Executions that have no such place keep what they have.
            acc = match m.mask {
                Some(here) if length.is_some() => {
                    m.merge(here, next.clone(), acc.clone(), args.span)?
                }
                _ => next.clone(),
            };
            Ok(next)
        })?;
        Ok(if b == Builtin::Scan { seen } else { acc })
    }

    fn zip(&mut self, args: &Args) -> Result<Value> {
        let mut columns = Vec::with_capacity(args.values.len());
        let mut lengths = Vec::with_capacity(args.values.len());
        for v in &args.values {
            let walk = self.walk_of(v, args.span)?;
            let known = Tensor::int(walk.items.len() as i64);
            lengths.push(walk.length.unwrap_or(known));
            columns.push(walk.items);
        }
        if let Some(length) = lengths.iter().find(|n| n.known_int().is_none()).cloned() {
            for other in &lengths {
                let differs =
                    self.elementwise(BinaryFn::Ne, other, &length, Kind::Bool, args.span)?;
                if differs.known().is_none() {
                    let node = self.node_of(&differs, args.span);
                    let why = "arrays that are zipped have different lengths";
                    self.fault_where(node, why.into(), args.span);
                }
            }
            let n = columns.iter().map(Vec::len).min().unwrap_or(0);
            let rows = (0..n)
                .map(|i| Value::Tuple(Arc::new(columns.iter().map(|c| c[i].clone()).collect())))
                .collect();
            return Ok(self.ragged(rows, length));
        }
        let n = columns.first().map_or(0, Vec::len);
        if columns.iter().any(|c| c.len() != n) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                "arrays that are zipped have one length",
                args.span,
                "these have different ones",
            ));
        }
        let rows = (0..n)
            .map(|i| Value::Tuple(Arc::new(columns.iter().map(|c| c[i].clone()).collect())))
            .collect();
        Ok(Value::List(Arc::new(rows)))
    }

    fn assert(&mut self, args: &Args) -> Result<()> {
        let v = args.get(0)?.clone();
        let t = self.truth(&v, args.span)?;
        let text = match args.values.get(1) {
            Some(Value::Str(s)) => format!("assertion failed: {s}"),
            _ => "assertion failed".to_string(),
        };
        match t.known_scalar() {
            Some(x) if x != 0.0 => Ok(()),
            Some(_) => {
                let error =
                    TraceError::model("odp::trace::assert", text, args.span, "this is false");
                self.fault(error).map(|_| ())
            }
            None => {
                let node = self.node_of(&t, args.span);
                let not = self.not_mask(node, args.span);
                self.fault_where(not, text.into(), args.span);
                Ok(())
            }
        }
    }

    fn needs_dist(&self, args: &Args) -> TraceError {
        TraceError::model(
            "odp::trace::not_a_distribution",
            format!("the first argument of `{}` is a distribution", args.name),
            args.span,
            "called here",
        )
    }

    fn law_fn_call(&mut self, f: LawFn, args: &Args) -> Result<Value> {
        let Value::Dist(d) = args.get(0)?.clone() else {
            return Err(self.needs_dist(args));
        };
        let x = if matches!(f, LawFn::Mean | LawFn::Sd) {
            Tensor::real(0.0)
        } else {
            self.arg(args, 1)?
        };
        self.law_fn(f, &d, &x, args.span).map(Value::Num)
    }
}
