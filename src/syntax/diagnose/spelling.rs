//! Misspelt words.

use crate::syntax::lexer::KEYWORDS;

/// The word of the list that a misspelling is closest to: one slip, or two in a longer word.
pub(super) fn nearest(word: &str, list: &[&'static str]) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let allowed = |meant: &str| match meant.len().min(lower.chars().count()) {
        0..=2 => 0,
        3..=4 => 1,
        _ => 2,
    };
    let distances = list.iter().map(|meant| (slips(&lower, meant), *meant));
    distances
        .filter(|(d, meant)| *d <= allowed(meant) && !KEYWORDS.contains(&word))
        .min()
        .map(|(_, meant)| meant)
}

/// Letters to insert, remove, change or swap with their neighbour (optimal string alignment).
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                d[i][j] = i + j;
                continue;
            }
            let change = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            d[i][j] = change.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                d[i][j] = d[i][j].min(d[i - 2][j - 2] + 1);
            }
        }
    }
    d[a.len()][b.len()]
}
