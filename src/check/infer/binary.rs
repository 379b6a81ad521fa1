//! Operators between two operands, and broadcasting.

use super::super::mismatch::Mismatch;
use super::super::types::{Known, Size, Ty, Value, broadcast};
use super::expr::open;
use super::{Arg, Infer};
use crate::ir::{BinaryOp, Extent};

impl Infer<'_> {
    /// `a op b`.
    pub(super) fn binary(&mut self, op: BinaryOp, a: &Arg, b: &Arg) -> Value {
        use BinaryOp::{And, Eq, Ge, Gt, Le, Lt, MatMul, Ne, Or};
        let place = format!("`{}`", symbol(op));
        let ty = match op {
            MatMul => self.matmul(a, b),
            Eq | Ne => self.equality(a, b, &place),
            Lt | Le | Gt | Ge => self.ordering(a, b, &place),
            And | Or => self.logic(a, b, &place),
            _ => self.arithmetic(op, a, b, &place),
        };
        let known = known(op, &a.value, &b.value);
        Value {
            known,
            ..Value::of(ty)
        }
        .from(&[&a.value, &b.value])
    }

    fn arithmetic(&mut self, op: BinaryOp, a: &Arg, b: &Arg, place: &str) -> Ty {
        let (x, y) = (self.numeric(a, place), self.numeric(b, place));
        let (Some((x, m)), Some((y, n))) = (x, y) else {
            return open(&[&a.value, &b.value]);
        };
        let Some(sizes) = self.stretch(a, b, &m, &n, place) else {
            return Ty::Any;
        };
        let element = match op {
            BinaryOp::Div => Ty::Real,
            _ => x.join(y),
        };
        Ty::array(element, sizes)
    }

    /// The shape of two operands together; `None` (and an error) where there is none.
    pub(super) fn stretch(
        &mut self,
        a: &Arg,
        b: &Arg,
        m: &[Size],
        n: &[Size],
        place: &str,
    ) -> Option<Vec<Size>> {
        let sizes = broadcast(m, n).ok();
        if sizes.is_none() {
            let (a, b) = (self.seen(a), self.seen(b));
            self.tell(Mismatch::Shapes {
                a,
                b,
                place: place.into(),
            });
        }
        sizes
    }

    fn ordering(&mut self, a: &Arg, b: &Arg, place: &str) -> Ty {
        if a.value.ty == Ty::Str && b.value.ty == Ty::Str {
            return Ty::Bool;
        }
        let (x, y) = (self.numeric(a, place), self.numeric(b, place));
        match (x, y) {
            (Some((_, m)), Some((_, n))) => match self.stretch(a, b, &m, &n, place) {
                Some(sizes) => Ty::array(Ty::Bool, sizes),
                None => Ty::Any,
            },
            _ => open(&[&a.value, &b.value]),
        }
    }

    fn equality(&mut self, a: &Arg, b: &Arg, place: &str) -> Ty {
        let ((x, m), (y, n)) = (a.value.ty.parts(), b.value.ty.parts());
        if x.is_open() || y.is_open() {
            return open(&[&a.value, &b.value]);
        }
        let alike = match (x, y) {
            (Ty::Int | Ty::Real, Ty::Int | Ty::Real)
            | (Ty::Bool, Ty::Bool)
            | (Ty::Str, Ty::Str) => true,
            (Ty::Tuple(_), Ty::Tuple(_)) | (Ty::Record(_), Ty::Record(_)) => return Ty::Any,
            _ => false,
        };
        if !alike {
            let (a, b) = (self.seen(a), self.seen(b));
            self.tell(Mismatch::Incomparable { a, b });
            return Ty::Bool;
        }
        match self.stretch(a, b, m, n, place) {
            Some(sizes) => Ty::array(Ty::Bool, sizes),
            None => Ty::Any,
        }
    }

    fn logic(&mut self, a: &Arg, b: &Arg, place: &str) -> Ty {
        self.booleans(a, place);
        self.booleans(b, place);
        let ((x, m), (y, n)) = (a.value.ty.parts(), b.value.ty.parts());
        match (x, y) {
            (Ty::Bool, Ty::Bool) => match self.stretch(a, b, m, n, place) {
                Some(sizes) => Ty::array(Ty::Bool, sizes),
                None => Ty::Any,
            },
            // The second operand of `and` may not be reached: a recursion in it says nothing of the whole.
            (Ty::Bool, Ty::Never) if m.is_empty() => Ty::Bool,
            _ => open(&[&a.value]),
        }
    }

    fn matmul(&mut self, a: &Arg, b: &Arg) -> Ty {
        let (x, y) = (self.numeric(a, "`@`"), self.numeric(b, "`@`"));
        let (Some((x, m)), Some((y, n))) = (x, y) else {
            return open(&[&a.value, &b.value]);
        };
        let inner = match (m.len(), n.len()) {
            (1 | 2, 1) => same(&m[m.len() - 1], &n[0]),
            (1 | 2, 2) => same(&m[m.len() - 1], &n[0]),
            (0, _) | (_, 0) => false,
            _ => return Ty::Any,
        };
        if !inner {
            let (a, b) = (self.seen(a), self.seen(b));
            self.tell(Mismatch::MatMul { a, b });
            return Ty::Any;
        }
        let mut sizes = m[..m.len() - 1].to_vec();
        sizes.extend_from_slice(&n[1..]);
        Ty::array(x.join(y), sizes)
    }
}

