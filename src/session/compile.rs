//! Text to checked model: the parser and the checker, and the files that a program uses.
//!
//! The tree is kept, so that the same program can be asked for something else than what it returns.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::amortised::posterior;
use super::describe::{Description, InputFacts};
use super::{ExitKind, Failure, Program, program_name};
use crate::base::{FileId, Report, SourceMap, Span, nearest};
use crate::check::{self, AssetRequest, Checked, UseRequest};
use crate::ir::{Builtin, Constant, DataDecl, DataKind, Model, Size};
use crate::store::{AssetFormat, Loader, StoreError, read_asset};
use crate::syntax;
use crate::syntax::ast::{self, StmtKind, UsePath};

/// The standard library: a module is a file and a line here.
pub(super) const MODULES: &[(&str, &str)] = &[
    ("dp", include_str!("../../stdlib/dp.odp")),
    ("gp", include_str!("../../stdlib/gp.odp")),
    ("hmm", include_str!("../../stdlib/hmm.odp")),
    ("mixture", include_str!("../../stdlib/mixture.odp")),
    ("nn", include_str!("../../stdlib/nn.odp")),
    ("ode", include_str!("../../stdlib/ode.odp")),
    ("ordered", include_str!("../../stdlib/ordered.odp")),
    ("regression", include_str!("../../stdlib/regression.odp")),
    ("sde", include_str!("../../stdlib/sde.odp")),
    ("simplex", include_str!("../../stdlib/simplex.odp")),
    ("spatial", include_str!("../../stdlib/spatial.odp")),
    ("timeseries", include_str!("../../stdlib/timeseries.odp")),
];

/// Parses and checks; see [`Session::compile`](super::Session::compile).
pub fn compile(name: &str, text: &str, loader: Arc<dyn Loader>) -> Result<Program, Failure> {
    let started = Instant::now();
    let mut sources = SourceMap::default();
    let file = sources.add(name, text);
    match syntax::parse(file, text) {
        Err(reports) => Err(failure(reports, sources)),
        Ok(tree) if tree.stmts.is_empty() => Err(failure(vec![no_statements(name)], sources)),
        Ok(tree) => checked(Origin::new(name, tree, sources, loader), started),
    }
}

/// A program without statements; see [`Session::blank`](super::Session::blank).
pub fn blank(name: &str, loader: Arc<dyn Loader>) -> Program {
    let mut sources = SourceMap::default();
    let file = sources.add(name, "");
    let tree = syntax::parse(file, "").expect("no text has no mistakes");
    checked(Origin::new(name, tree, sources, loader), Instant::now())
        .expect("no statement is no mistake")
}

/// The program with another result; see [`Program::returning`].
pub(super) fn returning(origin: &Origin, expression: &str) -> Result<Program, Failure> {
    let started = Instant::now();
    let mut sources = origin.sources.clone();
    let file = sources.add("expression", expression);
    let value = match syntax::parse(file, expression) {
        Ok(tree) => one_expression(tree.stmts, file, expression),
        Err(reports) => Err(reports),
    };
    let value = value.map_err(|reports| failure(reports, sources.clone()))?;
    let mut tree = ast::Program::clone(&origin.tree);
    tree.stmts
        .retain(|s| !matches!(s.kind, StmtKind::Return(_)));
    tree.stmts.push(ast::Stmt {
        span: value.span,
        kind: StmtKind::Return(Some(value)),
        doc: None,
    });
    let origin = Origin {
        tree: Arc::new(tree),
        sources,
        ..origin.clone()
    };
    checked(origin, started)
}

