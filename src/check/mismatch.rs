//! What inference can find wrong with a program: types and shapes that do not agree.

use super::signature;
use super::types::Ty;
use crate::base::{Report, Span, nearest};
use crate::ir::{Builtin, Extent};

/// A value in the text: where it stands, what it is, and where its name comes from.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The expression.
    pub span: Span,
    /// Its text, where that is short.
    pub text: String,
    /// Its type.
    pub ty: Ty,
    /// The name and its declaration, where the expression is a name.
    pub declared: Option<(String, Span)>,
}

/// Two things that do not agree.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("{place} needs numbers, and {} is {}", .seen.named(), .seen.kind())]
    NotNumeric { seen: Seen, place: String },
    #[error("{place} needs a bool, and {} is {}", .seen.named(), .seen.kind())]
    NotBool { seen: Seen, place: String },
    #[error("{place} needs an int, and {} is {}", .seen.named(), .seen.kind())]
    NotInt { seen: Seen, place: String },
    #[error("{place} needs an array, and {} is {}", .seen.named(), .seen.kind())]
    NotArray { seen: Seen, place: String },
    #[error("{place} needs one value, and {} is {}", .seen.named(), .seen.kind())]
    NotScalar { seen: Seen, place: String },
    #[error("`{}` and `{}` cannot be compared", .a.ty, .b.ty)]
    Incomparable { a: Seen, b: Seen },
    #[error("shapes do not fit: `{}` and `{}`", .a.ty, .b.ty)]
    Shapes { a: Seen, b: Seen, place: String },
    #[error("`reshape` keeps the number of elements, and `{}` does not have those of `{to}`", .seen.ty)]
    Reshape { seen: Seen, to: Ty },
    #[error("`@` cannot multiply `{}` and `{}`", .a.ty, .b.ty)]
    MatMul { a: Seen, b: Seen },
    #[error("the rows of an array are of different sizes: `{}` and `{}`", .a.ty, .b.ty)]
    Ragged { a: Seen, b: Seen },
    #[error("an array cannot hold both `{}` and `{}`", .a.ty, .b.ty)]
    MixedArray { a: Seen, b: Seen },
    #[error("the arms of an `if` give `{}` and `{}`", .a.ty, .b.ty)]
    Arms { a: Seen, b: Seen },
    #[error("this function gives `{}` and `{}`", .a.ty, .b.ty)]
    Results { a: Seen, b: Seen },
    #[error("{place} needs a square matrix, and {} is `{}`", .seen.named(), .seen.ty)]
    NotSquare { seen: Seen, place: String },
    #[error("{} has {}, and {} given", .seen.named(), axes(.seen.ty.parts().1.len()), crate::base::counted(*.given, "index is", "indices are"))]
    TooManyIndices { seen: Seen, given: usize },
    #[error("index {index} is outside of {}, which has {size} elements", .seen.named())]
    IndexRange {
        seen: Seen,
        index: i64,
        size: usize,
        span: Span,
    },
    #[error("{} has no field `{field}`", .seen.named())]
    NoField {
        seen: Seen,
        field: String,
        span: Span,
    },
    #[error("{} is called like a function, and is {}", .seen.named(), .seen.kind())]
    NotFunction { seen: Seen, builtin: bool },
    #[error("{place} needs a distribution, and {} is {}", .seen.named(), .seen.kind())]
    NotDistribution { seen: Seen, place: String },
    #[error("the function takes {want} argument{}, and {got} {} given", if *want == 1 { "" } else { "s" }, if *got == 1 { "is" } else { "are" })]
    ArgumentCount {
        want: usize,
        got: usize,
        span: Span,
        declared: Option<Span>,
    },
    #[error("{what} must be `{want}`, and this is `{}`", .seen.ty)]
    Annotation {
        seen: Seen,
        what: String,
        want: Ty,
        declared: Span,
    },
    #[error("`{name}` is {} and cannot become {}", kind(was), .seen.kind())]
    AssignKind {
        name: String,
        was: Ty,
        seen: Seen,
        declared: Option<Span>,
    },
    #[error("`factor` adds one number, and this is `{}`", .seen.ty)]
    FactorShape { seen: Seen },
    #[error("{} is {}, and this distribution gives {}", .seen.named(), .seen.kind(), kind(value))]
    ObserveKind { seen: Seen, dist: Seen, value: Ty },
    #[error("a value `{}` cannot come from a distribution over `{value}`", .seen.ty)]
    ObserveShape { seen: Seen, dist: Seen, value: Ty },
    #[error("{} depends on chance and cannot be observed", .seen.named())]
    ObserveRandom { seen: Seen, dist: Seen, drawn: Span },
    #[error("`{dist}`'s `{param}` is {}, and this is `{}`", of_rank(*rank), .seen.ty)]
    ParameterRank {
        seen: Seen,
        dist: String,
        param: String,
        rank: usize,
    },
    #[error(
        "`mixture` needs an array of distributions, and this is one distribution over `{value}`"
    )]
    MixtureComponents { seen: Seen, value: Ty },
    #[error("{what} does not fit {}, which is `{}`", .seen.named(), .seen.ty)]
    Pattern {
        seen: Seen,
        what: String,
        span: Span,
    },
    #[error("`memo` tells calls apart by ints, bools and tuples of them, and this is `{}`", .seen.ty)]
    MemoKey { seen: Seen },
    #[error("this `if` has no value when its condition is false")]
    NoValue { span: Span },
}

