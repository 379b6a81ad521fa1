//! The types of the checked model.

use std::sync::Arc;

use super::Builtin;
use crate::base::{Asset, Data, Network, SourceMap, Span};
pub use crate::syntax::ast::{BinaryOp, UnaryOp};

/// A whole program, resolved.
#[derive(Clone, Debug)]
pub struct Model {
    /// The program's name: the file's stem, or its folder's where the stem is `model`.
    pub name: String,
    /// The texts that spans point into.
    pub sources: SourceMap,
    /// Data declarations in program order.
    pub data: Vec<DataDecl>,
    /// All functions: file-level, nested, closures, methods.
    pub functions: Vec<Function>,
    /// Users' distributions.
    pub distributions: Vec<UserDistribution>,
    /// The statements of the file.
    pub body: Block,
    /// Names of the global slots.
    pub globals: Vec<String>,
    /// Sites: every `sample`, by statement or expression; those at file level in text order, then those of functions.
    pub sites: Vec<Site>,
    /// What is in the files that the program names.
    pub assets: Vec<Constant>,
}

/// What a file holds that a program names.
#[derive(Clone, Debug)]
pub enum Constant {
    /// Numbers, or a function of numbers.
    File(Asset),
    /// Another program's posterior.
    Posterior(Arc<Posterior>),
}

/// A program's posterior for one data set, as a function of noise: a trained sampler takes noise to the program's own noise,
/// and the program takes that to what it returns.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// The sampler's file.
    pub file: String,
    /// The program.
    pub model: Arc<Model>,
    /// Its data.
    pub data: Data,
    /// The program's noise that the sampler draws: address, and coordinate within.
    pub places: Vec<(u128, usize)>,
    /// From standard noise `[places]` to these coordinates.
    pub noise: Network,
}

/// One `sample` in the text.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name; `None` for an anonymous `sample D`.
    pub name: Option<String>,
    /// The statement or expression.
    pub span: Span,
    /// Whether it stands at file level (also inside `for`, `if`), where it is an output when there is no `return`.
    pub file_level: bool,
}

/// Index into [`Model::functions`].
pub type FnId = usize;
/// Index into [`Model::sites`].
pub type SiteId = usize;

/// Where a name's value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A slot of the file frame.
    Global(u32),
    /// A slot of the current function's frame.
    Local(u32),
}

/// A `data` declaration.
#[derive(Clone, Debug)]
pub struct DataDecl {
    /// Its name in the program.
    pub name: String,
    /// Its key in the file.
    pub key: String,
    /// Its global slot.
    pub slot: u32,
    /// Scalar kind.
    pub kind: DataKind,
    /// Whether elements may be missing (`real?`).
    pub missing: bool,
    /// Its sizes.
    pub sizes: Vec<Size>,
    /// Its value when the file lacks it.
    pub default: Option<Expr>,
    /// What must hold, over the name (the whole array).
    pub condition: Option<Expr>,
    /// The size that arrays above have bound under this name, which the value must be.
    pub bound: Option<Place>,
    /// The declaration.
    pub span: Span,
    /// The name in it.
    pub name_span: Span,
}

/// What a data element is.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    Bool,
    Int,
    Real,
    Str,
}

/// One size of a data array.
#[derive(Clone, Debug)]
pub enum Size {
    /// A name that this array binds (it was not declared above): the slot it fills.
    #[allow(dead_code, reason = "errors about sizes will point at it")]
    Binds { name: String, slot: u32, span: Span },
    /// An int expression over what is above. A declared scalar that the file lacks is inferred from it when it is a bare name.
    Is(Expr),
}

/// What functions without a name are called; no `fn` can have this name.
pub const CLOSURE: &str = "|…|";

