//! Locating and building, with a script in place of the Go toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Error, Locator, Program, module};

/// Answers like Go. A build notes its package in `builds` beside the script, waits until file `gate` is
/// there, and then writes the file that follows `-o`.
const FAKE_GO: &str = r#"#!/bin/sh
here=$(dirname "$0")
if [ "$1" = version ]; then
    cat "$here/version"
    exit
fi
while [ "$1" != -o ]; do shift; done
echo "$3" >>"$here/builds"
while [ ! -e "$here/gate" ]; do sleep 0.01; done
[ -e "$here/broken" ] && echo 'syntax error' >&2 && exit 1
echo binary >"$2"
"#;

const WAIT_AT_MOST: Duration = Duration::from_mins(1);

/// A folder with a fake Go, a cache and room for more.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().expect("a temporary folder can be made"));
        bench.write("go.sh", FAKE_GO);
        bench.write("version", &format!("go version go{} linux/amd64\n", module::go_version()));
        bench.write("gate", "");
        // Written by another process: a program that this one still had open for writing, in a child that
        // another test forks at this moment, could not be run ("text file busy").
        let installed = Command::new("install")
            .args(["-m", "755"])
            .args([bench.path("go.sh"), bench.path("go")])
            .status()
            .expect("install can be run");
        assert!(installed.success());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is writable");
    }

    /// A folder as `KUBEBUILDER_ASSETS` would name it.
    fn provide(&self, programs: &[Program]) -> PathBuf {
        let folder = self.path("provided");
        fs::create_dir(&folder).expect("the folder is writable");
        for program in programs {
            fs::write(folder.join(program.name()), "binary").expect("the folder is writable");
        }
        folder
    }

    fn locator(&self) -> Locator {
        Locator {
            kubebuilder_assets: None,
            cache: Some(self.path("cache")),
            go: self.path("go").into_os_string(),
        }
    }

    /// Packages in the order in which they were built.
    fn builds(&self) -> Vec<String> {
        let builds = fs::read_to_string(self.path("builds")).unwrap_or_default();
        builds.lines().map(ToOwned::to_owned).collect()
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the folder exists")
        .map(|entry| entry.expect("the folder is readable").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn all_four_are_built_one_after_another_with_a_line_before_and_after_each() {
    let bench = Bench::new();
    let mut lines = Vec::new();
    let assets =
        bench.locator().locate_or_build(&mut |line| lines.push(line.to_owned())).expect("the build succeeds");
    assert_eq!(bench.builds(), Program::ALL.map(Program::package));
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[2], "building kube-apiserver (2 of 4, usually about two minutes on two cores)");
    assert!(lines[3].starts_with("built kube-apiserver in "), "{}", lines[3]);
    assert_eq!(
        names_in(assets.folder()),
        ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "lock"]
    );
}

#[test]
fn what_is_built_is_not_built_again() {
    let bench = Bench::new();
    let first = bench.locator().locate_or_build(&mut |_| {}).expect("the build succeeds");
    let second = bench
        .locator()
        .locate_or_build(&mut |line| panic!("nothing takes long, but it says: {line}"))
        .expect("the binaries are there");
    assert_eq!(first, second);
    assert_eq!(bench.builds().len(), 4);
}

#[test]
fn of_two_builds_at_once_the_second_waits_and_uses_what_the_first_built() {
    let bench = Bench::new();
    fs::remove_file(bench.path("gate")).expect("the gate is open");
    let (first, second) = (bench.locator(), bench.locator());
    thread::scope(|scope| {
        let first = scope.spawn(move || first.locate_or_build(&mut |_| {}));
        let started = Instant::now();
        while bench.builds().is_empty() {
            assert!(started.elapsed() < WAIT_AT_MOST, "the first build has not begun");
            thread::sleep(Duration::from_millis(5));
        }
        let (said, hears) = mpsc::channel();
        let second = scope.spawn(move || {
            second.locate_or_build(&mut |line| said.send(line.to_owned()).expect("the test listens"))
        });
        let waiting = hears.recv_timeout(WAIT_AT_MOST).expect("the second build says that it waits");
        assert_eq!(waiting, "waiting for another build of the control plane to end");
        bench.write("gate", "");
        let first = first.join().expect("no panic").expect("the first build succeeds");
        let second = second.join().expect("no panic").expect("the second build succeeds");
        assert_eq!(first, second);
    });
    assert_eq!(bench.builds().len(), 4);
}

