//! Types and shapes: runs the model on types instead of values.
//!
//! ```text
//! statements in order ──▶ expressions ──▶ calls: a function's body once for each kind of arguments
//! ```
//!
//! What cannot be known is `Ty::Any`, which fits everywhere: a program is refused only where it is wrong for certain.
//! A recursive call gives what the calls found so far have given, until that no longer changes.

mod array;
mod binary;
mod bind;
mod builtin;
mod call;
mod dist;
mod evident;
mod expr;
mod higher;
mod index;
mod linear;
mod observe;
mod stmt;
mod written;

use std::collections::{HashMap, HashSet};

use super::mismatch::{Mismatch, Seen};
use super::scope::{Role, Slot};
use super::types::{Ty, Value};
use crate::base::{Report, Span};
use crate::ir::{Expr, ExprKind, FnId, Model, Over, Place, Type};
use call::Entry;

/// What inference finds.
pub(super) struct Inferred {
    /// What does not agree.
    pub reports: Vec<Report>,
    /// The type of the program's result.
    pub result: Type,
    /// For each user's distribution, what it is over for the ranks of its arguments.
    pub over: Vec<Vec<(Vec<usize>, Over)>>,
    /// Fields of the program's result that are strings.
    pub strings: Vec<Span>,
}

/// Finds what does not agree in a model, and its types.
pub(super) fn infer(model: &Model, globals: &[Slot], locals: &[Vec<Slot>]) -> Inferred {
    let mut infer = Infer {
        model,
        slots: (globals, locals),
        globals: vec![Value::any(); globals.len()],
        frames: vec![Frame::default()],
        memo: HashMap::new(),
        captured: HashMap::new(),
        called: HashSet::new(),
        errors: Vec::new(),
        changes: 0,
        drawn: Vec::new(),
        steps: 0,
        conditional: 0,
        lowest: usize::MAX,
        result: None,
        draws_of: vec![Vec::new(); model.distributions.len()],
        strings: Vec::new(),
    };
    infer.block(&model.body);
    infer.uncalled();
    let reports = infer.errors.iter().map(Told::report).collect();
    let result = infer.result.take();
    Inferred {
        reports,
        result: result.map_or(Type::Unit, |ty| infer.written(&ty)),
        over: infer.draws_of,
        strings: infer.strings,
    }
}

/// Expressions visited before inference stops looking: no program that a person writes comes near.
const MAX_STEPS: usize = 2_000_000;

struct Infer<'m> {
    model: &'m Model,
    slots: (&'m [Slot], &'m [Vec<Slot>]),
    globals: Vec<Value>,
    frames: Vec<Frame>,
    memo: HashMap<FnId, Vec<Entry>>,
    /// What each closure last captured.
    captured: HashMap<FnId, Vec<Value>>,
    called: HashSet<FnId>,
    errors: Vec<Told>,
    /// How often a variable has changed its type: loops are repeated until it stays.
    changes: usize,
    /// For each user's distribution, the ranks of its arguments so far, and what it is over with them.
    draws_of: Vec<Vec<(Vec<usize>, Over)>>,
    /// Fields of the program's result that are strings.
    strings: Vec<Span>,
    /// Draws in order, to join those of several arms that share a slot.
    drawn: Vec<(Place, Value)>,
    steps: usize,
    /// How many conditions, loops and calls stand around this place.
    conditional: usize,
    /// The outermost running call whose assumed result has been used.
    lowest: usize,
    /// What the last `return` at file level gives.
    result: Option<Ty>,
}

/// A function that runs, or the file.
#[derive(Clone, Debug, Default)]
struct Frame {
    function: Option<FnId>,
    slots: Vec<Value>,
    result: Option<Value>,
    /// The first of its results whose type is known.
    gave: Option<Seen>,
    itself: Option<Value>,
    call: Option<Span>,
}

/// An error and the call in which it shows.
#[derive(Clone, Debug)]
struct Told {
    error: Mismatch,
    call: Option<Span>,
}

impl Told {
    fn report(&self) -> Report {
        let report = self.error.report();
        match self.call {
            Some(call) if !report.labels.iter().any(|l| l.span == call) => {
                report.label(call, "in this call")
            }
            _ => report,
        }
    }
}

/// A value where it is used: an argument, an operand.
#[derive(Clone, Debug)]
struct Arg<'e> {
    value: Value,
    span: Span,
    expr: Option<&'e Expr>,
}

impl<'m> Infer<'m> {
    fn tell(&mut self, error: Mismatch) {
        let call = self.frame().call;
        self.errors.push(Told { error, call });
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the file's frame stays")
    }

