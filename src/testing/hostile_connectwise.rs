//! Servers that mean harm, over real TLS: what a hostile answer comes to, and what the server gets to see.

use std::sync::Arc;
use std::time::Duration;

use super::fake_connectwise::{asker, company, keys};
use super::tls_server::{Blind, Reply, TestServer};
use crate::connectwise::client::{ConnectWise, NoAnswer};
use crate::connectwise::discovery::discover;
use crate::connectwise::paging::MOST_PAGES;
use crate::connectwise::{CompanyAnswer, Inconclusive, Tenant};
use crate::secret_file::SecretFile;
use crate::timings::Timings;
use crate::upstream::Fault;
use crate::upstream::allow::AllowList;
use crate::upstream::guard::{Guard, GuardConfig};
use crate::upstream::hosts::HostPort;
use crate::upstream::limits::Rates;

const SITE: &str = "psa.localhost";
const LIST: &str = "/v4_6_release/apis/3.0/service/boards";
/// For answers that come; long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// For answers that never end.
const IMPATIENCE: Duration = Duration::from_secs(1);
/// As fast as the connection takes it.
const AT_ONCE: Duration = Duration::ZERO;
const NOW_AND_THEN: Duration = Duration::from_millis(100);

/// `{"Codebase":"v4_6_release/","CompanyID":"acme"}`, compressed by gzip.
const COMPRESSED: &str = "1f8b0800000000000203ab5672ce4f494d4a2c4e55b2522a3389378b2f4acd490572f595748052b905\
                          8979959e2e40b9c4e4dc54a55a00d40b45982f000000";

fn client(servers: &[&TestServer], sites: &[&HostPort], patience: Duration) -> ConnectWise {
    let guard = Guard::new(GuardConfig {
        allow: AllowList::new(sites.iter().copied().cloned(), None),
        ca_bundle_pem: Some(
            servers.iter().map(|server| server.ca_pem.as_str()).collect::<String>().into_bytes(),
        ),
        egress_proxy: None,
        timings: Timings::scaled(60.0),
        rates: Rates::default(),
        user_agent: "cwlink/test".to_owned(),
        observer: Arc::new(Blind),
    });
    let client_id = SecretFile::fixed("5a0c0de0-0000-4000-8000-0000000000ca");
    ConnectWise::new(Arc::new(guard.expect("a guard")), client_id, patience)
}

async fn discovered(reply: Reply) -> (CompanyAnswer, Vec<String>) {
    let patience = if matches!(reply, Reply::Endless { .. }) { IMPATIENCE } else { PATIENCE };
    let server = TestServer::start(SITE, move |_| reply.clone()).await;
    let host = server.host(SITE);
    let client = client(&[&server], &[&host], patience);
    let memory = client.memory_of_check();
    let answer = discover(&client, &host, &company(), asker(&memory)).await;
    (answer, server.requests())
}

fn info(fields: &str) -> String {
    format!(r#"{{"Codebase":"v4_6_release/","CompanyID":"MyCo"{fields}}}"#)
}

fn found(answer: &CompanyAnswer) -> &'static str {
    match answer {
        CompanyAnswer::Found(_) => "found",
        CompanyAnswer::Unknown => "unknown",
        CompanyAnswer::NotConnectWise => "no ConnectWise",
        CompanyAnswer::HostNotAllowed => "host not allowed",
        CompanyAnswer::PrivateAddress => "private address",
        CompanyAnswer::Inconclusive(Inconclusive::RateLimited(_)) => "rate limited",
        CompanyAnswer::Inconclusive(_) => "inconclusive",
    }
}

fn endless(head: &'static str, part: &'static str, pause: Duration) -> Reply {
    Reply::Endless { head, part, pause }
}

