//! What resolution can find wrong with a program. Type errors are in `mismatch`.

use super::names::Hint;
use super::synonyms;
use crate::base::{Report, Span, nearest};
use crate::ir::Builtin;

/// A name, declaration or statement that cannot stand as it does.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("unknown name `{name}`")]
    UnknownName {
        name: String,
        span: Span,
        also: Vec<Span>,
        hint: Hint,
    },
    #[error("`{module}` has no `{name}`")]
    UnknownMember {
        module: String,
        name: String,
        span: Span,
        nearest: Option<String>,
    },
    #[error("`{name}` comes from more than one used file")]
    Ambiguous {
        name: String,
        span: Span,
        from: Vec<Span>,
    },
    #[error("`{name}` is declared twice")]
    Duplicate {
        name: String,
        span: Span,
        first: Span,
        what: &'static str,
    },
    #[error("two sites named `{name}` in one scope")]
    DuplicateSite {
        name: String,
        span: Span,
        first: Span,
    },
    #[error("`{name}` is {what} and cannot be assigned to")]
    NotAssignable {
        name: String,
        what: &'static str,
        span: Span,
        declared: Option<Span>,
    },
    #[error("`{name}` belongs to the code around this function and cannot be assigned to here")]
    AssignCaptured {
        name: String,
        span: Span,
        declared: Span,
        function: Span,
    },
    #[error("assignment to `{name}`, which is not declared")]
    AssignUnknown {
        name: String,
        span: Span,
        hint: Hint,
    },
    #[error("unknown name `{name}`: it is declared as `{declared}`")]
    MisspeltDeclaration {
        name: String,
        declared: String,
        span: Span,
        uses: Vec<Span>,
    },
    #[error("`{keyword}` outside of a loop")]
    OutsideLoop { keyword: &'static str, span: Span },
    #[error("`{what}` cannot stand in {place}")]
    Misplaced {
        what: &'static str,
        place: String,
        span: Span,
        around: Option<Span>,
        help: &'static str,
    },
    #[error("`{callee}` takes {}, and {} given", count(params, *rest), were(*got))]
    ArgumentCount {
        callee: String,
        params: Vec<String>,
        rest: bool,
        got: usize,
        span: Span,
        extra: Option<Span>,
        declared: Option<Span>,
    },
    #[error("`{callee}` lacks its argument `{name}`")]
    MissingArgument {
        callee: String,
        name: String,
        params: Vec<String>,
        span: Span,
        declared: Option<Span>,
    },
    #[error("`{callee}` has no argument named `{name}`")]
    UnknownArgument {
        callee: String,
        name: String,
        params: Vec<String>,
        span: Span,
        declared: Option<Span>,
    },
    #[error("the argument `{name}` is given twice")]
    RepeatedArgument {
        name: String,
        span: Span,
        first: Span,
    },
    #[error("an argument without a name after one with a name")]
    PositionalAfterNamed { span: Span, named: Span },
    #[error("arguments by name need a function whose declaration is known")]
    KeywordOfValue { span: Span, callee: Span },
    #[error("unknown type `{name}`")]
    UnknownType {
        name: String,
        span: Span,
        hint: Option<String>,
    },
    #[error("data cannot have this type")]
    DataType { span: Span },
    #[error("the sizes of an array stand in one pair of brackets")]
    NestedSizes { span: Span },
    #[error("only a `real` can be marked as missing")]
    MissingOf { span: Span },
    #[error("`{name}` is not something that a distribution has")]
    UnknownMethod { name: String, span: Span },
    #[error("`{distribution}`'s `{method}` takes {} besides the distribution's own", expects(*.want))]
    MethodArguments {
        distribution: String,
        method: String,
        want: usize,
        span: Span,
    },
    #[error("the distribution `{name}` does not say how to sample it")]
    NoSampleMethod { name: String, span: Span },
    #[error("files that use each other in a circle")]
    CyclicUse { span: Span },
    #[error("which file `{}` reads must stand in the program", builtin.name())]
    AssetPath {
        builtin: Builtin,
        span: Span,
        path: Span,
    },
    #[error("a used file holds only `fn`, `distribution`, `let` and `use`")]
    NotInModule { span: Span },
    #[error("a constant of a used file cannot depend on chance")]
    RandomModule { span: Span, sample: Span },
    #[error("a plate of samples starts at 0")]
    PlateStart { span: Span },
    #[error("`{name}` has no value yet when `{function}` is called here")]
    UsedBeforeSet {
        name: String,
        function: String,
        call: Span,
        declared: Span,
    },
    #[error("`{name}` calls itself without end")]
    EndlessRecursion {
        name: String,
        call: Span,
        function: Span,
    },
}

