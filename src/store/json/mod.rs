//! Stan's JSON: one object, name to number or nested array.
//!
//! `{"N": 3, "x": [[1, 2.5], [3, null]]}` -> `N` an int, `x` a real `[2, 2]` whose last element is missing.
//!
//! Written by hand, since the generic readers lose what matters here: where a ragged row stands, a key that comes
//! twice, `1` against `1.0`, and the bare `NaN` and `Infinity` that Python writes. Elements go straight into flat
//! vectors, and brackets inside each other are counted, so that no file can exhaust the stack.

mod reader;
mod sizes;

use self::reader::{Number, Reader};
use self::sizes::{Fault, Sizes};
use super::gather::{Clash, Gather};
use super::{At, Inputs, StoreError};
use crate::base::{Asset, Entry, Origin, Shape};

/// Brackets inside each other that are still read.
const DEEPEST: usize = 64;

/// All entries of a file's text. `file` is its name for messages.
///
/// # Errors
/// `Malformed` where the text is not one JSON object with each key once. An entry that is no array (ragged, mixed,
/// an object) is only a fault of the [`Inputs`], since the program may not ask for it.
pub fn read_json(file: &str, text: &str) -> Result<Inputs, StoreError> {
    let mut reader = Reader::new(file, text);
    reader.blank();
    if reader.peek() != Some(b'{') {
        let what = "a data file is one JSON object, such as {\"N\": 2, \"y\": [0.5, 1]}";
        return Err(reader.malformed(what));
    }
    let mut inputs = Inputs::default();
    reader.members(|reader, key, key_at| reader.entry(&mut inputs, key, key_at))?;
    reader.end()?;
    Ok(inputs)
}

/// One JSON value, as in `--set name=VALUE`.
///
/// # Errors
/// `Malformed` where it is not JSON, `BadEntry` where it is no array.
pub fn read_value(name: &str, text: &str) -> Result<Entry, StoreError> {
    let file = format!("--set {name}");
    let mut reader = Reader::new(&file, text);
    reader.blank();
    let start = reader.pos;
    let entry = reader.array_or_scalar(None)?;
    reader.blank();
    reader.end()?;
    entry.map_err(|fault| reader.bad_entry(name, start, fault))
}

/// Any one JSON value: objects are records, arrays that are not rectangular are lists.
///
/// # Errors
/// `Malformed` where it is not JSON, or an object has a key twice.
pub fn read_any(file: &str, text: &str) -> Result<Asset, StoreError> {
    let mut reader = Reader::new(file, text);
    reader.blank();
    let asset = reader.any(0)?;
    reader.blank();
    reader.end()?;
    Ok(asset)
}

