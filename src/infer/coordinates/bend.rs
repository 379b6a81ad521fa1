//! Coordinates that follow a bent posterior: a few *drivers* set the mean and the scale of every other coordinate.
//!
//! ```text
//! z_g = mean_g(z of earlier drivers) + exp(stretch_g(…)) e_g        drivers, in order
//! z_j = mean_j(z of drivers) + exp(stretch_j(z of drivers)) e_j     all others
//! ```
//! with means quadratic and log scales linear in the drivers. This is what a scale that is itself unknown does to the noise
//! below it, and what no affine map can do; it stays right where particles are few, since a log scale that is linear in its
//! driver goes on being so. The map is triangular, so that its inverse and its determinant cost no more than the map.

use spec_math::cephes64::ndtri;

use super::linear::{cholesky, variances};

/// Most drivers; more are seldom worth their coefficients.
const MOST_DRIVERS: usize = 3;
/// Coordinates tried as the next driver.
const TRIED: usize = 4;
/// Rows that a coefficient needs.
const ROWS_PER_COEFFICIENT: usize = 12;
/// Rounds of weighted least squares, and how many of them look at logarithms of residuals.
const ROUNDS: usize = 8;
const ROUGH_ROUNDS: usize = 3;
/// E[log |N(0, 1)|].
const MEAN_LOG_NORMAL: f64 = -0.635_181_422_730_739_1;
/// Multiplications that one look for drivers may cost.
const COST: f64 = 4e9;
/// Log scales stay this close to what they are at the drivers' centre.
const FARTHEST: f64 = 12.0;
/// Nats per held-out row that a driver has to be worth.
const GAIN: f64 = 0.02;

/// The map between residuals e and coordinates z.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bend {
    dim: usize,
    /// Coordinates, the first of which drives the later ones.
    drivers: Vec<usize>,
    /// Where drivers are measured from, and in which unit.
    centre: Vec<f64>,
    unit: Vec<f64>,
    /// For each coordinate, by [`features`]: `[dim, n_features]`.
    mean: Vec<f64>,
    /// For each coordinate, of 1 and the drivers: `[dim, 1 + drivers]`.
    stretch: Vec<f64>,
}

impl Bend {
    /// `e` in place to `z`.
    pub fn place(&self, z: &mut [f64]) {
        let mut features = Features::new(self.drivers.len());
        for (k, &g) in self.drivers.iter().enumerate() {
            z[g] = self.mean_of(g, &features) + self.stretch_of(g, &features).exp() * z[g];
            features.set(k, (z[g] - self.centre[k]) / self.unit[k]);
        }
        for j in self.driven() {
            z[j] = self.mean_of(j, &features) + self.stretch_of(j, &features).exp() * z[j];
        }
    }

    /// `z` in place to `e`; returns log |∂z/∂e|.
    pub fn undo(&self, z: &mut [f64]) -> f64 {
        let mut features = Features::new(self.drivers.len());
        let mut log_det = 0.0;
        for (k, &g) in self.drivers.iter().enumerate() {
            let stretch = self.stretch_of(g, &features);
            log_det += stretch;
            let e = (z[g] - self.mean_of(g, &features)) * (-stretch).exp();
            features.set(k, (z[g] - self.centre[k]) / self.unit[k]);
            z[g] = e;
        }
        for j in self.driven() {
            let stretch = self.stretch_of(j, &features);
            log_det += stretch;
            z[j] = (z[j] - self.mean_of(j, &features)) * (-stretch).exp();
        }
        log_det
    }

    /// Turns the gradient of h by z, in place, into that of h + log |∂z/∂e| by e.
    pub fn pull(&self, z: &[f64], gradient: &mut [f64]) {
        let n = self.drivers.len();
        let t: Vec<f64> = (0..n)
            .map(|k| (z[self.drivers[k]] - self.centre[k]) / self.unit[k])
            .collect();
        // Of features, by the coordinates that they lead.
        let mut by_feature = vec![0.0; n_features(n)];
        let mut features = Features::new(n);
        t.iter().enumerate().for_each(|(k, &t)| features.set(k, t));
        for j in self.driven() {
            gradient[j] = self.pull_one(j, z[j], gradient[j], &features, &mut by_feature);
        }
        for k in (0..n).rev() {
            let g = self.drivers[k];
            let by_t = features.slope(&by_feature, &t, k);
            features.forget(k);
            let by_z = gradient[g] + by_t / self.unit[k];
            gradient[g] = self.pull_one(g, z[g], by_z, &features, &mut by_feature);
        }
    }

