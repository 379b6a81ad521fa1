//! Brackets: what they open, and what to make of those without a partner.

use super::{Frame, FrameKind, Role, Walk};
use crate::base::Span;
use crate::syntax::error::{Noticed, SyntaxError};
use crate::syntax::lexer::{CommentKind, ends_operand};

impl Walk<'_> {
    pub(super) fn open(&mut self, i: usize) {
        let text = self.text(i);
        if text != "{" && !self.wants_operand(i) {
            self.operator(i, Role::Plain);
        }
        let kind = match text {
            "(" => FrameKind::Paren,
            "[" => FrameKind::Square,
            _ => self.brace(i),
        };
        self.roles[i] = Role::Open(kind);
        self.stack.push(Frame::new(kind, Some(i), i + 1));
        self.deeper(i, "brackets");
    }

    /// Whether a `{` opens a block or a record.
    pub(super) fn brace(&mut self, i: usize) -> FrameKind {
        let before = i.checked_sub(1).map_or(Role::Plain, |p| self.roles[p]);
        if matches!(before, Role::BarClose | Role::EmptyBars) {
            return FrameKind::Block;
        }
        let word = i.checked_sub(1).map_or("", |p| self.text(p));
        if matches!(word, "->" | ":" | "::" | "<") {
            return FrameKind::Record;
        }
        if word == "else" || self.kind() == FrameKind::Methods {
            return FrameKind::Block;
        }
        let headless = matches!(word, "if" | "while" | "in");
        if self.wants_operand(i) && !headless {
            return FrameKind::Record;
        }
        // Behind an operand no record can stand: without a head this is a block whose head is misspelt.
        self.top().heads.pop().unwrap_or(FrameKind::Block)
    }

    pub(super) fn close(&mut self, i: usize) {
        let open = self.stack.last().and_then(|f| f.open);
        match open.map(|o| partner(self.sign_of(o))) {
            Some(wanted) if wanted == self.sign_of(i) => self.close_top(i),
            _ => self.repair(i),
        }
    }

    /// Closes the innermost frame with token `i`.
    pub(super) fn close_top(&mut self, i: usize) {
        let frame = self.pop(i);
        self.roles[i] = Role::Close(frame.kind);
        self.suspect(&frame, i);
    }

    pub(super) fn sign_of(&self, i: usize) -> char {
        self.text(i).chars().next().unwrap_or(' ')
    }

    /// Closes the innermost frame in front of, or with, token `i`.
    pub(super) fn pop(&mut self, i: usize) -> Frame {
        let limit = self
            .lexed
            .tokens
            .get(i)
            .map_or(self.lexed.mask.len(), |t| t.start);
        if self.kind().has_statements() {
            self.separate(i, limit, i);
        }
        self.end_part();
        let frame = self.stack.pop().expect("a frame above the file's");
        self.nesting -= 1;
        let part = &mut self.top().part;
        part.inner = part.inner.max(frame.deepest + 1);
        self.check_operators(i);
        frame
    }

    /// Keeps what is odd about a pair of brackets, in case that another one turns out to have no partner.
    fn suspect(&mut self, frame: &Frame, close: usize) {
        let Some(open) = frame.open else { return };
        let begins_line = self.begins_line(close);
        if begins_line && self.indents[close] < self.indents[open] && self.unclosed.is_none() {
            self.unclosed = Some((open, frame.outdented.unwrap_or(close)));
        }
        if !begins_line && self.begins_line(open + 1) && self.surplus.is_none() {
            self.surplus = Some(close);
        }
    }

    /// Whether a line break stands before token `i`.
    pub(super) fn begins_line(&self, i: usize) -> bool {
        let from = i.checked_sub(1).map_or(0, |p| self.token(p).end);
        self.lexed.mask[from..self.token(i).start].contains('\n')
    }

    /// Reports that the innermost frame is open when token `i` comes.
    pub(super) fn report_open(&mut self, i: usize, why: Noticed) {
        let frame = self.stack.last();
        let Some(open) = frame.and_then(|f| f.open) else {
            return;
        };
        let outdented = frame
            .and_then(|f| f.outdented)
            .filter(|_| why != Noticed::Statement);
        let (noticed, why) = match (outdented, self.lexed.tokens.get(i)) {
            (Some(outside), _) => (self.span(outside), Noticed::Indentation),
            (None, Some(_)) => (self.span(i), why),
            (None, None) => {
                let end = self.token(i - 1).end;
                (Span::new(self.file, end, end), why)
            }
        };
        self.report_unclosed(open, noticed, why);
        self.damage();
    }

    pub(super) fn report_unclosed(&mut self, open: usize, noticed: Span, why: Noticed) {
        if self.lexed.truncated {
            return;
        }
        self.errors.push(SyntaxError::Unclosed {
            open: self.span(open),
            bracket: self.sign_of(open),
            noticed,
            why,
            comment: self.comment_behind_operand(open),
        });
    }

    /// A line comment on an opening bracket's line, between it and what follows, right behind an operand.
    fn comment_behind_operand(&self, open: usize) -> Option<Span> {
        let from = self.token(open).end;
        let line = self.lexed.mask[from..].find('\n');
        let to = line.map_or(self.lexed.mask.len(), |n| from + n);
        let comment = self
            .lexed
            .comments
            .iter()
            .find(|c| c.kind == CommentKind::Line && (from..to).contains(&c.start))?;
        let before = self
            .lexed
            .tokens
            .partition_point(|t| t.end <= comment.start);
        let operand = before > open + 1 && ends_operand(self.token(before - 1), &self.lexed.mask);
        operand.then(|| Span::new(self.file, comment.start, comment.start + 2))
    }

    pub(super) fn damage(&mut self) {
        self.stack.iter_mut().for_each(|f| f.damaged = true);
    }

    pub(super) fn end_of_file(&mut self) {
        let n = self.lexed.tokens.len();
        while self.stack.len() > 1 {
            match self.unclosed.take() {
                Some((open, outside)) => {
                    self.report_unclosed(open, self.span(outside), Noticed::Indentation);
                    self.damage();
                }
                None => self.report_open(n, Noticed::EndOfFile),
            }
            self.pop(n);
        }
        self.separate(n, self.lexed.mask.len(), n);
    }
}

/// The other bracket of a pair.
pub(in crate::syntax) fn partner(bracket: char) -> char {
    match bracket {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        ')' => '(',
        ']' => '[',
        _ => '{',
    }
}
