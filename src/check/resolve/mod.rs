//! Names to slots: `ast::Program` in, `ir::Model` out.
//!
//! ```text
//! use …           loaded first; constants of used files open the program
//! statements      from top to bottom
//! functions       after them: a function at file level sees the names above it, else those below
//! ```
//!
//! A name that cannot be resolved is reported and stands for a slot of unknown type, so that one slip makes one error.

mod asset;
mod blame;
mod call;
mod data;
mod decl;
mod expr;
mod lookup;
mod site;
mod stmt;
mod types;
mod uses;

use std::collections::{HashMap, HashSet};

use site::Arm;

use super::Loader;
use super::error::CheckError;
use super::lint::Lint;
use super::scope::{Context, Frame, Head, Scope, Slot};
use super::usage::Usage;
use crate::base::{FileId, Report, SourceMap, Span};
use crate::ir::{Constant, DataDecl, FnId, Function, Model, Place, Site, Stmt, UserDistribution};
use crate::syntax::ast;
use asset::AssetKey;
use uses::{Exports, FileNames};

/// A resolved program and what only checking wants to know of it.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The model.
    pub model: Model,
    /// The global slots.
    pub globals: Vec<Slot>,
    /// The slots of each function.
    pub locals: Vec<Vec<Slot>>,
    /// What was found wrong.
    pub errors: Vec<CheckError>,
    /// What loading and parsing used files found wrong.
    pub reports: Vec<Report>,
    /// What is allowed but seldom meant.
    pub lints: Vec<Lint>,
    /// What becomes of the names that the program declares.
    pub usage: Usage,
}

/// Resolves a program and the files that it uses.
pub(super) fn resolve(
    program: &ast::Program,
    name: &str,
    sources: SourceMap,
    loader: &dyn Loader,
) -> Resolved {
    let mut resolver = Resolver::new(program.span, sources, loader);
    let stmts = resolver.program(program);
    resolver.finish(name, stmts, program.span)
}

struct Resolver<'a> {
    loader: &'a dyn Loader,
    sources: SourceMap,
    errors: Vec<CheckError>,
    reports: Vec<Report>,
    lints: Vec<Lint>,
    /// Sites at file level so far, each name by its first.
    named_sites: HashMap<String, (Span, Vec<Arm>)>,
    /// The arms of `if`s that are open.
    arms: Vec<Arm>,
    usage: Usage,
    functions: Vec<Option<Function>>,
    heads: HashMap<FnId, Head>,
    locals: HashMap<FnId, Vec<Slot>>,
    distributions: Vec<Option<UserDistribution>>,
    distribution_heads: Vec<Head>,
    globals: Vec<Slot>,
    data: Vec<DataDecl>,
    sites: Vec<Site>,
    /// Constants in files, and by which path of which file they came.
    assets: Vec<(AssetKey, Constant)>,
    /// Statements of used files.
    prelude: Vec<Stmt>,
    loaded: HashMap<String, Exports>,
    loading: Vec<String>,
    /// Open frames: the file's, then those of functions around this place.
    frames: Vec<Frame>,
    file: FileNames,
    /// The position of the statement at file level that is being resolved.
    position: u32,
    /// Whether this is the body of a function at file level, which sees the names below it too.
    deferred: bool,
    /// Copies of `var`s as they are where a function at file level is declared: (position, slot) to slot.
    snapshots: HashMap<(u32, Place), Place>,
    copies: Vec<(u32, Stmt)>,
    poison: Option<u32>,
    /// Unknown names that have been reported, and the error's index.
    unknown: HashMap<(FileId, String), usize>,
    /// Where names that nobody declared are assigned to for the first time.
    assigned_unknown: HashSet<Span>,
}

impl<'a> Resolver<'a> {
    fn new(span: Span, sources: SourceMap, loader: &'a dyn Loader) -> Self {
        Resolver {
            loader,
            sources,
            errors: Vec::new(),
            reports: Vec::new(),
            lints: Vec::new(),
            named_sites: HashMap::new(),
            arms: Vec::new(),
            usage: Usage::default(),
            functions: Vec::new(),
            heads: HashMap::new(),
            locals: HashMap::new(),
            distributions: Vec::new(),
            distribution_heads: Vec::new(),
            globals: Vec::new(),
            data: Vec::new(),
            sites: Vec::new(),
            assets: Vec::new(),
            prelude: Vec::new(),
            loaded: HashMap::new(),
            loading: Vec::new(),
            frames: vec![Frame::new(None, span, Context::Free)],
            file: FileNames::default(),
            position: 0,
            deferred: false,
            snapshots: HashMap::new(),
            copies: Vec::new(),
            poison: None,
            unknown: HashMap::new(),
            assigned_unknown: HashSet::new(),
        }
    }

