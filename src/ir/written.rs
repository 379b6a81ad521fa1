//! Types as a program writes them: `real[8]`, `fn(real) -> real`, `{a: int, b: real[n, 2]}`.

use std::fmt;

use super::{Extent, Type};

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("_"),
            Type::Unit => f.write_str("no value"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Real => f.write_str("real"),
            Type::Str => f.write_str("string"),
            Type::Array { element, sizes } => {
                let sizes: Vec<String> = sizes.iter().map(size).collect();
                match &**element {
                    function @ Type::Fn(..) => write!(f, "({function})[{}]", sizes.join(", ")),
                    element => write!(f, "{element}[{}]", sizes.join(", ")),
                }
            }
            Type::Tuple(parts) => write!(f, "({})", list(parts)),
            Type::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, t)| format!("{n}: {t}")).collect();
                write!(f, "{{{}}}", fields.join(", "))
            }
            Type::Fn(params, result) => write!(f, "fn({}) -> {result}", list(params)),
            Type::Dist(value) => write!(f, "Dist<{value}>"),
        }
    }
}

fn list(types: &[Type]) -> String {
    let types: Vec<String> = types.iter().map(Type::to_string).collect();
    types.join(", ")
}

fn size(size: &Option<Extent>) -> String {
    match size {
        Some(Extent::Known(n)) => n.to_string(),
        Some(Extent::Named(name)) => name.clone(),
        None => "_".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_they_are_written() {
        let array = |element, sizes: &[Option<Extent>]| Type::Array {
            element: Box::new(element),
            sizes: sizes.to_vec(),
        };
        let sizes = [
            Some(Extent::Known(8)),
            Some(Extent::Named("J".into())),
            None,
        ];
        let function = Type::Fn(vec![Type::Real, Type::Int], Box::new(Type::Bool));
        let shown = [
            (array(Type::Real, &sizes), "real[8, J, _]"),
            (function.clone(), "fn(real, int) -> bool"),
            (array(function, &sizes[..1]), "(fn(real, int) -> bool)[8]"),
            (Type::Dist(Box::new(Type::Any)), "Dist<_>"),
            (
                Type::Tuple(vec![Type::Str, Type::Unit]),
                "(string, no value)",
            ),
            (Type::Record(vec![("a".into(), Type::Int)]), "{a: int}"),
        ];
        for (ty, text) in shown {
            assert_eq!(ty.to_string(), text);
        }
    }
}
