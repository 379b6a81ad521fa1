//! Array literals.

use super::super::mismatch::Mismatch;
use super::super::types::{Size, Ty, Value, broadcast};
use super::binary::same;
use super::expr::all_random;
use super::{Arg, Infer};
use crate::ir::{Expr, Extent};

impl Infer<'_> {
    /// `[a, b, …]`.
    pub(super) fn array(&mut self, items: &[Expr]) -> Value {
        let args: Vec<Arg> = items.iter().map(|e| self.arg(e)).collect();
        let values: Vec<Value> = args.iter().map(|a| a.value.clone()).collect();
        let element = self.element_of(&args);
        let size = Some(Extent::Known(items.len()));
        let ty = match element {
            Ty::Never => match items.is_empty() {
                true => Ty::Array(Box::new(Ty::Never), vec![size]),
                false => Ty::Never,
            },
            element => Ty::array(element, vec![size]),
        };
        Value {
            random: all_random(&values),
            ..Value::of(ty)
        }
    }

    /// What all elements are; reports those that are unlike the first.
    fn element_of(&mut self, args: &[Arg]) -> Ty {
        let mut whole = Ty::Never;
        let Some(first) = args.iter().find(|a| !a.value.ty.is_open()) else {
            return match args.is_empty() {
                true => Ty::Never,
                false => super::expr::open(&args.iter().map(|a| &a.value).collect::<Vec<_>>()),
            };
        };
        for arg in args {
            if !self.alike(first, arg) {
                return Ty::Any;
            }
            whole = whole.join(arg.value.ty.clone());
        }
        whole
    }

    fn alike(&mut self, first: &Arg, arg: &Arg) -> bool {
        let ((x, m), (y, n)) = (first.value.ty.parts(), arg.value.ty.parts());
        if x.is_open() || y.is_open() {
            return true;
        }
        let kinds = kinds_fit(x, y);
        let fit = m.len() == n.len() && m.iter().zip(n).all(|(m, n)| same(m, n));
        if kinds && fit {
            return true;
        }
        let (a, b) = (self.seen(first), self.seen(arg));
        self.tell(match kinds && m.len() == n.len() {
            true => Mismatch::Ragged { a, b },
            false => Mismatch::MixedArray { a, b },
        });
        false
    }

    /// `concat(a, b, …)`: along the first axis.
    pub(super) fn concat(&mut self, args: &[Arg]) -> Ty {
        let mut total: Option<usize> = Some(0);
        let mut whole: Option<(Ty, Vec<Size>)> = None;
        let mut open = false;
        for arg in args {
            let (element, sizes) = match &arg.value.ty {
                Ty::Array(element, sizes) => (element, sizes),
                Ty::Any | Ty::Never => {
                    open = true;
                    continue;
                }
                _ => {
                    let seen = self.seen(arg);
                    self.tell(Mismatch::NotArray {
                        seen,
                        place: "`concat`".into(),
                    });
                    return Ty::Any;
                }
            };
            total = match (&sizes[0], total) {
                (Some(Extent::Known(n)), Some(so_far)) => Some(so_far + n),
                _ => None,
            };
            if **element == Ty::Never {
                continue;
            }
            let Some((have, rest)) = whole.take() else {
                whole = Some(((**element).clone(), sizes[1..].to_vec()));
                continue;
            };
            if rest.len() + 1 != sizes.len()
                || !rest.iter().zip(&sizes[1..]).all(|(a, b)| same(a, b))
            {
                let (a, b) = (self.seen(&args[0]), self.seen(arg));
                self.tell(Mismatch::Shapes {
                    a,
                    b,
                    place: "`concat`".into(),
                });
                return Ty::Any;
            }
            if !kinds_fit(&have, element) {
                let (a, b) = (self.seen(&args[0]), self.seen(arg));
                self.tell(Mismatch::MixedArray { a, b });
                return Ty::Any;
            }
            let rest = broadcast(&rest, &sizes[1..]).unwrap_or(rest);
            whole = Some((have.join((**element).clone()), rest));
        }
        let size = total.map(Extent::Known);
        match whole {
            _ if open => Ty::Any,
            None => Ty::Array(Box::new(Ty::Never), vec![size]),
            Some((Ty::Any, _)) => Ty::Any,
            Some((element, rest)) => {
                let mut sizes = vec![size];
                sizes.extend(rest);
                Ty::Array(Box::new(element), sizes)
            }
        }
    }
}

/// Whether elements of two kinds can stand in one array.
fn kinds_fit(x: &Ty, y: &Ty) -> bool {
    matches!((x, y), (Ty::Int | Ty::Real, Ty::Int | Ty::Real))
        || x.is_open()
        || y.is_open()
        || std::mem::discriminant(x) == std::mem::discriminant(y)
}
