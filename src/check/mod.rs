//! Program in, checked model out: names to slots, types and shapes, warnings.
//!
//! ```text
//! ast::Program ──resolve──▶ ir::Model ──infer──▶ types and shapes agree ──lint──▶ warnings
//! ```

mod endless;
mod error;
mod family;
mod infer;
mod lint;
mod mismatch;
mod names;
mod order;
mod resolve;
mod scope;
mod signature;
mod synonyms;
#[cfg(test)]
mod tests;
mod types;
mod usage;

use crate::base::{Report, SourceMap, Span};
use crate::ir::{Builtin, Constant, Model, Type};
use crate::syntax::ast::{Program, UsePath};
use lint::Lint;

/// A model that can be traced, and what should be looked at all the same.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The model.
    pub model: Model,
    /// Warnings.
    pub warnings: Vec<Report>,
    /// The type of what the last `return` at file level gives; `Unit` without one.
    pub result: Type,
}

/// A `use` whose text is wanted.
#[derive(Clone, Copy, Debug)]
pub struct UseRequest<'a> {
    /// What is used.
    pub path: &'a UsePath,
    /// The `use` statement.
    pub span: Span,
    /// The name of the file that it stands in: paths are relative to it.
    pub from: &'a str,
}

/// A file whose constant is wanted: `csv("d.csv")`.
#[derive(Clone, Copy, Debug)]
pub struct AssetRequest<'a> {
    /// What reads it.
    pub builtin: Builtin,
    /// The path as written.
    pub path: &'a str,
    /// The path of the data beside it and its place, for what reads two files.
    pub data: Option<(&'a str, Span)>,
    /// The path's place.
    pub span: Span,
    /// The name of the file that it stands in.
    pub from: &'a str,
}

/// Where the files that a program names come from.
pub trait Loader {
    /// The name (one per file, however it is reached) and the text of a used file.
    ///
    /// # Errors
    /// A report that points at the `use` when there is no such file.
    fn load(&self, request: &UseRequest) -> Result<(String, String), Report>;

    /// The constant in a file.
    ///
    /// # Errors
    /// A report that points at the path when there is no such file, or it holds something else.
    fn asset(&self, request: &AssetRequest) -> Result<Constant, Report>;
}

/// Checks a program: `name` is the model's, `sources` hold its text, `loader` finds what it uses.
///
/// # Errors
/// All that was found wrong, in the order of the text.
pub fn check(
    program: Program,
    name: &str,
    sources: SourceMap,
    loader: &dyn Loader,
) -> Result<Checked, Vec<Report>> {
    let resolved = resolve::resolve(&program, name, sources, loader);
    let model = &resolved.model;
    let mut errors = resolved.errors;
    errors.extend(endless::endless(model));
    errors.extend(order::too_early(model, &resolved.globals));
    let mut reports: Vec<Report> = errors.iter().map(error::CheckError::report).collect();
    reports.extend(resolved.reports);
    let inferred = infer::infer(model, &resolved.globals, &resolved.locals);
    reports.extend(inferred.reports);
    if !reports.is_empty() {
        let mut reports = in_order(reports);
        reports.truncate(MAX_TOLD);
        return Err(reports);
    }
    let mut lints = resolved.lints;
    lints.extend(lint::lints(&lint::Scene {
        model,
        usage: &resolved.usage,
        globals: &resolved.globals,
        locals: &resolved.locals,
    }));
    let strings = inferred.strings.iter();
    lints.extend(strings.map(|span| Lint::StringOutput { span: *span }));
    if lint::names_outputs(model) {
        lints.retain(|l| !matches!(l, Lint::SameSite { .. }));
    }
    let own = lints.iter().filter(|l| l.file() == program.file);
    let mut warnings = in_order(own.map(Lint::report).collect());
    warnings.truncate(MAX_TOLD);
    let mut model = resolved.model;
    model
        .distributions
        .iter_mut()
        .zip(inferred.over)
        .for_each(|(d, over)| d.over = over);
    Ok(Checked {
        model,
        warnings,
        result: inferred.result,
    })
}

/// Nobody reads more.
const MAX_TOLD: usize = 100;

/// In the order of the text, each place and code once.
fn in_order(mut reports: Vec<Report>) -> Vec<Report> {
    let place = |r: &Report| r.labels.first().map(|l| l.span).unwrap_or_default();
    reports.sort_by_key(|r| (place(r).file, place(r).start, place(r).end));
    reports.dedup_by(|a, b| a.code == b.code && place(a) == place(b));
    reports
}
