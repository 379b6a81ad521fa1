//! Declarations of functions and distributions.

use std::collections::HashMap;

use super::super::error::CheckError;
use super::super::scope::{Context, Frame, Head, Role, Slot, What};
use super::super::signature::Signature;
use super::Resolver;
use crate::base::Span;
use crate::ir::{
    Block, DistRef, Expr, ExprKind, FnId, Function, Param, Pattern, Place, Stmt, StmtKind, Type,
    UserDistribution,
};
use crate::syntax::ast::{self, Ident};

/// A declaration at file level whose body is resolved after the statements.
pub(super) enum Hoisted<'p> {
    /// A function and its reserved id.
    Function(&'p ast::Function, FnId),
    /// A distribution and its reserved index.
    Distribution(&'p ast::DistributionDecl, usize),
}

/// A function's body as written.
pub(super) enum Body<'p> {
    /// `{ … }`.
    Block(&'p ast::Block),
    /// A closure's expression.
    Expr(&'p ast::Expr),
}

impl Resolver<'_> {
    /// Makes the functions and distributions of a file known to all of it; their bodies wait.
    pub(super) fn hoist<'p>(&mut self, program: &'p ast::Program) -> Vec<(u32, Hoisted<'p>)> {
        let mut waiting = Vec::new();
        for (position, stmt) in program.stmts.iter().enumerate() {
            self.position = position as u32;
            let item = match &stmt.kind {
                ast::StmtKind::Fn(function) => {
                    let id = self.reserve(&function.name, &function.params);
                    self.hoist_name(&function.name, Role::Function, What::Function(id));
                    Hoisted::Function(function, id)
                }
                ast::StmtKind::Distribution(decl) => {
                    let index = self.reserve_distribution(decl);
                    self.hoist_name(&decl.name, Role::Distribution, What::Distribution(index));
                    Hoisted::Distribution(decl, index)
                }
                _ => continue,
            };
            waiting.push((position as u32, item));
        }
        waiting
    }

    fn hoist_name(&mut self, name: &Ident, role: Role, what: What) {
        if let Some(first) = self.scope().get(&name.name).map(|b| b.span) {
            self.duplicate(name, first, role.noun().trim_start_matches("a "));
        }
        self.bind(name, role, what, None);
    }

    pub(super) fn duplicate(&mut self, name: &Ident, first: Span, what: &'static str) {
        self.errors.push(CheckError::Duplicate {
            name: name.name.clone(),
            span: name.span,
            first,
            what,
        });
    }

    /// Resolves the body of a declaration that waited.
    pub(super) fn hoisted(&mut self, item: Hoisted) {
        match item {
            Hoisted::Function(function, id) => self.function(id, function, None),
            Hoisted::Distribution(decl, index) => self.distribution(decl, index),
        }
    }

    /// A function id with a known head, so that calls can be resolved before the body is.
    pub(super) fn reserve(&mut self, name: &Ident, params: &[ast::Param]) -> FnId {
        self.functions.push(None);
        let id = self.functions.len() - 1;
        let head = Head {
            signature: signature_of(&name.name, params),
            span: name.span,
        };
        self.heads.insert(id, head);
        id
    }

    fn reserve_distribution(&mut self, decl: &ast::DistributionDecl) -> usize {
        self.distributions.push(None);
        self.distribution_heads.push(Head {
            signature: signature_of(&decl.name.name, &decl.params),
            span: decl.name.span,
        });
        self.distributions.len() - 1
    }

    /// Resolves a named function; `itself` is its own name where that is not known at file level.
    pub(super) fn function(&mut self, id: FnId, f: &ast::Function, itself: Option<&Ident>) {
        let span = f.name.span.to(f.body.span);
        let mut frame = Frame::new(Some(id), span, self.inherited());
        frame.loops = 0;
        self.frames.push(frame);
        if let Some(name) = itself {
            self.bind_itself(name, id);
        }
        let params = self.params(&[&f.params]);
        let result = f.result.as_ref().map(|t| self.type_of(t));
        let body = self.body(&Body::Block(&f.body));
        self.close_function(id, &f.name.name, params, body, (f.memo, result, span));
    }

    fn bind_itself(&mut self, name: &Ident, id: FnId) {
        self.bind(name, Role::Function, What::Itself(id), Some(id));
        self.open();
    }

    /// What may stand in a function that is declared here.
    pub(super) fn inherited(&self) -> Context {
        match &self.frames[self.frames.len() - 1].context {
            Context::Constant(_) => Context::Free,
            other => other.clone(),
        }
    }

    /// Parameters in slots 0, 1, …; patterns among them are taken apart into further slots.
    pub(super) fn params(&mut self, groups: &[&[ast::Param]]) -> Vec<Param> {
        let all: Vec<&ast::Param> = groups.iter().copied().flatten().collect();
        self.check_param_names(&all);
        let places: Vec<Place> = all.iter().map(|p| self.param_slot(p)).collect();
        all.iter()
            .zip(places)
            .map(|(p, place)| self.param(p, place))
            .collect()
    }

    fn check_param_names(&mut self, params: &[&ast::Param]) {
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut twice: Vec<(Ident, Span)> = Vec::new();
        for param in params {
            super::each_name(&param.pattern, &mut |name| match seen.get(&name.name) {
                Some(first) => twice.push((name.clone(), *first)),
                None => drop(seen.insert(name.name.clone(), name.span)),
            });
        }
        for (name, first) in twice {
            self.duplicate(&name, first, "argument");
        }
    }

    fn param_slot(&mut self, param: &ast::Param) -> Place {
        let span = pattern_span(&param.pattern);
        match &param.pattern {
            ast::Pattern::Name(name) => self.slot(&name.name, span, Role::Param),
            _ => self.slot("", span, Role::Param),
        }
    }

    fn param(&mut self, param: &ast::Param, place: Place) -> Param {
        let ty = param.ty.as_ref().map(|t| self.type_of(t));
        let span = pattern_span(&param.pattern);
        let (name, pattern) = match &param.pattern {
            ast::Pattern::Name(name) => {
                self.bind(name, Role::Param, What::Value(place), None);
                (Some(name.name.clone()), Pattern::Slot(place))
            }
            other => (None, self.pattern(other, Role::Param)),
        };
        Param {
            name,
            pattern,
            ty,
            span,
        }
    }

    /// A function's body, in the frame that is open.
    pub(super) fn body(&mut self, body: &Body) -> Block {
        match body {
            Body::Block(block) => self.block(block),
            Body::Expr(expr) => {
                let value = self.expr(expr);
                Block {
                    stmts: Vec::new(),
                    value: Some(Box::new(value)),
                    span: expr.span,
                }
            }
        }
    }

    /// Ends the innermost frame and files its function.
    pub(super) fn close_function(
        &mut self,
        id: FnId,
        name: &str,
        params: Vec<Param>,
        mut body: Block,
        (memo, result, span): (bool, Option<Type>, Span),
    ) {
        let frame = self.frames.pop().expect("the function's frame is open");
        if let Some(own) = frame.itself {
            body.stmts.insert(0, keep_itself(own, span));
        }
        let function = Function {
            name: name.into(),
            params,
            captures: frame.captures,
            n_locals: frame.slots.len(),
            body,
            memo,
            result,
            span,
        };
        self.locals.insert(id, frame.slots);
        self.functions[id] = Some(function);
    }

    fn distribution(&mut self, decl: &ast::DistributionDecl, index: usize) {
        let span = self.distribution_heads[index].span;
        let mut ids: [Option<FnId>; 4] = [None; 4];
        for method in &decl.methods {
            self.method(decl, method, &mut ids);
        }
        let sample = ids[0].unwrap_or_else(|| {
            self.errors.push(CheckError::NoSampleMethod {
                name: decl.name.name.clone(),
                span,
            });
            self.empty_method(decl)
        });
        self.distributions[index] = Some(UserDistribution {
            name: decl.name.name.clone(),
            params: self.distribution_heads[index].signature.params.clone(),
            sample,
            log_prob: ids[1],
            cdf: ids[2],
            quantile: ids[3],
            // Known once types are.
            over: Vec::new(),
            span,
        });
    }

    fn method(
        &mut self,
        decl: &ast::DistributionDecl,
        f: &ast::Function,
        ids: &mut [Option<FnId>; 4],
    ) {
        const METHODS: [&str; 4] = ["sample", "log_prob", "cdf", "quantile"];
        let Some(which) = METHODS.iter().position(|m| *m == f.name.name) else {
            self.errors.push(CheckError::UnknownMethod {
                name: f.name.name.clone(),
                span: f.name.span,
            });
            return;
        };
        if let Some(first) = ids[which] {
            let first = self.heads[&first].span;
            return self.duplicate(&f.name, first, "method");
        }
        let want = usize::from(which > 0);
        if f.params.len() != want {
            self.errors.push(CheckError::MethodArguments {
                distribution: decl.name.name.clone(),
                method: f.name.name.clone(),
                want,
                span: f.name.span,
            });
        }
        ids[which] = Some(self.method_body(decl, f));
    }

    fn method_body(&mut self, decl: &ast::DistributionDecl, f: &ast::Function) -> FnId {
        let id = self.reserve(&f.name, &f.params);
        let span = f.name.span.to(f.body.span);
        let context = Context::Method {
            name: f.name.name.clone(),
            span: f.name.span,
        };
        self.frames.push(Frame::new(Some(id), span, context));
        let params = self.params(&[&decl.params, &f.params]);
        let result = f.result.as_ref().map(|t| self.type_of(t));
        let body = self.body(&Body::Block(&f.body));
        let name = format!("{}.{}", decl.name.name, f.name.name);
        self.close_function(id, &name, params, body, (false, result, span));
        id
    }

    /// Stands for a sampler that is not there; the program is refused anyway.
    fn empty_method(&mut self, decl: &ast::DistributionDecl) -> FnId {
        let id = self.reserve(&decl.name, &decl.params);
        let span = decl.name.span;
        self.frames.push(Frame::new(Some(id), span, Context::Free));
        let params = self.params(&[&decl.params]);
        let value = Expr {
            kind: self.poison(),
            span,
        };
        let body = Block {
            stmts: Vec::new(),
            value: Some(Box::new(value)),
            span,
        };
        self.close_function(id, &decl.name.name, params, body, (false, None, span));
        id
    }

    /// A user's distribution as a value: the function from its parameters to it.
    pub(super) fn distribution_value(&mut self, index: usize) -> ExprKind {
        let head = self.distribution_heads[index].clone();
        self.dist_function(DistRef::User(index), &head.signature, head.span)
    }

    /// `|a, b| D(a, b)`.
    pub(super) fn dist_function(
        &mut self,
        dist: DistRef,
        signature: &Signature,
        span: Span,
    ) -> ExprKind {
        self.functions.push(None);
        let id = self.functions.len() - 1;
        let n = signature.params.len() as u32;
        let place = |i: u32| Expr {
            kind: ExprKind::Place(Place::Local(i)),
            span,
        };
        let params = (0..n).map(|i| Param {
            name: Some(signature.params[i as usize].clone()),
            pattern: Pattern::Slot(Place::Local(i)),
            ty: None,
            span,
        });
        let value = Expr {
            kind: ExprKind::Dist {
                dist,
                args: (0..n).map(|i| Some(place(i))).collect(),
            },
            span,
        };
        let slots = signature.params.iter().map(|name| Slot {
            name: name.clone(),
            span,
            role: Role::Param,
        });
        self.locals.insert(id, slots.collect());
        self.functions[id] = Some(Function {
            name: signature.name.clone(),
            params: params.collect(),
            captures: Vec::new(),
            n_locals: n as usize,
            body: Block {
                stmts: Vec::new(),
                value: Some(Box::new(value)),
                span,
            },
            memo: false,
            result: None,
            span,
        });
        ExprKind::Closure(id)
    }
}

pub(super) fn signature_of(name: &str, params: &[ast::Param]) -> Signature {
    let shown = |p: &ast::Param| match &p.pattern {
        ast::Pattern::Name(ident) => ident.name.clone(),
        _ => "_".into(),
    };
    Signature {
        name: name.into(),
        params: params.iter().map(shown).collect(),
        required: params.len(),
        rest: false,
        options: &[],
    }
}

fn pattern_span(pattern: &ast::Pattern) -> Span {
    match pattern {
        ast::Pattern::Name(name) => name.span,
        ast::Pattern::Discard(span)
        | ast::Pattern::Tuple(_, span)
        | ast::Pattern::Record(_, span) => *span,
    }
}

fn keep_itself(own: u32, span: Span) -> Stmt {
    let value = Expr {
        kind: ExprKind::SelfFn,
        span,
    };
    Stmt {
        kind: StmtKind::Let {
            pattern: Pattern::Slot(Place::Local(own)),
            value,
        },
        span,
    }
}
