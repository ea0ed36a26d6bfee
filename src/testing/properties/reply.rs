//! The headers of an answer.

use http::header::{CONTENT_TYPE, DATE, LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use crate::upstream::hosts::HostPort;
use crate::upstream::{Answer, reply};

/// Whatever the headers say, the next page is a path on the same host, and the one other text is the media type.
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
    // Every field is named, so that another one that holds text cannot be forgotten.
    let Answer { status: 200, content_type: media_type, retry_after: _, next, date: _, body } =
        reply::answer(200, &headers, &host)
    else {
        panic!("another status");
    };
    assert!(body.is_empty());
    // Compared with what is known, and dropped: no parameter is in it, and nothing of another header.
    let declared = content_type.to_ascii_lowercase();
    assert!(!media_type.contains(';'), "{media_type}");
    assert!(
        declared.trim_ascii().starts_with(media_type.as_bytes()),
        "{media_type:?} is not what was declared"
    );
    if let Some(next) = &next {
        assert!((next.is_empty() || next.starts_with('/')) && next.len() <= 3 * 4096, "{next}");
        let url = url::Url::parse(&format!("https://{host}{next}")).expect("a path on the host");
        assert_eq!(url.host_str(), Some(host.host().as_str()), "{next} leads elsewhere");
        assert!(!next.contains(['\r', '\n', ' ', '#']), "{next:?} does not fit a request line");
    }
}
