//! Values that can be integrated out by a formula: their log-weight is that of a conjugate family, whatever the other noise is.
//!
//! Group rates below counts, probabilities below trials, a precision below normal evidence. What counts is how each operation
//! depends on the chosen values (`Kind`): a power of one value times what it does not depend on, a logarithm of that, or a sum of
//! its family's functions (`lower/family.rs`).

use std::collections::HashMap;

use super::Passes;
use super::component::Component;
use super::family::{Family, Values};
use super::quadratic::needed;
use super::tape::Tape;
use crate::base::Shape;
use crate::ir::{Axis, BinaryFn, Law, Op, ReduceFn, ScanFn, UnaryFn};
use crate::trace::{Node, NodeId, NoiseGraph, Term, TermKind};

/// Operations times draws that may be looked at.
const COST: usize = 4_000_000;
/// Operations of a graph above which it is not lowered a second time.
const MOST_NODES: usize = 200_000;

/// Values of a component that can be integrated out by a formula.
pub struct Conjugate {
    /// The coordinates of their noise among the component's, in the order of the values.
    pub coordinates: Vec<usize>,
    /// Whether parameters of a law that they come from are drawn.
    pub drawn: bool,
    pub(super) values: Vec<Values>,
    /// What does not depend on the values, and the sum of each parameter times a *lever*: over the other coordinates, ascending,
    /// followed by the levers.
    pub(super) rest: Component,
    /// The parameters of the values' laws as their families have them, from the same.
    pub(super) parameters: Tape,
    /// For each of the values, its parameters: which output, how many numbers, and the first lever where they are drawn.
    pub(super) levers: Vec<Vec<(usize, usize, Option<usize>)>>,
    /// What depends on the values, over the other coordinates and all numbers of the values.
    pub(super) evidence: Component,
    /// Whether that depends on the values alone.
    pub(super) alone: bool,
}

/// How the elements of an array depend on the chosen values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Not at all.
    Free,
    /// Each is θ^(halves / 2) of one value θ times what is free, or is free; where `bare`, it is θ itself, or is free.
    Power {
        family: Family,
        halves: i8,
        bare: bool,
    },
    /// Each is 1 − θ of one value, or is free.
    Complement,
    /// Each is log θ^(halves / 2) plus what is free, or is free.
    Logged {
        family: Family,
        halves: i8,
    },
    /// Each is a sum of the families' functions with free coefficients.
    Form,
    Other,
}
use Kind::{Complement, Form, Free, Logged, Other, Power};

impl Family {
    /// Twice the power of a value that is one of the family's functions.
    fn linear(self) -> Option<i8> {
        match self {
            Family::Gamma => Some(2),
            Family::InvGamma => Some(-2),
            Family::Beta | Family::Dirichlet => None,
        }
    }
}

impl Kind {
    /// Whether it is a sum of the families' functions.
    fn is_form(self) -> bool {
        match self {
            Free | Logged { .. } | Form => true,
            Power { family, halves, .. } => family.linear() == Some(halves),
            Complement | Other => false,
        }
    }

    fn form(self) -> Kind {
        if self.is_form() { Form } else { Other }
    }

    /// Whether it is a value's function to this power of the family's own: 1 for a rate, −½ for a scale.
    fn is_power(self, times: f64) -> bool {
        matches!(self, Power { family, halves, .. }
            if family.linear().is_some_and(|l| f64::from(halves) == times * f64::from(l)))
    }

    fn is_probability(self, of: Family) -> bool {
        match self {
            Power { family, bare, .. } => bare && family == of,
            Complement => of == Family::Beta,
            _ => false,
        }
    }

    fn negated(self) -> Kind {
        match self {
            Power { family, halves, .. } => Power {
                family,
                halves,
                bare: false,
            },
            Logged { family, halves } => Logged {
                family,
                halves: -halves,
            },
            Complement => Other,
            other => other,
        }
    }

    fn times_free(self) -> Kind {
        match self {
            Logged { .. } => Form,
            Power { .. } => self.negated(),
            Complement => Other,
            other => other,
        }
    }

