//! What can be called by name, and with which arguments: built-ins, registered distributions, combinators.

use super::family;
use crate::ir::{Builtin, DistRef};

/// The arguments of something that is called.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// Its name.
    pub name: String,
    /// Its parameters in order.
    pub params: Vec<String>,
    /// How many of them are needed, from the front.
    pub required: usize,
    /// Whether more arguments may follow.
    pub rest: bool,
    /// Keywords that have no place in the order.
    pub options: &'static [&'static str],
}

impl Signature {
    fn new(name: &str, params: &[&str], required: usize) -> Self {
        Signature {
            name: name.into(),
            params: params.iter().map(|p| (*p).to_string()).collect(),
            required,
            rest: false,
            options: &[],
        }
    }

    /// The parameters as a person reads them: what may be left out ends in `?`, options show themselves as keywords.
    pub fn shown(&self) -> Vec<String> {
        let positional = self.params.iter().enumerate().map(|(i, p)| {
            if i < self.required {
                p.clone()
            } else {
                format!("{p}?")
            }
        });
        let options = self.options.iter().map(|o| format!("{o} = …"));
        positional.chain(options).collect()
    }
}

const AXIS: &[&str] = &["axis"];

/// The arguments of a built-in function.
pub(super) fn of_builtin(builtin: Builtin) -> Signature {
    use Builtin::*;
    let exact = |params: &[&str]| Signature::new(builtin.name(), params, params.len());
    let open = |params: &[&str]| Signature {
        rest: true,
        ..exact(params)
    };
    match builtin {
        Min | Max => Signature {
            options: AXIS,
            ..Signature::new(builtin.name(), &["a", "b"], 1)
        },
        Sum | Prod | Mean | Variance | Sd | Cumsum | Logsumexp | Softmax | LogSoftmax | Sort
        | Argmax | Argmin | Any | All => Signature {
            options: AXIS,
            ..exact(&["x"])
        },
        Atan2 => exact(&["y", "x"]),
        BetaFn | Div | Dot | Outer | Kron | Zip | Range => exact(&["a", "b"]),
        Reshape => open(&["x", "n"]),
        Zeros | Ones => open(&["n"]),
        Fill => open(&["v", "n"]),
        Eye => exact(&["n"]),
        Linspace => exact(&["a", "b", "n"]),
        Concat => open(&["a"]),
        Stack => exact(&["arrays"]),
        Cholesky | Inverse | Logdet => exact(&["A"]),
        SolveLower => exact(&["L", "b"]),
        Solve => exact(&["A", "b"]),
        Where => exact(&["c", "a", "b"]),
        Print => open(&[]),
        Assert => Signature::new(builtin.name(), &["condition", "message"], 1),
        Map => exact(&["xs", "f"]),
        Fold | Scan => exact(&["xs", "init", "f"]),
        OdeRk4 | OdeEuler => Signature {
            options: &["steps"],
            ..exact(&["f", "y0", "t0", "ts"])
        },
        OdeDopri => Signature {
            options: &["rtol", "atol", "max_steps"],
            ..exact(&["f", "y0", "t0", "ts"])
        },
        LogProb | LogProbEach | Cdf | LogCdf | LogCcdf => exact(&["D", "x"]),
        Quantile => exact(&["D", "p"]),
        MeanOf | SdOf => exact(&["D"]),
        Posterior => exact(&["sampler", "data"]),
        Tensors | Onnx | Csv | Json | Npy => exact(&["path"]),
        _ => exact(&["x"]),
    }
}

/// The names of the combinators.
pub(super) const COMBINATORS: &[(&str, DistRef)] = &[
    ("iid", DistRef::Iid),
    ("truncate", DistRef::Truncate),
    ("censor", DistRef::Censor),
    ("mixture", DistRef::Mixture),
    ("zero_inflated", DistRef::ZeroInflated),
    ("transform", DistRef::Transform),
    ("Ordered", DistRef::Ordered),
    ("ordered_of", DistRef::OrderedOf),
];

/// The distribution or combinator of a name, and its arguments.
pub(super) fn of_distribution(name: &str) -> Option<(DistRef, Signature)> {
    if let Some((name, which)) = COMBINATORS.iter().find(|(n, _)| *n == name) {
        return Some((*which, of_combinator(name, *which)));
    }
    let family = family::find(name)?;
    let names: Vec<&str> = family.params.iter().map(|p| p.name).collect();
    let required = family
        .params
        .iter()
        .take_while(|p| p.default.is_none())
        .count();
    let signature = Signature::new(family.name, &names, required);
    Some((DistRef::Registered(family.name), signature))
}

fn of_combinator(name: &str, which: DistRef) -> Signature {
    let (params, required): (&[&str], usize) = match which {
        DistRef::Truncate | DistRef::Censor => (&["D", "lower", "upper"], 1),
        DistRef::Mixture => (&["w", "components"], 2),
        DistRef::ZeroInflated => (&["p", "D"], 2),
        DistRef::Transform => (&["D", "f"], 2),
        DistRef::OrderedOf => (&["distributions"], 1),
        _ => (&["D", "n"], 2),
    };
    Signature {
        rest: which == DistRef::Iid,
        ..Signature::new(name, params, required)
    }
}

/// The names of all distributions, registered ones and combinators.
pub(super) fn distribution_names() -> impl Iterator<Item = &'static str> {
    let combinators = COMBINATORS.iter().map(|(name, _)| *name);
    combinators.chain(family::all().map(|f| f.name))
}