    /// The statements of one file, in order.
    fn program(&mut self, program: &ast::Program) -> Vec<Stmt> {
        self.file.below = names_of(program);
        for stmt in &program.stmts {
            if let ast::StmtKind::Use(item) = &stmt.kind {
                self.use_item(item, stmt.span);
            }
        }
        let waiting = self.hoist(program);
        let mut placed: Vec<(u32, Stmt)> = Vec::new();
        for (position, stmt) in program.stmts.iter().enumerate() {
            self.position = position as u32;
            let resolved = self.file_stmt(stmt);
            placed.extend(resolved.map(|s| (position as u32, s)));
        }
        self.deferred = true;
        for (position, item) in waiting {
            self.position = position;
            self.hoisted(item);
        }
        self.deferred = false;
        placed.append(&mut self.copies);
        placed.sort_by_key(|(position, _)| *position);
        placed.into_iter().map(|(_, stmt)| stmt).collect()
    }

    fn file_stmt(&mut self, stmt: &ast::Stmt) -> Option<Stmt> {
        use ast::StmtKind::{Data, Distribution, Fn, Let, Use};
        match &stmt.kind {
            Use(_) | Fn(_) | Distribution(_) => None,
            Let { .. } if self.file.module => self.constant(stmt),
            _ if self.file.module => {
                self.errors
                    .push(CheckError::NotInModule { span: stmt.span });
                None
            }
            Data(data) => Some(self.data(data, stmt.span)),
            _ => self.stmt(stmt),
        }
    }

    fn finish(mut self, name: &str, stmts: Vec<Stmt>, span: Span) -> Resolved {
        self.blame_declarations();
        let mut body = self.prelude;
        body.extend(stmts);
        let n_functions = self.functions.len();
        let mut locals = self.locals;
        let present = "every reserved function has been resolved";
        let model = Model {
            name: name.into(),
            sources: self.sources,
            data: self.data,
            functions: self
                .functions
                .into_iter()
                .map(|f| f.expect(present))
                .collect(),
            distributions: self
                .distributions
                .into_iter()
                .map(|d| d.expect(present))
                .collect(),
            body: crate::ir::Block {
                stmts: body,
                value: None,
                span,
            },
            globals: self.globals.iter().map(|s| s.name.clone()).collect(),
            sites: self.sites,
            assets: self.assets.into_iter().map(|(_, asset)| asset).collect(),
        };
        Resolved {
            model,
            globals: self.globals,
            locals: (0..n_functions)
                .map(|id| locals.remove(&id).unwrap_or_default())
                .collect(),
            errors: self.errors,
            reports: self.reports,
            lints: self.lints,
            usage: self.usage,
        }
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the file's frame stays open")
    }

    fn scope(&mut self) -> &mut Scope {
        self.frame().scope()
    }

    fn open(&mut self) {
        self.frame().scopes.push(Scope::default());
    }

    /// Whether this is file level, outside of every block.
    fn at_top(&self) -> bool {
        self.frames.len() == 1 && self.frames[0].scopes.len() == 1
    }
}

/// Where each name at file level is declared, for messages about names that are used too early.
fn names_of(program: &ast::Program) -> HashMap<String, Span> {
    use ast::StmtKind::{Data, Let, Sample, Var};
    let mut names = HashMap::new();
    let mut add = |ident: &ast::Ident| {
        names.entry(ident.name.clone()).or_insert(ident.span);
    };
    for stmt in &program.stmts {
        match &stmt.kind {
            Data(data) => add(&data.name),
            Let { pattern, .. } => each_name(pattern, &mut add),
            Sample { name, .. } if name.is_discard() => {}
            Var { name, .. } | Sample { name, .. } => add(name),
            _ => {}
        }
    }
    names
}

/// Calls `f` with every name that a pattern binds.
fn each_name(pattern: &ast::Pattern, f: &mut impl FnMut(&ast::Ident)) {
    match pattern {
        ast::Pattern::Name(name) => f(name),
        ast::Pattern::Discard(_) => {}
        ast::Pattern::Tuple(parts, _) => parts.iter().for_each(|p| each_name(p, f)),
        ast::Pattern::Record(fields, _) => fields.iter().for_each(|(_, p)| each_name(p, f)),
    }
}
