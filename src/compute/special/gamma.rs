//! Log-gamma and its relatives.

use super::{HALF_LN_2PI, log1pmx};

/// ln |Γ(x)|.
#[inline]
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ln Γ(1 + x) for x > −1, accurate in relative terms near x = 0.
///
/// # Source
/// ln Γ(1 + x) = −ln(1 + x) + (1 − γ) x + Σₖ₌₂ (−1)ᵏ (ζ(k) − 1) xᵏ / k (Abramowitz and Stegun 6.1.33).
pub fn lgamma1p(x: f64) -> f64 {
    if x.abs() > 0.45 {
        return libm::lgamma(1.0 + x);
    }
    let tail = ZETA.iter().rev().fold(0.0, |sum, c| c - x * sum);
    const ONE_MINUS_EULER: f64 = 0.42278433509846713;
    -x.ln_1p() + x * (ONE_MINUS_EULER + x * tail)
}

/// Stirling's remainder: ln Γ(x) − [(x − ½) ln x − x + ½ ln 2π].
#[inline]
pub fn stirling_remainder(x: f64) -> f64 {
    if x < 10.0 {
        return libm::lgamma(x) - (x - 0.5) * x.ln() + x - HALF_LN_2PI;
    }
    let r = 1.0 / x;
    let y = r * r;
    r * (1.0 / 12.0
        + y * (-1.0 / 360.0
            + y * (1.0 / 1260.0
                + y * (-1.0 / 1680.0 + y * (1.0 / 1188.0 + y * (-691.0 / 360_360.0 + y / 156.0))))))
}

/// ln(xᵃ e⁻ˣ / Γ(a)), x times the density at x of a gamma variable of shape a, without cancellation when a is large.
///
/// `log_x` is ln x, which may be known where x underflows.
pub fn log_gamma_kernel(a: f64, x: f64, log_x: f64) -> f64 {
    if a < 10.0 {
        return a * log_x - x - libm::lgamma(a);
    }
    let d = (x - a) / a;
    let drop = if d < -0.5 {
        a * (log_x - a.ln()) - (x - a)
    } else {
        a * log1pmx(d)
    };
    drop + 0.5 * a.ln() - HALF_LN_2PI - stirling_remainder(a)
}

/// ln Γ(b + a) − ln Γ(b) for b > 0 and a ≥ 0, accurate in relative terms when a is small and without cancellation when b is large.
pub fn log_gamma_ratio(b: f64, a: f64) -> f64 {
    if b < 10.0 && a > 0.1 {
        return libm::lgamma(b + a) - libm::lgamma(b);
    }
    let (mut big, mut shift) = (b, 0.0);
    while big < 10.0 {
        shift += (a / big).ln_1p();
        big += 1.0;
    }
    let d = a / big;
    let main = (big - 0.5) * log1pmx(d) - 0.5 * d + a * (d.ln_1p() + big.ln());
    main + stirling_remainder(big + a) - stirling_remainder(big) - shift
}

/// ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b).
pub fn lbeta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large < 10.0 {
        libm::lgamma(small) + libm::lgamma(large) - libm::lgamma(small + large)
    } else if small < 10.0 {
        libm::lgamma(small) - log_gamma_ratio(large, small)
    } else {
        let total = small + large;
        let remainder =
            stirling_remainder(small) + stirling_remainder(large) - stirling_remainder(total);
        HALF_LN_2PI - 0.5 * large.ln()
            + (small - 0.5) * (small / total).ln()
            + large * (-small / total).ln_1p()
            + remainder
    }
}

/// B(a, b).
pub fn beta_fn(a: f64, b: f64) -> f64 {
    lbeta(a, b).exp()
}

/// ln n! for a whole number n ≥ 0.
#[inline]
pub fn log_factorial(n: f64) -> f64 {
    if n < 64.0 {
        LOG_FACTORIAL[n as usize]
    } else {
        (n + 0.5) * n.ln() - n + HALF_LN_2PI + stirling_remainder(n)
    }
}

/// ln of the binomial coefficient n over k, for whole numbers 0 ≤ k ≤ n.
pub fn log_choose(n: f64, k: f64) -> f64 {
    let small = k.min(n - k);
    if small == 0.0 {
        0.0
    } else if n < 64.0 {
        log_factorial(n) - log_factorial(k) - log_factorial(n - k)
    } else {
        -(n + 1.0).ln() - lbeta(k + 1.0, n - k + 1.0)
    }
}

/// The digamma function ψ(x) = d ln Γ(x) / dx; NaN at 0, −1, −2, ….
pub fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        return digamma(1.0 - x)
            - std::f64::consts::PI / (std::f64::consts::PI * (x - x.floor())).tan();
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += 1.0 / x;
        x += 1.0;
    }
    x.ln() - log_minus_digamma(x) - shift
}

/// ln x − ψ(x) for x ≥ 10, by its asymptotic series.
pub fn log_minus_digamma(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    0.5 / x + y * DIGAMMA.iter().rev().fold(0.0, |sum, c| sum * y + c)
}

