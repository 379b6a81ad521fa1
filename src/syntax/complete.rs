//! Whether a text may end where it ends: what a prompt asks before it takes a line for the last one.

use pest::Parser;
use pest::error::InputLocation;

use super::error::SyntaxError;
use super::grammar::{Grammar, Rule};
use super::layout::{Layout, lay_out};
use super::lexer::{CommentKind, Lexed, lex};
use crate::base::FileId;

/// Whether a text ends with a whole statement; a mistake within it is none of what is asked. A bracket or a comment that
/// is open, an operator without its operand and documentation without its statement want more.
pub fn is_complete(text: &str) -> bool {
    super::with_deep_stack(|| {
        let file = FileId::default();
        let lexed = lex(file, text);
        if lexed.truncated || ends_in_documentation(&lexed) {
            return false;
        }
        let layout = lay_out(file, text, &lexed);
        let open = |e: &SyntaxError| matches!(e, SyntaxError::Unclosed { .. });
        !layout.errors.iter().any(open) && (layout.fatal || ends_whole(&lexed, &layout))
    })
}

fn ends_in_documentation(lexed: &Lexed) -> bool {
    let last = lexed.comments.iter().rfind(|c| c.kind == CommentKind::Doc);
    last.is_some_and(|c| lexed.tokens.last().is_none_or(|t| t.end <= c.start))
}

/// Whether the grammar finds nothing missing at the end of the last statement.
fn ends_whole(lexed: &Lexed, layout: &Layout) -> bool {
    let Some(last) = layout.segments.iter().rfind(|s| s.depth == 1) else {
        return true;
    };
    let start = lexed.tokens[last.first].start;
    let end = lexed.tokens[last.end - 1].end;
    match Grammar::parse(Rule::alone, &layout.mask[start..end]) {
        Ok(_) => true,
        Err(error) => match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at < end - start,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_wants_more() {
        let open = [
            "sample x ~",
            "let x =",
            "let x = 1 +",
            "let x = [1,",
            "let x = [1, 2\n",
            "fn f(x)",
            "fn f(x) {\n  x",
            "if x > 0 {",
            "if x > 0",
            "/* a comment",
            "/// says what follows",
            "f(",
            "let",
            "x |>",
            "for i in 0..3",
        ];
        for text in open {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn what_is_whole_or_wrong_does_not() {
        let whole = [
            "",
            "// a comment",
            "sample x ~ Normal(0, 1)",
            "let x = 1\nlet y = 2",
            "fn f(x) {\n  x\n}",
            "x",
            "let x = \"open",
            "smaple x ~ Normal(0, 1)",
            "1 2",
            ")",
            "let x = [1)",
            "x ~ Normal(0, 1)",
            "return { a }",
        ];
        for text in whole {
            assert!(is_complete(text), "{text}");
        }
    }
}