fn one_expression(
    stmts: Vec<ast::Stmt>,
    file: FileId,
    text: &str,
) -> Result<ast::Expr, Vec<Report>> {
    let mut stmts = stmts.into_iter();
    let (first, second) = (stmts.next(), stmts.next());
    let place = match (first, second) {
        (
            Some(ast::Stmt {
                kind: StmtKind::Expr(e),
                ..
            }),
            None,
        ) => return Ok(e),
        (
            Some(ast::Stmt {
                kind: StmtKind::Expr(_),
                ..
            }),
            Some(second),
        ) => second.span,
        (Some(first), _) => first.span,
        (None, _) => Span::new(file, 0, text.len()),
    };
    let report = Report::error(
        "odp::session::not_an_expression",
        "one expression is wanted",
    );
    let report = report.label(place, "this is something else");
    Err(vec![
        report.help("an expression has a value, such as `mu + 1`"),
    ])
}

fn failure(reports: Vec<Report>, sources: SourceMap) -> Failure {
    Failure {
        exit: exit_of(&reports),
        reports,
        sources,
    }
}

/// What a program was made from.
#[derive(Clone)]
pub(super) struct Origin {
    name: String,
    tree: Arc<ast::Program>,
    /// The program's own text, without the files that it uses.
    sources: SourceMap,
    loader: Arc<dyn Loader>,
}

impl Origin {
    fn new(name: &str, tree: ast::Program, sources: SourceMap, loader: Arc<dyn Loader>) -> Origin {
        Origin {
            name: name.to_string(),
            tree: Arc::new(tree),
            sources,
            loader,
        }
    }

    /// The file's name, its text, and where its files come from.
    pub fn parts(&self) -> (String, String, Arc<dyn Loader>) {
        let text = self
            .sources
            .get(FileId(0))
            .map_or(String::new(), |s| s.text.to_string());
        (self.name.clone(), text, self.loader.clone())
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)
    }
}

fn checked(origin: Origin, started: Instant) -> Result<Program, Failure> {
    let uses = Uses {
        loader: &*origin.loader,
        loaded: Mutex::default(),
        noted: Mutex::default(),
    };
    let (name, tree) = (
        program_name(&origin.name),
        ast::Program::clone(&origin.tree),
    );
    match check::check(tree, &name, origin.sources.clone(), &uses) {
        Ok(Checked {
            model,
            mut warnings,
            result,
        }) => Ok(Program {
            description: describe(&model),
            warnings: {
                warnings.extend(uses.noted.into_inner().expect("no load panics"));
                warnings
            },
            model: Arc::new(model),
            result,
            compile_s: started.elapsed().as_secs_f64(),
            origin,
        }),
        Err(reports) => Err(failure(reports, uses.onto(origin.sources.clone()))),
    }
}

fn no_statements(name: &str) -> Report {
    let report = Report::error(
        "odp::session::no_statements",
        format!("`{name}` has no statements"),
    );
    report.help("a program has at least one statement, such as `sample x ~ Normal(0, 1)`")
}

/// A file that cannot be used is no fault of the model.
fn exit_of(reports: &[Report]) -> ExitKind {
    match reports.first() {
        Some(report) if report.code.starts_with("odp::store::") => ExitKind::Input,
        // What would run until `--max-depth` ends as such a run does.
        Some(report) if report.code == "odp::check::endless_recursion" => ExitKind::Limit,
        _ => ExitKind::Model,
    }
}

/// Used files, from the standard library or from the loader.
struct Uses<'a> {
    loader: &'a dyn Loader,
    /// Names and texts in the order in which they came.
    loaded: Mutex<Vec<(String, String)>>,
    /// What is to be said of a file that is used all the same.
    noted: Mutex<Vec<Report>>,
}

