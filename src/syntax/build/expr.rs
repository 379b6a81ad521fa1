//! Expressions: the flat list of operands and signs becomes a tree by the precedence of the language.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::{Builder, next, next_if, only, parts};
use crate::base::Span;
use crate::syntax::ast::*;
use crate::syntax::error::SyntaxError;
use crate::syntax::grammar::Rule;

/// From loose to tight. Calls, indices, fields, `sample` and a closure's body are the grammar's.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::pipe))
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(Op::prefix(Rule::not))
        .op(left(Rule::eq)
            | left(Rule::ne)
            | left(Rule::lt)
            | left(Rule::le)
            | left(Rule::gt)
            | left(Rule::ge))
        .op(left(Rule::range))
        .op(left(Rule::add) | left(Rule::sub))
        .op(left(Rule::mul) | left(Rule::div) | left(Rule::rem) | left(Rule::matmul))
        .op(Op::prefix(Rule::neg) | Op::prefix(Rule::bang))
        .op(Op::infix(Rule::pow, Assoc::Right))
});

/// An expression, and whether it stands in parentheses of its own.
struct Operand {
    expr: Expr,
    closed: bool,
}

impl Operand {
    fn open(kind: ExprKind, span: Span) -> Self {
        Operand {
            expr: Expr { kind, span },
            closed: false,
        }
    }

    /// The sign of an unparenthesised binary operation.
    fn sign(&self) -> Option<(BinaryOp, Span)> {
        match &self.expr.kind {
            ExprKind::Binary(op, at, ..) if !self.closed => Some((*op, *at)),
            _ => None,
        }
    }
}