use Mismatch::*;

impl Seen {
    /// As a subject: the name, or "this".
    pub fn named(&self) -> String {
        match &self.declared {
            Some((name, _)) if !name.is_empty() => format!("`{name}`"),
            _ => "this".into(),
        }
    }

    fn kind(&self) -> String {
        kind(&self.ty)
    }

    fn label(&self, report: Report) -> Report {
        let report = report.label(self.span, format!("{}", Shown(&self.ty)));
        self.origin(report)
    }

    fn origin(&self, report: Report) -> Report {
        match &self.declared {
            Some((name, span)) if *span != self.span && !name.is_empty() => {
                report.label(*span, format!("`{name}` is declared here"))
            }
            _ => report,
        }
    }
}

impl Mismatch {
    /// As it is told.
    pub fn report(&self) -> Report {
        let report = Report::error(self.code(), self.to_string());
        self.label(report).maybe_help(self.help())
    }

    fn code(&self) -> &'static str {
        match self {
            NotNumeric { .. } => "odp::check::not_a_number",
            NotBool { .. } => "odp::check::not_a_bool",
            NotInt { .. } => "odp::check::not_an_int",
            NotArray { .. } => "odp::check::not_an_array",
            NotScalar { .. } => "odp::check::not_a_scalar",
            Incomparable { .. } => "odp::check::not_comparable",
            Shapes { .. } | MatMul { .. } | Ragged { .. } | NotSquare { .. } | Reshape { .. } => {
                "odp::check::shape_mismatch"
            }
            ObserveShape { .. } => "odp::check::observe_shape",
            MixedArray { .. }
            | Arms { .. }
            | Results { .. }
            | Annotation { .. }
            | AssignKind { .. } => "odp::check::type_mismatch",
            TooManyIndices { .. } => "odp::check::too_many_indices",
            IndexRange { .. } => "odp::check::index_out_of_range",
            NoField { .. } => "odp::check::unknown_field",
            NotFunction { .. } => "odp::check::not_a_function",
            NotDistribution { .. } => "odp::check::not_a_distribution",
            ArgumentCount { .. } => "odp::check::argument_count",
            FactorShape { .. } => "odp::check::factor_shape",
            ObserveKind { .. } => "odp::check::observe_kind",
            ObserveRandom { .. } => "odp::check::observe_random",
            ParameterRank { .. } => "odp::check::parameter_rank",
            MixtureComponents { .. } => "odp::check::mixture_components",
            Pattern { .. } => "odp::check::pattern",
            MemoKey { .. } => "odp::check::memo_key",
            NoValue { .. } => "odp::check::no_value",
        }
    }

    fn label(&self, report: Report) -> Report {
        match self {
            NotNumeric { seen, .. }
            | NotBool { seen, .. }
            | NotInt { seen, .. }
            | NotArray { seen, .. }
            | NotScalar { seen, .. }
            | NotSquare { seen, .. }
            | Reshape { seen, .. }
            | TooManyIndices { seen, .. }
            | NotFunction { seen, .. }
            | NotDistribution { seen, .. }
            | FactorShape { seen }
            | ParameterRank { seen, .. }
            | MixtureComponents { seen, .. }
            | MemoKey { seen } => seen.label(report),
            Incomparable { a, b } | Shapes { a, b, .. } | MatMul { a, b } => {
                let report = report
                    .label(a.span, Shown(&a.ty).to_string())
                    .label(b.span, Shown(&b.ty).to_string());
                b.origin(a.origin(report))
            }
            Ragged { a, b } | MixedArray { a, b } | Arms { a, b } => {
                report.label(b.span, Shown(&b.ty).to_string()).label(
                    a.span,
                    format!("{}, by which the others are measured", Shown(&a.ty)),
                )
            }
            Results { a, b } => report
                .label(b.span, Shown(&b.ty).to_string())
                .label(a.span, Shown(&a.ty).to_string()),
            IndexRange { seen, span, .. } => seen.origin(
                report
                    .label(*span, "outside")
                    .label(seen.span, Shown(&seen.ty).to_string()),
            ),
            NoField { seen, span, .. } | Pattern { seen, span, .. } => {
                let report = report.label(*span, "");
                seen.label(report)
            }
            ArgumentCount { span, declared, .. } => match declared {
                Some(declared) => report.label(*span, "").label(*declared, "the function"),
                None => report.label(*span, ""),
            },
            Annotation {
                seen,
                declared,
                want,
                ..
            } => seen
                .label(report)
                .label(*declared, format!("`{want}` by this")),
            AssignKind { seen, declared, .. } => {
                let report = seen.label(report);
                match declared {
                    Some(span) => report.label(*span, "declared here"),
                    None => report,
                }
            }
            ObserveKind { seen, dist, value } | ObserveShape { seen, dist, value } => seen.origin(
                report
                    .label(seen.span, Shown(&seen.ty).to_string())
                    .label(dist.span, format!("gives `{value}`")),
            ),
            ObserveRandom { seen, drawn, .. } => {
                let report = report.label(seen.span, "observed here");
                match *drawn == seen.span {
                    true => report,
                    false => report.label(*drawn, "drawn here"),
                }
            }
            NoValue { span } => report.label(*span, "needs an `else`"),
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            NotNumeric { seen, .. } => return numeric_help(seen),
            NotBool { seen, place } => return bool_help(seen, place),
            NotInt { seen, place } => return int_help(seen, place),
            NotArray { seen, place } => match &seen.ty {
                Ty::Int if place.starts_with("`for`") || place.starts_with("a comprehension") => {
                    format!("count up to it: `0..{}`", seen.text)
                }
                Ty::Fn(_) if place == "`map`" => "its arguments are `map(xs, f)`".into(),
                Ty::Fn(_) if matches!(place.as_str(), "`fold`" | "`scan`") => {
                    format!("its arguments are `{}(xs, init, f)`", place.trim_matches('`'))
                }
                Ty::Int | Ty::Real | Ty::Bool if place.contains("concat") => format!("write `[{}]`", seen.text),
                Ty::Tuple(_) => "a tuple's parts are `t.0`, `t.1`; an array is written `[a, b]`".into(),
                Ty::Record(_) => "a record's parts are `r.name`".into(),
                Ty::Dist { .. } => format!("draw from it: `sample iid({}, n)`", seen.text),
                _ => "an array is written `[a, b]`, or `[e for i in 0..n]`".into(),
            },
            NotScalar { seen, .. } => match seen.ty.parts().0 {
                Ty::Bool => format!("say what of the array is meant: `any({0})` or `all({0})`", seen.text),
                _ => format!("take one of its elements: `{}[i]`", seen.text),
            },
            Incomparable { a, b } => return compare_help(a, b),
            Shapes { place, .. } => shapes_help(place),
            MatMul { a, b } => match (a.ty.parts().1.len(), b.ty.parts().1.len()) {
                (0, _) | (_, 0) => "to multiply by a number, write `*`".into(),
                _ => "the columns of the first must be as many as the rows of the second; `transpose` swaps them".into(),
            },
            Ragged { .. } => "arrays are rectangular; keep lists of different lengths in one array with offsets".into(),
            Arms { a, b } if a.ty.parts().1.len() != b.ty.parts().1.len() => {
                "give both arms as many axes: `[x]` is an array of one number, `fill(x, n)` of n".into()
            }
            Arms { .. } => "give both arms one type: `real(b)` and `int(b)` make a number of a bool".into(),
            Results { .. } => "one kind of result, whichever way the function is left: a tuple or a record holds several".into(),
            MixedArray { .. } => "use a tuple `(a, b)` or a record `{a: 1, b: 2}` for things of different kinds".into(),
            TooManyIndices { seen, .. } => match seen.ty.parts().1.len() {
                1 => format!("write `{}[i]`; a matrix is an array of its rows, `[[1, 2], [3, 4]]`", seen.text),
                n => format!("give up to {n}, as in `{}[i, j]`", seen.text),
            },
            NotSquare { .. } => "it has as many rows as columns; `A @ transpose(A)` is square for every `A`".into(),
            Reshape { seen, .. } => match seen.ty.parts().1 {
                [Some(Extent::Known(n))] => format!("the sizes multiply to {n}"),
                _ => "the sizes multiply to the number of elements".into(),
            },
            ArgumentCount { want, .. } => match want {
                0 => "call it without arguments: `f()`".into(),
                1 => "several values can be one argument: a tuple, a record or an array".into(),
                n => format!("give {n} arguments, separated by commas"),
            },
            IndexRange { index, seen, .. } if *index < 0 => {
                format!("indices start at 0; the last element is `{0}[length({0}) - 1]`", seen.text)
            }
            IndexRange { size, .. } => format!("indices run from 0 to {}", size.saturating_sub(1)),
            NoField { seen, field, .. } => return field_help(seen, field),
            NotFunction { seen, builtin: true } => format!(
                "{} hides the built-in of that name: rename it",
                seen.named()
            ),
            NotFunction { seen, .. } => match &seen.ty {
                Ty::Dist { .. } => format!("draw from it: `sample {}`", seen.text),
                _ => "a product is written with `*`, an element with `[i]`".into(),
            },
            NotDistribution { seen, .. } => match &seen.ty {
                Ty::Fn(_) => format!("call it: `{}(…)`", seen.text),
                Ty::Str | Ty::Bool | Ty::Tuple(_) | Ty::Record(_) | Ty::Unit => "a distribution is written by its name and arguments: `Normal(0, 1)`".into(),
                Ty::Int | Ty::Real | Ty::Array(..) => "a fixed value is observed by a density, such as `Normal(value, sigma)`; to name a value, write `let`".into(),
                _ => return None,
            },
            Annotation { seen, want, .. } => match (seen.ty.parts().0, want.parts().0) {
                (Ty::Real | Ty::Bool, Ty::Int) => format!("convert it: `int({})`", seen.text),
                (Ty::Bool, Ty::Real) => format!("convert it: `real({})`", seen.text),
                _ => format!("give a `{want}`, or change the annotation"),
            },
            AssignKind { .. } => "a variable keeps the kind of value that it starts with; use another name".into(),
            FactorShape { seen } => format!("add up its elements: `factor sum({})`", seen.text),
            ObserveKind { seen, value, .. } => return observe_help(&seen.ty, value),
            ObserveShape { seen, value, .. } => observe_shape_help(&seen.ty, value),
            ObserveRandom { seen, dist, .. } => format!(
                "weigh the execution instead: `factor log_prob({}, {})`, or `condition` for a hard constraint",
                dist.text, seen.text
            ),
            ParameterRank { rank, .. } => match rank {
                1 => "a vector is written `[a, b]`".into(),
                _ => "a matrix is written `[[a, b], [c, d]]`; `diag(v)` makes one of its diagonal".into(),
            },
            MixtureComponents { seen, .. } => mixture_help(seen),
            Pattern { seen, .. } => match &seen.ty {
                Ty::Tuple(parts) => format!("name all of its {} parts, those that are not wanted by `_`", parts.len()),
                Ty::Array(_, sizes) => match &sizes[0] {
                    Some(Extent::Known(n)) => format!("name all of its {n} elements, or take some by index"),
                    _ => "take its elements by index".into(),
                },
                _ => "only tuples, arrays and records come apart".into(),
            },
            MemoKey { .. } => "use an int as the key, such as an index".into(),
            NoValue { .. } => "add `else { … }`".into(),
        })
    }
}

