//! Which pixels stand beside each other in a convolution, in half the size, and in twice the size.

use super::tape::Gather;

/// The 3×3 pixels about each.
pub(super) fn near(rows: usize, columns: usize) -> Gather {
    let at = |i: isize, j: isize| {
        let inside = (0..rows as isize).contains(&i) && (0..columns as isize).contains(&j);
        inside.then_some((i * columns as isize + j) as u32)
    };
    let pixels = (0..rows as isize).flat_map(|i| (0..columns as isize).map(move |j| (i, j)));
    let index = pixels.flat_map(|(i, j)| (0..9).map(move |k| at(i + k / 3 - 1, j + k % 3 - 1)));
    Gather {
        inside: rows * columns,
        each: 9,
        index: index.collect(),
    }
}

/// The 2×2 pixels that become one.
pub(super) fn four(rows: usize, columns: usize) -> Gather {
    let mut index = Vec::new();
    for i in 0..rows.div_ceil(2) {
        for j in 0..columns.div_ceil(2) {
            for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (i, j) = (2 * i + a, 2 * j + b);
                index.push((i < rows && j < columns).then_some((i * columns + j) as u32));
            }
        }
    }
    Gather {
        inside: rows * columns,
        each: 4,
        index,
    }
}

/// The one that each became part of.
pub(super) fn parent(rows: usize, columns: usize) -> Gather {
    let coarse = columns.div_ceil(2);
    let pixels = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
    Gather {
        inside: rows.div_ceil(2) * coarse,
        each: 1,
        index: pixels
            .map(|(i, j)| Some((i / 2 * coarse + j / 2) as u32))
            .collect(),
    }
}
