//! Zarr format 3, as `arviz.from_zarr` opens it: a folder of arrays, each a `zarr.json` and one chunk of raw bytes.
//!
//! ```text
//! out.zarr/zarr.json                       everything's metadata once more ("consolidated"), so that one read opens it
//!          posterior/zarr.json             attributes: who wrote it, which dimensions are samples
//!          posterior/theta/zarr.json       shape, type, ["chain", "draw", "theta_dim_0"]
//!          posterior/theta/c/0/0/0         the elements, little-endian
//!          sample_stats/ observed_data/ log_likelihood/ posterior_predictive/
//! ```
//!
//! Format 3 and not 2, since it is what ArviZ 1.x itself writes; uncompressed, since draws hardly compress and the
//! bytes then depend on nothing but the draws. No date is written, for the same reason.
//!
//! # Source
//! <https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html>; the consolidated form is zarr-python's.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::StoreError;
use super::atomic::write_folder;
use super::record::{Record, as_output, unlike};
use crate::draws::{Output, OutputKind};

/// ArviZ's plots select draws by this statistic, so it must be a bool.
const DIVERGING: &str = "diverging";

/// Writes the folder; an earlier one that odp wrote is replaced.
///
/// # Errors
/// `Foreign` where `path` is something else, `Unwritable` with the system's words.
pub fn write_zarr(path: &Path, record: &Record) -> Result<(), StoreError> {
    let root = tree(record);
    write_folder(path, is_ours, |folder| root.write(folder))
}

/// Whether a folder holds a Zarr tree that odp wrote, and nothing else; an empty folder may be replaced too.
fn is_ours(path: &Path) -> bool {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
    let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let by_odp = || metadata(path).is_some_and(|m| m["attributes"]["creation_library"] == "odp");
    is_folder && (empty() || by_odp() && only_zarr(path))
}

fn only_zarr(node: &Path) -> bool {
    let Some(kind) = metadata(node).map(|m| m["node_type"].clone()) else {
        return false;
    };
    let Ok(entries) = fs::read_dir(node) else {
        return false;
    };
    entries.flatten().all(|entry| {
        let known =
            entry.file_name() == "zarr.json" || (kind == "array" && entry.file_name() == "c");
        known || (kind == "group" && only_zarr(&entry.path()))
    })
}

fn metadata(node: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(node.join("zarr.json")).ok()?).ok()
}

struct Root {
    attributes: Value,
    groups: Vec<Group>,
}

struct Group {
    name: &'static str,
    attributes: Value,
    arrays: Vec<Array>,
}

struct Array {
    name: String,
    dims: Vec<String>,
    shape: Vec<usize>,
    elements: Elements,
}

enum Elements {
    /// 0 and 1. Bools of a posterior are these too: ArviZ cannot summarise NumPy's bools.
    Byte(Vec<u8>),
    Bool(Vec<u8>),
    Int(Vec<i64>),
    Real(Vec<f64>),
}

fn tree(record: &Record) -> Root {
    let (posterior, predictive) = match record.prior {
        true => ("prior", "prior_predictive"),
        false => ("posterior", "posterior_predictive"),
    };
    let stats: Vec<Output> = record.sample_stats.iter().map(stat_output).collect();
    let observed: Vec<Output> = record
        .observed
        .iter()
        .filter_map(|(n, e)| as_output(n, e))
        .collect();
    let sampled = |name, outputs: &[Output]| sampled_group(record, name, outputs);
    let groups = [
        Some(sampled(posterior, &record.draws.outputs)),
        (!stats.is_empty()).then(|| sampled("sample_stats", &stats)),
        (!record.log_likelihood.is_empty())
            .then(|| sampled("log_likelihood", &record.log_likelihood)),
        (!record.predictive.is_empty()).then(|| sampled(predictive, &record.predictive)),
        (!observed.is_empty()).then(|| observed_group(record, &observed)),
    ];
    let mut attributes = attributes(record, &[]);
    for (name, value) in &record.attributes {
        attributes[name] = value.clone();
    }
    Root {
        attributes,
        groups: groups.into_iter().flatten().collect(),
    }
}

fn stat_output(stat: &super::Stat) -> Output {
    let kind = if stat.name == DIVERGING {
        OutputKind::Bool
    } else {
        OutputKind::Real
    };
    Output {
        name: stat.name.clone(),
        shape: Default::default(),
        kind,
        values: stat.values.clone(),
        present: Vec::new(),
    }
}

fn attributes(record: &Record, sample_dims: &[&str]) -> Value {
    json!({
        "creation_library": "odp",
        "creation_library_version": env!("CARGO_PKG_VERSION"),
        "creation_library_language": "Rust",
        "inference_library": "odp",
        "inference_library_version": env!("CARGO_PKG_VERSION"),
        "model": record.model,
        "engine": record.engine,
        "seed": record.seed,
        "interrupted": record.interrupted,
        "sample_dims": sample_dims,
    })
}

fn sampled_group(record: &Record, name: &'static str, outputs: &[Output]) -> Group {
    let (chains, length) = record.chains_and_length();
    let dims = [("chain".to_string(), chains), ("draw".to_string(), length)];
    Group {
        name,
        attributes: attributes(record, &["chain", "draw"]),
        arrays: arrays(outputs, &dims),
    }
}

