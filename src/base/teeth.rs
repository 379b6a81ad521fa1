//! Seeded bugs, by which the tests are tested: with the feature `teeth`, the one that `ODP_BUG` names is in the program.
//!
//! Without the feature [`bites`] is a constant `false`, and what asks for it compiles to what it was. `benches/teeth.sh`
//! goes through the bugs and says which tests notice; the result is in `docs/truths/teeth.md`.

/// A mistake that somebody could have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// `transform`: the log-density of an observed value without the Jacobian.
    DroppedJacobian,
    /// `Normal` and its kin: the scale is taken for a variance, everywhere alike.
    ScaleAsVariance,
    /// `observe` in a branch on chance tells nothing.
    IgnoredObserve,
    /// Neighbouring sites of one law share their noise.
    SharedAddress,
    /// An index variable of a vectorised plate is one too small after the first element.
    PlateOffByOne,
    /// `truncate` and `zero_inflated`: noise in the upper tail is found from 1 less that tail.
    WrongTail,
    /// `Poisson`: the mass without ln k!.
    LostConstant,
    /// Sequential Monte Carlo: log Z without the first step's increment.
    LostIncrement,
    /// The diffusion sampler: path weights without the density of the frames that paths end in.
    LostReference,
    /// Chains: every proposal is accepted.
    NoReject,
    /// Weighted draws are resampled as if their weights were equal.
    NoResampling,
    /// Division: the gradient in the divisor has the wrong sign.
    WrongAdjoint,
}

/// Whether this bug is the one that was asked for.
#[cfg(feature = "teeth")]
pub fn bites(bug: Bug) -> bool {
    use std::sync::OnceLock;
    static SEEDED: OnceLock<Option<Bug>> = OnceLock::new();
    *SEEDED.get_or_init(|| {
        let name = std::env::var("ODP_BUG").ok().filter(|n| !n.is_empty())?;
        let bug = ALL.iter().find(|(n, _)| *n == name);
        Some(bug.unwrap_or_else(|| panic!("no bug is called `{name}`")).1)
    }) == Some(bug)
}

/// Whether this bug is the one that was asked for: never, without the feature `teeth`.
#[cfg(not(feature = "teeth"))]
#[inline(always)]
pub const fn bites(_bug: Bug) -> bool {
    false
}

/// The bugs by the names that `ODP_BUG` takes.
#[cfg(feature = "teeth")]
const ALL: [(&str, Bug); 12] = [
    ("dropped_jacobian", Bug::DroppedJacobian),
    ("scale_as_variance", Bug::ScaleAsVariance),
    ("ignored_observe", Bug::IgnoredObserve),
    ("shared_address", Bug::SharedAddress),
    ("plate_off_by_one", Bug::PlateOffByOne),
    ("wrong_tail", Bug::WrongTail),
    ("lost_constant", Bug::LostConstant),
    ("lost_increment", Bug::LostIncrement),
    ("lost_reference", Bug::LostReference),
    ("no_reject", Bug::NoReject),
    ("no_resampling", Bug::NoResampling),
    ("wrong_adjoint", Bug::WrongAdjoint),
];
