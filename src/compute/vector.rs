//! Loops over slices with the widest instructions that this machine has, chosen at run time.
//!
//! Functions here are free of branches and of calls, so that a loop over them inside of [`widest`] becomes vectors. What is
//! given to [`widest`] must be `#[inline(always)]`: a closure that stays a function of its own keeps the plain instructions.

use pulp::Arch;

/// Runs a loop compiled for the instruction set found at run time (AVX2, NEON, or what every machine has).
#[inline(always)]
pub fn widest<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// exp(x) to about 2e-16 relative; arguments beyond ±700 are taken as that.
///
/// # Source
/// 2ⁿ by the exponent's bits, the rest by Taylor's series on [−½ ln 2, ½ ln 2], cut after the twelfth power.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    // Adding 1.5 · 2⁵² rounds to the nearest whole number and leaves it in the low bits.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let x = x.clamp(-700.0, 700.0);
    let shifted = x * std::f64::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (x - n * 6.931_471_803_691_238e-1) - n * 1.908_214_929_270_587_7e-10;
    let mut p = 1.0 / 479_001_600.0;
    for factorial in [
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
        1.0,
        1.0,
    ] {
        p = p * r + 1.0 / factorial;
    }
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// tanh(x), to about 2e-16 absolute.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// exp(x) in single precision, to about 2e-7 relative; arguments beyond ±87 are taken as that.
///
/// # Source
/// Cephes `expf`.
#[inline(always)]
pub fn exp_f32(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for k in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
        1.0,
        1.0,
    ] {
        p = p * r + k;
    }
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_and_tanh_are_those_of_the_standard_library() {
        let x: Vec<f64> = (-4000..=4000).map(|i| f64::from(i) * 0.17).collect();
        let mut y = vec![(0.0, 0.0, 0.0f32); x.len()];
        widest(
            #[inline(always)]
            || {
                for (y, &x) in y.iter_mut().zip(&x) {
                    *y = (exp(x), tanh(0.05 * x), exp_f32(0.12 * x as f32));
                }
            },
        );
        for (&(e, t, single), &x) in y.iter().zip(&x) {
            assert!((e / x.exp() - 1.0).abs() < 1e-15, "exp({x}) = {e}");
            assert!((t - (0.05 * x).tanh()).abs() < 1e-15, "tanh: {t}");
            let exact = f64::from(0.12 * x as f32).exp();
            assert!((f64::from(single) / exact - 1.0).abs() < 4e-7, "{single}");
        }
        assert_eq!((exp(0.0), tanh(0.0), exp_f32(0.0)), (1.0, 0.0, 1.0));
        assert!(exp(f64::INFINITY).is_finite() && exp(-1e9) > 0.0 && exp(f64::NAN).is_nan());
    }
}
