//! What the author of a statement that does not fit may have meant.

/// One thing to do next.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Hint {
    DidYouMean(&'static str),
    Tilde,
    SampleOrObserve,
    SiteName,
    OneSite,
    Plate,
    DoubleEquals,
    SingleEquals,
    Braces,
    RangeDots,
    AllOfAxis,
    NoSteps,
    NoAnnotation,
    Or,
    If,
    ElseIf,
    ElseAlone,
    ForParens,
    InBrackets,
    NestComprehension,
    NoFilter,
    Comma,
    NewLine,
    Product,
    StanBlock,
    DataColon,
    Fn,
    Let,
    Var,
    Use,
    Closure,
    NoResult,
    NoDefault,
    OperatorFirst,
    FieldColon,
    BareBlock,
    Bars,
    Increment,
    NoPlus,
    Discard,
    SameLine,
    TuplePattern,
    ClauseOrder,
    Empty,
    Repeated,
    ForIn,
    CallParens(String),
    Rows,
    GoesOn,
    Missing,
    Constraint,
    FnParens,
    DistributionParens,
    NoPrefix(String),
    LogProb,
    Contains,
    NoTextHoles,
    Keywords,
    Truncate,
    ConditionStatement,
    NotSign,
    Choice,
    NoExceptions,
    RecordType,
}

impl Hint {
    /// The advice, in the user's words.
    pub fn help(&self) -> String {
        let text = match self {
            Hint::DidYouMean(word) => return format!("did you mean `{word}`?"),
            Hint::CallParens(name) => {
                return format!("a call's arguments stand in parentheses: `{name}(…)`");
            }
            Hint::NoPrefix(word) => {
                return format!("names have no prefix here: `{word}` stands alone");
            }
            Hint::LogProb => {
                "a log-density is `log_prob(D, x)`, and it is weighed by `factor log_prob(Normal(0, 1), x)`"
            }
            Hint::Contains => "whether an array has an element is `any(xs == x)`",
            Hint::NoTextHoles => "a text holds no values: write `print(\"x is\", x)`",
            Hint::Tilde => "a draw is written with `~`: `sample x ~ D`, `observe y ~ D`",
            Hint::SampleOrObserve => {
                "write `sample x ~ D` for what is unknown, `observe y ~ D` for what is known"
            }
            Hint::SiteName => "a draw has a plain name: `sample x ~ D`",
            Hint::OneSite => "draw one name at a time, or an array: `sample x[i in 0..n] ~ D`",
            Hint::Plate => {
                "an array is drawn with a range for each index: `sample x[i in 0..n] ~ D`"
            }
            Hint::DoubleEquals => "`==` compares; `=` names a value",
            Hint::SingleEquals => "`=` names a value; `==` compares",
            Hint::Braces => "a block stands in braces: `if c { … }`, `for i in 0..n { … }`",
            Hint::RangeDots => "a range is `a..b`, without its end `b`",
            Hint::AllOfAxis => {
                "all of an axis is `..`, as in `x[k, ..]`; the part from a on is `a..`, the part up to, without, b `..b`"
            }
            Hint::NoSteps => {
                "a slice has no steps: gather by an array of ints, `x[[2 * i for i in 0..n]]`"
            }
            Hint::NoAnnotation => "types are inferred here: remove the `:` and the type",
            Hint::Or => "write `or` (or `||`)",
            Hint::If => "write `if c { a } else { b }`",
            Hint::ElseIf => "write `else if`",
            Hint::ElseAlone => "`else` follows the `}` of its `if`",
            Hint::ForParens => "write `for i in 0..n { … }`, without parentheses",
            Hint::InBrackets => "a comprehension stands in brackets: `[e for i in 0..n]`",
            Hint::NestComprehension => "nest comprehensions: `[[e for j in 0..m] for i in 0..n]`",
            Hint::NoFilter => {
                "a comprehension has no filter; choose by index, `xs[idx]`, or by `if … else …` in its elements"
            }
            Hint::Comma => "perhaps a comma is missing before it",
            Hint::NewLine => "a statement ends at the end of its line, or at a `;`",
            Hint::Product => "a product is written with `*`",
            Hint::StanBlock => {
                "a program has no blocks: declare `data y: real[n]`, then `sample`, `observe` and `return` from top to bottom"
            }
            Hint::DataColon => "write `data N: int`, `data y: real[N]`",
            Hint::Fn => "a function is declared with `fn f(x) { … }`",
            Hint::Let => "a value is named with `let x = e`",
            Hint::Var => "a variable is declared with `var x = e`",
            Hint::Use => "write `use std::gp` or `use \"helpers.odp\"`",
            Hint::Closure => "a function value is `|x| e` or `|x| { … }`",
            Hint::NoResult => "leave out the `->` where the result's type is to be inferred",
            Hint::NoDefault => "a parameter has no default value",
            Hint::OperatorFirst => {
                "an operator stands at the end of a line, not at the beginning of the next; inside brackets either way"
            }
            Hint::FieldColon => "a record is written `{a: 1, b}`, with plain names",
            Hint::BareBlock => {
                "`{ … }` is a record here; a block stands only after `if`, `else`, `for`, `while`, `fn …` and `|…|`"
            }
            Hint::Bars => "a closure's parameters stand between bars: `|x, y| e`",
            Hint::Increment => "write `i += 1`",
            Hint::NoPlus => "a number takes no `+` before it",
            Hint::Discard => "`_` discards a value; choose a name",
            Hint::SameLine => {
                "a call's `(` and an index's `[` stand on the line of what they apply to"
            }
            Hint::TuplePattern => "several names take parentheses: `let (a, b) = e`",
            Hint::ClauseOrder => "write `data y: real[n] from \"key\" = default where condition`",
            Hint::Empty => "something is missing between the brackets",
            Hint::Repeated => "one of the two is too much",
            Hint::ForIn => "a loop is written `for i in 0..n { … }`",
            Hint::Rows => "a matrix is an array of its rows: `[[1, 2], [3, 4]]`",
            Hint::GoesOn => {
                "the line goes on below where it ends with an operator, a comma or `=`: complete it, or remove the last sign"
            }
            Hint::Missing => "an operand is missing",
            Hint::Constraint => {
                "what must hold is written behind the type: `data N: int where N > 0`"
            }
            Hint::FnParens => "parameters stand in parentheses: `fn f(x) { … }`",
            Hint::DistributionParens => {
                "parameters stand in parentheses, none as `()`: `distribution Name(a) { sample { … } }`"
            }
            Hint::Keywords => "an argument's name takes `=`: `Normal(mu = 0, sigma = 1)`",
            Hint::Truncate => "a distribution is cut off by `truncate(D, lower = a, upper = b)`",
            Hint::ConditionStatement => {
                "a condition on draws is a statement of its own: `condition x > 0`"
            }
            Hint::NotSign => "`~` belongs to `sample` and `observe`; a bool is negated by `not`",
            Hint::Choice => "write `if c { … } else if d { … } else { … }`",
            Hint::NoExceptions => {
                "there are no exceptions: `assert(c, \"why\")` ends an execution that fails"
            }
            Hint::RecordType => "there are no types to declare: a record is written `{a: 1, b: 2}`",
        };
        text.to_owned()
    }
}
