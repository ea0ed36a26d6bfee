use proptest::prelude::*;
use serde_json::json;

use super::*;

const API: Asked = Asked::Api { router: false };
const ROUTER: Asked = Asked::Api { router: true };

fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    Answer {
        status,
        content_type: content_type.to_owned(),
        retry_after: None,
        next: None,
        date: None,
        body: body.into(),
    }
}

fn json_answer(status: u16, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

fn error(code: &str, message: &str) -> Value {
    json!({"code": code, "message": message})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    name: String,
    status: u16,
    content_type: String,
    body: Value,
    path: Option<String>,
    means: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
}

#[test]
fn every_known_body_means_what_is_written_beside_it() {
    let known: Vec<Known> = serde_json::from_str(include_str!("../testdata/error-bodies.json")).unwrap();
    assert!(known.len() >= 18);
    for Known { name, status, content_type, body, path, means, headers } in known {
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let retry_after = headers.get("Retry-After").map(|s| Duration::from_secs(s.parse().unwrap()));
        let asked =
            if path.is_some_and(|path| path.contains("companyinfo")) { Asked::Discovery } else { API };
        let meaning = classify(&Answer { retry_after, ..answer(status, &content_type, text) }, asked);
        let wanted = if retry_after.is_some() { format!("{means}({retry_after:?})") } else { means };
        assert_eq!(format!("{meaning:?}"), wanted, "{name}");
    }
}

#[test]
fn a_401_that_is_not_connectwises_own_accuses_nobody() {
    let unauthorized = error("Unauthorized", "Unauthorized").to_string();
    for not_own in [
        answer(401, "text/html", "<html>Unauthorized</html>"),
        answer(401, "text/html", unauthorized.as_str()),
        answer(401, "text/plain", "Unauthorized"),
        answer(401, "", unauthorized),
        answer(401, "application/json", ""),
        json_answer(401, &json!({"error": "Unauthorized"})),
        json_answer(401, &json!({"code": 401, "message": "Unauthorized"})),
        json_answer(401, &json!({"code": "Unauthorized"})),
        json_answer(401, &error("unauthorized", "Unauthorized")),
        json_answer(401, &error("ProxyAuthenticationRequired", "Unauthorized")),
        json_answer(401, &error("ConnectWiseApi", "A timeout has occured. Please try again.")),
        json_answer(401, &json!([error("Unauthorized", "Unauthorized")])),
        json_answer(401, &json!(["Unauthorized", "Unauthorized"])),
        json_answer(401, &error("Unauthorized", "The clientId header is missing.")),
        json_answer(407, &error("Unauthorized", "Unauthorized")),
    ] {
        assert_eq!(classify(&not_own, API), Meaning::Ambiguous, "{not_own:?}");
    }
}

#[test]
fn a_403_is_about_a_right_only_with_the_permission_message() {
    let permission = "You do not have security permission to perform this action.";
    for (body, meaning) in [
        (error("Security", permission), Meaning::PermissionDenied),
        (error("Unauthorized", permission), Meaning::PermissionDenied),
        (error("Security", "Blocked by policy."), Meaning::Ambiguous),
        (error("Forbidden", permission), Meaning::Ambiguous),
        (error("Security", "SSL is required."), Meaning::WrongHost),
        (error("Security", "Invalid ClientId"), Meaning::Ambiguous),
    ] {
        assert_eq!(classify(&json_answer(403, &body), API), meaning, "{body}");
    }
    assert_eq!(classify(&answer(403, "text/html", permission), API), Meaning::Ambiguous);
}

#[test]
fn a_400_blames_the_request_only_in_connectwises_own_words_and_never_for_a_client_id() {
    for (answer, meaning) in [
        (json_answer(400, &error("InvalidObject", "conditions is invalid")), Meaning::BadRequest),
        (json_answer(400, &error("InvalidObject", "clientId is invalid")), Meaning::Ambiguous),
        (answer(400, "text/html", "<html>Bad Request</html>"), Meaning::Ambiguous),
        (json_answer(400, &json!({"error": "no code"})), Meaning::Ambiguous),
        (
            answer(400, "text/plain", "Cannot route. Codebase/company is invalid"),
            Meaning::CompanyOrCodebaseInvalid,
        ),
    ] {
        assert_eq!(classify(&answer, API), meaning, "{answer:?}");
    }
}

#[test]
fn an_endpoint_is_missing_only_in_connectwises_own_words() {
    for (message, meaning) in [
        ("The endpoint does not exist.", Meaning::EndpointMissing),
        ("A timeout has occured. Please try again.", Meaning::Ambiguous),
    ] {
        let answer = json_answer(404, &error("ConnectWiseApi", message));
        assert_eq!(classify(&answer, API), meaning, "{message}");
    }
}

#[test]
fn a_router_neither_refuses_keys_nor_misses_records() {
    for refusal in [
        json_answer(401, &error("Unauthorized", "Unauthorized")),
        json_answer(404, &error("NotFound", "Contact 1 not found")),
        json_answer(404, &error("ConnectWiseApi", "The endpoint does not exist.")),
        answer(404, "text/html", ""),
    ] {
        assert_eq!(classify(&refusal, ROUTER), Meaning::Ambiguous, "{refusal:?}");
    }
}

#[test]
fn companyinfo_knows_no_such_company_by_null_or_by_its_own_json_404() {
    for (asked, meaning) in [
        (answer(200, "application/json", "\u{feff}null\r\n"), Meaning::CompanyUnknown),
        (json_answer(404, &error("NotFound", "Company not found")), Meaning::CompanyUnknown),
        (answer(404, "text/html", "not found"), Meaning::Ambiguous),
        (answer(404, "application/json", "null"), Meaning::Ambiguous),
        (answer(200, "text/html", "null"), Meaning::NotJson),
        (json_answer(200, &json!({"Codebase": "v2025_1/"})), Meaning::Ok),
    ] {
        assert_eq!(classify(&asked, Asked::Discovery), meaning, "{asked:?}");
    }
}

#[test]
fn a_page_with_200_is_not_an_answer() {
    for page in [
        answer(200, "text/html", "<html>Sign in</html>"),
        answer(200, "text/html", "[]"),
        answer(200, "application/json", ""),
        answer(200, "application/json", "null"),
    ] {
        assert_eq!(classify(&page, API), Meaning::NotJson, "{page:?}");
    }
    assert_eq!(classify(&answer(200, "application/vnd.connectwise.com+json", " []"), API), Meaning::Ok);
    assert_eq!(classify(&answer(204, "", ""), API), Meaning::Ambiguous);
}

#[test]
fn redirects_gateways_and_limits_say_nothing_about_keys() {
    for (status, meaning) in [
        (301, Meaning::Redirected),
        (302, Meaning::Redirected),
        (408, Meaning::Ambiguous),
        (429, Meaning::RateLimited(None)),
        (500, Meaning::Unavailable),
        (502, Meaning::Unavailable),
        (503, Meaning::Unavailable),
        (504, Meaning::Unavailable),
    ] {
        assert_eq!(classify(&json_answer(status, &error("Unauthorized", "x")), API), meaning, "{status}");
    }
}

#[test]
fn a_body_is_read_through_a_mark_line_breaks_and_other_doubled_keys() {
    let body = "\u{feff}{\r\n  \"errors\": 1,\r\n  \"code\": \"Unauthorized\",\r\n  \"errors\": 2,\r\n  \"message\": \"no\"\r\n}\r\n";
    assert_eq!(classify(&answer(401, "application/json", body), API), Meaning::CredentialsRejected);
}

#[test]
fn a_code_or_a_message_that_comes_twice_refuses_nothing() {
    for body in [
        r#"{"code": "Other", "code": "Unauthorized", "message": "no"}"#,
        r#"{"code": "Unauthorized", "code": "Unauthorized", "message": "no"}"#,
        r#"{"code": "Unauthorized", "message": "no", "message": "no"}"#,
    ] {
        assert_eq!(classify(&answer(401, "application/json", body), API), Meaning::Ambiguous, "{body}");
    }
}

#[test]
fn a_body_nested_too_deeply_tells_nothing() {
    let body = format!("{{\"code\":\"Unauthorized\",\"message\":\"x\",\"errors\":{}", "[".repeat(100_000));
    assert_eq!(classify(&answer(401, "application/json", body), API), Meaning::Ambiguous);
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_and_only_own_json_accuses(
        status in 100u16..600,
        content_type in "[a-z/+]{0,20}",
        body in any::<Vec<u8>>(),
    ) {
        for asked in [API, ROUTER, Asked::Discovery] {
            let meaning = classify(&answer(status, &content_type, body.clone()), asked);
            prop_assert!(!matches!(meaning, Meaning::CredentialsRejected | Meaning::PermissionDenied));
        }
    }
}
