//! The answer's document and table, held to the letter.

use super::*;
use crate::base::{FileId, Shape, Span};
use crate::draws::{Output, OutputKind};
use crate::infer::{Diagnostics, LogZ, Noise, Timing};

fn output(name: &str, dims: &[usize], values: Vec<f64>) -> Output {
    Output {
        name: name.into(),
        shape: Shape(dims.to_vec()),
        kind: OutputKind::Real,
        values,
        present: Vec::new(),
    }
}

fn parts() -> Parts {
    let wave: Vec<f64> = (0..8).map(|i| f64::from(i * 3 % 8)).collect();
    let mut gaps = output("g", &[], wave.clone());
    gaps.present = (0..8).map(|i| i != 3).collect();
    Parts {
        model: "m".into(),
        requested: "auto".into(),
        seed: 1,
        noise: NoiseFacts {
            dim: 2,
            active: 2,
            marginalized: 0,
            smooth: true,
            components: 1,
            overflow_rate: 0.0,
        },
        outcome: Outcome {
            noise: Noise {
                n: 8,
                chains: 1,
                ..Noise::default()
            },
            log_z: Some(LogZ {
                estimate: -1.5,
                se: 0.01,
                elbo: Some(f64::NEG_INFINITY),
                eubo: Some(-1.25),
            }),
            diagnostics: Diagnostics {
                is_ess: Some(6.0),
                khat: Some(f64::INFINITY),
                ..Diagnostics::default()
            },
            timing: Timing {
                train_s: 0.5,
                ..Timing::default()
            },
            reliable: true,
            equal_weight_ess: Some(6.0),
            chosen: Some(("smc", "it always works".into())),
            ..Outcome::default()
        },
        draws: Draws {
            n: 8,
            chains: 1,
            outputs: vec![
                output("x", &[1, 1], wave),
                output("c", &[], vec![0.1; 8]),
                gaps,
            ],
            log_weights: None,
        },
        n_draws: 8,
        ..Parts::default()
    }
}

#[test]
fn the_document_has_the_keys_that_scripts_read() {
    let answer = Answer::new(parts(), &SourceMap::default());
    same_text(
        &answer.json(),
        r#"
    {
      "odp": "0.1.0",
      "model": "m",
      "engine": "smc",
      "requested": "auto",
      "seed": 1,
      "reliable": true,
      "interrupted": false,
      "warnings": [
        "`g` has an effective sample size of 5 only; ask for more `--draws`"
      ],
      "noise": {
        "dim": 2,
        "active": 2,
        "marginalized": 0,
        "smooth": true,
        "components": 1,
        "overflow_rate": 0.0
      },
      "log_z": {
        "estimate": -1.5,
        "se": 0.01,
        "elbo": null,
        "eubo": -1.25,
        "up_to_constant": false
      },
      "diagnostics": {
        "is_ess": 6.0,
        "khat": null,
        "violation_rate": null,
        "failed_rate": null,
        "rhat_max": null,
        "ess_bulk_min": 5.25,
        "ess_tail_min": 5.25,
        "divergences": null,
        "acceptance": null
      },
      "evaluations": {
        "log_r": 0,
        "gradient": 0
      },
      "timing": {
        "compile_s": 0.0,
        "warmup_s": 0.0,
        "train_s": 0.5,
        "sample_s": 0.0,
        "total_s": 0.0
      },
      "draws": {
        "n": 8,
        "chains": 1,
        "path": null
      },
      "parameters": {
        "x[0,0]": {
          "mean": 3.5,
          "sd": 2.449489742783178,
          "mcse": 1.0,
          "q05": 0.35000000000000003,
          "q25": 1.75,
          "q50": 3.5,
          "q75": 5.25,
          "q95": 6.6499999999999995,
          "ess_bulk": 6.0,
          "ess_tail": 6.0,
          "rhat": null,
          "mcse_sd": 0.408248290463863,
          "mcse_q05": 1.0,
          "mcse_q25": 1.5,
          "mcse_q50": 2.0,
          "mcse_q75": 1.5,
          "mcse_q95": 1.5,
          "present": 1.0
        },
        "c": {
          "mean": 0.1,
          "sd": 0.0,
          "mcse": 0.0,
          "q05": 0.1,
          "q25": 0.1,
          "q50": 0.1,
          "q75": 0.1,
          "q95": 0.1,
          "ess_bulk": null,
          "ess_tail": null,
          "rhat": null,
          "mcse_sd": 0.0,
          "mcse_q05": 0.0,
          "mcse_q25": 0.0,
          "mcse_q50": 0.0,
          "mcse_q75": 0.0,
          "mcse_q95": 0.0,
          "present": 1.0
        },
        "g": {
          "mean": 3.857142857142857,
          "sd": 2.410295378065479,
          "mcse": 1.051939144494025,
          "q05": 0.6000000000000001,
          "q25": 2.5,
          "q50": 4.0,
          "q75": 5.5,
          "q95": 6.699999999999999,
          "ess_bulk": 5.25,
          "ess_tail": 5.25,
          "rhat": null,
          "mcse_sd": 0.49665516008398036,
          "mcse_q05": 1.5,
          "mcse_q25": 2.0,
          "mcse_q50": 1.5,
          "mcse_q75": 1.5,
          "mcse_q95": 1.5,
          "present": 0.875
        }
      }
    }
    "#,
    );
}

