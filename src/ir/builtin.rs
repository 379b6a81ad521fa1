//! The built-in functions, by name. Signatures and shape rules are in `check`, meanings in `trace`.

macro_rules! builtins {
    ($($variant:ident $name:literal)*) => {
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
        }
    };
}

builtins! {
    Exp "exp"
    Log "log"
    Log2 "log2"
    Log10 "log10"
    Log1p "log1p"
    Expm1 "expm1"
    Sqrt "sqrt"
    Cbrt "cbrt"
    Abs "abs"
    Floor "floor"
    Ceil "ceil"
    Round "round"
    Sign "sign"
    Min "min"
    Max "max"
    Sin "sin"
    Cos "cos"
    Tan "tan"
    Asin "asin"
    Acos "acos"
    Atan "atan"
    Atan2 "atan2"
    Sinh "sinh"
    Cosh "cosh"
    Tanh "tanh"
    Logit "logit"
    InvLogit "inv_logit"
    Softplus "softplus"
    Lgamma "lgamma"
    BetaFn "beta_fn"
    Digamma "digamma"
    Erf "erf"
    Erfc "erfc"
    Phi "Phi"
    LogPhi "log_Phi"
    InvPhi "inv_Phi"
    Sum "sum"
    Prod "prod"
    Mean "mean"
    Variance "variance"
    Sd "sd"
    Cumsum "cumsum"
    Logsumexp "logsumexp"
    Softmax "softmax"
    LogSoftmax "log_softmax"
    Sort "sort"
    Argmax "argmax"
    Argmin "argmin"
    Any "any"
    All "all"
    Dot "dot"
    Norm "norm"
    Length "length"
    Shape "shape"
    Reshape "reshape"
    Transpose "transpose"
    Zeros "zeros"
    Ones "ones"
    Fill "fill"
    Eye "eye"
    Diag "diag"
    Linspace "linspace"
    Concat "concat"
    Stack "stack"
    Outer "outer"
    Kron "kron"
    Cholesky "cholesky"
    SolveLower "solve_lower"
    Solve "solve"
    Inverse "inverse"
    Logdet "logdet"
    Where "where_"
    ToReal "real"
    ToInt "int"
    Print "print"
    Assert "assert"
    Map "map"
    Fold "fold"
    Scan "scan"
    Zip "zip"
    Range "range"
    Div "div"
    OdeRk4 "ode_rk4"
    OdeEuler "ode_euler"
    OdeDopri "ode_dopri"
    LogProb "log_prob"
    LogProbEach "log_prob_each"
    Cdf "cdf"
    LogCdf "log_cdf"
    LogCcdf "log_ccdf"
    Quantile "quantile"
    MeanOf "mean_of"
    SdOf "sd_of"
    Tensors "tensors"
    Onnx "onnx"
    Csv "csv"
    Json "json"
    Npy "npy"
}

impl Builtin {
    /// The built-in of a name.
    pub fn find(name: &str) -> Option<Builtin> {
        Builtin::ALL.iter().copied().find(|b| b.name() == name)
    }
}
