//! What may stand at the cursor: names with what they take, fields, parameters, modules, commands, files.

use odp::{DistributionFacts, Program, Session, TokenKind, Type, WordFacts};
use rustyline::completion::{FilenameCompleter, Pair};

use super::command;

/// What can be completed.
pub struct Words {
    /// The program so far, for the fields of its records.
    pub program: Option<Program>,
    /// Its names.
    pub names: Vec<String>,
    /// Names of its data.
    pub inputs: Vec<String>,
    distributions: Vec<DistributionFacts>,
    functions: Vec<WordFacts>,
    keywords: Vec<WordFacts>,
    files: FilenameCompleter,
}

impl Default for Words {
    fn default() -> Words {
        Words {
            program: None,
            names: Vec::new(),
            inputs: Vec::new(),
            distributions: odp::distributions(),
            functions: [odp::combinators(), odp::builtins()].concat(),
            keywords: odp::keywords(),
            files: FilenameCompleter::new(),
        }
    }
}

/// Where the word at the cursor begins, and what it may become.
pub type Candidates = (usize, Vec<Pair>);

impl Words {
    /// What may stand at byte `pos` of a line.
    pub fn candidates(&self, line: &str, pos: usize) -> Candidates {
        let before = &line[..pos];
        match before.strip_prefix(':') {
            Some(rest) => self.of_command(line, pos, rest),
            None => self.of_program(before),
        }
    }

    fn of_command(&self, line: &str, pos: usize, rest: &str) -> Candidates {
        let Some((word, argument)) = rest.split_once(' ') else {
            let all = command::ALL
                .iter()
                .map(|(_, name, usage, _)| pair(usage, &format!(":{name}")));
            return (0, starting(all, &format!(":{rest}")));
        };
        use command::Name::{Data, Doc, Graph, Infer, Load, Save, Set};
        let name = command::read(word).map(|c| c.name);
        match name {
            Ok(Load | Save | Data | Graph) => {
                self.files.complete_path(line, pos).unwrap_or_default()
            }
            Ok(Infer) => of_engines(argument, pos),
            Ok(Set) => {
                let all = self.inputs.iter().map(|n| pair(n, &format!("{n}=")));
                (pos - argument.len(), starting(all, argument))
            }
            Ok(Doc) => {
                let (start, mut all) = self.of_program(&line[..pos]);
                let text = &line[start..pos];
                let modules = odp::modules();
                all.extend(starting(
                    modules.iter().map(|m| pair(&m.name, &m.name)),
                    text,
                ));
                // A name alone is wanted, not a call.
                all.iter_mut()
                    .for_each(|p| p.replacement = bare(&p.replacement));
                (start, all)
            }
            _ => self.of_program(&line[..pos]),
        }
    }

    fn of_program(&self, before: &str) -> Candidates {
        let start = word_start(before);
        let (head, word) = before.split_at(start);
        if let Some(path) = head.strip_suffix("::") {
            return (start, starting(items(last_path(path)), word));
        }
        if let Some(record) = head.strip_suffix('.') {
            return (
                start,
                starting(self.fields(record).iter().map(|f| pair(f, f)), word),
            );
        }
        let mut all = starting(self.parameters(head), word);
        all.extend(starting(self.names.iter().map(|n| pair(n, n)), word));
        all.extend(starting(self.words(), word));
        if !head.trim_end().is_empty() || !word.is_empty() {
            let modules = odp::modules();
            let uses = head.trim_end().ends_with("use");
            all.extend(starting(
                modules
                    .iter()
                    .filter(|_| uses)
                    .map(|m| pair(&m.name, &m.name)),
                word,
            ));
        }
        all.dedup_by(|a, b| a.replacement == b.replacement);
        (start, all)
    }

    fn words(&self) -> impl Iterator<Item = Pair> {
        let distributions = self
            .distributions
            .iter()
            .map(|d| pair(&d.signature(), &format!("{}(", d.name)));
        let functions = self
            .functions
            .iter()
            .map(|w| pair(w.usage, &format!("{}(", w.name)));
        let keywords = self.keywords.iter().map(|w| pair(w.name, w.name));
        distributions.chain(functions).chain(keywords)
    }

