//! How deep and how long: counted before anything recurses, and refused in words.

use super::{Role, Walk};
use crate::syntax::error::{MAX_NESTING, MAX_OPERATORS, SyntaxError};

impl Walk<'_> {
    pub(super) fn end_part(&mut self) {
        let frame = self.top();
        let part = std::mem::take(&mut frame.part);
        frame.deepest = frame.deepest.max(part.operators + part.inner);
        if !frame.kind.has_statements() {
            frame.heads.clear();
        }
        self.nesting -= part.levels;
    }

    pub(super) fn angle(&mut self, i: usize) {
        self.roles[i] = Role::AngleOpen;
        self.top().part.angles += 1;
        self.level(i, "types");
    }

    pub(super) fn close_angle(&mut self, i: usize) {
        self.roles[i] = Role::AngleClose;
        self.top().part.angles -= 1;
        self.top().part.levels -= 1;
        self.nesting -= 1;
    }

    pub(super) fn level(&mut self, i: usize, what: &'static str) {
        self.top().part.levels += 1;
        self.deeper(i, what);
    }

    pub(super) fn deeper(&mut self, i: usize, what: &'static str) {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            self.too_deep(i, what);
        }
    }

    pub(super) fn too_deep(&mut self, i: usize, what: &'static str) {
        let at = self.span(i);
        self.errors.push(SyntaxError::Nesting { at, what });
        self.fatal = true;
    }

    pub(super) fn sign(&mut self, i: usize, role: Role) {
        self.operator(i, role);
        self.top().part.signs += 1;
        if self.top().part.signs > MAX_NESTING {
            self.too_deep(i, "signs");
        }
    }

    pub(super) fn operator(&mut self, i: usize, role: Role) {
        self.roles[i] = role;
        let power = self.text(i) == "^";
        let part = &mut self.top().part;
        part.operators += 1;
        match role {
            Role::Infix if power => part.powers += 1,
            Role::Infix => part.powers = 0,
            _ => {}
        }
        if part.powers > MAX_NESTING {
            self.too_deep(i, "powers");
        }
        self.check_operators(i);
    }

    pub(super) fn check_operators(&mut self, i: usize) {
        let part = &self.top().part;
        if part.operators + part.inner > MAX_OPERATORS && !self.fatal {
            let at = self.span(i.min(self.lexed.tokens.len() - 1));
            self.errors.push(SyntaxError::LongExpression { at });
            self.fatal = true;
        }
    }

    /// Each `else if` stands in the tree of the one before it, in a block, a statement and an expression.
    pub(super) fn arm(&mut self, i: usize) {
        self.top().part.operators += 3;
        self.operator(i, Role::Plain);
    }
}
