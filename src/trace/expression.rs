//! Expressions: from the checked tree to values.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::{Frame, Machine};
use super::value::{FnValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{
    Axis, BinaryFn, BinaryOp, Expr, ExprKind, FnId, Op, Pattern, ReduceFn, UnaryFn, UnaryOp,
};

impl Machine<'_> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, e: &Expr) -> Result<Value> {
        match &e.kind {
            ExprKind::Bool(b) => Ok(Value::Num(Tensor::bool(*b))),
            ExprKind::Int(i) => Ok(Value::Num(Tensor::int(*i))),
            ExprKind::Real(x) => Ok(Value::real(*x)),
            ExprKind::Str(s) => Ok(Value::Str(s.as_str().into())),
            ExprKind::Place(place) => self.get(*place, e.span),
            ExprKind::Closure(id) => self.closure(*id, e.span),
            ExprKind::SelfFn => {
                let f = self.frames.last().and_then(|f| f.function.clone());
                Ok(Value::Fn(f.expect("check puts this inside a function")))
            }
            ExprKind::Builtin(b) => Ok(Value::Fn(Arc::new(FnValue::Builtin(*b)))),
            ExprKind::Array(items) => {
                let values = self.eval_all(items)?;
                self.array_of(values, e.span)
            }
            ExprKind::Comprehension {
                body,
                pattern,
                iter,
            } => self.comprehension(body, pattern, iter, e.span),
            ExprKind::Tuple(items) => Ok(Value::Tuple(Arc::new(self.eval_all(items)?))),
            ExprKind::Record(fields) => {
                let values: Result<Vec<(String, Value)>> = fields
                    .iter()
                    .map(|(n, e)| Ok((n.clone(), self.eval(e)?)))
                    .collect();
                Ok(Value::Record(Arc::new(values?)))
            }
            ExprKind::Field(of, name, span) => {
                let v = self.eval(of)?;
                self.field(&v, name, *span)
            }
            ExprKind::Index(of, args) => self.index_expression(of, args, e.span),
            ExprKind::Call { callee, args } => {
                let f = self.eval(callee)?;
                let args = self.eval_all(args)?;
                self.call(&f, args, e.span)
            }
            ExprKind::CallBuiltin {
                builtin,
                args,
                named,
            } => {
                let values = self.eval_all(args)?;
                let named: Result<Vec<(String, Value)>> = named
                    .iter()
                    .map(|(n, e)| Ok((n.clone(), self.eval(e)?)))
                    .collect();
                self.call_builtin(*builtin, values, named?, e.span)
            }
            ExprKind::Dist { dist, args } => self.distribution(*dist, args, e.span),
            ExprKind::Unary(op, a) => {
                let a = self.eval(a)?;
                self.unary_value(*op, a, e.span)
            }
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
                self.short_circuit(*op, a, b, e.span)
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.binary_values(*op, a, b, e.span)
            }
            ExprKind::Range(lo, hi) => self.range(lo, hi, e.span),
            ExprKind::Sample(dist, site) => {
                let d = self.eval(dist)?;
                self.sample_expression(d, *site, e.span)
            }
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => Ok(self.branch(cond, then, otherwise.as_ref(), e.span)?.1),
            ExprKind::Block(block) => Ok(self.block(block)?.1),
            ExprKind::Memo(f) => {
                let inner = self.eval(f)?;
                self.memo.push(Default::default());
                Ok(Value::Fn(Arc::new(FnValue::Memo {
                    inner,
                    table: self.memo.len() - 1,
                })))
            }
        }
    }

    pub(super) fn eval_all(&mut self, exprs: &[Expr]) -> Result<Vec<Value>> {
        exprs.iter().map(|e| self.eval(e)).collect()
    }

    fn closure(&mut self, id: FnId, span: Span) -> Result<Value> {
        let model = self.model;
        let mut captured = Vec::with_capacity(model.functions[id].captures.len());
        for (from, slot) in &model.functions[id].captures {
            captured.push((*slot, self.get(*from, span)?));
        }
        let closure = Value::Fn(Arc::new(FnValue::Closure { id, captured }));
        if !model.functions[id].memo {
            return Ok(closure);
        }
        // A `memo fn` has one table however often its name is used.
        while self.memo.len() <= id {
            self.memo.push(Default::default());
        }
        Ok(Value::Fn(Arc::new(FnValue::Memo {
            inner: closure,
            table: id,
        })))
    }

    // ---- calls ----

    /// Calls a function value.
    pub(super) fn call(&mut self, f: &Value, args: Vec<Value>, span: Span) -> Result<Value> {
        if args.iter().any(|a| matches!(a, Value::Bottom)) {
            return Ok(Value::Bottom);
        }
        match f {
            Value::Fn(f) => match &**f {
                FnValue::Builtin(b) => self.call_builtin(*b, args, Vec::new(), span),
                FnValue::Memo { inner, table } => {
                    self.call_memo(&inner.clone(), *table, args, span)
                }
                FnValue::Closure { id, captured } => {
                    self.call_closure(f, *id, captured, args, span)
                }
            },
            Value::Bottom => Ok(Value::Bottom),
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                self.both(
                    c,
                    span,
                    |m| m.call(&a, args.clone(), span),
                    |m| m.call(&b, args.clone(), span),
                )
            }
            other => Err(TraceError::model(
                "odp::trace::not_a_function",
                "only functions can be called",
                span,
                format!("this is {}", other.describe()),
            )),
        }
    }

    /// The value of the first where the node is true, of the second elsewhere, each under its mask.
    pub(super) fn both(
        &mut self,
        c: super::graph::NodeId,
        span: Span,
        first: impl FnOnce(&mut Self) -> Result<Value>,
        second: impl FnOnce(&mut Self) -> Result<Value>,
    ) -> Result<Value> {
        let before = self.mask;
        self.mask = Some(self.and_mask(before, c, span));
        let a = first(self)?;
        let not = self.not_mask(c, span);
        self.mask = Some(self.and_mask(before, not, span));
        let b = second(self)?;
        self.mask = before;
        self.merge(c, a, b, span)
    }

    fn call_closure(
        &mut self,
        f: &Arc<FnValue>,
        id: FnId,
        captured: &[(u32, Value)],
        args: Vec<Value>,
        span: Span,
    ) -> Result<Value> {
        self.step(span)?;
        let function = &self.model.functions[id];
        if args.len() != function.params.len() {
            let message = format!(
                "`{}` takes {} arguments, here are {}",
                function.name,
                function.params.len(),
                args.len()
            );
            return Err(TraceError::model(
                "odp::trace::arity",
                message,
                span,
                "called here",
            ));
        }
        if self.frames.len() > self.limits.max_depth {
            return Err(self.too_deep(id, span));
        }
        if self.unrolled_out(id, span) {
            return Ok(Value::Bottom);
        }
        let mask = self.mask;
        let mut slots = vec![None; function.n_locals.max(args.len())];
        for (slot, value) in captured {
            slots[*slot as usize] = Some(value.clone());
        }
        let masks = vec![mask; slots.len()];
        self.frames.push(Frame {
            slots,
            masks,
            returned: None,
            function: Some(f.clone()),
        });
        self.active.entry(id).or_default().push(mask);
        self.address.push(u64::from(span.start) << 16 ^ id as u64);
        let departed = std::mem::take(&mut self.departed);
        let returns = std::mem::take(&mut self.returns);
        let loops = std::mem::take(&mut self.loop_departures);
        let result = self.body(id, args, span);
        self.departed = departed;
        self.returns = returns;
        self.loop_departures = loops;
        self.address.pop();
        self.active.get_mut(&id).expect("entered above").pop();
        self.frames.pop();
        self.mask = mask;
        result
    }

    fn body(&mut self, id: FnId, args: Vec<Value>, span: Span) -> Result<Value> {
        let model = self.model;
        let function = &model.functions[id];
        for (param, value) in function.params.iter().zip(args) {
            let value = self.annotated(value, param, span)?;
            self.bind_pattern(&param.pattern, value, span)?;
        }
        let (_, value) = self.block(&function.body)?;
        let returned = self
            .frames
            .last_mut()
            .expect("the call's frame")
            .returned
            .take();
        match (returned, value, self.mask) {
            (None, value, _) => Ok(value),
            (Some(returned), Value::Bottom, _) => Ok(returned),
            (Some(returned), value, Some(rest)) => self.merge(rest, value, returned, span),
            (Some(_), value, None) => Ok(value),
        }
    }

    /// An int passed where `real` is annotated becomes one.
    fn annotated(&mut self, value: Value, param: &crate::ir::Param, span: Span) -> Result<Value> {
        match (&param.ty, value) {
            (Some(crate::ir::Type::Real), Value::Num(t)) if t.kind == Kind::Int => {
                Ok(Value::Num(self.as_reals(t, span)))
            }
            (_, v) => Ok(v),
        }
    }

    /// Whether a recursion that depends on chance has used up its bound; its executions overflow then.
    fn unrolled_out(&mut self, id: FnId, span: Span) -> bool {
        let Some(mask) = self.mask else { return false };
        let Some(running) = self.active.get(&id) else {
            return false;
        };
        let by_chance = running.windows(2).filter(|w| w[0] != w[1]).count()
            + usize::from(running.last() != Some(&self.mask) && !running.is_empty());
        if by_chance <= self.limits.unroll {
            return false;
        }
        self.overflow(mask, span);
        true
    }

    fn too_deep(&self, id: FnId, span: Span) -> TraceError {
        let function = &self.model.functions[id];
        TraceError::limit(
            "odp::limit::depth",
            format!(
                "`{}` is called more than {} deep",
                function.name, self.limits.max_depth
            ),
            span,
            "the call that goes too deep",
        )
        .label(function.span, "this function")
        .help("does this recursion end? raise the limit with --max-depth if it does")
    }

    /// A memoised function: its random choices belong to its arguments.
    fn call_memo(
        &mut self,
        inner: &Value,
        table: usize,
        args: Vec<Value>,
        span: Span,
    ) -> Result<Value> {
        let key = self.memo_key(&args, span)?;
        let known = self.memo[table].get(&key).cloned();
        let mask = self.mask;
        let (seen, old) = match known {
            Some((seen, value)) if seen.is_none() || seen == mask => return Ok(value),
            Some((seen, value)) => (seen, Some(value)),
            None => (None, None),
        };
        // Executions that came by earlier have their value; the others draw it now, from the same address.
        let fresh = match seen {
            Some(seen) => {
                let not = self.not_mask(seen, span);
                Some(self.and_mask(mask, not, span))
            }
            None => mask,
        };
        self.mask = fresh;
        self.address.push_absolute(&[table as u64, fnv(&key)]);
        let value = self.call(inner, args, span)?;
        self.address.pop();
        self.mask = mask;
        let value = match (seen, old) {
            (Some(seen), Some(old)) => self.merge(seen, old, value, span)?,
            _ => value,
        };
        let covered = if seen.is_some() {
            self.or_mask(seen, mask, span)
        } else {
            mask
        };
        self.memo[table].insert(key, (covered, value.clone()));
        Ok(value)
    }

    fn memo_key(&self, args: &[Value], span: Span) -> Result<String> {
        let mut key = String::new();
        for a in args {
            match a {
                Value::Num(t) if t.kind != Kind::Real && t.known().is_some() => {
                    key.push_str(&format!("{:?};", t.known().expect("known")));
                }
                Value::Tuple(items) => key.push_str(&format!("({})", self.memo_key(items, span)?)),
                other => {
                    return Err(TraceError::model(
                        "odp::trace::not_yet_memo_key",
                        "the argument of a memoised function must be an int or a bool that does not depend on chance",
                        span,
                        format!("this is {}", other.describe()),
                    )
                    .help("an argument that depends on chance is parsed, but not executed yet"));
                }
            }
        }
        Ok(key)
    }

    // ---- operators ----

    pub(super) fn unary_value(&mut self, op: UnaryOp, a: Value, span: Span) -> Result<Value> {
        if let Value::Choice(choice) = &a {
            let (c, x, y) = (**choice).clone();
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
        match (&a, &b) {
            (Value::Bottom, _) | (_, Value::Bottom) => return Ok(Value::Bottom),
            (Value::Choice(choice), _) => {
                let (c, x, y) = (**choice).clone();
                let b2 = b.clone();
                return self.both(
                    c,
                    span,
                    |m| m.binary_values(op, x, b, span),
                    |m| m.binary_values(op, y, b2, span),
                );
            }
            (_, Value::Choice(choice)) => {
                let (c, x, y) = (**choice).clone();
                let a2 = a.clone();
                return self.both(
                    c,
                    span,
                    |m| m.binary_values(op, a, x, span),
                    |m| m.binary_values(op, a2, y, span),
                );
            }
            (Value::Str(x), Value::Str(y)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne) => {
                return Ok(Value::Num(Tensor::bool((x == y) == (op == BinaryOp::Eq))));
            }
            _ => {}
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
        Ok(Value::Num(self.elementwise(f, x, y, kind, span)?))
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
            return Ok(Value::Num(self.elementwise(f, x, y, Kind::Int, span)?));
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

    fn short_circuit(&mut self, op: BinaryOp, a: &Expr, b: &Expr, span: Span) -> Result<Value> {
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

    fn range(&mut self, lo: &Expr, hi: &Expr, span: Span) -> Result<Value> {
        let (a, b) = (self.int_scalar(lo)?, self.int_scalar(hi)?);
        match (a.known_int(), b.known_int()) {
            (Some(a), Some(b)) => {
                let n = usize::try_from(b.saturating_sub(a)).unwrap_or(0);
                if n > 100_000_000 {
                    return Err(TraceError::limit(
                        "odp::limit::range",
                        format!("a range of {n} elements"),
                        span,
                        "too long",
                    ));
                }
                Ok(Value::Num(Tensor::ints(
                    (a..b.max(a)).collect::<Vec<i64>>(),
                    Shape::vector(n),
                )))
            }
            _ => Err(not_yet(
                "a range whose length depends on chance, outside of a `for`",
                span,
            )),
        }
    }

    /// Matrix product by NumPy's rule for one and two axes.
    pub(super) fn matmul(&mut self, x: &Tensor, y: &Tensor, span: Span) -> Result<Tensor> {
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
        Ok(self.emit(Op::MatMul { m, k, n }, &[x, y], Shape(sizes), kind, span))
    }

    fn comprehension(
        &mut self,
        body: &Expr,
        pattern: &Pattern,
        iter: &Expr,
        span: Span,
    ) -> Result<Value> {
        let iterable = self.eval(iter)?;
        let items = self.parts_of(&iterable, iter.span)?;
        let mut values = Vec::with_capacity(items.len());
        for (i, item) in items.into_iter().enumerate() {
            self.step(span)?;
            self.address.push(i as u64 ^ (u64::from(span.start) << 32));
            self.bind_pattern(pattern, item, iter.span)?;
            values.push(self.eval(body)?);
            self.address.pop();
        }
        self.array_of(values, span)
    }

    // ---- views of values ----

    /// The numbers of a value.
    pub(super) fn number(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        match v {
            Value::Num(t) => match &t.missing {
                Some(_) => Err(TraceError::model(
                    "odp::trace::missing_read",
                    "a missing element is read before its `observe`",
                    span,
                    "some elements here are missing in the data",
                )
                .help("observe the element first; from there on it has its imputed value")),
                None => Ok(t.clone()),
            },
            Value::Bottom => Ok(Tensor::real(f64::NAN)),
            other => Err(TraceError::model(
                "odp::trace::not_a_number",
                "a number is needed here",
                span,
                format!("this is {}", other.describe()),
            )),
        }
    }

    /// One truth.
    pub(super) fn truth(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        let t = self.truths(v, span)?;
        if t.is_scalar() {
            return Ok(t);
        }
        Err(TraceError::model(
            "odp::trace::not_one_bool",
            "a condition is one bool",
            span,
            format!("this is {}", v.describe()),
        )
        .help("reduce it with `any(…)` or `all(…)`"))
    }

    fn truths(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        if matches!(v, Value::Choice(_)) {
            return Err(not_yet("a condition over values of different shapes", span));
        }
        let t = self.number(v, span)?;
        if t.kind == Kind::Bool || matches!(v, Value::Bottom) {
            return Ok(t);
        }
        Err(TraceError::model(
            "odp::trace::not_a_bool",
            "a condition is a bool",
            span,
            format!("this is {}", v.describe()),
        )
        .help("compare it, as in `x == 1`"))
    }

    pub(super) fn int_scalar(&mut self, e: &Expr) -> Result<Tensor> {
        let v = self.eval(e)?;
        self.int_value(&v, e.span)
    }

    pub(super) fn int_value(&mut self, v: &Value, span: Span) -> Result<Tensor> {
        let t = self.number(v, span)?;
        if t.kind == Kind::Int && t.is_scalar() {
            return Ok(t);
        }
        Err(TraceError::model(
            "odp::trace::not_an_int",
            "one int is needed here",
            span,
            format!("this is {}", v.describe()),
        ))
    }

    /// The elements of an array along its first axis, or the parts of a tuple.
    pub(super) fn parts_of(&mut self, v: &Value, span: Span) -> Result<Vec<Value>> {
        match v {
            Value::List(items) | Value::Tuple(items) => Ok(items.to_vec()),
            Value::Num(t) if t.shape.rank() > 0 => {
                let n = t.shape.dims()[0];
                (0..n)
                    .map(|i| self.row(t, i, span).map(Value::Num))
                    .collect()
            }
            Value::Bottom => Ok(Vec::new()),
            Value::Choice(_) => Err(not_yet("an array whose length depends on chance", span)),
            other => Err(TraceError::model(
                "odp::trace::not_an_array",
                "an array is needed here",
                span,
                format!("this is {}", other.describe()),
            )),
        }
    }

    /// The i-th element along the first axis; missing elements stay missing.
    pub(super) fn row(&mut self, t: &Tensor, i: usize, span: Span) -> Result<Tensor> {
        let shape = Shape(t.shape.dims()[1..].to_vec());
        let len = shape.len();
        let indices: Vec<u32> = (i * len..(i + 1) * len).map(|k| k as u32).collect();
        let mut picked = self.pick(t, indices, shape, span);
        if let Some(missing) = &t.missing {
            let part: Arc<[bool]> = missing[i * len..(i + 1) * len].into();
            picked.missing = part.contains(&true).then_some(part);
        }
        Ok(picked)
    }

    /// An array of values: numbers of one shape become a tensor.
    pub(super) fn array_of(&mut self, values: Vec<Value>, span: Span) -> Result<Value> {
        if values.iter().any(|v| matches!(v, Value::Bottom))
            && !values.iter().all(|v| matches!(v, Value::Bottom))
        {
            return Ok(Value::Bottom);
        }
        let mut tensors = Vec::with_capacity(values.len());
        for v in &values {
            match v {
                Value::Num(t) => tensors.push(t.clone()),
                _ => return Ok(Value::List(Arc::new(values))),
            }
        }
        let Some(first) = tensors.first() else {
            return Ok(Value::Num(Tensor::reals(Vec::new(), Shape::vector(0))));
        };
        let inner = first.shape.clone();
        if tensors.iter().any(|t| t.shape != inner) {
            return Ok(Value::List(Arc::new(values)));
        }
        let kind = tensors.iter().map(|t| t.kind).max().expect("not empty");
        let mut sizes = vec![tensors.len()];
        sizes.extend_from_slice(inner.dims());
        if inner.rank() == 0 {
            let cells = tensors
                .iter()
                .map(|t| t.cells().expect("a scalar has cells")[0])
                .collect();
            return Ok(Value::Num(super::machine::from_cells(
                cells,
                Shape(sizes),
                kind,
            )));
        }
        Ok(Value::Num(self.pack(&tensors, Shape(sizes), kind, span)))
    }

    /// A field of a record or a part of a tuple.
    pub(super) fn field(&mut self, v: &Value, name: &str, span: Span) -> Result<Value> {
        let found = match v {
            Value::Record(fields) => fields
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.clone()),
            Value::Tuple(items) => name
                .parse::<usize>()
                .ok()
                .and_then(|i| items.get(i).cloned()),
            Value::Bottom => Some(Value::Bottom),
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                return self.both(
                    c,
                    span,
                    |m| m.field(&a, name, span),
                    |m| m.field(&b, name, span),
                );
            }
            _ => None,
        };
        found.ok_or_else(|| {
            TraceError::model(
                "odp::trace::no_field",
                format!("there is no field `{name}`"),
                span,
                format!("in {}", v.describe()),
            )
        })
    }

    pub(super) fn as_reals(&mut self, t: Tensor, span: Span) -> Tensor {
        match t.known() {
            Some(values) => Tensor {
                kind: Kind::Real,
                payload: Payload::Float(values),
                ..t
            },
            None => {
                let id = self.node_of(&t, span);
                Tensor::node(id, t.shape, Kind::Real)
            }
        }
    }

    /// Reduces along an axis, or all elements.
    pub(super) fn reduce(
        &mut self,
        f: ReduceFn,
        t: &Tensor,
        axis: Option<usize>,
        kind: Kind,
        span: Span,
    ) -> Tensor {
        let Some(k) = axis else {
            return self.reduce_all(f, t, kind, span);
        };
        let view = axis_view(&t.shape, k);
        let mut sizes = t.shape.dims().to_vec();
        sizes.remove(k);
        self.emit(Op::Reduce(f, view), &[t], Shape(sizes), kind, span)
    }
}

/// How axis `k` of a shape lies in memory.
pub(super) fn axis_view(shape: &Shape, k: usize) -> Axis {
    let d = shape.dims();
    Axis {
        outer: d[..k].iter().product(),
        n: d[k],
        inner: d[k + 1..].iter().product(),
    }
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

fn int_fault(why: &'static str, span: Span) -> TraceError {
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

/// Something of the language that is parsed but not executed.
pub(super) fn not_yet(what: &str, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::not_yet",
        format!("{what} is not executed yet"),
        span,
        "parsed and checked, but not run",
    )
}

pub(super) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
