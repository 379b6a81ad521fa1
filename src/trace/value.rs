//! Values while a program is traced: known numbers, or nodes of the graph.

use std::sync::Arc;

use super::bind::Inputs;
use super::graph::NodeId;
use crate::base::{Network, Shape, Span};
use crate::dist::Multivariate;
use crate::ir::{Builtin, FnId, Law, Posterior};

/// What the numbers of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 0 and 1.
    Bool,
    /// Whole numbers.
    Int,
    /// Reals.
    Real,
}

/// Where the numbers are.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Known.
    Float(Arc<[f64]>),
    /// Known whole numbers, exact.
    Int(Arc<[i64]>),
    /// Computed from noise.
    Node(NodeId),
    /// Element by element, while a loop or a chain fills them.
    Cells(Arc<Vec<Cell>>),
}

/// One element of a tensor that is being filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// Nothing yet.
    Unset,
    /// A known number.
    Float(f64),
    /// A known whole number.
    Int(i64),
    /// A scalar node.
    Node(NodeId),
}

/// A number or a rectangular array of numbers.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Sizes.
    pub shape: Shape,
    /// What the numbers are.
    pub kind: Kind,
    /// The numbers.
    pub payload: Payload,
    /// Which elements are missing in the data; `None` when none is.
    pub missing: Option<Arc<[Option<Gap>]>>,
}

/// An element that is missing: where the data lacks it, so that what is drawn for it has the data's name wherever it is
/// observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The data variable; `None` for a constant from a file.
    pub slot: Option<u32>,
    /// The element's flat index there.
    pub element: u32,
}

/// A value of the language.
#[derive(Clone, Debug)]
pub enum Value {
    /// Of a statement.
    Unit,
    /// Numbers.
    Num(Tensor),
    /// A text.
    Str(Arc<str>),
    /// An array of things that are not numbers.
    List(Arc<Vec<Value>>),
    /// A tuple.
    Tuple(Arc<Vec<Value>>),
    /// A record.
    Record(Arc<Vec<(String, Value)>>),
    /// A function.
    Fn(Arc<FnValue>),
    /// A distribution.
    Dist(Arc<DistValue>),
    /// An array whose length depends on chance.
    Ragged(Arc<Ragged>),
    /// One of two that are no numbers of one shape: the first where the node is true.
    Choice(Arc<(NodeId, Value, Value)>),
    /// No execution arrives here.
    Bottom,
}

/// An array whose length depends on chance.
#[derive(Clone, Debug)]
pub struct Ragged {
    /// What stands at each place, meaningful where the length is larger.
    pub items: Vec<Value>,
    /// How many an execution has: a scalar node.
    pub length: Tensor,
}

/// A function value.
#[derive(Clone, Debug)]
pub enum FnValue {
    /// A user's, with what it captured: (slot, value).
    Closure {
        id: FnId,
        captured: Vec<(u32, Value)>,
    },
    /// A built-in.
    Builtin(Builtin),
    /// A network from a file.
    Network {
        /// Its layers.
        network: Arc<Network>,
        /// Its constants as tensors, in their order: converted once, however often it is called.
        constants: Vec<Tensor>,
    },
    /// Draws from another program's posterior.
    Posterior {
        /// Whose.
        posterior: Arc<Posterior>,
        /// That program's data.
        inputs: Arc<Inputs>,
        /// The constants of its sampler as tensors, in their order.
        constants: Vec<Tensor>,
    },
    /// One that remembers; its number keys the table of what it remembers.
    Memo { inner: Value, table: u128 },
}

/// A distribution with its arguments.
#[derive(Clone, Debug)]
pub struct DistValue {
    /// Which one.
    pub kind: DistKind,
    /// The expression that made it.
    pub span: Span,
}

