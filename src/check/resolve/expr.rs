//! Expressions.

use std::collections::HashMap;

use super::super::scope::{Frame, Head, Role};
use super::super::signature;
use super::Resolver;
use super::decl::{Body, signature_of};
use crate::base::Span;
use crate::ir::{Builtin, CLOSURE, Expr, ExprKind};
use crate::syntax::ast;

impl Resolver<'_> {
    /// An expression.
    pub(super) fn expr(&mut self, e: &ast::Expr) -> Expr {
        Expr {
            kind: self.expr_kind(e),
            span: e.span,
        }
    }

    fn boxed(&mut self, e: &ast::Expr) -> Box<Expr> {
        Box::new(self.expr(e))
    }

    fn exprs(&mut self, list: &[ast::Expr]) -> Vec<Expr> {
        list.iter().map(|e| self.expr(e)).collect()
    }

    fn expr_kind(&mut self, e: &ast::Expr) -> ExprKind {
        match &e.kind {
            ast::ExprKind::Bool(v) => ExprKind::Bool(*v),
            ast::ExprKind::Int(v) => ExprKind::Int(*v),
            ast::ExprKind::Real(v) => ExprKind::Real(*v),
            ast::ExprKind::Str(v) => ExprKind::Str(v.clone()),
            ast::ExprKind::Name(name) => self.name(name, e.span),
            ast::ExprKind::Array(items) => ExprKind::Array(self.exprs(items)),
            ast::ExprKind::Tuple(items) => ExprKind::Tuple(self.exprs(items)),
            ast::ExprKind::Record(fields) => ExprKind::Record(self.fields(fields)),
            ast::ExprKind::Comprehension {
                body,
                pattern,
                iter,
            } => self.comprehension(body, pattern, iter),
            ast::ExprKind::Field(base, field) => {
                ExprKind::Field(self.boxed(base), field.name.clone(), field.span)
            }
            ast::ExprKind::Index(base, args) => {
                let base = self.boxed(base);
                ExprKind::Index(base, args.iter().map(|a| self.index_arg(a)).collect())
            }
            ast::ExprKind::Call { callee, args } => self.call(callee, args, e.span),
            ast::ExprKind::Unary(op, a) => ExprKind::Unary(*op, self.boxed(a)),
            ast::ExprKind::Binary(op, _, a, b) => {
                let a = self.boxed(a);
                ExprKind::Binary(*op, a, self.boxed(b))
            }
            ast::ExprKind::Range(lo, hi) => {
                let lo = self.boxed(lo);
                ExprKind::Range(lo, self.boxed(hi))
            }
            ast::ExprKind::Sample(dist) => {
                self.may_sample(e.span);
                let site = self.site(None, e.span);
                ExprKind::Sample(self.boxed(dist), site)
            }
            ast::ExprKind::If {
                cond,
                then,
                otherwise,
            } => {
                let cond = self.boxed(cond);
                let (then, otherwise) = self.arms(then, otherwise.as_ref());
                ExprKind::If {
                    cond,
                    then,
                    otherwise,
                }
            }
            ast::ExprKind::Closure { params, body, memo } => {
                self.closure(params, body, *memo, e.span)
            }
            ast::ExprKind::Block(block) => ExprKind::Block(self.block(block)),
            ast::ExprKind::Memo(f) => ExprKind::Memo(self.boxed(f)),
        }
    }

    fn fields(&mut self, fields: &[(ast::Ident, ast::Expr)]) -> Vec<(String, Expr)> {
        let mut out: Vec<(String, Expr)> = Vec::new();
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (name, value) in fields {
            match seen.get(name.name.as_str()) {
                Some(first) => self.duplicate(name, *first, "field"),
                None => drop(seen.insert(&name.name, name.span)),
            }
            out.push((name.name.clone(), self.expr(value)));
        }
        out
    }

    fn name(&mut self, name: &str, span: Span) -> ExprKind {
        if let Some((module, member)) = name.split_once("::") {
            return match self.member(module, member, span) {
                Some(found) => self.value(member, &found),
                None => self.poison(),
            };
        }
        if let Some(found) = self.find(name, span) {
            self.usage.read_as_value(found.1.span);
            return self.value(name, &found);
        }
        match name {
            "pi" => return ExprKind::Real(std::f64::consts::PI),
            "inf" => return ExprKind::Real(f64::INFINITY),
            _ => {}
        }
        if let Some(builtin) = Builtin::find(name) {
            return ExprKind::Builtin(builtin);
        }
        match signature::of_distribution(name) {
            // `StdNormal` has nothing to be called with.
            Some((dist, signature)) if signature.params.is_empty() && !signature.rest => {
                ExprKind::Dist {
                    dist,
                    args: Vec::new(),
                }
            }
            Some((dist, signature)) if !signature.rest => {
                self.dist_function(dist, &signature, span)
            }
            _ => self.unknown(name, span, false),
        }
    }

    fn comprehension(
        &mut self,
        body: &ast::Expr,
        pattern: &ast::Pattern,
        iter: &ast::Expr,
    ) -> ExprKind {
        let iter = self.boxed(iter);
        self.open();
        let loops = std::mem::take(&mut self.frame().loops);
        let pattern = self.pattern(pattern, Role::Loop);
        let body = self.boxed(body);
        self.frame().loops = loops;
        self.frame().close();
        ExprKind::Comprehension {
            body,
            pattern,
            iter,
        }
    }

    fn closure(
        &mut self,
        params: &[ast::Param],
        body: &ast::Expr,
        memo: bool,
        span: Span,
    ) -> ExprKind {
        self.functions.push(None);
        let id = self.functions.len() - 1;
        let head = Head {
            signature: signature_of(CLOSURE, params),
            span,
        };
        self.heads.insert(id, head);
        self.frames
            .push(Frame::new(Some(id), span, self.inherited()));
        let params = self.params(&[params]);
        let body = match &body.kind {
            ast::ExprKind::Block(block) => self.body(&Body::Block(block)),
            _ => self.body(&Body::Expr(body)),
        };
        self.close_function(id, CLOSURE, params, body, (memo, None, span));
        ExprKind::Closure(id)
    }
}
