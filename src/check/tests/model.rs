//! What resolution makes of a program: slots, captures, arguments, sites.

use super::run;
use crate::ir::{DistRef, Expr, ExprKind, Model, Pattern, Place, Size, StmtKind};

fn model(text: &str) -> Model {
    match run(text) {
        Ok(checked) => checked.model,
        Err((_, reports)) => panic!("{reports:?}\n{text}"),
    }
}

/// The value of the last `let`.
fn last_value(model: &Model) -> &Expr {
    let mut lets = model.body.stmts.iter().rev().filter_map(|s| match &s.kind {
        StmtKind::Let { value, .. } => Some(value),
        _ => None,
    });
    lets.next().expect("the program has a `let`")
}

#[test]
fn keywords_find_their_place_and_defaults_stay_open() {
    let m = model("let d = Normal(sigma = 2, mu = 1)\nlet e = Flat(sigma = 3)");
    let ExprKind::Dist { dist, args } = &last_value(&m).kind else {
        panic!("a distribution")
    };
    assert_eq!(*dist, DistRef::Registered("Flat"));
    assert!(args[0].is_none() && args[1].is_some());
    let StmtKind::Let { value, .. } = &m.body.stmts[0].kind else {
        panic!("a `let`")
    };
    let ExprKind::Dist { args, .. } = &value.kind else {
        panic!("a distribution")
    };
    assert!(matches!(args[0].as_ref().unwrap().kind, ExprKind::Int(1)));
}

#[test]
fn a_closure_copies_a_var_and_reads_what_stays() {
    let m = model("var s = 1\nlet k = 2\nlet f = |x| x + s + k");
    let f = &m.functions[0];
    assert_eq!(f.captures, [(Place::Global(0), 1)]);
    assert_eq!((f.params.len(), f.n_locals), (1, 2));
}

#[test]
fn a_function_keeps_the_var_of_its_declaration() {
    let m = model("var s = 1\nfn f() { s }\ns = 2\nlet a = f()");
    assert!(m.functions[0].captures.is_empty());
    let StmtKind::Let {
        pattern: Pattern::Slot(copy),
        value,
    } = &m.body.stmts[1].kind
    else {
        panic!("the copy stands where the function is declared")
    };
    assert!(matches!(value.kind, ExprKind::Place(Place::Global(0))));
    let body = m.functions[0].body.value.as_ref().unwrap();
    assert!(matches!(body.kind, ExprKind::Place(place) if place == *copy));
}

#[test]
fn a_function_sees_the_nearest_name_above_else_the_first_below() {
    let m = model(
        "let x = 1\nfn f() { x }\nfn g() { y }\nlet x = 2\nlet y = 3\nlet y = 4\nlet a = f() + g()",
    );
    let slot = |id: usize| match m.functions[id].body.value.as_ref().unwrap().kind {
        ExprKind::Place(Place::Global(i)) => i,
        _ => panic!("a global"),
    };
    assert_eq!((slot(0), slot(1)), (0, 2));
}

#[test]
fn a_nested_function_calls_itself_also_from_closures_inside() {
    let m = model(
        "fn outer(n) { fn inner(k) { if k == 0 { 0 } else { inner(k - 1) } }\ninner(n) }\nlet a = outer(3)",
    );
    let text = format!("{:?}", m.functions);
    assert!(text.contains("SelfFn"));
    let m = model(
        "fn outer(n) { fn inner(k) { let again = || inner(k - 1)\nif k == 0 { 0 } else { again() } }\ninner(n) }\nlet a = outer(3)",
    );
    let inner = m.functions.iter().find(|f| f.name == "inner").unwrap();
    let StmtKind::Let { value, .. } = &inner.body.stmts[0].kind else {
        panic!("the function keeps itself first")
    };
    assert!(matches!(value.kind, ExprKind::SelfFn));
}

#[test]
fn sites_of_one_name_in_arms_share_a_slot() {
    let m = model(
        "sample c ~ Flip(0.5)\nif c { sample x ~ Normal(0, 1) } else { sample x ~ Normal(3, 1) }\nlet y = x",
    );
    let names: Vec<_> = m.sites.iter().map(|s| s.name.as_deref()).collect();
    assert_eq!(names, [Some("c"), Some("x"), Some("x")]);
    assert_eq!(m.globals, ["c", "x", "y"]);
    assert!(matches!(
        last_value(&m).kind,
        ExprKind::Place(Place::Global(1))
    ));
}

#[test]
fn the_first_array_binds_a_size() {
    let m = model("data y: real[N]\ndata x: real[N, 2]\nlet n = N");
    assert!(matches!(&m.data[0].sizes[0], Size::Binds { name, slot: 0, .. } if name == "N"));
    assert!(matches!(&m.data[1].sizes[0], Size::Is(_)));
    let m = model("data y: real[N] from \"Y\"\ndata N: int where N > 0");
    assert_eq!(m.data[0].key, "Y");
    let condition = m.data[1].condition.as_ref().unwrap();
    assert!(matches!(
        condition.kind,
        ExprKind::Binary(crate::ir::BinaryOp::Gt, ..)
    ));
    assert!(m.data[0].bound.is_none());
    assert_eq!(m.data[1].bound, Some(Place::Global(0)));
}

#[test]
fn used_files_open_the_program_and_are_read_once() {
    let m = model("use \"helpers.odp\"\nuse \"inner.odp\"\nlet x = twice(half) + scale(1, 2)");
    assert_eq!(m.globals, ["half", "x"]);
    assert_eq!(m.functions.iter().filter(|f| f.name == "scale").count(), 1);
    assert_eq!(m.distributions.len(), 1);
}

#[test]
fn only_sites_at_file_level_are_outputs() {
    let m = model(
        "fn f() { sample a ~ Normal(0, 1)\na }\nfor i in 0..3 { sample b ~ Normal(f(), 1) }\nlet c = sample Normal(0, 1)",
    );
    let sites: Vec<_> = m
        .sites
        .iter()
        .map(|s| (s.name.as_deref(), s.file_level))
        .collect();
    assert_eq!(sites, [(Some("b"), true), (None, true), (Some("a"), false)]);
}
