//! A distribution as an operation: a registered one, or one that a combinator has wrapped.

use std::sync::Arc;

use super::Tabled;
use crate::base::Shape;
use crate::dist::{self, Bounds, Describe, Multivariate, Param, Univariate, ValueKind};

/// A law over numbers. Its parameters are the base's, followed by the combinator's own.
#[derive(Clone)]
pub enum Law {
    /// A registered distribution.
    Plain(&'static dyn Univariate),
    /// `(…, lower, upper)`: restricted to an interval.
    Truncated(Arc<Law>),
    /// `(…, lower, upper)`: values beyond a bound are the bound.
    Censored(Arc<Law>),
    /// `(…, p)`: zero with probability p more.
    ZeroInflated(Arc<Law>),
    /// A law of known shape whose transport is looked up.
    Tabled(Arc<Tabled>),
}

/// A law over arrays, `batch` independent ones.
#[derive(Clone)]
pub struct ArrayLaw {
    /// The registered distribution.
    pub dist: &'static dyn Multivariate,
    /// How many independent ones.
    pub batch: usize,
    /// Shape of each parameter of one of them.
    pub shapes: Arc<[Shape]>,
    /// Elements of one value.
    pub event: usize,
    /// Noise coordinates of one value.
    pub noise: usize,
}

impl Law {
    /// The registered distribution at the bottom.
    pub fn base(&self) -> &'static dyn Univariate {
        match self {
            Law::Plain(d) => *d,
            Law::Truncated(l) | Law::Censored(l) | Law::ZeroInflated(l) => l.base(),
            Law::Tabled(t) => t.law().base(),
        }
    }

    /// Whether values are whole numbers or bools.
    pub fn is_discrete(&self) -> bool {
        self.kind() != ValueKind::Real
    }

    /// Whether transport jumps: the law is discrete, or has an atom.
    pub fn has_atoms(&self) -> bool {
        match self {
            Law::Plain(d) => d.kind() != ValueKind::Real || d.name() == "Delta",
            Law::Truncated(l) => l.has_atoms(),
            Law::Censored(_) | Law::ZeroInflated(_) => true,
            Law::Tabled(t) => t.law().has_atoms(),
        }
    }

    /// For a truncated law, the log-probability of its interval under its base; 0 for any other.
    pub fn log_mass(&self, p: &[f64]) -> f64 {
        match self {
            Law::Truncated(l) => {
                let (q, [lower, upper]) = split::<2>(p);
                dist::log_interval(&**l, q, Bounds { lower, upper })
            }
            Law::Tabled(t) => t.law().log_mass(p),
            _ => 0.0,
        }
    }

    /// A name for people.
    pub fn label(&self) -> String {
        match self {
            Law::Plain(d) => d.name().to_string(),
            Law::Truncated(l) => format!("truncated {}", l.label()),
            Law::Censored(l) => format!("censored {}", l.label()),
            Law::ZeroInflated(l) => format!("zero-inflated {}", l.label()),
            Law::Tabled(t) => t.law().label(),
        }
    }
}

impl PartialEq for Law {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Law::Plain(a), Law::Plain(b)) => a.name() == b.name(),
            (Law::Truncated(a), Law::Truncated(b))
            | (Law::Censored(a), Law::Censored(b))
            | (Law::ZeroInflated(a), Law::ZeroInflated(b)) => a == b,
            (Law::Tabled(a), Law::Tabled(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl std::fmt::Debug for Law {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label())
    }
}

impl PartialEq for ArrayLaw {
    fn eq(&self, other: &Self) -> bool {
        self.dist.name() == other.dist.name()
            && self.batch == other.batch
            && self.shapes == other.shapes
    }
}

impl std::fmt::Debug for ArrayLaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.dist.name(), self.batch)
    }
}

impl Describe for Law {
    fn name(&self) -> &'static str {
        self.base().name()
    }
    fn summary(&self) -> &'static str {
        self.base().summary()
    }
    fn params(&self) -> &'static [Param] {
        self.base().params()
    }
    fn kind(&self) -> ValueKind {
        self.base().kind()
    }
}

/// Splits the last `N` parameters off.
fn split<const N: usize>(p: &[f64]) -> (&[f64], [f64; N]) {
    let (head, tail) = p.split_at(p.len() - N);
    (
        head,
        tail.try_into()
            .expect("a wrapped law has its own parameters"),
    )
}

/// Mean and standard deviation of a law whose values beyond a bound are the bound.
fn censored_moments(l: &Law, p: &[f64]) -> (f64, f64) {
    let (q, [lower, upper]) = split::<2>(p);
    let bounds = Bounds { lower, upper };
    let (mean, sd) = dist::interval_moments(l, q, bounds);
    let inside = dist::log_interval(l, q, bounds).exp();
    let above = l.log_ccdf(q, upper).exp();
    // An infinite bound has no mass, and 0·∞ is no number.
    let parts = [(lower, 1.0 - inside - above), (upper, above)];
    let parts = parts.iter().filter(|(x, _)| x.is_finite());
    let whole = parts.clone().map(|(x, w)| w * x).sum::<f64>() + inside * mean;
    let spread = parts.map(|(x, w)| w * (x - whole).powi(2)).sum::<f64>();
    let variance = spread + inside * (sd * sd + (mean - whole).powi(2));
    (whole, variance.sqrt())
}

