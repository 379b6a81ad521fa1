//! Names and what they stand for: scopes within frames.
//!
//! ```text
//! frame 0   the file: its top scope remembers in which order names came, blocks at file level stack on it
//! frame 1…  functions: parameters, then blocks
//! ```

use std::collections::HashMap;

use super::signature::Signature;
use crate::base::Span;
use crate::ir::{FnId, Place};

/// How a name came to be; decides who may assign to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A `data` declaration.
    Data,
    /// A size that the first array with it binds.
    Size,
    /// `let`.
    Let,
    /// `var`.
    Var,
    /// `sample x ~ D`.
    Site,
    /// A parameter.
    Param,
    /// The variable of a `for` or a comprehension.
    Loop,
    /// The index of a plate.
    Index,
    /// `fn`.
    Function,
    /// `distribution`.
    Distribution,
}

impl Role {
    /// As it reads in "`x` is …".
    pub fn noun(self) -> &'static str {
        match self {
            Role::Data => "data",
            Role::Size => "a size of the data",
            Role::Let => "a `let`",
            Role::Var => "a `var`",
            Role::Site => "a draw",
            Role::Param => "an argument",
            Role::Loop => "a loop's variable",
            Role::Index => "a plate's index",
            Role::Function => "a function",
            Role::Distribution => "a distribution",
        }
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// The value in a slot of the frame that declares it.
    Value(Place),
    /// A function at file level.
    Function(FnId),
    /// A user's distribution.
    Distribution(usize),
    /// The nested function whose frame this is.
    Itself(FnId),
}

/// A declared name.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// What it stands for.
    pub what: What,
    /// How it came to be.
    pub role: Role,
    /// Where its name was declared.
    pub span: Span,
    /// The position of its statement at file level.
    pub order: u32,
    /// Whether its slot is filled once and for all (file level, outside of blocks, not a `var`).
    pub stable: bool,
    /// The function that it is known to hold.
    pub function: Option<FnId>,
}

/// The names of one block.
#[derive(Debug, Default)]
pub(super) struct Scope {
    names: HashMap<String, Vec<Binding>>,
    /// Sites declared here, to find two of one name.
    pub sites: HashMap<String, Span>,
    /// Slots that sites of these names share, as other arms of the same `if` have them.
    pub offers: HashMap<String, Place>,
    /// Sites of this block and of the arms of `if`s in it, for the other arms.
    pub exports: HashMap<String, (Place, Span)>,
    /// Sites that every arm of an `if` in this block draws: known after it, unless the name means something else.
    pub after_arms: HashMap<String, Binding>,
    /// Sites that some arm draws, to say so.
    pub some_arms: HashMap<String, Span>,
}

impl Scope {
    /// The latest binding of a name.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.names.get(name)?.last()
    }

    /// Adds a name. Its bindings stand in the order of their statements, functions among them.
    pub fn declare(&mut self, name: &str, binding: Binding) {
        let all = self.names.entry(name.into()).or_default();
        let at = all.partition_point(|b| b.order <= binding.order);
        all.insert(at, binding);
    }

    /// Whether every way through this block draws a site of this name.
    pub fn draws(&self, name: &str) -> bool {
        self.sites.contains_key(name) || self.after_arms.contains_key(name)
    }

    /// The names and their latest bindings.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Binding)> {
        self.names.iter().filter_map(|(n, b)| Some((n, b.last()?)))
    }

    /// For the top scope of a file: the latest binding above `position`, else the first below that `may` be seen.
    pub fn around(
        &self,
        name: &str,
        position: u32,
        may: impl Fn(&Binding) -> bool,
    ) -> Option<&Binding> {
        let all = self.names.get(name)?;
        let n_above = all.partition_point(|b| b.order <= position);
        match n_above.checked_sub(1) {
            Some(last) => all.get(last),
            None => all.iter().find(|b| may(b)),
        }
    }
}

/// Whether all of the file may see it, above and below.
pub(super) fn hoisted(binding: &Binding) -> bool {
    matches!(binding.what, What::Function(_) | What::Distribution(_))
}

/// One slot of a frame: whose value lives there.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The name; empty for what has none.
    pub name: String,
    /// Where it was declared.
    pub span: Span,
    /// How.
    pub role: Role,
}

/// What may stand in a piece of code.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Context {
    /// Everything.
    Free,
    /// A method of a distribution: no observations; `sample` only in the method of that name.
    Method { name: String, span: Span },
    /// Part of a `data` declaration: nothing random.
    Data(Span),
    /// A constant of a used file.
    Constant(Span),
}

/// The names of one function, or of the file, while it is resolved.
#[derive(Debug)]
pub(super) struct Frame {
    #[allow(dead_code, reason = "the other half of the language reads it")]
    /// The function; `None` for the file.
    pub function: Option<FnId>,
    /// Where it stands.
    pub span: Span,
    /// Open blocks, innermost last.
    pub scopes: Vec<Scope>,
    /// Slots so far (empty for the file, whose slots outlive this).
    pub slots: Vec<Slot>,
    /// Captures so far.
    pub captures: Vec<(Place, u32)>,
    captured: HashMap<Place, u32>,
    /// The slot of the function's own value, where a closure inside wants it.
    pub itself: Option<u32>,
    /// How many loops are open.
    pub loops: usize,
    /// What may stand here.
    pub context: Context,
    /// Names of blocks that have ended, for messages.
    pub ended: HashMap<String, Span>,
}

impl Frame {
    /// A frame with one open scope.
    pub fn new(function: Option<FnId>, span: Span, context: Context) -> Self {
        Frame {
            function,
            span,
            scopes: vec![Scope::default()],
            slots: Vec::new(),
            captures: Vec::new(),
            captured: HashMap::new(),
            itself: None,
            loops: 0,
            context,
            ended: HashMap::new(),
        }
    }

    /// The innermost scope.
    pub fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("a frame has an open scope")
    }

    /// Ends the innermost block and remembers its names for messages.
    pub fn close(&mut self) -> Scope {
        let scope = self.scopes.pop().expect("a frame has an open scope");
        for (name, binding) in scope.iter() {
            self.ended.insert(name.clone(), binding.span);
        }
        scope
    }

    /// The local slot into which a value from around is copied.
    pub fn capture(&mut self, from: Place, slot: Slot) -> u32 {
        if let Some(local) = self.captured.get(&from) {
            return *local;
        }
        self.slots.push(slot);
        let local = (self.slots.len() - 1) as u32;
        self.captures.push((from, local));
        self.captured.insert(from, local);
        local
    }
}

/// What can be called by name with keywords: where it was declared, and how.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Its parameters.
    pub signature: Signature,
    /// Where its name stands.
    pub span: Span,
}
