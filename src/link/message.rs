//! Texts that several rules share. A message has no timestamps and no text from a remote server, so the same state always
//! reads the same.

use std::fmt::Write as _;

use crate::connectwise::{Action, Actual, Line, MemberTraits, Required};
use crate::crd::{PermissionLine, Reason};
use crate::petra::Refusal;

/// Longest message of a condition, in bytes.
pub const MAX_BYTES: usize = 1024;

/// The event of a link whose tenant now has another API host.
pub(crate) const ID_KEPT: &str =
    "The ConnectWise API host of this company changed after the link was created. The link keeps its ID.";

/// Ends the message of every fault that the operator rechecks.
const LOOKS_AGAIN: &str = "The operator rechecks automatically.";

/// The same for a fault of the role, the member or the board, which the operator rechecks soon.
const LOOKS_AGAIN_SOON: &str = "The operator rechecks automatically within about 5 minutes.";

/// What to click to fix one line of a role, in ConnectWise's own words.
#[must_use]
pub(crate) fn fix(line: &Line) -> String {
    match (line.required, line.function.split_once(" / ")) {
        (Required::Allowed, Some((function, item))) => format!(
            "System > Security Roles > the API member's role > {} > {function} (customize): move {item} to the Allow list",
            line.module
        ),
        (Required::Level(level), _) => format!(
            "System > Security Roles > the API member's role > {} > {}: set {} Level to {}",
            line.module,
            line.function,
            capitalised(line.action.as_str()),
            level.as_str()
        ),
        (Required::Nothing, _) => format!(
            "System > Security Roles > the API member's role > {} > {}: {} Level can be lowered to None",
            line.module,
            line.function,
            capitalised(line.action.as_str())
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
pub(crate) fn permission_line(line: &Line) -> PermissionLine {
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

/// Advice about the member itself, for `status.permissions.advice`: keys of a person, and boards that are withheld from it
/// where the spec names none that could be checked.
#[must_use]
pub(crate) fn member_advice(traits: MemberTraits, board_named: bool) -> Vec<PermissionLine> {
    let line = |function: &str, required: &str, actual: String, fix: &str| PermissionLine {
        module: "Members".to_owned(),
        function: function.to_owned(),
        action: String::new(),
        required: required.to_owned(),
        actual,
        fix: fix.to_owned(),
    };
    let person = traits.person.then(|| {
        line(
            "License Class",
            "API member",
            "not an API member".to_owned(),
            "System > Members > API Members: create a member with the same security role, create API keys for it, and put \
             these keys into the Secret; keys of a person stop working when that person loses access",
        )
    });
    let boards = (!board_named && traits.excluded_boards > 0).then(|| {
        let actual = match traits.excluded_boards {
            1 => "1 board excluded".to_owned(),
            many => format!("{many} boards excluded"),
        };
        line(
            "Excluded Service Boards",
            "the board for Petra's tickets is not excluded",
            actual,
            "System > Members > API Members > the member: remove the board for Petra's tickets from its excluded service \
             boards, or set spec.serviceBoard to that board to have it checked",
        )
    });
    person.into_iter().chain(boards).collect()
}

/// The message of `PermissionsMissing`.
#[must_use]
pub(crate) fn permissions_missing(profile: &str, missing: &[PermissionLine]) -> String {
    let head = format!(
        "The security role of the API member is missing {} required by profile {profile}. In ConnectWise, open System > \
         Security Roles > the API member's role. Set: ",
        if missing.len() == 1 { "1 permission".to_owned() } else { format!("{} permissions", missing.len()) }
    );
    let items = missing.iter().map(|line| {
        if is_allow_list_item(line) {
            wanted(line)
        } else {
            format!("{} (now {})", wanted(line), line.actual)
        }
    });
    bounded_list(&head, items, &format!(". Save the role. {LOOKS_AGAIN_SOON}"))
}

/// The message of `NotVerifiable` and `GrantedAsFarAsVisible`.
#[must_use]
pub(crate) fn not_visible(reason: Reason, profile: &str, unknown: &[PermissionLine]) -> String {
    let head = if reason == Reason::NotVerifiable {
        format!(
            "Some permissions required by profile {profile} cannot be verified: these API keys may not read them. No permission \
             was found missing. In ConnectWise, check these manually in System > Security Roles > the API member's role: "
        )
    } else {
        format!(
            "The security role grants every function required by profile {profile}. Some Allow lists cannot be read through the \
             API. In ConnectWise, check them manually in System > Security Roles > the API member's role: "
        )
    };
    bounded_list(&head, unknown.iter().map(wanted), ".")
}

/// What a line shall be, as a person finds it in ConnectWise.
fn wanted(line: &PermissionLine) -> String {
    match line.function.split_once(" / ") {
        Some((function, item)) if is_allow_list_item(line) => {
            format!("{} > {function} (customize): {item} on the Allow list", line.module)
        }
        _ => format!(
            "{} > {}: {} Level {}",
            line.module,
            line.function,
            capitalised(&line.action),
            line.required
        ),
    }
}

fn is_allow_list_item(line: &PermissionLine) -> bool {
    line.action == Action::Customize.as_str()
}

/// The message of a link's board that is not ready.
#[must_use]
pub(crate) fn board(board: &str, fault: &str, click: &str) -> String {
    format!("Service board \"{board}\" {fault}. {click} {LOOKS_AGAIN_SOON}")
}

/// The message of `ValidationStale` where it is Petra that was not heard of.
#[must_use]
pub(crate) fn petra_stale() -> String {
    looks_again(
        "The API keys and security role are valid, but Petra has not given a clear answer for too long. Its last answer was good. \
         If this continues, ask the operator's administrator to check the connection to Petra.",
    )
}

/// Ends a message with the sentence that the operator rechecks automatically.
#[must_use]
pub(crate) fn looks_again(text: &str) -> String {
    format!("{text} {LOOKS_AGAIN}")
}

/// The same for a fault of the member.
#[must_use]
pub(crate) fn looks_again_soon(text: &str) -> String {
    format!("{text} {LOOKS_AGAIN_SOON}")
}

/// What a refusal adds while the server has not accepted the operator's clientId.
const CLIENT_ID_MAY_BE_BAD: &str = " This ConnectWise server has not accepted the operator's own clientId since the operator \
    started, so it may also be the cause. Ask the operator's administrator to check it.";

/// Whether a message of `CredentialsRejected` names the clientId as a possible cause.
#[must_use]
pub(crate) fn names_client_id(message: &str) -> bool {
    message.contains(CLIENT_ID_MAY_BE_BAD)
}

/// The message of `CredentialsRejected`. While the server has not accepted the operator's clientId, it may also be the cause.
#[must_use]
pub(crate) fn credentials_rejected(secret: &str, client_id_works: bool, previous_at_petra: bool) -> String {
    let mut text = format!(
        "ConnectWise refused the API keys. In ConnectWise, open System > Members > API Members. Open the member and create a \
         new key pair on its API Keys tab. Put both keys into Secret \"{secret}\", or ask a cluster administrator to do so."
    );
    if !client_id_works {
        text.push_str(CLIENT_ID_MAY_BE_BAD);
    }
    if previous_at_petra {
        text.push_str(" Petra still has the previous keys.");
    }
    looks_again(&text)
}

/// The message of a link whose keys were changed a moment ago and refused once.
#[must_use]
pub(crate) fn new_keys_refused(secret: &str) -> String {
    format!(
        "ConnectWise refused the new API keys in Secret \"{secret}\" right after they changed. If only one of the two keys was \
         replaced, replace the other one as well. The operator checks the keys once more within about a minute, before it \
         reports them as refused."
    )
}

/// The message of `RegistrationRejected`: what Petra says against a link that passed the operator's own check.
#[must_use]
pub(crate) fn rejected_by_petra(why: Refusal, secret: &str, profile: &str) -> String {
    const SUPPORT: &str = "contact support@petrasecurity.com and include the company ID";
    looks_again(&match why {
        Refusal::CompanyUnknown => format!(
            "Petra reports that ConnectWise does not know this company, although the operator's own check with the same \
             company, site and API keys passed. If this continues, {SUPPORT}."
        ),
        Refusal::CredentialsRejected => format!(
            "Petra reports that ConnectWise refused the API keys, although the operator's own check with the same API keys \
             passed. In ConnectWise, open System > Members > API Members. Open the member and create a new key pair on its API \
             Keys tab. Put both keys into Secret \"{secret}\", or ask a cluster administrator to do so. If Petra refuses \
             these too, {SUPPORT}."
        ),
        Refusal::PermissionMissing => format!(
            "Petra reports that the security role of the API member is missing a permission, although the role has every \
             permission that the operator can verify of profile {profile}. In ConnectWise, open System > Security Roles > the \
             API member's role. Compare it with Petra's current guide. If it has all permissions of the guide, {SUPPORT}."
        ),
        Refusal::Unreachable => format!(
            "Petra reports that it cannot reach ConnectWise, although the operator can. If a firewall protects this \
             ConnectWise server, ask its administrator to allow connections from Petra. Otherwise {SUPPORT}."
        ),
        Refusal::Unexplained => format!(
            "Petra reports that the link failed, and gives no reason that this operator knows. The operator's own check with \
             the same API keys passed. If this continues, {SUPPORT}."
        ),
    })
}

/// Joins items with `; ` between head and tail, within [`MAX_BYTES`]; says how many were left out.
fn bounded_list(head: &str, items: impl Iterator<Item = String>, tail: &str) -> String {
    const REST: usize = " and 999 more, in status.permissions".len();
    let items: Vec<String> = items.collect();
    let mut text = head.to_owned();
    for (at, item) in items.iter().enumerate() {
        let separator = if at == 0 { "" } else { "; " };
        if text.len() + separator.len() + item.len() + REST + tail.len() > MAX_BYTES {
            // Writing to a String cannot fail.
            let _ = write!(text, " and {} more, in status.permissions", items.len() - at);
            break;
        }
        text.push_str(separator);
        text.push_str(item);
    }
    text.push_str(tail);
    text
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
