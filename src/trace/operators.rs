//! Operators: arithmetic, comparison, logic, ranges, products of matrices; comprehensions.

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, BinaryOp, Expr, Op, Pattern, ReduceFn, UnaryFn, UnaryOp};

impl Machine<'_> {
    pub(super) fn unary_value(&mut self, op: UnaryOp, a: Value, span: Span) -> Result<Value> {
        if let Some(v) = self.place_by_place(&a, None, &mut |m, x, _| m.unary_value(op, x, span))? {
            return Ok(v);
        }
        if let Some((c, x, y)) = self.opened(&a, span)? {
            return self.both(
                c,
                span,
                |m| m.unary_value(op, x, span),
                |m| m.unary_value(op, y, span),
            );
        }
        if matches!(a, Value::Bottom) {
            return Ok(a);
        }
        let t = self.number(&a, span)?;
        Ok(Value::Num(match op {
            UnaryOp::Not => self.unary(UnaryFn::Not, &t, Kind::Bool, span),
            UnaryOp::Neg => match t.known_ints().filter(|_| t.kind == Kind::Int) {
                Some(v) => {
                    let negated: Option<Vec<i64>> = v.iter().map(|x| x.checked_neg()).collect();
                    match negated {
                        Some(v) => Tensor::ints(v, t.shape),
                        None => return self.fault(overflow_error(span)),
                    }
                }
                None => self.unary(UnaryFn::Neg, &t, t.kind, span),
            },
        }))
    }

    pub(super) fn binary_values(
        &mut self,
        op: BinaryOp,
        a: Value,
        b: Value,
        span: Span,
    ) -> Result<Value> {
        if matches!(a, Value::Bottom) || matches!(b, Value::Bottom) {
            return Ok(Value::Bottom);
        }
        if op != BinaryOp::MatMul {
            let both = self.place_by_place(&a, Some(&b), &mut |m, x, y| {
                m.binary_values(op, x, y.expect("two operands"), span)
            })?;
            if let Some(v) = both {
                return Ok(v);
            }
        }
        if let Some((c, x, y)) = self.opened(&a, span)? {
            let b2 = b.clone();
            return self.both(
                c,
                span,
                |m| m.misfit(|m| m.binary_values(op, x, b, span)),
                |m| m.misfit(|m| m.binary_values(op, y, b2, span)),
            );
        }
        if let Some((c, x, y)) = self.opened(&b, span)? {
            let a2 = a.clone();
            return self.both(
                c,
                span,
                |m| m.misfit(|m| m.binary_values(op, a, x, span)),
                |m| m.misfit(|m| m.binary_values(op, a2, y, span)),
            );
        }
        if let (Value::Str(x), Value::Str(y), BinaryOp::Eq | BinaryOp::Ne) = (&a, &b, op) {
            return Ok(Value::Num(Tensor::bool((x == y) == (op == BinaryOp::Eq))));
        }
        let (x, y) = (self.number(&a, span)?, self.number(&b, span)?);
        self.binary_tensors(op, &x, &y, span)
    }

    /// A binary operator on numbers.
    pub(super) fn binary_tensors(
        &mut self,
        op: BinaryOp,
        x: &Tensor,
        y: &Tensor,
        span: Span,
    ) -> Result<Value> {
        use BinaryOp as B;
        if op != B::MatMul {
            self.room_to_stretch(&[&x.shape, &y.shape], false, span)?;
        }
        let joined = x.kind.max(y.kind).max(Kind::Int);
        if joined == Kind::Int && matches!(op, B::Add | B::Sub | B::Mul | B::Rem | B::Pow) {
            return self.int_arithmetic(op, x, y, span);
        }
        let (f, kind) = match op {
            B::MatMul => return self.matmul(x, y, span).map(Value::Num),
            B::Add => (BinaryFn::Add, joined),
            B::Sub => (BinaryFn::Sub, joined),
            B::Mul => (BinaryFn::Mul, joined),
            B::Div => (BinaryFn::Div, Kind::Real),
            B::Rem => (BinaryFn::Rem, joined),
            B::Pow => (BinaryFn::Pow, joined),
            B::Eq => (BinaryFn::Eq, Kind::Bool),
            B::Ne => (BinaryFn::Ne, Kind::Bool),
            B::Lt => (BinaryFn::Lt, Kind::Bool),
            B::Le => (BinaryFn::Le, Kind::Bool),
            B::Gt => (BinaryFn::Gt, Kind::Bool),
            B::Ge => (BinaryFn::Ge, Kind::Bool),
            B::And => (BinaryFn::And, Kind::Bool),
            B::Or => (BinaryFn::Or, Kind::Bool),
        };
        if op == B::Div
            && y.kind != Kind::Real
            && y.known().is_some_and(|v| v.contains(&0.0))
            && x.kind != Kind::Real
        {
            return self.fault(TraceError::model(
                "odp::trace::division_by_zero",
                "division by zero",
                span,
                "the divisor is 0",
            ));
        }
        if let Some(exact) = super::exact::elementwise(f, x, y) {
            return Ok(Value::Num(exact));
        }
        let whole = |t: &Tensor| t.kind != Kind::Real;
        if op == B::Div && whole(x) && whole(y) && y.known().is_none() {
            // The quotient is real, the division by zero that of ints.
            self.random_ints(BinaryFn::FloorDiv, x, y, span)?;
        }
        Ok(Value::Num(self.elementwise(f, x, y, kind, span)?))
    }

    /// Refuses operands whose common shape, larger than any of theirs, would not fit into memory.
    pub(super) fn room_to_stretch(
        &self,
        shapes: &[&Shape],
        matrices: bool,
        span: Span,
    ) -> Result<()> {
        let largest = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
        let n = match (matrices, shapes) {
            (true, [x, y]) => product_len(x, y),
            _ => shapes
                .iter()
                .try_fold(Shape::scalar(), |all, s| all.broadcast(s))
                .map_or(0, |all| all.len()),
        };
        match n > largest {
            // Beside the result stand its operands, stretched, and where their elements come from.
            true => self.room_for_copies(n, 4, span),
            false => Ok(()),
        }
    }

    /// Int with int: exact and checked where known.
    pub(super) fn int_arithmetic(
        &mut self,
        op: BinaryOp,
        x: &Tensor,
        y: &Tensor,
        span: Span,
    ) -> Result<Value> {
        let f = match op {
            BinaryOp::Add => BinaryFn::Add,
            BinaryOp::Sub => BinaryFn::Sub,
            BinaryOp::Mul => BinaryFn::Mul,
            BinaryOp::Rem => BinaryFn::Rem,
            BinaryOp::Div => BinaryFn::FloorDiv,
            _ => BinaryFn::Pow,
        };
        let (Some(a), Some(b)) = (x.known_ints(), y.known_ints()) else {
            return self.random_ints(f, x, y, span).map(Value::Num);
        };
        let Some(shape) = x.shape.broadcast(&y.shape) else {
            return self.elementwise(f, x, y, Kind::Int, span).map(Value::Num);
        };
        let (ia, ib) = (
            shape.broadcast_indices(&x.shape),
            shape.broadcast_indices(&y.shape),
        );
        let mut out = Vec::with_capacity(shape.len());
        for (i, j) in ia.into_iter().zip(ib) {
            match checked(f, a[i as usize], b[j as usize]) {
                Ok(v) => out.push(v),
                Err(why) => return self.fault(int_fault(why, span)),
            }
        }
        Ok(Value::Num(Tensor::ints(out, shape)))
    }

    /// Int with int where chance decides: executions that divide by zero or leave 64 bits are at fault.
    fn random_ints(&mut self, f: BinaryFn, x: &Tensor, y: &Tensor, span: Span) -> Result<Tensor> {
        let fault = |m: &mut Self, test: BinaryFn, t: &Tensor, bound: f64, why: &'static str| {
            let bad = m.elementwise(test, t, &Tensor::real(bound), Kind::Bool, span)?;
            let bad = m.reduce_all(ReduceFn::Any, &bad, Kind::Bool, span);
            match bad.payload {
                Payload::Node(id) => m.fault_where(id, why.into(), span),
                _ if bad.known_scalar() == Some(1.0) => {
                    m.fault(int_fault(why, span))?;
                }
                _ => {}
            }
            Ok(())
        };
        let low = self.lowest_of(y);
        match f {
            BinaryFn::Rem | BinaryFn::FloorDiv if low.is_none_or(|low| low <= 0) => {
                fault(self, BinaryFn::Eq, y, 0.0, "division by zero")?
            }
            BinaryFn::Pow if low.is_none_or(|low| low < 0) => {
                fault(self, BinaryFn::Lt, y, 0.0, "a negative exponent of an int")?
            }
            _ => {}
        }
        let result = self.elementwise(f, x, y, Kind::Int, span)?;
        let whole = matches!(
            f,
            BinaryFn::Add | BinaryFn::Sub | BinaryFn::Mul | BinaryFn::Pow
        );
        if whole && !matches!(result.payload, Payload::Node(id) if self.graph.stays_small(id)) {
            let size = self.unary(UnaryFn::Abs, &result, Kind::Real, span);
            fault(
                self,
                BinaryFn::Ge,
                &size,
                9.223_372_036_854_776e18,
                "integer overflow",
            )?;
        }
        Ok(result)
    }

    pub(super) fn short_circuit(
        &mut self,
        op: BinaryOp,
        a: &Expr,
        b: &Expr,
        span: Span,
    ) -> Result<Value> {
        let x = self.eval(a)?;
        if matches!(x, Value::Bottom) {
            return Ok(x);
        }
        let x = self.truths(&x, a.span)?;
        let decides = if op == BinaryOp::And { 0.0 } else { 1.0 };
        if x.is_scalar() && x.known_scalar() == Some(decides) {
            return Ok(Value::Num(x));
        }
        let before = self.mask;
        if let (Payload::Node(c), true) = (&x.payload, x.is_scalar()) {
            // The second operand is only evaluated where it matters.
            let c = if op == BinaryOp::And {
                *c
            } else {
                self.not_mask(*c, span)
            };
            self.mask = Some(self.and_mask(before, c, span));
        }
        let y = self.eval(b)?;
        self.mask = before;
        if matches!(y, Value::Bottom) {
            return Ok(y);
        }
        let y = self.truths(&y, b.span)?;
        let f = if op == BinaryOp::And {
            BinaryFn::And
        } else {
            BinaryFn::Or
        };
        Ok(Value::Num(self.elementwise(f, &x, &y, Kind::Bool, span)?))
    }

    pub(super) fn range(&mut self, lo: &Expr, hi: &Expr, span: Span) -> Result<Value> {
        let (a, b) = (self.int_scalar(lo)?, self.int_scalar(hi)?);
        self.range_between(&a, &b, span)
    }

    /// Matrix product by NumPy's rule for one and two axes.
    pub(super) fn matmul(&mut self, x: &Tensor, y: &Tensor, span: Span) -> Result<Tensor> {
        self.room_to_stretch(&[&x.shape, &y.shape], true, span)?;
        let (m, k) = match x.shape.dims() {
            [k] => (1, *k),
            [m, k] => (*m, *k),
            _ => return Err(matmul_error(x, y, span)),
        };
        let (k2, n) = match y.shape.dims() {
            [k] => (*k, 1),
            [k, n] => (*k, *n),
            _ => return Err(matmul_error(x, y, span)),
        };
        if k != k2 {
            return Err(matmul_error(x, y, span));
        }
        let mut sizes = x.shape.dims()[..x.shape.rank() - 1].to_vec();
        sizes.extend_from_slice(&y.shape.dims()[1..]);
        let kind = x.kind.max(y.kind).max(Kind::Int);
        if let Some(exact) = super::exact::matmul(x, y, (m, k, n)) {
            return exact
                .map(|v| Tensor::ints(v, Shape(sizes)))
                .map_err(|why| int_fault(why, span));
        }
        Ok(self.emit(Op::MatMul { m, k, n }, &[x, y], Shape(sizes), kind, span))
    }

    pub(super) fn comprehension(
        &mut self,
        body: &Expr,
        pattern: &Pattern,
        iter: &Expr,
        span: Span,
    ) -> Result<Value> {
        let iterable = self.eval(iter)?;
        let walk = self.walk_of(&iterable, iter.span)?;
        let all = self.each_item(walk, span, |m, item| {
            m.bind_pattern(pattern, item, iter.span)?;
            m.eval(body)
        })?;
        rectangular(all, body.span)
    }
}