    fn plus(self, other: Kind) -> Kind {
        match (self, other) {
            (Free, logged @ Logged { .. }) | (logged @ Logged { .. }, Free) => logged,
            (a, b) if a.is_form() && b.is_form() => Form,
            _ => Other,
        }
    }

    /// Of what is the one here and the other there.
    fn or(self, other: Kind) -> Kind {
        match (self, other) {
            (a, b) if a == b => a,
            (Free, a) | (a, Free) => a,
            (
                Power { family, halves, .. },
                Power {
                    family: f,
                    halves: h,
                    ..
                },
            ) if (family, halves) == (f, h) => self.negated(),
            (a, b) if a.is_form() && b.is_form() => Form,
            _ => Other,
        }
    }

    fn to_power(self, times: f64) -> Kind {
        match self {
            Power { family, halves, .. } => {
                let halves = f64::from(halves) * times;
                match halves.fract() == 0.0 && halves.abs() <= 8.0 {
                    true => Power {
                        family,
                        halves: halves as i8,
                        bare: false,
                    },
                    false => Other,
                }
            }
            _ => Other,
        }
    }
}

impl Conjugate {
    /// As many such values as there are in the graph of some terms; `None` where there are none, or nothing else is left.
    pub fn of(
        graph: &NoiseGraph,
        coordinates: &[usize],
        terms: &[usize],
        excluded: &dyn Fn(usize) -> bool,
        passes: Passes,
    ) -> Option<Conjugate> {
        let hard = |t: &usize| graph.terms[*t].kind == TermKind::Condition;
        if graph.overflow.is_some() || graph.len() > MOST_NODES || terms.iter().any(hard) {
            return None;
        }
        let needed = needed(graph, terms);
        let mut drawn = draws(graph, &needed, excluded);
        if drawn.len() * needed.len() > COST {
            return None;
        }
        drawn.sort_by_key(|d| (std::cmp::Reverse(d.len), d.first));
        let mut chosen: Vec<Draw> = Vec::new();
        for draw in drawn {
            chosen.push(draw);
            if !is_conjugate(graph, terms, &kinds(graph, &needed, &chosen)) {
                chosen.pop();
            }
        }
        let integrated: usize = chosen.iter().map(|d| d.len).sum();
        if integrated == 0 || integrated == coordinates.len() {
            return None;
        }
        Some(lowered(graph, coordinates, terms, &needed, &chosen, passes))
    }
}

/// A draw whose value may be chosen.
struct Draw {
    value: NodeId,
    noise: NodeId,
    first: usize,
    len: usize,
    family: Family,
}

fn draws(graph: &NoiseGraph, needed: &[NodeId], excluded: &dyn Fn(usize) -> bool) -> Vec<Draw> {
    let mut readers: HashMap<NodeId, usize> = HashMap::new();
    for &id in needed {
        let args = &graph.node(id).args;
        args.iter()
            .for_each(|a| *readers.entry(*a).or_default() += 1);
    }
    let reached = |first: usize, len: usize| {
        let mut sites = graph.sites.iter();
        let within =
            |s: &&crate::trace::NoiseSite| s.first < first + len && first < s.first + s.len;
        sites.by_ref().filter(within).all(|s| s.mask.is_none())
    };
    let draw = |&value: &NodeId| {
        let node = graph.node(value);
        let family = family(graph, value)?;
        let noise = *node.args.last()?;
        let Op::Noise { first } = graph.node(noise).op else {
            return None;
        };
        let len = graph.node(noise).shape.len();
        let own = readers[&noise] == 1 && reached(first, len);
        (own && !(first..first + len).any(excluded)).then_some(Draw {
            value,
            noise,
            first,
            len,
            family,
        })
    };
    needed.iter().filter_map(draw).collect()
}

fn family(graph: &NoiseGraph, value: NodeId) -> Option<Family> {
    let node = graph.node(value);
    let is = |arg: usize, x: f64| {
        let known = graph.constant(node.args[arg]);
        known.is_some_and(|v| v.iter().all(|v| *v == x))
    };
    match &node.op {
        Op::Transport(Law::Plain(law)) if law.name() == "Uniform" => {
            (is(0, 0.0) && is(1, 1.0)).then_some(Family::Beta)
        }
        Op::Transport(Law::Plain(law)) => Family::of(law.name()),
        Op::ArrayTransport(law) => Family::of(law.dist.name()),
        _ => None,
    }
}

