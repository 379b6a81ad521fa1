//! Functions that can never return: every way through the body calls one of them.
//!
//! All functions are suspected at first; one that has a way past such calls is cleared, until no more are
//! (a greatest fixed point). What depends on a value counts as a way past.

use std::collections::{HashMap, HashSet};

use super::error::CheckError;
use crate::base::Span;
use crate::ir::visit;
use crate::ir::{BinaryOp, Block, Expr, ExprKind, FnId, IndexArg, Model, Stmt, StmtKind};

/// Nobody reads more.
const MAX_ERRORS: usize = 100;

/// One error for each function that calls itself without end.
pub(super) fn endless(model: &Model) -> Vec<CheckError> {
    let suspects = suspects(model);
    if suspects.is_empty() {
        return Vec::new();
    }
    let mut calls: HashMap<FnId, Vec<FnId>> = HashMap::new();
    for &id in &suspects {
        let called = Walk::of(model, id, &suspects).1;
        calls.insert(id, called.into_iter().map(|(callee, _)| callee).collect());
    }
    let mut found: Vec<FnId> = suspects.iter().copied().collect();
    found.sort_unstable();
    let mut budget = MAX_VISITS;
    found.retain(|&id| reaches_itself(id, &calls, &mut budget));
    found.truncate(MAX_ERRORS);
    found
        .into_iter()
        .filter_map(|id| error(model, id, &suspects))
        .collect()
}

/// Functions all of whose ways call one of them.
fn suspects(model: &Model) -> HashSet<FnId> {
    let named_by = named_by(model);
    let mut suspects: HashSet<FnId> = (0..model.functions.len()).collect();
    let mut open: Vec<FnId> = (0..model.functions.len()).collect();
    while !open.is_empty() {
        open.retain(|id| Walk::of(model, *id, &suspects).0 != Flow::Hits);
        for id in &open {
            suspects.remove(id);
        }
        // Only those that name a function which has been cleared can be cleared by it.
        let next: HashSet<FnId> = open.iter().flat_map(|id| &named_by[*id]).copied().collect();
        open = next
            .into_iter()
            .filter(|id| suspects.contains(id))
            .collect();
        open.sort_unstable();
    }
    suspects
}

/// For each function, those whose bodies name it.
fn named_by(model: &Model) -> Vec<Vec<FnId>> {
    let mut named_by: Vec<Vec<FnId>> = vec![Vec::new(); model.functions.len()];
    for (id, function) in model.functions.iter().enumerate() {
        visit::block(&function.body, &mut |e| {
            if let ExprKind::Closure(other) = e.kind {
                named_by[other].push(id);
            }
        });
    }
    named_by
}

fn error(model: &Model, id: FnId, suspects: &HashSet<FnId>) -> Option<CheckError> {
    let (_, calls) = Walk::of(model, id, suspects);
    let (_, call) = *calls.first()?;
    let function = &model.functions[id];
    Some(CheckError::EndlessRecursion {
        name: function.name.clone(),
        call,
        function: function.span,
    })
}

/// How many calls are followed to find circles; a program with more endless functions is told about some of them.
const MAX_VISITS: usize = 1_000_000;

fn reaches_itself(id: FnId, calls: &HashMap<FnId, Vec<FnId>>, budget: &mut usize) -> bool {
    let mut seen: HashSet<FnId> = HashSet::new();
    let mut open = vec![id];
    while let Some(next) = open.pop() {
        for callee in calls.get(&next).into_iter().flatten() {
            let Some(left) = budget.checked_sub(1) else {
                return false;
            };
            *budget = left;
            if *callee == id {
                return true;
            }
            if seen.insert(*callee) {
                open.push(*callee);
            }
        }
    }
    false
}

/// What the ways through a piece of code do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flow {
    /// All of them call a suspect.
    Hits,
    /// Some leaves the function before it does.
    Escapes,
    /// Some gets to the end without.
    Passes,
}

struct Walk<'a> {
    id: FnId,
    suspects: &'a HashSet<FnId>,
    calls: Vec<(FnId, Span)>,
}

