//! Targets written by hand, with what is known of their posteriors.

use std::sync::atomic::{AtomicU64, Ordering};

use spec_math::cephes64::{ndtr, ndtri};

use super::gaussian::{cholesky, fill_normal, log_normal, log_prior};
use crate::base::Seed;
use crate::draws::log_sum_exp;
use crate::lower::{DiscreteSite, Structure, Target};

type Row = Box<dyn Fn(&[f64]) -> f64 + Send + Sync>;

/// A target from a function of one row, perhaps with the violation of its constraints and with discrete sites that have
/// fixed probabilities.
pub(crate) struct Written {
    dim: usize,
    log_r: Row,
    violation: Option<Row>,
    sites: Vec<Vec<f64>>,
    structure: Structure,
    evaluated: AtomicU64,
}

impl Written {
    pub fn new(dim: usize, log_r: impl Fn(&[f64]) -> f64 + Send + Sync + 'static) -> Written {
        let structure = Structure {
            smooth: true,
            ..Structure::default()
        };
        Written {
            dim,
            log_r: Box::new(log_r),
            violation: None,
            sites: Vec::new(),
            structure,
            evaluated: AtomicU64::new(0),
        }
    }

    /// Adds constraints: log r counts where `violation` is 0.
    pub fn constrained(
        mut self,
        violation: impl Fn(&[f64]) -> f64 + Send + Sync + 'static,
    ) -> Written {
        self.violation = Some(Box::new(violation));
        self.structure.hard_constraints = true;
        self.structure.smooth = false;
        self
    }

    /// Makes a coordinate a discrete site 0..K with probabilities `p: [K]`.
    pub fn site(mut self, coordinate: usize, p: &[f64]) -> Written {
        let name = format!("k[{coordinate}]");
        self.structure.discrete.push(DiscreteSite {
            coordinate,
            n_values: Some(p.len()),
            first: 0,
            name,
        });
        self.structure.smooth = false;
        self.sites.push(p.to_vec());
        self
    }

    /// Executions evaluated so far.
    pub fn evaluated(&self) -> u64 {
        self.evaluated.load(Ordering::Relaxed)
    }

    fn rows(&self, z: &[f64], out: &mut [f64], penalty: f64) {
        self.evaluated
            .fetch_add(out.len() as u64, Ordering::Relaxed);
        for (i, out) in out.iter_mut().enumerate() {
            let row = &z[i * self.dim..(i + 1) * self.dim];
            let lost = self.violation.as_ref().map_or(0.0, |v| v(row));
            *out = if lost > 0.0 && penalty.is_infinite() {
                f64::NEG_INFINITY
            } else {
                let free = (self.log_r)(row);
                if lost > 0.0 {
                    free - penalty * lost
                } else {
                    free
                }
            };
        }
    }
}

/// The gradient of f at a row.
fn central_differences(f: &Row, row: &[f64], gradient: &mut [f64]) {
    let h = 1e-5;
    let mut z = row.to_vec();
    for (j, g) in gradient.iter_mut().enumerate() {
        let mut at = |x: f64| {
            z[j] = x;
            f(&z)
        };
        *g = (at(row[j] + h) - at(row[j] - h)) / (2.0 * h);
        z[j] = row[j];
    }
}

/// The value of a site with probabilities `p` that noise leads to.
pub(crate) fn value_of(p: &[f64], z: f64) -> usize {
    let mut u = ndtr(z);
    p.iter()
        .position(|p| {
            u -= p;
            u < 0.0
        })
        .unwrap_or(p.len() - 1)
}

/// The noise at share `u` of value k's cell.
pub(crate) fn noise_of(p: &[f64], k: usize, u: f64) -> f64 {
    let below: f64 = p[..k].iter().sum();
    ndtri((below + u * p[k]).clamp(1e-16, 1.0 - 1e-16))
}

impl Target for Written {
    fn dim(&self) -> usize {
        self.dim
    }

    fn structure(&self) -> &Structure {
        &self.structure
    }

    fn log_r(&self, z: &[f64], out: &mut [f64]) {
        self.rows(z, out, f64::INFINITY);
    }

