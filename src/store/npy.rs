//! NumPy's arrays: NPY (one array, named by its file's stem) and NPZ (a zip of them).
//!
//! ```text
//! \x93NUMPY  major minor  header length  {'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }  elements
//! ```
//!
//! Every size that a file claims is held against the bytes that are there before anything is allocated.

use std::path::Path;

use super::zip::members;
use super::{Inputs, StoreError};
use crate::base::{Entry, Origin, Shape, Values};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The one array of an NPY file.
///
/// # Errors
/// `BadArray` where the file is not NPY, holds elements that are no numbers, or is shorter than it claims.
pub fn read_npy(file: &str, bytes: &[u8]) -> Result<Inputs, StoreError> {
    let stem = Path::new(file)
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned());
    let mut inputs = Inputs::default();
    inputs
        .data
        .insert(stem.unwrap_or_default(), array(file, bytes)?);
    Ok(inputs)
}

/// All arrays of an NPZ file. Uncompressed members may not pass `limit` bytes together.
///
/// # Errors
/// `BadArray` as for NPY, or where the archive is broken.
pub fn read_npz(file: &str, bytes: &[u8], limit: u64) -> Result<Inputs, StoreError> {
    let mut inputs = Inputs::default();
    let mut left = limit;
    for member in members(bytes).map_err(|what| bad(file, what))? {
        let name = member
            .name
            .strip_suffix(".npy")
            .unwrap_or(&member.name)
            .to_string();
        let place = format!("{file}/{}", member.name);
        if member.size > left {
            let file = place;
            return Err(StoreError::TooLarge { file, limit });
        }
        left -= member.size;
        let content = member.unpack(bytes).map_err(|what| bad(&place, what))?;
        match array(&place, &content) {
            Ok(entry) => inputs.data.insert(name, entry),
            Err(error) => inputs.faults.push((name, error)),
        }
    }
    Ok(inputs)
}

fn array(file: &str, bytes: &[u8]) -> Result<Entry, StoreError> {
    let fail = |what: String| bad(file, what);
    let (header, elements) = split(bytes).map_err(&fail)?;
    let header = Header::parse(header).map_err(&fail)?;
    let count = header
        .count()
        .filter(|n| n.checked_mul(header.width).is_some());
    let count = count.ok_or_else(|| fail("its claimed size is beyond all bounds".to_string()))?;
    if elements.len() != count * header.width {
        let (wanted, found) = (count * header.width, elements.len());
        return Err(fail(format!(
            "it claims {wanted} bytes of elements and has {found}"
        )));
    }
    let mut values = header.values(elements).map_err(fail)?;
    if header.fortran {
        values = row_major(values, &header.shape);
    }
    let missing = match &values {
        Values::Real(v) if v.iter().any(|x| x.is_nan()) => v.iter().map(|x| x.is_nan()).collect(),
        _ => Vec::new(),
    };
    let origin = Origin {
        file: file.to_string(),
        line: None,
        column: false,
    };
    Ok(Entry {
        values,
        shape: Shape(header.shape),
        missing,
        origin,
    })
}

/// Header text and element bytes.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let short = || "it is cut off within its header".to_string();
    if !bytes.starts_with(MAGIC) {
        return Err("it is not a NumPy array".to_string());
    }
    let major = *bytes.get(6).ok_or_else(short)?;
    let (start, len) = match major {
        1 => (
            10,
            bytes
                .get(8..10)
                .map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))),
        ),
        2 | 3 => (
            12,
            bytes
                .get(8..12)
                .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize),
        ),
        other => {
            return Err(format!(
                "it is of version {other} of NumPy's format; 1 to 3 are known"
            ));
        }
    };
    let end = len
        .and_then(|len| len.checked_add(start))
        .filter(|&end| end <= bytes.len())
        .ok_or_else(short)?;
    let header = std::str::from_utf8(&bytes[start..end])
        .map_err(|_| "its header is not text".to_string())?;
    Ok((header, &bytes[end..]))
}

