//! What texts become: trees, and errors at their places.

mod corpus;
mod errors;
mod expressions;
mod format;
mod format_random;
mod fuzz;
mod limits;
mod places;
mod statements;
mod tree;

use super::*;

/// The tree of a text, as S-expressions.
fn tree(text: &str) -> String {
    match parse(FileId(0), text) {
        Ok(program) => tree::program(&program),
        Err(reports) => panic!("`{text}` does not parse: {reports:#?}"),
    }
}

/// Checks `text => tree` lines, so that a table of the language reads as a table.
fn check(rows: &[(&str, &str)]) {
    for (text, wanted) in rows {
        assert_eq!(tree(text), *wanted, "in `{text}`");
    }
}
