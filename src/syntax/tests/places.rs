//! Spans: the text under an expression is that expression.

use super::corpus::PROGRAMS;
use super::*;
use crate::base::Span;
use crate::syntax::ast::*;

#[derive(Default)]
struct Collected<'p> {
    exprs: Vec<&'p Expr>,
    stmts: Vec<&'p Stmt>,
    idents: Vec<&'p Ident>,
}

impl<'p> Collected<'p> {
    fn block(&mut self, block: &'p Block) {
        block.stmts.iter().for_each(|s| self.stmt(s));
    }

    fn function(&mut self, f: &'p Function) {
        self.idents.push(&f.name);
        self.block(&f.body);
    }

    fn plate(&mut self, plate: &'p [PlateIndex]) {
        for index in plate {
            self.idents.push(&index.var);
            self.expr(&index.lo);
            self.expr(&index.hi);
        }
    }

    fn indices(&mut self, args: &'p [IndexArg]) {
        for arg in args {
            match arg {
                IndexArg::At(e) => self.expr(e),
                IndexArg::Slice { lo, hi, .. } => {
                    lo.iter().chain(hi).for_each(|e| self.expr(e));
                }
            }
        }
    }

    fn stmt(&mut self, stmt: &'p Stmt) {
        self.stmts.push(stmt);
        match &stmt.kind {
            StmtKind::Use(_) | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Data(d) => {
                self.idents.push(&d.name);
                d.default
                    .iter()
                    .chain(&d.condition)
                    .for_each(|e| self.expr(e));
            }
            StmtKind::Fn(f) => self.function(f),
            StmtKind::Distribution(d) => d.methods.iter().for_each(|m| self.function(m)),
            StmtKind::Let { value: e, .. } | StmtKind::Factor(e) | StmtKind::Condition(e) => {
                self.expr(e);
            }
            StmtKind::Var { name, value } => {
                self.idents.push(name);
                self.expr(value);
            }
            StmtKind::Assign {
                name,
                indices,
                value,
                ..
            } => {
                self.idents.push(name);
                self.indices(indices);
                self.expr(value);
            }
            StmtKind::Sample { name, plate, dist } => {
                self.idents.push(name);
                self.plate(plate);
                self.expr(dist);
            }
            StmtKind::Observe { value, plate, dist } => {
                self.expr(value);
                self.plate(plate);
                self.expr(dist);
            }
            StmtKind::For { iter, body, .. } => {
                self.expr(iter);
                self.block(body);
            }
            StmtKind::While { cond, body } => {
                self.expr(cond);
                self.block(body);
            }
            StmtKind::Return(e) => e.iter().for_each(|e| self.expr(e)),
            StmtKind::Expr(e) => self.expr(e),
        }
    }

    fn expr(&mut self, expr: &'p Expr) {
        self.exprs.push(expr);
        match &expr.kind {
            ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Real(_)
            | ExprKind::Str(_)
            | ExprKind::Name(_) => {}
            ExprKind::Array(items) | ExprKind::Tuple(items) => {
                items.iter().for_each(|e| self.expr(e));
            }
            ExprKind::Comprehension { body, iter, .. } => {
                self.expr(body);
                self.expr(iter);
            }
            ExprKind::Record(fields) => {
                for (name, value) in fields {
                    self.idents.push(name);
                    self.expr(value);
                }
            }
            ExprKind::Field(base, name) => {
                self.expr(base);
                self.idents.push(name);
            }
            ExprKind::Index(base, args) => {
                self.expr(base);
                self.indices(args);
            }
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                for arg in args {
                    self.idents.extend(&arg.name);
                    self.expr(&arg.value);
                }
            }
            ExprKind::Unary(_, a) | ExprKind::Sample(a) | ExprKind::Memo(a) => self.expr(a),
            ExprKind::Binary(_, _, a, b) | ExprKind::Range(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::If {
                cond,
                then,
                otherwise,
            } => {
                self.expr(cond);
                self.block(then);
                otherwise.iter().for_each(|b| self.block(b));
            }
            ExprKind::Closure { body, .. } => self.expr(body),
            ExprKind::Block(block) => self.block(block),
        }
    }
}

fn under(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

#[test]
fn the_text_under_a_node_is_that_node() {
    for text in PROGRAMS {
        let program = parse(FileId(0), text).expect("the corpus parses");
        let mut all = Collected::default();
        program.stmts.iter().for_each(|s| all.stmt(s));
        for expr in all.exprs {
            let alone = under(text, expr.span);
            if matches!(expr.kind, ExprKind::Block(_)) {
                assert!(alone.starts_with('{') && alone.ends_with('}'), "{alone}");
                continue;
            }
            assert_eq!(tree(&format!("({alone})")), tree::expr(expr), "{alone}");
        }
        for stmt in all.stmts {
            let alone = under(text, stmt.span);
            let undocumented = Stmt {
                doc: None,
                ..stmt.clone()
            };
            assert_eq!(tree(alone), tree::stmt(&undocumented), "{alone}");
        }
        for ident in all.idents {
            assert_eq!(under(text, ident.span), ident.name);
        }
    }
}

#[test]
fn an_operator_has_a_place_of_its_own() {
    let text = "a  +\n  b";
    let program = parse(FileId(0), text).expect("parses");
    let StmtKind::Expr(sum) = &program.stmts[0].kind else {
        panic!("{program:?}")
    };
    let ExprKind::Binary(_, at, ..) = &sum.kind else {
        panic!("{sum:?}")
    };
    assert_eq!((under(text, *at), under(text, sum.span)), ("+", text));
}
