//! A distribution restricted to an interval by its own distribution function F and quantiles.

use std::sync::Arc;

use super::error::Result;
use super::machine::Machine;
use super::value::{DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::{self, Describe, Distribution};
use crate::ir::{BinaryFn, LawFn, Op, ReduceFn, UnaryFn};

impl Machine<'_> {
    /// F⁻¹(F(a) + Φ(z)·(F(b) − F(a))).
    pub(super) fn draw_bounded(
        &mut self,
        base: &Arc<DistValue>,
        lower: &Tensor,
        upper: &Tensor,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Tensor> {
        let Some(Distribution::Scalar(normal)) = dist::find("StdNormal") else {
            unreachable!("StdNormal is registered over numbers")
        };
        let z = self.noise(addresses, normal as &dyn Describe, Shape::scalar(), span)?;
        let p = self.unary(UnaryFn::Phi, &z.value, Kind::Real, span);
        let x = self.bounded_quantile(base, lower, upper, &p, span)?;
        self.note(&z, &x, false, name, span);
        Ok(x)
    }

    pub(super) fn bounded_quantile(
        &mut self,
        base: &Arc<DistValue>,
        lower: &Tensor,
        upper: &Tensor,
        p: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let (start, width) = self.interval(base, lower, upper, span)?;
        let inside = self.elementwise(BinaryFn::Mul, p, &width, Kind::Real, span)?;
        let p = self.elementwise(BinaryFn::Add, &start, &inside, Kind::Real, span)?;
        self.law_fn(LawFn::Quantile, base, &p, span)
    }

    /// (F(x) − F(a)) / (F(b) − F(a)), from 0 to 1.
    pub(super) fn bounded_cdf(
        &mut self,
        base: &Arc<DistValue>,
        lower: &Tensor,
        upper: &Tensor,
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let (start, width) = self.interval(base, lower, upper, span)?;
        let at = self.law_fn(LawFn::Cdf, base, x, span)?;
        let above = self.elementwise(BinaryFn::Sub, &at, &start, Kind::Real, span)?;
        let share = self.elementwise(BinaryFn::Div, &above, &width, Kind::Real, span)?;
        let share =
            self.elementwise(BinaryFn::Max, &share, &Tensor::real(0.0), Kind::Real, span)?;
        self.elementwise(BinaryFn::Min, &share, &Tensor::real(1.0), Kind::Real, span)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn log_prob_bounded(
        &mut self,
        base: &Arc<DistValue>,
        lower: &Tensor,
        upper: &Tensor,
        x: &Tensor,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let (_, width) = self.interval(base, lower, upper, span)?;
        let mass = self.unary(UnaryFn::Log, &width, Kind::Real, span);
        let score = self.log_prob(base, &Value::Num(x.clone()), true, span)?;
        let score = self.elementwise(BinaryFn::Sub, &score, &mass, Kind::Real, span)?;
        let above = self.elementwise(BinaryFn::Ge, x, lower, Kind::Bool, span)?;
        let below = self.elementwise(BinaryFn::Le, x, upper, Kind::Bool, span)?;
        let inside = self.elementwise(BinaryFn::And, &above, &below, Kind::Bool, span)?;
        let nothing = Tensor::real(f64::NEG_INFINITY);
        let shape = score.shape.clone();
        let inside = self.broadcast(&inside, &shape, span);
        let args = [&inside, &score, &nothing];
        let apart = self.emit(Op::Select, &args, shape, Kind::Real, span);
        Ok(match each {
            true => apart,
            false => self.reduce_all(ReduceFn::Sum, &apart, Kind::Real, span),
        })
    }

    /// F(a) and F(b) − F(a).
    fn interval(
        &mut self,
        base: &Arc<DistValue>,
        lower: &Tensor,
        upper: &Tensor,
        span: Span,
    ) -> Result<(Tensor, Tensor)> {
        let start = match lower.known_scalar() {
            Some(f64::NEG_INFINITY) => Tensor::real(0.0),
            _ => self.law_fn(LawFn::Cdf, base, lower, span)?,
        };
        let end = match upper.known_scalar() {
            Some(f64::INFINITY) => Tensor::real(1.0),
            _ => self.law_fn(LawFn::Cdf, base, upper, span)?,
        };
        let width = self.elementwise(BinaryFn::Sub, &end, &start, Kind::Real, span)?;
        Ok((start, width))
    }
}
