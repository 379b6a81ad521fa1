//! What to do next about an error whose place has nothing better to say.

/// Advice for a code; `None` for those that always give their own.
pub(super) fn advice(code: &str) -> Option<&'static str> {
    Some(match code.strip_prefix("odp::trace::")? {
        "not_a_number" => {
            "of a distribution draw one, `sample D`; where an `if` gives it, both arms give numbers"
        }
        "mixture_weights" => "give one weight for each part: `mixture([0.3, 0.7], [D, E])`",
        "unset" => "move the statement that sets it above the first use",
        "plate_rank" => "leave an index out, or give the data as many axes: `data y: real[n, m]`",
        "arity" => "give as many arguments as the function has parameters",
        "empty" => "ask first: `if length(x) > 0 { max(x) } else { … }`",
        "too_many_indices" => "`shape(x)` says how many axes an array has; each takes one index",
        "solver_setting" => "give a number above 0, such as `rtol = 1e-6`",
        "not_a_function" => "a function is made by `fn f(x) { … }` or `|x| …`",
        "not_an_int" => "convert a real with `int(x)`; an element of an array is `x[i]`",
        "pattern" => "give as many names as there are values; `_` takes one that is not needed",
        "observed_shape" => {
            "one distribution for each value: give its arguments the shape of what is observed"
        }
        "not_indexable" => "a field of a record is `r.name`, a part of a tuple `t.0`",
        "assert" => "change the data, or the condition if it asks too much",
        "not_a_matrix" => {
            "a matrix is an array of its rows, `[[1, 2], [3, 4]]`, or `reshape(x, n, m)`"
        }
        "matrix" => {
            "add a little to the diagonal, `A + 1e-6 * eye(n)`, if rounding may be the cause"
        }
        "parameter_rank" => {
            "a vector is `[a, b]`, a matrix `[[a, b], [c, d]]`; `fill(x, n)` repeats a number"
        }
        "not_an_array" => "an array of one element is `[x]`",
        "parameter_shape" => "give arguments of one size; `shape(x)` says what they have",
        "division_by_zero" => "ask first: `if n == 0 { … } else { total / n }`",
        "negative_size" => "a size is 0 or more: `max(n, 0)` keeps it so",
        "no_log_prob" => "add `log_prob(x) { … }`, the log-density of a value, to the distribution",
        "axis" => "the first axis is 0, and -1 is the last",
        "not_square" => {
            "a square matrix has as many rows as columns; `A @ transpose(A)` is square for every A"
        }
        "no_field" => "give both arms of an `if` records of the same fields",
        "not_a_bool" => "compare it, as in `x == 1`",
        "index_out_of_range" => "indices start at 0: the last one is the size minus 1",
        "not_a_distribution" => "a distribution is written like `Normal(0, 1)`",
        _ => return None,
    })
}