fn shapes_help(place: &str) -> String {
    match place {
        "`dot`" | "`zip`" => format!("{place} needs two of one length"),
        "`concat`" => "arrays are joined along their first axis; the others must agree".into(),
        "`mixture`" => "there is one weight for each component".into(),
        "`solve`" | "`solve_lower`" => "the right side has as many rows as the matrix".into(),
        "`ode_rk4`" | "`ode_euler`" | "`ode_dopri`" => {
            "the slope has the shape of the state".into()
        }
        "a matrix" => "the vector is as long as the matrix has rows".into(),
        "assignment" => "what is assigned has the shape of its place, or stretches to it".into(),
        _ => format!(
            "{place} works element by element: equal shapes, one number, or sizes that agree from the last axis"
        ),
    }
}

fn numeric_help(seen: &Seen) -> Option<String> {
    Some(match seen.ty.parts().0 {
        Ty::Bool => format!(
            "there is no implicit conversion: write `int({0})` or `real({0})`",
            seen.text
        ),
        Ty::Dist { .. } => format!("draw from it first: `sample {}`", seen.text),
        Ty::Fn(_) => format!("call it: `{}(…)`", seen.text),
        Ty::Tuple(_) => "a tuple's parts are `t.0`, `t.1`; an array is written `[a, b]`".into(),
        Ty::Record(_) => "a record's parts are `r.name`".into(),
        Ty::Str => "a text is no number: remove the quotes, or declare the data as `real`".into(),
        Ty::Unit => "it has no value: let its last expression be one, or `return` one".into(),
        _ => return None,
    })
}

