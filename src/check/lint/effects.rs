//! What calling a function does beside giving a value.

use crate::ir::visit::{self, Node};
use crate::ir::{Builtin, Expr, ExprKind, FnId, Model, StmtKind};

/// For each function: whether it may weigh, print or assert. A function that calls one it was given may do anything.
pub(super) struct Effects(Vec<bool>);

impl Effects {
    /// Of all functions of a model, those that they mention included.
    pub fn of(model: &Model) -> Effects {
        let mut mentioned_by: Vec<Vec<FnId>> = vec![Vec::new(); model.functions.len()];
        let mut acts = vec![false; model.functions.len()];
        for (id, function) in model.functions.iter().enumerate() {
            visit::block_nodes(&function.body, &mut |node| {
                acts[id] |= acts_itself(node);
                if let Node::Expr(e) = node
                    && let ExprKind::Closure(other) = e.kind
                {
                    mentioned_by[other].push(id);
                }
            });
        }
        let mut open: Vec<FnId> = (0..acts.len()).filter(|id| acts[*id]).collect();
        while let Some(id) = open.pop() {
            for by in std::mem::take(&mut mentioned_by[id]) {
                if !std::mem::replace(&mut acts[by], true) {
                    open.push(by);
                }
            }
        }
        Effects(acts)
    }

    /// Whether a part of the program does something beside giving a value, by itself or by what it calls.
    pub fn acts(&self, node: Node) -> bool {
        acts_itself(node)
            || matches!(node, Node::Expr(Expr { kind: ExprKind::Closure(id), .. }) if self.0[*id])
    }
}

fn acts_itself(node: Node) -> bool {
    match node {
        Node::Block(_) => false,
        Node::Stmt(stmt) => matches!(
            stmt.kind,
            StmtKind::Observe { .. } | StmtKind::Factor(_) | StmtKind::Condition(_)
        ),
        Node::Expr(e) => match &e.kind {
            // A nested function's own name inside it, or a closure that is called on the spot.
            ExprKind::Call { callee, .. } => {
                !matches!(callee.kind, ExprKind::Closure(_) | ExprKind::SelfFn)
            }
            ExprKind::CallBuiltin { builtin, args, .. } => match builtin {
                Builtin::Print | Builtin::Assert => true,
                builtin => function_of(*builtin, args).is_some_and(|f| {
                    !matches!(f.kind, ExprKind::Closure(_) | ExprKind::Builtin(_))
                }),
            },
            _ => false,
        },
    }
}

/// The function that a built-in calls.
fn function_of(builtin: Builtin, args: &[Expr]) -> Option<&Expr> {
    match builtin {
        Builtin::Map => args.get(1),
        Builtin::Fold | Builtin::Scan => args.get(2),
        Builtin::OdeRk4 | Builtin::OdeEuler | Builtin::OdeDopri => args.first(),
        _ => None,
    }
}
