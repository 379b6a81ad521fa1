//! Statements: what each does to variables, masks and weights.

use super::error::{Result, TraceError};
use super::graph::{NodeId, TermKind};
use super::machine::Machine;
use super::value::{Kind, Payload, Tensor, Value};
use crate::base::Span;
use crate::ir::{
    BinaryFn, BinaryOp, Block, Expr, ExprKind, IndexArg, Pattern, Place, ReduceFn, Stmt, StmtKind,
};

/// Whether anybody goes on after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Yes, the executions of the current mask.
    Next,
    /// No.
    Stop,
}

/// A loop's departures: executions that left it, and those that only left the current iteration.
#[derive(Default)]
pub(super) struct Departures {
    /// By `break`.
    pub broken: Vec<Option<NodeId>>,
    /// By `continue`.
    pub continued: Vec<Option<NodeId>>,
    /// Whether anybody has left it by `break`.
    pub broke: bool,
}

impl Machine<'_> {
    /// Runs a block; its value is [`Value::Bottom`] where nobody gets to the end.
    pub(super) fn block(&mut self, block: &Block) -> Result<(Flow, Value)> {
        for stmt in &block.stmts {
            if self.statement(stmt)? == Flow::Stop {
                return Ok((Flow::Stop, Value::Bottom));
            }
        }
        match &block.value {
            Some(e) => self.value_of_block(e),
            None => Ok((Flow::Next, Value::Unit)),
        }
    }

    /// A last expression; an `if` there may leave the block in both arms.
    fn value_of_block(&mut self, e: &Expr) -> Result<(Flow, Value)> {
        match &e.kind {
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => self.branch(cond, then, otherwise.as_ref(), e.span),
            _ => Ok((Flow::Next, self.eval(e)?)),
        }
    }

    fn statement(&mut self, stmt: &Stmt) -> Result<Flow> {
        self.step(stmt.span)?;
        match &stmt.kind {
            StmtKind::Data(i) => self.bind_data(*i)?,
            StmtKind::Let { pattern, value } => {
                let v = self.eval(value)?;
                self.bind_pattern(pattern, v, value.span)?;
            }
            StmtKind::Assign {
                place,
                name,
                indices,
                op,
                value,
            } => {
                self.assignment(*place, name, indices, *op, value, stmt.span)?;
            }
            StmtKind::Sample {
                place,
                site,
                plate,
                dist,
            } => self.sample_statement(*place, *site, plate, dist, stmt.span)?,
            StmtKind::Observe { value, plate, dist } => {
                self.observe_statement(value, plate, dist, stmt.span)?
            }
            StmtKind::Factor(e) => self.factor(e, stmt.span)?,
            StmtKind::Condition(e) => self.condition(e, stmt.span)?,
            StmtKind::For {
                pattern,
                iter,
                body,
            } => return self.for_loop(pattern, iter, body, stmt.span),
            StmtKind::While { cond, body } => return self.while_loop(cond, body, stmt.span),
            StmtKind::Break => return Ok(self.leave(|d| &mut d.broken)),
            StmtKind::Continue => return Ok(self.leave(|d| &mut d.continued)),
            StmtKind::Return(e) => return self.return_statement(e.as_ref(), stmt.span),
            StmtKind::Expr(e) => {
                if let ExprKind::If {
                    cond,
                    then,
                    otherwise,
                } = &e.kind
                {
                    return Ok(self.branch(cond, then, otherwise.as_ref(), e.span)?.0);
                }
                if matches!(self.eval(e)?, Value::Bottom) {
                    return Ok(Flow::Stop);
                }
            }
        }
        Ok(Flow::Next)
    }

    // ---- binding ----

    /// Takes a value apart.
    pub(super) fn bind_pattern(
        &mut self,
        pattern: &Pattern,
        value: Value,
        span: Span,
    ) -> Result<()> {
        match pattern {
            Pattern::Discard => {}
            Pattern::Slot(place) => self.bind(*place, value),
            Pattern::Tuple(parts, _) if matches!(value, Value::Bottom) => {
                for p in parts {
                    self.bind_pattern(p, Value::Bottom, span)?;
                }
            }
            Pattern::Tuple(parts, at) => {
                let items = self.parts_of(&value, span)?;
                if items.len() != parts.len() {
                    return Err(TraceError::model(
                        "odp::trace::pattern",
                        format!("{} names for {} values", parts.len(), items.len()),
                        *at,
                        format!("{} names", parts.len()),
                    )
                    .label(span, format!("this has {} parts", items.len())));
                }
                for (p, v) in parts.iter().zip(items) {
                    self.bind_pattern(p, v, span)?;
                }
            }
            Pattern::Record(fields, at) => {
                for (name, p) in fields {
                    let v = self.field(&value, name, *at)?;
                    self.bind_pattern(p, v, span)?;
                }
            }
        }
        Ok(())
    }

    fn assignment(
        &mut self,
        place: Place,
        name: &str,
        indices: &[IndexArg],
        op: Option<BinaryOp>,
        value: &Expr,
        span: Span,
    ) -> Result<()> {
        let new = self.eval(value)?;
        if indices.is_empty() {
            let new = match op {
                Some(op) => {
                    let old = self.get(place, span)?;
                    self.binary_values(op, old, new, span)?
                }
                None => new,
            };
            return self.assign(place, new, span);
        }
        let at = self.index_args(indices)?;
        self.assign_element(place, name, &at, op, new, span)
    }

    // ---- weights ----

    fn factor(&mut self, e: &Expr, span: Span) -> Result<()> {
        let v = self.eval(e)?;
        self.each_choice(v, span, &mut |m, v| {
            let t = m.number(&v, e.span)?;
            if !t.is_scalar() {
                return Err(TraceError::model(
                    "odp::trace::factor_shape",
                    "`factor` adds one number to the log-weight",
                    e.span,
                    format!("this is {}", v.describe()),
                )
                .help("write `factor sum(…)`"));
            }
            if m.is_tracing() && m.mask.is_none() && t.known_scalar() == Some(f64::NEG_INFINITY) {
                return Err(impossible(e.span, "this factor is -inf, whatever is drawn"));
            }
            if m.is_tracing()
                && m.mask.is_none()
                && let Some(x) = t
                    .known_scalar()
                    .filter(|x| x.is_nan() || *x == f64::INFINITY)
            {
                return Err(no_weight(x, e.span, m.graph.nan_origin.clone()));
            }
            m.weigh(TermKind::Factor, &t, span);
            Ok(())
        })
    }

    fn condition(&mut self, e: &Expr, span: Span) -> Result<()> {
        let v = self.eval(e)?;
        self.each_choice(v, span, &mut |m, v| {
            let t = m.number(&v, e.span)?;
            let t = if t.is_scalar() {
                t
            } else {
                m.reduce_all(ReduceFn::All, &t, Kind::Bool, e.span)
            };
            if m.is_tracing() && m.mask.is_none() && t.known_scalar() == Some(0.0) {
                return Err(impossible(
                    e.span,
                    "this condition is false, whatever is drawn",
                ));
            }
            if t.known_scalar().is_none_or(|x| x == 0.0) {
                m.weigh(TermKind::Condition, &t, span);
            }
            Ok(())
        })
    }

    // ---- branches and loops ----

    /// `if`: one arm where the condition is known, else both under their masks.
    pub(super) fn branch(
        &mut self,
        cond: &Expr,
        then: &Block,
        otherwise: Option<&Block>,
        span: Span,
    ) -> Result<(Flow, Value)> {
        let c = self.eval(cond)?;
        let c = self.truth(&c, cond.span)?;
        let Payload::Node(node) = c.payload else {
            let taken = c.known_scalar();
            if taken.is_some_and(f64::is_nan) {
                return self.undecidable(cond.span);
            }
            return match (taken != Some(0.0), otherwise) {
                (true, _) => self.block(then),
                (false, Some(block)) => self.block(block),
                (false, None) => Ok((Flow::Next, Value::Unit)),
            };
        };
        let before = self.mask;
        let left = self.departed.len();
        self.mask = Some(self.and_mask(before, node, cond.span));
        let (flow_then, value_then) = self.block(then)?;
        let not = self.not_mask(node, cond.span);
        self.mask = Some(self.and_mask(before, not, cond.span));
        let (flow_else, value_else) = match otherwise {
            Some(block) => self.block(block)?,
            None => (Flow::Next, Value::Unit),
        };
        self.mask = before;
        if flow_then == Flow::Stop && flow_else == Flow::Stop {
            return Ok((Flow::Stop, Value::Bottom));
        }
        self.narrow(before, left, span);
        Ok((Flow::Next, self.merge(node, value_then, value_else, span)?))
    }

    /// The comparison of a run was with NaN: the execution fails here.
    fn undecidable(&mut self, span: Span) -> Result<(Flow, Value)> {
        self.weigh(TermKind::Factor, &Tensor::real(f64::NAN), span);
        Ok((Flow::Stop, Value::Bottom))
    }

    /// Takes from `before` the executions that departed since `left`.
    fn narrow(&mut self, before: Option<NodeId>, left: usize, span: Span) -> Flow {
        let gone: Vec<Option<NodeId>> = self.departed[left..].to_vec();
        match self.without(before, &gone, span) {
            Some(mask) => {
                self.mask = mask;
                Flow::Next
            }
            None => Flow::Stop,
        }
    }

    /// `break` or `continue`: the executions that are here depart.
    fn leave(&mut self, which: fn(&mut Departures) -> &mut Vec<Option<NodeId>>) -> Flow {
        let mask = self.mask;
        let departures = self
            .loop_departures
            .last_mut()
            .expect("check refuses break and continue outside of loops");
        which(departures).push(mask);
        self.departed.push(mask);
        Flow::Stop
    }

    fn return_statement(&mut self, e: Option<&Expr>, span: Span) -> Result<Flow> {
        let value = match e {
            Some(e) => self.eval(e)?,
            None => Value::Unit,
        };
        let mask = self.mask;
        let frame = self.frames.last_mut().expect("a frame is always open");
        let merged = match (frame.returned.take(), mask) {
            (Some(old), Some(m)) => self.merge(m, value, old, span)?,
            (_, _) => value,
        };
        self.frames
            .last_mut()
            .expect("a frame is always open")
            .returned = Some(merged);
        self.returns.push(mask);
        self.departed.push(mask);
        Ok(Flow::Stop)
    }

    fn for_loop(
        &mut self,
        pattern: &Pattern,
        iter: &Expr,
        body: &Block,
        span: Span,
    ) -> Result<Flow> {
        if let ExprKind::Range(lo, hi) = &iter.kind {
            return self.for_range(pattern, lo, hi, body, span);
        }
        let iterable = self.eval(iter)?;
        let walk = self.walk_of(&iterable, iter.span)?;
        let scope = self.open_loop();
        for (k, item) in walk.items.into_iter().enumerate() {
            if let Some(n) = &walk.length
                && !self.enter_place(n, k, self.mask, span)?
            {
                break;
            }
            if !self.iteration(k as i64, pattern, item, body, span)? {
                break;
            }
        }
        Ok(self.close_loop(scope, span))
    }

    fn for_range(
        &mut self,
        pattern: &Pattern,
        lo: &Expr,
        hi: &Expr,
        body: &Block,
        span: Span,
    ) -> Result<Flow> {
        let (lo_t, hi_t) = (self.int_scalar(lo)?, self.int_scalar(hi)?);
        let (start, end) = (lo_t.known_int(), hi_t.known_int());
        let scope = self.open_loop();
        if let (Some(start), Some(end)) = (start, end) {
            if self.loop_as_plates(pattern, start..end, lo.span, body)? {
                return Ok(self.close_loop(scope, span));
            }
            for i in start..end {
                if !self.iteration(i, pattern, Value::Num(Tensor::int(i)), body, span)? {
                    break;
                }
            }
            return Ok(self.close_loop(scope, span));
        }
        // An end that depends on chance: unrolled while somebody still runs.
        let last = self.last_of(&lo_t, &hi_t);
        for k in 0.. {
            if last.is_some_and(|last| k >= last) {
                break;
            }
            let i = match start {
                Some(start) => Tensor::int(start + k),
                None => self.elementwise(BinaryFn::Add, &lo_t, &Tensor::int(k), Kind::Int, span)?,
            };
            let inside = self.elementwise(BinaryFn::Lt, &i, &hi_t, Kind::Bool, span)?;
            let unrolled = if last.is_some() { 0 } else { k as usize };
            if !self.still_inside(&inside, unrolled, span) {
                break;
            }
            if !self.iteration(start.unwrap_or(0) + k, pattern, Value::Num(i), body, span)? {
                break;
            }
        }
        Ok(self.close_loop(scope, span))
    }

    /// How many iterations there are at most, where the bounds' distributions say so.
    fn last_of(&self, lo: &Tensor, hi: &Tensor) -> Option<i64> {
        let (lowest, highest) = (self.lowest_of(lo)?, self.highest_of(hi)?);
        let n = highest.checked_sub(lowest)?.max(0);
        (n <= super::ragged::BOUNDED).then_some(n)
    }

    fn while_loop(&mut self, cond: &Expr, body: &Block, span: Span) -> Result<Flow> {
        let scope = self.open_loop();
        let mut chance = 0;
        let mut endless = true;
        for k in 0.. {
            self.step(span)?;
            self.address
                .push(k as u64 ^ (u64::from(cond.span.start) << 32));
            let c = self.eval(cond);
            self.address.pop();
            let c = self.truth(&c?, cond.span)?;
            endless &= c.known_scalar() == Some(1.0);
            if c.known_scalar().is_none() || self.mask != scope.before {
                chance += 1;
            }
            if !self.still_inside(&c, chance, cond.span) {
                break;
            }
            if !self.iteration(k, &Pattern::Discard, Value::Unit, body, span)? {
                break;
            }
        }
        let departures = self.loop_departures.last().expect("this loop is open");
        endless &= !departures.broke;
        match self.close_loop(scope, span) {
            // Who has not returned from it goes on beyond the unrolling bound.
            _ if endless => Ok(Flow::Stop),
            flow => Ok(flow),
        }
    }

    /// Narrows the mask to those who stay in the loop; past the bound they overflow. False where nobody stays.
    fn still_inside(&mut self, inside: &Tensor, unrolled: usize, span: Span) -> bool {
        match inside.payload {
            Payload::Node(node) => {
                let staying = self.and_mask(self.mask, node, span);
                if unrolled > self.limits.unroll {
                    self.overflow(staying, span);
                    return false;
                }
                self.mask = Some(staying);
                true
            }
            _ if inside.known_scalar().is_none_or(|x| x == 0.0) => false,
            _ => match self.mask {
                Some(mask) if unrolled > self.limits.unroll => {
                    self.overflow(mask, span);
                    false
                }
                _ => true,
            },
        }
    }

    /// Notes executions that run past the unrolling bound.
    pub(super) fn overflow(&mut self, mask: NodeId, span: Span) {
        let before = self.graph.overflow;
        self.graph.overflow = match before {
            None => Some(mask),
            some => self.or_mask(some, Some(mask), span),
        };
    }

    fn open_loop(&mut self) -> LoopScope {
        self.loop_departures.push(Departures::default());
        LoopScope {
            before: self.mask,
            returns: self.returns.len(),
            departed: self.departed.len(),
        }
    }

    /// One iteration; false when nobody starts another.
    fn iteration(
        &mut self,
        index: i64,
        pattern: &Pattern,
        item: Value,
        body: &Block,
        span: Span,
    ) -> Result<bool> {
        self.step(span)?;
        let start = self.mask;
        let (returned, left) = (self.returns.len(), self.departed.len());
        self.address
            .push(index as u64 ^ (u64::from(span.start) << 32));
        self.loops.push(index);
        self.bind_pattern(pattern, item, span)?;
        let (flow, _) = self.block(body)?;
        self.loops.pop();
        self.address.pop();
        let departures = self.loop_departures.last_mut().expect("this loop is open");
        let nobody_continued = departures.continued.drain(..).next().is_none();
        let broken: Vec<Option<NodeId>> = departures.broken.drain(..).collect();
        departures.broke |= !broken.is_empty();
        // Those who broke off or returned do not start another iteration; those who continued do.
        let mut gone: Vec<Option<NodeId>> = self.returns[returned..].to_vec();
        gone.extend(broken);
        self.departed.truncate(left);
        if flow == Flow::Stop && nobody_continued {
            return Ok(false);
        }
        match self.without(start, &gone, span) {
            Some(mask) => {
                self.mask = mask;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// After a loop everybody is together again who was there before, but for those who returned in it.
    fn close_loop(&mut self, scope: LoopScope, span: Span) -> Flow {
        self.loop_departures.pop();
        let gone: Vec<Option<NodeId>> = self.returns[scope.returns..].to_vec();
        self.departed.truncate(scope.departed);
        self.departed.extend(gone.iter().copied());
        match self.without(scope.before, &gone, span) {
            Some(mask) => {
                self.mask = mask;
                Flow::Next
            }
            None => Flow::Stop,
        }
    }

    /// Calls `f` for the value, or for both of a choice under their masks.
    pub(super) fn each_choice(
        &mut self,
        v: Value,
        span: Span,
        f: &mut dyn FnMut(&mut Self, Value) -> Result<()>,
    ) -> Result<()> {
        let Some((c, a, b)) = self.opened(&v, span)? else {
            return if matches!(v, Value::Bottom) {
                Ok(())
            } else {
                f(self, v)
            };
        };
        match self.implied(c) {
            Some(true) => return self.each_choice(a, span, f),
            Some(false) => return self.each_choice(b, span, f),
            None => {}
        }
        let before = self.mask;
        self.mask = Some(self.and_mask(before, c, span));
        self.each_choice(a, span, f)?;
        let not = self.not_mask(c, span);
        self.mask = Some(self.and_mask(before, not, span));
        self.each_choice(b, span, f)?;
        self.mask = before;
        Ok(())
    }
}

/// What a loop must restore.
pub(super) struct LoopScope {
    before: Option<NodeId>,
    returns: usize,
    departed: usize,
}

/// A factor that is no weight, whatever is drawn.
fn no_weight(x: f64, span: Span, origin: Option<(Span, String)>) -> TraceError {
    let mut error = TraceError::model(
        "odp::infer::numeric",
        format!("this factor is {x}, whatever is drawn"),
        span,
        "a log-weight is a finite number, or -inf",
    );
    if let Some((at, why)) = origin.filter(|_| x.is_nan()) {
        error = error.label(at, why);
    }
    error.class = super::error::Class::Numeric;
    error
}

/// Evidence that no execution can meet.
pub(crate) fn impossible(span: Span, label: &str) -> TraceError {
    TraceError::model(
        "odp::infer::impossible_evidence",
        "no execution of this program can have positive weight",
        span,
        label,
    )
    .help("check the data and the support of what is drawn above this line")
}
