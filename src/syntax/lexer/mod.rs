//! Text in; tokens, comments and a mask out.
//!
//! The mask is the text with every byte in its old place, but only what the grammar needs to see: comments are blanks, a
//! character that was meant as another (`−`, `“`) is that other one. A malformed token is reported here and masked by a sound
//! one, so that it is reported once.
//!
//! ```text
//! text   let x = 1. // half     mask   let x = 1         token  let, x, =, 1     error  1. wants a digit
//! ```

mod literal;
mod sign;

pub(super) use literal::unescape;

use unicode_ident::{is_xid_continue, is_xid_start};
use unicode_normalization::UnicodeNormalization;

use super::error::SyntaxError;
use super::flaw::Flaw;
use crate::base::{FileId, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Keyword,
    Number,
    Str,
    Punct,
}

/// A word, a literal or a sign: bytes `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// What a comment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommentKind {
    Line,
    Doc,
    Block,
}

/// A comment, without the line break that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    pub kind: CommentKind,
    pub start: usize,
    pub end: usize,
}

/// What the text is made of.
pub(super) struct Lexed {
    pub mask: String,
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
    pub errors: Vec<SyntaxError>,
    /// A comment or a character has swallowed what follows: brackets that miss their partner are no news.
    pub truncated: bool,
}

impl Lexed {
    /// A token's text; empty behind the last one.
    pub fn text(&self, i: usize) -> &str {
        self.tokens
            .get(i)
            .map_or("", |t| &self.mask[t.start..t.end])
    }
}

/// The words that cannot be names.
pub(super) const KEYWORDS: [&str; 24] = [
    "and",
    "break",
    "condition",
    "continue",
    "data",
    "else",
    "factor",
    "false",
    "fn",
    "for",
    "if",
    "in",
    "let",
    "memo",
    "not",
    "observe",
    "or",
    "return",
    "sample",
    "true",
    "use",
    "var",
    "where",
    "while",
];

/// Reads the whole text; the errors stand in the order of their places.
pub(super) fn lex(file: FileId, text: &str) -> Lexed {
    let mut lexer = Lexer {
        file,
        text,
        at: 0,
        line_end: text.find('\n').unwrap_or(text.len()),
        line_first: 0,
        line_open: false,
        hash_known: false,
        out: Lexed {
            mask: String::new(),
            tokens: Vec::new(),
            comments: Vec::new(),
            errors: Vec::new(),
            truncated: false,
        },
    };
    lexer.run();
    lexer.out
}

