//! An unknown name, and a declared one like it that nothing reads: which of the two is misspelt?
//!
//! ```text
//! sample sgima ~ HalfNormal(1)      one slip, in the declaration: it is told there
//! observe y ~ Normal(0, sigma)
//! observe z ~ Normal(1, sigma)
//! ```

use std::collections::HashMap;

use super::super::error::CheckError;
use super::super::family;
use super::super::scope::Role;
use super::super::usage::Declared;
use super::Resolver;
use crate::base::{Span, nearest};

/// Greek letters as models spell them.
const GREEK: [&str; 23] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
    "omega",
];

/// So many unknown names are looked at; nobody reads more.
const MOST: usize = 50;

impl Resolver<'_> {
    /// Moves errors about unknown names to the declarations that are to blame for them.
    pub(super) fn blame_declarations(&mut self) {
        self.drop_reads_of_assigned();
        let unread: Vec<&Declared> = self
            .usage
            .iter()
            .filter(|d| d.reads == 0 && !self.is_unknown(d.span))
            .collect();
        let blamed: Vec<(usize, CheckError)> = self
            .errors
            .iter()
            .enumerate()
            .filter(|(_, error)| is_about_a_name(error))
            .take(MOST)
            .filter_map(|(i, error)| Some((i, self.blamed(error, &unread)?)))
            .collect();
        for (i, error) in blamed {
            self.errors[i] = error;
        }
    }

    /// A name that is assigned to without a declaration is read in vain as well: that is one mistake.
    fn drop_reads_of_assigned(&mut self) {
        let assigned: HashMap<String, Span> = self
            .errors
            .iter()
            .filter_map(|error| match error {
                CheckError::AssignUnknown { name, span, .. } => Some((name.clone(), *span)),
                _ => None,
            })
            .collect();
        let usage = &mut self.usage;
        self.errors.retain(|error| match error {
            CheckError::UnknownName { name, .. } => match assigned.get(name) {
                Some(span) => {
                    usage.read(*span);
                    false
                }
                None => true,
            },
            _ => true,
        });
    }

    /// Whether a name stands in the table of names only because it was assigned to.
    fn is_unknown(&self, place: Span) -> bool {
        self.assigned_unknown.contains(&place)
    }

    fn blamed(&self, error: &CheckError, unread: &[&Declared]) -> Option<CheckError> {
        let (name, uses) = match error {
            CheckError::UnknownName {
                name, span, also, ..
            } => (name, [&[*span], also.as_slice()].concat()),
            CheckError::AssignUnknown { name, span, .. } => {
                let reads = self.usage.reads(*span).min(1);
                (name, vec![*span; 1 + reads])
            }
            _ => return None,
        };
        let seen_from = |d: &&&Declared| self.may_mean(d, uses[0]);
        let near = unread.iter().filter(seen_from).map(|d| d.name.as_str());
        let near = nearest(name, near)?;
        let declared = unread.iter().find(|d| d.name == near)?;
        let misspelt_there = match (familiar(name), familiar(near)) {
            (true, false) => true,
            (false, true) => false,
            _ => uses.len() > 1,
        };
        let mut uses = uses;
        uses.dedup();
        misspelt_there.then(|| CheckError::MisspeltDeclaration {
            name: name.clone(),
            declared: near.into(),
            span: declared.span,
            uses,
        })
    }

    /// Whether a declaration could be seen from a place.
    fn may_mean(&self, declared: &Declared, place: Span) -> bool {
        let above = declared.span.start < place.start;
        let hoisted = matches!(declared.role, Role::Function | Role::Distribution);
        let inside = declared.owner.is_none_or(|id| {
            let function = self.functions.get(id).and_then(Option::as_ref);
            function.is_some_and(|f| f.span.start <= place.start && place.end <= f.span.end)
        });
        declared.span.file == place.file && (above || hoisted) && inside
    }
}

fn is_about_a_name(error: &CheckError) -> bool {
    matches!(
        error,
        CheckError::UnknownName { .. } | CheckError::AssignUnknown { .. }
    )
}

/// Whether a name is one that models use: a Greek letter, or what a distribution calls a parameter.
fn familiar(name: &str) -> bool {
    let parameter = |name: &str| family::all().any(|f| f.params.iter().any(|p| p.name == name));
    GREEK.contains(&name) || name.len() > 1 && parameter(name)
}
