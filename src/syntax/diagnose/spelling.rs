//! Misspelt words.

use crate::base::slips;
use crate::syntax::lexer::KEYWORDS;

/// The word of the list that a misspelling is closest to: one slip, or two in a longer word.
pub(super) fn nearest(word: &str, list: &[&'static str]) -> Option<&'static str> {
    if KEYWORDS.contains(&word) {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = |meant: &str| match meant.len().min(lower.chars().count()) {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    let near = |meant: &&'static str| Some((slips(&lower, meant, allowed(meant))?, *meant));
    list.iter().filter_map(near).min().map(|(_, meant)| meant)
}
