//! CSV: a header, then rows; every column becomes an array with the header's name.
//!
//! ```text
//! site,x,seen        site: codes 0 1 0, levels "east" "west"
//! east,1.5,true   -> x:    real[3], the second is missing
//! west,NA,false      seen: bool[3]
//! east,2,true
//! ```
//!
//! A column is the narrowest of int, real, bool and text that all its cells are. Texts become the codes 0, 1, … of
//! their levels in alphabetical order (so that the order of the rows does not matter). Comma, semicolon or tab: the
//! header shows which.

use super::gather::Gather;
use super::{At, Inputs, Levels, StoreError};
use crate::base::{Entry, Origin, Shape};

/// Cells that say that there is no value.
const MISSING: [&str; 7] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"];

/// All columns of a file's text. Columns without a name (row numbers, as R and pandas write them) are passed over.
///
/// # Errors
/// `Malformed` with the line where a row has another number of cells than the header, or a name comes twice.
pub fn read_csv(file: &str, text: &str) -> Result<Inputs, StoreError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = rows
        .headers()
        .map_err(|e| unreadable(file, text, &e))?
        .clone();
    if header.iter().all(str::is_empty) {
        return Err(malformed(file, text, 0, "it has no header"));
    }
    if let Some(name) = twice(&header) {
        return Err(malformed(
            file,
            text,
            0,
            &format!("two columns are named `{name}`"),
        ));
    }
    let mut columns = vec![Cells::default(); header.len()];
    let mut row = csv::StringRecord::new();
    let (mut unclosed_at, mut broken) = (None, false);
    while rows
        .read_record(&mut row)
        .map_err(|e| unreadable(file, text, &e))?
    {
        let offset = row.position().map_or(0, |p| p.byte() as usize);
        if row.len() != header.len() {
            let what = format!(
                "this row has {} of the header's {} cells",
                row.len(),
                header.len()
            );
            return Err(malformed(file, text, row_start(text, offset), &what));
        }
        unclosed_at = row.iter().any(|cell| cell.contains('\n')).then_some(offset);
        broken |= unclosed_at.is_some();
        row.iter()
            .zip(&mut columns)
            .for_each(|(cell, column)| column.push(cell));
    }
    if let Some(offset) = unclosed_at.filter(|_| has_odd_quotes(text)) {
        let what = "a quote is opened in this row and never closed";
        return Err(malformed(file, text, row_start(text, offset), what));
    }
    let each_a_line = !text.contains("\n\n") && !text.contains("\n\r\n") && !broken;
    let mut inputs = Inputs::default();
    for (name, cells) in header
        .iter()
        .zip(&columns)
        .filter(|(name, _)| !name.is_empty())
    {
        let (entry, levels) = column(file, cells, each_a_line);
        inputs.data.insert(name, entry);
        inputs.levels.extend(levels.map(|levels| Levels {
            name: name.to_string(),
            levels,
        }));
    }
    Ok(inputs)
}

/// The texts of a column, end to end: cells are many and short.
#[derive(Clone, Debug, Default)]
struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(a, b)| &self.text[*a..*b])
    }
}

/// A column's array, and the levels where its cells are texts. `each_a_line`: row i stands on line i + 2.
fn column(file: &str, cells: &Cells, each_a_line: bool) -> (Entry, Option<Vec<String>>) {
    let given = || cells.iter().filter(|c| !MISSING.contains(c));
    let mut levels = None;
    let mut gather = Gather::default();
    if given().all(|c| c.parse::<i64>().is_ok()) {
        fill(&mut gather, cells, |g, c| g.int(c.parse().unwrap_or(0)));
    } else if given().all(|c| real(c).is_some()) {
        fill(&mut gather, cells, |g, c| {
            g.real(real(c).unwrap_or(f64::NAN))
        });
    } else if given().all(|c| truth(c).is_some()) {
        fill(&mut gather, cells, |g, c| g.bool(truth(c) == Some(true)));
    } else {
        let mut names: Vec<String> = given().map(|c| c.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        let code = |c: &str| names.binary_search_by(|n| n.as_str().cmp(c)).unwrap_or(0) as i64;
        fill(&mut gather, cells, |g, c| g.int(code(c)));
        levels = Some(names);
    }
    let origin = Origin {
        file: file.to_string(),
        line: Some(1),
        column: each_a_line,
    };
    (
        gather.finish(Shape::vector(cells.ends.len()), origin),
        levels,
    )
}

fn fill<E>(gather: &mut Gather, cells: &Cells, push: impl Fn(&mut Gather, &str) -> Result<(), E>) {
    for cell in cells.iter() {
        if MISSING.contains(&cell) {
            gather.missing();
        } else {
            // All cells of a column have been seen to be of one kind: nothing can clash.
            let _ = push(gather, cell);
        }
    }
}

fn real(cell: &str) -> Option<f64> {
    super::gather::special_number(cell).or_else(|| {
        let numeric = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let x: f64 = cell
            .chars()
            .all(numeric)
            .then(|| cell.parse().ok())
            .flatten()?;
        x.is_finite().then_some(x)
    })
}

fn truth(cell: &str) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |c| header.matches(c).count();
    match (count(','), count(';'), count('\t')) {
        (0, 0, t) if t > 0 => b'\t',
        (0, s, _) if s > 0 => b';',
        _ => b',',
    }
}

