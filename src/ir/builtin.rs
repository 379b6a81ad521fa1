//! The built-in functions: name, usage, and a line for people. Signatures and shape rules are in `check`, meanings in
//! `trace`.

macro_rules! builtins {
    ($($variant:ident $name:literal $usage:literal $summary:literal)*) => {
        /// A built-in function.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Builtin { $($variant),* }

        impl Builtin {
            /// Every built-in.
            pub const ALL: &'static [Builtin] = &[$(Builtin::$variant),*];

            /// Its name in the language.
            pub fn name(self) -> &'static str {
                match self { $(Builtin::$variant => $name),* }
            }

            /// How it is called: `atan2(y, x)`.
            pub fn usage(self) -> &'static str {
                match self { $(Builtin::$variant => $usage),* }
            }

            /// What it gives, in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Builtin::$variant => $summary),* }
            }
        }
    };
}

builtins! {
    Exp "exp" "exp(x)" "e to the power x, elementwise"
    Log "log" "log(x)" "the natural logarithm, elementwise"
    Log2 "log2" "log2(x)" "the logarithm to base 2, elementwise"
    Log10 "log10" "log10(x)" "the logarithm to base 10, elementwise"
    Log1p "log1p" "log1p(x)" "log(1 + x), accurate where x is near 0"
    Expm1 "expm1" "expm1(x)" "exp(x) - 1, accurate where x is near 0"
    Sqrt "sqrt" "sqrt(x)" "the square root, elementwise"
    Cbrt "cbrt" "cbrt(x)" "the cube root, elementwise; negative numbers have one too"
    Abs "abs" "abs(x)" "the size of a number without its sign; an int stays an int"
    Floor "floor" "floor(x)" "the nearest whole number that is not above x"
    Ceil "ceil" "ceil(x)" "the nearest whole number that is not below x"
    Round "round" "round(x)" "the nearest whole number; halves go to the even one"
    Sign "sign" "sign(x)" "-1, 0 or 1"
    Min "min" "min(a, b), min(x, axis = k)" "the smaller of two, elementwise; of one argument, its least element"
    Max "max" "max(a, b), max(x, axis = k)" "the larger of two, elementwise; of one argument, its greatest element"
    Sin "sin" "sin(x)" "the sine of an angle in radians"
    Cos "cos" "cos(x)" "the cosine of an angle in radians"
    Tan "tan" "tan(x)" "the tangent of an angle in radians"
    Asin "asin" "asin(x)" "the angle in radians whose sine is x"
    Acos "acos" "acos(x)" "the angle in radians whose cosine is x"
    Atan "atan" "atan(x)" "the angle in radians whose tangent is x"
    Atan2 "atan2" "atan2(y, x)" "the angle in radians of the point (x, y), in all four quadrants"
    Sinh "sinh" "sinh(x)" "the hyperbolic sine"
    Cosh "cosh" "cosh(x)" "the hyperbolic cosine"
    Tanh "tanh" "tanh(x)" "the hyperbolic tangent"
    Logit "logit" "logit(p)" "log(p / (1 - p)), the log-odds of a probability"
    InvLogit "inv_logit" "inv_logit(x)" "1 / (1 + exp(-x)), the probability of log-odds"
    Softplus "softplus" "softplus(x)" "log(1 + exp(x)), a smooth max(x, 0)"
    Lgamma "lgamma" "lgamma(x)" "the logarithm of the gamma function; lgamma(n + 1) is log n!"
    BetaFn "beta_fn" "beta_fn(a, b)" "the beta function"
    Digamma "digamma" "digamma(x)" "the derivative of lgamma"
    Erf "erf" "erf(x)" "the error function"
    Erfc "erfc" "erfc(x)" "1 - erf(x), accurate where that is near 0"
    Phi "Phi" "Phi(x)" "the distribution function of the standard normal"
    LogPhi "log_Phi" "log_Phi(x)" "log(Phi(x)), accurate far to the left"
    InvPhi "inv_Phi" "inv_Phi(p)" "the quantile of the standard normal"
    Sum "sum" "sum(x, axis = k)" "the sum of all elements, or along one axis"
    Prod "prod" "prod(x, axis = k)" "the product of all elements, or along one axis"
    Mean "mean" "mean(x, axis = k)" "the mean of all elements, or along one axis"
    Variance "variance" "variance(x, axis = k)" "the variance of the elements, divided by n - 1"
    Sd "sd" "sd(x, axis = k)" "the standard deviation of the elements, by n - 1"
    Cumsum "cumsum" "cumsum(x, axis = k)" "the sums of the elements up to each place"
    Logsumexp "logsumexp" "logsumexp(x, axis = k)" "log(sum(exp(x))), without overflow"
    Softmax "softmax" "softmax(x, axis = k)" "exp(x) divided by its sum: weights from logits"
    LogSoftmax "log_softmax" "log_softmax(x, axis = k)" "log(softmax(x)), without underflow"
    Sort "sort" "sort(x, axis = k)" "the elements from the least to the greatest"
    Argmax "argmax" "argmax(x, axis = k)" "the index of the greatest element"
    Argmin "argmin" "argmin(x, axis = k)" "the index of the least element"
    Any "any" "any(x, axis = k)" "whether some element is true"
    All "all" "all(x, axis = k)" "whether every element is true"
    Dot "dot" "dot(a, b)" "the sum of the products of two vectors' elements"
    Norm "norm" "norm(x)" "the square root of the sum of squares"
    Length "length" "length(x)" "how many elements the first axis has"
    Shape "shape" "shape(x)" "the sizes of all axes, an int array"
    Reshape "reshape" "reshape(x, n, m, ...)" "the same elements with other sizes"
    Transpose "transpose" "transpose(x)" "rows as columns"
    Zeros "zeros" "zeros(n, m, ...)" "an array of zeros"
    Ones "ones" "ones(n, m, ...)" "an array of ones"
    Fill "fill" "fill(v, n, m, ...)" "an array whose elements are all v"
    Eye "eye" "eye(n)" "the identity matrix"
    Diag "diag" "diag(x)" "the matrix with a vector on its diagonal, or a matrix's diagonal"
    Linspace "linspace" "linspace(a, b, n)" "n evenly spaced reals from a to b, both included"
    Concat "concat" "concat(a, b, ...)" "arrays behind each other along the first axis"
    Stack "stack" "stack([a, b, ...])" "equal shapes as one array with a new first axis"
    Outer "outer" "outer(a, b)" "the matrix of all products of two vectors' elements"
    Kron "kron" "kron(a, b)" "the Kronecker product of two matrices"
    Cholesky "cholesky" "cholesky(A)" "the lower triangular L with L @ transpose(L) = A"
    SolveLower "solve_lower" "solve_lower(L, b)" "the x with L @ x = b, for a lower triangular L"
    Solve "solve" "solve(A, b)" "the x with A @ x = b"
    Inverse "inverse" "inverse(A)" "the inverse of a matrix; solve(A, b) is better where it will do"
    Logdet "logdet" "logdet(A)" "the logarithm of a determinant's size"
    Where "where_" "where_(c, a, b)" "a where c is true and b elsewhere, elementwise"
    ToReal "real" "real(x)" "a bool or int as a real"
    ToInt "int" "int(x)" "a bool as 0 or 1, a real cut towards 0"
    Print "print" "print(x, ...)" "nothing: a place to look at values while a program is written"
    Assert "assert" "assert(condition, message)" "an error where the condition is false"
    Map "map" "map(xs, f)" "f of each element"
    Fold "fold" "fold(xs, init, |acc, x| ...)" "the last value of acc, which begins as init and becomes f(acc, x) with each element"
    Scan "scan" "scan(xs, init, |acc, x| ...)" "every value of acc after init"
    Zip "zip" "zip(a, b)" "pairs of the elements of two arrays"
    Range "range" "range(a, b)" "the ints from a up to, not including, b"
    Div "div" "div(a, b)" "the quotient of ints, rounded down"
    OdeRk4 "ode_rk4" "ode_rk4(|t, y| dy, y0, t0, ts, steps = 20)" "y at the times ts, by Runge and Kutta's method with equal steps between two times"
    OdeEuler "ode_euler" "ode_euler(|t, y| dy, y0, t0, ts, steps = 20)" "y at the times ts, by Euler's method with equal steps between two times"
    OdeDopri "ode_dopri" "ode_dopri(|t, y| dy, y0, t0, ts, rtol = 1e-6, atol = 1e-6, max_steps = 10000)" "y at the times ts, by Dormand and Prince's method with steps of its own choice"
    LogProb "log_prob" "log_prob(D, x)" "the joint log-density of x, one number: what `observe x ~ D` scores"
    LogProbEach "log_prob_each" "log_prob_each(D, x)" "the log-density of each element"
    Cdf "cdf" "cdf(D, x)" "the probability of a value up to x, elementwise"
    LogCdf "log_cdf" "log_cdf(D, x)" "log(cdf(D, x)), accurate far to the left"
    LogCcdf "log_ccdf" "log_ccdf(D, x)" "log(1 - cdf(D, x)), accurate far to the right"
    Quantile "quantile" "quantile(D, p)" "the value up to which there is probability p"
    MeanOf "mean_of" "mean_of(D)" "a distribution's mean, elementwise"
    SdOf "sd_of" "sd_of(D)" "a distribution's standard deviation, elementwise"
    Tensors "tensors" "tensors(\"w.safetensors\")" "a record of the arrays in a file"
    Onnx "onnx" "onnx(\"net.onnx\")" "a function on arrays, from a file"
    Posterior "posterior" "posterior(\"s.odpz\", \"d.json\")" "a function that draws from the posterior which a trained sampler has for the data in a file"
    Csv "csv" "csv(\"d.csv\")" "a record of a table's columns"
    Json "json" "json(\"d.json\")" "the value in a file"
    Npy "npy" "npy(\"a.npy\")" "the array in a file"
}

impl Builtin {
    /// The built-in of a name.
    pub fn find(name: &str) -> Option<Builtin> {
        Builtin::ALL.iter().copied().find(|b| b.name() == name)
    }
}
