//! A statement that does not fit: what was found, what was wanted, and what its author may have meant.

mod advice;
mod spelling;
mod wanted;

use spelling::nearest;
use wanted::Wanted;

use super::error::SyntaxError;
use super::grammar::Rule;
use super::hint::Hint;
use super::layout::{FrameKind, Layout, Role, Segment, is_infix};
use super::lexer::{Kind, Lexed, Token};
use crate::base::{FileId, Span};

/// Where the grammar gave up, and the rules that it tried there.
pub(super) struct Failure {
    pub at: usize,
    pub wanted: Vec<Rule>,
}

/// Words that begin statements, and may be misspelt.
const BEGINNINGS: [&str; 17] = [
    "use",
    "data",
    "fn",
    "let",
    "var",
    "sample",
    "observe",
    "factor",
    "condition",
    "return",
    "if",
    "for",
    "while",
    "break",
    "continue",
    "memo",
    "distribution",
];

/// Words within statements.
const CONNECTIVES: [&str; 9] = [
    "in", "else", "where", "from", "as", "for", "and", "or", "not",
];

/// Finds the words for a failure in a statement.
pub(super) fn diagnose(
    file: FileId,
    lexed: &Lexed,
    layout: &Layout,
    segment: &Segment,
    failure: &Failure,
) -> SyntaxError {
    let found = lexed.tokens.partition_point(|t| t.end <= failure.at);
    let scene = Scene {
        file,
        lexed,
        layout,
        segment,
        wanted: Wanted::new(&failure.wanted),
        found: found.min(segment.end),
    };
    scene
        .foreign()
        .or_else(|| scene.misspelt())
        .or_else(|| scene.keyword())
        .unwrap_or_else(|| scene.unexpected())
}

struct Scene<'t> {
    file: FileId,
    lexed: &'t Lexed,
    layout: &'t Layout,
    segment: &'t Segment,
    wanted: Wanted,
    /// The token that does not fit; the segment's end if the statement ends too early.
    found: usize,
}

