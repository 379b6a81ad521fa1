//! The shape of nested arrays while they are read: every row as long as the first, numbers all at one depth.

/// A fault of an entry that leaves the rest of the file readable: where, and what.
pub struct Fault {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What is wrong there.
    pub what: String,
}

/// What is known of an entry's sizes while it is read.
#[derive(Default)]
pub struct Sizes {
    /// Sizes of the axes, once a row of each has ended.
    pub sizes: Vec<usize>,
    /// At which depth its numbers stand.
    rank: Option<usize>,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

impl Sizes {
    /// The first fault is the one that is told.
    pub fn blame(&mut self, start: usize, end: usize, what: impl FnOnce() -> String) {
        if self.fault.is_none() {
            let what = what();
            self.fault = Some(Fault { start, end, what });
        }
    }

    /// A number stands inside `depth` arrays.
    pub fn number_at(&mut self, depth: usize, start: usize, end: usize) {
        if *self.rank.get_or_insert(depth) != depth || self.sizes.len() > depth {
            self.blame(start, end, || {
                "it has a number where it has arrays elsewhere".to_string()
            });
        }
    }

    /// An array begins inside `depth` others.
    pub fn array_at(&mut self, depth: usize, start: usize) {
        if self.rank.is_some_and(|rank| depth >= rank) {
            self.blame(start, start + 1, || {
                "it has an array where it has numbers elsewhere".to_string()
            });
        }
    }

    /// An array inside `depth` others ends after `count` elements.
    pub fn array_ends(&mut self, depth: usize, count: usize, start: usize, end: usize) {
        while self.sizes.len() <= depth {
            self.sizes.push(usize::MAX);
        }
        let expected = self.sizes[depth];
        if expected == usize::MAX {
            self.sizes[depth] = count;
        } else if expected != count {
            let what = format!(
                "it is ragged: the length of this row is {count}, that of the rows before it {expected}"
            );
            self.blame(start, end, || what);
        }
    }
}
