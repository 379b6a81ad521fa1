//! Why there is no answer: reports for a person, the texts they point into, and what kind of failure it was.

use crate::base::{Report, SourceMap};
use crate::infer::InferError;
use crate::lower::Jump;
use crate::store::StoreError;

/// Places that are marked where a program is not smooth: the first few say it.
pub(super) const MOST_JUMPS: usize = 4;

/// What kind of failure: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitKind {
    /// The model is wrong.
    Model,
    /// Usage, or a file or data that cannot be used.
    Input,
    /// A limit was reached.
    Limit,
    /// The numbers failed.
    Numerical,
}

impl ExitKind {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            ExitKind::Model => 1,
            ExitKind::Input => 2,
            ExitKind::Limit => 3,
            ExitKind::Numerical => 4,
        }
    }
}

/// No answer, and why. Warnings that were found on the way come along.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong, the first thing first.
    pub reports: Vec<Report>,
    /// What kind of failure it is.
    pub exit: ExitKind,
    /// The texts that the reports point into.
    pub sources: SourceMap,
}

impl Failure {
    /// One report that points into no text.
    pub fn plain(exit: ExitKind, report: Report) -> Failure {
        Failure {
            reports: vec![report],
            exit,
            sources: SourceMap::default(),
        }
    }

    /// A report about a text that is not a program's: the file's own line is marked.
    pub fn of_store(error: &StoreError, mut sources: SourceMap) -> Failure {
        let exit = match error {
            StoreError::TooLarge { .. } => ExitKind::Limit,
            _ => ExitKind::Input,
        };
        Failure {
            reports: vec![error.report(&mut sources)],
            exit,
            sources,
        }
    }

    /// What an engine could not do.
    pub fn of_infer(error: &InferError, sources: SourceMap) -> Failure {
        let exit = match error {
            InferError::ImpossibleEvidence { .. }
            | InferError::CannotServe { .. }
            | InferError::NotSmooth { .. } => ExitKind::Model,
            InferError::UnknownEngine { .. }
            | InferError::BadOption { .. }
            | InferError::BadState { .. } => ExitKind::Input,
            InferError::Limit { .. } => ExitKind::Limit,
            InferError::Diverged { .. } | InferError::AllFailed { .. } => ExitKind::Numerical,
        };
        let help = match error {
            InferError::Limit { help, .. } => Some(help.clone()),
            InferError::UnknownEngine { .. } => Some("`odp engines` lists all".to_string()),
            InferError::BadOption { .. } => {
                Some("`odp engines NAME` lists an engine's options".to_string())
            }
            InferError::BadState { .. } => {
                Some("run it again from the start, without `--resume`".to_string())
            }
            InferError::CannotServe { .. } => {
                Some("`--infer auto` picks an engine that can".to_string())
            }
            InferError::NotSmooth { .. } => Some(
                "`--infer auto` picks an engine that copes with this; `diffusion` and `smc` do"
                    .to_string(),
            ),
            _ => None,
        };
        let report = Report::error(error.code(), error.to_string()).maybe_help(help);
        let jumps: &[Jump] = match error {
            InferError::NotSmooth { jumps, .. } => jumps,
            _ => &[],
        };
        let marked = jumps
            .iter()
            .take(MOST_JUMPS)
            .fold(report, |report, j| report.label(j.span, j.why.clone()));
        Failure {
            reports: vec![marked],
            exit,
            sources,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::of_store(&error, SourceMap::default())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages: Vec<&str> = self.reports.iter().map(|r| r.message.as_str()).collect();
        f.write_str(&messages.join("; "))
    }
}

impl std::error::Error for Failure {}
