//! Ground floor: places in source text, reports, shapes, seeds. Names nothing above it.

mod data;
mod report;
mod seed;
mod shape;
mod span;
mod spelling;

pub use data::{Data, Entry, Origin, Values};
pub use report::{Label, Report, Severity};
pub use seed::{Seed, Stream};
pub use shape::Shape;
pub use span::{FileId, Source, SourceMap, Span};
pub use spelling::{counted, nearest, slips};