/// A function or closure.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name; [`CLOSURE`] for closures.
    pub name: String,
    /// Parameters: bound from slot 0 upwards (parameter i arrives in slot i; patterns then take it apart).
    pub params: Vec<Param>,
    /// Values copied from the enclosing frame: (where from, local slot).
    pub captures: Vec<(Place, u32)>,
    /// Size of its frame.
    pub n_locals: usize,
    /// Its body.
    pub body: Block,
    /// Whether it remembers its random choices by argument.
    pub memo: bool,
    /// The declared result.
    pub result: Option<Type>,
    /// Where it stands.
    pub span: Span,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name; `None` where it is a pattern.
    pub name: Option<String>,
    /// Taken apart by this; a plain name is `Pattern::Slot(Local(i))`.
    pub pattern: Pattern,
    /// Its annotation.
    pub ty: Option<Type>,
    /// Where it stands.
    pub span: Span,
}

/// What a user's distribution is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// One number, whatever the shapes of the arguments.
    Number,
    /// A number for each element of the arguments: an array of independent ones.
    Each,
    /// An array of numbers of this many axes, as a whole.
    Array(usize),
    /// What its sampler gives, as a whole.
    Whole,
}

/// A user's `distribution`.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "a later part calls all methods")]
pub struct UserDistribution {
    /// Its name.
    pub name: String,
    #[allow(dead_code, reason = "the other half of the language reads it")]
    /// Names of its parameters.
    pub params: Vec<String>,
    /// Functions of (parameters…): the sampler; of (parameters…, x) or (parameters…, p): the others.
    pub sample: FnId,
    /// `log_prob(x)`.
    pub log_prob: Option<FnId>,
    /// `cdf(x)`.
    pub cdf: Option<FnId>,
    /// `quantile(p)`.
    pub quantile: Option<FnId>,
    /// What it is over, for the ranks of the arguments of each kind of call.
    pub over: Vec<(Vec<usize>, Over)>,
    /// Where it stands.
    pub span: Span,
}

impl UserDistribution {
    /// What it is over for arguments of these ranks.
    pub fn over(&self, ranks: &[usize]) -> Over {
        match self.over.iter().find(|(r, _)| r == ranks) {
            Some((_, over)) => *over,
            None if self.over.is_empty() => Over::Whole,
            None if self
                .over
                .iter()
                .all(|(_, o)| matches!(o, Over::Number | Over::Each)) =>
            {
                Over::Number
            }
            None => Over::Whole,
        }
    }
}