/// One match for every function of a law: the base's own, or the combinator's over the base.
macro_rules! by_law {
    ($self:ident, $p:ident, $plain:ident($($arg:expr),*), $truncated:path, $censored:path, $inflated:path) => {
        match $self {
            Law::Plain(d) => d.$plain($p, $($arg),*),
            Law::Truncated(l) => {
                let (q, [lower, upper]) = split::<2>($p);
                $truncated(&**l, q, Bounds { lower, upper }, $($arg),*)
            }
            Law::Censored(l) => {
                let (q, [lower, upper]) = split::<2>($p);
                $censored(&**l, q, Bounds { lower, upper }, $($arg),*)
            }
            Law::ZeroInflated(l) => {
                let (q, [extra]) = split::<1>($p);
                $inflated(&**l, q, extra, $($arg),*)
            }
            Law::Tabled(t) => t.law().$plain($p, $($arg),*),
        }
    };
}

impl Univariate for Law {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if let Law::Tabled(t) = self {
            return t.transport(p, z);
        }
        by_law!(
            self,
            p,
            transport(z),
            dist::truncated_transport,
            dist::censored_transport,
            dist::zero_inflated_transport
        )
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        by_law!(
            self,
            p,
            log_density(x),
            dist::truncated_log_density,
            dist::censored_log_density,
            dist::zero_inflated_log_density
        )
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        by_law!(
            self,
            p,
            log_cdf(x),
            dist::truncated_log_cdf,
            dist::censored_log_cdf,
            dist::zero_inflated_log_cdf
        )
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        by_law!(
            self,
            p,
            log_ccdf(x),
            dist::truncated_log_ccdf,
            dist::censored_log_ccdf,
            dist::zero_inflated_log_ccdf
        )
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        match self {
            Law::Plain(d) => d.support(p),
            Law::Truncated(l) | Law::Censored(l) => {
                let (q, [lo, hi]) = split::<2>(p);
                let (a, b) = l.support(q);
                (a.max(lo), b.min(hi))
            }
            Law::ZeroInflated(l) => {
                let (a, b) = l.support(&p[..p.len() - 1]);
                (a.min(0.0), b.max(0.0))
            }
            Law::Tabled(t) => t.law().support(p),
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        match self {
            Law::Plain(d) => d.mean(p),
            Law::ZeroInflated(l) => (1.0 - p[p.len() - 1]) * l.mean(&p[..p.len() - 1]),
            Law::Truncated(l) => {
                let (q, [lower, upper]) = split::<2>(p);
                dist::interval_moments(&**l, q, Bounds { lower, upper }).0
            }
            Law::Censored(l) => censored_moments(l, p).0,
            Law::Tabled(t) => t.law().mean(p),
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        match self {
            Law::Plain(d) => d.sd(p),
            Law::ZeroInflated(l) => {
                let (q, [extra]) = split::<1>(p);
                let (m, s) = (l.mean(q), l.sd(q));
                let second = (1.0 - extra) * (s * s + m * m);
                (second - ((1.0 - extra) * m).powi(2)).sqrt()
            }
            Law::Truncated(l) => {
                let (q, [lower, upper]) = split::<2>(p);
                dist::interval_moments(&**l, q, Bounds { lower, upper }).1
            }
            Law::Censored(l) => censored_moments(l, p).1,
            Law::Tabled(t) => t.law().sd(p),
        }
    }
    fn improper_correction(&self, p: &[f64], x: f64) -> f64 {
        match self {
            Law::Plain(d) => d.improper_correction(p, x),
            Law::Truncated(l) => {
                let (q, [lower, upper]) = split::<2>(p);
                dist::truncated_improper_correction(&**l, q, Bounds { lower, upper }, x)
            }
            Law::Tabled(t) => t.law().improper_correction(p, x),
            _ => 0.0,
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        by_law!(
            self,
            p,
            d_log_density(x, dp),
            dist::truncated_d_log_density,
            dist::censored_d_log_density,
            dist::zero_inflated_d_log_density
        )
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if let Law::Tabled(t) = self {
            return t.d_transport(p, z, x, dp);
        }
        by_law!(
            self,
            p,
            d_transport(z, x, dp),
            dist::truncated_d_transport,
            dist::censored_d_transport,
            dist::zero_inflated_d_transport
        )
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        by_law!(
            self,
            p,
            d_log_cdf(x, dp),
            dist::truncated_d_log_cdf,
            dist::censored_d_log_cdf,
            dist::zero_inflated_d_log_cdf
        )
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        by_law!(
            self,
            p,
            d_log_ccdf(x, dp),
            dist::truncated_d_log_ccdf,
            dist::censored_d_log_ccdf,
            dist::zero_inflated_d_log_ccdf
        )
    }
    fn d_improper_correction(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        match self {
            Law::Plain(d) => d.d_improper_correction(p, x, dp),
            Law::Truncated(l) => {
                let (q, [lower, upper]) = split::<2>(p);
                dist::truncated_d_improper_correction(&**l, q, Bounds { lower, upper }, x, dp)
            }
            Law::Tabled(t) => t.law().d_improper_correction(p, x, dp),
            _ => {
                dp.fill(0.0);
                0.0
            }
        }
    }
    fn is_improper(&self) -> bool {
        match self {
            Law::Plain(d) => d.is_improper(),
            Law::Truncated(l) => l.is_improper(),
            Law::Tabled(t) => t.law().is_improper(),
            Law::Censored(_) | Law::ZeroInflated(_) => false,
        }
    }
}
