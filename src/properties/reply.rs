//! The headers of an answer.

use http::header::{CONTENT_TYPE, DATE, LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use crate::upstream::hosts::HostPort;
use crate::upstream::reply;

/// Whatever the headers say, the next page is a path on the same host, and a wait is a time.
///
/// # Panics
/// Where that does not hold.
pub fn headers(values: [&[u8]; 5]) {
    let host: HostPort = "api-na.myconnectwise.net".parse().expect("a host");
    let [content_type, retry_after, public, date, link] = values;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (RETRY_AFTER, retry_after),
        (http::HeaderName::from_static("retry-after-public-api"), public),
        (DATE, date),
        (LINK, link),
    ] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let answer = reply::answer(200, &headers, &host);
    assert!(answer.content_type.len() <= content_type.len());
    if let Some(next) = &answer.next {
        assert!(next.starts_with('/') && next.len() <= 3 * 4096, "{next}");
        let url = url::Url::parse(&format!("https://{host}{next}")).expect("a path on the host");
        assert_eq!(url.host_str(), Some(host.host().as_str()), "{next} leads elsewhere");
        assert!(!next.contains(['\r', '\n', ' ', '#']), "{next:?} does not fit a request line");
    }
    super::tells_nothing(&format!("{answer:?} {:?} {:?}", answer.retry_after, answer.date));
}
