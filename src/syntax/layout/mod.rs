//! Tokens in; statements, the role of each sign, and the text that the grammar reads out.
//!
//! One walk over the tokens with a stack of open brackets. It decides which `{` open blocks, which line breaks end
//! statements, and whether anything nests too deep, so that nothing after it needs to look back or to count.
//!
//! ```text
//! let f = |x| {      let f = |x| {
//!     let y = x          let y = x;
//!     y + 1     ->       y + 1;
//! }                  };
//! let z = 1 +        let z = 1 +
//!     2                  2
//! ```

mod brackets;
mod counts;
mod line_breaks;
mod repair;

pub(super) use brackets::partner;

use std::collections::HashMap;

use super::error::SyntaxError;
use super::lexer::{Comment, CommentKind, Kind, Lexed, Token, ends_operand};
use crate::base::{FileId, Span};

/// How the grammar sees a block's braces: it cannot take them for a record's.
const BLOCK_OPEN: u8 = 2;
const BLOCK_CLOSE: u8 = 3;

/// What stands between a bracket and its partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    File,
    Block,
    Methods,
    Paren,
    Square,
    Record,
}

impl FrameKind {
    /// Whether line breaks separate what stands inside.
    pub fn has_statements(self) -> bool {
        matches!(
            self,
            FrameKind::File | FrameKind::Block | FrameKind::Methods
        )
    }
}

/// What a token does, where its spelling does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Prefix,
    Infix,
    Open(FrameKind),
    Close(FrameKind),
    BarOpen,
    BarClose,
    EmptyBars,
    AngleOpen,
    AngleClose,
}

/// A statement (or a distribution's method): tokens `first..end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub first: usize,
    pub end: usize,
    /// The byte where its terminator stands.
    pub limit: usize,
    /// 1 for a statement of the file.
    pub depth: usize,
    /// A bracket in it has no partner, which has been reported.
    pub damaged: bool,
}

/// What the walk has found.
pub(super) struct Layout {
    /// The mask, with `;` for every line break that ends a statement, and marks for the braces of blocks.
    pub mask: String,
    /// In the order of their ends.
    pub segments: Vec<Segment>,
    /// Documentation by the byte where its statement begins.
    pub docs: HashMap<usize, String>,
    /// One for each token.
    pub roles: Vec<Role>,
    pub errors: Vec<SyntaxError>,
    /// Something nests too deep for the text to be read any further.
    pub fatal: bool,
}

/// Lays out what the lexer found in `text`.
pub(super) fn lay_out(file: FileId, text: &str, lexed: &Lexed) -> Layout {
    let mut walk = Walk::new(file, lexed);
    for i in 0..lexed.tokens.len() {
        walk.step(i);
        if walk.fatal {
            break;
        }
    }
    if !walk.fatal {
        walk.end_of_file();
    }
    let docs = documentation(text, lexed, &walk.segments);
    Layout {
        mask: walk.mark(),
        segments: walk.segments,
        docs,
        roles: walk.roles,
        errors: walk.errors,
        fatal: walk.fatal,
    }
}

/// What an `if`, `fn`, … that still waits for its `{` makes of it.
type Head = FrameKind;

struct Frame {
    kind: FrameKind,
    /// The opening bracket.
    open: Option<usize>,
    heads: Vec<Head>,
    /// Between the bars of a closure's parameters.
    in_params: bool,
    /// The first token of the statement at hand.
    first: usize,
    damaged: bool,
    /// The first line inside that is indented no further than the bracket's own.
    outdented: Option<usize>,
    part: Part,
    /// The largest `operators + inner` of the parts so far.
    deepest: usize,
}

/// What has been counted since the last comma or statement.
#[derive(Default)]
struct Part {
    operators: usize,
    /// Operators on the longest path inside a bracket of this part.
    inner: usize,
    /// Closures, `->` and `Dist<`: they nest without brackets.
    levels: usize,
    angles: usize,
    signs: usize,
    powers: usize,
}

struct Walk<'l> {
    file: FileId,
    lexed: &'l Lexed,
    stack: Vec<Frame>,
    /// Brackets and levels around the token at hand.
    nesting: usize,
    /// Column of the first token on each token's line.
    indents: Vec<usize>,
    /// The first bracket whose partner is indented less than its own line, and where its contents seem to end.
    unclosed: Option<(usize, usize)>,
    /// The first closing bracket that stands within a line, though its partner's contents have lines of their own.
    surplus: Option<usize>,
    /// Brackets that were given up as a statement began: their partners may yet come.
    given_up: usize,
    separators: Vec<usize>,
    segments: Vec<Segment>,
    roles: Vec<Role>,
    errors: Vec<SyntaxError>,
    fatal: bool,
}

impl<'l> Walk<'l> {
    fn new(file: FileId, lexed: &'l Lexed) -> Self {
        Walk {
            file,
            lexed,
            stack: vec![Frame::new(FrameKind::File, None, 0)],
            nesting: 0,
            indents: Vec::with_capacity(lexed.tokens.len()),
            unclosed: None,
            surplus: None,
            given_up: 0,
            separators: Vec::new(),
            segments: Vec::new(),
            roles: vec![Role::Plain; lexed.tokens.len()],
            errors: Vec::new(),
            fatal: false,
        }
    }

    /// The text that the grammar reads.
    fn mark(&self) -> String {
        let mut mask = self.lexed.mask.clone().into_bytes();
        self.separators.iter().for_each(|&at| mask[at] = b';');
        for (token, role) in self.lexed.tokens.iter().zip(&self.roles) {
            match role {
                Role::Open(kind) if kind.has_statements() => mask[token.start] = BLOCK_OPEN,
                Role::Close(kind) if kind.has_statements() => mask[token.start] = BLOCK_CLOSE,
                _ => {}
            }
        }
        String::from_utf8(mask).expect("ASCII replaces ASCII")
    }

