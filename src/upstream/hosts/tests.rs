use super::*;

#[test]
fn what_people_type_for_a_site_becomes_one_host() {
    let table = [
        ("na.myconnectwise.net", "na.myconnectwise.net"),
        ("  NA.MyConnectWise.net\n", "na.myconnectwise.net"),
        ("https://na.myconnectwise.net", "na.myconnectwise.net"),
        ("HTTPS://na.myconnectwise.net/", "na.myconnectwise.net"),
        ("https://na.myconnectwise.net/v4_6_release/ConnectWise.aspx?a=b@c#d", "na.myconnectwise.net"),
        ("na.myconnectwise.net/", "na.myconnectwise.net"),
        ("na.myconnectwise.net.", "na.myconnectwise.net"),
        ("na.myconnectwise.net:443", "na.myconnectwise.net"),
        ("api-na.myconnectwise.net", "api-na.myconnectwise.net"),
        ("https://psa.example.com:8443/x", "psa.example.com:8443"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("na。myconnectwise。net", "na.myconnectwise.net"),
        ("acme.localhost:9443", "acme.localhost:9443"),
        ("localhost", "localhost"),
    ];
    for (typed, shown) in table {
        assert_eq!(HostPort::parse_site(typed).map(|h| h.to_string()).as_deref(), Ok(shown), "{typed:?}");
    }
}

#[test]
fn what_is_no_site_is_refused_with_its_reason() {
    use SiteUrlProblem as P;
    let long = format!("{}.example", "a.".repeat(126));
    let label = format!("{}.example", "a".repeat(64));
    let table = [
        ("", P::Empty),
        ("https://", P::Empty),
        ("https:///path", P::Empty),
        (&long, P::TooLong),
        (&label, P::NotAName),
        ("na.my connectwise.net", P::HasSpace),
        ("na.myconnectwise.net\u{7}", P::HasSpace),
        ("http://na.myconnectwise.net", P::NotHttps),
        ("ftp://na.myconnectwise.net", P::NotHttps),
        ("https://me@na.myconnectwise.net", P::HasUser),
        ("https://na.myconnectwise.net:x@evil.example", P::HasUser),
        ("https://na.myconnectwise.net\\@evil.example", P::HasUser),
        ("na.myconnectwise.net:", P::BadPort),
        ("na.myconnectwise.net:0", P::BadPort),
        ("na.myconnectwise.net:+443", P::BadPort),
        ("na.myconnectwise.net:65536", P::BadPort),
        ("192.0.2.1", P::IsAddress),
        ("0300.0.2.1", P::IsAddress),
        ("0x7f.1", P::IsAddress),
        ("2130706433", P::IsAddress),
        ("https://127.1:8443/", P::IsAddress),
        ("[::1]", P::IsAddress),
        ("https://[::ffff:127.0.0.1]:443/", P::IsAddress),
        ("::1", P::IsAddress),
        ("1.2.3.4.5", P::NotAName),
        ("127%2e0.0.1", P::NotAName),
        ("na", P::NotFull),
        ("na..myconnectwise.net", P::NotAName),
        ("-na.myconnectwise.net", P::NotAName),
        ("na_1.myconnectwise.net", P::NotAName),
        ("na\\.myconnectwise.net", P::NotAName),
        ("na.myconnectwise.net..", P::NotAName),
    ];
    for (typed, problem) in table {
        assert_eq!(HostPort::parse_site(typed), Err(problem), "{typed:?}");
    }
}

#[test]
fn the_longest_name_is_one_and_an_address_in_any_form_is_none() {
    let name = |last: usize| [63, 63, 63, last].map(|length| "a".repeat(length)).join(".");
    assert!(Host::parse(&name(61)).is_ok_and(|host| host.as_str().len() == MAX_NAME));
    for length in [62, 63] {
        assert_eq!(Host::parse(&name(length)), Err(SiteUrlProblem::TooLong));
    }
    for address in ["::1", "[::1]", "[::1", "[a.example"] {
        assert_eq!(Host::parse(address), Err(SiteUrlProblem::IsAddress), "{address}");
    }
}

#[test]
fn the_longest_text_of_a_site_is_read_and_a_longer_one_is_too_long() {
    let site = |length: usize| {
        let path = "a".repeat(length - "https://na.myconnectwise.net/".len());
        HostPort::parse_site(&format!("https://na.myconnectwise.net/{path}")).map(drop)
    };
    assert_eq!(site(MAX_SITE), Ok(()));
    assert_eq!([site(MAX_SITE + 1), site(2 * MAX_SITE)], [Err(SiteUrlProblem::TooLong); 2]);
}

#[test]
fn this_machine_is_localhost_and_what_stands_under_it() {
    let is_localhost = |name: &str| Host::parse(name).expect("a host").is_localhost();
    assert!(is_localhost("localhost") && is_localhost("acme.localhost"));
    assert!(!is_localhost("localhost.example") && !is_localhost("notlocalhost.example"));
}

#[test]
fn a_shown_host_is_read_back_as_itself() {
    for text in ["na.myconnectwise.net", "psa.example.com:8443"] {
        assert_eq!(text.parse::<HostPort>().expect("a host").to_string(), text);
    }
}

#[test]
fn only_cloud_hosts_share_a_site_with_their_api_host() {
    let site = |text: &str| HostPort::parse_site(text).expect("a host").site_key().to_string();
    assert_eq!(site("api-na.myconnectwise.net"), "na.myconnectwise.net");
    assert_eq!(site("na.myconnectwise.net"), "na.myconnectwise.net");
    assert_eq!(site("api-staging.connectwisedev.com"), "staging.connectwisedev.com");
    assert_eq!(site("api-psa.example.com"), "api-psa.example.com");
}

#[test]
fn the_api_host_has_the_prefix_once() {
    let api = |text: &str| HostPort::parse_site(text).expect("a host").api().map(|h| h.to_string());
    assert_eq!(api("na.myconnectwise.net").as_deref(), Some("api-na.myconnectwise.net"));
    assert_eq!(api("api-na.myconnectwise.net").as_deref(), Some("api-na.myconnectwise.net"));
    assert_eq!(api(&format!("{}.example", "a".repeat(62))), None);
}

#[test]
fn all_names_of_one_server_of_the_cloud_have_one_canonical_host() {
    let canonical = |text: &str| HostPort::parse_site(text).expect("a host").canonical().to_string();
    for (text, host) in [
        ("na.myconnectwise.net", "api-na.myconnectwise.net"),
        ("api-na.myconnectwise.net", "api-na.myconnectwise.net"),
        ("au.myconnectwise.net", "api-au.myconnectwise.net"),
        ("aus.myconnectwise.net", "api-au.myconnectwise.net"),
        ("api-aus.myconnectwise.net", "api-au.myconnectwise.net"),
        ("eu.myconnectwise.net", "api-eu.myconnectwise.net"),
        ("psa.example.com:8443", "psa.example.com:8443"),
        ("aus.example.com", "aus.example.com"),
    ] {
        assert_eq!(canonical(text), host, "{text}");
    }
    let same = |one: &str, other: &str| {
        let host = |text: &str| HostPort::parse_site(text).expect("a host");
        host(one).is_same_server(&host(other))
    };
    assert!(same("au.myconnectwise.net", "api-aus.myconnectwise.net"));
    assert!(same("psa.example.com:8443", "api-psa.example.com:8443"));
    assert!(!same("psa.example.com:8443", "psa.example.com"));
    assert!(!same("na.myconnectwise.net", "eu.myconnectwise.net"));
}
