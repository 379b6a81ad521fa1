//! Sizes of a rectangular, row-major array.

use std::fmt;

/// The sizes of an array's axes; a scalar has none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Vec<usize>);

impl Shape {
    /// A number's shape: no axes.
    pub fn scalar() -> Self {
        Shape(Vec::new())
    }

    /// A vector's shape.
    pub fn vector(n: usize) -> Self {
        Shape(vec![n])
    }

    /// How many axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sizes.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// NumPy's broadcast of two shapes: trailing axes are aligned, 1 stretches. `None` if they do not fit.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let size =
            |s: &Shape, axis: usize| (axis + s.rank()).checked_sub(rank).map_or(1, |i| s.0[i]);
        (0..rank)
            .map(|axis| match (size(self, axis), size(other, axis)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Shape)
    }

    /// For each element of `self` (row-major), the flat index of the element of `from` that broadcasting reads.
    pub fn broadcast_indices(&self, from: &Shape) -> Vec<u32> {
        let offset = self.rank() - from.rank();
        let mut strides = vec![0usize; self.rank()];
        let mut step = 1;
        for axis in (0..from.rank()).rev() {
            strides[offset + axis] = if from.0[axis] == 1 { 0 } else { step };
            step *= from.0[axis];
        }
        let mut index = vec![0usize; self.rank()];
        (0..self.len())
            .map(|_| {
                let flat = index
                    .iter()
                    .zip(&strides)
                    .map(|(i, s)| i * s)
                    .sum::<usize>() as u32;
                for axis in (0..self.rank()).rev() {
                    index[axis] += 1;
                    if index[axis] < self.0[axis] {
                        break;
                    }
                    index[axis] = 0;
                }
                flat
            })
            .collect()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "[{}]", sizes.join(", "))
    }
}
/// The name of one element of an array.
pub fn element_name(name: &str, shape: &Shape, flat: usize) -> String {
    let mut rest = flat;
    let mut index: Vec<String> = shape
        .dims()
        .iter()
        .rev()
        .map(|&n| {
            let i = rest % n;
            rest /= n;
            i.to_string()
        })
        .collect();
    index.reverse();
    indexed(name, &index)
}

/// A name with further indices: `x[1]` of `x[0]` is `x[0,1]`.
pub fn indexed(name: &str, index: &[String]) -> String {
    match (name.strip_suffix(']'), index) {
        (_, []) => name.to_string(),
        (Some(open), index) => format!("{open},{}]", index.join(",")),
        (None, index) => format!("{name}[{}]", index.join(",")),
    }
}
