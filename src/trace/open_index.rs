//! Gathers by an array of indices whose length depends on chance: `x[idx]`, `x[idx, j]`, `x[a..b, idx]`.
//!
//! ```text
//!   idx   i₀ i₁ i₂ … and a length      ──►   x[idx]   x[i₀] x[i₁] x[i₂] … and the same length
//! ```

use super::error::Result;
use super::index::At;
use super::machine::Machine;
use super::value::{Tensor, Value};
use crate::base::Span;

impl Machine<'_> {
    /// `v[args]` where one of the indices is such an array; `None` where none is.
    pub(super) fn index_open(
        &mut self,
        v: &Value,
        args: &[At],
        span: Span,
        of: Span,
    ) -> Result<Option<Value>> {
        let open = |(k, a): (usize, &At)| match a {
            At::One(index, at) if super::ragged::is_open(index) => Some((k, index.clone(), *at)),
            _ => None,
        };
        let Some((k, index, at)) = args.iter().enumerate().find_map(open) else {
            return Ok(None);
        };
        if k == 0 {
            return self
                .gather_open(v, index, &args[1..], at, span, of)
                .map(Some);
        }
        // What stands before it first, then each of the rows that are left.
        let before = self.index_value(v.clone(), &args[..k], span, of)?;
        let axes = axes_kept(&args[..k]);
        self.each_row(before, axes, &args[k..], span, of).map(Some)
    }

    fn each_row(
        &mut self,
        v: Value,
        axes: usize,
        rest: &[At],
        span: Span,
        of: Span,
    ) -> Result<Value> {
        if axes == 0 {
            return self.index_value(v, rest, span, of);
        }
        let walk = self.walk_of(&v, span)?;
        self.each_item(walk, span, |m, row| {
            m.each_row(row, axes - 1, rest, span, of)
        })
    }

    fn gather_open(
        &mut self,
        v: &Value,
        index: Value,
        rest: &[At],
        at: Span,
        span: Span,
        of: Span,
    ) -> Result<Value> {
        match index {
            Value::Choice(choice) => {
                let (c, a, b) = (*choice).clone();
                self.both(
                    c,
                    span,
                    |m| m.gather_open(v, a, rest, at, span, of),
                    |m| m.gather_open(v, b, rest, at, span, of),
                )
            }
            Value::Num(t) if t.is_scalar() => {
                let item = self.item_at(v, &t, at, of)?;
                match rest {
                    [] => Ok(item),
                    rest => self.index_value(item, rest, span, of),
                }
            }
            Value::Bottom => Ok(Value::Bottom),
            many => {
                let walk = self.walk_of(&many, at)?;
                self.each_item(walk, span, |m, i| m.gather_open(v, i, rest, at, span, of))
            }
        }
    }

    /// The element of an array at one evaluated index.
    fn item_at(&mut self, v: &Value, i: &Tensor, at: Span, of: Span) -> Result<Value> {
        match v {
            Value::Num(t) if t.shape.rank() > 0 => self.pick_at(t, &[(i.clone(), at)], at),
            Value::List(items) => self.random_item(&items.clone(), i, at),
            Value::Ragged(r) => self.ragged_at(&r.clone(), i, at),
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                self.both(
                    c,
                    at,
                    |m| m.item_at(&a, i, at, of),
                    |m| m.item_at(&b, i, at, of),
                )
            }
            Value::Bottom => Ok(Value::Bottom),
            other => {
                let n = self.number(other, of)?;
                Err(super::error::TraceError::model(
                    "odp::trace::not_indexable",
                    "only arrays can be indexed",
                    of,
                    format!("this is {}", super::words(&n)),
                ))
            }
        }
    }
}

/// How many axes some indices leave.
fn axes_kept(args: &[At]) -> usize {
    let kept = |a: &At| match a {
        At::Slice { .. } => 1,
        At::One(Value::Num(t), _) => t.shape.rank(),
        At::One(..) => 0,
    };
    args.iter().map(kept).sum()
}
