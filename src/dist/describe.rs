//! The one way in which a distribution introduces itself, and the one in which it leans on another.

/// Defines a unit struct and its [`Describe`](super::Describe): name, kind of values, sentence, parameters, and optionally a
/// function that checks what the parameters must fulfil together.
macro_rules! describe {
    ($name:ident, $kind:ident, $summary:literal, [$($param:expr),* $(,)?] $(, $constraint:path)?) => {
        #[doc = $summary]
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl $crate::dist::Describe for $name {
            fn name(&self) -> &'static str {
                stringify!($name)
            }
            fn summary(&self) -> &'static str {
                $summary
            }
            fn params(&self) -> &'static [$crate::dist::Param] {
                const PARAMS: &[$crate::dist::Param] = &[$($param),*];
                PARAMS
            }
            fn kind(&self) -> $crate::dist::ValueKind {
                $crate::dist::ValueKind::$kind
            }
            $(fn constraint(&self, p: &[&[f64]]) -> Result<(), (usize, String)> {
                $constraint(p)
            })?
        }
    };
}

/// Implements [`Univariate`](super::Univariate) for a distribution that is another one with parameters computed from its own;
/// `$chain(p, dq)` carries derivatives in the other's parameters back to its own.
macro_rules! same_as {
    ($name:ident, $other:expr, $params:path, $chain:path) => {
        impl $crate::dist::Univariate for $name {
            #[inline]
            fn transport(&self, p: &[f64], z: f64) -> f64 {
                $other.transport(&$params(p), z)
            }
            #[inline]
            fn log_density(&self, p: &[f64], x: f64) -> f64 {
                $other.log_density(&$params(p), x)
            }
            fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
                $other.log_cdf(&$params(p), x)
            }
            fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
                $other.log_ccdf(&$params(p), x)
            }
            fn support(&self, p: &[f64]) -> (f64, f64) {
                $other.support(&$params(p))
            }
            fn mean(&self, p: &[f64]) -> f64 {
                $other.mean(&$params(p))
            }
            fn sd(&self, p: &[f64]) -> f64 {
                $other.sd(&$params(p))
            }
            fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
                let (q, mut dq) = ($params(p), $params(p));
                let slope = $other.d_log_density(&q, x, &mut dq);
                dp.copy_from_slice(&$chain(p, dq));
                slope
            }
            fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
                let (q, mut dq) = ($params(p), $params(p));
                let slope = $other.d_transport(&q, z, x, &mut dq);
                dp.copy_from_slice(&$chain(p, dq));
                slope
            }
            fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
                let (q, mut dq) = ($params(p), $params(p));
                let slope = $other.d_log_cdf(&q, x, &mut dq);
                dp.copy_from_slice(&$chain(p, dq));
                slope
            }
            fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
                let (q, mut dq) = ($params(p), $params(p));
                let slope = $other.d_log_ccdf(&q, x, &mut dq);
                dp.copy_from_slice(&$chain(p, dq));
                slope
            }
        }
    };
}
