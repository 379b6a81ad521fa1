//! Functions of many numbers at once, compiled for the widest vectors that the machine has.
//!
//! ```text
//! [x0 x1 x2 x3 | x4 x5 x6 x7 | x8]  ──run(loop over one(x))──▶  [y0 … y8]
//!      one vector each            └ the rest, by the same steps
//! ```
//! Each function is written for one number without branches, so that a loop over it becomes vector instructions, and
//! [`run`] compiles that loop once for each instruction set and chooses at run time. Products are fused into sums by
//! `mul_add`, which is one instruction inside of [`run`] and a slow call outside of it. No step depends on how many numbers
//! stand side by side: a number's result is the same in any company.
//!
//! ```text
//! exponential   exp, log, log1p, expm1, tanh, inv_logit, softplus
//! normal        erf, erfc, Phi (its inverse is faster with branches: most arguments lie in the middle)
//! gamma         log-gamma, digamma
//! cauchy        Cauchy and half-Cauchy numbers of standard normal ones
//! product       matrix times lanes
//! ```

mod cauchy;
mod exponential;
mod gamma;
mod normal;
mod product;

pub use cauchy::{cauchy_all, half_cauchy_all};
pub use exponential::{
    exp, exp_all, expm1_all, inv_logit, inv_logit_all, log, log_all, log1p, log1p_all, softplus,
    softplus_all, tanh_all,
};
pub use gamma::{digamma_all, lgamma_all};
pub use normal::{erf_all, erfc_all, phi_all};
pub use product::{Panels, add_product, add_transposed_product};

/// Runs `f` compiled for the machine's widest vectors; what it calls must be inlined into it.
#[inline(always)]
pub fn run<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// A function of each of many numbers. A loop that is written out is inlined where a passed function is not.
macro_rules! each {
    ($(#[$doc:meta])* $name:ident, $one:ident) => {
        $(#[$doc])*
        #[allow(missing_docs, reason = "the private ones are described by their use")]
        pub fn $name(x: &[f64], out: &mut [f64]) {
            $crate::compute::wide::run(
                #[inline(always)]
                || {
                    for (o, &x) in out.iter_mut().zip(x) {
                        *o = $one(x);
                    }
                },
            );
        }
    };
}
use each;

/// Serves the few numbers that are not `usual` one by one.
fn rest(x: &[f64], out: &mut [f64], usual: impl Fn(f64) -> bool, f: impl Fn(f64) -> f64) {
    for (o, &x) in out.iter_mut().zip(x) {
        if !usual(x) {
            *o = f(x);
        }
    }
}

/// A polynomial, highest power first.
#[inline(always)]
fn horner<const N: usize>(c: &[f64; N], x: f64) -> f64 {
    let mut sum = c[0];
    let mut i = 1;
    while i < N {
        sum = sum.mul_add(x, c[i]);
        i += 1;
    }
    sum
}

#[cfg(test)]
mod tests;
