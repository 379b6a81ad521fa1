//! Distributions: kinds and shapes of their parameters, and what they are over.

use super::super::family::{self, Family};
use super::super::mismatch::Mismatch;
use super::super::types::{Callable, Size, Ty, Value};
use super::binary::same;
use super::{Arg, Infer};
use crate::base::Span;
use crate::dist::{Domain, ValueKind};
use crate::ir::{DistRef, Expr, Over};

impl Infer<'_> {
    /// A distribution with its arguments.
    pub(super) fn dist(&mut self, dist: DistRef, args: &[Option<Expr>], span: Span) -> Value {
        let args: Vec<Option<Arg>> = args
            .iter()
            .map(|a| a.as_ref().map(|e| self.arg(e)))
            .collect();
        let ty = match dist {
            DistRef::Registered(name) => match family::find(name) {
                Some(family) => self.registered(&family, &args),
                None => Ty::Any,
            },
            DistRef::User(index) => self.user(index, &args, span),
            DistRef::Mixture => self.mixture(&args),
            DistRef::OrderedOf => self.ordered_of(&args),
            DistRef::ZeroInflated => match args.as_slice() {
                [Some(p), Some(d)] => self.modified(d, &[p], "`zero_inflated`"),
                _ => Ty::Any,
            },
            _ => match args.split_first() {
                Some((Some(d), rest)) => self.combined(dist, d, rest, span),
                _ => Ty::Any,
            },
        };
        Value::of(ty)
    }

    fn combined(&mut self, dist: DistRef, d: &Arg, rest: &[Option<Arg>], span: Span) -> Ty {
        match dist {
            DistRef::Iid => self.iid(d, rest),
            DistRef::Transform => self.transform(d, rest, span),
            DistRef::Ordered => {
                let sizes = self.sizes_of(rest, "`Ordered`");
                match (self.values_of(d, "`Ordered`"), sizes) {
                    (Some(value), Some(sizes)) => event(Ty::array(value, sizes), 1),
                    _ => Ty::Any,
                }
            }
            _ => {
                let place = if dist == DistRef::Truncate {
                    "`truncate`"
                } else {
                    "`censor`"
                };
                let bounds: Vec<&Arg> = rest.iter().flatten().collect();
                self.modified(d, &bounds, place)
            }
        }
    }

    /// A distribution with numbers beside it, which may be one for each of an array.
    fn modified(&mut self, d: &Arg, numbers: &[&Arg], place: &str) -> Ty {
        let over = self.values_of(d, place);
        let own: Option<Vec<Vec<Size>>> = numbers
            .iter()
            .map(|n| self.numeric(n, place).map(|(_, sizes)| sizes))
            .collect();
        let (Some(over), Some(own)) = (over, own) else {
            return Ty::Any;
        };
        if own.iter().all(Vec::is_empty) {
            return d.value.ty.clone();
        }
        if !matches!(d.value.ty, Ty::Dist { event: 0, .. }) || over.is_open() {
            return Ty::Any;
        }
        let (element, sizes) = over.parts();
        let mut sizes = sizes.to_vec();
        for (number, own) in numbers.iter().zip(&own) {
            match self.stretch(d, number, &sizes, own, place) {
                Some(joint) => sizes = joint,
                None => return Ty::Any,
            }
        }
        event(Ty::array(element.clone(), sizes), 0)
    }

    fn iid(&mut self, d: &Arg, rest: &[Option<Arg>]) -> Ty {
        let sizes = self.sizes_of(rest, "`iid`");
        let value = self.values_of(d, "`iid`");
        let inner = match &d.value.ty {
            Ty::Dist { event, .. } => *event,
            _ => 0,
        };
        match (value, sizes) {
            (Some(value), Some(sizes)) if !value.is_open() => event(Ty::array(value, sizes), inner),
            _ => Ty::Any,
        }
    }

    /// Sizes given as ints; `None` where one is not known to be one.
    fn sizes_of(&mut self, args: &[Option<Arg>], place: &str) -> Option<Vec<Size>> {
        let mut sizes = Vec::new();
        let mut known = true;
        for arg in args.iter().flatten() {
            self.integers(arg, place);
            known &= arg.value.ty == Ty::Int;
            sizes.push(arg.value.extent());
        }
        known.then_some(sizes)
    }

    fn transform(&mut self, d: &Arg, rest: &[Option<Arg>], span: Span) -> Ty {
        let value = self.values_of(d, "`transform`");
        let [Some(f)] = rest else {
            return Ty::Any;
        };
        let x = Arg {
            value: Value::of(value.unwrap_or(Ty::Any)),
            ..d.clone()
        };
        let y = self.apply(f, &[Arg { expr: None, ..x }], span);
        let inner = match &d.value.ty {
            Ty::Dist { event, .. } => *event,
            _ => 0,
        };
        event(y.ty, inner)
    }

    fn mixture(&mut self, args: &[Option<Arg>]) -> Ty {
        let [Some(w), Some(components)] = args else {
            return Ty::Any;
        };
        let weights = self.numeric(w, "`mixture`");
        if weights.as_ref().is_some_and(|(_, sizes)| sizes.is_empty()) {
            self.rank(w, "mixture", "w", 1);
        }
        let (value, count) = match &components.value.ty {
            Ty::Array(element, sizes) => match &**element {
                Ty::Dist { .. } => ((**element).clone(), sizes[0].clone()),
                Ty::Never => return Ty::Any,
                _ => return self.not_dist(components, "`mixture`"),
            },
            Ty::Dist { value, .. } => {
                let (seen, value) = (self.seen(components), (**value).clone());
                self.tell(Mismatch::MixtureComponents { seen, value });
                return Ty::Any;
            }
            Ty::Any | Ty::Never => return Ty::Any,
            _ => return self.not_dist(components, "`mixture`"),
        };
        if weights.as_ref().is_none_or(|(_, sizes)| sizes.len() > 1) {
            return Ty::Any;
        }
        if let Some((_, sizes)) = weights
            && let Some(last) = sizes.last()
            && !same(last, &count)
        {
            let (a, b) = (self.seen(w), self.seen(components));
            self.tell(Mismatch::Shapes {
                a,
                b,
                place: "`mixture`".into(),
            });
        }
        value
    }

    fn not_dist(&mut self, arg: &Arg, place: &str) -> Ty {
        let (seen, place) = (self.seen(arg), place.to_string());
        self.tell(Mismatch::NotDistribution { seen, place });
        Ty::Any
    }

    fn ordered_of(&mut self, args: &[Option<Arg>]) -> Ty {
        let [Some(all)] = args else {
            return Ty::Any;
        };
        match self.values_of(all, "`ordered_of`") {
            Some(value) => event(value, 1),
            None => Ty::Any,
        }
    }

    /// A user's distribution: with array arguments an array of independent ones, if its sampler gives a number for one
    /// element of each and no number for the arrays; else what its sampler makes of the arguments as they are.
    fn user(&mut self, index: usize, args: &[Option<Arg>], span: Span) -> Ty {
        let id = self.model.distributions[index].sample;
        let args: Vec<Arg> = args.iter().flatten().cloned().collect();
        if args.len() != self.model.functions[id].params.len() {
            return Ty::Any;
        }
        let callee = Arg {
            value: Value::of(Ty::Fn(Callable::Closure(id, Vec::new()))),
            span,
            expr: None,
        };
        let ranks: Vec<usize> = args.iter().map(rank_of_numbers).collect();
        let before = self.errors.len();
        let value = self.apply(&callee, &args, span).ty;
        let number = is_number(&value);
        if !number
            && ranks.iter().any(|r| *r > 0)
            && let Some(one) = self.one_of_each(&callee, &args, span)
        {
            self.errors.truncate(before);
            self.drawn_by(index, ranks, Over::Each);
            return match self.joint_sizes(&args) {
                Some(sizes) => event(Ty::array(one, sizes), 0),
                None => Ty::Any,
            };
        }
        let rank = value.parts().1.len();
        let over = match (&value, number) {
            (_, true) => Over::Number,
            (Ty::Array(of, _), _) if is_number(of) => Over::Array(rank),
            _ => Over::Whole,
        };
        self.drawn_by(index, ranks, over);
        event(value, rank)
    }

    /// What is drawn with one element of each array, if that is a number.
    fn one_of_each(&mut self, callee: &Arg, args: &[Arg], span: Span) -> Option<Ty> {
        let mut elements = args.to_vec();
        for a in elements.iter_mut().filter(|a| rank_of_numbers(a) > 0) {
            a.value = Value::of(a.value.ty.parts().0.clone());
        }
        let before = self.errors.len();
        let value = self.apply(callee, &elements, span).ty;
        let fits = self.errors.len() == before;
        self.errors.truncate(before);
        (fits && is_number(&value)).then_some(value)
    }

    /// The shape that array arguments have together.
    fn joint_sizes(&mut self, args: &[Arg]) -> Option<Vec<Size>> {
        let mut arrays = args.iter().filter(|a| rank_of_numbers(a) > 0);
        let first = arrays.next()?;
        let mut sizes = first.value.ty.parts().1.to_vec();
        for arg in arrays {
            let own = arg.value.ty.parts().1.to_vec();
            sizes = self.stretch(first, arg, &sizes, &own, "a distribution")?;
        }
        Some(sizes)
    }

    fn drawn_by(&mut self, index: usize, ranks: Vec<usize>, over: Over) {
        let known = &mut self.draws_of[index];
        match known.iter_mut().find(|(r, _)| *r == ranks) {
            Some((_, so_far)) if *so_far != over => *so_far = Over::Whole,
            Some(_) => {}
            None => known.push((ranks, over)),
        }
    }

    fn registered(&mut self, family: &Family, args: &[Option<Arg>]) -> Ty {
        let mut batch: Option<(&Arg, Vec<Size>)> = None;
        let mut own: Vec<(usize, Vec<Size>)> = Vec::new();
        let mut open = false;
        for (param, arg) in family.params.iter().zip(args) {
            let Some(arg) = arg else { continue };
            let place = format!("`{}`'s `{}`", family.name, param.name);
            let Some((element, sizes)) = self.numeric(arg, &place) else {
                open = true;
                continue;
            };
            if element == Ty::Real && matches!(param.domain, Domain::Count | Domain::Integer) {
                self.integers(arg, &place);
            }
            let Some(outer) = sizes.len().checked_sub(param.rank) else {
                self.rank(arg, family.name, param.name, param.rank);
                open = true;
                continue;
            };
            own.push((param.rank, sizes[outer..].to_vec()));
            let outer = sizes[..outer].to_vec();
            batch = match batch {
                None => Some((arg, outer)),
                Some((first, so_far)) => {
                    match self.stretch(first, arg, &so_far, &outer, &format!("`{}`", family.name)) {
                        Some(sizes) if sizes.len() > so_far.len() => Some((arg, sizes)),
                        Some(sizes) => Some((first, sizes)),
                        None => {
                            open = true;
                            Some((first, so_far))
                        }
                    }
                }
            };
        }
        self.own_shapes(family, args);
        if open {
            return Ty::Any;
        }
        let inner = event_sizes(family, &own, args);
        let n = inner.len();
        let mut sizes = batch.map_or(Vec::new(), |(_, sizes)| sizes);
        sizes.extend(inner);
        let element = match family.name {
            // A point mass on an int may be meant as one.
            "Delta"
                if args
                    .iter()
                    .flatten()
                    .all(|a| *a.value.ty.parts().0 == Ty::Int) =>
            {
                Ty::Any
            }
            _ => element_of(family),
        };
        event(Ty::array(element, sizes), n)
    }

    fn rank(&mut self, arg: &Arg, dist: &str, param: &str, rank: usize) {
        let error = Mismatch::ParameterRank {
            seen: self.seen(arg),
            dist: dist.into(),
            param: param.into(),
            rank,
        };
        self.tell(error);
    }

    /// A location and a matrix must be of one size, and the matrix square.
    fn own_shapes(&mut self, family: &Family, args: &[Option<Arg>]) {
        let mut vector: Option<&Arg> = None;
        for (param, arg) in family.params.iter().zip(args) {
            let Some(arg) = arg else { continue };
            let sizes = arg.value.ty.parts().1;
            match param.rank {
                1 if !sizes.is_empty() => vector = Some(arg),
                2 if sizes.len() >= 2 => {
                    let (rows, columns) = (&sizes[sizes.len() - 2], &sizes[sizes.len() - 1]);
                    if !same(rows, columns) {
                        let place = format!("`{}`'s `{}`", family.name, param.name);
                        let seen = self.seen(arg);
                        self.tell(Mismatch::NotSquare { seen, place });
                    } else if let Some(vector) = vector
                        && let Some(n) = vector.value.ty.parts().1.last()
                        && !same(n, columns)
                    {
                        let (a, b) = (self.seen(vector), self.seen(arg));
                        self.tell(Mismatch::Shapes {
                            a,
                            b,
                            place: "a matrix".into(),
                        });
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_number(ty: &Ty) -> bool {
    matches!(ty, Ty::Bool | Ty::Int | Ty::Real)
}

/// The rank of an argument that is a number or an array of numbers; 0 for all else.
fn rank_of_numbers(arg: &Arg) -> usize {
    match arg.value.ty.parts() {
        (Ty::Bool | Ty::Int | Ty::Real, sizes) => sizes.len(),
        _ => 0,
    }
}

fn event(value: Ty, event: usize) -> Ty {
    match value {
        Ty::Any | Ty::Never => Ty::Any,
        value => Ty::Dist {
            value: Box::new(value),
            event,
        },
    }
}

fn element_of(family: &Family) -> Ty {
    match family.kind {
        ValueKind::Real => Ty::Real,
        ValueKind::Int => Ty::Int,
        ValueKind::Bool => Ty::Bool,
    }
}

/// The axes of one value.
fn event_sizes(family: &Family, own: &[(usize, Vec<Size>)], args: &[Option<Arg>]) -> Vec<Size> {
    let of_rank = |rank: usize| own.iter().find(|(r, _)| *r == rank).map(|(_, s)| s.clone());
    match family.name {
        "MultiNormal"
        | "MultiNormalCholesky"
        | "MultiNormalPrec"
        | "MultiStudentT"
        | "Dirichlet"
        | "Multinomial" => of_rank(1).unwrap_or_else(|| vec![None]),
        "Wishart" | "InvWishart" => of_rank(2).unwrap_or_else(|| vec![None, None]),
        "LKJCorr" | "LKJCholesky" => {
            let d = args
                .first()
                .and_then(Option::as_ref)
                .and_then(|d| d.value.extent());
            vec![d.clone(), d]
        }
        _ => Vec::new(),
    }
}
