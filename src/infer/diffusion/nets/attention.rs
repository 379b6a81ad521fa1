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

/// So many examples are worked on at once, each in a lane of its own.
const LANES: usize = 8;
type Lanes = [f32; LANES];
const ZERO: Lanes = [0.0; LANES];

#[inline(always)]
fn add(to: &mut Lanes, a: &Lanes, b: &Lanes) {
    (0..LANES).for_each(|l| to[l] += a[l] * b[l]);
}

#[inline(always)]
fn dot(a: &[Lanes], b: &[Lanes]) -> Lanes {
    let mut sum = ZERO;
    a.iter().zip(b).for_each(|(a, b)| add(&mut sum, a, b));
    sum
}

#[inline(always)]
fn add_all(to: &mut [Lanes], factor: &Lanes, x: &[Lanes]) {
    to.iter_mut().zip(x).for_each(|(to, x)| add(to, factor, x));
}

/// Puts up to [`LANES`] examples of `x` side by side; lanes without one hold what they held.
fn side_by_side(x: &[f32], size: usize, to: &mut [Lanes]) {
    for (lane, example) in x.chunks_exact(size).enumerate() {
        to.iter_mut().zip(example).for_each(|(to, v)| to[lane] = *v);
    }
}

/// Undoes [`side_by_side`].
fn below_each_other(x: &[Lanes], size: usize, to: &mut [f32]) {
    for (lane, example) in to.chunks_exact_mut(size).enumerate() {
        example.iter_mut().zip(x).for_each(|(to, v)| *to = v[lane]);
    }
}

/// Room that the weights of so many examples take.
pub(super) fn room(examples: usize, heads: usize, mask: &Mask) -> usize {
    examples.div_ceil(LANES) * LANES * heads * mask.edges()
}

/// Fills `out: [rows, w]` and `weights`, of [`room`], from `x: [rows, 3 w]`.
pub(super) fn forward(
    x: &[f32],
    slopes: &[f32],
    mask: &Mask,
    out: &mut [f32],
    weights: &mut [f32],
) {
    let (tokens, w) = (mask.tokens(), slopes.len() * HEAD);
    let (size, said) = (tokens * 3 * w, tokens * w);
    let mut lanes = vec![ZERO; size];
    let mut sums = vec![ZERO; said];
    let blocks = x.chunks(LANES * size).zip(out.chunks_mut(LANES * said));
    let (all, _) = weights.as_chunks_mut::<LANES>();
    let each = blocks.zip(all.chunks_exact_mut(slopes.len() * mask.edges()));
    for ((x, out), weights) in each {
        side_by_side(x, size, &mut lanes);
        sums.fill(ZERO);
        widest(
            #[inline(always)]
            || look(&lanes, slopes, mask, &mut sums, weights),
        );
        below_each_other(&sums, said, out);
    }
}

#[inline(always)]
fn look(x: &[Lanes], slopes: &[f32], mask: &Mask, sums: &mut [Lanes], weights: &mut [Lanes]) {
    let w = slopes.len() * HEAD;
    for (h, weights) in weights.chunks_exact_mut(mask.edges()).enumerate() {
        for token in 0..mask.tokens() {
            let edges = mask.of(token);
            let seen = &mask.seen[edges.clone()];
            let nearness = &mask.nearness[edges.clone()];
            let p = &mut weights[edges];
            let own = token * 3 * w + h * HEAD;
            let q = &x[own..own + HEAD];
            let mut most = [f32::NEG_INFINITY; LANES];
            for ((p, j), near) in p.iter_mut().zip(seen).zip(nearness) {
                let at = *j as usize * 3 * w + w + h * HEAD;
                let score = dot(q, &x[at..at + HEAD]);
                let bonus = slopes[h] * near;
                *p = score.map(|s| SCALE * s + bonus);
                (0..LANES).for_each(|l| most[l] = most[l].max(p[l]));
            }
            let mut total = ZERO;
            for p in p.iter_mut() {
                (0..LANES).for_each(|l| p[l] = exp_f32(p[l] - most[l]));
                (0..LANES).for_each(|l| total[l] += p[l]);
            }
            let share = total.map(|t| 1.0 / t);
            let to = token * w + h * HEAD;
            for (p, j) in p.iter_mut().zip(seen) {
                (0..LANES).for_each(|l| p[l] *= share[l]);
                let at = *j as usize * 3 * w + 2 * w + h * HEAD;
                add_all(&mut sums[to..to + HEAD], p, &x[at..at + HEAD]);
            }
        }
    }
}

