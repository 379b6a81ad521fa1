//! `use`: files whose functions, distributions and constants a program may name.

use std::collections::{HashMap, HashSet};

use super::super::UseRequest;
use super::super::error::CheckError;
use super::super::names::Hint;
use super::super::scope::{Binding, Context, Frame, Role, What};
use super::Resolver;
use super::lookup::Found;
use crate::base::{FileId, Span, nearest};
use crate::ir::Stmt;
use crate::syntax::{self, ast};

/// What a used file declares.
pub(super) type Exports = Vec<(String, Binding)>;

/// What one file knows by `use`, and what it declares further down.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    /// Whether another file uses it.
    pub module: bool,
    /// `name::…`.
    pub modules: HashMap<String, Exports>,
    /// Prefixes of files that could not be used: what they hold is unknown, not wrong.
    pub broken: HashSet<String>,
    /// Names without a prefix, and all that they may stand for.
    pub imports: HashMap<String, Vec<Binding>>,
    /// Where names at file level are declared.
    pub below: HashMap<String, Span>,
}

impl Resolver<'_> {
    /// One `use`.
    pub(super) fn use_item(&mut self, item: &ast::Use, span: Span) {
        let Some(exports) = self.load(&item.path, span) else {
            self.poison_use(item);
            return;
        };
        if let Some(names) = &item.names {
            return self.import_names(&exports, names, &shown(&item.path));
        }
        let prefix = match (&item.alias, &item.path) {
            (Some(alias), _) => Some(alias.name.clone()),
            (None, ast::UsePath::Module(parts)) => parts.last().map(|p| p.name.clone()),
            (None, ast::UsePath::File(..)) => None,
        };
        match prefix {
            Some(prefix) => {
                self.file.modules.insert(prefix, exports);
            }
            None => exports
                .into_iter()
                .for_each(|(name, b)| self.import(name, b)),
        }
    }

    fn import(&mut self, name: String, binding: Binding) {
        let known = self.file.imports.entry(name).or_default();
        if !known.iter().any(|b| b.what == binding.what) {
            known.push(binding);
        }
    }

    fn import_names(&mut self, exports: &Exports, names: &[ast::Ident], module: &str) {
        for name in names {
            match exports.iter().find(|(n, _)| *n == name.name) {
                Some((_, binding)) => self.import(name.name.clone(), binding.clone()),
                None => {
                    self.unknown_member(exports, module, &name.name, name.span);
                    self.poison_import(&name.name, name.span);
                }
            }
        }
    }

    /// After a `use` that failed, its names are unknown but not wrong.
    fn poison_use(&mut self, item: &ast::Use) {
        for name in item.names.iter().flatten() {
            self.poison_import(&name.name, name.span);
        }
        let prefix = item.alias.as_ref().or(match &item.path {
            ast::UsePath::Module(parts) => parts.last(),
            ast::UsePath::File(..) => None,
        });
        if let Some(prefix) = prefix {
            self.file.broken.insert(prefix.name.clone());
        }
    }

    fn poison_import(&mut self, name: &str, span: Span) {
        let crate::ir::ExprKind::Place(place) = self.poison() else {
            unreachable!("poison is a place")
        };
        let binding = Binding {
            what: What::Value(place),
            role: Role::Let,
            span,
            order: 0,
            stable: true,
            function: None,
        };
        self.import(name.into(), binding);
    }

    fn unknown_member(&mut self, exports: &Exports, module: &str, name: &str, span: Span) {
        let near = nearest(name, exports.iter().map(|(n, _)| n.as_str()));
        self.errors.push(CheckError::UnknownMember {
            module: module.into(),
            name: name.into(),
            span,
            nearest: near.map(str::to_string),
        });
    }

    /// `module::member`.
    pub(super) fn member(&mut self, module: &str, member: &str, span: Span) -> Option<Found> {
        if self.file.broken.contains(module) {
            return None;
        }
        let Some(exports) = self.file.modules.get(module) else {
            let meant = match (module, member.split_once("::")) {
                ("std", Some((inner, _))) => inner,
                _ => module,
            };
            self.unknown_module(meant, span);
            return None;
        };
        if let Some((_, binding)) = exports.iter().find(|(n, _)| n == member) {
            return Some((0, binding.clone()));
        }
        let exports = exports.clone();
        self.unknown_member(&exports, module, member, span);
        None
    }

    fn unknown_module(&mut self, module: &str, span: Span) {
        let near = nearest(module, self.file.modules.keys().map(String::as_str));
        let hint = near.map_or(Hint::UseModule(module.into()), |n| {
            Hint::Nearest(n.into(), None)
        });
        self.errors.push(CheckError::UnknownName {
            name: module.into(),
            span,
            also: Vec::new(),
            hint,
        });
    }

    /// What a used file declares; it is read once.
    fn load(&mut self, path: &ast::UsePath, span: Span) -> Option<Exports> {
        let from = self.sources.get(span.file).map_or("", |s| s.name.as_str());
        let request = UseRequest { path, span, from };
        let (name, text) = match self.loader.load(&request) {
            Ok(found) => found,
            Err(report) => {
                self.reports.push(report);
                return None;
            }
        };
        if self.loading.contains(&name) {
            self.errors.push(CheckError::CyclicUse { span });
            return None;
        }
        if let Some(exports) = self.loaded.get(&name) {
            return Some(exports.clone());
        }
        let file = self.sources.add(name.clone(), text.as_str());
        let program = self.parse(file, &text)?;
        self.loading.push(name.clone());
        let exports = self.module(&program);
        self.loading.pop();
        self.loaded.insert(name, exports.clone());
        Some(exports)
    }

    fn parse(&mut self, file: FileId, text: &str) -> Option<ast::Program> {
        match syntax::parse(file, text) {
            Ok(program) => Some(program),
            Err(reports) => {
                self.reports.extend(reports);
                None
            }
        }
    }

    /// Resolves a used file in a scope of its own; its constants open the program.
    fn module(&mut self, program: &ast::Program) -> Exports {
        let frames = vec![Frame::new(None, program.span, Context::Free)];
        let frames = std::mem::replace(&mut self.frames, frames);
        let names = FileNames {
            module: true,
            ..FileNames::default()
        };
        let file = std::mem::replace(&mut self.file, names);
        let copies = std::mem::take(&mut self.copies);
        let stmts = self.program(program);
        self.prelude.extend(stmts);
        self.copies = copies;
        self.file = file;
        let own = std::mem::replace(&mut self.frames, frames).remove(0);
        let exported = own.scopes[0].iter();
        let mut exports: Exports = exported.map(|(n, b)| (n.clone(), b.clone())).collect();
        exports.sort_by(|a, b| a.0.cmp(&b.0));
        exports
    }

    /// A `let` of a used file.
    pub(super) fn constant(&mut self, stmt: &ast::Stmt) -> Option<Stmt> {
        self.frame().context = Context::Constant(stmt.span);
        let resolved = self.stmt(stmt);
        self.frame().context = Context::Free;
        resolved
    }
}

fn shown(path: &ast::UsePath) -> String {
    match path {
        ast::UsePath::Module(parts) => {
            let parts: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
            parts.join("::")
        }
        ast::UsePath::File(name, _) => name.clone(),
    }
}
