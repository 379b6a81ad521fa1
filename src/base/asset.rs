//! What a file that a program names holds: `csv("d.csv")`, `tensors("w.safetensors")`.

use std::sync::Arc;

use super::{Entry, Network};

/// The constant in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Asset {
    /// A number, bool or text, or a rectangular array of one kind of these.
    Entry(Entry),
    /// Values under names, in the order of the file.
    Record(Vec<(String, Asset)>),
    /// Values that are no rectangular array together.
    List(Vec<Asset>),
    /// A function on arrays.
    Network(Arc<Network>),
}

impl Asset {
    /// Puts `value` under a dotted name, `layer.weight` into the record `layer`; false where the name is taken.
    pub fn insert(fields: &mut Vec<(String, Asset)>, name: &str, value: Asset) -> bool {
        let (head, rest) = match name.split_once('.') {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let found = fields.iter().position(|(n, _)| n == head);
        match (rest, found) {
            (None, None) => fields.push((head.to_string(), value)),
            (Some(rest), None) => {
                let mut inner = Vec::new();
                Asset::insert(&mut inner, rest, value);
                fields.push((head.to_string(), Asset::Record(inner)));
            }
            (Some(rest), Some(i)) => match &mut fields[i].1 {
                Asset::Record(inner) => return Asset::insert(inner, rest, value),
                _ => return false,
            },
            (None, Some(_)) => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Origin, Shape, Values};

    #[test]
    fn dotted_names_nest() {
        let one = || {
            Asset::Entry(Entry {
                values: Values::Int(vec![1]),
                shape: Shape::scalar(),
                missing: Vec::new(),
                origin: Origin::default(),
            })
        };
        let mut fields = Vec::new();
        assert!(Asset::insert(&mut fields, "a.w", one()));
        assert!(Asset::insert(&mut fields, "a.b", one()));
        assert!(Asset::insert(&mut fields, "c", one()));
        assert!(!Asset::insert(&mut fields, "c", one()));
        assert!(!Asset::insert(&mut fields, "c.d", one()));
        assert!(!Asset::insert(&mut fields, "a", one()));
        let Asset::Record(a) = &fields[0].1 else {
            panic!("`a` holds two")
        };
        assert_eq!((fields.len(), a.len()), (2, 2));
    }
}