/// Adds to `by_slopes`, and writes to `by_x: [rows, 3 w]`, the gradient from `bar: [rows, w]`; `known` is (x, slopes, weights).
pub(super) fn backward(
    known: (&[f32], &[f32], &[f32]),
    mask: &Mask,
    bar: &[f32],
    by_x: &mut [f32],
    by_slopes: &mut [f32],
) {
    let (x, slopes, weights) = known;
    let (tokens, w) = (mask.tokens(), slopes.len() * HEAD);
    let (size, said) = (tokens * 3 * w, tokens * w);
    let mut lanes = vec![ZERO; size];
    let mut bars = vec![ZERO; said];
    let mut back = vec![ZERO; size];
    let blocks = x.chunks(LANES * size).zip(bar.chunks(LANES * said));
    let (all, _) = weights.as_chunks::<LANES>();
    let each = blocks
        .zip(by_x.chunks_mut(LANES * size))
        .zip(all.chunks_exact(slopes.len() * mask.edges()));
    for (((x, bar), by_x), weights) in each {
        side_by_side(x, size, &mut lanes);
        // A lane without an example has nothing to say.
        bars.fill(ZERO);
        side_by_side(bar, said, &mut bars);
        back.fill(ZERO);
        widest(
            #[inline(always)]
            || pull(&lanes, weights, mask, &bars, &mut back, by_slopes),
        );
        below_each_other(&back, size, by_x);
    }
}

#[inline(always)]
fn pull(
    x: &[Lanes],
    weights: &[Lanes],
    mask: &Mask,
    bars: &[Lanes],
    back: &mut [Lanes],
    by_slopes: &mut [f32],
) {
    let w = by_slopes.len() * HEAD;
    let mut by_p = Vec::new();
    for (h, weights) in weights.chunks_exact(mask.edges()).enumerate() {
        let mut by_slope = ZERO;
        for token in 0..mask.tokens() {
            let edges = mask.of(token);
            let seen = &mask.seen[edges.clone()];
            let nearness = &mask.nearness[edges.clone()];
            let p = &weights[edges];
            let from = token * w + h * HEAD;
            let bar = &bars[from..from + HEAD];
            let own = token * 3 * w + h * HEAD;
            by_p.clear();
            let mut mean = ZERO;
            for (p, j) in p.iter().zip(seen) {
                let at = *j as usize * 3 * w + 2 * w + h * HEAD;
                let by = dot(bar, &x[at..at + HEAD]);
                add(&mut mean, p, &by);
                by_p.push(by);
                add_all(&mut back[at..at + HEAD], p, bar);
            }
            let mut by_q = [ZERO; HEAD];
            for (((p, by), j), near) in p.iter().zip(&by_p).zip(seen).zip(nearness) {
                let by_score: Lanes = std::array::from_fn(|l| p[l] * (by[l] - mean[l]));
                add(&mut by_slope, &by_score, &[*near; LANES]);
                let scaled = by_score.map(|s| SCALE * s);
                let at = *j as usize * 3 * w + w + h * HEAD;
                add_all(&mut by_q, &scaled, &x[at..at + HEAD]);
                add_all(&mut back[at..at + HEAD], &scaled, &x[own..own + HEAD]);
            }
            add_all(&mut back[own..own + HEAD], &[1.0; LANES], &by_q);
        }
        by_slopes[h] += by_slope.iter().sum::<f32>();
    }
}
