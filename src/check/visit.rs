//! Every expression of a piece of code, from the outside in. Bodies of closures are functions of their own.

use crate::ir::{Block, Expr, ExprKind, IndexArg, Stmt, StmtKind};

/// Calls `f` with each expression in a block.
pub(super) fn block(block: &Block, f: &mut impl FnMut(&Expr)) {
    block.stmts.iter().for_each(|s| stmt(s, f));
    if let Some(value) = &block.value {
        expr(value, f);
    }
}

/// Calls `f` with each expression in a statement.
pub(super) fn stmt(stmt: &Stmt, f: &mut impl FnMut(&Expr)) {
    match &stmt.kind {
        StmtKind::Data(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Return(None) => {}
        StmtKind::Let { value: e, .. }
        | StmtKind::Factor(e)
        | StmtKind::Condition(e)
        | StmtKind::Return(Some(e))
        | StmtKind::Expr(e) => expr(e, f),
        StmtKind::Assign { indices, value, .. } => {
            index_args(indices, f);
            expr(value, f);
        }
        StmtKind::Sample { plate, dist, .. } => {
            for index in plate {
                expr(&index.lo, f);
                expr(&index.hi, f);
            }
            expr(dist, f);
        }
        StmtKind::Observe { value, plate, dist } => {
            expr(value, f);
            for index in plate {
                expr(&index.lo, f);
                expr(&index.hi, f);
            }
            expr(dist, f);
        }
        StmtKind::For { iter, body, .. } => {
            expr(iter, f);
            block(body, f);
        }
        StmtKind::While { cond, body } => {
            expr(cond, f);
            block(body, f);
        }
    }
}

/// Calls `f` with an expression and each one in it.
pub(super) fn expr(e: &Expr, f: &mut impl FnMut(&Expr)) {
    f(e);
    match &e.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Real(_)
        | ExprKind::Str(_)
        | ExprKind::Place(_)
        | ExprKind::Closure(_)
        | ExprKind::SelfFn
        | ExprKind::Builtin(_) => {}
        ExprKind::Array(items) | ExprKind::Tuple(items) => items.iter().for_each(|e| expr(e, f)),
        ExprKind::Record(fields) => fields.iter().for_each(|(_, e)| expr(e, f)),
        ExprKind::Comprehension { body, iter, .. } => {
            expr(iter, f);
            expr(body, f);
        }
        ExprKind::Field(a, ..)
        | ExprKind::Unary(_, a)
        | ExprKind::Sample(a, _)
        | ExprKind::Memo(a) => expr(a, f),
        ExprKind::Index(base, args) => {
            expr(base, f);
            index_args(args, f);
        }
        ExprKind::Call { callee, args } => {
            expr(callee, f);
            args.iter().for_each(|e| expr(e, f));
        }
        ExprKind::CallBuiltin { args, named, .. } => {
            args.iter().for_each(|e| expr(e, f));
            named.iter().for_each(|(_, e)| expr(e, f));
        }
        ExprKind::Dist { args, .. } => args.iter().flatten().for_each(|e| expr(e, f)),
        ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) => {
            expr(a, f);
            expr(b, f);
        }
        ExprKind::If {
            cond,
            then,
            otherwise,
        } => {
            expr(cond, f);
            block(then, f);
            if let Some(otherwise) = otherwise {
                block(otherwise, f);
            }
        }
        ExprKind::Block(inner) => block(inner, f),
    }
}

fn index_args(args: &[IndexArg], f: &mut impl FnMut(&Expr)) {
    for arg in args {
        match arg {
            IndexArg::At(e) => expr(e, f),
            IndexArg::Slice { lo, hi, .. } => {
                lo.iter().chain(hi).for_each(|e| expr(e, f));
            }
        }
    }
}