/// The forms of distributions.
#[derive(Clone)]
pub enum DistKind {
    /// Independent laws over numbers: `shape` of them.
    Scalar {
        law: Law,
        params: Vec<Tensor>,
        shape: Shape,
    },
    /// Laws over arrays: `batch` of them, each with values of shape `event`.
    Array {
        dist: &'static dyn Multivariate,
        params: Vec<Tensor>,
        shapes: Arc<[Shape]>,
        batch: Shape,
        event: Shape,
        noise: usize,
    },
    /// One of several, by weights.
    Mixture {
        weights: Tensor,
        parts: Vec<Arc<DistValue>>,
        shape: Shape,
    },
    /// Independent copies of what cannot be widened otherwise.
    Iid {
        base: Arc<DistValue>,
        sizes: Vec<usize>,
    },
    /// Independent copies, as many as chance decides.
    Ragged {
        base: Arc<DistValue>,
        length: Tensor,
    },
    /// A user's: over numbers an array of independent ones of a shape, else (`None`) over what its sampler gives. With
    /// `each`, an element has its own element of each array argument; else all have the arguments as they are.
    User {
        id: usize,
        args: Vec<Value>,
        shape: Option<Shape>,
        each: bool,
    },
    /// A distribution whose distribution function and quantiles are known, restricted to an interval.
    Bounded {
        base: Arc<DistValue>,
        lower: Tensor,
        upper: Tensor,
    },
    /// A distribution whose distribution function is known, with values beyond a bound put on it.
    Censored {
        base: Arc<DistValue>,
        lower: Tensor,
        upper: Tensor,
    },
    /// A function of a draw.
    Transform { base: Arc<DistValue>, f: Value },
    /// The order statistics of `n` draws of a distribution over numbers whose quantiles are known.
    Ordered { base: Arc<DistValue>, n: usize },
    /// Draws of several laws over numbers, restricted to increasing order.
    OrderedOf { parts: Vec<(Law, Vec<Tensor>)> },
}

impl std::fmt::Debug for DistKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DistKind::Scalar { law, shape, .. } => write!(f, "{law:?}{shape}"),
            DistKind::Array { dist, batch, .. } => write!(f, "{}{batch}", dist.name()),
            DistKind::Mixture { parts, .. } => write!(f, "mixture of {parts:?}"),
            DistKind::Iid { base, sizes } => write!(f, "iid({base:?}, {sizes:?})"),
            DistKind::Ragged { base, .. } => write!(f, "iid({base:?}, …)"),
            DistKind::User { id, .. } => write!(f, "user's {id}"),
            DistKind::Bounded { base, .. } => write!(f, "truncate({base:?})"),
            DistKind::Censored { base, .. } => write!(f, "censor({base:?})"),
            DistKind::Transform { base, .. } => write!(f, "transform({base:?})"),
            DistKind::Ordered { base, n } => write!(f, "ordered {base:?}×{n}"),
            DistKind::OrderedOf { parts } => write!(f, "ordered_of {}", parts.len()),
        }
    }
}

impl Tensor {
    /// Known reals.
    pub fn reals(values: impl Into<Arc<[f64]>>, shape: Shape) -> Self {
        Tensor {
            shape,
            kind: Kind::Real,
            payload: Payload::Float(values.into()),
            missing: None,
        }
    }

    /// Known whole numbers.
    pub fn ints(values: impl Into<Arc<[i64]>>, shape: Shape) -> Self {
        Tensor {
            shape,
            kind: Kind::Int,
            payload: Payload::Int(values.into()),
            missing: None,
        }
    }

    /// One real.
    pub fn real(x: f64) -> Self {
        Tensor::reals([x], Shape::scalar())
    }

    /// One whole number.
    pub fn int(x: i64) -> Self {
        Tensor::ints([x], Shape::scalar())
    }

    /// One truth.
    pub fn bool(x: bool) -> Self {
        Tensor {
            kind: Kind::Bool,
            ..Tensor::real(f64::from(u8::from(x)))
        }
    }

    /// A node's value.
    pub fn node(id: NodeId, shape: Shape, kind: Kind) -> Self {
        Tensor {
            shape,
            kind,
            payload: Payload::Node(id),
            missing: None,
        }
    }

    /// The numbers, where they are known.
    pub fn known(&self) -> Option<Arc<[f64]>> {
        match &self.payload {
            Payload::Float(v) => Some(v.clone()),
            Payload::Int(v) => Some(v.iter().map(|&i| i as f64).collect()),
            Payload::Node(_) => None,
            Payload::Cells(cells) => cells
                .iter()
                .map(|c| c.known())
                .collect::<Option<Vec<_>>>()
                .map(Into::into),
        }
    }

