//! Types as they are shown: what inference knows, in the terms of `ir::Type`.

use super::super::types::{Callable, Ty, Value};
use super::{Arg, Infer};
use crate::base::Span;
use crate::ir::{Builtin, FnId, Type};

/// Closures that give closures are followed so far.
const DEEPEST: usize = 8;

impl Infer<'_> {
    /// A type as it is written. A function without annotations takes many kinds of arguments: it is shown with reals where
    /// it takes them.
    pub(super) fn written(&mut self, ty: &Ty) -> Type {
        self.written_at(ty, 0)
    }

    fn written_at(&mut self, ty: &Ty, depth: usize) -> Type {
        let mut inner = |t: &Ty| self.written_at(t, depth);
        match ty {
            Ty::Never | Ty::Any => Type::Any,
            Ty::Unit => Type::Unit,
            Ty::Bool => Type::Bool,
            Ty::Int => Type::Int,
            Ty::Real => Type::Real,
            Ty::Str => Type::Str,
            Ty::Array(element, sizes) => Type::Array {
                element: Box::new(inner(element)),
                sizes: sizes.clone(),
            },
            Ty::Tuple(parts) => Type::Tuple(parts.iter().map(inner).collect()),
            Ty::Record(fields) => {
                Type::Record(fields.iter().map(|(n, t)| (n.clone(), inner(t))).collect())
            }
            Ty::Dist { value, .. } => Type::Dist(Box::new(inner(value))),
            Ty::Fn(callable) => self.function(ty, callable, depth),
        }
    }

    fn function(&mut self, ty: &Ty, callable: &Callable, depth: usize) -> Type {
        let unknown = || Type::Fn(vec![Type::Any], Box::new(Type::Any));
        let params = match callable {
            _ if depth > DEEPEST => return unknown(),
            Callable::Unknown => return unknown(),
            Callable::Opaque(params, _) => params.clone(),
            Callable::Closure(id, _) => self.declared(*id),
            Callable::Builtin(b) => vec![Ty::Any; required(*b)],
        };
        let reals: Vec<Ty> = params.iter().map(or_real).collect();
        let (params, result) = match self.applied(ty, &reals) {
            Some(result) => (reals, result),
            None => (params.clone(), self.applied(ty, &params).unwrap_or(Ty::Any)),
        };
        let params = params.iter().map(|t| self.written_at(t, depth + 1));
        let params = params.collect();
        Type::Fn(params, Box::new(self.written_at(&result, depth + 1)))
    }

    fn declared(&self, id: FnId) -> Vec<Ty> {
        let params = self.model.functions[id].params.iter();
        let annotated = params.map(|p| p.ty.as_ref().map_or(Ty::Any, Ty::annotated));
        annotated.collect()
    }

    /// What a function gives for arguments of these types; `None` where it does not take them.
    fn applied(&mut self, function: &Ty, args: &[Ty]) -> Option<Ty> {
        let errors = self.errors.len();
        let arg = |ty: &Ty| Arg {
            value: Value::of(ty.clone()),
            span: Span::default(),
            expr: None,
        };
        let args: Vec<Arg> = args.iter().map(arg).collect();
        let result = self.apply(&arg(function), &args, Span::default());
        let fits = self.errors.len() == errors;
        self.errors.truncate(errors);
        fits.then_some(result.ty)
    }
}

fn or_real(ty: &Ty) -> Ty {
    match ty {
        Ty::Any => Ty::Real,
        other => other.clone(),
    }
}

fn required(builtin: Builtin) -> usize {
    super::super::signature::of_builtin(builtin).required
}
