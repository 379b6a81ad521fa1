//! What becomes of each declared name: who reads it, and whether it is handed on as a value.

use std::collections::HashMap;

use super::scope::Role;
use crate::base::Span;
use crate::ir::{FnId, Place};

/// A name that the program declares.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    /// The name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// How.
    pub role: Role,
    /// The function that it belongs to; `None` for the file.
    pub owner: Option<FnId>,
    /// Its slot, where it has one.
    pub place: Option<Place>,
    /// How often something else reads it.
    pub reads: usize,
    /// Whether it is read as a value, not only called.
    pub as_value: bool,
}

/// All declared names, in the order of their declarations.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    names: Vec<Declared>,
    by_place: HashMap<Span, usize>,
}

impl Usage {
    /// Adds a name; one that is known already (a nested function, inside and outside of itself) is the same.
    pub fn declare(&mut self, declared: Declared) {
        if let std::collections::hash_map::Entry::Vacant(entry) = self.by_place.entry(declared.span)
        {
            entry.insert(self.names.len());
            self.names.push(declared);
        }
    }

    /// Notes that the name declared at `span` is read.
    pub fn read(&mut self, span: Span) {
        if let Some(&i) = self.by_place.get(&span) {
            self.names[i].reads += 1;
        }
    }

    /// Notes that the name declared at `span` is read as a value.
    pub fn read_as_value(&mut self, span: Span) {
        if let Some(&i) = self.by_place.get(&span) {
            self.names[i].as_value = true;
        }
    }

    /// How often the name declared at `span` has been read.
    pub fn reads(&self, span: Span) -> usize {
        self.by_place.get(&span).map_or(0, |&i| self.names[i].reads)
    }

    /// Forgets what a name's own definition has read of it.
    pub fn set_reads(&mut self, span: Span, reads: usize) {
        if let Some(&i) = self.by_place.get(&span) {
            self.names[i].reads = reads;
        }
    }

    /// All names, in the order of their declarations.
    pub fn iter(&self) -> impl Iterator<Item = &Declared> {
        self.names.iter()
    }
}