use CheckError::*;

impl CheckError {
    /// The place to look at first; errors are told apart by code and place.
    pub fn report(&self) -> Report {
        let report = Report::error(self.code(), self.to_string());
        self.help(self.label(report))
    }

    fn code(&self) -> &'static str {
        match self {
            UnknownName { .. } | AssignUnknown { .. } | MisspeltDeclaration { .. } => {
                "odp::check::unknown_name"
            }
            UnknownMember { .. } => "odp::check::unknown_member",
            Ambiguous { .. } => "odp::check::ambiguous_name",
            Duplicate { .. } => "odp::check::duplicate_name",
            DuplicateSite { .. } => "odp::check::duplicate_site",
            NotAssignable { .. } => "odp::check::not_assignable",
            AssignCaptured { .. } => "odp::check::assign_captured",
            OutsideLoop { .. } => "odp::check::outside_loop",
            Misplaced { .. } => "odp::check::misplaced",
            ArgumentCount { .. } => "odp::check::argument_count",
            MissingArgument { .. } => "odp::check::missing_argument",
            UnknownArgument { .. } => "odp::check::unknown_argument",
            RepeatedArgument { .. } => "odp::check::repeated_argument",
            PositionalAfterNamed { .. } => "odp::check::positional_after_named",
            KeywordOfValue { .. } => "odp::check::keyword_of_value",
            UnknownType { .. } => "odp::check::unknown_type",
            DataType { .. } | NestedSizes { .. } | MissingOf { .. } => "odp::check::data_type",
            UnknownMethod { .. } | MethodArguments { .. } | NoSampleMethod { .. } => {
                "odp::check::distribution_method"
            }
            CyclicUse { .. } => "odp::check::cyclic_use",
            AssetPath { .. } => "odp::check::asset_path",
            NotInModule { .. } => "odp::check::not_in_module",
            RandomModule { .. } => "odp::check::random_constant",
            PlateStart { .. } => "odp::check::plate_start",
            UsedBeforeSet { .. } => "odp::check::used_before_set",
            EndlessRecursion { .. } => "odp::check::endless_recursion",
        }
    }

    fn label(&self, report: Report) -> Report {
        match self {
            UnknownName {
                span, also, hint, ..
            } => {
                let report = report.label(*span, "not known here");
                let report = also.iter().fold(report, |r, &s| r.label(s, "and here"));
                hint.label(report)
            }
            AssignUnknown { span, hint, .. } => hint.label(report.label(*span, "not known here")),
            MisspeltDeclaration {
                name, span, uses, ..
            } => uses
                .iter()
                .fold(report.label(*span, "nothing reads this name"), |r, &s| {
                    r.label(s, format!("`{name}` is used here"))
                }),
            UnknownMember { span, .. } => report.label(*span, "not among its names"),
            Ambiguous { span, from, .. } => from
                .iter()
                .fold(report.label(*span, "which one?"), |r, &s| {
                    r.label(s, "one is here")
                }),
            Duplicate {
                span, first, what, ..
            } => report
                .label(*span, format!("this {what} has a name that is taken"))
                .label(*first, "the first is here"),
            DuplicateSite { span, first, .. } => report
                .label(*span, "the same name again")
                .label(*first, "the first is here"),
            NotAssignable { span, declared, .. } => maybe(
                report.label(*span, "assigned here"),
                *declared,
                "declared here",
            ),
            AssignCaptured {
                span,
                declared,
                function,
                ..
            } => report
                .label(*span, "assigned here")
                .label(*declared, "declared here, outside")
                .label(*function, "the function has a copy of its value"),
            Misplaced { span, around, .. } => {
                maybe(report.label(*span, ""), *around, "inside this")
            }
            ArgumentCount {
                span,
                extra,
                declared,
                ..
            } => maybe(
                report.label(
                    extra.unwrap_or(*span),
                    if extra.is_some() { "one too many" } else { "" },
                ),
                *declared,
                "declared here",
            ),
            MissingArgument { span, declared, .. } | UnknownArgument { span, declared, .. } => {
                maybe(report.label(*span, ""), *declared, "declared here")
            }
            RepeatedArgument { span, first, .. } => {
                report.label(*span, "again").label(*first, "first here")
            }
            PositionalAfterNamed { span, named } => report
                .label(*span, "")
                .label(*named, "from here on, names are needed"),
            KeywordOfValue { span, callee } => report
                .label(*span, "")
                .label(*callee, "only known to be a function when the program runs"),
            RandomModule { span, sample } => report.label(*span, "").label(*sample, "drawn here"),
            UsedBeforeSet {
                name,
                call,
                declared,
                ..
            } => report
                .label(*call, format!("this call reads `{name}`"))
                .label(*declared, "which gets its value here, below"),
            EndlessRecursion { call, function, .. } => report
                .label(*call, "every way through the function leads to such a call")
                .label(*function, "so this can never return"),
            AssetPath { span, path, .. } => report
                .label(*path, "only known when the program runs")
                .label(*span, "files are read before that"),
            OutsideLoop { span, .. }
            | UnknownType { span, .. }
            | DataType { span }
            | NestedSizes { span }
            | MissingOf { span }
            | UnknownMethod { span, .. }
            | MethodArguments { span, .. }
            | NoSampleMethod { span, .. }
            | CyclicUse { span }
            | NotInModule { span }
            | PlateStart { span } => report.label(*span, ""),
        }
    }

    fn help(&self, report: Report) -> Report {
        let text = match self {
            UnknownName { hint, .. } => return report.maybe_help(hint.help()),
            MisspeltDeclaration { name, .. } => format!("call it `{name}` where it is declared"),
            AssignUnknown { name, hint, .. } => match hint {
                Hint::Undeclared(_) | Hint::Nothing => {
                    format!(
                        "declare it with `var {name} = …` above; a value that stays as it is is named with `let {name} = …`"
                    )
                }
                hint => hint.help().unwrap_or_default(),
            },
            UnknownMember {
                nearest: Some(near),
                ..
            } => format!("did you mean `{near}`?"),
            Ambiguous { name, .. } => {
                format!("give one a prefix: `use \"…\" as h`, then `h::{name}`")
            }
            Duplicate {
                what: "argument", ..
            } => "give each argument a name of its own".into(),
            Duplicate { .. } => "rename one of the two".into(),
            DuplicateSite { name, .. } => format!(
                "give it another name; for several draws of one kind write `sample {name}[i in 0..n] ~ …`"
            ),
            NotAssignable { name, what, .. } => assign_help(name, what),
            AssignCaptured { .. } => {
                "return the new value and assign it outside, or collect it with `fold`".into()
            }
            Misplaced { help, .. } => (*help).into(),
            MissingArgument { callee, .. } | ArgumentCount { callee, .. } if callee == "range" => {
                "write `range(a, b)`, or `0..n`: from 0 up to but without `n`".into()
            }
            ArgumentCount {
                callee,
                params,
                rest,
                ..
            } => format!("its arguments are {}", order(callee, params, *rest)),
            MissingArgument { callee, params, .. } => {
                format!("its arguments are {}", order(callee, params, false))
            }
            UnknownArgument {
                callee,
                name,
                params,
                ..
            } => match (
                synonyms::meant(callee, name),
                nearest(name, params.iter().map(|p| bare_param(p))),
            ) {
                (Some(meant), _) => {
                    format!("here this is {meant}: {}", order(callee, params, false))
                }
                (None, Some(near)) => format!(
                    "did you mean `{near}`? It is {}",
                    order(callee, params, false)
                ),
                (None, None) => format!("its arguments are {}", order(callee, params, false)),
            },
            PositionalAfterNamed { .. } => "put the arguments without names first".into(),
            KeywordOfValue { .. } => "give the arguments in order, without names".into(),
            UnknownType {
                hint: Some(hint), ..
            } => hint.clone(),
            UnknownType { .. } => {
                "the types are `bool`, `int`, `real`, `string` and arrays such as `real[n]`".into()
            }
            DataType { .. } => "data are `bool`, `int`, `real`, `string` or arrays of them".into(),
            NestedSizes { .. } => "write `real[n, m]`".into(),
            MissingOf { .. } => "write `real?[n]`: values that may be missing are reals".into(),
            UnknownMethod { .. } => {
                "it may have `sample`, `log_prob(x)`, `cdf(x)` and `quantile(p)`".into()
            }
            MethodArguments { method, .. } => match method.as_str() {
                "sample" => "write `sample { … }`".into(),
                "quantile" => "write `quantile(p) { … }`".into(),
                other => format!("write `{other}(x) {{ … }}`"),
            },
            NoSampleMethod { .. } => "add `sample { … }`, whose value is the draw".into(),
            CyclicUse { .. } => "move what both need into a third file".into(),
            AssetPath { builtin, .. } => {
                format!("write the path itself: `{}(\"data.file\")`; what changes from run to run is `data`", builtin.name())
            }
            NotInModule { .. } => "move this to the program that uses the file".into(),
            RandomModule { .. } => "make it a function, and call that from the program".into(),
            PlateStart { .. } => {
                "start at 0 and treat the first ones apart: `if i == 0 { … } else { … }`".into()
            }
            UsedBeforeSet { .. } => "move the call below the declaration".into(),
            EndlessRecursion { .. } => {
                "add a case that returns without the call, such as `if n == 0 { … } else { … }`; no --max-depth is enough without"
                    .into()
            }
            OutsideLoop { keyword, .. } => match *keyword {
                "break" => {
                    "`break` leaves a `for` or a `while`; a function is left by `return`".into()
                }
                _ => "`continue` goes on with the next round of a `for` or a `while`".into(),
            },
            RepeatedArgument { name, .. } => {
                format!(
                    "remove one of the two; the first may be `{name}` by its place in the order"
                )
            }
            UnknownMember { module, .. } => format!("look into `{module}` for what it declares"),
        };
        report.help(text)
    }
}

