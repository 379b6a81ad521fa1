//! Signatures and shape rules of the built-in functions.

use super::super::mismatch::Mismatch;
use super::super::types::{Known, Size, Ty, Value};
use super::expr::{all_random, open};
use super::{Arg, Infer};
use crate::base::Span;
use crate::ir::{Builtin, Extent};

impl Infer<'_> {
    /// A built-in applied to arguments.
    pub(super) fn builtin(
        &mut self,
        builtin: Builtin,
        args: &[Arg],
        named: &[(&str, Arg)],
        span: Span,
    ) -> Value {
        use Builtin::*;
        self.options(named);
        let place = format!("`{}`", builtin.name());
        let ty = match (builtin, args) {
            (Abs | Floor | Ceil | Round | Sign, [x]) => self.same_kind(x, &place),
            (Min | Max, [x]) => self.reduce(x, named, &place, None),
            (Min | Max, [a, b]) => self.elementwise(&[a, b], &place, None),
            (Atan2 | BetaFn, [a, b]) => self.elementwise(&[a, b], &place, Some(Ty::Real)),
            (Div, [a, b]) => {
                self.integers(a, &place);
                self.integers(b, &place);
                let ty = self.elementwise(&[a, b], &place, Some(Ty::Int));
                let known = floor_div(&a.value, &b.value);
                return Value {
                    known,
                    ..Value::of(ty)
                }
                .from(&[&a.value, &b.value]);
            }
            (Sum | Prod, [x]) => self.reduce(x, named, &place, None),
            (Mean | Variance | Sd | Logsumexp, [x]) => {
                self.reduce(x, named, &place, Some(Ty::Real))
            }
            (Argmax | Argmin, [x]) => self.reduce(x, named, &place, Some(Ty::Int)),
            (Any | All, [x]) => self.quantify(x, named, &place),
            (Cumsum | Sort, [x]) => self.keep_shape(x, &place, None),
            (Softmax | LogSoftmax, [x]) => self.keep_shape(x, &place, Some(Ty::Real)),
            (Length, [x]) => return self.length(x),
            (Shape, [x]) => return Value::of(self.shape(x)),
            (Reshape | Transpose | Zeros | Ones | Fill | Eye | Diag | Linspace, _) => {
                self.shaped(builtin, args, &place)
            }
            (Concat, _) => self.concat(args),
            (Stack, [x]) => self.stack(x),
            (Dot | Outer | Kron | Solve | SolveLower, [a, b]) => {
                self.two_arrays(builtin, a, b, &place)
            }
            (Cholesky | Inverse | Logdet, [x]) => self.square(builtin, x, &place),
            (Norm, [x]) => {
                self.numeric(x, &place);
                Ty::Real
            }
            (Where, [c, a, b]) => self.choose(c, a, b, &place),
            (ToReal, [x]) => self.convert(x, Ty::Real, &place),
            (ToInt, [x]) => return self.as_int(x, &place),
            (Print, _) => return Value::of(Ty::Unit),
            (Assert, _) => {
                self.boolean(&args[0], &place);
                return Value::of(Ty::Unit);
            }
            (Map | Fold | Scan, _) => return self.higher(builtin, args, span),
            (Zip, [a, b]) => self.zip(a, b, &place),
            (Range, [a, b]) => {
                self.integer(a, &place);
                self.integer(b, &place);
                let size = super::stmt::between(&a.value, &b.value);
                return Value::of(Ty::Array(Box::new(Ty::Int), vec![size]));
            }
            (OdeRk4 | OdeEuler | OdeDopri, [f, y0, t0, ts]) => {
                self.ode(f, y0, t0, ts, &place, span)
            }
            (LogProb, [d, x]) => {
                self.could_come_from(x, d, &place);
                Ty::Real
            }
            (LogProbEach | Cdf | LogCdf | LogCcdf | Quantile, [d, x]) => {
                self.each(builtin, d, x, &place)
            }
            (MeanOf | SdOf, [d]) => match self.values_of(d, &place) {
                Some(Ty::Any | Ty::Never) | None => Ty::Any,
                Some(ty) => Ty::array(Ty::Real, ty.parts().1.to_vec()),
            },
            (_, [x]) => self.elementwise(&[x], &place, Some(Ty::Real)),
            _ => Ty::Any,
        };
        let sources: Vec<&Value> = args.iter().map(|a| &a.value).collect();
        match builtin {
            Concat | Stack | Where | Zip => {
                let values: Vec<Value> = args.iter().map(|a| a.value.clone()).collect();
                Value {
                    random: all_random(&values),
                    ..Value::of(ty)
                }
            }
            Zeros | Ones | Eye => Value::of(ty),
            Fill | Reshape => Value::of(ty).from(&sources[..1]),
            LogProb | LogProbEach => Value::of(ty).from(&sources),
            _ => Value::of(ty).from(&sources),
        }
    }

    fn options(&mut self, named: &[(&str, Arg)]) {
        for (name, value) in named {
            match *name {
                "rtol" | "atol" => {
                    self.numeric(value, &format!("`{name}`"));
                }
                _ => self.integer(value, &format!("`{name}`")),
            }
        }
    }

    /// One number or array, of its own kind.
    fn same_kind(&mut self, x: &Arg, place: &str) -> Ty {
        self.elementwise(&[x], place, None)
    }

    /// Numbers or arrays that broadcast together; `kind` of the result where it is not theirs.
    fn elementwise(&mut self, args: &[&Arg], place: &str, kind: Option<Ty>) -> Ty {
        let parts: Vec<Option<(Ty, Vec<Size>)>> =
            args.iter().map(|a| self.numeric(a, place)).collect();
        let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() else {
            return open(&args.iter().map(|a| &a.value).collect::<Vec<_>>());
        };
        let mut whole = parts[0].clone();
        for ((element, sizes), arg) in parts.into_iter().zip(args).skip(1) {
            let Some(joint) = self.stretch(args[0], arg, &whole.1, &sizes, place) else {
                return Ty::Any;
            };
            whole = (whole.0.join(element), joint);
        }
        Ty::array(kind.unwrap_or(whole.0), whole.1)
    }

    fn keep_shape(&mut self, x: &Arg, place: &str, kind: Option<Ty>) -> Ty {
        match self.numeric(x, place) {
            Some((_, sizes)) if sizes.is_empty() => self.not_array(x, place),
            Some((element, sizes)) => Ty::array(kind.unwrap_or(element), sizes),
            None => open(&[&x.value]),
        }
    }

    pub(super) fn not_array(&mut self, x: &Arg, place: &str) -> Ty {
        let (seen, place) = (self.seen(x), place.to_string());
        self.tell(Mismatch::NotArray { seen, place });
        Ty::Any
    }

    fn reduce(&mut self, x: &Arg, named: &[(&str, Arg)], place: &str, kind: Option<Ty>) -> Ty {
        match self.numeric(x, place) {
            Some((element, sizes)) => without_axis(kind.unwrap_or(element), &sizes, named),
            None => match x.value.ty {
                Ty::Never => Ty::Never,
                _ if named.is_empty() => kind.unwrap_or(Ty::Any),
                _ => Ty::Any,
            },
        }
    }

    fn quantify(&mut self, x: &Arg, named: &[(&str, Arg)], place: &str) -> Ty {
        self.booleans(x, place);
        match x.value.ty.parts() {
            (Ty::Bool, sizes) => without_axis(Ty::Bool, sizes, named),
            _ if named.is_empty() => Ty::Bool,
            _ => Ty::Any,
        }
    }

    fn length(&mut self, x: &Arg) -> Value {
        match &x.value.ty {
            Ty::Array(_, sizes) => Value::size(&sizes[0]),
            Ty::Tuple(parts) => Value::int(parts.len() as i64),
            Ty::Any | Ty::Never | Ty::Str => Value::of(Ty::Int),
            _ => {
                self.not_array(x, "`length`");
                Value::of(Ty::Int)
            }
        }
    }

    fn shape(&mut self, x: &Arg) -> Ty {
        let rank = match &x.value.ty {
            Ty::Any | Ty::Never => None,
            ty => Some(Extent::Known(ty.parts().1.len())),
        };
        Ty::Array(Box::new(Ty::Int), vec![rank])
    }

    fn choose(&mut self, c: &Arg, a: &Arg, b: &Arg, place: &str) -> Ty {
        self.booleans(c, place);
        let (x, m) = a.value.ty.parts();
        let (y, n) = b.value.ty.parts();
        let numbers = |t: &Ty| matches!(t, Ty::Int | Ty::Real);
        if !(numbers(x) && numbers(y) || x == y && *x == Ty::Bool) {
            return Ty::Any;
        }
        let element = x.clone().join(y.clone());
        let Some(sizes) = self.stretch(a, b, m, n, place) else {
            return Ty::Any;
        };
        match c.value.ty.parts() {
            (Ty::Bool, k) => match self.stretch(c, a, k, &sizes, place) {
                Some(sizes) => Ty::array(element, sizes),
                None => Ty::Any,
            },
            _ => Ty::Any,
        }
    }

    fn convert(&mut self, x: &Arg, to: Ty, place: &str) -> Ty {
        match x.value.ty.parts() {
            (Ty::Bool, sizes) => Ty::array(to, sizes.to_vec()),
            _ => match self.numeric(x, place) {
                Some((_, sizes)) => Ty::array(to, sizes),
                None => open(&[&x.value]),
            },
        }
    }

    fn as_int(&mut self, x: &Arg, place: &str) -> Value {
        let known = match &x.value.known {
            Some(known @ (Known::Int(_) | Known::Size(_))) => Some(known.clone()),
            _ => None,
        };
        let ty = self.convert(x, Ty::Int, place);
        Value {
            known,
            ..Value::of(ty)
        }
        .from(&[&x.value])
    }

    /// `log_prob_each` and its kin: a value beside each distribution.
    fn each(&mut self, builtin: Builtin, d: &Arg, x: &Arg, place: &str) -> Ty {
        let Ty::Dist { event: 0, value } = &d.value.ty else {
            self.values_of(d, place);
            return Ty::Any;
        };
        let kind = match (builtin, value.parts().0) {
            (Builtin::Quantile, Ty::Int) => Ty::Int,
            (Builtin::Quantile, Ty::Bool) => return Ty::Any,
            _ => Ty::Real,
        };
        match self.alongside(x, d, place) {
            Some(sizes) => Ty::array(kind, sizes),
            None => Ty::Any,
        }
    }
}

/// What is left after reducing over all elements, or over `axis = k`.
fn without_axis(element: Ty, sizes: &[Size], named: &[(&str, Arg)]) -> Ty {
    let Some((_, axis)) = named.iter().find(|(name, _)| *name == "axis") else {
        return element;
    };
    let mut left = sizes.to_vec();
    match axis.value.known {
        Some(Known::Int(k)) if k >= 0 && (k as usize) < sizes.len() => {
            left.remove(k as usize);
        }
        Some(Known::Int(k)) if k < 0 && (-k) as usize <= sizes.len() => {
            left.remove(sizes.len() - (-k) as usize);
        }
        _ => return Ty::Any,
    }
    Ty::array(element, left)
}

fn floor_div(a: &Value, b: &Value) -> Option<Known> {
    match (&a.known, &b.known) {
        (Some(Known::Int(m)), Some(Known::Int(n))) if *n > 0 => Some(Known::Int(m.div_euclid(*n))),
        _ => None,
    }
}
