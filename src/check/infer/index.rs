//! Elements, slices, gathers.

use super::super::mismatch::Mismatch;
use super::super::types::{Known, Size, Ty, Value};
use super::stmt::between;
use super::{Arg, Infer};
use crate::base::Span;
use crate::ir::{Builtin, Expr, ExprKind, Extent, IndexArg};

/// What one place between brackets does to its axis.
enum Axis {
    /// One index: the axis goes.
    Dropped,
    /// A slice: the axis stays.
    Kept(Size),
    /// An array of indices: its axes come instead.
    Gathered(Vec<Size>),
    /// Not known.
    Open,
}

impl Infer<'_> {
    /// `base[args]`.
    pub(super) fn indexed(&mut self, base: &Expr, args: &[IndexArg], span: Span) -> Value {
        let base = self.arg(base);
        let value = self.index(&base, args, span);
        self.known_size(&base, args).unwrap_or(value)
    }

    /// `shape(x)[1]` is as well known as the shape is.
    fn known_size(&mut self, base: &Arg, args: &[IndexArg]) -> Option<Value> {
        let ExprKind::CallBuiltin {
            builtin: Builtin::Shape,
            args: of,
            ..
        } = &base.expr?.kind
        else {
            return None;
        };
        let ([of], [IndexArg::At(at)]) = (of.as_slice(), args) else {
            return None;
        };
        let errors = self.errors.len();
        let (of, at) = (self.expr(of), self.expr(at));
        self.errors.truncate(errors);
        match (&of.ty, &at.known) {
            (Ty::Array(_, sizes), Some(Known::Int(axis))) => {
                let axis = usize::try_from(*axis).ok()?;
                sizes.get(axis).map(Value::size)
            }
            _ => None,
        }
    }

    /// What an index of a value gives.
    pub(super) fn index(&mut self, base: &Arg, args: &[IndexArg], span: Span) -> Value {
        let axes: Vec<(Axis, Option<Arg>)> = args.iter().map(|a| self.axis(a)).collect();
        let ty = match &base.value.ty {
            Ty::Any | Ty::Never => base.value.ty.clone(),
            Ty::Dist { value, event } => match self.array_index(base, value, &axes, span) {
                Ty::Any => Ty::Any,
                value => Ty::Dist {
                    value: Box::new(value),
                    event: *event,
                },
            },
            ty => self.array_index(base, &ty.clone(), &axes, span),
        };
        Value::of(ty).from(&[&base.value])
    }

    fn axis<'e>(&mut self, arg: &'e IndexArg) -> (Axis, Option<Arg<'e>>) {
        match arg {
            IndexArg::At(e) => {
                let at = self.arg(e);
                (self.at(&at), Some(at))
            }
            IndexArg::Slice { lo, hi, .. } => {
                let lo = lo.as_ref().map(|e| self.arg(e));
                let hi = hi.as_ref().map(|e| self.arg(e));
                for bound in lo.iter().chain(&hi) {
                    self.integer(bound, "a slice");
                }
                let size = match (&lo, &hi) {
                    (None, None) => return (Axis::Kept(None), None),
                    (lo, Some(hi)) => {
                        let start = lo.as_ref().map_or(Value::int(0), |l| l.value.clone());
                        between(&start, &hi.value)
                    }
                    (Some(_), None) => None,
                };
                (Axis::Kept(size), lo.or(hi))
            }
        }
    }

    fn at(&mut self, at: &Arg) -> Axis {
        match at.value.ty.parts() {
            (Ty::Int, []) => Axis::Dropped,
            (Ty::Int | Ty::Never, sizes) if !sizes.is_empty() => Axis::Gathered(sizes.to_vec()),
            (Ty::Bool, [_]) => Axis::Gathered(vec![None]),
            (Ty::Any | Ty::Never, _) => Axis::Open,
            _ => {
                let seen = self.seen(at);
                self.tell(Mismatch::NotInt {
                    seen,
                    place: "an index".into(),
                });
                Axis::Open
            }
        }
    }

    fn array_index(&mut self, base: &Arg, ty: &Ty, axes: &[(Axis, Option<Arg>)], span: Span) -> Ty {
        let Ty::Array(element, sizes) = ty else {
            let seen = self.seen(base);
            self.tell(Mismatch::NotArray {
                seen,
                place: "an index".into(),
            });
            return Ty::Any;
        };
        if axes.len() > sizes.len() {
            // What is not an array may still hold one: an array of tuples, of distributions.
            if !matches!(**element, Ty::Int | Ty::Real | Ty::Bool | Ty::Str) {
                return Ty::Any;
            }
            let seen = self.seen(base);
            self.tell(Mismatch::TooManyIndices {
                seen,
                given: axes.len(),
            });
            return Ty::Any;
        }
        let gathers = axes
            .iter()
            .filter(|(a, _)| matches!(a, Axis::Gathered(_)))
            .count();
        let open = axes.iter().any(|(a, _)| matches!(a, Axis::Open));
        if gathers > 1 || open {
            return Ty::Any;
        }
        let mut out: Vec<Size> = Vec::new();
        for ((axis, at), size) in axes.iter().zip(sizes) {
            match axis {
                Axis::Dropped => self.in_range(base, at.as_ref(), size, span),
                Axis::Kept(kept) => out.push(self.kept(kept, at.as_ref(), size)),
                Axis::Gathered(more) => out.extend(more.clone()),
                Axis::Open => {}
            }
        }
        out.extend_from_slice(&sizes[axes.len()..]);
        Ty::array((**element).clone(), out)
    }

    /// A slice's size: `..` keeps the axis as it is, `a..` leaves what is behind a.
    fn kept(&self, kept: &Size, from: Option<&Arg>, size: &Size) -> Size {
        match (kept, from) {
            (Some(kept), _) => Some(kept.clone()),
            (None, None) => size.clone(),
            _ => None,
        }
    }

    /// Reports an index that is outside for certain: fixed, and reached by every execution.
    fn in_range(&mut self, base: &Arg, at: Option<&Arg>, size: &Size, span: Span) {
        if self.conditional > 0 {
            return;
        }
        let (Some(at), Some(Extent::Known(size))) = (at, size) else {
            return;
        };
        let Some(Known::Int(index)) = at.value.known else {
            return;
        };
        if usize::try_from(index).is_ok_and(|i| i < *size) {
            return;
        }
        let (seen, size) = (self.seen(base), *size);
        let span = if at.span == Span::default() {
            span
        } else {
            at.span
        };
        self.tell(Mismatch::IndexRange {
            seen,
            index,
            size,
            span,
        });
    }
}
