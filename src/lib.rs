//! odp: a probabilistic programming language whose programs become deterministic functions of Gaussian noise.
//!
//! A program draws (`sample`) and conditions (`observe`, `factor`, `condition`). Every random choice is traced back to
//! standard Gaussian noise z, so that the program is x = f(z) and the evidence a weight r(f(z)); an engine then draws
//! from N(z; 0, I)·r(f(z)). The command line does nothing that this does not:
//!
//! ```
//! use std::sync::Arc;
//! use odp::{InferRequest, Inputs, Limits, NoFiles, Session};
//!
//! let text = "
//!     data flips: int[n]
//!     sample bias ~ Beta(3, 3)
//!     observe flips ~ Bernoulli(bias)
//!     return { bias }
//! ";
//! let program = Session::compile("coin.odp", text, Arc::new(NoFiles))?;
//! let data = Inputs::from_bytes("data.json", br#"{"flips": [1, 1, 0, 1]}"#.to_vec(), 1 << 20)?;
//! let bound = program.bind(&data, &Limits::default())?;
//! let answer = bound.infer(&InferRequest::new("smc", 1))?;
//!
//! // Beta(3 + 3, 3 + 1) has mean 0.6.
//! let (name, figures) = &answer.parameters[0];
//! assert_eq!(name, "bias");
//! assert!((figures.mean.unwrap() - 0.6).abs() < 0.02 && answer.reliable);
//! # Ok::<(), odp::Failure>(())
//! ```
//!
//! Nothing in the library prints, ends the process or touches a global; [`Program`], [`Bound`] and [`Answer`] are
//! `Send + Sync`.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod base;
mod check;
mod compute;
mod dist;
mod draws;
mod infer;
mod ir;
mod lower;
mod session;
mod store;
mod syntax;
mod trace;

pub use base::{
    Data, Entry, FileId, Label, Origin, Report, Seed, Severity, Shape, Source, SourceMap, Span,
    Values,
};
pub use compute::special;
pub use draws::{Draws, Output, OutputKind};
pub use infer::{NoProgress, Progress};
pub use ir::{Extent, Type};
pub use lower::{Marginalize, PASSES, Passes};
pub use session::{
    Answer, Bound, Calibration, Checkpoint, DensityFacts, Description, DiagnosticFacts,
    DiscreteFacts, DistributionFacts, DrawsFacts, EngineFacts, EvaluationFacts, ExitKind, Failure,
    Figure, Figures, GraphNode, GraphView, HeldOutFacts, InferRequest, InputFacts, ItemFacts,
    Limits, LogZFacts, LooFacts, ModuleFacts, NodeKind, NoiseDraws, NoiseFacts, OptionFacts,
    OutputFacts, ParameterFacts, Program, PupilFacts, QuantityFacts, Sampler, SbcRequest, Session,
    Simulation, StatementFacts, StatementKind, StepFacts, StudentFacts, TimingFacts, TrainRequest,
    TrainingFacts, WordFacts, builtins, combinators, default_threads, digits_like, distributions,
    engines, keywords, modules, program_name, report, significant,
};
pub use store::{
    At, Folder, Format, Inputs, Levels, Loaded, Loader, NoFiles, Record, Stat, StoreError, as_text,
    read_bytes, read_record, refuse_place, write_text,
};
pub use syntax::TokenKind;