fn is_conjugate(graph: &NoiseGraph, terms: &[usize], kinds: &HashMap<NodeId, Kind>) -> bool {
    terms.iter().map(|&t| &graph.terms[t]).all(|term| {
        let own = kinds[&term.node];
        let fits = match term.kind {
            TermKind::Observe | TermKind::Factor => own.is_form(),
            _ => own == Free,
        };
        fits && term.mask.is_none_or(|m| kinds[&m] == Free)
    })
}

fn kinds(graph: &NoiseGraph, needed: &[NodeId], chosen: &[Draw]) -> HashMap<NodeId, Kind> {
    let values: HashMap<NodeId, Family> = chosen.iter().map(|d| (d.value, d.family)).collect();
    let mut kinds: HashMap<NodeId, Kind> = HashMap::with_capacity(needed.len());
    for &id in needed {
        let node = graph.node(id);
        let of: Vec<Kind> = node.args.iter().map(|a| kinds[a]).collect();
        let free = of.iter().all(|k| *k == Free);
        let own = match values.get(&id) {
            Some(&family) if free => Power {
                family,
                halves: 2,
                bare: true,
            },
            Some(_) => Other,
            None if free => Free,
            None => of_operation(graph, &node.op, &node.args, &of),
        };
        kinds.insert(id, own);
    }
    kinds
}

/// The kind of an operation on operands of kinds `of`, one of which is not free.
fn of_operation(graph: &NoiseGraph, op: &Op, args: &[NodeId], of: &[Kind]) -> Kind {
    let known = |i: usize, x: f64| {
        let values = graph.constant(args[i]);
        values.is_some_and(|v| v.iter().all(|v| *v == x))
    };
    match (op, of) {
        (Op::Take(_), [a]) => *a,
        (Op::Gather { .. }, [a, rest @ ..]) if rest.iter().all(|k| *k == Free) => *a,
        (Op::Pack, _) => of.iter().copied().reduce(Kind::or).unwrap_or(Other),
        (Op::Select, [Free, a, b]) => a.or(*b),
        (Op::Reduce(ReduceFn::Sum, _) | Op::Scan(ScanFn::CumSum, _) | Op::Dense(..), _) => {
            of[of.len() - 1].form()
        }
        (Op::MatMul { .. }, [Free, a] | [a, Free]) => a.form(),
        (Op::Unary(f), [a]) => of_function(*f, *a),
        (Op::Binary(BinaryFn::Add), [a, b]) => a.plus(*b),
        (
            Op::Binary(BinaryFn::Sub),
            [
                Free,
                Power {
                    family: Family::Beta,
                    bare: true,
                    ..
                },
            ],
        ) if known(0, 1.0) => Complement,
        (Op::Binary(BinaryFn::Sub), [a, b]) => a.plus(b.negated()),
        (Op::Binary(BinaryFn::Mul), [Free, a] | [a, Free]) => a.times_free(),
        (Op::Binary(BinaryFn::Div), [a, Free]) => a.times_free(),
        (Op::Binary(BinaryFn::Div), [Free, a]) => a.to_power(-1.0),
        (Op::Binary(BinaryFn::Pow), [a, Free]) => match graph.constant(args[1]).map(|p| &p[..]) {
            Some([p]) => a.to_power(*p),
            _ => Other,
        },
        (Op::LogDensity(Law::Plain(law)) | Op::LogDensitySum(Law::Plain(law), _), _) => {
            of_density(law.name(), of)
        }
        (Op::ArrayLogDensity(law), _) => of_density(law.dist.name(), of),
        _ => Other,
    }
}

