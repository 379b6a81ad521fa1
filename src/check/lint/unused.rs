//! Names that nothing reads, and sites that reach neither a weight nor an output.

use std::collections::{HashMap, HashSet};

use super::super::scope::Role;
use super::super::usage::Declared;
use super::effects::Effects;
use super::{Lint, Scene};
use crate::base::FileId;
use crate::ir::visit::{self, Node};
use crate::ir::{Block, CLOSURE, Expr, ExprKind, FnId, Pattern, Place, Stmt, StmtKind};

/// All of them.
pub(super) fn unused(scene: &Scene, effects: &Effects) -> Vec<Lint> {
    let read = Read::of(scene);
    let returns = has_return(&scene.model.body);
    let reached = returns.then(|| reached(scene, effects));
    let library = is_library(scene);
    let unread = scene
        .usage
        .iter()
        .filter(|d| !says_so(&d.name) && (!library || d.owner.is_some()));
    unread
        .filter_map(|declared| match declared.role {
            Role::Site => site(declared, &read, reached.as_ref()),
            Role::Param => parameter(scene, declared, &read),
            Role::Let | Role::Var | Role::Data | Role::Function | Role::Distribution => {
                (declared.reads == 0).then(|| unread_name(declared))
            }
            Role::Size | Role::Loop | Role::Index => None,
        })
        .collect()
}

/// A file of nothing but functions, distributions and constants: others read them.
fn is_library(scene: &Scene) -> bool {
    let mut stmts = scene.model.body.stmts.iter();
    stmts.all(|s| matches!(s.kind, StmtKind::Let { .. }))
}

/// A name that says by itself that nothing reads it.
fn says_so(name: &str) -> bool {
    let plain = name.to_lowercase();
    plain.starts_with('_') || plain.starts_with("dummy") || plain.starts_with("unused")
}

fn unread_name(declared: &Declared) -> Lint {
    let what = match declared.role {
        Role::Data => "data",
        Role::Function => "fn",
        Role::Distribution => "distribution",
        Role::Var => "var",
        Role::Param => "parameter",
        _ => "let",
    };
    Lint::Unused {
        what,
        name: declared.name.clone(),
        span: declared.span,
    }
}

/// What is read by name, and what is handed on as a value.
struct Read<'a> {
    /// Sites of one name in several arms are one: (function, name).
    sites: HashSet<(Option<FnId>, &'a str)>,
    /// Where functions that are handed on begin: whoever calls them says how many parameters they have.
    values: HashSet<(FileId, u32)>,
}

impl<'a> Read<'a> {
    fn of(scene: &Scene<'a>) -> Self {
        let read = scene.usage.iter().filter(|d| d.reads > 0);
        let sites = read.filter(|d| d.role == Role::Site);
        let values = scene.usage.iter().filter(|d| d.as_value);
        Read {
            sites: sites.map(|d| (d.owner, d.name.as_str())).collect(),
            values: values.map(|d| (d.span.file, d.span.start)).collect(),
        }
    }
}

fn site(declared: &Declared, read: &Read, reached: Option<&HashSet<u32>>) -> Option<Lint> {
    let is_read = read
        .sites
        .contains(&(declared.owner, declared.name.as_str()));
    let idle = match (declared.owner, declared.place) {
        (None, Some(Place::Global(slot))) => reached.is_some_and(|r| !r.contains(&slot)),
        (Some(_), _) => !is_read,
        _ => false,
    };
    idle.then(|| Lint::UnusedSite {
        name: declared.name.clone(),
        span: declared.span,
        read: is_read,
    })
}

/// A parameter of a named function that is only ever called. Others have the parameters that their callers want.
fn parameter(scene: &Scene, declared: &Declared, read: &Read) -> Option<Lint> {
    let function = &scene.model.functions[declared.owner?];
    let method = function.name.contains('.');
    let begins = (function.span.file, function.span.start);
    let handed_on = read.values.contains(&begins);
    let named = function.name != CLOSURE;
    let idle = declared.reads == 0 && named && !method && !handed_on;
    idle.then(|| unread_name(declared))
}