struct Header {
    /// Kind and byte order of the elements: `b i u f`, big-endian or not.
    kind: u8,
    big: bool,
    width: usize,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Result<Header, String> {
        let field = |key: &str| {
            let found = text
                .split_once(&format!("'{key}':"))
                .map(|(_, rest)| rest.trim_start());
            found.ok_or_else(|| format!("its header has no `{key}`"))
        };
        let descr = field("descr")?;
        let descr = descr
            .strip_prefix('\'')
            .and_then(|d| d.split('\'').next())
            .unwrap_or("a structure");
        let odd = || format!("its elements are {descr}; int, uint, float and bool are read");
        let (order, kind_width) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            _ => return Err(odd()),
        };
        let (kind, width) = match kind_width {
            b"b1" => (b'b', 1),
            [kind @ (b'i' | b'u'), width @ (b'1' | b'2' | b'4' | b'8')] => {
                (*kind, usize::from(width - b'0'))
            }
            [b'f', width @ (b'4' | b'8')] => (b'f', usize::from(width - b'0')),
            _ => return Err(odd()),
        };
        let shape = field("shape")?
            .strip_prefix('(')
            .and_then(|s| s.split_once(')'))
            .map(|(s, _)| s);
        let shape = shape.ok_or_else(|| "its header has no proper `shape`".to_string())?;
        let sizes = shape.split(',').map(str::trim).filter(|s| !s.is_empty());
        let sizes: Result<Vec<usize>, _> = sizes.map(str::parse).collect();
        Ok(Header {
            kind,
            big: order == b'>',
            width,
            fortran: field("fortran_order")?.starts_with("True"),
            shape: sizes.map_err(|_| "its header has no proper `shape`".to_string())?,
        })
    }

    fn count(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |n, &size| n.checked_mul(size))
    }

    fn values(&self, bytes: &[u8]) -> Result<Values, String> {
        let cells = bytes.chunks_exact(self.width).map(|cell| {
            let mut wide = [0u8; 8];
            let big = self.big;
            cell.iter()
                .enumerate()
                .for_each(|(i, &b)| wide[if big { self.width - 1 - i } else { i }] = b);
            u64::from_le_bytes(wide)
        });
        let unused = 64 - 8 * self.width as u32;
        Ok(match (self.kind, self.width) {
            (b'b', _) => Values::Bool(cells.map(|c| c != 0).collect()),
            // Shifted up and back, so that the sign comes along.
            (b'i', _) => Values::Int(cells.map(|c| ((c << unused) as i64) >> unused).collect()),
            (b'u', _) => {
                let ints: Result<Vec<i64>, _> = cells.map(i64::try_from).collect();
                Values::Int(ints.map_err(|_| "it has a whole number above 2^63".to_string())?)
            }
            (_, 4) => Values::Real(cells.map(|c| f64::from(f32::from_bits(c as u32))).collect()),
            _ => Values::Real(cells.map(f64::from_bits).collect()),
        })
    }
}