    /// One coordinate's part of [`Bend::pull`]: its gradient by e; what features have to do with it is added.
    fn pull_one(
        &self,
        j: usize,
        z: f64,
        by_z: f64,
        features: &Features,
        by_feature: &mut [f64],
    ) -> f64 {
        let scale = self.stretch_of(j, features).exp();
        let by_stretch = by_z * (z - self.mean_of(j, features)) + 1.0;
        let (f, s) = (n_features(self.drivers.len()), 1 + self.drivers.len());
        let mean = &self.mean[j * f..(j + 1) * f];
        let stretch = &self.stretch[j * s..(j + 1) * s];
        by_feature
            .iter_mut()
            .zip(mean)
            .for_each(|(to, c)| *to += by_z * c);
        if !self.at_limit(j, features) {
            by_feature[1..]
                .iter_mut()
                .zip(&stretch[1..])
                .for_each(|(to, c)| *to += by_stretch * c);
        }
        by_z * scale
    }

    /// Residuals of rows, and the mean log |∂z/∂e|.
    pub fn residuals(&self, x: &[f64]) -> (Vec<f64>, f64) {
        let mut e = x.to_vec();
        let n = (x.len() / self.dim).max(1) as f64;
        let total: f64 = e.chunks_exact_mut(self.dim).map(|row| self.undo(row)).sum();
        (e, total / n)
    }

    fn driven(&self) -> impl Iterator<Item = usize> {
        (0..self.dim).filter(|j| !self.drivers.contains(j))
    }

    fn mean_of(&self, j: usize, features: &Features) -> f64 {
        let n = n_features(self.drivers.len());
        features.dot(&self.mean[j * n..(j + 1) * n])
    }

    fn stretch_of(&self, j: usize, features: &Features) -> f64 {
        let start = self.stretch[j * (1 + self.drivers.len())];
        start + self.slope_of(j, features).clamp(-FARTHEST, FARTHEST)
    }

    fn at_limit(&self, j: usize, features: &Features) -> bool {
        self.slope_of(j, features).abs() > FARTHEST
    }

    /// How far the drivers move the log scale of a coordinate.
    fn slope_of(&self, j: usize, features: &Features) -> f64 {
        let n = 1 + self.drivers.len();
        let c = &self.stretch[j * n + 1..(j + 1) * n];
        c.iter().zip(features.linear()).map(|(c, f)| c * f).sum()
    }
}

/// 1, the drivers, and their products, of which those not known yet are 0.
struct Features {
    n: usize,
    values: Vec<f64>,
}

fn n_features(drivers: usize) -> usize {
    1 + drivers + drivers * (drivers + 1) / 2
}

impl Features {
    fn new(n: usize) -> Features {
        let mut values = vec![0.0; n_features(n)];
        values[0] = 1.0;
        Features { n, values }
    }

    fn set(&mut self, k: usize, t: f64) {
        self.values[1 + k] = t;
        for a in 0..=k {
            // Squares count from their mean, so that means stay means.
            let square = self.values[1 + a] * t - f64::from(u8::from(a == k));
            self.values[1 + self.n + k * (k + 1) / 2 + a] = square;
        }
    }

    /// Takes back [`Features::set`] of the last driver that is set.
    fn forget(&mut self, k: usize) {
        self.values[1 + k] = 0.0;
        let first = 1 + self.n + k * (k + 1) / 2;
        self.values[first..=first + k].fill(0.0);
    }

    /// Σ over features of `by_feature` · ∂feature/∂t_k, for drivers at `t`.
    fn slope(&self, by_feature: &[f64], t: &[f64], k: usize) -> f64 {
        let product = |b: usize, a: usize| by_feature[1 + self.n + b * (b + 1) / 2 + a];
        let lower: f64 = (0..k).map(|a| product(k, a) * t[a]).sum();
        let higher: f64 = (k + 1..self.n).map(|b| product(b, k) * t[b]).sum();
        by_feature[1 + k] + lower + 2.0 * product(k, k) * t[k] + higher
    }

    fn linear(&self) -> &[f64] {
        &self.values[1..=self.n]
    }

    fn dot(&self, c: &[f64]) -> f64 {
        self.values.iter().zip(c).map(|(f, c)| f * c).sum()
    }
}

