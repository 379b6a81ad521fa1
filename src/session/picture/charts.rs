//! The pictures that draws are looked at by.

use super::{Picture, Plot};
use crate::draws::{counts_below, ecdf_band};

/// Points of a line; more are not seen.
const MOST_POINTS: usize = 400;
/// Bins of a histogram of reals.
const BINS: usize = 40;

/// How often ranks fall into each bin, with the line where all would be and a band that 95 % of bins stay in.
pub fn rank_histogram(counts: &[usize], n: usize, most: usize) -> Picture {
    let bins = counts.len();
    let even = n as f64 / bins.max(1) as f64;
    let half = 1.96 * (even * (1.0 - 1.0 / bins.max(2) as f64)).sqrt();
    let top = counts.iter().map(|c| *c as f64).fold(even + half, f64::max) * 1.05;
    let width = (most + 1) as f64 / bins.max(1) as f64;
    let right = (most + 1) as f64;
    let mut plot =
        Plot::new("rank histogram", (0.0, right), (0.0, top)).x_label("rank of the truth");
    plot.band(
        "band",
        &[
            (0.0, (even - half).max(0.0), even + half),
            (right, (even - half).max(0.0), even + half),
        ],
    );
    for (b, &c) in counts.iter().enumerate() {
        plot.bar(
            "bar",
            (b as f64 * width, (b + 1) as f64 * width),
            (0.0, c as f64),
        );
    }
    plot.line("ink dash", [(0.0, even), (right, even)]);
    plot.finish()
}

/// The ranks' distribution function less that of uniform ranks, with the band that 95 % of uniform ones stay in
/// everywhere.
pub fn ecdf_difference(ranks: &[usize], most: usize) -> Picture {
    let n = ranks.len().max(1) as f64;
    let straight = |j: usize| (j + 1) as f64 / (most + 1) as f64;
    let mut band = vec![(0.0, 0.0, 0.0)];
    let bounds = ecdf_band(ranks.len(), most, 0.95);
    band.extend(bounds.iter().enumerate().map(|(j, &(low, high))| {
        let at = straight(j);
        (at, low as f64 / n - at, high as f64 / n - at)
    }));
    band.push((1.0, 0.0, 0.0));
    let mut line = vec![(0.0, 0.0)];
    let counts = counts_below(ranks, most);
    line.extend(
        counts
            .iter()
            .enumerate()
            .map(|(j, &c)| (straight(j), c as f64 / n - straight(j))),
    );
    line.push((1.0, 0.0));
    let reach = band.iter().map(|b| b.2.max(-b.1));
    let reach = reach
        .chain(line.iter().map(|p| p.1.abs()))
        .fold(0.01, f64::max)
        * 1.1;
    let mut plot =
        Plot::new("ECDF difference", (0.0, 1.0), (-reach, reach)).x_label("rank, as a share");
    plot.band("band", &band);
    plot.line("ink dash", [(0.0, 0.0), (1.0, 0.0)]);
    plot.line("l1", line);
    plot.finish()
}

/// The range of what is finite.
fn range<'a>(x: impl IntoIterator<Item = &'a f64>) -> (f64, f64) {
    let finite = x.into_iter().filter(|x| x.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| {
        (l.min(x), h.max(x))
    })
}

/// The range that holds all but the outermost 0.2 % on each side, where these would hide the rest.
fn sight(x: &[f64]) -> (f64, f64) {
    let mut ordered: Vec<f64> = x.iter().copied().filter(|x| x.is_finite()).collect();
    ordered.sort_by(f64::total_cmp);
    let Some(last) = ordered.len().checked_sub(1) else {
        return (0.0, 1.0);
    };
    let cut = last / 500;
    let (low, high) = (ordered[cut], ordered[last - cut]);
    let full = (ordered[0], ordered[last]);
    match full.1 - full.0 > 3.0 * (high - low) {
        true => (low, high),
        false => full,
    }
}

/// A marginal distribution: a histogram, whole numbers each with a bar of their own, and the 5 % to 95 % range below.
pub fn marginal(name: &str, x: &[f64], whole: bool, q: Option<(f64, f64, f64)>) -> Picture {
    let (low, high) = sight(x);
    let single = whole && high - low <= 60.0;
    let (start, bins, width) = match single {
        true => (low - 0.5, (high - low) as usize + 1, 1.0),
        false => (
            low,
            BINS,
            ((high - low) / BINS as f64).max(f64::MIN_POSITIVE),
        ),
    };
    let mut counts = vec![0.0; bins];
    for v in x.iter().filter(|v| **v >= low && **v <= high) {
        counts[(((v - start) / width) as usize).min(bins - 1)] += 1.0;
    }
    let top = counts.iter().copied().fold(1.0, f64::max);
    let end = start + width * bins as f64;
    let mut plot = Plot::new(name, (start, end), (-0.06 * top, 1.05 * top)).bare_y();
    for (b, c) in counts.iter().enumerate().filter(|(_, c)| **c > 0.0) {
        let left = start + b as f64 * width;
        plot.bar("bar", (left, left + width), (0.0, *c));
    }
    if let Some((a, middle, b)) = q {
        let y = -0.03 * top;
        plot.line("l1", [(a.max(start), y), (b.min(end), y)]);
        plot.dots("mark", 3.0, [(middle, y)]);
    }
    plot.finish()
}

