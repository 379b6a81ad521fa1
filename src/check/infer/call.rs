//! Calls: each function's body is looked at once for each kind of arguments.

use super::super::mismatch::Mismatch;
use super::super::signature;
use super::super::types::{Callable, Ty, Value};
use super::{Arg, Frame, Infer, Told};
use crate::base::Span;
use crate::ir::{Builtin, Expr, ExprKind, FnId};

/// A function's call with one kind of captures and arguments.
pub(super) struct Entry {
    key: (Vec<Value>, Vec<Value>),
    state: State,
}

enum State {
    /// It is being looked at: what it is assumed to give, and how many frames stood below it.
    Running { assumed: Value, depth: usize },
    /// What it gives, and what was found wrong on the way.
    Done { result: Value, errors: Vec<Told> },
}

/// A function that is called with more kinds of arguments is looked at without the values that are known of them.
const MAX_KINDS: usize = 32;

/// From so many errors on, those of a function are not told again for each of its calls.
const MAX_TOLD: usize = 10_000;

impl Infer<'_> {
    /// `callee(args)`.
    pub(super) fn call(&mut self, callee: &Expr, args: &[Expr], span: Span) -> Value {
        let callee = self.arg(callee);
        let args: Vec<Arg> = args.iter().map(|e| self.arg(e)).collect();
        self.apply(&callee, &args, span)
    }

    /// A function value applied to arguments.
    pub(super) fn apply(&mut self, callee: &Arg, args: &[Arg], span: Span) -> Value {
        match &callee.value.ty {
            Ty::Any | Ty::Fn(Callable::Unknown) => Value::any(),
            Ty::Never => Value::of(Ty::Never),
            Ty::Fn(Callable::Builtin(builtin)) => self.apply_builtin(*builtin, args, span),
            Ty::Fn(Callable::Opaque(params, result)) => {
                self.apply_opaque(callee, params, args, span);
                Value::of((**result).clone())
            }
            Ty::Fn(Callable::Closure(id, captures)) => {
                self.apply_closure(*id, captures, callee, args, span)
            }
            _ => {
                let seen = self.seen(callee);
                let name = seen.declared.as_ref().map_or("", |(name, _)| name.as_str());
                let builtin = Builtin::find(name).is_some();
                self.tell(Mismatch::NotFunction { seen, builtin });
                Value::any()
            }
        }
    }

    fn apply_builtin(&mut self, builtin: Builtin, args: &[Arg], span: Span) -> Value {
        let signature = signature::of_builtin(builtin);
        let most = if signature.rest {
            usize::MAX
        } else {
            signature.params.len()
        };
        if args.len() < signature.required || args.len() > most {
            let want = signature.required;
            self.wrong_count(want, args.len(), span, None);
            return Value::any();
        }
        self.builtin(builtin, args, &[], span)
    }

    fn apply_opaque(&mut self, callee: &Arg, params: &[Ty], args: &[Arg], span: Span) {
        if params.len() != args.len() {
            return self.wrong_count(params.len(), args.len(), span, Some(callee.span));
        }
        for (param, arg) in params.iter().zip(args) {
            self.fits(arg, param, "this argument", callee.span);
        }
    }

    fn wrong_count(&mut self, want: usize, got: usize, span: Span, declared: Option<Span>) {
        let declared = declared.filter(|d| *d != span);
        self.tell(Mismatch::ArgumentCount {
            want,
            got,
            span,
            declared,
        });
    }

    fn apply_closure(
        &mut self,
        id: FnId,
        captures: &[Value],
        callee: &Arg,
        args: &[Arg],
        span: Span,
    ) -> Value {
        let function = &self.model.functions[id];
        if function.params.len() != args.len() {
            self.wrong_count(function.params.len(), args.len(), span, Some(function.span));
            return Value::any();
        }
        if function.memo {
            args.iter().for_each(|a| self.memo_key(a));
        }
        let mut values = Vec::new();
        for (param, arg) in function.params.iter().zip(args) {
            let mut value = arg.value.clone();
            if let Some(want) = &param.ty {
                let name = param.name.as_deref().unwrap_or("_");
                let what = format!("`{name}`");
                value.ty = self.fits(arg, &Ty::annotated(want), &what, param.span);
            }
            values.push(value);
        }
        if values.iter().any(|v| v.ty == Ty::Never) {
            return Value::of(Ty::Never);
        }
        self.run(
            id,
            captures.to_vec(),
            values,
            callee.value.clone(),
            Some(span),
        )
    }

    fn memo_key(&mut self, arg: &Arg) {
        fn is_key(ty: &Ty) -> bool {
            match ty {
                Ty::Int | Ty::Bool | Ty::Any | Ty::Never => true,
                Ty::Tuple(parts) => parts.iter().all(is_key),
                _ => false,
            }
        }
        if !is_key(&arg.value.ty) {
            let seen = self.seen(arg);
            self.tell(Mismatch::MemoKey { seen });
        }
    }

    /// The result of a function for these captures and arguments.
    pub(super) fn run(
        &mut self,
        id: FnId,
        mut captures: Vec<Value>,
        mut args: Vec<Value>,
        itself: Value,
        call: Option<Span>,
    ) -> Value {
        self.called.insert(id);
        let active = self
            .frames
            .iter()
            .filter(|f| f.function == Some(id))
            .count();
        if active > 0 {
            captures = captures.into_iter().map(Value::widened).collect();
            args = args.into_iter().map(Value::widened).collect();
        }
        if active > 3 {
            args.iter_mut().for_each(|a| *a = Value::any());
        }
        if self
            .memo
            .get(&id)
            .is_some_and(|known| known.len() >= MAX_KINDS)
        {
            captures = captures.into_iter().map(Value::widened).collect();
            args = args.into_iter().map(Value::widened).collect();
        }
        if active > 8 || self.frames.len() > 100 {
            return Value::any();
        }
        let key = (captures, args);
        if let Some(result) = self.remembered(id, &key) {
            return result;
        }
        self.explore(id, key, itself, call)
    }

    fn remembered(&mut self, id: FnId, key: &(Vec<Value>, Vec<Value>)) -> Option<Value> {
        let entry = self.memo.get(&id)?.iter().find(|e| e.key == *key)?;
        match &entry.state {
            State::Running { assumed, depth } => {
                self.lowest = self.lowest.min(*depth);
                Some(assumed.clone())
            }
            State::Done { result, errors } => {
                if self.errors.len() < MAX_TOLD {
                    self.errors.extend(errors.iter().cloned());
                }
                Some(result.clone())
            }
        }
    }

    /// Looks at a body until its result agrees with what its own calls were assumed to give.
    fn explore(
        &mut self,
        id: FnId,
        key: (Vec<Value>, Vec<Value>),
        itself: Value,
        call: Option<Span>,
    ) -> Value {
        const ROUNDS: usize = 6;
        let depth = self.frames.len();
        let outer_errors = std::mem::take(&mut self.errors);
        let outer_lowest = std::mem::replace(&mut self.lowest, usize::MAX);
        let mut assumed = Value::of(Ty::Never);
        let mut settled = false;
        for _ in 0..ROUNDS {
            self.errors.clear();
            self.remember(
                id,
                &key,
                State::Running {
                    assumed: assumed.clone(),
                    depth,
                },
            );
            let found = self.body(id, &key, itself.clone(), call);
            let result = assumed.clone().join(found);
            settled = result == assumed;
            let used = self.lowest <= depth;
            assumed = result;
            if settled || !used {
                settled = true;
                break;
            }
        }
        if !settled {
            assumed = Value::any();
            self.errors.clear();
        }
        let errors = std::mem::replace(&mut self.errors, outer_errors);
        self.errors.extend(errors.iter().cloned());
        let provisional = self.lowest < depth;
        self.lowest = if provisional {
            self.lowest.min(outer_lowest)
        } else {
            outer_lowest
        };
        if provisional {
            // Its result rests on what an outer call is assumed to give, and may change with that.
            self.forget(id, &key);
            return assumed;
        }
        if assumed.ty == Ty::Never {
            assumed = Value::any();
        }
        self.remember(
            id,
            &key,
            State::Done {
                result: assumed.clone(),
                errors,
            },
        );
        assumed
    }

    fn remember(&mut self, id: FnId, key: &(Vec<Value>, Vec<Value>), state: State) {
        let entries = self.memo.entry(id).or_default();
        match entries.iter_mut().find(|e| e.key == *key) {
            Some(entry) => entry.state = state,
            None => entries.push(Entry {
                key: key.clone(),
                state,
            }),
        }
    }

    fn forget(&mut self, id: FnId, key: &(Vec<Value>, Vec<Value>)) {
        if let Some(entries) = self.memo.get_mut(&id) {
            entries.retain(|e| e.key != *key);
        }
    }

    fn body(
        &mut self,
        id: FnId,
        (captures, args): &(Vec<Value>, Vec<Value>),
        itself: Value,
        call: Option<Span>,
    ) -> Value {
        let function = &self.model.functions[id];
        let mut slots = vec![Value::any(); function.n_locals];
        for ((_, local), value) in function.captures.iter().zip(captures) {
            slots[*local as usize] = value.clone();
        }
        self.frames.push(Frame {
            function: Some(id),
            slots,
            result: None,
            gave: None,
            itself: Some(itself),
            call,
        });
        self.conditional += 1;
        for (param, value) in function.params.iter().zip(args) {
            let arg = Arg {
                value: value.clone(),
                span: param.span,
                expr: None,
            };
            self.bind(&param.pattern, &arg);
        }
        let value = self.block(&function.body);
        let last = function.body.value.as_deref();
        let span = last.map_or(function.body.span, |e| e.span);
        if let (Ty::Never, Some(e)) = (&value.ty, last) {
            self.not_reached(e);
        }
        self.give(&Arg {
            value,
            span,
            expr: last,
        });
        self.conditional -= 1;
        let frame = self.frames.pop().expect("the function's frame is open");
        frame.result.unwrap_or_else(|| Value::of(Ty::Never))
    }

    /// A value that the function gives, at its end or by `return`.
    pub(super) fn give(&mut self, arg: &Arg) {
        let Some(id) = self.frame().function else {
            self.result = Some(arg.value.ty.clone());
            if let Some(e) = arg.expr {
                self.strings_among(e, &arg.value.ty);
            }
            return;
        };
        let mut value = arg.value.clone();
        let function = &self.model.functions[id];
        if let Some(want) = &function.result {
            let what = format!("the result of `{}`", function.name);
            value.ty = match value.ty {
                Ty::Never => Ty::Never,
                _ => self.fits(arg, &Ty::annotated(want), &what, function.span),
            };
        }
        if function.result.is_none() {
            self.results_agree(arg);
        }
        let frame = self.frame();
        frame.result = Some(match frame.result.take() {
            Some(other) => other.join(value),
            None => value,
        });
    }

    /// Notes the fields of a result that are strings: there are no draws of them.
    fn strings_among(&mut self, e: &Expr, ty: &Ty) {
        match (&e.kind, ty) {
            (ExprKind::Record(fields), Ty::Record(types)) => {
                for (name, e) in fields {
                    if let Some((_, t)) = types.iter().find(|(n, _)| n == name) {
                        self.strings_among(e, t);
                    }
                }
            }
            (_, ty) if *ty.parts().0 == Ty::Str => self.strings.push(e.span),
            _ => {}
        }
    }

    /// Reports a result that is unlike the function's first one.
    pub(super) fn results_agree(&mut self, arg: &Arg) {
        if arg.value.ty.is_open() || arg.value.ty == Ty::Unit {
            return;
        }
        let b = self.seen(arg);
        let frame = self.frame();
        match frame.gave.clone() {
            None => frame.gave = Some(b),
            Some(a) if a.ty.is_like(&b.ty) => {}
            Some(a) => self.tell(Mismatch::Results { a, b }),
        }
    }

    /// Functions that nothing calls are looked at with arguments of any kind.
    pub(super) fn uncalled(&mut self) {
        // Looking at one function tells what the closures in it capture: some are ready only in a later round.
        loop {
            let called = self.called.len();
            (0..self.model.functions.len()).for_each(|id| self.uncalled_one(id));
            if self.called.len() == called {
                return;
            }
        }
    }

    fn uncalled_one(&mut self, id: FnId) {
        let captures_nothing = self.model.functions[id].captures.is_empty();
        let ready = captures_nothing || self.captured.contains_key(&id);
        if ready && !self.called.contains(&id) {
            let captures = self.captured.get(&id).cloned().unwrap_or_default();
            let params = &self.model.functions[id].params;
            let args = params
                .iter()
                .map(|p| Value::of(p.ty.as_ref().map_or(Ty::Any, Ty::annotated)));
            let args = args.collect();
            let itself = Value::of(Ty::Fn(Callable::Closure(id, captures.clone())));
            self.run(id, captures, args, itself, None);
        }
    }
}
