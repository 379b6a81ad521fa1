//! Where entries come from: a person at a prompt, or the lines of a script.
//!
//! An entry is one line, or more while a bracket is open or something is missing at the end. An empty line ends it all the
//! same; where a bracket is open it takes two, so that the body of a function may have an empty one.

use std::io::{BufRead, StdinLock};

use odp::Session;

/// What was entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A command, or a piece of a program.
    Text(String),
    /// Nothing: what was begun has been abandoned.
    Abandoned,
    /// No more.
    End,
}

/// Whether an entry goes on after this text.
pub fn wants_more(text: &str) -> bool {
    if is_command(text) || Session::is_complete(text) {
        return false;
    }
    let empty = text
        .lines()
        .rev()
        .take_while(|l| l.trim().is_empty())
        .count();
    empty + usize::from(text.ends_with('\n')) < if has_open_bracket(text) { 2 } else { 1 }
}

/// Whether a line is a command.
pub fn is_command(text: &str) -> bool {
    text.trim_start().starts_with(':')
}

fn has_open_bracket(text: &str) -> bool {
    let depth: i64 = Session::tokens(text)
        .into_iter()
        .map(|(range, _)| match &text[range] {
            "(" | "[" | "{" => 1,
            ")" | "]" | "}" => -1,
            _ => 0,
        })
        .sum();
    depth > 0
}

/// The lines of a script.
pub struct Script<R> {
    lines: R,
    /// A line that was read to see whether it goes on with the one before it.
    waiting: Option<String>,
}

impl Script<StdinLock<'static>> {
    /// What comes through stdin.
    pub fn stdin() -> Self {
        Script::new(std::io::stdin().lock())
    }
}

impl<R: BufRead> Script<R> {
    fn new(lines: R) -> Script<R> {
        Script {
            lines,
            waiting: None,
        }
    }

    /// The next entry. Lines that are not UTF-8 are read as well as they can be.
    pub fn next(&mut self) -> Entry {
        let Some(mut text) = self.line() else {
            return Entry::End;
        };
        while let Some(line) = self.line() {
            let goes_on = wants_more(&text) && !is_known_command(&line);
            if !(goes_on || (continues(&line) && !is_command(&text))) {
                self.waiting = Some(line);
                break;
            }
            text.push('\n');
            text.push_str(&line);
        }
        Entry::Text(text)
    }

    fn line(&mut self) -> Option<String> {
        if let Some(line) = self.waiting.take() {
            return Some(line);
        }
        let mut bytes = Vec::new();
        let n = self.lines.read_until(b'\n', &mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        (n > 0).then(|| text.trim_end_matches(['\n', '\r']).to_string())
    }
}

/// Whether a line can only go on with what stands above it.
fn continues(line: &str) -> bool {
    let line = line.trim_start();
    let word = |w: &str| {
        line.strip_prefix(w)
            .is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    line.starts_with("|>") || ["else", "where", "from"].into_iter().any(word)
}

/// A command ends what a script has left open: one slip does not swallow all that follows.
fn is_known_command(line: &str) -> bool {
    line.starts_with(':') && super::command::read(line).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<String> {
        let mut script = Script::new(text.as_bytes());
        let next = || match script.next() {
            Entry::Text(text) => Some(text),
            _ => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn entries_are_lines_or_more() {
        let text = "let x = 1\nfn f(a) {\n\n  a\n}\nlet y =\n 2\n:show\n";
        let expected = ["let x = 1", "fn f(a) {\n\n  a\n}", "let y =\n 2", ":show"];
        assert_eq!(entries(text), expected);
        assert_eq!(
            entries("if a {\n}\nelse {\n}\nx"),
            ["if a {\n}\nelse {\n}", "x"]
        );
        assert_eq!(entries("xs\n  |> sum()\n"), ["xs\n  |> sum()"]);
        assert_eq!(entries("a\r\nb"), ["a", "b"]);
    }

    #[test]
    fn what_is_left_open_ends_in_time() {
        assert_eq!(entries("let x =\n\ny\n"), ["let x =\n", "y"]);
        assert_eq!(entries("f(\n\n\ny\n"), ["f(\n\n", "y"]);
        assert_eq!(entries("f(\n:show\ny"), ["f(", ":show", "y"]);
        assert_eq!(entries("f("), ["f("]);
    }
}