    /// The fields of the record that ends here.
    fn fields(&self, text: &str) -> Vec<String> {
        let record = &text[path_start(text)..];
        let ty = self.program.as_ref().and_then(|p| p.type_of(record).ok());
        match ty {
            Some(Type::Record(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
            Some(Type::Tuple(parts)) => (0..parts.len()).map(|i| i.to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// The parameters of the distribution whose call is open here.
    fn parameters(&self, head: &str) -> Vec<Pair> {
        let Some(facts) = self.open_call(head) else {
            return Vec::new();
        };
        let named = facts.parameters.iter();
        named
            .map(|p| {
                pair(
                    &format!("{} = ({})", p.name, p.domain),
                    &format!("{} = ", p.name),
                )
            })
            .collect()
    }

    /// The distribution whose call is open at the end of a text.
    pub fn open_call(&self, head: &str) -> Option<&DistributionFacts> {
        let mut open = Vec::new();
        let mut last = "";
        for (range, kind) in Session::tokens(head) {
            let word = &head[range];
            match word {
                "(" | "[" | "{" if kind == TokenKind::Sign => open.push((word, last)),
                ")" | "]" | "}" if kind == TokenKind::Sign => drop(open.pop()),
                _ => {}
            }
            last = word;
        }
        let (_, callee) = open.last().filter(|(bracket, _)| *bracket == "(")?;
        self.distributions.iter().find(|d| d.name == *callee)
    }
}

fn of_engines(argument: &str, pos: usize) -> Candidates {
    let engines = odp::engines();
    let start = argument.rfind(' ').map_or(0, |i| i + 1);
    let (head, word) = argument.split_at(start);
    let at = pos - word.len();
    let Some(engine) = engines
        .iter()
        .find(|e| head.split(' ').next() == Some(e.name))
    else {
        return (
            at,
            starting(engines.iter().map(|e| pair(e.name, e.name)), word),
        );
    };
    let options = engine.options.iter().map(|o| {
        pair(
            &format!("{}={}", o.name, o.default),
            &format!("{}=", o.name),
        )
    });
    let common = ["draws=", "chains=", "seed=", "time="].map(|n| pair(n, n));
    (at, starting(options.chain(common), word))
}

/// What a module gives, by its path or its last part.
fn items(path: &str) -> Vec<Pair> {
    let all = odp::modules();
    if path == "std" {
        let modules = all.iter().filter_map(|m| m.name.strip_prefix("std::"));
        return modules.map(|m| pair(m, m)).collect();
    }
    let of = |name: &str| name == path || name.strip_prefix("std::") == Some(path);
    let found = all.iter().find(|m| of(&m.name));
    found.map_or(Vec::new(), |m| {
        m.items.iter().map(|i| pair(&i.usage, &i.name)).collect()
    })
}

fn pair(display: &str, replacement: &str) -> Pair {
    Pair {
        display: display.to_string(),
        replacement: replacement.to_string(),
    }
}

fn starting(all: impl IntoIterator<Item = Pair>, word: &str) -> Vec<Pair> {
    all.into_iter()
        .filter(|p| p.replacement.starts_with(word))
        .collect()
}

fn bare(replacement: &str) -> String {
    replacement.trim_end_matches(['(', '=', ' ']).to_string()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_start(text: &str) -> usize {
    text.rfind(|c| !is_word(c)).map_or(0, |i| {
        i + text[i..].chars().next().map_or(1, char::len_utf8)
    })
}

/// Where `a.b[0].c` at the end of a text begins.
fn path_start(text: &str) -> usize {
    let (mut start, mut depth) = (text.len(), 0);
    for (i, c) in text.char_indices().rev() {
        match c {
            ']' | ')' => depth += 1,
            '[' | '(' if depth > 0 => depth -= 1,
            _ if depth > 0 || is_word(c) || c == '.' => {}
            _ => break,
        }
        start = i;
    }
    start
}

/// `gp` of `x + gp`, `std::gp` of `use std::gp`.
fn last_path(text: &str) -> &str {
    let is_path = |c: char| is_word(c) || c == ':';
    let start = text.rfind(|c| !is_path(c)).map_or(0, |i| i + 1);
    &text[text.ceil_char_boundary(start)..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn words() -> Words {
        let text =
            "data y: real[n]\nlet r = {alpha: 1, beta: {gamma: 2}}\nsample mu ~ Normal(0, 1)\n";
        let program = Session::compile("m.odp", text, Arc::new(odp::NoFiles)).unwrap();
        Words {
            program: Some(program),
            names: ["y", "r", "mu"].map(String::from).to_vec(),
            inputs: vec!["y".to_string()],
            ..Words::default()
        }
    }

    fn completed(line: &str) -> Vec<String> {
        let (start, all) = words().candidates(line, line.len());
        all.iter()
            .map(|p| format!("{}{}", &line[..start], p.replacement))
            .collect()
    }

    #[test]
    fn names_fields_and_parameters() {
        assert_eq!(completed("let z = m")[0], "let z = mu");
        assert_eq!(completed("r.al"), ["r.alpha"]);
        assert_eq!(completed("1 + r.beta."), ["1 + r.beta.gamma"]);
        assert_eq!(
            completed("sample x ~ NegBinomial2"),
            ["sample x ~ NegBinomial2("]
        );
        assert_eq!(
            completed("sample x ~ Normal(0, sig")[0],
            "sample x ~ Normal(0, sigma = "
        );
        assert!(completed("obs").contains(&"observe".to_string()));
        assert!(completed("inv_l").contains(&"inv_logit(".to_string()));
    }

    #[test]
    fn commands_and_what_they_take() {
        assert_eq!(completed(":inf"), [":infer"]);
        assert!(completed(":infer el").contains(&":infer elliptical".to_string()));
        assert!(
            completed(":infer smc part")
                .iter()
                .any(|c| c.starts_with(":infer smc particles"))
        );
        assert_eq!(completed(":set "), [":set y="]);
        assert!(completed(":doc HalfC").contains(&":doc HalfCauchy".to_string()));
        assert_eq!(completed(":plot m")[0], ":plot mu");
    }

    #[test]
    fn any_place_of_any_line_can_be_completed() {
        for line in [
            "µ.",
            "let µ = “",
            "f(g(",
            ")))",
            ":",
            ": x",
            ":plot µ",
            "a::",
            "r.beta[0](.x",
            "\u{2028}.",
        ] {
            for pos in (0..=line.len()).filter(|i| line.is_char_boundary(*i)) {
                let (start, _) = words().candidates(line, pos);
                assert!(line.is_char_boundary(start) && start <= pos, "{line} {pos}");
            }
        }
    }
}
