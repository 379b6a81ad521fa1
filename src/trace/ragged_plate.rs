//! Plates whose size depends on chance: element by element, each under the mask of the executions that have it.

use super::error::Result;
use super::machine::Machine;
use super::plate::mentions;
use super::value::{Kind, Payload, Ragged, Tensor, Value};
use crate::base::Span;
use crate::ir::{BinaryFn, Expr, Place, PlateIndex, SiteId};

/// What a plate does with one element, at its indices; the address is that of the element.
type Element<'a> = dyn FnMut(&mut Machine, &[i64]) -> Result<Value> + 'a;

impl Machine<'_> {
    /// Whether the number of elements is not known; the bounds are evaluated, not bound.
    pub(super) fn plate_depends_on_chance(&mut self, indices: &[PlateIndex]) -> Result<bool> {
        for index in indices {
            let (lo, hi) = (self.int_scalar(&index.lo)?, self.int_scalar(&index.hi)?);
            if [lo, hi]
                .iter()
                .any(|t| matches!(t.payload, Payload::Node(_)))
            {
                return Ok(true);
            }
            self.bind(index.place, Value::Num(Tensor::int(0)));
        }
        Ok(false)
    }

    pub(super) fn sample_ragged_plate(
        &mut self,
        place: Place,
        site: SiteId,
        plate: &[PlateIndex],
        dist: &Expr,
        label: &str,
        span: Span,
    ) -> Result<Value> {
        for index in plate {
            let lo = self.int_scalar(&index.lo)?;
            super::plate::from_first(&lo, index)?;
        }
        let chain = mentions(dist, &[place]) && plate.len() == 1;
        let mut drawn: Vec<Value> = Vec::new();
        self.over_plate(plate, &mut Vec::new(), span, &mut |m, index| {
            if chain {
                let so_far = m.array_of(drawn.clone(), span)?;
                m.bind(place, so_far);
            }
            let d = m.eval(dist)?;
            let parts: Vec<String> = index.iter().map(i64::to_string).collect();
            let name = format!("{label}[{}]", parts.join(","));
            let address = m.address.child(site as u64);
            let x = m.draw_value(d, &[address], &name, dist.span)?;
            if chain {
                drawn.push(x.clone());
            }
            Ok(x)
        })
    }

    pub(super) fn observe_ragged_plate(
        &mut self,
        value: &Expr,
        plate: &[PlateIndex],
        dist: &Expr,
        span: Span,
    ) -> Result<()> {
        self.over_plate(plate, &mut Vec::new(), span, &mut |m, index| {
            m.observe_element(value, index, dist, span)?;
            Ok(Value::Unit)
        })?;
        Ok(())
    }

    /// Walks over a plate, index by index; the array of what `f` gives.
    fn over_plate(
        &mut self,
        plate: &[PlateIndex],
        at: &mut Vec<i64>,
        span: Span,
        f: &mut Element,
    ) -> Result<Value> {
        let Some((index, rest)) = plate.split_first() else {
            self.step(span)?;
            return f(self, at);
        };
        let (lo, hi) = (self.int_scalar(&index.lo)?, self.int_scalar(&index.hi)?);
        let first = self.first_place(&lo, index.lo.span)?;
        let walk = match self.range_between(&Tensor::int(first), &hi, index.hi.span)? {
            Value::Ragged(r) => (*r).clone(),
            known => Ragged {
                items: self.parts_of(&known, span)?,
                length: Tensor::int(0),
            },
        };
        let random = walk.length.known_int().is_none();
        let before = self.mask;
        let mut values = Vec::with_capacity(walk.items.len());
        for (k, item) in walk.items.iter().enumerate() {
            if random && !self.enter_place(&walk.length, k, before, span)? {
                break;
            }
            let i = first + k as i64;
            if self.enter_from(&lo, i, span)? {
                self.bind(index.place, item.clone());
                self.address.push(i as u64);
                at.push(i);
                let value = self.over_plate(rest, at, span, f);
                at.pop();
                self.address.pop();
                values.push(value?);
            }
            self.mask = before;
        }
        if random {
            Ok(self.ragged(values, walk.length))
        } else {
            self.array_of(values, span)
        }
    }

    /// The lowest index that some execution may begin at; one that begins below it is at fault.
    fn first_place(&mut self, lo: &Tensor, span: Span) -> Result<i64> {
        if let Some(first) = lo.known_int() {
            return Ok(first);
        }
        let first = self.lowest_of(lo).unwrap_or(0).max(0);
        let below = self.elementwise(BinaryFn::Lt, lo, &Tensor::int(first), Kind::Bool, span)?;
        if let Payload::Node(id) = below.payload {
            self.fault_where(id, "a plate begins below index 0".into(), span);
        }
        Ok(first)
    }

    /// Narrows the mask to the executions whose plate has begun at index i; false where none has.
    fn enter_from(&mut self, lo: &Tensor, i: i64, span: Span) -> Result<bool> {
        if let Some(first) = lo.known_int() {
            return Ok(first <= i);
        }
        let begun = self.elementwise(BinaryFn::Le, lo, &Tensor::int(i), Kind::Bool, span)?;
        let c = self.node_of(&begun, span);
        match self.implied(c) {
            Some(begun) => return Ok(begun),
            None => self.mask = Some(self.and_mask(self.mask, c, span)),
        }
        Ok(true)
    }
}
