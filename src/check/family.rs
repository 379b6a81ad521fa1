//! The families of distributions: names, parameters, what their values are.

use crate::dist::{Domain, Param, ValueKind};

/// One family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: ValueKind,
    /// Its parameters in order.
    pub params: &'static [Param],
}

/// The family of a name.
pub(super) fn find(name: &str) -> Option<Family> {
    FAMILIES.iter().find(|f| f.name == name).copied()
}

/// All families.
pub(super) fn all() -> impl Iterator<Item = Family> {
    FAMILIES.iter().copied()
}

macro_rules! families {
    ($($name:ident $kind:ident ($($param:ident $domain:ident $rank:literal $($default:literal)?),*))*) => {
        const FAMILIES: &[Family] = &[$(Family {
            name: stringify!($name),
            kind: ValueKind::$kind,
            params: &[$(Param {
                name: stringify!($param),
                domain: Domain::$domain,
                rank: $rank,
                default: families!(@default $($default)?),
            }),*],
        }),*];
    };
    (@default) => { None };
    (@default $value:literal) => { Some($value) };
}

families! {
    Normal Real (mu Real 0, sigma Positive 0)
    StdNormal Real ()
    LogNormal Real (mu Real 0, sigma Positive 0)
    StudentT Real (nu Positive 0, mu Real 0, sigma Positive 0)
    Cauchy Real (mu Real 0, sigma Positive 0)
    HalfNormal Real (sigma Positive 0)
    HalfCauchy Real (sigma Positive 0)
    HalfStudentT Real (nu Positive 0, sigma Positive 0)
    Laplace Real (mu Real 0, sigma Positive 0)
    Logistic Real (mu Real 0, sigma Positive 0)
    Gumbel Real (mu Real 0, beta Positive 0)
    SkewNormal Real (xi Real 0, omega Positive 0, alpha Real 0)
    Uniform Real (lower Real 0, upper Real 0)
    Exponential Real (rate Positive 0)
    Gamma Real (alpha Positive 0, beta Positive 0)
    InvGamma Real (alpha Positive 0, beta Positive 0)
    ChiSquare Real (nu Positive 0)
    InvChiSquare Real (nu Positive 0)
    Weibull Real (alpha Positive 0, sigma Positive 0)
    Frechet Real (alpha Positive 0, sigma Positive 0)
    Pareto Real (y_min Positive 0, alpha Positive 0)
    Beta Real (alpha Positive 0, beta Positive 0)
    BetaProportion Real (mu Unit 0, kappa Positive 0)
    VonMises Real (mu Real 0, kappa Positive 0)
    Triangular Real (lower Real 0, mode Real 0, upper Real 0)
    Flat Real (mu Real 0 0.0, sigma Positive 0 1.0)
    HalfFlat Real (sigma Positive 0 1.0)
    Delta Real (x Real 0)
    Flip Bool (p Unit 0)
    Bernoulli Int (p Unit 0)
    BernoulliLogit Int (logit Real 0)
    Binomial Int (n Count 0, p Unit 0)
    BinomialLogit Int (n Count 0, logit Real 0)
    BetaBinomial Int (n Count 0, alpha Positive 0, beta Positive 0)
    Categorical Int (p Simplex 1)
    CategoricalLogit Int (logits RealVector 1)
    Poisson Int (rate Positive 0)
    PoissonLog Int (log_rate Real 0)
    NegBinomial Int (alpha Positive 0, beta Positive 0)
    NegBinomial2 Int (mu Positive 0, phi Positive 0)
    Geometric Int (p Unit 0)
    DiscreteUniform Int (lower Integer 0, upper Integer 0)
    OrderedLogistic Int (eta Real 0, cutpoints RealVector 1)
    Multinomial Int (n Count 0, p Simplex 1)
    Hypergeometric Int (N Count 0, K Count 0, n Count 0)
    MultiNormal Real (mu RealVector 1, Sigma PositiveDefinite 2)
    MultiNormalCholesky Real (mu RealVector 1, L CholeskyFactor 2)
    MultiNormalPrec Real (mu RealVector 1, Q PositiveDefinite 2)
    MultiStudentT Real (nu Positive 0, mu RealVector 1, Sigma PositiveDefinite 2)
    Dirichlet Real (alpha PositiveVector 1)
    LKJCorr Real (d Count 0, eta Positive 0)
    LKJCholesky Real (d Count 0, eta Positive 0)
    Wishart Real (nu Positive 0, S PositiveDefinite 2)
    InvWishart Real (nu Positive 0, S PositiveDefinite 2)
}
