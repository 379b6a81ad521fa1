//! A word that means nothing, and the words that do: which of them was meant.

/// The candidate nearest to `name`, if one is near enough to have been meant. Of equally near ones, the first.
///
/// Letter case and `_` do not count; one slip is forgiven in a short name, three in a long one.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let budget = match name.chars().take(8).count() {
        0 | 1 => 0,
        2..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    let plain = bare(name);
    let mut best: Option<(usize, &'a str)> = None;
    for candidate in candidates {
        let most = best.map_or(budget, |(d, _)| d);
        let distance = match plain == bare(candidate) {
            true => Some(0),
            false => slips(name, candidate, most),
        };
        if let Some(distance) = distance
            && best.is_none_or(|(d, _)| distance < d)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `1 index`, `2 indices`.
pub fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn bare(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Letters to insert, remove, change or swap with their neighbour to make `b` of `a` (optimal string alignment);
/// `None` if they are more than `most`.
pub fn slips(a: &str, b: &str, most: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    // Two rows back for swaps, the row above, the row at hand.
    let mut rows: [Vec<usize>; 3] = [vec![], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2] = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    Some(rows[1][b.len()]).filter(|d| *d <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_count_once_and_case_not_at_all() {
        assert_eq!(nearest("tua", ["mu", "tau"]), Some("tau"));
        assert_eq!(nearest("simga", ["sigma"]), Some("sigma"));
        assert_eq!(nearest("normal", ["Formal", "Normal"]), Some("Normal"));
        assert_eq!(nearest("half_cauchy", ["HalfCauchy"]), Some("HalfCauchy"));
        assert_eq!(nearest("xyz", ["alpha", "b"]), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("rate", ["gate", "late"]), Some("gate"));
    }

    #[test]
    fn slips_are_counted_up_to_a_bound() {
        assert_eq!(slips("kitten", "sitting", 3), Some(3));
        assert_eq!(slips("kitten", "sitting", 2), None);
        assert_eq!(slips("ab", "ba", 1), Some(1));
        assert_eq!(slips("", "", 0), Some(0));
        assert_eq!(slips(&"x".repeat(1 << 20), "y", 3), None);
    }
}
