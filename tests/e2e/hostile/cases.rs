//! What the servers do, and what the status says of it.

use std::collections::BTreeMap;

use harness::simulators::scenario::SiteUrl;
use harness::simulators::tls::CertificateKind;
use harness::simulators::world::{CompanyChange, SiteChange};
use harness::simulators::{Bulk, Effect, Rule, Service};
use harness::{Result, Sims};
use serde_json::{Value, json};

use super::trap::Trap;
use crate::rows::host_name;

/// A link whose ConnectWise means harm.
pub struct Case {
    /// Name of the link, of the company, and first label of its host.
    pub slug: &'static str,
    /// What the server does.
    pub rules: Vec<Rule>,
    /// What is changed about the tenant.
    pub change: Option<fn(&Sims, &str) -> Result<()>>,
    /// Status and reason of `Ready` in the end.
    pub ready: &'static str,
}

const UNAVAILABLE: &str = "Unknown/ConnectWiseUnavailable";
const NO_CONNECTWISE: &str = "False/SiteInvalid";
const ELSEWHERE: &str = "False/SiteNotAllowed";
const UNREACHABLE: &str = "False/SiteUnreachable";
const LINKED: &str = "True/Linked";

const DISCOVERY: &str = "companyinfo";
const ROLE: &str = "mySecurity";
const BOARDS: &str = "service/boards";

/// More bytes than are read of any answer.
const HUGE: usize = 16 << 20;
/// Less than is read of a page.
const PAGE: usize = 3 << 20;

fn at(path: &str, effect: Effect) -> Vec<Rule> {
    vec![Rule::on(Service::ConnectWise, effect).path_contains(path)]
}

/// A body that repeats `part` up to so many bytes.
pub fn bulk(begin: &str, part: &str, bytes: usize, end: &str) -> Effect {
    let [begin, part, end] = [begin, part, end].map(str::to_owned);
    Effect::Bulk(Bulk { times: bytes / part.len(), begin, part, end, ..Bulk::default() })
}

/// A status with these headers.
pub fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Effect {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Effect::Status { status, headers: headers.collect(), body: body.to_owned() }
}

fn redirect(status_code: u16, location: &str) -> Vec<Rule> {
    at("apis", status(status_code, &[("location", location)], ""))
}

/// companyinfo of a company, with a field of another value.
fn info(slug: &str, field: &str, value: &str) -> Value {
    let mut info = json!({"Codebase": "v4_6_release/", "CompanyID": slug, "IsCloud": false});
    info[field] = json!(value);
    info
}

fn shows(sims: &Sims, slug: &str, certificate: CertificateKind) -> Result<()> {
    let certificate = Some(certificate);
    Ok(sims.world().change_site(&host_name(slug), SiteChange { certificate, ..SiteChange::default() })?)
}

/// companyinfo names a service of the cluster.
fn leads_into_the_cluster(sims: &Sims, slug: &str) -> Result<()> {
    let site_url = Some(SiteUrl::Text("kubernetes.default.svc".to_owned()));
    Ok(sims.world().change_company(slug, CompanyChange { site_url, ..CompanyChange::default() })?)
}

