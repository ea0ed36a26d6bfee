//! The properties on generated input.

mod bodies;
mod stored;

use proptest::prelude::*;

use self::bodies::{petra_links, petra_pages, scripts};
use self::stored::stored;
use super::connectwise::round;
use super::conversation::{Told, visit};
use super::secret::Data;
use super::{CANARY, files, petra, reply, secret, texts};
use crate::connectwise::Depth;

/// Texts near to what is taken: parts of hosts, addresses, names and times in any order.
fn near(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let part = prop_oneof![
        6 => prop::sample::select(parts).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[a-z0-9-]{1,12}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

const SITE: &[&str] = &[
    "https://",
    "HTTPS://",
    "http://",
    "na.myconnectwise.net",
    "api-",
    "xn--",
    "bücher",
    "ß",
    "。",
    ".",
    "..",
    ":",
    "443",
    ":443",
    ":0443",
    ":65536",
    "@",
    "user:pass@",
    "[::1]",
    "127.1",
    "0x7f",
    "0300.1",
    "2130706433",
    "%2e",
    "%00",
    "/",
    "\\",
    "?",
    "#",
    "localhost",
    "connectwise.com",
    "evil.example",
    "-",
    "_",
    " ",
    "\u{200d}",
    "\u{202e}",
    "\u{ff0e}",
];
const NAMES: &[&str] = &[
    "acme",
    "/",
    "-",
    "_",
    ".",
    "cw-",
    "0123456789abcdef",
    "unowned",
    "Linked",
    "All",
    "mine",
    "v1",
    "%",
    "@",
    " ",
    "é",
    "prod/petra/acme",
    ":",
    "\u{130}",
];
const TIMES: &[&str] = &[
    "1",
    "9",
    "999999",
    "h",
    "m",
    "s",
    "30m",
    "24h",
    "-",
    ":",
    "T",
    "Z",
    "2026-02-02",
    "T09:30:00Z",
    "+01:00",
    ".5",
    " ",
    "Mon, 02 Feb 2026 09:30:00 GMT",
    "60",
];
const YAML: &[&str] = &[
    "profiles:\n",
    "  Own:\n",
    "    source: ours\n",
    "    functions:\n",
    "      - {module: M, function: F, inquire: All}\n",
    "      - {module: M, function: '*', decisive: [A]}\n",
    "  GuideV1:\n",
    "[",
    "{",
    "&a ",
    "*a",
    "!!str ",
    "\t",
    "'",
    ": ",
    "- ",
];
const FLAGS: &[&str] = &[
    "--petra-url=",
    "https://petra.example",
    "\n",
    "--allow-site=",
    "na.example:8443",
    "*",
    "--interval",
    "=",
    "--watch-namespaces",
    "--concurrency=9",
    "--rates",
    "-1",
    "--help",
    "--",
];

proptest! {
    #[test]
    fn a_site_is_one_plain_host_however_it_is_typed(text in near(SITE)) {
        texts::site(&text);
    }

    #[test]
    fn any_text_is_a_site_or_is_refused(text in any::<String>()) {
        texts::site(&text);
    }

    #[test]
    fn what_identifies_prints_as_it_was_read(text in prop_oneof![near(NAMES), any::<String>()]) {
        texts::identifiers(&text);
    }

    #[test]
    fn times_and_durations_print_as_they_were_read(text in prop_oneof![near(TIMES), any::<String>()]) {
        texts::times(&text);
    }

    #[test]
    fn keys_are_taken_or_refused_without_a_word_about_them(
        public in prop::option::of(prop_oneof!["canary 🐤[a-z:\n ]{0,9}".prop_map(String::into_bytes), any::<Vec<u8>>()]),
        private in prop::option::of(prop_oneof!["canary 🐤[a-z:\n ]{0,9}".prop_map(String::into_bytes), any::<Vec<u8>>()]),
    ) {
        texts::keys(public.as_deref(), private.as_deref());
    }

    #[test]
    fn a_secret_gives_keys_only_when_both_are_well_formed_whatever_else_it_holds(
        data in secrets(),
        company in prop_oneof![4 => Just("acme".to_owned()), 1 => near(NAMES)],
    ) {
        let _ = secret::read(&data, &company);
    }

    #[test]
    fn a_profiles_file_is_taken_or_refused_by_name(text in near(YAML)) {
        files::profiles(&text);
    }

    #[test]
    fn flags_are_read_or_refused(text in near(FLAGS)) {
        files::flags(&text);
    }

    #[test]
    fn headers_lead_nowhere_else(
        values in prop::array::uniform4(prop_oneof![near(TIMES), near(SITE)]),
        link in near(LINKS),
    ) {
        let [content_type, retry_after, public, date] = &values;
        let all = [content_type, retry_after, public, date, &link];
        reply::headers(all.map(String::as_bytes));
    }

    #[test]
    fn nothing_of_petras_text_survives(body in prop_oneof![
        4 => petra_pages().prop_map(|page| page.to_string().into_bytes()),
        2 => petra_links().prop_map(|link| link.to_string().into_bytes()),
        1 => any::<Vec<u8>>(),
    ]) {
        petra::body(&body);
    }

    #[test]
    fn nothing_of_connectwises_text_survives_a_round(replies in scripts(), cheap in any::<bool>()) {
        let _ = round(replies, if cheap { Depth::Cheap } else { Depth::Full });
    }

    #[test]
    fn a_visit_ends_whatever_is_stored_and_answered(
        link in stored(),
        secret in secrets(),
        replies in scripts(),
        page in petra_pages(),
        choices in prop::collection::vec(prop_oneof![2 => Just(0), 1 => any::<u8>()], 0..40),
    ) {
        let (link, page) = (link.to_string(), page.to_string());
        visit(&Told {
            link: link.as_bytes(),
            secret: &secret,
            replies: &replies,
            page: page.as_bytes(),
            choices: &choices,
        });
    }
}

/// The data of a Secret: keys, and what stands where keys should be. Most are fit, so that a visit goes on.
fn secrets() -> impl Strategy<Value = Data> {
    let value = || {
        prop_oneof![
            20 => Just(CANARY.as_bytes().to_vec()),
            1 => prop_oneof!["[a-z]{1,9}", "[ \\t]{0,3}[a-z:\0\\n]{0,9}[\r\\n]{0,2}", "\\PC{0,9}"]
                .prop_map(String::into_bytes),
            1 => any::<Vec<u8>>(),
            1 => (any::<u8>(), prop_oneof![250..260_usize, 1_000..20_000_usize]).prop_map(|(byte, long)| vec![byte; long]),
        ]
    };
    let name = prop_oneof![
        Just("publickey".to_owned()),
        Just("privateKey ".to_owned()),
        Just(CANARY.to_owned()),
        any::<String>(),
    ];
    let rest = prop::collection::btree_map(name, any::<Vec<u8>>(), 0..3);
    let key = || prop::option::weighted(0.95, value());
    (key(), key(), rest).prop_map(|(public, private, mut data)| {
        data.extend(secret::data(public.as_deref(), private.as_deref()));
        data
    })
}

const LINKS: &[&str] = &[
    "<",
    ">",
    "; rel=\"next\"",
    "; rel=next",
    "</v2025_1/apis/3.0/x?page=2>; rel=\"next\"",
    "https://api-na.myconnectwise.net",
    "https://evil.example",
    "//",
    "/",
    "..",
    "\\",
    "@",
    "?a=b",
    "#",
    ",",
    " ",
    "%0d%0a",
    "é",
];
