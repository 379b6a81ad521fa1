//! What can go wrong when a model meets its data.

use thiserror::Error;

use crate::base::{Report, Span};

/// Why a model cannot be traced. The exit code that a command ends with follows from [`TraceError::class`].
#[derive(Clone, Debug, Error)]
#[error("{}", .report.message)]
pub struct TraceError {
    /// What a person is told.
    pub report: Report,
    /// Whose fault it is.
    pub class: Class,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The program's.
    Model,
    /// The data's.
    Data,
    /// A limit was reached.
    Limit,
    /// A constant expression fails numerically.
    Numeric,
}

impl TraceError {
    /// The program is wrong at a place.
    pub fn model(
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        let report = Report::error(code, message).label(span, label);
        TraceError {
            report: match super::advice::advice(code) {
                Some(advice) => report.help(advice),
                None => report,
            },
            class: Class::Model,
        }
    }

    /// The data is wrong for a declaration.
    pub fn data(
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        TraceError {
            class: Class::Data,
            ..TraceError::model(code, message, span, label)
        }
    }

    /// A limit was reached.
    pub fn limit(
        code: &'static str,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Self {
        TraceError {
            class: Class::Limit,
            ..TraceError::model(code, message, span, label)
        }
    }

    /// Marks a second place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.report = self.report.label(span, text);
        self
    }

    /// Says what to do next.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.report = self.report.help(text);
        self
    }
}

/// What tracing gives, or why it cannot.
pub type Result<T> = std::result::Result<T, TraceError>;