    fn log_r_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        self.log_r(z, log_r);
        for (row, g) in z
            .chunks_exact(self.dim)
            .zip(gradient.chunks_exact_mut(self.dim))
        {
            central_differences(&self.log_r, row, g);
        }
    }

    fn log_r_soft(&self, z: &[f64], penalty: f64, out: &mut [f64]) {
        self.rows(z, out, penalty);
    }

    fn log_r_given(&self, zk: &[f64], log_r: &mut [f64], log_p: &mut [f64]) {
        let sites = &self.structure.discrete;
        let mut z = zk.to_vec();
        for i in 0..log_r.len() {
            for (s, site) in sites.iter().enumerate() {
                log_p[i * sites.len() + s] =
                    self.sites[s][zk[i * self.dim + site.coordinate] as usize].ln();
            }
        }
        self.fill(&mut z, &vec![0.5; log_r.len() * sites.len()]);
        self.log_r(&z, log_r);
    }

    fn fill(&self, zk: &mut [f64], u: &[f64]) {
        let sites = &self.structure.discrete;
        for (row, u) in zk
            .chunks_exact_mut(self.dim)
            .zip(u.chunks_exact(sites.len().max(1)))
        {
            for (s, site) in sites.iter().enumerate() {
                row[site.coordinate] =
                    noise_of(&self.sites[s], row[site.coordinate] as usize, u[s]);
            }
        }
    }

    fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]) {
        let sites = &self.structure.discrete;
        for (i, row) in z.chunks_exact(self.dim).enumerate() {
            for (s, site) in sites.iter().enumerate() {
                k[i * sites.len() + s] = value_of(&self.sites[s], row[site.coordinate]) as i64;
            }
        }
        active.fill(true);
    }
}

/// Coins with probability `p` of heads until the first head, at most `most`; the weight is exp(−½·tails).
pub(crate) struct Geometric {
    p: f64,
    structure: Structure,
}

impl Geometric {
    pub fn new(most: usize, p: f64) -> Geometric {
        let site = |j| DiscreteSite {
            coordinate: j,
            n_values: Some(2),
            first: 0,
            name: format!("coin[{j}]"),
        };
        let discrete = (0..most).map(site).collect();
        Geometric {
            p,
            structure: Structure {
                discrete,
                ..Structure::default()
            },
        }
    }

    pub fn log_z(&self) -> f64 {
        let n = self.dim();
        let weight = |tails: usize| (-0.5 * tails as f64).exp() * (1.0 - self.p).powi(tails as i32);
        ((0..n).map(|t| self.p * weight(t)).sum::<f64>() + weight(n)).ln()
    }

    /// Tails before the first head.
    fn tails(&self, mut heads: impl Iterator<Item = bool>) -> usize {
        heads.position(|h| h).unwrap_or(self.dim())
    }
}

impl Target for Geometric {
    fn dim(&self) -> usize {
        self.structure.discrete.len()
    }

    fn structure(&self) -> &Structure {
        &self.structure
    }

    fn log_r(&self, z: &[f64], out: &mut [f64]) {
        let heads = |z: &f64| value_of(&[1.0 - self.p, self.p], *z) == 1;
        for (row, out) in z.chunks_exact(self.dim()).zip(out) {
            *out = -0.5 * self.tails(row.iter().map(heads)) as f64;
        }
    }

    fn log_r_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        self.log_r(z, log_r);
        gradient.fill(0.0);
    }

    fn log_r_given(&self, zk: &[f64], log_r: &mut [f64], log_p: &mut [f64]) {
        let d = self.dim();
        for (i, row) in zk.chunks_exact(d).enumerate() {
            let tails = self.tails(row.iter().map(|k| *k == 1.0));
            log_r[i] = -0.5 * tails as f64;
            for j in 0..d {
                let p = if row[j] == 1.0 { self.p } else { 1.0 - self.p };
                log_p[i * d + j] = if j <= tails { p.ln() } else { f64::NAN };
            }
        }
    }

    fn fill(&self, zk: &mut [f64], u: &[f64]) {
        let p = [1.0 - self.p, self.p];
        zk.iter_mut()
            .zip(u)
            .for_each(|(z, u)| *z = noise_of(&p, *z as usize, *u));
    }

    fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]) {
        k.iter_mut()
            .zip(z)
            .for_each(|(k, z)| *k = value_of(&[1.0 - self.p, self.p], *z) as i64);
        for (k, active) in k
            .chunks_exact(self.dim())
            .zip(active.chunks_exact_mut(self.dim()))
        {
            let tails = self.tails(k.iter().map(|k| *k == 1));
            active
                .iter_mut()
                .enumerate()
                .for_each(|(j, a)| *a = j <= tails);
        }
    }
}

