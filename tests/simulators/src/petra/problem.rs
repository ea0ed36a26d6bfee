//! The contract's error answers.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::links::Refusal;
use super::settings::RetryAfterHeader;

/// Why a request was not served.
#[derive(Debug)]
pub(super) enum Problem {
    /// The request is not as the contract describes. The text is about the contract, never about what was sent.
    InvalidRequest(&'static str),
    InvalidApiKey,
    UserAgentRequired,
    NoSuchRoute,
    RateLimited {
        header: RetryAfterHeader,
        seconds: i64,
    },
    Refused(Refusal),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Problem {
    fn answer(&self) -> (StatusCode, Value) {
        match self {
            Self::InvalidRequest(message) => {
                (StatusCode::BAD_REQUEST, json!({"code": "invalid_request", "message": message}))
            }
            Self::InvalidApiKey => (
                StatusCode::UNAUTHORIZED,
                json!({"code": "invalid_api_key", "message": "the API key is absent, unknown or deleted"}),
            ),
            Self::UserAgentRequired => (
                StatusCode::FORBIDDEN,
                json!({"code": "user_agent_required", "message": "send a User-Agent header"}),
            ),
            Self::NoSuchRoute => (
                StatusCode::NOT_FOUND,
                json!({"code": "route_not_found", "message": "this server has no such route"}),
            ),
            Self::RateLimited { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                json!({"code": "rate_limited", "message": "too many requests for this method and route"}),
            ),
            Self::Refused(refusal) => refused(refusal),
        }
    }
}

fn refused(refusal: &Refusal) -> (StatusCode, Value) {
    match refusal {
        Refusal::NotFound => (
            StatusCode::NOT_FOUND,
            json!({"code": "link_not_found", "message": "there is no link of this id"}),
        ),
        Refusal::OwnedByOther { owner } => (
            StatusCode::CONFLICT,
            json!({"code": "owned_by_other", "message": "the link is not the caller's", "owner": owner}),
        ),
        Refusal::CompanyLinked { link_id, owner } => (
            StatusCode::CONFLICT,
            json!({
                "code": "company_linked",
                "message": "the company has a link with another id",
                "linkId": link_id,
                "owner": owner,
            }),
        ),
        Refusal::TooLate => (
            StatusCode::GONE,
            json!({"code": "too_late", "message": "notAfter has passed by this server's clock"}),
        ),
        Refusal::VersionMismatch { version } => (
            StatusCode::PRECONDITION_FAILED,
            json!({
                "code": "version_mismatch",
                "message": "expectedVersion is not the version that is there",
                "version": version,
            }),
        ),
        Refusal::ConnectWise(reason) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({"code": reason.code(), "message": "ConnectWise refused the keys"}),
        ),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, body) = self.answer();
        let mut response = (status, Json(body)).into_response();
        if let Self::RateLimited { header, seconds } = self {
            response.headers_mut().insert(header.name(), seconds.into());
        }
        response
    }
}
