//! Strips: the numbers of an elementwise operation a few hundred at a time, every operand as a plain slice.
//!
//! ```text
//! one lane     e0 e1 … e255 │ e256 … e511 │ …      a strip is a piece of the array
//! many lanes   e0: lane 0 … lane 127 │ e1: …       a strip is an element over the lanes
//! ```
//! Sums of strips run in eight interleaved parts, over elements: one lane's sum is the same alone as among others.

use super::adjoint::Bars;
use super::kernel::Arg;
use crate::compute::wide;

/// Most numbers of a strip.
pub(super) const WIDTH: usize = 256;
/// Numbers of a strip for which little room is enough: to fill the room of a whole strip takes longer than an operation on
/// a few numbers.
pub(super) const SHORT: usize = 16;
/// Interleaved parts of a sum.
const PARTS: usize = 8;

/// Calls a function of `ROOM`, the numbers that a strip of `n` elements has room for.
macro_rules! with_room {
    ($n:expr, $lanes:expr, $($f:ident)::+($($argument:expr),* $(,)?)) => {
        match $crate::ir::strip::numbers($n, $lanes) {
            0..=$crate::ir::strip::SHORT => $($f)::+::<{ $crate::ir::strip::SHORT }>($($argument),*),
            _ => $($f)::+::<{ $crate::ir::strip::WIDTH }>($($argument),*),
        }
    };
}
pub(super) use with_room;

/// Most numbers that a strip of `n` elements could have, were it not for [`WIDTH`].
pub(super) fn numbers(n: usize, lanes: usize) -> usize {
    if lanes == 1 { n } else { lanes }
}

/// A strip of a result of some elements.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// First element.
    pub element: usize,
    /// First lane.
    lane: usize,
    /// Numbers.
    pub width: usize,
    lanes: usize,
}

/// The strips of `n` elements.
pub(super) fn strips(n: usize, lanes: usize) -> impl Iterator<Item = Strip> {
    let (rows, row) = if lanes == 1 { (1, n) } else { (n, lanes) };
    (0..rows).flat_map(move |e| {
        (0..row).step_by(WIDTH).map(move |start| Strip {
            element: if lanes == 1 { start } else { e },
            lane: if lanes == 1 { 0 } else { start },
            width: WIDTH.min(row - start),
            lanes,
        })
    })
}

impl Strip {
    /// An operand's numbers; what is one number for all is written out into `room`.
    #[inline]
    pub(super) fn of<'a>(&self, a: &Arg<'a>, room: &'a mut [f64]) -> &'a [f64] {
        let single = a.len == 1;
        if self.lanes == 1 {
            return match single {
                true => filled(room, a.data[0], self.width),
                false => &a.data[self.element..self.element + self.width],
            };
        }
        let e = if single { 0 } else { self.element };
        match a.uniform {
            true => filled(room, a.data[e], self.width),
            false => &a.data[e * self.lanes + self.lane..][..self.width],
        }
    }

    /// As [`Self::of`], where room is made only if it is needed: filling it takes as long as some operations.
    #[inline]
    pub(super) fn of_lazily<'a, const ROOM: usize>(
        &self,
        a: &Arg<'a>,
        room: &'a mut Option<[f64; ROOM]>,
    ) -> &'a [f64] {
        let single = a.len == 1;
        let element = if single { 0 } else { self.element };
        let same = match self.lanes {
            1 => single.then(|| a.data[0]),
            _ => a.uniform.then(|| a.data[element]),
        };
        match same {
            Some(x) => &room.insert([x; ROOM])[..self.width],
            None => &a.data[element * self.lanes + self.lane..][..self.width],
        }
    }

    /// Adds numbers of this strip to the bar of operand `i`, which has `len` elements.
    #[inline]
    pub(super) fn add(&self, bars: &mut Bars, i: usize, len: usize, numbers: &[f64]) {
        let Some(target) = bars.of(i, len * self.lanes) else {
            return;
        };
        if self.lanes == 1 && len == 1 {
            target[0] += total(numbers);
            return;
        }
        let e = if len == 1 { 0 } else { self.element };
        let target = &mut target[e * self.lanes + self.lane..][..self.width];
        target.iter_mut().zip(numbers).for_each(|(t, x)| *t += x);
    }
}

#[inline]
fn filled(room: &mut [f64], x: f64, width: usize) -> &[f64] {
    room[..width].fill(x);
    &room[..width]
}