impl Builder<'_> {
    /// An expression.
    pub fn expr(&self, pair: Pair<Rule>) -> Expr {
        PRECEDENCE
            .map_primary(|operand| self.operand(operand))
            .map_prefix(|sign, operand| self.prefix(&sign, operand))
            .map_infix(|left, sign, right| self.infix(left, &sign, right))
            .parse(pair.into_inner())
            .expr
    }

    fn prefix(&self, sign: &Pair<Rule>, operand: Operand) -> Operand {
        let span = self.span(sign).to(operand.expr.span);
        let negates = sign.as_rule() == Rule::neg;
        // The least int has no positive twin: its literal has become itself already.
        if negates && matches!(operand.expr.kind, ExprKind::Int(i64::MIN)) {
            return Operand::open(ExprKind::Int(i64::MIN), span);
        }
        let op = if negates { UnaryOp::Neg } else { UnaryOp::Not };
        Operand::open(ExprKind::Unary(op, Box::new(operand.expr)), span)
    }

    fn infix(&self, left: Operand, sign: &Pair<Rule>, right: Operand) -> Operand {
        let at = self.span(sign);
        let span = left.expr.span.to(right.expr.span);
        match sign.as_rule() {
            Rule::pipe => Operand::open(piped(left.expr, right), span),
            Rule::range => Operand::open(self.range(left, at, right), span),
            rule => {
                let op = binary(rule);
                if let Some((_, first)) = left.sign().filter(|(o, _)| compares(*o) && compares(op))
                {
                    self.fault(SyntaxError::ComparisonChain { first, second: at });
                }
                let (left, right) = (Box::new(left.expr), Box::new(right.expr));
                Operand::open(ExprKind::Binary(op, at, left, right), span)
            }
        }
    }

    fn range(&self, left: Operand, at: Span, right: Operand) -> ExprKind {
        if !left.closed && matches!(left.expr.kind, ExprKind::Range(..)) {
            let first = left.expr.span;
            self.fault(SyntaxError::RangeChain { first, second: at });
        }
        ExprKind::Range(Box::new(left.expr), Box::new(right.expr))
    }

    /// `sample memo f(a)[i].b`: words before, then the primary, then what is applied to it, from left to right.
    fn operand(&self, pair: Pair<Rule>) -> Operand {
        let mut words = Vec::new();
        let mut inner = pair.into_inner();
        while let Some(word) =
            next_if(&mut inner, Rule::kw_sample).or_else(|| next_if(&mut inner, Rule::kw_memo))
        {
            words.push(word);
        }
        let first = next(&mut inner);
        let primary = match first.as_rule() {
            Rule::primary => self.primary(only(first)),
            _ => self.primary(first),
        };
        let applied = inner.fold(primary, |base, postfix| self.apply(base, postfix));
        words.into_iter().rev().fold(applied, |operand, word| {
            let span = self.span(&word).to(operand.expr.span);
            let kind = match word.as_rule() {
                Rule::kw_sample => ExprKind::Sample(Box::new(operand.expr)),
                _ => memoised(operand),
            };
            Operand::open(kind, span)
        })
    }

    fn apply(&self, base: Operand, postfix: Pair<Rule>) -> Operand {
        let span = base.expr.span.to(self.span(&postfix));
        let base = Box::new(base.expr);
        let kind = match postfix.as_rule() {
            Rule::call => ExprKind::Call {
                callee: base,
                args: parts(postfix).map(|a| self.arg(a)).collect(),
            },
            Rule::index => {
                ExprKind::Index(base, parts(postfix).map(|a| self.index_arg(a)).collect())
            }
            _ => ExprKind::Field(base, self.ident(&only(postfix))),
        };
        Operand::open(kind, span)
    }

    fn arg(&self, pair: Pair<Rule>) -> Arg {
        let mut inner = pair.into_inner();
        let name = next_if(&mut inner, Rule::arg_name).map(|n| self.ident(&only(n)));
        let value = self.expr(next(&mut inner));
        Arg { name, value }
    }

    /// An index, or a slice: `a..b` as one expression, the others with a `..` of their own.
    fn index_arg(&self, pair: Pair<Rule>) -> IndexArg {
        let span = self.span(&pair);
        let mut inner = pair.into_inner();
        if next_if(&mut inner, Rule::range).is_some() {
            let hi = inner.next().map(|e| self.expr(e));
            return IndexArg::Slice { lo: None, hi, span };
        }
        let expr = self.expr(next(&mut inner));
        if inner.next().is_some() {
            let (lo, hi) = (Some(expr), None);
            return IndexArg::Slice { lo, hi, span };
        }
        match expr.kind {
            // A range in parentheses is an array of ints, and its place is wider than its parts.
            ExprKind::Range(lo, hi) if expr.span == lo.span.to(hi.span) => IndexArg::Slice {
                lo: Some(*lo),
                hi: Some(*hi),
                span,
            },
            _ => IndexArg::At(expr),
        }
    }

    fn primary(&self, pair: Pair<Rule>) -> Operand {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::paren => return self.paren(pair, span),
            Rule::if_expr => self.if_expr(pair),
            Rule::closure => self.closure(pair),
            Rule::real => ExprKind::Real(self.digits(span).parse().unwrap_or(f64::NAN)),
            Rule::int => ExprKind::Int(self.digits(span).parse().unwrap_or(i64::MIN)),
            Rule::string => ExprKind::Str(self.string(&pair)),
            Rule::boolean => ExprKind::Bool(pair.as_str().starts_with("true")),
            Rule::array => self.array(pair),
            Rule::record => ExprKind::Record(parts(pair).map(|e| self.entry(e)).collect()),
            _ => ExprKind::Name(self.path(pair)),
        };
        Operand::open(kind, span)
    }

    fn digits(&self, span: Span) -> String {
        self.spelled(span).replace('_', "")
    }

    fn path(&self, pair: Pair<Rule>) -> String {
        let names: Vec<String> = parts(pair).map(|n| self.ident(&n).name).collect();
        names.join("::")
    }

    /// `(a)` is `a`; a comma makes a tuple.
    fn paren(&self, pair: Pair<Rule>, span: Span) -> Operand {
        let commas = pair
            .clone()
            .into_inner()
            .filter(|p| p.as_rule() == Rule::comma);
        let is_tuple = commas.count() > 0;
        let mut exprs: Vec<Expr> = parts(pair).map(|e| self.expr(e)).collect();
        let kind = match is_tuple {
            true => ExprKind::Tuple(exprs),
            false => {
                exprs
                    .pop()
                    .expect("the grammar asks for an expression")
                    .kind
            }
        };
        Operand {
            expr: Expr { kind, span },
            closed: true,
        }
    }

    fn array(&self, pair: Pair<Rule>) -> ExprKind {
        let mut elements = Vec::new();
        for part in parts(pair) {
            if part.as_rule() == Rule::expr {
                elements.push(self.expr(part));
                continue;
            }
            let mut inner = parts(part);
            return ExprKind::Comprehension {
                body: Box::new(elements.pop().expect("the grammar asks for a body")),
                pattern: self.pattern(next(&mut inner)),
                iter: Box::new(self.expr(next(&mut inner))),
            };
        }
        ExprKind::Array(elements)
    }

    fn entry(&self, pair: Pair<Rule>) -> (Ident, Expr) {
        let mut inner = parts(pair);
        let name = self.ident(&next(&mut inner));
        let value = match inner.next() {
            Some(value) => self.expr(value),
            None => Expr {
                kind: ExprKind::Name(name.name.clone()),
                span: name.span,
            },
        };
        (name, value)
    }

    fn closure(&self, pair: Pair<Rule>) -> ExprKind {
        let mut params = Vec::new();
        let mut body = None;
        for part in parts(pair) {
            match part.as_rule() {
                Rule::param => params.push(self.param(part)),
                Rule::block => {
                    let block = self.block(part);
                    let span = block.span;
                    let kind = ExprKind::Block(block);
                    body = Some(Box::new(Expr { kind, span }));
                }
                _ => body = Some(Box::new(self.expr(part))),
            }
        }
        ExprKind::Closure {
            params,
            body: body.expect("the grammar asks for a body"),
            memo: false,
        }
    }

    /// The arms from the last to the first: each `else if` is a block of one `if`.
    fn if_expr(&self, pair: Pair<Rule>) -> ExprKind {
        let end = self.span(&pair).end;
        let mut ifs: Vec<Span> = Vec::new();
        let mut arms: Vec<(Expr, Block)> = Vec::new();
        let mut otherwise = None;
        let mut cond = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_if => ifs.push(self.span(&part)),
                Rule::expr => cond = Some(self.expr(part)),
                Rule::block => match cond.take() {
                    Some(cond) => arms.push((cond, self.block(part))),
                    None => otherwise = Some(self.block(part)),
                },
                _ => {}
            }
        }
        while arms.len() > 1 {
            let span = Span {
                end,
                ..ifs[arms.len() - 1]
            };
            let (cond, then) = arms.pop().expect("more than one arm");
            otherwise = Some(block_of_if(cond, then, otherwise, span));
        }
        let (cond, then) = arms.pop().expect("the grammar asks for an arm");
        ExprKind::If {
            cond: Box::new(cond),
            then,
            otherwise,
        }
    }
}