/// Whether two sizes can be the same.
pub(super) fn same(a: &Size, b: &Size) -> bool {
    !matches!((a, b), (Some(Extent::Known(m)), Some(Extent::Known(n))) if m != n)
}

fn known(op: BinaryOp, a: &Value, b: &Value) -> Option<Known> {
    use BinaryOp::{Add, And, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Rem, Sub};
    let (Some(x), Some(y)) = (&a.known, &b.known) else {
        return None;
    };
    Some(match (op, x, y) {
        (Add, Known::Int(m), Known::Int(n)) => Known::Int(m.checked_add(*n)?),
        (Sub, Known::Int(m), Known::Int(n)) => Known::Int(m.checked_sub(*n)?),
        (Mul, Known::Int(m), Known::Int(n)) => Known::Int(m.checked_mul(*n)?),
        (Rem, Known::Int(m), Known::Int(n)) if *n > 0 => Known::Int(m.rem_euclid(*n)),
        (Eq, Known::Int(m), Known::Int(n)) => Known::Bool(m == n),
        (Ne, Known::Int(m), Known::Int(n)) => Known::Bool(m != n),
        (Lt, Known::Int(m), Known::Int(n)) => Known::Bool(m < n),
        (Le, Known::Int(m), Known::Int(n)) => Known::Bool(m <= n),
        (Gt, Known::Int(m), Known::Int(n)) => Known::Bool(m > n),
        (Ge, Known::Int(m), Known::Int(n)) => Known::Bool(m >= n),
        (And, Known::Bool(m), Known::Bool(n)) => Known::Bool(*m && *n),
        (Or, Known::Bool(m), Known::Bool(n)) => Known::Bool(*m || *n),
        _ => return None,
    })
}

fn symbol(op: BinaryOp) -> &'static str {
    use BinaryOp::{Add, And, Div, Eq, Ge, Gt, Le, Lt, MatMul, Mul, Ne, Or, Pow, Rem, Sub};
    match op {
        Add => "+",
        Sub => "-",
        Mul => "*",
        Div => "/",
        Rem => "%",
        MatMul => "@",
        Pow => "^",
        Eq => "==",
        Ne => "!=",
        Lt => "<",
        Le => "<=",
        Gt => ">",
        Ge => ">=",
        And => "and",
        Or => "or",
    }
}