fn of_function(f: UnaryFn, a: Kind) -> Kind {
    match (f, a) {
        (UnaryFn::Neg, a) => a.negated(),
        (UnaryFn::Log, Power { family, halves, .. }) => Logged { family, halves },
        (UnaryFn::Log, Complement) => Form,
        (UnaryFn::Logit, a) if a.is_probability(Family::Beta) => Form,
        (UnaryFn::Exp, Logged { family, halves }) => Power {
            family,
            halves,
            bare: false,
        },
        (UnaryFn::Sqrt, a) => a.to_power(0.5),
        (UnaryFn::Square, a) => a.to_power(2.0),
        _ => Other,
    }
}

/// The kind of a log-density of a known value.
fn of_density(law: &str, of: &[Kind]) -> Kind {
    let fits = match (law, of) {
        ("Poisson" | "Exponential", [rate, Free]) => rate.is_power(1.0),
        ("PoissonLog", [Logged { family, halves }, Free]) => family.linear() == Some(*halves),
        ("Gamma" | "InvGamma" | "Pareto", [Free, rate, Free]) => rate.is_power(1.0),
        ("Normal" | "LogNormal", [Free, scale, Free]) | ("HalfNormal", [scale, Free]) => {
            scale.is_power(-0.5)
        }
        ("Laplace", [Free, scale, Free]) => scale.is_power(-1.0),
        ("Bernoulli" | "Flip" | "Geometric", [p, Free]) | ("Binomial", [Free, p, Free]) => {
            p.is_probability(Family::Beta)
        }
        ("Categorical", [p, Free]) | ("Multinomial", [Free, p, Free]) => {
            p.is_probability(Family::Dirichlet)
        }
        _ => false,
    };
    if fits { Form } else { Other }
}

/// The components over the rest and the values.
fn lowered(
    graph: &NoiseGraph,
    coordinates: &[usize],
    terms: &[usize],
    needed: &[NodeId],
    chosen: &[Draw],
    passes: Passes,
) -> Conjugate {
    let kinds = kinds(graph, needed, chosen);
    let column = |c: usize| {
        let own = coordinates.iter().position(|o| *o == c);
        own.expect("a component reads its own coordinates")
    };
    let integrated: Vec<usize> = chosen
        .iter()
        .flat_map(|d| d.first..d.first + d.len)
        .collect();
    let outer = coordinates.iter().filter(|c| !integrated.contains(c));
    let outer: Vec<usize> = outer.copied().collect();
    // Numbers that are no noise of the program have coordinates behind its own.
    let own = |c: usize| c + 1 + coordinates.iter().max().expect("there are some");
    let by_value: HashMap<NodeId, &Draw> = chosen.iter().map(|d| (d.value, d)).collect();
    let mut in_order: Vec<&Draw> = chosen.iter().collect();
    in_order.sort_by_key(|d| d.value);
    let mut new = NoiseGraph::with_room(needed.len());
    let mut places: HashMap<NodeId, NodeId> = HashMap::new();
    let mut n_numbers = 0;
    for &id in needed {
        let node = graph.node(id);
        let place = match by_value.get(&id) {
            Some(_) => {
                let first = own(n_numbers);
                n_numbers += node.shape.len();
                new.noise(first, node.shape.clone(), node.span)
            }
            None if chosen.iter().any(|d| d.noise == id) => continue,
            None => {
                let args = node.args.iter().map(|a| places[a]).collect();
                new.copy(node, args)
            }
        };
        places.insert(id, place);
    }
    let (mut values, mut levers, mut roots, mut sums) = (vec![], vec![], vec![], vec![]);
    let mut n_levers = 0;
    for draw in &in_order {
        let node = graph.node(draw.value);
        let own_values = match &node.op {
            Op::ArrayTransport(law) => (law.batch, law.event),
            _ => (node.shape.len(), 1),
        };
        values.push(Values {
            family: draw.family,
            n: own_values.0,
            k: own_values.1,
        });
        let mut of_value = Vec::new();
        for parameter in natural(&mut new, node, &places) {
            let (shape, span) = (new.node(parameter).shape.clone(), node.span);
            let len = shape.len();
            let lever = new.constant(parameter).is_none().then(|| {
                let first = n_levers;
                n_levers += len;
                let lever = new.noise(own(first), shape.clone(), span);
                let times = Op::Binary(BinaryFn::Mul);
                let each = new.add(times, vec![parameter, lever], shape, span);
                sums.push(Term::factor(sum(&mut new, each), span));
                first
            });
            of_value.push((roots.len(), len, lever));
            roots.push(parameter);
        }
        levers.push(of_value);
    }
    let (mut rest_terms, mut evidence_terms) = (Vec::new(), Vec::new());
    for term in terms.iter().map(|&t| &graph.terms[t]) {
        let at = match kinds[&term.node] {
            Free => &mut rest_terms,
            _ => &mut evidence_terms,
        };
        at.push(Term {
            node: places[&term.node],
            mask: term.mask.map(|m| places[&m]),
            ..term.clone()
        });
    }
    rest_terms.extend(sums);
    let behind =
        |n: usize| -> Vec<usize> { outer.iter().copied().chain((0..n).map(own)).collect() };
    let with_levers = behind(n_levers);
    let lever_column = |c: usize| {
        let place = with_levers.iter().position(|o| *o == c);
        place.expect("parameters are computed from the rest")
    };
    let parameters = Tape::new(
        &new,
        &roots,
        with_levers.len(),
        lever_column,
        &HashMap::new(),
    );
    let drawn = n_levers > 0;
    let reads = new.ancestors(
        evidence_terms
            .iter()
            .flat_map(|t| [Some(t.node), t.mask])
            .flatten(),
    );
    let is_outer = |id: NodeId| match new.node(id).op {
        Op::Noise { first } => first < own(0),
        _ => false,
    };
    let alone = !new.ids().any(|id| reads[id.index()] && is_outer(id));
    let mut component = |terms: Vec<Term>, columns: Vec<usize>| {
        let all: Vec<usize> = (0..terms.len()).collect();
        new.terms = terms;
        Component::new(&mut new, columns, &all, None, passes)
    };
    let rest = component(rest_terms, with_levers.clone());
    let evidence = component(evidence_terms, behind(n_numbers));
    let noise = in_order.iter().flat_map(|d| d.first..d.first + d.len);
    Conjugate {
        coordinates: noise.map(column).collect(),
        drawn,
        values,
        rest,
        parameters,
        levers,
        evidence,
        alone,
    }
}

