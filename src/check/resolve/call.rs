//! Calls: what is called, and which argument goes where.

use super::super::error::CheckError;
use super::super::scope::{Head, What};
use super::super::signature::{self, Signature};
use super::Resolver;
use super::asset;
use super::lookup::Found;
use crate::base::Span;
use crate::ir::{Builtin, DistRef, Expr, ExprKind};
use crate::syntax::ast;

/// Arguments in the order of the parameters, then options by name.
type Arranged = (Vec<Option<Expr>>, Vec<(String, Expr)>);

impl Resolver<'_> {
    /// A call.
    pub(super) fn call(&mut self, callee: &ast::Expr, args: &[ast::Arg], span: Span) -> ExprKind {
        let ast::ExprKind::Name(name) = &callee.kind else {
            let callee = self.expr(callee);
            return self.call_value(callee, args);
        };
        if let Some((module, member)) = name.split_once("::") {
            return match self.member(module, member, callee.span) {
                Some(found) => self.call_found(member, &found, callee.span, args, span),
                None => self.call_unknown(args),
            };
        }
        if let Some(found) = self.find(name, callee.span) {
            return self.call_found(name, &found, callee.span, args, span);
        }
        if let Some(builtin) = Builtin::find(name) {
            return self.call_builtin(builtin, args, span);
        }
        if let Some((dist, signature)) = signature::of_distribution(name) {
            return self.call_dist(dist, &signature, None, args, span);
        }
        self.unknown(name, callee.span, true);
        self.call_unknown(args)
    }

    fn call_found(
        &mut self,
        name: &str,
        found: &Found,
        callee: Span,
        args: &[ast::Arg],
        span: Span,
    ) -> ExprKind {
        if let What::Distribution(index) = found.1.what {
            let head = self.distribution_heads[index].clone();
            return self.call_dist(
                DistRef::User(index),
                &head.signature,
                Some(head.span),
                args,
                span,
            );
        }
        let value = Expr {
            kind: self.value(name, found),
            span: callee,
        };
        let id = match found.1.what {
            What::Function(id) | What::Itself(id) => Some(id),
            _ => found.1.function,
        };
        match id.and_then(|id| self.heads.get(&id).cloned()) {
            Some(head) => self.call_function(value, name, &head, args, span),
            None => self.call_value(value, args),
        }
    }

    fn call_function(
        &mut self,
        callee: Expr,
        name: &str,
        head: &Head,
        args: &[ast::Arg],
        span: Span,
    ) -> ExprKind {
        let signature = Signature {
            name: name.into(),
            ..head.signature.clone()
        };
        let (args, _) = self.arrange(&signature, Some(head.span), args, span);
        ExprKind::Call {
            callee: Box::new(callee),
            args: args.into_iter().flatten().collect(),
        }
    }

    fn call_value(&mut self, callee: Expr, args: &[ast::Arg]) -> ExprKind {
        if let Some(named) = args.iter().find_map(|a| a.name.as_ref()) {
            self.errors.push(CheckError::KeywordOfValue {
                span: named.span,
                callee: callee.span,
            });
        }
        ExprKind::Call {
            callee: Box::new(callee),
            args: args.iter().map(|a| self.expr(&a.value)).collect(),
        }
    }

    /// The arguments are resolved all the same: they may hold slips of their own.
    fn call_unknown(&mut self, args: &[ast::Arg]) -> ExprKind {
        for arg in args {
            self.expr(&arg.value);
        }
        self.poison()
    }

    fn call_builtin(&mut self, builtin: Builtin, args: &[ast::Arg], span: Span) -> ExprKind {
        let signature = signature::of_builtin(builtin);
        let (args, named) = self.arrange(&signature, None, args, span);
        if asset::is_asset(builtin) {
            return self.asset(builtin, args, span);
        }
        ExprKind::CallBuiltin {
            builtin,
            args: args.into_iter().flatten().collect(),
            named,
        }
    }

    fn call_dist(
        &mut self,
        dist: DistRef,
        signature: &Signature,
        declared: Option<Span>,
        args: &[ast::Arg],
        span: Span,
    ) -> ExprKind {
        let (args, _) = self.arrange(signature, declared, args, span);
        ExprKind::Dist { dist, args }
    }

    /// Puts arguments in the order of the parameters; what is missing after an error is of unknown type.
    fn arrange(
        &mut self,
        signature: &Signature,
        declared: Option<Span>,
        args: &[ast::Arg],
        span: Span,
    ) -> Arranged {
        let n = signature.params.len();
        let mut placed: Vec<Option<Expr>> = vec![None; n];
        let mut options: Vec<(String, Expr)> = Vec::new();
        let mut named: Option<Span> = None;
        let mut extra: Option<Span> = None;
        let errors = self.errors.len();
        for (i, arg) in args.iter().enumerate() {
            let value = self.expr(&arg.value);
            match &arg.name {
                Some(name) => {
                    named = named.or(Some(name.span));
                    self.named(
                        signature,
                        declared,
                        name,
                        value,
                        (&mut placed, &mut options),
                    );
                }
                None => {
                    if let Some(named) = named {
                        let span = value.span;
                        self.errors
                            .push(CheckError::PositionalAfterNamed { span, named });
                    } else if i < n {
                        placed[i] = Some(value);
                    } else if signature.rest {
                        placed.push(Some(value));
                    } else {
                        extra = extra.or(Some(value.span));
                    }
                }
            }
        }
        if extra.is_some() {
            self.wrong_count(signature, declared, args.len(), (span, extra));
        } else if self.errors.len() == errors || named.is_none() {
            self.missing(signature, declared, &placed, args, span);
        }
        for slot in placed.iter_mut().take(signature.required) {
            if slot.is_none() {
                *slot = Some(Expr {
                    kind: self.poison(),
                    span,
                });
            }
        }
        (placed, options)
    }

    fn named(
        &mut self,
        signature: &Signature,
        declared: Option<Span>,
        name: &ast::Ident,
        value: Expr,
        (placed, options): (&mut [Option<Expr>], &mut Vec<(String, Expr)>),
    ) {
        let (span, text) = (name.span, name.name.clone());
        if let Some(at) = signature.params.iter().position(|p| *p == text) {
            match &placed[at] {
                Some(first) => {
                    let first = first.span;
                    self.errors.push(CheckError::RepeatedArgument {
                        name: text,
                        span,
                        first,
                    });
                }
                None => placed[at] = Some(value),
            }
        } else if signature.options.contains(&text.as_str()) {
            match options.iter().find(|(n, _)| *n == text) {
                Some((_, first)) => {
                    let first = first.span;
                    self.errors.push(CheckError::RepeatedArgument {
                        name: text,
                        span,
                        first,
                    });
                }
                None => options.push((text, value)),
            }
        } else {
            self.errors.push(CheckError::UnknownArgument {
                callee: signature.name.clone(),
                name: text,
                params: signature.shown(),
                span,
                declared,
            });
        }
    }

    fn missing(
        &mut self,
        signature: &Signature,
        declared: Option<Span>,
        placed: &[Option<Expr>],
        args: &[ast::Arg],
        span: Span,
    ) {
        let required = &placed[..signature.required];
        let Some(at) = required.iter().position(Option::is_none) else {
            return;
        };
        if args.is_empty() || required.iter().filter(|a| a.is_none()).count() > 1 {
            return self.wrong_count(signature, declared, args.len(), (span, None));
        }
        self.errors.push(CheckError::MissingArgument {
            callee: signature.name.clone(),
            name: signature.params[at].clone(),
            params: signature.shown(),
            span,
            declared,
        });
    }

    fn wrong_count(
        &mut self,
        signature: &Signature,
        declared: Option<Span>,
        got: usize,
        (span, extra): (Span, Option<Span>),
    ) {
        self.errors.push(CheckError::ArgumentCount {
            callee: signature.name.clone(),
            params: signature.shown(),
            rest: signature.rest,
            got,
            span,
            extra,
            declared,
        });
    }
}
