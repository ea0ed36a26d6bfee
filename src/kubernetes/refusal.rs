//! A write to a link that the API server refuses, and who is behind that.
//!
//! Who refuses is found in the message of the API server, of which only parsed values are kept: names that are names of
//! Kubernetes, and the message of a policy when it is plain text. A policy is stored in the cluster, and only a cluster
//! administrator can write one; a webhook is a server, so that nothing of what it says is shown.

use std::fmt;

use kube::core::Status;

use crate::dns_name;

/// Longest message of a policy that is shown.
const MAX_MESSAGE: usize = 200;
/// Longest word of such a message: API keys of ConnectWise have 16 characters.
const MAX_WORD: usize = 15;

/// What could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkWrite {
    /// The status.
    Status,
    /// The finalizer: to add or to remove it.
    Finalizer,
}

impl LinkWrite {
    /// The label of the metric `cwlink_link_writes_refused_total`.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Finalizer => "finalizer",
        }
    }
}

/// A write that the API server refuses for as long as nobody changes the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRefusal {
    /// What could not be written.
    pub write: LinkWrite,
    /// Who refuses it.
    pub by: RefusedBy,
}

/// Who refuses a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedBy {
    /// An admission policy that is stored in the cluster.
    Policy {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it says, if that can be shown.
        message: Option<String>,
    },
    /// An admission webhook.
    Webhook {
        /// Its name.
        name: String,
    },
    /// The operator does not have the permission.
    Rights,
    /// The API server itself, with this code.
    ApiServer(u16),
}

impl WriteRefusal {
    /// Reads an answer of the API server to a write; `None` where another try may succeed by itself.
    #[must_use]
    pub(crate) fn of(write: LinkWrite, status: &Status) -> Option<Self> {
        let by = policy(&status.message).or_else(|| webhook(&status.message)).or(match status.code {
            403 => Some(RefusedBy::Rights),
            400 | 413 | 422 => Some(RefusedBy::ApiServer(status.code)),
            _ => None,
        });
        by.map(|by| Self { write, by })
    }
}

impl fmt::Display for RefusedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { kind, name, message: Some(message) } => {
                write!(f, "{kind} \"{name}\" refuses it ({message})")
            }
            Self::Policy { kind, name, message: None } => write!(f, "{kind} \"{name}\" refuses it"),
            Self::Webhook { name } => write!(f, "admission webhook \"{name}\" does not allow it"),
            Self::Rights => f.write_str("the operator does not have the permission"),
            Self::ApiServer(code) => write!(f, "the API server answers {code}"),
        }
    }
}

/// `…: ValidatingAdmissionPolicy 'NAME' with binding 'BINDING' denied request: MESSAGE`
fn policy(message: &str) -> Option<RefusedBy> {
    let (kind, rest) = ["ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"]
        .into_iter()
        .find_map(|kind| Some((kind, message.split_once(kind)?.1.strip_prefix(" '")?)))?;
    let (name, rest) = rest.split_once('\'')?;
    let said = rest.split_once("denied request: ").and_then(|(_, said)| plain(said));
    dns_name::is_subdomain(name).then(|| RefusedBy::Policy { kind, name: name.to_owned(), message: said })
}

/// `admission webhook "NAME" denied the request: …`, or `failed calling webhook "NAME": …`
fn webhook(message: &str) -> Option<RefusedBy> {
    let rest = message.split_once("webhook \"")?.1;
    let (name, _) = rest.split_once('"')?;
    dns_name::is_subdomain(name).then(|| RefusedBy::Webhook { name: name.to_owned() })
}

/// The text, if it is short and made of words and common punctuation, and no word is as long as an API key.
fn plain(text: &str) -> Option<String> {
    let text = text.trim_ascii();
    let fits = (1..=MAX_MESSAGE).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" .,:;'()-/".contains(&b))
        && text.split(|c: char| !c.is_ascii_alphanumeric()).all(|word| word.len() <= MAX_WORD);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_by(code: u16, message: &str) -> Option<RefusedBy> {
        let status = Status::failure(message, "").with_code(code);
        WriteRefusal::of(LinkWrite::Status, &status).map(|refusal| refusal.by)
    }

    fn said(code: u16, message: &str) -> String {
        refused_by(code, message).map_or_else(|| "another try may succeed".to_owned(), |by| by.to_string())
    }

    #[test]
    fn a_policy_is_named_with_its_message_and_a_webhook_by_its_name_alone() {
        let policy = "connectwiselinks.integrations.petrasecurity.com \"acme\" is forbidden: ValidatingAdmissionPolicy \
                      'freeze' with binding 'freeze-all' denied request: no changes before Monday";
        assert_eq!(
            said(422, policy),
            "ValidatingAdmissionPolicy \"freeze\" refuses it (no changes before Monday)"
        );
        for webhook in [
            "admission webhook \"deny.example.com\" denied the request: CANARY",
            "Internal error occurred: failed calling webhook \"deny.example.com\": Post \"https://x\": CANARY",
        ] {
            let text = "admission webhook \"deny.example.com\" does not allow it";
            assert_eq!((said(403, webhook).as_str(), said(500, webhook).as_str()), (text, text));
        }
        let rights = "connectwiselinks \"acme\" is forbidden: User \"x\" cannot update resource \"connectwiselinks/status\"";
        assert_eq!(said(403, rights), "the operator does not have the permission");
        assert_eq!(said(422, "status.link.id: too long"), "the API server answers 422");
    }

    #[test]
    fn only_names_and_plain_text_of_a_policy_are_shown() {
        let denied = |name: &str, message: &str| {
            said(
                422,
                &format!("ValidatingAdmissionPolicy '{name}' with binding 'b' denied request: {message}"),
            )
        };
        let bare = "ValidatingAdmissionPolicy \"freeze\" refuses it";
        for message in ["", "<b>no</b>", "key 0123456789abcdef", "line\nbreak", &"long ".repeat(60), "naïve"]
        {
            assert_eq!(denied("freeze", message), bare, "{message:?}");
        }
        for name in ["Freeze", "a b", "<b>", ""] {
            assert_eq!(denied(name, "no"), "the API server answers 422", "{name:?}");
        }
        assert_eq!(
            said(403, "admission webhook \"<b>\" denied the request"),
            "the operator does not have the permission"
        );
    }

    #[test]
    fn what_may_succeed_at_the_next_try_is_no_refusal() {
        for code in [401, 429, 500, 503, 504] {
            assert_eq!(refused_by(code, "etcdserver: request timed out"), None, "{code}");
        }
    }
}