fn int_help(seen: &Seen, place: &str) -> Option<String> {
    let of_parameter = place.strip_prefix('`').and_then(|p| p.split_once("`'s"));
    let order = of_parameter.and_then(|(name, _)| {
        let (_, signature) = signature::of_distribution(name)?;
        Some(format!("`{name}({})`", signature.params.join(", ")))
    });
    Some(match (seen.ty.parts().0, order) {
        (Ty::Real | Ty::Bool, Some(order)) => format!(
            "the order is {order}; a real becomes an int by `int({})`",
            seen.text
        ),
        (Ty::Real, None) if seen.text.contains('/') => format!(
            "`/` gives a real: write `div(a, b)` for whole numbers, or `int({})`",
            seen.text
        ),
        (Ty::Real | Ty::Bool, None) => format!("convert it: `int({})`", seen.text),
        (Ty::Array(..), _) => format!("take one of its elements: `{}[i]`", seen.text),
        (Ty::Str, _) => "a text is no number: remove the quotes".into(),
        (Ty::Dist { .. }, _) => format!("draw from it first: `sample {}`", seen.text),
        _ => return None,
    })
}

fn bool_help(seen: &Seen, place: &str) -> Option<String> {
    match &seen.ty {
        Ty::Int if place.starts_with("`not`") => Some(format!("compare it: `{} == 0`", seen.text)),
        Ty::Int => Some(format!("compare it: `{} == 1`", seen.text)),
        Ty::Real => Some(format!("compare it: `{} > 0`", seen.text)),
        Ty::Dist { .. } => Some(format!("draw from it first: `sample {}`", seen.text)),
        Ty::Fn(_) => Some(format!("call it: `{}(…)`", seen.text)),
        _ => Some("a bool is `true`, `false` or a comparison, such as `a == b`".into()),
    }
}