/// Values in the order of drawing, a line for each chain.
pub fn traces(name: &str, chains: &[Vec<f64>]) -> Picture {
    let length = chains.iter().map(Vec::len).max().unwrap_or(0);
    let all = range(chains.iter().flatten());
    let mut plot = Plot::new(name, (0.0, length as f64), all)
        .airy()
        .x_label("draw");
    let step = length.div_ceil(MOST_POINTS).max(1);
    for (c, chain) in chains.iter().enumerate() {
        let points = chain.iter().enumerate().step_by(step);
        plot.line(
            &format!("l{} trace", c % 4),
            points.map(|(i, &x)| (i as f64, x)),
        );
    }
    plot.finish()
}

/// How the ranks of each chain's draws among all draws are spread: level where the chains agree.
pub fn ranks_by_chain(name: &str, chains: &[Vec<f64>]) -> Picture {
    const STEPS: usize = 20;
    let mut all: Vec<(f64, usize)> = Vec::new();
    for (c, chain) in chains.iter().enumerate() {
        all.extend(chain.iter().map(|&x| (x, c)));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut counts = vec![[0.0; STEPS]; chains.len()];
    let n = all.len().max(1);
    all.iter()
        .enumerate()
        .for_each(|(rank, &(_, c))| counts[c][rank * STEPS / n] += 1.0);
    let even = n as f64 / (STEPS * chains.len().max(1)) as f64;
    let top = counts.iter().flatten().copied().fold(even, f64::max) * 1.1;
    let mut plot = Plot::new(name, (0.0, n as f64), (0.0, top)).x_label("rank among all draws");
    plot.line("ink dash", [(0.0, even), (n as f64, even)]);
    let edge = |b: usize| (b * n) as f64 / STEPS as f64;
    for (c, chain) in counts.iter().enumerate() {
        let steps = chain
            .iter()
            .enumerate()
            .flat_map(|(b, &k)| [(edge(b), k), (edge(b + 1), k)]);
        plot.line(&format!("l{}", c % 4), steps);
    }
    plot.finish()
}

/// Two quantities against each other.
pub fn pair(a: (&str, &[f64]), b: (&str, &[f64])) -> Picture {
    let step = a.1.len().div_ceil(MOST_POINTS).max(1);
    let mut plot = Plot::new(b.0, sight(a.1), sight(b.1)).x_label(a.0);
    let ((left, right), (low, high)) = (sight(a.1), sight(b.1));
    let inside = |(x, y): &(f64, f64)| (left..=right).contains(x) && (low..=high).contains(y);
    let points = a.1.iter().copied().zip(b.1.iter().copied()).step_by(step);
    plot.dots("f0 dot", 1.6, points.filter(inside));
    plot.finish()
}

/// Lines over steps, each with its name: (name, points).
pub fn curves(title: &str, x_label: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> Picture {
    let xs: Vec<f64> = lines
        .iter()
        .flat_map(|(_, p)| p.iter().map(|p| p.0))
        .collect();
    let ys: Vec<f64> = lines
        .iter()
        .flat_map(|(_, p)| p.iter().map(|p| p.1))
        .collect();
    let mut plot = Plot::new(title, range(&xs), range(&ys))
        .airy()
        .x_label(x_label)
        .sized(460.0, 240.0);
    let classes = ["l0", "l1", "l2", "l3"];
    for (i, (_, points)) in lines.iter().enumerate() {
        plot.line(classes[i % 4], points.iter().copied());
        plot.dots(["f0", "f1", "f2", "f3"][i % 4], 2.2, points.iter().copied());
    }
    let legend: Vec<(usize, &str)> = lines
        .iter()
        .enumerate()
        .map(|(i, (n, _))| (i, *n))
        .collect();
    if legend.len() > 1 {
        plot.legend(&legend);
    }
    plot.finish()
}

/// How much of the whole weight the heaviest draws have: on the dashed line where all weigh the same.
pub fn weights(log_weights: &[f64]) -> Picture {
    let mut w = crate::draws::normalized(log_weights).unwrap_or_default();
    w.sort_by(|a, b| b.total_cmp(a));
    let n = w.len().max(1) as f64;
    let mut total = 0.0;
    let mut points = vec![(0.0, 0.0)];
    points.extend(w.iter().enumerate().map(|(i, x)| {
        total += x;
        ((i + 1) as f64 / n, total)
    }));
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.last().copied();
    let mut plot = Plot::new("share of the weight", (0.0, 1.0), (0.0, 1.02))
        .x_label("share of the paths, heaviest first")
        .sized(460.0, 240.0);
    plot.line("ink dash", [(0.0, 0.0), (1.0, 1.0)]);
    plot.line("l0", points.into_iter().step_by(step).chain(last));
    plot.finish()
}

/// Estimates with their ranges, one below the other: (name, 5 %, 25 %, middle, 75 %, 95 %).
pub fn intervals(title: &str, rows: &[(String, [f64; 5])]) -> Picture {
    let ends: Vec<f64> = rows.iter().flat_map(|(_, q)| [q[0], q[4]]).collect();
    // Room for the names at the right.
    let (low, high) = range(&ends);
    let height = 60.0 + 16.0 * rows.len() as f64;
    let mut plot = Plot::new(
        title,
        (low, high + 0.25 * (high - low)),
        (0.0, rows.len() as f64),
    )
    .bare_y()
    .sized(460.0, height);
    for (i, (name, q)) in rows.iter().enumerate() {
        let y = rows.len() as f64 - i as f64 - 0.5;
        plot.line("l0", [(q[0], y), (q[4], y)]);
        plot.bar("bar", (q[1], q[3]), (y - 0.2, y + 0.2));
        plot.dots("mark", 3.0, [(q[2], y)]);
        plot.words(q[4], y, name);
    }
    plot.finish()
}

/// Data against what the model predicts. `replicates[draw][i]` is a new draw of observation i. A few observations stand
/// beside each other with their 90 % ranges; of many, distribution functions are compared.
pub fn predictive(name: &str, observed: &[f64], replicates: &[Vec<f64>]) -> Picture {
    match observed.len() <= 60 {
        true => by_observation(name, observed, replicates),
        false => by_distribution(name, observed, replicates),
    }
}

fn by_observation(name: &str, observed: &[f64], replicates: &[Vec<f64>]) -> Picture {
    let quantile = |i: usize, p: f64| {
        let mut x: Vec<f64> = replicates
            .iter()
            .map(|r| r[i])
            .filter(|x| x.is_finite())
            .collect();
        x.sort_by(f64::total_cmp);
        let at = (p * x.len().saturating_sub(1) as f64).round() as usize;
        x.get(at).copied().unwrap_or(f64::NAN)
    };
    let bounds: Vec<(f64, f64, f64)> = (0..observed.len())
        .map(|i| (quantile(i, 0.05), quantile(i, 0.5), quantile(i, 0.95)))
        .collect();
    let ends: Vec<f64> = bounds
        .iter()
        .flat_map(|b| [b.0, b.2])
        .chain(observed.iter().copied())
        .collect();
    let mut plot = Plot::new(name, (-0.7, observed.len() as f64 - 0.3), range(&ends))
        .airy()
        .x_label("observation")
        .sized(460.0, 240.0);
    for (i, b) in bounds.iter().enumerate() {
        plot.line("l0", [(i as f64, b.0), (i as f64, b.2)]);
        plot.dots("f0", 1.6, [(i as f64, b.1)]);
    }
    plot.dots(
        "mark",
        3.0,
        observed.iter().enumerate().map(|(i, &y)| (i as f64, y)),
    );
    plot.legend(&[(1, "observed"), (0, "predicted, 5 to 95 %")]);
    plot.finish()
}

fn by_distribution(name: &str, observed: &[f64], replicates: &[Vec<f64>]) -> Picture {
    let shown = replicates
        .iter()
        .step_by(replicates.len().div_ceil(40).max(1));
    let all = range(observed.iter().chain(shown.clone().flatten()));
    let mut plot = Plot::new(name, all, (0.0, 1.0))
        .x_label("value")
        .sized(460.0, 240.0);
    let function = |x: &[f64]| -> Vec<(f64, f64)> {
        let mut x: Vec<f64> = x.iter().copied().filter(|x| x.is_finite()).collect();
        x.sort_by(f64::total_cmp);
        let n = x.len().max(1) as f64;
        let step = x.len().div_ceil(200).max(1);
        x.iter()
            .enumerate()
            .step_by(step)
            .map(|(i, &x)| (x, (i + 1) as f64 / n))
            .collect()
    };
    shown.for_each(|r| plot.line("l0 thin", function(r)));
    plot.line("l1", function(observed));
    plot.legend(&[(1, "observed"), (0, "predicted")]);
    plot.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_nothing_and_of_odd_numbers_are_drawn() {
        let odd = [f64::NAN, f64::INFINITY, 1.0, 1.0];
        let pictures = [
            rank_histogram(&[3, 4], 7, 9),
            ecdf_difference(&[], 9),
            ecdf_difference(&[0, 9, 3], 9),
            marginal("x", &odd, false, Some((1.0, 1.0, 1.0))),
            marginal("x", &[], true, None),
            traces("x", &[]),
            traces("x", &[odd.to_vec()]),
            ranks_by_chain("x", &[vec![1.0, 2.0], vec![2.0, 3.0]]),
            pair(("a", &odd), ("b", &odd)),
            curves(
                "t",
                "step",
                &[("ELBO", vec![(0.0, f64::NEG_INFINITY), (1.0, -2.0)])],
            ),
            weights(&[0.0, f64::NEG_INFINITY]),
            weights(&[]),
            intervals("all", &[]),
            predictive("y", &[1.0, 2.0], &[vec![1.0, f64::NAN]]),
            predictive("y", &[1.0; 70], &[vec![0.5; 70]]),
        ];
        for picture in pictures {
            let svg = picture.standalone();
            assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{svg}");
        }
    }
}
