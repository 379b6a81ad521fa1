//! What Stan, NumPyro, PyMC and R call the parameters of distributions and the options of functions.

/// How an argument of another language is written here, in words that go on from "here this is".
pub(super) fn meant(callee: &str, name: &str) -> Option<String> {
    let special = match (callee, name) {
        ("Gamma", "shape" | "concentration" | "a" | "k") => "`alpha`",
        ("Gamma", "rate" | "b" | "lambda" | "inverse_scale") => "`beta`, a rate",
        ("Gamma", "scale" | "theta") => "`beta`, a rate: for a scale, write `beta = 1 / scale`",
        ("Gamma", "mu" | "mean") => "`alpha / beta`: the mean is no parameter",
        ("InvGamma", "shape" | "concentration" | "a") => "`alpha`",
        ("InvGamma", "scale" | "rate" | "b") => "`beta`, a scale",
        ("Exponential", "scale" | "mean" | "mu" | "sigma" | "beta") => {
            "`rate`: for a scale or a mean, write `rate = 1 / scale`"
        }
        ("Exponential", "lambda" | "lam" | "inv_scale") => "`rate`",
        ("Poisson", "lambda" | "lam" | "mu" | "mean") => "`rate`",
        ("Poisson", "log_rate" | "eta" | "logits") => "`PoissonLog(log_rate)`",
        ("Weibull", "shape" | "k" | "concentration" | "beta") => "`alpha`",
        ("Frechet", "shape" | "beta") => "`alpha`",
        ("Weibull" | "Frechet", "scale" | "lambda") => "`sigma`",
        ("Pareto", "scale" | "xm" | "x_m" | "m") => "`y_min`",
        ("Gumbel", "scale" | "sigma") => "`beta`, a scale",
        ("VonMises", "concentration") => "`kappa`",
        ("SkewNormal", "loc" | "mu" | "location") => "`xi`",
        ("SkewNormal", "scale" | "sigma") => "`omega`",
        ("SkewNormal", "shape" | "skewness") => "`alpha`",
        ("Bernoulli" | "Flip", "logits" | "logit_p" | "logit" | "alpha") => {
            "`BernoulliLogit(logit)`"
        }
        ("Binomial", "logits" | "logit_p" | "logit") => "`BinomialLogit(n, logit)`",
        ("Categorical", "logits" | "logit_p") => "`CategoricalLogit(logits)`",
        ("NegBinomial", "mu" | "mean" | "phi" | "concentration") => "`NegBinomial2(mu, phi)`",
        ("NegBinomial2", "mean") => "`mu`",
        ("NegBinomial2", "alpha" | "concentration" | "n") => "`phi`",
        ("MultiNormal", "scale_tril" | "chol" | "L") => "`MultiNormalCholesky(mu, L)`",
        ("MultiNormal", "precision_matrix" | "tau" | "Q") => "`MultiNormalPrec(mu, Q)`",
        ("MultiNormalCholesky", "scale_tril" | "chol") => "`L`",
        ("LKJCorr" | "LKJCholesky", "dim" | "dimension" | "n" | "K") => "`d`",
        ("LKJCorr" | "LKJCholesky", "concentration") => "`eta`",
        ("Dirichlet", "concentration" | "a") => "`alpha`",
        ("Beta", "a" | "concentration1" | "shape1") => "`alpha`",
        ("Beta", "b" | "concentration0" | "shape2" | "beta_") => "`beta`",
        ("Beta" | "BetaProportion", "mean" | "mu") => "`BetaProportion(mu, kappa)`",
        ("Uniform" | "DiscreteUniform", "a") => "`lower`",
        ("Uniform" | "DiscreteUniform", "b") => "`upper`",
        ("Triangular", "c" | "peak") => "`mode`",
        ("mixture", "weights" | "p" | "probs" | "mixing_distribution") => "`w`",
        ("mixture", "comp_dists" | "distributions" | "dists") => "`components`",
        ("iid", "shape" | "sample_shape" | "size" | "plate") => "`n`",
        _ => return general(callee, name),
    };
    Some(special.to_string())
}

/// Words that mean the same wherever a distribution has such a parameter.
fn general(callee: &str, name: &str) -> Option<String> {
    let params = super::signature::of_distribution(callee)
        .map(|(_, signature)| [signature.params, options(signature.options)].concat())
        .unwrap_or_default();
    let has = |param: &str| params.iter().any(|p| p == param);
    let pairs: [(&[&str], &str, &str); 9] = [
        (&["loc", "location", "mean"], "mu", "`mu`"),
        (
            &["scale", "sd", "std", "stddev", "stdev"],
            "sigma",
            "`sigma`",
        ),
        (
            &["var", "variance", "sigma2", "sigma_sq"],
            "sigma",
            "`sigma`, a standard deviation: write `sigma = sqrt(variance)`",
        ),
        (
            &["tau", "prec", "precision"],
            "sigma",
            "`sigma`, a standard deviation: write `sigma = 1 / sqrt(precision)`",
        ),
        (&["df", "dof", "degrees_of_freedom"], "nu", "`nu`"),
        (&["prob", "probs", "theta", "probability"], "p", "`p`"),
        (&["total_count", "N", "size", "trials", "count"], "n", "`n`"),
        (
            &["low", "lo", "min", "minimum", "lb", "left"],
            "lower",
            "`lower`",
        ),
        (
            &["high", "hi", "max", "maximum", "ub", "right"],
            "upper",
            "`upper`",
        ),
    ];
    let matrices = [(
        &["cov", "covariance", "covariance_matrix"],
        "Sigma",
        "`Sigma`",
    )];
    let found = pairs
        .iter()
        .find(|(theirs, ours, _)| theirs.contains(&name) && has(ours))
        .map(|(_, _, words)| *words);
    let found = found.or_else(|| {
        let (_, _, words) = matrices
            .iter()
            .find(|(theirs, ours, _)| theirs.contains(&name) && has(ours))?;
        Some(*words)
    });
    match (found, name) {
        (Some(words), _) => Some(words.to_string()),
        (None, "dim" | "axes" | "dims") => Some("`axis`".to_string()),
        _ => None,
    }
}

fn options(options: &[&str]) -> Vec<String> {
    options.iter().map(|o| (*o).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_find_their_parameter() {
        let says = |callee, name, words: &str| {
            let told = meant(callee, name).unwrap_or_default();
            assert!(told.contains(words), "{callee} {name}: {told}");
        };
        says("Normal", "loc", "`mu`");
        says("Normal", "scale", "`sigma`");
        says("Normal", "tau", "1 / sqrt(precision)");
        says("HalfNormal", "sd", "`sigma`");
        says("Gamma", "scale", "beta = 1 / scale");
        says("Exponential", "scale", "rate = 1 / scale");
        says("StudentT", "df", "`nu`");
        says("Bernoulli", "logits", "BernoulliLogit");
        says("Binomial", "total_count", "`n`");
        says("truncate", "low", "`lower`");
        assert_eq!(meant("Normal", "banana"), None);
        assert_eq!(meant("Flip", "loc"), None);
    }
}