impl Walk<'_> {
    fn of(model: &Model, id: FnId, suspects: &HashSet<FnId>) -> (Flow, Vec<(FnId, Span)>) {
        let mut walk = Walk {
            id,
            suspects,
            calls: Vec::new(),
        };
        let flow = walk.block(&model.functions[id].body);
        (flow, walk.calls)
    }

    fn block(&mut self, block: &Block) -> Flow {
        for stmt in &block.stmts {
            match self.stmt(stmt) {
                Flow::Passes => {}
                flow => return flow,
            }
        }
        block.value.as_ref().map_or(Flow::Passes, |e| self.expr(e))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Flow {
        match &stmt.kind {
            StmtKind::Let { value: e, .. }
            | StmtKind::Factor(e)
            | StmtKind::Condition(e)
            | StmtKind::Expr(e) => self.expr(e),
            StmtKind::Return(Some(e)) => match self.expr(e) {
                Flow::Hits => Flow::Hits,
                _ => Flow::Escapes,
            },
            StmtKind::Return(None) | StmtKind::Break | StmtKind::Continue => Flow::Escapes,
            StmtKind::Assign { indices, value, .. } => {
                let first = self.expr(value);
                self.then(first, |w| w.index_args(indices))
            }
            StmtKind::Sample { plate, dist, .. } if plate.is_empty() => self.expr(dist),
            StmtKind::Observe { value, plate, dist } => {
                let first = self.expr(value);
                match plate.is_empty() {
                    true => self.then(first, |w| w.expr(dist)),
                    false => first,
                }
            }
            StmtKind::For { iter, body, .. } => {
                let first = self.expr(iter);
                self.then(first, |w| w.maybe(body))
            }
            StmtKind::While { cond, body } => {
                let first = self.expr(cond);
                self.then(first, |w| w.maybe(body))
            }
            StmtKind::Data(_) | StmtKind::Sample { .. } => Flow::Passes,
        }
    }

    fn then(&mut self, first: Flow, next: impl FnOnce(&mut Self) -> Flow) -> Flow {
        match first {
            Flow::Passes => next(self),
            flow => flow,
        }
    }

    /// A body that may not run: its calls count for nothing, its `return`s do.
    fn maybe(&mut self, body: &Block) -> Flow {
        let n = self.calls.len();
        let flow = self.block(body);
        self.calls.truncate(n);
        match flow {
            Flow::Escapes => Flow::Escapes,
            _ => Flow::Passes,
        }
    }

    fn all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Flow {
        for e in exprs {
            match self.expr(e) {
                Flow::Passes => {}
                flow => return flow,
            }
        }
        Flow::Passes
    }

    fn index_args(&mut self, args: &[IndexArg]) -> Flow {
        for arg in args {
            let flow = match arg {
                IndexArg::At(e) => self.expr(e),
                IndexArg::Slice { lo, hi, .. } => self.all(lo.iter().chain(hi)),
            };
            if flow != Flow::Passes {
                return flow;
            }
        }
        Flow::Passes
    }

    fn expr(&mut self, e: &Expr) -> Flow {
        match &e.kind {
            ExprKind::Array(items) | ExprKind::Tuple(items) => self.all(items),
            ExprKind::Record(fields) => self.all(fields.iter().map(|(_, e)| e)),
            ExprKind::Comprehension { iter, .. } => self.expr(iter),
            ExprKind::Field(a, ..)
            | ExprKind::Unary(_, a)
            | ExprKind::Sample(a, _)
            | ExprKind::Memo(a) => self.expr(a),
            ExprKind::Index(base, args) => {
                let first = self.expr(base);
                self.then(first, |w| w.index_args(args))
            }
            ExprKind::Call { callee, args } => {
                let first = self.all(args);
                self.then(first, |w| w.call(callee, e.span))
            }
            ExprKind::CallBuiltin { args, named, .. } => {
                self.all(args.iter().chain(named.iter().map(|(_, e)| e)))
            }
            ExprKind::Dist { args, .. } => self.all(args.iter().flatten()),
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, a, _) => self.expr(a),
            ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) => {
                let first = self.expr(a);
                self.then(first, |w| w.expr(b))
            }
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => {
                let first = self.expr(cond);
                self.then(first, |w| w.arms(then, otherwise.as_ref()))
            }
            ExprKind::Block(block) => self.block(block),
            _ => Flow::Passes,
        }
    }

    fn call(&mut self, callee: &Expr, span: Span) -> Flow {
        let id = match &callee.kind {
            ExprKind::Closure(id) => *id,
            ExprKind::SelfFn => self.id,
            _ => return self.expr(callee),
        };
        if !self.suspects.contains(&id) {
            return Flow::Passes;
        }
        self.calls.push((id, span));
        Flow::Hits
    }

    fn arms(&mut self, then: &Block, otherwise: Option<&Block>) -> Flow {
        let n = self.calls.len();
        let first = self.block(then);
        let second = otherwise.map_or(Flow::Passes, |b| self.block(b));
        if first == Flow::Hits && second == Flow::Hits {
            return Flow::Hits;
        }
        self.calls.truncate(n);
        match (first, second) {
            (Flow::Escapes, _) | (_, Flow::Escapes) => Flow::Escapes,
            _ => Flow::Passes,
        }
    }
}
