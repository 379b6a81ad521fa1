//! What lints say.

use super::{Join, Lint};
use crate::base::{Report, Span};

impl Lint {
    /// The place to look at.
    pub fn place(&self) -> Span {
        match self {
            Lint::Shadow { span, .. }
            | Lint::ShadowData { span, .. }
            | Lint::SampleOfData { span, .. }
            | Lint::SameSite { span, .. }
            | Lint::Unused { span, .. }
            | Lint::UnusedSite { span, .. }
            | Lint::DroppedDraw { span }
            | Lint::Meaning { span, .. }
            | Lint::Swapped { span, .. }
            | Lint::ConstantWeight { span, .. }
            | Lint::IdleEvidence { span, .. }
            | Lint::NeverEqual { span, .. }
            | Lint::ImpossibleCondition { span, .. }
            | Lint::NoEffect { span, .. }
            | Lint::DroppedCall { span, .. }
            | Lint::Unreachable { span, .. }
            | Lint::EndlessLoop { span, .. }
            | Lint::DivisionIsZero { span, .. }
            | Lint::StringOutput { span }
            | Lint::NegativePower { span, .. } => *span,
        }
    }

    /// As it is told.
    pub fn report(&self) -> Report {
        let report = Report::warning(self.code(), self.headline());
        self.label(report).maybe_help(self.help())
    }

