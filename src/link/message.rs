//! What people read. Every text says what happened and what to do next; none holds times, counters, ids (the Portal's
//! token apart) or remote text, so the same state always reads the same.

use std::fmt::Write as _;

use crate::connectwise::{Action, Actual, Line, Required};
use crate::crd::{PermissionLine, Reason};

/// Longest message of a condition, in bytes.
pub const MAX_BYTES: usize = 1024;

/// Where the operator's part ends: said at the end of every fault that mends itself.
const LOOKS_AGAIN: &str = "The operator looks again by itself.";

/// What to click to mend one line of a role, in ConnectWise's own words.
#[must_use]
pub fn fix(line: &Line) -> String {
    match (line.required, line.function.split_once(" / ")) {
        (Required::Allowed, Some((function, item))) => format!(
            "System > Security Roles > the API member's role > {} > {function} (customize): move {item} to the Allow list",
            line.module
        ),
        (Required::Level(level), _) => format!(
            "System > Security Roles > the API member's role > {} > {}: set {} Level to {}",
            line.module,
            line.function,
            capitalised(line.action),
            level.as_str()
        ),
        (Required::Nothing, _) => format!(
            "System > Security Roles > the API member's role > {} > {}: {} Level may be lowered to None",
            line.module,
            line.function,
            capitalised(line.action)
        ),
        (Required::Allowed, None) => {
            format!(
                "System > Security Roles > the API member's role > {}: allow {}",
                line.module, line.function
            )
        }
    }
}

/// A line as it stands in `status.permissions`.
#[must_use]
pub fn permission_line(line: &Line) -> PermissionLine {
    PermissionLine {
        module: line.module.clone(),
        function: line.function.clone(),
        action: line.action.as_str().to_owned(),
        required: match line.required {
            Required::Level(level) => level.as_str(),
            Required::Allowed => "allowed",
            Required::Nothing => "None",
        }
        .to_owned(),
        actual: match line.actual {
            Actual::Level(level) => level.as_str(),
            Actual::Disallowed => "disallowed",
            Actual::Allowed => "allowed",
            Actual::Refused => "None",
            Actual::Unknown => "unknown",
        }
        .to_owned(),
        fix: fix(line),
    }
}

/// The message of `PermissionsMissing`.
#[must_use]
pub fn permissions_missing(profile: &str, missing: &[PermissionLine]) -> String {
    let head = format!(
        "The security role of the API member lacks {} of profile {profile}. In ConnectWise open System > Security Roles, \
         open the API member's role, and set: ",
        if missing.len() == 1 { "one line".to_owned() } else { format!("{} lines", missing.len()) }
    );
    let tail = format!(". Then save the role. All lines stand in status.permissions.missing. {LOOKS_AGAIN}");
    let items = missing.iter().map(|line| {
        if line.action == Action::Customize.as_str() {
            format!("{} > {} allowed (it is {})", line.module, line.function, line.actual)
        } else {
            format!(
                "{} > {} > {}: {} (it is {})",
                line.module, line.function, line.action, line.required, line.actual
            )
        }
    });
    bounded_list(&head, items, &tail)
}

/// The message of `NotVerifiable` and `GrantedAsFarAsVisible`.
#[must_use]
pub fn not_visible(reason: Reason, profile: &str, unknown: &[PermissionLine]) -> String {
    let head = if reason == Reason::NotVerifiable {
        format!(
            "The keys cannot see every line of profile {profile}. No line was found missing. Compare by eye: "
        )
    } else {
        format!(
            "Every function of profile {profile} was found. Allow-list items cannot be seen from outside; compare by eye: "
        )
    };
    let items = unknown.iter().map(|line| format!("{} > {}", line.module, line.function));
    bounded_list(&head, items, ".")
}

/// The message of a link's board that is not ready.
#[must_use]
pub fn board(board: &str, fault: &str, click: &str) -> String {
    format!("The service board \"{board}\" {fault}. {click} {LOOKS_AGAIN}")
}

/// Ends a message with the sentence that nobody has to tell the operator.
#[must_use]
pub fn looks_again(text: &str) -> String {
    format!("{text} {LOOKS_AGAIN}")
}

/// Joins items with `; ` between head and tail, within [`MAX_BYTES`]; says how many were left out.
fn bounded_list(head: &str, items: impl Iterator<Item = String>, tail: &str) -> String {
    const REST: usize = " and 999 more".len();
    let items: Vec<String> = items.collect();
    let mut text = head.to_owned();
    for (at, item) in items.iter().enumerate() {
        let separator = if at == 0 { "" } else { "; " };
        if text.len() + separator.len() + item.len() + REST + tail.len() > MAX_BYTES {
            // Writing to a String cannot fail.
            let _ = write!(text, " and {} more", items.len() - at);
            break;
        }
        text.push_str(separator);
        text.push_str(item);
    }
    text.push_str(tail);
    text
}

fn capitalised(action: Action) -> String {
    let word = action.as_str();
    word[..1].to_ascii_uppercase() + &word[1..]
}
