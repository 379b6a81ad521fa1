//! Where observed elements stand: in the variable that an expression reads, and in the data that they are missing in.

use super::value::{Gap, Tensor, Value};
use crate::base::Shape;
use crate::ir::Place;

/// The elements of a variable that an observed expression reads.
#[derive(Clone)]
pub(super) struct Target {
    pub place: Place,
    /// Their flat indices in the variable, with the expression's shape.
    pub positions: Tensor,
}

impl Target {
    /// The flat indices in the variable of some elements of the expression.
    pub fn flat(&self, elements: &[usize]) -> Vec<usize> {
        let positions = self.positions.known_ints().expect("positions are known");
        elements.iter().map(|&i| positions[i] as usize).collect()
    }
}

/// Where what is drawn for missing elements goes: the data, and the variable that they are observed by, where it is another.
pub(super) struct Targets {
    pub origin: Target,
    pub here: Option<Target>,
}

/// The data that missing elements are missing in, where all are of one variable.
pub(super) fn origin(gaps: &[Option<Gap>], shape: &Shape) -> Option<Target> {
    let slot = gaps.iter().flatten().next()?.slot?;
    if gaps.iter().flatten().any(|g| g.slot != Some(slot)) {
        return None;
    }
    let at = |g: &Option<Gap>| g.map_or(0, |g| i64::from(g.element));
    let positions: Vec<i64> = gaps.iter().map(at).collect();
    Some(Target {
        place: Place::Global(slot),
        positions: Tensor::ints(positions, shape.clone()),
    })
}

/// Whether flat indices are all of an array's, in order.
pub(super) fn covers(at: &[usize], shape: &Shape) -> bool {
    at.len() == shape.len() && at.iter().enumerate().all(|(i, &e)| i == e)
}

pub(super) fn shape_of(v: &Value) -> Shape {
    match v {
        Value::Num(t) => t.shape.clone(),
        Value::Choice(choice) => shape_of(&choice.1),
        _ => Shape::scalar(),
    }
}

/// Whether nothing is missing any more.
pub(super) fn is_complete(v: &Value) -> bool {
    match v {
        Value::Num(t) => t.missing.is_none(),
        Value::Choice(choice) => is_complete(&choice.1) && is_complete(&choice.2),
        _ => true,
    }
}
