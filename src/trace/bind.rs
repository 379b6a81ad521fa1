//! Data meets its declarations: kinds, sizes and `where` conditions.

use super::asset::{of_constant, of_texts};
use super::error::{Result, TraceError};
use super::machine::{Machine, from_cells};
use super::observed;
use super::value::{Cell, Gap, Kind, Payload, Tensor, Value};
use crate::base::{Data, Entry, Shape, Values, counted, nearest};
use crate::ir::{DataDecl, DataKind, Expr, ExprKind, Model, Place, Size};

/// The data of a model, each input in the kind that its declaration asks for; sizes are checked where it is declared.
#[derive(Debug, Default)]
pub struct Inputs {
    values: Vec<Option<Value>>,
    /// The constants in files.
    pub(super) assets: Vec<Value>,
    /// Whether observations are drawn instead of conditioned on.
    pub(super) simulate: bool,
}

impl Inputs {
    /// Finds every declared input. Names that the program does not declare are ignored.
    ///
    /// # Errors
    /// Everything that is missing or of the wrong kind, each at its declaration.
    pub fn new(model: &Model, data: &Data) -> std::result::Result<Inputs, Vec<TraceError>> {
        Inputs::gathered(model, data, false)
    }

    /// As [`Inputs::new`], for simulating the observations: those that the data lacks need only a size.
    ///
    /// # Errors
    /// As [`Inputs::new`].
    pub fn simulated(model: &Model, data: &Data) -> std::result::Result<Inputs, Vec<TraceError>> {
        Inputs::gathered(model, data, true)
    }

    fn gathered(
        model: &Model,
        data: &Data,
        simulate: bool,
    ) -> std::result::Result<Inputs, Vec<TraceError>> {
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for decl in &model.data {
            match data.get(&decl.key).map(|entry| convert(decl, entry)) {
                Some(Ok(Value::Num(t)))
                    if simulate && observed::by_another_name(model, decl.slot) =>
                {
                    // Its elements are known by where they stand, not by the name that walks over them.
                    values.push(Some(unknown(t, decl)));
                }
                Some(Ok(v)) => values.push(Some(v)),
                Some(Err(e)) => {
                    errors.push(e);
                    values.push(None);
                }
                None => match inferred_size(model, decl, data) {
                    Some(n) => values.push(Some(Value::Num(Tensor::int(n as i64)))),
                    None if decl.default.is_some() => values.push(None),
                    None if simulate && is_simulated(model, decl) => values.push(None),
                    None => {
                        errors.push(missing(decl, data));
                        values.push(None);
                    }
                },
            }
        }
        if errors.is_empty() {
            let assets: std::result::Result<_, _> = model.assets.iter().map(of_constant).collect();
            Ok(Inputs {
                values,
                assets: assets?,
                simulate,
            })
        } else {
            Err(errors)
        }
    }

    /// The numbers of an input, for what is written beside the draws.
    pub fn value(&self, i: usize) -> Option<&Tensor> {
        match self.values.get(i) {
            Some(Some(Value::Num(t))) => Some(t),
            _ => None,
        }
    }
}

/// A size that the file lacks but an array of it has.
fn inferred_size(model: &Model, decl: &DataDecl, data: &Data) -> Option<usize> {
    if decl.kind != DataKind::Int || !decl.sizes.is_empty() || decl.default.is_some() {
        return None;
    }
    model.data.iter().find_map(|other| {
        let axis = other.sizes.iter().position(|s| match s {
            Size::Is(e) => {
                matches!(e.kind, ExprKind::Place(Place::Global(slot)) if slot == decl.slot)
            }
            Size::Binds { slot, .. } => decl.bound == Some(Place::Global(*slot)),
        })?;
        data.get(&other.key)?.shape.dims().get(axis).copied()
    })
}

/// Whether an input is an observation whose size is known without it.
fn is_simulated(model: &Model, decl: &DataDecl) -> bool {
    let sized = decl.sizes.iter().all(|s| matches!(s, Size::Is(_)));
    sized && observed::at_all(model, decl.slot)
}

