//! Arguments whose names say that they are something else: a variance for a standard deviation, a scale for a rate,
//! a covariance for its Cholesky factor, two in the wrong order.

use super::super::family;
use super::{Lint, Scene};
use crate::base::Span;
use crate::ir::visit::{self, Node};
use crate::ir::{BinaryOp, Builtin, DistRef, Expr, ExprKind, FnId};

/// What a number says of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Location,
    /// A standard deviation, in the units of the value.
    Scale,
    Variance,
    Precision,
    Rate,
    Lower,
    Upper,
    Covariance,
    CholeskyFactor,
    PrecisionMatrix,
}

use Meaning::*;

impl Meaning {
    fn words(self) -> &'static str {
        match self {
            Location => "a location",
            Scale => "a scale",
            Variance => "a variance",
            Precision => "a precision",
            Rate => "a rate",
            Lower => "a lower bound",
            Upper => "an upper bound",
            Covariance => "a covariance matrix",
            CholeskyFactor => "a Cholesky factor",
            PrecisionMatrix => "a precision matrix",
        }
    }
}

/// All of them.
pub(super) fn meanings(scene: &Scene) -> Vec<Lint> {
    let mut found = Vec::new();
    for (body, block) in scene.bodies() {
        visit::block_nodes(block, &mut |node| {
            if let Node::Expr(e) = node
                && let ExprKind::Dist {
                    dist: DistRef::Registered(name),
                    args,
                } = &e.kind
            {
                found.extend(of_distribution(scene, body, name, args));
            }
        });
    }
    found
}

fn of_distribution(
    scene: &Scene,
    body: Option<FnId>,
    name: &'static str,
    args: &[Option<Expr>],
) -> Vec<Lint> {
    let Some(family) = family::find(name) else {
        return Vec::new();
    };
    let given: Vec<Given> = family
        .params
        .iter()
        .zip(args)
        .filter_map(|(param, arg)| {
            let arg = arg.as_ref()?;
            Some(Given {
                param: param.name,
                wants: wanted(name, param.name)?,
                says: said(scene, body, arg)?,
                arg,
            })
        })
        .collect();
    if let Some(lint) = swapped(name, &given, scene) {
        return vec![lint];
    }
    given
        .iter()
        .filter(|g| disagree(name, g.wants, g.says))
        .map(|g| g.lint(name, scene))
        .collect()
}

/// An argument that says what it is.
struct Given<'a> {
    param: &'static str,
    wants: Meaning,
    says: Meaning,
    arg: &'a Expr,
}

impl Given<'_> {
    fn lint(&self, dist: &'static str, scene: &Scene) -> Lint {
        let text = scene.text(self.arg.span);
        Lint::Meaning {
            dist,
            param: self.param,
            wants: self.wants.words(),
            argument: text.into(),
            says: self.says.words(),
            instead: self.instead(scene, text),
            span: self.arg.span,
        }
    }

    fn instead(&self, scene: &Scene, text: &str) -> Option<String> {
        Some(match (self.wants, self.says) {
            (Scale, Variance) => match squared(self.arg) {
                Some(root) => scene.text(root).into(),
                None => format!("sqrt({text})"),
            },
            (Scale, Precision) => format!("1 / sqrt({text})"),
            (Scale, Rate) | (Rate, Scale | Location) => format!("1 / {text}"),
            (CholeskyFactor, Covariance) => format!("cholesky({text})"),
            (Covariance, CholeskyFactor) => format!("{text} @ transpose({text})"),
            (PrecisionMatrix, Covariance) | (Covariance, PrecisionMatrix) => {
                format!("inverse({text})")
            }
            _ => return None,
        })
    }
}

/// What a parameter is; `None` where names tell nothing.
fn wanted(dist: &str, param: &str) -> Option<Meaning> {
    Some(match (dist, param) {
        ("BetaProportion" | "VonMises" | "NegBinomial2", _) => return None,
        ("Exponential", "rate") | ("Gamma", "beta") => Rate,
        ("InvGamma" | "Gumbel", "beta") | ("SkewNormal", "omega") => Scale,
        (_, "sigma") => Scale,
        (_, "mu") => Location,
        (_, "lower") => Lower,
        (_, "upper") => Upper,
        (_, "Sigma") => Covariance,
        ("MultiNormalCholesky", "L") => CholeskyFactor,
        ("MultiNormalPrec", "Q") => PrecisionMatrix,
        _ => return None,
    })
}

