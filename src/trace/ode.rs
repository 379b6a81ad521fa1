//! Ordinary differential equations.

use super::builtin::Args;
use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::Span;
use crate::ir::{BinaryFn, Builtin};

impl Machine<'_> {
    /// `ode_rk4(|t, y| dy, y0, t0, ts, steps = 20)`: classical Runge–Kutta (or Euler) with fixed steps between times.
    pub(super) fn ode(&mut self, b: Builtin, args: &Args) -> Result<Value> {
        let span = args.span;
        let f = args.get(0)?.clone();
        let (mut y, mut t, ts) = (self.arg(args, 1)?, self.arg(args, 2)?, args.get(3)?.clone());
        let steps = match args.named("steps").or(args.values.get(4)) {
            Some(v) => self
                .int_value(&v.clone(), span)?
                .known_int()
                .filter(|n| *n > 0),
            None => Some(20),
        };
        let Some(steps) = steps else {
            return Err(TraceError::model(
                "odp::trace::negative_size",
                "`steps` is a positive int",
                span,
                "called here",
            ));
        };
        y = self.as_reals(y, span);
        let mut rows = Vec::new();
        for end in self.parts_of(&ts, span)? {
            let end = self.number(&end, span)?;
            let width = self.elementwise(BinaryFn::Sub, &end, &t, Kind::Real, span)?;
            let h = self.elementwise(
                BinaryFn::Div,
                &width,
                &Tensor::real(steps as f64),
                Kind::Real,
                span,
            )?;
            for k in 0..steps {
                self.step(span)?;
                let offset =
                    self.elementwise(BinaryFn::Mul, &h, &Tensor::real(k as f64), Kind::Real, span)?;
                let now = self.elementwise(BinaryFn::Add, &t, &offset, Kind::Real, span)?;
                y = if b == Builtin::OdeRk4 {
                    self.rk4_step(&f, &now, &y, &h, span)?
                } else {
                    self.euler_step(&f, &now, &y, &h, span)?
                };
            }
            t = end;
            rows.push(Value::Num(y.clone()));
        }
        self.array_of(rows, span)
    }

    pub(super) fn slope(
        &mut self,
        f: &Value,
        t: &Tensor,
        y: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let v = self.call(f, vec![Value::Num(t.clone()), Value::Num(y.clone())], span)?;
        self.number(&v, span)
    }

    /// y + c·h·k.
    fn along_slope(
        &mut self,
        y: &Tensor,
        h: &Tensor,
        c: f64,
        k: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let ch = self.elementwise(BinaryFn::Mul, h, &Tensor::real(c), Kind::Real, span)?;
        let step = self.elementwise(BinaryFn::Mul, &ch, k, Kind::Real, span)?;
        self.elementwise(BinaryFn::Add, y, &step, Kind::Real, span)
    }

    fn euler_step(
        &mut self,
        f: &Value,
        t: &Tensor,
        y: &Tensor,
        h: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let k = self.slope(f, t, y, span)?;
        self.along_slope(y, h, 1.0, &k, span)
    }

    fn rk4_step(
        &mut self,
        f: &Value,
        t: &Tensor,
        y: &Tensor,
        h: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let half = self.along_slope(t, h, 0.5, &Tensor::real(1.0), span)?;
        let end = self.along_slope(t, h, 1.0, &Tensor::real(1.0), span)?;
        let k1 = self.slope(f, t, y, span)?;
        let y2 = self.along_slope(y, h, 0.5, &k1, span)?;
        let k2 = self.slope(f, &half, &y2, span)?;
        let y3 = self.along_slope(y, h, 0.5, &k2, span)?;
        let k3 = self.slope(f, &half, &y3, span)?;
        let y4 = self.along_slope(y, h, 1.0, &k3, span)?;
        let k4 = self.slope(f, &end, &y4, span)?;
        let mut next = y.clone();
        for (c, k) in [
            (1.0 / 6.0, &k1),
            (1.0 / 3.0, &k2),
            (1.0 / 3.0, &k3),
            (1.0 / 6.0, &k4),
        ] {
            next = self.along_slope(&next, h, c, k, span)?;
        }
        Ok(next)
    }
}