/// A target and its log Z.
pub(crate) struct Case {
    pub name: &'static str,
    pub target: Written,
    pub log_z: f64,
    /// Posterior (mean, sd) of some noise coordinates.
    pub moments: Vec<(usize, f64, f64)>,
}

/// Checks the means and standard deviations of equally weighted draws `z: [n, dim]` worth `ess` independent ones.
pub(crate) fn check_moments(case: &Case, z: &[f64], ess: f64) {
    for &(j, mean, sd) in &case.moments {
        let x: Vec<f64> = z.iter().skip(j).step_by(case.target.dim).copied().collect();
        let n = x.len() as f64;
        let m = x.iter().sum::<f64>() / n;
        let s = (x.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n).sqrt();
        // 5 standard errors of a mean; of a sd (kurtosis up to 9) twice as wide.
        let error = sd / ess.sqrt();
        assert!(
            (m - mean).abs() < 5.0 * error,
            "{}: mean of z[{j}] {m}, not {mean} (± {error})",
            case.name
        );
        assert!(
            (s - sd).abs() < 10.0 * error,
            "{}: sd of z[{j}] {s}, not {sd} (± {error})",
            case.name
        );
    }
}

/// Every case whose log Z is known.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        linear(),
        funnel(),
        four_modes(),
        grid25(),
        branches(),
        ring(),
        logistic(),
        eight_schools(),
        many_well(),
    ]
}

/// y = A z + noise: closed form.
pub(crate) fn linear() -> Case {
    linear_of(20, 30)
}

/// The same with `d` coordinates and any number of observations.
pub(crate) fn linear_of(d: usize, rows: usize) -> Case {
    let s = 0.3;
    let mut rng = Seed(7).stream("testing", 0);
    let mut a = vec![0.0; rows * d];
    let mut truth = vec![0.0; d];
    let mut y = vec![0.0; rows];
    fill_normal(&mut a, &mut rng);
    fill_normal(&mut truth, &mut rng);
    fill_normal(&mut y, &mut rng);
    a.iter_mut().for_each(|v| *v *= 0.5);
    y.iter_mut()
        .zip(a.chunks_exact(d))
        .for_each(|(y, a)| *y = s * *y + dot(a, &truth));
    let mut precision = vec![0.0; d * d];
    let mut b = vec![0.0; d];
    for (row, y) in a.chunks_exact(d).zip(&y) {
        for i in 0..d {
            b[i] += row[i] * y / (s * s);
            (0..d).for_each(|j| precision[i * d + j] += row[i] * row[j] / (s * s));
        }
    }
    (0..d).for_each(|i| precision[i * d + i] += 1.0);
    assert!(cholesky(&mut precision, d));
    let half = solve_lower(&precision, &b);
    let log_det: f64 = (0..d).map(|i| precision[i * d + i].ln()).sum();
    let at_zero: f64 = y.iter().map(|y| log_normal(*y, 0.0, s)).sum();
    let log_z = at_zero + 0.5 * dot(&half, &half) - log_det;
    let moments = (0..d)
        .map(|j| {
            let mut unit = vec![0.0; d];
            unit[j] = 1.0;
            let column = solve_lower(&precision, &unit);
            (j, dot(&column, &half), dot(&column, &column).sqrt())
        })
        .collect();
    let log_r = move |z: &[f64]| {
        a.chunks_exact(d)
            .zip(&y)
            .map(|(a, y)| log_normal(*y, dot(a, z), s))
            .sum()
    };
    Case {
        name: "linear",
        target: Written::new(d, log_r),
        log_z,
        moments,
    }
}

