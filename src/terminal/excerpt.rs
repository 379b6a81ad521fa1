//! A report and the texts it points into, in the terms of miette.
//!
//! Columns count characters. Of a very long line only the surroundings of the mark are shown: data files come in one
//! line of megabytes. Labels in other files than the first one's follow as reports of their own.

use std::fmt;

use miette::{
    Diagnostic, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use odp::{Label, Report, Severity, Source, SourceMap};

/// Lines above this many bytes are shown in part.
const LONGEST_LINE: usize = 300;
/// Bytes shown before and after the mark then.
const AROUND: usize = 60;

/// A label's byte range within its text. What points behind the end of the text stands at its last character.
pub fn place(label: &Label, sources: &SourceMap) -> Option<(usize, usize)> {
    let text = &*sources.get(label.span.file)?.text;
    let last = text
        .trim_end()
        .char_indices()
        .next_back()
        .map_or(0, |(i, _)| i);
    let start = match label.span.start as usize {
        behind if behind >= text.len() => last,
        start => text.floor_char_boundary(start),
    };
    let end = text.ceil_char_boundary((label.span.end as usize).min(text.len()));
    Some((start, end.max(start)))
}

/// A report as miette shows it.
#[derive(Debug)]
pub struct Shown<'a> {
    report: &'a Report,
    excerpt: Option<Excerpt<'a>>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Elsewhere<'a>>,
}

impl<'a> Shown<'a> {
    /// The report with the texts that its labels point into.
    pub fn new(report: &'a Report, sources: &'a SourceMap) -> Shown<'a> {
        let main = report.labels.first().map(|l| l.span.file);
        let excerpt = |label: &Label| {
            sources
                .get(label.span.file)
                .map(|source| Excerpt { source })
        };
        let (here, other): (Vec<_>, Vec<_>) = report
            .labels
            .iter()
            .partition(|l| Some(l.span.file) == main);
        let mark = |(i, label): (usize, &&Label)| marked(label, sources, i == 0);
        let text = report
            .labels
            .first()
            .and_then(|l| sources.get(l.span.file))
            .map_or("", |s| &*s.text);
        let apart = |label: &Label| {
            Some(Elsewhere {
                excerpt: excerpt(label)?,
                label: marked(label, sources, true)?,
            })
        };
        Shown {
            report,
            excerpt: report.labels.first().and_then(excerpt),
            labels: side_by_side(here.iter().enumerate().filter_map(mark).collect(), text),
            elsewhere: other.into_iter().filter_map(apart).collect(),
        }
    }
}

/// The first line of a label's range: a mark over many lines hides what it marks.
fn marked(label: &Label, sources: &SourceMap, primary: bool) -> Option<LabeledSpan> {
    let (start, end) = place(label, sources)?;
    let text = &*sources.get(label.span.file)?.text;
    let line_end = start
        + text[start..]
            .find(['\r', '\n'])
            .unwrap_or(text.len() - start);
    let end = end.min(line_end).min(start + LONGEST_LINE / 3);
    let span = (start, text.ceil_char_boundary(end.max(start)) - start);
    let words = (!label.text.is_empty()).then(|| label.text.clone());
    Some(match primary {
        true => LabeledSpan::new_primary_with_span(words, span),
        false => LabeledSpan::new_with_span(words, span),
    })
}

/// Marks that do not cover each other: of two that do, the wider one keeps what lies before the other (or, where they
/// begin together, behind it); two of one place become one.
fn side_by_side(mut marks: Vec<LabeledSpan>, text: &str) -> Vec<LabeledSpan> {
    let mut i = 0;
    while i < marks.len() {
        let other = (0..marks.len())
            .filter(|j| *j != i && covers(&marks[i], &marks[*j]))
            .min_by_key(|j| marks[*j].offset());
        let Some(j) = other else {
            i += 1;
            continue;
        };
        let (wide, narrow) = (range(&marks[i]), range(&marks[j]));
        let kept = match (wide.0 < narrow.0, wide.1 > narrow.1) {
            (true, _) => text
                .get(wide.0..narrow.0)
                .map(|t| (wide.0, t.trim_end().len())),
            (false, true) => text.get(narrow.1..wide.1).map(|t| {
                let from = wide.1 - t.trim_start().len();
                (from, wide.1 - from)
            }),
            (false, false) => None,
        };
        match kept {
            Some(span) => marks[i] = with_span(&marks[i], span),
            None => {
                let (kept, gone) = (i.min(j), i.max(j));
                let gone = marks.remove(gone);
                marks[kept] = with_both_words(&marks[kept], &gone);
                i = 0;
            }
        }
    }
    marks
}

fn range(mark: &LabeledSpan) -> (usize, usize) {
    (mark.offset(), mark.offset() + mark.len())
}