/// The bend that `score` likes best for rows `train: [n, dim]`; `None` where nothing drives anything. `score` says how well
/// a bend does, in nats a row, and is told nothing for no bend at all.
pub(crate) fn bend(
    train: &[f64],
    dim: usize,
    score: &dyn Fn(Option<&Bend>) -> f64,
) -> Option<Bend> {
    let n = train.len() / dim;
    let mut best: Option<Bend> = None;
    let mut best_score = score(None);
    let mut drivers: Vec<usize> = Vec::new();
    while drivers.len() < MOST_DRIVERS.min(dim - 1) {
        let coefficients = n_features(drivers.len() + 1);
        let cost = (TRIED * ROUNDS * n * dim * coefficients * coefficients) as f64;
        if n < ROWS_PER_COEFFICIENT * coefficients || cost > COST {
            break;
        }
        let flat = match &best {
            Some(b) => b.residuals(train).0,
            None => train.to_vec(),
        };
        let tried = likely_drivers(&flat, dim, &drivers);
        let fits = tried.into_iter().map(|g| {
            let all: Vec<usize> = drivers.iter().copied().chain([g]).collect();
            let b = fit(train, dim, &all);
            (score(Some(&b)), b)
        });
        let Some((s, b)) = fits.max_by(|a, b| a.0.total_cmp(&b.0)) else {
            break;
        };
        if s.is_nan() || s < best_score + GAIN {
            break;
        }
        drivers.clone_from(&b.drivers);
        best_score = s;
        best = Some(b);
    }
    best
}

/// The coordinates with which others' scale or squares go most, the strongest first.
fn likely_drivers(x: &[f64], dim: usize, taken: &[usize]) -> Vec<usize> {
    let n = x.len() / dim;
    let t = normal_scores(x, dim);
    let strength = |g: usize| -> f64 {
        let mut sums = vec![[0.0; 3]; dim];
        for row in t.chunks_exact(dim) {
            let (a, square) = (row[g], row[g] * row[g] - 1.0);
            for (s, &v) in sums.iter_mut().zip(row) {
                s[0] += a * v;
                s[1] += a * (v * v - 1.0);
                s[2] += square * v;
            }
        }
        let n = n as f64;
        let own = sums[g][1] / n;
        let of = |(j, s): (usize, &[f64; 3])| {
            if j == g {
                return 0.0;
            }
            // What the straight line through the driver does to v², and the driver's own skewness to the products, does not count.
            let rho = s[0] / n;
            let (scale, curve) = (s[1] / n - rho * rho * own, s[2] / n - rho * own);
            [scale, curve]
                .map(|c| (c * c / 2.0 - 9.0 / n).max(0.0))
                .iter()
                .sum()
        };
        sums.iter().enumerate().map(of).sum()
    };
    let mut all: Vec<(f64, usize)> = (0..dim)
        .filter(|g| !taken.contains(g))
        .map(|g| (strength(g), g))
        .filter(|(s, _)| *s > 0.0)
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.truncate(TRIED);
    all.into_iter().map(|(_, g)| g).collect()
}

/// Each column by the normal quantiles of its ranks: what moves together is seen whatever the columns' tails.
fn normal_scores(x: &[f64], dim: usize) -> Vec<f64> {
    let n = x.len() / dim;
    let mut scores = vec![0.0; x.len()];
    let mut order: Vec<usize> = (0..n).collect();
    for j in 0..dim {
        order.sort_by(|&a, &b| x[a * dim + j].total_cmp(&x[b * dim + j]));
        for (rank, &i) in order.iter().enumerate() {
            scores[i * dim + j] = ndtri((rank as f64 + 0.5) / n as f64);
        }
    }
    scores
}

/// Means and log scales of all coordinates by the given drivers: Gaussian likelihood, by Fisher scoring and weighted least
/// squares in turn.
fn fit(x: &[f64], dim: usize, drivers: &[usize]) -> Bend {
    let n = x.len() / dim;
    let (mean, variance) = variances(x, dim);
    let (f, s) = (n_features(drivers.len()), 1 + drivers.len());
    let mut bend = Bend {
        dim,
        drivers: drivers.to_vec(),
        centre: drivers.iter().map(|&g| mean[g]).collect(),
        unit: drivers.iter().map(|&g| variance[g].sqrt()).collect(),
        mean: vec![0.0; dim * f],
        stretch: vec![0.0; dim * s],
    };
    let mut features = Vec::with_capacity(n * f);
    for row in x.chunks_exact(dim) {
        let mut of_row = Features::new(drivers.len());
        for (k, &g) in drivers.iter().enumerate() {
            of_row.set(k, (row[g] - bend.centre[k]) / bend.unit[k]);
        }
        features.extend(of_row.values);
    }
    for j in 0..dim {
        let known = drivers
            .iter()
            .position(|&g| g == j)
            .unwrap_or(drivers.len());
        let y: Vec<f64> = x.chunks_exact(dim).map(|row| row[j]).collect();
        let (mean, stretch) = regress(&features, drivers.len(), known, &y, variance[j]);
        bend.mean[j * f..(j + 1) * f].copy_from_slice(&mean);
        bend.stretch[j * s..(j + 1) * s].copy_from_slice(&stretch);
    }
    bend
}