/// x_i = exp(1.5 z_0) z_i, observed with noise .5; d 10, by quadrature over z_0.
pub(crate) fn funnel() -> Case {
    let y = [0.3, -0.5, 0.1, 0.9, -0.2, 0.4, -0.7, 0.2, 0.05];
    let s: f64 = 0.5;
    let given = move |g: f64| {
        y.iter()
            .map(|y| log_normal(*y, 0.0, ((3.0 * g).exp() + s * s).sqrt()))
            .sum::<f64>()
    };
    let (log_z, mean, sd) = quadrature(given);
    let log_r = move |z: &[f64]| {
        let scale = (1.5 * z[0]).exp();
        y.iter()
            .zip(&z[1..])
            .map(|(y, z)| log_normal(*y, scale * z, s))
            .sum()
    };
    Case {
        name: "funnel",
        target: Written::new(10, log_r),
        log_z,
        moments: vec![(0, mean, sd)],
    }
}

/// Four narrow modes with unequal weights; d 2.
pub(crate) fn four_modes() -> Case {
    let modes = [
        ([2.0, 0.0], 0.4),
        ([-2.0, 0.0], 0.3),
        ([0.0, 2.0], 0.2),
        ([0.0, -2.0], 0.1f64),
    ];
    let s: f64 = 0.15;
    let at = move |z: &[f64], s: f64| {
        let terms =
            modes.map(|(c, w)| w.ln() + log_normal(z[0], c[0], s) + log_normal(z[1], c[1], s));
        log_sum_exp(&terms)
    };
    let log_z = at(&[0.0, 0.0], (1.0 + s * s).sqrt());
    // Each mode shrinks towards 0 by the prior; all have the same distance from it, so weights stay.
    let shrink = 1.0 / (1.0 + s * s);
    let within = s * s * shrink;
    let mean = [0.1 * 2.0 * shrink, 0.1 * 2.0 * shrink];
    let second = [
        0.7 * (2.0 * shrink).powi(2) + within,
        0.3 * (2.0 * shrink).powi(2) + within,
    ];
    let moments = (0..2)
        .map(|j| (j, mean[j], (second[j] - mean[j] * mean[j]).sqrt()))
        .collect();
    Case {
        name: "four modes",
        target: Written::new(2, move |z| at(z, s)),
        log_z,
        moments,
    }
}

/// The 25-mode grid as a factor over a broad prior; log Z = 0.
pub(crate) fn grid25() -> Case {
    let (wide, s) = (8.0, 0.3f64.sqrt());
    let axis = [-10.0, -5.0, 0.0, 5.0, 10.0];
    let log_r = move |z: &[f64]| {
        let x = [wide * z[0], wide * z[1]];
        let sum = |x: f64| log_sum_exp(&axis.map(|c| log_normal(x, c, s)));
        sum(x[0]) + sum(x[1])
            - 25f64.ln()
            - log_normal(x[0], 0.0, wide)
            - log_normal(x[1], 0.0, wide)
    };
    let sd = (50.0 + 0.3f64).sqrt() / wide;
    Case {
        name: "grid of 25",
        target: Written::new(2, log_r),
        log_z: 0.0,
        moments: vec![(0, 0.0, sd), (1, 0.0, sd)],
    }
}

/// An eight-way branch with disconnected arms and a sign; d 5, closed form by arm.
pub(crate) fn branches() -> Case {
    let mu = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5f64];
    let arm = move |k: usize| (mu[k].abs(), mu[7 - k] * mu[7 - k] / 4.0);
    let (y1, y2) = (1.0, 1.6);
    let log_r = move |z: &[f64]| {
        let (m1, m2) = arm(value_of(&[0.125; 8], z[0]));
        let sign = if value_of(&[0.5; 2], z[4]) == 1 {
            1.0
        } else {
            -1.0
        };
        log_normal(y1, m1 + 0.7 * z[1], 0.2)
            + log_normal(y2, m2 + 0.7 * z[2] + 0.5 * z[3] * sign, 0.2)
    };
    let terms: Vec<f64> = (0..8)
        .map(|k| {
            let (m1, m2) = arm(k);
            -(8f64.ln()) + log_normal(y1, m1, 0.53f64.sqrt()) + log_normal(y2, m2, 0.78f64.sqrt())
        })
        .collect();
    let target = Written::new(5, log_r)
        .site(0, &[0.125; 8])
        .site(4, &[0.5; 2]);
    Case {
        name: "branches",
        target,
        log_z: log_sum_exp(&terms),
        moments: vec![],
    }
}

