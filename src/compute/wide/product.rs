//! A known matrix times many vectors at once: X B, and Xᵀ R on the way back.
//!
//! ```text
//!       k                       panel 0            panel 1
//!   ┌───────┐   rows 0 … 63   [col 0 │ col 1 │ …] [col 0 │ …]     each column of a panel is 64 numbers side by side,
//! m │   X   │  ─────────────▶                                      so that X is read once, from its first number to
//!   └───────┘   rows 64 … 127                                      its last, for one vector as for many
//! ```
//! Sums run in a fixed order whatever the number of vectors is: over columns one by one in X B; in Xᵀ R over the rows of a
//! panel in four interleaved parts, then panel by panel.

use pulp::{Arch, Simd, WithSimd};

/// Rows of a panel.
const ROWS: usize = 64;
/// Rows whose sums are held in registers together: of one vector, and of a tile of them.
const DEEP: usize = 32;
const FEW: usize = 4;

/// A known matrix, laid out to be read from the first number to the last.
#[derive(Clone, PartialEq)]
pub struct Panels {
    /// Rows of the matrix.
    pub m: usize,
    /// Columns.
    pub k: usize,
    /// `[panel, column, row of the panel]`; rows beyond the last are 0.
    data: Vec<f64>,
}

impl std::fmt::Debug for Panels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "known {}×{}", self.m, self.k)
    }
}

impl Panels {
    /// Lays out the matrix whose element (i, l) is `element(i, l)`; `None` where one is not finite.
    pub fn new(m: usize, k: usize, element: impl Fn(usize, usize) -> f64) -> Option<Panels> {
        let mut data = vec![0.0; m.div_ceil(ROWS) * ROWS * k];
        for (p, panel) in data.chunks_exact_mut((ROWS * k).max(1)).enumerate() {
            for r in 0..ROWS.min(m - p * ROWS) {
                for l in 0..k {
                    panel[l * ROWS + r] = element(p * ROWS + r, l);
                }
            }
        }
        data.iter()
            .all(|x| x.is_finite())
            .then_some(Panels { m, k, data })
    }

    /// Element (i, l).
    pub fn at(&self, i: usize, l: usize) -> f64 {
        self.data[(i / ROWS * self.k + l) * ROWS + i % ROWS]
    }

    fn panels(&self) -> std::slice::ChunksExact<'_, f64> {
        self.data.chunks_exact((ROWS * self.k).max(1))
    }
}

/// Adds X B to `out: [m, width]`, for `b: [k, width]`.
pub fn add_product(x: &Panels, b: &[f64], width: usize, out: &mut [f64]) {
    Arch::new().dispatch(Product { x, b, width, out });
}

struct Product<'a> {
    x: &'a Panels,
    b: &'a [f64],
    width: usize,
    out: &'a mut [f64],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Product { x, b, width, out } = self;
        for (panel, out) in x.panels().zip(out.chunks_mut(ROWS * width)) {
            match width {
                1 => one_vector(panel, b, out),
                _ => many_vectors(simd, panel, b, width, out),
            }
        }
    }
}

#[inline(always)]
fn one_vector(panel: &[f64], b: &[f64], out: &mut [f64]) {
    for (part, out) in out.chunks_mut(DEEP).enumerate() {
        let mut sums = [0.0; DEEP];
        for (column, &b) in panel.chunks_exact(ROWS).zip(b) {
            let column = &column[part * DEEP..(part + 1) * DEEP];
            for (s, x) in sums.iter_mut().zip(column) {
                *s = x.mul_add(b, *s);
            }
        }
        for (o, s) in out.iter_mut().zip(sums) {
            *o += s;
        }
    }
}

/// [`one_vector`]'s sums for many vectors: a few rows by a tile of vectors at a time.
#[inline(always)]
fn many_vectors<S: Simd>(simd: S, panel: &[f64], b: &[f64], width: usize, out: &mut [f64]) {
    let rows = out.len() / width;
    for first in (0..rows).step_by(FEW) {
        for (start, n) in tiles::<S>(width) {
            let mut sums = [[simd.splat_f64s(0.0); 2]; FEW];
            for (column, b) in panel.chunks_exact(ROWS).zip(b.chunks_exact(width)) {
                let b = load(simd, &b[start..start + n]);
                let x = &column[first..first + FEW];
                for r in 0..FEW {
                    let x = simd.splat_f64s(x[r]);
                    for v in 0..2 {
                        sums[r][v] = simd.mul_add_f64s(x, b[v], sums[r][v]);
                    }
                }
            }
            for (r, s) in sums.into_iter().enumerate().take(rows - first) {
                add(simd, s, &mut out[(first + r) * width + start..][..n]);
            }
        }
    }
}