#[test]
fn a_failed_build_shows_what_go_said_and_leaves_nothing_half_built() {
    let bench = Bench::new();
    bench.write("broken", "");
    let error = bench.locator().locate_or_build(&mut |_| {}).expect_err("the build fails");
    assert_eq!(error.to_string(), "go build of etcd failed, its last lines were:\nsyntax error");
    let folder = bench.path("cache").join(module::cache_key());
    assert_eq!(names_in(&folder), ["lock"]);
}

#[test]
fn a_build_continues_after_a_killed_one() {
    let bench = Bench::new();
    let folder = bench.path("cache").join(module::cache_key());
    fs::create_dir_all(folder.join("build-killed")).expect("the folder is writable");
    fs::write(folder.join("etcd"), "binary").expect("the folder is writable");
    bench.locator().locate_or_build(&mut |_| {}).expect("the build succeeds");
    assert_eq!(bench.builds(), Program::ALL[1..].iter().map(|program| program.package()).collect::<Vec<_>>());
    assert!(!folder.join("build-killed").exists());
}

#[test]
fn a_missing_go_is_an_error_that_says_what_to_install() {
    let bench = Bench::new();
    let locator = Locator { go: bench.path("no-such-go").into_os_string(), ..bench.locator() };
    let error = locator.locate_or_build(&mut |_| {}).expect_err("there is no Go");
    let hint = format!("install Go {} or newer", module::go_version());
    assert!(matches!(error, Error::GoMissing { .. }) && error.to_string().contains(&hint), "{error}");
}

#[test]
fn a_go_that_is_too_old_is_refused_before_the_build() {
    let bench = Bench::new();
    bench.write("version", "go version go1.9.7 linux/amd64\n");
    let error = bench.locator().locate_or_build(&mut |_| {}).expect_err("that Go is too old");
    assert!(error.to_string().starts_with("Go 1.9.7 is too old"), "{error}");
    assert!(bench.builds().is_empty());
}

#[test]
fn provided_binaries_win_and_need_neither_go_nor_a_cache() {
    let bench = Bench::new();
    let provided = bench.provide(&Program::ALL);
    let locator =
        Locator { kubebuilder_assets: Some(provided.clone()), cache: None, go: "no-such-go".into() };
    let assets = locator.locate_or_build(&mut |_| {}).expect("all are there");
    assert_eq!(assets.folder(), provided);
    assert_eq!(assets.kube_controller_manager(), provided.join("kube-controller-manager"));
}

#[test]
fn only_the_controller_manager_is_built_beside_the_binaries_of_envtest() {
    let bench = Bench::new();
    let provided = bench.provide(&Program::ENVTEST);
    let locator = Locator { kubebuilder_assets: Some(provided.clone()), ..bench.locator() };
    let assets = locator.locate_or_build(&mut |_| {}).expect("the build succeeds");
    assert_eq!(bench.builds(), [Program::KubeControllerManager.package()]);
    assert_eq!(assets.kubectl(), provided.join("kubectl"));
    assert!(assets.kube_controller_manager().starts_with(bench.path("cache")));
}

#[test]
fn provided_binaries_that_are_incomplete_are_an_error_that_names_the_missing() {
    let bench = Bench::new();
    let locator = Locator { kubebuilder_assets: Some(bench.provide(&[Program::Kubectl])), ..bench.locator() };
    let error = locator.locate_or_build(&mut |_| {}).expect_err("two are missing");
    assert!(error.to_string().contains("lacks etcd, kube-apiserver:"), "{error}");
}
