//! The Go toolchain.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use super::{Program, module};
use crate::Error;
use crate::error::last_lines;

/// How much of a failed build to show: the reason stands last.
const SHOWN_LINES: usize = 30;

/// A Go toolchain that is new enough for `go.mod`.
pub(super) struct Go<'a> {
    program: &'a OsStr,
}

impl<'a> Go<'a> {
    /// Checks the toolchain before a long build; `wanted` is what the user lacks without it.
    pub(super) fn new(program: &'a OsStr, wanted: &[Program]) -> Result<Self, Error> {
        let go = Self { program };
        let required = module::go_version();
        let output = go.command().arg("version").output().map_err(|source| Error::GoMissing {
            program: program.to_string_lossy().into_owned(),
            binaries: wanted.iter().map(|program| program.name()).collect::<Vec<_>>().join(", "),
            required,
            source,
        })?;
        let answer = String::from_utf8_lossy(&output.stdout);
        // Development versions have no number to compare: for them the build itself tells.
        if let Some(found) = installed_version(&answer)
            && release(found).is_some_and(|found| Some(found) < release(required))
        {
            return Err(Error::GoTooOld { found: found.to_owned(), required });
        }
        Ok(go)
    }

    /// Builds one program from the module in `folder` into the file `output`.
    pub(super) fn build(&self, program: Program, folder: &Path, output: &Path) -> Result<(), Error> {
        let built = self
            .command()
            .args(["build", "-trimpath", "-ldflags"])
            .arg(module::linker_flags())
            .arg("-o")
            .arg(output)
            .arg(program.package())
            .current_dir(folder)
            .output();
        match built {
            Ok(Output { status, .. }) if status.success() => Ok(()),
            Ok(Output { stderr, .. }) => Err(Error::GoBuild {
                binary: program.name(),
                output: last_lines(&String::from_utf8_lossy(&stderr), SHOWN_LINES),
            }),
            Err(source) => Err(Error::io("running", self.program)(source)),
        }
    }

    /// A call that no setting of the user can turn into a build of something else: for another platform, with
    /// another toolchain, or inside a surrounding Go workspace.
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command
            .env("GOTOOLCHAIN", "local")
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off")
            .env_remove("GOOS")
            .env_remove("GOARCH");
        command
    }
}

/// `1.26.8` of `go version go1.26.8 linux/amd64`.
fn installed_version(answer: &str) -> Option<&str> {
    answer.split_whitespace().nth(2)?.strip_prefix("go")
}

/// Major and minor number; `1.27rc1` counts as 1.27.
fn release(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.split_once('.')?;
    let minor = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_by_number() {
        assert!(release("1.9.4") < release("1.26.0"));
        assert_eq!(release("1.27rc1"), Some((1, 27)));
    }

    #[test]
    fn the_version_is_read_from_the_answer_of_go() {
        assert_eq!(installed_version("go version go1.26.8 linux/amd64"), Some("1.26.8"));
        assert_eq!(installed_version("go version devel +abc"), None);
    }
}
