//! What can be wrong with a word, a literal or a character by itself.

use super::lookalike::Meant;

/// What is wrong with a word, a literal or a character.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Flaw {
    OpenComment,
    OpenString,
    SingleQuotes,
    Escape,
    HalfReal,
    NumberTail {
        digits: usize,
    },
    /// `10L`, `1.5f`, `0x1F`.
    Suffix,
    RealTooLarge,
    IntTooLarge,
    Control(char),
    Stray(char),
    Lookalike {
        found: char,
        meant: Meant,
    },
    DisguisedKeyword,
    Transpose,
    Hash,
    ForeignSign {
        sign: &'static str,
        meant: &'static str,
    },
}

impl Flaw {
    /// What is wrong, in the user's words.
    pub fn headline(&self) -> String {
        match self {
            Flaw::OpenComment => "this comment is never closed".into(),
            Flaw::OpenString => "this string is never closed".into(),
            Flaw::SingleQuotes => "strings stand in double quotes".into(),
            Flaw::Escape => "a string knows no such escape".into(),
            Flaw::HalfReal => "a real has digits on both sides of its dot".into(),
            Flaw::NumberTail { .. } => "a number ends where a name begins".into(),
            Flaw::Suffix => "a number has no letters before or behind its digits".into(),
            Flaw::RealTooLarge => "this number is too large for a real".into(),
            Flaw::IntTooLarge => "this number is too large for an int".into(),
            Flaw::Control(c) => format!("a control character (U+{:04X}) stands here", *c as u32),
            Flaw::Stray(c) => format!("`{c}` has no meaning here"),
            Flaw::Lookalike { found, meant } if meant.is_blank() => {
                format!("{} (U+{:04X}) stands here", meant.name, *found as u32)
            }
            Flaw::Lookalike { found, meant } => {
                format!("`{found}` is {}, not `{}`", meant.name, meant.ascii)
            }
            Flaw::DisguisedKeyword => {
                "this is a keyword, written with letters of another alphabet".into()
            }
            Flaw::Transpose => "`'` does not transpose".into(),
            Flaw::Hash => "`#` begins no comment".into(),
            Flaw::ForeignSign { sign, .. } => format!("`{sign}` is not a sign of the language"),
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Flaw::OpenComment | Flaw::Hash => "odp::syntax::comment",
            Flaw::OpenString | Flaw::SingleQuotes | Flaw::Escape => "odp::syntax::string",
            Flaw::HalfReal
            | Flaw::NumberTail { .. }
            | Flaw::Suffix
            | Flaw::RealTooLarge
            | Flaw::IntTooLarge => "odp::syntax::number",
            Flaw::Control(_) | Flaw::Stray(_) | Flaw::Lookalike { .. } | Flaw::DisguisedKeyword => {
                "odp::syntax::character"
            }
            Flaw::Transpose | Flaw::ForeignSign { .. } => "odp::syntax::operator",
        }
    }

    /// What stands at the place.
    pub fn label(&self) -> &'static str {
        match self {
            Flaw::OpenComment | Flaw::OpenString => "opened here",
            Flaw::Transpose => "a transposed matrix is `transpose(x)`",
            Flaw::NumberTail { .. } => "read as one number",
            _ => "",
        }
    }

    /// One thing to do next.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Flaw::OpenComment => "close it with `*/`; comments nest, so every `/*` inside wants its own".into(),
            Flaw::OpenString => "close it with `\"` on the same line; a line break inside a string is `\\n`".into(),
            Flaw::SingleQuotes => "write \"…\"".into(),
            Flaw::Escape => "the escapes are \\n \\t \\\" \\\\ and \\u{…}".into(),
            Flaw::HalfReal => "write `1.0` for `1.` and `0.5` for `.5`; `a..b` is a range".into(),
            Flaw::NumberTail { .. } => "a product is written with `*`, as in `2 * x`; a real's exponent as in `2e-3`".into(),
            Flaw::Suffix => "write the digits alone, in decimal: an int is `10`, a real `10.0` or `1e3`".into(),
            Flaw::RealTooLarge => "reals reach to about 1.8e308; infinity is `inf`".into(),
            Flaw::IntTooLarge => "ints reach from -9223372036854775808 to 9223372036854775807; with a dot and a digit it is a real".into(),
            Flaw::Control(_) => "remove it; in a string it can be written as `\\u{…}`".into(),
            Flaw::Stray('\\') => "a line goes on by itself inside brackets, and after an operator, a comma or `=`".into(),
            Flaw::Stray('$') => "a record's field is `r.name`; otherwise remove it".into(),
            Flaw::Stray(_) => "remove it; in a text it stands between double quotes".into(),
            Flaw::Lookalike { meant, .. } if meant.is_blank() => "remove it, or put an ordinary space".into(),
            Flaw::Lookalike { meant, .. } => format!("write `{}`", meant.ascii),
            Flaw::DisguisedKeyword => "names are compared after Unicode's NFKC; choose another name, or plain letters".into(),
            Flaw::Transpose => "write `transpose(x)`; strings stand in double quotes".into(),
            Flaw::Hash => "comments begin with `//`".into(),
            Flaw::ForeignSign { sign, meant } => return foreign_sign_help(sign, meant),
        })
    }
}

fn foreign_sign_help(sign: &str, meant: &str) -> Option<String> {
    Some(match sign {
        "<-" | ":=" if meant == "~" => "a draw is written with `~`: `sample x ~ D`".into(),
        "<-" | ":=" => {
            "a value is named with `=`: `let x = e`; an existing `var` is changed with `x = e`"
                .into()
        }
        ".*" | "./" | ".^" => format!("`{meant}` works element by element already"),
        "..=" => "a range `a..b` ends before `b`: write `a..b + 1`".into(),
        "=>" => "a function's type is `fn(T) -> U`, a closure `|x| e`".into(),
        "%/%" => "integer division is `div(a, b)`".into(),
        _ => format!("write `{meant}`"),
    })
}
