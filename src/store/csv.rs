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
    if !text.contains('"') {
        return Ok(entries(file, &unquoted(file, text)?));
    }
    let mut texts = Texts::default();
    let (header, broken) = quoted(file, text, &mut texts)?;
    let table = Table::quoted(text, &header, &texts, broken);
    Ok(entries(file, &table))
}

/// A header, and the cells below each of its names, without the blanks around them.
struct Table<'a> {
    header: Vec<&'a str>,
    columns: Vec<Vec<&'a str>>,
    /// Whether row i stands on line i + 2.
    each_a_line: bool,
}

impl<'a> Table<'a> {
    fn quoted(
        text: &str,
        header: &'a csv::StringRecord,
        cells: &'a Texts,
        broken: bool,
    ) -> Table<'a> {
        let columns = (0..header.len()).map(|k| cells.column(k, header.len()));
        Table {
            columns: columns.collect(),
            header: header.iter().collect(),
            each_a_line: !broken && !has_empty_lines(text),
        }
    }
}

fn entries(file: &str, table: &Table) -> Inputs {
    let mut inputs = Inputs::default();
    let named = table.header.iter().zip(&table.columns);
    for (name, cells) in named.filter(|(name, _)| !name.is_empty()) {
        let (entry, levels) = column(file, cells, table.each_a_line);
        inputs.data.insert(*name, entry);
        inputs.levels.extend(levels.map(|levels| Levels {
            name: name.to_string(),
            levels,
        }));
    }
    inputs
}

/// What is wrong with a header, if anything.
fn check_header(file: &str, text: &str, header: &[&str]) -> Result<(), StoreError> {
    if header.iter().all(|name| name.is_empty()) {
        return Err(malformed(file, text, 0, "it has no header"));
    }
    match twice(header) {
        Some(name) => {
            let what = format!("two columns are named `{name}`");
            Err(malformed(file, text, 0, &what))
        }
        None => Ok(()),
    }
}

fn wrong_length(file: &str, text: &str, start: usize, cells: usize, names: usize) -> StoreError {
    let what = format!("this row has {cells} of the header's {names} cells");
    malformed(file, text, start, &what)
}

/// The table of a text without quotes: a break always ends a row there, and a delimiter a cell.
fn unquoted<'a>(file: &str, text: &'a str) -> Result<Table<'a>, StoreError> {
    let delimiter = delimiter(text);
    let mut lines = lines(text);
    let (_, first) = lines.next().unwrap_or((0, ""));
    let header: Vec<&str> = cells(first, delimiter).collect();
    check_header(file, text, &header)?;
    let mut columns = vec![Vec::new(); header.len()];
    for (start, line) in lines {
        let mut found = 0;
        for cell in cells(line, delimiter) {
            if let Some(column) = columns.get_mut(found) {
                column.push(cell);
            }
            found += 1;
        }
        if found != header.len() {
            return Err(wrong_length(file, text, start, found, header.len()));
        }
    }
    Ok(Table {
        header,
        columns,
        each_a_line: !has_empty_lines(text),
    })
}

/// The lines that are not empty, each with the place where it starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    let pieces = text.split(['\n', '\r']).map(move |line| {
        let here = start;
        start += line.len() + 1;
        (here, line)
    });
    pieces.filter(|(_, line)| !line.is_empty())
}

fn cells(line: &str, delimiter: u8) -> impl Iterator<Item = &str> {
    line.split(char::from(delimiter)).map(str::trim)
}

fn has_empty_lines(text: &str) -> bool {
    text.contains("\n\n") || text.contains("\n\r\n")
}

/// The cells of a text with quotes, row by row; gives the header, and whether a row goes over several lines.
fn quoted(
    file: &str,
    text: &str,
    cells: &mut Texts,
) -> Result<(csv::StringRecord, bool), StoreError> {
    let mut rows = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = rows
        .headers()
        .map_err(|e| unreadable(file, text, &e))?
        .clone();
    check_header(file, text, &header.iter().collect::<Vec<_>>())?;
    let mut row = csv::StringRecord::new();
    let (mut unclosed_at, mut broken, mut last) = (None, false, 0);
    while rows
        .read_record(&mut row)
        .map_err(|e| unreadable(file, text, &e))?
    {
        let offset = row.position().map_or(0, |p| p.byte() as usize);
        if row.len() != header.len() {
            let start = row_start(text, offset);
            return Err(wrong_length(file, text, start, row.len(), header.len()));
        }
        unclosed_at = row.iter().any(|cell| cell.contains('\n')).then_some(offset);
        broken |= unclosed_at.is_some();
        last = offset;
        row.iter().for_each(|cell| cells.push(cell));
    }
    if opens_quote(&text[row_start(text, last)..]) {
        unclosed_at = Some(last);
    }
    if let Some(offset) = unclosed_at.filter(|_| has_odd_quotes(text)) {
        let what = "a quote is opened in this row and never closed";
        return Err(malformed(file, text, row_start(text, offset), what));
    }
    Ok((header, broken))
}