/// Whether the first overlaps the second and is the one to give way: it is wider, or as wide and not behind it.
fn covers(a: &LabeledSpan, b: &LabeledSpan) -> bool {
    let ((a0, a1), (b0, b1)) = (range(a), range(b));
    let overlap = a0 < b1 && b0 < a1;
    overlap && (a1 - a0, b0) >= (b1 - b0, a0)
}

fn with_span(mark: &LabeledSpan, span: (usize, usize)) -> LabeledSpan {
    let words = mark.label().map(str::to_string);
    match mark.primary() {
        true => LabeledSpan::new_primary_with_span(words, span),
        false => LabeledSpan::new_with_span(words, span),
    }
}

fn with_both_words(mark: &LabeledSpan, other: &LabeledSpan) -> LabeledSpan {
    let words: Vec<&str> = [mark.label(), other.label()]
        .into_iter()
        .flatten()
        .collect();
    let words = (!words.is_empty()).then(|| words.join("; "));
    let span = (mark.offset(), mark.len());
    match mark.primary() {
        true => LabeledSpan::new_primary_with_span(words, span),
        false => LabeledSpan::new_with_span(words, span),
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.report.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.report.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.report
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|e| e as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self.labels.is_empty() {
            true => None,
            false => Some(Box::new(self.labels.iter().cloned())),
        }
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        match self.elsewhere.is_empty() {
            true => None,
            false => Some(Box::new(
                self.elsewhere.iter().map(|e| e as &dyn Diagnostic),
            )),
        }
    }
}

/// A label in another file than the report's first.
#[derive(Debug)]
struct Elsewhere<'a> {
    excerpt: Excerpt<'a>,
    label: LabeledSpan,
}

impl fmt::Display for Elsewhere<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("in another file")
    }
}

impl std::error::Error for Elsewhere<'_> {}

impl Diagnostic for Elsewhere<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(miette::Severity::Advice)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}

/// A file's text, for miette to cut lines from.
#[derive(Debug)]
struct Excerpt<'a> {
    source: &'a Source,
}

impl SourceCode for Excerpt<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let text = &*self.source.text;
        let (start, end) = (span.offset(), span.offset() + span.len());
        if end > text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let (mut from, mut to) = (start, end);
        if before + after > 0 {
            (from, to) = lines_around(text, start, end, before, after);
            if text[from..to].lines().any(|l| l.len() > LONGEST_LINE) {
                (from, to) = part_of_line(text, start, end);
            }
        }
        let (line, column) = self.source.line_col(from);
        let shown = &text[from..to];
        Ok(Box::new(MietteSpanContents::new_named(
            self.source.name.clone(),
            shown.as_bytes(),
            (from, to - from).into(),
            line - 1,
            column - 1,
            shown.lines().count(),
        )))
    }
}

/// Whole lines: those of the range, and some before and after.
fn lines_around(
    text: &str,
    start: usize,
    end: usize,
    before: usize,
    after: usize,
) -> (usize, usize) {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |n| at + n);
    let from = (0..before).fold(line_start(start), |from, _| {
        line_start(from.saturating_sub(1))
    });
    let to = (0..after).fold(line_end(end), |to, _| line_end((to + 1).min(text.len())));
    (from, to)
}

fn part_of_line(text: &str, start: usize, end: usize) -> (usize, usize) {
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |n| end + n);
    let from = text.ceil_char_boundary(start.saturating_sub(AROUND).max(line_start));
    let to = text.floor_char_boundary((end + AROUND).min(line_end));
    (from.min(start), to.max(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(marks: &[(usize, usize, &str)], text: &str) -> Vec<(usize, usize, String)> {
        let marks = marks.iter().map(|(from, to, words)| {
            LabeledSpan::new_with_span(Some(words.to_string()), (*from, to - from))
        });
        side_by_side(marks.collect(), text)
            .iter()
            .map(|m| {
                (
                    m.offset(),
                    m.offset() + m.len(),
                    m.label().unwrap_or("").into(),
                )
            })
            .collect()
    }

    #[test]
    fn marks_never_cover_each_other() {
        let text = "observe y ~ Normal(0, 1)";
        let one = |from, to, words: &str| (from, to, words.to_string());
        // Around, at the beginning, one place, overlapping, and apart already.
        assert_eq!(
            apart(&[(0, 24, "a"), (12, 24, "b")], text),
            [one(0, 11, "a"), one(12, 24, "b")]
        );
        assert_eq!(
            apart(&[(0, 7, "a"), (0, 24, "b")], text),
            [one(0, 7, "a"), one(8, 24, "b")]
        );
        assert_eq!(
            apart(&[(3, 9, "a"), (3, 9, "b")], text),
            [one(3, 9, "a; b")]
        );
        assert_eq!(
            apart(&[(0, 10, "a"), (8, 24, "b")], text),
            [one(0, 10, "a"), one(10, 24, "b")]
        );
        assert_eq!(
            apart(&[(0, 7, "a"), (8, 9, "b")], text),
            [one(0, 7, "a"), one(8, 9, "b")]
        );
    }
}
