//! What every request meets first: the User-Agent, the API key, the rate limit; and the clock on every answer.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, DATE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::Petra;
use super::problem::Problem;

/// Puts the gate before every route of `router`.
pub(super) fn guard(petra: &Petra, router: Router) -> Router {
    router
        .layer(middleware::from_fn_with_state(petra.clone(), admit))
        .layer(middleware::from_fn_with_state(petra.clone(), tell_the_time))
}

async fn admit(State(petra): State<Petra>, request: Request, next: Next) -> Response {
    match check(&petra, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(petra: &Petra, request: &Request) -> Result<(), Problem> {
    if request.headers().get(USER_AGENT).is_none_or(HeaderValue::is_empty) {
        return Err(Problem::UserAgentRequired);
    }
    // The template, not the path: all links share the limit of one route.
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let now = (petra.0.clock)();
    let mut books = petra.0.books();
    let key = bearer(request.headers()).ok_or(Problem::InvalidApiKey)?;
    if !books.settings.api_keys.iter().any(|accepted| accepted == key) {
        return Err(Problem::InvalidApiKey);
    }
    let Some(per_minute) = books.settings.rate_per_minute else { return Ok(()) };
    let header = books.settings.retry_after_header;
    books
        .requests
        .admit(request.method().clone(), route, per_minute, now)
        .map_err(|seconds| Problem::RateLimited { header, seconds })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(key)
}

async fn tell_the_time(State(petra): State<Petra>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let now = petra.0.now(&petra.0.books().settings);
    if let Some(date) = http_date(now) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// RFC 9110's IMF-fixdate; `None` for years that it cannot write.
fn http_date(now: Timestamp) -> Option<HeaderValue> {
    HeaderValue::try_from(DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()?).ok()
}