impl check::Loader for Uses<'_> {
    fn load(&self, request: &UseRequest) -> Result<(String, String), Report> {
        let found = match request.path {
            UsePath::Module(parts) => {
                let parts: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
                module(&parts.join("::"), request.span)?
            }
            UsePath::File(path, _) => {
                let read = self.loader.read_text(request.from, path);
                read.map_err(|e| of_store(&e).label(request.span, "used here"))?
            }
        };
        let mut loaded = self.loaded.lock().expect("no load panics");
        if !loaded.contains(&found) {
            loaded.push(found.clone());
        }
        Ok(found)
    }

    fn asset(&self, request: &AssetRequest) -> Result<Constant, Report> {
        if let (Builtin::Posterior, Some(data)) = (request.builtin, request.data) {
            return self.posterior(request, data);
        }
        let format = match request.builtin {
            Builtin::Csv => AssetFormat::Csv,
            Builtin::Json => AssetFormat::Json,
            Builtin::Npy => AssetFormat::Npy,
            Builtin::Tensors => AssetFormat::Tensors,
            Builtin::Onnx => AssetFormat::Onnx,
            other => unreachable!("`{}` reads no file", other.name()),
        };
        let read = self.loader.read(request.from, request.path);
        read.and_then(|file| read_asset(format, file, self.loader.limit()))
            .map(Constant::File)
            .map_err(|e| of_store(&e).label(request.span, "read here"))
    }
}

impl Uses<'_> {
    /// The posterior that a trained sampler has for data.
    fn posterior(&self, request: &AssetRequest, data: (&str, Span)) -> Result<Constant, Report> {
        let read = |(path, span): (&str, Span)| {
            let read = self.loader.read(request.from, path);
            read.map_err(|e| of_store(&e).label(span, "read here"))
        };
        let sampler = read((request.path, request.span))?;
        let found = posterior(sampler, read(data)?, self.loader.limit());
        let (found, share) = found.map_err(|failure| {
            // The places that a report marks are in the sampler's own program, which is not at hand.
            let report = failure.reports.into_iter().next();
            let other = || Report::error("odp::session::other_data", "there is no such posterior");
            let mut report = report.unwrap_or_else(other);
            report.labels.clear();
            report.label(request.span, "drawn from here")
        })?;
        if share < SERVED {
            let mut noted = self.noted.lock().expect("no load panics");
            noted.push(unweighed(&found.file, share).label(request.span, "drawn from here"));
        }
        Ok(Constant::Posterior(Arc::new(found)))
    }

    /// The texts as the checker numbered them: the program's own, then the used ones in the order of their loading.
    fn onto(self, mut sources: SourceMap) -> SourceMap {
        for (name, text) in self.loaded.into_inner().expect("no load panics") {
            sources.add(name, text);
        }
        sources
    }
}

/// Share of a posterior's draws that has to be effective for nothing to be said about their having no weights.
const SERVED: f64 = 0.9;

fn unweighed(file: &str, share: f64) -> Report {
    let message = format!(
        "draws from `{file}` have no weights in this program, and {:.0} % of them are effective for this data",
        100.0 * share
    );
    Report::warning("odp::session::unweighed", message).help(
        "means drawn here may be off by a good part of a standard deviation: train longer, or write both data sets into one program",
    )
}

fn of_store(error: &StoreError) -> Report {
    // The place that matters is the `use`, which the caller marks; the file's own text is not at hand to be shown.
    let report = error.report(&mut SourceMap::default());
    match error {
        StoreError::Unreadable { .. } => report.help(
            "look at the path: it is relative to the file that names it, and stays in that file's folder",
        ),
        _ => report,
    }
}

fn module(path: &str, used: Span) -> Result<(String, String), Report> {
    let name = path.strip_prefix("std::").unwrap_or(path);
    let found = MODULES
        .iter()
        .find(|(n, _)| *n == name && path.starts_with("std::"));
    found
        .map(|(_, text)| (path.to_string(), text.to_string()))
        .ok_or_else(|| {
            let report = Report::error(
                "odp::session::unknown_module",
                format!("there is no module `{path}`"),
            );
            let help = match nearest(name, MODULES.iter().map(|(n, _)| *n)) {
                Some(near) => format!("did you mean `std::{near}`?"),
                None => {
                    let all: Vec<String> =
                        MODULES.iter().map(|(n, _)| format!("`std::{n}`")).collect();
                    format!(
                        "there are {}; a file is used by its path: `use \"helpers.odp\"`",
                        all.join(", ")
                    )
                }
            };
            report.label(used, "used here").help(help)
        })
}

