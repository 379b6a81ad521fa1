//! Quantiles by bisection, where a distribution function is known and its inverse is not: those of mixtures.
//!
//! ```text
//!   each part's own quantile at p   ──►   [lowest, highest] holds that of the mixture   ──►   halved until it is a point
//! ```
//! What the bisection finds moves with no parameter. One Newton step from there, x − (F(x) − p) / F′(x), adds at most
//! rounding to the value, and has the derivatives of the implicit function.

use std::sync::Arc;

use super::error::Result;
use super::machine::Machine;
use super::transform::is_discrete;
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::Span;
use crate::ir::{BinaryFn, LawFn, Op, UnaryFn};

/// Halvings: past these, two neighbouring numbers are left of an interval of any width that occurs.
const HALVINGS: usize = 64;

impl Machine<'_> {
    /// The smallest x with F(x) ≥ p, elementwise.
    pub(super) fn quantile_of_mixture(
        &mut self,
        whole: &Arc<DistValue>,
        parts: &[Arc<DistValue>],
        p: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let discrete = is_discrete(whole);
        let ends = self.bracket(parts, p, span)?;
        let (mut low, mut high) = ends.clone();
        if discrete {
            low = self.elementwise(BinaryFn::Sub, &low, &Tensor::int(1), Kind::Real, span)?;
        }
        for _ in 0..HALVINGS {
            let middle = self.middle(&low, &high, discrete, span)?;
            let below = self.law_fn(LawFn::Cdf, whole, &middle, span)?;
            let enough = self.elementwise(BinaryFn::Ge, &below, p, Kind::Bool, span)?;
            high = self.choose(&enough, &middle, &high, span);
            low = self.choose(&enough, &low, &middle, span);
        }
        let found = self.unary(UnaryFn::Fixed, &high, Kind::Real, span);
        match discrete || has_atoms(whole) {
            true => Ok(found),
            false => {
                let x = self.newton_step(whole, &found, p, span)?;
                // Rounding must not lead out of the support.
                let low = self.unary(UnaryFn::Fixed, &ends.0, Kind::Real, span);
                let high = self.unary(UnaryFn::Fixed, &ends.1, Kind::Real, span);
                let x = self.elementwise(BinaryFn::Max, &x, &low, Kind::Real, span)?;
                self.elementwise(BinaryFn::Min, &x, &high, Kind::Real, span)
            }
        }
    }

    /// The smallest and the largest of the parts' quantiles.
    fn bracket(
        &mut self,
        parts: &[Arc<DistValue>],
        p: &Tensor,
        span: Span,
    ) -> Result<(Tensor, Tensor)> {
        let mut ends: Option<(Tensor, Tensor)> = None;
        for part in parts {
            let x = self.law_fn(LawFn::Quantile, part, p, span)?;
            ends = Some(match ends {
                None => (x.clone(), x),
                Some((low, high)) => (
                    self.elementwise(BinaryFn::Min, &low, &x, Kind::Real, span)?,
                    self.elementwise(BinaryFn::Max, &high, &x, Kind::Real, span)?,
                ),
            });
        }
        Ok(ends.expect("a mixture has parts"))
    }

    /// Halfway; halves are added, since the sum of two large numbers may be infinite.
    fn middle(
        &mut self,
        low: &Tensor,
        high: &Tensor,
        discrete: bool,
        span: Span,
    ) -> Result<Tensor> {
        let half = Tensor::real(0.5);
        let a = self.elementwise(BinaryFn::Mul, low, &half, Kind::Real, span)?;
        let b = self.elementwise(BinaryFn::Mul, high, &half, Kind::Real, span)?;
        let middle = self.elementwise(BinaryFn::Add, &a, &b, Kind::Real, span)?;
        Ok(match discrete {
            true => self.unary(UnaryFn::Floor, &middle, Kind::Real, span),
            false => middle,
        })
    }

    fn newton_step(
        &mut self,
        whole: &Arc<DistValue>,
        x: &Tensor,
        p: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let below = self.law_fn(LawFn::Cdf, whole, x, span)?;
        let miss = self.elementwise(BinaryFn::Sub, &below, p, Kind::Real, span)?;
        let log_slope = self.log_prob(whole, &Value::Num(x.clone()), true, span)?;
        let slope = self.unary(UnaryFn::Exp, &log_slope, Kind::Real, span);
        // The slope at the point that was found: its own derivative would be multiplied by nearly nothing.
        let slope = self.unary(UnaryFn::Fixed, &slope, Kind::Real, span);
        let step = self.elementwise(BinaryFn::Div, &miss, &slope, Kind::Real, span)?;
        let moved = self.elementwise(BinaryFn::Sub, x, &step, Kind::Real, span)?;
        // In a gap between the parts, and at the ends, there is no slope to follow.
        let fixed = self.unary(UnaryFn::Fixed, &moved, Kind::Real, span);
        let far = self.elementwise(BinaryFn::Sub, &fixed, x, Kind::Real, span)?;
        let far = self.unary(UnaryFn::Abs, &far, Kind::Real, span);
        let size = self.unary(UnaryFn::Abs, x, Kind::Real, span);
        let near = self.elementwise(BinaryFn::Mul, &size, &Tensor::real(1e-6), Kind::Real, span)?;
        let near = self.elementwise(BinaryFn::Add, &near, &Tensor::real(1e-6), Kind::Real, span)?;
        let taken = self.elementwise(BinaryFn::Le, &far, &near, Kind::Bool, span)?;
        let taken = self.unary(UnaryFn::Fixed, &taken, Kind::Bool, span);
        Ok(self.choose(&taken, &moved, x, span))
    }

    fn choose(&mut self, c: &Tensor, a: &Tensor, b: &Tensor, span: Span) -> Tensor {
        let shape = [&c.shape, &a.shape, &b.shape]
            .into_iter()
            .max_by_key(|s| s.len())
            .expect("three shapes")
            .clone();
        let c = self.broadcast(c, &shape, span);
        let a = self.broadcast(a, &shape, span);
        let b = self.broadcast(b, &shape, span);
        self.emit(Op::Select, &[&c, &a, &b], shape, Kind::Real, span)
    }
}

/// Whether single values may have probability.
pub(super) fn has_atoms(d: &DistValue) -> bool {
    match &d.kind {
        DistKind::Scalar { law, .. } => law.has_atoms(),
        DistKind::Censored { .. } => true,
        DistKind::Mixture { parts, .. } => parts.iter().any(|p| has_atoms(p)),
        DistKind::Transform { base, .. } | DistKind::Bounded { base, .. } => has_atoms(base),
        DistKind::User { .. } => false,
        _ => is_discrete(d),
    }
}
