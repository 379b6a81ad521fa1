//! Arrays whose length depends on chance.
//!
//! ```text
//!   items   x₀ x₁ x₂ … x_B     one value for each place, drawn or computed under the mask `length > i`
//!   length  n                  how many of them an execution has
//! ```
//! Walks over them (`for`, comprehensions, `map`, `fold`) go place by place under that mask. Elementwise operations and
//! sums work on the places directly; for everything else the array is opened into a choice by length.

use std::sync::Arc;

use super::error::Result;
use super::graph::NodeId;
use super::machine::Machine;
use super::value::{Kind, Payload, Ragged, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, Op, ReduceFn};

/// Lengths that a distribution bounds are followed to the end up to here, whatever the unrolling bound says.
pub(super) const BOUNDED: i64 = 128;

/// What is walked through in order. `length`: how many of the items an execution has, where that depends on chance.
pub(super) struct Walk {
    pub items: Vec<Value>,
    pub length: Option<Tensor>,
}

/// What is done with the values at one place of one or two arrays.
type EachPlace<'a> = dyn FnMut(&mut Machine, Value, Option<Value>) -> Result<Value> + 'a;

impl Machine<'_> {
    /// The condition and the two sides of a value that is one of several.
    pub(super) fn opened(
        &mut self,
        v: &Value,
        span: Span,
    ) -> Result<Option<(NodeId, Value, Value)>> {
        match v {
            Value::Choice(choice) => Ok(Some((**choice).clone())),
            Value::Ragged(r) => match self.by_length(&r.clone(), span)? {
                Value::Choice(choice) => Ok(Some((*choice).clone())),
                // Its distribution leaves one length only.
                one => {
                    let any = self
                        .graph
                        .constant_node([1.0].into(), Shape::scalar(), span);
                    Ok(Some((any, one.clone(), one)))
                }
            },
            Value::List(items) => {
                let Some(i) = items.iter().position(is_open) else {
                    return Ok(None);
                };
                let Some((c, a, b)) = self.opened(&items[i], span)? else {
                    return Ok(None);
                };
                let mut with = |v: Value| {
                    let mut items = items.to_vec();
                    items[i] = v;
                    self.array_of(items, span)
                };
                Ok(Some((c, with(a)?, with(b)?)))
            }
            _ => Ok(None),
        }
    }

    /// A choice by length: nothing, one element, two elements, …
    fn by_length(&mut self, r: &Ragged, span: Span) -> Result<Value> {
        let longest = r.items.len();
        let shortest = self.lowest_of(&r.length).unwrap_or(0).max(0) as usize;
        let mut result = self.array_of(r.items.clone(), span)?;
        for n in (shortest..longest).rev() {
            let here = self.elementwise(
                BinaryFn::Eq,
                &r.length,
                &Tensor::int(n as i64),
                Kind::Bool,
                span,
            )?;
            let c = self.node_of(&here, span);
            let shorter = self.array_of(r.items[..n].to_vec(), span)?;
            result = Value::Choice(Arc::new((c, shorter, result)));
        }
        Ok(result)
    }

    /// How far a length that depends on chance is followed; executions that need more overflow.
    pub(super) fn longest(&mut self, length: &Tensor, span: Span) -> Result<usize> {
        let Payload::Node(id) = length.payload else {
            return Ok(length.known_int().unwrap_or(0).max(0) as usize);
        };
        if let Some(top) = self.graph.highest(id).filter(|top| *top <= BOUNDED) {
            return Ok(top.max(0) as usize);
        }
        let bound = self.limits.unroll;
        let beyond = self.elementwise(
            BinaryFn::Gt,
            length,
            &Tensor::int(bound as i64),
            Kind::Bool,
            span,
        )?;
        let beyond = self.node_of(&beyond, span);
        let mask = self.and_mask(self.mask, beyond, span);
        self.overflow(mask, span);
        Ok(bound)
    }

    /// `a..b` as an array.
    pub(super) fn range_between(&mut self, a: &Tensor, b: &Tensor, span: Span) -> Result<Value> {
        if let (Some(a), Some(b)) = (a.known_int(), b.known_int()) {
            let n = usize::try_from(b.saturating_sub(a)).unwrap_or(0);
            self.room_for(n, span)?;
            let all: Vec<i64> = (a..b.max(a)).collect();
            return Ok(Value::Num(Tensor::ints(all, Shape::vector(n))));
        }
        let width = if a.known_int() == Some(0) {
            b.clone()
        } else {
            self.elementwise(BinaryFn::Sub, b, a, Kind::Int, span)?
        };
        let length = self.not_negative(&width, span)?;
        let mut items = Vec::new();
        for i in 0..self.longest(&length, span)? as i64 {
            items.push(Value::Num(match a.known_int() {
                Some(a) => Tensor::int(a + i),
                None => self.elementwise(BinaryFn::Add, a, &Tensor::int(i), Kind::Int, span)?,
            }));
        }
        Ok(self.ragged(items, length))
    }

    fn not_negative(&mut self, n: &Tensor, span: Span) -> Result<Tensor> {
        if let Payload::Node(id) = n.payload
            && self.graph.lowest(id).is_some_and(|low| low >= 0)
        {
            return Ok(n.clone());
        }
        self.elementwise(BinaryFn::Max, n, &Tensor::int(0), Kind::Int, span)
    }

    /// A size given by an expression: known, or an array of as many places as it can have; negative ones are at fault.
    pub(super) fn random_size(&mut self, n: &Tensor, span: Span) -> Result<usize> {
        let negative = self.elementwise(BinaryFn::Lt, n, &Tensor::int(0), Kind::Bool, span)?;
        if let Payload::Node(id) = negative.payload
            && !matches!(n.payload, Payload::Node(n) if self.graph.lowest(n).is_some_and(|l| l >= 0))
        {
            self.fault_where(id, "a size is negative".into(), span);
        }
        self.longest(n, span)
    }

    pub(super) fn ragged(&self, items: Vec<Value>, length: Tensor) -> Value {
        match length.known_int() {
            Some(_) => unreachable!("an array of known length is no ragged one"),
            None => Value::Ragged(Arc::new(Ragged { items, length })),
        }
    }

    /// The items of an array along its first axis, or the parts of a tuple.
    pub(super) fn walk_of(&mut self, v: &Value, span: Span) -> Result<Walk> {
        match v {
            Value::Ragged(r) => Ok(Walk {
                items: r.items.clone(),
                length: Some(r.length.clone()),
            }),
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                let (a, b) = match self.implied(c) {
                    Some(true) => return self.walk_of(&a, span),
                    Some(false) => return self.walk_of(&b, span),
                    None => (self.walk_of(&a, span)?, self.walk_of(&b, span)?),
                };
                self.joined(c, a, b, span)
            }
            _ => Ok(Walk {
                items: self.parts_of(v, span)?,
                length: None,
            }),
        }
    }

    fn joined(&mut self, c: NodeId, a: Walk, b: Walk, span: Span) -> Result<Walk> {
        let count = |w: &Walk| match &w.length {
            Some(n) => n.clone(),
            None => Tensor::int(w.items.len() as i64),
        };
        let Value::Num(length) =
            self.merge(c, Value::Num(count(&a)), Value::Num(count(&b)), span)?
        else {
            unreachable!("numbers merge to numbers")
        };
        let mut items = Vec::with_capacity(a.items.len().max(b.items.len()));
        for i in 0..a.items.len().max(b.items.len()) {
            items.push(match (a.items.get(i), b.items.get(i)) {
                (Some(x), Some(y)) => self.merge(c, x.clone(), y.clone(), span)?,
                (Some(x), None) | (None, Some(x)) => x.clone(),
                (None, None) => unreachable!("i is below the longer one's length"),
            });
        }
        let length = Some(length).filter(|n| n.known_int().is_none());
        Ok(Walk { items, length })
    }

    /// The array of `f` over a walk, each item at an address of its own and under its own mask.
    pub(super) fn each_item(
        &mut self,
        walk: Walk,
        span: Span,
        mut f: impl FnMut(&mut Self, Value) -> Result<Value>,
    ) -> Result<Value> {
        let before = self.mask;
        let mut values = Vec::with_capacity(walk.items.len());
        for (i, item) in walk.items.into_iter().enumerate() {
            self.step(span)?;
            if let Some(n) = &walk.length
                && !self.enter_place(n, i, before, span)?
            {
                break;
            }
            self.address.push(i as u64 ^ (u64::from(span.start) << 32));
            let value = f(self, item);
            self.address.pop();
            self.mask = before;
            values.push(value?);
        }
        match walk.length {
            Some(length) => Ok(self.ragged(values, length)),
            None => self.array_of(values, span),
        }
    }

    /// Narrows the mask to the executions that have a place i; false where none does.
    pub(super) fn enter_place(
        &mut self,
        length: &Tensor,
        i: usize,
        before: Option<NodeId>,
        span: Span,
    ) -> Result<bool> {
        let inside = self.elementwise(
            BinaryFn::Gt,
            length,
            &Tensor::int(i as i64),
            Kind::Bool,
            span,
        )?;
        let Payload::Node(c) = inside.payload else {
            return Ok(inside.known_scalar() == Some(1.0));
        };
        self.mask = before;
        match self.implied(c) {
            Some(inside) => return Ok(inside),
            None => self.mask = Some(self.and_mask(before, c, span)),
        }
        Ok(true)
    }

    /// The value of `f` for every value that a whole number can have, each under its mask.
    pub(super) fn by_value(
        &mut self,
        n: &Tensor,
        span: Span,
        f: &mut dyn FnMut(&mut Self, i64) -> Result<Value>,
    ) -> Result<Value> {
        let low = self.lowest_of(n).unwrap_or(0);
        let high = if n.kind == Kind::Bool {
            1
        } else {
            let above = self.elementwise(BinaryFn::Sub, n, &Tensor::int(low), Kind::Int, span)?;
            low + self.random_size(&above, span)? as i64
        };
        let before = self.mask;
        let mut result = Value::Bottom;
        for k in (low..=high).rev() {
            let here = self.elementwise(BinaryFn::Eq, n, &Tensor::int(k), Kind::Bool, span)?;
            let c = self.node_of(&here, span);
            match self.implied(c) {
                Some(true) => return f(self, k),
                Some(false) => continue,
                None => {}
            }
            self.mask = Some(self.and_mask(before, c, span));
            let value = f(self, k);
            self.mask = before;
            result = self.merge(c, value?, result, span)?;
        }
        Ok(result)
    }

    /// Sizes that do not fit where chance decides them: those executions are at fault that have such sizes, and where
    /// none can have them nothing is wrong.
    pub(super) fn misfit(&mut self, f: impl FnOnce(&mut Self) -> Result<Value>) -> Result<Value> {
        const OF_SIZES: [&str; 4] = [
            "odp::trace::shape_mismatch",
            "odp::trace::not_square",
            "odp::trace::empty",
            "odp::trace::index_out_of_range",
        ];
        let here = self.mask;
        match f(self) {
            Err(error) if OF_SIZES.contains(&error.report.code) => {
                let value = self.fault(error);
                self.mask = here;
                value
            }
            other => other,
        }
    }

    // ---- operations that stay on the places ----

    /// A reduction of all elements of an array of random length, where every place is a number.
    pub(super) fn reduced_ragged(
        &mut self,
        f: ReduceFn,
        r: &Ragged,
        span: Span,
    ) -> Result<Option<Tensor>> {
        let neutral = match f {
            ReduceFn::Sum | ReduceFn::Any => 0.0,
            ReduceFn::Prod | ReduceFn::All => 1.0,
            ReduceFn::LogSumExp => f64::NEG_INFINITY,
            _ => return Ok(None),
        };
        let mut cells = Vec::with_capacity(r.items.len());
        let mut kind = Kind::Int;
        for (i, item) in r.items.iter().enumerate() {
            let Value::Num(x) = item else { return Ok(None) };
            if !x.is_scalar() {
                return Ok(None);
            }
            kind = kind.max(x.kind);
            let inside = self.elementwise(
                BinaryFn::Gt,
                &r.length,
                &Tensor::int(i as i64),
                Kind::Bool,
                span,
            )?;
            let padding = Tensor {
                kind: x.kind,
                ..Tensor::real(neutral)
            };
            cells.push(self.emit(
                Op::Select,
                &[&inside, x, &padding],
                Shape::scalar(),
                x.kind,
                span,
            ));
        }
        let kind = match f {
            ReduceFn::Any | ReduceFn::All => Kind::Bool,
            ReduceFn::LogSumExp => Kind::Real,
            _ => kind,
        };
        let all = self.pack(&cells, Shape::vector(cells.len()), kind, span);
        Ok(Some(self.reduce_all(f, &all, kind, span)))
    }

    /// `f` of the places of one or two arrays of the same random length, or of one and a number.
    pub(super) fn place_by_place(
        &mut self,
        a: &Value,
        b: Option<&Value>,
        f: &mut EachPlace,
    ) -> Result<Option<Value>> {
        let (items, others, length) = match (a, b) {
            (Value::Ragged(x), None) => (x.items.clone(), vec![None; x.items.len()], &x.length),
            (Value::Ragged(x), Some(Value::Ragged(y))) if same_node(&x.length, &y.length) => {
                let others = y.items.iter().cloned().map(Some).collect();
                (x.items.clone(), others, &x.length)
            }
            (Value::Ragged(x), Some(y @ Value::Num(t))) if t.is_scalar() => (
                x.items.clone(),
                vec![Some(y.clone()); x.items.len()],
                &x.length,
            ),
            (Value::Num(t), Some(Value::Ragged(y))) if t.is_scalar() => (
                vec![a.clone(); y.items.len()],
                y.items.iter().cloned().map(Some).collect(),
                &y.length,
            ),
            _ => return Ok(None),
        };
        let mut out = Vec::with_capacity(items.len());
        for (x, y) in items.into_iter().zip(others) {
            out.push(f(self, x, y)?);
        }
        Ok(Some(self.ragged(out, length.clone())))
    }

    pub(super) fn highest_of(&self, t: &Tensor) -> Option<i64> {
        match t.payload {
            Payload::Node(id) => self.graph.highest(id),
            _ => t.known_int(),
        }
    }

    pub(super) fn lowest_of(&self, t: &Tensor) -> Option<i64> {
        match t.payload {
            Payload::Node(id) => self.graph.lowest(id),
            _ => t.known_int(),
        }
    }
}

/// Whether chance decides what a value is, beyond its numbers.
pub(super) fn is_open(v: &Value) -> bool {
    match v {
        Value::Choice(_) | Value::Ragged(_) => true,
        Value::List(items) => items.iter().any(is_open),
        _ => false,
    }
}

fn same_node(a: &Tensor, b: &Tensor) -> bool {
    matches!((&a.payload, &b.payload), (Payload::Node(a), Payload::Node(b)) if a == b)
}
