//! Every distribution, one line each.

use super::Distribution::{self, Array, Scalar};
use super::*;

/// All distributions, those over numbers first.
pub static REGISTRY: &[Distribution] = &[
    Scalar(&normal::StdNormal),
    Scalar(&normal::Normal),
    Scalar(&normal::LogNormal),
    Scalar(&normal::HalfNormal),
    Scalar(&student::StudentT),
    Scalar(&student::HalfStudentT),
    Scalar(&cauchy::Cauchy),
    Scalar(&cauchy::HalfCauchy),
    Scalar(&uniform::Uniform),
    Scalar(&exponential::Exponential),
    Scalar(&gamma::Gamma),
    Scalar(&gamma::InvGamma),
    Scalar(&beta::Beta),
    Scalar(&laplace::Laplace),
    Scalar(&logistic::Logistic),
    Scalar(&delta::Delta),
    Scalar(&flat::Flat),
    Scalar(&flat::HalfFlat),
    Scalar(&extreme::Gumbel),
    Scalar(&extreme::Frechet),
    Scalar(&extreme::Weibull),
    Scalar(&skew_normal::SkewNormal),
    Scalar(&chi_square::ChiSquare),
    Scalar(&chi_square::InvChiSquare),
    Scalar(&pareto::Pareto),
    Scalar(&beta::BetaProportion),
    Scalar(&von_mises::VonMises),
    Scalar(&triangular::Triangular),
    Scalar(&bernoulli::Flip),
    Scalar(&bernoulli::Bernoulli),
    Scalar(&bernoulli::BernoulliLogit),
    Scalar(&binomial::Binomial),
    Scalar(&binomial::BinomialLogit),
    Scalar(&beta_binomial::BetaBinomial),
    Scalar(&hypergeometric::Hypergeometric),
    Scalar(&poisson::Poisson),
    Scalar(&poisson::PoissonLog),
    Scalar(&neg_binomial::NegBinomial),
    Scalar(&neg_binomial::NegBinomial2),
    Scalar(&geometric::Geometric),
    Scalar(&discrete_uniform::DiscreteUniform),
    Array(&categorical::Categorical),
    Array(&categorical::CategoricalLogit),
    Array(&ordered_logistic::OrderedLogistic),
    Array(&multinomial::Multinomial),
    Array(&dirichlet::Dirichlet),
    Array(&multi_normal::MultiNormal),
    Array(&multi_normal::MultiNormalCholesky),
    Array(&multi_normal::MultiNormalPrec),
    Array(&multi_student::MultiStudentT),
    Array(&lkj::LKJCorr),
    Array(&lkj::LKJCholesky),
    Array(&wishart::Wishart),
    Array(&wishart::InvWishart),
];

/// The distribution of this name.
pub fn find(name: &str) -> Option<Distribution> {
    REGISTRY
        .iter()
        .find(|d| d.describe().name() == name)
        .copied()
}

/// All distributions.
pub fn all() -> &'static [Distribution] {
    REGISTRY
}
