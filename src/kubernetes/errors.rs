//! Describes errors in one line of a log.

use std::error::Error;
use std::io;
use std::string::FromUtf8Error;

use kube::core::Status;

use super::client::RequestTimeout;
use crate::upstream::guard::error_chain;

const UNREADABLE: &str = "the answer has an unexpected format";
const HIDDEN: &str = "the details are not shown, because they may contain a secret";

/// Enough for every error there is, and an end to one that goes round in a circle.
const MOST_CAUSES: usize = 16;

/// The reasons that an API server's own handlers give. Any other text in this place comes from elsewhere.
const REASONS: [&str; 17] = [
    "AlreadyExists",
    "BadRequest",
    "Conflict",
    "Expired",
    "Forbidden",
    "Gone",
    "InternalError",
    "Invalid",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "RequestEntityTooLarge",
    "ServerTimeout",
    "ServiceUnavailable",
    "Timeout",
    "TooManyRequests",
    "Unauthorized",
];

/// An error of the operator's own, whose words are its own too, and what caused it.
pub(crate) fn describe_own_error(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", describe_error(cause)),
        None => error.to_string(),
    }
}

/// What went wrong between the operator and the API server, by the types in the chain of causes. Their texts are left out:
/// kube prints whole answers, and a page that a proxy sent is a message to it; the parser quotes what it met, which may be
/// a Secret; a certificate names what it likes.
pub(super) fn describe_error(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = error_chain(error).take(MOST_CAUSES).filter_map(words).collect();
    if texts.is_empty() { HIDDEN.to_owned() } else { texts.join(": ") }
}

/// The text for one error of a chain; `None` for a kind whose words are not known to be fixed.
fn words(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(status) = error.downcast_ref::<Box<Status>>() {
        return Some(describe_status(status));
    }
    if error.is::<serde_json::Error>() || error.is::<FromUtf8Error>() {
        return Some(UNREADABLE.to_owned());
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            rustls::Error::InvalidCertificate(_) => "its certificate is not trusted".to_owned(),
            _ => "TLS failed".to_owned(),
        });
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        let is_of_the_system = error.get_ref().is_none();
        return Some(if is_of_the_system { error.to_string() } else { error.kind().to_string() });
    }
    let is_fixed = error.is::<RequestTimeout>()
        || error.is::<hyper::Error>()
        || error.is::<hyper_util::client::legacy::Error>();
    is_fixed.then(|| error.to_string())
}

/// A refusal of the API server, such as `it answers 403 Forbidden`. Its message is left out: it is free text of a webhook, or of
/// a proxy with a page of its own.
pub(super) fn describe_status(status: &Status) -> String {
    let code = status.code;
    match REASONS.iter().find(|reason| **reason == status.reason) {
        Some(reason) => format!("it answers {code} {reason}"),
        None => format!("it answers {code}"),
    }
}

#[cfg(test)]
mod tests;
