//! Which data a program observes, and by which names: its own, that of a loop over it, or a parameter's that it is passed as.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::ir::visit::{self, Node};
use crate::ir::{Block, Builtin, Expr, ExprKind, FnId, Model, Pattern, Place, StmtKind};

/// Whether a program observes the variable in a slot, or elements of it.
pub(super) fn at_all(model: &Model, slot: u32) -> bool {
    Search::new(model).anywhere(Place::Global(slot), Search::observes)
}

/// Whether a program observes it by a name that is not its own: `for v in y { observe v ~ … }`, `f(y[0])` with a function that
/// observes what it is passed.
pub(super) fn by_another_name(model: &Model, slot: u32) -> bool {
    Search::new(model).anywhere(Place::Global(slot), Search::passes_on)
}

struct Search<'a> {
    model: &'a Model,
    /// Parameters of functions that have been looked at.
    seen: RefCell<HashSet<(FnId, Place)>>,
}

impl<'a> Search<'a> {
    fn new(model: &'a Model) -> Search<'a> {
        Search {
            model,
            seen: RefCell::default(),
        }
    }

    /// In the program and in its functions, which see its names.
    fn anywhere(&self, place: Place, found: fn(&Self, &Block, Place) -> bool) -> bool {
        let functions = self.model.functions.iter().map(|f| &f.body);
        std::iter::once(&self.model.body)
            .chain(functions)
            .any(|block| found(self, block, place))
    }

    fn observes(&self, block: &Block, place: Place) -> bool {
        let mut found = false;
        visit::block_nodes(block, &mut |node| {
            if let Node::Stmt(s) = node
                && let StmtKind::Observe { value, .. } = &s.kind
            {
                found |= is_of(value, place);
            }
        });
        found || self.passes_on(block, place)
    }

    fn passes_on(&self, block: &Block, place: Place) -> bool {
        let mut found = false;
        visit::block_nodes(block, &mut |node| {
            found |= match node {
                Node::Stmt(s) => match &s.kind {
                    StmtKind::For {
                        pattern,
                        iter,
                        body,
                    } => self.any(walks(pattern, iter, place), |own| self.observes(body, own)),
                    _ => false,
                },
                Node::Expr(e) => self.is_passed(e, place),
                Node::Block(_) => false,
            };
        });
        found
    }

    /// Whether an expression hands a variable, or elements of it, to what observes them.
    fn is_passed(&self, e: &Expr, place: Place) -> bool {
        match &e.kind {
            ExprKind::Comprehension {
                body,
                pattern,
                iter,
            } => self.any(walks(pattern, iter, place), |own| {
                let mut found = false;
                visit::expr_nodes(body, &mut |node| {
                    found |= match node {
                        Node::Expr(e) => self.is_passed(e, own),
                        Node::Block(b) => self.observes(b, own),
                        Node::Stmt(_) => false,
                    };
                });
                found
            }),
            ExprKind::Call { callee, args } => {
                let each = args.iter().enumerate();
                each.fold(false, |found, (i, arg)| {
                    found || self.is_observed_in(callee, i, arg, place)
                })
            }
            ExprKind::CallBuiltin { builtin, args, .. } => match (builtin, &args[..]) {
                (Builtin::Map, [xs, f]) => self.is_observed_in(f, 0, xs, place),
                (Builtin::Fold | Builtin::Scan, [xs, _, f]) => self.is_observed_in(f, 1, xs, place),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a function observes the variable when it gets `arg` as its i-th argument.
    fn is_observed_in(&self, f: &Expr, i: usize, arg: &Expr, place: Place) -> bool {
        let ExprKind::Closure(id) = f.kind else {
            return false;
        };
        let function = &self.model.functions[id];
        let Some(parameter) = function.params.get(i) else {
            return false;
        };
        self.any(walks(&parameter.pattern, arg, place), |own| {
            self.seen.borrow_mut().insert((id, own)) && self.observes(&function.body, own)
        })
    }

    fn any(&self, places: Vec<Place>, mut found: impl FnMut(Place) -> bool) -> bool {
        places.into_iter().any(&mut found)
    }
}

/// The names of a pattern that stand for a variable, or for elements of it, when it takes an expression apart.
fn walks(pattern: &Pattern, e: &Expr, place: Place) -> Vec<Place> {
    match (pattern, &e.kind) {
        (Pattern::Slot(own), _) if is_of(e, place) => vec![*own],
        (
            Pattern::Tuple(parts, _),
            ExprKind::CallBuiltin {
                builtin: Builtin::Zip,
                args,
                ..
            },
        ) => {
            let each = parts.iter().zip(args);
            each.flat_map(|(p, e)| walks(p, e, place)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an expression is a variable or elements of it.
fn is_of(e: &Expr, place: Place) -> bool {
    match &e.kind {
        ExprKind::Index(of, _) => is_of(of, place),
        ExprKind::Place(p) => *p == place,
        _ => false,
    }
}
