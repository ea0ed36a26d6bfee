//! A secret in every spelling in which a program might write it down.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

/// What must not be found anywhere.
pub struct Needles {
    /// In lower case, because a secret in another case is still one.
    spellings: Vec<String>,
}

impl Needles {
    /// These secrets, in every spelling.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut spellings: Vec<_> =
            secrets.into_iter().flat_map(spellings).map(|text| text.to_lowercase()).collect();
        spellings.sort_unstable();
        spellings.dedup();
        Self { spellings }
    }

    /// How many spellings there are.
    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    /// Which of them are in a text.
    pub fn found_in(&self, text: &str) -> Vec<&str> {
        let text = text.to_lowercase();
        self.spellings.iter().map(String::as_str).filter(|spelling| text.contains(spelling)).collect()
    }

    /// Fails if any is in the text, and shows the lines.
    #[track_caller]
    pub fn assert_none_in(&self, place: &str, text: &str) {
        let found = self.found_in(text);
        let lines: Vec<_> = text.lines().filter(|line| !self.found_in(line).is_empty()).take(3).collect();
        assert!(found.is_empty(), "{found:?} in {place}: {lines:#?}");
    }
}

fn spellings(secret: &str) -> Vec<String> {
    let json = json!(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let ascii_json: String = json.encode_utf16().map(ascii_or_escape).collect();
    let debug = format!("{secret:?}");
    let debug = debug[1..debug.len() - 1].to_owned();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut spellings = vec![
        secret.to_owned(),
        secret.chars().rev().collect(),
        // Within a text that is itself a text of JSON, as in a log line.
        json!(json).to_string().trim_matches('"').to_owned(),
        json,
        ascii_json,
        debug,
        form.replace('+', "%20"),
        form,
        percent(secret, |byte| byte.is_ascii_alphanumeric()),
        percent(secret, |byte| byte.is_ascii_graphic() && byte != b'%'),
        percent(secret, |_| false),
        html(secret),
        hex(secret, ""),
        hex(secret, " "),
        hex(secret, "\\x"),
    ];
    for separator in [", ", ",", " "] {
        spellings.push(secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(separator));
    }
    for shift in 0..3 {
        spellings.extend(within_base64(secret, shift));
    }
    spellings
}

fn ascii_or_escape(unit: u16) -> String {
    match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
        _ => format!("\\u{unit:04x}"),
    }
}

fn percent(secret: &str, stays: impl Fn(u8) -> bool) -> String {
    secret.bytes().fold(String::new(), |mut text, byte| {
        if stays(byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02x}").expect("a String takes everything");
        }
        text
    })
}

fn html(secret: &str) -> String {
    let escapes = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];
    escapes.iter().fold(secret.to_owned(), |text, (plain, escape)| text.replace(*plain, escape))
}

fn hex(secret: &str, before: &str) -> String {
    let digits: Vec<_> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.join(before)
}

/// The part of a base64 text that the secret alone decides, wherever in it the secret stands: standard and URL-safe.
fn within_base64(secret: &str, shift: usize) -> [String; 2] {
    let bytes = [&[0; 2][..shift], secret.as_bytes()].concat();
    let whole = bytes.len() - bytes.len() % 3;
    let first = if shift == 0 { 0 } else { 4 };
    [STANDARD_NO_PAD.encode(&bytes[..whole]), URL_SAFE_NO_PAD.encode(&bytes[..whole])]
        .map(|text| text[first..].to_owned())
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let secret = r#"CANARY"a\b+/=&%<é€"#;
    let needles = Needles::of([secret]);
    let composite = format!("acme+public:{secret}!");
    for text in [
        format!("key={secret}"),
        secret.to_uppercase(),
        json!({"key": secret}).to_string(),
        json!({"line": json!({"key": secret}).to_string()}).to_string(),
        format!("{:?}", Some(secret)),
        format!("{:?}", secret.as_bytes()),
        STANDARD_NO_PAD.encode(secret),
        STANDARD_NO_PAD.encode(&composite),
        URL_SAFE_NO_PAD.encode(format!("x{composite}")),
        STANDARD_NO_PAD.encode(format!("xy{composite}")),
        url::form_urlencoded::Serializer::new(String::new()).append_pair("key", secret).finish(),
        secret.chars().rev().collect(),
    ] {
        assert!(!needles.found_in(&text).is_empty(), "{text}");
    }
    assert!(needles.found_in("nothing of the kind, not even a canary").is_empty());
}