/// Whether a quote is never closed, as one that swallows the rest of the file: the reader itself lets it end there.
fn has_odd_quotes(text: &str) -> bool {
    text.bytes().filter(|&b| b == b'"').count() % 2 == 1
}

fn twice(header: &csv::StringRecord) -> Option<&str> {
    let mut names: Vec<&str> = header.iter().filter(|n| !n.is_empty()).collect();
    names.sort_unstable();
    names.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

/// The reader's position may stand on the line break before the row.
fn row_start(text: &str, offset: usize) -> usize {
    let rest = &text.as_bytes()[offset.min(text.len())..];
    offset
        + rest
            .iter()
            .take_while(|&&b| b == b'\n' || b == b'\r')
            .count()
}

fn malformed(file: &str, text: &str, offset: usize, what: &str) -> StoreError {
    let end = text[offset..]
        .find(['\n', '\r'])
        .map_or(text.len(), |n| offset + n);
    StoreError::Malformed {
        at: At::new(file, text, offset, end),
        what: what.to_string(),
    }
}

fn unreadable(file: &str, text: &str, error: &csv::Error) -> StoreError {
    let offset = error.position().map_or(0, |p| p.byte() as usize);
    malformed(
        file,
        text,
        row_start(text, offset.min(text.len())),
        &error.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Values;

    fn values(inputs: &Inputs, name: &str) -> Values {
        inputs.data.get(name).unwrap().values.clone()
    }

    #[test]
    fn a_column_is_of_the_narrowest_kind() {
        let text = "\u{feff}n,x,seen,\"a b\",mixed\n1,1.5,TRUE,\"q,\"\"r\",1\n-2,2,false,a,x\n";
        let inputs = read_csv("d.csv", text).unwrap();
        assert_eq!(values(&inputs, "n"), Values::Int(vec![1, -2]));
        assert_eq!(values(&inputs, "x"), Values::Real(vec![1.5, 2.0]));
        assert_eq!(values(&inputs, "seen"), Values::Bool(vec![true, false]));
        assert_eq!(values(&inputs, "a b"), Values::Int(vec![1, 0]));
        assert_eq!(inputs.levels[0].levels, ["a", "q,\"r"]);
        assert_eq!(inputs.levels[1].levels, ["1", "x"]);
    }

    #[test]
    fn empty_cells_are_missing() {
        let inputs = read_csv("d.csv", "a,b\n1,\nNA,2.5\n3,NaN\n").unwrap();
        assert_eq!(inputs.data.get("a").unwrap().missing, [false, true, false]);
        assert!(matches!(values(&inputs, "a"), Values::Real(v) if v[1].is_nan()));
        assert_eq!(inputs.data.get("b").unwrap().missing, [true, false, true]);
    }

    #[test]
    fn rows_that_do_not_fit_have_a_line() {
        let error = |text: &str| read_csv("d.csv", text).unwrap_err().to_string();
        assert_eq!(
            error("a,b\n1,2\n\n3\n"),
            "d.csv:4:1: this row has 1 of the header's 2 cells"
        );
        assert_eq!(
            error("a,b\r\n1,2\r\n3,4,5\r\n"),
            "d.csv:3:1: this row has 3 of the header's 2 cells"
        );
        assert_eq!(error("a,a\n1,2\n"), "d.csv:1:1: two columns are named `a`");
        assert_eq!(error(""), "d.csv:1:1: it has no header");
        assert_eq!(
            error("a,b\n1,\"2\n3,4\n"),
            "d.csv:2:1: a quote is opened in this row and never closed"
        );
    }

    #[test]
    fn header_alone_gives_empty_columns_and_unnamed_ones_are_passed_over() {
        let inputs = read_csv("d.csv", ",y\n").unwrap();
        assert_eq!(inputs.data.get("y").unwrap().shape, Shape::vector(0));
        assert_eq!(inputs.data.names().count(), 1);
    }

    #[test]
    fn other_delimiters_show_in_the_header() {
        let inputs = read_csv("d.csv", "a;b\n1;2\n").unwrap();
        assert_eq!(values(&inputs, "b"), Values::Int(vec![2]));
        let inputs = read_csv("d.tsv", "a\tb\n1\t2\n").unwrap();
        assert_eq!(values(&inputs, "b"), Values::Int(vec![2]));
    }
}
