//! Special functions, each accurate in relative terms and, where tails matter, in logs.
//!
//! ```text
//! dual        one algorithm for a value and its derivatives
//! logs        sums and differences of numbers held as logs; logit and softplus
//! normal      erf, the Gaussian cdf and its inverse, down to log p = −1e300
//! gamma       log-gamma, digamma, trigamma, factorials, Stirling's remainder
//! incgamma    incomplete gamma function and its inverse     (temme: its table for large shapes)
//! incbeta     incomplete beta function and its inverse
//! bessel      modified Bessel functions of orders 0 and 1
//! quadrature  integrals of smooth functions
//! ```

mod bessel;
mod dual;
mod gamma;
mod incbeta;
mod incgamma;
mod logs;
mod normal;
pub(crate) mod normal_tables;
mod quadrature;
mod temme;

pub use bessel::{bessel_i0_scaled, bessel_i1_scaled, log_bessel_i0};
pub use dual::Dual;
pub use gamma::{
    beta_fn, digamma, digamma_difference, digamma_excess, lbeta, lgamma, lgamma1p, log_choose,
    log_factorial, log_gamma_kernel, log_gamma_ratio, log_minus_digamma, stirling_remainder,
    trigamma,
};
pub use incbeta::{
    Odds, beta_inc, d_log_beta_tails, d_log_kernel as d_log_beta_kernel, inv_log_beta_inc,
    log_beta_inc, log_beta_inc_upper, log_beta_tails, log_kernel as log_beta_kernel,
};
pub use incgamma::{
    d_log_gamma_kernel, d_log_gamma_tails, gamma_p, gamma_q, inv_log_gamma_p, inv_log_gamma_q,
    log_gamma_p, log_gamma_q, log_gamma_tails,
};
pub use logs::{
    cap_log, inv_logit, log_add_exp, log_inv_logit, log_sub_exp, log1mexp, log1pmx, logit,
    logsumexp, softplus, xlogy,
};
pub use normal::{
    erf, erfc, erfcx, inv_erf, inv_log_phi, inv_phi, log_phi, normal_hazard, normal_log_density,
    phi,
};
pub use quadrature::{gauss_legendre, tanh_sinh};

/// ln 2.
pub const LN_2: f64 = std::f64::consts::LN_2;
/// ln π.
pub const LN_PI: f64 = 1.1447298858494002;
/// ½ ln 2π.
pub const HALF_LN_2PI: f64 = 0.9189385332046728;

#[cfg(test)]
mod tests;
