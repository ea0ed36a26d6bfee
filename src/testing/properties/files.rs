//! What the installer of the operator writes.

use std::path::Path;

use clap::Parser as _;
use rustls::RootCertStore;
use secrecy::ExposeSecret as _;

use crate::cli::{Cli, files};
use crate::connectwise::profile::Profiles;
use crate::secret_file;
use crate::upstream::allow::AllowList;
use crate::upstream::tls;

/// Whatever a mounted file holds, it is read as what its flag says or refused with its name.
///
/// # Panics
/// Where that does not hold.
pub fn file(bytes: &[u8]) {
    secret(bytes);
    let path = Path::new("some.file");
    let text = files::text_of(bytes.to_vec(), path);
    let whole = std::str::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty());
    assert_eq!(text.as_deref().ok(), whole.filter(|text| text.len() <= 1 << 20));
    match text {
        Ok(text) => {
            profiles(&text);
            flags(&text);
            bundle(&text);
        }
        Err(problem) => assert!(problem.starts_with("some.file "), "{problem}"),
    }
}

/// A secret file is one line that fits a header, or is refused without a word about its content.
fn secret(bytes: &[u8]) {
    let line = bytes.trim_ascii();
    let fits = bytes.len() <= 4096 && !line.is_empty() && line.iter().all(u8::is_ascii_graphic);
    match secret_file::key_of(bytes, Path::new("some.file")) {
        Ok(key) => {
            assert!(fits, "no key");
            assert_eq!(key.expose_secret().as_bytes(), line);
        }
        Err(problem) => {
            assert!(!fits, "a key, and refused: {problem}");
            super::tells_nothing(&format!("{problem} {problem:?}"));
        }
    }
}

/// A CA bundle adds roots or is refused; what is no certificate adds none.
fn bundle(pem: &str) {
    let mut roots = RootCertStore::empty();
    match tls::add_bundle(&mut roots, pem.as_bytes()) {
        Ok(()) => {
            let certificates = pem.matches("BEGIN CERTIFICATE").count();
            assert!((1..=certificates).contains(&roots.len()), "{} roots", roots.len());
        }
        Err(problem) => super::tells_nothing(&format!("{problem} {problem:?}")),
    }
}

/// A profiles file is taken or refused with its name; the built-in profiles stay.
///
/// # Panics
/// Where that does not hold.
pub fn profiles(text: &str) {
    match Profiles::with_file(text, "profiles.yaml") {
        Ok(profiles) => {
            for builtin in ["GuideV1", "TicketingV2"] {
                assert_eq!(profiles.get(builtin), Profiles::builtin().get(builtin));
            }
            for name in profiles.names() {
                let profile = profiles.get(name).expect("named");
                assert!(!profile.source.chars().chain(name.chars()).any(char::is_control));
            }
        }
        Err(error) => assert!(error.to_string().contains("profiles.yaml")),
    }
}

/// Flags are read or refused; nothing of an entry of the allow-list is lost.
///
/// # Panics
/// Where that does not hold.
pub fn flags(lines: &str) {
    let arguments = ["cwlink", "run"].into_iter().chain(lines.lines());
    if let Err(error) = Cli::try_parse_from(arguments) {
        assert!(!error.to_string().is_empty());
    }
    for entry in lines.lines() {
        if let Ok(host) = AllowList::parse_entry(entry) {
            assert_eq!(AllowList::parse_entry(&host.to_string()).as_ref(), Ok(&host));
        }
    }
}
