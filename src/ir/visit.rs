//! Every statement, block and expression of a piece of code, from the outside in. Bodies of closures are functions of
//! their own.

use super::{Block, Expr, ExprKind, IndexArg, PlateIndex, Stmt, StmtKind};

/// A part of a piece of code.
#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    Block(&'a Block),
    Stmt(&'a Stmt),
    Expr(&'a Expr),
}

/// Calls `f` with each expression in a block.
pub(crate) fn block<'a>(block: &'a Block, f: &mut impl FnMut(&'a Expr)) {
    block_nodes(block, &mut expressions(f));
}

/// Calls `f` with each expression in a statement.
pub(crate) fn stmt<'a>(stmt: &'a Stmt, f: &mut impl FnMut(&'a Expr)) {
    stmt_nodes(stmt, &mut expressions(f));
}

/// Calls `f` with an expression and each one in it.
pub(crate) fn expr<'a>(e: &'a Expr, f: &mut impl FnMut(&'a Expr)) {
    expr_nodes(e, &mut expressions(f));
}

fn expressions<'a, 'f>(f: &'f mut impl FnMut(&'a Expr)) -> impl FnMut(Node<'a>) + 'f
where
    'a: 'f,
{
    move |node| {
        if let Node::Expr(e) = node {
            f(e);
        }
    }
}

/// Whether an expression calls a function of the program's, or draws.
pub(crate) fn calls(e: &Expr) -> bool {
    let mut found = false;
    expr(e, &mut |e| {
        found |= matches!(e.kind, ExprKind::Call { .. } | ExprKind::Sample(..));
    });
    found
}

/// Calls `f` with a block and each part of it.
pub(crate) fn block_nodes<'a>(block: &'a Block, f: &mut impl FnMut(Node<'a>)) {
    f(Node::Block(block));
    block.stmts.iter().for_each(|s| stmt_nodes(s, f));
    if let Some(value) = &block.value {
        expr_nodes(value, f);
    }
}

/// Calls `f` with a statement and each part of it.
pub(crate) fn stmt_nodes<'a>(stmt: &'a Stmt, f: &mut impl FnMut(Node<'a>)) {
    f(Node::Stmt(stmt));
    match &stmt.kind {
        StmtKind::Data(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Return(None) => {}
        StmtKind::Let { value: e, .. }
        | StmtKind::Factor(e)
        | StmtKind::Condition(e)
        | StmtKind::Return(Some(e))
        | StmtKind::Expr(e) => expr_nodes(e, f),
        StmtKind::Assign { indices, value, .. } => {
            index_args(indices, f);
            expr_nodes(value, f);
        }
        StmtKind::Sample { plate, dist, .. } => {
            bounds(plate, f);
            expr_nodes(dist, f);
        }
        StmtKind::Observe { value, plate, dist } => {
            expr_nodes(value, f);
            bounds(plate, f);
            expr_nodes(dist, f);
        }
        StmtKind::For { iter, body, .. } => {
            expr_nodes(iter, f);
            block_nodes(body, f);
        }
        StmtKind::While { cond, body } => {
            expr_nodes(cond, f);
            block_nodes(body, f);
        }
    }
}

fn bounds<'a>(plate: &'a [PlateIndex], f: &mut impl FnMut(Node<'a>)) {
    for index in plate {
        expr_nodes(&index.lo, f);
        expr_nodes(&index.hi, f);
    }
}

/// Calls `f` with an expression and each part of it.
pub(crate) fn expr_nodes<'a>(e: &'a Expr, f: &mut impl FnMut(Node<'a>)) {
    f(Node::Expr(e));
    match &e.kind {
        ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Real(_)
        | ExprKind::Str(_)
        | ExprKind::Asset(_)
        | ExprKind::Place(_)
        | ExprKind::Closure(_)
        | ExprKind::SelfFn
        | ExprKind::Builtin(_) => {}
        ExprKind::Array(items) | ExprKind::Tuple(items) => {
            items.iter().for_each(|e| expr_nodes(e, f));
        }
        ExprKind::Record(fields) => fields.iter().for_each(|(_, e)| expr_nodes(e, f)),
        ExprKind::Comprehension { body, iter, .. } => {
            expr_nodes(iter, f);
            expr_nodes(body, f);
        }
        ExprKind::Field(a, ..)
        | ExprKind::Unary(_, a)
        | ExprKind::Sample(a, _)
        | ExprKind::Memo(a) => expr_nodes(a, f),
        ExprKind::Index(base, args) => {
            expr_nodes(base, f);
            index_args(args, f);
        }
        ExprKind::Call { callee, args } => {
            expr_nodes(callee, f);
            args.iter().for_each(|e| expr_nodes(e, f));
        }
        ExprKind::CallBuiltin { args, named, .. } => {
            args.iter().for_each(|e| expr_nodes(e, f));
            named.iter().for_each(|(_, e)| expr_nodes(e, f));
        }
        ExprKind::Dist { args, .. } => args.iter().flatten().for_each(|e| expr_nodes(e, f)),
        ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) => {
            expr_nodes(a, f);
            expr_nodes(b, f);
        }
        ExprKind::If {
            cond,
            then,
            otherwise,
        } => {
            expr_nodes(cond, f);
            block_nodes(then, f);
            if let Some(otherwise) = otherwise {
                block_nodes(otherwise, f);
            }
        }
        ExprKind::Block(inner) => block_nodes(inner, f),
    }
}

fn index_args<'a>(args: &'a [IndexArg], f: &mut impl FnMut(Node<'a>)) {
    for arg in args {
        match arg {
            IndexArg::At(e) => expr_nodes(e, f),
            IndexArg::Slice { lo, hi, .. } => {
                lo.iter().chain(hi).for_each(|e| expr_nodes(e, f));
            }
        }
    }
}
