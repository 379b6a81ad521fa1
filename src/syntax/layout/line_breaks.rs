//! Which line breaks end statements.

use super::{FrameKind, Role, Segment, Walk, is_assignment};
use crate::syntax::error::Noticed;
use crate::syntax::lexer::Kind;

impl Walk<'_> {
    pub(super) fn line_break(&mut self, i: usize) {
        let start = i.checked_sub(1).map_or(0, |p| self.token(p).end);
        let gap = &self.lexed.mask[start..self.token(i).start];
        let Some(last) = gap.rfind('\n') else {
            let same_line = self.indents.last().copied();
            return self.indents.push(same_line.unwrap_or(gap.len()));
        };
        self.indents.push(gap.len() - last - 1);
        if i == 0 {
            return;
        }
        self.note_outdented(i);
        let at = start + gap.find('\n').expect("rfind has found one");
        if !self.kind().has_statements() {
            if !self.begins_statement(i) {
                return;
            }
            self.give_up_brackets(i);
        } else if self.top().first == i || !self.ends_statement(i) {
            return;
        }
        self.separators.push(at);
        self.separate(i, at, i);
    }

    /// Whether a line break between the tokens `i - 1` and `i` ends a statement.
    pub(super) fn ends_statement(&self, i: usize) -> bool {
        let waits = self.stack.last().is_some_and(|f| !f.heads.is_empty());
        let goes_on = match self.text(i) {
            "else" | "|>" | "where" => true,
            "from" => self.is(i + 1, Kind::Str),
            "{" => waits,
            _ => false,
        };
        let unfinished = match self.text(i - 1) {
            "," | "=" | "~" | ":" | "->" | "::" | ".." => true,
            "in" | "where" | "else" | "memo" => true,
            text if is_assignment(text) => true,
            _ => matches!(
                self.roles[i - 1],
                Role::Prefix | Role::Infix | Role::BarClose | Role::EmptyBars | Role::AngleOpen
            ),
        };
        !goes_on && (!unfinished || self.begins_statement(i))
    }

    /// Whether only a statement can begin like this, so that an open bracket or operator before it is a mistake.
    pub(super) fn begins_statement(&self, i: usize) -> bool {
        match self.text(i) {
            "let" | "var" | "observe" | "factor" | "condition" | "return" | "data" | "use"
            | "while" | "break" | "continue" => true,
            "for" => self.kind() != FrameKind::Square,
            "fn" => self.is(i + 1, Kind::Name),
            "memo" => self.text(i + 1) == "fn",
            "sample" => {
                let plate = self.text(i + 2) == "[" && self.text(i + 4) == "in";
                self.is(i + 1, Kind::Name) && (self.text(i + 2) == "~" || plate)
            }
            _ => false,
        }
    }

    fn note_outdented(&mut self, i: usize) {
        let closes = matches!(self.text(i), ")" | "]" | "}");
        let indent = self.indents[i];
        let open = self.top().open;
        let outside = open.is_some_and(|open| indent <= self.indents[open]);
        if outside && !closes {
            self.top().outdented.get_or_insert(i);
        }
    }

    /// A statement begins inside brackets: they were never closed.
    pub(super) fn give_up_brackets(&mut self, i: usize) {
        self.report_open(i, Noticed::Statement);
        while !self.kind().has_statements() {
            self.pop(i);
            self.given_up += 1;
        }
    }

    /// Ends the statement before token `end`; the next one begins at token `next`.
    pub(super) fn separate(&mut self, end: usize, limit: usize, next: usize) {
        self.end_part();
        let depth = self.stack.len();
        let frame = self.top();
        let segment = Segment {
            first: frame.first,
            end,
            limit,
            depth,
            damaged: frame.damaged,
        };
        frame.first = next;
        frame.damaged = false;
        frame.in_params = false;
        frame.heads.clear();
        if segment.first < end {
            self.segments.push(segment);
        }
    }
}
