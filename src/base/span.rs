//! Where something stands in a program's text.

use std::sync::Arc;

/// Which file of a [`SourceMap`] a span points into; 0 is the main program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct FileId(pub u16);

/// A half-open byte range of one source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// The file.
    pub file: FileId,
}

impl Span {
    /// The range `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Span {
            start: start as u32,
            end: end as u32,
            file,
        }
    }

    /// The smallest span that covers both (of the first one's file).
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            file: self.file,
        }
    }
}

/// One file's name and text.
#[derive(Debug)]
pub struct Source {
    /// The name shown to the user.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// Line and column, both from 1; the column counts characters.
    pub fn line_col(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        (line, column)
    }
}

/// All files of one program; spans index into it.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<Arc<Source>>,
}

impl SourceMap {
    /// Adds a file and returns its id.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        self.files.push(Arc::new(Source {
            name: name.into(),
            text: text.into(),
        }));
        FileId((self.files.len() - 1) as u16)
    }

    /// The file of an id, if there is one.
    pub fn get(&self, id: FileId) -> Option<&Source> {
        self.files.get(id.0 as usize).map(|s| &**s)
    }

    /// Line and column of a span's start, from 1.
    pub fn line_col(&self, span: Span) -> (usize, usize) {
        self.get(span.file)
            .map_or((1, 1), |s| s.line_col(span.start as usize))
    }
}
