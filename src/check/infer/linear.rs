//! Shape rules of what makes arrays and of linear algebra.

use super::super::mismatch::Mismatch;
use super::super::types::{Size, Ty};
use super::binary::same;
use super::expr::open;
use super::{Arg, Infer};
use crate::ir::{Builtin, Extent};

impl Infer<'_> {
    /// Arrays whose sizes are arguments, and those that turn axes around.
    pub(super) fn shaped(&mut self, builtin: Builtin, args: &[Arg], place: &str) -> Ty {
        use Builtin::{Diag, Eye, Fill, Linspace, Reshape, Transpose};
        match (builtin, args) {
            (Transpose, [x]) => match self.numeric_or_any(x, place) {
                Some((element, mut sizes)) if sizes.len() == 2 => {
                    sizes.swap(0, 1);
                    Ty::array(element, sizes)
                }
                Some((_, sizes)) if sizes.is_empty() => self.not_array(x, place),
                Some((element, sizes)) if sizes.len() == 1 => Ty::array(element, sizes),
                _ => Ty::Any,
            },
            (Diag, [x]) => match self.numeric(x, place) {
                Some((element, sizes)) => match sizes.as_slice() {
                    [] => self.not_array(x, place),
                    [n] => Ty::array(element, vec![n.clone(), n.clone()]),
                    [n, ..] => Ty::array(element, vec![n.clone()]),
                },
                None => open(&[&x.value]),
            },
            (Eye, [n]) => match self.sizes(std::slice::from_ref(n), place) {
                Some(sizes) => Ty::array(Ty::Real, vec![sizes[0].clone(), sizes[0].clone()]),
                None => Ty::Any,
            },
            (Linspace, [a, b, n]) => {
                self.numeric(a, place);
                self.numeric(b, place);
                let sizes = self.sizes(std::slice::from_ref(n), place);
                sizes.map_or(Ty::Any, |s| Ty::array(Ty::Real, s))
            }
            (Reshape, [x, sizes @ ..]) => {
                match (self.numeric_or_any(x, place), self.sizes(sizes, place)) {
                    (Some((element, old)), Some(new)) => {
                        self.same_count(x, &old, &new);
                        Ty::array(element, new)
                    }
                    _ => Ty::Any,
                }
            }
            (Fill, [v, sizes @ ..]) => match self.sizes(sizes, place) {
                Some(sizes) if !v.value.ty.is_open() => Ty::array(v.value.ty.clone(), sizes),
                _ => Ty::Any,
            },
            (_, sizes) => self
                .sizes(sizes, place)
                .map_or(Ty::Any, |s| Ty::array(Ty::Real, s)),
        }
    }

    fn numeric_or_any(&mut self, x: &Arg, place: &str) -> Option<(Ty, Vec<Size>)> {
        match x.value.ty.parts() {
            (Ty::Bool | Ty::Str, sizes) if !sizes.is_empty() => {
                Some((x.value.ty.parts().0.clone(), sizes.to_vec()))
            }
            _ => self.numeric(x, place),
        }
    }

    /// Sizes; `None` where they are not ints one by one.
    fn sizes(&mut self, args: &[Arg], place: &str) -> Option<Vec<Size>> {
        args.iter().for_each(|a| self.integers(a, place));
        let ints = args.iter().all(|a| a.value.ty == Ty::Int);
        ints.then(|| args.iter().map(|a| a.value.extent()).collect())
    }

    fn same_count(&mut self, x: &Arg, old: &[Size], new: &[Size]) {
        let (Some(m), Some(n)) = (count(old), count(new)) else {
            return;
        };
        if m != n {
            let (seen, to) = (self.seen(x), Ty::array(Ty::Int, new.to_vec()));
            self.tell(Mismatch::Reshape { seen, to });
        }
    }

    pub(super) fn stack(&mut self, x: &Arg) -> Ty {
        match &x.value.ty {
            Ty::Array(..) | Ty::Any | Ty::Never => x.value.ty.clone(),
            Ty::Tuple(_) => Ty::Any,
            _ => self.not_array(x, "`stack`"),
        }
    }

    pub(super) fn two_arrays(&mut self, builtin: Builtin, a: &Arg, b: &Arg, place: &str) -> Ty {
        use Builtin::{Dot, Kron, Outer};
        let (x, y) = (self.numeric(a, place), self.numeric(b, place));
        let (Some((x, m)), Some((y, n))) = (x, y) else {
            return open(&[&a.value, &b.value]);
        };
        let element = x.join(y);
        match (builtin, m.as_slice(), n.as_slice()) {
            (_, [], _) => self.not_array(a, place),
            (Kron | Outer | Dot, _, []) => self.not_array(b, place),
            (Dot, [m], [n]) => {
                if !same(m, n) {
                    self.unequal(a, b, place);
                }
                element
            }
            (Outer, [m], [n]) => Ty::array(element, vec![m.clone(), n.clone()]),
            (Kron, [a, b], [c, d]) => Ty::array(element, vec![times(a, c), times(b, d)]),
            (Builtin::Solve | Builtin::SolveLower, [r, c], [k, ..]) => {
                if !same(r, c) {
                    let seen = self.seen(a);
                    self.tell(Mismatch::NotSquare {
                        seen,
                        place: place.into(),
                    });
                } else if !same(c, k) {
                    self.unequal(a, b, place);
                }
                Ty::array(Ty::Real, n)
            }
            (Builtin::Solve | Builtin::SolveLower, [_], _) => {
                self.rank_error(a, place, 2);
                Ty::Any
            }
            _ => Ty::Any,
        }
    }

    pub(super) fn unequal(&mut self, a: &Arg, b: &Arg, place: &str) {
        let (a, b) = (self.seen(a), self.seen(b));
        self.tell(Mismatch::Shapes {
            a,
            b,
            place: place.into(),
        });
    }

    fn rank_error(&mut self, x: &Arg, place: &str, rank: usize) {
        let error = Mismatch::ParameterRank {
            seen: self.seen(x),
            dist: place.trim_matches('`').into(),
            param: "A".into(),
            rank,
        };
        self.tell(error);
    }

    pub(super) fn square(&mut self, builtin: Builtin, x: &Arg, place: &str) -> Ty {
        let Some((_, sizes)) = self.numeric(x, place) else {
            return open(&[&x.value]);
        };
        match sizes.as_slice() {
            [rows, columns] => {
                if !same(rows, columns) {
                    let seen = self.seen(x);
                    self.tell(Mismatch::NotSquare {
                        seen,
                        place: place.into(),
                    });
                }
            }
            [] | [_] => {
                self.rank_error(x, place, 2);
                return Ty::Any;
            }
            _ => return Ty::Any,
        }
        match builtin {
            Builtin::Logdet => Ty::Real,
            _ => Ty::array(Ty::Real, sizes),
        }
    }
}

fn count(sizes: &[Size]) -> Option<usize> {
    sizes.iter().try_fold(1usize, |n, size| match size {
        Some(Extent::Known(k)) => n.checked_mul(*k),
        _ => None,
    })
}

fn times(a: &Size, b: &Size) -> Size {
    count(&[a.clone(), b.clone()]).map(Extent::Known)
}
