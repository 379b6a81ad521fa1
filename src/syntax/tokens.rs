//! The words of a text, for whoever colours or completes it; any text has them.

use std::ops::Range;

#[cfg(test)]
use super::lexer::KEYWORDS;
use super::lexer::{CommentKind, Kind, lex};
use crate::base::FileId;

/// What a word of a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A name.
    Name,
    /// A keyword.
    Keyword,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A sign.
    Sign,
    /// A comment.
    Comment,
    /// Documentation.
    Doc,
}

/// Where the words of a text stand, in bytes, and what they are; what stands between them is space, or cannot be read.
pub fn tokens(text: &str) -> Vec<(Range<usize>, TokenKind)> {
    let lexed = lex(FileId::default(), text);
    let words = lexed.tokens.iter().map(|t| {
        let kind = match t.kind {
            Kind::Name => TokenKind::Name,
            Kind::Keyword => TokenKind::Keyword,
            Kind::Number => TokenKind::Number,
            Kind::Str => TokenKind::Text,
            Kind::Punct => TokenKind::Sign,
        };
        (t.start..t.end, kind)
    });
    let comments = lexed.comments.iter().map(|c| {
        let kind = match c.kind {
            CommentKind::Doc => TokenKind::Doc,
            CommentKind::Line | CommentKind::Block => TokenKind::Comment,
        };
        (c.start..c.end, kind)
    });
    let mut all: Vec<_> = words.chain(comments).collect();
    // A sign of one byte may stand for a character of three.
    for (range, _) in &mut all {
        *range = text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end);
    }
    all.sort_by_key(|(range, _)| range.start);
    all
}

/// The words that cannot be names.
#[cfg(test)]
pub fn keywords() -> &'static [&'static str] {
    &KEYWORDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        let text = "/// d\nlet x = 1.5 // c\nf(\"s\")";
        let shown: Vec<_> = tokens(text)
            .into_iter()
            .map(|(r, k)| (&text[r], k))
            .collect();
        use TokenKind::*;
        let expected = [
            ("/// d", Doc),
            ("let", Keyword),
            ("x", Name),
            ("=", Sign),
            ("1.5", Number),
            ("// c", Comment),
            ("f", Name),
            ("(", Sign),
            ("\"s\"", Text),
            (")", Sign),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn any_text_has_words_in_order() {
        for text in ["“x” − µ≤", "\"open", "a\u{0}b", "½ 🙂 /* x", "1. .5 0..3"] {
            let found = tokens(text);
            assert!(
                found.iter().all(|(r, _)| text.get(r.clone()).is_some()),
                "{text}"
            );
            assert!(
                found.windows(2).all(|w| w[0].0.start <= w[1].0.start),
                "{text}"
            );
        }
    }
}