/// The sum over elements of what `give` writes for each strip, into `out: [lanes]`.
pub(super) fn sum(n: usize, out: &mut [f64], give: impl FnMut(&Strip, &mut [f64])) {
    with_room!(n, out.len(), sum_in(n, out, give));
}

fn sum_in<const ROOM: usize>(n: usize, out: &mut [f64], mut give: impl FnMut(&Strip, &mut [f64])) {
    let lanes = out.len();
    let mut values = [0.0; ROOM];
    if lanes == 1 {
        let mut parts = [0.0; PARTS];
        for strip in strips(n, 1) {
            let values = &mut values[..strip.width];
            give(&strip, values);
            add_parts(&mut parts, values);
        }
        out[0] = together(parts);
        return;
    }
    let mut parts = vec![0.0; PARTS.min(n) * lanes];
    for strip in strips(n, lanes) {
        let values = &mut values[..strip.width];
        give(&strip, values);
        let part = &mut parts[strip.element % PARTS * lanes + strip.lane..][..strip.width];
        part.iter_mut().zip(values).for_each(|(p, v)| *p += *v);
    }
    for (lane, o) in out.iter_mut().enumerate() {
        let part = |j: usize| parts.get(j * lanes + lane).copied().unwrap_or(0.0);
        *o = together(std::array::from_fn(part));
    }
}

/// The sum over elements of a + ln b, for b in [1, 2], into `out: [lanes]`: the logarithms of a strip's products are taken,
/// which are few. `give` writes a and b for each strip.
pub(super) fn sum_with_logs(
    n: usize,
    out: &mut [f64],
    give: impl FnMut(&Strip, &mut [f64], &mut [f64]),
) {
    with_room!(n, out.len(), sum_with_logs_in(n, out, give));
}

fn sum_with_logs_in<const ROOM: usize>(
    n: usize,
    out: &mut [f64],
    mut give: impl FnMut(&Strip, &mut [f64], &mut [f64]),
) {
    let lanes = out.len();
    let (mut a, mut b) = ([0.0; ROOM], [0.0; ROOM]);
    let mut parts = vec![0.0; PARTS * lanes];
    let mut products = vec![1.0; PARTS * lanes];
    for strip in strips(n, lanes) {
        let (a, b) = (&mut a[..strip.width], &mut b[..strip.width]);
        give(&strip, a, b);
        // A strip is several elements of one lane, or one element of several.
        let last = match lanes {
            1 => {
                let (sums, times) = (&mut parts[..], &mut products[..]);
                for (a, b) in a.chunks(PARTS).zip(b.chunks(PARTS)) {
                    sums.iter_mut().zip(a).for_each(|(s, a)| *s += a);
                    times.iter_mut().zip(b).for_each(|(t, b)| *t *= b);
                }
                true
            }
            _ => {
                let at = strip.element % PARTS * lanes + strip.lane;
                let (sums, times) = (&mut parts[at..], &mut products[at..]);
                sums.iter_mut().zip(a).for_each(|(s, a)| *s += *a);
                times.iter_mut().zip(b).for_each(|(t, b)| *t *= *b);
                let ends = strip.element % WIDTH == WIDTH - 1 || strip.element == n - 1;
                ends && strip.lane + strip.width == lanes
            }
        };
        if last {
            add_logs(&mut parts, &mut products);
        }
    }
    for (lane, o) in out.iter_mut().enumerate() {
        *o = together(std::array::from_fn(|j| parts[j * lanes + lane]));
    }
}

/// Adds the logarithms of products, and begins them anew.
fn add_logs(parts: &mut [f64], products: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (p, b) in parts.iter_mut().zip(products) {
                *p += wide::log(*b);
                *b = 1.0;
            }
        },
    );
}

/// The sum of a strip's numbers.
fn total(numbers: &[f64]) -> f64 {
    let mut parts = [0.0; PARTS];
    add_parts(&mut parts, numbers);
    together(parts)
}

fn add_parts(parts: &mut [f64; PARTS], numbers: &[f64]) {
    let (whole, rest) = numbers.as_chunks::<PARTS>();
    for eight in whole {
        parts.iter_mut().zip(eight).for_each(|(p, v)| *p += v);
    }
    parts.iter_mut().zip(rest).for_each(|(p, v)| *p += v);
}

fn together(p: [f64; PARTS]) -> f64 {
    ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]))
}
