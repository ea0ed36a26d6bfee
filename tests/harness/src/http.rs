//! Plain HTTP to the admin ports, which are on loopback.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::{Error, Result};

/// No admin port takes longer, even on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Asks, and takes whatever answer comes.
pub(crate) fn ask(method: &'static str, port: u16, path: &str, body: Option<&Value>) -> Result<Answer> {
    let failed = |problem: String| Error::Http { method, url: url(port, path), problem };
    exchange(method, port, path, body)
        .map_err(|error| failed(error.to_string()))
        .and_then(|text| parse(&text).ok_or_else(|| failed(format!("no HTTP: {text:?}"))))
}

/// Asks, and takes only success for an answer.
pub(crate) fn ask_for(method: &'static str, port: u16, path: &str, body: Option<&Value>) -> Result<String> {
    let Answer { status, body } = match ask(method, port, path, body)? {
        answer if answer.is_success() => return Ok(answer.body),
        answer => answer,
    };
    Err(Error::Http { method, url: url(port, path), problem: format!("{status} {body}") })
}

fn url(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

/// HTTP/1.0, so that the answer ends with the connection and is not chunked.
fn exchange(method: &str, port: u16, path: &str, body: Option<&Value>) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read_from_an_answer() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\nnot yet\n").expect("HTTP");
        assert_eq!((answer.status, answer.body.as_str(), answer.is_success()), (503, "not yet\n", false));
        assert!(parse("SSH-2.0").is_none());
    }
}