/// Where each tile of vectors starts, and how many it has.
#[inline(always)]
fn tiles<S: Simd>(width: usize) -> impl Iterator<Item = (usize, usize)> {
    let tile = 2 * S::F64_LANES;
    (0..width)
        .step_by(tile)
        .map(move |start| (start, tile.min(width - start)))
}

#[inline(always)]
fn load<S: Simd>(simd: S, from: &[f64]) -> [S::f64s; 2] {
    if let ([a, b], []) = S::as_simd_f64s(from) {
        return [*a, *b];
    }
    let (low, high) = from.split_at(S::F64_LANES.min(from.len()));
    [simd.partial_load_f64s(low), simd.partial_load_f64s(high)]
}

#[inline(always)]
fn add<S: Simd>(simd: S, sums: [S::f64s; 2], to: &mut [f64]) {
    let [a, b] = load(simd, to);
    let (low, high) = to.split_at_mut(S::F64_LANES.min(to.len()));
    simd.partial_store_f64s(low, simd.add_f64s(a, sums[0]));
    simd.partial_store_f64s(high, simd.add_f64s(b, sums[1]));
}

/// Adds Xᵀ R to `out: [k, width]`, for `r: [m, width]`.
pub fn add_transposed_product(x: &Panels, r: &[f64], width: usize, out: &mut [f64]) {
    Arch::new().dispatch(Transposed { x, r, width, out });
}

struct Transposed<'a> {
    x: &'a Panels,
    r: &'a [f64],
    width: usize,
    out: &'a mut [f64],
}

impl WithSimd for Transposed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Transposed { x, r, width, out } = self;
        let mut padded = [0.0; ROWS];
        for (panel, r) in x.panels().zip(r.chunks(ROWS * width)) {
            let one: &[f64] = match (width, r.len()) {
                (1, n) if n < ROWS => {
                    padded[..n].copy_from_slice(r);
                    &padded
                }
                _ => r,
            };
            if width == 1 {
                some_dots(panel, one, out);
                continue;
            }
            for (column, out) in panel.chunks_exact(ROWS).zip(out.chunks_exact_mut(width)) {
                many_dots(simd, column, r, width, out);
            }
        }
    }
}

/// Interleaved parts of a sum.
const PARTS: usize = 4;

/// Columns whose sums run together, so that none waits for its own last step.
const TOGETHER: usize = 4;

/// Adds the products of all columns with one vector.
#[inline(always)]
fn some_dots(panel: &[f64], r: &[f64], out: &mut [f64]) {
    let (several, rest) = panel.split_at(panel.len() - panel.len() % (TOGETHER * ROWS));
    let (first, last) = out.split_at_mut(several.len() / ROWS);
    let groups = several.chunks_exact(TOGETHER * ROWS);
    for (columns, out) in groups.zip(first.chunks_exact_mut(TOGETHER)) {
        dots::<TOGETHER>(columns, r, out);
    }
    for (column, out) in rest.chunks_exact(ROWS).zip(last.chunks_exact_mut(1)) {
        dots::<1>(column, r, out);
    }
}

/// `N` columns by one vector, each in [`PARTS`] sums.
#[inline(always)]
fn dots<const N: usize>(columns: &[f64], r: &[f64], out: &mut [f64]) {
    let column: [&[f64]; N] = std::array::from_fn(|c| &columns[c * ROWS..(c + 1) * ROWS]);
    let mut sums = [[0.0; PARTS]; N];
    for (i, r) in r.chunks_exact(PARTS).enumerate() {
        for (column, sums) in column.iter().zip(&mut sums) {
            let x = &column[i * PARTS..(i + 1) * PARTS];
            for ((s, x), r) in sums.iter_mut().zip(x).zip(r) {
                *s = x.mul_add(*r, *s);
            }
        }
    }
    for (o, s) in out.iter_mut().zip(sums) {
        *o += (s[0] + s[1]) + (s[2] + s[3]);
    }
}

/// [`dots`]'s sums for many vectors, a tile at a time.
#[inline(always)]
fn many_dots<S: Simd>(simd: S, column: &[f64], r: &[f64], width: usize, out: &mut [f64]) {
    for (start, n) in tiles::<S>(width) {
        let mut sums = [[simd.splat_f64s(0.0); 2]; PARTS];
        for (x, r) in column.chunks_exact(PARTS).zip(r.chunks(PARTS * width)) {
            for (j, r) in r.chunks_exact(width).enumerate() {
                let (x, r) = (simd.splat_f64s(x[j]), load(simd, &r[start..start + n]));
                for v in 0..2 {
                    sums[j][v] = simd.mul_add_f64s(x, r[v], sums[j][v]);
                }
            }
        }
        let [a, b, c, d] = sums;
        let both = |v: usize| simd.add_f64s(simd.add_f64s(a[v], b[v]), simd.add_f64s(c[v], d[v]));
        add(simd, [both(0), both(1)], &mut out[start..start + n]);
    }
}
