//! Values as bytes: little-endian numbers, lengths before lists, a struct's fields one after the other.
//!
//! Whatever the bytes say, reading them ends with a value or with `None`, and asks for no more memory than a small
//! multiple of theirs.

use std::sync::Arc;

/// What can be written as bytes and read again, bit by bit the same.
pub trait Packed: Sized {
    /// Adds the bytes of a value.
    fn pack(&self, out: &mut Vec<u8>);

    /// Takes a value from the front; `None` where the bytes are none.
    fn unpack(from: &mut &[u8]) -> Option<Self>;

    /// The bytes of a value alone.
    fn packed(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.pack(&mut out);
        out
    }

    /// The value that takes up all of the bytes.
    fn unpacked(mut bytes: &[u8]) -> Option<Self> {
        let value = Self::unpack(&mut bytes)?;
        bytes.is_empty().then_some(value)
    }
}

/// Packs a struct field by field: `packed!(Fit { ess, log_z })`. A field that is forgotten does not compile.
macro_rules! packed {
    ($name:ty { $($field:ident),* $(,)? }) => {
        impl $crate::store::Packed for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                $($crate::store::Packed::pack(&self.$field, out);)*
            }
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::store::Packed::unpack(from)?,)* })
            }
        }
    };
}
pub(crate) use packed;

macro_rules! numbers {
    ($($t:ty),*) => {$(
        impl Packed for $t {
            fn pack(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(<$t>::from_le_bytes(*bytes))
            }
        }
    )*};
}
numbers!(u8, u32, u64, u128, i32, i64, f32, f64);

impl Packed for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        u8::from(*self).pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Packed for usize {
    fn pack(&self, out: &mut Vec<u8>) {
        (*self as u64).pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        usize::try_from(u64::unpack(from)?).ok()
    }
}

impl Packed for String {
    fn pack(&self, out: &mut Vec<u8>) {
        self.len().pack(out);
        out.extend(self.as_bytes());
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let n = usize::unpack(from)?;
        let (text, rest) = from.split_at_checked(n)?;
        *from = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.len().pack(out);
        self.iter().for_each(|v| v.pack(out));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let n = usize::unpack(from)?;
        // Every element has at least one byte: a length that lies is found out at once.
        (0..n).map(|_| T::unpack(from)).collect()
    }
}

impl<T: Packed + Copy + Default, const N: usize> Packed for [T; N] {
    fn pack(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|v| v.pack(out));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let mut all = [T::default(); N];
        for v in &mut all {
            *v = T::unpack(from)?;
        }
        Some(all)
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        u8::from(self.is_some()).pack(out);
        self.iter().for_each(|v| v.pack(out));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Some(None),
            1 => Some(Some(T::unpack(from)?)),
            _ => None,
        }
    }
}

impl<T: Packed> Packed for Arc<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        T::pack(self, out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        T::unpack(from).map(Arc::new)
    }
}

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
        self.1.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some((A::unpack(from)?, B::unpack(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        numbers: Vec<f64>,
        name: String,
        more: Option<Vec<(u32, i32)>>,
        counts: [u64; 2],
    }
    packed!(Sample {
        numbers,
        name,
        more,
        counts
    });

    fn sample() -> Sample {
        Sample {
            numbers: vec![-0.0, f64::NEG_INFINITY, 1e-310],
            name: "θ".to_string(),
            more: Some(vec![(7, -7)]),
            counts: [1, u64::MAX],
        }
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let bytes = sample().packed();
        assert_eq!(Sample::unpacked(&bytes).unwrap(), sample());
        let nan = f64::from_bits(0x7ff8_0000_0000_1234);
        assert_eq!(
            f64::unpacked(&nan.packed()).unwrap().to_bits(),
            nan.to_bits()
        );
    }

    #[test]
    fn bytes_that_are_no_value_are_none() {
        let bytes = sample().packed();
        for n in 0..bytes.len() {
            assert_eq!(Sample::unpacked(&bytes[..n]), None, "{n} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Sample::unpacked(&longer), None);
        assert_eq!(Vec::<u32>::unpacked(&u64::MAX.packed()), None);
        assert_eq!(String::unpacked(&u64::MAX.packed()), None);
    }
}
