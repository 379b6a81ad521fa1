//! Coordinates fitted to particles or draws, in which what is left looks more like N(0, I): straight, bent, or a mixture.

pub(crate) mod bend;
pub(crate) mod centres;
pub(crate) mod frame;
pub(crate) mod linear;
pub(crate) mod mixture;