impl Reader<'_> {
    /// The value that starts here, inside of `depth` others.
    fn any(&mut self, depth: usize) -> Result<Asset, StoreError> {
        if depth >= DEEPEST {
            return Err(self.malformed(&format!("values are nested more than {DEEPEST} deep")));
        }
        if self.peek() == Some(b'{') {
            return self.any_object(depth);
        }
        let start = self.pos;
        match self.array_or_scalar(None)? {
            Ok(entry) => Ok(Asset::Entry(entry)),
            Err(_) if self.bytes[start] == b'[' => {
                self.pos = start;
                self.any_list(depth)
            }
            Err(fault) => Err(self.bad_entry("this value", start, fault)),
        }
    }

    fn any_object(&mut self, depth: usize) -> Result<Asset, StoreError> {
        let mut fields: Vec<(String, Asset)> = Vec::new();
        self.members(|reader, key, key_at| {
            if fields.iter().any(|(n, _)| *n == key) {
                return Err(reader.twice(&key, key_at));
            }
            reader.blank();
            reader.expect(b':', "a `:` after the key")?;
            reader.blank();
            fields.push((key, reader.any(depth + 1)?));
            Ok(())
        })?;
        Ok(Asset::Record(fields))
    }

    fn any_list(&mut self, depth: usize) -> Result<Asset, StoreError> {
        let mut items = Vec::new();
        self.elements(|reader| {
            items.push(reader.any(depth + 1)?);
            Ok(())
        })?;
        Ok(Asset::List(items))
    }

    fn twice(&self, key: &str, key_at: usize) -> StoreError {
        let at = At::new(self.file, self.text, key_at, self.pos);
        let what = format!("the key `{key}` comes twice");
        StoreError::Malformed { at, what }
    }

    /// The elements between the brackets that open here; how many there were.
    fn elements(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        self.pos += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(0);
        }
        let mut count = 0;
        loop {
            element(self)?;
            count += 1;
            self.blank();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b']') => break self.pos += 1,
                _ => return Err(self.malformed("a `,` or `]` is missing here")),
            }
            self.blank();
        }
        Ok(count)
    }

    fn entry(&mut self, inputs: &mut Inputs, key: String, key_at: usize) -> Result<(), StoreError> {
        if inputs.contains(&key) {
            return Err(self.twice(&key, key_at));
        }
        self.blank();
        self.expect(b':', "a `:` after the key")?;
        self.blank();
        let start = self.pos;
        match self.array_or_scalar(Some(key_at))? {
            Ok(entry) => inputs.data.insert(key, entry),
            Err(fault) => {
                let error = self.bad_entry(&key, start, fault);
                inputs.faults.push((key, error));
            }
        }
        Ok(())
    }

    /// The entry that starts here; the inner error is one that leaves the file readable.
    fn array_or_scalar(
        &mut self,
        key_at: Option<usize>,
    ) -> Result<Result<Entry, Fault>, StoreError> {
        let mut gather = Gather::default();
        let mut sizes = Sizes::default();
        self.element(0, &mut gather, &mut sizes)?;
        if let Some(fault) = sizes.fault {
            return Ok(Err(fault));
        }
        let line = key_at.map(|at| self.line_of(at));
        let origin = Origin {
            file: self.file.to_string(),
            line,
            column: false,
        };
        Ok(Ok(gather.finish(Shape(sizes.sizes), origin)))
    }

    fn element(
        &mut self,
        depth: usize,
        gather: &mut Gather,
        sizes: &mut Sizes,
    ) -> Result<(), StoreError> {
        let start = self.pos;
        let pushed = match self.peek() {
            Some(b'[') => return self.array(depth, gather, sizes),
            Some(b'{') => {
                self.skip_object(depth)?;
                let what = "it is an object; an input is a number, a text or a nested array";
                sizes.blame(start, self.pos, || what.to_string());
                return Ok(());
            }
            Some(b'"') => {
                let text = self.string()?;
                gather.text(&text)
            }
            Some(b'-' | b'+' | b'0'..=b'9') => match self.number()? {
                Number::Int(x) => gather.int(x),
                Number::Real(x) => gather.real(x),
                Number::Special(x) => gather.special(x),
                Number::TooLarge => {
                    let (from, to) = (start, self.pos);
                    sizes.blame(from, to, || {
                        format!("{} is too large for a real", &self.text[from..to])
                    });
                    gather.real(0.0)
                }
            },
            Some(c) if c.is_ascii_alphabetic() => self.word(gather)?,
            _ => return Err(self.malformed("a value is missing here")),
        };
        if let Err(clash) = pushed {
            sizes.blame(start, self.pos, || mixed(&clash));
        }
        sizes.number_at(depth, start, self.pos);
        Ok(())
    }

    fn array(
        &mut self,
        depth: usize,
        gather: &mut Gather,
        sizes: &mut Sizes,
    ) -> Result<(), StoreError> {
        if depth >= DEEPEST {
            return Err(self.malformed(&format!("arrays are nested more than {DEEPEST} deep")));
        }
        let start = self.pos;
        sizes.array_at(depth, start);
        let count = self.elements(|reader| reader.element(depth + 1, gather, sizes))?;
        sizes.array_ends(depth, count, start, self.pos);
        Ok(())
    }

    /// `true`, `null`, and the numbers that JSON lacks but Python and Stan write.
    fn word(&mut self, gather: &mut Gather) -> Result<Result<(), Clash>, StoreError> {
        let rest = &self.bytes[self.pos..];
        let len = rest
            .iter()
            .take_while(|c| c.is_ascii_alphanumeric())
            .count();
        let pushed = match &rest[..len] {
            b"true" => gather.bool(true),
            b"false" => gather.bool(false),
            b"null" => {
                gather.missing();
                Ok(())
            }
            b"NaN" => gather.special(f64::NAN),
            b"Inf" | b"Infinity" => gather.special(f64::INFINITY),
            _ => return Err(self.malformed("this is no JSON value")),
        };
        self.pos += len;
        Ok(pushed)
    }

    fn skip_object(&mut self, depth: usize) -> Result<(), StoreError> {
        if depth >= DEEPEST {
            return Err(self.malformed(&format!("values are nested more than {DEEPEST} deep")));
        }
        self.members(|reader, _, _| {
            reader.blank();
            reader.expect(b':', "a `:` after the key")?;
            reader.blank();
            reader.element(depth + 1, &mut Gather::default(), &mut Sizes::default())
        })
    }

    fn bad_entry(&self, name: &str, start: usize, fault: Fault) -> StoreError {
        StoreError::BadEntry {
            at: At::new(self.file, self.text, fault.start.max(start), fault.end),
            name: name.to_string(),
            what: fault.what,
        }
    }
}

