//! A program's text as its statements: what each binds, and the piece of the text that is its own.
//!
//! A piece begins where the one before it ends, and ends with the line that its statement ends on; comments above a
//! statement and beside it are its own. So the pieces are the whole text, and one can be taken out or exchanged.

use std::ops::Range;

use super::{ExitKind, Failure};
use crate::base::SourceMap;
use crate::syntax::ast::{Ident, Pattern, Stmt, StmtKind};
use crate::syntax::{self, TokenKind};

/// What a statement is, by its keyword.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementKind {
    Use,
    Data,
    Fn,
    Distribution,
    Let,
    Var,
    Sample,
    Return,
    /// An expression that is no `if`.
    Expression,
    /// What binds no name: `observe`, `factor`, `for`, an assignment, …
    Other,
}

/// One statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFacts {
    /// What it is.
    pub kind: StatementKind,
    /// The names that it binds at file level.
    pub names: Vec<String>,
    /// Its documentation.
    pub doc: Option<String>,
    /// The statement itself, in bytes.
    pub statement: Range<usize>,
    /// The piece of the text that is its own, in bytes.
    pub piece: Range<usize>,
}

/// See [`Session::statements`](super::Session::statements).
pub fn statements(name: &str, text: &str) -> Result<Vec<StatementFacts>, Failure> {
    let mut sources = SourceMap::default();
    let file = sources.add(name, text);
    let program = syntax::parse(file, text).map_err(|reports| Failure {
        reports,
        exit: ExitKind::Model,
        sources,
    })?;
    let mut start = 0;
    let mut facts: Vec<StatementFacts> = Vec::new();
    let words = syntax::tokens(text);
    for stmt in &program.stmts {
        let statement = stmt.span.start as usize..stmt.span.end as usize;
        let end = end_of_line(text, &words, statement.end);
        facts.push(StatementFacts {
            kind: kind(&stmt.kind),
            names: names(stmt),
            doc: stmt.doc.clone(),
            piece: start..end,
            statement,
        });
        start = end;
    }
    if let Some(last) = facts.last_mut() {
        last.piece.end = text.len();
    }
    Ok(facts)
}

/// Where the piece of a statement that ends at `end` does: behind its `;`, the comments beside it and the line break.
fn end_of_line(text: &str, words: &[(Range<usize>, TokenKind)], mut end: usize) -> usize {
    let next = words.partition_point(|(r, _)| r.start < end);
    for (range, kind) in &words[next..] {
        let comment = matches!(kind, TokenKind::Comment | TokenKind::Doc);
        let beside = !text[end..range.start].contains('\n');
        if !beside || !(comment || &text[range.clone()] == ";") {
            break;
        }
        end = range.end;
    }
    let rest = &text[end..];
    let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    match rest[blank..].starts_with('\n') {
        true => end + blank + 1,
        false => end + blank,
    }
}

fn kind(kind: &StmtKind) -> StatementKind {
    use crate::syntax::ast::ExprKind;
    match kind {
        StmtKind::Use(_) => StatementKind::Use,
        StmtKind::Data(_) => StatementKind::Data,
        StmtKind::Fn(_) => StatementKind::Fn,
        StmtKind::Distribution(_) => StatementKind::Distribution,
        StmtKind::Let { .. } => StatementKind::Let,
        StmtKind::Var { .. } => StatementKind::Var,
        StmtKind::Sample { .. } => StatementKind::Sample,
        StmtKind::Return(_) => StatementKind::Return,
        StmtKind::Expr(e) if !matches!(e.kind, ExprKind::If { .. }) => StatementKind::Expression,
        _ => StatementKind::Other,
    }
}

fn names(stmt: &Stmt) -> Vec<String> {
    let one = |name: &Ident| match name.is_discard() {
        true => Vec::new(),
        false => vec![name.name.clone()],
    };
    match &stmt.kind {
        StmtKind::Data(data) => one(&data.name),
        StmtKind::Fn(function) => one(&function.name),
        StmtKind::Distribution(distribution) => one(&distribution.name),
        StmtKind::Var { name, .. } | StmtKind::Sample { name, .. } => one(name),
        StmtKind::Let { pattern, .. } => {
            let mut names = Vec::new();
            bound_by(pattern, &mut names);
            names
        }
        _ => Vec::new(),
    }
}

fn bound_by(pattern: &Pattern, names: &mut Vec<String>) {
    match pattern {
        Pattern::Name(name) => names.push(name.name.clone()),
        Pattern::Discard(_) => {}
        Pattern::Tuple(parts, _) => parts.iter().for_each(|p| bound_by(p, names)),
        Pattern::Record(fields, _) => fields.iter().for_each(|(_, p)| bound_by(p, names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole_text() {
        let text = "// head\n\n/// doc\nlet x = 1 // beside\n\nlet (a, b) = (x, 2); sample y ~ Normal(a, b) /* over\nlines */ // end\nif a > 0 {\n  factor 1\n}\nx + 1\n// tail\n";
        let facts = statements("m.odp", text).unwrap();
        let pieces: Vec<&str> = facts.iter().map(|f| &text[f.piece.clone()]).collect();
        assert_eq!(pieces.concat(), text);
        let expected = [
            "// head\n\n/// doc\nlet x = 1 // beside\n",
            "\nlet (a, b) = (x, 2); ",
            "sample y ~ Normal(a, b) /* over\nlines */ // end\n",
            "if a > 0 {\n  factor 1\n}\n",
            "x + 1\n// tail\n",
        ];
        assert_eq!(pieces, expected);
        let kinds: Vec<StatementKind> = facts.iter().map(|f| f.kind).collect();
        use StatementKind::*;
        assert_eq!(kinds, [Let, Let, Sample, Other, Expression]);
        assert_eq!(facts[0].doc.as_deref(), Some("doc"));
        assert_eq!(facts[1].names, ["a", "b"]);
        assert_eq!(&text[facts[4].statement.clone()], "x + 1");
    }

    #[test]
    fn mistakes_are_told() {
        let failure = statements("m.odp", "let x = \nlet y = )").unwrap_err();
        assert!(!failure.reports.is_empty());
    }
}
