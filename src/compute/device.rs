//! The machines that networks can run on, chosen by name at run time; which there are is up to the build's features.

use burn::tensor::Device;

/// Every device's name, and the Cargo feature that brings it (none for what is always there).
const NAMES: &[(&str, Option<&str>)] = &[
    ("flex", None),
    ("tch", Some("tch")),
    ("tch-cuda", Some("tch")),
    ("wgpu", Some("wgpu")),
    ("cuda", Some("cuda")),
];

/// The device of a name. `cpu` is another name of `flex`, the pure Rust one.
///
/// # Errors
/// A sentence that says what is missing: a name that no build has, or one that this build was made without.
#[cfg_attr(
    feature = "tch",
    expect(
        deprecated,
        reason = "burn keeps libtorch for now, and it is the fastest on some machines"
    )
)]
pub fn device(name: &str) -> Result<Device, String> {
    match name {
        "flex" | "cpu" => Ok(Device::flex()),
        #[cfg(feature = "tch")]
        "tch" => Ok(Device::libtorch()),
        #[cfg(feature = "tch")]
        "tch-cuda" => Ok(Device::libtorch_cuda(0usize)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0usize)),
        _ => Err(missing(name)),
    }
}

/// The names that this build can run on.
pub fn built() -> Vec<&'static str> {
    let here = |feature: Option<&str>| match feature {
        None => true,
        Some("tch") => cfg!(feature = "tch"),
        Some("wgpu") => cfg!(feature = "wgpu"),
        Some("cuda") => cfg!(feature = "cuda"),
        Some(_) => false,
    };
    NAMES
        .iter()
        .filter(|(_, feature)| here(*feature))
        .map(|(name, _)| *name)
        .collect()
}

fn missing(name: &str) -> String {
    let has = built().join("`, `");
    match NAMES.iter().find(|(n, _)| *n == name) {
        Some((_, Some(feature))) => format!(
            "this build has no device `{name}`: build it with `cargo build --release --features {feature}` (this one has `{has}`)"
        ),
        _ => {
            let all: Vec<&str> = NAMES.iter().map(|(n, _)| *n).collect();
            format!(
                "there is no device `{name}`; there are `{}` (this build has `{has}`)",
                all.join("`, `")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_device_or_says_why_not() {
        for (name, feature) in NAMES {
            if built().contains(name) {
                continue;
            }
            let why = device(name).unwrap_err();
            assert!(why.contains("--features") && why.contains(feature.unwrap()));
        }
        assert!(device("flex").is_ok());
        assert!(device("abacus").unwrap_err().contains("no device `abacus`"));
    }
}
