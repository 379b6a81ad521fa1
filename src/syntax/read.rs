//! A file's statements, one after the other: what fits the grammar is built, what does not is reported.

use std::cell::RefCell;

use pest::Parser;
use pest::error::{Error, ErrorVariant, InputLocation};

use super::ast::{Program, Stmt};
use super::build::Builder;
use super::diagnose::{Failure, diagnose};
use super::error::SyntaxError;
use super::grammar::{Grammar, Rule};
use super::layout::{Layout, Segment, lay_out};
use super::lexer::{Lexed, lex};
use crate::base::{FileId, Span};

/// Nobody reads more.
const MAX_ERRORS: usize = 100;

/// How often one statement of the file is read again, without the inner statements that did not fit.
const MAX_ATTEMPTS: usize = 20;

/// Reads a program; the errors stand in the order of their places.
pub(super) fn read(file: FileId, text: &str) -> Result<Program, Vec<SyntaxError>> {
    let Ok(_) = u32::try_from(text.len()) else {
        return Err(vec![SyntaxError::TooLong { file }]);
    };
    let lexed = lex(file, text);
    let layout = lay_out(file, text, &lexed);
    let mut reader = Reader {
        file,
        lexed: &lexed,
        layout: &layout,
        errors: [&lexed.errors[..], &layout.errors].concat(),
    };
    let stmts = match layout.fatal {
        true => Vec::new(),
        false => reader.statements(),
    };
    let mut errors = reader.errors;
    if errors.is_empty() {
        let span = Span::new(file, 0, text.len());
        return Ok(Program { file, stmts, span });
    }
    errors.sort_by_key(|e| e.span().start);
    errors.dedup();
    drop_consequences(&mut errors);
    errors.truncate(MAX_ERRORS);
    Err(errors)
}

/// Where a `{` is missing, its `}` has no partner: that is no second mistake.
fn drop_consequences(errors: &mut Vec<SyntaxError>) {
    let mut missing = 0usize;
    errors.retain(|error| match error {
        SyntaxError::Unexpected { expected, .. } if expected.contains("`{`") => {
            missing += 1;
            true
        }
        SyntaxError::Unopened { bracket: '}', .. } if missing > 0 => {
            missing -= 1;
            false
        }
        _ => true,
    });
}

struct Reader<'t> {
    file: FileId,
    lexed: &'t Lexed,
    layout: &'t Layout,
    errors: Vec<SyntaxError>,
}

impl Reader<'_> {
    fn statements(&mut self) -> Vec<Stmt> {
        let layout = self.layout;
        let mut stmts = Vec::new();
        for segment in layout
            .segments
            .iter()
            .filter(|s| s.depth == 1 && !s.damaged)
        {
            if self.errors.len() > MAX_ERRORS {
                break;
            }
            stmts.extend(self.statement(segment));
        }
        stmts
    }

    fn statement(&mut self, segment: &Segment) -> Option<Stmt> {
        let start = self.lexed.tokens[segment.first].start;
        let end = self.lexed.tokens[segment.end - 1].end;
        let masked = &self.layout.mask[start..end];
        match self.build(masked, start) {
            Ok(stmt) => Some(stmt),
            Err(failure) => {
                self.recover(masked.to_owned(), start, failure);
                None
            }
        }
    }

    fn build(&mut self, masked: &str, base: usize) -> Result<Stmt, Failure> {
        let mut pairs = Grammar::parse(Rule::alone, masked).map_err(|e| failure(&e, base))?;
        let builder = Builder {
            file: self.file,
            text: &self.layout.mask,
            docs: &self.layout.docs,
            base,
            errors: RefCell::new(Vec::new()),
        };
        let stmt = builder.statement(pairs.next().expect("`alone` has a statement"));
        if !self.malformed(base, base + masked.len()) {
            self.errors.extend(builder.errors.into_inner());
        }
        Ok(stmt)
    }

    /// Reports the innermost statement that did not fit, takes it out and reads the rest again.
    fn recover(&mut self, mut masked: String, base: usize, mut failure: Failure) {
        for _ in 0..MAX_ATTEMPTS {
            let segment = self.innermost(failure.at);
            self.report(&segment, &failure);
            if segment.depth == 1 {
                return;
            }
            let start = self.lexed.tokens[segment.first].start - base;
            let end = self.lexed.tokens[segment.end - 1].end - base;
            masked.replace_range(start..end, &" ".repeat(end - start));
            match self.build(&masked, base) {
                Ok(_) => return,
                Err(next) => failure = next,
            }
        }
    }

    fn innermost(&self, at: usize) -> Segment {
        let start = |s: &Segment| self.lexed.tokens[s.first].start;
        let around = self.layout.segments.iter();
        *around
            .filter(|s| start(s) <= at && at <= s.limit)
            .max_by_key(|s| start(s))
            .expect("a failure stands in a statement")
    }

    fn report(&mut self, segment: &Segment, failure: &Failure) {
        let start = self.lexed.tokens[segment.first].start;
        if !self.malformed(start, failure.at + 1) {
            let error = diagnose(self.file, self.lexed, self.layout, segment, failure);
            self.errors.push(error);
        }
    }

    /// Whether a malformed token between two bytes has been reported: what follows from it is no news.
    fn malformed(&self, from: usize, to: usize) -> bool {
        let places = self.lexed.errors.iter().map(|e| e.span().start as usize);
        places.into_iter().any(|at| from <= at && at < to)
    }
}

fn failure(error: &Error<Rule>, base: usize) -> Failure {
    let at = match error.location {
        InputLocation::Pos(at) => at,
        InputLocation::Span((at, _)) => at,
    };
    let wanted = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.clone(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    Failure {
        at: base + at,
        wanted,
    }
}
