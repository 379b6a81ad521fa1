//! Types as inference sees them: `ir::Type` with what is known of values, functions and chance beside it.

use std::collections::HashMap;
use std::fmt;

use crate::base::{Asset, Entry, Span, Values};
use crate::ir::{Builtin, Constant, Extent, FnId, Type};

/// The size of an axis, as far as it is known.
pub(super) type Size = Option<Extent>;

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ty {
    /// Of code that is not reached, and of the elements of `[]`: fits everywhere and adds nothing.
    Never,
    /// Not known: fits everywhere.
    Any,
    /// No value.
    Unit,
    Bool,
    Int,
    Real,
    Str,
    /// An array: its elements (never arrays) and the sizes of its axes.
    Array(Box<Ty>, Vec<Size>),
    Tuple(Vec<Ty>),
    Record(Vec<(String, Ty)>),
    Fn(Callable),
    /// A distribution over values of a type, the last `event` axes of which are drawn together.
    Dist {
        value: Box<Ty>,
        event: usize,
    },
}

/// What a function value is known to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Callable {
    /// A function of the program and the values that it has captured.
    Closure(FnId, Vec<Value>),
    /// A built-in.
    Builtin(Builtin),
    /// Known by an annotation.
    Opaque(Vec<Ty>, Box<Ty>),
    /// Only known to be a function.
    Unknown,
}

/// A value that does not depend on chance or data, or is a size of the data.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    Bool(bool),
    Int(i64),
    /// The value of this data input.
    Size(String),
}

/// What is known of an expression's value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Its type.
    pub ty: Ty,
    /// The value itself.
    pub known: Option<Known>,
    /// A draw that it is computed from.
    pub random: Option<Span>,
}

/// Which draw makes a value random is for messages only.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty
            && self.known == other.known
            && self.random.is_some() == other.random.is_some()
    }
}

impl Value {
    /// A value of a type, of which nothing else is known.
    pub fn of(ty: Ty) -> Self {
        Value {
            ty,
            known: None,
            random: None,
        }
    }

    /// Anything.
    pub fn any() -> Self {
        Value::of(Ty::Any)
    }

    /// An int.
    pub fn int(n: i64) -> Self {
        Value {
            known: Some(Known::Int(n)),
            ..Value::of(Ty::Int)
        }
    }

    /// The int that is an axis's size.
    pub fn size(size: &Size) -> Self {
        let known = size.as_ref().map(|extent| match extent {
            Extent::Known(n) => Known::Int(*n as i64),
            Extent::Named(name) => Known::Size(name.clone()),
        });
        Value {
            known,
            ..Value::of(Ty::Int)
        }
    }

    /// As the size of an axis.
    pub fn extent(&self) -> Size {
        match self.known.as_ref()? {
            Known::Int(n) => usize::try_from(*n).ok().map(Extent::Known),
            Known::Size(name) => Some(Extent::Named(name.clone())),
            Known::Bool(_) => None,
        }
    }

    /// Computed from these.
    pub fn from(mut self, sources: &[&Value]) -> Self {
        self.random = self.random.or(sources.iter().find_map(|v| v.random));
        self
    }

    /// What holds of a value that may be either.
    pub fn join(self, other: Value) -> Value {
        let known = if self.ty == Ty::Never {
            other.known
        } else if other.ty == Ty::Never || self.known == other.known {
            self.known
        } else {
            None
        };
        Value {
            ty: self.ty.join(other.ty),
            known,
            random: self.random.or(other.random),
        }
    }

    /// Without what would tell one step of a recursion from the next.
    pub fn widened(self) -> Value {
        Value {
            ty: self.ty.widened(),
            known: None,
            random: self.random,
        }
    }
}

impl Ty {
    /// The type of what a file holds.
    pub fn of_constant(constant: &Constant) -> Ty {
        match constant {
            Constant::File(asset) => Ty::of_asset(asset),
            Constant::Posterior(_) => Ty::Fn(Callable::Unknown),
        }
    }