    fn code(&self) -> &'static str {
        match self {
            Lint::Shadow { .. } => "odp::check::shadows_builtin",
            Lint::ShadowData { .. } => "odp::check::shadows_data",
            Lint::SampleOfData { .. } => "odp::check::sample_of_data",
            Lint::SameSite { .. } => "odp::check::same_site",
            Lint::Unused { .. } => "odp::check::unused",
            Lint::UnusedSite { .. } => "odp::check::unused_site",
            Lint::DroppedDraw { .. } => "odp::check::dropped_draw",
            Lint::Meaning { .. } => "odp::check::parameter_meaning",
            Lint::Swapped { .. } => "odp::check::swapped_arguments",
            Lint::ConstantWeight { what, .. } => match *what {
                "factor" => "odp::check::constant_factor",
                "condition" => "odp::check::constant_condition",
                _ => "odp::check::constant_observe",
            },
            Lint::IdleEvidence { .. } => "odp::check::idle_evidence",
            Lint::NeverEqual { .. } => "odp::check::never_equal",
            Lint::ImpossibleCondition { .. } => "odp::check::impossible_condition",
            Lint::NoEffect { .. } | Lint::DroppedCall { .. } => "odp::check::no_effect",
            Lint::Unreachable { .. } => "odp::check::unreachable",
            Lint::EndlessLoop { .. } => "odp::check::endless_loop",
            Lint::DivisionIsZero { .. } => "odp::check::division_is_zero",
            Lint::NegativePower { .. } => "odp::check::negative_power",
            Lint::StringOutput { .. } => "odp::check::string_output",
        }
    }

    fn headline(&self) -> String {
        match self {
            Lint::Shadow { name, .. } => format!("`{name}` hides the built-in of that name"),
            Lint::ShadowData { name, .. } => format!("`{name}` hides the data of that name"),
            Lint::SampleOfData { name, .. } => {
                format!("`{name}` is data, and is drawn here instead of observed")
            }
            Lint::SameSite { name, .. } => {
                format!(
                    "two sites named `{name}` are one output: where both are drawn, the later one hides the earlier"
                )
            }
            Lint::Unused { what, name, .. } => match *what {
                "data" => format!("the data `{name}` are never used"),
                "var" => format!("the variable `{name}` is never read"),
                "fn" => format!("the function `{name}` is never called"),
                "parameter" => format!("the parameter `{name}` is never used"),
                _ => format!("`{name}` is never used"),
            },
            Lint::UnusedSite { name, .. } => {
                format!("the draw `{name}` reaches no observation and no output")
            }
            Lint::DroppedDraw { .. } => "this draw goes nowhere".into(),
            Lint::Meaning {
                dist,
                param,
                wants,
                argument,
                says,
                ..
            } => format!("`{dist}`'s `{param}` is {wants}, and `{argument}` says it is {says}"),
            Lint::Swapped { .. } => "these two arguments look swapped".into(),
            Lint::ConstantWeight { what, .. } => {
                format!("this {what} is the same in every execution")
            }
            Lint::IdleEvidence { .. } => {
                "no observation depends on a draw: the posterior is the prior".into()
            }
            Lint::NeverEqual { name, unequal, .. } => match unequal {
                false => format!("`{name}` is continuous: this is true with probability 0"),
                true => format!("`{name}` is continuous: this is true with probability 1"),
            },
            Lint::ImpossibleCondition { name, .. } => {
                format!("`{name}` is continuous: this condition is met with probability 0")
            }
            Lint::NoEffect { .. } => "this statement has no effect".into(),
            Lint::DroppedCall { name, .. } => {
                format!("this call of `{name}` has no effect: its value is dropped")
            }
            Lint::Unreachable { .. } => "this is never reached".into(),
            Lint::EndlessLoop { names, .. } => match names.as_slice() {
                [] => "this loop never ends".into(),
                names => format!(
                    "this loop never ends: nothing in it changes {}",
                    listed(names)
                ),
            },
            Lint::StringOutput { .. } => "a string is no output, and is left out".into(),
            Lint::DivisionIsZero { a, b, .. } => {
                format!("{a} divided by {b} as whole numbers is 0")
            }
            Lint::NegativePower { .. } => "an int has no negative powers".into(),
        }
    }

    fn label(&self, report: Report) -> Report {
        match self {
            Lint::Shadow { span, .. } => report.label(*span, "from here on this is meant"),
            Lint::ShadowData { span, data, .. } => report
                .label(*span, "from here on this is meant")
                .label(*data, "the data"),
            Lint::SampleOfData { span, data, .. } => report
                .label(*span, "a new value, unrelated to the data")
                .label(*data, "the data"),
            Lint::SameSite { span, first, .. } => report
                .label(*span, "the same name again")
                .label(*first, "the first is here"),
            Lint::Unused { span, .. } => report.label(*span, ""),
            Lint::UnusedSite { span, read, .. } => report.label(
                *span,
                match read {
                    true => "what reads it reaches nothing either",
                    false => "nothing reads it",
                },
            ),
            Lint::Meaning { span, says, .. } => report.label(*span, format!("{says}, by its name")),
            Lint::Swapped { span, other, .. } => {
                report.label(*span, "").label(*other, "and this one")
            }
            Lint::ConstantWeight { span, .. } => report.label(*span, "a constant"),
            Lint::IdleEvidence { span, site } => report
                .label(*span, "this holds no draw, nor does any other")
                .label(*site, "drawn here"),
            Lint::NeverEqual { span, drawn, .. }
            | Lint::ImpossibleCondition { span, drawn, .. } => {
                let report = report.label(*span, "");
                match span.file == drawn.file && span.start <= drawn.start && drawn.end <= span.end
                {
                    true => report,
                    false => report.label(*drawn, "drawn here"),
                }
            }
            Lint::NoEffect { span, join } => {
                let report = report.label(*span, "its value is dropped");
                match join {
                    Some(Join::Minus(above) | Join::Bracket(above)) => {
                        report.label(*above, "this statement ends at its line's end")
                    }
                    None => report,
                }
            }
            Lint::Unreachable { span, behind, what } => report.label(*span, "").label(
                *behind,
                match *what {
                    "if" => "each arm leaves".into(),
                    what => format!("this `{what}` leaves before it"),
                },
            ),
            Lint::EndlessLoop { span, .. } => report.label(*span, "stays as it is"),
            Lint::DroppedDraw { span }
            | Lint::DroppedCall { span, .. }
            | Lint::DivisionIsZero { span, .. }
            | Lint::NegativePower { span, .. } => report.label(*span, ""),
            Lint::StringOutput { span } => report.label(*span, "a string"),
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Lint::Shadow { .. } => "rename it if the built-in is wanted below".into(),
            Lint::ShadowData { .. } => "rename it if the data are wanted below".into(),
            Lint::SampleOfData { name, .. } => {
                format!("to condition on the data, write `observe {name} ~ …`")
            }
            Lint::SameSite { .. } => {
                "give it another name, or `return` what the program is to give".into()
            }
            Lint::Unused { what, name, .. } => match *what {
                "data" => format!(
                    "observe it, `observe {name} ~ …`; or remove the declaration: a data file may hold more than is declared"
                ),
                "parameter" => format!("remove it, or call it `_{name}`"),
                "fn" | "distribution" => {
                    format!("remove it; or call it `_{name}` to keep it for later")
                }
                "var" => format!("return it, remove it, or call it `_{name}`"),
                _ => format!("return it, remove it, or call it `_{name}`"),
            },
            Lint::UnusedSite { name, .. } => format!(
                "observe something that depends on it, or return it; a draw that is not needed is called `_{name}`"
            ),
            Lint::DroppedDraw { .. } => {
                "name it, `sample x ~ D`, and use `x`; to condition on a value, write `observe value ~ D`".into()
            }
            Lint::Meaning {
                instead: Some(text),
                ..
            } => format!("write `{text}`, or rename the argument if it is what is wanted"),
            Lint::Meaning { .. } => "rename the argument if it is what is wanted".into(),
            Lint::Swapped { call, .. } => format!("write `{call}`"),
            Lint::ConstantWeight { what: "condition", .. } => {
                "a condition speaks of something that was drawn".into()
            }
            Lint::ConstantWeight { .. } => "it shifts log Z and changes no draw".into(),
            Lint::IdleEvidence { .. } => {
                "let an observation depend on what is drawn: `observe y ~ Normal(mu, sigma)`".into()
            }
            Lint::NeverEqual { name, .. } => format!(
                "compare with a tolerance, `abs({name} - value) < 0.1`, or observe the value"
            ),
            Lint::ImpossibleCondition { name, value, .. } => format!(
                "a measured value is observed: `observe {value} ~ Normal({name}, sigma)`, or `observe {value} ~ D` in place of `sample {name} ~ D`"
            ),
            Lint::NoEffect { join, .. } => match join {
                Some(Join::Minus(_)) => "a newline ends a statement: to go on, end the line above with the operator, `a -`, or put the whole in parentheses".into(),
                Some(Join::Bracket(_)) => "a newline ends a statement: a call's `(` and an index's `[` stand on the line of what they apply to".into(),
                None => "name it with `let x = …`, or give it as the result with `return …`".into(),
            },
            Lint::DroppedCall { .. } => {
                "name its value, `let x = …`; only a function that observes, factors or conditions does something by itself".into()
            }
            Lint::Unreachable { .. } => "remove it, or move it up".into(),
            Lint::EndlessLoop { names, .. } => match names.first() {
                Some(name) => format!("change `{name}` in the loop, or leave it with `break`"),
                None => "leave it with `break` or `return`".into(),
            },
            Lint::DivisionIsZero { a, b, .. } => format!("write `{a} / {b}`, which is a real"),
            Lint::StringOutput { .. } => {
                "return what the string stands for, such as its number; or `print` it".into()
            }
            Lint::NegativePower { base, .. } => format!("write `{base}.0 ^ …`, which is a real"),
        })
    }
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    quoted.join(" or ")
}
