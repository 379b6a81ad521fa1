//! What a run left on disk, read again: Zarr that odp wrote, its JSON of draws, CmdStan's CSV.

use std::path::Path;

use serde_json::{Map, Value};

use super::record::Record;
use super::{StoreError, as_text, read_bytes};
use crate::base::{Entry, Origin, Shape, Values};
use crate::draws::{Draws, Output, OutputKind};

/// Reads a run's output: a Zarr folder, or a file with draws. At most `limit` bytes a file.
///
/// # Errors
/// Files that cannot be read or are no run's output.
pub fn read_record(path: &Path, limit: u64) -> Result<Record, StoreError> {
    if path.is_dir() {
        return read_zarr(path, limit);
    }
    let name = path.display().to_string();
    let text = as_text(&name, read_bytes(path, limit)?)?;
    match text.trim_start().starts_with('{') {
        true => read_draws_json(&name, &text),
        false => read_chains(path, &name, &text, limit),
    }
}

fn bad(file: &str, what: impl Into<String>) -> StoreError {
    StoreError::BadArray {
        file: file.to_string(),
        what: what.into(),
    }
}

// ---- Zarr ----

fn read_zarr(folder: &Path, limit: u64) -> Result<Record, StoreError> {
    let name = folder.display().to_string();
    let file = folder.join("zarr.json");
    let text = as_text(&name, read_bytes(&file, limit)?)?;
    let root: Value = serde_json::from_str(&text).map_err(|e| bad(&name, e.to_string()))?;
    let attributes = &root["attributes"];
    if attributes["creation_library"] != "odp" {
        return Err(bad(&name, "odp did not write it"));
    }
    let metadata = root["consolidated_metadata"]["metadata"].as_object();
    let metadata = metadata.ok_or_else(|| bad(&name, "its metadata is not consolidated"))?;
    let group = |group: &str| read_group(folder, group, metadata, limit);
    let prior = metadata.contains_key("prior");
    let (posterior, predictive) = match prior {
        true => (group("prior")?, group("prior_predictive")?),
        false => (group("posterior")?, group("posterior_predictive")?),
    };
    let observed = group("observed_data")?.outputs.into_iter().map(entry);
    let text = |key: &str| attributes[key].as_str().unwrap_or_default().to_string();
    Ok(Record {
        model: text("model"),
        engine: text("engine"),
        seed: attributes["seed"].as_u64().unwrap_or(0),
        interrupted: attributes["interrupted"] == true,
        prior,
        draws: posterior,
        sample_stats: Vec::new(),
        predictive: predictive.outputs,
        log_likelihood: group("log_likelihood")?.outputs,
        observed: observed.collect(),
        attributes: attributes
            .as_object()
            .map(|a| a.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
            .unwrap_or_default(),
    })
}

fn entry(output: Output) -> (String, Entry) {
    let missing = output.values.iter().map(|x| x.is_nan()).collect::<Vec<_>>();
    let entry = Entry {
        values: Values::Real(output.values),
        shape: output.shape,
        missing: if missing.contains(&true) {
            missing
        } else {
            Vec::new()
        },
        origin: Origin::default(),
    };
    (output.name, entry)
}

/// The variables of a group; the coordinates that are only counted are left out.
fn read_group(
    folder: &Path,
    group: &str,
    metadata: &Map<String, Value>,
    limit: u64,
) -> Result<Draws, StoreError> {
    let mut draws = Draws::default();
    let inside = |key: &str| key.strip_prefix(&format!("{group}/")).map(str::to_string);
    for (key, array) in metadata.iter().filter(|(_, m)| m["node_type"] == "array") {
        let Some(name) = inside(key) else {
            continue;
        };
        let dims = strings(&array["dimension_names"]);
        let counted = dims == [name.clone()] && array["data_type"] == "int64";
        let marks = name.strip_suffix("_present");
        let marks = marks.is_some_and(|n| metadata.contains_key(&format!("{group}/{n}")));
        if counted || marks {
            continue;
        }
        let shape = sizes(&array["shape"]);
        let sampled = dims.first().is_some_and(|d| d == "chain");
        let (lead, own) = shape.split_at(if sampled { 2.min(shape.len()) } else { 0 });
        if let [chains, length] = lead {
            (draws.chains, draws.n) = (*chains, chains * length);
        }
        let values = numbers(&folder.join(group).join(&name), array, shape.len(), limit)?;
        let wanted: usize = shape.iter().product();
        if values.len() != wanted {
            return Err(bad(key, format!("{} elements, not {wanted}", values.len())));
        }
        draws.outputs.push(Output {
            name,
            shape: Shape(own.to_vec()),
            kind: kind(&array["data_type"]),
            present: match values.iter().any(|x| x.is_nan()) {
                true => values.iter().map(|x| !x.is_nan()).collect(),
                false => Vec::new(),
            },
            values,
        });
    }
    Ok(draws)
}

fn kind(data_type: &Value) -> OutputKind {
    match data_type.as_str() {
        Some("int64") => OutputKind::Int,
        Some("int8" | "bool") => OutputKind::Bool,
        _ => OutputKind::Real,
    }
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|s| s.as_str().map(str::to_string))
        .collect()
}