    fn of_asset(asset: &Asset) -> Ty {
        match asset {
            Asset::Entry(entry) => Ty::of_entry(entry),
            Asset::Record(fields) => Ty::Record(
                fields
                    .iter()
                    .map(|(n, a)| (n.clone(), Ty::of_asset(a)))
                    .collect(),
            ),
            Asset::Network(_) => Ty::Fn(Callable::Unknown),
            Asset::List(items) => {
                let of = items.iter().map(Ty::of_asset).reduce(Ty::join);
                Ty::array(
                    of.unwrap_or(Ty::Never),
                    vec![Some(Extent::Known(items.len()))],
                )
            }
        }
    }

    fn of_entry(entry: &Entry) -> Ty {
        let element = match entry.values {
            Values::Bool(_) => Ty::Bool,
            Values::Int(_) => Ty::Int,
            Values::Real(_) => Ty::Real,
            Values::Str(_) => Ty::Str,
        };
        let sizes = entry.shape.dims().iter().map(|&n| Some(Extent::Known(n)));
        Ty::array(element, sizes.collect())
    }

    /// An array, or the element itself where there are no axes; arrays of arrays have the axes of both.
    pub fn array(element: Ty, mut sizes: Vec<Size>) -> Ty {
        match element {
            element if sizes.is_empty() => element,
            Ty::Any => Ty::Any,
            Ty::Array(inner, more) => {
                sizes.extend(more);
                Ty::Array(inner, sizes)
            }
            element => Ty::Array(Box::new(element), sizes),
        }
    }

    /// A distribution whose values' elements are independent.
    pub fn dist(value: Ty) -> Ty {
        Ty::Dist {
            value: Box::new(value),
            event: 0,
        }
    }

    /// Elements and axes; a scalar has none.
    pub fn parts(&self) -> (&Ty, &[Size]) {
        match self {
            Ty::Array(element, sizes) => (element, sizes),
            other => (other, &[]),
        }
    }

    /// Whether nothing can be said about it.
    pub fn is_open(&self) -> bool {
        matches!(self, Ty::Any | Ty::Never)
    }

    /// The type of what one index of the first axis gives.
    pub fn element(&self) -> Ty {
        match self {
            Ty::Array(element, sizes) => Ty::array((**element).clone(), sizes[1..].to_vec()),
            _ => Ty::Any,
        }
    }

    /// The smallest type that holds both; unlike things make `Any`, which is refused nowhere.
    pub fn join(self, other: Ty) -> Ty {
        use Ty::{Any, Array, Dist, Fn, Int, Never, Real, Record, Tuple};
        match (self, other) {
            (a, b) if a == b => a,
            (Never, t) | (t, Never) => t,
            (Int, Real) | (Real, Int) => Real,
            (Array(a, m), Array(b, n)) => join_arrays(*a, m, *b, n),
            (Tuple(a), Tuple(b)) if a.len() == b.len() => {
                Tuple(a.into_iter().zip(b).map(|(a, b)| a.join(b)).collect())
            }
            (Record(a), Record(b)) => join_records(a, b),
            (Fn(a), Fn(b)) => Fn(a.join(b)),
            (Dist { value, event }, Dist { value: v, event: e }) if event == e => Dist {
                value: Box::new(value.join(*v)),
                event,
            },
            _ => Any,
        }
    }

    /// Whether one value may be either, but for sizes: numbers, arrays of as many axes, records of the same fields.
    pub fn is_like(&self, other: &Ty) -> bool {
        use Ty::{Array, Int, Real, Record, Tuple};
        match (self, other) {
            (a, b) if a.is_open() || b.is_open() => true,
            (Int | Real, Int | Real) => true,
            (Array(a, _), Array(b, _)) if **a == Ty::Never || **b == Ty::Never => true,
            (Array(a, m), Array(b, n)) => m.len() == n.len() && a.is_like(b),
            (Tuple(a), Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_like(b))
            }
            (Record(a), Record(b)) => {
                let fields = by_name(b);
                let like = |(name, t): &(String, Ty)| {
                    fields.get(name.as_str()).is_some_and(|o| t.is_like(o))
                };
                a.len() == b.len() && a.iter().all(like)
            }
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }

