//! Which tokens touch, and how each is spelled.

use std::borrow::Cow;

use super::Printer;
use crate::syntax::layout::{FrameKind, Role};
use crate::syntax::lexer::{Kind, ends_operand};

impl Printer<'_> {
    /// A token in its canonical spelling.
    pub(super) fn spelling(&self, i: usize) -> Cow<'static, str> {
        let text = self.lexed.text(i);
        match (text, self.layout.roles[i]) {
            ("&&", _) => "and".into(),
            ("||", Role::Infix) => "or".into(),
            // One closure's last bar and the next one's first.
            ("||", Role::BarClose) => "| |".into(),
            _ if self.lexed.tokens[i].kind == Kind::Number => text.replace('E', "e").into(),
            _ => text.to_owned().into(),
        }
    }

    /// Whether token `i` touches the token that is printed before it on the same line.
    pub(super) fn is_tight(&self, before: usize, i: usize) -> bool {
        self.touches_next(before) || self.touches_last(before, i)
    }

    fn touches_next(&self, i: usize) -> bool {
        match (self.lexed.text(i), self.layout.roles[i]) {
            ("(" | "[" | "." | "::" | ".." | "!", _) => true,
            ("-", role) => role == Role::Prefix,
            ("{", _) => self.is_use_list(i),
            ("||", role) => role == Role::BarClose,
            (_, role) => matches!(role, Role::BarOpen | Role::AngleOpen),
        }
    }

    fn touches_last(&self, before: usize, i: usize) -> bool {
        match (self.lexed.text(i), self.layout.roles[i]) {
            (")" | "]" | "," | ";" | ":" | "::" | "." | "?", _) => true,
            ("..", _) => self.ends_operand(before),
            ("(" | "[", _) => self.applies(before, i),
            ("{", _) => self.is_use_list(i),
            ("}", _) => {
                let open = self.plan.partner[i];
                open == before || self.is_use_list(open)
            }
            (_, role) => {
                matches!(role, Role::BarClose | Role::AngleOpen | Role::AngleClose)
            }
        }
    }

    fn ends_operand(&self, i: usize) -> bool {
        let angle = self.layout.roles[i] == Role::AngleClose;
        angle || ends_operand(self.lexed.tokens[i], &self.lexed.mask)
    }

    /// `f(`, `x[`, `fn(`, and the `sample()` of a distribution.
    fn applies(&self, before: usize, i: usize) -> bool {
        let empty = self.layout.roles.get(i + 1) == Some(&Role::Close(FrameKind::Paren));
        match self.lexed.text(before) {
            "fn" => true,
            "sample" => empty,
            _ => self.ends_operand(before),
        }
    }

    fn is_use_list(&self, open: usize) -> bool {
        open > 0 && self.lexed.text(open - 1) == "::"
    }
}
