//! Statements and blocks.

use super::super::error::CheckError;
use super::super::lint::Lint;
use super::super::scope::{Binding, Role, What};
use super::Resolver;
use crate::base::Span;
use crate::ir::visit;
use crate::ir::{Block, Expr, ExprKind, FnId, IndexArg, Pattern, Place, Stmt, StmtKind};
use crate::syntax::ast::{self, Ident};

impl Resolver<'_> {
    /// A block with a scope of its own.
    pub(super) fn block(&mut self, block: &ast::Block) -> Block {
        self.open();
        let resolved = self.stmts(block);
        self.frame().close();
        resolved
    }

    pub(super) fn stmts(&mut self, block: &ast::Block) -> Block {
        let (last, init) = match block.stmts.split_last() {
            Some((last, init)) => match &last.kind {
                ast::StmtKind::Expr(value) => (Some(value), init),
                _ => (None, block.stmts.as_slice()),
            },
            None => (None, [].as_slice()),
        };
        let stmts = init.iter().filter_map(|s| self.stmt(s)).collect();
        let value = last.map(|e| Box::new(self.expr(e)));
        Block {
            stmts,
            value,
            span: block.span,
        }
    }

    /// A statement; `None` where it leaves nothing to do.
    pub(super) fn stmt(&mut self, stmt: &ast::Stmt) -> Option<Stmt> {
        let span = stmt.span;
        let kind = match &stmt.kind {
            ast::StmtKind::Let { pattern, value } => self.let_stmt(pattern, value),
            ast::StmtKind::Var { name, value } => {
                let value = self.value_for(name, value);
                let pattern = Pattern::Slot(self.declare(name, Role::Var));
                StmtKind::Let { pattern, value }
            }
            ast::StmtKind::Assign {
                name,
                indices,
                op,
                value,
            } => {
                let (indices, value) = self.new_value(name, indices, value);
                let place = self.assigned(name);
                StmtKind::Assign {
                    place,
                    name: name.name.clone(),
                    indices,
                    op: *op,
                    value,
                }
            }
            ast::StmtKind::Sample { name, plate, dist } => {
                self.sample_stmt(name, plate, dist, span)
            }
            ast::StmtKind::Observe { value, plate, dist } => {
                self.may_weigh("observe", span);
                self.observe_stmt(value, plate, dist)
            }
            ast::StmtKind::Factor(e) => {
                self.may_weigh("factor", span);
                StmtKind::Factor(self.expr(e))
            }
            ast::StmtKind::Condition(e) => {
                self.may_weigh("condition", span);
                StmtKind::Condition(self.expr(e))
            }
            ast::StmtKind::For {
                pattern,
                iter,
                body,
            } => self.for_stmt(pattern, iter, body),
            ast::StmtKind::While { cond, body } => {
                let cond = self.expr(cond);
                let body = self.looped(|r| r.block(body));
                StmtKind::While { cond, body }
            }
            ast::StmtKind::Break => self.in_loop("break", span, StmtKind::Break),
            ast::StmtKind::Continue => self.in_loop("continue", span, StmtKind::Continue),
            ast::StmtKind::Return(e) => StmtKind::Return(e.as_ref().map(|e| self.expr(e))),
            ast::StmtKind::Expr(e) => StmtKind::Expr(self.expr(e)),
            ast::StmtKind::Fn(f) => self.nested_function(f),
            ast::StmtKind::Use(_) => return self.not_at_top("use", span),
            ast::StmtKind::Data(_) => return self.not_at_top("data", span),
            ast::StmtKind::Distribution(_) => return self.not_at_top("distribution", span),
        };
        Some(Stmt { kind, span })
    }

    fn not_at_top(&mut self, what: &'static str, span: Span) -> Option<Stmt> {
        self.errors.push(CheckError::Misplaced {
            what,
            place: "a block".into(),
            span,
            around: None,
            help: "move it to file level",
        });
        None
    }

    fn let_stmt(&mut self, pattern: &ast::Pattern, value: &ast::Expr) -> StmtKind {
        let value = match pattern {
            ast::Pattern::Name(name) => self.value_for(name, value),
            _ => self.expr(value),
        };
        let function = self.known_function(&value);
        let pattern = match pattern {
            ast::Pattern::Name(name) => {
                let place = self.slot(&name.name, name.span, Role::Let);
                self.bind(name, Role::Let, What::Value(place), function);
                Pattern::Slot(place)
            }
            other => self.pattern(other, Role::Let),
        };
        StmtKind::Let { pattern, value }
    }

    /// The value of a new name. Where the name hides data, it should have something to do with them.
    fn value_for(&mut self, name: &Ident, value: &ast::Expr) -> Expr {
        let hidden = self.look_up(&name.name, name.span);
        let data = hidden.filter(|(k, b)| *k == 0 && b.role == Role::Data && self.at_top());
        let Some((_, data)) = data else {
            return self.expr(value);
        };
        let reads = self.usage.reads(data.span);
        let value = self.expr(value);
        if self.usage.reads(data.span) == reads {
            self.lints.push(Lint::ShadowData {
                name: name.name.clone(),
                span: name.span,
                data: data.span,
            });
        }
        value
    }

    /// The function that an expression is known to give, so that calls by its name can use keywords.
    fn known_function(&self, value: &Expr) -> Option<FnId> {
        match &value.kind {
            ExprKind::Closure(id) => Some(*id),
            ExprKind::Memo(inner) => self.known_function(inner),
            _ => None,
        }
    }

    fn nested_function(&mut self, f: &ast::Function) -> StmtKind {
        let id = self.reserve(&f.name, &f.params);
        self.function(id, f, Some(&f.name));
        let place = self.slot(&f.name.name, f.name.span, Role::Function);
        self.bind(&f.name, Role::Function, What::Value(place), Some(id));
        let value = Expr {
            kind: ExprKind::Closure(id),
            span: f.name.span,
        };
        StmtKind::Let {
            pattern: Pattern::Slot(place),
            value,
        }
    }

    /// What an assignment gives a variable. That it reads its own old value is no use of it, unless a call may do more.
    fn new_value(
        &mut self,
        name: &Ident,
        indices: &[ast::IndexArg],
        value: &ast::Expr,
    ) -> (Vec<IndexArg>, Expr) {
        let declared = self.look_up(&name.name, name.span).map(|(_, b)| b.span);
        let reads = declared.map_or(0, |span| self.usage.reads(span));
        let value = self.expr(value);
        let indices = indices.iter().map(|i| self.index_arg(i)).collect();
        if let Some(span) = declared
            && !visit::calls(&value)
        {
            self.usage.set_reads(span, reads);
        }
        (indices, value)
    }

    /// The slot of a variable that is assigned to.
    fn assigned(&mut self, name: &Ident) -> Place {
        let innermost = self.frames.len() - 1;
        let Some((k, binding)) = self.look_up(&name.name, name.span) else {
            return self.assigned_unknown(name);
        };
        let place = match binding.what {
            What::Value(place) if k == innermost => place,
            _ => self.poison_place(),
        };
        if binding.role != Role::Var {
            self.errors.push(CheckError::NotAssignable {
                name: name.name.clone(),
                what: binding.role.noun(),
                span: name.span,
                declared: Some(binding.span),
            });
            return self.poison_place();
        }
        if k != innermost {
            self.errors.push(CheckError::AssignCaptured {
                name: name.name.clone(),
                span: name.span,
                declared: binding.span,
                function: self.frames[innermost].span,
            });
        }
        place
    }

    fn assigned_unknown(&mut self, name: &Ident) -> Place {
        let hint = self.hint(&name.name, name.span, false);
        self.errors.push(CheckError::AssignUnknown {
            name: name.name.clone(),
            span: name.span,
            hint,
        });
        let place = self.poison_place();
        self.assigned_unknown.insert(name.span);
        self.note_declared(name, Role::Var, What::Value(place));
        let order = self.position;
        let binding = Binding {
            what: What::Value(place),
            role: Role::Var,
            span: name.span,
            order,
            stable: true,
            function: None,
        };
        self.scope().declare(&name.name, binding);
        place
    }

    fn poison_place(&mut self) -> Place {
        match self.poison() {
            ExprKind::Place(place) => place,
            _ => unreachable!("poison is a place"),
        }
    }

    fn for_stmt(
        &mut self,
        pattern: &ast::Pattern,
        iter: &ast::Expr,
        body: &ast::Block,
    ) -> StmtKind {
        let iter = self.expr(iter);
        self.open();
        let pattern = self.pattern(pattern, Role::Loop);
        let body = self.looped(|r| r.block(body));
        self.frame().close();
        StmtKind::For {
            pattern,
            iter,
            body,
        }
    }

    fn looped<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.frame().loops += 1;
        let out = inside(self);
        self.frame().loops -= 1;
        out
    }

    fn in_loop(&mut self, keyword: &'static str, span: Span, kind: StmtKind) -> StmtKind {
        if self.frame().loops == 0 {
            self.errors.push(CheckError::OutsideLoop { keyword, span });
        }
        kind
    }

    /// One place between brackets.
    pub(super) fn index_arg(&mut self, arg: &ast::IndexArg) -> IndexArg {
        match arg {
            ast::IndexArg::At(e) => IndexArg::At(self.expr(e)),
            ast::IndexArg::Slice { lo, hi, span } => IndexArg::Slice {
                lo: lo.as_ref().map(|e| self.expr(e)),
                hi: hi.as_ref().map(|e| self.expr(e)),
                span: *span,
            },
        }
    }
}
