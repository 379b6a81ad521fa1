//! `-O name=value` options that belong to the compiler, whatever the engine is.

use odp::{ExitKind, Failure, Marginalize, PASSES, Passes, Report};

/// `-O name=value`, in the order given.
pub type Options = Vec<(String, String)>;

/// What was asked of the compiler.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compiler {
    /// `unroll`: how often what depends on chance is unrolled.
    pub unroll: Option<usize>,
    /// `passes`: which rewrites are made.
    pub passes: Passes,
    /// `marginalize`: what is integrated out of what can be.
    pub marginalize: Marginalize,
}

/// The compiler's options, and the ones that are left for the engine.
///
/// # Errors
/// A value that an option cannot have.
pub fn split(options: &[(String, String)]) -> Result<(Compiler, Options), Failure> {
    let mut compiler = Compiler::default();
    let mut rest = Options::new();
    for (name, value) in options {
        match name.as_str() {
            "unroll" => compiler.unroll = Some(unroll(value)?),
            "passes" => compiler.passes = Passes::parse(value).map_err(|n| no_pass(&n))?,
            "marginalize" => compiler.marginalize = marginalize(value)?,
            _ => rest.push((name.clone(), value.clone())),
        }
    }
    Ok((compiler, rest))
}

/// What the options are, for people.
pub fn help() -> Vec<(String, String)> {
    let own = |name: &str, text: &str| (name.to_string(), text.to_string());
    let mut lines = vec![
        own(
            "unroll=N",
            "how often a loop or recursion that depends on chance is unrolled",
        ),
        own(
            "passes=a,b,…",
            "the compiler's rewrites: `all` (default), `none`, or some of the following",
        ),
    ];
    lines.extend(
        PASSES
            .iter()
            .map(|(name, text)| own(&format!("  {name}"), text)),
    );
    lines.push(own(
        "marginalize=auto|all|no",
        "which noise is integrated out where all else makes it Gaussian: what can meet all evidence of a drawn scale, all, or none",
    ));
    lines
}

fn unroll(text: &str) -> Result<usize, Failure> {
    let n: Option<usize> = text.parse().ok().filter(|n| (1..=10_000).contains(n));
    n.ok_or_else(|| {
        let report = Report::error(
            "odp::cli::usage",
            format!("-O unroll={text}: a whole number from 1 to 10000 is needed"),
        );
        Failure::plain(ExitKind::Input, report)
    })
}

fn marginalize(text: &str) -> Result<Marginalize, Failure> {
    Marginalize::parse(text).ok_or_else(|| {
        let report = Report::error(
            "odp::cli::usage",
            format!("-O marginalize={text}: `auto`, `all` or `no` is needed"),
        );
        Failure::plain(ExitKind::Input, report)
    })
}

fn no_pass(name: &str) -> Failure {
    let names: Vec<&str> = PASSES.iter().map(|(n, _)| *n).collect();
    let report = Report::error(
        "odp::cli::usage",
        format!("-O passes: there is no pass `{name}`"),
    );
    let report = report.help(format!("`all`, `none`, or some of {}", names.join(", ")));
    Failure::plain(ExitKind::Input, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(all: &[(&str, &str)]) -> Options {
        all.iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect()
    }

    #[test]
    fn the_compiler_takes_its_own() {
        let given = options(&[
            ("unroll", "7"),
            ("passes", "fold, stats"),
            ("particles", "9"),
        ]);
        let (compiler, rest) = split(&given).unwrap();
        assert_eq!(compiler.unroll, Some(7));
        assert!(compiler.passes.has("stats") && !compiler.passes.has("gemm"));
        assert_eq!(rest, options(&[("particles", "9")]));
    }

    #[test]
    fn what_is_no_pass_is_refused() {
        assert!(split(&options(&[("passes", "fusion")])).is_err());
        let (compiler, _) = split(&options(&[("passes", "none")])).unwrap();
        assert_eq!(compiler.passes, Passes::NONE);
    }
}
