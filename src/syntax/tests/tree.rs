//! Trees as S-expressions: short enough to stand beside the text in a test, without places.

use crate::syntax::ast::*;

/// A whole program, a line for each statement.
pub fn program(program: &Program) -> String {
    let lines: Vec<String> = program.stmts.iter().map(stmt).collect();
    lines.join("\n")
}

fn list<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(" ")
}

fn optional<T>(word: &str, item: &Option<T>, show: impl Fn(&T) -> String) -> String {
    item.as_ref()
        .map_or(String::new(), |i| format!(" {word}{}", show(i)))
}

/// A statement.
pub fn stmt(s: &Stmt) -> String {
    let text = match &s.kind {
        StmtKind::Use(u) => uses(u),
        StmtKind::Data(d) => format!(
            "(data {} {}{}{}{})",
            d.name.name,
            ty(&d.ty),
            optional("from ", &d.from, |f| format!("{:?}", f.0)),
            optional("= ", &d.default, expr),
            optional("where ", &d.condition, expr),
        ),
        StmtKind::Fn(f) => function(f),
        StmtKind::Distribution(d) => format!(
            "(distribution {} ({}) {})",
            d.name.name,
            list(&d.params, param),
            list(&d.methods, function)
        ),
        StmtKind::Let {
            pattern: p,
            value: v,
        } => format!("(let {} {})", pattern(p), expr(v)),
        StmtKind::Var { name, value } => format!("(var {} {})", name.name, expr(value)),
        StmtKind::Assign {
            name,
            indices,
            op,
            value,
        } => format!(
            "(set {}{} {} {})",
            name.name,
            brackets(indices),
            op.map_or("=", sign),
            expr(value)
        ),
        StmtKind::Sample { name, plate, dist } => {
            format!("(sample {}{} {})", name.name, plates(plate), expr(dist))
        }
        StmtKind::Observe { value, plate, dist } => {
            format!("(observe {}{} {})", expr(value), plates(plate), expr(dist))
        }
        StmtKind::Factor(e) => format!("(factor {})", expr(e)),
        StmtKind::Condition(e) => format!("(condition {})", expr(e)),
        StmtKind::For {
            pattern: p,
            iter,
            body,
        } => format!("(for {} {} {})", pattern(p), expr(iter), block(body)),
        StmtKind::While { cond, body } => format!("(while {} {})", expr(cond), block(body)),
        StmtKind::Break => "(break)".into(),
        StmtKind::Continue => "(continue)".into(),
        StmtKind::Return(e) => format!("(return{})", optional("", e, expr)),
        StmtKind::Expr(e) => expr(e),
    };
    match &s.doc {
        Some(doc) => format!("(doc {doc:?} {text})"),
        None => text,
    }
}

fn uses(u: &Use) -> String {
    let path = match &u.path {
        UsePath::Module(parts) => list(parts, |i| i.name.clone()).replace(' ', "::"),
        UsePath::File(file, _) => format!("{file:?}"),
    };
    let names = optional("only ", &u.names, |n| list(n, |i| i.name.clone()));
    format!(
        "(use {path}{names}{})",
        optional("as ", &u.alias, |a| a.name.clone())
    )
}

fn function(f: &Function) -> String {
    let word = if f.memo { "memo-fn" } else { "fn" };
    let result = optional("-> ", &f.result, ty);
    format!(
        "({word} {} ({}){result} {})",
        f.name.name,
        list(&f.params, param),
        block(&f.body)
    )
}

fn param(p: &Param) -> String {
    match &p.ty {
        Some(t) => format!("{}:{}", pattern(&p.pattern), ty(t)),
        None => pattern(&p.pattern),
    }
}

fn pattern(p: &Pattern) -> String {
    match p {
        Pattern::Name(n) => n.name.clone(),
        Pattern::Discard(_) => "_".into(),
        Pattern::Tuple(items, _) => format!("(tuple {})", list(items, pattern)),
        Pattern::Record(fields, _) => format!(
            "(record {})",
            list(fields, |(n, p)| format!("{}:{}", n.name, pattern(p)))
        ),
    }
}

