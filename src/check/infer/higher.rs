//! Built-ins that call functions, and pairs of arrays.

use super::super::types::{Ty, Value};
use super::binary::same;
use super::{Arg, Infer};
use crate::base::Span;
use crate::ir::Builtin;

impl Infer<'_> {
    pub(super) fn zip(&mut self, a: &Arg, b: &Arg, place: &str) -> Ty {
        let mut sizes = Vec::new();
        for arg in [a, b] {
            match &arg.value.ty {
                Ty::Array(_, s) => sizes.push(s[0].clone()),
                Ty::Any | Ty::Never => return Ty::Any,
                _ => return self.not_array(arg, place),
            }
        }
        if !same(&sizes[0], &sizes[1]) {
            self.unequal(a, b, place);
        }
        let pair = Ty::Tuple(vec![a.value.ty.element(), b.value.ty.element()]);
        let size = sizes.into_iter().flatten().next();
        Ty::Array(Box::new(pair), vec![size])
    }

    /// `map`, `fold`, `scan`.
    pub(super) fn higher(&mut self, builtin: Builtin, args: &[Arg], span: Span) -> Value {
        let xs = &args[0];
        let size = match &xs.value.ty {
            Ty::Array(_, sizes) => sizes[0].clone(),
            _ => None,
        };
        let place = format!("`{}`", builtin.name());
        let element = Arg {
            value: self.iterate(xs, &place),
            span: xs.span,
            expr: None,
        };
        if let Ty::Fn(_) = xs.value.ty {
            // The arguments are in another order: what follows from that is no news.
            return Value::any();
        }
        self.conditional += 1;
        let value = match args {
            [_, f] => self.apply(f, &[element], span),
            [_, init, f] => self.accumulate(init, f, &element, span),
            _ => Value::any(),
        };
        self.conditional -= 1;
        match builtin {
            Builtin::Fold => value,
            _ => {
                let ty = match value.ty {
                    Ty::Unit | Ty::Any => Ty::Any,
                    ty => Ty::array(ty, vec![size]),
                };
                Value {
                    random: value.random,
                    ..Value::of(ty)
                }
            }
        }
    }

    /// The accumulator of a fold: what it starts as, joined with what the function makes of it.
    fn accumulate(&mut self, init: &Arg, f: &Arg, element: &Arg, span: Span) -> Value {
        let mut acc = Value {
            known: None,
            ..init.value.clone()
        };
        for _ in 0..4 {
            let errors = self.errors.len();
            let held = Arg {
                value: acc.clone(),
                span: init.span,
                expr: None,
            };
            let next = self.apply(f, &[held, element.clone()], span);
            let joined = acc.clone().join(Value {
                known: None,
                ..next
            });
            if joined == acc {
                return acc;
            }
            self.errors.truncate(errors);
            acc = joined;
        }
        Value::any()
    }

    pub(super) fn ode(
        &mut self,
        f: &Arg,
        y0: &Arg,
        t0: &Arg,
        ts: &Arg,
        place: &str,
        span: Span,
    ) -> Ty {
        self.numeric(t0, place);
        let start = self.numeric(y0, place);
        let times = self.numeric(ts, place);
        let time = Arg {
            value: Value::of(Ty::Real),
            span: t0.span,
            expr: None,
        };
        let state = match &start {
            Some((_, sizes)) => Ty::array(Ty::Real, sizes.clone()),
            None => Ty::Any,
        };
        let held = Arg {
            value: Value::of(state).from(&[&y0.value]),
            span: y0.span,
            expr: None,
        };
        let slope = Arg {
            value: self.apply(f, &[time, held], span),
            span: f.span,
            expr: None,
        };
        let slope_sizes = self.numeric(&slope, place);
        let (Some((_, sizes)), Some((_, times))) = (start, times) else {
            return Ty::Any;
        };
        let [n] = times.as_slice() else {
            return self.not_array(ts, place);
        };
        if let Some((_, found)) = slope_sizes
            && (found.len() != sizes.len() || !found.iter().zip(&sizes).all(|(a, b)| same(a, b)))
        {
            self.unequal(y0, &slope, place);
        }
        let mut out = vec![n.clone()];
        out.extend(sizes);
        Ty::array(Ty::Real, out)
    }
}