impl Scene<'_> {
    fn token(&self, i: usize) -> Token {
        self.lexed.tokens[i]
    }

    /// A token's text; empty outside the statement.
    fn text(&self, i: usize) -> &str {
        let inside = (self.segment.first..self.segment.end).contains(&i);
        let token = inside.then(|| self.token(i));
        token.map_or("", |t| &self.lexed.mask[t.start..t.end])
    }

    /// The `i`th token of the statement.
    fn word(&self, i: usize) -> &str {
        self.text(self.segment.first + i)
    }

    fn found_text(&self) -> &str {
        self.text(self.found)
    }

    fn before(&self) -> &str {
        self.found.checked_sub(1).map_or("", |i| self.text(i))
    }

    fn is(&self, i: usize, kind: Kind) -> bool {
        i < self.segment.end && self.token(i).kind == kind
    }

    fn span(&self, i: usize) -> Span {
        Span::new(self.file, self.token(i).start, self.token(i).end)
    }

    fn broken_before(&self, i: usize) -> bool {
        let from = i.checked_sub(1).map_or(0, |p| self.token(p).end);
        i < self.lexed.tokens.len() && self.lexed.mask[from..self.token(i).start].contains('\n')
    }

    // ---- The three kinds of answers

    /// `def f(x)`, `int N`: the first word belongs to another language.
    fn foreign(&self) -> Option<SyntaxError> {
        let sized = self.word(1) == "[" && self.found > self.segment.first + 1;
        let second = self.found == self.segment.first + 1;
        if !(second || sized) || !self.is(self.segment.first, Kind::Name) {
            return None;
        }
        let hint = match self.word(0) {
            "vector" | "row_vector" | "matrix" | "array" | "int" | "real" if sized => {
                Hint::DataColon
            }
            _ if sized => return None,
            "switch" | "match" | "case" | "when" | "unless" => Hint::Choice,
            "try" | "throw" | "raise" | "catch" => Hint::NoExceptions,
            "class" | "struct" | "type" | "enum" => Hint::RecordType,
            "def" | "function" | "func" | "fun" | "proc" | "define" => Hint::Fn,
            "const" | "val" | "auto" | "mut" => Hint::Let,
            "import" | "include" | "from" | "using" | "require" => Hint::Use,
            "parameters" | "transformed" | "model" | "generated" | "functions" => Hint::StanBlock,
            "int" | "real" | "vector" | "matrix" | "array" | "simplex" | "bool" | "string" => {
                Hint::DataColon
            }
            "elif" | "elsif" | "elseif" => Hint::ElseIf,
            "with" | "plate" => Hint::Plate,
            "lambda" => Hint::Closure,
            _ => return None,
        };
        Some(SyntaxError::Foreign {
            at: self.span(self.segment.first),
            word: self.word(0).to_owned(),
            hint,
        })
    }

    /// `smaple x ~ D`, `retrun x`: the first word explains the failure behind it.
    fn misspelt(&self) -> Option<SyntaxError> {
        let first = self.segment.first;
        let second = self.found == first + 1 && self.begins_operand(self.found);
        let telling = second || matches!(self.found_text(), "~" | "in" | "{");
        if !telling || !self.is(first, Kind::Name) || self.found == first {
            return None;
        }
        let meant = nearest(self.word(0), &BEGINNINGS).filter(|m| *m != self.word(0))?;
        Some(SyntaxError::Misspelt {
            at: self.span(first),
            found: self.word(0).to_owned(),
            meant,
        })
    }

    /// A keyword where a name is wanted.
    fn keyword(&self) -> Option<SyntaxError> {
        let site = self.word(0) == "sample"
            && self.found == self.segment.first + 1
            && matches!(self.text(self.found + 1), "~" | "[");
        let wanted = site || self.wanted.name && !self.wanted.expression;
        let linking = CONNECTIVES.contains(&self.found_text()) && self.found_text() != "for";
        let wanted = wanted && !linking && self.enclosing() != Some(FrameKind::Record);
        let wanted = wanted && self.before() != ".";
        if !wanted || !self.is(self.found, Kind::Keyword) || self.broken_before(self.found) {
            return None;
        }
        Some(SyntaxError::Keyword {
            at: self.span(self.found),
            word: self.found_text().to_owned(),
        })
    }

    fn unexpected(&self) -> SyntaxError {
        SyntaxError::Unexpected {
            at: self.place(),
            below: self.below(),
            found: self.found_words(),
            expected: self.wanted.words(),
            hint: self.hint(),
        }
    }

    /// The offending token, or the one before it where its line ends too early.
    fn place(&self) -> Span {
        let i = self.found;
        let ended = i >= self.segment.end || self.broken_before(i);
        match ended && i > self.segment.first {
            true => self.span(i - 1),
            false => self.span(i),
        }
    }

    /// The offending token, where it stands on a line below [`Scene::place`].
    fn below(&self) -> Option<Span> {
        let i = self.found;
        let below = i > self.segment.first && i < self.segment.end && self.broken_before(i);
        below.then(|| self.span(i))
    }

    fn found_words(&self) -> String {
        let i = self.found;
        if i < self.segment.end {
            let text = self.found_text();
            let short: String = text.chars().take(24).collect();
            let cut = if short.len() < text.len() { "…" } else { "" };
            return match self.token(i).kind {
                Kind::Name => format!("the name `{short}{cut}`"),
                Kind::Number => format!("the number `{short}{cut}`"),
                Kind::Str => "a string".into(),
                _ => format!("`{short}{cut}`"),
            };
        }
        let terminator = self
            .lexed
            .tokens
            .get(i)
            .map(|t| &self.lexed.mask[t.start..t.end]);
        match terminator {
            None => "the end of the file".into(),
            Some(_) if self.broken_before(i) => "the end of the line".into(),
            Some(text) => format!("`{text}`"),
        }
    }

    fn begins_operand(&self, i: usize) -> bool {
        if i >= self.segment.end {
            return false;
        }
        match self.token(i).kind {
            Kind::Name | Kind::Number | Kind::Str => true,
            Kind::Keyword => !is_infix(self.text(i)),
            Kind::Punct => matches!(self.text(i), "{"),
        }
    }

    /// The bracket of this statement around the token that does not fit.
    fn enclosing(&self) -> Option<FrameKind> {
        self.enclosing_at().map(|(kind, _)| kind)
    }

    /// The bracket of this statement around the token that does not fit, and which token it is.
    fn enclosing_at(&self) -> Option<(FrameKind, usize)> {
        let mut depth = 0usize;
        for i in (self.segment.first..self.found).rev() {
            match self.layout.roles[i] {
                Role::Close(_) => depth += 1,
                Role::Open(kind) if depth == 0 => return Some((kind, i)),
                Role::Open(_) => depth -= 1,
                _ => {}
            }
        }
        None
    }
}
