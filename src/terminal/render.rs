//! Reports made visible: source lines with marks for a person, a document for a script.

use serde_json::{Value, json};

use odp::{Failure, Label, Report, Severity, SourceMap};

use super::excerpt::{Shown, place};

/// Reports one after the other, each with its marked lines.
pub fn reports(reports: &[Report], sources: &SourceMap, colour: bool, width: usize) -> String {
    use miette::{GraphicalReportHandler, GraphicalTheme};
    let theme = match colour {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(width.clamp(40, 160));
    let mut text = String::new();
    for report in reports {
        let shown = Shown::new(report, sources);
        if handler.render_report(&mut text, &shown).is_err() {
            // Never mute: the words alone, should a place not be drawable.
            text.push_str(&report.message);
        }
        text.push('\n');
    }
    text
}

/// The document of a failure: its first error, and under `errors` all of them.
pub fn document(failure: &Failure) -> String {
    let (sources, all) = (&failure.sources, &failure.reports);
    let of = |severity| -> Vec<Value> {
        let some = all.iter().filter(|r| r.severity == severity);
        some.map(|r| object(r, sources)).collect()
    };
    let errors = of(Severity::Error);
    let mut document = errors.first().cloned().unwrap_or_else(|| json!({}));
    document["rendered"] = json!(reports(all, sources, false, width()));
    document["errors"] = Value::Array(errors);
    document["warnings"] = Value::Array(of(Severity::Warning));
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn object(report: &Report, sources: &SourceMap) -> Value {
    let label = |label: &Label| {
        let (start, end) = place(label, sources)?;
        let source = sources.get(label.span.file)?;
        let ((line, column), (end_line, end_column)) =
            (source.line_col(start), source.line_col(end));
        Some(json!({
            "at": format!("{}:{line}:{column}", source.name),
            "file": source.name,
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "text": label.text,
        }))
    };
    json!({
        "code": report.code,
        "message": report.message,
        "labels": report.labels.iter().filter_map(label).collect::<Vec<_>>(),
        "help": report.help,
    })
}

/// Columns of text where nothing better is known.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    columns.unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use odp::{FileId, Span};

    fn sources(text: &str) -> SourceMap {
        let mut sources = SourceMap::default();
        sources.add("model.odp", text);
        sources
    }

    fn report(start: usize, end: usize) -> Report {
        let report = Report::error("odp::check::unknown_name", "there is no `tua`");
        let span = Span::new(FileId(0), start, end);
        report.label(span, "not known").help("did you mean `tau`?")
    }

    #[test]
    fn a_report_shows_its_line() {
        let text = reports(
            &[report(19, 22)],
            &sources("let µ = 1\nlet b = tua\n"),
            false,
            100,
        );
        same_text(
            &text,
            r#"
        odp::check::unknown_name

          × there is no `tua`
           ╭─[model.odp:2:9]
         1 │ let µ = 1
         2 │ let b = tua
           ·         ─┬─
           ·          ╰── not known
           ╰────
          help: did you mean `tau`?
        "#,
        );
    }

    #[test]
    fn any_range_can_be_drawn() {
        let long = "1, ".repeat(10_000);
        for text in ["a", "a\n", "µ = ∞\r\nb\r\n\r\n", "x\n\n\n", "\n\ny", &long] {
            for start in (0..text.len().min(20) + 3).chain([20_001]) {
                for len in [0, 1, 2, 5, 100, 100_000] {
                    let shown = reports(&[report(start, start + len)], &sources(text), false, 100);
                    assert!(
                        shown.contains("[model.odp:"),
                        "{text:?} {start} {len}: {shown}"
                    );
                    assert!(shown.len() < 2000, "{}", shown.len());
                }
            }
        }
        assert!(reports(&[report(0, 0)], &sources(""), false, 100).contains("there is no `tua`"));
    }

    #[test]
    fn labels_in_other_files_are_shown_too() {
        let mut sources = sources("let a = f()\n");
        let other = sources.add("helpers.odp", "fn f() {\n  g()\n}\n");
        let report = report(8, 11).label(Span::new(other, 11, 14), "called here");
        let text = reports(&[report], &sources, false, 100);
        assert!(
            text.contains("[model.odp:1:9]") && text.contains("[helpers.odp:2:3]"),
            "{text}"
        );
    }

    #[test]
    fn a_document_has_all_errors_and_places() {
        let failure = Failure {
            reports: vec![
                report(19, 22),
                Report::error("odp::x", "second"),
                Report::warning("odp::w", "odd"),
            ],
            exit: odp::ExitKind::Model,
            sources: sources("let µ = 1\nlet b = tua\n"),
        };
        let document: Value = serde_json::from_str(&document(&failure)).unwrap();
        assert_eq!(document["code"], "odp::check::unknown_name");
        assert_eq!(document["labels"][0]["at"], "model.odp:2:9");
        assert_eq!(document["help"], "did you mean `tau`?");
        assert_eq!(document["errors"].as_array().unwrap().len(), 2);
        assert_eq!(document["warnings"][0]["message"], "odd");
        assert!(
            document["rendered"]
                .as_str()
                .unwrap()
                .contains("model.odp:2:9")
        );
    }

    /// Compares line by line, outer indentation aside.
    fn same_text(found: &str, expected: &str) {
        let lines =
            |t: &str| -> Vec<String> { t.trim().lines().map(|l| l.trim().to_string()).collect() };
        assert_eq!(lines(found), lines(expected));
    }
}