/// An observation that is to be simulated: each of its elements is missing.
fn unknown(t: Tensor, decl: &DataDecl) -> Value {
    let all = vec![true; t.shape.len()];
    Value::Num(t.lacking(&all, Some(decl.slot)))
}

fn missing(decl: &DataDecl, data: &Data) -> TraceError {
    let error = TraceError::data(
        "odp::data::missing",
        format!("the data has no `{}`", decl.key),
        decl.name_span,
        "declared here",
    );
    let near = nearest(&decl.key, data.names());
    let all: Vec<&str> = data.names().take(12).collect();
    match near {
        Some(name) => error.help(format!(
            "did you mean `{name}`? `data {}: … from \"{name}\"` reads it",
            decl.name
        )),
        None if all.is_empty() => {
            error.help("give a file with --data FILE, or a value with --set NAME=VALUE")
        }
        None => error.help(format!("the data has {}", all.join(", "))),
    }
}

fn convert(decl: &DataDecl, entry: &Entry) -> Result<Value> {
    let wrong = |found: &str, element: Option<usize>| {
        let at = element.map_or(String::new(), |e| {
            format!(
                " at {}",
                crate::base::element_name(&decl.name, &entry.shape, e)
            )
        });
        let line = entry.origin.line_of(element.unwrap_or(0));
        let place = line.map_or(entry.origin.file.clone(), |l| {
            format!("{}, line {l}", entry.origin.file)
        });
        TraceError::data(
            "odp::data::kind",
            format!(
                "`{}` is declared {}, the data has {found}{at} ({place})",
                decl.name,
                kind_name(decl.kind)
            ),
            decl.span,
            format!("declared {}", kind_name(decl.kind)),
        )
    };
    let n = entry.shape.len();
    let has_missing = entry.missing.contains(&true);
    if has_missing && !decl.missing {
        let first = entry.missing.iter().position(|m| *m);
        return Err(wrong("a missing element", first).help(imputed(decl, &entry.shape)));
    }
    let tensor = match (decl.kind, &entry.values) {
        (DataKind::Str, Values::Str(v)) => return Ok(of_texts(v, entry.shape.rank() == 0)),
        (DataKind::Str, values) if entry.origin.column => {
            return Ok(of_texts(&as_texts(values), false));
        }
        (kind, Values::Str(v)) => return Err(text_for(kind, v, &wrong)),
        (DataKind::Bool, Values::Bool(v)) => bools(v, &entry.shape),
        (DataKind::Bool, Values::Int(v)) if v.iter().all(|x| *x == 0 || *x == 1) => {
            bools(&v.iter().map(|x| *x == 1).collect::<Vec<_>>(), &entry.shape)
        }
        (DataKind::Int, Values::Int(v)) => Tensor::ints(v.clone(), entry.shape.clone()),
        (DataKind::Int, Values::Real(v)) => {
            match v.iter().position(|x| x.trunc() != *x || x.abs() > 9e15) {
                None => Tensor::ints(
                    v.iter().map(|&x| x as i64).collect::<Vec<_>>(),
                    entry.shape.clone(),
                ),
                Some(e) => {
                    return Err(wrong(&format!("the real {}", v[e]), Some(e))
                        .help("declare it `real`, or round the data"));
                }
            }
        }
        (DataKind::Real, Values::Int(v)) => Tensor::reals(
            v.iter().map(|&x| x as f64).collect::<Vec<_>>(),
            entry.shape.clone(),
        ),
        (DataKind::Real, Values::Real(v)) => {
            let absent: Vec<bool> = v
                .iter()
                .enumerate()
                .map(|(i, x)| x.is_nan() || entry.missing.get(i) == Some(&true))
                .collect();
            if let (Some(e), false) = (absent.iter().position(|m| *m), decl.missing) {
                return Err(wrong("a NaN", Some(e)).help(imputed(decl, &entry.shape)));
            }
            Tensor::reals(v.clone(), entry.shape.clone()).lacking(&absent, Some(decl.slot))
        }
        (_, Values::Int(_)) => return Err(wrong("an int", Some(0))),
        (_, Values::Real(_)) => return Err(wrong("a real", Some(0))),
        (_, Values::Bool(_)) => return Err(wrong("a bool", Some(0))),
    };
    debug_assert_eq!(n, tensor.shape.len());
    Ok(Value::Num(tensor))
}

