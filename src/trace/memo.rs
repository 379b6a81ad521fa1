//! Memoised functions: random choices that belong to an argument.

use super::draw::address_of;
use super::error::{Result, TraceError};
use super::expression::fnv;
use super::graph::NodeId;
use super::machine::Machine;
use super::value::{Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::Describe;
use crate::ir::Op;

impl Machine<'_> {
    /// A memoised function: its random choices belong to its arguments.
    pub(super) fn call_memo(
        &mut self,
        inner: &Value,
        table: u128,
        args: Vec<Value>,
        span: Span,
    ) -> Result<Value> {
        if let Some(path) = args.iter().enumerate().find_map(|(i, a)| random_part(a, i)) {
            return self.call_memo_by_value(inner, table, args, path, span);
        }
        let key = self.memo_key(&args, span)?;
        let known = self.memo.get(&table).and_then(|t| t.get(&key)).cloned();
        let mask = self.mask;
        let (seen, old) = match known {
            Some((seen, value)) if seen.is_none() || seen == mask => return Ok(value),
            Some((seen, value)) => (seen, Some(value)),
            None => (None, None),
        };
        // Executions that came by earlier have their value; the others draw it now, from the same address.
        let fresh = match seen {
            Some(seen) => {
                let not = self.not_mask(seen, span);
                Some(self.and_mask(mask, not, span))
            }
            None => mask,
        };
        self.mask = fresh;
        self.address
            .push_absolute(&[table as u64, (table >> 64) as u64, fnv(&key)]);
        let value = match inner {
            // Its noise belongs to its arguments, wherever it is called first.
            Value::Fn(f) => self.call_closure(f, args, 0, span)?,
            other => self.call(other, args, span)?,
        };
        self.address.pop();
        self.mask = mask;
        let value = match (seen, old) {
            (Some(seen), Some(old)) => self.merge(seen, old, value, span)?,
            _ => value,
        };
        let covered = if seen.is_some() {
            self.or_mask(seen, mask, span)
        } else {
            mask
        };
        let remembered = self.memo.entry(table).or_default();
        remembered.insert(key, (covered, value.clone()));
        Ok(value)
    }

    /// An argument that depends on chance: the call for every value that it can have, each under its mask.
    fn call_memo_by_value(
        &mut self,
        inner: &Value,
        table: u128,
        args: Vec<Value>,
        (path, t): (Vec<usize>, Tensor),
        span: Span,
    ) -> Result<Value> {
        let kind = t.kind;
        self.by_value(&t, span, &mut |m, k| {
            let known = match kind {
                Kind::Bool => Tensor::bool(k != 0),
                _ => Tensor::int(k),
            };
            let mut args = args.clone();
            args[path[0]] = replaced(&args[path[0]], &path[1..], &known);
            m.call_memo(inner, table, args, span)
        })
    }

    /// The value of a discrete draw that other executions have made at the same address, from the same law with the same
    /// parameters: a memoised function that they called earlier. The site is then of those that get here, too.
    pub(super) fn drawn_before(
        &mut self,
        op: &Op,
        params: &[Tensor],
        (addresses, law): (&[u128], &dyn Describe),
        (shape, noise): (&Shape, &Shape),
        span: Span,
    ) -> Option<NodeId> {
        let mask = self.mask?;
        if !law.is_discrete() || !self.is_tracing() || addresses.is_empty() {
            return None;
        }
        let each = noise.len() / addresses.len();
        let place = |a: &u128| {
            let own = self.own_address(address_of(*a, law, each))?;
            self.graph.layout.get(&own).copied()
        };
        let (first, _) = place(&addresses[0])?;
        let in_order = |(i, a)| place(a) == Some((first + i * each, each));
        if !addresses.iter().enumerate().all(in_order) {
            return None;
        }
        let z = self.graph.noise(first, noise.clone(), span);
        let params: Vec<NodeId> = params.iter().map(|p| self.node_of(p, span)).collect();
        let args = params.iter().copied().chain([z]).collect();
        let x = self.graph.add(op.clone(), args, shape.clone(), span);
        let site = self.graph.sites.iter().rposition(|s| s.value == x)?;
        let before = self.graph.sites[site].mask;
        let covered = match before {
            Some(m) if self.opposite(m, mask) => None,
            _ => self.or_mask(before, Some(mask), span),
        };
        // Sites stand in the order in which they are decided: none is reached by what a later one decides. One whose law
        // is known can be drawn by everybody, whether it is read or not.
        let known = params.iter().all(|p| self.graph.constant(*p).is_some());
        self.graph.sites[site].mask = match covered {
            Some(m) if self.reads_noise_after(m, x) => match known {
                true => None,
                false => return None,
            },
            covered => covered,
        };
        Some(x)
    }

    /// Whether a node depends on noise that was first read after another node was made.
    fn reads_noise_after(&self, id: NodeId, made: NodeId) -> bool {
        let (mut waiting, mut seen) = (vec![id], std::collections::HashSet::new());
        while let Some(id) = waiting.pop() {
            if id <= made || !seen.insert(id) {
                continue;
            }
            let node = self.graph.node(id);
            if matches!(node.op, Op::Noise { .. }) {
                return true;
            }
            waiting.extend(&node.args);
        }
        false
    }

    fn memo_key(&self, args: &[Value], span: Span) -> Result<String> {
        let mut key = String::new();
        for a in args {
            match a {
                Value::Num(t) if t.kind != Kind::Real && t.known().is_some() => {
                    key.push_str(&format!("{:?};", t.known().expect("known")));
                }
                Value::Tuple(items) => key.push_str(&format!("({})", self.memo_key(items, span)?)),
                other => {
                    return Err(TraceError::model(
                        "odp::trace::memo_key",
                        "a memoised function is called with ints, bools and tuples of them",
                        span,
                        format!("this is {}", other.describe()),
                    )
                    .help("number what it remembers, and call it with the number"));
                }
            }
        }
        Ok(key)
    }
}

/// Where in an argument the first whole number stands that depends on chance.
fn random_part(v: &Value, i: usize) -> Option<(Vec<usize>, Tensor)> {
    match v {
        Value::Num(t) if t.is_scalar() && t.kind != Kind::Real => {
            matches!(t.payload, Payload::Node(_)).then(|| (vec![i], t.clone()))
        }
        Value::Tuple(items) => items.iter().enumerate().find_map(|(k, v)| {
            let (mut path, t) = random_part(v, k)?;
            path.insert(0, i);
            Some((path, t))
        }),
        _ => None,
    }
}

/// A value with one part exchanged.
fn replaced(v: &Value, path: &[usize], part: &Tensor) -> Value {
    match (v, path) {
        (Value::Tuple(items), [k, rest @ ..]) => {
            let mut items = items.to_vec();
            items[*k] = replaced(&items[*k], rest, part);
            Value::Tuple(std::sync::Arc::new(items))
        }
        _ => Value::Num(part.clone()),
    }
}
