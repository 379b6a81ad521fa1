//! What a misspelt name was meant to be.

use crate::base::{Report, Span};

/// What can be said about a name that is not known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Hint {
    /// Nothing.
    Nothing,
    /// Nothing like it is known: it may have been forgotten.
    Undeclared(String),
    /// The same of a name that is called.
    UndeclaredFunction(String),
    /// A name that is known and looks like it.
    Nearest(String, Option<Span>),
    /// What another language calls so is written like this here.
    Foreign(String),
    /// Part of a size: only a name alone is bound by its array.
    Size(String),
    /// It is declared further down.
    Below(String, Span),
    /// It was declared in a block that has ended.
    Ended(String, Span),
    /// A prefix `name::` without a `use`.
    UseModule(String),
    /// A site in some arms of an `if`, not in all.
    SomeArms(String, Span),
}

impl Hint {
    /// Marks the declaration that was meant, where there is one.
    pub fn label(&self, report: Report) -> Report {
        match self {
            Hint::Below(_, span) => report.label(*span, "declared only here, below"),
            Hint::Ended(_, span) => report.label(*span, "known only inside the block around this"),
            Hint::SomeArms(_, span) => report.label(*span, "drawn only in this arm"),
            Hint::Nearest(name, Some(span)) => {
                report.label(*span, format!("`{name}` is declared here"))
            }
            _ => report,
        }
    }

    /// One thing to do next.
    pub fn help(&self) -> Option<String> {
        match self {
            Hint::Nothing => None,
            Hint::Undeclared(name) => Some(format!(
                "declare it above: `data {name}: real` for what is given, `sample {name} ~ …` for what is unknown, `let {name} = …` for what is computed"
            )),
            Hint::UndeclaredFunction(name) => Some(format!(
                "declare it: `fn {name}(x) {{ … }}`; `odp distributions` lists the distributions"
            )),
            Hint::Nearest(name, _) => Some(format!("did you mean `{name}`?")),
            Hint::Foreign(text) => Some(format!("here this is {text}")),
            Hint::Size(name) => Some(format!(
                "only a name alone is a size that its array binds: declare `data {name}: int` above"
            )),
            Hint::Below(name, _) => Some(format!("move the declaration of `{name}` above its use")),
            Hint::UseModule(name) => {
                Some(format!("say where it comes from: `use std::{name}` above"))
            }
            Hint::Ended(name, _) => Some(format!(
                "declare `var {name} = …` before the block and assign to it inside, or use the block's value"
            )),
            Hint::SomeArms(name, _) => Some(format!(
                "give it a value in every arm: `let {name} = if … {{ sample … }} else {{ … }}`"
            )),
        }
    }
}

/// What users of Stan, NumPy, Julia or R write, and how it is written here. Functions are only meant where one is
/// called: an undeclared `beta` or `N` that is read is a parameter or a size.
pub(super) fn foreign(name: &str, called: bool) -> Option<String> {
    const READ: [&str; 18] = [
        "True", "False", "TRUE", "FALSE", "None", "null", "NULL", "nil", "NA", "NaN", "nan", "PI",
        "Pi", "Inf", "infinity", "INFINITY", "Infinity", "target",
    ];
    if MODULES.contains(&name) {
        return Some("left out: names have no prefix".into());
    }
    let written = FOREIGN
        .iter()
        .find(|(theirs, _)| *theirs == name && (called || READ.contains(theirs)))
        .map(|(_, ours)| (*ours).to_string());
    written.or_else(|| called.then(|| of_density(name)).flatten())
}

/// Modules of other languages whose names are written without a prefix here.
const MODULES: [&str; 17] = [
    "np",
    "jnp",
    "numpy",
    "math",
    "scipy",
    "stats",
    "dist",
    "distributions",
    "tfd",
    "tf",
    "torch",
    "pm",
    "pymc",
    "numpyro",
    "pyro",
    "jax",
    "random",
];