/// Coefficients of the mean and of the log scale of `y` by the first `known` of `drivers` drivers.
fn regress(
    features: &[f64],
    drivers: usize,
    known: usize,
    y: &[f64],
    variance: f64,
) -> (Vec<f64>, Vec<f64>) {
    let f = n_features(drivers);
    // Products of known drivers stand first among the products.
    let used: Vec<usize> = (0..=known)
        .chain((0..known * (known + 1) / 2).map(|i| 1 + drivers + i))
        .collect();
    let linear: Vec<usize> = (0..=known).collect();
    let (mut mean, mut stretch) = (vec![0.0; f], vec![0.0; 1 + drivers]);
    mean[0] = median(y);
    stretch[0] = 0.5 * variance.ln();
    for round in 0..ROUNDS {
        let rest = |i: usize| {
            let row = &features[i * f..(i + 1) * f];
            y[i] - row.iter().zip(&mean).map(|(f, c)| f * c).sum::<f64>()
        };
        let log_scale = |row: &[f64]| -> f64 { stretch.iter().zip(row).map(|(c, v)| c * v).sum() };
        let precision = |log_scale: f64| (-2.0 * log_scale).exp();
        let scoring = round >= ROUGH_ROUNDS;
        let aim = |i: usize| match scoring {
            // A residual far out moves a log scale by no more than one of four standard deviations.
            true => {
                let square = rest(i).powi(2) * precision(log_scale(&features[i * f..(i + 1) * f]));
                0.5 * (square.min(16.0) - 1.0)
            }
            // Scales may be orders of magnitude apart: first from log |residual|, which no place dominates.
            false => 0.5 * (rest(i).powi(2) + 1e-18 * variance).ln() - MEAN_LOG_NORMAL,
        };
        let Some(c) = least_squares(features, f, &linear, &|_| 1.0, &aim) else {
            break;
        };
        let kept = f64::from(u8::from(scoring));
        (linear.iter().zip(c)).for_each(|(&u, c)| stretch[u] = kept * stretch[u] + c);
        let precisions: Vec<f64> = features
            .chunks_exact(f)
            .map(|row| precision(stretch.iter().zip(row).map(|(c, v)| c * v).sum()))
            .collect();
        let Some(c) = least_squares(features, f, &used, &|i| precisions[i], &|i| y[i]) else {
            break;
        };
        used.iter().zip(c).for_each(|(&u, c)| mean[u] = c);
    }
    (mean, stretch)
}

