//! Ground floor: places in source text, reports, shapes, seeds. Names nothing above it.

mod asset;
mod data;
mod network;
mod report;
mod seed;
mod shape;
mod span;
mod spelling;
mod teeth;

pub use asset::Asset;
pub use data::{Data, Entry, Origin, Values};
pub use network::{Attribute, Layer, Network, NetworkInput, Operator};
pub use report::{Label, Report, Severity};
pub use seed::{Seed, Stream, fnv1a};
pub use shape::{Shape, element_name, indexed};
pub use span::{FileId, Source, SourceMap, Span};
pub use spelling::{counted, nearest, slips};
pub use teeth::{Bug, bites};
