//! Text to tree, and text to its canonical form.
//!
//! ```text
//! text --lexer--> tokens, comments, mask --layout--> statements --grammar--> pairs --build--> Program
//!                                                        \---- diagnose: what was meant by one that does not fit
//! ```
//!
//! Statements are read one by one, so a mistake in one leaves the others readable, and each is reported.

pub mod ast;
mod build;
mod complete;
mod diagnose;
mod error;
mod flaw;
mod format;
mod grammar;
mod hint;
mod layout;
mod lexer;
mod lookalike;
mod read;
mod tokens;

#[cfg(test)]
mod tests;

pub use complete::is_complete;
pub use format::format;
#[cfg(test)]
pub use tokens::keywords;
pub use tokens::{TokenKind, tokens};

use crate::base::{FileId, Report};

/// Reads a program. An empty text is a program without statements.
///
/// # Errors
/// Every mistake that was found, in the order of their places.
pub fn parse(file: FileId, text: &str) -> Result<ast::Program, Vec<Report>> {
    with_deep_stack(|| read::read(file, text)).map_err(|errors| {
        errors
            .iter()
            .map(|e| in_characters(e.report(), text))
            .collect()
    })
}

/// A sign of one byte may stand for a character of three: labels cover whole characters.
fn in_characters(mut report: Report, text: &str) -> Report {
    for label in &mut report.labels {
        label.span.start = text.floor_char_boundary(label.span.start as usize) as u32;
        label.span.end = text.ceil_char_boundary(label.span.end as usize) as u32;
    }
    report
}

/// Runs `work` where the deepest text that the limits allow does not overflow the stack.
fn with_deep_stack<T: Send>(work: impl Fn() -> T + Send + Sync) -> T {
    const STACK: usize = 256 << 20;
    let on_thread = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK);
        let handle = builder.spawn_scoped(scope, &work).ok()?;
        Some(handle.join())
    });
    match on_thread {
        Some(Ok(result)) => result,
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        // No thread to be had: the caller's stack serves all but the deepest texts.
        None => work(),
    }
}
