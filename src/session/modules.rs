//! What the modules of the standard library say of themselves.

use serde::Serialize;

use super::compile::MODULES;
use crate::base::FileId;
use crate::syntax;
use crate::syntax::ast::{Function, Param, Pattern, Stmt, StmtKind};

/// A module of the standard library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModuleFacts {
    /// Its path: `std::gp`.
    pub name: String,
    /// The `//!` lines at its head.
    pub doc: String,
    /// What it gives.
    pub items: Vec<ItemFacts>,
}

/// A function, distribution or constant of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemFacts {
    /// Its name.
    pub name: String,
    /// How it is called: `exp_quad(alpha, rho)`.
    pub usage: String,
    /// Its documentation.
    pub doc: String,
}

/// The modules of the standard library.
pub fn modules() -> Vec<ModuleFacts> {
    MODULES
        .iter()
        .map(|(name, text)| facts(name, text))
        .collect()
}

fn facts(name: &str, text: &str) -> ModuleFacts {
    let head = text.lines().map_while(|l| l.strip_prefix("//!"));
    let doc: Vec<&str> = head.map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
    let stmts = syntax::parse(FileId::default(), text).map_or(Vec::new(), |p| p.stmts);
    ModuleFacts {
        name: format!("std::{name}"),
        doc: doc.join("\n"),
        items: stmts.iter().filter_map(item).collect(),
    }
}

/// What a statement gives to a program that uses the module; names that begin with `_` are the module's own.
fn item(stmt: &Stmt) -> Option<ItemFacts> {
    let (name, usage) = match &stmt.kind {
        StmtKind::Fn(Function { name, params, .. }) => (name, called(&name.name, params)),
        StmtKind::Distribution(d) => (&d.name, called(&d.name.name, &d.params)),
        StmtKind::Let {
            pattern: Pattern::Name(name),
            ..
        } => (name, name.name.clone()),
        _ => return None,
    };
    (!name.name.starts_with('_')).then(|| ItemFacts {
        name: name.name.clone(),
        usage,
        doc: stmt.doc.clone().unwrap_or_default(),
    })
}

fn called(name: &str, params: &[Param]) -> String {
    let param = |p: &Param| match &p.pattern {
        Pattern::Name(name) => name.name.clone(),
        _ => "_".to_string(),
    };
    let params: Vec<String> = params.iter().map(param).collect();
    format!("{name}({})", params.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_introduces_itself() {
        let text = "//! Kernels.\n//!\n//! More.\n\n/// A kernel.\nfn k(alpha, rho: real) { |x, y| alpha }\nlet half = 0.5\nfn _own() { 1 }\ndistribution D(a) { sample { a } }\n";
        let facts = facts("gp", text);
        assert_eq!(
            (facts.name.as_str(), facts.doc.as_str()),
            ("std::gp", "Kernels.\n\nMore.")
        );
        let usages: Vec<&str> = facts.items.iter().map(|i| i.usage.as_str()).collect();
        assert_eq!(usages, ["k(alpha, rho)", "half", "D(a)"]);
        assert_eq!(facts.items[0].doc, "A kernel.");
    }
}