fn imputed(decl: &DataDecl, shape: &Shape) -> String {
    if !matches!(decl.kind, DataKind::Real | DataKind::Int) {
        return "only reals can be missing: fill the element in, or leave it out of the data"
            .into();
    }
    let sizes = match shape.rank() {
        0 => String::new(),
        _ => shape.to_string(),
    };
    format!("declare it `real?{sizes}` to have missing elements imputed")
}

/// Texts where numbers are declared: shows the first that is no number.
fn text_for(
    kind: DataKind,
    texts: &[String],
    wrong: &impl Fn(&str, Option<usize>) -> TraceError,
) -> TraceError {
    let odd = |t: &String| !t.is_empty() && t.parse::<f64>().is_err();
    let at = texts.iter().position(odd).unwrap_or(0);
    let shown: String = texts.get(at).map_or("", |t| t).chars().take(24).collect();
    let error = wrong(&format!("the text \"{shown}\""), Some(at));
    match kind {
        DataKind::Real => error.help(
            "a number is written like 1234.5; a column of texts becomes codes where it is declared `int`",
        ),
        _ => error,
    }
}

pub(super) fn bools(v: &[bool], shape: &Shape) -> Tensor {
    let values: Vec<f64> = v.iter().map(|&b| f64::from(u8::from(b))).collect();
    Tensor {
        kind: Kind::Bool,
        ..Tensor::reals(values, shape.clone())
    }
}

/// The cells of a table's column as texts, where none of them says that it is one.
fn as_texts(values: &Values) -> Vec<String> {
    match values {
        Values::Bool(v) => v.iter().map(bool::to_string).collect(),
        Values::Int(v) => v.iter().map(i64::to_string).collect(),
        Values::Real(v) => v.iter().map(f64::to_string).collect(),
        Values::Str(v) => v.clone(),
    }
}

fn kind_name(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Bool => "bool",
        DataKind::Int => "int",
        DataKind::Real => "real",
        DataKind::Str => "string",
    }
}

