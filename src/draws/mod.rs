//! Named draws, and statistics on draws and weights: convergence, effective sample sizes, importance weights,
//! resampling. Names nothing above floor 0.

mod chains;
mod fourier;
#[cfg(test)]
mod golden;
mod loo;
mod mcse;
mod moments;
mod output;
mod pareto;
mod particles;
mod summary;
mod uniformity;
mod weights;

pub use chains::{ess_bulk, ess_mean, ess_tail, rhat};
pub use loo::{Criterion, loo, waic};
pub use moments::mean_sd;
pub use output::{Draws, Output, OutputKind};
pub use pareto::{ALL_BUT_EQUAL, khat_threshold, psis};
pub use particles::grouped_ess;
pub use summary::{Dependence, Summary, summarize};
pub use uniformity::{chi_square, counts_below, ecdf_band, ecdf_p};
pub use weights::{
    importance_ess, log_mean_exp, log_sum_exp, normalized, pareto_resampled, systematic,
};