/// The parameters of a value's law as its family has them.
fn natural(new: &mut NoiseGraph, node: &Node, places: &HashMap<NodeId, NodeId>) -> Vec<NodeId> {
    let args: Vec<NodeId> = node.args[..node.args.len() - 1]
        .iter()
        .map(|a| places[a])
        .collect();
    let span = node.span;
    let known = |new: &mut NoiseGraph, x: f64| new.constant_node([x].into(), Shape::scalar(), span);
    let law = match &node.op {
        Op::Transport(law) => law.base().name(),
        _ => return args,
    };
    match law {
        "Uniform" => [1.0, 1.0].map(|x| known(new, x)).to_vec(),
        "Exponential" => vec![known(new, 1.0), args[0]],
        "ChiSquare" | "InvChiSquare" => {
            let half = known(new, 0.5);
            vec![binary(new, BinaryFn::Mul, half, args[0]), half]
        }
        "BetaProportion" => {
            let one = known(new, 1.0);
            let other = binary(new, BinaryFn::Sub, one, args[0]);
            [args[0], other]
                .map(|share| binary(new, BinaryFn::Mul, share, args[1]))
                .to_vec()
        }
        _ => args,
    }
}

fn binary(new: &mut NoiseGraph, f: BinaryFn, a: NodeId, b: NodeId) -> NodeId {
    let longer = if new.node(a).shape.len() >= new.node(b).shape.len() {
        a
    } else {
        b
    };
    let node = new.node(longer);
    let (shape, span) = (node.shape.clone(), node.span);
    new.add(Op::Binary(f), vec![a, b], shape, span)
}

fn sum(new: &mut NoiseGraph, each: NodeId) -> NodeId {
    let node = new.node(each);
    let (n, span) = (node.shape.len(), node.span);
    let axis = Axis {
        outer: 1,
        n,
        inner: 1,
    };
    let sum = Op::Reduce(ReduceFn::Sum, axis);
    new.add(sum, vec![each], Shape::scalar(), span)
}