/// Cells row by row, end to end: they are many and short.
#[derive(Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Every `width`-th cell from the k-th on.
    fn column(&self, k: usize, width: usize) -> Vec<&str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let cells = starts.zip(&self.ends).map(|(a, b)| &self.text[*a..*b]);
        cells.skip(k).step_by(width).collect()
    }
}

/// A column's array, and the levels where its cells are texts. `each_a_line`: row i stands on line i + 2.
fn column(file: &str, cells: &[&str], each_a_line: bool) -> (Entry, Option<Vec<String>>) {
    let origin = Origin {
        file: file.to_string(),
        line: Some(1),
        column: each_a_line,
    };
    let shape = Shape::vector(cells.len());
    let whole = |c: &str| c.parse::<i64>().ok();
    let gather = gathered(cells, whole, Gather::int)
        .or_else(|| gathered(cells, real, Gather::real))
        .or_else(|| gathered(cells, truth, Gather::bool));
    if let Some(gather) = gather {
        return (gather.finish(shape, origin), None);
    }
    let given = cells.iter().filter(|c| !is_missing(c));
    let mut names: Vec<String> = given.map(|c| c.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    let code = |c: &str| Some(names.binary_search_by(|n| n.as_str().cmp(c)).unwrap_or(0) as i64);
    let gather = gathered(cells, code, Gather::int).unwrap_or_default();
    (gather.finish(shape, origin), Some(names))
}

/// A column whose cells are all of one kind, or missing; `None` where one is not.
fn gathered<T, E>(
    cells: &[&str],
    read: impl Fn(&str) -> Option<T>,
    push: impl Fn(&mut Gather, T) -> Result<(), E>,
) -> Option<Gather> {
    let mut gather = Gather::default();
    for cell in cells {
        if is_missing(cell) {
            gather.missing();
        } else {
            push(&mut gather, read(cell)?).ok()?;
        }
    }
    Some(gather)
}

fn is_missing(cell: &str) -> bool {
    // Numbers are most cells, and begin with none of these.
    matches!(cell.as_bytes().first(), None | Some(b'N' | b'n')) && MISSING.contains(&cell)
}

fn real(cell: &str) -> Option<f64> {
    super::gather::special_number(cell).or_else(|| {
        let numeric = |c: u8| c.is_ascii_digit() || b"+-.eE".contains(&c);
        let x: f64 = cell
            .bytes()
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

/// Whether what is left of a text is one line with a cell that begins with a quote.
fn opens_quote(rest: &str) -> bool {
    let line = rest.trim_end_matches(['\n', '\r']);
    let mut before = None;
    let opens = line.chars().any(|c| {
        let starts = c == '"' && before.is_none_or(|b| matches!(b, ',' | ';' | '\t'));
        if c != ' ' {
            before = Some(c);
        }
        starts
    });
    opens && !line.contains('\n')
}

fn twice<'a>(header: &[&'a str]) -> Option<&'a str> {
    let mut names: Vec<&str> = header.iter().copied().filter(|n| !n.is_empty()).collect();
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
    fn a_text_without_quotes_is_read_as_one_with_them() {
        let texts = [
            "a,b\n1,2\n\n3,4\n",
            "a,b\r\n1 , x\r\n\r\n 2,\u{a0}y",
            "a,b\r1,2\r3,NA\r",
            " a ; b;\n-0;1e3;\n7;+2.5; \n",
            "\n\na\tb\n9007199254740993\t1.5\n  \t\n",
            "a,b,c\n1,2\n",
            "a,b\n1,2\n3,4,5\n",
            "a\n1\n \n2",
            "a,a\n1,2\n",
            ",,\n",
            "",
            "\n \n",
        ];
        for text in texts {
            let plain = unquoted("d.csv", text).map(|t| entries("d.csv", &t));
            let mut cells = Texts::default();
            let careful = quoted("d.csv", text, &mut cells).map(|(header, broken)| {
                entries("d.csv", &Table::quoted(text, &header, &cells, broken))
            });
            assert_eq!(format!("{plain:?}"), format!("{careful:?}"), "{text:?}");
        }
    }

    #[test]
    fn header_alone_gives_empty_columns_and_unnamed_ones_are_passed_over() {
        let inputs = read_csv("d.csv", ",y\n").unwrap();
        assert_eq!(inputs.data.get("y").unwrap().shape, Shape::vector(0));
        assert_eq!(inputs.data.names().count(), 1);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told() {
        for text in ["a,b\n1,\"x", "a,b\n1,\"x\n", "a,b\n1,\"x\n2,y\n"] {
            let error = read_csv("d.csv", text).unwrap_err().to_string();
            assert!(error.contains("never closed"), "{text:?}: {error}");
        }
        let inputs = read_csv("d.csv", "a,b\n1,5\" pipe\n").unwrap();
        assert_eq!(values(&inputs, "a"), Values::Int(vec![1]));
    }

    #[test]
    fn other_delimiters_show_in_the_header() {
        let inputs = read_csv("d.csv", "a;b\n1;2\n").unwrap();
        assert_eq!(values(&inputs, "b"), Values::Int(vec![2]));
        let inputs = read_csv("d.tsv", "a\tb\n1\t2\n").unwrap();
        assert_eq!(values(&inputs, "b"), Values::Int(vec![2]));
    }
}
