//! The constants in files, as values.

use std::sync::Arc;

use super::bind::bools;
use super::value::{FnValue, Tensor, Value};
use crate::base::{Asset, Entry, Values};

/// The value of a file's constant.
pub(super) fn of_asset(asset: &Asset) -> Value {
    match asset {
        Asset::Entry(entry) => of_entry(entry),
        Asset::Record(fields) => {
            let fields = fields.iter().map(|(n, a)| (n.clone(), of_asset(a)));
            Value::Record(Arc::new(fields.collect()))
        }
        Asset::Network(network) => Value::Fn(Arc::new(FnValue::Network {
            network: network.clone(),
            constants: network
                .constants
                .iter()
                .map(|(_, e)| of_numbers(e))
                .collect(),
        })),
        Asset::List(items) => Value::List(Arc::new(items.iter().map(of_asset).collect())),
    }
}

/// An array of a network.
pub(super) fn of_numbers(entry: &Entry) -> Tensor {
    match of_entry(entry) {
        Value::Num(t) => t,
        _ => unreachable!("networks hold numbers"),
    }
}

fn of_entry(entry: &Entry) -> Value {
    let shape = || entry.shape.clone();
    let t = match &entry.values {
        Values::Str(v) => return of_texts(v, entry.shape.rank() == 0),
        Values::Bool(v) => bools(v, &entry.shape),
        Values::Int(v) => Tensor::ints(v.clone(), shape()),
        Values::Real(v) => Tensor::reals(v.clone(), shape()),
    };
    Value::Num(t.lacking(&entry.missing, None))
}

pub(super) fn of_texts(texts: &[String], scalar: bool) -> Value {
    let text = |s: &String| Value::Str(s.as_str().into());
    match scalar {
        true => text(&texts[0]),
        false => Value::List(Arc::new(texts.iter().map(text).collect())),
    }
}
