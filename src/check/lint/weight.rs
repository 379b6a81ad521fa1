//! Evidence that tells nothing: the same in every execution, or of probability 0.

use std::collections::{HashMap, HashSet};

use super::super::family;
use super::super::scope::Role;
use super::{Lint, Scene};
use crate::base::Span;
use crate::dist::ValueKind;
use crate::ir::visit::{self, Node};
use crate::ir::{
    BinaryOp, Block, DistRef, Expr, ExprKind, FnId, Pattern, Place, Size, Stmt, StmtKind, UnaryOp,
};

/// All of them.
pub(super) fn weights(scene: &Scene) -> Vec<Lint> {
    let mut found = constant_weights(scene);
    if found.is_empty() {
        found.extend(idle_evidence(scene));
    }
    for (body, block) in scene.bodies() {
        equalities(scene, body, block, &mut found);
    }
    found
}

// ---- The same in every execution

/// Weights at file level that depend on nothing, not even on data.
fn constant_weights(scene: &Scene) -> Vec<Lint> {
    let mut fixed = Fixed::new(scene, false);
    let mut found = Vec::new();
    for stmt in &scene.model.body.stmts {
        let what = match &stmt.kind {
            StmtKind::Factor(e) if fixed.expr(e) => "factor",
            StmtKind::Condition(e) if fixed.expr(e) => "condition",
            StmtKind::Observe { value, plate, dist }
                if plate.is_empty() && fixed.expr(value) && fixed.expr(dist) =>
            {
                "observation"
            }
            // What follows is weighed only where the program has not returned.
            _ if returns_inside(stmt) => break,
            _ => {
                fixed.learn(stmt);
                continue;
            }
        };
        let span = stmt.span;
        found.push(Lint::ConstantWeight { what, span });
    }
    found
}

/// All weights depend on data alone, though something is drawn: a parameter was forgotten.
fn idle_evidence(scene: &Scene) -> Option<Lint> {
    let site = scene.model.sites.first()?.span;
    let mut fixed = Fixed::new(scene, true);
    let mut first = None;
    for stmt in &scene.model.body.stmts {
        let idle = match &stmt.kind {
            StmtKind::Factor(e) | StmtKind::Condition(e) => fixed.expr(e),
            StmtKind::Observe { value, plate, dist } => {
                plate.iter().for_each(|index| fixed.add(index.place));
                fixed.expr(value) && fixed.expr(dist)
            }
            StmtKind::Let { .. } | StmtKind::Data(_) | StmtKind::Sample { .. } => {
                fixed.learn(stmt);
                if weighs_inside(stmt) {
                    return None;
                }
                continue;
            }
            // What loops, branches and functions weigh is not followed.
            _ => return None,
        };
        if !idle {
            return None;
        }
        first = first.or(Some(stmt.span));
    }
    let calls = scene.model.functions.iter().any(|f| weighs(&f.body));
    let span = first.filter(|_| !calls)?;
    Some(Lint::IdleEvidence { span, site })
}

fn weighs(block: &Block) -> bool {
    block.stmts.iter().any(weighs_inside)
}

fn returns_inside(stmt: &Stmt) -> bool {
    let mut found = false;
    visit::stmt_nodes(stmt, &mut |node| {
        found |= matches!(node, Node::Stmt(stmt) if matches!(stmt.kind, StmtKind::Return(_)));
    });
    found
}

fn weighs_inside(stmt: &Stmt) -> bool {
    let mut found = false;
    visit::stmt_nodes(stmt, &mut |node| {
        if let Node::Stmt(stmt) = node {
            found |= matches!(
                stmt.kind,
                StmtKind::Observe { .. } | StmtKind::Factor(_) | StmtKind::Condition(_)
            );
        }
    });
    found
}

/// Slots at file level that have the same value in every execution.
struct Fixed<'a> {
    scene: &'a Scene<'a>,
    with_data: bool,
    slots: HashSet<Place>,
}

impl<'a> Fixed<'a> {
    fn new(scene: &'a Scene<'a>, with_data: bool) -> Self {
        Fixed {
            scene,
            with_data,
            slots: HashSet::new(),
        }
    }

    fn add(&mut self, place: Place) {
        self.slots.insert(place);
    }

    fn learn(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Let {
                pattern: Pattern::Slot(place),
                value,
            } if self.stays(*place) && self.expr(value) => self.add(*place),
            StmtKind::Data(i) if self.with_data => {
                let data = &self.scene.model.data[*i];
                // A missing element that is observed is drawn.
                if !data.missing {
                    self.add(Place::Global(data.slot));
                }
                for size in &data.sizes {
                    if let Size::Binds { slot, .. } = size {
                        self.add(Place::Global(*slot));
                    }
                }
            }
            _ => {}
        }
    }

    fn stays(&self, place: Place) -> bool {
        let slot = self.scene.slot(None, place);
        slot.is_some_and(|s| s.role == Role::Let)
    }

    /// Whether an expression is certain to have the same value in every execution.
    fn expr(&self, e: &Expr) -> bool {
        let mut fixed = true;
        visit::expr_nodes(e, &mut |node| {
            fixed &= match node {
                Node::Block(_) => true,
                Node::Stmt(_) => false,
                Node::Expr(e) => match &e.kind {
                    ExprKind::Place(place) => self.slots.contains(place),
                    ExprKind::Sample(..)
                    | ExprKind::Call { .. }
                    | ExprKind::Closure(_)
                    | ExprKind::SelfFn
                    | ExprKind::Comprehension { .. } => false,
                    ExprKind::Dist { dist, .. } => !matches!(dist, DistRef::User(_)),
                    _ => true,
                },
            }
        });
        fixed
    }
}