/// Whether an argument that says one thing stands where certainly another is wanted.
fn disagree(dist: &str, wants: Meaning, says: Meaning) -> bool {
    match (wants, says) {
        // The second parameter of the inverse gamma is called a rate by some.
        (Scale, Rate) => dist != "InvGamma",
        (Scale, Variance | Precision) => dist != "InvGamma",
        (Rate, Scale) => true,
        (Rate, Location) => dist == "Exponential",
        (Covariance, CholeskyFactor | PrecisionMatrix) => true,
        (CholeskyFactor, Covariance | PrecisionMatrix) => true,
        (PrecisionMatrix, Covariance | CholeskyFactor) => true,
        _ => false,
    }
}

/// `Normal(sigma, mu)`, `Uniform(upper, lower)`: each says that it is the other.
fn swapped(dist: &str, given: &[Given], scene: &Scene) -> Option<Lint> {
    let pairs = given.windows(2);
    let [a, b] = pairs
        .into_iter()
        .find(|pair| pair[0].wants != pair[1].wants && crossed(&pair[0], &pair[1]))?
    else {
        return None;
    };
    let (first, second) = (scene.text(a.arg.span), scene.text(b.arg.span));
    Some(Lint::Swapped {
        call: format!("{dist}({} = {second}, {} = {first})", a.param, b.param),
        span: a.arg.span,
        other: b.arg.span,
    })
}

fn crossed(a: &Given, b: &Given) -> bool {
    a.says == b.wants && b.says == a.wants && matches!(a.wants, Location | Lower)
}

// ---- What an argument says of itself

fn said(scene: &Scene, body: Option<FnId>, arg: &Expr) -> Option<Meaning> {
    match &arg.kind {
        ExprKind::Place(place) => named(&scene.slot(body, *place)?.name),
        ExprKind::Index(base, _) => said(scene, body, base),
        ExprKind::Field(_, name, _) => named(name),
        ExprKind::CallBuiltin {
            builtin: Builtin::Cholesky,
            ..
        } => Some(CholeskyFactor),
        ExprKind::Binary(BinaryOp::Div, one, e) if is_one(one) => match said(scene, body, e)? {
            Scale => Some(Rate),
            Variance => Some(Precision),
            Precision => Some(Variance),
            _ => None,
        },
        ExprKind::Binary(BinaryOp::Pow, base, two) if matches!(two.kind, ExprKind::Int(2)) => {
            (said(scene, body, base)? == Scale).then_some(Variance)
        }
        ExprKind::Binary(BinaryOp::Mul, a, b) if scene.text(a.span) == scene.text(b.span) => {
            (said(scene, body, a)? == Scale).then_some(Variance)
        }
        _ => None,
    }
}

fn is_one(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Int(1)) || matches!(e.kind, ExprKind::Real(v) if v == 1.0)
}

/// What is squared in `x ^ 2` and `x * x`.
fn squared(e: &Expr) -> Option<Span> {
    match &e.kind {
        ExprKind::Binary(BinaryOp::Pow | BinaryOp::Mul, base, _) => Some(base.span),
        _ => None,
    }
}

/// What a name says: by its first word, else by its last (`sigma_obs`, `obs_sd`).
fn named(name: &str) -> Option<Meaning> {
    match name {
        "L" => return Some(CholeskyFactor),
        "Sigma" => return Some(Covariance),
        "Q" => return Some(PrecisionMatrix),
        _ => {}
    }
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split('_').filter(|w| !w.is_empty()).collect();
    let (first, last) = (*words.first()?, *words.last()?);
    // `log_sigma` is no scale, `n_sd` no standard deviation.
    if matches!(
        first,
        "log" | "ln" | "logit" | "raw" | "n" | "num" | "inv" | "sqrt"
    ) || matches!(last, "raw" | "n" | "log")
    {
        return None;
    }
    match (word(first), last) {
        (Some(Scale), "sq" | "squared" | "var" | "variance") => Some(Variance),
        (Some(meaning), _) => Some(meaning),
        (None, last) => word(last),
    }
}

fn word(word: &str) -> Option<Meaning> {
    Some(match word {
        "sd" | "sds" | "std" | "stdev" | "stddev" | "scale" | "scales" | "sigma" | "sigmas"
        | "tau" | "taus" | "σ" | "τ" => Scale,
        "var" | "vars" | "variance" | "variances" | "sigmasq" | "tausq" => Variance,
        "prec" | "precision" | "precisions" => Precision,
        "rate" | "rates" => Rate,
        "mu" | "mus" | "mean" | "means" | "loc" | "location" | "μ" => Location,
        "lower" | "lo" | "min" | "minimum" => Lower,
        "upper" | "hi" | "max" | "maximum" => Upper,
        "cov" | "covariance" => Covariance,
        "chol" | "cholesky" => CholeskyFactor,
        _ => return None,
    })
}
