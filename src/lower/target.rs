//! What an engine sees of a program: a dimension, log r for a batch of noise, and the structure the compiler knows.

use super::{Centred, Related, Stretch};
use crate::base::Span;

/// A discrete sample site among the noise coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteSite {
    /// The site's noise coordinate, an index into `0..dim`.
    pub coordinate: usize,
    /// Number of values `0..n` where that is finite and known; `None` for counts without a bound.
    pub n_values: Option<usize>,
    /// Smallest value of the site (values run from here): 0 for most.
    pub first: i64,
    /// A name for people: `rain`, `k[3]`.
    pub name: String,
}

/// A piece of the program through which log r jumps, or has a kink, as noise moves.
#[derive(Clone, Debug, PartialEq)]
pub struct Jump {
    /// The piece.
    pub span: Span,
    /// What it does, to be read after its mark: "`k` takes whole values".
    pub why: String,
}

/// What the compiler knows about a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Structure {
    /// Discrete sites in the program's order (a site's parameters depend only on earlier ones and on continuous noise).
    pub discrete: Vec<DiscreteSite>,
    /// Whether log r is a smooth function of every coordinate.
    pub smooth: bool,
    /// Whether a gradient costs many times what log r does.
    pub dear_gradient: bool,
    /// What keeps it from being smooth, in the program's order.
    pub jumps: Vec<Jump>,
    /// Coordinates that are the noise of an improper measure.
    pub stretched: Vec<(usize, Stretch)>,
    /// Whether some execution can have weight 0 by a `condition` or a bounded support.
    pub hard_constraints: bool,
    /// The coordinate that keys the noise of executions which run past the unrolling bound, where some may.
    pub tail: Option<usize>,
    /// Numbers that one evaluation computes; 0 where that is not known.
    pub size: usize,
    /// Operations that one evaluation runs; 0 where that is not known.
    pub operations: usize,
    /// How the coordinates hang together, found when asked for.
    pub related: Related,
}

impl Structure {
    /// Whether engines that can do without gradients had better use them, in `dim` dimensions.
    pub fn guides(&self, dim: usize) -> bool {
        /// Dimensions that are explored without.
        const FEW: usize = 12;
        self.smooth && (dim > FEW || !self.dear_gradient)
    }
}

/// A posterior over noise: N(z; 0, I)·r(z)/Z.
///
/// Batches are row-major: `z[i * dim + j]` is coordinate j of execution i. Every method is a deterministic function of
/// its arguments, whatever the number of threads, and each row is independent of the other rows.
pub trait Target: Send + Sync {
    /// Number of noise coordinates.
    fn dim(&self) -> usize;

    /// What the compiler knows.
    fn structure(&self) -> &Structure;

    /// log r(z) for each row of `z: [batch, dim]` into `out: [batch]`; −∞ for weight 0. Never NaN: an execution that
    /// fails numerically has weight 0 and is counted by [`Target::failures`].
    fn log_r(&self, z: &[f64], out: &mut [f64]);

    /// log r(z) and its gradient for each row of `z: [batch, dim]`.
    ///
    /// Where log r is not smooth this is the derivative of the piece that z lies on: comparisons, rounding and discrete
    /// sites contribute nothing. 0 where the weight is 0.
    ///
    /// # Shapes
    /// `log_r: [batch]` as from [`Target::log_r`], `gradient: [batch, dim]`.
    fn log_r_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]);

    /// Like [`Target::log_r`], with hard constraints softened: each violated `condition` costs `penalty` nats times its
    /// margin (or flat `penalty` where no margin is known) instead of −∞. Equal to `log_r` where nothing is violated.
    fn log_r_soft(&self, z: &[f64], _penalty: f64, out: &mut [f64]) {
        self.log_r(z, out);
    }

    /// log r where the discrete sites' coordinates hold *values* k instead of noise (all other coordinates are noise).
    ///
    /// # Shapes
    /// `zk: [batch, dim]`, `log_r: [batch]`, `log_p: [batch, n_sites]`: log p(k | parents) of each site, and NaN for a
    /// site that the execution does not reach (its value is then free, and its noise keeps the prior).
    fn log_r_given(&self, zk: &[f64], log_r: &mut [f64], log_p: &mut [f64]);

    /// Replaces the values at the discrete sites by noise that leads to them: uniformly inside the value's cell, chosen
    /// by `u: [batch, n_sites]` in (0, 1); a site that is not reached gets Φ⁻¹(u).
    fn fill(&self, zk: &mut [f64], u: &[f64]);

    /// The values that noise leads to at the discrete sites: `z: [batch, dim]`, `k: [batch, n_sites]`, `active` likewise.
    fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]);

    /// The same posterior over latent values in the place of their noise: those for which draws `z: [n, dim]` of it say that the
    /// coordinate's distance from an independent Gaussian one is below `limit` times that of its noise. Executions there are
    /// not counted here.
    fn centred(&self, _z: &[f64], _limit: f64) -> Option<Centred> {
        None
    }

    /// (failed, evaluated) executions so far.
    fn failures(&self) -> (u64, u64) {
        let [failed, evaluated, _] = self.counts();
        (failed, evaluated)
    }

    /// Executions so far: those that failed, all, and those that ran past the unrolling bound.
    fn counts(&self) -> [u64; 3] {
        [0; 3]
    }

    /// Puts [`Target::counts`] where an earlier run left them.
    fn set_counts(&self, _: [u64; 3]) {}
}