    fn read(&self, place: Place) -> Value {
        let frame = &self.frames[self.frames.len() - 1];
        match place {
            Place::Global(i) => self.globals[i as usize].clone(),
            Place::Local(i) => frame
                .slots
                .get(i as usize)
                .cloned()
                .unwrap_or_else(Value::any),
        }
    }

    /// Fills a slot; what a `var` holds at the start says nothing about it later.
    fn write(&mut self, place: Place, mut value: Value) {
        if self.slot(place).is_some_and(|s| s.role == Role::Var) {
            value.known = None;
            value.random = None;
        }
        match place {
            Place::Global(i) => self.globals[i as usize] = value,
            Place::Local(i) => {
                if let Some(slot) = self.frame().slots.get_mut(i as usize) {
                    *slot = value;
                }
            }
        }
    }

    fn slot(&self, place: Place) -> Option<&'m Slot> {
        match place {
            Place::Global(i) => self.slots.0.get(i as usize),
            Place::Local(i) => {
                let id = self.frames.last()?.function?;
                self.slots.1[id].get(i as usize)
            }
        }
    }

    /// An expression whose value is used.
    fn arg<'e>(&mut self, e: &'e Expr) -> Arg<'e> {
        if let Some(span) = lacks_else(e) {
            self.tell(Mismatch::NoValue { span });
        }
        Arg {
            value: self.expr(e),
            span: e.span,
            expr: Some(e),
        }
    }

    fn seen(&self, arg: &Arg) -> Seen {
        let declared = match arg.expr.map(|e| &e.kind) {
            Some(ExprKind::Place(place)) => self.slot(*place).map(|s| (s.name.clone(), s.span)),
            _ => None,
        };
        Seen {
            span: arg.span,
            text: self.text(arg.span),
            ty: arg.value.ty.clone(),
            declared,
        }
    }

    /// The text of a short expression.
    fn text(&self, span: Span) -> String {
        const LONGEST: usize = 48;
        let source = self.model.sources.get(span.file);
        let text = source.and_then(|s| s.text.get(span.start as usize..span.end as usize));
        match text {
            Some(text) if text.len() <= LONGEST && !text.contains('\n') => text.into(),
            _ => "…".into(),
        }
    }

    /// Elements and axes of a number or an array of numbers; `None` where that is not known or not so.
    fn numeric(&mut self, arg: &Arg, place: &str) -> Option<(Ty, Vec<super::types::Size>)> {
        let (element, sizes) = arg.value.ty.parts();
        match element {
            Ty::Int | Ty::Real => Some((element.clone(), sizes.to_vec())),
            Ty::Never if !sizes.is_empty() => Some((Ty::Int, sizes.to_vec())),
            Ty::Never | Ty::Any => None,
            _ => {
                let (seen, place) = (self.seen(arg), place.to_string());
                self.tell(Mismatch::NotNumeric { seen, place });
                None
            }
        }
    }

    /// One condition.
    fn boolean(&mut self, arg: &Arg, place: &str) {
        let seen = || (self.seen(arg), place.to_string());
        let error = match &arg.value.ty {
            Ty::Bool | Ty::Any | Ty::Never => return,
            Ty::Array(element, _) if matches!(**element, Ty::Bool | Ty::Any | Ty::Never) => {
                let (seen, place) = seen();
                Mismatch::NotScalar { seen, place }
            }
            _ => {
                let (seen, place) = seen();
                Mismatch::NotBool { seen, place }
            }
        };
        self.tell(error);
    }

    /// An int, where one is needed.
    fn integer(&mut self, arg: &Arg, place: &str) {
        if !matches!(arg.value.ty, Ty::Int | Ty::Any | Ty::Never) {
            let (seen, place) = (self.seen(arg), place.to_string());
            self.tell(Mismatch::NotInt { seen, place });
        }
    }

    /// An int or an array of ints.
    fn integers(&mut self, arg: &Arg, place: &str) {
        if !matches!(arg.value.ty.parts().0, Ty::Int | Ty::Any | Ty::Never) {
            let (seen, place) = (self.seen(arg), place.to_string());
            self.tell(Mismatch::NotInt { seen, place });
        }
    }
}

/// An `if` without `else` whose value the expression is.
fn lacks_else(e: &Expr) -> Option<Span> {
    let ExprKind::If {
        then, otherwise, ..
    } = &e.kind
    else {
        return None;
    };
    let Some(otherwise) = otherwise else {
        return Some(e.span);
    };
    let mut values = [then, otherwise]
        .into_iter()
        .filter_map(|b| b.value.as_deref());
    values.find_map(lacks_else)
}
