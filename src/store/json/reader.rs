//! The words of JSON: blanks, texts, numbers and the members of objects, with places for what is wrong.

use crate::store::{At, StoreError};

/// A position in a file's text.
pub struct Reader<'a> {
    /// The file's name for messages.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The same as bytes.
    pub bytes: &'a [u8],
    /// The place, in bytes.
    pub pos: usize,
    /// Up to where line breaks have been counted, and how many there are.
    counted: (usize, usize),
}

/// A number as it was written.
pub enum Number {
    /// Without dot or exponent, and within 64 bits.
    Int(i64),
    /// Any other.
    Real(f64),
    /// Infinite, and said so.
    Special(f64),
    /// Beyond all reals.
    TooLarge,
}

impl<'a> Reader<'a> {
    /// At the start of a text, behind its byte-order mark.
    pub fn new(file: &'a str, text: &'a str) -> Reader<'a> {
        let pos = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Reader {
            file,
            text,
            bytes: text.as_bytes(),
            pos,
            counted: (0, 0),
        }
    }

    /// The number that starts here.
    pub fn number(&mut self) -> Result<Number, StoreError> {
        let start = self.pos;
        if matches!(self.peek(), Some(b'-' | b'+')) {
            let rest = &self.text[start + 1..];
            for word in ["Infinity", "Inf"] {
                if rest.starts_with(word) {
                    self.pos += 1 + word.len();
                    let sign = if self.bytes[start] == b'-' { -1.0 } else { 1.0 };
                    return Ok(Number::Special(sign * f64::INFINITY));
                }
            }
            if self.bytes[start] == b'+' {
                return Err(self.malformed("a number in JSON has no `+` before it"));
            }
            self.pos += 1;
        }
        let whole = self.digits();
        let leading_zero = whole > 1 && self.bytes[self.pos - whole] == b'0';
        let mut real = false;
        let mut complete = whole > 0 && !leading_zero;
        if self.peek() == Some(b'.') {
            (real, self.pos) = (true, self.pos + 1);
            complete &= self.digits() > 0;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            (real, self.pos) = (true, self.pos + 1);
            if matches!(self.peek(), Some(b'-' | b'+')) {
                self.pos += 1;
            }
            complete &= self.digits() > 0;
        }
        let written = &self.text[start..self.pos];
        if !complete {
            let at = At::new(self.file, self.text, start, self.pos);
            let what = format!("`{written}` is not a number as JSON writes them");
            return Err(StoreError::Malformed { at, what });
        }
        match written.parse::<i64>() {
            Ok(x) if !real => Ok(Number::Int(x)),
            _ => Ok(match written.parse::<f64>() {
                Ok(x) if x.is_finite() => Number::Real(x),
                _ => Number::TooLarge,
            }),
        }
    }

    fn digits(&mut self) -> usize {
        let n = self.bytes[self.pos..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count();
        self.pos += n;
        n
    }

    /// The text in quotes that starts here, its escapes resolved.
    pub fn string(&mut self) -> Result<String, StoreError> {
        let start = self.pos;
        self.pos += 1;
        loop {
            match self.peek() {
                None => {
                    let at = At::new(self.file, self.text, start, start + 1);
                    let what = "this text is not closed".to_string();
                    return Err(StoreError::Malformed { at, what });
                }
                Some(b'"') => break,
                Some(b'\\') => self.pos += 2,
                Some(c) if c < 0x20 => {
                    return Err(
                        self.malformed("a text has an unescaped control character or line break")
                    );
                }
                Some(_) => self.pos += 1,
            }
        }
        self.pos += 1;
        let quoted = self.text.get(start..self.pos).unwrap_or_default();
        // What is inside is plain JSON again: its escapes are those of the generic reader.
        serde_json::from_str(quoted).map_err(|_| {
            let at = At::new(self.file, self.text, start, self.pos);
            let what = "this text has an escape that JSON does not know".to_string();
            StoreError::Malformed { at, what }
        })
    }

    /// The members of an object: `each` stands behind the key and reads the rest.
    pub fn members(
        &mut self,
        mut each: impl FnMut(&mut Self, String, usize) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.pos += 1;
        self.blank();
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(());
        }
        loop {
            let key_at = self.pos;
            if self.peek() != Some(b'"') {
                return Err(self.malformed("a key in double quotes is missing here"));
            }
            let key = self.string()?;
            each(self, key, key_at)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => break self.pos += 1,
                _ => return Err(self.malformed("a `,` or `}` is missing here")),
            }
            self.blank();
        }
        Ok(())
    }

    /// Refuses what stands behind the value.
    pub fn end(&mut self) -> Result<(), StoreError> {
        self.blank();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.malformed("nothing may follow the value that ends here")),
        }
    }

    /// Skips blanks and line breaks.
    pub fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.pos += 1;
        }
    }

    /// The byte that stands here.
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    /// Steps over a byte that must stand here.
    pub fn expect(&mut self, byte: u8, what: &str) -> Result<(), StoreError> {
        if self.peek() != Some(byte) {
            return Err(self.malformed(&format!("{what} is missing here")));
        }
        self.pos += 1;
        Ok(())
    }

    /// Keys come in order, so lines are counted on from the last one.
    pub fn line_of(&mut self, offset: usize) -> usize {
        let (from, lines) = self.counted;
        let more = self.bytes[from..offset]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        self.counted = (offset, lines + more);
        lines + more + 1
    }

    /// An error at this place.
    pub fn malformed(&self, what: &str) -> StoreError {
        let at = At::new(self.file, self.text, self.pos, self.pos + 1);
        let what = what.to_string();
        StoreError::Malformed { at, what }
    }
}
