//! Warnings: what a program may do, but seldom means.

use super::visit;
use crate::base::{Report, Span};
use crate::ir::{Expr, ExprKind, Model, StmtKind};

/// Something to look at.
#[derive(Clone, Debug)]
pub(super) enum Lint {
    /// A name that hides a built-in.
    Shadow { name: String, span: Span },
    /// A draw with the name of an input.
    SampleOfData {
        name: String,
        span: Span,
        data: Span,
    },
    /// A weight that is the same in every execution.
    ConstantFactor { span: Span },
}

impl Lint {
    /// As it is told.
    pub fn report(&self) -> Report {
        match self {
            Lint::Shadow { name, span } => {
                let message = format!("`{name}` hides the built-in of that name");
                Report::warning("odp::check::shadows_builtin", message)
                    .label(*span, "from here on this is meant")
                    .help("rename it if the built-in is wanted below")
            }
            Lint::SampleOfData { name, span, data } => {
                let message = format!("`{name}` is data, and is drawn here instead of observed");
                Report::warning("odp::check::sample_of_data", message)
                    .label(*span, "a new value, unrelated to the data")
                    .label(*data, "the data")
                    .help(format!(
                        "to condition on the data, write `observe {name} ~ …`"
                    ))
            }
            Lint::ConstantFactor { span } => Report::warning(
                "odp::check::constant_factor",
                "this factor is the same in every execution",
            )
            .label(*span, "a constant")
            .help("it shifts log Z and changes no draw"),
        }
    }
}

/// Weights at file level that depend on nothing.
pub(super) fn constant_factors(model: &Model) -> Vec<Lint> {
    let stmts = model.body.stmts.iter();
    stmts
        .filter_map(|stmt| match &stmt.kind {
            StmtKind::Factor(e) if is_constant(e) => Some(Lint::ConstantFactor { span: stmt.span }),
            _ => None,
        })
        .collect()
}

fn is_constant(e: &Expr) -> bool {
    let mut constant = true;
    visit::expr(e, &mut |e| {
        constant &= !matches!(
            e.kind,
            ExprKind::Place(_)
                | ExprKind::Sample(..)
                | ExprKind::Call { .. }
                | ExprKind::Closure(_)
        );
    });
    constant
}