/// `normal_lpdf`, `poisson_rng`, `dnorm`, `rbinom`: a density, a distribution function, a quantile or a draw.
fn of_density(name: &str) -> Option<String> {
    const STAN: [(&str, &str); 10] = [
        ("_lpdf", "`log_prob(D, x)`"),
        ("_lpmf", "`log_prob(D, x)`"),
        ("_lupdf", "`log_prob(D, x)`"),
        ("_lupmf", "`log_prob(D, x)`"),
        ("_log", "`log_prob(D, x)`"),
        ("_lcdf", "`log_cdf(D, x)`"),
        ("_lccdf", "`log_ccdf(D, x)`"),
        ("_cdf", "`cdf(D, x)`"),
        ("_qf", "`quantile(D, p)`"),
        ("_rng", "`sample D`"),
    ];
    const R: [(char, &str); 4] = [
        ('d', "`exp(log_prob(D, x))`"),
        ('p', "`cdf(D, x)`"),
        ('q', "`quantile(D, p)`"),
        ('r', "`sample D`"),
    ];
    let of_stan = STAN.iter().find_map(|(suffix, ours)| {
        let theirs = name.strip_suffix(suffix)?;
        Some((ours, ours_of_stan(theirs)?))
    });
    let of_r = || {
        let first = name.chars().next()?;
        let (_, ours) = R.iter().find(|(letter, _)| *letter == first)?;
        let (_, family) = R_NAMES.iter().find(|(theirs, _)| *theirs == &name[1..])?;
        Some((ours, (*family).to_string()))
    };
    let (ours, family) = of_stan.or_else(of_r)?;
    let distribution = match super::signature::of_distribution(&family) {
        Some((_, signature)) => format!("{family}({})", signature.params.join(", ")),
        None => family,
    };
    Some(ours.replace('D', &distribution))
}

/// The distribution that Stan calls so.
fn ours_of_stan(name: &str) -> Option<String> {
    let plain = name.replace('_', "");
    let same = super::signature::distribution_names().find(|n| n.to_lowercase() == plain);
    let listed = || FOREIGN.iter().find(|(theirs, _)| *theirs == name);
    match same {
        Some(ours) => Some(ours.to_string()),
        None => {
            let (_, ours) = listed()?;
            let first = ours.trim_start_matches('`').split(['`', '(']).next()?;
            Some(first.to_string())
        }
    }
}

/// What R calls distributions behind the letter.
const R_NAMES: [(&str, &str); 16] = [
    ("norm", "Normal"),
    ("lnorm", "LogNormal"),
    ("t", "StudentT"),
    ("cauchy", "Cauchy"),
    ("logis", "Logistic"),
    ("unif", "Uniform"),
    ("exp", "Exponential"),
    ("gamma", "Gamma"),
    ("chisq", "ChiSquare"),
    ("weibull", "Weibull"),
    ("beta", "Beta"),
    ("binom", "Binomial"),
    ("bern", "Bernoulli"),
    ("pois", "Poisson"),
    ("geom", "Geometric"),
    ("nbinom", "NegBinomial"),
];

