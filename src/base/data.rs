//! Data as it comes from files, before the program says what it should be.

use unicode_normalization::UnicodeNormalization;

use super::Shape;

/// Where an entry came from, for messages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// The file, or `--set`.
    pub file: String,
    /// Line from 1, where it is known.
    pub line: Option<usize>,
    /// Whether it is a table's column, whose elements stand one below the other, the first one line below.
    pub column: bool,
}

impl Origin {
    /// The line of an element, where it is known.
    pub fn line_of(&self, element: usize) -> Option<usize> {
        self.line.map(|l| match self.column {
            true => l + 1 + element,
            false => l,
        })
    }
}

/// The elements of an entry, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// True and false.
    Bool(Vec<bool>),
    /// Whole numbers.
    Int(Vec<i64>),
    /// Reals; a missing element is NaN here and marked in [`Entry::missing`].
    Real(Vec<f64>),
    /// Texts.
    Str(Vec<String>),
}

/// One named input.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its elements.
    pub values: Values,
    /// Its sizes; a scalar has none.
    pub shape: Shape,
    /// Which elements are missing; empty when none is.
    pub missing: Vec<bool>,
    /// Where it came from.
    pub origin: Origin,
}

/// Named inputs in the order of their files; a later one of the same name replaces an earlier.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Data {
    entries: Vec<(String, Entry)>,
}

impl Data {
    /// Adds or replaces an entry.
    pub fn insert(&mut self, name: impl Into<String>, entry: Entry) {
        let name = name.into();
        match self.entries.iter_mut().find(|(n, _)| *n == name) {
            Some(slot) => slot.1 = entry,
            None => self.entries.push((name, entry)),
        }
    }

    /// The entry of a name; names compare after NFKC, as the language's do, where none is the same letter by letter.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        let same = |n: &str| !n.is_ascii() && n.nfkc().eq(name.nfkc());
        let exact = self.entries.iter().find(|(n, _)| n == name);
        let found = exact.or_else(|| self.entries.iter().find(|(n, _)| same(n)));
        found.map(|(_, e)| e)
    }

    /// All entries, in their order.
    pub fn into_entries(self) -> impl Iterator<Item = (String, Entry)> {
        self.entries.into_iter()
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(n, _)| n.as_str())
    }

    /// Adds everything of `other`, which wins where names meet.
    pub fn merge(&mut self, other: Data) {
        for (name, entry) in other.entries {
            self.insert(name, entry);
        }
    }
}
