//! What the author may have meant: the usual slips, and the habits of other languages.

use super::spelling::nearest;
use super::{CONNECTIVES, Scene};
use crate::syntax::hint::Hint;
use crate::syntax::layout::{FrameKind, is_assignment, is_infix};
use crate::syntax::lexer::{Kind, ends_operand};

impl Scene<'_> {
    /// What may have been meant.
    pub(super) fn hint(&self) -> Option<Hint> {
        self.by_statement()
            .or_else(|| self.by_found_sign())
            .or_else(|| self.by_found_word())
            .or_else(|| self.by_neighbours())
    }

    fn by_statement(&self) -> Option<Hint> {
        Some(match self.word(0) {
            "let" | "var" if self.word(1) == "mut" => Hint::Var,
            "data" if self.word(1) == "{" => Hint::StanBlock,
            "data" if self.found_text() == "<" => Hint::Constraint,
            "fn" if self.found == self.segment.first + 2 && self.wanted.wants("(") => {
                Hint::FnParens
            }
            "distribution" if self.found == self.segment.first + 2 => Hint::DistributionParens,
            "for" if self.wanted.wants("in") && matches!(self.found_text(), "=" | "(") => {
                Hint::ForIn
            }
            "for" if self.wanted.wants("in") && self.begins_operand(self.found) => Hint::ForIn,
            "data" if self.wanted.wants(":") => Hint::DataColon,
            "else" if self.found == self.segment.first => Hint::ElseAlone,
            _ => return None,
        })
    }

    fn by_found_sign(&self) -> Option<Hint> {
        let first = self.word(0);
        let draws = matches!(first, "sample" | "observe");
        Some(match self.found_text() {
            sign if self.found == self.segment.first && is_infix(sign) => Hint::OperatorFirst,
            "=" if self.found == self.segment.first || self.wanted.name => return None,
            "=" if draws && self.enclosing().is_none() => Hint::Tilde,
            "=" if first == "fn" && self.enclosing().is_some() => Hint::NoDefault,
            "=" if first == "fn" => Hint::Fn,
            "=" if first == "data" => Hint::ClauseOrder,
            "=" if self.enclosing() == Some(FrameKind::Record) => Hint::FieldColon,
            "=" => Hint::DoubleEquals,
            "==" if matches!(first, "let" | "var" | "data") && self.wanted.wants("=") => {
                Hint::SingleEquals
            }
            "==" if draws => Hint::Tilde,
            "<" if first == "sample" && self.text(self.found + 1) == "-" => Hint::Tilde,
            "~" if first == "sample" && self.word(2) == "[" => Hint::Plate,
            "~" if first == "sample" => Hint::SiteName,
            "~" if self.wanted.expression
                && self.before() != "~"
                && self.is_sign(self.found - 1) =>
            {
                Hint::NotSign
            }
            "~" if self.found > self.segment.first => Hint::SampleOrObserve,
            "," if first == "sample" && self.enclosing().is_none() => Hint::OneSite,
            "," if matches!(first, "let" | "for" | "var") && self.binds() => Hint::TuplePattern,
            "," if self.wanted.expression => Hint::Repeated,
            ";" if self.enclosing() == Some(FrameKind::Square) => Hint::Rows,
            ":" => return self.colon(),
            "::" if self.enclosing() == Some(FrameKind::Square) => Hint::NoSteps,
            "|" if self.within_density() => Hint::LogProb,
            "|" => Hint::Or,
            "?" => Hint::If,
            "->" => Hint::Closure,
            "." if first == "use" => Hint::Use,
            "}" if self.empty_result() => Hint::NoResult,
            "+" if self.before() == "+" => Hint::Increment,
            "-" if self.before() == "-" => Hint::Increment,
            "+" if self.wanted.expression => Hint::NoPlus,
            "(" if self.before() == "fn" => Hint::Closure,
            "(" if matches!(first, "let" | "var") && self.wanted.wants("=") => Hint::Fn,
            "{" if self.before() == ")" && self.word(1) == "(" => Hint::Fn,
            "(" | "[" if self.broken_before(self.found) => Hint::SameLine,
            ")" | "]" | "}" if self.wanted.expression && matches!(self.before(), "(" | "[") => {
                Hint::Empty
            }
            "" if self.wanted.expression && self.is_sign(self.found.saturating_sub(1)) => {
                Hint::GoesOn
            }
            ")" | "]" | "}" if self.wanted.expression => Hint::Missing,
            sign if self.wanted.expression && is_infix(sign) && is_infix(self.before()) => {
                Hint::Repeated
            }
            _ => return None,
        })
    }

    /// `normal_lpdf(x | mu, sigma)`.
    fn within_density(&self) -> bool {
        let Some((FrameKind::Paren, open)) = self.enclosing_at() else {
            return false;
        };
        let name = open.checked_sub(1).map_or("", |i| self.text(i));
        [
            "_lpdf", "_lpmf", "_lcdf", "_lccdf", "_lupdf", "_lupmf", "_cdf",
        ]
        .iter()
        .any(|ending| name.ends_with(ending))
    }

    /// Whether the name of a binding has just been read.
    fn binds(&self) -> bool {
        self.enclosing().is_none() && (self.wanted.wants("=") || self.wanted.wants("in"))
    }

    /// A colon begins a block in Python, a range in R and Stan, a type in Rust.
    fn colon(&self) -> Option<Hint> {
        let last = self.found + 1 >= self.segment.end || self.broken_before(self.found + 1);
        let first = self.word(0);
        let within = (self.segment.first..self.found).any(|i| self.text(i) == "in");
        let side =
            matches!(self.before(), "[" | ",") || matches!(self.text(self.found + 1), "]" | ",");
        match first {
            _ if side && self.enclosing() == Some(FrameKind::Square) => Some(Hint::AllOfAxis),
            "if" | "for" | "while" | "fn" | "}" if last => Some(Hint::Braces),
            _ if within || self.enclosing() == Some(FrameKind::Square) => Some(Hint::RangeDots),
            _ if self.enclosing() == Some(FrameKind::Paren) && first != "fn" && first != "data" => {
                Some(Hint::Keywords)
            }
            "let" | "var" | "sample" => Some(Hint::NoAnnotation),
            _ if self.found == self.segment.first + 1 => Some(Hint::DataColon),
            _ => None,
        }
    }

    fn by_found_word(&self) -> Option<Hint> {
        let found = self.found_text();
        if found.is_empty() {
            return None;
        }
        Some(match found {
            word if self.before() == "." => Hint::NoPrefix(word.to_owned()),
            "_" if self.is(self.found, Kind::Name) => Hint::Discard,
            "is" if !self.wanted.expression => Hint::DoubleEquals,
            "in" if !matches!(self.word(0), "for" | "sample" | "observe")
                && self.enclosing() != Some(FrameKind::Square) =>
            {
                Hint::Contains
            }
            _ if self.is(self.found, Kind::Str)
                && matches!(self.before(), "f" | "r" | "b")
                && self.touches(self.found) =>
            {
                Hint::NoTextHoles
            }
            _ if matches!(self.before(), "match" | "switch" | "case") => Hint::Choice,
            "elif" | "elsif" | "elseif" | "elseIf" => Hint::ElseIf,
            "then" | "do" | "begin" => Hint::Braces,
            "fn" | "lambda" | "function" => Hint::Closure,
            "in" if self.word(0) == "for" && self.word(1) == "(" => Hint::ForParens,
            "in" if self.enclosing() == Some(FrameKind::Square) => Hint::Plate,
            "to" | "until" | "downto" => Hint::RangeDots,
            "for" if matches!(self.word(0), "sample" | "observe") => Hint::Plate,
            "where" if !matches!(self.word(0), "data") => Hint::ConditionStatement,
            "T" if self.text(self.found + 1) == "[" && self.before() == ")" => Hint::Truncate,
            _ if self.before() == "lambda" => Hint::Closure,
            "for" if self.enclosing() == Some(FrameKind::Square) => Hint::NestComprehension,
            "for" if self.enclosing().is_some() => Hint::InBrackets,
            "if" if self.enclosing() == Some(FrameKind::Square) => Hint::NoFilter,
            "if" => Hint::If,
            _ if self.wanted.name && self.enclosing() == Some(FrameKind::Record) => {
                match self.is(self.found, Kind::Keyword) {
                    true => Hint::BareBlock,
                    false => Hint::FieldColon,
                }
            }
            "else" => Hint::ElseAlone,
            _ if self.is(self.found, Kind::Name) && !self.wanted.expression => {
                Hint::DidYouMean(nearest(found, &CONNECTIVES)?)
            }
            _ => return None,
        })
    }

    fn by_neighbours(&self) -> Option<Hint> {
        if self.wanted.wants("{") && !self.wanted.name {
            return Some(Hint::Braces);
        }
        if self.wanted.expression || !self.begins_operand(self.found) {
            return None;
        }
        let after_operand = self.found > self.segment.first
            && ends_operand(self.token(self.found - 1), &self.lexed.mask);
        if !after_operand {
            return None;
        }
        if self.wanted.wants("~") {
            return Some(Hint::Tilde);
        }
        if self.wanted.wants("in") && matches!(self.word(0), "sample" | "observe") {
            return Some(Hint::Plate);
        }
        if self.wanted.wants("|") {
            return Some(Hint::Bars);
        }
        if self.wanted.wants(",") {
            return Some(Hint::Comma);
        }
        if self.is(self.found - 1, Kind::Number) && self.is(self.found, Kind::Name) {
            return Some(Hint::Product);
        }
        let drawn = || (self.segment.first..self.found).any(|i| self.text(i) == "~");
        if matches!(self.word(0), "sample" | "observe") && self.wanted.end && !drawn() {
            return Some(Hint::Tilde);
        }
        let call = self.is(self.found - 1, Kind::Name)
            && !self.is(self.found, Kind::Keyword)
            && self.found_text() != "{"
            && !self.broken_before(self.found);
        match self.wanted.end {
            true if call => Some(Hint::CallParens(self.before().to_owned())),
            true => Some(Hint::NewLine),
            false => None,
        }
    }

    /// Whether a token stands right behind the one before it.
    fn touches(&self, i: usize) -> bool {
        i > 0 && self.token(i - 1).end == self.token(i).start
    }

    fn is_sign(&self, i: usize) -> bool {
        let text = self.text(i);
        is_infix(text) || is_assignment(text) || matches!(text, "~" | "," | "!")
    }

    /// `fn f(x) -> { … }`: the block was read as a record's type.
    fn empty_result(&self) -> bool {
        let arrow = (self.segment.first..self.found)
            .rev()
            .find(|i| self.text(*i) == "{")
            .is_some_and(|i| i > 0 && self.text(i - 1) == "->");
        arrow && self.wanted.wants(":")
    }
}