/// ψ(b + a) − ψ(b) for b > 0 and a ≥ 0, accurate in relative terms.
pub fn digamma_difference(b: f64, a: f64) -> f64 {
    let (big, rest) = digamma_parts(b, a);
    (a / big).ln_1p() + rest
}

/// ψ(b + a) − ψ(b) − ln(1 + a/b) for b > 0 and a ≥ 0, accurate in relative terms when b is large.
pub fn digamma_excess(b: f64, a: f64) -> f64 {
    let (big, rest) = digamma_parts(b, a);
    if big == b {
        rest
    } else {
        (a / big).ln_1p() - (a / b).ln_1p() + rest
    }
}

/// b raised by whole steps to c ≥ 10, and ψ(b + a) − ψ(b) − ln(1 + a/c).
fn digamma_parts(b: f64, a: f64) -> (f64, f64) {
    let (mut big, mut rest) = (b, 0.0);
    while big < 10.0 {
        rest += a / (big * (big + a));
        big += 1.0;
    }
    let total = big + a;
    let (near, far) = ((1.0 / big).powi(2), (1.0 / total).powi(2));
    let gap = a / total / big * ((1.0 + big / total) / big); // near − far
    // The divided difference of the series at the two points: nothing cancels for small a.
    let (mut difference, mut at_far) = (0.0, 0.0);
    for c in DIGAMMA.iter().rev() {
        at_far = at_far * far + c;
        difference = difference * near + at_far;
    }
    (big, rest + 0.5 * a / big / total + gap * difference)
}

/// The trigamma function ψ′(x).
pub fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        let sine = (std::f64::consts::PI * (x - x.floor())).sin();
        return (std::f64::consts::PI / sine).powi(2) - trigamma(1.0 - x);
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let tail = 1.0 / 6.0
        - y * (1.0 / 30.0
            - y * (1.0 / 42.0
                - y * (1.0 / 30.0 - y * (5.0 / 66.0 - y * (691.0 / 2730.0 - y * 7.0 / 6.0)))));
    1.0 / x + 0.5 * y + y / x * tail + shift
}

/// Coefficients of y, y², … in ln x − 1/(2x) − ψ(x), y = 1/x².
const DIGAMMA: [f64; 7] = [
    1.0 / 12.0,
    -1.0 / 120.0,
    1.0 / 252.0,
    -1.0 / 240.0,
    1.0 / 132.0,
    -691.0 / 32_760.0,
    1.0 / 12.0,
];

/// (ζ(k) − 1) / k from k = 2.
const ZETA: [f64; 26] = [
    0.3224670334241132,
    0.06735230105319809,
    0.020580808427784546,
    0.007385551028673986,
    0.0028905103307415234,
    0.001192753911703261,
    0.0005096695247430425,
    0.00022315475845357939,
    9.945751278180853e-5,
    4.492623673813314e-5,
    2.050721277567069e-5,
    9.439488275268397e-6,
    4.374866789907488e-6,
    2.039215753801366e-6,
    9.55141213040742e-7,
    4.492469198764566e-7,
    2.1207184805554667e-7,
    1.00432248239681e-7,
    4.7698101693639804e-8,
    2.2711094608943164e-8,
    1.0838659214896955e-8,
    5.183475041970047e-9,
    2.4836745438024785e-9,
    1.1921401405860912e-9,
    5.731367241678862e-10,
    2.7595228851242334e-10,
];

/// ln n! from n = 0.
const LOG_FACTORIAL: [f64; 64] = [
    0.0,
    0.0,
    super::LN_2,
    1.791759469228055,
    3.1780538303479458,
    4.787491742782046,
    6.579251212010101,
    8.525161361065415,
    10.60460290274525,
    12.80182748008147,
    15.104412573075516,
    17.502307845873887,
    19.987214495661885,
    22.552163853123425,
    25.191221182738683,
    27.89927138384089,
    30.671860106080672,
    33.50507345013689,
    36.39544520803305,
    39.339884187199495,
    42.335616460753485,
    45.38013889847691,
    48.47118135183523,
    51.60667556776438,
    54.78472939811232,
    58.00360522298052,
    61.261701761002,
    64.55753862700634,
    67.88974313718154,
    71.25703896716801,
    74.65823634883016,
    78.0922235533153,
    81.55795945611504,
    85.05446701758152,
    88.58082754219768,
    92.1361756036871,
    95.7196945421432,
    99.33061245478743,
    102.96819861451381,
    106.63176026064346,
    110.3206397147574,
    114.0342117814617,
    117.77188139974507,
    121.53308151543862,
    125.3172711493569,
    129.12393363912722,
    132.95257503561632,
    136.80272263732638,
    140.67392364823425,
    144.5657439463449,
    148.47776695177302,
    152.40959258449735,
    156.3608363030788,
    160.3311282166309,
    164.32011226319517,
    168.32744544842765,
    172.3527971391628,
    176.39584840699735,
    180.45629141754378,
    184.53382886144948,
    188.6281734236716,
    192.7390472878449,
    196.86618167288998,
    201.00931639928152,
];
