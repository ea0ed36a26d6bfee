//! What whoever installs the operator writes.

use clap::Parser as _;

use crate::cli::Cli;
use crate::connectwise::profile::Profiles;
use crate::upstream::allow::AllowList;

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
