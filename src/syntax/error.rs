//! What can be wrong with a text: facts and places. [`SyntaxError::report`] puts them into words.

use thiserror::Error;

use super::flaw::Flaw;
use super::hint::Hint;
use super::layout::partner;
use crate::base::{FileId, Report, Span};

/// How deep brackets, blocks, closures and signs may nest.
pub const MAX_NESTING: usize = 128;

/// How many operators, calls and indices may stand inside one another, those of a chain `a + b + …` included.
pub const MAX_OPERATORS: usize = 4096;

/// A text that is no program.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SyntaxError {
    /// A word, a literal or a character that is malformed by itself.
    #[error("{}", flaw.headline())]
    Flaw { at: Span, flaw: Flaw },
    /// Something stands where something else is wanted.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// The offending token; the one before it, if the line ends too early.
        at: Span,
        /// The offending token, if it stands on a line below.
        below: Option<Span>,
        /// What stands there, in words.
        found: String,
        /// What is wanted, in words.
        expected: String,
        /// What the author may have meant.
        hint: Option<Hint>,
    },
    /// A statement begins with a word that is nearly a keyword.
    #[error("`{found}` begins no statement; did you mean `{meant}`?")]
    Misspelt {
        at: Span,
        found: String,
        meant: &'static str,
    },
    /// A statement begins with another language's word.
    #[error("`{word}` begins no statement")]
    Foreign { at: Span, word: String, hint: Hint },
    /// A keyword where a name is wanted.
    #[error("`{word}` is a keyword and cannot be a name")]
    Keyword { at: Span, word: String },
    /// A bracket without its partner.
    #[error("this `{bracket}` is never closed")]
    Unclosed {
        open: Span,
        bracket: char,
        noticed: Span,
        why: Noticed,
        /// A `//` behind an operand on the bracket's line, which may have been meant to divide.
        comment: Option<Span>,
    },
    /// `(1 + 2]`.
    #[error("`{bracket}` is closed by `{found}`")]
    Mismatched {
        open: Span,
        bracket: char,
        close: Span,
        found: char,
    },
    /// A closing bracket without its partner.
    #[error("this `{bracket}` closes nothing")]
    Unopened {
        at: Span,
        bracket: char,
        /// An earlier one that may be the one too many.
        suspect: Option<Span>,
    },
    /// More than spans can count.
    #[error("a program has at most 4 GiB of text")]
    TooLong { file: FileId },
    /// Too deep.
    #[error("{what} nest more than {MAX_NESTING} deep")]
    Nesting { at: Span, what: &'static str },
    /// Too long.
    #[error("this expression has more than {MAX_OPERATORS} operators")]
    LongExpression { at: Span },
    /// `a < b < c`.
    #[error("comparisons do not chain")]
    ComparisonChain { first: Span, second: Span },
    /// `a..b..c`.
    #[error("a range has two ends")]
    RangeChain { first: Span, second: Span },
    /// `f(x) = 3`.
    #[error("this cannot be assigned to")]
    AssignTarget { at: Span, target: Target },
    /// `sample x[i in e]` where `e` is no range.
    #[error("a plate runs over a range")]
    PlateRange { at: Span },
    /// `data y: int = 1 = 2`.
    #[error("`{clause}` is given twice")]
    Twice {
        at: Span,
        first: Span,
        clause: &'static str,
    },
    /// A method that distributions do not have.
    #[error("a distribution has no method `{name}`")]
    Method { at: Span, name: String },
}

/// How a missing closing bracket was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// Another bracket's partner came first.
    OtherBracket,
    /// A statement begins.
    Statement,
    /// The file ends.
    EndOfFile,
    /// A line is indented as if it stood outside.
    Indentation,
}

/// What stands before an assignment's `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Target {
    Draw,
    Field,
    Call,
    /// `real<lower=0> sigma`.
    Constrained,
    Other,
}

impl Noticed {
    fn label(self) -> &'static str {
        match self {
            Noticed::OtherBracket => "this closes another bracket",
            Noticed::Statement => "a statement begins here",
            Noticed::EndOfFile => "the file ends here",
            Noticed::Indentation => "by its indentation, this stands outside of it",
        }
    }
}

impl Target {
    fn help(self) -> &'static str {
        match self {
            Target::Draw => "a draw is written with `~`: `sample x ~ D`",
            Target::Field => {
                "a record's fields stay as they are: build another record, `{a: 1, b: r.b}`"
            }
            Target::Call => {
                "a function is declared with `fn f(x) { … }`, a value named with `let x = e`"
            }
            Target::Constrained => {
                "what is given is declared with `data sigma: real where sigma > 0`, what is unknown drawn with `sample sigma ~ HalfNormal(1)`"
            }
            Target::Other => {
                "only a variable and its elements are assigned to, `s = e` or `s[i] = e`; equality is `==`"
            }
        }
    }
}

