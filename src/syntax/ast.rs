//! The tree that a program's text becomes: every node keeps its span, nothing is resolved.

use crate::base::{FileId, Span};

/// One parsed file.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The file.
    pub file: FileId,
    /// Declarations and statements from top to bottom.
    pub stmts: Vec<Stmt>,
    /// The whole text.
    pub span: Span,
}

/// A name as written, after NFKC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

impl Ident {
    /// Whether it is `_`, which names nothing.
    pub fn is_discard(&self) -> bool {
        self.name == "_"
    }
}

/// A declaration or statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Where it stands, without its documentation and terminator.
    pub span: Span,
    /// The text of the `///` lines above it, joined by newlines.
    pub doc: Option<String>,
}

/// The forms of statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// `use std::gp::{a}`, `use "helpers.odp" as h`.
    Use(Use),
    /// `data y: real[J] from "Y" = default where y > 0`.
    Data(Data),
    /// `fn f(a, b: real) -> real { … }` (also `memo fn`).
    Fn(Function),
    /// `distribution Name(a) { sample { … } log_prob(x) { … } }`.
    Distribution(DistributionDecl),
    /// `let pattern = e`.
    Let { pattern: Pattern, value: Expr },
    /// `var x = e`.
    Var { name: Ident, value: Expr },
    /// `x = e`, `x[i] += e`; `x[i][j] = e` is `x[i, j] = e`.
    Assign {
        name: Ident,
        indices: Vec<IndexArg>,
        op: Option<BinaryOp>,
        value: Expr,
    },
    /// `sample x[i in 0..n] ~ D`.
    Sample {
        name: Ident,
        plate: Vec<PlateIndex>,
        dist: Expr,
    },
    /// `observe e ~ D`; with a plate, `value` is the array's name or expression before the bracket.
    Observe {
        value: Expr,
        plate: Vec<PlateIndex>,
        dist: Expr,
    },
    /// `factor e`.
    Factor(Expr),
    /// `condition e`.
    Condition(Expr),
    /// `for p in e { … }`.
    For {
        pattern: Pattern,
        iter: Expr,
        body: Block,
    },
    /// `while c { … }`.
    While { cond: Expr, body: Block },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return e`.
    Return(Option<Expr>),
    /// An expression; as the last of a block, the block's value. A statement `if` is one of these.
    Expr(Expr),
}

/// `use …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// What is used.
    pub path: UsePath,
    /// `as h`.
    pub alias: Option<Ident>,
    /// `::{a, b}`.
    pub names: Option<Vec<Ident>>,
}

/// What a `use` names.
#[derive(Clone, Debug, PartialEq)]
pub enum UsePath {
    /// `std::gp`: the parts.
    Module(Vec<Ident>),
    /// A file, relative to this one.
    File(String, Span),
}

/// A `data` declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Its name in the program.
    pub name: Ident,
    /// Its type.
    pub ty: TypeExpr,
    /// Its name in the file.
    pub from: Option<(String, Span)>,
    /// Its value when the file lacks it.
    pub default: Option<Expr>,
    /// What must hold.
    pub condition: Option<Expr>,
}

/// A named function or a method of a distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// `-> T`.
    pub result: Option<TypeExpr>,
    /// Its body.
    pub body: Block,
    /// `memo fn`.
    pub memo: bool,
}

/// A parameter. In `a, b: real` only `b` is annotated; `a` is inferred.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// What it binds; closures may destructure.
    pub pattern: Pattern,
    /// Its annotation.
    pub ty: Option<TypeExpr>,
}

/// A user's distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct DistributionDecl {
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// `sample`, `log_prob`, `cdf`, `quantile`, in the order written (`sample` has no parameter).
    pub methods: Vec<Function>,
}

/// `{ … }` with statements.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The statements; the value is that of a last expression statement.
    pub stmts: Vec<Stmt>,
    /// With its braces.
    pub span: Span,
}

/// What a binding binds.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// A name.
    Name(Ident),
    /// `_`.
    Discard(Span),
    /// `(a, b)`.
    Tuple(Vec<Pattern>, Span),
    /// `{a, b: c}`: field and pattern.
    Record(Vec<(Ident, Pattern)>, Span),
}

/// `i in a..b`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlateIndex {
    /// The index; `_` where it is not used.
    pub var: Ident,
    /// First value.
    pub lo: Expr,
    /// One past the last.
    pub hi: Expr,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of types.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeExprKind {
    /// `bool int real string`; `missing` for `real?`.
    Name { name: String, missing: bool },
    /// `T[n, m]`.
    Array {
        element: Box<TypeExpr>,
        sizes: Vec<Expr>,
    },
    /// `(T, U)`.
    Tuple(Vec<TypeExpr>),
    /// `{a: T}`.
    Record(Vec<(Ident, TypeExpr)>),
    /// `fn(T) -> U`.
    Fn(Vec<TypeExpr>, Box<TypeExpr>),
    /// `Dist<T>`.
    Dist(Box<TypeExpr>),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `true`.
    Bool(bool),
    /// `42`.
    Int(i64),
    /// `1.5`.
    Real(f64),
    /// `"text"`, unescaped.
    Str(String),
    /// `x`, `pi`, `inf`, `gp::exp_quad` (parts joined by `::`).
    Name(String),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `[e for p in it]`.
    Comprehension {
        body: Box<Expr>,
        pattern: Pattern,
        iter: Box<Expr>,
    },
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// `{a: 1, b}`: `b` alone is `b: b`.
    Record(Vec<(Ident, Expr)>),
    /// `r.a`, `t.0`.
    Field(Box<Expr>, Ident),
    /// `x[i, a..b]`.
    Index(Box<Expr>, Vec<IndexArg>),
    /// `f(a, sigma = 1)`; `e |> f(a)` has become `f(e, a)`.
    Call { callee: Box<Expr>, args: Vec<Arg> },
    /// `-a`, `not a`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`, with the operator's own place.
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `a..b` outside an index.
    Range(Box<Expr>, Box<Expr>),
    /// `sample D`.
    Sample(Box<Expr>),
    /// `if c { … } else { … }`; `else if` nests.
    If {
        cond: Box<Expr>,
        then: Block,
        otherwise: Option<Block>,
    },
    /// `|a, b| e` or `|a| { … }` (then the body is a `Block`).
    Closure {
        params: Vec<Param>,
        body: Box<Expr>,
        memo: bool,
    },
    /// `{ … }` as a closure's body.
    Block(Block),
    /// `memo f` of a function value.
    Memo(Box<Expr>),
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `sigma = `.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// One place between the brackets of an index.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexArg {
    /// `i`, an int or an int array.
    At(Expr),
    /// `a..b`, `..b`, `a..`, `..`.
    Slice {
        lo: Option<Expr>,
        hi: Option<Expr>,
        span: Span,
    },
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`.
    Neg,
    /// `not` and `!`.
    Not,
}

/// Infix operators.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    MatMul,
    Pow,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}
