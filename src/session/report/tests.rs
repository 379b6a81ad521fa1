use std::sync::Arc;

use super::*;
use crate::session::{InferRequest, Limits, Session};
use crate::store::{Inputs, NoFiles};

/// A run of a small hierarchical program, as `odp run --out x.zarr` keeps it.
fn record(engine: &str) -> Record {
    let text = "data y: real[n]\nsample mu ~ Normal(0, 2)\nsample k ~ Poisson(2)\nobserve y ~ Normal(mu, 1 + k)\n";
    let program = Session::compile("a<b.odp", text, Arc::new(NoFiles)).unwrap();
    let data = b"{\"y\": [0.5, -1.5, 4.0]}".to_vec();
    let inputs = Inputs::from_bytes("d.json", data, 1 << 20).unwrap();
    let limits = Limits::default();
    let bound = program.bind(&inputs, &limits).unwrap();
    let request = InferRequest {
        keep_noise: true,
        draws: 400,
        ..InferRequest::new(engine, 1)
    };
    let mut answer = bound.infer(&request).unwrap();
    program.examine(&inputs, &limits, &bound, &mut answer);
    answer.describe_record();
    answer.record
}

/// Opens and closes every element in order; void elements stand alone.
fn well_formed(html: &str) {
    const VOID: [&str; 2] = ["meta", "link"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let after = &rest[start + 1..];
        let end = after.find('>').expect("a tag ends");
        let tag = &after[..end];
        rest = &after[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "at {}", &rest[..rest.len().min(80)]);
            continue;
        }
        let name = tag.split([' ', '/', '\n']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        if name == "style" {
            let close = rest.find("</style>").expect("a style ends");
            rest = &rest[close..];
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn the_page_has_every_section_and_needs_nothing_else() {
    let html = report(&record("smc"));
    well_formed(&html);
    for id in [
        "verdict",
        "summary",
        "marginals",
        "pairs",
        "chains",
        "predictive",
        "loo",
        "graph",
        "run",
    ] {
        assert!(html.contains(&format!("<section id=\"{id}\">")), "{id}");
        assert!(html.contains(&format!("<a href=\"#{id}\">")), "{id}");
    }
    assert!(html.contains("a&lt;b") && !html.contains("a<b"));
    // Nothing is fetched and nothing runs; the one address is the name of SVG's vocabulary.
    let bare = html.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "//cdn", "<script", "@import", "<img", "<iframe", "src=",
    ] {
        assert!(!bare.contains(outside), "{outside}");
    }
    assert!(bare.matches("url(").count() == bare.matches("url(#").count());
    assert!(
        !html.contains("NaN"),
        "a figure that does not exist is a dash"
    );
}

#[test]
fn training_and_weights_are_shown_where_there_are_some() {
    let html = report(&record("diffusion"));
    well_formed(&html);
    assert!(
        html.contains("<section id=\"training\">") && html.contains("<section id=\"weights\">")
    );
    let none = report(&record("smc"));
    assert!(!none.contains("<section id=\"training\">") && none.contains("no training curve"));
}

#[test]
fn a_run_that_is_not_trusted_says_what_to_do() {
    let mut record = record("smc");
    let answer = record
        .attributes
        .iter_mut()
        .find(|(n, _)| n == "answer")
        .unwrap();
    answer.1["reliable"] = false.into();
    answer.1["warnings"] = serde_json::json!(["the chains disagree about `mu` <1>"]);
    answer.1["diagnostics"]["rhat_max"] = 1.4.into();
    let html = report(&record);
    well_formed(&html);
    assert!(html.contains("Not to be trusted.") && html.contains("&lt;1&gt;"));
    assert!(html.contains("<code>--infer pt</code>"));
}

#[test]
fn draws_alone_and_figures_alone_are_a_page_too() {
    let full = record("smc");
    let draws = Record {
        draws: full.draws.clone(),
        ..Record::default()
    };
    let html = report(&draws);
    well_formed(&html);
    assert!(html.contains("<section id=\"marginals\">") && html.contains("no verdict"));
    let figures = Record {
        attributes: full.attributes.clone(),
        ..Record::default()
    };
    let html = report(&figures);
    well_formed(&html);
    assert!(html.contains("Ranges") && html.contains("no draws"));
    well_formed(&report(&Record::default()));
}
