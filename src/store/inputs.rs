//! What a run is given: data from files and from the command line, and what was wrong with what the program may not
//! even ask for.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{StoreError, csv, json, npy};
use crate::base::{Data, Entry, Values};

/// The texts behind the codes of a column: code k stands for `levels[k]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Levels {
    /// The column.
    pub name: String,
    /// Its texts, in alphabetical order.
    pub levels: Vec<String>,
}

impl Levels {
    /// The column as texts again, for a program that declares it `string`. Missing cells are empty texts.
    pub fn decode(&self, entry: &Entry) -> Entry {
        let text = |code: i64| {
            usize::try_from(code)
                .ok()
                .and_then(|k| self.levels.get(k))
                .cloned()
        };
        let texts = match &entry.values {
            Values::Int(v) => v.iter().map(|&k| text(k).unwrap_or_default()).collect(),
            Values::Real(v) => v
                .iter()
                .map(|&k| if k.is_nan() { None } else { text(k as i64) }.unwrap_or_default())
                .collect(),
            _ => return entry.clone(),
        };
        Entry {
            values: Values::Str(texts),
            ..entry.clone()
        }
    }
}

/// Everything that a program may ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// The entries.
    pub data: Data,
    /// Levels of the columns of texts.
    pub levels: Vec<Levels>,
    /// Entries that cannot be used: an error once the program declares the name, nothing otherwise.
    pub faults: Vec<(String, StoreError)>,
}

impl From<Data> for Inputs {
    fn from(data: Data) -> Inputs {
        Inputs {
            data,
            ..Inputs::default()
        }
    }
}

impl Inputs {
    /// Whether something of that name was given, usable or not.
    pub fn contains(&self, name: &str) -> bool {
        self.data.get(name).is_some() || self.fault(name).is_some()
    }

    /// What is wrong with an entry, if anything.
    pub fn fault(&self, name: &str) -> Option<&StoreError> {
        self.faults.iter().find(|(n, _)| n == name).map(|(_, e)| e)
    }

    /// The texts behind a column's codes.
    pub fn levels_of(&self, name: &str) -> Option<&Levels> {
        self.levels.iter().find(|l| l.name == name)
    }

    /// The entry that a program asks for: codes are texts again where it wants texts.
    ///
    /// # Errors
    /// What was wrong with the entry in its file.
    pub fn entry(
        &self,
        name: &str,
        wants_text: bool,
    ) -> Result<Option<Cow<'_, Entry>>, &StoreError> {
        let Some(entry) = self.data.get(name) else {
            return self.fault(name).map_or(Ok(None), Err);
        };
        Ok(Some(match self.levels_of(name).filter(|_| wants_text) {
            Some(levels) => Cow::Owned(levels.decode(entry)),
            None => Cow::Borrowed(entry),
        }))
    }

    /// Adds everything of `other`, which wins where names meet.
    pub fn merge(&mut self, other: Inputs) {
        let renewed = |name: &str| other.contains(name);
        self.faults.retain(|(name, _)| !renewed(name));
        self.levels.retain(|l| !renewed(&l.name));
        self.data.merge(other.data);
        self.levels.extend(other.levels);
        self.faults.extend(other.faults);
    }

    /// Reads a data file; the name's ending, or else its first bytes, say what it is. At most `limit` bytes.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read(path: &Path, limit: u64) -> Result<Inputs, StoreError> {
        let file = path.display().to_string();
        if is_parquet(path, b"") && !cfg!(feature = "parquet") {
            return Err(StoreError::NotBuiltWith { format: "Parquet" });
        }
        Inputs::from_bytes(&file, read_bytes(path, limit)?, limit)
    }

    /// Reads the content of a data file of that name.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn from_bytes(file: &str, bytes: Vec<u8>, limit: u64) -> Result<Inputs, StoreError> {
        let path = Path::new(file);
        let ending = ending(path);
        if is_parquet(path, &bytes) {
            return read_parquet(file, bytes);
        }
        if ending == "npy" || bytes.starts_with(b"\x93NUMPY") {
            return npy::read_npy(file, &bytes);
        }
        if ending == "npz" || bytes.starts_with(b"PK\x03\x04") {
            return npy::read_npz(file, &bytes, limit);
        }
        let text = as_text(file, bytes)?;
        match ending.as_str() {
            "json" => json::read_json(file, &text),
            "csv" | "tsv" => csv::read_csv(file, &text),
            _ if text.trim_start().starts_with('{') => json::read_json(file, &text),
            _ => Err(StoreError::UnknownFormat {
                file: file.to_string(),
            }),
        }
    }

    /// Sets one input from the command line: `value` is JSON; a word that is not JSON is a text.
    ///
    /// # Errors
    /// `Malformed` or `BadEntry` with the place in the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        let word = value.starts_with(|c: char| c.is_alphabetic())
            && value
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        let entry = match json::read_value(name, value) {
            Err(_) if word => json::read_value(name, &format!("\"{value}\""))?,
            other => other?,
        };
        let mut data = Data::default();
        data.insert(name, entry);
        self.merge(data.into());
        Ok(())
    }
}

