//! What a batch of paths teaches: gradients of the loss by the network's outputs and by the logits of the discrete choices.
//!
//! Trajectory balance asks log w to be the same for all paths. Its residual r = log Z − log w has ∂r/∂log policy = 1, so the
//! loss ½ r² has the gradient r · ∇ log policy, on any paths. VarGrad puts the batch's mean in place of log Z
//! (Richter et al. 2020); TB learns log Z beside the network (Malkin et al. 2022).

use super::policy::{Paths, Policy};
use super::sheet::Sheet;

/// Residuals are clipped here, in nats: an impossible path counts as this bad and poisons nothing.
pub(crate) const CLIP: f64 = 10.0;

/// Which log Z the residuals are measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objective {
    /// The batch's own mean.
    VarGrad,
    /// A learned number.
    TrajectoryBalance,
}

/// log Z − log w, clipped, with log Z as the objective has it; a learned one takes a step.
pub(crate) fn residuals(
    objective: Objective,
    log_w: &[f64],
    log_z: &mut f64,
    rate: f64,
) -> Vec<f64> {
    let clip = clip(log_w);
    let from = |z: f64| {
        log_w
            .iter()
            .map(|w| (z - w).clamp(-clip, clip))
            .collect::<Vec<f64>>()
    };
    match objective {
        Objective::VarGrad => from(robust_mean(log_w)),
        Objective::TrajectoryBalance => {
            let r = from(*log_z);
            *log_z -= rate * r.iter().sum::<f64>() / r.len().max(1) as f64;
            r
        }
    }
}

/// Five times the batch's median deviation, so that a few outliers do not drown the rest; at least 1, at most [`CLIP`].
fn clip(log_w: &[f64]) -> f64 {
    let finite: Vec<f64> = log_w.iter().copied().filter(|w| w.is_finite()).collect();
    let middle = median(finite.clone());
    let spread = median(finite.iter().map(|w| (w - middle).abs()).collect());
    (5.0 * spread).clamp(1.0, CLIP)
}

fn median(mut x: Vec<f64>) -> f64 {
    x.sort_by(f64::total_cmp);
    x.get(x.len() / 2).copied().unwrap_or(0.0)
}

/// The mean of the finite values, those far from the median pulled in to the clip.
pub(crate) fn robust_mean(log_w: &[f64]) -> f64 {
    let finite: Vec<f64> = log_w.iter().copied().filter(|w| w.is_finite()).collect();
    if finite.is_empty() {
        return 0.0;
    }
    let middle = median(finite.clone());
    finite
        .iter()
        .map(|w| w.clamp(middle - CLIP, middle + CLIP))
        .sum::<f64>()
        / finite.len() as f64
}

/// Gradient of Σ_i c_i log policy(path i) by the network's outputs, from that of each path, `[steps, paths, outputs]`.
pub(crate) fn by_outputs(mut by_path: Vec<f32>, outputs: usize, c: &[f64]) -> Vec<f32> {
    let rows = by_path.chunks_exact_mut(outputs);
    for (row, &c) in rows.zip(c.iter().cycle()) {
        row.iter_mut().for_each(|v| *v *= c as f32);
    }
    by_path
}

/// Gradient of the denoising loss −mean E[log policy | clean end] by the network's outputs, for a batch of `batch`: the
/// forward KL with each step's expectation given x_0 taken exactly, which has less variance than the path itself.
pub(crate) fn denoising(policy: &Policy, paths: &Paths, values: &[f32], batch: usize) -> Vec<f32> {
    let (d, size) = (policy.frames.dim, paths.n * policy.frames.dim);
    let mut out = vec![0.0; values.len()];
    let mut sheet = Sheet::default();
    let (clean, states) = paths.states.split_at(size);
    let rows = values.chunks_exact(2 * size).zip(states.chunks_exact(size));
    let steps = policy.schedule.steps.iter().zip(rows);
    for ((step, (values, noisy)), out) in steps.zip(out.chunks_exact_mut(2 * size)) {
        sheet.difference(clean, step.shrink, noisy, step.pull);
        sheet.weigh(step, values, d, step.rest);
        sheet.write_gradient(d, -1.0 / batch as f64, out);
    }
    out
}

/// Adds the gradient of Σ_i c_i [log π(k) over reached sites + log π(j | k)] by the logits of the values and of the shares.
pub(crate) fn by_choices(
    policy: &Policy,
    paths: &Paths,
    c: &[f64],
    values: &mut [f32],
    shares: &mut [f32],
) {
    let s = policy.layout.sites.len();
    for (i, &c) in c.iter().enumerate() {
        let k = &paths.points.k[i * s..(i + 1) * s];
        if let Some(categorical) = &policy.categorical {
            let reached = &paths.points.log_p[i * s..(i + 1) * s];
            let factors: Vec<f64> = reached
                .iter()
                .map(|p| if p.is_nan() { 0.0 } else { c })
                .collect();
            categorical.add_gradient(k, &factors, values);
        }
        let group = policy.frames.group(k);
        let parts = &policy.frames.groups[group].parts;
        if parts.len() > 1 {
            for (&part, log_p) in parts.iter().zip(policy.log_shares(group)) {
                shares[part] +=
                    (c * (f64::from(u8::from(part == paths.part[i])) - log_p.exp())) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_path_is_clipped_and_poisons_nothing() {
        let r = residuals(
            Objective::VarGrad,
            &[1.0, 2.0, f64::NEG_INFINITY, 3.0],
            &mut 0.0,
            0.1,
        );
        assert_eq!(r, vec![1.0, 0.0, 5.0, -1.0]);
        let mut log_z = 5.0;
        let r = residuals(
            Objective::TrajectoryBalance,
            &[5.0, 6.0, 6.0],
            &mut log_z,
            0.1,
        );
        assert_eq!(r, vec![0.0, -1.0, -1.0]);
        assert!(log_z > 5.0);
    }
}
