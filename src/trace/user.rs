//! Users' distributions: scored by their own `log_prob`.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{FnValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::ReduceFn;

impl Machine<'_> {
    /// The log-density of a value. An array under a distribution over numbers is scored element by element.
    pub(super) fn log_prob_user(
        &mut self,
        id: usize,
        args: &[Value],
        x: &Value,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let model = self.model;
        let user = &model.distributions[id];
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
        let f = Value::Fn(Arc::new(FnValue::Closure {
            id: function,
            captured: Vec::new(),
        }));
        let shape = match x {
            Value::Num(t) if user.over_numbers && !t.is_scalar() => t.shape.clone(),
            _ => return self.score_with(&f, args, x.clone(), span),
        };
        let scores = self.elementwise_by(function, args, &shape, x, span)?;
        Ok(match each {
            true => scores,
            false => self.reduce_all(ReduceFn::Sum, &scores, Kind::Real, span),
        })
    }

    /// A method's value at each element of an array: at once where its body is a plain expression, else one by one.
    pub(super) fn elementwise_by(
        &mut self,
        function: crate::ir::FnId,
        args: &[Value],
        shape: &Shape,
        x: &Value,
        span: Span,
    ) -> Result<Tensor> {
        let body = &self.model.functions[function].body;
        let value = body.value.as_deref();
        let plain = body.stmts.is_empty() && value.is_some_and(super::plate::is_plain);
        let f = Value::Fn(Arc::new(FnValue::Closure {
            id: function,
            captured: Vec::new(),
        }));
        if plain {
            let all = self.score_with(&f, args, x.clone(), span)?;
            if all.shape == *shape {
                return Ok(all);
            }
        }
        self.scores_apart(&f, args, x, shape, span)
    }

    fn scores_apart(
        &mut self,
        f: &Value,
        args: &[Value],
        x: &Value,
        shape: &Shape,
        span: Span,
    ) -> Result<Tensor> {
        let t = self.number(x, span)?;
        let mut scores = Vec::with_capacity(shape.len());
        for i in 0..shape.len() {
            self.step(span)?;
            let one = self.pick(&t, vec![i as u32], Shape::scalar(), span);
            scores.push(self.score_with(f, args, Value::Num(one), span)?);
        }
        Ok(self.pack(&scores, shape.clone(), Kind::Real, span))
    }

    fn score_with(&mut self, f: &Value, args: &[Value], x: Value, span: Span) -> Result<Tensor> {
        let mut args = args.to_vec();
        args.push(x);
        let v = self.call(f, args, span)?;
        self.number(&v, span)
    }
}