fn has_return(body: &Block) -> bool {
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

// ---- What reaches a weight or an output

/// A step of the file's code: what it gives a value, what it reads.
#[derive(Default)]
struct Step {
    gives: Vec<u32>,
    reads: Vec<u32>,
    /// It weighs, prints, or is the result.
    acts: bool,
}

/// The global slots whose values can reach a weight or an output. What functions read counts as reaching one.
fn reached(scene: &Scene, effects: &Effects) -> HashSet<u32> {
    let mut walk = Walk {
        scene,
        effects,
        steps: Vec::new(),
    };
    scene.model.body.stmts.iter().for_each(|s| walk.stmt(s));
    let steps = walk.steps;
    let mut giving: HashMap<u32, Vec<usize>> = HashMap::new();
    for (i, step) in steps.iter().enumerate() {
        for slot in &step.gives {
            giving.entry(*slot).or_default().push(i);
        }
    }
    let mut reached: HashSet<u32> = read_by_functions(scene);
    let mut seen: HashSet<usize> = (0..steps.len()).filter(|i| steps[*i].acts).collect();
    let givers = reached.iter().flat_map(|slot| giving.get(slot)).flatten();
    seen.extend(givers);
    let mut open: Vec<usize> = seen.iter().copied().collect();
    while let Some(i) = open.pop() {
        for slot in &steps[i].reads {
            if reached.insert(*slot) {
                let givers = giving.get(slot).into_iter().flatten();
                open.extend(givers.filter(|i| seen.insert(**i)));
            }
        }
    }
    reached
}

fn read_by_functions(scene: &Scene) -> HashSet<u32> {
    let mut read = HashSet::new();
    for function in &scene.model.functions {
        visit::block(&function.body, &mut |e| read.extend(global(e)));
    }
    read
}

fn global(e: &Expr) -> Option<u32> {
    match e.kind {
        ExprKind::Place(Place::Global(slot)) => Some(slot),
        _ => None,
    }
}

struct Walk<'w, 'a> {
    scene: &'w Scene<'a>,
    effects: &'w Effects,
    steps: Vec<Step>,
}

impl Walk<'_, '_> {
    /// A statement is a step. The statements of a loop are steps of their own, which all read what the loop runs over.
    fn stmt(&mut self, stmt: &Stmt) {
        let (head, body) = match &stmt.kind {
            StmtKind::For { iter, body, .. } => (iter, body),
            StmtKind::While { cond, body } => (cond, body),
            _ => {
                let mut step = Step::default();
                visit::stmt_nodes(stmt, &mut |node| self.add(node, &mut step));
                return self.steps.push(step);
            }
        };
        let inside = self.steps.len();
        body.stmts.iter().for_each(|s| self.stmt(s));
        for part in body.value.as_deref().into_iter().chain([head]) {
            let mut step = Step::default();
            visit::expr_nodes(part, &mut |node| self.add(node, &mut step));
            self.steps.push(step);
        }
        let head_reads = self.steps.last().map_or(Vec::new(), |s| s.reads.clone());
        for step in &mut self.steps[inside..] {
            step.reads.extend(&head_reads);
        }
    }

    fn add(&self, node: Node, step: &mut Step) {
        step.acts |= self.effects.acts(node);
        match node {
            Node::Block(_) => {}
            Node::Stmt(stmt) => gives(stmt, step),
            Node::Expr(e) => self.reads(e, step),
        }
    }

    fn reads(&self, e: &Expr, step: &mut Step) {
        step.reads.extend(global(e));
        if let ExprKind::Closure(id) = e.kind {
            let captures = self.scene.model.functions[id].captures.iter();
            let slots = captures.filter_map(|(place, _)| match place {
                Place::Global(slot) => Some(*slot),
                Place::Local(_) => None,
            });
            step.reads.extend(slots);
        }
    }
}

fn gives(stmt: &Stmt, step: &mut Step) {
    match &stmt.kind {
        StmtKind::Let { pattern, .. } => pattern_slots(pattern, &mut step.gives),
        StmtKind::Assign { place, .. } | StmtKind::Sample { place, .. } => {
            if let Place::Global(slot) = place {
                step.gives.push(*slot);
            }
        }
        // Leaving a loop early decides what the statements behind it do.
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue => step.acts = true,
        _ => {}
    }
}

fn pattern_slots(pattern: &Pattern, slots: &mut Vec<u32>) {
    match pattern {
        Pattern::Slot(Place::Global(slot)) => slots.push(*slot),
        Pattern::Slot(Place::Local(_)) | Pattern::Discard => {}
        Pattern::Tuple(parts, _) => parts.iter().for_each(|p| pattern_slots(p, slots)),
        Pattern::Record(fields, _) => fields.iter().for_each(|(_, p)| pattern_slots(p, slots)),
    }
}
