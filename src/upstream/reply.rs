//! What is read of an answer's headers. All of it is remote text: parsed into closed types or dropped.

use std::num::IntErrorKind;
use std::time::Duration;

use http::HeaderMap;
use http::header::{CONTENT_TYPE, DATE, LINK, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use url::{Position, Url};

use super::answer::Answer;
use super::hosts::{Host, HostPort};

/// The name under which a third party saw Petra's published API send it.
const RETRY_AFTER_PUBLIC_API: &str = "retry-after-public-api";
/// No target of a `Link` header is taken that is longer.
const MAX_TARGET: usize = 4096;

/// An answer of `host` with what its headers say, and no body yet.
pub(crate) fn answer(status: u16, headers: &HeaderMap, host: &HostPort) -> Answer {
    let date = text(headers, DATE.as_str()).and_then(read_date);
    let wait = [RETRY_AFTER.as_str(), RETRY_AFTER_PUBLIC_API]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .filter_map(|value| read_wait(value.to_str().ok()?.trim(), date))
        .max();
    Answer {
        status,
        content_type: text(headers, CONTENT_TYPE.as_str()).map(media_type).unwrap_or_default(),
        retry_after: wait,
        next: next_page(headers, host),
        date,
        body: Vec::new(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// An IMF-fixdate (RFC 9110, section 5.6.7). The two obsolete forms are not read: no server of today sends them.
fn read_date(value: &str) -> Option<Timestamp> {
    rfc2822::parse(value).ok().map(|date| date.timestamp())
}

/// Seconds, or a date less the server's own clock. More seconds than a number holds are as good as the most that it does:
/// nobody waits that long.
fn read_wait(value: &str, date: Option<Timestamp>) -> Option<Duration> {
    match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(Duration::MAX),
        Err(_) => Duration::try_from(read_date(value)?.duration_since(date?)).ok(),
    }
}

/// The target of `rel="next"` (RFC 8288) on the same host. Only path and query are kept, so that its scheme and port
/// do not matter: a server behind a load balancer often names its inner ones. A next page elsewhere is not followed, and
/// not forgotten either: what is not among the rows so far may be there.
fn next_page(headers: &HeaderMap, host: &HostPort) -> Option<String> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(links)
        .filter(|(_, parameters)| is_next(parameters))
        .map(|(target, _)| path_on(target, host).unwrap_or_default())
        .reduce(|first, other| if first.is_empty() { other } else { first })
}

/// The `<target>; parameters` of one header.
fn links(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split('<').skip(1).filter_map(|link| link.split_once('>'))
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("rel")
            && value
                .trim()
                .trim_matches('"')
                .split_ascii_whitespace()
                .any(|rel| rel.eq_ignore_ascii_case("next"))
    })
}

fn path_on(target: &str, host: &HostPort) -> Option<String> {
    if target.len() > MAX_TARGET {
        return None;
    }
    let url = Url::parse(&format!("https://{host}/")).ok()?.join(target).ok()?;
    let named = HostPort::new(Host::parse(url.host_str()?).ok()?, std::num::NonZeroU16::new(host.port())?);
    let same = named.site_key() == host.site_key() && matches!(url.scheme(), "http" | "https");
    same.then(|| url[Position::BeforePath..Position::AfterQuery].to_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"))
            })
            .collect();
        answer(200, &headers, &"api-na.myconnectwise.net".parse().expect("a host"))
    }

    #[test]
    fn the_content_type_is_read_without_its_parameters() {
        assert_eq!(
            read(&[("content-type", "Application/JSON; charset=utf-8")]).content_type,
            "application/json"
        );
        assert_eq!(read(&[]).content_type, "");
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_under_either_name() {
        let date = ("date", "Mon, 02 Feb 2026 09:30:00 GMT");
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(read(&[("retry-after", "17")]).retry_after, seconds(17));
        assert_eq!(read(&[("retry-after-public-api", "18")]).retry_after, seconds(18));
        assert_eq!(read(&[("retry-after", "17"), ("retry-after-public-api", "18")]).retry_after, seconds(18));
        assert_eq!(read(&[date, ("retry-after", "Mon, 02 Feb 2026 09:31:30 GMT")]).retry_after, seconds(90));
        assert_eq!(read(&[("retry-after", "1000000000000")]).retry_after, seconds(1_000_000_000_000));
        assert_eq!(read(&[("retry-after", &"9".repeat(40))]).retry_after, Some(Duration::MAX));
        assert_eq!(
            read(&[("retry-after", "soon"), ("retry-after", "19"), ("retry-after", "3")]).retry_after,
            seconds(19)
        );
        for unreadable in ["-1", "soon", "1.5", "Mon, 02 Feb 2026 09:29:00 GMT", ""] {
            assert_eq!(read(&[date, ("retry-after", unreadable)]).retry_after, None, "{unreadable:?}");
        }
        assert_eq!(read(&[("retry-after", "Mon, 02 Feb 2026 09:31:30 GMT")]).retry_after, None);
    }

    #[test]
    fn the_servers_clock_is_read_from_its_date() {
        let date = read(&[("date", "Mon, 02 Feb 2026 09:30:00 GMT")]).date;
        assert_eq!(date.map(|d| d.to_string()).as_deref(), Some("2026-02-02T09:30:00Z"));
        assert_eq!(read(&[("date", "yesterday")]).date, None);
    }

    #[test]
    fn the_next_page_is_a_path_on_the_same_host() {
        let next = |value: &str| read(&[("link", value)]).next;
        let page = Some("/v/apis/3.0/x?a=1,2&page=2".to_owned());
        let elsewhere = Some(String::new());
        let table = [
            (r#"<https://api-na.myconnectwise.net/v/apis/3.0/x?a=1,2&page=2>; rel="next""#, page.clone()),
            (
                r#"<https://api-na.myconnectwise.net/y>; rel="last", </v/apis/3.0/x?a=1,2&page=2>; REL=Next"#,
                page.clone(),
            ),
            ("<http://na.myconnectwise.net:8080/v/apis/3.0/x?a=1,2&page=2>; rel=\"prev next\"", page.clone()),
            ("<https://evil.example/x>; rel=\"next\"", elsewhere.clone()),
            ("<//evil.example/x>; rel=\"next\"", elsewhere.clone()),
            ("<https://na.myconnectwise.net@evil.example/x>; rel=\"next\"", elsewhere.clone()),
            ("<https://api-eu.myconnectwise.net/x>; rel=\"next\"", elsewhere.clone()),
            ("<https://10.0.0.1/x>; rel=\"next\"", elsewhere.clone()),
            ("<file:///etc/passwd>; rel=\"next\"", elsewhere.clone()),
            (
                r#"<https://evil.example/x>; rel="next", </v/apis/3.0/x?a=1,2&page=2>; rel="next""#,
                page.clone(),
            ),
            ("</x>; rel=\"last\"", None),
            ("</x>; rel=\"nextish\"", None),
            ("nonsense", None),
        ];
        for (value, expected) in table {
            assert_eq!(next(value), expected, "{value}");
        }
    }
}
