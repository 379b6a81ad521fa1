//! Names for values: patterns and assignments.

use super::super::mismatch::Mismatch;
use super::super::types::{Ty, Value, broadcast};
use super::{Arg, Infer};
use crate::base::Span;
use crate::ir::{BinaryOp, Expr, ExprKind, Extent, IndexArg, Pattern, Place};

impl Infer<'_> {
    /// Takes a value apart.
    pub(super) fn bind(&mut self, pattern: &Pattern, arg: &Arg) {
        match pattern {
            Pattern::Slot(place) => self.write(*place, arg.value.clone()),
            Pattern::Discard => {}
            Pattern::Tuple(parts, span) => self.bind_tuple(parts, *span, arg),
            Pattern::Record(fields, span) => self.bind_record(fields, *span, arg),
        }
    }

    fn bind_tuple(&mut self, parts: &[Pattern], span: Span, arg: &Arg) {
        let n = parts.len();
        let types: Vec<Ty> = match &arg.value.ty {
            Ty::Tuple(types) if types.len() == n => types.clone(),
            Ty::Array(_, sizes) if !matches!(sizes[0], Some(Extent::Known(k)) if k != n) => {
                vec![arg.value.ty.element(); n]
            }
            Ty::Any | Ty::Never => vec![Ty::Any; n],
            _ => {
                self.unfitting(&format!("a pattern of {n} parts"), span, arg);
                vec![Ty::Any; n]
            }
        };
        for (part, ty) in parts.iter().zip(types) {
            self.bind(
                part,
                &Arg {
                    value: Value::of(ty).from(&[&arg.value]),
                    ..*arg
                },
            );
        }
    }

    fn bind_record(&mut self, fields: &[(String, Pattern)], span: Span, arg: &Arg) {
        for (name, part) in fields {
            let ty = match &arg.value.ty {
                Ty::Record(have) => have
                    .iter()
                    .find(|(n, _)| n == name)
                    .map(|(_, ty)| ty.clone()),
                Ty::Any | Ty::Never => Some(Ty::Any),
                _ => None,
            };
            let ty = ty.unwrap_or_else(|| {
                let (seen, field) = (self.seen(arg), name.clone());
                self.tell(Mismatch::NoField { seen, field, span });
                Ty::Any
            });
            let value = Value::of(ty).from(&[&arg.value]);
            self.bind(part, &Arg { value, ..*arg });
        }
    }

    fn unfitting(&mut self, what: &str, span: Span, arg: &Arg) {
        let error = Mismatch::Pattern {
            seen: self.seen(arg),
            what: what.into(),
            span,
        };
        self.tell(error);
    }

    pub(super) fn assign(
        &mut self,
        place: Place,
        span: Span,
        indices: &[IndexArg],
        op: Option<BinaryOp>,
        value: &Expr,
    ) {
        let value = self.arg(value);
        let target = Expr {
            kind: ExprKind::Place(place),
            span,
        };
        let current = Arg {
            value: self.read(place),
            span,
            expr: Some(&target),
        };
        let whole = indices.is_empty();
        let part = match whole {
            true => current.clone(),
            false => Arg {
                value: self.index(&current, indices, span),
                ..current
            },
        };
        let new = match op {
            Some(op) => Arg {
                value: self.binary(op, &part, &value),
                ..value
            },
            None => value,
        };
        if !self.keeps_kind(place, &current, &new) {
            return;
        }
        let before = current.value;
        let after = if whole {
            before.clone().join(Value {
                known: None,
                random: None,
                ..new.value
            })
        } else {
            self.part_fits(&part, &new);
            Value::of(with_element(&before.ty, new.value.ty.parts().0))
        };
        if after.ty != before.ty {
            self.changes += 1;
        }
        self.write(place, after);
    }

    /// Whether the kind of value stays: numbers stay numbers, bools bools.
    fn keeps_kind(&mut self, place: Place, was: &Arg, new: &Arg) -> bool {
        let (old, now) = (was.value.ty.parts().0, new.value.ty.parts().0);
        if old.is_open() || now.is_open() || group(old) == group(now) {
            return true;
        }
        let slot = self.slot(place);
        let error = Mismatch::AssignKind {
            name: slot.map_or(String::new(), |s| s.name.clone()),
            was: was.value.ty.clone(),
            seen: self.seen(new),
            declared: slot.map(|s| s.span),
        };
        self.tell(error);
        false
    }

    fn part_fits(&mut self, part: &Arg, new: &Arg) {
        let (Ty::Array(..) | Ty::Int | Ty::Real | Ty::Bool, false) =
            (&part.value.ty, new.value.ty.is_open())
        else {
            return;
        };
        let (have, given) = (part.value.ty.parts().1, new.value.ty.parts().1);
        if given.len() > have.len() || broadcast(have, given).is_err() {
            let (a, b) = (self.seen(part), self.seen(new));
            self.tell(Mismatch::Shapes {
                a,
                b,
                place: "assignment".into(),
            });
        }
    }
}

fn with_element(array: &Ty, element: &Ty) -> Ty {
    match array {
        Ty::Array(old, sizes) => {
            let joined = (**old).clone().join(element.clone());
            Ty::array(joined, sizes.clone())
        }
        other => other.clone(),
    }
}

fn group(ty: &Ty) -> u8 {
    match ty {
        Ty::Int | Ty::Real => 0,
        Ty::Bool => 1,
        Ty::Str => 2,
        Ty::Tuple(_) => 3,
        Ty::Record(_) => 4,
        Ty::Fn(_) => 5,
        Ty::Dist { .. } => 6,
        Ty::Unit => 7,
        Ty::Never | Ty::Any | Ty::Array(..) => 8,
    }
}