/// Statements and, where the last is an expression, a value.
#[derive(Clone, Debug)]
pub struct Block {
    /// The statements.
    pub stmts: Vec<Stmt>,
    /// The value.
    pub value: Option<Box<Expr>>,
    /// Where it stands.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of statements.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Binds the i-th data declaration (at the place where it is declared).
    Data(usize),
    /// `let` and `var`.
    Let { pattern: Pattern, value: Expr },
    /// Assignment to a `var`, or to elements of one.
    Assign {
        place: Place,
        name: String,
        indices: Vec<IndexArg>,
        op: Option<BinaryOp>,
        value: Expr,
    },
    /// `sample x[plate] ~ dist`.
    Sample {
        place: Place,
        site: SiteId,
        plate: Vec<PlateIndex>,
        dist: Expr,
    },
    /// `observe value[plate] ~ dist`. With a plate, `value` is the whole array.
    Observe {
        value: Expr,
        plate: Vec<PlateIndex>,
        dist: Expr,
    },
    /// `factor e`.
    Factor(Expr),
    /// `condition e`.
    Condition(Expr),
    /// `for`.
    For {
        pattern: Pattern,
        iter: Expr,
        body: Block,
    },
    /// `while`.
    While { cond: Expr, body: Block },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return`.
    Return(Option<Expr>),
    /// An expression for its effects.
    Expr(Expr),
}

/// What a binding binds.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// A slot.
    Slot(Place),
    /// Nothing.
    Discard,
    /// The parts of a tuple (or the elements of an array).
    Tuple(Vec<Pattern>, Span),
    /// Fields of a record.
    Record(Vec<(String, Pattern)>, Span),
}

/// `i in lo..hi`.
#[derive(Clone, Debug)]
pub struct PlateIndex {
    /// The index's slot.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// First value.
    pub lo: Expr,
    /// One past the last.
    pub hi: Expr,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `true`.
    Bool(bool),
    /// `42`.
    Int(i64),
    /// `1.5`, `pi`, `inf`.
    Real(f64),
    /// `"text"`.
    Str(String),
    /// A name's value.
    Place(Place),
    /// The constant in a file, an index into [`Model::assets`].
    Asset(usize),
    /// A function value; captures are copied here.
    Closure(FnId),
    /// The function that is running (a nested function's own name inside it).
    SelfFn,
    /// A built-in as a value (`map(xs, exp)`).
    Builtin(Builtin),
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
    /// `{a: e}`.
    Record(Vec<(String, Expr)>),
    /// `r.a`, `t.0`.
    Field(Box<Expr>, String, Span),
    /// `x[i, a..b]`.
    Index(Box<Expr>, Vec<IndexArg>),
    /// A call of a function value: a plain `Closure(f)` callee is a direct call. Arguments in the parameters' order.
    Call { callee: Box<Expr>, args: Vec<Expr> },
    /// A call of a built-in. `named` are keyword arguments (`axis = 0`).
    CallBuiltin {
        builtin: Builtin,
        args: Vec<Expr>,
        named: Vec<(String, Expr)>,
    },
    /// A distribution; `args` in the order of its parameters, `None` where the default holds.
    Dist {
        dist: DistRef,
        args: Vec<Option<Expr>>,
    },
    /// `-a`, `not a`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`; `and`, `or` take their second operand only where it matters.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a..b`: an int array.
    Range(Box<Expr>, Box<Expr>),
    /// `sample D`.
    Sample(Box<Expr>, SiteId),
    /// `if`.
    If {
        cond: Box<Expr>,
        then: Block,
        otherwise: Option<Block>,
    },
    /// A block.
    Block(Block),
    /// `memo f`.
    Memo(Box<Expr>),
}

/// One place between the brackets of an index.
#[derive(Clone, Debug)]
pub enum IndexArg {
    /// An int, an int array or (not in the contract) a bool mask.
    At(Expr),
    /// A slice.
    Slice {
        lo: Option<Expr>,
        hi: Option<Expr>,
        span: Span,
    },
}

/// Which distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DistRef {
    /// A registered one, by its name.
    Registered(&'static str),
    /// A user's, an index into [`Model::distributions`].
    User(usize),
    /// `iid(D, n, m…)`: any number of sizes.
    Iid,
    /// `truncate(D, lower, upper)`.
    Truncate,
    /// `censor(D, lower, upper)`.
    Censor,
    /// `mixture(w, [D…])`.
    Mixture,
    /// `zero_inflated(p, D)`.
    ZeroInflated,
    /// `transform(D, f)`.
    Transform,
    /// `Ordered(D, n)`.
    Ordered,
    /// `ordered_of([D…])`.
    OrderedOf,
}

/// A type, as far as it is known. Sizes: `None` is unknown until data is bound.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Not known; fits everything.
    Any,
    /// No value.
    Unit,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `real`.
    Real,
    /// `string`.
    Str,
    /// An array and the sizes of its axes; `element` is a scalar for numeric arrays.
    Array {
        /// What it holds.
        element: Box<Type>,
        /// As far as they are known.
        sizes: Vec<Option<Extent>>,
    },
    /// A tuple.
    Tuple(Vec<Type>),
    /// A record.
    Record(Vec<(String, Type)>),
    /// A function value.
    Fn(Vec<Type>, Box<Type>),
    /// A distribution over values of a type.
    Dist(Box<Type>),
}

/// A size that is known: a number, or a data name whose value is not bound yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This many.
    Known(usize),
    /// As many as this data input says.
    Named(String),
}
