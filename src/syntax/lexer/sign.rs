//! Signs: ours, those of other languages, and characters that only look like one.

use unicode_ident::is_xid_start;

use super::{Kind, Lexer, is_forbidden};
use crate::syntax::error::SyntaxError;
use crate::syntax::flaw::Flaw;
use crate::syntax::lookalike;

/// Signs, the longer before their beginnings.
const SIGNS: [&str; 44] = [
    "|>", "||", "&&", "->", "..", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "^=", "@=",
    "::", "(", ")", "[", "]", "{", "}", "<", ">", "=", "+", "-", "*", "/", "^", "%", "@", "!", "~",
    ":", ";", ",", ".", "|", "?", "&", "$", "\\",
];

/// Signs of other languages, and the sign of ours that masks them. Longer ones first.
const FOREIGN: [(&str, &str); 18] = [
    ("%*%", "@"),
    ("%/%", "/"),
    ("===", "=="),
    ("!==", "!="),
    ("**=", "^="),
    ("...", ".."),
    ("..=", ".."),
    ("**", "^"),
    (":=", "="),
    ("=>", "->"),
    ("<>", "!="),
    (".*", "*"),
    ("./", "/"),
    (".^", "^"),
    ("%%", "%"),
    ("<~", "~"),
    ("=~", "~"),
    ("~=", "!="),
];

impl Lexer<'_> {
    pub(super) fn sign(&mut self) {
        let rest = self.rest();
        if self.arrow_assignment() {
            return self.foreign("<-", self.statement_sign());
        }
        if let Some((sign, ours)) = FOREIGN.into_iter().find(|(s, _)| rest.starts_with(s)) {
            let ours = if sign == ":=" {
                self.statement_sign()
            } else {
                ours
            };
            return self.foreign(sign, ours);
        }
        let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) else {
            return self.stray(rest.chars().next().unwrap_or(' '));
        };
        match sign {
            "&" => self.foreign("&", "+"),
            "$" | "\\" => self.stray(sign.chars().next().unwrap_or(' ')),
            _ => {
                self.line_open |= matches!(sign, "(" | "{");
                self.token(Kind::Punct, self.at, self.at + sign.len());
                self.keep(sign.len());
            }
        }
    }

    fn foreign(&mut self, sign: &'static str, ours: &'static str) {
        let (start, end) = (self.at, self.at + sign.len());
        let meant = if sign == "&" { "and" } else { ours };
        self.fault(start, end, Flaw::ForeignSign { sign, meant });
        self.token(Kind::Punct, start, start + ours.len());
        self.show(ours, sign.len());
    }

    /// `x <- 3` with blanks on both sides is an assignment elsewhere; `x < -3` and `x <-3` compare.
    fn arrow_assignment(&self) -> bool {
        let before = self.text[..self.at].ends_with([' ', '\t']);
        before
            && (self.rest().starts_with("<- ") || self.rest().starts_with("<-\t"))
            && self.statement_start().is_some()
    }

    /// The sign that `<-` and `:=` stand for in the statement at hand.
    fn statement_sign(&self) -> &'static str {
        match self.statement_start() {
            Some("sample" | "observe") => "~",
            _ => "=",
        }
    }

    /// The first word of this line, if no bracket but `[…]` stands between.
    fn statement_start(&self) -> Option<&str> {
        let begun = self.out.tokens.len() > self.line_first && !self.line_open;
        begun.then(|| self.out.text(self.line_first))
    }

    pub(super) fn stray(&mut self, c: char) {
        let (start, end) = (self.at, self.at + c.len_utf8());
        if let Some(meant) = lookalike::meant(c) {
            self.fault(start, end, Flaw::Lookalike { found: c, meant });
            return self.lookalike(meant.ascii, c.len_utf8());
        }
        let flaw = if is_forbidden(c) {
            Flaw::Control(c)
        } else {
            Flaw::Stray(c)
        };
        self.extend_or_fault(start, end, flaw);
        self.blank(c.len_utf8());
    }

    /// A run of stray characters (another file's bytes) is one error.
    fn extend_or_fault(&mut self, start: usize, end: usize, flaw: Flaw) {
        if let Some(SyntaxError::Flaw {
            at,
            flaw: Flaw::Stray(_) | Flaw::Control(_),
        }) = self.out.errors.last_mut()
            && at.end as usize == start
        {
            at.end = end as u32;
            return;
        }
        self.fault(start, end, flaw);
    }

    /// Goes on as if the sound sign stood here; curly quotes reach to their partner.
    fn lookalike(&mut self, ascii: &'static str, length: usize) {
        if ascii == "\"" {
            let line = self.line();
            let partner = line[length..]
                .char_indices()
                .find(|(_, c)| *c == '"' || lookalike::meant(*c).is_some_and(|m| m.ascii == "\""));
            if let Some((i, c)) = partner {
                let total = length + i + c.len_utf8();
                self.token(Kind::Str, self.at, self.at + total);
                return self.show("\"\"", total);
            }
            return self.blank(length);
        }
        if !ascii.trim().is_empty() {
            let kind = match ascii {
                "in" | "and" | "or" | "not" => Kind::Keyword,
                a if a.starts_with(is_xid_start) => Kind::Name,
                _ => Kind::Punct,
            };
            self.token(kind, self.at, self.at + ascii.len());
        }
        self.show(ascii, length);
    }
}
