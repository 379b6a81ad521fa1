//! What can be wrong with a file, and the report that says so with the file's own line marked.

use std::sync::Arc;

use crate::base::{Report, SourceMap, Span};

/// A place in a data file.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    /// The file as the user named it, or `--set name`.
    pub file: String,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
    /// The file's text and the byte range at fault, where it is small enough to be shown.
    pub shown: Option<(Arc<str>, usize, usize)>,
}

/// Texts above this are not kept for showing: the place in words is enough.
const LARGEST_SHOWN: usize = 64 << 20;

impl At {
    /// The byte range `start..end` of a file's text.
    pub fn new(file: &str, text: &str, start: usize, end: usize) -> At {
        let start = text.floor_char_boundary(start.min(text.len()));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        At {
            file: file.to_string(),
            line: before.bytes().filter(|&b| b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            shown: (text.len() <= LARGEST_SHOWN).then(|| (Arc::from(text), start, end.max(start))),
        }
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a file cannot be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The system would not open or read it.
    #[error("`{file}` cannot be read: {why}")]
    Unreadable {
        /// The file as the user named it.
        file: String,
        /// The system's words.
        why: String,
    },
    /// Larger than the memory the run may use.
    #[error("`{file}` is larger than the {limit} bytes of memory that this run may use")]
    TooLarge {
        /// The file.
        file: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Not text.
    #[error("`{file}` is not UTF-8 text (byte {offset})")]
    NotText {
        /// The file.
        file: String,
        /// The first byte that is wrong, from 0.
        offset: usize,
    },
    /// The file as a whole breaks its format.
    #[error("{at}: {what}")]
    Malformed {
        /// Where.
        at: At,
        /// What is wrong there.
        what: String,
    },
    /// One entry cannot become an array.
    #[error("{at}: `{name}` cannot be used: {what}")]
    BadEntry {
        /// Where.
        at: At,
        /// The entry.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// A binary array file breaks its format, or claims what it does not hold.
    #[error("`{file}` cannot be used: {what}")]
    BadArray {
        /// The file, with the member where it is an archive.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// No checkpoint, of another version, or damaged.
    #[error("`{file}` cannot be resumed: {what}")]
    BadCheckpoint {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// No trained sampler, of another version, or damaged.
    #[error("`{file}` cannot be asked: {what}")]
    BadSampler {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Neither the name nor the first bytes say what it is.
    #[error("`{file}` is no data file that odp knows")]
    UnknownFormat {
        /// The file.
        file: String,
    },
    /// A format that this binary was built without.
    #[error("this odp was not built with {format}")]
    NotBuiltWith {
        /// The format's name.
        format: &'static str,
    },
    /// A path that leaves the folders a run may read.
    #[error("`{path}` lies outside of the folder `{folder}`")]
    Outside {
        /// The path as written.
        path: String,
        /// The folder that it may not leave.
        folder: String,
    },
    /// The system would not write it.
    #[error("`{path}` cannot be written: {why}")]
    Unwritable {
        /// The path.
        path: String,
        /// The system's words.
        why: String,
    },
    /// Something that odp did not write stands where the output should go.
    #[error("`{path}` exists and is not an output of odp")]
    Foreign {
        /// The path.
        path: String,
    },
}

impl StoreError {
    /// A stable code with a page in the documentation.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Unreadable { .. } => "odp::store::unreadable",
            StoreError::TooLarge { .. } => "odp::store::too_large",
            StoreError::NotText { .. } => "odp::store::not_text",
            StoreError::Malformed { .. } => "odp::store::malformed",
            StoreError::BadEntry { .. } => "odp::store::bad_entry",
            StoreError::BadArray { .. } => "odp::store::bad_array",
            StoreError::BadCheckpoint { .. } => "odp::store::bad_checkpoint",
            StoreError::BadSampler { .. } => "odp::store::bad_sampler",
            StoreError::UnknownFormat { .. } => "odp::store::unknown_format",
            StoreError::NotBuiltWith { .. } => "odp::store::not_built_with",
            StoreError::Outside { .. } => "odp::store::outside",
            StoreError::Unwritable { .. } => "odp::store::unwritable",
            StoreError::Foreign { .. } => "odp::store::foreign",
        }
    }

    /// The report for a person; the file's text, where it is at hand, joins `sources` so that its line can be marked.
    pub fn report(&self, sources: &mut SourceMap) -> Report {
        let report = Report::error(self.code(), self.to_string()).maybe_help(self.help());
        let (StoreError::Malformed { at, .. } | StoreError::BadEntry { at, .. }) = self else {
            return report;
        };
        let Some((text, start, end)) = &at.shown else {
            return report;
        };
        let file = sources.add(at.file.clone(), text.clone());
        report.label(Span::new(file, *start, *end), "here")
    }

    fn help(&self) -> Option<String> {
        let text = match self {
            StoreError::Unreadable { .. } => "look at the path: it is relative to where odp is run",
            StoreError::Malformed { at, .. } if at.file.starts_with("--set") => {
                "after `=` comes JSON: `--set 'y=[1, 2.5]'`, `--set n=10`, in quotes for the shell where there are spaces or brackets"
            }
            StoreError::Malformed { .. } => {
                "write it again with the program that made it, or mend the place by hand"
            }
            StoreError::TooLarge { .. } => "give it more with `--max-mem BYTES`",
            StoreError::NotText { .. } => {
                "save it as UTF-8; `.npy` and `.npz` are read as NumPy arrays"
            }
            StoreError::BadEntry { .. } => {
                "an entry is a number, a bool, a text, or a rectangular array of one kind of these"
            }
            StoreError::BadArray { .. } => "write it again with the library that made it",
            StoreError::BadCheckpoint { .. } => {
                "`--resume` takes what `--checkpoint` of this version of odp wrote"
            }
            StoreError::BadSampler { .. } => {
                "`odp query` takes what `odp train` of this version of odp wrote"
            }
            StoreError::Unwritable { .. } => {
                "choose a path in a folder that exists, and that you may write to"
            }
            StoreError::UnknownFormat { .. } => {
                "data files are `.json` (Stan's JSON), `.csv`, `.tsv`, `.npy` or `.npz`"
            }
            StoreError::NotBuiltWith { .. } => {
                "use `zarr`, `csv` or `json`, or build odp with `--features parquet`"
            }
            StoreError::Outside { .. } => "allow another folder with `--allow DIR`",
            StoreError::Foreign { .. } => {
                "choose another path, or move what is there out of the way"
            }
        };
        Some(text.to_string())
    }
}
