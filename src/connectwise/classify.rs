//! What an answer of ConnectWise means. Pure.
//!
//! Status, code, content type and message are judged together, because none of them is enough: a 401 may be a proxy's, a
//! 403 with code `Security` may be about TLS, a 404 may be a router's. Only ConnectWise's own JSON is ever an
//! accusation; what could mean several things is [`Meaning::Ambiguous`]. The known bodies are in
//! `testdata/error-bodies.json`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::upstream::Answer;
use crate::upstream::json::{self, without_mark};

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `login/companyinfo`, without keys.
    Discovery,
    /// The API below the tenant's codebase, with keys.
    Api {
        /// Whether the codebase is `v4_6_release/` on a cloud host. That is a router in front of the tenants' servers, and
        /// with wrong keys it answers 404 or nothing at all (the vendor's own tip): its refusals prove nothing.
        router: bool,
    },
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// 200 with JSON, or what begins like it.
    Ok,
    /// The keys are good, and the role lacks the right.
    PermissionDenied,
    /// This host does not serve the API over TLS: nothing about keys or rights.
    WrongHost,
    /// ConnectWise itself refuses these keys.
    CredentialsRejected,
    /// companyinfo knows no such company.
    CompanyUnknown,
    /// The path leads to no server: the codebase is out of date, or the company moved.
    CompanyOrCodebaseInvalid,
    /// The record that the path names does not exist.
    RecordNotFound,
    /// This server, an older one, has no such route.
    EndpointMissing,
    /// The request is at fault, not the keys: asking again does not help.
    BadRequest,
    /// Too many requests; how long to wait, if it said so.
    RateLimited(Option<Duration>),
    /// The server or a gateway is out of order: ask again later.
    Unavailable,
    /// A redirect, which is never followed: keys have been sent to `http://` that way.
    Redirected,
    /// 200, but no JSON.
    NotJson,
    /// Could be several of these.
    Ambiguous,
}

/// Decides what an answer means.
#[must_use]
pub(crate) fn classify(answer: &Answer, asked: Asked) -> Meaning {
    let error = own_error(answer);
    let error = error.as_ref();
    let says = |code: &str| error.is_some_and(|error| error.code == code);
    if says("Security") && is_tls_message(error) {
        return Meaning::WrongHost;
    }
    match answer.status {
        200 => success(answer, asked),
        300..=399 => Meaning::Redirected,
        400 if is_cannot_route(answer) => Meaning::CompanyOrCodebaseInvalid,
        400 if error.is_some() && !names_client_id(error) => Meaning::BadRequest,
        401 | 403 if names_client_id(error) => Meaning::Ambiguous,
        401 | 403 if (says("Security") || says("Unauthorized")) && is_permission_message(error) => {
            Meaning::PermissionDenied
        }
        401 if is_rejection(error) && speaks_for_the_tenant(asked) => Meaning::CredentialsRejected,
        404 if says("NotFound") => not_found(asked),
        404 if says("ConnectWiseApi")
            && is_missing_endpoint_message(error)
            && speaks_for_the_tenant(asked) =>
        {
            Meaning::EndpointMissing
        }
        429 => Meaning::RateLimited(answer.retry_after),
        500 if is_value_type_message(error) => Meaning::BadRequest,
        500..=599 => Meaning::Unavailable,
        _ => Meaning::Ambiguous,
    }
}

/// The part of ConnectWise's error body that is judged. Its `errors` may be missing, and the 429 body has `error` in place
/// of `code`; neither is needed.
struct OwnError {
    code: String,
    message: String,
}

/// ConnectWise's own error body: JSON, declared as JSON, with a code and a message.
fn own_error(answer: &Answer) -> Option<OwnError> {
    #[derive(Deserialize)]
    struct Body {
        code: String,
        message: String,
    }
    if answer.status < 400 || !is_json(answer) {
        return None;
    }
    // Read as a value first: only a code or a message that is there twice makes the body unreadable.
    let body = json::read_value(&answer.body).filter(Value::is_object)?;
    let body: Body = serde_json::from_value(body).ok()?;
    Some(OwnError { code: body.code, message: body.message.trim().to_ascii_lowercase() })
}

fn is_json(answer: &Answer) -> bool {
    answer.content_type == "application/json" || answer.content_type.ends_with("+json")
}

fn success(answer: &Answer, asked: Asked) -> Meaning {
    let body = without_mark(&answer.body);
    match asked {
        Asked::Discovery if is_json(answer) && body == b"null" => Meaning::CompanyUnknown,
        // A proxy's login page comes with 200 too. Whether the JSON is what was asked for is for its reader to say.
        _ if !answer.content_type.contains("html") && matches!(body.first(), Some(b'{' | b'[')) => {
            Meaning::Ok
        }
        _ => Meaning::NotJson,
    }
}

/// Whether a refusal comes from the tenant's own server. A router's does not count, whatever it says.
fn speaks_for_the_tenant(asked: Asked) -> bool {
    asked == Asked::Api { router: false }
}

fn not_found(asked: Asked) -> Meaning {
    match asked {
        Asked::Discovery => Meaning::CompanyUnknown,
        Asked::Api { router: false } => Meaning::RecordNotFound,
        Asked::Api { router: true } => Meaning::Ambiguous,
    }
}

/// The text of ConnectWise's 400 on a path that leads nowhere; `text/plain`, without JSON.
fn is_cannot_route(answer: &Answer) -> bool {
    !answer.content_type.contains("html") && without_mark(&answer.body).starts_with(b"Cannot route")
}

/// "You do not have security permission to perform this action."
fn is_permission_message(error: Option<&OwnError>) -> bool {
    error.is_some_and(|error| error.message.starts_with("you do not have security permission"))
}

/// "SSL is required." **U**: its status is not known, so any error status will do.
fn is_tls_message(error: Option<&OwnError>) -> bool {
    error.is_some_and(|error| error.message.starts_with("ssl is required"))
}

/// "The endpoint does not exist."
fn is_missing_endpoint_message(error: Option<&OwnError>) -> bool {
    error.is_some_and(|error| error.message.starts_with("the endpoint does not exist"))
}

/// "Error converting value …": the one 500 that is the request's own fault. Any other is taken for a passing one.
fn is_value_type_message(error: Option<&OwnError>) -> bool {
    error.is_some_and(|error| error.message.starts_with("error converting value"))
}

/// A 401 that refuses the keys: code `Unauthorized`, or an on-premise server's `ConnectWiseApi` with
/// `UserNotAuthenticated`. **U**: the text beside `Unauthorized` is not known, so any text but the permission message counts;
/// and a deleted key and an inactive member are presumed to look the same.
fn is_rejection(error: Option<&OwnError>) -> bool {
    error.is_some_and(|error| match error.code.as_str() {
        "Unauthorized" => true,
        "ConnectWiseApi" => error.message == "usernotauthenticated",
        _ => false,
    })
}

/// Whether the refusal is about the operator's own `clientId` and not about the tenant's keys. **U**: no such body is
/// public, and its status may be 400, 401 or 403; a message that speaks of a client id is taken for one, and accuses nobody.
fn names_client_id(error: Option<&OwnError>) -> bool {
    error.is_some_and(|error| {
        ["clientid", "client id", "client-id"].iter().any(|name| error.message.contains(name))
    })
}

#[cfg(test)]
mod tests;