fn sizes(list: &Value) -> Vec<usize> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|s| s.as_u64().map(|n| n as usize))
        .collect()
}

/// The elements of an array's only chunk.
fn numbers(
    array: &Path,
    metadata: &Value,
    rank: usize,
    limit: u64,
) -> Result<Vec<f64>, StoreError> {
    if sizes(&metadata["shape"]).contains(&0) {
        return Ok(Vec::new());
    }
    let mut path = array.join("c");
    path.extend(std::iter::repeat_n("0", rank));
    let bytes = read_bytes(&path, limit)?;
    let eight = |b: &[u8]| <[u8; 8]>::try_from(b).expect("eight bytes");
    Ok(match metadata["data_type"].as_str() {
        Some("int8" | "bool") => bytes.iter().map(|&b| f64::from(b)).collect(),
        Some("int64") => {
            let chunks = bytes.chunks_exact(8);
            chunks
                .map(|b| i64::from_le_bytes(eight(b)) as f64)
                .collect()
        }
        Some("float64") => {
            let chunks = bytes.chunks_exact(8);
            chunks.map(|b| f64::from_le_bytes(eight(b))).collect()
        }
        _ => {
            return Err(bad(
                &array.display().to_string(),
                "an unknown type of elements",
            ));
        }
    })
}

// ---- JSON ----

fn read_draws_json(name: &str, text: &str) -> Result<Record, StoreError> {
    let root: Value = serde_json::from_str(text).map_err(|e| bad(name, e.to_string()))?;
    let get = |key: &str| root[key].as_str().unwrap_or_default().to_string();
    let mut record = Record {
        model: get("model"),
        engine: get("engine"),
        seed: root["seed"].as_u64().unwrap_or(0),
        interrupted: root["interrupted"] == true,
        ..Record::default()
    };
    let parameters = root["parameters"].as_object();
    let parameters = parameters.ok_or_else(|| bad(name, "it is no document that odp wrote"))?;
    // A run's own document has figures and no draws.
    if root.get("reliable").is_some() {
        record.attributes.push(("answer".to_string(), root.clone()));
        return Ok(record);
    }
    let (chains, length) = (root["chains"].as_u64(), root["draws"].as_u64());
    let (Some(chains), Some(length)) = (chains, length) else {
        return Err(bad(name, "it is no document that odp wrote"));
    };
    let outputs = |group: &Map<String, Value>| group.iter().map(|(n, v)| output(n, v)).collect();
    let group = |key: &str| root[key].as_object().map_or(Vec::new(), outputs);
    record.predictive = group("predictive");
    record.log_likelihood = group("log_likelihood");
    record.draws = Draws {
        n: (chains * length) as usize,
        chains: chains as usize,
        outputs: outputs(parameters),
        log_weights: None,
    };
    Ok(record)
}

/// `[chain][draw][index…]`.
fn output(name: &str, nested: &Value) -> Output {
    let mut shape = Vec::new();
    let mut inner = nested;
    while let Some(list) = inner.as_array() {
        shape.push(list.len());
        inner = list.first().unwrap_or(&Value::Null);
    }
    let mut values = Vec::new();
    flatten(nested, &mut values);
    Output {
        name: name.to_string(),
        shape: Shape(shape.get(2..).unwrap_or_default().to_vec()),
        kind: OutputKind::Real,
        present: Vec::new(),
        values,
    }
}

fn flatten(nested: &Value, values: &mut Vec<f64>) {
    match nested {
        Value::Array(list) => list.iter().for_each(|v| flatten(v, values)),
        Value::String(s) if s == "Inf" => values.push(f64::INFINITY),
        Value::String(s) if s == "-Inf" => values.push(f64::NEG_INFINITY),
        other => values.push(other.as_f64().unwrap_or(f64::NAN)),
    }
}

// ---- CSV ----