impl Machine<'_> {
    /// Runs a data declaration.
    pub(super) fn bind_data(&mut self, i: usize) -> Result<()> {
        let decl = &self.model.data[i];
        let value = match &self.inputs.values[i] {
            Some(v) => v.clone(),
            None => match &decl.default {
                Some(default) => {
                    let v = self.eval(default)?;
                    match self.default_kind(decl, v)? {
                        Value::Num(t)
                            if self.inputs.simulate
                                && observed::by_another_name(self.model, decl.slot) =>
                        {
                            unknown(t, decl)
                        }
                        v => v,
                    }
                }
                None => self.nothing_yet(decl)?,
            },
        };
        let value = self.of_no_rows(decl, value)?;
        let shape = match &value {
            Value::Num(t) => t.shape.clone(),
            Value::List(items) => Shape::vector(items.len()),
            _ => Shape::scalar(),
        };
        self.check_sizes(decl, &shape)?;
        self.bind(Place::Global(decl.slot), value);
        if self.is_tracing() {
            self.check_bound(decl)?;
            self.check_condition(decl)?;
        }
        Ok(())
    }

    /// `[]` is an array of any number of axes that has no rows.
    fn of_no_rows(&mut self, decl: &DataDecl, value: Value) -> Result<Value> {
        let t = match value {
            Value::Num(t) if t.shape.dims() == [0] && decl.sizes.len() > 1 => t,
            other => return Ok(other),
        };
        let mut sizes = vec![0];
        for size in &decl.sizes[1..] {
            let n = match size {
                Size::Is(e) => self.int_scalar(e)?.known_int(),
                Size::Binds { .. } => None,
            };
            sizes.push(n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0));
        }
        Ok(Value::Num(t.reshaped(Shape(sizes))))
    }

    /// An observation that is to be simulated: of its declared size, every element missing.
    fn nothing_yet(&mut self, decl: &DataDecl) -> Result<Value> {
        let mut sizes = Vec::with_capacity(decl.sizes.len());
        for size in &decl.sizes {
            let Size::Is(e) = size else {
                unreachable!("is_simulated asks for declared sizes")
            };
            let n = self.int_scalar(e)?.known_int().unwrap_or(0);
            sizes.push(usize::try_from(n).unwrap_or(0));
        }
        let shape = Shape(sizes);
        self.room_for(shape.len(), decl.span)?;
        let t = Tensor::reals(vec![f64::NAN; shape.len()], shape);
        Ok(unknown(t, decl))
    }

    fn default_kind(&mut self, decl: &DataDecl, v: Value) -> Result<Value> {
        match (decl.kind, v) {
            (DataKind::Real, Value::Num(t)) => Ok(Value::Num(self.as_reals(t, decl.span))),
            (_, v) => Ok(v),
        }
    }

    fn check_sizes(&mut self, decl: &DataDecl, shape: &Shape) -> Result<()> {
        if decl.sizes.len() != shape.rank() {
            let found = if shape.rank() == 0 {
                "one value".to_string()
            } else {
                format!("an array of shape {shape}")
            };
            return Err(TraceError::data(
                "odp::data::rank",
                format!(
                    "`{}` is declared with {}, the data has {found}",
                    decl.name,
                    counted(decl.sizes.len(), "size", "sizes")
                ),
                decl.span,
                "declared here",
            )
            .help(match shape.rank() {
                0 => "one value is declared without sizes: `real`",
                1 => "an array of one axis is declared with one size: `real[n]`",
                2 => "a matrix is declared with two sizes: `real[n, m]`",
                _ => "an array is declared with one size for each axis: `real[n, m, k]`",
            }));
        }
        for (k, (size, &found)) in decl.sizes.iter().zip(shape.dims()).enumerate() {
            match size {
                Size::Binds { slot, .. } => {
                    self.bind(Place::Global(*slot), Value::Num(Tensor::int(found as i64)))
                }
                Size::Is(e) => {
                    let want = self.int_scalar(e)?.known_int();
                    if want != Some(found as i64) {
                        let want =
                            want.map_or("a size that is not known".to_string(), |n| n.to_string());
                        return Err(TraceError::data(
                            "odp::data::size",
                            format!(
                                "`{}` has {found} elements along axis {k}, declared are {want}",
                                decl.name
                            ),
                            decl.name_span,
                            format!("the data has shape {shape}"),
                        )
                        .label(e.span, format!("this is {want}"))
                        .help("sizes of one name are equal: correct the data, or give this array a size of its own"));
                    }
                }
            }
        }
        Ok(())
    }

    /// A size that arrays above the declaration have bound is what the data says it is.
    fn check_bound(&mut self, decl: &DataDecl) -> Result<()> {
        let Some(bound) = decl.bound else {
            return Ok(());
        };
        let (said, found) = (
            self.get(Place::Global(decl.slot), decl.span)?,
            self.get(bound, decl.span)?,
        );
        let number = |v: &Value| match v {
            Value::Num(t) => t.known_int(),
            _ => None,
        };
        let (Some(said), Some(found)) = (number(&said), number(&found)) else {
            return Ok(());
        };
        if said == found {
            return Ok(());
        }
        let mut error = TraceError::data(
            "odp::data::size",
            format!(
                "`{}` is {said}, an array declared with it has {found} elements",
                decl.name
            ),
            decl.name_span,
            format!("the data says {said}"),
        );
        for other in &self.model.data {
            for size in &other.sizes {
                if let Size::Binds { slot, span, .. } = size
                    && Place::Global(*slot) == bound
                {
                    error = error.label(*span, format!("this is {found}"));
                }
            }
        }
        Err(error.help(
            "sizes of one name are equal: correct the data, or give this array a size of its own",
        ))
    }

    /// A condition's truths with a value in the data's place.
    fn condition_of(&mut self, condition: &Expr, place: Place, value: Value) -> Result<Tensor> {
        self.bind(place, value);
        let holds = self.eval(condition)?;
        self.number(&holds, condition.span)
    }

    /// What a condition on the whole array sees: the elements that are there. Where it picks elements, or the array has
    /// several axes, all keep their places, and what is computed from a missing one is not known.
    fn without_missing(
        &mut self,
        condition: &Expr,
        place: Place,
        all: &Tensor,
        gaps: &[Option<Gap>],
    ) -> Value {
        let span = condition.span;
        let Value::Num(bare) = bare(&Value::Num(all.clone())) else {
            unreachable!("numbers stay numbers")
        };
        if all.shape.rank() == 1 && !super::plate::picks_of(condition, place) {
            let there = (0..gaps.len()).filter(|&i| gaps[i].is_none());
            let there: Vec<u32> = there.map(|i| i as u32).collect();
            let n = there.len();
            return Value::Num(self.pick(&bare, there, Shape::vector(n), span));
        }
        let unknown = self.graph.stand_in(Shape::scalar(), span);
        let mut cells = self.cells_of(&bare, span);
        for (cell, gap) in cells.iter_mut().zip(gaps) {
            if gap.is_some() {
                *cell = Cell::Node(unknown);
            }
        }
        Value::Num(from_cells(cells, all.shape.clone(), all.kind))
    }

    /// `where`: every resulting bool must hold; missing elements are skipped.
    fn check_condition(&mut self, decl: &DataDecl) -> Result<()> {
        let Some(condition) = &decl.condition else {
            return Ok(());
        };
        let place = Place::Global(decl.slot);
        let whole = self.get(place, decl.span)?;
        let missing = match &whole {
            Value::Num(t) => t.missing.clone(),
            _ => None,
        };
        let t = self.condition_of(condition, place, bare(&whole))?;
        let same_shape = matches!(&whole, Value::Num(w) if w.shape == t.shape);
        let skipped = missing.as_deref().filter(|_| same_shape);
        let mut bad = first_false(&t, skipped);
        if let (Some(_), Value::Num(all), Some(gaps)) = (bad, &whole, &missing) {
            let present = self.without_missing(condition, place, all, gaps);
            // Where what is there cannot stand by itself, beside another array of the data's size, the first verdict holds.
            let again = self.condition_of(condition, place, present);
            bad = bad.filter(|_| again.map_or(true, |t| first_false(&t, None).is_some()));
        }
        self.bind(place, whole.clone());
        let Some(bad) = bad else {
            return Ok(());
        };
        let (name, value) = match &whole {
            Value::Num(w) if same_shape => (
                crate::base::element_name(&decl.name, &w.shape, bad),
                format!(" is {}", number_text(w, bad)),
            ),
            _ => (
                decl.name.clone(),
                " does not satisfy its condition".to_string(),
            ),
        };
        Err(TraceError::data(
            "odp::data::condition",
            format!("{name}{value}, which breaks its `where`"),
            condition.span,
            "this must hold for every element",
        )
        .label(decl.name_span, "declared here")
        .help("correct the data; if the value is right, the `where` is too narrow"))
    }
}

/// The first of some truths that does not hold, the skipped ones apart; none where they are not known.
fn first_false(t: &Tensor, skipped: Option<&[Option<Gap>]>) -> Option<usize> {
    let truths = t.known()?;
    let skips = |i: usize| skipped.is_some_and(|m| m[i].is_some());
    (0..truths.len()).find(|&i| (truths[i] == 0.0 || truths[i].is_nan()) && !skips(i))
}

/// Inside a condition on each element a missing one is a NaN.
fn bare(whole: &Value) -> Value {
    match whole {
        Value::Num(t) => Value::Num(Tensor {
            missing: None,
            ..t.clone()
        }),
        other => other.clone(),
    }
}

fn number_text(t: &Tensor, i: usize) -> String {
    match &t.payload {
        Payload::Int(v) => v[i].to_string(),
        _ => t.known().map_or(String::new(), |v| v[i].to_string()),
    }
}
