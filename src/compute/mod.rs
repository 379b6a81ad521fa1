//! Numbers below distributions and engines: special functions and small linear algebra.
#![allow(
    dead_code,
    reason = "moments, bounds and supports belong to the contract before a part of the language asks for them"
)]

pub mod linalg;
pub mod special;
pub mod wide;