fn plates(plate: &[PlateIndex]) -> String {
    let one = |p: &PlateIndex| format!("{} in {}..{}", p.var.name, expr(&p.lo), expr(&p.hi));
    match plate {
        [] => String::new(),
        _ => format!("[{}]", plate.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

fn block(b: &Block) -> String {
    format!("{{{}}}", list(&b.stmts, stmt))
}

fn ty(t: &TypeExpr) -> String {
    match &t.kind {
        TypeExprKind::Name { name, missing } => {
            format!("{name}{}", if *missing { "?" } else { "" })
        }
        TypeExprKind::Array { element, sizes } => {
            format!("{}[{}]", ty(element), list(sizes, expr))
        }
        TypeExprKind::Tuple(items) => format!("(tuple {})", list(items, ty)),
        TypeExprKind::Record(fields) => format!(
            "(record {})",
            list(fields, |(n, t)| format!("{}:{}", n.name, ty(t)))
        ),
        TypeExprKind::Fn(args, result) => format!("(fn ({}) {})", list(args, ty), ty(result)),
        TypeExprKind::Dist(inner) => format!("Dist<{}>", ty(inner)),
    }
}

fn brackets(indices: &[IndexArg]) -> String {
    match indices {
        [] => String::new(),
        _ => format!("[{}]", list(indices, index)),
    }
}

fn index(i: &IndexArg) -> String {
    let end = |e: &Option<Expr>| e.as_ref().map_or(String::new(), expr);
    match i {
        IndexArg::At(e) => expr(e),
        IndexArg::Slice { lo, hi, .. } => format!("{}..{}", end(lo), end(hi)),
    }
}

/// An expression.
pub fn expr(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Bool(b) => b.to_string(),
        ExprKind::Int(i) => i.to_string(),
        ExprKind::Real(r) => format!("{r:?}"),
        ExprKind::Str(s) => format!("{s:?}"),
        ExprKind::Name(n) => n.clone(),
        ExprKind::Array(items) => format!("(array {})", list(items, expr)),
        ExprKind::Comprehension {
            body,
            pattern: p,
            iter,
        } => format!("(each {} {} {})", pattern(p), expr(iter), expr(body)),
        ExprKind::Tuple(items) => format!("(tuple {})", list(items, expr)),
        ExprKind::Record(fields) => format!(
            "(record {})",
            list(fields, |(n, e)| format!("{}:{}", n.name, expr(e)))
        ),
        ExprKind::Field(base, name) => format!("(. {} {})", expr(base), name.name),
        ExprKind::Index(base, args) => format!("(at {} {})", expr(base), list(args, index)),
        ExprKind::Call { callee, args } => {
            let args = list(args, |a| {
                let name = a
                    .name
                    .as_ref()
                    .map_or(String::new(), |n| format!("{}=", n.name));
                format!("{name}{}", expr(&a.value))
            });
            format!(
                "({}{}{args})",
                expr(callee),
                if args.is_empty() { "" } else { " " }
            )
        }
        ExprKind::Unary(UnaryOp::Neg, a) => format!("(neg {})", expr(a)),
        ExprKind::Unary(UnaryOp::Not, a) => format!("(not {})", expr(a)),
        ExprKind::Binary(op, _, a, b) => format!("({} {} {})", sign(*op), expr(a), expr(b)),
        ExprKind::Range(a, b) => format!("(.. {} {})", expr(a), expr(b)),
        ExprKind::Sample(d) => format!("(sample {})", expr(d)),
        ExprKind::If {
            cond,
            then,
            otherwise,
        } => format!(
            "(if {} {}{})",
            expr(cond),
            block(then),
            optional("", otherwise, block)
        ),
        ExprKind::Closure { params, body, memo } => {
            let word = if *memo { "memo-closure" } else { "closure" };
            format!("({word} ({}) {})", list(params, param), expr(body))
        }
        ExprKind::Block(b) => block(b),
        ExprKind::Memo(f) => format!("(memo {})", expr(f)),
    }
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::MatMul => "@",
        BinaryOp::Pow => "^",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
    }
}
