//! Longer programs that must never be refused: models as people write them, and functions of functions.

pub(super) const MODELS: &[&str] = &[
    // HMM forward algorithm
    r#"
data K: int
data T: int
data y: real[T]
sample P[k in 0..K] ~ Dirichlet(ones(K))
sample mu ~ iid(Normal(0, 5), K)
fn emission(t) { log_prob_each(Normal(mu, 1), y[t]) }
var alpha = emission(0) - log(K)
for t in 1..T {
    alpha = [logsumexp(alpha + log(P[.., k])) for k in 0..K] + emission(t)
}
factor logsumexp(alpha)
return { mu, P }
"#,
    // hidden markov with discrete states
    r#"
data y: real[10]
let P = [[0.9, 0.1], [0.2, 0.8]]
sample z[t in 0..10] ~ Categorical(if t == 0 { [0.5, 0.5] } else { P[z[t - 1]] })
observe y[t in 0..10] ~ Normal([-1.0, 1.0][z[t]], 0.5)
return { z }
"#,
    r#"
data y: real[10]
let P = [[0.9, 0.1], [0.2, 0.8]]
var state = 0
var path = []
for t in 0..10 {
    let p = P[state]
    sample s ~ Categorical(p)
    state = s
    path = concat(path, [s])
    observe y[t] ~ Normal(2.0 * state - 1, 0.5)
}
return { path, last: path[9] }
"#,
    // MNIST-ish nn
    r#"
fn dense(layer, x) { layer.w @ x + layer.b }
fn relu(x) { max(x, 0) }
fn net(layers, x) {
    var h = x
    for l in 0..2 { h = relu(dense(layers[l], h)) }
    h
}
let layers = [{w: eye(2), b: zeros(2)}, {w: ones(2, 2), b: [0.1, 0.2]}]
sample z ~ iid(Normal(0, 1), 2)
let x = net(layers, z)
observe [1.0, 2.0] ~ Normal(x, 0.1)
"#,
    r#"
fn sequential(fs) { |x| fold(fs, x, |acc, f| f(acc)) }
let model = sequential([|x| x + 1, |x| 2 * x, exp])
let y = model(0.5)
"#,
    // varying intercepts
    r#"
data N: int
data G: int
data group: int[N] where group >= 0 and group < G
data x: real[N]
data y: real[N]
sample mu_a ~ Normal(0, 10)
sample sigma_a ~ HalfNormal(5)
sample a[g in 0..G] ~ Normal(mu_a, sigma_a)
sample b ~ Normal(0, 5)
sample sigma ~ HalfCauchy(5)
observe y ~ Normal(a[group] + b * x, sigma)
let y_hat = a[group] + b * x
sample y_new ~ Normal(y_hat, sigma)
return { mu_a, sigma_a, a, b, sigma, rmse: sqrt(mean((y - y_hat) ^ 2)) }
"#,
    // Lotka Volterra
    r#"
data N: int
data ts: real[N]
data y_init: real[2]
data y: real[N, 2]
sample theta ~ truncate(Normal([1, 0.05, 1, 0.05], [0.5, 0.05, 0.5, 0.05]), lower = 0)
sample z_init ~ LogNormal(log(10), 1)
sample sigma ~ iid(LogNormal(-1, 1), 2)
fn dz(t, z) {
    let (u, v) = (z[0], z[1])
    let (alpha, beta, gamma, delta) = theta
    [(alpha - beta * v) * u, (-gamma + delta * u) * v]
}
let z = ode_rk4(dz, [z_init, z_init], 0, ts, steps = 10)
for k in 0..2 {
    observe y_init[k] ~ LogNormal(log(z_init), sigma[k])
    observe y[.., k] ~ LogNormal(log(z[.., k]), sigma[k])
}
"#,
    // wells logistic
    r#"
data N: int
data switched: int[N]
data dist: real[N]
let dist100 = dist / 100
sample beta ~ iid(Flat(), 2)
observe switched ~ BernoulliLogit(beta[0] + beta[1] * dist100)
"#,
    // matrix design
    r#"
data N: int
data D: int
data X: real[N, D]
data y: real[N]
sample beta ~ iid(Normal(0, 10), D)
sample sigma ~ Normal(0, 10) |> truncate(0)
observe y ~ Normal(X @ beta, sigma)
"#,
    // capture-recapture
    r#"
data M: int
data T: int
data y: int[M, T]
sample omega ~ Uniform(0, 1)
sample p ~ Uniform(0, 1)
let s = sum(y, axis = 1)
for i in 0..M {
    if s[i] > 0 {
        factor log(omega) + log_prob(Binomial(T, p), s[i])
    } else {
        factor logsumexp([log(omega) + log_prob(Binomial(T, p), 0), log1p(-omega)])
    }
}
"#,
    // ARK
    r#"
data K: int
data T: int
data y: real[T]
sample alpha ~ Normal(0, 10)
sample beta ~ iid(Normal(0, 10), K)
sample sigma ~ HalfCauchy(2.5)
for t in K..T {
    var mu = alpha
    for k in 0..K { mu += beta[k] * y[t - k - 1] }
    observe y[t] ~ Normal(mu, sigma)
}
"#,
    r#"
data K: int
data T: int
data y: real[T]
sample beta ~ iid(Normal(0, 10), K)
observe y[t in K..T] ~ Normal(sum([beta[k] * y[t - k - 1] for k in 0..K]), 1)
"#,
    // geometric CRP
    r#"
data y: real[20]
memo fn mean_of_cluster(k) { sample m ~ Normal(0, 5)
 m }
fn stick(k) { sample v ~ Beta(1, 1)
 if sample Flip(v) { k } else { stick(k + 1) } }
for i in 0..20 {
    let k = stick(0)
    observe y[i] ~ Normal(mean_of_cluster(k), 1)
}
"#,
    // CRP with counts
    r#"
let n = 10
var counts = zeros(10)
var z = fill(0, 10)
for i in 0..n {
    let w = concat(counts[0..i], [1.0])
    let k = sample Categorical(w / sum(w))
    z[i] = k
    counts[k] += 1
}
return { z, biggest: max(counts) }
"#,
    // random walk functions with closures in arrays of tuples
    r#"
let pts = [(0.0, 1), (1.5, 2)]
for (x, n) in pts { observe n ~ Poisson(exp(x)) }
let total = sum([x * n for (x, n) in pts])
let firsts = [p.0 for p in pts]
let recs = [{a: i, b: 2.0 * i} for i in 0..3]
let bs = sum([r.b for r in recs])
let r1 = recs[1].b
for {a, b} in recs { factor -b * a }
"#,
    // data missing and mixtures
    r#"
data y: real?[N]
sample mu ~ Normal(0, 1)
observe y ~ Normal(mu, 1)
return { mu, filled: y }
"#,
    r#"
data y: real?[N]
sample mu ~ Normal(0, 1)
observe y[0] ~ Normal(mu, 1)
observe y[i in 1..N] ~ Normal(mu + 0.5 * y[i - 1], 1)
let z = mean(y)
"#,
    // if expression yields distributions / tuples / arrays
    r#"
sample k ~ Categorical([0.5, 0.5])
let d = if k == 0 { Normal(0, 1) } else { Gamma(2, 1) }
sample x ~ d
let (m, s) = if k == 0 { (0, 1.5) } else { (1, 2) }
observe 1.0 ~ Normal(m, s)
let v = if k == 0 { [1, 2, 3] } else { [1.5, 2] }
let total = sum(v)
"#,
    r#"
sample n ~ DiscreteUniform(1, 5)
sample xs ~ iid(Normal(0, 1), n)
let m = mean(xs)
observe 0.3 ~ Normal(m, 1)
return { n, xs }
"#,
    // shadowing & nested blocks
    r#"
let x = 2
fn f(x) { let x = x * 2
 let g = |y| { let x = x + y
 x }
 g(x) }
let y = f(x)
for x in 0..3 { let y = x
 factor -y }
"#,
    r#"
fn power(f, n) { if n == 0 { |x| x } else { |x| f(power(f, n - 1)(x)) } }
let z = power(|x| x + 1, 5)(0)
fn curry(f) { |a| |b| f(a, b) }
let s = curry(|a, b| a + b)(1)(2)
fn fix(f) { |x| f(fix(f), x) }
let fact = fix(|self, n| if n == 0 { 1 } else { n * self(n - 1) })
let v = fact(5)
"#,
    r#"
fn cps(n, k) { if n == 0 { k(0) } else { cps(n - 1, |r| k(r + 1)) } }
let z = cps(10, |x| x)
"#,
    r#"
// lists as nested tuples/records
fn build(n) { if n == 0 { {tag: 0} } else { {tag: 1, head: n, tail: build(n - 1)} } }
fn total(l) { if l.tag == 0 { 0 } else { l.head + total(l.tail) } }
let t = total(build(4))
"#,
    r#"
fn collatz(n) { var k = n
 var steps = 0
 while k != 1 { k = if k % 2 == 0 { div(k, 2) } else { 3 * k + 1 }
 steps += 1 }
 steps }
let s = collatz(27)
"#,
    r#"
fn quicksort(xs) {
    if length(xs) <= 1 { return xs }
    let pivot = xs[0]
    var lo = []
    var hi = []
    for x in xs[1..] { if x < pivot { lo = concat(lo, [x]) } else { hi = concat(hi, [x]) } }
    concat(quicksort(lo), [pivot], quicksort(hi))
}
let s = quicksort([3, 1, 2])
"#,
    r#"
fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
let a = [fib(i) for i in 0..10]
let idx = a[fib(4)]
"#,
    r#"
fn pcfg(depth) {
    let p = [0.6, 0.4]
    let rule = sample Categorical(p)
    if rule == 0 or depth > 20 { {n: 1, depth} } else {
        let left = pcfg(depth + 1)
        let right = pcfg(depth + 1)
        {n: left.n + right.n, depth: max(left.depth, right.depth)}
    }
}
let t = pcfg(0)
observe 5 ~ Poisson(t.n)
"#,
    r#"
distribution ZIP(p, rate) {
    sample { if sample Flip(p) { 0 } else { sample Poisson(rate) } }
    log_prob(k) {
        if k == 0 { logsumexp([log(p), log1p(-p) - rate]) } else { log1p(-p) + log_prob(Poisson(rate), k) }
    }
}
data y: int[8]
sample p ~ Beta(1, 1)
sample r ~ Gamma(2, 1)
observe y ~ ZIP(p, r)
observe y[i in 0..8] ~ ZIP(p, r)
for v in y { observe v ~ ZIP(p, r) }
"#,
    r#"
distribution Ring(radius) {
    sample { let a = sample Uniform(0, 2 * pi)
      let r = sample Normal(radius, 0.1)
      [r * cos(a), r * sin(a)] }
    log_prob(x) { log_prob(Normal(radius, 0.1), norm(x)) - log(2 * pi * norm(x)) }
}
sample x ~ Ring(2)
observe [1.0, 0.5] ~ Ring(1)
"#,
    r#"
data x: real[N]
data y: int[N]
sample w ~ iid(Normal(0, 1), 3)
let phi = |v| [1, v, v ^ 2]
for i in 0..N { observe y[i] ~ BernoulliLogit(dot(w, phi(x[i]))) }
let design = [phi(v) for v in x]
let fits = design @ w
"#,
    r#"
data y: int[N, K]
sample alpha ~ iid(Exponential(1), K)
sample p[n in 0..N] ~ Dirichlet(alpha)
for n in 0..N { observe y[n] ~ Multinomial(sum(y[n]), p[n]) }
observe y[n in 0..N] ~ Multinomial(10, p[n])
"#,
    r#"
data N: int
data D: int
data y: real[N, D]
sample L ~ LKJCholesky(D, 2)
sample s ~ iid(HalfCauchy(2), D)
sample mu ~ iid(Normal(0, 5), D)
let S = diag(s) @ L
observe y ~ MultiNormalCholesky(mu, S)
for n in 0..N { observe y[n] ~ MultiNormalCholesky(mu, S) }
let R = L @ transpose(L)
return { mu, s, rho: R[0, 1] }
"#,
    r#"
sample x[i in 0..3, j in 0..3] ~ Normal(if i > 0 and j > 0 { x[i - 1, j - 1] } else { 0 }, 1)
sample v[t in 0..4] ~ MultiNormal(if t == 0 { [0, 0] } else { v[t - 1] }, eye(2))
let a = v[1, 0]
let b = x[2]
"#,
    r#"
sample s[t in 0..5] ~ Bernoulli(if t == 0 { 0.5 } else { if s[t - 1] == 1 { 0.9 } else { 0.1 } })
let ones_ = sum(s)
sample c[t in 0..5] ~ Flip(if t == 0 { 0.5 } else { if c[t - 1] { 0.9 } else { 0.1 } })
let any_ = any(c)
"#,
    r#"
let x = [1.0, 2.0, 3.0]
let i = argmax(x)
let best = x[i]
let order = sort(x)
let m = mean(x, axis = 0)
let mm = [[1, 2], [3, 4]]
let rs = sum(mm, axis = 1)[0] + max(mm, axis = 0)[1] + max(mm)
let sm = softmax(mm, axis = 1)
let cs = cumsum(mm, axis = 0)
let lse = logsumexp(mm, axis = 1)
let f = floor(2.5) + ceil(1.2) + round(3.5) + abs(-2) + sign(-3.0)
let n = int(floor(2.5))
let y = x[n]
let b = beta_fn(1, 2) + atan2(1, 2) + lgamma(3) + Phi(0.2) + log_Phi(-2) + inv_Phi(0.3)
"#,
    r#"
let mask = [true, false, true]
let y = where_(mask, [1, 2, 3], 0)
let z = sum(int(mask))
let w = real(mask) * 2
let k = not mask
let q = mask and [true, true, false]
"#,
    r#"
data name: string
let is_a = name == "a"
print("name:", name, is_a)
assert(is_a or not is_a)
let lookup = {a: 1, b: 2}
let pick = if name == "a" { lookup.a } else { lookup.b }
"#,
    r#"
let fns = {square: |x| x ^ 2, cube: |x| x ^ 3}
let y = fns.square
let z = y(3)
let pair = (|x| x + 1, 2)
let f = pair.0
let w = f(pair.1)
"#,
    r#"
sample a ~ Normal(0, 1)
sample b ~ Normal(a, 1)
let s = a + b
observe 0.5 ~ Normal(s, 1)
condition a < b
let d = [Normal(0, 1), Normal(1, 1)][0]
let lp = log_prob(d, a) + sum(log_prob_each(Normal([0, 1], 1), [a, b]))
let two = log_prob(Normal(0, 1), [a, b])
"#,
    r#"
sample theta ~ iid(Uniform(0, 1), 2, 3)
let row = theta[1]
let e = theta[1, 2]
observe [[1, 0, 1], [0, 1, 1]] ~ Bernoulli(theta)
observe 1 ~ Bernoulli(theta[0, 0])
"#,
    r#"
use std::gp
data x: real[N]
data y: real[N]
let K = [[gp::exp_quad(a - b, 1) for b in x] for a in x]
observe y ~ MultiNormal(zeros(N), K + 0.1 * eye(N))
observe y ~ MultiNormalCholesky(zeros(length(y)), cholesky(K + 0.1 * eye(length(y))))
"#,
    r#"
data y: real[N]
data n_components: int = 3
sample w ~ Dirichlet(fill(1.0, n_components))
sample mu ~ Ordered(Normal(0, 5), n_components)
sample sigma ~ iid(HalfNormal(1), n_components)
observe y ~ mixture(w, [Normal(m, s) for (m, s) in zip(mu, sigma)])
for v in y { factor logsumexp(log(w) + [log_prob(Normal(mu[k], sigma[k]), v) for k in 0..n_components]) }
"#,
    r#"
fn bounded(lo: real, hi: real) -> Dist<real> { Uniform(lo, hi) }
fn applied(f: fn(real) -> real, x: real) -> real { f(x) }
fn both(p: (int, real), r: {a: int}) -> (real, int) { (p.1, p.0 + r.a) }
sample x ~ bounded(0, 1)
let y = applied(|v| v * 2, x)
let z = both((1, 2), {a: 3})
fn mat(a: real[n, m], b: real[m]) -> real[n] { a @ b }
let q = mat([[1, 2], [3, 4]], [1, 2])
"#,
    r#"
fn loop_return(xs) { for x in xs { if x > 2 { return {found: true, at: x} } }
 {found: false, at: 0} }
let r = loop_return([1, 2, 3])
if r.found { factor -r.at }
"#,
    r#"
var best = -inf
var arg = 0
for i in 0..5 { let v = -(i - 2.0) ^ 2
 if v > best { best = v
 arg = i } }
let xs = [10, 20, 30, 40, 50]
let top = xs[arg]
"#,
    r#"
var found = false
var k = 0
while not found and k < 10 { found = sample Flip(0.3)
 k += 1 }
return { k, found }
"#,
    r#"
var t = (0, 1)
t = (1, 2.5)
var r = {a: 1}
r = {a: 2.5}
var f = |x| x
f = |x| x + 1
var m = [[0, 0], [0, 0]]
m[0, 1] = 2.5
m[1] += 1
m = m * 2
var q = 0
q = [1, 2]
"#,
    r#"
sample x ~ Normal(0, 1)
sample y ~ Normal(x, 1)
let data_like = 2.0
observe data_like ~ Normal(x, 1)
fn lik(v, m) { observe v ~ Normal(m, 1) }
lik(3.0, x)
lik(data_like, y)
[lik(v, x) for v in [1.0, 2.0]]
map([1.0, 2.0], |v| lik(v, y))
"#,
    r#"
// posterior predictive and generated quantities
data y: int[12]
sample r ~ Gamma(2, 0.5)
observe y ~ Poisson(r)
sample rep[i in 0..12] ~ Poisson(r)
let p_value = if mean(rep) > mean(y) { 1 } else { 0 }
return { r, p_value, ratio: real(sum(rep)) / (sum(y) + 1) }
"#,
    r#"
data y: int[N]
observe y ~ NegBinomial2(exp(0.3), 2)
observe y ~ PoissonLog(zeros(N))
observe y ~ censor(Poisson(3), upper = 5)
observe y[0] ~ truncate(Poisson(3), 1, 10)
"#,
    r#"
let m = transpose([[1, 2, 3]])
let v = [1, 2, 3] @ [4, 5, 6]
let o = [1, 2] @ [[1, 2], [3, 4]]
let b = [[1], [2]] + [10, 20]
let s = 2 * eye(2) @ ones(2, 2)
let d = diag([1, 2, 3])
let dd = diag(eye(3))[0]
let n = -m
let p = [[1, 2], [3, 4]] ^ 2
let sh = shape(m)[0] + length(m)
let e = m[.., 0]
let z0 = zeros(shape(m)[0], 2)
let (r, c) = shape(d)
let zz = zeros(r, c)
"#,
    r#"
fn walk(n, x) { if n == 0 { x } else { sample step ~ Normal(0, 1)
 walk(n - 1, x + step) } }
let end = walk(5, 0)
fn walk2(n) { if n == 0 { [0.0] } else { let p = walk2(n - 1)
 concat(p, [p[length(p) - 1] + sample Normal(0, 1)]) } }
let path = walk2(4)
let last = path[4]
"#,
    r#"
sample u ~ Uniform(0, 1)
let grade = if u < 0.2 { "low" } else if u < 0.8 { "mid" } else { "high" }
if grade == "mid" { factor -1.0 * u } else { condition u > 0.1 }
"#,
    r#"
sample switch ~ Flip(0.5)
if switch {
    sample a ~ Normal(0, 1)
    if a > 0 { sample b ~ Normal(a, 1)
 observe 1.0 ~ Normal(b, 1) }
} else {
    sample a ~ StudentT(3, 0, 1)
    sample c ~ Poisson(3)
}
"#,
    r#"
data y: real[3, 4]
for row in y { observe row ~ Normal(0, 1) }
for i in 0..3 { for j in 0..4 { observe y[i, j] ~ Normal(i, j + 1) } }
observe y ~ Normal([[1], [2], [3]], 1)
observe y ~ Normal([1, 2, 3, 4], 1)
"#,
    r#"
data N: int
data M: int
data x: real[N]
data z: real[M]
let s = x + z
let c = concat(x, z)
sample f ~ MultiNormal(zeros(N + M), eye(N + M))
let fx = f[0..N]
let fz = f[N..]
observe c ~ Normal(f, 1)
"#,
    r#"
let scale = 2
let shape = 3
sample x ~ Gamma(shape, scale)
let sum = 0
let t = sum + x
"#,
    r#"
sample p ~ Dirichlet([1, 1, 1])
let (a, b, c) = p
"#,
    r#"
sample x ~ Normal(0, 1)
let x = x * 2 + 1
observe 3.0 ~ Normal(x, 1)
data w: real[2] = [0.5, 0.5]
data flag: bool = false
data names: string[3]
let first = names[0]
"#,
];
