//! Statements that do nothing, code that is never reached, loops that never end.

use std::collections::HashSet;

use super::effects::Effects;
use super::{Join, Lint, Scene};
use crate::base::Span;
use crate::ir::visit::{self, Node};
use crate::ir::{Block, Expr, ExprKind, FnId, Place, Stmt, StmtKind, UnaryOp};

/// All of them.
pub(super) fn flow(scene: &Scene, effects: &Effects) -> Vec<Lint> {
    let mut found = Vec::new();
    for (body, block) in scene.bodies() {
        visit::block_nodes(block, &mut |node| match node {
            Node::Block(block) => {
                found.extend(unreachable(block));
                without_effect(scene, effects, block, &mut found);
            }
            Node::Stmt(stmt) => found.extend(endless(scene, body, stmt)),
            Node::Expr(_) => {}
        });
    }
    found
}

// ---- Statements without effect

fn without_effect(scene: &Scene, effects: &Effects, block: &Block, found: &mut Vec<Lint>) {
    let mut above: Option<&Stmt> = None;
    for stmt in &block.stmts {
        if let StmtKind::Expr(e) = &stmt.kind
            && !acts(effects, e)
        {
            found.push(idle(scene, e, above));
        }
        above = Some(stmt);
    }
}

/// Whether an expression statement does something. One with statements of its own is told about these.
fn acts(effects: &Effects, e: &Expr) -> bool {
    if matches!(e.kind, ExprKind::If { .. } | ExprKind::Block(_)) {
        return true;
    }
    let mut acts = false;
    visit::expr_nodes(e, &mut |node| {
        acts |= effects.acts(node) || matches!(node, Node::Stmt(_));
    });
    acts
}

fn idle(scene: &Scene, e: &Expr, above: Option<&Stmt>) -> Lint {
    let span = e.span;
    match &e.kind {
        ExprKind::Sample(..) => Lint::DroppedDraw { span },
        ExprKind::Call { callee, .. } => match &callee.kind {
            ExprKind::Closure(id) => Lint::DroppedCall {
                name: scene.model.functions[*id].name.clone(),
                span,
            },
            _ => Lint::NoEffect { span, join: None },
        },
        _ => Lint::NoEffect {
            span,
            join: above.and_then(|above| join(scene, e, above)),
        },
    }
}

/// Whether a statement looks like the rest of the line above it.
fn join(scene: &Scene, e: &Expr, above: &Stmt) -> Option<Join> {
    let goes_on = matches!(
        above.kind,
        StmtKind::Let { .. }
            | StmtKind::Assign { .. }
            | StmtKind::Sample { .. }
            | StmtKind::Observe { .. }
            | StmtKind::Factor(_)
            | StmtKind::Condition(_)
            | StmtKind::Return(Some(_))
            | StmtKind::Expr(_)
    );
    let first = leftmost(e);
    let between = Span {
        start: above.span.end,
        end: e.span.start,
        ..e.span
    };
    let neighbours = above.span.file == e.span.file
        && above.span.end <= e.span.start
        && scene
            .text(between)
            .trim_start_matches([' ', '\t', '\r'])
            .starts_with('\n');
    if !goes_on || !neighbours {
        return None;
    }
    match &first.kind {
        ExprKind::Unary(UnaryOp::Neg, _) => Some(Join::Minus(above.span)),
        ExprKind::Array(_) | ExprKind::Tuple(_) => Some(Join::Bracket(above.span)),
        _ if scene.text(e.span).starts_with('(') => Some(Join::Bracket(above.span)),
        _ => None,
    }
}

/// The operand that an expression begins with.
fn leftmost(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Binary(_, a, _) | ExprKind::Range(a, _) => leftmost(a),
        ExprKind::Index(a, _) | ExprKind::Field(a, ..) => leftmost(a),
        _ => e,
    }
}

// ---- Code that is never reached

fn unreachable(block: &Block) -> Option<Lint> {
    let at = block.stmts.iter().position(|s| leaves(s).is_some())?;
    let behind = block.stmts[at].span;
    let what = leaves(&block.stmts[at])?;
    let rest = block.stmts[at + 1..].iter().map(|s| s.span);
    let mut rest = rest.chain(block.value.as_ref().map(|e| e.span));
    // A copy for a function below has the place of what it copies, above.
    let span = rest.find(|s| s.start >= behind.end && s.file == behind.file)?;
    Some(Lint::Unreachable { span, behind, what })
}

/// What a statement leaves by, in every case.
fn leaves(stmt: &Stmt) -> Option<&'static str> {
    match &stmt.kind {
        StmtKind::Return(_) => Some("return"),
        StmtKind::Break => Some("break"),
        StmtKind::Continue => Some("continue"),
        StmtKind::Expr(Expr {
            kind:
                ExprKind::If {
                    then,
                    otherwise: Some(otherwise),
                    ..
                },
            ..
        }) => {
            let last = |b: &Block| match &b.value {
                None => b.stmts.last().and_then(leaves),
                Some(_) => None,
            };
            last(then).and(last(otherwise)).map(|_| "if")
        }
        _ => None,
    }
}

// ---- Loops that never end

fn endless(scene: &Scene, body_of: Option<FnId>, stmt: &Stmt) -> Option<Lint> {
    let StmtKind::While { cond, body } = &stmt.kind else {
        return None;
    };
    let mut reads: Vec<Place> = Vec::new();
    let mut varies = false;
    visit::expr(cond, &mut |e| match &e.kind {
        ExprKind::Place(place) => reads.push(*place),
        ExprKind::Sample(..) | ExprKind::Call { .. } | ExprKind::Closure(_) => varies = true,
        _ => {}
    });
    let falls = matches!(cond.kind, ExprKind::Bool(false));
    if varies || falls || has_exit(body) {
        return None;
    }
    let changed = assigned(body);
    if reads.iter().any(|place| changed.contains(place)) {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for slot in reads.iter().filter_map(|p| scene.slot(body_of, *p)) {
        if !names.contains(&slot.name) {
            names.push(slot.name.clone());
        }
    }
    Some(Lint::EndlessLoop {
        span: cond.span,
        names,
    })
}

fn assigned(body: &Block) -> HashSet<Place> {
    let mut places = HashSet::new();
    visit::block_nodes(body, &mut |node| {
        if let Node::Stmt(Stmt {
            kind: StmtKind::Assign { place, .. },
            ..
        }) = node
        {
            places.insert(*place);
        }
    });
    places
}

/// Whether a loop's body may leave the loop.
fn has_exit(body: &Block) -> bool {
    let stmts = body.stmts.iter().any(exits);
    stmts || body.value.as_ref().is_some_and(|e| expr_exits(e))
}

fn exits(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Break | StmtKind::Return(_) => true,
        StmtKind::Expr(e) => expr_exits(e),
        StmtKind::For { body, .. } | StmtKind::While { body, .. } => {
            let mut found = false;
            visit::block_nodes(body, &mut |node| {
                found |= matches!(
                    node,
                    Node::Stmt(Stmt {
                        kind: StmtKind::Return(_),
                        ..
                    })
                );
            });
            found
        }
        // An `if` within a `let` may leave the loop as well.
        _ => {
            let mut found = false;
            visit::stmt_nodes(stmt, &mut |node| {
                if let Node::Stmt(inner) = node {
                    found |= matches!(inner.kind, StmtKind::Break | StmtKind::Return(_));
                }
            });
            found
        }
    }
}

fn expr_exits(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::If {
            then, otherwise, ..
        } => has_exit(then) || otherwise.as_ref().is_some_and(has_exit),
        _ => false,
    }
}
