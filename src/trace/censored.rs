//! A distribution with a distribution function F of its own whose values beyond a bound are put on the bound.
//!
//! | at | log p |
//! |---|---|
//! | the lower bound a | log F(a) |
//! | x in (a, b) | the distribution's own |
//! | the upper bound b | log (1 − F(b)) |
//! | elsewhere | −∞ |

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::law_fn::no_closed_form;
use super::machine::Machine;
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, LawFn, Op, ReduceFn};

/// A lower and an upper bound.
type Bounds = (Tensor, Tensor);

impl Machine<'_> {
    /// The nearest numbers between the bounds.
    pub(super) fn clamped(
        &mut self,
        x: &Tensor,
        (lower, upper): &Bounds,
        span: Span,
    ) -> Result<Tensor> {
        let x = self.elementwise(BinaryFn::Max, x, lower, Kind::Real, span)?;
        self.elementwise(BinaryFn::Min, &x, upper, Kind::Real, span)
    }

    pub(super) fn log_prob_censored(
        &mut self,
        base: &Arc<DistValue>,
        (lower, upper): &Bounds,
        x: &Tensor,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let below = self.law_fn(LawFn::LogCdf, base, lower, span)?;
        let above = self.law_fn(LawFn::LogCcdf, base, upper, span)?;
        let inside = self.log_prob(base, &Value::Num(x.clone()), true, span)?;
        let apart = self.by_place(x, (lower, upper), (&below, &inside, &above), span)?;
        let low = self.elementwise(BinaryFn::Lt, x, lower, Kind::Bool, span)?;
        let high = self.elementwise(BinaryFn::Gt, x, upper, Kind::Bool, span)?;
        let outside = self.elementwise(BinaryFn::Or, &low, &high, Kind::Bool, span)?;
        let nothing = Tensor::real(f64::NEG_INFINITY);
        let apart = self.selected(&outside, &nothing, &apart, span);
        Ok(match each {
            true => apart,
            false => self.reduce_all(ReduceFn::Sum, &apart, Kind::Real, span),
        })
    }

    pub(super) fn law_fn_of_censored(
        &mut self,
        f: LawFn,
        base: &Arc<DistValue>,
        bounds: &Bounds,
        x: &Tensor,
        whole: &DistValue,
        span: Span,
    ) -> Result<Tensor> {
        match f {
            LawFn::Quantile => {
                let x = self.law_fn(f, base, x, span)?;
                self.clamped(&x, bounds, span)
            }
            LawFn::Cdf | LawFn::LogCdf | LawFn::LogCcdf => {
                let own = self.law_fn(f, base, x, span)?;
                let (nothing, all) = match f {
                    LawFn::Cdf => (0.0, 1.0),
                    LawFn::LogCdf => (f64::NEG_INFINITY, 0.0),
                    _ => (0.0, f64::NEG_INFINITY),
                };
                let low = self.elementwise(BinaryFn::Lt, x, &bounds.0, Kind::Bool, span)?;
                let high = self.elementwise(BinaryFn::Ge, x, &bounds.1, Kind::Bool, span)?;
                let own = self.selected(&low, &Tensor::real(nothing), &own, span);
                Ok(self.selected(&high, &Tensor::real(all), &own, span))
            }
            _ => Err(no_closed_form(f, whole, span)),
        }
    }

    /// One of three, as x is at the lower bound, between the bounds or at the upper one.
    fn by_place(
        &mut self,
        x: &Tensor,
        (lower, upper): (&Tensor, &Tensor),
        (below, inside, above): (&Tensor, &Tensor, &Tensor),
        span: Span,
    ) -> Result<Tensor> {
        let low = self.elementwise(BinaryFn::Le, x, lower, Kind::Bool, span)?;
        let high = self.elementwise(BinaryFn::Ge, x, upper, Kind::Bool, span)?;
        let apart = self.selected(&high, above, inside, span);
        Ok(self.selected(&low, below, &apart, span))
    }

    fn selected(&mut self, c: &Tensor, a: &Tensor, b: &Tensor, span: Span) -> Tensor {
        let all = [&c.shape, &a.shape, &b.shape].into_iter();
        let shape = all.fold(Shape::scalar(), |all, s| all.broadcast(s).unwrap_or(all));
        let [c, a, b] = [c, a, b].map(|t| self.broadcast(t, &shape, span));
        self.emit(Op::Select, &[&c, &a, &b], shape, Kind::Real, span)
    }

    /// A user's distribution has the methods that a combinator needs; another one is not asked.
    pub(super) fn demand_methods(
        &self,
        combinator: &str,
        d: &DistValue,
        methods: &[&str],
        at: Span,
    ) -> Result<()> {
        let DistKind::User { id, .. } = &d.kind else {
            return Ok(());
        };
        let user = &self.model.distributions[*id];
        let missing = |method: &&&str| match **method {
            "cdf" => user.cdf.is_none(),
            _ => user.quantile.is_none(),
        };
        let missing: Vec<&str> = methods.iter().filter(missing).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let written = |m: &&str| match *m {
            "cdf" => "`cdf(x) { … }`",
            _ => "`quantile(p) { … }`",
        };
        let add: Vec<&str> = missing.iter().map(written).collect();
        let named: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
        let none = match missing.len() {
            1 => "it has none",
            _ => "it has neither",
        };
        let error = TraceError::model(
            "odp::trace::cannot_wrap",
            format!(
                "`{combinator}` needs {} of `{}`",
                named.join(" and "),
                user.name
            ),
            at,
            none,
        )
        .label(user.span, format!("add {} here", add.join(" and ")));
        Err(error.help(
            "without it, draw from the distribution and state what is known: `condition x > a`",
        ))
    }
}
