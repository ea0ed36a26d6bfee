//! The properties on generated input.

mod bodies;
mod stored;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::bodies::{petra_links, petra_pages, record, scripts};
use self::stored::stored;
use super::connectwise::round;
use super::conversation::{Script, visit};
use super::secret::Data;
use super::{CANARY, answer, files, petra, reply, secret, texts};
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
const PEM: &[&str] = &[
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n",
    "-----",
    "BEGIN ",
    "AAAA\n",
    "canary",
    "=",
    "\n",
];
const STATUSES: &[u16] =
    &[200, 202, 204, 301, 400, 401, 403, 404, 405, 409, 410, 412, 422, 429, 500, 501, 503];
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
    fn what_the_api_server_sends_for_a_secret_gives_keys_only_when_both_are_well_formed(
        json in prop_oneof![
            8 => sent_secrets().prop_map(|secret| secret.to_string().into_bytes()),
            1 => any::<Vec<u8>>(),
        ],
        company in prop_oneof![4 => Just("acme".to_owned()), 1 => near(NAMES)],
    ) {
        secret::sent(&json, &company);
    }

    #[test]
    fn a_mounted_file_is_what_its_flag_says_or_is_refused_by_name(bytes in prop_oneof![
        2 => near(PEM).prop_map(String::into_bytes),
        1 => near(YAML).prop_map(String::into_bytes),
        2 => "[ \\n]{0,2}[!-~]{0,9}[ \\r\\n]{0,2}".prop_map(String::into_bytes),
        1 => any::<Vec<u8>>(),
        1 => (any::<u8>(), 4_090..4_100_usize).prop_map(|(byte, long)| vec![byte; long]),
    ]) {
        files::file(&bytes);
    }

    #[test]
    fn an_answer_of_petra_means_what_its_status_and_its_own_words_say(
        status in prop_oneof![8 => prop::sample::select(STATUSES), 1 => any::<u16>()],
        wait in any::<Option<u16>>(),
        body in petra_bodies(),
    ) {
        answer::any(status, wait, &body);
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
    fn nothing_of_petras_text_survives_but_what_its_field_may_hold(body in petra_bodies()) {
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
        visit(&Script {
            link: link.as_bytes(),
            secret: &secret,
            replies: &replies,
            page: page.as_bytes(),
            choices: &choices,
        });
    }
}

fn petra_bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => petra_pages().prop_map(|page| page.to_string().into_bytes()),
        4 => petra_links().prop_map(|link| link.to_string().into_bytes()),
        1 => Just(json!([CANARY]).to_string().into_bytes()),
        1 => any::<Vec<u8>>(),
    ]
}

/// A Secret as the API server sends it, or nearly so: also with keys where none are read.
fn sent_secrets() -> impl Strategy<Value = Value> {
    let values = || {
        let key = BASE64.encode(CANARY);
        vec![
            json!(key),
            json!(key),
            json!(key),
            json!(""),
            json!("A"),
            json!("AA=="),
            json!(CANARY),
            json!(7),
        ]
    };
    let data = record(20, vec![("publicKey", values()), ("privateKey", values()), ("other", values())]);
    let metadata = record(
        20,
        vec![
            ("uid", vec![json!("secret"), json!(CANARY)]),
            ("resourceVersion", vec![json!("1"), json!("canary")]),
            ("annotations", vec![json!({}), json!({"canary": CANARY})]),
        ],
    );
    (data, metadata, prop::option::weighted(0.2, record(5, vec![("publicKey", values())]))).prop_map(
        |(data, metadata, string_data)| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data, "stringData": string_data})
        },
    )
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
