//! The public door: compile a program, bind data to it, infer.
//!
//! ```text
//! text --compile--> Program --bind(inputs)--> Bound --infer(request)--> Answer
//!                      \------------------------\-----------------------> Failure (reports, texts, exit code)
//! ```
//!
//! Nothing here prints, ends the process or touches a global: a host may run many at once.

mod advice;
mod amortised;
mod answer;
mod bound;
mod catalog;
mod checkpoint;
mod checks;
mod compile;
#[cfg(test)]
mod components;
mod describe;
mod failing;
mod failure;
mod figures;
#[cfg(test)]
mod gradients;
mod graph;
mod improper;
mod kept;
mod measure;
mod modules;
mod pace;
mod parts;
#[cfg(test)]
mod passes;
mod picture;
mod program;
mod report;
mod request;
mod sbc;
mod simulated;
mod statements;
#[cfg(test)]
mod structure;
mod support;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_centre;
#[cfg(test)]
mod tests_conjugate;
#[cfg(test)]
mod tests_marginal;
mod verdict;
mod view;

pub use amortised::{
    DensityFacts, HeldOutFacts, PupilFacts, Sampler, StepFacts, TrainRequest, TrainingFacts,
};
pub use answer::{
    Answer, DiagnosticFacts, DrawsFacts, EvaluationFacts, Figure, LogZFacts, NoiseFacts, Parts,
    StudentFacts, TimingFacts,
};
pub use bound::Bound;
pub use catalog::{
    DistributionFacts, EngineFacts, OptionFacts, ParameterFacts, WordFacts, builtins, combinators,
    distributions, engines, keywords,
};
pub use checkpoint::Checkpoint;
pub use checks::LooFacts;
pub use describe::{Description, DiscreteFacts, InputFacts, OutputFacts};
pub use failure::{ExitKind, Failure};
pub use figures::Figures;
pub use graph::{GraphNode, GraphView, NodeKind};
pub use kept::NoiseDraws;
pub use modules::{ItemFacts, ModuleFacts, modules};
pub use program::{Program, program_name};
pub use report::report;
pub use request::{InferRequest, Limits, default_threads};
pub use sbc::{Calibration, QuantityFacts, SbcRequest, Simulation};
pub use statements::{StatementFacts, StatementKind};
pub use table::{digits_like, significant};

use std::sync::Arc;

use answer::equally_weighted;

use crate::base::SourceMap;
use crate::store::Loader;
use crate::syntax::{self, TokenKind};

/// Compiles programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session;

impl Session {
    /// Parses and checks a program. `name` is its file's name, for messages and for the program's own name; `loader`
    /// gives the files that it uses.
    ///
    /// # Errors
    /// All syntax, name, type and shape errors that can be found in one go, and files that cannot be used.
    pub fn compile(name: &str, text: &str, loader: Arc<dyn Loader>) -> Result<Program, Failure> {
        compile::compile(name, text, loader)
    }

    /// A program without statements, to ask for expressions of by [`Program::returning`].
    pub fn blank(name: &str, loader: Arc<dyn Loader>) -> Program {
        compile::blank(name, loader)
    }

    /// The statements of a program's text, each with the comments that belong to it; together they are the whole text.
    ///
    /// # Errors
    /// All syntax errors that can be found in one go.
    pub fn statements(name: &str, text: &str) -> Result<Vec<StatementFacts>, Failure> {
        statements::statements(name, text)
    }

    /// Whether a text ends with a whole statement, so that a prompt need not ask for more lines. Mistakes within it do not
    /// count.
    pub fn is_complete(text: &str) -> bool {
        syntax::is_complete(text)
    }

    /// Where the words of a text stand, in bytes, and what they are.
    pub fn tokens(text: &str) -> Vec<(std::ops::Range<usize>, TokenKind)> {
        syntax::tokens(text)
    }

    /// The one canonical form of a program's text; `name` is its file's, for messages.
    ///
    /// # Errors
    /// All syntax errors that can be found in one go.
    pub fn format(name: &str, text: &str) -> Result<String, Failure> {
        syntax::format(text).map_err(|reports| {
            let mut sources = SourceMap::default();
            sources.add(name, text);
            Failure {
                reports,
                exit: ExitKind::Model,
                sources,
            }
        })
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_program_is_named_by_its_file_or_folder() {
        assert_eq!(program_name("models/eight_schools.odp"), "eight_schools");
        assert_eq!(
            program_name("models/eight_schools/model.odp"),
            "eight_schools"
        );
    }

    #[test]
    fn what_crosses_threads_may() {
        fn crosses<T: Send + Sync>() {}
        crosses::<Program>();
        crosses::<Bound>();
        crosses::<Answer>();
        crosses::<Failure>();
        crosses::<InferRequest>();
    }
}