/// All bytes of a file, but never more than `limit`.
///
/// # Errors
/// `Unreadable` or `TooLarge`.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let file = path.display().to_string();
    let unreadable = |why: String| StoreError::Unreadable {
        file: file.clone(),
        why,
    };
    let open = File::open(path).map_err(|e| unreadable(in_words(&e)))?;
    if open.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(unreadable("it is a folder".to_string()));
    }
    let mut bytes = Vec::new();
    open.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(in_words(&e)))?;
    if bytes.len() as u64 > limit {
        return Err(StoreError::TooLarge { file, limit });
    }
    Ok(bytes)
}

/// The text of a file's bytes.
///
/// # Errors
/// `NotText` where they are not UTF-8, or hold the zero bytes of a binary file.
pub fn as_text(file: &str, bytes: Vec<u8>) -> Result<String, StoreError> {
    let not_text = |offset| StoreError::NotText {
        file: file.to_string(),
        offset,
    };
    if let Some(offset) = bytes.iter().position(|&b| b == 0) {
        return Err(not_text(offset));
    }
    String::from_utf8(bytes).map_err(|e| not_text(e.utf8_error().valid_up_to()))
}

/// The system's words, without its error numbers.
pub fn in_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission is denied".to_string(),
        _ => text.to_lowercase(),
    }
}

fn ending(path: &Path) -> String {
    path.extension()
        .map(|e| e.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}

#[cfg(feature = "parquet")]
use super::parquet::read_parquet;

#[cfg(not(feature = "parquet"))]
fn read_parquet(_file: &str, _bytes: Vec<u8>) -> Result<Inputs, StoreError> {
    Err(StoreError::NotBuiltWith { format: "Parquet" })
}

fn is_parquet(path: &Path, bytes: &[u8]) -> bool {
    matches!(ending(path).as_str(), "parquet" | "pq") || bytes.starts_with(b"PAR1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_value_is_json_or_a_word() {
        let mut inputs = Inputs::default();
        inputs.set("n", "10").unwrap();
        inputs.set("x", "[[1, 2.5]]").unwrap();
        inputs.set("kernel", "matern").unwrap();
        inputs.set("b", "true").unwrap();
        assert_eq!(inputs.data.get("n").unwrap().values, Values::Int(vec![10]));
        assert_eq!(inputs.data.get("x").unwrap().shape.dims(), [1, 2]);
        assert_eq!(
            inputs.data.get("kernel").unwrap().values,
            Values::Str(vec!["matern".into()])
        );
        assert_eq!(
            inputs.data.get("b").unwrap().values,
            Values::Bool(vec![true])
        );
        let error = inputs.set("n", "[1, 2").unwrap_err().to_string();
        assert_eq!(error, "--set n:1:6: a `,` or `]` is missing here");
    }

    #[test]
    fn a_later_file_heals_an_earlier_fault() {
        let read = |text: &str| Inputs::from_bytes("d.json", text.into(), 1 << 20).unwrap();
        let mut inputs = read("{\"y\": [[1], 2]}");
        assert!(inputs.fault("y").is_some());
        inputs.merge(read("{\"y\": 2}"));
        assert!(inputs.fault("y").is_none() && inputs.data.get("y").is_some());
    }

    #[test]
    fn codes_are_texts_again_for_who_wants_texts() {
        let text = "site,y\nwest,1\neast,2\nNA,3\n";
        let inputs = Inputs::from_bytes("d.csv", text.into(), 1 << 20).unwrap();
        let values = |wants_text| {
            inputs
                .entry("site", wants_text)
                .unwrap()
                .unwrap()
                .into_owned()
                .values
        };
        assert_eq!(
            values(true),
            Values::Str(vec!["west".into(), "east".into(), String::new()])
        );
        assert!(matches!(values(false), Values::Real(v) if v[..2] == [1.0, 0.0] && v[2].is_nan()));
        assert_eq!(inputs.entry("z", true), Ok(None));
    }

    #[test]
    fn binary_files_are_refused() {
        let read =
            |bytes: &[u8]| Inputs::from_bytes("d.json", bytes.to_vec(), 1 << 20).unwrap_err();
        assert_eq!(
            read(b"{\"a\": \xff}"),
            StoreError::NotText {
                file: "d.json".into(),
                offset: 6
            }
        );
        assert!(matches!(
            read(b"{}\0"),
            StoreError::NotText { offset: 2, .. }
        ));
        assert!(matches!(read(b"PAR1"), StoreError::NotBuiltWith { .. }));
    }

    /// What data files are made of.
    const ALPHABET: [char; 32] = [
        '[', ']', '{', '}', ',', ':', '"', '0', '1', '9', 'e', 'E', '.', '+', '-', '\\', 'N', 'a',
        'I', 'n', 'f', 'u', 'l', 't', 'r', 's', ' ', '\n', '\r', ';', '\t', 'µ',
    ];

    proptest::proptest! {
        #[test]
        fn no_content_makes_a_reader_panic(
            kind in 0usize..4,
            start in 0usize..3,
            picks in proptest::collection::vec(0usize..ALPHABET.len(), 0..60),
        ) {
            let name = ["d.json", "d.csv", "d.npy", "d"][kind];
            let head = ["", "{\"a\":", "a,b\n"][start];
            let tail: String = picks.iter().map(|&i| ALPHABET[i]).collect();
            let content = head.to_string() + &tail;
            let _ = Inputs::from_bytes(name, content.clone().into_bytes(), 1 << 20);
            let _ = Inputs::default().set("x", &content);
        }
    }
}
