//! A program's canonical form: its own tokens, comments and line breaks, with one way to indent and to space them.
//!
//! The author decides where lines break; everything else is decided here. Working on tokens and not on the tree keeps what
//! the tree forgets: comments, parentheses, `|>`, the spelling of numbers.
//!
//! ```text
//! sample  x[ i in 0 .. n ]~Normal(0,1) ;   sample x[i in 0..n] ~ Normal(0, 1)
//! return {mu,                         ->   return {
//!   tau }                                      mu,
//!                                              tau,
//!                                          }
//! ```

mod plan;
mod spacing;

use plan::Plan;

use super::layout::{FrameKind, Layout, Role, comments_between, lay_out};
use super::lexer::{Comment, CommentKind, Lexed, lex};
use super::parse;
use crate::base::{FileId, Report};

/// The canonical form of a program: four blanks a level, one blank line at most, a trailing comma in brackets that span
/// lines, `and` and `or` in words. Formatting it again changes nothing, and it means what the text means.
///
/// # Errors
/// A text that is no program has no form: every mistake that was found.
pub fn format(text: &str) -> Result<String, Vec<Report>> {
    parse(FileId(0), text)?;
    let lexed = lex(FileId(0), text);
    let layout = lay_out(FileId(0), text, &lexed);
    let printer = Printer {
        text,
        lexed: &lexed,
        layout: &layout,
        plan: &Plan::new(&lexed, &layout),
        out: String::with_capacity(text.len()),
        line: 0,
        last: None,
        opened: true,
        frames: vec![(FrameKind::File, 0)],
    };
    Ok(printer.print())
}

struct Printer<'t> {
    text: &'t str,
    lexed: &'t Lexed,
    layout: &'t Layout,
    plan: &'t Plan,
    out: String,
    /// How far the line at hand is indented.
    line: usize,
    /// The token that was printed last.
    last: Option<usize>,
    /// Nothing but an opening bracket has been printed since: no blank line here.
    opened: bool,
    /// The open brackets, each with the indentation of the line that it stands on.
    frames: Vec<(FrameKind, usize)>,
}

/// What stands between two tokens, after its comments have been printed.
struct Gap {
    /// Where the last comment, or the token before it, ends.
    from: usize,
    /// A line begins here.
    broken: bool,
    commented: bool,
}

impl Printer<'_> {
    fn print(mut self) -> String {
        for i in 0..self.lexed.tokens.len() {
            self.token(i);
        }
        self.gap(self.lexed.tokens.len());
        let length = self.out.trim_end().len();
        self.out.truncate(length);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }

    fn token(&mut self, i: usize) {
        let gap = self.gap(i);
        if self.plan.dropped[i] {
            return;
        }
        self.place(i, &gap);
        self.out.push_str(&self.spelling(i));
        self.last = Some(i);
        self.opened = false;
        match self.layout.roles[i] {
            Role::Open(kind) => {
                self.frames.push((kind, self.line));
                self.opened = true;
            }
            Role::Close(_) => drop(self.frames.pop()),
            _ => {}
        }
        if self.plan.comma_after[i] {
            self.out.push(',');
        }
    }

    /// Begins a line with token `i`, or spaces it from what is before it.
    fn place(&mut self, i: usize, gap: &Gap) {
        if gap.broken {
            let closes = matches!(self.layout.roles[i], Role::Close(_));
            let blank = !closes && self.is_spaced_out(gap.from, self.lexed.tokens[i].start);
            return self.new_line(self.indent(i), blank);
        }
        let tight = match (gap.commented, self.last) {
            (true, _) => matches!(self.lexed.text(i), "," | ";" | ")" | "]"),
            (false, Some(last)) => self.is_tight(last, i),
            (false, None) => true,
        };
        if !tight {
            self.out.push(' ');
        }
    }

    fn new_line(&mut self, indent: usize, blank: bool) {
        self.line = indent;
        if self.out.is_empty() {
            return;
        }
        self.out.push_str(if blank { "\n\n" } else { "\n" });
        self.out.extend(std::iter::repeat_n("    ", indent));
    }

    /// Whether the author left a blank line between two bytes, and not behind a bracket.
    fn is_spaced_out(&self, from: usize, to: usize) -> bool {
        let breaks = self.text[from..to].bytes().filter(|b| *b == b'\n');
        breaks.count() > 1 && !self.opened
    }

    /// How far a line that begins with token `i` is indented.
    fn indent(&self, i: usize) -> usize {
        match self.layout.roles.get(i) {
            Some(Role::Close(_)) => self.inside() - 1,
            Some(_) => self.inside() + usize::from(self.plan.continues[i]),
            None => self.inside(),
        }
    }

    /// How far lines are indented within the innermost bracket.
    fn inside(&self) -> usize {
        match self.frames.last() {
            Some((FrameKind::File, _)) | None => 0,
            Some((_, line)) => line + 1,
        }
    }

    // ---- Comments

    /// Prints the comments before token `i`.
    fn gap(&mut self, i: usize) -> Gap {
        let lexed = self.lexed;
        let before = i.checked_sub(1);
        let from = before.map_or(0, |p| lexed.tokens[p].end);
        let to = lexed.tokens.get(i).map_or(self.text.len(), |t| t.start);
        let planned = self.plan.breaks.get(i).is_some_and(|b| *b);
        // Behind `;` and `{` a comment on the same line belongs to what follows.
        let leads = planned && (self.opened || before.is_some_and(|p| lexed.text(p) == ";"));
        let mut own_line = false;
        let mut gap = Gap {
            from,
            broken: planned,
            commented: false,
        };
        for comment in comments_between(&lexed.comments, from, to) {
            let trails = comment.kind != CommentKind::Block || !leads;
            own_line = self.breaks_between(gap.from, comment.start) || !trails && !gap.commented;
            self.comment(i, comment, gap.from, own_line);
            gap = Gap {
                from: comment.end,
                broken: comment.kind != CommentKind::Block,
                commented: true,
            };
        }
        if gap.commented && !gap.broken {
            let closes = matches!(self.layout.roles.get(i), Some(Role::Close(_)));
            gap.broken = self.breaks_between(gap.from, to) || planned && (!own_line || closes);
        }
        gap
    }

    fn comment(&mut self, i: usize, comment: &Comment, from: usize, own_line: bool) {
        if own_line || self.out.is_empty() {
            let closes = matches!(self.layout.roles.get(i), Some(Role::Close(_)));
            let indent = if closes {
                self.inside()
            } else {
                self.indent(i)
            };
            self.new_line(indent, self.is_spaced_out(from, comment.start));
        } else if comment.kind != CommentKind::Block {
            self.out.push_str("  ");
        } else if !self.out.ends_with(['(', '[']) {
            self.out.push(' ');
        }
        let text = &self.text[comment.start..comment.end];
        let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
        self.out.push_str(&lines.join("\n"));
        self.opened = false;
    }

    fn breaks_between(&self, from: usize, to: usize) -> bool {
        self.text[from..to].contains('\n')
    }
}
