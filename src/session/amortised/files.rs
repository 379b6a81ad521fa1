//! The files that a program uses, kept so that it needs no others.

use std::sync::{Arc, Mutex, PoisonError};

use crate::store::{Loaded, Loader, NoFiles, StoreError, UsedFile};

/// Loads, and remembers what was loaded.
pub(super) struct Recorder {
    inner: Arc<dyn Loader>,
    files: Mutex<Vec<UsedFile>>,
}

impl Recorder {
    pub fn new(inner: Arc<dyn Loader>) -> Recorder {
        Recorder {
            inner,
            files: Mutex::default(),
        }
    }

    /// What was loaded so far.
    pub fn files(&self) -> Vec<UsedFile> {
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Loader for Recorder {
    fn limit(&self) -> u64 {
        self.inner.limit()
    }

    fn read(&self, from: &str, path: &str) -> Result<Loaded, StoreError> {
        let loaded = self.inner.read(from, path)?;
        let file = UsedFile {
            from: from.to_string(),
            path: path.to_string(),
            name: loaded.name.clone(),
            bytes: loaded.bytes.clone(),
        };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains(&file) {
            files.push(file);
        }
        Ok(loaded)
    }
}

/// Loads what was remembered, and nothing else.
pub(super) struct Remembered(pub Vec<UsedFile>);

impl Loader for Remembered {
    fn read(&self, from: &str, path: &str) -> Result<Loaded, StoreError> {
        let found = self.0.iter().find(|f| f.from == from && f.path == path);
        found.map_or_else(
            || NoFiles.read(from, path),
            |f| {
                Ok(Loaded {
                    name: f.name.clone(),
                    bytes: f.bytes.clone(),
                })
            },
        )
    }
}