/// A thin shell in the plane and a half-space; d 4.
pub(crate) fn ring() -> Case {
    let violation = |z: &[f64]| {
        let r = z[0].hypot(z[1]);
        (2.4 - r).max(0.0) + (r - 2.6).max(0.0) + (1.5 - z[2]).max(0.0)
    };
    let tail = 1.0 - ndtr(1.5);
    let log_z = (((-2.4f64 * 2.4 / 2.0).exp() - (-2.6f64 * 2.6 / 2.0).exp()) * tail).ln();
    let density = (-1.5f64 * 1.5 / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let mean = density / tail;
    let moments = vec![
        (2, mean, (1.0 + 1.5 * mean - mean * mean).sqrt()),
        (3, 0.0, 1.0),
    ];
    Case {
        name: "ring",
        target: Written::new(4, |_| 0.0).constrained(violation),
        log_z,
        moments,
    }
}

/// Logistic regression, 40 observations, d 3, by quadrature.
pub(crate) fn logistic() -> Case {
    let mut rng = Seed(11).stream("testing", 0);
    let mut x = vec![0.0; 80];
    fill_normal(&mut x, &mut rng);
    let y: Vec<f64> = x
        .chunks_exact(2)
        .enumerate()
        .map(|(i, x)| {
            let lean = 1.5 * x[0] - x[1] + 0.5 + [1.0, -1.0, 0.3, -0.2][i % 4];
            if lean > 0.0 { 1.0 } else { -1.0 }
        })
        .collect();
    let log_r = move |z: &[f64]| {
        let eta = |x: &[f64]| 2.5 * (z[0] + z[1] * x[0] + z[2] * x[1]);
        x.chunks_exact(2)
            .zip(&y)
            .map(|(x, y)| -softplus(-y * eta(x)))
            .sum::<f64>()
    };
    let (steps, half) = (80, 5.0);
    let h = 2.0 * half / f64::from(steps);
    let grid: Vec<f64> = (0..steps)
        .map(|i| -half + (f64::from(i) + 0.5) * h)
        .collect();
    let mut terms = Vec::new();
    let mut firsts = Vec::new();
    for &a in &grid {
        for &b in &grid {
            for &c in &grid {
                let prior =
                    log_normal(a, 0.0, 1.0) + log_normal(b, 0.0, 1.0) + log_normal(c, 0.0, 1.0);
                terms.push(prior + log_r(&[a, b, c]) + 3.0 * h.ln());
                firsts.push(b);
            }
        }
    }
    let log_z = log_sum_exp(&terms);
    let (mean, sd) = weighted(&terms, &firsts, log_z);
    Case {
        name: "logistic",
        target: Written::new(3, log_r),
        log_z,
        moments: vec![(1, mean, sd)],
    }
}

const SCHOOLS: [(f64, f64); 8] = [
    (28.0, 15.0),
    (8.0, 10.0),
    (-3.0, 16.0),
    (7.0, 11.0),
    (-1.0, 9.0),
    (1.0, 11.0),
    (18.0, 10.0),
    (12.0, 18.0),
];

/// τ = 5·tan(π Φ(z)/2), half-Cauchy.
pub(crate) fn half_cauchy(z: f64) -> f64 {
    let upper = 0.5 * std::f64::consts::PI * ndtr(-z);
    5.0 / upper.tan()
}

/// Eight schools, not centred: μ = 5 z_0, τ from z_1; d 10, by quadrature over both.
pub(crate) fn eight_schools() -> Case {
    let log_r = |z: &[f64]| {
        let (mu, tau) = (5.0 * z[0], half_cauchy(z[1]));
        SCHOOLS
            .iter()
            .zip(&z[2..])
            .map(|((y, s), z)| log_normal(*y, mu + tau * z, *s))
            .sum()
    };
    let (steps, half) = (600, 6.5);
    let h = 2.0 * half / f64::from(steps);
    let grid: Vec<f64> = (0..steps)
        .map(|i| -half + (f64::from(i) + 0.5) * h)
        .collect();
    let (mut terms, mut mus, mut taus) = (Vec::new(), Vec::new(), Vec::new());
    for &b in &grid {
        let tau = half_cauchy(b);
        let sds: Vec<f64> = SCHOOLS.iter().map(|(_, s)| s.hypot(tau)).collect();
        for &a in &grid {
            let fit: f64 = SCHOOLS
                .iter()
                .zip(&sds)
                .map(|((y, _), sd)| log_normal(*y, 5.0 * a, *sd))
                .sum();
            terms.push(log_normal(a, 0.0, 1.0) + log_normal(b, 0.0, 1.0) + fit + 2.0 * h.ln());
            mus.push(a);
            taus.push(b);
        }
    }
    let log_z = log_sum_exp(&terms);
    let (m0, s0) = weighted(&terms, &mus, log_z);
    let (m1, s1) = weighted(&terms, &taus, log_z);
    let moments = vec![(0, m0, s0), (1, m1, s1)];
    Case {
        name: "eight schools",
        target: Written::new(10, log_r),
        log_z,
        moments,
    }
}

/// Five double wells exp(−x⁴ + 6x² + x/2) over a prior N(0, 2²) (2⁵ modes), by quadrature of one.
pub(crate) fn many_well() -> Case {
    many_well_of(5)
}

/// Neal's funnel against broad noise: v = 3 z₀ sets the scale exp(v / 2) of the others, whose noise has scale 5.
pub(crate) fn neal(d: usize) -> Case {
    let target = Written::new(d, |z| {
        let scale = (1.5 * z[0]).exp();
        z[1..]
            .iter()
            .map(|z| log_normal(5.0 * z, 0.0, scale) - log_normal(5.0 * z, 0.0, 5.0))
            .sum()
    });
    Case {
        name: "Neal's funnel",
        target,
        log_z: 0.0,
        moments: vec![(0, 0.0, 1.0)],
    }
}

/// The same with `d` wells.
pub(crate) fn many_well_of(d: usize) -> Case {
    let wide = 2.0;
    let one = move |z: f64| {
        let x = wide * z;
        -x.powi(4) + 6.0 * x * x + 0.5 * x - log_normal(x, 0.0, wide)
    };
    let (log_z, mean, sd) = quadrature(one);
    let target = Written::new(d, move |z| z.iter().map(|z| one(*z)).sum());
    Case {
        name: "double wells",
        target,
        log_z: d as f64 * log_z,
        moments: (0..d).map(|j| (j, mean, sd)).collect(),
    }
}

/// log ∫ N(g) exp(f(g)) dg, with the mean and sd of g under it.
fn quadrature(f: impl Fn(f64) -> f64) -> (f64, f64, f64) {
    let h = 16.0 / 20_000.0;
    let grid: Vec<f64> = (0..20_000)
        .map(|i| -8.0 + (f64::from(i) + 0.5) * h)
        .collect();
    let terms: Vec<f64> = grid
        .iter()
        .map(|&g| log_normal(g, 0.0, 1.0) + f(g) + h.ln())
        .collect();
    let log_z = log_sum_exp(&terms);
    let (mean, sd) = weighted(&terms, &grid, log_z);
    (log_z, mean, sd)
}

fn weighted(terms: &[f64], x: &[f64], log_z: f64) -> (f64, f64) {
    let mean: f64 = terms
        .iter()
        .zip(x)
        .map(|(t, x)| (t - log_z).exp() * x)
        .sum();
    let var: f64 = terms
        .iter()
        .zip(x)
        .map(|(t, x)| (t - log_z).exp() * (x - mean).powi(2))
        .sum();
    (mean, var.sqrt())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn solve_lower(l: &[f64], b: &[f64]) -> Vec<f64> {
    let d = b.len();
    let mut u = vec![0.0; d];
    for i in 0..d {
        u[i] = (b[i] - dot(&l[i * d..i * d + i], &u[..i])) / l[i * d + i];
    }
    u
}

/// Σ_k k N(m_k, s² I), k from 1, where the prior is: islands whose masses are 1, 2, 3, …
pub(crate) fn islands(places: Vec<Vec<f64>>, s: f64) -> Written {
    Written::new(places[0].len(), move |z| {
        let island = |(k, m): (usize, &Vec<f64>)| {
            let gap: f64 = z.iter().zip(m).map(|(z, m)| (z - m).powi(2)).sum();
            (1.0 + k as f64).ln() - 0.5 * gap / (s * s) - z.len() as f64 * s.ln()
        };
        let terms: Vec<f64> = places.iter().enumerate().map(island).collect();
        log_sum_exp(&terms) - log_prior(z)
    })
}