/// Elements that came column by column, row by row.
fn row_major(values: Values, shape: &[usize]) -> Values {
    let mut from = vec![0; shape.iter().product()];
    let mut index = vec![0usize; shape.len()];
    for flat in &mut from {
        *flat = index
            .iter()
            .zip(shape)
            .rev()
            .fold(0, |at, (i, size)| at * size + i);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    fn pick<T: Clone>(v: &[T], from: &[usize]) -> Vec<T> {
        from.iter().map(|&i| v[i].clone()).collect()
    }
    match values {
        Values::Bool(v) => Values::Bool(pick(&v, &from)),
        Values::Int(v) => Values::Int(pick(&v, &from)),
        Values::Real(v) => Values::Real(pick(&v, &from)),
        Values::Str(v) => Values::Str(pick(&v, &from)),
    }
}

fn bad(file: &str, what: String) -> StoreError {
    let file = file.to_string();
    StoreError::BadArray { file, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(header: &str, elements: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(elements);
        bytes
    }

    fn read(descr: &str, fortran: &str, shape: &str, elements: &[u8]) -> Result<Entry, StoreError> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        array("a.npy", &npy(&header, elements))
    }

    #[test]
    fn elements_of_all_widths_and_orders() {
        let bytes: Vec<u8> = [1.5f64, f64::NAN]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let e = read("<f8", "False", "(2,)", &bytes).unwrap();
        assert_eq!(e.missing, [false, true]);
        let e = read(">i2", "False", "(2,)", &[0xff, 0xfe, 0x01, 0x00]).unwrap();
        assert_eq!(e.values, Values::Int(vec![-2, 256]));
        let e = read("|b1", "False", "()", &[1]).unwrap();
        assert_eq!(
            (e.values, e.shape),
            (Values::Bool(vec![true]), Shape::scalar())
        );
        let e = read("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]).unwrap();
        assert_eq!(e.values, Values::Int(vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn claims_are_held_against_the_bytes() {
        let error = |r: Result<Entry, StoreError>| r.unwrap_err().to_string();
        assert!(
            error(read("<f8", "False", "(99999999999,)", &[0; 8]))
                .contains("claims 799999999992 bytes")
        );
        assert!(
            error(read("<f8", "False", "(4294967296, 4294967296)", &[]))
                .contains("beyond all bounds")
        );
        assert!(error(read("<U3", "False", "(1,)", &[0; 12])).contains("<U3"));
        assert!(error(array("a.npy", &npy("{}", &[])[..9])).contains("cut off"));
        assert!(error(array("a.npy", b"PK")).contains("not a NumPy array"));
    }

    /// `numpy.savez_compressed(f, y=[[1.5, 2], [3, nan]], n=numpy.int32(7))`, as NumPy 2.4 writes it.
    const NPZ: &str = "504b03042d000000080000002100444c631cffffffffffffffff05001400792e6e707901001000a000000000\
         00000055000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a1aea3a09e965f5452\
         9498179f5f94920a12774bcc294e058a17672416a402f91a463a0a469a3a0ab50a64032e0630f8610fa1191c\
         20140794fe510f00504b03042d0000000800000021000c2db1b4ffffffffffffffff050014006e2e6e707901\
         001000840000000000000046000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a2\
         aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a9a3a0ab50a14012e76060606\
         00504b01022d032d000000080000002100444c631c55000000a0000000050000000000000000000000800100\
         000000792e6e7079504b01022d032d0000000800000021000c2db1b446000000840000000500000000000000\
         0000000080018c0000006e2e6e7079504b0506000000000200020066000000090100000000";

    #[test]
    fn an_archive_of_numpy_is_read() {
        let byte = |i: usize| u8::from_str_radix(&NPZ[i..i + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..NPZ.len()).step_by(2).map(byte).collect();
        let inputs = read_npz("a.npz", &bytes, 1 << 20).unwrap();
        let y = inputs.data.get("y").unwrap();
        assert_eq!(
            (y.shape.dims(), &y.missing),
            (&[2, 2][..], &vec![false, false, false, true])
        );
        assert_eq!(inputs.data.get("n").unwrap().values, Values::Int(vec![7]));
        assert!(matches!(
            read_npz("a.npz", &bytes, 100),
            Err(StoreError::TooLarge { .. })
        ));
        for at in 0..bytes.len() {
            assert!(read_npz("a.npz", &bytes[..at], 1 << 20).is_err());
            for wrong in [0, 0x7f, 0xff] {
                let mut broken = bytes.clone();
                broken[at] = wrong;
                // Whatever it says, it is read or refused.
                let _ = read_npz("a.npz", &broken, 1 << 20);
            }
        }
    }

    #[test]
    fn a_broken_archive_is_an_error() {
        for bytes in [
            &b""[..],
            b"PK\x05\x06",
            b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\xff\xff\xff\0\0\0",
        ] {
            assert!(read_npz("a.npz", bytes, 1 << 20).is_err());
        }
    }
}
