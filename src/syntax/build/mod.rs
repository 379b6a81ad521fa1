//! Pairs of the grammar in, tree out. What the grammar cannot tell (chains of comparisons, what may be assigned to) is
//! reported here; the tree of a text with errors is thrown away, so a builder that has reported may return anything.

mod expr;
mod stmt;

use std::cell::RefCell;
use std::collections::HashMap;

use pest::iterators::{Pair, Pairs};
use unicode_normalization::UnicodeNormalization;

use super::ast::*;
use super::error::SyntaxError;
use super::grammar::Rule;
use super::lexer::unescape;
use crate::base::{FileId, Span};

/// Turns the pairs of one statement into its tree.
pub(super) struct Builder<'t> {
    pub file: FileId,
    /// The whole laid-out text, whose places are the file's.
    pub text: &'t str,
    /// Documentation by the byte where its statement begins.
    pub docs: &'t HashMap<usize, String>,
    /// Where the text that the grammar has read begins in the file.
    pub base: usize,
    /// The Pratt parser's three closures all report.
    pub errors: RefCell<Vec<SyntaxError>>,
}

impl<'t> Builder<'t> {
    /// The place of a pair, without the blanks that the grammar skipped behind it.
    fn span(&self, pair: &Pair<Rule>) -> Span {
        let start = self.base + pair.as_span().start();
        Span::new(self.file, start, start + pair.as_str().trim_end().len())
    }

    /// The text at a place.
    fn spelled(&self, span: Span) -> &'t str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn fault(&self, error: SyntaxError) {
        self.errors.borrow_mut().push(error);
    }

    fn ident(&self, pair: &Pair<Rule>) -> Ident {
        let span = self.span(pair);
        let spelled = self.spelled(span);
        let name = match spelled.is_ascii() {
            true => spelled.to_owned(),
            false => spelled.nfkc().collect(),
        };
        Ident { name, span }
    }

    fn string(&self, pair: &Pair<Rule>) -> String {
        let spelled = self.spelled(self.span(pair));
        let mut rest = &spelled[1..spelled.len().max(2) - 1];
        let mut value = String::with_capacity(rest.len());
        while let Some(at) = rest.find('\\') {
            value.push_str(&rest[..at]);
            let (c, length) = unescape(&rest[at + 1..]).unwrap_or(('\\', 0));
            value.push(c);
            rest = &rest[at + 1 + length..];
        }
        value + rest
    }
}

/// The parts of a pair that the tree keeps.
fn parts<'i>(pair: Pair<'i, Rule>) -> impl Iterator<Item = Pair<'i, Rule>> {
    pair.into_inner().filter(|p| !p.as_rule().is_mark())
}

/// The one part of a rule that has one.
fn only<'i>(pair: Pair<'i, Rule>) -> Pair<'i, Rule> {
    next(&mut parts(pair))
}

/// The next part of a rule whose grammar promises one.
fn next<'i>(parts: &mut impl Iterator<Item = Pair<'i, Rule>>) -> Pair<'i, Rule> {
    parts.next().expect("the grammar asks for this part")
}

/// The next part, if it is of the rule.
fn next_if<'i>(pairs: &mut Pairs<'i, Rule>, rule: Rule) -> Option<Pair<'i, Rule>> {
    let found = pairs.peek().is_some_and(|p| p.as_rule() == rule);
    found.then(|| pairs.next()).flatten()
}
