//! `-O name=value` with typed getters: a wrong name or value is named, never ignored.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{InferError, OptionSpec};

/// Options of an engine, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, String>);

impl Options {
    /// Options from pairs.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Options {
        Options(
            pairs
                .into_iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect(),
        )
    }

    /// The words of an option, if it was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses options that the engine does not have.
    ///
    /// # Errors
    /// `BadOption` with the names there are.
    pub fn check(&self, specs: &[OptionSpec]) -> Result<(), InferError> {
        let unknown = self
            .0
            .keys()
            .find(|k| specs.iter().all(|s| s.name != k.as_str()));
        let Some(name) = unknown else { return Ok(()) };
        let names: Vec<_> = specs.iter().map(|s| s.name).collect();
        let why = match names.is_empty() {
            true => "the engine has no options".to_string(),
            false => format!("the engine has no such option; it has {}", names.join(", ")),
        };
        Err(InferError::BadOption {
            name: name.clone(),
            why,
        })
    }

    /// A whole number of at least `least`; `auto` and absence are `None`.
    ///
    /// # Errors
    /// `BadOption` if it is not one.
    pub fn count(&self, name: &str, least: usize) -> Result<Option<usize>, InferError> {
        let value: Option<usize> = self.parse(name, "a whole number")?;
        match value {
            Some(n) if n < least => Err(bad(name, format!("must be at least {least}, but is {n}"))),
            other => Ok(other),
        }
    }

    /// A finite number in `[low, high]`; `auto` and absence are `None`.
    ///
    /// # Errors
    /// `BadOption` if it is not one.
    pub fn number(&self, name: &str, low: f64, high: f64) -> Result<Option<f64>, InferError> {
        let value: Option<f64> = self.parse(name, "a number")?;
        match value {
            Some(x) if !(low..=high).contains(&x) => Err(bad(
                name,
                format!("must be between {low} and {high}, but is {x}"),
            )),
            other => Ok(other),
        }
    }

    /// `true` or `false`; `auto` and absence are `None`.
    ///
    /// # Errors
    /// `BadOption` if it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, InferError> {
        self.parse(name, "`true` or `false`")
    }

    /// One of a few words; `None` when absent.
    ///
    /// # Errors
    /// `BadOption` with the choices.
    pub fn choice(
        &self,
        name: &str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>, InferError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let found = choices.iter().find(|c| **c == text).copied();
        found.map(Some).ok_or_else(|| {
            bad(
                name,
                format!("must be one of {}, but is `{text}`", choices.join(", ")),
            )
        })
    }

    fn parse<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, InferError> {
        match self.get(name) {
            None | Some("auto") => Ok(None),
            Some(text) => text
                .parse()
                .map(Some)
                .map_err(|_| bad(name, format!("must be {what}, but is `{text}`"))),
        }
    }
}

fn bad(name: &str, why: String) -> InferError {
    InferError::BadOption {
        name: name.to_string(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_option_is_named() {
        let o = Options::from_pairs([("particles", "many"), ("thin", "auto"), ("rho", "2")]);
        assert!(
            matches!(o.count("particles", 1), Err(InferError::BadOption { name, .. }) if name == "particles")
        );
        assert_eq!(o.count("thin", 1), Ok(None));
        assert!(o.number("rho", 0.0, 1.0).is_err());
        assert_eq!(o.flag("absent"), Ok(None));
        assert!(o.check(&[]).unwrap_err().to_string().contains("particles"));
    }
}
