//! Programs that pass and programs that do not, through the parser.

mod invalid;
mod linear;
mod lints;
mod model;
mod models;
mod valid;

use std::collections::HashMap;
use std::sync::Arc;

use super::{AssetRequest, Checked, Loader, UseRequest, check};
use crate::base::{Asset, Entry, Network, Origin, Report, Shape, SourceMap, Values};
use crate::ir::Constant;
use crate::syntax::{self, ast::UsePath};

/// Files by name.
struct Files(HashMap<&'static str, &'static str>);

impl Loader for Files {
    fn load(&self, request: &UseRequest) -> Result<(String, String), Report> {
        let name = match request.path {
            UsePath::File(name, _) => name.clone(),
            UsePath::Module(parts) => parts.last().map_or(String::new(), |p| p.name.clone()),
        };
        match self.0.get(name.as_str()) {
            Some(text) => Ok((name, (*text).to_string())),
            None => Err(Report::error("test::no_file", "no such file").label(request.span, "")),
        }
    }

    fn asset(&self, request: &AssetRequest) -> Result<Constant, Report> {
        let reals = |n: usize| {
            Asset::Entry(Entry {
                values: Values::Real(vec![0.5; n]),
                shape: Shape::vector(n),
                missing: Vec::new(),
                origin: Origin::default(),
            })
        };
        let mut fields = Vec::new();
        match request.path {
            "d.csv" => assert!(Asset::insert(&mut fields, "x", reals(3))),
            "w.safetensors" => assert!(Asset::insert(&mut fields, "layer.weight", reals(3))),
            "a.npy" => return Ok(Constant::File(reals(3))),
            "net.onnx" => {
                return Ok(Constant::File(Asset::Network(Arc::new(Network {
                    file: "net.onnx".to_string(),
                    inputs: Vec::new(),
                    outputs: Vec::new(),
                    constants: Vec::new(),
                    layers: Vec::new(),
                }))));
            }
            _ => return Err(Report::error("test::no_file", "no such file").label(request.span, "")),
        }
        Ok(Constant::File(Asset::Record(fields)))
    }
}

fn files() -> Files {
    Files(HashMap::from([
        (
            "helpers.odp",
            "use \"inner.odp\"\nlet half = 0.5\nfn twice(x) { scale(x, 2) }\ndistribution Point(x) { sample { x } }",
        ),
        ("inner.odp", "fn scale(x, by) { x * by }"),
        ("loop_a.odp", "use \"loop_b.odp\"\nfn a() { 1 }"),
        ("loop_b.odp", "use \"loop_a.odp\"\nfn b() { 1 }"),
        ("bad.odp", "data y: real\nfn ok() { 1 }"),
        (
            "gp",
            "fn exp_quad(x, s) { exp(-x ^ 2 / s) }\nfn linear(x) { x }",
        ),
    ]))
}

fn run(text: &str) -> Result<Checked, (SourceMap, Vec<Report>)> {
    let mut sources = SourceMap::default();
    let file = sources.add("model.odp", text);
    let program = match syntax::parse(file, text) {
        Ok(program) => program,
        Err(reports) => return Err((sources, reports)),
    };
    check(program, "model", sources.clone(), &files()).map_err(|reports| (sources, reports))
}

/// `line:col code`, in order.
fn faults(text: &str) -> Vec<String> {
    match run(text) {
        Ok(_) => Vec::new(),
        Err((sources, reports)) => reports.iter().map(|r| shown(&sources, r)).collect(),
    }
}

fn shown(sources: &SourceMap, report: &Report) -> String {
    let (line, column) = sources.line_col(report.labels[0].span);
    let code = report.code.rsplit("::").next().unwrap_or("");
    format!("{line}:{column} {code}")
}

/// What is said about a program that should have been accepted.
fn refusal(text: &str) -> Option<String> {
    let (sources, reports) = run(text).err()?;
    let told = reports
        .iter()
        .map(|r| format!("  {}: {} {:?}", shown(&sources, r), r.message, r.help));
    Some(format!("{text}\n{}", told.collect::<Vec<_>>().join("\n")))
}

#[test]
fn valid_programs_are_accepted() {
    let all = valid::VALID.iter().chain(models::MODELS);
    let refused: Vec<String> = all.filter_map(|text| refusal(text)).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
}

#[test]
fn invalid_programs_are_refused_where_they_are_wrong() {
    let wrong: Vec<String> = invalid::INVALID
        .iter()
        .map(|(text, expected)| (text, expected, faults(text)))
        .filter(|(_, expected, told)| told != *expected)
        .map(|(text, expected, told)| format!("{text}\n  wanted {expected:?}\n  told   {told:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn deep_expressions_do_not_overflow_a_large_stack() {
    let text = format!("let x = 1{}", " + 1".repeat(4096));
    let thread = std::thread::Builder::new().stack_size(512 << 20);
    let told = thread.spawn(move || faults(&text)).unwrap().join().unwrap();
    assert!(told.is_empty(), "{told:?}");
}