fn observed_group(record: &Record, outputs: &[Output]) -> Group {
    Group {
        name: "observed_data",
        attributes: attributes(record, &[]),
        arrays: arrays(outputs, &[]),
    }
}

/// The outputs' arrays behind the coordinates of all their dimensions.
fn arrays(outputs: &[Output], lead: &[(String, usize)]) -> Vec<Array> {
    let mut coordinates: Vec<Array> = lead
        .iter()
        .map(|(name, size)| coordinate(name, *size))
        .collect();
    let mut variables: Vec<Array> = Vec::new();
    for output in outputs {
        let taken = |n: &str| coordinates.iter().chain(&variables).any(|a| a.name == n);
        let name = unlike(&output.name, taken);
        let own = output
            .shape
            .dims()
            .iter()
            .enumerate()
            .map(|(k, &size)| (format!("{name}_dim_{k}"), size));
        let own: Vec<_> = own.map(|(n, size)| (unlike(&n, taken), size)).collect();
        let (dims, shape): (Vec<_>, Vec<_>) =
            lead.iter().cloned().chain(own.iter().cloned()).unzip();
        let present = unlike(&format!("{name}_present"), taken);
        coordinates.extend(own.iter().map(|(name, size)| coordinate(name, *size)));
        if !output.present.is_empty() {
            let marks = output.present.iter().map(|&p| u8::from(p)).collect();
            let (dims, shape) = (dims.clone(), shape.clone());
            variables.push(Array {
                name: present,
                dims,
                shape,
                elements: Elements::Byte(marks),
            });
        }
        variables.push(Array {
            name,
            dims,
            shape,
            elements: elements(output),
        });
    }
    coordinates.extend(variables);
    coordinates
}

fn coordinate(name: &str, size: usize) -> Array {
    Array {
        name: name.to_string(),
        dims: vec![name.to_string()],
        shape: vec![size],
        elements: Elements::Int((0..size as i64).collect()),
    }
}

/// Ints and bools stay such where every value exists; NaN needs a real.
fn elements(output: &Output) -> Elements {
    let whole = |x: &f64| x.fract() == 0.0 && x.abs() < 9.2e18;
    match output.kind {
        OutputKind::Int if output.values.iter().all(whole) => {
            Elements::Int(output.values.iter().map(|&x| x as i64).collect())
        }
        OutputKind::Bool if output.values.iter().all(|&x| x == 0.0 || x == 1.0) => {
            let bytes = output.values.iter().map(|&x| x as u8).collect();
            match output.name.as_str() {
                DIVERGING => Elements::Bool(bytes),
                _ => Elements::Byte(bytes),
            }
        }
        _ => Elements::Real(output.values.clone()),
    }
}

impl Root {
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        let mut all = Map::new();
        for group in &self.groups {
            all.insert(group.name.to_string(), group_metadata(&group.attributes));
            for array in &group.arrays {
                all.insert(format!("{}/{}", group.name, array.name), array.metadata());
            }
            group.write(&folder.join(group.name))?;
        }
        let mut root = group_metadata(&self.attributes);
        root["consolidated_metadata"] =
            json!({"kind": "inline", "must_understand": false, "metadata": all});
        write_json(folder, &root)
    }
}

impl Group {
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir(folder)?;
        write_json(folder, &group_metadata(&self.attributes))?;
        self.arrays
            .iter()
            .try_for_each(|array| array.write(&folder.join(&array.name)))
    }
}

impl Array {
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir(folder)?;
        write_json(folder, &self.metadata())?;
        if self.shape.contains(&0) {
            return Ok(());
        }
        let mut path = folder.join("c");
        let (last, above) = match self.shape.len() {
            0 => (None, 0),
            rank => (Some("0"), rank - 1),
        };
        path.extend(std::iter::repeat_n("0", above));
        match last {
            // A scalar's only chunk is the file `c`.
            None => {}
            Some(last) => {
                fs::create_dir_all(&path)?;
                path.push(last);
            }
        }
        fs::write(path, self.elements.bytes())
    }

    fn metadata(&self) -> Value {
        let chunk: Vec<usize> = self.shape.iter().map(|&n| n.max(1)).collect();
        let (data_type, fill) = match self.elements {
            Elements::Byte(_) => ("int8", json!(0)),
            Elements::Bool(_) => ("bool", json!(false)),
            Elements::Int(_) => ("int64", json!(0)),
            Elements::Real(_) => ("float64", json!("NaN")),
        };
        json!({
            "shape": self.shape,
            "data_type": data_type,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": fill,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "attributes": {},
            "dimension_names": self.dims,
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        })
    }
}

impl Elements {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Elements::Byte(v) | Elements::Bool(v) => v.clone(),
            Elements::Int(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Elements::Real(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

fn group_metadata(attributes: &Value) -> Value {
    json!({"attributes": attributes, "zarr_format": 3, "node_type": "group"})
}

fn write_json(folder: &Path, value: &Value) -> std::io::Result<()> {
    fs::write(folder.join("zarr.json"), serde_json::to_vec_pretty(value)?)
}

#[cfg(test)]
mod tests;
