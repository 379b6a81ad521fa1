//! ArviZ's and NumPy's figures, from `tests/data/draws.json` (made by `draws.py` beside it).

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

/// Asserts agreement to a relative tolerance.
pub fn close(name: &str, value: f64, truth: f64, tolerance: f64) {
    assert!(
        (value - truth).abs() <= tolerance * truth.abs().max(1.0),
        "{name}: {value}, not {truth}"
    );
}
