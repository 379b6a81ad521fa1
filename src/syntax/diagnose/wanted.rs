//! What the grammar would have taken, in words.

use crate::syntax::grammar::Rule;

/// The kinds of tokens that were tried where a statement failed.
pub(super) struct Wanted {
    pub expression: bool,
    pub name: bool,
    ty: bool,
    operator: bool,
    pub end: bool,
    /// Signs and words, as they are written.
    marks: Vec<&'static str>,
}

impl Wanted {
    pub fn new(rules: &[Rule]) -> Self {
        let mut wanted = Wanted {
            expression: false,
            name: false,
            ty: false,
            operator: false,
            end: false,
            marks: Vec::new(),
        };
        rules.iter().for_each(|rule| wanted.add(*rule));
        wanted
    }

    fn add(&mut self, rule: Rule) {
        match rule {
            Rule::expr
            | Rule::operand
            | Rule::primary
            | Rule::arg
            | Rule::index_arg
            | Rule::neg
            | Rule::bang
            | Rule::not
            | Rule::if_expr
            | Rule::closure
            | Rule::paren
            | Rule::array
            | Rule::record
            | Rule::path
            | Rule::real
            | Rule::int
            | Rule::boolean
            | Rule::kw_sample
            | Rule::kw_memo
            | Rule::expr_stmt => self.expression = true,
            Rule::name
            | Rule::pattern
            | Rule::discard
            | Rule::tuple_pattern
            | Rule::record_pattern
            | Rule::param
            | Rule::entry
            | Rule::plate
            | Rule::plates
            | Rule::field_pattern
            | Rule::field_type
            | Rule::module
            | Rule::method
            | Rule::arg_name
            | Rule::digits => self.name = true,
            Rule::ty
            | Rule::fn_type
            | Rule::dist_type
            | Rule::tuple_type
            | Rule::record_type
            | Rule::scalar_type => self.ty = true,
            Rule::EOI => self.end = true,
            Rule::block | Rule::block_open | Rule::open_brace => self.mark("{"),
            Rule::string => self.mark("a string"),
            Rule::params | Rule::open_paren => self.mark("("),
            Rule::open_square => self.mark("["),
            Rule::close_paren => self.mark(")"),
            Rule::close_square => self.mark("]"),
            Rule::close_brace | Rule::block_close => self.mark("}"),
            Rule::comma => self.mark(","),
            Rule::colon => self.mark(":"),
            Rule::tilde => self.mark("~"),
            Rule::equals | Rule::default_value => self.mark("="),
            Rule::arrow => self.mark("->"),
            Rule::bar => self.mark("|"),
            Rule::less => self.mark("<"),
            Rule::greater => self.mark(">"),
            Rule::kw_in => self.mark("in"),
            Rule::kw_if => self.mark("if"),
            Rule::kw_fn => self.mark("fn"),
            _ => self.operator = true,
        }
    }

    fn mark(&mut self, mark: &'static str) {
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    pub fn wants(&self, mark: &str) -> bool {
        self.marks.contains(&mark)
    }

    pub fn words(&self) -> String {
        if self.expression {
            return "an expression".into();
        }
        if self.ty {
            return "a type".into();
        }
        if self.name {
            return "a name".into();
        }
        // Behind any operand a call or an index may follow: that says nothing.
        // The `=` of a keyword argument as little.
        let news = |m: &&&str| {
            !(self.operator && matches!(**m, "(" | "[") || self.wants(",") && **m == "=")
        };
        let quoted = self.marks.iter().filter(news).map(|m| match m.len() {
            1..=2 => format!("`{m}`"),
            _ => (*m).to_owned(),
        });
        let mut words: Vec<String> = quoted.collect();
        if self.end {
            words.push("the end of the statement".into());
        }
        if words.is_empty() || self.end && self.operator {
            words.insert(0, "an operator".into());
        }
        words.join(" or ")
    }
}
