//! Messages that speak of the command line's flags, in the words of the prompt.

use odp::Failure;

const WORDS: [(&str, &str); 7] = [
    ("--data FILE", ":data FILE"),
    ("--set NAME=VALUE", ":set NAME=VALUE"),
    ("--infer ", ":infer "),
    ("--draws N", "draws=N"),
    ("`--draws`", "`draws=`"),
    ("-O name=value", "name=value behind `:infer`"),
    ("`odp engines`", "`:doc`"),
];

/// A text with the prompt's words for what the command line calls otherwise.
pub fn at_prompt(text: &str) -> String {
    let exchange = |text: String, (flag, word): &(&str, &str)| text.replace(flag, word);
    WORDS.iter().fold(text.to_string(), exchange)
}

/// A failure in the prompt's words.
pub fn failure_at_prompt(mut failure: Failure) -> Failure {
    for report in &mut failure.reports {
        report.message = at_prompt(&report.message);
        report.help = report.help.as_deref().map(at_prompt);
    }
    failure
}