struct Lexer<'t> {
    file: FileId,
    text: &'t str,
    /// The next byte to read. `out.mask` is as long.
    at: usize,
    /// Where the line at hand ends. Looked up once a line: a file may be one line.
    line_end: usize,
    /// The first token of this line.
    line_first: usize,
    /// A `(` or `{` stands on this line.
    line_open: bool,
    hash_known: bool,
    out: Lexed,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\n' => self.line_break(),
                ' ' | '\t' | '\r' => self.blank(1),
                '\u{feff}' if self.at == 0 => self.blank(3),
                '"' => self.string(),
                '0'..='9' => self.number(),
                '/' if self.rest().starts_with("//") => self.line_comment(),
                '/' if self.rest().starts_with("/*") => self.block_comment(),
                '.' if self.bare_fraction() => self.number(),
                '\'' => self.quote(),
                '#' => self.hash(),
                '_' => self.word(),
                c if is_xid_start(c) => self.word(),
                c if c.is_ascii_graphic() => self.sign(),
                c => self.stray(c),
            }
            debug_assert_eq!(self.out.mask.len(), self.at);
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// What is left of this line.
    fn line(&self) -> &'t str {
        &self.text[self.at..self.line_end]
    }

    fn line_break(&mut self) {
        self.keep(1);
        self.begin_line();
    }

    fn begin_line(&mut self) {
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        self.line_end = self.at + length;
        self.line_first = self.out.tokens.len();
        self.line_open = false;
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn fault(&mut self, start: usize, end: usize, flaw: Flaw) {
        let at = self.span(start, end);
        self.out.errors.push(SyntaxError::Flaw { at, flaw });
    }

    /// Copies the next `n` bytes into the mask.
    fn keep(&mut self, n: usize) {
        self.out.mask.push_str(&self.text[self.at..self.at + n]);
        self.at += n;
    }

    /// Masks the next `n` bytes by blanks and line breaks.
    fn blank(&mut self, n: usize) {
        let bytes = self.text[self.at..self.at + n].bytes();
        let blanks = bytes.map(|b| if b == b'\n' { '\n' } else { ' ' });
        self.out.mask.extend(blanks);
        self.at += n;
    }

    /// Masks the next `n` bytes by `shown` and blanks behind it.
    fn show(&mut self, shown: &str, n: usize) {
        debug_assert!(shown.len() <= n);
        self.out.mask.push_str(shown);
        self.out
            .mask
            .extend(std::iter::repeat_n(' ', n - shown.len()));
        self.at += n;
    }

    fn token(&mut self, kind: Kind, start: usize, end: usize) {
        self.out.tokens.push(Token { kind, start, end });
    }

    fn last_text(&self) -> &str {
        self.out
            .tokens
            .last()
            .map_or("", |t| &self.out.mask[t.start..t.end])
    }

    /// Whether the last token can end an operand, so that a sign here stands between two operands.
    fn after_operand(&self) -> bool {
        self.out
            .tokens
            .last()
            .is_some_and(|t| ends_operand(*t, &self.out.mask))
    }

    // ---- Comments

    fn line_comment(&mut self) {
        let line = self.line();
        let doc = line.starts_with("///") && !line.starts_with("////");
        let kind = if doc {
            CommentKind::Doc
        } else {
            CommentKind::Line
        };
        self.comment(kind, line.trim_end().len());
        self.blank(line.len() - line.trim_end().len());
    }

    fn comment(&mut self, kind: CommentKind, length: usize) {
        let (start, end) = (self.at, self.at + length);
        self.control_characters(start, end);
        self.out.comments.push(Comment { kind, start, end });
        self.blank(length);
        if self.at > self.line_end {
            self.begin_line();
        }
    }

    fn block_comment(&mut self) {
        let bytes = self.rest().as_bytes();
        let (mut depth, mut i) = (0usize, 0);
        while i < bytes.len() {
            match bytes.get(i..i + 2) {
                Some(b"/*") => (depth, i) = (depth + 1, i + 2),
                Some(b"*/") => (depth, i) = (depth - 1, i + 2),
                _ => i += 1,
            }
            if depth == 0 {
                return self.comment(CommentKind::Block, i);
            }
        }
        self.fault(self.at, self.at + 2, Flaw::OpenComment);
        self.out.truncated = true;
        self.comment(CommentKind::Block, bytes.len());
    }

    /// Comments of Python and R. One report for the file: the habit is one.
    fn hash(&mut self) {
        if !self.hash_known {
            self.fault(self.at, self.at + 1, Flaw::Hash);
            self.hash_known = true;
        }
        self.blank(self.line().len());
    }

    fn control_characters(&mut self, start: usize, end: usize) {
        let text = &self.text[start..end];
        let found = text.char_indices().find(|(_, c)| is_forbidden(*c));
        if let Some((i, c)) = found {
            self.fault(start + i, start + i + c.len_utf8(), Flaw::Control(c));
        }
    }

    // ---- Words

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest
            .char_indices()
            .find(|&(i, c)| i > 0 && !is_xid_continue(c))
            .map_or(rest.len(), |(i, _)| i);
        let (start, end) = (self.at, self.at + length);
        let word = &rest[..length];
        if KEYWORDS.contains(&word) {
            self.token(Kind::Keyword, start, end);
            return self.keep(length);
        }
        if !word.is_ascii() && KEYWORDS.contains(&word.nfkc().collect::<String>().as_str()) {
            self.fault(start, end, Flaw::DisguisedKeyword);
        }
        self.token(Kind::Name, start, end);
        self.keep(length);
    }
}

/// Whether an operand can end with this token.
pub(super) fn ends_operand(token: Token, mask: &str) -> bool {
    let text = &mask[token.start..token.end];
    match token.kind {
        Kind::Name | Kind::Number | Kind::Str => true,
        Kind::Keyword => matches!(text, "true" | "false" | "break" | "continue"),
        Kind::Punct => matches!(text, ")" | "]" | "}" | "?"),
    }
}

fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t' | '\r')
}
