//! Draws and observations: what a distribution gives, and what can have come from it.

use super::super::mismatch::Mismatch;
use super::super::types::{Size, Ty, Value, broadcast};
use super::{Arg, Infer};
use crate::ir::{Expr, Extent, PlateIndex};

impl Infer<'_> {
    /// The type of a draw.
    pub(super) fn drawn_from(&mut self, dist: &Arg) -> Ty {
        self.values_of(dist, "`sample`").unwrap_or(Ty::Any)
    }

    /// What a distribution, or an array of them, is over; `None` where that is not known or it is none.
    pub(super) fn values_of(&mut self, dist: &Arg, place: &str) -> Option<Ty> {
        match dist.value.ty.parts() {
            (Ty::Dist { value, .. }, sizes) => Some(Ty::array((**value).clone(), sizes.to_vec())),
            (Ty::Any | Ty::Never, _) => None,
            _ => {
                let (seen, place) = (self.seen(dist), place.to_string());
                self.tell(Mismatch::NotDistribution { seen, place });
                None
            }
        }
    }

    /// `observe value[plate] ~ dist`.
    pub(super) fn observe(&mut self, value: &Expr, plate: &[PlateIndex], dist: &Expr) {
        let whole = self.arg(value);
        let sizes = self.plate(plate);
        let element = Arg {
            value: Value::of(self.without_axes(&whole, &sizes)).from(&[&whole.value]),
            ..whole
        };
        self.conditional += usize::from(!plate.is_empty());
        let dist = self.arg(dist);
        self.conditional -= usize::from(!plate.is_empty());
        self.not_random(&element, &dist);
        self.could_come_from(&element, &dist, "`observe`");
    }

    /// The type of one element of a plate's array.
    fn without_axes(&mut self, whole: &Arg, plate: &[Size]) -> Ty {
        if plate.is_empty() {
            return whole.value.ty.clone();
        }
        match &whole.value.ty {
            Ty::Any | Ty::Never => Ty::Any,
            Ty::Array(element, sizes) if sizes.len() >= plate.len() => {
                for (run, size) in plate.iter().zip(sizes) {
                    self.plate_inside(whole, run, size);
                }
                Ty::array((**element).clone(), sizes[plate.len()..].to_vec())
            }
            Ty::Array(..) => {
                let seen = self.seen(whole);
                self.tell(Mismatch::TooManyIndices {
                    seen,
                    given: plate.len(),
                });
                Ty::Any
            }
            _ => {
                let seen = self.seen(whole);
                self.tell(Mismatch::NotArray {
                    seen,
                    place: "a plate of observations".into(),
                });
                Ty::Any
            }
        }
    }

    fn plate_inside(&mut self, whole: &Arg, run: &Size, size: &Size) {
        if let (Some(Extent::Known(run)), Some(Extent::Known(size))) = (run, size)
            && run > size
            && self.conditional == 0
        {
            let (seen, size) = (self.seen(whole), *size);
            let (index, span) = (*run as i64 - 1, whole.span);
            self.tell(Mismatch::IndexRange {
                seen,
                index,
                size,
                span,
            });
        }
    }

    fn not_random(&mut self, value: &Arg, dist: &Arg) {
        if let Some(drawn) = value.value.random {
            let (seen, dist) = (self.seen(value), self.seen(dist));
            self.tell(Mismatch::ObserveRandom { seen, dist, drawn });
        }
    }

    /// Reports a value that cannot have come from a distribution: of another kind, or another shape.
    pub(super) fn could_come_from(&mut self, value: &Arg, dist: &Arg, place: &str) {
        let Some(over) = self.values_of(dist, place) else {
            return;
        };
        let (have, give) = (value.value.ty.clone(), over.clone());
        let ((x, m), (y, n)) = (have.parts(), give.parts());
        if x.is_open() || y.is_open() {
            return;
        }
        if !kinds_fit(x, y) {
            let (seen, dist) = (self.seen(value), self.seen(dist));
            return self.tell(Mismatch::ObserveKind {
                seen,
                dist,
                value: over,
            });
        }
        if n.len() > m.len() || !covers(m, n) {
            let (seen, dist) = (self.seen(value), self.seen(dist));
            self.tell(Mismatch::ObserveShape {
                seen,
                dist,
                value: over,
            });
        }
    }

    /// The shape of a value and a distribution's values together.
    pub(super) fn alongside(&mut self, value: &Arg, dist: &Arg, place: &str) -> Option<Vec<Size>> {
        let over = self.values_of(dist, place)?;
        let (_, m) = self.numeric_or_bool(value, place)?;
        match over.parts() {
            (Ty::Any | Ty::Never, _) => None,
            (_, n) => self.stretch(value, dist, &m, n, place),
        }
    }

    fn numeric_or_bool(&mut self, value: &Arg, place: &str) -> Option<(Ty, Vec<Size>)> {
        match value.value.ty.parts() {
            (Ty::Bool, sizes) => Some((Ty::Bool, sizes.to_vec())),
            _ => self.numeric(value, place),
        }
    }
}

/// Whether values of kind `x` can come from a distribution over `y`.
fn kinds_fit(x: &Ty, y: &Ty) -> bool {
    match (x, y) {
        (Ty::Int | Ty::Real, Ty::Real) | (Ty::Int, Ty::Int) | (Ty::Bool, Ty::Bool) => true,
        (Ty::Int | Ty::Real | Ty::Bool, Ty::Int | Ty::Real | Ty::Bool) => false,
        (Ty::Str | Ty::Fn(_) | Ty::Dist { .. } | Ty::Unit, Ty::Int | Ty::Real | Ty::Bool) => false,
        (Ty::Tuple(_) | Ty::Record(_), Ty::Int | Ty::Real | Ty::Bool) => false,
        _ => true,
    }
}

/// Whether a distribution's axes repeat along a value's.
fn covers(value: &[Size], dist: &[Size]) -> bool {
    let behind = &value[value.len() - dist.len()..];
    broadcast(behind, dist).is_ok()
        && !behind
            .iter()
            .zip(dist)
            .any(|pair| matches!(pair, (Some(Extent::Known(1)), Some(Extent::Known(n))) if *n > 1))
}
