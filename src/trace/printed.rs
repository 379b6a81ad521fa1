//! Values as `print` shows them.

use super::value::{Kind, Tensor, Value};

/// A value as `print` shows it.
pub(super) fn shown(v: &Value) -> String {
    let list = |items: &[Value]| {
        items
            .iter()
            .map(super::printed::shown)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match v {
        Value::Str(s) => s.to_string(),
        Value::Num(t) => shown_numbers(t),
        Value::List(items) => format!("[{}]", list(items)),
        Value::Tuple(items) => format!("({})", list(items)),
        Value::Record(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, v)| format!("{name}: {}", shown(v)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => format!("<{}>", other.describe()),
    }
}

fn shown_numbers(t: &Tensor) -> String {
    let Some(values) = t.known() else {
        return format!("<{} that depends on chance>", super::words(t));
    };
    let one = |i: usize| match (t.kind, t.known_ints()) {
        (Kind::Bool, _) => (values[i] != 0.0).to_string(),
        (Kind::Int, Some(v)) => v[i].to_string(),
        _ => values[i].to_string(),
    };
    let row = |from: usize, n: usize| {
        let all: Vec<String> = (from..from + n).map(one).collect();
        format!("[{}]", all.join(", "))
    };
    match *t.shape.dims() {
        [] => one(0),
        [n] => row(0, n),
        [n, m] => {
            let rows: Vec<String> = (0..n).map(|i| row(i * m, m)).collect();
            format!("[{}]", rows.join(", "))
        }
        _ => format!("{} {}", row(0, values.len()), t.shape),
    }
}
