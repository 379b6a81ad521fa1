//! What a person is told: a headline, marked places, one thing to do next. Source text is attached at the edge.

use super::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The program or its data cannot be used.
    Error,
    /// It can, but look here.
    Warning,
}

/// A marked place and what is said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// One diagnostic, free of source text and of colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Error or warning.
    pub severity: Severity,
    /// A stable code such as `odp::check::unknown_name`.
    pub code: &'static str,
    /// The headline, in the user's words.
    pub message: String,
    /// Marked places, the main one first.
    pub labels: Vec<Label>,
    /// One thing to do next.
    pub help: Option<String>,
}

impl Report {
    /// An error with a code and a headline.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Report {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// A warning with a code and a headline.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Report {
            severity: Severity::Warning,
            ..Report::error(code, message)
        }
    }

    /// Marks a place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says what to do next.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Says what to do next, if there is something to say.
    pub fn maybe_help(mut self, text: Option<String>) -> Self {
        self.help = text.or(self.help);
        self
    }
}
