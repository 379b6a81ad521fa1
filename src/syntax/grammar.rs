//! The generated parser, and what its rules are called in front of a user.

use pest_derive::Parser;

/// Reads one statement of a laid-out text.
#[derive(Parser)]
#[grammar = "../grammar/odp.pest"]
pub(super) struct Grammar;

impl Rule {
    /// Whether a rule is a mark that the tree does not keep.
    pub(super) fn is_mark(self) -> bool {
        matches!(
            self,
            Rule::EOI
                | Rule::equals
                | Rule::tilde
                | Rule::arrow
                | Rule::colon
                | Rule::comma
                | Rule::dot
                | Rule::bar
                | Rule::less
                | Rule::greater
                | Rule::no_params
                | Rule::double_colon
                | Rule::open_paren
                | Rule::close_paren
                | Rule::open_square
                | Rule::close_square
                | Rule::open_brace
                | Rule::close_brace
                | Rule::block_open
                | Rule::block_close
        ) || self.is_keyword()
    }

    fn is_keyword(self) -> bool {
        matches!(
            self,
            Rule::kw_use
                | Rule::kw_data
                | Rule::kw_fn
                | Rule::kw_let
                | Rule::kw_var
                | Rule::kw_observe
                | Rule::kw_factor
                | Rule::kw_condition
                | Rule::kw_return
                | Rule::kw_if
                | Rule::kw_else
                | Rule::kw_for
                | Rule::kw_in
                | Rule::kw_while
                | Rule::kw_break
                | Rule::kw_continue
                | Rule::kw_where
                | Rule::kw_as
                | Rule::kw_from
                | Rule::kw_distribution
                | Rule::kw_dist
        )
    }
}