#[test]
fn the_table_is_aligned() {
    let answer = Answer::new(parts(), &SourceMap::default());
    let text = format!(
        "{}\n{}{}{}",
        answer.headline(),
        answer.table(),
        answer.evidence(),
        answer.verdict()
    );
    same_text(
        &text,
        r#"
    m · smc (chosen: it always works) · 8 draws · seed 1
            mean    sd  mcse   q05   q50   q95  ess_bulk  ess_tail  present
    x[0,0]  3.50  2.45     1  0.35  3.50  6.65         6         6    1.000
    c        0.1     0     0   0.1   0.1   0.1         -         -    1.000
    g       3.86  2.41   1.1  0.60  4.00  6.70         5         5    0.875
    log Z -1.500 ± 0.01
    ELBO -∞ ≤ log Z ≤ EUBO -1.250
    importance ESS 6
    Reliable, with warnings.
      - `g` has an effective sample size of 5 only; ask for more `--draws`
    "#,
    );
}

#[test]
fn chains_that_disagree_are_not_reliable() {
    let mut parts = parts();
    let value = |i: u32| f64::from(i / 1000 * 10) + f64::from(i * 7 % 13);
    parts.draws.outputs = vec![output("x", &[], (0..4000).map(value).collect())];
    (parts.draws.n, parts.draws.chains) = (4000, 4);
    (parts.outcome.noise.chains, parts.outcome.equal_weight_ess) = (4, None);
    let answer = Answer::new(parts, &SourceMap::default());
    assert!(
        !answer.reliable && answer.warnings[0].contains("`x`"),
        "{:?}",
        answer.warnings
    );
}

#[test]
fn weighted_draws_are_written_without_weights() {
    let mut parts = parts();
    parts.draws.outputs = vec![output("k", &[2], vec![0.0, 10.0, 1.0, 11.0])];
    (parts.draws.n, parts.n_draws, parts.outcome.equal_weight_ess) = (2, 1000, None);
    parts.draws.log_weights = Some(vec![0.0, 3f64.ln()]);
    let answer = Answer::new(parts, &SourceMap::default());
    let written = &answer.record.draws;
    assert_eq!(
        (
            written.n,
            written.outputs[0].values.len(),
            &written.log_weights
        ),
        (1000, 2000, &None)
    );
    assert_eq!(
        written.outputs[0]
            .values
            .iter()
            .filter(|x| **x == 11.0)
            .count(),
        750
    );
    assert!((answer.parameters[0].1.mean.unwrap() - 0.75).abs() < 1e-12);
}

#[test]
fn warnings_with_places_are_told_in_one_line() {
    let mut sources = SourceMap::default();
    sources.add("model.odp", "let a = 1\nlet b = sqrt(a)\n");
    let mut parts = parts();
    let report = Report::warning("odp::w", "half of all executions failed");
    parts.reports = vec![report.label(Span::new(FileId(0), 18, 25), "")];
    let answer = Answer::new(parts, &sources);
    assert_eq!(
        answer.warnings.last().unwrap(),
        "model.odp:2:9: half of all executions failed"
    );
}

#[test]
fn levels_are_reported() {
    let mut parts = parts();
    parts.levels = vec![Levels {
        name: "site".into(),
        levels: vec!["east".into(), "west".into()],
    }];
    let document: serde_json::Value =
        serde_json::from_str(&Answer::new(parts, &SourceMap::default()).json()).unwrap();
    assert_eq!(document["levels"]["site"][1], "west");
}

/// Compares line by line, indentation aside.
fn same_text(found: &str, expected: &str) {
    let lines =
        |t: &str| -> Vec<String> { t.trim().lines().map(|l| l.trim().to_string()).collect() };
    assert_eq!(lines(found), lines(expected));
}