// ---- Of probability 0

/// Comparisons of continuous draws by `==` and `!=`. A condition that is one says more than the comparison in it.
fn equalities(scene: &Scene, body: Option<FnId>, block: &Block, found: &mut Vec<Lint>) {
    let mut continuous = Continuous::default();
    let mut conditions: HashSet<Span> = HashSet::new();
    visit::block_nodes(block, &mut |node| match node {
        Node::Block(_) => {}
        Node::Stmt(stmt) => {
            continuous.learn(scene, body, stmt);
            if let StmtKind::Condition(e) = &stmt.kind {
                conditions.insert(e.span);
            }
        }
        Node::Expr(e) => {
            if let ExprKind::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne), a, b) = &e.kind
                && let Some((drawn, other)) = continuous.against(a, b)
            {
                let equality = Equality {
                    drawn,
                    other,
                    place: continuous.of(drawn).unwrap_or(drawn.span),
                    unequal: *op == BinaryOp::Ne,
                };
                found.push(equality.lint(scene, e.span, conditions.contains(&e.span)));
            }
        }
    });
}

/// A comparison of a continuous draw with something else.
struct Equality<'e> {
    drawn: &'e Expr,
    other: &'e Expr,
    place: Span,
    unequal: bool,
}

impl Equality<'_> {
    fn lint(&self, scene: &Scene, span: Span, condition: bool) -> Lint {
        let name = scene.text(self.drawn.span).into();
        match condition && !self.unequal {
            true => Lint::ImpossibleCondition {
                name,
                span,
                drawn: self.place,
                value: scene.text(self.other.span).into(),
            },
            false => Lint::NeverEqual {
                name,
                span,
                drawn: self.place,
                unequal: self.unequal,
            },
        }
    }
}

/// Slots of one body that hold draws from continuous distributions, and where those were drawn.
#[derive(Default)]
struct Continuous(HashMap<Place, Span>);

impl Continuous {
    fn learn(&mut self, scene: &Scene, body: Option<FnId>, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Sample {
                place, dist, site, ..
            } if is_continuous(dist) => {
                self.0.insert(*place, scene.model.sites[*site].span);
            }
            StmtKind::Sample { place, .. } | StmtKind::Assign { place, .. } => {
                self.0.remove(place);
            }
            StmtKind::Let {
                pattern: Pattern::Slot(place),
                value,
            } => {
                let changes = scene.slot(body, *place).is_none_or(|s| s.role != Role::Let);
                match self.of(value) {
                    Some(span) if !changes => drop(self.0.insert(*place, span)),
                    _ => drop(self.0.remove(place)),
                }
            }
            _ => {}
        }
    }

    /// Where the draw stands that makes an expression continuous.
    fn of(&self, e: &Expr) -> Option<Span> {
        match &e.kind {
            ExprKind::Place(place) => self.0.get(place).copied(),
            ExprKind::Sample(dist, _) => is_continuous(dist).then_some(e.span),
            ExprKind::Index(base, _) | ExprKind::Unary(UnaryOp::Neg, base) => self.of(base),
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, a, b) => {
                match (self.of(a), self.of(b)) {
                    (Some(span), None) if is_number(b) => Some(span),
                    (None, Some(span)) if is_number(a) => Some(span),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The continuous side of a comparison with a number or with another draw, and the other side.
    fn against<'e>(&self, a: &'e Expr, b: &'e Expr) -> Option<(&'e Expr, &'e Expr)> {
        match (self.of(a), self.of(b)) {
            (Some(_), None) if is_number(b) => Some((a, b)),
            (None, Some(_)) if is_number(a) => Some((b, a)),
            (Some(x), Some(y)) if x != y => Some((a, b)),
            _ => None,
        }
    }
}

fn is_number(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Real(_) => true,
        ExprKind::Unary(UnaryOp::Neg, e) => is_number(e),
        _ => false,
    }
}

/// Whether no value of a distribution has a probability of its own.
fn is_continuous(dist: &Expr) -> bool {
    let ExprKind::Dist { dist, args } = &dist.kind else {
        return false;
    };
    match dist {
        DistRef::Registered("Delta") => false,
        DistRef::Registered(name) => family::find(name).is_some_and(|f| f.kind == ValueKind::Real),
        DistRef::Iid | DistRef::Truncate | DistRef::Ordered => args
            .first()
            .and_then(Option::as_ref)
            .is_some_and(is_continuous),
        _ => false,
    }
}
