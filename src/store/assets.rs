//! The constants in files that a program names: `csv("d.csv")`, `json("d.json")`, `npy("a.npy")`,
//! `tensors("w.safetensors")`, `onnx("net.onnx")`.

use std::sync::Arc;

use safetensors::{Dtype, SafeTensors};

use super::{Inputs, Loaded, StoreError, as_text, csv, json, npy, onnx};
use crate::base::{Asset, Data, Entry, Origin, Shape, Values};

/// What a program says that a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetFormat {
    /// A table: a record of its columns.
    Csv,
    /// Any JSON value.
    Json,
    /// One array; with `.npz` a record of them.
    Npy,
    /// A record of arrays, nested by the dots in their names.
    Tensors,
    /// A network.
    Onnx,
}

/// Reads a loaded file. What it holds may take up `limit` bytes once unpacked.
///
/// # Errors
/// As for data files: `NotText`, `Malformed`, `BadEntry`, `BadArray`, `TooLarge`.
pub fn read_asset(format: AssetFormat, file: Loaded, limit: u64) -> Result<Asset, StoreError> {
    let Loaded { name, bytes } = file;
    match format {
        AssetFormat::Csv => record(csv::read_csv(&name, &as_text(&name, bytes)?)?),
        AssetFormat::Json => json::read_any(&name, &as_text(&name, bytes)?),
        AssetFormat::Npy if bytes.starts_with(b"PK\x03\x04") => {
            record(npy::read_npz(&name, &bytes, limit)?)
        }
        AssetFormat::Npy => only(npy::read_npy(&name, &bytes)?.data),
        AssetFormat::Tensors => read_tensors(&name, &bytes),
        AssetFormat::Onnx => {
            onnx::read_onnx(&name, &bytes).map(|network| Asset::Network(Arc::new(network)))
        }
    }
}

fn record(inputs: Inputs) -> Result<Asset, StoreError> {
    if let Some((_, fault)) = inputs.faults.into_iter().next() {
        return Err(fault);
    }
    let fields = inputs.data.into_entries();
    let fields = fields.map(|(name, entry)| (name, Asset::Entry(entry)));
    Ok(Asset::Record(fields.collect()))
}

fn only(data: Data) -> Result<Asset, StoreError> {
    let (_, entry) = data
        .into_entries()
        .next()
        .expect("an NPY file is one array");
    Ok(Asset::Entry(entry))
}

/// The arrays of a safetensors file. Its header's sizes are held against the file's own by the reader.
fn read_tensors(file: &str, bytes: &[u8]) -> Result<Asset, StoreError> {
    let bad = |what: String| StoreError::BadArray {
        file: file.to_string(),
        what,
    };
    let read =
        SafeTensors::deserialize(bytes).map_err(|e| bad(format!("no safetensors file: {e}")))?;
    let mut names = read.names();
    names.sort_unstable();
    let mut fields = Vec::new();
    for name in names {
        let tensor = read.tensor(name).map_err(|e| bad(e.to_string()))?;
        let values = elements(tensor.dtype(), tensor.data()).ok_or_else(|| {
            bad(format!(
                "`{name}` holds elements of type {:?}, which odp does not read",
                tensor.dtype()
            ))
        })?;
        let entry = Entry {
            values,
            shape: Shape(tensor.shape().to_vec()),
            missing: Vec::new(),
            origin: Origin {
                file: file.to_string(),
                line: None,
                column: false,
            },
        };
        if !Asset::insert(&mut fields, name, Asset::Entry(entry)) {
            return Err(bad(format!(
                "`{name}` is an array and a group of arrays at once"
            )));
        }
    }
    Ok(Asset::Record(fields))
}

