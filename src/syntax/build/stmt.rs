//! Declarations, statements, blocks, patterns and types.

use pest::iterators::Pair;

use super::{Builder, next, next_if, only, parts};
use crate::base::Span;
use crate::syntax::ast::*;
use crate::syntax::error::{SyntaxError, Target};
use crate::syntax::grammar::Rule;

impl Builder<'_> {
    /// A statement with its documentation.
    pub fn statement(&self, pair: Pair<Rule>) -> Stmt {
        let span = self.span(&pair);
        Stmt {
            doc: self.docs.get(&(span.start as usize)).cloned(),
            kind: self.statement_kind(pair, span),
            span,
        }
    }

    fn statement_kind(&self, pair: Pair<Rule>, span: Span) -> StmtKind {
        match pair.as_rule() {
            Rule::use_stmt => StmtKind::Use(self.use_stmt(pair)),
            Rule::data_stmt => StmtKind::Data(self.data(pair)),
            Rule::fn_decl => StmtKind::Fn(self.function(pair)),
            Rule::distribution_decl => StmtKind::Distribution(self.distribution(pair)),
            Rule::let_stmt => self.let_stmt(pair),
            Rule::var_stmt => self.var_stmt(pair),
            Rule::sample_stmt => self.sample_stmt(pair),
            Rule::observe_stmt => self.observe_stmt(pair),
            Rule::factor_stmt => StmtKind::Factor(self.expr(only(pair))),
            Rule::condition_stmt => StmtKind::Condition(self.expr(only(pair))),
            Rule::for_stmt => self.for_stmt(pair),
            Rule::while_stmt => self.while_stmt(pair),
            Rule::break_stmt => StmtKind::Break,
            Rule::continue_stmt => StmtKind::Continue,
            Rule::return_stmt => StmtKind::Return(parts(pair).next().map(|e| self.expr(e))),
            Rule::expr_stmt => self.expr_stmt(pair, span),
            rule => unreachable!("{rule:?} is no statement"),
        }
    }

    // ---- Declarations

    fn use_stmt(&self, pair: Pair<Rule>) -> Use {
        let mut alias = None;
        let mut names = None;
        let mut inner = parts(pair);
        let first = next(&mut inner);
        let path = match first.as_rule() {
            Rule::string => UsePath::File(self.string(&first), self.span(&first)),
            _ => UsePath::Module(parts(first).map(|n| self.ident(&n)).collect()),
        };
        for part in inner {
            match part.as_rule() {
                Rule::alias => alias = Some(self.ident(&only(part))),
                _ => names = Some(parts(part).map(|n| self.ident(&n)).collect()),
            }
        }
        Use { path, alias, names }
    }

    fn data(&self, pair: Pair<Rule>) -> Data {
        let mut inner = parts(pair);
        let mut data = Data {
            name: self.ident(&next(&mut inner)),
            ty: self.ty(next(&mut inner)),
            from: None,
            default: None,
            condition: None,
        };
        let mut seen: Vec<(Rule, Span)> = Vec::new();
        for clause in inner {
            let (rule, at) = (clause.as_rule(), self.span(&clause));
            if let Some((_, first)) = seen.iter().find(|(r, _)| *r == rule) {
                let (first, clause) = (*first, clause_word(rule));
                self.fault(SyntaxError::Twice { at, first, clause });
            }
            seen.push((rule, at));
            let value = only(clause);
            match rule {
                Rule::from_key => data.from = Some((self.string(&value), self.span(&value))),
                Rule::default_value => data.default = Some(self.expr(value)),
                _ => data.condition = Some(self.expr(value)),
            }
        }
        data
    }

    fn function(&self, pair: Pair<Rule>) -> Function {
        let mut inner = pair.into_inner();
        let memo = next_if(&mut inner, Rule::kw_memo).is_some();
        let mut inner = inner.filter(|p| !p.as_rule().is_mark());
        let name = self.ident(&next(&mut inner));
        self.function_tail(name, memo, inner)
    }

    /// What follows a function's name.
    fn function_tail<'i>(
        &self,
        name: Ident,
        memo: bool,
        inner: impl Iterator<Item = Pair<'i, Rule>>,
    ) -> Function {
        let mut function = Function {
            name,
            params: Vec::new(),
            result: None,
            body: Block {
                stmts: Vec::new(),
                span: Span::default(),
            },
            memo,
        };
        for part in inner {
            match part.as_rule() {
                Rule::params => function.params = self.params(part),
                Rule::result => function.result = Some(self.ty(only(part))),
                Rule::block => function.body = self.block(part),
                _ => {}
            }
        }
        function
    }

    fn params(&self, pair: Pair<Rule>) -> Vec<Param> {
        parts(pair).map(|p| self.param(p)).collect()
    }

    /// `a`, `(a, b)`, `a: real`.
    pub fn param(&self, pair: Pair<Rule>) -> Param {
        let mut inner = parts(pair);
        Param {
            pattern: self.pattern(next(&mut inner)),
            ty: inner.next().map(|t| self.ty(t)),
        }
    }

    fn distribution(&self, pair: Pair<Rule>) -> DistributionDecl {
        let mut inner = parts(pair);
        DistributionDecl {
            name: self.ident(&next(&mut inner)),
            params: self.params(next(&mut inner)),
            methods: inner.map(|m| self.method(m)).collect(),
        }
    }

    fn method(&self, pair: Pair<Rule>) -> Function {
        let mut inner = parts(pair);
        let name = self.ident(&next(&mut inner));
        if !matches!(&*name.name, "sample" | "log_prob" | "cdf" | "quantile") {
            let (at, name) = (name.span, name.name.clone());
            self.fault(SyntaxError::Method { at, name });
        }
        self.function_tail(name, false, inner)
    }

    // ---- Statements

    fn let_stmt(&self, pair: Pair<Rule>) -> StmtKind {
        let mut inner = parts(pair);
        StmtKind::Let {
            pattern: self.pattern(next(&mut inner)),
            value: self.expr(next(&mut inner)),
        }
    }

    fn var_stmt(&self, pair: Pair<Rule>) -> StmtKind {
        let mut inner = parts(pair);
        StmtKind::Var {
            name: self.ident(&next(&mut inner)),
            value: self.expr(next(&mut inner)),
        }
    }

    fn sample_stmt(&self, pair: Pair<Rule>) -> StmtKind {
        let mut inner = parts(pair).skip(1);
        let name = self.ident(&next(&mut inner));
        let (plate, dist) = self.plate_and_dist(inner);
        StmtKind::Sample { name, plate, dist }
    }

    fn observe_stmt(&self, pair: Pair<Rule>) -> StmtKind {
        let mut inner = parts(pair);
        let value = self.expr(next(&mut inner));
        let (plate, dist) = self.plate_and_dist(inner);
        StmtKind::Observe { value, plate, dist }
    }

    fn plate_and_dist<'i>(
        &self,
        mut inner: impl Iterator<Item = Pair<'i, Rule>>,
    ) -> (Vec<PlateIndex>, Expr) {
        let part = next(&mut inner);
        if part.as_rule() != Rule::plates {
            return (Vec::new(), self.expr(part));
        }
        let plate = parts(part).filter_map(|p| self.plate_index(p)).collect();
        (plate, self.expr(next(&mut inner)))
    }

    fn plate_index(&self, pair: Pair<Rule>) -> Option<PlateIndex> {
        let mut inner = parts(pair);
        let var = self.ident(&next(&mut inner));
        let range = self.expr(next(&mut inner));
        let ExprKind::Range(lo, hi) = range.kind else {
            self.fault(SyntaxError::PlateRange { at: range.span });
            return None;
        };
        let (lo, hi) = (*lo, *hi);
        Some(PlateIndex { var, lo, hi })
    }

    fn for_stmt(&self, pair: Pair<Rule>) -> StmtKind {
        let mut inner = parts(pair);
        StmtKind::For {
            pattern: self.pattern(next(&mut inner)),
            iter: self.expr(next(&mut inner)),
            body: self.block(next(&mut inner)),
        }
    }

    fn while_stmt(&self, pair: Pair<Rule>) -> StmtKind {
        let mut inner = parts(pair);
        StmtKind::While {
            cond: self.expr(next(&mut inner)),
            body: self.block(next(&mut inner)),
        }
    }

    /// An expression, or an assignment to one.
    fn expr_stmt(&self, pair: Pair<Rule>, span: Span) -> StmtKind {
        let mut inner = parts(pair);
        let target = self.expr(next(&mut inner));
        let Some(sign) = inner.next() else {
            return StmtKind::Expr(target);
        };
        let op = compound(sign.as_str());
        let value = self.expr(next(&mut inner));
        match assigned(target) {
            Ok((name, indices)) => StmtKind::Assign {
                name,
                indices,
                op,
                value,
            },
            Err((at, target)) => {
                // Of `sample x = D` the sign is the mistake.
                let at = match target {
                    Target::Draw => self.span(&sign),
                    _ => at,
                };
                self.fault(SyntaxError::AssignTarget { at, target });
                StmtKind::Expr(Expr {
                    kind: ExprKind::Tuple(Vec::new()),
                    span,
                })
            }
        }
    }

    /// `{ … }` with statements.
    pub fn block(&self, pair: Pair<Rule>) -> Block {
        Block {
            span: self.span(&pair),
            stmts: parts(pair).map(|s| self.statement(s)).collect(),
        }
    }

    // ---- Patterns and types

    /// What a binding binds.
    pub fn pattern(&self, pair: Pair<Rule>) -> Pattern {
        let span = self.span(&pair);
        let inner = only(pair);
        match inner.as_rule() {
            Rule::discard => Pattern::Discard(span),
            Rule::name => Pattern::Name(self.ident(&inner)),
            Rule::tuple_pattern => {
                Pattern::Tuple(parts(inner).map(|p| self.pattern(p)).collect(), span)
            }
            _ => Pattern::Record(parts(inner).map(|f| self.field_pattern(f)).collect(), span),
        }
    }

    fn field_pattern(&self, pair: Pair<Rule>) -> (Ident, Pattern) {
        let mut inner = parts(pair);
        let name = self.ident(&next(&mut inner));
        let pattern = match inner.next() {
            Some(pattern) => self.pattern(pattern),
            None => Pattern::Name(name.clone()),
        };
        (name, pattern)
    }

    /// A type; each bracket behind it makes an array of what is before it.
    pub fn ty(&self, pair: Pair<Rule>) -> TypeExpr {
        let start = self.span(&pair);
        let mut inner = parts(pair);
        let base = next(&mut inner);
        let base = TypeExpr {
            span: self.span(&base),
            kind: self.ty_kind(base),
        };
        inner.fold(base, |element, sizes| TypeExpr {
            span: Span {
                end: self.span(&sizes).end,
                ..start
            },
            kind: TypeExprKind::Array {
                element: Box::new(element),
                sizes: parts(sizes).map(|e| self.expr(e)).collect(),
            },
        })
    }

    fn ty_kind(&self, pair: Pair<Rule>) -> TypeExprKind {
        let rule = pair.as_rule();
        let mut inner = parts(pair);
        match rule {
            Rule::scalar_type => TypeExprKind::Name {
                name: self.ident(&next(&mut inner)).name,
                missing: inner.next().is_some(),
            },
            Rule::dist_type => TypeExprKind::Dist(Box::new(self.ty(next(&mut inner)))),
            Rule::record_type => TypeExprKind::Record(inner.map(|f| self.field_type(f)).collect()),
            Rule::fn_type => {
                let mut types: Vec<TypeExpr> = inner.map(|t| self.ty(t)).collect();
                let result = types.pop().expect("the grammar asks for a result");
                TypeExprKind::Fn(types, Box::new(result))
            }
            _ => TypeExprKind::Tuple(inner.map(|t| self.ty(t)).collect()),
        }
    }

    fn field_type(&self, pair: Pair<Rule>) -> (Ident, TypeExpr) {
        let mut inner = parts(pair);
        let name = self.ident(&next(&mut inner));
        (name, self.ty(next(&mut inner)))
    }
}

