//! Numbers below distributions and engines: special functions, linear algebra, dense layers, and the devices of networks.
#![allow(
    dead_code,
    reason = "moments, bounds and supports belong to the contract before a part of the language asks for them"
)]

pub mod dense;
pub mod device;
pub mod linalg;
pub mod sparse;
pub mod special;
mod symmetric;
pub mod vector;
pub mod wide;