    fn widened(self) -> Ty {
        match self {
            Ty::Array(element, sizes) => Ty::Array(
                Box::new(element.widened()),
                sizes.into_iter().map(|_| None).collect(),
            ),
            Ty::Tuple(parts) => Ty::Tuple(parts.into_iter().map(Ty::widened).collect()),
            Ty::Record(fields) => {
                Ty::Record(fields.into_iter().map(|(n, t)| (n, t.widened())).collect())
            }
            Ty::Dist { value, event } => Ty::Dist {
                value: Box::new(value.widened()),
                event,
            },
            Ty::Fn(Callable::Closure(id, captures)) => {
                let captures = captures.into_iter().map(Value::widened).collect();
                Ty::Fn(Callable::Closure(id, captures))
            }
            other => other,
        }
    }

    /// How deep closures hold closures: types of programs that pile them up would grow without end.
    pub fn depth(&self) -> usize {
        match self {
            Ty::Array(t, _) | Ty::Dist { value: t, .. } => t.depth(),
            Ty::Tuple(parts) => parts.iter().map(Ty::depth).max().unwrap_or(0) + 1,
            Ty::Record(fields) => fields.iter().map(|(_, t)| t.depth()).max().unwrap_or(0) + 1,
            Ty::Fn(Callable::Closure(_, captures)) => {
                captures.iter().map(|v| v.ty.depth()).max().unwrap_or(0) + 1
            }
            _ => 0,
        }
    }

    /// As inference sees an annotation.
    pub fn annotated(ty: &Type) -> Ty {
        match ty {
            Type::Any => Ty::Any,
            Type::Unit => Ty::Unit,
            Type::Bool => Ty::Bool,
            Type::Int => Ty::Int,
            Type::Real => Ty::Real,
            Type::Str => Ty::Str,
            Type::Array { element, sizes } => Ty::array(Ty::annotated(element), sizes.clone()),
            Type::Tuple(parts) => Ty::Tuple(parts.iter().map(Ty::annotated).collect()),
            Type::Record(fields) => {
                let fields = fields.iter().map(|(n, t)| (n.clone(), Ty::annotated(t)));
                Ty::Record(fields.collect())
            }
            Type::Fn(params, result) => Ty::Fn(Callable::Opaque(
                params.iter().map(Ty::annotated).collect(),
                Box::new(Ty::annotated(result)),
            )),
            Type::Dist(value) => Ty::dist(Ty::annotated(value)),
        }
    }

    /// What a value of this type is where `wanted` is expected; `None` if it does not fit.
    pub fn fit(&self, wanted: &Ty) -> Option<Ty> {
        use Ty::{Any, Array, Dist, Fn, Int, Never, Real, Record, Tuple};
        match (self, wanted) {
            (_, Any) => Some(self.clone()),
            (Any | Never, _) => Some(wanted.clone()),
            (Int, Real) => Some(Real),
            (Array(a, m), Array(b, n)) if m.len() == n.len() => {
                let sizes = m.iter().zip(n).map(|(m, n)| fit_size(m, n));
                Some(Array(Box::new(a.fit(b)?), sizes.collect::<Option<_>>()?))
            }
            (Tuple(a), Tuple(b)) if a.len() == b.len() => {
                let parts = a.iter().zip(b).map(|(a, b)| a.fit(b));
                Some(Tuple(parts.collect::<Option<_>>()?))
            }
            (Record(a), Record(b)) if a.len() == b.len() => {
                let fields = by_name(a);
                let field = |(name, want): &(String, Ty)| {
                    Some((name.clone(), fields.get(name.as_str())?.fit(want)?))
                };
                Some(Record(b.iter().map(field).collect::<Option<_>>()?))
            }
            (Fn(_), Fn(_)) => Some(self.clone()),
            (Dist { value, event }, Dist { value: want, .. }) => Some(Dist {
                value: Box::new(value.fit(want)?),
                event: *event,
            }),
            (a, b) if a == b => Some(a.clone()),
            _ => None,
        }
    }
}

impl Callable {
    fn join(self, other: Callable) -> Callable {
        match (self, other) {
            (Callable::Closure(a, x), Callable::Closure(b, y)) if a == b && x.len() == y.len() => {
                let captures = x.into_iter().zip(y).map(|(x, y)| x.join(y)).collect();
                Callable::Closure(a, captures)
            }
            _ => Callable::Unknown,
        }
    }
}

