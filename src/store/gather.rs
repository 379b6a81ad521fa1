//! Elements of one entry while they are read: the kind widens from int to real as the elements demand, and what is
//! missing is marked.
//!
//! ```text
//! 1 2 3          -> Int
//! 1 2.5 3        -> Real
//! 1 null 3       -> Real, the second is NaN and missing
//! "NaN" 2.0 "Inf"-> Real, as Stan writes them
//! "NA" "US"      -> Str: a text beside them makes them texts
//! ```

use crate::base::{Entry, Origin, Shape, Values};

/// A kind of element that does not go with those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Clash {
    /// What the entry holds so far.
    pub so_far: &'static str,
    /// What came.
    pub came: &'static str,
}

/// Elements in order.
#[derive(Debug, Default)]
pub struct Gather {
    values: Option<Values>,
    missing: Vec<usize>,
    /// Special numbers that came as texts; kept until a plain element shows what the entry is.
    quoted: Vec<(usize, String)>,
    plain: bool,
    len: usize,
}

/// The number that a text such as `-Infinity` stands for, as Stan's JSON has them; NaN is a missing element.
pub fn special_number(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" | "NA" => Some(f64::NAN),
        "Inf" | "+Inf" | "inf" | "+inf" | "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Inf" | "-inf" | "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

impl Gather {
    /// A whole number.
    pub fn int(&mut self, x: i64) -> Result<(), Clash> {
        match self.numbers("whole numbers", || Values::Int(Vec::new()))? {
            Values::Int(v) => v.push(x),
            Values::Real(v) => v.push(x as f64),
            _ => unreachable!("numbers() gives numbers"),
        }
        self.plain();
        Ok(())
    }

    /// A real.
    pub fn real(&mut self, x: f64) -> Result<(), Clash> {
        self.reals("reals")?.push(x);
        self.plain();
        Ok(())
    }

    /// A number that is not finite and came bare: `NaN` is missing.
    pub fn special(&mut self, x: f64) -> Result<(), Clash> {
        if x.is_nan() {
            self.missing.push(self.len);
        }
        self.real(x)
    }

    /// True or false.
    pub fn bool(&mut self, x: bool) -> Result<(), Clash> {
        if !self.plain && self.quoted.is_empty() {
            self.values = Some(Values::Bool(vec![false; self.len]));
        }
        let clash = self.clash("true or false");
        match self.values.get_or_insert_with(|| Values::Bool(Vec::new())) {
            Values::Bool(v) => v.push(x),
            _ => return Err(clash),
        }
        self.plain();
        Ok(())
    }

    /// A text, which may be a special number.
    pub fn text(&mut self, x: &str) -> Result<(), Clash> {
        let numeric = !matches!(self.values, Some(Values::Str(_) | Values::Bool(_)));
        if let Some(value) = special_number(x).filter(|_| numeric) {
            self.quoted.push((self.len, x.to_string()));
            if value.is_nan() {
                self.missing.push(self.len);
            }
            self.reals("reals")?.push(value);
            self.len += 1;
            return Ok(());
        }
        self.quoted_become_texts();
        let clash = self.clash("texts");
        match self.values.get_or_insert_with(|| Values::Str(Vec::new())) {
            Values::Str(v) => v.push(x.to_string()),
            _ => return Err(clash),
        }
        self.plain();
        Ok(())
    }

    /// An element that is not there.
    pub fn missing(&mut self) {
        self.missing.push(self.len);
        match self.values.get_or_insert_with(|| Values::Real(Vec::new())) {
            Values::Bool(v) => v.push(false),
            Values::Int(v) => v.push(0),
            Values::Real(v) => v.push(f64::NAN),
            Values::Str(v) => v.push(String::new()),
        }
        self.len += 1;
    }

    /// The entry, of a shape that has as many elements. Numbers and bools with a missing element become reals, where
    /// NaN says the same as the mark does.
    pub fn finish(self, shape: Shape, origin: Origin) -> Entry {
        let mut missing = Vec::new();
        let mut values = self.values.unwrap_or(Values::Int(Vec::new()));
        if !self.missing.is_empty() {
            missing = vec![false; self.len];
            self.missing.iter().for_each(|&i| missing[i] = true);
            values = with_gaps(values, &missing);
        }
        Entry {
            values,
            shape,
            missing,
            origin,
        }
    }

    fn plain(&mut self) {
        self.plain = true;
        self.len += 1;
    }

    fn clash(&self, came: &'static str) -> Clash {
        let so_far = match self.values {
            Some(Values::Bool(_)) => "true or false",
            Some(Values::Str(_)) => "texts",
            _ => "numbers",
        };
        Clash { so_far, came }
    }

    fn numbers(&mut self, came: &'static str, fresh: fn() -> Values) -> Result<&mut Values, Clash> {
        let clash = self.clash(came);
        match self.values.get_or_insert_with(fresh) {
            v @ (Values::Int(_) | Values::Real(_)) => Ok(v),
            _ => Err(clash),
        }
    }

    fn reals(&mut self, came: &'static str) -> Result<&mut Vec<f64>, Clash> {
        let numbers = self.numbers(came, || Values::Real(Vec::new()))?;
        if let Values::Int(v) = numbers {
            *numbers = Values::Real(v.iter().map(|&x| x as f64).collect());
        }
        match numbers {
            Values::Real(v) => Ok(v),
            _ => unreachable!("just made real"),
        }
    }

    /// Nothing but specials and gaps so far: what came in quotes was text after all.
    fn quoted_become_texts(&mut self) {
        if self.plain {
            return;
        }
        let Some(Values::Real(v)) = &self.values else {
            return;
        };
        let mut texts = vec![String::new(); v.len()];
        for (i, text) in self.quoted.drain(..) {
            self.missing.retain(|&m| m != i);
            texts[i] = text;
        }
        self.values = Some(Values::Str(texts));
    }
}

fn with_gaps(values: Values, missing: &[bool]) -> Values {
    let reals: Vec<f64> = match values {
        Values::Int(v) => v.iter().map(|&x| x as f64).collect(),
        Values::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        Values::Real(v) => v,
        texts @ Values::Str(_) => return texts,
    };
    let gap = |(x, &missing): (f64, &bool)| if missing { f64::NAN } else { x };
    Values::Real(reals.into_iter().zip(missing).map(gap).collect())
}
