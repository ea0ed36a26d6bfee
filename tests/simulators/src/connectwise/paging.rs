//! Pages of rows, by `page` and `pageSize`, with their `Link` header.

use http::header;
use http::request::Parts;
use serde_json::Value;

use super::errors::Refusal;
use super::query::parameter;

/// Rows of a page where the request does not say: far fewer than a role has functions.
const DEFAULT_SIZE: usize = 25;

/// The most rows of a page; a larger size is taken as this.
const MAX_SIZE: usize = 1000;

/// A page and where the next one is.
pub(super) struct Page<'a> {
    pub(super) rows: Vec<&'a Value>,
    /// The `Link` header; `None` where everything is on this page.
    pub(super) link: Option<String>,
}

/// Cuts the page that a request asks for.
///
/// # Errors
/// [`Refusal::BadValueType`] where a number is none.
pub(super) fn cut<'a>(parts: &Parts, rows: &[&'a Value]) -> Result<Page<'a>, Refusal> {
    let size = number(parts, "pageSize")?.map_or(DEFAULT_SIZE, |size| size.clamp(1, MAX_SIZE));
    let page = number(parts, "page")?.unwrap_or(1).max(1);
    let last = rows.len().div_ceil(size).max(1);
    let shown = rows.iter().skip((page - 1).saturating_mul(size)).take(size).copied().collect();
    let to = |page: usize, rel| link_to(parts, &[("pageSize", size), ("page", page)], rel);
    let mut links = Vec::new();
    if page < last {
        links.extend([to(page + 1, "next"), to(last, "last")]);
    }
    if page > 1 {
        links.extend([to(page - 1, "prev"), to(1, "first")]);
    }
    Ok(Page { rows: shown, link: (!links.is_empty()).then(|| links.join(", ")) })
}

/// The same request with other numbers, as an absolute address.
fn link_to(parts: &Parts, numbers: &[(&str, usize)], rel: &str) -> String {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        if !["page", "pageSize"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            query.append_pair(&name, &value);
        }
    }
    for (name, value) in numbers {
        query.append_pair(name, &value.to_string());
    }
    format!("<https://{host}{}?{}>; rel=\"{rel}\"", parts.uri.path(), query.finish())
}

fn number(parts: &Parts, name: &str) -> Result<Option<usize>, Refusal> {
    let text = parameter(parts, name).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| Refusal::BadValueType)).transpose()
}