/// The middle value, the upper one of two.
pub(crate) fn median(y: &[f64]) -> f64 {
    let mut sorted = y.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Coefficients of the chosen columns that explain `y` best; `None` where they are not determined.
fn least_squares(
    features: &[f64],
    width: usize,
    columns: &[usize],
    weight: &dyn Fn(usize) -> f64,
    y: &dyn Fn(usize) -> f64,
) -> Option<Vec<f64>> {
    let k = columns.len();
    let (mut gram, mut right) = (vec![0.0; k * k], vec![0.0; k]);
    let mut row = vec![0.0; k];
    for (i, all) in features.chunks_exact(width).enumerate() {
        row.iter_mut().zip(columns).for_each(|(r, &c)| *r = all[c]);
        let (w, y) = (weight(i), y(i));
        for a in 0..k {
            let wa = w * row[a];
            right[a] += wa * y;
            gram[a * k..=a * k + a]
                .iter_mut()
                .zip(&row)
                .for_each(|(g, r)| *g += wa * r);
        }
    }
    for a in 0..k {
        gram[a * k + a] *= 1.0 + 1e-6;
        for b in 0..a {
            gram[b * k + a] = gram[a * k + b];
        }
    }
    if !cholesky(&mut gram, k) {
        return None;
    }
    for a in 0..k {
        let done: f64 = (0..a).map(|b| gram[a * k + b] * right[b]).sum();
        right[a] = (right[a] - done) / gram[a * k + a];
    }
    for a in (0..k).rev() {
        let done: f64 = (a + 1..k).map(|b| gram[b * k + a] * right[b]).sum();
        right[a] = (right[a] - done) / gram[a * k + a];
    }
    right.iter().all(|c| c.is_finite()).then_some(right)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::base::Seed;

    /// Rows of a funnel: x_j ~ N(0, exp(v / 2)), v the second coordinate.
    fn funnel(n: usize) -> Vec<f64> {
        let mut s = Seed(3).stream("funnel", 0);
        let mut normal = || s.sample::<f64, _>(StandardNormal);
        (0..n)
            .flat_map(|_| {
                let v = 2.0 * normal();
                let scale = (0.5 * v).exp();
                [
                    scale * normal(),
                    v,
                    scale * normal(),
                    0.3 * v * v + normal(),
                ]
            })
            .collect()
    }

    #[test]
    fn undoing_a_bend_gives_back_the_residuals_and_its_determinant() {
        let x = funnel(400);
        let b = fit(&x, 4, &[1, 3]);
        let e = [0.3, -1.2, 0.8, 0.1];
        let mut z = e;
        b.place(&mut z);
        let at = z;
        let log_det = b.undo(&mut z);
        (0..4).for_each(|i| assert!((z[i] - e[i]).abs() < 1e-10, "{z:?}"));
        // The determinant by differences: a triangular map's is the product of its diagonal, in the drivers' order.
        let difference: f64 = (0..4)
            .map(|i| {
                let (mut up, mut down) = (e, e);
                up[i] += 1e-5;
                down[i] -= 1e-5;
                b.place(&mut up);
                b.place(&mut down);
                ((up[i] - down[i]) / 2e-5).ln()
            })
            .sum();
        assert!((difference - log_det).abs() < 1e-6, "{log_det} at {at:?}");
    }

    #[test]
    fn gradients_go_back_through_a_bend() {
        let b = fit(&funnel(400), 4, &[1, 3, 0]);
        let h = |z: &[f64]| (z[0] * z[1]).sin() + 0.3 * z[2] * z[3] - z[3] * z[3];
        let value = |e: &[f64; 4]| {
            let mut z = *e;
            b.place(&mut z);
            let at = h(&z);
            at + b.undo(&mut z)
        };
        let e = [0.3, -0.7, 0.8, 0.4];
        let mut z = e;
        b.place(&mut z);
        let by = |i: usize| {
            let (mut up, mut down) = (z, z);
            up[i] += 1e-6;
            down[i] -= 1e-6;
            (h(&up) - h(&down)) / 2e-6
        };
        let mut gradient: Vec<f64> = (0..4).map(by).collect();
        b.pull(&z, &mut gradient);
        for i in 0..4 {
            let (mut up, mut down) = (e, e);
            up[i] += 1e-6;
            down[i] -= 1e-6;
            let difference = (value(&up) - value(&down)) / 2e-6;
            assert!(
                (difference - gradient[i]).abs() < 1e-5,
                "{i}: {difference}, {gradient:?}"
            );
        }
    }

    #[test]
    fn a_funnel_is_driven_by_its_scale_and_a_parabola_by_its_axis() {
        let x = funnel(2000);
        let score = |b: Option<&Bend>| {
            let (e, log_det) = b.map_or((x.clone(), 0.0), |b| b.residuals(&x));
            let (_, variance) = variances(&e, 4);
            -log_det - 0.5 * variance.iter().map(|v| v.ln()).sum::<f64>()
        };
        let b = bend(&x, 4, &score).expect("a funnel bends");
        assert_eq!(b.drivers[0], 1);
        // Log scale of x_0: v / 2, v in units of its standard deviation 2; 4 standard errors.
        let slope = b.stretch[1] / b.unit[0];
        let error = 4.0 / (2.0f64 * 2000.0).sqrt() / 2.0;
        assert!((slope - 0.5).abs() < error + 0.01, "{slope}");
    }

    #[test]
    fn independent_rows_have_no_driver() {
        let mut s = Seed(5).stream("plain", 0);
        let x: Vec<f64> = (0..3000).map(|_| s.sample(StandardNormal)).collect();
        let score = |b: Option<&Bend>| b.map_or(0.0, |_| 1.0);
        assert!(likely_drivers(&x, 3, &[]).len() < 3);
        assert!(bend(&x, 3, &|b| -score(b)).is_none());
    }
}
