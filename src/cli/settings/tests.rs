use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

/// The folder of one test, with files that are good.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().expect("folder"));
        for (name, content) in [
            ("key", "petra-key"),
            ("client", "client-id"),
            ("empty", " \n"),
            ("two-lines", "a\nb"),
            ("text", "text"),
        ] {
            std::fs::write(files.0.path().join(name), content).expect("write");
        }
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Checks the flags, `$/name` standing for a file of the folder. The clientId is given unless told otherwise.
    fn check(&self, flags: &[&str]) -> Result<Settings, SettingsErrors> {
        let client = format!("--connectwise-client-id-file={}", self.path("client"));
        let mut all = vec!["cwlink".to_owned(), "run".to_owned()];
        if !flags.iter().any(|flag| flag.starts_with("--connectwise-client-id-file") || *flag == "--") {
            all.push(client);
        }
        let folder = self.0.path().display().to_string();
        all.extend(flags.iter().filter(|flag| **flag != "--").map(|flag| flag.replace('$', &folder)));
        let Command::Run(args) = Cli::try_parse_from(all).expect("readable").command else {
            panic!("not run")
        };
        let environment = Environment { pod_namespace: Some("petra".to_owned()), ..Environment::default() };
        Settings::check(*args, environment)
    }
}

#[test]
fn without_a_petra_url_links_are_registered_in_the_portal() {
    let settings = Files::new().check(&[]).expect("good");
    assert_eq!(settings.registration, RegistrationMode::Portal);
    assert_eq!(settings.petra, None);
    assert_eq!(settings.watch_namespaces, WatchNamespaces::These(["petra".to_owned()].into()));
    assert_eq!(settings.allow_companies, None);
    assert_eq!(settings.timings, Timings::default());
    assert!(settings.watch_secrets && settings.concurrency == 16);
}

#[test]
fn with_a_petra_url_links_are_registered_there() {
    let files = Files::new();
    let flags =
        ["--petra-url=https://petra.example.com:8443/", "--installation-id=msp-1", "--petra-key-file=$/key"];
    let settings = files.check(&flags).expect("good");
    assert_eq!(settings.registration, RegistrationMode::Api);
    let petra = settings.petra.expect("configured");
    assert_eq!(
        (petra.host.to_string().as_str(), petra.installation.as_str()),
        ("petra.example.com:8443", "msp-1")
    );
    let portal = files.check(&[&flags[..], &["--registration=Portal"]].concat()).expect("good");
    assert_eq!(portal.registration, RegistrationMode::Portal);
}

#[test]
fn lists_take_commas_and_repetition() {
    let flags =
        ["--watch-namespaces=a,b", "--allow-company=acme,Other", "--allow-company=third", "--time-speed=60"];
    let settings = Files::new().check(&flags).expect("good");
    assert_eq!(settings.watch_namespaces, WatchNamespaces::These(["a".to_owned(), "b".to_owned()].into()));
    assert_eq!(settings.allow_companies.map(|companies| companies.len()), Some(3));
    assert_eq!(settings.timings, Timings::scaled(60.0));
    let all = Files::new().check(&["--watch-namespaces=*"]).expect("good");
    assert_eq!(all.watch_namespaces, WatchNamespaces::All);
}

#[test]
fn every_bad_flag_is_named_with_what_to_do() {
    let files = Files::new();
    let table: &[(&[&str], &str)] = &[
        (&["--"], "--connectwise-client-id-file: is required"),
        (&["--connectwise-client-id-file=$/absent"], "--connectwise-client-id-file: cannot read $/absent: "),
        (&["--connectwise-client-id-file=$/empty"], "--connectwise-client-id-file: $/empty is not one line"),
        (&["--petra-key-file=$/two-lines"], "--petra-key-file: $/two-lines is not one line"),
        (&["--petra-url=https://p.example.com"], "--installation-id: is required with --petra-url"),
        (&["--petra-url=https://p.example.com"], "--petra-key-file: is required with --petra-url"),
        (&["--petra-url=http://p.example.com"], "--petra-url: must begin with https://"),
        (&["--petra-url=https://p.example.com/v1"], "--petra-url: must not have a path"),
        (&["--petra-url=https://10.0.0.1"], "--petra-url: is an IP address"),
        (&["--registration=Api"], "--registration: Api requires --petra-url"),
        (&["--installation-id=My_MSP"], "--installation-id: must be 1 to 63"),
        (&["--installation-id="], "--installation-id: must be 1 to 63"),
        (&["--allow-site=https://psa.example.com"], "--allow-site: \"https://psa.example.com\" is a URL"),
        (&["--allow-site=*.example.com"], "--allow-site: \"*.example.com\" is a pattern"),
        (&["--allow-company=a+b"], "--allow-company: \"a+b\": character 2"),
        (&["--profiles=$/absent"], "--profiles: cannot read $/absent: "),
        (&["--profiles=$/empty"], "--profiles: $/empty is empty"),
        (&["--profiles=$/text"], "--profiles: failed to read the permission profiles in $/text: "),
        (
            &["--ca-bundle=$/text"],
            "--ca-bundle: $/text: the CA bundle is empty or contains something other than PEM",
        ),
        (&["--egress-proxy=proxy:3128"], "--egress-proxy: must be http://HOST:PORT"),
        (&["--egress-proxy=http://squid:3128"], "--egress-proxy: must use a fully qualified host name"),
        (
            &["--egress-proxy=http://me:sesame@proxy:3128"],
            "--egress-proxy: must not contain a user name or password",
        ),
        (&["--watch-namespaces=a,*"], "--watch-namespaces: \"*\" is not a namespace"),
        (&["--watch-namespaces=Team"], "--watch-namespaces: \"Team\" is not a namespace"),
        (&["--log-level=cwlink=loud"], "--log-level: "),
        (&["--connectwise-requests-per-minute=1001"], "--connectwise-requests-per-minute: is more than 1000"),
        (&["--time-speed=0"], "--time-speed: must be a number from 0.01 to 10000"),
    ];
    for (flags, expected) in table {
        let expected = expected.replace('$', &files.0.path().display().to_string());
        let problems = files.check(flags).expect_err("refused").to_string();
        assert!(problems.contains(&format!("\n  {expected}")), "{flags:?} said: {problems}");
        assert!(!problems.contains("sesame"), "{problems}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let flags = ["--", "--registration=Api", "--allow-site=*", "--watch-namespaces=A"];
    let problems = Files::new().check(&flags).expect_err("refused");
    assert_eq!(problems.to_string().lines().count(), 1 + 4, "{problems}");
}

#[test]
fn without_any_namespace_known_one_must_be_named() {
    let files = Files::new();
    let client = format!("--connectwise-client-id-file={}", files.path("client"));
    let Command::Run(args) = Cli::try_parse_from(["cwlink", "run", &client]).expect("readable").command
    else {
        panic!("not run")
    };
    let nowhere = Settings::check((*args).clone(), Environment::default()).expect_err("refused").to_string();
    assert!(nowhere.contains("--watch-namespaces: "), "{nowhere}");
    let mounted = Environment { service_account_namespace: Some("ops".to_owned()), ..Environment::default() };
    let settings = Settings::check(*args, mounted).expect("good");
    assert_eq!(settings.namespace.as_deref(), Some("ops"));
}
