//! Built-ins of linear algebra.

use super::builtin::Args;
use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryOp, Builtin, Op, ReduceFn, UnaryFn};

impl Machine<'_> {
    pub(super) fn matrices(&mut self, b: Builtin, args: &Args) -> Result<Option<Value>> {
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
                self.refuse_asymmetric(&t, n, span)?;
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

    /// A known matrix that is to be factored is symmetric, up to what rounding leaves.
    fn refuse_asymmetric(&self, t: &Tensor, n: usize, span: Span) -> Result<()> {
        let Some(a) = self.known_always(t) else {
            return Ok(());
        };
        let off = |i: usize, j: usize| {
            let (x, y) = (a[i * n + j], a[j * n + i]);
            (x - y).abs() > 1e-8 * (1.0 + x.abs().max(y.abs()))
        };
        let Some((i, j)) = (0..n)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .find(|&(i, j)| off(i, j))
        else {
            return Ok(());
        };
        let mut error = TraceError::model(
            "odp::trace::matrix",
            "this matrix is not symmetric",
            span,
            format!(
                "[{i},{j}] is {}, [{j},{i}] is {}",
                a[i * n + j],
                a[j * n + i]
            ),
        );
        error.class = super::error::Class::Numeric;
        Err(error)
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
}