fn fit_size(have: &Size, want: &Size) -> Option<Size> {
    match (have, want) {
        (Some(Extent::Known(a)), Some(Extent::Known(b))) if a != b => None,
        (have, want) => Some(have.clone().or_else(|| want.clone())),
    }
}

fn join_arrays(a: Ty, m: Vec<Size>, b: Ty, n: Vec<Size>) -> Ty {
    match (&a, &b) {
        (Ty::Never, _) => return Ty::Array(Box::new(b), forget_first(n)),
        (_, Ty::Never) => return Ty::Array(Box::new(a), forget_first(m)),
        _ if m.len() != n.len() => return Ty::Any,
        _ => {}
    }
    let sizes = m
        .into_iter()
        .zip(n)
        .map(|(m, n)| if m == n { m } else { None })
        .collect();
    match a.join(b) {
        Ty::Any => Ty::Any,
        element => Ty::Array(Box::new(element), sizes),
    }
}

/// `[]` joined with an array: as long as either.
fn forget_first(mut sizes: Vec<Size>) -> Vec<Size> {
    sizes[0] = None;
    sizes
}

fn by_name(fields: &[(String, Ty)]) -> HashMap<&str, &Ty> {
    fields.iter().map(|(n, t)| (n.as_str(), t)).collect()
}

fn join_records(a: Vec<(String, Ty)>, b: Vec<(String, Ty)>) -> Ty {
    if a.len() != b.len() {
        return Ty::Any;
    }
    let fields = by_name(&b);
    let joined: Option<Vec<(String, Ty)>> = a
        .into_iter()
        .map(|(name, t)| {
            let other = (*fields.get(name.as_str())?).clone();
            Some((name, t.join(other)))
        })
        .collect();
    joined.map_or(Ty::Any, Ty::Record)
}

/// NumPy's broadcast with sizes that may be unknown; `Err` only where two known sizes cannot fit.
pub(super) fn broadcast(a: &[Size], b: &[Size]) -> Result<Vec<Size>, ()> {
    let rank = a.len().max(b.len());
    let size = |s: &[Size], axis: usize| match (axis + s.len()).checked_sub(rank) {
        Some(i) => s[i].clone(),
        None => Some(Extent::Known(1)),
    };
    (0..rank)
        .map(|axis| broadcast_size(size(a, axis), size(b, axis)))
        .collect()
}

fn broadcast_size(a: Size, b: Size) -> Result<Size, ()> {
    use Extent::Known as N;
    match (a, b) {
        (a, b) if a == b => Ok(a),
        (Some(N(1)), other) | (other, Some(N(1))) => Ok(other),
        (Some(N(_)), Some(N(_))) => Err(()),
        (Some(N(n)), _) | (_, Some(N(n))) => Ok(Some(N(n))),
        _ => Ok(None),
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Never | Ty::Any => write!(f, "anything"),
            Ty::Unit => write!(f, "no value"),
            Ty::Bool => write!(f, "bool"),
            Ty::Int => write!(f, "int"),
            Ty::Real => write!(f, "real"),
            Ty::Str => write!(f, "string"),
            Ty::Array(element, sizes) => {
                let sizes: Vec<String> = sizes.iter().map(shown_size).collect();
                match &**element {
                    Ty::Never => write!(f, "[]"),
                    Ty::Fn(_) => write!(f, "function[{}]", sizes.join(", ")),
                    element => write!(f, "{element}[{}]", sizes.join(", ")),
                }
            }
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Ty::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
            Ty::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(n, t)| format!("{n}: {t}")).collect();
                write!(f, "{{{}}}", fields.join(", "))
            }
            Ty::Fn(_) => write!(f, "a function"),
            Ty::Dist { value, .. } => write!(f, "Dist<{value}>"),
        }
    }
}

fn shown_size(size: &Size) -> String {
    match size {
        Some(Extent::Known(n)) => n.to_string(),
        Some(Extent::Named(name)) => name.clone(),
        None => "_".into(),
    }
}
