//! Whole programs that between them use every form of the language; other tests take them apart.

/// Programs that parse.
pub const PROGRAMS: [&str; 8] = [
    EIGHT_SCHOOLS,
    MISSING,
    FUNCTIONS,
    ARRAYS,
    MODULES,
    DISTRIBUTIONS,
    CONTROL,
    ODDITIES,
];

const EIGHT_SCHOOLS: &str = "\
/// Treatment effects in eight schools (Rubin 1981).
data J: int where J > 0
data y: real[J]
data sigma: real[J] where sigma > 0

sample mu  ~ Normal(0, 5)
sample tau ~ HalfCauchy(5)
sample theta[j in 0..J] ~ Normal(mu, tau)
observe y ~ Normal(theta, sigma)

return { mu, tau, theta }
";

const MISSING: &str = "\
data T: int = 8
data y: real?[T] from \"Y\"
    where y > -100 and
          y < 100

sample phi ~ Uniform(-1, 1)
observe y[0] ~ Normal(0, 1)
for t in 1..T {
    observe y[t] ~ Normal(phi * y[t - 1], 0.5) // a chain
}
observe y[t in 1..T] ~ Normal(
    phi * y[t - 1],
    sigma = 0.5,
)
return { phi, gap: y[2], ahead: y[T - 1] }
";

const FUNCTIONS: &str = "\
fn failures(p) {
    sample stop ~ Bernoulli(p)
    if stop == 1 { 0 } else { 1 + failures(p) }
}
fn twice(f: fn(real) -> real) -> fn(real) -> real { |x| f(f(x)) }
memo fn colour(k: int) { sample Categorical([0.2, 0.8]) }
let noisy_or = |causes| 1 - prod([1 - c for c in causes])
let table = memo |k| sample Normal(k, 1)
let never = || -1
let total = [1, 2, 3]
    |> map(|x| {
        let y = x * 2
        -y
    })
    |> fold(0, |acc, x| acc + x)
factor log_prob(iid(Normal(0, 3), 3), x) - (if total > 0 { 1.0 } else { 2e-3 })
return {
    tw: twice(|x| x)(10),
    now: (|a, b| a - b)(9, 4),
    c: colour(3),
}
";

const ARRAYS: &str = "\
let x = [i * i for i in 0..8]
let m = [[4.0 * i + j for j in 0..4] for i in 0..3]
let mid = x[2..n]
let col = m[.., 2]
let block = m[0..2, 1..3]
let tail = x[1..]; let head = x[..length(x) - 1]
let s = sum([1.0, 2.0] ^ -2.0) @ v % 3
let ok = not a == b and !c or d && e || f != g
let t = (1, (2, 3),)
let (a, (b, _)) = t
let {p, q: r} = {p: 1, q: t.1.0}
var w = zeros(3)
w[0] = 1
w[1] += 0.5e+1_0
w[1, 2] ^= 2
w = w |> softmax
";

const MODULES: &str = "\
use std::gp::{exp_quad, matern}
use std::hmm
use \"helpers.odp\" as h
use \"plain.odp\"

let K = gp::exp_quad(x, x, length = 1_000) + h::jitter * eye(n)
let g = f(\"a \\\"quoted\\\" \\\\ text\\n\", \"μ\\u{3bc}\")
data net: {w: real[n, m], b: (real, int), f: fn(real[3], int) -> Dist<real[2]>}
";

const DISTRIBUTIONS: &str = "\
/// A shifted exponential.
distribution Shifted(rate, shift) {
    sample {
        let e = sample Exponential(rate)
        e + shift
    }
    log_prob(x) { log_prob(Exponential(rate), x - shift) }
    cdf(x) { 1 - exp(-rate * (x - shift)) } quantile(p) { shift - log1p(-p) / rate }
}
sample d ~ Shifted(1, 2)
let ds = [Normal(0, 1), Normal(5, 1)]
let pick = sample ds[1] + (sample ds[0])
let hit = sample Bernoulli(0.5) == 1
";

const CONTROL: &str = "\
var k = 0
while k < 10 {
    k += 1
    if k == 3 { continue }
    else if k == 5 {
        break
    }
    else { condition k != 4 }
}
for (a, b) in zip(x, y) { for i in 0..3 { observe a[i] ~ Poisson(b) } }
for _ in 0..3 { sample z ~ Flat() }
return if k > 3 { 1 } else { 0 }
";

const ODDITIES: &str = "\
/* a /* nested */ comment */ let from = 3 // and `from` is a name
let as = from; let distribution = as
distribution = 4
let μ_1 = -9223372036854775808
let deep = ((((((((1))))))))
let chain = a - b - c - -d ^ -e ^ 2
let f = |x||y| x + y

let /* within */ g = if a { { b } } else { ({ c: {} }) }
";
