//! Expressions.

use std::collections::HashMap;

use super::super::mismatch::Mismatch;
use super::super::types::{Callable, Known, Ty, Value};
use super::stmt::between;
use super::{Arg, Infer, MAX_STEPS};
use crate::base::Span;
use crate::ir::{BinaryOp, Block, Builtin, Expr, ExprKind, FnId, Pattern, Place, UnaryOp};

impl Infer<'_> {
    /// What is known of an expression's value.
    pub(super) fn expr(&mut self, e: &Expr) -> Value {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Value::any();
        }
        match &e.kind {
            ExprKind::Bool(b) => Value {
                known: Some(Known::Bool(*b)),
                ..Value::of(Ty::Bool)
            },
            ExprKind::Int(n) => Value::int(*n),
            ExprKind::Real(_) => Value::of(Ty::Real),
            ExprKind::Str(_) => Value::of(Ty::Str),
            ExprKind::Asset(i) => Value::of(Ty::of_constant(&self.model.assets[*i])),
            ExprKind::Place(place) => self.read(*place),
            ExprKind::Closure(id) => self.closure(*id),
            ExprKind::SelfFn => self.frame().itself.clone().unwrap_or_else(Value::any),
            ExprKind::Builtin(b) => Value::of(Ty::Fn(Callable::Builtin(*b))),
            ExprKind::Array(items) => self.array(items),
            ExprKind::Comprehension {
                body,
                pattern,
                iter,
            } => self.comprehension(body, pattern, iter),
            ExprKind::Tuple(items) => {
                let parts: Vec<Value> = items.iter().map(|e| self.expr(e)).collect();
                let random = all_random(&parts);
                Value {
                    random,
                    ..Value::of(Ty::Tuple(parts.into_iter().map(|v| v.ty).collect()))
                }
            }
            ExprKind::Record(fields) => self.record(fields),
            ExprKind::Field(base, name, span) => self.field(base, name, *span),
            ExprKind::Index(base, args) => self.indexed(base, args, e.span),
            ExprKind::Call { callee, args } => self.call(callee, args, e.span),
            ExprKind::CallBuiltin {
                builtin,
                args,
                named,
            } => self.call_builtin(*builtin, args, named, e.span),
            ExprKind::Dist { dist, args } => self.dist(*dist, args, e.span),
            ExprKind::Unary(op, a) => self.unary(*op, a),
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => self.lazy(*op, a, b),
            ExprKind::Binary(op, a, b) => {
                let a = self.arg(a);
                let b = self.arg(b);
                self.binary(*op, &a, &b)
            }
            ExprKind::Range(lo, hi) => self.range(lo, hi),
            ExprKind::Sample(dist, _) => {
                let dist = self.arg(dist);
                Value {
                    random: Some(e.span),
                    ..Value::of(self.drawn_from(&dist))
                }
            }
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => self.if_expr(cond, then, otherwise.as_ref()),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Memo(f) => self.expr(f),
        }
    }

    fn closure(&mut self, id: FnId) -> Value {
        let captures = &self.model.functions[id].captures;
        let captured: Vec<Value> = captures
            .iter()
            .map(|(place, _)| self.read(*place))
            .collect();
        self.captured.insert(id, captured.clone());
        let ty = Ty::Fn(Callable::Closure(id, captured));
        match ty.depth() > 6 {
            true => Value::of(Ty::Fn(Callable::Unknown)),
            false => Value::of(ty),
        }
    }

    fn record(&mut self, fields: &[(String, Expr)]) -> Value {
        let values: Vec<Value> = fields.iter().map(|(_, e)| self.expr(e)).collect();
        let random = all_random(&values);
        let names = fields.iter().map(|(name, _)| name.clone());
        let ty = Ty::Record(names.zip(values.into_iter().map(|v| v.ty)).collect());
        Value {
            random,
            ..Value::of(ty)
        }
    }

    fn field(&mut self, base: &Expr, name: &str, span: Span) -> Value {
        let base = self.arg(base);
        let ty = match &base.value.ty {
            Ty::Any | Ty::Never => return Value::any(),
            Ty::Record(fields) => fields
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, t)| t.clone()),
            Ty::Tuple(parts) => name
                .parse::<usize>()
                .ok()
                .and_then(|i| parts.get(i).cloned()),
            _ => None,
        };
        match ty {
            Some(ty) => Value::of(ty).from(&[&base.value]),
            None => {
                let (seen, field) = (self.seen(&base), name.to_string());
                self.tell(Mismatch::NoField { seen, field, span });
                Value::any()
            }
        }
    }

    fn comprehension(&mut self, body: &Expr, pattern: &Pattern, iter: &Expr) -> Value {
        let iter = self.arg(iter);
        let size = match &iter.value.ty {
            Ty::Array(_, sizes) => sizes[0].clone(),
            _ => None,
        };
        let element = Arg {
            value: self.iterate(&iter, "a comprehension"),
            ..iter
        };
        self.conditional += 1;
        self.bind(pattern, &element);
        let body = self.expr(body);
        self.conditional -= 1;
        let ty = match body.ty {
            Ty::Unit | Ty::Any => Ty::Any,
            ty => Ty::array(ty, vec![size]),
        };
        Value {
            random: body.random,
            ..Value::of(ty)
        }
    }

    fn range(&mut self, lo: &Expr, hi: &Expr) -> Value {
        let (lo, hi) = (self.arg(lo), self.arg(hi));
        self.integer(&lo, "a range");
        self.integer(&hi, "a range");
        Value::of(Ty::Array(
            Box::new(Ty::Int),
            vec![between(&lo.value, &hi.value)],
        ))
    }

    fn unary(&mut self, op: UnaryOp, a: &Expr) -> Value {
        let a = self.arg(a);
        match op {
            UnaryOp::Neg => match self.numeric(&a, "`-`") {
                Some(_) => {
                    let known = match a.value.known {
                        Some(Known::Int(n)) => n.checked_neg().map(Known::Int),
                        _ => None,
                    };
                    Value { known, ..a.value }
                }
                None => Value::of(open(&[&a.value])).from(&[&a.value]),
            },
            UnaryOp::Not => {
                self.booleans(&a, "`not`");
                let known = match a.value.known {
                    Some(Known::Bool(b)) => Some(Known::Bool(!b)),
                    _ => None,
                };
                Value { known, ..a.value }
            }
        }
    }

    /// `and` and `or`, whose second operand is not always reached.
    fn lazy(&mut self, op: BinaryOp, a: &Expr, b: &Expr) -> Value {
        let a = self.arg(a);
        if a.value.known == Some(Known::Bool(op == BinaryOp::Or)) {
            return a.value;
        }
        self.conditional += 1;
        let b = self.arg(b);
        self.conditional -= 1;
        self.binary(op, &a, &b)
    }

    fn if_expr(&mut self, cond: &Expr, then: &Block, otherwise: Option<&Block>) -> Value {
        let cond = self.arg(cond);
        self.boolean(&cond, "`if`");
        if let Some(Known::Bool(taken)) = cond.value.known {
            let (taken, other) = match taken {
                true => (Some(then), otherwise),
                false => (otherwise, Some(then)),
            };
            let value = taken.map_or_else(|| Value::of(Ty::Unit), |b| self.block(b));
            if let Some(other) = other {
                self.not_taken(other, (&value, taken.and_then(|b| b.value.as_deref())));
            }
            return value;
        }
        self.conditional += 1;
        let start = self.drawn.len();
        let first = self.block(then);
        let middle = self.drawn.len();
        let second = otherwise.map_or_else(|| Value::of(Ty::Unit), |b| self.block(b));
        self.conditional -= 1;
        self.join_draws(start, middle);
        if let (Some(a), Some(b)) = (&then.value, otherwise.and_then(|b| b.value.as_ref())) {
            self.arms_agree((&first, a), (&second, b));
            if cond.value.random.is_some() {
                self.axes_agree((&first, a), (&second, b));
            }
        }
        first.join(second)
    }

    /// Chance decides how long an array is, and not whether there is one.
    fn axes_agree(&mut self, (first, a): (&Value, &Expr), (second, b): (&Value, &Expr)) {
        let numbers = |ty: &Ty| matches!(ty.parts().0, Ty::Bool | Ty::Int | Ty::Real | Ty::Never);
        let axes = |value: &Value| value.ty.parts().1.len();
        let known = [first, second]
            .iter()
            .all(|v| v.ty != Ty::Never && numbers(&v.ty));
        if known && axes(first) != axes(second) {
            self.tell_arms((first, a), (second, b));
        }
    }

    /// No bool becomes a number because the other arm is one.
    pub(super) fn arms_agree(&mut self, (first, a): (&Value, &Expr), (second, b): (&Value, &Expr)) {
        let number = |ty: &Ty| matches!(ty, Ty::Int | Ty::Real);
        let other = |ty: &Ty| matches!(ty, Ty::Bool | Ty::Str);
        let (x, y) = (&first.ty, &second.ty);
        if !(number(x) && other(y) || other(x) && number(y)) {
            return;
        }
        self.tell_arms((first, a), (second, b));
    }

    fn tell_arms(&mut self, (first, a): (&Value, &Expr), (second, b): (&Value, &Expr)) {
        let seen = |infer: &Self, value: &Value, e: &Expr| {
            infer.seen(&Arg {
                value: value.clone(),
                span: e.span,
                expr: Some(e),
            })
        };
        let (a, b) = (seen(self, first, a), seen(self, second, b));
        self.tell(Mismatch::Arms { a, b });
    }

    /// Sites that both arms draw share a slot, which holds either.
    fn join_draws(&mut self, start: usize, middle: usize) {
        let second: HashMap<Place, &Value> = self.drawn[middle..]
            .iter()
            .rev()
            .map(|(p, v)| (*p, v))
            .collect();
        let both: Vec<(Place, Value)> = self.drawn[start..middle]
            .iter()
            .filter_map(|(place, a)| {
                let b = *second.get(place)?;
                Some((*place, a.clone().join(b.clone())))
            })
            .collect();
        for (place, value) in both {
            self.write(place, value.clone());
            self.drawn.push((place, value));
        }
    }

    /// A call of a built-in by name.
    fn call_builtin(
        &mut self,
        builtin: Builtin,
        args: &[Expr],
        named: &[(String, Expr)],
        span: Span,
    ) -> Value {
        let args: Vec<Arg> = args.iter().map(|e| self.arg(e)).collect();
        let named: Vec<(&str, Arg)> = named
            .iter()
            .map(|(name, e)| (name.as_str(), self.arg(e)))
            .collect();
        self.builtin(builtin, &args, &named, span)
    }
}

/// Random for certain only if every part is.
pub(super) fn all_random(parts: &[Value]) -> Option<Span> {
    let first = parts.first()?.random;
    first.filter(|_| parts.iter().all(|v| v.random.is_some()))
}

/// The type of what is made of values of which one is not known.
pub(super) fn open(values: &[&Value]) -> Ty {
    match values.iter().any(|v| v.ty == Ty::Never) {
        true => Ty::Never,
        false => Ty::Any,
    }
}
