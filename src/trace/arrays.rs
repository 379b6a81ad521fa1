//! Built-ins that make, reduce and rearrange arrays.

use super::builtin::Args;
use super::error::{Result, TraceError};
use super::expression::axis_view;
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, BinaryOp, Builtin, Op, ReduceFn, ScanFn, UnaryFn};

impl Machine<'_> {
    pub(super) fn arrays(&mut self, b: Builtin, args: &Args) -> Result<Option<Value>> {
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
                self.room_to_stretch(&[&c.shape, &x.shape, &y.shape], false, span)?;
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
                // A missing element leaves the shape as it is.
                let t = match args.get(0)? {
                    Value::Num(t) => t.clone(),
                    _ => self.arg(args, 0)?,
                };
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
                .map_err(|why| super::operators::int_fault(why, args.span));
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
            // Of no elements as of one: 0 / 0.
            &Tensor::real((n - 1.0).max(0.0)),
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
            return exact.map_err(|why| super::operators::int_fault(why, args.span));
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
}
