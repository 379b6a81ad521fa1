//! A known value as the language writes it: `5`, `[1.0, 2.5]`, `{a: true, b: "x"}`.

use super::value::{Kind, Tensor, Value};

/// An axis with more elements is shown in part.
const LONGEST: usize = 20;
/// Elements then shown from its front and from its end.
const FRONT: usize = 10;
const END: usize = 2;

/// The text of a value; `None` where a part of it depends on chance or cannot be written down.
pub(super) fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Num(t) => tensor(t),
        Value::Str(text) => Some(format!("{text:?}")),
        Value::List(items) => {
            let at = |i: usize| literal(&items[i]);
            Some(format!("[{}]", parts(items.len(), at)?))
        }
        Value::Tuple(items) => {
            let items: Option<Vec<String>> = items.iter().map(literal).collect();
            Some(format!("({})", items?.join(", ")))
        }
        Value::Record(fields) => {
            let field = |(name, v): &(String, Value)| Some(format!("{name}: {}", literal(v)?));
            let fields: Option<Vec<String>> = fields.iter().map(field).collect();
            Some(format!("{{{}}}", fields?.join(", ")))
        }
        Value::Unit
        | Value::Fn(_)
        | Value::Dist(_)
        | Value::Choice(_)
        | Value::Ragged(_)
        | Value::Bottom => None,
    }
}

fn tensor(t: &Tensor) -> Option<String> {
    let number: Box<dyn Fn(usize) -> String> = match t.kind {
        Kind::Int => {
            let ints = t.known_ints()?;
            Box::new(move |i| ints[i].to_string())
        }
        Kind::Bool => {
            let truths = t.known()?;
            Box::new(move |i| (truths[i] == 1.0).to_string())
        }
        Kind::Real => {
            let reals = t.known()?;
            Box::new(move |i| real(reals[i]))
        }
    };
    let missing = t.missing.clone();
    let element = move |i: usize| match missing.as_ref().is_some_and(|m| m[i].is_some()) {
        true => "null".to_string(),
        false => number(i),
    };
    axes(t.shape.dims(), 0, &element)
}

/// The elements from `first` on, in as many brackets as there are axes.
fn axes(dims: &[usize], first: usize, element: &dyn Fn(usize) -> String) -> Option<String> {
    let Some((&n, inner)) = dims.split_first() else {
        return Some(element(first));
    };
    let step: usize = inner.iter().product();
    let at = |i: usize| axes(inner, first + i * step, element);
    Some(format!("[{}]", parts(n, at)?))
}

fn parts(n: usize, at: impl Fn(usize) -> Option<String>) -> Option<String> {
    let (front, end) = if n > LONGEST { (FRONT, END) } else { (n, 0) };
    let mut shown: Vec<String> = (0..front).map(&at).collect::<Option<_>>()?;
    if end > 0 {
        shown.push("…".to_string());
        shown.extend((n - end..n).map(&at).collect::<Option<Vec<_>>>()?);
    }
    Some(shown.join(", "))
}

/// As short as it can be to be read as the same real again.
fn real(x: f64) -> String {
    match x {
        x if x.is_nan() => "not a number".to_string(),
        x => format!("{x:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;
    use std::sync::Arc;

    #[test]
    fn values_read_as_they_are_written() {
        let matrix = Tensor::reals([1.0, 0.1, -2.5e-9, f64::INFINITY], Shape(vec![2, 2]));
        let record = vec![
            ("a".to_string(), Value::Num(Tensor::bool(true))),
            ("b".to_string(), Value::Str("x\"y".into())),
        ];
        let tuple = Value::Tuple(Arc::new(vec![Value::Num(Tensor::int(5)), Value::real(5.0)]));
        let shown = [
            (Value::Num(matrix), "[[1.0, 0.1], [-2.5e-9, inf]]"),
            (Value::Record(Arc::new(record)), r#"{a: true, b: "x\"y"}"#),
            (tuple, "(5, 5.0)"),
        ];
        for (value, text) in shown {
            assert_eq!(literal(&value).as_deref(), Some(text));
        }
        let long: Vec<i64> = (0..100).collect();
        let long = Value::Num(Tensor::ints(long, Shape(vec![100])));
        assert!(literal(&long).unwrap().ends_with("9, …, 98, 99]"));
        assert_eq!(literal(&Value::Unit), None);
    }
}