fn compare_help(a: &Seen, b: &Seen) -> Option<String> {
    let (flag, other) = match (a.ty.parts().0, b.ty.parts().0) {
        (Ty::Bool, Ty::Int | Ty::Real) => (a, b),
        (Ty::Int | Ty::Real, Ty::Bool) => (b, a),
        (Ty::Str, _) | (_, Ty::Str) => {
            return Some("texts are compared with texts, numbers with numbers".into());
        }
        (Ty::Dist { .. }, _) | (_, Ty::Dist { .. }) => {
            return Some("compare a draw from it: `sample D == …`".into());
        }
        _ => return Some("compare their parts one by one".into()),
    };
    Some(match other.text.as_str() {
        "1" => format!("a bool is a condition by itself: `{}`", flag.text),
        "0" => format!("a bool is a condition by itself: `not {}`", flag.text),
        _ => format!("convert it: `int({})`", flag.text),
    })
}

fn field_help(seen: &Seen, field: &str) -> Option<String> {
    if Builtin::find(field).is_some() && !matches!(seen.ty, Ty::Record(_)) {
        let text = &seen.text;
        return Some(format!("write `{field}({text})`, or `{text} |> {field}`"));
    }
    match &seen.ty {
        Ty::Record(fields) => {
            let names = || fields.iter().map(|(n, _)| n.as_str());
            Some(match nearest(field, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "it has {}",
                    names()
                        .map(|n| format!("`{n}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            })
        }
        Ty::Tuple(parts) if !parts.is_empty() => {
            Some(format!("its parts are `.0` to `.{}`", parts.len() - 1))
        }
        Ty::Array(..) => Some(format!("an array's elements are `{}[i]`", seen.text)),
        _ => Some("only records and tuples have fields: `r.name`, `t.0`".into()),
    }
}

fn observe_help(seen: &Ty, value: &Ty) -> Option<String> {
    Some(match (seen.parts().0, value.parts().0) {
        (Ty::Real, Ty::Int) => "counts and categories are ints: declare the data as `int`, or observe with a distribution over reals".into(),
        (Ty::Bool, Ty::Int) => "`Flip(p)` is the distribution over bools; or convert with `int(…)`".into(),
        (Ty::Int, Ty::Bool) => "`Bernoulli(p)` is the distribution over 0 and 1".into(),
        (Ty::Bool, Ty::Real) => "convert it with `real(…)`".into(),
        (Ty::Str, _) => "code texts as ints: a column of texts in a CSV file becomes 0, 1, …".into(),
        (Ty::Dist { .. }, _) => "what is observed is a value; its distribution stands behind `~`".into(),
        (Ty::Tuple(_) | Ty::Record(_), _) => "observe its parts one by one".into(),
        _ => return None,
    })
}

fn observe_shape_help(seen: &Ty, value: &Ty) -> String {
    match (seen.parts().1.len(), value.parts().1.len()) {
        (0, _) => {
            "one value comes from one distribution: index the distribution's arguments".into()
        }
        _ => "what is observed has the distribution's shape, or repeats it along axes in front"
            .into(),
    }
}

/// `mixture(w, Normal(mus, 1))` was meant as one component for each element of `mus`.
fn mixture_help(seen: &Seen) -> String {
    let parts = seen.text.split_once('(').and_then(|(name, rest)| {
        let (first, more) = rest.split_once([',', ')'])?;
        Some((name.trim(), first.trim(), more.trim()))
    });
    match parts {
        Some((name, first, more)) if !first.contains(['=', '[', '(']) => {
            let more = if more.is_empty() {
                ")".into()
            } else {
                format!(", {more}")
            };
            format!("write one for each: `[{name}(m{more} for m in {first}]`")
        }
        _ => "write one for each: `[Normal(m, 1) for m in mus]`".into(),
    }
}

/// A type in a label.
struct Shown<'a>(&'a Ty);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Ty::Fn(_) | Ty::Unit => write!(f, "{}", self.0),
            ty => write!(f, "`{ty}`"),
        }
    }
}

fn kind(ty: &Ty) -> String {
    match ty {
        Ty::Unit => "without a value".into(),
        Ty::Fn(_) => "a function".into(),
        Ty::Int => "an int".into(),
        Ty::Bool | Ty::Real | Ty::Str => format!("a {ty}"),
        ty => format!("`{ty}`"),
    }
}

fn axes(n: usize) -> String {
    match n {
        1 => "one axis".into(),
        n => format!("{n} axes"),
    }
}

fn of_rank(rank: usize) -> &'static str {
    match rank {
        0 => "a number",
        1 => "a vector",
        _ => "a matrix",
    }
}
