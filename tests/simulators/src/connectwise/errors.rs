//! The error bodies of ConnectWise, by the causes that this service has for them.
//!
//! The bodies are data (`error-bodies.json`, collected from published replies, which the operator's own tests read too); a message that names a record or
//! a field is the only part that is put in here.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scenario::ClientIdRefusal;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    name: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    content_type: String,
    body: Value,
}

static RECORDED: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../src/connectwise/testdata/error-bodies.json"))
        .expect("the shipped error bodies are valid")
});

/// The names that [`named`] knows.
pub(crate) fn names() -> Vec<&'static str> {
    RECORDED.iter().map(|recorded| recorded.name.as_str()).collect()
}

/// The recorded answer of that name.
pub(crate) fn named(name: &str) -> Option<Response> {
    recorded(name).map(|recorded| build(recorded, &recorded.body))
}

fn recorded(name: &str) -> Option<&'static Recorded> {
    RECORDED.iter().find(|recorded| recorded.name == name)
}

fn build(recorded: &Recorded, body: &Value) -> Response {
    let text = match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(recorded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, value(&recorded.content_type));
    for (name, text) in &recorded.headers {
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, value(text));
        }
    }
    response
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// Why a request gets no data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// The role lacks the right.
    PermissionDenied,
    /// Keys that nobody has, at a cloud's own codebase.
    Unauthorized,
    /// Keys that nobody has, on-premise.
    UserNotAuthenticated,
    /// The router in front of a cloud does not let it through.
    RouterNotFound,
    /// No such codebase, or no such company under it.
    CannotRoute,
    /// No such route.
    EndpointMissing,
    /// No such record; the message names it.
    RecordNotFound(String),
    /// A condition that cannot be used; the message says why.
    BadConditions(String),
    /// A number was expected.
    BadValueType,
    /// Too many requests; seconds until the next is taken.
    RateLimited(u64),
    /// No `clientId`, or one that is not known.
    ClientId(ClientIdRefusal),
    /// The simulator serves only GET.
    MethodNotAllowed(Method),
}

impl Refusal {
    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::PermissionDenied => from("permission-denied", None),
            Self::Unauthorized | Self::ClientId(ClientIdRefusal::Unauthorized) => from("unauthorized", None),
            Self::UserNotAuthenticated => from("user-not-authenticated", None),
            Self::RouterNotFound => from("router-404", None),
            Self::CannotRoute => from("cannot-route", None),
            Self::EndpointMissing => from("endpoint-missing", None),
            Self::RecordNotFound(message) => from("record-not-found", Some(message)),
            Self::BadConditions(message) => from("bad-conditions", Some(message)),
            Self::BadValueType => from("bad-value-type", None),
            Self::RateLimited(seconds) => {
                let message = format!("Too many requests. Please try again in {seconds} seconds.");
                let mut response = from("rate-limited", Some(message));
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            // No real body is public for these two; the shape is that of the others.
            Self::ClientId(ClientIdRefusal::BadRequest) => {
                plain(StatusCode::BAD_REQUEST, "InvalidObject", "clientId is invalid")
            }
            Self::ClientId(ClientIdRefusal::Forbidden) => {
                plain(StatusCode::FORBIDDEN, "Forbidden", "clientId is invalid")
            }
            // As ASP.NET words it.
            Self::MethodNotAllowed(method) => {
                let message = format!("The requested resource does not support http method '{method}'.");
                plain(StatusCode::METHOD_NOT_ALLOWED, "ConnectWiseApi", &message)
            }
        }
    }
}

fn from(name: &str, message: Option<String>) -> Response {
    let recorded = recorded(name).expect("the name is one of the shipped error bodies, as a test proves");
    let mut body = recorded.body.clone();
    if let Some(message) = message {
        body["message"] = Value::String(message);
    }
    build(recorded, &body)
}

fn plain(status: StatusCode, code: &str, message: &str) -> Response {
    let mut response = Response::new(Body::from(json!({"code": code, "message": message}).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_recorded_body() {
        let statuses: Vec<_> = [
            Refusal::PermissionDenied,
            Refusal::Unauthorized,
            Refusal::UserNotAuthenticated,
            Refusal::RouterNotFound,
            Refusal::CannotRoute,
            Refusal::EndpointMissing,
            Refusal::RecordNotFound("Contact 1 not found".to_owned()),
            Refusal::BadConditions("x is not a recognized name.".to_owned()),
            Refusal::BadValueType,
            Refusal::RateLimited(30),
        ]
        .map(|refusal| refusal.into_response().status().as_u16())
        .into();
        assert_eq!(statuses, [403, 401, 401, 404, 400, 404, 404, 400, 500, 429]);
    }
}