const FOREIGN: &[(&str, &str)] = &[
    ("N", "`Normal`"),
    ("Gaussian", "`Normal`"),
    ("gaussian", "`Normal`"),
    ("normal", "`Normal`"),
    ("std_normal", "`StdNormal`"),
    ("lognormal", "`LogNormal`"),
    ("student_t", "`StudentT`"),
    ("inv_gamma", "`InvGamma`"),
    ("InverseGamma", "`InvGamma`"),
    ("beta", "`Beta`"),
    ("gamma", "`Gamma` (the function is `exp(lgamma(x))`)"),
    ("tgamma", "`exp(lgamma(x))`"),
    ("uniform", "`Uniform`"),
    ("Unif", "`Uniform`"),
    ("poisson", "`Poisson`"),
    ("bernoulli", "`Bernoulli` (or `Flip` for a bool)"),
    ("bernoulli_logit", "`BernoulliLogit`"),
    ("Bernoulli_logit", "`BernoulliLogit`"),
    ("BernoulliLogits", "`BernoulliLogit`"),
    ("bernoulli_logit_glm", "`BernoulliLogit(X @ beta)`"),
    ("flip", "`Flip`"),
    ("categorical", "`Categorical`"),
    ("Discrete", "`Categorical`"),
    ("multi_normal", "`MultiNormal`"),
    ("MultivariateNormal", "`MultiNormal`"),
    ("MvNormal", "`MultiNormal`"),
    ("multi_normal_cholesky", "`MultiNormalCholesky`"),
    ("dirichlet", "`Dirichlet`"),
    ("lkj_corr", "`LKJCorr`"),
    ("lkj_corr_cholesky", "`LKJCholesky`"),
    ("LKJ", "`LKJCorr`"),
    ("NegativeBinomial", "`NegBinomial`"),
    ("neg_binomial_2", "`NegBinomial2`"),
    ("double_exponential", "`Laplace`"),
    ("DoubleExponential", "`Laplace`"),
    ("Truncated", "`truncate(D, lower, upper)`"),
    (
        "TruncatedNormal",
        "`truncate(Normal(mu, sigma), lower, upper)`",
    ),
    ("Mixture", "`mixture(w, [D…])`"),
    ("MixtureSameFamily", "`mixture(w, [D(m) for m in …])`"),
    ("Truncate", "`truncate`"),
    ("Censored", "`censor(D, lower, upper)`"),
    ("filldist", "`iid(D, n)`"),
    ("to_event", "`iid(D, n)`"),
    ("len", "`length`"),
    ("size", "`length` (or `shape`)"),
    ("num_elements", "`length` (or `shape`)"),
    ("rows", "`shape(x)[0]`"),
    ("cols", "`shape(x)[1]`"),
    ("ln", "`log`"),
    ("pow", "`x ^ y`"),
    ("power", "`x ^ y`"),
    ("square", "`x ^ 2`"),
    ("mod", "`a % b`"),
    ("fmod", "`a % b`"),
    ("sigmoid", "`inv_logit`"),
    ("expit", "`inv_logit`"),
    ("logistic", "`inv_logit` (the distribution is `Logistic`)"),
    ("log1p_exp", "`softplus`"),
    ("relu", "`max(x, 0)` (or `relu` of `use std::nn`)"),
    ("step", "`if x > 0 { 1 } else { 0 }`"),
    ("gammaln", "`lgamma`"),
    ("lbeta", "`log(beta_fn(a, b))`"),
    ("std", "`sd`"),
    ("stdev", "`sd`"),
    ("average", "`mean`"),
    ("log_sum_exp", "`logsumexp`"),
    ("where", "`where_(c, a, b)`"),
    (
        "ifelse",
        "`if c { a } else { b }` (elementwise: `where_(c, a, b)`)",
    ),
    ("dot_product", "`dot`"),
    ("matmul", "`a @ b`"),
    ("inv", "`inverse` (of a number: `1 / x`)"),
    ("det", "`exp(logdet(x))`"),
    ("log_determinant", "`logdet`"),
    ("rep_vector", "`fill(v, n)`"),
    ("rep_matrix", "`fill(v, n, m)`"),
    ("rep_array", "`fill(v, n)`"),
    ("full", "`fill(v, n)`"),
    ("diag_matrix", "`diag`"),
    ("cholesky_decompose", "`cholesky`"),
    ("mdivide_left_tri_low", "`solve_lower`"),
    ("solve_triangular", "`solve_lower`"),
    ("arange", "`range(a, b)` (or `a..b`)"),
    ("append_row", "`concat`"),
    ("append", "`concat`"),
    ("vstack", "`stack`"),
    ("float", "`real`"),
    ("double", "`real`"),
    ("Phi_approx", "`Phi`"),
    ("inv_phi", "`inv_Phi`"),
    ("fabs", "`abs`"),
    ("arctan", "`atan`"),
    ("arcsin", "`asin`"),
    ("arccos", "`acos`"),
    ("arctan2", "`atan2`"),
    ("ceiling", "`ceil`"),
    ("True", "`true`"),
    ("False", "`false`"),
    ("None", "left out: there is no such value"),
    ("null", "left out: there is no such value"),
    ("TRUE", "`true`"),
    ("FALSE", "`false`"),
    ("NULL", "left out: there is no such value"),
    ("nil", "left out: there is no such value"),
    (
        "NA",
        "only in data: `data y: real?[n]` may have missing elements",
    ),
    (
        "NaN",
        "left out: a number is never a NaN; a missing value is an element of `data y: real?[n]`",
    ),
    (
        "nan",
        "left out: a number is never a NaN; a missing value is an element of `data y: real?[n]`",
    ),
    ("PI", "`pi`"),
    ("Pi", "`pi`"),
    ("Inf", "`inf`"),
    ("INFINITY", "`inf`"),
    ("Infinity", "`inf`"),
    ("infinity", "`inf`"),
    ("println", "`print`"),
    ("target", "`factor e` (for `target += e`)"),
    ("reduce", "`fold(xs, init, f)`"),
    ("filter", "a comprehension or a loop with `if`"),
    ("lambda", "a closure, `|x| e`"),
    ("log_pdf", "`log_prob(D, x)`"),
    ("logpdf", "`log_prob(D, x)`"),
    ("ode_rk45", "`ode_dopri`"),
    ("integrate_ode_rk45", "`ode_dopri`"),
];