impl SyntaxError {
    /// The place that the error is about.
    pub fn span(&self) -> Span {
        match self {
            SyntaxError::Flaw { at, .. }
            | SyntaxError::Unexpected { at, .. }
            | SyntaxError::Misspelt { at, .. }
            | SyntaxError::Foreign { at, .. }
            | SyntaxError::Keyword { at, .. }
            | SyntaxError::Unopened { at, .. }
            | SyntaxError::Nesting { at, .. }
            | SyntaxError::LongExpression { at }
            | SyntaxError::AssignTarget { at, .. }
            | SyntaxError::PlateRange { at }
            | SyntaxError::Twice { at, .. }
            | SyntaxError::Method { at, .. } => *at,
            SyntaxError::TooLong { file } => Span::new(*file, 0, 0),
            SyntaxError::Unclosed { open, .. } => *open,
            SyntaxError::Mismatched { close, .. } => *close,
            SyntaxError::ComparisonChain { second, .. }
            | SyntaxError::RangeChain { second, .. } => *second,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            SyntaxError::Flaw { flaw, .. } => flaw.code(),
            SyntaxError::Unexpected { .. } => "odp::syntax::unexpected",
            SyntaxError::Misspelt { .. } => "odp::syntax::misspelt",
            SyntaxError::Keyword { .. } => "odp::syntax::keyword",
            SyntaxError::Foreign { .. } => "odp::syntax::foreign_word",
            SyntaxError::Unclosed { .. }
            | SyntaxError::Mismatched { .. }
            | SyntaxError::Unopened { .. } => "odp::syntax::brackets",
            SyntaxError::TooLong { .. } => "odp::syntax::too_long",
            SyntaxError::Nesting { .. } => "odp::syntax::nesting",
            SyntaxError::LongExpression { .. } => "odp::syntax::long_expression",
            SyntaxError::ComparisonChain { .. } => "odp::syntax::comparison_chain",
            SyntaxError::RangeChain { .. } => "odp::syntax::range_chain",
            SyntaxError::AssignTarget { .. } => "odp::syntax::assign_target",
            SyntaxError::PlateRange { .. } => "odp::syntax::plate_range",
            SyntaxError::Twice { .. } => "odp::syntax::twice",
            SyntaxError::Method { .. } => "odp::syntax::method",
        }
    }

    /// The error in the user's words.
    pub fn report(&self) -> Report {
        let report = Report::error(self.code(), self.to_string());
        match self {
            SyntaxError::Flaw { at, flaw } => {
                report.label(*at, flaw.label()).maybe_help(flaw.help())
            }
            SyntaxError::Unexpected {
                at,
                below,
                found,
                expected,
                hint,
            } => {
                let report = report.label(*at, format!("expected {expected}"));
                let report = match below {
                    Some(below) => report.label(*below, format!("found {found}")),
                    None => report,
                };
                report.maybe_help(hint.as_ref().map(Hint::help))
            }
            SyntaxError::Misspelt { at, meant, .. } => {
                let report = report.label(*at, format!("perhaps `{meant}`"));
                report.help(format!("write `{meant}`"))
            }
            SyntaxError::Keyword { at, word } => report
                .label(*at, "a name is wanted here")
                .help(format!("choose another name, such as `{word}_`")),
            SyntaxError::Unclosed {
                open,
                bracket,
                noticed,
                why,
                comment: None,
            } => report
                .label(*open, format!("this `{bracket}`"))
                .label(*noticed, why.label())
                .help(format!("add the missing `{}`", partner(*bracket))),
            SyntaxError::Unclosed {
                open,
                bracket,
                comment: Some(comment),
                ..
            } => report
                .label(*open, format!("this `{bracket}`"))
                .label(*comment, "a comment from here to the end of the line")
                .help(format!(
                    "`//` begins a comment: the quotient of ints is `div(a, b)`; else add the missing `{}`",
                    partner(*bracket)
                )),
            SyntaxError::Foreign { at, hint, .. } => report.label(*at, "").help(hint.help()),
            SyntaxError::Mismatched {
                open,
                bracket,
                close,
                ..
            } => report
                .label(*close, format!("expected `{}`", partner(*bracket)))
                .label(*open, "opened here")
                .help(format!(
                    "write `{}`, or put it in front where it is missing",
                    partner(*bracket)
                )),
            SyntaxError::Unopened {
                at,
                bracket,
                suspect,
            } => {
                let report = report.label(*at, "");
                let report = match suspect {
                    Some(earlier) => report.label(*earlier, "perhaps this one is too many"),
                    None => report,
                };
                report.help(format!(
                    "remove it, or add the missing `{}`",
                    partner(*bracket)
                ))
            }
            SyntaxError::TooLong { .. } => {
                report.help("keep numbers in a data file, and read them with `data`")
            }
            SyntaxError::Nesting { at, .. } => report
                .label(*at, "one level too many")
                .help("name a part with `let`, or move it into a `fn`"),
            SyntaxError::LongExpression { at } => report
                .label(*at, "")
                .help("write a long sum as `sum([a, b, …])`, or name parts with `let`"),
            SyntaxError::ComparisonChain { first, second } => report
                .label(*second, "a second comparison")
                .label(*first, "the first one")
                .help(
                    "write `a < b and b < c`; a comparison of two truth values takes parentheses",
                ),
            SyntaxError::RangeChain { first, second } => report
                .label(*second, "a second `..`")
                .label(*first, "the first one")
                .help("write `a..b`; every k-th of them is `[a + k * i for i in 0..n]`"),
            SyntaxError::AssignTarget { at, target } => report.label(*at, "").help(target.help()),
            SyntaxError::PlateRange { at } => report
                .label(*at, "not a range `a..b`")
                .help("write `i in 0..length(xs)` and use `xs[i]`"),
            SyntaxError::Twice { at, first, .. } => report
                .label(*at, "again here")
                .label(*first, "first here")
                .help("remove one of the two"),
            SyntaxError::Method { at, .. } => report
                .label(*at, "")
                .help("its methods are `sample`, `log_prob`, `cdf` and `quantile`"),
        }
    }
}