fn clause_word(rule: Rule) -> &'static str {
    match rule {
        Rule::from_key => "from",
        Rule::default_value => "=",
        _ => "where",
    }
}

/// The operator of `+=` and its kind; none for `=`.
fn compound(sign: &str) -> Option<BinaryOp> {
    Some(match sign.chars().next()? {
        '+' => BinaryOp::Add,
        '-' => BinaryOp::Sub,
        '*' => BinaryOp::Mul,
        '/' => BinaryOp::Div,
        '%' => BinaryOp::Rem,
        '@' => BinaryOp::MatMul,
        '^' => BinaryOp::Pow,
        _ => return None,
    })
}

/// The variable and the indices of what an assignment changes. `m[i][j]` is `m[i, j]`.
fn assigned(target: Expr) -> Result<(Ident, Vec<IndexArg>), (Span, Target)> {
    let span = target.span;
    match target.kind {
        ExprKind::Name(name) if !name.contains("::") => Ok((Ident { name, span }, Vec::new())),
        ExprKind::Index(base, last) => {
            let (name, mut indices) = assigned(*base)?;
            // Behind a slice, a further index would count within the slice.
            if indices.iter().any(|i| matches!(i, IndexArg::Slice { .. })) {
                return Err((span, Target::Other));
            }
            indices.extend(last);
            Ok((name, indices))
        }
        ExprKind::Sample(_) => Err((span, Target::Draw)),
        ExprKind::Field(..) => Err((span, Target::Field)),
        ExprKind::Call { .. } => Err((span, Target::Call)),
        ExprKind::Binary(BinaryOp::Lt, ..) => Err((span, Target::Constrained)),
        _ => Err((span, Target::Other)),
    }
}
