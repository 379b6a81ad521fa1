//! What of a component is integrated out before an engine runs, and the target that is left.

use super::collapsed::Collapsed;
use super::component::Component;
use super::conjugate::Conjugate;
use super::left::WithoutSome;
use super::marginal::Marginal;
use super::target::Target;

/// Coordinates that may be left where integrating out is to help an engine that explores.
const FEW_LEFT: usize = 8;
/// Numbers that one gradient of what is left may compute by default.
const DEAR: usize = 200_000;
/// Evaluations that a gradient takes without values of conjugate families.
const CONJUGATE: usize = 4;
/// Numbers that are computed in the time of one quantile of a law whose shape is drawn.
const QUANTILE: usize = 20;

/// What is to be integrated out, of what can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marginalize {
    /// Where it pays: see `docs/inference.md`.
    #[default]
    Auto,
    /// All of it.
    All,
    /// None of it.
    No,
}

impl Marginalize {
    /// From its name: `auto`, `all`, `no`.
    pub fn parse(name: &str) -> Option<Marginalize> {
        match name {
            "auto" => Some(Marginalize::Auto),
            "all" => Some(Marginalize::All),
            "no" => Some(Marginalize::No),
            _ => None,
        }
    }

    /// What of a component is integrated out for an engine that explores all of it, or one that follows gradients.
    pub fn of(self, component: &Component, explores: bool) -> Inner<'_> {
        let (quadratic, dim) = (&component.quadratic, component.dim());
        let width = quadratic.coordinates.len();
        let few = |width: usize| explores && dim - width <= FEW_LEFT;
        let cheap = || {
            component
                .gaussian()
                .is_some_and(|g| g.cost(component.size()) <= DEAR)
        };
        let gaussian = match self {
            // Something has to be left for an engine.
            _ if width == 0 || width == dim => false,
            Marginalize::Auto => (quadratic.neck || few(width)) && cheap(),
            Marginalize::All => component.gaussian().is_some(),
            Marginalize::No => false,
        };
        let conjugate = component.conjugate.as_deref().filter(|c| {
            let values = c.coordinates.len();
            let quantiles = c.drawn && values * QUANTILE > component.size();
            match self {
                Marginalize::Auto => {
                    quantiles || (few(values) && component.size().saturating_mul(CONJUGATE) <= DEAR)
                }
                Marginalize::All => true,
                Marginalize::No => false,
            }
        });
        match conjugate {
            Some(c) if !gaussian || (c.coordinates.len() > width && !quadratic.neck) => {
                Inner::Conjugate(c)
            }
            _ if gaussian => Inner::Gaussian(&quadratic.coordinates),
            _ => Inner::Nothing,
        }
    }
}

/// What of a component is integrated out.
pub enum Inner<'a> {
    /// Nothing.
    Nothing,
    /// Coordinates in which its log-weight is quadratic.
    Gaussian(&'a [usize]),
    /// Values of conjugate families.
    Conjugate(&'a Conjugate),
}

impl<'a> Inner<'a> {
    /// How many coordinates these are.
    pub fn len(&self) -> usize {
        match self {
            Inner::Nothing => 0,
            Inner::Gaussian(coordinates) => coordinates.len(),
            Inner::Conjugate(c) => c.coordinates.len(),
        }
    }

    /// The component without them; `None` where there are none.
    pub fn left(&self, component: &'a Component) -> Option<Box<dyn WithoutSome + 'a>> {
        match *self {
            Inner::Nothing => None,
            Inner::Gaussian(coordinates) => {
                let by = component.gaussian()?;
                Some(Box::new(Marginal::new(component, coordinates, by)))
            }
            Inner::Conjugate(of) => Some(Box::new(Collapsed::new(component, of))),
        }
    }
}
