//! Assignment to elements, at known and at random indices.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::index::{Along, At};
use super::machine::{Machine, cell_tensor};
use super::value::{Cell, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span, counted};
use crate::ir::{BinaryFn, BinaryOp, Op, Place};

impl Machine<'_> {
    pub(super) fn assign_element(
        &mut self,
        place: Place,
        name: &str,
        indices: &[At],
        op: Option<BinaryOp>,
        new: Value,
        span: Span,
    ) -> Result<()> {
        if matches!(new, Value::Bottom) {
            return Ok(());
        }
        let old = self.get(place, span)?;
        let (Value::Num(whole), Value::Num(_)) = (&old, &new) else {
            return self.assign_list_element(place, name, indices, op, old, new, span);
        };
        let whole = whole.clone();
        drop(old);
        let mut along = Vec::with_capacity(indices.len());
        if indices.len() > whole.shape.rank() {
            return Err(TraceError::model(
                "odp::trace::too_many_indices",
                format!(
                    "{} for `{name}`, which is {}",
                    counted(indices.len(), "index", "indices"),
                    super::words(&whole)
                ),
                span,
                "assigned here",
            ));
        }
        for (k, a) in indices.iter().enumerate() {
            match self.along(a, &whole.shape, k, span)? {
                Some(x) => along.push(x),
                None => return Ok(()),
            }
        }
        if let Some(Along::Random(..)) = along.iter().find(|a| matches!(a, Along::Random(..))) {
            return self.assign_random(place, &whole, along, op, new, span);
        }
        along.extend(
            (indices.len()..whole.shape.rank())
                .map(|k| Along::Many((0..whole.shape.dims()[k]).collect())),
        );
        let positions = positions_tensor(&whole.shape);
        let chosen = self.known_gather(&positions, &along, span);
        let flat = chosen.known_ints().expect("positions are known");
        let value = match op {
            Some(op) => {
                let before = self.known_gather(&whole, &along, span);
                self.binary_values(op, Value::Num(before), new, span)?
            }
            None => new,
        };
        let value = self.number(&value, span)?;
        if value.shape.broadcast(&chosen.shape).as_ref() != Some(&chosen.shape) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!(
                    "{} cannot be assigned to a part of shape {}",
                    super::words(&value),
                    chosen.shape
                ),
                span,
                "assigned here",
            ));
        }
        let value = self.spread(&value, &chosen.shape, span);
        self.write_cells(place, whole, &flat, &value, span)
    }

    /// Writes cells in place where the array belongs to nobody else.
    fn write_cells(
        &mut self,
        place: Place,
        whole: Tensor,
        flat: &[i64],
        value: &Tensor,
        span: Span,
    ) -> Result<()> {
        let kind = whole.kind.max(value.kind);
        let new = self.cells_of(value, span);
        let owned = match (self.take(place), &self.mask) {
            (Some(Value::Num(t)), _) => {
                drop(whole);
                t
            }
            _ => whole,
        };
        let shape = owned.shape.clone();
        let mut cells = match owned.payload {
            Payload::Cells(cells) => cells,
            _ => Arc::new(self.cells_of(&owned, span)),
        };
        let mask = self.mask.filter(|_| !self.bound_here(place));
        let target = Arc::make_mut(&mut cells);
        for (&i, &cell) in flat.iter().zip(&new) {
            let i = i as usize;
            let old = target[i];
            target[i] = match mask {
                Some(m) if old != Cell::Unset => {
                    let (a, b) = (cell_tensor(cell, kind), cell_tensor(old, kind));
                    match self.merge(m, Value::Num(a), Value::Num(b), span)? {
                        Value::Num(t) => t.cells().expect("a scalar has cells")[0],
                        _ => unreachable!("numbers merge to numbers"),
                    }
                }
                _ => cell,
            };
        }
        let t = Tensor {
            shape,
            kind,
            payload: Payload::Cells(cells),
            missing: None,
        };
        self.put(place, Value::Num(t));
        Ok(())
    }

    /// Assignment at random indices: every element selects.
    fn assign_random(
        &mut self,
        place: Place,
        whole: &Tensor,
        along: Vec<Along>,
        op: Option<BinaryOp>,
        new: Value,
        span: Span,
    ) -> Result<()> {
        if let [Along::Random(index, at)] = &along[..]
            && index.shape.rank() == 1
        {
            return self.assign_each_random(place, index, op, new, *at, span);
        }
        let dims = whole.shape.dims().to_vec();
        let (mut here, mut kept) = (None, Vec::with_capacity(dims.len()));
        for (k, &n) in dims.iter().enumerate() {
            let (index, at) = match along.get(k) {
                None => {
                    kept.push(n);
                    continue;
                }
                Some(Along::One(i)) => (Tensor::int(*i as i64), span),
                Some(Along::Random(index, at)) if index.is_scalar() => (index.clone(), *at),
                Some(_) => {
                    return Err(TraceError::model(
                        "odp::trace::random_assignment",
                        "beside an index that depends on chance, the others are single numbers",
                        span,
                        "assigned here",
                    )
                    .help("assign element by element in a `for`"));
                }
            };
            kept.push(1);
            self.inside_or_fault(&index, n, at)?;
            let mut sizes = vec![1; dims.len()];
            sizes[k] = n;
            let positions = Tensor::ints((0..n as i64).collect::<Vec<_>>(), Shape(sizes));
            let equal = self.elementwise(BinaryFn::Eq, &positions, &index, Kind::Bool, at)?;
            here = Some(match here {
                None => equal,
                Some(before) => self.elementwise(BinaryFn::And, &before, &equal, Kind::Bool, at)?,
            });
        }
        let here = here.expect("one index is random");
        // The axes that are indexed are one long in what is assigned.
        let aligned = |t: Tensor| match t.shape.len() == kept.iter().product::<usize>() {
            true => t.reshaped(Shape(kept.clone())),
            false => t,
        };
        let new = self.number(&new, span)?;
        let new = Value::Num(aligned(new));
        let value = match op {
            Some(op) => self.binary_values(op, Value::Num(whole.clone()), new, span)?,
            None => new,
        };
        let value = self.number(&value, span)?;
        if value.shape.broadcast(&whole.shape).as_ref() != Some(&whole.shape) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!("{} cannot be assigned here", super::words(&value)),
                span,
                "assigned here",
            ));
        }
        let kind = whole.kind.max(value.kind);
        let value = self.broadcast(&value, &whole.shape, span);
        let here = self.broadcast(&here, &whole.shape, span);
        let merged = self.emit(
            Op::Select,
            &[&here, &value, whole],
            whole.shape.clone(),
            kind,
            span,
        );
        self.assign(place, Value::Num(merged), span)
    }

    /// `x[idx] = v` with an array of random indices: one after the other.
    fn assign_each_random(
        &mut self,
        place: Place,
        index: &Tensor,
        op: Option<BinaryOp>,
        new: Value,
        at: Span,
        span: Span,
    ) -> Result<()> {
        let n = index.shape.len();
        let values = match &new {
            Value::Num(t) if t.is_scalar() => vec![new.clone(); n],
            _ => self.parts_of(&new, span)?,
        };
        if values.len() != n {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!("{} values for {n} indices", values.len()),
                span,
                "assigned here",
            ));
        }
        for (k, value) in values.into_iter().enumerate() {
            let Value::Num(whole) = self.get(place, span)? else {
                unreachable!("the caller found numbers")
            };
            let one = self.pick(index, vec![k as u32], Shape::scalar(), at);
            self.assign_random(place, &whole, vec![Along::Random(one, at)], op, value, span)?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn assign_list_element(
        &mut self,
        place: Place,
        name: &str,
        indices: &[At],
        op: Option<BinaryOp>,
        old: Value,
        new: Value,
        span: Span,
    ) -> Result<()> {
        let mut items = match &old {
            Value::List(items) => items.to_vec(),
            Value::Num(t) if t.shape.rank() > 0 => self.parts_of(&old, span)?,
            other => {
                return Err(TraceError::model(
                    "odp::trace::not_indexable",
                    format!("elements of `{name}` cannot be assigned"),
                    span,
                    format!("it is {}", other.describe()),
                ));
            }
        };
        let shape = Shape::vector(items.len());
        let along = self.along(&indices[0], &shape, 0, span)?;
        if indices.len() > 1 {
            return Err(element_assignment(name, span));
        }
        let i = match along {
            Some(Along::One(i)) => i,
            Some(Along::Random(index, at)) if index.is_scalar() && op.is_none() => {
                for (k, item) in items.iter_mut().enumerate() {
                    let here = self.elementwise(
                        BinaryFn::Eq,
                        &index,
                        &Tensor::int(k as i64),
                        Kind::Bool,
                        at,
                    )?;
                    let c = self.node_of(&here, at);
                    *item = self.merge(c, new.clone(), item.clone(), span)?;
                }
                self.inside_or_fault(&index, items.len(), at)?;
                let whole = self.array_of(items, span)?;
                return self.assign(place, whole, span);
            }
            None => return Ok(()),
            _ => return Err(element_assignment(name, span)),
        };
        items[i] = match op {
            Some(op) => self.binary_values(op, items[i].clone(), new, span)?,
            None => new,
        };
        let whole = self.array_of(items, span)?;
        self.assign(place, whole, span)
    }

    fn bound_here(&mut self, place: Place) -> bool {
        let mask = self.mask;
        let (frame, i) = match place {
            Place::Global(i) => (&self.frames[0], i as usize),
            Place::Local(i) => (
                self.frames.last().expect("a frame is always open"),
                i as usize,
            ),
        };
        frame.masks[i] == mask
    }

    /// Puts a value back without touching the mask it was bound under.
    fn put(&mut self, place: Place, value: Value) {
        let (frame, i) = match place {
            Place::Global(i) => (&mut self.frames[0], i as usize),
            Place::Local(i) => (
                self.frames.last_mut().expect("a frame is always open"),
                i as usize,
            ),
        };
        frame.slots[i] = Some(value);
    }
}

fn element_assignment(name: &str, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::nested_assignment",
        format!("`{name}` holds values that are not numbers; one of them is assigned as a whole"),
        span,
        "this assigns inside of one, or several at once",
    )
    .help("build the new element first, then assign it by one index")
}

fn positions_tensor(shape: &Shape) -> Tensor {
    Tensor::ints((0..shape.len() as i64).collect::<Vec<_>>(), shape.clone())
}
