//! Characters that look like, or mean, a sign of the language: what editors, slides and other languages put in its place.

/// A sign of the language, and what to call the character that was found in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meant {
    /// The sign; empty where the character is to be removed. Never longer than the character's UTF-8.
    pub ascii: &'static str,
    /// What the character is called.
    pub name: &'static str,
}

/// The sign that a character stands for, if it is known.
pub(super) fn meant(c: char) -> Option<Meant> {
    let (ascii, name) = match c {
        '−' | '➖' | '﹣' | '－' => ("-", "a minus sign from a text editor"),
        '‐' | '‑' | '‒' | '–' | '—' | '―' => ("-", "a dash"),
        '×' | '⋅' | '·' | '∙' | '✕' | '∗' => ("*", "a multiplication sign"),
        '÷' | '∕' | '⁄' => ("/", "a division sign"),
        '≤' | '⩽' => ("<=", "a less-or-equal sign"),
        '≥' | '⩾' => (">=", "a greater-or-equal sign"),
        '≠' => ("!=", "a not-equal sign"),
        '∼' | '～' | '˜' | '∽' => ("~", "a tilde of another alphabet"),
        '“' | '”' | '„' | '‟' | '«' | '»' | '＂' => ("\"", "a typographic quote"),
        '‘' | '’' | '‚' => ("\"", "a typographic quote"),
        '…' => ("..", "an ellipsis"),
        '（' => ("(", "a full-width bracket"),
        '）' => (")", "a full-width bracket"),
        '［' => ("[", "a full-width bracket"),
        '］' => ("]", "a full-width bracket"),
        '｛' => ("{", "a full-width bracket"),
        '｝' => ("}", "a full-width bracket"),
        '，' | '、' => (",", "a full-width comma"),
        '；' | ';' => (";", "another alphabet's semicolon"),
        '：' => (":", "a full-width colon"),
        '＝' => ("=", "a full-width equals sign"),
        '＋' => ("+", "a full-width plus sign"),
        '＊' => ("*", "a full-width asterisk"),
        '＜' => ("<", "a full-width sign"),
        '＞' => (">", "a full-width sign"),
        '｜' => ("|", "a full-width bar"),
        '←' => ("=", "an arrow"),
        '→' => ("->", "an arrow"),
        '∈' => ("in", "an element sign"),
        '∧' => ("and", "a logical and"),
        '∨' => ("or", "a logical or"),
        '¬' => ("!", "a logical not"),
        '∞' => ("inf", "an infinity sign"),
        '²' => ("^2", "a superscript"),
        '³' => ("^3", "a superscript"),
        '\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{3000}' | '\u{2009}' | '\u{2003}' | '\u{2002}' => {
            (" ", "a no-break space or another wide blank")
        }
        '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{200e}'
        | '\u{200f}' | '\u{ad}' => ("", "an invisible character"),
        '\u{2028}' | '\u{2029}' => (" ", "a line separator"),
        _ => return None,
    };
    Some(Meant { ascii, name })
}

impl Meant {
    /// Whether nothing needs to stand in the character's place.
    pub fn is_blank(&self) -> bool {
        self.ascii.trim().is_empty()
    }
}
