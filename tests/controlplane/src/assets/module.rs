//! The Go module that pins every source of the binaries. It is compiled in, so that the library works
//! wherever the checkout is.

use std::env::consts::{ARCH, OS};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Error;

const GO_MOD: &str = include_str!("../../go.mod");
const GO_SUM: &str = include_str!("../../go.sum");

/// The Kubernetes release that `go.mod` pins, such as `1.36.4`.
fn kubernetes_version() -> &'static str {
    directive("k8s.io/kubernetes v").expect("go.mod requires k8s.io/kubernetes")
}

/// The oldest Go that builds it, such as `1.26.0`.
pub(super) fn go_version() -> &'static str {
    directive("go ").expect("go.mod has a go line")
}

/// The first word after `prefix`, in the first line of `go.mod` that starts with it.
fn directive(prefix: &str) -> Option<&'static str> {
    GO_MOD.lines().find_map(|line| line.trim().strip_prefix(prefix)?.split_whitespace().next())
}

/// Linker flags that tell the binaries which Kubernetes they are; without them they report v0.0.0, and
/// clients that look at the version refuse to talk to them. The date is constant to make equal sources give
/// equal binaries.
pub(super) fn linker_flags() -> String {
    let version = kubernetes_version();
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut flags = String::from("-s -w");
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in [
            ("gitVersion", format!("v{version}").as_str()),
            ("gitMajor", major),
            ("gitMinor", minor),
            ("gitTreeState", "clean"),
            ("gitCommit", "local"),
            ("buildDate", "1970-01-01T00:00:00Z"),
        ] {
            write!(flags, " -X {package}.{name}={value}").expect("writing to a string cannot fail");
        }
    }
    flags
}

/// Name of the cache folder: it changes with whatever changes the binaries.
pub(super) fn cache_key() -> String {
    let mut hash = Sha256::new();
    for part in [GO_MOD, GO_SUM, &linker_flags(), OS, ARCH] {
        hash.update(part);
        hash.update([0]);
    }
    let mut key = String::from("controlplane-");
    for byte in &hash.finalize()[..8] {
        write!(key, "{byte:02x}").expect("writing to a string cannot fail");
    }
    key
}

pub(super) fn write_into(folder: &Path) -> Result<(), Error> {
    for (name, text) in [("go.mod", GO_MOD), ("go.sum", GO_SUM)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::io("writing", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_read_from_go_mod() {
        for version in [kubernetes_version(), go_version()] {
            let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
            assert!(matches!(numbers[..], [Ok(1), Ok(_), Ok(_)]), "{version}");
        }
    }

    #[test]
    fn the_cache_key_is_a_short_folder_name() {
        let key = cache_key();
        let digits = key.strip_prefix("controlplane-").expect("the key starts with the crate's name");
        assert_eq!(digits.len(), 16);
        assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
}