/// Every case.
#[expect(clippy::too_many_lines, reason = "one table, read as a whole")]
pub fn cases(trap: &Trap) -> Vec<Case> {
    let case = |slug, rules, ready| Case { slug, rules, change: None, ready };
    let trap_port = trap.port;
    let inside = format!("http://127.0.0.1:{trap_port}/latest/meta-data/");
    let inside_tls = format!("https://trap.localhost:{trap_port}/v4_6_release/apis/3.0/");
    let next_page = |target: &str| {
        let link = format!("<{target}>; rel=\"next\"");
        let headers = BTreeMap::from([("link".to_owned(), link)]);
        Effect::Bulk(Bulk { headers, begin: r#"[{"id":1,"name":"row"}]"#.to_owned(), ..Bulk::default() })
    };
    let called = |encoding: &str| BTreeMap::from([("content-encoding".to_owned(), encoding.to_owned())]);
    let lie = Effect::Bulk(Bulk {
        headers: called("gzip"),
        begin: info("called-gzip", "VersionCode", "v2023.2").to_string(),
        ..Bulk::default()
    });
    let gzip = |begin: &str, unpacked: usize, end: &str| {
        let [begin, part, end] = [begin, " ", end].map(str::to_owned);
        Effect::Bulk(Bulk { gzip: true, times: unpacked, begin, part, end, ..Bulk::default() })
    };
    let good_info = info("gzip-info", "VersionCode", "v2023.2").to_string();
    let drip = |begin: &str| {
        let (begin, part) = (begin.to_owned(), " ".to_owned());
        Effect::Bulk(Bulk { begin, part, times: usize::MAX, pause_ms: 100, ..Bulk::default() })
    };
    let own =
        |slug: &'static str, field: &str, value: &str| at(DISCOVERY, Effect::Json(info(slug, field, value)));
    vec![
        case("endless-info", at(DISCOVERY, Effect::Endless), UNAVAILABLE),
        case("endless-role", at(ROLE, Effect::Endless), UNAVAILABLE),
        case("endless-everything", at("/", Effect::Endless), UNAVAILABLE),
        case("huge-role", at(ROLE, bulk("[", r#"{"id":1},"#, HUGE, "0]")), UNAVAILABLE),
        case("slow-info", at(DISCOVERY, drip("{")), UNAVAILABLE),
        case("slow-role", at(ROLE, drip("[")), UNAVAILABLE),
        case("silent", at(DISCOVERY, Effect::Hang), UNAVAILABLE),
        // Small on the wire, and eighty times that when it is read.
        case("growing-role", at(ROLE, bulk("[", r#"{"":0},"#, PAGE, "0]")), UNAVAILABLE),
        case("growing-role-too", at(ROLE, bulk("[", r#"{"a":{}},"#, PAGE, "0]")), UNAVAILABLE),
        case("growing-numbers", at(ROLE, bulk("[", "0,", PAGE, "0]")), UNAVAILABLE),
        case("growing-boards", at(BOARDS, bulk("[", r#"{"":0},"#, PAGE, "0]")), UNAVAILABLE),
        case("growing-info", at(DISCOVERY, bulk("[", "{},", 60_000, "{}]")), NO_CONNECTWISE),
        case("deep-info", at(DISCOVERY, bulk("", "[", 60_000, "")), NO_CONNECTWISE),
        case("deep-role", at(ROLE, bulk("", "[", PAGE, "")), UNAVAILABLE),
        case("called-gzip", at(DISCOVERY, lie), LINKED),
        // Good for whoever unpacks it: nobody does, however little it would take.
        case("gzip-info", at(DISCOVERY, gzip(&good_info, 0, "")), NO_CONNECTWISE),
        case("bomb", at(ROLE, gzip("[", 10 << 30, "]")), UNAVAILABLE),
        // Less than is read of a page on the wire: it is read, whole, as what it is not.
        case("bomb-within-limits", at(ROLE, gzip("[", 2 << 30, "]")), UNAVAILABLE),
        case(
            "page-in-a-circle",
            at(BOARDS, next_page("/v4_6_release/apis/3.0/service/boards?page=2")),
            UNAVAILABLE,
        ),
        case("page-inside", at(BOARDS, next_page(&inside_tls)), UNAVAILABLE),
        case(
            "page-of-another-list",
            at(BOARDS, next_page("/v4_6_release/apis/3.0/system/members")),
            UNAVAILABLE,
        ),
        case("redirect-301", redirect(301, &inside), UNAVAILABLE),
        case("redirect-302", redirect(302, &inside_tls), UNAVAILABLE),
        case("redirect-307", redirect(307, "http://169.254.169.254/latest/meta-data/"), UNAVAILABLE),
        case("redirect-308", redirect(308, "https://calm-one.localhost/v4_6_release/apis/3.0/"), UNAVAILABLE),
        case(
            "absurd-wait",
            at("/", status(429, &[("retry-after", "99999999999999999999")], "")),
            "Unknown/RateLimited",
        ),
        case("host-inside", own("host-inside", "SiteUrl", &format!("trap.localhost:{trap_port}")), ELSEWHERE),
        case(
            "host-as-number",
            own("host-as-number", "SiteUrl", &format!("2130706433:{trap_port}")),
            ELSEWHERE,
        ),
        case("host-as-octal", own("host-as-octal", "SiteUrl", &format!("0177.0.0.1:{trap_port}")), ELSEWHERE),
        case(
            "host-mapped",
            own("host-mapped", "SiteUrl", &format!("[::ffff:127.0.0.1]:{trap_port}")),
            ELSEWHERE,
        ),
        case(
            "host-with-user",
            own(
                "host-with-user",
                "SiteUrl",
                &format!("https://calm-one.localhost@trap.localhost:{trap_port}"),
            ),
            ELSEWHERE,
        ),
        Case { change: Some(leads_into_the_cluster), ..case("host-of-the-cluster", Vec::new(), ELSEWHERE) },
        case("codebase-upwards", own("codebase-upwards", "Codebase", "../"), NO_CONNECTWISE),
        case(
            "codebase-of-many",
            own("codebase-of-many", "Codebase", "v4_6_release/../../x/"),
            NO_CONNECTWISE,
        ),
        case("codebase-as-host", own("codebase-as-host", "Codebase", "//trap.localhost/"), NO_CONNECTWISE),
        Case {
            change: Some(|sims, slug| shows(sims, slug, CertificateKind::Expired)),
            ..case("expired", Vec::new(), UNREACHABLE)
        },
        Case {
            change: Some(|sims, slug| shows(sims, slug, CertificateKind::OtherName)),
            ..case("other-name", Vec::new(), UNREACHABLE)
        },
        Case {
            change: Some(|sims, slug| shows(sims, slug, CertificateKind::SelfSigned)),
            ..case("self-signed", Vec::new(), UNREACHABLE)
        },
        case(
            "proxys-401",
            at(
                "apis",
                status(401, &[("content-type", "text/html")], r#"{"code":"Unauthorized","message":"x"}"#),
            ),
            UNAVAILABLE,
        ),
        case("cut-off", at("apis", Effect::Truncate(7)), UNAVAILABLE),
        case("reset", at(DISCOVERY, Effect::Reset), UNAVAILABLE),
    ]
}