/// `x_1.csv` stands for all chains beside it.
fn read_chains(path: &Path, name: &str, text: &str, limit: u64) -> Result<Record, StoreError> {
    let mut chains = vec![read_csv(name, text)?];
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let base = stem.strip_suffix("_1").unwrap_or(&stem).to_string();
    if stem.ends_with("_1") {
        for k in 2.. {
            let next = path.with_file_name(format!("{base}_{k}.csv"));
            if !next.is_file() {
                break;
            }
            let file = next.display().to_string();
            chains.push(read_csv(
                &file,
                &as_text(&file, read_bytes(&next, limit)?)?,
            )?);
        }
    }
    let names = chains[0].0.clone();
    let length = chains.iter().map(|(_, rows)| rows.len()).min().unwrap_or(0);
    let column = |c: usize| -> Vec<f64> {
        let rows = chains.iter().flat_map(|(_, rows)| &rows[..length]);
        rows.map(|r| r.get(c).copied().unwrap_or(f64::NAN))
            .collect()
    };
    let kept = names.iter().enumerate().filter(|(_, n)| !n.ends_with("__"));
    let outputs = kept.map(|(c, n)| Output {
        name: bracketed(n),
        shape: Shape::scalar(),
        kind: OutputKind::Real,
        values: column(c),
        present: Vec::new(),
    });
    Ok(Record {
        model: base,
        draws: Draws {
            n: length * chains.len(),
            chains: chains.len(),
            outputs: outputs.collect(),
            log_weights: None,
        },
        ..Record::default()
    })
}

/// Names and rows.
type Table = (Vec<String>, Vec<Vec<f64>>);

fn read_csv(file: &str, text: &str) -> Result<Table, StoreError> {
    let mut lines = text
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    let header = lines.next().ok_or_else(|| bad(file, "it is empty"))?;
    let names: Vec<String> = header.split(',').map(|n| n.trim().to_string()).collect();
    let number = |cell: &str| cell.trim().parse().unwrap_or(f64::NAN);
    let rows: Vec<Vec<f64>> = lines.map(|l| l.split(',').map(number).collect()).collect();
    let whole = rows.iter().all(|r: &Vec<f64>| r.len() == names.len());
    let some = rows.iter().flatten().any(|x| x.is_finite());
    match whole && some {
        true => Ok((names, rows)),
        false => Err(bad(file, "it is no table of draws")),
    }
}

/// `theta.1.2`, indices from 1, is `theta[0,1]` here.
fn bracketed(name: &str) -> String {
    let mut parts = name.split('.');
    let bare = parts.next().unwrap_or(name).to_string();
    let index: Option<Vec<String>> = parts
        .map(|i| {
            i.parse::<usize>()
                .ok()?
                .checked_sub(1)
                .map(|i| i.to_string())
        })
        .collect();
    match index {
        Some(index) if !index.is_empty() => format!("{bare}[{}]", index.join(",")),
        _ => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::Format;

    fn record() -> Record {
        let output = |name: &str, dims: &[usize], values: Vec<f64>| Output {
            name: name.into(),
            shape: Shape(dims.to_vec()),
            kind: OutputKind::Real,
            values,
            present: Vec::new(),
        };
        let outputs = vec![
            output("mu", &[], vec![1.0, 2.5, -3.0, 0.125]),
            output("x", &[2], (0..8).map(f64::from).collect()),
        ];
        Record {
            model: "m".into(),
            engine: "smc".into(),
            seed: 3,
            draws: Draws {
                n: 4,
                chains: 2,
                outputs,
                log_weights: None,
            },
            log_likelihood: vec![output("y", &[3], vec![0.5; 12])],
            attributes: vec![("graph".into(), "<svg/>".into())],
            ..Record::default()
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = std::env::temp_dir().join(format!("odp-reread-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let record = record();
        for (name, format) in [("a.zarr", Format::Zarr), ("a.json", Format::Json)] {
            let path = folder.join(name);
            format.write(&path, &record).unwrap();
            let again = read_record(&path, 1 << 20).unwrap();
            assert_eq!(again.draws, record.draws, "{name}");
            assert_eq!(again.log_likelihood, record.log_likelihood, "{name}");
            assert_eq!((again.model.as_str(), again.seed), ("m", 3));
        }
        let zarr = read_record(&folder.join("a.zarr"), 1 << 20).unwrap();
        assert!(zarr.attributes.contains(&record.attributes[0]));
        Format::Csv.write(&folder.join("a.csv"), &record).unwrap();
        let csv = read_record(&folder.join("a_1.csv"), 1 << 20).unwrap();
        let names: Vec<&str> = csv.draws.outputs.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names, ["mu", "x[0]", "x[1]"]);
        assert_eq!(csv.draws.outputs[2].values, [1.0, 3.0, 5.0, 7.0]);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_no_run_left_is_refused() {
        let path = std::env::temp_dir().join(format!("odp-reread-bad-{}", std::process::id()));
        for text in ["", "{", "{\"a\": 1}", "a,b\n1\n", "words\nmore words\n"] {
            fs::write(&path, text).unwrap();
            assert!(read_record(&path, 1 << 20).is_err(), "{text:?}");
        }
        fs::remove_file(&path).unwrap();
    }
}
