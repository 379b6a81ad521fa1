//! Numbers and strings. A malformed one is masked by a sound one.

use unicode_ident::is_xid_continue;

use super::{Kind, Lexer, ends_operand};
use crate::syntax::flaw::Flaw;

impl Lexer<'_> {
    /// `.5` where no field can stand.
    pub(super) fn bare_fraction(&self) -> bool {
        let digit = self.rest()[1..].starts_with(|c: char| c.is_ascii_digit());
        digit && !self.after_operand()
    }

    pub(super) fn number(&mut self) {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| {
            let more = bytes[from..]
                .iter()
                .take_while(|b| b.is_ascii_digit() || **b == b'_');
            from + more.count()
        };
        let mut end = digits(0);
        if self.last_text() == "." {
            return self.number_token(end, None);
        }
        let mut flaw = None;
        let mut real = false;
        if bytes.get(end) == Some(&b'.') && !bytes[end + 1..].starts_with(b".") {
            let fraction = digits(end + 1);
            real = true;
            if end == 0 || fraction == end + 1 || bytes[end + 1] == b'_' {
                flaw = Some(Flaw::HalfReal);
            }
            end = fraction;
        }
        if let Some(b'e' | b'E') = bytes.get(end) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                (real, end) = (true, exponent);
            }
        }
        let tail = self.rest()[end..]
            .find(|c| !is_xid_continue(c))
            .unwrap_or(self.rest().len() - end);
        if tail > 0 && flaw.is_none() {
            let suffix = is_suffix(&self.rest()[..end], &self.rest()[end..end + tail]);
            flaw = Some(match suffix {
                true => Flaw::Suffix,
                false => Flaw::NumberTail { digits: end },
            });
        }
        let spelled: String = self.rest()[..end].replace('_', "");
        if flaw.is_none() && real && spelled.parse::<f64>().is_ok_and(f64::is_infinite) {
            flaw = Some(Flaw::RealTooLarge);
        }
        if flaw.is_none() && !real && !self.fits_int(&spelled, end) {
            flaw = Some(Flaw::IntTooLarge);
        }
        self.number_token(end + tail, flaw);
    }

    fn number_token(&mut self, length: usize, flaw: Option<Flaw>) {
        let (start, end) = (self.at, self.at + length);
        self.token(Kind::Number, start, end);
        match flaw {
            None => self.keep(length),
            Some(flaw) => {
                self.fault(start, end, flaw);
                self.show("1", length);
            }
        }
    }

    /// Whether the digits are an `i64`. The least one has no positive twin: its digits count only behind a sign.
    fn fits_int(&self, digits: &str, length: usize) -> bool {
        if digits.parse::<i64>().is_ok() {
            return true;
        }
        let tokens = &self.out.tokens;
        let signed = self.last_text() == "-"
            && tokens
                .len()
                .checked_sub(2)
                .is_none_or(|i| !ends_operand(tokens[i], &self.out.mask));
        let binds_tighter = self.rest()[length..]
            .trim_start_matches([' ', '\t'])
            .starts_with(['^', '[', '(', '.']);
        digits.trim_start_matches('0') == "9223372036854775808" && signed && !binds_tighter
    }

    pub(super) fn string(&mut self) {
        let line = self.line();
        let bytes = line.as_bytes();
        let mut i = 1;
        while i < bytes.len() && bytes[i] != b'"' {
            i += 1 + usize::from(bytes[i] == b'\\');
        }
        if i >= bytes.len() {
            return self.open_string(line);
        }
        let (start, end) = (self.at, self.at + i + 1);
        self.control_characters(start, end);
        self.escapes(start + 1, end - 1);
        self.token(Kind::Str, start, end);
        self.keep(i + 1);
    }

    /// A string without its end. The closing brackets at the end of its line are taken to stand behind it.
    fn open_string(&mut self, line: &str) {
        self.fault(self.at, self.at + 1, Flaw::OpenString);
        let closers = [' ', '\t', '\r', ',', ';', ')', ']', '}', '{'];
        let length = line.trim_end_matches(closers).len().max(1);
        self.token(Kind::Str, self.at, self.at + length);
        self.show(if length > 1 { "\"\"" } else { "1" }, length);
    }

    fn escapes(&mut self, start: usize, end: usize) {
        let mut i = start;
        while i < end {
            let rest = &self.text[i..end];
            let Some(escape) = rest.strip_prefix('\\') else {
                i += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            let length = match unescape(escape) {
                Some((_, length)) => length,
                None => {
                    let length = escape.chars().next().map_or(0, char::len_utf8);
                    self.fault(i, i + 1 + length, Flaw::Escape);
                    length
                }
            };
            i += 1 + length;
        }
    }

    /// `'` opens strings elsewhere, and transposes behind an operand.
    pub(super) fn quote(&mut self) {
        let touches = self.out.tokens.last().is_some_and(|t| t.end == self.at);
        if touches && self.after_operand() {
            self.fault(self.at, self.at + 1, Flaw::Transpose);
            return self.blank(1);
        }
        let line = self.line();
        match line[1..].find('\'') {
            Some(i) => {
                let length = i + 2;
                self.fault(self.at, self.at + length, Flaw::SingleQuotes);
                self.token(Kind::Str, self.at, self.at + length);
                self.show("\"\"", length);
            }
            None => {
                self.fault(self.at, self.at + 1, Flaw::Stray('\''));
                self.blank(1);
            }
        }
    }
}

/// The character that an escape stands for, and the escape's length behind its backslash.
pub(in crate::syntax) fn unescape(escape: &str) -> Option<(char, usize)> {
    match escape.chars().next()? {
        'n' => Some(('\n', 1)),
        't' => Some(('\t', 1)),
        '"' => Some(('"', 1)),
        '\\' => Some(('\\', 1)),
        'u' => {
            let digits = escape.strip_prefix("u{")?;
            let length = digits.find('}')?;
            let sound = (1..=6).contains(&length)
                && digits[..length].bytes().all(|b| b.is_ascii_hexdigit());
            let code = sound.then(|| u32::from_str_radix(&digits[..length], 16).ok())??;
            Some((char::from_u32(code)?, length + 3))
        }
        _ => None,
    }
}

/// What other languages write at a number to say its size or its base.
fn is_suffix(digits: &str, tail: &str) -> bool {
    const SUFFIXES: [&str; 18] = [
        "L", "l", "LL", "ll", "f", "F", "d", "D", "u", "U", "ul", "UL", "j", "J", "i64", "f64",
        "f32", "i32",
    ];
    let base = tail.strip_prefix(['x', 'X', 'b', 'o']).is_some_and(|rest| {
        digits == "0" && !rest.is_empty() && rest.chars().all(|c| c.is_ascii_hexdigit())
    });
    base || SUFFIXES.contains(&tail)
}