/// Little-endian elements; `None` for kinds that neither reals, ints nor bools hold exactly.
fn elements(dtype: Dtype, bytes: &[u8]) -> Option<Values> {
    Some(match dtype {
        Dtype::F64 => Values::Real(each(bytes, f64::from_le_bytes)),
        Dtype::F32 => Values::Real(each(bytes, |b| f64::from(f32::from_le_bytes(b)))),
        Dtype::F16 => Values::Real(each(bytes, |b| half(u16::from_le_bytes(b)))),
        Dtype::BF16 => Values::Real(each(bytes, |b: [u8; 2]| {
            f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))
        })),
        Dtype::I64 => Values::Int(each(bytes, i64::from_le_bytes)),
        Dtype::I32 => Values::Int(each(bytes, |b| i64::from(i32::from_le_bytes(b)))),
        Dtype::U32 => Values::Int(each(bytes, |b| i64::from(u32::from_le_bytes(b)))),
        Dtype::I16 => Values::Int(each(bytes, |b| i64::from(i16::from_le_bytes(b)))),
        Dtype::U16 => Values::Int(each(bytes, |b| i64::from(u16::from_le_bytes(b)))),
        Dtype::I8 => Values::Int(each(bytes, |b| i64::from(i8::from_le_bytes(b)))),
        Dtype::U8 => Values::Int(each(bytes, |[b]: [u8; 1]| i64::from(b))),
        Dtype::BOOL => Values::Bool(each(bytes, |[b]: [u8; 1]| b != 0)),
        _ => return None,
    })
}

pub(super) fn each<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|c| of(*c)).collect()
}

/// The value of an IEEE half: one bit of sign, five of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1.0 + fraction / 1024.0) * 2f64.powi(e - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> Loaded {
        Loaded {
            name: name.to_string(),
            bytes: bytes.to_vec(),
        }
    }

    fn entry(asset: &Asset) -> &Entry {
        match asset {
            Asset::Entry(entry) => entry,
            other => panic!("{other:?} is no entry"),
        }
    }

    #[test]
    fn json_of_any_form() {
        let text =
            br#"{"a": {"b": [1, 2.5]}, "rows": [[1], [1, 2]], "s": "x", "m": [[1, 2], [3, 4]]}"#;
        let Asset::Record(fields) =
            read_asset(AssetFormat::Json, file("d.json", text), 1000).unwrap()
        else {
            panic!("an object is a record")
        };
        let Asset::Record(a) = &fields[0].1 else {
            panic!("so is one inside")
        };
        assert_eq!(entry(&a[0].1).values, Values::Real(vec![1.0, 2.5]));
        let Asset::List(rows) = &fields[1].1 else {
            panic!("rows of two lengths are a list")
        };
        assert_eq!(entry(&rows[1]).values, Values::Int(vec![1, 2]));
        assert_eq!(
            entry(&fields[2].1).values,
            Values::Str(vec!["x".to_string()])
        );
        assert_eq!(entry(&fields[3].1).shape, Shape(vec![2, 2]));
        let bare = read_asset(AssetFormat::Json, file("d.json", b"[1, 2]"), 1000).unwrap();
        assert_eq!(entry(&bare).values, Values::Int(vec![1, 2]));
        assert!(read_asset(AssetFormat::Json, file("d.json", b"[1, 2"), 1000).is_err());
        assert!(read_asset(AssetFormat::Json, file("d.json", b"{} 1"), 1000).is_err());
    }

    #[test]
    fn tensors_nest_by_their_names() {
        let header = br#"{"l.w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"l.b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},"n":{"dtype":"I16","shape":[],"data_offsets":[12,14]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header);
        bytes.extend(1.5f32.to_le_bytes().iter().chain(&(-2f32).to_le_bytes()));
        bytes.extend([0x00, 0x3c, 0x00, 0xc1]); // 1 and -2.5
        bytes.extend((-7i16).to_le_bytes());
        let Asset::Record(fields) =
            read_asset(AssetFormat::Tensors, file("w", &bytes), 1000).unwrap()
        else {
            panic!("tensors are a record")
        };
        let Asset::Record(l) = &fields[0].1 else {
            panic!("`l` holds two")
        };
        assert_eq!(entry(&l[0].1).values, Values::Real(vec![1.0, -2.5]));
        assert_eq!(entry(&l[1].1).shape, Shape(vec![2, 1]));
        assert_eq!(entry(&fields[1].1).values, Values::Int(vec![-7]));
        bytes.truncate(bytes.len() - 1);
        assert!(read_asset(AssetFormat::Tensors, file("w", &bytes), 1000).is_err());
    }

    #[test]
    fn halves() {
        let cases = [
            (0x3c00, 1.0),
            (0x0001, 2f64.powi(-24)),
            (0xfbff, -65504.0),
            (0x7c00, f64::INFINITY),
        ];
        cases
            .iter()
            .for_each(|&(bits, x)| assert_eq!(half(bits), x));
        assert!(half(0x7e00).is_nan());
    }
}