    /// The whole numbers, where they are known.
    pub fn known_ints(&self) -> Option<Arc<[i64]>> {
        match &self.payload {
            Payload::Int(v) => Some(v.clone()),
            _ if self.kind == Kind::Real => None,
            _ => Some(self.known()?.iter().map(|&x| x as i64).collect()),
        }
    }

    /// The one number, where it is known.
    pub fn known_scalar(&self) -> Option<f64> {
        match &self.payload {
            Payload::Float(v) if v.len() == 1 => Some(v[0]),
            Payload::Int(v) if v.len() == 1 => Some(v[0] as f64),
            _ => self.known().filter(|v| v.len() == 1).map(|v| v[0]),
        }
    }

    /// The one whole number, where it is known.
    pub fn known_int(&self) -> Option<i64> {
        match &self.payload {
            Payload::Int(v) if v.len() == 1 => Some(v[0]),
            _ => self.known_ints().filter(|v| v.len() == 1).map(|v| v[0]),
        }
    }

    /// Element by element.
    pub fn cells(&self) -> Option<Vec<Cell>> {
        match &self.payload {
            Payload::Float(v) => Some(v.iter().map(|&x| Cell::Float(x)).collect()),
            Payload::Int(v) => Some(v.iter().map(|&x| Cell::Int(x)).collect()),
            Payload::Node(id) if self.shape.rank() == 0 => Some(vec![Cell::Node(*id)]),
            Payload::Node(_) => None,
            Payload::Cells(c) => Some(c.to_vec()),
        }
    }

    /// With the flagged elements missing, which are those of a data variable in the same order.
    pub fn lacking(mut self, flags: &[bool], slot: Option<u32>) -> Self {
        let gap = |(i, absent): (usize, &bool)| {
            absent.then_some(Gap {
                slot,
                element: i as u32,
            })
        };
        self.missing = known_gaps(flags.iter().enumerate().map(gap).collect());
        self
    }

    /// Seen with another shape of as many elements.
    pub fn reshaped(mut self, shape: Shape) -> Self {
        debug_assert_eq!(self.shape.len(), shape.len());
        self.shape = shape;
        self
    }

    /// Whether it is one number.
    pub fn is_scalar(&self) -> bool {
        self.shape.rank() == 0
    }
}

/// Which elements are missing; `None` when none is.
pub fn known_gaps(gaps: Arc<[Option<Gap>]>) -> Option<Arc<[Option<Gap>]>> {
    gaps.iter().any(Option::is_some).then_some(gaps)
}

impl Cell {
    /// The number, where it is known.
    pub fn known(self) -> Option<f64> {
        match self {
            Cell::Float(x) => Some(x),
            Cell::Int(i) => Some(i as f64),
            Cell::Unset | Cell::Node(_) => None,
        }
    }
}

impl Value {
    /// One real.
    pub fn real(x: f64) -> Self {
        Value::Num(Tensor::real(x))
    }

    /// What it is, in the user's words.
    pub fn describe(&self) -> String {
        match self {
            Value::Unit => "nothing".into(),
            Value::Num(t) => describe_tensor(t),
            Value::Str(_) => "a string".into(),
            Value::List(items) => format!("an array of {}", items.len()),
            Value::Tuple(items) => format!("a tuple of {}", items.len()),
            Value::Record(fields) => {
                let names: Vec<&str> = fields.iter().map(|(n, _)| n.as_str()).collect();
                format!("a record {{{}}}", names.join(", "))
            }
            Value::Fn(_) => "a function".into(),
            Value::Dist(_) => "a distribution".into(),
            Value::Ragged(_) => "an array whose length depends on chance".into(),
            Value::Choice(c) => c.1.describe(),
            Value::Bottom => "nothing".into(),
        }
    }
}

fn describe_tensor(t: &Tensor) -> String {
    let kind = match t.kind {
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Real => "real",
    };
    if t.is_scalar() {
        return t
            .known_scalar()
            .map_or(format!("a {kind}"), |x| format!("the {kind} {x}"));
    }
    format!("{kind}{}", t.shape)
}
