//! Pictures of draws in a terminal: lines of text in, as wide as there are columns.
//!
//! ```text
//! histogram  one real: columns of blocks, with a smooth density over them
//! bars       ints and bools: a bar for each value
//! ridge      the elements of an array, a line each, over one axis
//! scatter    two numbers: the darker, the more draws
//! axis       what is shown of a range, and its marks
//! ```

mod axis;
mod bars;
mod histogram;
mod ridge;
mod scatter;

pub use scatter::scatter;

use odp::OutputKind;

use super::elements::Element;

/// What can be drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Whether block characters can be shown.
    pub unicode: bool,
}

/// Narrower pictures show nothing; wider ones are hard to read.
const NARROWEST: usize = 30;
const WIDEST: usize = 120;

impl Canvas {
    /// Columns that a picture takes.
    fn columns(self) -> usize {
        self.width.saturating_sub(1).clamp(NARROWEST, WIDEST)
    }

    /// A column filled to eighths, from 0 to 8.
    fn eighths(self, n: usize) -> char {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const SIGNS: [char; 9] = [' ', '_', '_', '.', '.', '-', '=', '=', '#'];
        match self.unicode {
            true => BLOCKS[n.min(8)],
            false => SIGNS[n.min(8)],
        }
    }
}

/// The distribution of one element, or of several side by side.
pub fn distribution(elements: &[Element], canvas: Canvas) -> String {
    match elements {
        [one] if one.kind == OutputKind::Real => histogram::histogram(one, canvas),
        [one] => bars::bars(one, canvas),
        all => ridge::ridge(all, canvas),
    }
}