/// A parameter without the marks of a default or an option.
fn bare_param(shown: &str) -> &str {
    shown.trim_end_matches('?').trim_end_matches(" = …")
}

fn maybe(report: Report, span: Option<Span>, text: &str) -> Report {
    match span {
        Some(span) => report.label(span, text),
        None => report,
    }
}

fn assign_help(name: &str, what: &str) -> String {
    match what {
        "a `let`" => format!("declare it with `var {name} = …`"),
        "a loop's variable" | "a plate's index" | "an argument" => {
            format!("copy it first: `var v = {name}`, then assign to `v`")
        }
        _ => format!("take a copy that can change: `var v = {name}`"),
    }
}

fn order(callee: &str, params: &[String], rest: bool) -> String {
    let more = if rest { ", …" } else { "" };
    format!("`{callee}({}{more})`", params.join(", "))
}

fn count(params: &[String], rest: bool) -> String {
    // Options are given by name only.
    let options = params.iter().filter(|p| p.contains(" = ")).count();
    let optional = params.iter().filter(|p| p.ends_with('?')).count();
    let required = params.len() - options - optional;
    match (required, optional, rest) {
        (_, _, true) => format!("at least {}", plural(required)),
        (0, 0, _) => "no argument".into(),
        (_, 0, _) => plural(required),
        _ => format!("{required} to {}", plural(required + optional)),
    }
}

fn plural(n: usize) -> String {
    match n {
        1 => "1 argument".into(),
        n => format!("{n} arguments"),
    }
}

fn were(n: usize) -> String {
    match n {
        0 => "none is".into(),
        1 => "1 is".into(),
        n => format!("{n} are"),
    }
}

fn expects(n: usize) -> String {
    match n {
        0 => "no argument".into(),
        n => plural(n),
    }
}
