//! Attention of tokens to the few that they may see, and its adjoint.
//!
//! ```text
//! token i, head h:   score_j = q_i·k_j / √8 + slope_h · nearness_ij      over the j that i sees
//!                    out_i = Σ_j softmax(score)_j v_j
//! ```
//! Heads have [`HEAD`] columns. What is seen is a list for each token, so that the work grows with the edges of a graph and not with
//! the square of its tokens.

use crate::compute::vector::{exp_f32, widest};

/// Columns of a head.
pub(super) const HEAD: usize = 8;
const SCALE: f32 = 0.353_553_4;

/// Who sees whom.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mask {
    /// Where each token's list begins, and where the last one ends.
    pub starts: Vec<usize>,
    /// Tokens that are seen.
    pub seen: Vec<u32>,
    /// How near each is: 0 for the nearest, below for others.
    pub nearness: Vec<f32>,
}

impl Mask {
    pub fn tokens(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn edges(&self) -> usize {
        self.seen.len()
    }

    /// A token's edges.
    fn of(&self, token: usize) -> std::ops::Range<usize> {
        self.starts[token]..self.starts[token + 1]
    }
}

type Head = [f32; HEAD];

#[inline(always)]
fn head(x: &[f32], at: usize) -> &Head {
    x[at..].first_chunk().expect("heads are whole")
}

#[inline(always)]
fn head_mut(x: &mut [f32], at: usize) -> &mut Head {
    x[at..].first_chunk_mut().expect("heads are whole")
}

#[inline(always)]
fn dot(a: &Head, b: &Head) -> f32 {
    let p: Head = std::array::from_fn(|k| a[k] * b[k]);
    ((p[0] + p[4]) + (p[1] + p[5])) + ((p[2] + p[6]) + (p[3] + p[7]))
}

#[inline(always)]
fn add(to: &mut Head, factor: f32, x: &Head) {
    (0..HEAD).for_each(|k| to[k] += factor * x[k]);
}

/// Fills `out: [rows, w]` and `weights: [rows / tokens, heads, edges]` from `x: [rows, 3 w]`.
pub(super) fn forward(
    x: &[f32],
    slopes: &[f32],
    mask: &Mask,
    out: &mut [f32],
    weights: &mut [f32],
) {
    let (tokens, heads) = (mask.tokens(), slopes.len());
    let w = heads * HEAD;
    let examples = x
        .chunks_exact(tokens * 3 * w)
        .zip(out.chunks_exact_mut(tokens * w));
    let each = examples.zip(weights.chunks_exact_mut(heads * mask.edges()));
    widest(
        #[inline(always)]
        || {
            for ((x, out), weights) in each {
                for (h, weights) in weights.chunks_exact_mut(mask.edges()).enumerate() {
                    for token in 0..tokens {
                        let edges = mask.of(token);
                        let seen = &mask.seen[edges.clone()];
                        let nearness = &mask.nearness[edges.clone()];
                        let p = &mut weights[edges];
                        let q = head(x, token * 3 * w + h * HEAD);
                        let mut most = f32::NEG_INFINITY;
                        for ((p, j), near) in p.iter_mut().zip(seen).zip(nearness) {
                            let k = head(x, *j as usize * 3 * w + w + h * HEAD);
                            *p = SCALE * dot(q, k) + slopes[h] * near;
                            most = most.max(*p);
                        }
                        let mut total = 0.0;
                        for p in p.iter_mut() {
                            *p = exp_f32(*p - most);
                            total += *p;
                        }
                        let mut sum = [0.0; HEAD];
                        for (p, j) in p.iter_mut().zip(seen) {
                            *p /= total;
                            add(
                                &mut sum,
                                *p,
                                head(x, *j as usize * 3 * w + 2 * w + h * HEAD),
                            );
                        }
                        *head_mut(out, token * w + h * HEAD) = sum;
                    }
                }
            }
        },
    );
}

/// Adds to `by_x: [rows, 3 w]` and `by_slopes` the gradient from `bar: [rows, w]`; `known` is (x, slopes, weights).
pub(super) fn backward(
    known: (&[f32], &[f32], &[f32]),
    mask: &Mask,
    bar: &[f32],
    by_x: &mut [f32],
    by_slopes: &mut [f32],
) {
    let (x, slopes, weights) = known;
    let (tokens, heads) = (mask.tokens(), slopes.len());
    let w = heads * HEAD;
    let examples = x
        .chunks_exact(tokens * 3 * w)
        .zip(bar.chunks_exact(tokens * w));
    let each = examples
        .zip(by_x.chunks_exact_mut(tokens * 3 * w))
        .zip(weights.chunks_exact(heads * mask.edges()));
    let mut by_p = Vec::new();
    widest(
        #[inline(always)]
        || {
            for (((x, bar), by_x), weights) in each {
                for (h, weights) in weights.chunks_exact(mask.edges()).enumerate() {
                    for token in 0..tokens {
                        let edges = mask.of(token);
                        let seen = &mask.seen[edges.clone()];
                        let nearness = &mask.nearness[edges.clone()];
                        let p = &weights[edges];
                        let bar = head(bar, token * w + h * HEAD);
                        let own = token * 3 * w + h * HEAD;
                        let q = *head(x, own);
                        by_p.clear();
                        let mut mean = 0.0;
                        for (p, j) in p.iter().zip(seen) {
                            let at = *j as usize * 3 * w + 2 * w + h * HEAD;
                            let by = dot(bar, head(x, at));
                            mean += p * by;
                            by_p.push(by);
                            add(head_mut(by_x, at), *p, bar);
                        }
                        let mut by_q = [0.0; HEAD];
                        let terms = p.iter().zip(&by_p).zip(seen).zip(nearness);
                        for (((p, by), j), near) in terms {
                            let by_score = p * (by - mean);
                            by_slopes[h] += by_score * near;
                            let at = *j as usize * 3 * w + w + h * HEAD;
                            add(&mut by_q, SCALE * by_score, head(x, at));
                            add(head_mut(by_x, at), SCALE * by_score, &q);
                        }
                        add(head_mut(by_x, own), 1.0, &by_q);
                    }
                }
            }
        },
    );
}
