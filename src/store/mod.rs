//! File formats: data in, draws out. All bytes that cross the edge are checked here.
//!
//! ```text
//! d.json d.csv a.npy a.npz --set  ->  Inputs (Data, levels of texts, faults of what may not be asked for)
//! Record (draws, statistics, observed data)  ->  Zarr, CmdStan's CSV, JSON
//! what a run left  ->  Record again
//! what an engine left  ->  CheckpointFile  ->  what an engine left
//! a trained sampler with its program and data  ->  SamplerFile  ->  the same
//! use "helpers.odp", csv("d.csv")  ->  Loader (stays in its folder)  ->  text, or Asset
//! ```
//!
//! A format is a file here and one line in [`Inputs::from_bytes`] or [`Format`].

mod assets;
mod atomic;
mod checkpoint;
mod csv;
mod draws_json;
mod error;
mod folder;
mod format;
mod gather;
mod inputs;
mod json;
mod npy;
mod onnx;
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
mod record;
mod reread;
mod sampler;
mod sealed;
mod stan_csv;
mod zarr;
mod zip;

pub use assets::{AssetFormat, read_asset};
pub use atomic::refuse_place;
pub use checkpoint::CheckpointFile;
pub use error::{At, StoreError};
pub use folder::{Folder, Loaded, Loader, NoFiles};
pub use format::{Format, write_text};
pub use inputs::{Inputs, Levels, as_text, read_bytes};
pub use packed::Packed;
pub(crate) use packed::packed;
pub use record::{Record, Stat};
pub use reread::read_record;
pub use sampler::{SamplerFile, UsedFile};