fn describe(model: &Model) -> Description {
    let input = |decl: &DataDecl| InputFacts {
        name: decl.name.clone(),
        ty: type_of(decl, &model.sources),
        given: None,
    };
    Description {
        model: model.name.clone(),
        inputs: model.data.iter().map(input).collect(),
        ..Description::default()
    }
}

/// `real?[J, 3]`.
fn type_of(decl: &DataDecl, sources: &SourceMap) -> String {
    let kind = match decl.kind {
        DataKind::Bool => "bool",
        DataKind::Int => "int",
        DataKind::Real => "real",
        DataKind::Str => "string",
    };
    let written = |size: &Size| match size {
        Size::Binds { name, .. } => name.clone(),
        Size::Is(expr) => {
            let range = expr.span.start as usize..expr.span.end as usize;
            let text = sources.get(expr.span.file).and_then(|s| s.text.get(range));
            text.unwrap_or("…").to_string()
        }
    };
    let sizes: Vec<String> = decl.sizes.iter().map(written).collect();
    let missing = if decl.missing { "?" } else { "" };
    match sizes.is_empty() {
        true => format!("{kind}{missing}"),
        false => format!("{kind}{missing}[{}]", sizes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Loaded, NoFiles};

    struct One(&'static str, &'static [u8]);

    impl Loader for One {
        fn read(&self, _: &str, path: &str) -> Result<Loaded, StoreError> {
            match path == self.0 {
                true => Ok(Loaded {
                    name: path.to_string(),
                    bytes: self.1.to_vec(),
                }),
                false => NoFiles.read("", path),
            }
        }
    }

    fn failure(text: &str, loader: One) -> Failure {
        compile("d/model.odp", text, Arc::new(loader)).unwrap_err()
    }

    #[test]
    fn a_program_says_what_it_takes() {
        let text =
            "data N: int\ndata y: real?[N, 2 * N]\ndata k: int[M]\nsample x ~ Normal(0, 1)\n";
        let program = compile("eight.odp", text, Arc::new(NoFiles)).unwrap();
        assert_eq!(program.name(), "eight");
        let types: Vec<&str> = program
            .describe()
            .inputs
            .iter()
            .map(|i| i.ty.as_str())
            .collect();
        assert_eq!(types, ["int", "real?[N, 2 * N]", "int[M]"]);
    }

    #[test]
    fn what_is_wrong_decides_the_exit_code() {
        let exit = |text: &str| failure(text, One("ok.odp", b"fn f() { 1 }\xff")).exit;
        assert_eq!(exit("sample x ~ Norml(0, 1)"), ExitKind::Model);
        assert_eq!(exit("sample x ~"), ExitKind::Model);
        assert_eq!(exit("// nothing\n"), ExitKind::Model);
        assert_eq!(
            exit("use \"no.odp\"\nsample x ~ Normal(0, 1)"),
            ExitKind::Input
        );
        assert_eq!(
            exit("use \"ok.odp\"\nsample x ~ Normal(0, 1)"),
            ExitKind::Input
        );
        assert_eq!(
            exit("use std::nothing\nsample x ~ Normal(0, 1)"),
            ExitKind::Model
        );
    }

    #[test]
    fn an_error_in_a_used_file_can_be_shown() {
        let failure = failure(
            "use \"h.odp\"\nsample x ~ f()",
            One("h.odp", b"fn f() {\n  Normal(0, sgima)\n}\n"),
        );
        let label = &failure.reports[0].labels[0];
        let source = failure.sources.get(label.span.file).unwrap();
        assert_eq!(
            (source.name.as_str(), failure.sources.line_col(label.span).0),
            ("h.odp", 2)
        );
    }
}
