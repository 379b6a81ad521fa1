//! Calls: frames, arguments, `return`s, and recursion that is unrolled to a bound.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::{Frame, Machine};
use super::value::{FnValue, Kind, Value};
use crate::base::{Span, counted};
use crate::ir::{CLOSURE, FnId};

/// A call that finds less stack left than this gets more.
const STACK_LEFT: usize = 256 << 10;
const STACK_MORE: usize = 4 << 20;

impl Machine<'_> {
    pub(super) fn closure(&mut self, id: FnId, span: Span) -> Result<Value> {
        let model = self.model;
        let mut captured = Vec::with_capacity(model.functions[id].captures.len());
        for (from, slot) in &model.functions[id].captures {
            captured.push((*slot, self.get(*from, span)?));
        }
        let closure = Value::Fn(Arc::new(FnValue::Closure { id, captured }));
        if !model.functions[id].memo {
            return Ok(closure);
        }
        // A `memo fn` has one table however often its name is used, a closure one wherever it is made.
        let table = match model.functions[id].name.as_str() {
            CLOSURE => self.address.child(u64::from(span.start) << 20 ^ id as u64),
            _ => id as u128,
        };
        Ok(Value::Fn(Arc::new(FnValue::Memo {
            inner: closure,
            table,
        })))
    }

    /// Calls a function value.
    pub(super) fn call(&mut self, f: &Value, args: Vec<Value>, span: Span) -> Result<Value> {
        if args.iter().any(|a| matches!(a, Value::Bottom)) {
            return Ok(Value::Bottom);
        }
        match f {
            Value::Fn(f) => match &**f {
                FnValue::Builtin(b) => self.call_builtin(*b, args, Vec::new(), span),
                FnValue::Network { network, constants } => {
                    self.call_network(network, constants, args, span)
                }
                FnValue::Posterior {
                    posterior,
                    inputs,
                    constants,
                } => self.call_posterior(posterior, inputs, constants, &args, span),
                FnValue::Memo { inner, table } => {
                    self.call_memo(&inner.clone(), *table, args, span)
                }
                FnValue::Closure { .. } => self.call_closure(f, args, span.start, span),
            },
            Value::Bottom => Ok(Value::Bottom),
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                self.both(
                    c,
                    span,
                    |m| m.call(&a, args.clone(), span),
                    |m| m.call(&b, args.clone(), span),
                )
            }
            other => Err(TraceError::model(
                "odp::trace::not_a_function",
                "only functions can be called",
                span,
                format!("this is {}", other.describe()),
            )),
        }
    }

    /// The value of the first where the node is true, of the second elsewhere, each under its mask.
    pub(super) fn both(
        &mut self,
        c: super::graph::NodeId,
        span: Span,
        first: impl FnOnce(&mut Self) -> Result<Value>,
        second: impl FnOnce(&mut Self) -> Result<Value>,
    ) -> Result<Value> {
        match self.implied(c) {
            Some(true) => return first(self),
            Some(false) => return second(self),
            None => {}
        }
        let before = self.mask;
        self.mask = Some(self.and_mask(before, c, span));
        let a = first(self)?;
        let not = self.not_mask(c, span);
        self.mask = Some(self.and_mask(before, not, span));
        let b = second(self)?;
        self.mask = before;
        self.merge(c, a, b, span)
    }

    /// Calls a closure. `site` keeps the noise of its calls apart.
    pub(super) fn call_closure(
        &mut self,
        f: &Arc<FnValue>,
        args: Vec<Value>,
        site: u32,
        span: Span,
    ) -> Result<Value> {
        let FnValue::Closure { id, captured } = &**f else {
            unreachable!("the callers matched it")
        };
        let id = *id;
        self.step(span)?;
        let function = &self.model.functions[id];
        if args.len() != function.params.len() {
            let message = format!(
                "`{}` takes {}, and {} given",
                function.name,
                counted(function.params.len(), "argument", "arguments"),
                counted(args.len(), "is", "are")
            );
            return Err(TraceError::model(
                "odp::trace::arity",
                message,
                span,
                "called here",
            ));
        }
        if self.frames.len() > self.limits.max_depth {
            return Err(self.too_deep(id, span));
        }
        if self.unrolled_out(id, span) {
            return Ok(Value::Bottom);
        }
        let mask = self.mask;
        let mut slots = vec![None; function.n_locals.max(args.len())];
        for (slot, value) in captured {
            slots[*slot as usize] = Some(value.clone());
        }
        let masks = vec![mask; slots.len()];
        self.frames.push(Frame {
            slots,
            masks,
            returned: None,
            function: Some(f.clone()),
        });
        self.active.entry(id).or_default().push(mask);
        self.address.push(u64::from(site) << 16 ^ id as u64);
        let departed = std::mem::take(&mut self.departed);
        let returns = std::mem::take(&mut self.returns);
        let loops = std::mem::take(&mut self.loop_departures);
        // Recursion of the program is recursion here: the stack grows with it.
        let result = stacker::maybe_grow(STACK_LEFT, STACK_MORE, || self.body(id, args, span));
        self.departed = departed;
        self.returns = returns;
        self.loop_departures = loops;
        self.address.pop();
        self.active.get_mut(&id).expect("entered above").pop();
        self.frames.pop();
        self.mask = mask;
        result
    }

    fn body(&mut self, id: FnId, args: Vec<Value>, span: Span) -> Result<Value> {
        let model = self.model;
        let function = &model.functions[id];
        for (param, value) in function.params.iter().zip(args) {
            let value = self.annotated(value, param, span)?;
            self.bind_pattern(&param.pattern, value, span)?;
        }
        let (_, value) = self.block(&function.body)?;
        let returned = self
            .frames
            .last_mut()
            .expect("the call's frame")
            .returned
            .take();
        match (returned, value, self.mask) {
            (None, value, _) => Ok(value),
            (Some(returned), Value::Bottom, _) => Ok(returned),
            (Some(returned), value, Some(rest)) => self.merge(rest, value, returned, span),
            (Some(_), value, None) => Ok(value),
        }
    }

    /// An int passed where `real` is annotated becomes one.
    fn annotated(&mut self, value: Value, param: &crate::ir::Param, span: Span) -> Result<Value> {
        match (&param.ty, value) {
            (Some(crate::ir::Type::Real), Value::Num(t)) if t.kind == Kind::Int => {
                Ok(Value::Num(self.as_reals(t, span)))
            }
            (_, v) => Ok(v),
        }
    }

    /// Whether a recursion that depends on chance has used up its bound; its executions overflow then.
    fn unrolled_out(&mut self, id: FnId, span: Span) -> bool {
        let Some(mask) = self.mask else { return false };
        let Some(running) = self.active.get(&id) else {
            return false;
        };
        let by_chance = running.windows(2).filter(|w| w[0] != w[1]).count()
            + usize::from(running.last() != Some(&self.mask) && !running.is_empty());
        if by_chance <= self.limits.unroll {
            return false;
        }
        self.overflow(mask, span);
        true
    }

    fn too_deep(&self, id: FnId, span: Span) -> TraceError {
        let function = &self.model.functions[id];
        TraceError::limit(
            "odp::limit::depth",
            format!(
                "`{}` is called more than {} deep",
                function.name, self.limits.max_depth
            ),
            span,
            "the call that goes too deep",
        )
        .label(function.span, "this function")
        .help("does this recursion end? raise the limit with --max-depth if it does")
    }
}
