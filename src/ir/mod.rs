//! The checked model: names resolved to slots, keyword arguments in their place, every node with its span.
//!
//! Frames: file-level names are `Global` slots of the one file frame; every function has `n_locals` slots of its own,
//! parameters first. A closure copies its captures (by value) into slots of its frame when it is made.
//!
//! What resolution decides, and the tracer may rely on:
//! - A function at file level captures nothing: it reads `Global` slots, of names above it, else below. Of a `var` above
//!   it, it reads a hidden global that a `Let` fills where the function is declared. A `Global` may be read from any frame.
//! - Closures and nested functions read a `Global` that is filled once and for all (a top-level `let`, `data`, `sample`)
//!   directly, and capture what can change: `var`s and what blocks, loops and plates at file level declare.
//! - A nested function is a `Let` of its `Closure`; inside, its own name is `SelfFn`, which a first `Let` keeps in a slot
//!   where closures inside it need it.
//! - Sites of one name in several arms of an `if` are sites of their own that share a slot; after the `if` the slot can be
//!   read where every arm draws it.
//! - Constants of used files are `Let`s at the head of the body; `use` leaves nothing else behind.
//! - A file's body has no `value`: its last expression is a statement.
//! - A size that an array has bound and a later `data N: int` declares again is one more `and` in that declaration's condition.

pub mod adjoint;
mod bernoulli_logit;
mod builtin;
mod cauchy;
pub mod chain;
mod coin;
mod evidence;
pub mod forward;
pub mod kernel;
pub mod law;
mod matrix;
mod model;
mod normal;
pub mod op;
mod product;
mod reduce;
pub mod single;
mod strip;
mod tabled;
mod unary;
pub(crate) mod visit;
mod written;

pub use builtin::Builtin;
pub use law::{ArrayLaw, Law};
pub use model::*;
pub use normal::is_normal;
pub use op::{Axis, BinaryFn, LawFn, Op, ReduceFn, ScanFn, UnaryFn};
pub use tabled::Tabled;