/// What the server does, the answer, and what it comes to.
type Case = (String, Reply, &'static str);

/// Answers of every shape.
fn hostile_shapes() -> Vec<Case> {
    const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    const CHUNKED: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let good = info("");
    let said = |name: &str, reply, answer| (name.to_owned(), reply, answer);
    let header = |header: &str, body: &str| Reply::with_headers(200, &format!("{header}\r\n"), body);
    let compressed: Vec<u8> = (0..COMPRESSED.len() / 2)
        .map(|at| u8::from_str_radix(&COMPRESSED[2 * at..2 * at + 2], 16).expect("two hex digits"))
        .collect();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n";
    let mut table = vec![
        said("plain", Reply::json(200, &good), "found"),
        said("a body without end", endless(JSON, "[[[[[[[[", AT_ONCE), "inconclusive"),
        said("chunks without end", endless(CHUNKED, "1\r\n[\r\n", AT_ONCE), "inconclusive"),
        said("a byte now and then", endless(JSON, " ", NOW_AND_THEN), "inconclusive"),
        said(
            "headers without end",
            endless("HTTP/1.1 200 OK\r\n", "X-More: more\r\n", AT_ONCE),
            "inconclusive",
        ),
        said(
            "a header now and then",
            endless("HTTP/1.1 200 OK\r\n", "X-More: more\r\n", NOW_AND_THEN),
            "inconclusive",
        ),
        said("one line without end", endless("HTTP/1.1 200 ", "OK", AT_ONCE), "inconclusive"),
        said(
            "announcements without end",
            endless("", "HTTP/1.1 100 Continue\r\n\r\n", AT_ONCE),
            "inconclusive",
        ),
        said("no HTTP", Reply::Text("SSH-2.0-OpenSSH_9.6\r\n".to_owned()), "inconclusive"),
        said(
            "a length that is a lie",
            Reply::Text(format!("{}{good}", JSON.replace("\r\n\r\n", "\r\nContent-Length: 9999\r\n\r\n"))),
            "inconclusive",
        ),
        said(
            "a length beyond numbers",
            Reply::Text(JSON.replace("\r\n\r\n", "\r\nContent-Length: 99999999999999999999\r\n\r\n")),
            "inconclusive",
        ),
        said("compressed for real", Reply::Bytes([head.as_bytes(), &compressed].concat()), "no ConnectWise"),
        said("nested too deeply", Reply::json(200, &"[".repeat(60_000)), "no ConnectWise"),
        said(
            "nested too deeply within",
            Reply::json(200, &info(&format!(r#","X":{}0{}"#, "[".repeat(30_000), "]".repeat(30_000)))),
            "no ConnectWise",
        ),
        said("a byte order mark", Reply::json(200, &format!("\u{feff}{good}")), "found"),
        said("no JSON type", header("Content-Type: text/plain", &good), "found"),
        said("an HTML type", header("Content-Type: text/html", &good), "no ConnectWise"),
        said("cut JSON", Reply::json(200, &good[..good.len() - 1]), "no ConnectWise"),
        said(
            "two hosts, of which none counts",
            Reply::json(200, &info(r#","SiteUrl":"na.myconnectwise.net","SiteUrl":"evil.example""#)),
            "inconclusive",
        ),
        said("two companies", Reply::json(200, &info(r#","CompanyID":"MyCo""#)), "inconclusive"),
        said("no company's name", Reply::json(200, &good.replace("MyCo", "a/../b")), "no ConnectWise"),
    ];
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let lie = header(&format!("Content-Type: application/json\r\nContent-Encoding: {encoding}"), &good);
        table.push(said(&format!("called {encoding}, which nobody unpacks"), lie, "found"));
    }
    table
}

/// Good JSON that would lead the keys elsewhere, and waits beyond reason.
fn hostile_values() -> Vec<Case> {
    let said = |name: &str, reply, answer| (name.to_owned(), reply, answer);
    let mut table = Vec::new();
    for codebase in [
        "../",
        "..",
        "v2025_1/../../x/",
        "%2e%2e/",
        "//evil.example/",
        "v2025_1\\\\..\\\\/",
        "v/?x=/",
        "v#/",
        "@evil.example/",
        " /",
    ] {
        let reply = Reply::json(200, &info("").replace("v4_6_release/", codebase));
        table.push(said(&format!("codebase {codebase}"), reply, "no ConnectWise"));
    }
    for site in [
        "evil.example",
        "na.myconnectwise.net.evil.example",
        "na.myconnectwise.net:8443",
        "https://na.myconnectwise.net@evil.example/",
        "http://na.myconnectwise.net",
        "//evil.example",
        "mycompany.connectwise.com",
        "other.localhost",
        "localhost",
        "169.254.169.254",
        "0177.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "https://[::ffff:169.254.169.254]:443/",
        "metadata.google.internal",
        "kubernetes.default.svc",
    ] {
        let reply = Reply::json(200, &info(&format!(r#","SiteUrl":"{site}""#)));
        table.push(said(&format!("site {site}"), reply, "host not allowed"));
    }
    for wait in ["1000000000000", "99999999999999999999999999", "-1", "soon", "Thu, 02 Feb 2090 09:30:00 GMT"]
    {
        let reply = Reply::with_headers(429, &format!("Retry-After: {wait}\r\n"), "");
        table.push(said(&format!("wait {wait}"), reply, "rate limited"));
    }
    table
}

#[tokio::test]
async fn a_hostile_companyinfo_is_judged_as_the_table_says_and_asked_for_once() {
    let table = [hostile_shapes(), hostile_values()].concat();
    for (name, reply, expected) in &table {
        let (answer, requests) = discovered(reply.clone()).await;
        println!("{name}: {}", found(&answer));
        assert_eq!(found(&answer), *expected, "{name}");
        assert_eq!(requests.len(), 1, "{name}");
        let request = requests.concat().to_lowercase();
        assert!(!request.contains("authorization") && !request.contains("clientid"), "{name}: {request}");
    }
    assert!(table.len() > 55, "{} cases", table.len());
}

fn tenant(host: &HostPort) -> Tenant {
    Tenant::of_test(company().as_str(), &host.to_string(), "v4_6_release/")
}

/// What a list comes to: how many rows, and whether these are all.
async fn listed(client: &ConnectWise, host: &HostPort) -> Result<(usize, bool), NoAnswer> {
    let tenant = tenant(host);
    let company = company();
    let memory = client.memory_of_check();
    let api = client.api(&tenant, &company, &keys(), asker(&memory));
    api.list("boards", "service/boards", "").await.map(|listing| (listing.rows.len(), listing.complete))
}

#[tokio::test]
async fn a_redirect_takes_no_key_anywhere_not_even_to_another_allowed_host() {
    let other = TestServer::start("other.localhost", |_| Reply::json(200, "[]")).await;
    let other_host = other.host("other.localhost");
    for status in [301, 302, 303, 307, 308] {
        for location in [
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            format!("https://{other_host}{LIST}"),
            format!("http://{other_host}{LIST}"),
            format!("//{other_host}{LIST}"),
            LIST.to_owned(),
        ] {
            let header = format!("Location: {location}\r\n");
            let server = TestServer::start(SITE, move |_| Reply::with_headers(status, &header, "")).await;
            let host = server.host(SITE);
            let client = client(&[&server, &other], &[&host, &other_host], PATIENCE);
            let answer = listed(&client, &host).await.map_err(NoAnswer::inconclusive);
            assert_eq!(answer, Err(Inconclusive::Unavailable), "{status} to {location}");
            assert_eq!(server.requests().len(), 1, "{status} to {location}");
        }
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_followed_and_the_list_is_not_taken_for_whole() {
    let other = TestServer::start("other.localhost", |_| Reply::json(200, "[]")).await;
    let other_host = other.host("other.localhost");
    for (next, calls) in [
        (format!("https://{other_host}{LIST}?page=2"), 1),
        (format!("//{other_host}{LIST}?page=2"), 1),
        (format!("https://{SITE}@{other_host}{LIST}?page=2"), 1),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), 1),
        ("/v4_6_release/apis/3.0/system/members?page=2".to_owned(), 1),
        (format!("{LIST}/../../system/members"), 1),
        // In a circle.
        (format!("{LIST}?page=2"), 2),
    ] {
        let header = format!("Content-Type: application/json\r\nLink: <{next}>; rel=\"next\"\r\n");
        let server = TestServer::start(SITE, move |_| Reply::with_headers(200, &header, "[1]")).await;
        let host = server.host(SITE);
        let client = client(&[&server, &other], &[&host, &other_host], PATIENCE);
        assert_eq!(listed(&client, &host).await, Ok((calls, false)), "{next}");
        assert_eq!(server.requests().len(), calls, "{next}");
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn pages_without_end_are_left_and_rows_beyond_all_measure_are_not_read() {
    let page = std::sync::atomic::AtomicUsize::new(2);
    let server = TestServer::start(SITE, move |_| {
        let next = page.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let link = format!("Content-Type: application/json\r\nLink: <{LIST}?page={next}>; rel=\"next\"\r\n");
        Reply::with_headers(200, &link, "[1]")
    })
    .await;
    let host = server.host(SITE);
    assert_eq!(listed(&client(&[&server], &[&host], PATIENCE), &host).await, Ok((MOST_PAGES, false)));

    let unreadable = Err(Inconclusive::Unavailable);
    for (name, element, times, expected) in [
        ("ten thousand small rows", "0", 10_000, Ok((10_001, true))),
        ("rows that grow when they are read", r#"{"":0}"#, 500_000, unreadable),
        ("more bytes than are read", r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#, 200_000, unreadable),
    ] {
        let body = format!("[{}{element}]", format!("{element},").repeat(times));
        let server = TestServer::start(SITE, move |_| Reply::json(200, &body)).await;
        let host = server.host(SITE);
        let answer = listed(&client(&[&server], &[&host], PATIENCE), &host).await;
        assert_eq!(answer.map_err(NoAnswer::inconclusive), expected, "{name}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_allowed_gets_no_key() {
    let server = TestServer::start(SITE, |_| Reply::json(200, "[]")).await;
    let (host, stranger) = (server.host(SITE), server.host("stranger.localhost"));
    let client = client(&[&server], &[&host], PATIENCE);
    assert_eq!(listed(&client, &stranger).await, Err(NoAnswer::Fault(Fault::HostNotAllowed)));
    assert_eq!(server.requests(), Vec::<String>::new());
}
