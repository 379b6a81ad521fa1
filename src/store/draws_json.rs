//! Draws as one JSON document: every output as `[chain][draw][index…]`, `null` where a value is absent.
//!
//! ```json
//! {"odp": "0.1.0", "model": "m", "engine": "smc", "seed": 1, "interrupted": false, "chains": 1, "draws": 2,
//!  "parameters": {"mu": [[0.1, 0.2]], "theta": [[[1.0, 2.0], [3.0, 4.0]]]}}
//! ```
//!
//! Infinite values are the texts `Inf` and `-Inf`, as in Stan's JSON.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::StoreError;
use super::atomic::write_file;
use super::record::Record;
use crate::draws::{Output, OutputKind};

/// Writes the document.
///
/// # Errors
/// `Unwritable` with the system's words.
pub fn write_draws_json(path: &Path, record: &Record) -> Result<(), StoreError> {
    let document = document(record);
    write_file(path, |out| {
        serde_json::to_writer(&mut *out, &document)?;
        writeln!(out)
    })
}

fn document(record: &Record) -> Value {
    let (chains, length) = record.chains_and_length();
    let group = |outputs: &[Output]| -> Map<String, Value> {
        let nested = |o: &Output| {
            let mut dims = vec![chains, length];
            dims.extend(o.shape.dims());
            nest(o, &dims, 0)
        };
        outputs
            .iter()
            .map(|o| (o.name.clone(), nested(o)))
            .collect()
    };
    let mut document = json!({
        "odp": env!("CARGO_PKG_VERSION"),
        "model": record.model,
        "engine": record.engine,
        "seed": record.seed,
        "interrupted": record.interrupted,
        "chains": chains,
        "draws": length,
        "parameters": group(&record.draws.outputs),
    });
    let stats: Map<String, Value> = record
        .sample_stats
        .iter()
        .map(|s| {
            let rows = s
                .values
                .chunks(length.max(1))
                .map(|c| c.iter().map(|&x| real(x)).collect());
            (s.name.clone(), Value::Array(rows.collect()))
        })
        .collect();
    let groups = [
        ("sample_stats", stats),
        ("predictive", group(&record.predictive)),
        ("log_likelihood", group(&record.log_likelihood)),
    ];
    for (name, group) in groups.into_iter().filter(|(_, g)| !g.is_empty()) {
        document[name] = Value::Object(group);
    }
    document
}

/// The elements from `start` on, nested by `dims`.
fn nest(output: &Output, dims: &[usize], start: usize) -> Value {
    let Some((&size, inner)) = dims.split_first() else {
        return element(output, start);
    };
    let step: usize = inner.iter().product();
    (0..size)
        .map(|i| nest(output, inner, start + i * step))
        .collect()
}

fn element(output: &Output, at: usize) -> Value {
    let x = output.values[at];
    if output.present.get(at) == Some(&false) {
        return Value::Null;
    }
    match output.kind {
        OutputKind::Real => real(x),
        OutputKind::Int if x.abs() < 9.2e18 => json!(x as i64),
        OutputKind::Int => real(x),
        OutputKind::Bool => json!(x != 0.0),
    }
}

fn real(x: f64) -> Value {
    match x {
        f64::INFINITY => json!("Inf"),
        f64::NEG_INFINITY => json!("-Inf"),
        x => json!(x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;
    use crate::draws::Draws;

    #[test]
    fn arrays_nest_and_absent_is_null() {
        let mu = Output {
            name: "mu".into(),
            shape: Shape::vector(2),
            kind: OutputKind::Real,
            values: vec![1.0, f64::NAN, f64::INFINITY, 4.5],
            present: vec![true, false, true, true],
        };
        let n = Output {
            name: "n".into(),
            shape: Shape::scalar(),
            kind: OutputKind::Int,
            values: vec![3.0, 4.0],
            present: vec![],
        };
        let draws = Draws {
            n: 2,
            chains: 2,
            outputs: vec![mu, n],
            log_weights: None,
        };
        let document = document(&Record {
            draws,
            ..Record::default()
        });
        assert_eq!(
            document["parameters"].to_string(),
            r#"{"mu":[[[1.0,null]],[["Inf",4.5]]],"n":[[3],[4]]}"#
        );
    }
}
