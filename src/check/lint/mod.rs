//! Warnings: what a program may do, but seldom means.
//!
//! ```text
//! unused    names that nothing reads, sites that reach no weight and no output
//! meaning   a variance where a standard deviation is wanted, arguments in the wrong order
//! weight    evidence that is the same in every execution, or has probability 0
//! flow      statements without effect, code that is never reached, loops that never end
//! number    integer arithmetic that surprises
//! ```
//!
//! A warning is wrong more often than an error: each of them is given only where nothing speaks for the program.

mod effects;
mod flow;
mod meaning;
mod number;
mod tell;
mod unused;
mod weight;

use super::scope::Slot;
use super::usage::Usage;
use crate::base::{FileId, Span};
use crate::ir::visit::{self, Node};
use crate::ir::{Block, FnId, Model, Place, StmtKind};

use effects::Effects;

/// Something to look at.
#[derive(Clone, Debug)]
pub(super) enum Lint {
    /// A name that hides a built-in.
    Shadow { name: String, span: Span },
    /// A name that hides data, and has nothing to do with it.
    ShadowData {
        name: String,
        span: Span,
        data: Span,
    },
    /// A draw with the name of an input.
    SampleOfData {
        name: String,
        span: Span,
        data: Span,
    },
    /// A site whose name a site in another scope has; only told where every site is an output.
    SameSite {
        name: String,
        span: Span,
        first: Span,
    },
    /// A name that nothing reads.
    Unused {
        what: &'static str,
        name: String,
        span: Span,
    },
    /// A site that reaches no weight and no output; `read` if something reads it all the same.
    UnusedSite {
        name: String,
        span: Span,
        read: bool,
    },
    /// A draw that is dropped where it is made.
    DroppedDraw { span: Span },
    /// An argument that says by its name that it is something else.
    Meaning {
        dist: &'static str,
        param: &'static str,
        wants: &'static str,
        argument: String,
        says: &'static str,
        instead: Option<String>,
        span: Span,
    },
    /// Two arguments that say by their names that they are swapped.
    Swapped {
        call: String,
        span: Span,
        other: Span,
    },
    /// A weight that is the same in every execution.
    ConstantWeight { what: &'static str, span: Span },
    /// No weight depends on a draw.
    IdleEvidence { span: Span, site: Span },
    /// `x == 1.5` of a continuous draw.
    NeverEqual {
        name: String,
        span: Span,
        drawn: Span,
        unequal: bool,
    },
    /// `condition x == 1.5` of a continuous draw.
    ImpossibleCondition {
        name: String,
        span: Span,
        drawn: Span,
        value: String,
    },
    /// A statement that does nothing.
    NoEffect { span: Span, join: Option<Join> },
    /// A call of a function that weighs nothing, whose value is dropped.
    DroppedCall { name: String, span: Span },
    /// Code behind a `return`.
    Unreachable {
        span: Span,
        behind: Span,
        what: &'static str,
    },
    /// A loop whose condition nothing in it changes.
    EndlessLoop { span: Span, names: Vec<String> },
    /// `div(1, 2)`.
    DivisionIsZero { a: i64, b: i64, span: Span },
    /// A field of the program's result that is a string.
    StringOutput { span: Span },
    /// `2 ^ -1`.
    NegativePower { span: Span, base: i64 },
}

/// How a statement looks like the rest of the line above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Join {
    /// It begins with a sign.
    Minus(Span),
    /// It begins with a bracket.
    Bracket(Span),
}

impl Lint {
    /// The file that it is about.
    pub fn file(&self) -> FileId {
        self.place().file
    }
}

/// What lints are found in.
pub(super) struct Scene<'a> {
    pub model: &'a Model,
    pub usage: &'a Usage,
    pub globals: &'a [Slot],
    pub locals: &'a [Vec<Slot>],
}

/// All lints of a checked model.
pub(super) fn lints(scene: &Scene) -> Vec<Lint> {
    let effects = Effects::of(scene.model);
    let mut found = unused::unused(scene, &effects);
    found.extend(meaning::meanings(scene));
    found.extend(weight::weights(scene));
    found.extend(flow::flow(scene, &effects));
    found.extend(number::numbers(scene));
    found
}

/// Whether the program says itself what its outputs are.
pub(super) fn names_outputs(model: &Model) -> bool {
    let mut found = false;
    visit::block_nodes(&model.body, &mut |node| {
        found |= matches!(node, Node::Stmt(s) if matches!(s.kind, StmtKind::Return(Some(_))));
    });
    found
}

impl<'a> Scene<'a> {
    /// The file's code and that of each function.
    fn bodies(&self) -> impl Iterator<Item = (Option<FnId>, &'a Block)> {
        let functions = self.model.functions.iter().enumerate();
        let functions = functions.map(|(id, f)| (Some(id), &f.body));
        std::iter::once((None, &self.model.body)).chain(functions)
    }

    /// The slot of a place in a body.
    fn slot(&self, body: Option<FnId>, place: Place) -> Option<&'a Slot> {
        match (place, body) {
            (Place::Global(i), _) => self.globals.get(i as usize),
            (Place::Local(i), Some(id)) => self.locals[id].get(i as usize),
            (Place::Local(_), None) => None,
        }
    }

    /// The text of a place.
    fn text(&self, span: Span) -> &'a str {
        let source = self.model.sources.get(span.file);
        let text = source.and_then(|s| s.text.get(span.start as usize..span.end as usize));
        text.unwrap_or_default()
    }
}
