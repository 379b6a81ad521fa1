//! Colours for a program's text.

use std::sync::LazyLock;

use odp::{Session, TokenKind};

const KEYWORD: &str = "\x1b[35m";
const NUMBER: &str = "\x1b[36m";
const TEXT: &str = "\x1b[32m";
const DISTRIBUTION: &str = "\x1b[33m";
const COMMENT: &str = "\x1b[2m";
const COMMAND: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

static DISTRIBUTIONS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let combinators = odp::combinators().into_iter().map(|w| w.name);
    combinators
        .chain(odp::distributions().iter().map(|d| d.name))
        .collect()
});

/// A text with colours. A distribution's name is coloured unless the program has taken it for something of its own.
pub fn coloured<S: AsRef<str>>(text: &str, own: &[S]) -> String {
    if let Some(command) = command_word(text) {
        let (word, rest) = text.split_at(command);
        return format!("{COMMAND}{word}{RESET}{}", coloured(rest, own));
    }
    let mut out = String::with_capacity(2 * text.len());
    let mut at = 0;
    for (range, kind) in Session::tokens(text) {
        let word = &text[range.clone()];
        out.push_str(&text[at..range.start]);
        at = range.end;
        match colour(word, kind, own) {
            Some(colour) => out.extend([colour, word, RESET]),
            None => out.push_str(word),
        }
    }
    out + &text[at..]
}

fn colour<S: AsRef<str>>(word: &str, kind: TokenKind, own: &[S]) -> Option<&'static str> {
    match kind {
        TokenKind::Keyword => Some(KEYWORD),
        TokenKind::Number => Some(NUMBER),
        TokenKind::Text => Some(TEXT),
        TokenKind::Comment | TokenKind::Doc => Some(COMMENT),
        TokenKind::Name => {
            let shadowed = own.iter().any(|n| n.as_ref() == word);
            (!shadowed && DISTRIBUTIONS.contains(&word)).then_some(DISTRIBUTION)
        }
        TokenKind::Sign => None,
    }
}

/// Where the command's word ends, if the text is a command.
fn command_word(text: &str) -> Option<usize> {
    text.starts_with(':')
        .then(|| text.find(char::is_whitespace).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_else() {
        let own: [&str; 0] = [];
        for text in [
            "sample x ~ Normal(0, 1) // c",
            ":plot x + 1",
            "“µ” \"s",
            "",
            "\u{0}1",
        ] {
            let mut plain = String::new();
            let mut rest = coloured(text, &own);
            while let Some((before, after)) = rest.split_once('\x1b') {
                plain.push_str(before);
                rest = after
                    .split_once('m')
                    .map_or(String::new(), |(_, r)| r.to_string());
            }
            assert_eq!(plain + &rest, text);
        }
    }

    #[test]
    fn distributions_are_coloured_unless_shadowed() {
        assert!(coloured("Normal", &[""]).contains(DISTRIBUTION));
        assert_eq!(coloured("Normal", &["Normal"]), "Normal");
    }
}
