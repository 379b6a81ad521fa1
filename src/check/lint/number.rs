//! Arithmetic of whole numbers that surprises.

use super::{Lint, Scene};
use crate::ir::visit;
use crate::ir::{BinaryOp, Builtin, Expr, ExprKind, UnaryOp};

/// All of it.
pub(super) fn numbers(scene: &Scene) -> Vec<Lint> {
    let mut found = Vec::new();
    for (_, block) in scene.bodies() {
        visit::block(block, &mut |e| found.extend(surprise(e)));
    }
    found
}

fn surprise(e: &Expr) -> Option<Lint> {
    let span = e.span;
    match &e.kind {
        ExprKind::CallBuiltin {
            builtin: Builtin::Div,
            args,
            ..
        } => {
            let (a, b) = (literal(args.first()?)?, literal(args.get(1)?)?);
            (0 < a && a < b).then_some(Lint::DivisionIsZero { a, b, span })
        }
        ExprKind::CallBuiltin {
            builtin: Builtin::ToInt,
            args,
            ..
        } => {
            let ExprKind::Binary(BinaryOp::Div, a, b) = &args.first()?.kind else {
                return None;
            };
            let (a, b) = (literal(a)?, literal(b)?);
            (0 < a && a < b).then_some(Lint::DivisionIsZero { a, b, span })
        }
        ExprKind::Binary(BinaryOp::Pow, base, exponent) => {
            let (base, exponent) = (literal(base)?, literal(exponent)?);
            (exponent < 0).then_some(Lint::NegativePower { span, base })
        }
        _ => None,
    }
}

fn literal(e: &Expr) -> Option<i64> {
    match &e.kind {
        ExprKind::Int(n) => Some(*n),
        ExprKind::Unary(UnaryOp::Neg, e) => literal(e)?.checked_neg(),
        _ => None,
    }
}
