//! ArviZ's and NumPy's figures, from `tests/data/draws.json` and `tests/data/diagnostics/diagnostics.json` (made by the
//! scripts beside them).

use serde_json::Value;

/// Where `quantiles` are taken.
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// A series with its figures.
pub struct Series {
    pub name: String,
    pub x: Vec<f64>,
    pub n_chains: usize,
    pub mean: f64,
    pub sd: f64,
    pub ess_bulk: f64,
    pub ess_tail: f64,
    pub ess_mean: f64,
    pub mcse_mean: f64,
    pub rhat: Option<f64>,
    pub quantiles: Vec<f64>,
}

/// Log weights with their figures.
pub struct Weights {
    pub name: String,
    pub log_w: Vec<f64>,
    pub smoothed: Vec<f64>,
    pub khat: f64,
}

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/data/draws.json")).expect("valid JSON")
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array()
        .expect("an array")
        .iter()
        .map(|v| v.as_f64().unwrap_or(f64::NEG_INFINITY))
        .collect()
}

/// Every series.
pub fn series() -> Vec<Series> {
    let golden = golden();
    let one = |(name, s): (&String, &Value)| {
        let chains = s["x"].as_array().expect("chains");
        let get = |key: &str| s[key].as_f64().expect("a number");
        Series {
            name: name.clone(),
            x: chains.iter().flat_map(numbers).collect(),
            n_chains: chains.len(),
            mean: get("mean"),
            sd: get("sd"),
            ess_bulk: get("ess_bulk"),
            ess_tail: get("ess_tail"),
            ess_mean: get("ess_mean"),
            mcse_mean: get("mcse_mean"),
            rhat: s["rhat"].as_f64(),
            quantiles: numbers(&s["quantiles"]),
        }
    };
    golden["series"]
        .as_object()
        .expect("series")
        .iter()
        .map(one)
        .collect()
}

/// Every set of weights.
pub fn weights() -> Vec<Weights> {
    let golden = golden();
    let one = |(name, w): (&String, &Value)| Weights {
        name: name.clone(),
        log_w: numbers(&w["log_w"]),
        smoothed: numbers(&w["smoothed"]),
        khat: w["khat"].as_f64().expect("a number"),
    };
    golden["weights"]
        .as_object()
        .expect("weights")
        .iter()
        .map(one)
        .collect()
}

/// A series that is hard on some figure, with all of them; `None` where ArviZ gives no number.
pub struct Awkward {
    pub name: String,
    pub x: Vec<f64>,
    pub n_chains: usize,
    pub probs: Vec<f64>,
    pub rhat: Option<f64>,
    pub ess_bulk: Option<f64>,
    pub ess_tail: Option<f64>,
    pub ess_mean: Option<f64>,
    pub ess_sd: Option<f64>,
    pub ess_quantile: Vec<Option<f64>>,
    pub mcse_mean: Option<f64>,
    pub mcse_sd: Option<f64>,
    pub mcse_quantile: Vec<Option<f64>>,
}

/// Pointwise log-likelihoods with their information criteria.
pub struct Criteria {
    pub name: String,
    /// For each observation its values over the draws.
    pub log_lik: Vec<Vec<f64>>,
    pub reff: f64,
    pub good_k: f64,
    /// Estimate, standard error, effective parameters.
    pub loo: [f64; 3],
    pub waic: [f64; 3],
    pub loo_i: Vec<f64>,
    pub waic_i: Vec<f64>,
    pub khat: Vec<f64>,
}

fn awkward_golden() -> Value {
    let text = include_str!("../../tests/data/diagnostics/diagnostics.json");
    serde_json::from_str(text).expect("valid JSON")
}

/// Every awkward series.
pub fn awkward() -> Vec<Awkward> {
    let golden = awkward_golden();
    let probs = numbers(&golden["probs"]);
    let one = |(name, s): (&String, &Value)| {
        let chains = s["x"].as_array().expect("chains");
        let get = |key: &str| s[key].as_f64();
        let list = |key: &str| -> Vec<Option<f64>> {
            let list = s[key].as_array().expect("a list");
            list.iter().map(Value::as_f64).collect()
        };
        Awkward {
            name: name.clone(),
            x: chains.iter().flat_map(numbers).collect(),
            n_chains: chains.len(),
            probs: probs.clone(),
            rhat: get("rhat"),
            ess_bulk: get("ess_bulk"),
            ess_tail: get("ess_tail"),
            ess_mean: get("ess_mean"),
            ess_sd: get("ess_sd"),
            ess_quantile: list("ess_quantile"),
            mcse_mean: get("mcse_mean"),
            mcse_sd: get("mcse_sd"),
            mcse_quantile: list("mcse_quantile"),
        }
    };
    let series = golden["series"].as_object().expect("series");
    series.iter().map(one).collect()
}

/// Every set of pointwise log-likelihoods.
pub fn criteria() -> Vec<Criteria> {
    let golden = awkward_golden();
    let one = |(name, c): (&String, &Value)| {
        let get = |key: &str| c[key].as_f64().expect("a number");
        let chains = c["log_lik"].as_array().expect("chains");
        let draws = chains.iter().flat_map(|c| c.as_array().expect("draws"));
        let rows: Vec<Vec<f64>> = draws.map(numbers).collect();
        let column = |i: usize| rows.iter().map(|r| r[i]).collect();
        Criteria {
            name: name.clone(),
            log_lik: (0..rows[0].len()).map(column).collect(),
            reff: get("reff"),
            good_k: get("good_k"),
            loo: ["elpd_loo", "loo_se", "p_loo"].map(get),
            waic: ["elpd_waic", "waic_se", "p_waic"].map(get),
            loo_i: numbers(&c["loo_i"]),
            waic_i: numbers(&c["waic_i"]),
            khat: numbers(&c["khat"]),
        }
    };
    let criteria = golden["criteria"].as_object().expect("criteria");
    criteria.iter().map(one).collect()
}

/// Asserts agreement to a relative tolerance.
pub fn close(name: &str, value: f64, truth: f64, tolerance: f64) {
    assert!(
        (value - truth).abs() <= tolerance * truth.abs().max(1.0),
        "{name}: {value}, not {truth}"
    );
}
