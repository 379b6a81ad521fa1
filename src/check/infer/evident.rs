//! What is not taken is not looked at, since a recursion's end is found in that way; but a value that shows its kind as
//! it is written must still agree with the other arm, and with the function's other results.

use super::super::types::{Ty, Value};
use super::{Arg, Infer};
use crate::ir::{BinaryOp, Block, Expr, ExprKind, Stmt, StmtKind, UnaryOp};

impl Infer<'_> {
    /// The arm that is not taken, and the value of the other one.
    pub(super) fn not_taken(&mut self, arm: &Block, (value, written): (&Value, Option<&Expr>)) {
        if let (Some(e), Some(written)) = (arm.value.as_deref(), written)
            && let Some(ty) = evident(e)
        {
            self.arms_agree((value, written), (&Value::of(ty), e));
        }
        arm.stmts.iter().for_each(|s| self.not_returned(s));
    }

    /// A result that is not given.
    pub(super) fn not_reached(&mut self, e: &Expr) {
        let untyped = self
            .frame()
            .function
            .is_some_and(|id| self.model.functions[id].result.is_none());
        if let Some(ty) = evident(e).filter(|_| untyped) {
            self.results_agree(&Arg {
                value: Value::of(ty),
                span: e.span,
                expr: Some(e),
            });
        }
    }

    fn not_returned(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Return(Some(e)) => self.not_reached(e),
            StmtKind::For { body, .. } | StmtKind::While { body, .. } => {
                body.stmts.iter().for_each(|s| self.not_returned(s));
            }
            StmtKind::Expr(e) => {
                if let ExprKind::If {
                    then, otherwise, ..
                } = &e.kind
                {
                    let arms = [Some(then), otherwise.as_ref()].into_iter().flatten();
                    arms.flat_map(|b| &b.stmts)
                        .for_each(|s| self.not_returned(s));
                }
            }
            _ => {}
        }
    }
}

/// The kind of value that an expression can only have, as far as its text alone says.
fn evident(e: &Expr) -> Option<Ty> {
    use BinaryOp::{And, Eq, Ge, Gt, Le, Lt, Ne, Or};
    Some(match &e.kind {
        ExprKind::Bool(_) => Ty::Bool,
        ExprKind::Int(_) => Ty::Int,
        ExprKind::Real(_) => Ty::Real,
        ExprKind::Str(_) => Ty::Str,
        ExprKind::Unary(UnaryOp::Not, a) => evident(a).filter(|t| *t == Ty::Bool)?,
        ExprKind::Unary(UnaryOp::Neg, a) => evident(a)?,
        ExprKind::Binary(And | Or | Eq | Ne | Lt | Le | Gt | Ge, a, b) => {
            evident(a).and(evident(b)).map(|_| Ty::Bool)?
        }
        _ => return None,
    })
}
