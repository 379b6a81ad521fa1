//! Functions at file level see the names below them: a call that comes too early reads what has no value yet.

use std::collections::{HashMap, HashSet};

use super::error::CheckError;
use super::scope::Slot;
use crate::base::Span;
use crate::ir::visit;
use crate::ir::{Block, Expr, ExprKind, FnId, Model, Pattern, Place, Size, Stmt, StmtKind};

/// Nobody reads more.
const MAX_ERRORS: usize = 100;

/// One error for each call at file level that reads a name declared below it.
pub(super) fn too_early(model: &Model, globals: &[Slot]) -> Vec<CheckError> {
    let stmts = &model.body.stmts;
    let mut first: HashMap<u32, usize> = HashMap::new();
    for (position, stmt) in stmts.iter().enumerate() {
        each_written(model, stmt, &mut |slot| {
            first.entry(slot).or_insert(position);
        });
    }
    let reads = Reads::of(model);
    let latest = reads.latest(&first);
    let mut errors = Vec::new();
    for (position, stmt) in stmts.iter().enumerate() {
        visit::stmt(stmt, &mut |e| {
            let Some((id, call)) = direct_call(e) else {
                return;
            };
            if latest[id].is_none_or(|l| l <= position) || errors.len() >= MAX_ERRORS {
                return;
            }
            let late = reads
                .all(id)
                .into_iter()
                .filter(|slot| first.get(slot).is_some_and(|f| *f > position));
            if let Some(slot) = late.min() {
                errors.push(CheckError::UsedBeforeSet {
                    name: globals[slot as usize].name.clone(),
                    function: model.functions[id].name.clone(),
                    call,
                    declared: globals[slot as usize].span,
                });
            }
        });
    }
    errors
}

fn direct_call(e: &Expr) -> Option<(FnId, Span)> {
    match &e.kind {
        ExprKind::Call { callee, .. } => match callee.kind {
            ExprKind::Closure(id) => Some((id, e.span)),
            _ => None,
        },
        _ => None,
    }
}

/// The global slots that each function reads itself, and the functions that it names.
struct Reads {
    slots: Vec<HashSet<u32>>,
    functions: Vec<HashSet<FnId>>,
}

impl Reads {
    fn of(model: &Model) -> Self {
        let mut reads = Reads {
            slots: Vec::new(),
            functions: Vec::new(),
        };
        for function in &model.functions {
            let (mut slots, mut functions) = (HashSet::new(), HashSet::new());
            visit::block(&function.body, &mut |e| match e.kind {
                ExprKind::Place(Place::Global(slot)) => {
                    slots.insert(slot);
                }
                ExprKind::Closure(id) => {
                    functions.insert(id);
                }
                _ => {}
            });
            reads.slots.push(slots);
            reads.functions.push(functions);
        }
        reads
    }

    /// For each function, the position of the last statement that fills a slot which a call of it can read.
    fn latest(&self, first: &HashMap<u32, usize>) -> Vec<Option<usize>> {
        let mut callers: Vec<Vec<FnId>> = vec![Vec::new(); self.slots.len()];
        for (id, named) in self.functions.iter().enumerate() {
            named.iter().for_each(|f| callers[*f].push(id));
        }
        let own = |id: FnId| self.slots[id].iter().filter_map(|s| first.get(s)).max();
        let mut order: Vec<(usize, FnId)> = (0..self.slots.len())
            .filter_map(|id| Some((*own(id)?, id)))
            .collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        let mut latest = vec![None; self.slots.len()];
        // The latest first: whoever it reaches needs no second visit.
        for (position, id) in order {
            let mut open = vec![id];
            while let Some(next) = open.pop() {
                if latest[next].is_none() {
                    latest[next] = Some(position);
                    open.extend(&callers[next]);
                }
            }
        }
        latest
    }

    /// What a call of a function can read.
    fn all(&self, id: FnId) -> HashSet<u32> {
        let mut seen = HashSet::from([id]);
        let mut open = vec![id];
        let mut slots = HashSet::new();
        while let Some(next) = open.pop() {
            slots.extend(&self.slots[next]);
            open.extend(self.functions[next].iter().filter(|f| seen.insert(**f)));
        }
        slots
    }
}

/// Calls `f` with the global slots that a statement at file level fills.
fn each_written(model: &Model, stmt: &Stmt, f: &mut impl FnMut(u32)) {
    match &stmt.kind {
        StmtKind::Data(index) => {
            let decl = &model.data[*index];
            f(decl.slot);
            for size in &decl.sizes {
                if let Size::Binds { slot, .. } = size {
                    f(*slot);
                }
            }
        }
        StmtKind::Let { pattern, .. } => each_slot(pattern, f),
        StmtKind::Sample { place, .. } => global(*place, f),
        StmtKind::Expr(e) => {
            if let ExprKind::If {
                then, otherwise, ..
            } = &e.kind
            {
                in_arms(model, then, f);
                otherwise.iter().for_each(|b| in_arms(model, b, f));
            }
        }
        _ => {}
    }
}

/// Sites in the arms of an `if` are known after it.
fn in_arms(model: &Model, block: &Block, f: &mut impl FnMut(u32)) {
    for stmt in &block.stmts {
        if let StmtKind::Sample { place, .. } = &stmt.kind {
            global(*place, f);
        }
        each_written(model, stmt, f);
    }
    if let Some(value) = &block.value
        && let ExprKind::If {
            then, otherwise, ..
        } = &value.kind
    {
        in_arms(model, then, f);
        otherwise.iter().for_each(|b| in_arms(model, b, f));
    }
}

fn each_slot(pattern: &Pattern, f: &mut impl FnMut(u32)) {
    match pattern {
        Pattern::Slot(place) => global(*place, f),
        Pattern::Discard => {}
        Pattern::Tuple(parts, _) => parts.iter().for_each(|p| each_slot(p, f)),
        Pattern::Record(fields, _) => fields.iter().for_each(|(_, p)| each_slot(p, f)),
    }
}

fn global(place: Place, f: &mut impl FnMut(u32)) {
    if let Place::Global(slot) = place {
        f(slot);
    }
}
