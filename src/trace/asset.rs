//! The constants in files, as values.

use std::sync::Arc;

use super::bind::{Inputs, bools};
use super::error::TraceError;
use super::value::{FnValue, Tensor, Value};
use crate::base::{Asset, Entry, Network, Values};
use crate::ir::Constant;

/// The value of what a file holds.
///
/// # Errors
/// Data that another program does not take.
pub(super) fn of_constant(constant: &Constant) -> std::result::Result<Value, Vec<TraceError>> {
    Ok(match constant {
        Constant::File(asset) => of_asset(asset),
        Constant::Posterior(posterior) => Value::Fn(Arc::new(FnValue::Posterior {
            posterior: posterior.clone(),
            inputs: Arc::new(Inputs::new(&posterior.model, &posterior.data)?),
            constants: constants(&posterior.noise),
        })),
    })
}

fn constants(network: &Network) -> Vec<Tensor> {
    let all = network.constants.iter();
    all.map(|(_, e)| of_numbers(e)).collect()
}

fn of_asset(asset: &Asset) -> Value {
    match asset {
        Asset::Entry(entry) => of_entry(entry),
        Asset::Record(fields) => {
            let fields = fields.iter().map(|(n, a)| (n.clone(), of_asset(a)));
            Value::Record(Arc::new(fields.collect()))
        }
        Asset::Network(network) => Value::Fn(Arc::new(FnValue::Network {
            network: network.clone(),
            constants: constants(network),
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