fn mixed(clash: &Clash) -> String {
    format!("it mixes {} with {}", clash.so_far, clash.came)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Values;

    fn entry(text: &str) -> Entry {
        read_value("x", text).unwrap()
    }

    fn error(text: &str) -> String {
        let inputs = match read_json("d.json", text) {
            Ok(inputs) => inputs,
            Err(e) => return e.to_string(),
        };
        inputs
            .faults
            .first()
            .map_or("none".to_string(), |(_, e)| e.to_string())
    }

    #[test]
    fn ints_and_reals_stay_apart() {
        assert_eq!(entry("1").values, Values::Int(vec![1]));
        assert_eq!(entry("1.0").values, Values::Real(vec![1.0]));
        assert_eq!(entry("[1, 2.5]").values, Values::Real(vec![1.0, 2.5]));
        assert_eq!(entry("[1e3]").values, Values::Real(vec![1000.0]));
        assert_eq!(
            entry("9223372036854775807").values,
            Values::Int(vec![i64::MAX])
        );
        assert_eq!(
            entry("9223372036854775808").values,
            Values::Real(vec![9_223_372_036_854_775_808.0])
        );
    }

    #[test]
    fn arrays_are_rectangular_and_row_major() {
        let e = entry("[[[1, 2, 3], [4, 5, 6]]]");
        assert_eq!(
            (e.shape, e.values),
            (Shape(vec![1, 2, 3]), Values::Int((1..=6).collect()))
        );
        assert_eq!(entry("[]").shape, Shape(vec![0]));
        assert_eq!(entry("[[], []]").shape, Shape(vec![2, 0]));
        assert_eq!(entry("[[[]]]").shape, Shape(vec![1, 1, 0]));
    }

    #[test]
    fn what_is_missing_is_marked() {
        let e = entry(r#"[1, null, "NaN", "-Inf", NaN, -Infinity]"#);
        assert_eq!(e.missing, [false, true, true, false, true, false]);
        let Values::Real(v) = e.values else {
            panic!("not real")
        };
        assert!(
            v[1].is_nan()
                && v[2].is_nan()
                && v[3] == f64::NEG_INFINITY
                && v[5] == f64::NEG_INFINITY
        );
        assert_eq!(entry("[null, true]").missing, [true, false]);
    }

    #[test]
    fn texts_that_look_like_gaps_stay_texts_among_texts() {
        let e = entry(r#"["NA", "US"]"#);
        assert_eq!(
            (e.values, e.missing),
            (Values::Str(vec!["NA".into(), "US".into()]), vec![])
        );
    }

    #[test]
    fn faults_of_an_entry_have_a_place() {
        let at = |text: &str| error(text);
        assert_eq!(
            at("{\"y\": [[1, 2],\n [3]]}"),
            "d.json:2:2: `y` cannot be used: it is ragged: the length of this row is 1, that of the rows before it 2"
        );
        assert_eq!(
            at("{\"y\": [1, [2]]}"),
            "d.json:1:11: `y` cannot be used: it has an array where it has numbers elsewhere"
        );
        assert_eq!(
            at("{\"y\": [[2], 1]}"),
            "d.json:1:13: `y` cannot be used: it has a number where it has arrays elsewhere"
        );
        assert_eq!(
            at("{\"y\": [[], 1]}"),
            "d.json:1:12: `y` cannot be used: it has a number where it has arrays elsewhere"
        );
        assert_eq!(
            at("{\"y\": [1, true]}"),
            "d.json:1:11: `y` cannot be used: it mixes numbers with true or false"
        );
        assert_eq!(
            at("{\"y\": [1, \"a\"]}"),
            "d.json:1:11: `y` cannot be used: it mixes numbers with texts"
        );
        assert_eq!(
            at("{\"y\": {\"a\": [[1], 2]}}"),
            "d.json:1:7: `y` cannot be used: it is an object; an input is a number, a text or a nested array"
        );
        assert_eq!(
            at("{\"y\": 1e999}"),
            "d.json:1:7: `y` cannot be used: 1e999 is too large for a real"
        );
    }

    #[test]
    fn a_file_that_is_not_json_has_a_place() {
        assert_eq!(
            error("{\"y\": 1} x"),
            "d.json:1:10: nothing may follow the value that ends here"
        );
        assert_eq!(
            error("{\"y\": 1,\n \"y\": 2}"),
            "d.json:2:2: the key `y` comes twice"
        );
        assert_eq!(
            error("{\"µ\": 01}"),
            "d.json:1:7: `01` is not a number as JSON writes them"
        );
        assert_eq!(
            error("{\"y\": [1,]}"),
            "d.json:1:10: a value is missing here"
        );
        assert_eq!(
            error("{\"y\": [1"),
            "d.json:1:9: a `,` or `]` is missing here"
        );
        assert_eq!(
            error("{\"y\" 1}"),
            "d.json:1:6: a `:` after the key is missing here"
        );
        assert_eq!(
            error("{\"y\": \"abc"),
            "d.json:1:7: this text is not closed"
        );
        assert!(error("").contains("one JSON object"));
        assert!(error("[1]").contains("one JSON object"));
        assert!(
            error(&format!("{{\"y\": {}", "[".repeat(100_000))).contains("nested more than 64")
        );
        assert!(
            error(&format!("{{\"y\": {}", "{\"a\":".repeat(100_000)))
                .contains("nested more than 64")
        );
    }

    #[test]
    fn each_entry_knows_its_line() {
        let inputs = read_json("d.json", "\u{feff}{\n \"N\": 2,\n \"y\": [1,\n 2]}").unwrap();
        assert_eq!(inputs.data.get("y").unwrap().origin.line, Some(3));
    }
}