/// An array whose elements are arrays of one shape. Shapes that depend on chance are padded where they differ.
pub(super) fn rectangular(all: Value, span: Span) -> Result<Value> {
    let Value::List(items) = &all else {
        return Ok(all);
    };
    let shapes: Option<Vec<&Shape>> = items
        .iter()
        .map(|v| match v {
            Value::Num(t) => Some(&t.shape),
            _ => None,
        })
        .collect();
    let other = shapes
        .as_ref()
        .and_then(|s| s.iter().position(|shape| *shape != s[0]));
    let (Some(shapes), Some(i)) = (shapes, other) else {
        return Ok(all);
    };
    let message = format!(
        "the rows of an array are of different sizes: {} and {}",
        items[0].describe(),
        items[i].describe()
    );
    let found = format!(
        "row 0 is of shape {}, row {i} of shape {}",
        shapes[0], shapes[i]
    );
    Err(
        TraceError::model("odp::trace::shape_mismatch", message, span, found).help(
            "arrays are rectangular; keep lists of different lengths in one array with offsets",
        ),
    )
}

fn checked(f: BinaryFn, a: i64, b: i64) -> std::result::Result<i64, &'static str> {
    let overflow = "integer overflow";
    match f {
        BinaryFn::Add => a.checked_add(b).ok_or(overflow),
        BinaryFn::Sub => a.checked_sub(b).ok_or(overflow),
        BinaryFn::Mul => a.checked_mul(b).ok_or(overflow),
        BinaryFn::Rem | BinaryFn::FloorDiv if b == 0 => Err("division by zero"),
        BinaryFn::Rem => a
            .checked_rem(b)
            .map(|r| {
                if r != 0 && (r < 0) != (b < 0) {
                    r + b
                } else {
                    r
                }
            })
            .ok_or(overflow),
        BinaryFn::FloorDiv => {
            let q = a.checked_div(b).ok_or(overflow)?;
            Ok(if a % b != 0 && (a < 0) != (b < 0) {
                q - 1
            } else {
                q
            })
        }
        _ if b < 0 => Err("a negative exponent of an int"),
        _ => u32::try_from(b)
            .ok()
            .and_then(|b| a.checked_pow(b))
            .or((a == 0 || a == 1).then_some(a))
            .ok_or(overflow),
    }
}

pub(super) fn int_fault(why: &'static str, span: Span) -> TraceError {
    let error = TraceError::model("odp::trace::integer", why, span, format!("{why} here"));
    match why {
        "a negative exponent of an int" => error.help("write one of them as a real: `2.0 ^ -1`"),
        "integer overflow" => error.help("ints have 64 bits; use a real"),
        _ => error,
    }
}

fn overflow_error(span: Span) -> TraceError {
    int_fault("integer overflow", span)
}

fn matmul_error(x: &Tensor, y: &Tensor, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::shape_mismatch",
        format!("`@` cannot multiply {} by {}", x.shape, y.shape),
        span,
        "the inner sizes must be equal",
    )
    .help("matrix @ matrix, matrix @ vector, vector @ vector; `transpose(…)` swaps the axes")
}

/// How many elements the product of two matrices has.
fn product_len(x: &Shape, y: &Shape) -> usize {
    let rows = match x.dims() {
        [n, _] => *n,
        _ => 1,
    };
    let columns = match y.dims() {
        [_, m] => *m,
        _ => 1,
    };
    rows.saturating_mul(columns)
}
