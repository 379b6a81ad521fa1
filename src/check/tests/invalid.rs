//! Programs that are wrong, and `line:col code` of all that is said about them.

pub(super) const INVALID: &[(&str, &[&str])] = &[
    // Names.
    (
        "data J: int\ndata sigma: real[J]\nsample tau ~ HalfCauchy(5)\nsample x ~ Normal(0, tua)\nobserve sigma ~ Normal(0, simga)\nlet y = tua",
        &["4:22 unknown_name", "5:27 unknown_name"],
    ),
    (
        "sample x ~ normal(0, y)",
        &["1:12 unknown_name", "1:22 unknown_name"],
    ),
    ("let y = x\nlet x = 1", &["1:9 unknown_name"]),
    // A name that is misspelt where it is declared is told there; in doubt, where it is used.
    (
        "sample weigt ~ Normal(0, 1)\nlet a = weight\nlet b = weight",
        &["1:8 unknown_name"],
    ),
    (
        "sample sgima ~ HalfNormal(1)\nsample x ~ Normal(0, sigma)",
        &["1:8 unknown_name"],
    ),
    (
        "sample weight ~ Normal(0, 1)\nlet a = weigt",
        &["2:9 unknown_name"],
    ),
    (
        "sample sigma ~ HalfNormal(1)\nsample x ~ Normal(0, sgima)\nsample y ~ Normal(0, sgima)",
        &["2:22 unknown_name"],
    ),
    (
        "var total = 0\nlet a = totl + total\nlet b = totl",
        &["2:9 unknown_name"],
    ),
    (
        "var totl = 0\nfor i in 0..3 { total += i }\nreturn total",
        &["1:5 unknown_name"],
    ),
    (
        "fn dubble(x) { 2 * x }\nlet a = double(1)\nlet b = double(2)",
        &["1:4 unknown_name"],
    ),
    ("for i in 0..3 { s = s + i }", &["1:17 unknown_name"]),
    ("if true { let a = 1 }\nlet b = a", &["2:9 unknown_name"]),
    (
        "sample c ~ Flip(0.5)\nif c { sample x ~ Normal(0, 1) }\nreturn { x }",
        &["3:10 unknown_name"],
    ),
    ("data y: real[N + 1]", &["1:14 unknown_name"]),
    ("let y = gp::kernel(1)", &["1:9 unknown_name"]),
    (
        "use std::gp\nlet y = gp::exp_qaud(1, 2)",
        &["2:9 unknown_member"],
    ),
    (
        "use std::gp::{linaer}\nlet y = linaer(1)",
        &["1:15 unknown_member"],
    ),
    (
        "use \"helpers.odp\"\nlet x = scale(1, 2)",
        &["2:9 unknown_name"],
    ),
    ("use \"nowhere.odp\"", &["1:1 no_file"]),
    ("data x: float", &["1:9 unknown_type"]),
    ("fn f(x: matrix) { x }", &["1:9 unknown_type"]),
    // Declarations.
    ("data y: real\ndata y: int", &["2:6 duplicate_name"]),
    ("fn f(a) { a }\nfn f(b) { b }", &["2:4 duplicate_name"]),
    ("fn f(a, a) { a }", &["1:9 duplicate_name"]),
    (
        "sample x ~ Normal(0, 1)\nsample x ~ Normal(0, 1)",
        &["2:8 duplicate_site"],
    ),
    ("let r = {a: 1, a: 2}", &["1:16 duplicate_name"]),
    ("data y: (int, real)", &["1:9 data_type"]),
    ("data y: int?[3]", &["1:9 data_type"]),
    ("data y: real = sample Normal(0, 1)", &["1:16 misplaced"]),
    ("sample x[i in 1..4] ~ Normal(0, 1)", &["1:15 plate_start"]),
    ("if true { data y: real }", &["1:11 misplaced"]),
    (
        "distribution D(a) { log_prob(x) { 0 } }",
        &["1:14 distribution_method"],
    ),
    (
        "distribution D(a) { sample { 0 } log_prob() { 1 } }",
        &["1:34 distribution_method"],
    ),
    (
        "distribution D(a) { sample { 0 } log_prob(x) { 1 } log_prob(x) { 2 } }",
        &["1:52 duplicate_name"],
    ),
    (
        "distribution D(a) { sample { observe 1.0 ~ Normal(0, 1)\n0 } log_prob(x) { factor 1\nsample Normal(0, 1) } }",
        &["1:30 misplaced", "2:19 misplaced", "3:1 misplaced"],
    ),
    // Assignments.
    ("let x = 1\nx = 2", &["2:1 not_assignable"]),
    ("data y: real\ny = 2", &["2:1 not_assignable"]),
    ("sample x ~ Normal(0, 1)\nx += 2", &["2:1 not_assignable"]),
    ("for i in 0..3 { i = 2 }", &["1:17 not_assignable"]),
    ("fn f(a) { a = 2\na }", &["1:11 not_assignable"]),
    ("tmp = 3\nlet a = tmp", &["1:1 unknown_name"]),
    (
        "var s = 0\nlet f = |x| { s = x\ns }",
        &["2:15 assign_captured"],
    ),
    (
        "var s = 0\nfn f(x) { s += x\ns }",
        &["2:11 assign_captured"],
    ),
    // Control.
    ("break", &["1:1 outside_loop"]),
    (
        "for i in 0..3 { let f = || { continue } }",
        &["1:30 outside_loop"],
    ),
    // Arguments.
    ("sample x ~ Normal(0)", &["1:12 missing_argument"]),
    ("sample x ~ Normal()", &["1:12 argument_count"]),
    ("sample x ~ Normal(0, 1, 2)", &["1:25 argument_count"]),
    (
        "sample x ~ Normal(0, scale = 2)",
        &["1:22 unknown_argument"],
    ),
    ("sample x ~ Normal(0, mu = 2)", &["1:22 repeated_argument"]),
    (
        "sample x ~ Normal(sigma = 1, 0)",
        &["1:30 positional_after_named"],
    ),
    (
        "fn f(a, b) { a + b }\nlet y = f(1)\nlet z = f(1, c = 2)",
        &["2:9 missing_argument", "3:14 unknown_argument"],
    ),
    ("let y = exp(1, 2)", &["1:16 argument_count"]),
    ("let y = sum([1], axes = 0)", &["1:18 unknown_argument"]),
    (
        "let fs = [exp]\nlet y = fs[0](x = 1)",
        &["2:15 keyword_of_value"],
    ),
    // Used files.
    ("use \"loop_a.odp\"", &["1:1 cyclic_use"]),
    ("use \"bad.odp\"\nlet y = ok()", &["1:1 not_in_module"]),
    // Numbers, bools, ints.
    (
        "sample stop ~ Bernoulli(0.5)\nif stop { factor 1 }",
        &["2:4 not_a_bool"],
    ),
    ("let b = true\nlet x = b + 1", &["2:9 not_a_number"]),
    (
        "sample b ~ Flip(0.5)\nlet x = b == 1\nlet y = sum([b])",
        &["2:9 not_comparable", "3:13 not_a_number"],
    ),
    (
        "let x = [1, 2]\nlet y = x[0.5] + x[1 / 2]",
        &["2:11 not_an_int", "2:20 not_an_int"],
    ),
    ("let y = 1 + \"a\"", &["1:13 not_a_number"]),
    ("let d = Normal(0, 1)\nlet y = d + 1", &["2:9 not_a_number"]),
    ("let y = exp + 1", &["1:9 not_a_number"]),
    (
        "let y = not 3\nlet z = 1 and true",
        &["1:13 not_a_bool", "2:9 not_a_bool"],
    ),
    ("if [1, 2] > 1 { factor 1 }", &["1:4 not_a_scalar"]),
    ("for i in 5 { factor 1 }", &["1:10 not_an_array"]),
    ("let x = [i for i in 0..2.5]", &["1:24 not_an_int"]),
    ("data n: real\ndata y: real[n]", &["2:14 not_an_int"]),
    ("condition 1", &["1:11 not_a_bool"]),
    ("let z = zeros(2.5)", &["1:15 not_an_int"]),
    (
        "let a = [1, \"a\"]\nlet b = [1, true]",
        &["1:13 type_mismatch", "2:13 type_mismatch"],
    ),
    // Shapes.
    ("let a = [1, 2, 3] + [1, 2]", &["1:9 shape_mismatch"]),
    (
        "data y: real[5]\nsample theta ~ iid(Normal(0, 1), 4)\nobserve y ~ Normal(theta, 1)",
        &["3:9 observe_shape"],
    ),
    ("let m = [[1, 2], [3]]", &["1:18 shape_mismatch"]),
    (
        "let m = [[1, 2], [3, 4]] @ [1, 2, 3]\nlet n = 2 @ [1]",
        &["1:9 shape_mismatch", "2:9 shape_mismatch"],
    ),
    ("let x = [1, 2]\nlet y = x[0, 1]", &["2:9 too_many_indices"]),
    (
        "let x = [1, 2]\nlet y = x[2]\nlet z = x[-1]",
        &["2:11 index_out_of_range", "3:11 index_out_of_range"],
    ),
    ("factor [1.0, 2.0]", &["1:8 factor_shape"]),
    (
        "let a = cholesky(zeros(2, 3))\nlet b = dot([1, 2], [1, 2, 3])",
        &["1:18 shape_mismatch", "2:13 shape_mismatch"],
    ),
    ("let a = concat(1, [2])", &["1:16 not_an_array"]),
    ("let a = reshape([1, 2, 3], 2, 2)", &["1:17 shape_mismatch"]),
    (
        "var m = zeros(3, 2)\nm[0] = [1, 2, 3]",
        &["2:1 shape_mismatch"],
    ),
    ("let (a, b) = (1, 2, 3)", &["1:5 pattern"]),
    ("let {a, c} = {a: 1, b: 2}", &["1:5 unknown_field"]),
    // Fields, calls.
    (
        "let r = {alpha: 1}\nlet y = r.alhpa",
        &["2:11 unknown_field"],
    ),
    ("let t = (1, 2)\nlet y = t.2", &["2:11 unknown_field"]),
    ("let y = 3\nlet z = y(2)", &["2:9 not_a_function"]),
    ("let sd = 2\nlet z = sd([1, 2])", &["2:9 not_a_function"]),
    (
        "let fs = [|x| x]\nlet y = fs[0](1, 2)",
        &["2:9 argument_count"],
    ),
    (
        "let y = if 1 > length([1]) + real(2) { 1 }\nlet z = if sample Flip(0.5) { 1 }",
        &["1:9 no_value", "2:9 no_value"],
    ),
    (
        "fn f(a: int) -> int { a / 2 }\nlet y = f(1.5)",
        &["1:23 type_mismatch", "2:11 type_mismatch"],
    ),
    ("fn f(x) { x + true }\nlet y = f(1)", &["1:15 not_a_number"]),
    (
        "fn f(x) { if x { 1 } else { 2 } }\nlet a = f(true)\nlet b = f(1)",
        &["1:14 not_a_bool"],
    ),
    ("fn unused(x) { 1 + \"a\" }", &["1:20 not_a_number"]),
    (
        "memo fn f(x) { sample Normal(0, 1) }\nlet y = f(0.5)",
        &["2:11 memo_key"],
    ),
    (
        "var s = 0\ns = \"a\"\nvar b = true\nb = 1",
        &["2:5 type_mismatch", "4:5 type_mismatch"],
    ),
    (
        "fn f(x) { f(x) }\nlet y = f(1)",
        &["1:11 endless_recursion"],
    ),
    (
        "fn f(x) { if x > 0 { g(x) } else { f(x + 1) } }\nfn g(x) { 1 + f(x) }",
        &["1:22 endless_recursion", "2:15 endless_recursion"],
    ),
    (
        "let y = f()\nfn f() { k }\nlet k = 1",
        &["1:9 used_before_set"],
    ),
    // Distributions.
    (
        "sample x ~ 3\nsample y ~ Normal\nlet z = sample [1, 2]",
        &[
            "1:12 not_a_distribution",
            "2:12 not_a_distribution",
            "3:16 not_a_distribution",
        ],
    ),
    (
        "data y: real[3]\nobserve y ~ Poisson(2)",
        &["2:9 observe_kind"],
    ),
    (
        "observe 1 ~ Flip(0.5)\nobserve true ~ Bernoulli(0.5)",
        &["1:9 observe_kind", "2:9 observe_kind"],
    ),
    ("observe 1.0 ~ Normal([1, 2], 1)", &["1:9 observe_shape"]),
    (
        "sample x ~ MultiNormal(0, eye(2))",
        &["1:24 parameter_rank"],
    ),
    (
        "sample x ~ MultiNormal([0, 0], [1, 1])",
        &["1:32 parameter_rank"],
    ),
    (
        "sample x ~ MultiNormal([0, 0, 0], eye(2))\nsample y ~ MultiNormal([0, 0], zeros(2, 3))",
        &["1:24 shape_mismatch", "2:32 shape_mismatch"],
    ),
    (
        "sample x ~ Categorical(0.5)\nsample y ~ Binomial(2.5, 0.5)",
        &["1:24 parameter_rank", "2:21 not_an_int"],
    ),
    (
        "sample x ~ Normal([1, 2], [1, 2, 3])",
        &["1:19 shape_mismatch"],
    ),
    ("sample x ~ Normal(true, 1)", &["1:19 not_a_number"]),
    (
        "sample mus ~ iid(Normal(0, 1), 2)\nobserve 1.0 ~ mixture([0.5, 0.5], Normal(mus, 1))",
        &["2:35 mixture_components"],
    ),
    (
        "observe 1.0 ~ mixture([0.5, 0.3, 0.2], [Normal(0, 1), Normal(1, 1)])",
        &["1:23 shape_mismatch"],
    ),
    (
        "sample x ~ Normal(0, 1)\nsample y ~ Normal(0, 1)\nobserve x ~ Normal(y, 1)",
        &["3:9 observe_random"],
    ),
    (
        "fn f(v) { observe v ~ Normal(0, 1) }\nsample x ~ Normal(0, 1)\nf(x + 1)\nf(2.0)",
        &["1:19 observe_random"],
    ),
    (
        "data J: int\nsample theta[j in 0..J] ~ Normal(0, 1)\nobserve theta ~ Normal(0, 1)\nobserve theta[j in 0..J] ~ Normal(0, 1)",
        &["3:9 observe_random", "4:9 observe_random"],
    ),
    (
        "sample x ~ HalfNormal(1)\nlet y = [1, 2] + x\nlet z = y |> map(|v| v * 2)\nlet w = z + \"a\"\nlet q = unknown(w)",
        &["4:13 not_a_number", "5:9 unknown_name"],
    ),
    (
        "data T: int\nsample h[t in 0..T] ~ Normal(if t == 0 { 0 } else { h[t - 1] }, 1)\nobserve 3 ~ Poisson(h)",
        &["3:9 observe_shape"],
    ),
    (
        "let y = std::gp::kernel(1)\nsample x ~ Delta(3)\nobserve x ~ Normal(0, 1)\nlet xs = [1, 2]\nlet k = xs[x]",
        &["1:9 unknown_name"],
    ),
    (
        "sample x ~ truncate(Normal(0, 1), lower = [0, 1])\nlet a = x[0]\nlet b = x[0, 1]",
        &["3:9 too_many_indices"],
    ),
    (
        "let z = |x: real| x[0]\nlet y = z(1)",
        &["1:19 not_an_array"],
    ),
    (
        "fn f(n) { if n == 0 { \"a\" } else { f(n - 1) } }\nlet y = f(3) + 1",
        &["2:9 not_a_number"],
    ),
    (
        "fn mean_of_pair(a, b) { (a + b) / 2 }\nlet x = mean_of_pair([1, 2], [1, 2, 3])",
        &["1:26 shape_mismatch"],
    ),
    (
        "let r = fold([1, 2], 0, |acc| acc)\nlet m = map([1], |a, b| a)",
        &["1:9 argument_count", "2:9 argument_count"],
    ),
    (
        "let s = ode_rk4(|t, y| [y[0]], [1.0, 2.0], 0, [1.0])",
        &["1:32 shape_mismatch"],
    ),
    (
        "data K: int\nsample x ~ Dirichlet(K)\nsample y ~ LKJCorr(2.0, 1)",
        &["2:22 parameter_rank", "3:20 not_an_int"],
    ),
    (
        "sample x ~ iid(3, 2)\nsample y ~ truncate(1, 2)\nlet z = log_prob(3, 4)",
        &[
            "1:16 not_a_distribution",
            "2:21 not_a_distribution",
            "3:18 not_a_distribution",
        ],
    ),
    (
        "let a = where_(1, 2, 3)\nlet b = all([1, 2])",
        &["1:16 not_a_bool", "2:13 not_a_bool"],
    ),
    ("var i = 0\nwhile i { i += 1 }", &["2:7 not_a_bool"]),
    (
        "fn f() { 1 }\nlet y = f + 1\nlet z = f()()",
        &["2:9 not_a_number", "3:9 not_a_function"],
    ),
    (
        "sample x ~ truncate(Normal([0, 1], 1), [0, 1, 2], inf)",
        &["1:21 shape_mismatch"],
    ),
];