fn block_of_if(cond: Expr, then: Block, otherwise: Option<Block>, span: Span) -> Block {
    let kind = ExprKind::If {
        cond: Box::new(cond),
        then,
        otherwise,
    };
    let stmt = Stmt {
        kind: StmtKind::Expr(Expr { kind, span }),
        span,
        doc: None,
    };
    Block {
        stmts: vec![stmt],
        span,
    }
}

/// `e |> f(a)` is `f(e, a)`, `e |> f` is `f(e)`; a call in parentheses is a function like any other.
fn piped(first: Expr, function: Operand) -> ExprKind {
    let value = Arg {
        name: None,
        value: first,
    };
    match function.expr.kind {
        ExprKind::Call { callee, mut args } if !function.closed => {
            args.insert(0, value);
            ExprKind::Call { callee, args }
        }
        _ => ExprKind::Call {
            callee: Box::new(function.expr),
            args: vec![value],
        },
    }
}

fn memoised(operand: Operand) -> ExprKind {
    match operand.expr.kind {
        ExprKind::Closure { params, body, .. } => ExprKind::Closure {
            params,
            body,
            memo: true,
        },
        _ => ExprKind::Memo(Box::new(operand.expr)),
    }
}

fn compares(op: BinaryOp) -> bool {
    use BinaryOp::*;
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

fn binary(rule: Rule) -> BinaryOp {
    match rule {
        Rule::add => BinaryOp::Add,
        Rule::sub => BinaryOp::Sub,
        Rule::mul => BinaryOp::Mul,
        Rule::div => BinaryOp::Div,
        Rule::rem => BinaryOp::Rem,
        Rule::matmul => BinaryOp::MatMul,
        Rule::pow => BinaryOp::Pow,
        Rule::eq => BinaryOp::Eq,
        Rule::ne => BinaryOp::Ne,
        Rule::lt => BinaryOp::Lt,
        Rule::le => BinaryOp::Le,
        Rule::gt => BinaryOp::Gt,
        Rule::ge => BinaryOp::Ge,
        Rule::and => BinaryOp::And,
        Rule::or => BinaryOp::Or,
        rule => unreachable!("{rule:?} is no binary operator"),
    }
}
