//! Modified Bessel functions of the first kind, scaled by e⁻ˣ, and their logs: for `VonMises`.

/// e^−|x| I₀(x).
///
/// # Source
/// Cephes `i0.c`, through the crate `spec_math`.
pub fn bessel_i0_scaled(x: f64) -> f64 {
    spec_math::cephes64::i0e(x)
}

/// e^−|x| I₁(x).
///
/// # Source
/// Cephes `i1.c`, through the crate `spec_math`.
pub fn bessel_i1_scaled(x: f64) -> f64 {
    spec_math::cephes64::i1e(x)
}

/// ln I₀(x).
pub fn log_bessel_i0(x: f64) -> f64 {
    x.abs() + bessel_i0_scaled(x).ln()
}
