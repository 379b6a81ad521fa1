//! The formats that draws are written in.

use std::path::{Path, PathBuf};

use super::atomic::write_file;
use super::draws_json::write_draws_json;
use super::stan_csv::write_stan_csv;
use super::zarr::write_zarr;
use super::{Record, StoreError};

/// A format for draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A Zarr folder, for `arviz.from_zarr`.
    Zarr,
    /// CmdStan's CSV, for rstan and cmdstanpy.
    Csv,
    /// One JSON document.
    Json,
    /// Parquet, in binaries that were built with it.
    Parquet,
}

impl Format {
    /// The format that a path's ending names; Zarr where it names none.
    pub fn of_path(path: &Path) -> Format {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("csv") => Format::Csv,
            Some("json") => Format::Json,
            Some("parquet") => Format::Parquet,
            _ => Format::Zarr,
        }
    }

    /// Whether this binary can write it: asked before a run, so that nobody waits for an error.
    ///
    /// # Errors
    /// `NotBuiltWith`.
    pub fn available(self) -> Result<(), StoreError> {
        match self {
            Format::Parquet if !cfg!(feature = "parquet") => {
                Err(StoreError::NotBuiltWith { format: "Parquet" })
            }
            _ => Ok(()),
        }
    }

    /// Writes a run's output, and returns the files or the folder that now hold it.
    ///
    /// # Errors
    /// See [`StoreError`]; what stood at the path before stays as it was.
    pub fn write(self, path: &Path, record: &Record) -> Result<Vec<PathBuf>, StoreError> {
        self.available()?;
        match self {
            Format::Zarr => write_zarr(path, record)?,
            Format::Json => write_draws_json(path, record)?,
            Format::Csv => return write_stan_csv(path, record),
            #[cfg(feature = "parquet")]
            Format::Parquet => super::parquet::write_parquet(path, record)?,
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(StoreError::NotBuiltWith { format: "Parquet" }),
        }
        Ok(vec![path.to_path_buf()])
    }
}

/// Writes a text file, whole or not at all.
///
/// # Errors
/// `Unwritable` with the system's words.
pub fn write_text(path: &Path, text: &str) -> Result<(), StoreError> {
    write_file(path, |out| out.write_all(text.as_bytes()))
}
