//! What begins with a colon: its name, what follows it, and a line of help.

/// A command and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'t> {
    /// Its name.
    pub name: Name,
    /// What follows.
    pub rest: &'t str,
}

macro_rules! commands {
    ($($variant:ident $name:literal $usage:literal $summary:literal)*) => {
        /// The name of a command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Name { $($variant),* }

        /// All commands: name, usage, summary.
        pub const ALL: &[(Name, &str, &str, &str)] = &[$((Name::$variant, $name, $usage, $summary)),*];
    };
}

commands! {
    Show "show" ":show" "the program so far"
    Type "type" ":type EXPR" "the type and shape of an expression"
    Doc "doc" ":doc NAME" "what a distribution, a built-in, a keyword, a module or a name of yours is"
    Graph "graph" ":graph [FILE.svg]" "what depends on what; into a drawing, if a file is named"
    Sample "sample" ":sample N" "N draws of all named sites from the prior"
    Infer "infer" ":infer ENGINE name=value…" "the posterior; draws=, chains=, seed=, time= and the engine's own options may follow"
    Plot "plot" ":plot EXPR [EXPR]" "a histogram, or a scatter of two, of the last inference, else of the prior"
    Data "data" ":data FILE" "takes inputs from a data file"
    Set "set" ":set name=VALUE" "gives one input, as JSON"
    Load "load" ":load FILE" "begins with a program from a file"
    Save "save" ":save FILE" "writes the program to a file"
    Undo "undo" ":undo" "takes the last change back"
    Reset "reset" ":reset" "begins anew, without program and data"
    Time "time" ":time" "tells from now on how long everything takes, or no more"
    Help "help" ":help" "this list"
    Quit "quit" ":quit" "leaves, as Ctrl-D does"
}

/// Reads a line that begins with a colon. A command may be cut short as long as it is clear which one is meant.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(line: &str) -> Result<Command<'_>, String> {
    let line = line.trim().strip_prefix(':').unwrap_or(line).trim_start();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let begins: Vec<_> = ALL
        .iter()
        .filter(|(_, name, ..)| name.starts_with(word))
        .collect();
    let exact = begins.iter().find(|(_, name, ..)| *name == word);
    match (exact, &begins[..]) {
        (Some((name, ..)), _) | (None, [(name, ..)]) => Ok(Command { name: *name, rest }),
        (None, []) => Err(format!("there is no command `:{word}`; `:help` lists all")),
        (None, several) => {
            let names: Vec<String> = several
                .iter()
                .map(|(_, name, ..)| format!("`:{name}`"))
                .collect();
            Err(format!("`:{word}` may be {}", names.join(" or ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_may_be_cut_short() {
        assert_eq!(
            read(":plot x y").unwrap(),
            Command {
                name: Name::Plot,
                rest: "x y"
            }
        );
        assert_eq!(read(":q").unwrap().name, Name::Quit);
        assert_eq!(read(" :  infer   smc ").unwrap().rest, "smc");
        assert!(read(":s").unwrap_err().contains("`:show` or `:sample`"));
        assert!(read(":nothing").unwrap_err().contains(":help"));
        assert!(read(":").is_err());
    }
}
