//! What can go wrong while inferring: facts for the session, which adds places in the program and the exit code.

use crate::lower::Jump;

/// Why an engine has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InferError {
    /// No execution has positive weight, as far as a search can tell.
    #[error("no execution of the program agrees with the evidence ({tried} were tried)")]
    ImpossibleEvidence {
        /// Executions evaluated before giving up.
        tried: u64,
    },
    /// The engine is not made for this program.
    #[error("`{engine}` cannot serve this program: {why}")]
    CannotServe {
        /// The engine.
        engine: &'static str,
        /// The reason, and what would do instead.
        why: String,
    },
    /// The engine follows gradients, and log r has none that could be followed everywhere.
    #[error("`{engine}` cannot serve this program: its log-weight is not smooth")]
    NotSmooth {
        /// The engine.
        engine: &'static str,
        /// What keeps log r from being smooth.
        jumps: Vec<Jump>,
    },
    /// No engine has that name.
    #[error("there is no engine `{name}`{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownEngine {
        /// The name that was asked for.
        name: String,
        /// The closest name there is.
        suggestion: Option<String>,
    },
    /// An option has no such name, or a value that cannot be used.
    #[error("option `{name}`: {why}")]
    BadOption {
        /// The option's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A state to go on from that is not one of this run.
    #[error("`{engine}` cannot go on from this state: {why}")]
    BadState {
        /// The engine.
        engine: &'static str,
        /// What does not fit.
        why: &'static str,
    },
    /// The numbers ran away, for good.
    #[error("`{engine}` failed numerically: {why}")]
    Diverged {
        /// The engine.
        engine: &'static str,
        /// What happened.
        why: String,
    },
    /// Every execution failed numerically.
    #[error("every execution failed numerically ({failed} of {failed})")]
    AllFailed {
        /// Failed executions.
        failed: u64,
    },
    /// A limit was reached.
    #[error("{what} would be {wanted}, above the limit of {limit}")]
    Limit {
        /// What is limited.
        what: String,
        /// What was asked for.
        wanted: f64,
        /// The limit.
        limit: f64,
        /// What to do next.
        help: String,
    },
}

impl InferError {
    /// A stable code with a page in the documentation.
    pub fn code(&self) -> &'static str {
        match self {
            InferError::ImpossibleEvidence { .. } => "odp::infer::impossible_evidence",
            InferError::CannotServe { .. } => "odp::infer::cannot_serve",
            InferError::NotSmooth { .. } => "odp::infer::not_smooth",
            InferError::UnknownEngine { .. } => "odp::infer::unknown_engine",
            InferError::BadOption { .. } => "odp::infer::bad_option",
            InferError::BadState { .. } => "odp::infer::bad_state",
            InferError::Diverged { .. } => "odp::infer::diverged",
            InferError::AllFailed { .. } => "odp::infer::all_failed",
            InferError::Limit { .. } => "odp::infer::limit",
        }
    }
}