    fn token(&self, i: usize) -> Token {
        self.lexed.tokens[i]
    }

    /// The token's text; empty behind the last one.
    fn text(&self, i: usize) -> &'l str {
        self.lexed.text(i)
    }

    fn is(&self, i: usize, kind: Kind) -> bool {
        self.lexed.tokens.get(i).is_some_and(|t| t.kind == kind)
    }

    fn span(&self, i: usize) -> Span {
        Span::new(self.file, self.token(i).start, self.token(i).end)
    }

    fn top(&mut self) -> &mut Frame {
        self.stack.last_mut().expect("the file's frame stays")
    }

    fn kind(&self) -> FrameKind {
        self.stack.last().map_or(FrameKind::File, |f| f.kind)
    }

    /// Whether an operand, not an operator, is wanted at this token.
    fn wants_operand(&self, i: usize) -> bool {
        let first = self.stack.last().is_some_and(|f| f.first == i);
        if first || i == 0 {
            return true;
        }
        let ended = ends_operand(self.token(i - 1), &self.lexed.mask);
        !ended && self.roles[i - 1] != Role::AngleClose
    }

    fn step(&mut self, i: usize) {
        self.line_break(i);
        let text = self.text(i);
        match text {
            "(" | "[" | "{" => self.open(i),
            ")" | "]" | "}" => self.close(i),
            ";" if self.kind().has_statements() => self.separate(i, self.token(i).start, i + 1),
            "," if !self.top().in_params => self.end_part(),
            "|" | "||" => self.bars(i),
            "<" if i > 0 && self.text(i - 1) == "Dist" => self.angle(i),
            ">" if self.top().part.angles > 0 => self.close_angle(i),
            "->" => self.level(i, "types"),
            "-" | "!" | "not" if self.wants_operand(i) => self.sign(i, Role::Prefix),
            "sample" | "memo" => self.sign(i, Role::Plain),
            "if" | "while" | "for" | "fn" | "distribution" | "else" => self.head(i),
            "." => self.operator(i, Role::Plain),
            _ if is_infix(text) => self.operator(i, Role::Infix),
            _ => {}
        }
        if !matches!(text, "-" | "!" | "not" | "sample" | "memo") {
            self.top().part.signs = 0;
        }
    }

    fn bars(&mut self, i: usize) {
        let double = self.text(i) == "||";
        if self.top().in_params {
            self.top().in_params = double;
            self.roles[i] = Role::BarClose;
            return self.level(i, "closures");
        }
        if !self.wants_operand(i) {
            return self.operator(i, Role::Infix);
        }
        if double {
            self.roles[i] = Role::EmptyBars;
            return self.level(i, "closures");
        }
        self.roles[i] = Role::BarOpen;
        self.top().in_params = true;
    }

    /// Words that are followed by a block, sooner or later.
    fn head(&mut self, i: usize) {
        let named = self.is(i + 1, Kind::Name);
        let before = i.checked_sub(1).map_or("", |p| self.text(p));
        let head = match self.text(i) {
            "else" => return self.arm(i),
            "for" if !self.kind().has_statements() => return,
            // A function's type has no block.
            "fn" if !named && matches!(before, ":" | "->" | "<") => return,
            "distribution" if !named || self.top().first != i => return,
            "distribution" => FrameKind::Methods,
            _ => FrameKind::Block,
        };
        self.top().heads.push(head);
    }
}

impl Frame {
    fn new(kind: FrameKind, open: Option<usize>, first: usize) -> Self {
        Frame {
            kind,
            open,
            heads: Vec::new(),
            in_params: false,
            first,
            damaged: false,
            outdented: None,
            part: Part::default(),
            deepest: 0,
        }
    }
}

/// Whether a sign stands between two operands.
pub(super) fn is_infix(text: &str) -> bool {
    matches!(
        text,
        "|>" | "||"
            | "&&"
            | "=="
            | "!="
            | "<="
            | ">="
            | "<"
            | ">"
            | "+"
            | "-"
            | "*"
            | "/"
            | "%"
            | "@"
            | "^"
            | ".."
            | "and"
            | "or"
            | "not"
    )
}

/// Whether a sign is `=`, `+=` or another of their kind.
pub(super) fn is_assignment(text: &str) -> bool {
    matches!(text, "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "@=" | "^=")
}

/// The `///` lines in front of each statement.
fn documentation(text: &str, lexed: &Lexed, segments: &[Segment]) -> HashMap<usize, String> {
    let documented = |segment: &Segment| {
        let start = lexed.tokens[segment.first].start;
        let after = segment
            .first
            .checked_sub(1)
            .map_or(0, |i| lexed.tokens[i].end);
        let above = comments_between(&lexed.comments, after, start);
        let lines: Vec<&str> = above
            .iter()
            .filter(|c| c.kind == CommentKind::Doc)
            .map(|c| text[c.start + 3..c.end].trim_end())
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        (!lines.is_empty()).then(|| (start, lines.join("\n")))
    };
    segments.iter().filter_map(documented).collect()
}

/// The comments that stand between two bytes.
pub(super) fn comments_between(comments: &[Comment], from: usize, to: usize) -> &[Comment] {
    let first = comments.partition_point(|c| c.start < from);
    let end = comments.partition_point(|c| c.start < to);
    &comments[first..end.max(first)]
}
