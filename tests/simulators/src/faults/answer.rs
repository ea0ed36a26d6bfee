//! How the effects look on the wire.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};

use super::gzip::packed;
use super::{Bulk, Effect, RuleError};
use crate::connectwise::errors;

/// What is done to the answer, or instead of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Ending {
    /// Nothing: the service answers.
    #[default]
    AsUsual,
    /// The service answers; this many bytes of the body arrive.
    Truncate(usize),
    /// The service answers; each key of this name is there twice, first with this value.
    Twice(String, serde_json::Value),
    /// No answer, ever.
    Hang,
    /// The connection is reset.
    Reset,
    /// The service is not asked.
    Instead(Effect),
}

impl Ending {
    pub(super) fn of(effect: &Effect) -> Self {
        match effect {
            Effect::Latency(_) | Effect::Hold(_) => Self::AsUsual,
            Effect::Truncate(bytes) => Self::Truncate(*bytes),
            Effect::Twice { key, value } => Self::Twice(key.clone(), value.clone()),
            Effect::Hang => Self::Hang,
            Effect::Reset => Self::Reset,
            other => Self::Instead(other.clone()),
        }
    }
}

/// Refuses an effect that could not be carried out.
pub(super) fn check(effect: &Effect) -> Result<(), RuleError> {
    match effect {
        Effect::Named(name) if errors::named(name).is_none() => Err(RuleError::UnknownName(name.clone())),
        Effect::Html { status } => status_of(*status).map(drop),
        Effect::Status { status, headers, .. } => {
            status_of(*status)?;
            headers.iter().try_for_each(|(name, value)| header_of(name, value).map(drop))
        }
        Effect::Redirect { location } => header_of("location", location).map(drop),
        Effect::Bulk(Bulk { headers, .. }) => {
            headers.iter().try_for_each(|(name, value)| header_of(name, value).map(drop))
        }
        _ => Ok(()),
    }
}

fn status_of(status: u16) -> Result<StatusCode, RuleError> {
    StatusCode::from_u16(status).map_err(|_| RuleError::NotHttp(format!("status {status}")))
}

fn header_of(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), RuleError> {
    let refused = || RuleError::NotHttp(format!("header {name}"));
    Ok((name.parse().map_err(|_| refused())?, value.parse().map_err(|_| refused())?))
}

/// The next page of what was asked for.
fn next_page(asked: &Uri) -> String {
    let pairs = form_urlencoded::parse(asked.query().unwrap_or_default().as_bytes());
    let page = pairs.filter(|(name, _)| name == "page").find_map(|(_, page)| page.parse::<u64>().ok());
    format!("{}?page={}", asked.path(), page.unwrap_or(1) + 1)
}

/// The answer of an effect that does not ask the service.
///
/// # Errors
/// Where the effect is none of those, or [`check`] would refuse it.
pub(crate) fn instead(effect: &Effect, asked: &Uri) -> Result<Response, RuleError> {
    let mut response = match effect {
        Effect::Pages(rows) => {
            let mut response = Response::new(Body::from(rows.to_string()));
            set(&mut response, "link", &format!("<{}>; rel=\"next\"", next_page(asked)))?;
            response
        }
        Effect::Endless => Response::new(endless_array()),
        Effect::Bulk(bulk) => {
            let mut response = Response::new(repeated(bulk));
            set(&mut response, "content-type", "application/json; charset=utf-8")?;
            if bulk.gzip {
                set(&mut response, "content-encoding", "gzip")?;
            }
            for (name, value) in &bulk.headers {
                set(&mut response, name, value)?;
            }
            return Ok(response);
        }
        Effect::Html { status } => {
            let mut response = Response::new(Body::from(format!("<html><body>Error {status}</body></html>")));
            *response.status_mut() = status_of(*status)?;
            set(&mut response, "content-type", "text/html")?;
            return Ok(response);
        }
        Effect::Status { status, headers, body } => {
            let mut response = Response::new(Body::from(body.clone()));
            *response.status_mut() = status_of(*status)?;
            for (name, value) in headers {
                set(&mut response, name, value)?;
            }
            return Ok(response);
        }
        Effect::Redirect { location } => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::FOUND;
            set(&mut response, "location", location)?;
            return Ok(response);
        }
        Effect::Json(value) => Response::new(Body::from(value.to_string())),
        Effect::Named(name) => {
            return errors::named(name).ok_or_else(|| RuleError::UnknownName(name.clone()));
        }
        Effect::Latency(_)
        | Effect::Hold(_)
        | Effect::Hang
        | Effect::Reset
        | Effect::Truncate(_)
        | Effect::Twice { .. } => {
            return Err(RuleError::NotHttp("no answer of its own".to_owned()));
        }
    };
    set(&mut response, "content-type", "application/json; charset=utf-8")?;
    Ok(response)
}

fn set(response: &mut Response, name: &str, value: &str) -> Result<(), RuleError> {
    let (name, value) = header_of(name, value)?;
    response.headers_mut().insert(name, value);
    Ok(())
}

fn endless_array() -> Body {
    let rows = Bytes::from(r#"{"id":1,"name":"row"},"#.repeat(512));
    let start = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"[")) });
    Body::from_stream(start.chain(stream::repeat_with(move || Ok(rows.clone()))))
}

fn repeated(bulk: &Bulk) -> Body {
    let Bulk { begin, part, times, end, pause_ms, gzip, headers: _ } = bulk;
    if *gzip {
        return Body::from(packed(begin, part, *times, end));
    }
    if *pause_ms == 0 {
        return Body::from([begin.as_str(), &part.repeat(*times), end].concat());
    }
    let pause = Duration::from_millis(*pause_ms);
    let (begin, end) = (Bytes::from(begin.clone()), Bytes::from(end.clone()));
    let parts = stream::repeat(Bytes::from(part.clone())).take(*times).then(move |part| async move {
        tokio::time::sleep(pause).await;
        part
    });
    let body = stream::once(async { begin }).chain(parts).chain(stream::once(async { end }));
    Body::from_stream(body.map(Ok::<_, Infallible>))
}

/// The same answer, of which only the first bytes arrive although its length promises all.
pub(crate) fn truncated(response: Response<Bytes>, keep: usize) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let kept = body.slice(..keep.min(body.len()));
    let kept = stream::once(async { Ok(kept) });
    let broken = stream::once(async {
        // The server sends what it has only when there is nothing more to take at once.
        tokio::task::yield_now().await;
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "the body was cut off on purpose"))
    });
    Response::from_parts(parts, Body::from_stream(kept.chain(broken)))
}

/// The same answer, in which every object that has this key has it once more before it. The services write JSON without
/// white space.
pub(crate) fn twice(response: Response<Bytes>, key: &str, value: &serde_json::Value) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let found = format!("{}:", serde_json::Value::from(key));
    let body = String::from_utf8_lossy(&body).replace(&found, &format!("{found}{value},{found}"));
    Response::from_parts(parts, Body::from(body))
}
