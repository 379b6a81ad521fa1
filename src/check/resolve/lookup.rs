//! Declaring names and finding them again, with captures on the way.

use super::super::error::CheckError;
use super::super::lint::Lint;
use super::super::names::{Hint, foreign};
use super::super::scope::{Binding, Role, Slot, What, hoisted};
use super::super::signature;
use super::super::usage::Declared;
use super::Resolver;
use crate::base::{Span, nearest};
use crate::ir::{Builtin, Expr, ExprKind, FnId, Pattern, Place, Stmt, StmtKind};
use crate::syntax::ast::{self, Ident};

/// For so many unknown names a near one is looked for.
const MAX_HINTS: usize = 100;

/// Where a name was found: which open frame declares it, and how.
pub(super) type Found = (usize, Binding);

impl Resolver<'_> {
    /// A new slot of the innermost frame.
    pub(super) fn slot(&mut self, name: &str, span: Span, role: Role) -> Place {
        let slot = Slot {
            name: name.into(),
            span,
            role,
        };
        if self.frames.len() == 1 {
            self.globals.push(slot);
            return Place::Global((self.globals.len() - 1) as u32);
        }
        let slots = &mut self.frame().slots;
        slots.push(slot);
        Place::Local((slots.len() - 1) as u32)
    }

    /// A new name with a slot of its own.
    pub(super) fn declare(&mut self, name: &Ident, role: Role) -> Place {
        let place = self.slot(&name.name, name.span, role);
        self.bind(name, role, What::Value(place), None);
        place
    }

    /// A new name for something.
    pub(super) fn bind(&mut self, name: &Ident, role: Role, what: What, function: Option<FnId>) {
        self.note_shadow(name);
        self.note_declared(name, role, what);
        let binding = Binding {
            what,
            role,
            span: name.span,
            order: self.position,
            stable: self.at_top() && role != Role::Var,
            function,
        };
        self.scope().declare(&name.name, binding);
    }

    pub(super) fn note_declared(&mut self, name: &Ident, role: Role, what: What) {
        if self.file.module {
            return;
        }
        let declared = Declared {
            name: name.name.clone(),
            span: name.span,
            role,
            owner: self.frame().function,
            place: match what {
                What::Value(place) => Some(place),
                _ => None,
            },
            reads: 0,
            as_value: false,
        };
        self.usage.declare(declared);
    }

    /// `posterior` is a word that programs use for their own.
    fn note_shadow(&mut self, name: &Ident) {
        let built_in = Builtin::find(&name.name).is_some_and(|b| b != Builtin::Posterior)
            || matches!(name.name.as_str(), "pi" | "inf")
            || signature::of_distribution(&name.name).is_some();
        let told = |l: &Lint| matches!(l, Lint::Shadow { name: n, .. } if *n == name.name);
        if built_in && !self.file.module && !self.lints.iter().any(told) {
            self.lints.push(Lint::Shadow {
                name: name.name.clone(),
                span: name.span,
            });
        }
    }

    /// Declares the names of a pattern.
    pub(super) fn pattern(&mut self, pattern: &ast::Pattern, role: Role) -> Pattern {
        let mut names = Vec::new();
        names_of(pattern, &mut names);
        self.refuse_twice(&names, "part of the pattern");
        self.parts(pattern, role)
    }

    /// Names that are given at once are each another one.
    pub(super) fn refuse_twice(&mut self, names: &[&Ident], what: &'static str) {
        for (i, name) in names.iter().enumerate() {
            let first = names[..i].iter().find(|n| n.name == name.name);
            if let Some(first) = first.filter(|_| !name.is_discard()) {
                self.duplicate(name, first.span, what);
            }
        }
    }

    fn parts(&mut self, pattern: &ast::Pattern, role: Role) -> Pattern {
        match pattern {
            ast::Pattern::Name(name) => Pattern::Slot(self.declare(name, role)),
            ast::Pattern::Discard(_) => Pattern::Discard,
            ast::Pattern::Tuple(parts, span) => {
                Pattern::Tuple(parts.iter().map(|p| self.parts(p, role)).collect(), *span)
            }
            ast::Pattern::Record(fields, span) => {
                let fields = fields
                    .iter()
                    .map(|(name, p)| (name.name.clone(), self.parts(p, role)))
                    .collect();
                Pattern::Record(fields, *span)
            }
        }
    }

    /// What a name means here, where it is read.
    pub(super) fn find(&mut self, name: &str, span: Span) -> Option<Found> {
        let found = self.look_up(name, span)?;
        let (_, binding) = &found;
        let recursive = match binding.what {
            What::Function(id) | What::Itself(id) => {
                self.frames.iter().any(|f| f.function == Some(id))
            }
            _ => false,
        };
        if !recursive {
            self.usage.read(binding.span);
        }
        Some(found)
    }

    /// What a name means here.
    pub(super) fn look_up(&mut self, name: &str, span: Span) -> Option<Found> {
        self.find_declared(name)
            .or_else(|| self.find_after_arms(name))
            .or_else(|| self.find_imported(name, span))
    }

    fn find_declared(&self, name: &str) -> Option<Found> {
        for (k, frame) in self.frames.iter().enumerate().rev() {
            for (s, scope) in frame.scopes.iter().enumerate().rev() {
                let binding = match (k, s) {
                    (0, 0) => scope.around(name, self.position, |b| self.deferred || hoisted(b)),
                    _ => scope.get(name),
                };
                if let Some(binding) = binding {
                    return Some((k, binding.clone()));
                }
            }
        }
        None
    }

    fn find_after_arms(&self, name: &str) -> Option<Found> {
        self.frames.iter().enumerate().rev().find_map(|(k, frame)| {
            let mut scopes = frame.scopes.iter().rev();
            let binding = scopes.find_map(|scope| scope.after_arms.get(name))?;
            Some((k, binding.clone()))
        })
    }

    fn find_imported(&mut self, name: &str, span: Span) -> Option<Found> {
        let candidates = self.file.imports.get(name)?;
        if candidates.len() > 1 {
            let from = candidates.iter().map(|b| b.span).collect();
            self.errors.push(CheckError::Ambiguous {
                name: name.into(),
                span,
                from,
            });
        }
        self.file.imports.get(name)?.first().map(|b| (0, b.clone()))
    }

    /// The value of a name that was found.
    pub(super) fn value(&mut self, name: &str, (k, binding): &Found) -> ExprKind {
        match binding.what {
            What::Function(id) => ExprKind::Closure(id),
            What::Distribution(index) => self.distribution_value(index),
            What::Itself(_) if *k == self.frames.len() - 1 => ExprKind::SelfFn,
            What::Itself(_) => {
                let own = self.own_value(*k, name, binding);
                ExprKind::Place(self.carry(own, *k, name, binding))
            }
            What::Value(place) => ExprKind::Place(self.carry(place, *k, name, binding)),
        }
    }

    /// The slot in which a nested function keeps its own value for closures inside it.
    fn own_value(&mut self, k: usize, name: &str, binding: &Binding) -> Place {
        let frame = &mut self.frames[k];
        let slots = &mut frame.slots;
        let own = *frame.itself.get_or_insert_with(|| {
            slots.push(Slot {
                name: name.into(),
                span: binding.span,
                role: Role::Function,
            });
            (slots.len() - 1) as u32
        });
        Place::Local(own)
    }

    /// Brings a value of frame `k` to the innermost frame, by value through every function between.
    fn carry(&mut self, place: Place, k: usize, name: &str, binding: &Binding) -> Place {
        let innermost = self.frames.len() - 1;
        if k == innermost {
            return place;
        }
        if k == 0 && self.deferred {
            return self.seen_by_function(place, name, binding);
        }
        if k == 0 && binding.stable {
            return place;
        }
        let mut from = place;
        for frame in &mut self.frames[k + 1..] {
            let slot = Slot {
                name: name.into(),
                span: binding.span,
                role: binding.role,
            };
            from = Place::Local(frame.capture(from, slot));
        }
        from
    }

    /// A function at file level reads the file's slots; of a `var` above it, the value at its declaration.
    fn seen_by_function(&mut self, place: Place, name: &str, binding: &Binding) -> Place {
        if binding.role != Role::Var || binding.order > self.position {
            return place;
        }
        let key = (self.position, place);
        if let Some(copy) = self.snapshots.get(&key) {
            return *copy;
        }
        self.globals.push(Slot {
            name: name.into(),
            span: binding.span,
            role: Role::Let,
        });
        let copy = Place::Global((self.globals.len() - 1) as u32);
        self.snapshots.insert(key, copy);
        let value = Expr {
            kind: ExprKind::Place(place),
            span: binding.span,
        };
        let kind = StmtKind::Let {
            pattern: Pattern::Slot(copy),
            value,
        };
        self.copies.push((
            self.position,
            Stmt {
                kind,
                span: binding.span,
            },
        ));
        copy
    }

    /// A value of unknown type, in place of what could not be resolved.
    pub(super) fn poison(&mut self) -> ExprKind {
        let globals = &mut self.globals;
        let slot = *self.poison.get_or_insert_with(|| {
            globals.push(Slot {
                name: String::new(),
                span: Span::default(),
                role: Role::Let,
            });
            (globals.len() - 1) as u32
        });
        ExprKind::Place(Place::Global(slot))
    }

    /// Reports a name that means nothing here; a name is reported once, with all its places.
    pub(super) fn unknown(&mut self, name: &str, span: Span, called: bool) -> ExprKind {
        let key = (span.file, name.to_string());
        match self.unknown.get(&key) {
            Some(&index) => {
                if let CheckError::UnknownName { also, .. } = &mut self.errors[index]
                    && also.len() < 4
                {
                    also.push(span);
                }
            }
            None => {
                let hint = match self.unknown.len() < MAX_HINTS {
                    true => self.hint(name, span, called),
                    false => Hint::Nothing,
                };
                self.unknown.insert(key, self.errors.len());
                self.errors.push(CheckError::UnknownName {
                    name: name.into(),
                    span,
                    also: Vec::new(),
                    hint,
                });
            }
        }
        self.poison()
    }

    /// What a name that means nothing was meant to be.
    pub(super) fn hint(&self, name: &str, span: Span, called: bool) -> Hint {
        if let Some(&below) = self.file.below.get(name)
            && below.start > span.start
        {
            return Hint::Below(name.into(), below);
        }
        if let Some(arm) = self.some_arm(name) {
            return Hint::SomeArms(name.into(), arm);
        }
        if let Some(ended) = self.frames.iter().rev().find_map(|f| f.ended.get(name)) {
            return Hint::Ended(name.into(), *ended);
        }
        if let Some(text) = foreign(name, called) {
            return Hint::Foreign(text);
        }
        let known = self.known_names();
        match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => {
                let declared = self.find_declared(near).map(|(_, b)| b.span);
                Hint::Nearest(near.into(), declared)
            }
            None if called => Hint::UndeclaredFunction(name.into()),
            None => Hint::Undeclared(name.into()),
        }
    }

    fn some_arm(&self, name: &str) -> Option<Span> {
        let mut scopes = self.frames.iter().rev().flat_map(|f| f.scopes.iter().rev());
        scopes.find_map(|s| s.some_arms.get(name).copied())
    }

    /// The user's names from the inside out, then those of the language.
    fn known_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for scope in self.frames.iter().rev().flat_map(|f| f.scopes.iter().rev()) {
            let mut here: Vec<&String> = scope.iter().map(|(name, _)| name).collect();
            here.extend(scope.after_arms.keys());
            here.sort();
            names.extend(here.into_iter().cloned());
        }
        let mut imported: Vec<&String> = self.file.imports.keys().collect();
        imported.sort();
        names.extend(imported.into_iter().cloned());
        names.extend(Builtin::ALL.iter().map(|b| b.name().to_string()));
        names.extend(signature::distribution_names().map(str::to_string));
        names.extend(["pi", "inf"].map(str::to_string));
        names
    }
}

/// The names that a pattern binds.
fn names_of<'a>(pattern: &'a ast::Pattern, names: &mut Vec<&'a Ident>) {
    match pattern {
        ast::Pattern::Name(name) => names.push(name),
        ast::Pattern::Discard(_) => {}
        ast::Pattern::Tuple(parts, _) => parts.iter().for_each(|p| names_of(p, names)),
        ast::Pattern::Record(fields, _) => fields.iter().for_each(|(_, p)| names_of(p, names)),
    }
}
