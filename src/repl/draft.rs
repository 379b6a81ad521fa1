//! The program as it grows: statements, each with its own piece of the text, and the inputs.
//!
//! A statement that binds names which an earlier one binds takes its place. Where the program does not check so, it goes
//! to the end: a `let` beside the earlier one, which it shadows, anything else instead of it.

use std::sync::Arc;

use odp::{Failure, Inputs, Session, StatementFacts, StatementKind};

/// The program so far.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its file's name, for messages and for what it uses.
    pub name: String,
    /// Its statements; a `return` stands last.
    pub pieces: Vec<Piece>,
    /// What it is given.
    pub inputs: Arc<Inputs>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its lines, with the comments that belong to it.
    pub text: String,
    /// The statement alone.
    pub statement: String,
    /// What it is.
    pub kind: StatementKind,
    /// The names that it binds.
    pub names: Vec<String>,
    /// Its documentation.
    pub doc: Option<String>,
}

/// Where new statements went, in the user's words.
pub type Notes = Vec<String>;

/// The statements of a text.
pub fn pieces(name: &str, text: &str) -> Result<Vec<Piece>, Failure> {
    let piece = |f: StatementFacts| {
        let own = &text[f.piece];
        let own = own.strip_suffix('\n').unwrap_or(own);
        Piece {
            text: own.trim_start_matches([' ', '\t']).to_string(),
            statement: text[f.statement].to_string(),
            kind: f.kind,
            names: f.names,
            doc: f.doc,
        }
    };
    let facts = Session::statements(name, text)?;
    Ok(facts.into_iter().map(piece).collect())
}

impl Draft {
    /// No statements.
    pub fn empty(inputs: Arc<Inputs>) -> Draft {
        Draft {
            name: "repl".to_string(),
            pieces: Vec::new(),
            inputs,
        }
    }

    /// A file's program.
    pub fn read(name: &str, text: &str, inputs: Arc<Inputs>) -> Result<Draft, Failure> {
        let pieces = pieces(name, text)?;
        Ok(Draft {
            name: name.to_string(),
            pieces,
            inputs,
        })
    }

    /// Its text, ready to be a file.
    pub fn text(&self) -> String {
        lines(self.pieces.iter())
    }

    /// Its text without its result: every named site is an output then.
    pub fn text_without_return(&self) -> String {
        lines(
            self.pieces
                .iter()
                .filter(|p| p.kind != StatementKind::Return),
        )
    }

    /// The names that it binds, each once.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.pieces.iter().flat_map(|p| &p.names) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// The statement that a name comes from.
    pub fn origin(&self, name: &str) -> Option<&Piece> {
        let binds = |p: &&Piece| p.names.iter().any(|n| n == name);
        self.pieces.iter().rfind(binds)
    }

    /// The program with new statements in the places of those that they replace.
    pub fn in_place(&self, new: &[Piece]) -> (Draft, Notes) {
        let (mut draft, mut notes) = (self.clone(), Notes::new());
        for piece in new {
            match draft.earlier(piece) {
                Some(at) => {
                    notes.push(format!("{} is replaced", subject(piece)));
                    draft.pieces[at] = piece.clone();
                }
                None => draft.push(piece.clone()),
            }
        }
        (draft, notes)
    }

    /// The program with new statements at its end; `None` where that is no other program than [`Draft::in_place`].
    pub fn at_end(&self, new: &[Piece]) -> Option<(Draft, Notes)> {
        let (mut draft, mut notes) = (self.clone(), Notes::new());
        for piece in new {
            if let Some(at) = draft.earlier(piece).filter(|_| !piece.names.is_empty()) {
                if piece.kind == StatementKind::Let && draft.pieces[at].kind == piece.kind {
                    notes.push(format!("{} is bound anew, from here on", subject(piece)));
                } else {
                    notes.push(format!(
                        "{} is replaced, and now stands last",
                        subject(piece)
                    ));
                    draft.pieces.remove(at);
                }
            }
            draft.push(piece.clone());
        }
        (!notes.is_empty()).then_some((draft, notes))
    }

    /// The last statement that binds the same names, or the program's result where this is one.
    fn earlier(&self, piece: &Piece) -> Option<usize> {
        let same = |p: &Piece| match piece.kind {
            StatementKind::Return => p.kind == StatementKind::Return,
            _ => !piece.names.is_empty() && same_names(&p.names, &piece.names),
        };
        self.pieces.iter().rposition(same)
    }

    /// Adds a statement, in front of a `return` at the end.
    fn push(&mut self, piece: Piece) {
        let returns = self
            .pieces
            .last()
            .is_some_and(|p| p.kind == StatementKind::Return);
        let at = self.pieces.len() - usize::from(returns);
        self.pieces.insert(at, piece);
    }
}

fn lines<'a>(pieces: impl Iterator<Item = &'a Piece>) -> String {
    let mut text = String::new();
    for piece in pieces {
        text.push_str(&piece.text);
        text.push('\n');
    }
    text
}

fn same_names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

fn subject(piece: &Piece) -> String {
    match piece.kind {
        StatementKind::Return => "the program's result".to_string(),
        _ => {
            let names: Vec<String> = piece.names.iter().map(|n| format!("`{n}`")).collect();
            names.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft::read("m.odp", text, Arc::default()).unwrap()
    }

    fn with(draft: &Draft, text: &str) -> String {
        draft.in_place(&pieces("m.odp", text).unwrap()).0.text()
    }

    #[test]
    fn a_file_comes_back_as_it_was() {
        for text in [
            "let x = 1 // one\n\n/// two\nlet y = 2\n// end\n",
            "let x = 1\n",
        ] {
            assert_eq!(draft(text).text(), text);
        }
        assert_eq!(
            draft("let x = 1; let y = 2").text(),
            "let x = 1; \nlet y = 2\n"
        );
    }

    #[test]
    fn a_second_one_takes_the_place_of_the_first() {
        let d = draft("let x = 1\nlet y = x\nreturn y\n");
        assert_eq!(with(&d, "let x = 2"), "let x = 2\nlet y = x\nreturn y\n");
        assert_eq!(
            with(&d, "let z = 3"),
            "let x = 1\nlet y = x\nlet z = 3\nreturn y\n"
        );
        assert_eq!(with(&d, "return x"), "let x = 1\nlet y = x\nreturn x\n");
        assert_eq!(with(&d, "factor x\nfactor x").lines().count(), 5);
    }

    #[test]
    fn or_goes_to_the_end() {
        let d = draft("let x = 1\nsample y ~ Normal(x, 1)\n");
        let at_end = |text: &str| {
            d.at_end(&pieces("m.odp", text).unwrap())
                .map(|(d, _)| d.text())
        };
        let shadowed = "let x = 1\nsample y ~ Normal(x, 1)\nlet x = x + 1\n";
        assert_eq!(at_end("let x = x + 1").unwrap(), shadowed);
        let moved = "sample y ~ Normal(x, 1)\nsample x ~ Normal(0, 1)\n";
        assert_eq!(at_end("sample x ~ Normal(0, 1)").unwrap(), moved);
        assert_eq!(at_end("let z = 1"), None);
    }
}
