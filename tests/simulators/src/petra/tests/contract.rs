//! The router and `petra-links.openapi.yaml` say the same.

use std::collections::BTreeSet;

use ::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, LINK, LIST, OTHER, OWNER, Served, call, put_body, request};

const LATE: &str = "2026-02-02T09:29:59Z";
const IN_TIME: &str = "2026-02-02T09:30:08Z";

struct Contract(Value);

impl Contract {
    fn read() -> Self {
        let yaml = include_str!("../../../../../petra-links.openapi.yaml");
        Self(serde_saphyr::from_str(yaml).expect("YAML"))
    }

    fn resolve<'a>(&'a self, node: &'a Value) -> &'a Value {
        let Some(reference) = node["$ref"].as_str() else { return node };
        let pointer = reference.strip_prefix('#').expect("a reference within the file");
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// Every method and path template.
    fn operations(&self) -> Vec<(Method, String)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("a path item").keys().filter(|key| *key != "parameters");
            methods.map(move |method| (method.to_uppercase().parse().expect("a method"), path.clone()))
        });
        operations.collect()
    }

    fn responses(&self, method: &Method, path: &str) -> &Value {
        &self.0["paths"][path][method.as_str().to_lowercase()]["responses"]
    }

    /// Whether the answer is one that the contract names, with its headers and exactly its body.
    fn assert_describes(&self, method: &Method, path: &str, answer: &Answer) {
        let told = format!("{method} {path} {}", answer.status);
        let response = &self.responses(method, path)[answer.status.as_str()];
        assert!(response.is_object(), "{told} is not in the contract");
        let response = self.resolve(response);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let required = self.resolve(header)["required"] == true;
            assert!(!required || answer.header(name).is_some(), "{told} lacks the header {name}");
        }
        if response["content"].is_object() {
            self.assert_fits(&response["content"]["application/json"]["schema"], &answer.body, &told);
        } else if answer.status == StatusCode::NO_CONTENT {
            assert_eq!(answer.body, Value::Null, "{told} has a body");
        }
    }

    fn assert_fits(&self, schema: &Value, value: &Value, at: &str) {
        let schema = self.resolve(schema);
        if value.is_null() {
            assert_eq!(schema["nullable"], true, "{at} is null");
            return;
        }
        match schema["type"].as_str().unwrap_or_else(|| panic!("{at} has no type")) {
            "object" => self.assert_has_its_properties(schema, value, at),
            "array" => {
                for (index, item) in
                    value.as_array().unwrap_or_else(|| panic!("{at}: {value}")).iter().enumerate()
                {
                    self.assert_fits(&schema["items"], item, &format!("{at}[{index}]"));
                }
            }
            "string" => {
                let text = value.as_str().unwrap_or_else(|| panic!("{at}: {value}"));
                let longest = schema["maxLength"].as_u64();
                assert!(longest.is_none_or(|longest| text.len() as u64 <= longest), "{at} is too long");
                let words = schema["enum"].as_array();
                assert!(words.is_none_or(|words| words.contains(value)), "{at}: {text} is not in the enum");
            }
            "integer" => assert!(value.is_i64(), "{at}: {value}"),
            "boolean" => assert!(value.is_boolean(), "{at}: {value}"),
            other => panic!("{at} has the type {other}"),
        }
    }

    fn assert_has_its_properties(&self, schema: &Value, value: &Value, at: &str) {
        let value = value.as_object().unwrap_or_else(|| panic!("{at}: {value}"));
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(value.contains_key(name), "{at} lacks {name}");
        }
        // The published API leaves some objects open; those name no properties.
        let Some(properties) = schema["properties"].as_object() else { return };
        for (name, value) in value {
            let property =
                properties.get(name).unwrap_or_else(|| panic!("{at} has {name}, unknown to the contract"));
            self.assert_fits(property, value, &format!("{at}.{name}"));
        }
    }
}

/// Checks answers against the contract, and remembers which of it was seen.
struct Checked {
    contract: Contract,
    seen: BTreeSet<(String, String, String)>,
}

impl Checked {
    fn check(&mut self, method: &Method, path: &str, status: u16, answer: &Answer) {
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.body);
        self.contract.assert_describes(method, path, answer);
        self.seen.insert((method.to_string(), path.to_owned(), status.to_string()));
    }
}

fn example_uri(path: &str) -> String {
    path.replace("{linkId}", "link-1")
}

/// What every route answers to a caller without rights or patience, and what a server without the contract answers.
async fn refuse_at_the_gate(checked: &mut Checked) {
    for (method, path) in checked.contract.operations() {
        let served = Served::new();
        let mut keyless = request(method.clone(), &example_uri(&path), None);
        keyless.headers_mut().remove("authorization");
        checked.check(&method, &path, 401, &call(served.petra.router(), keyless).await);
        let mut nameless = request(method.clone(), &example_uri(&path), None);
        nameless.headers_mut().remove("user-agent");
        checked.check(&method, &path, 403, &call(served.petra.router(), nameless).await);
        if path.starts_with(LIST) {
            served.set(json!({"hasContract": false})).await;
            let unknown = served.send(method.clone(), &example_uri(&path), None).await;
            checked.check(&method, &path, 404, &unknown);
        }
        served.set(json!({"ratePerMinute": 0})).await;
        let refused = served.send(method.clone(), &example_uri(&path), None).await;
        assert!(refused.header("retry-after").is_some_and(|wait| wait.parse::<u32>().is_ok()));
        checked.check(&method, &path, 429, &refused);
    }
}

async fn put_in_every_way(checked: &mut Checked, served: &Served, path: &str) {
    let put = Method::PUT;
    served.set(json!({"connectwiseRefuses": "credentials_rejected"})).await;
    checked.check(&put, path, 422, &served.put(&json!({})).await);
    served.set(json!({"connectwiseRefuses": null})).await;
    checked.check(&put, path, 202, &served.put(&json!({})).await);
    checked.check(&put, path, 200, &served.put(&json!({})).await);
    checked.check(&put, path, 400, &served.put(&json!({"owner": 1})).await);
    checked.check(&put, path, 409, &served.put(&json!({"owner": OTHER})).await);
    let second = Some(super::with(put_body(), &json!({"credentialsVersion": "k2"})));
    let second = served.send(put.clone(), "/v1/integrations/connectwise/link-2", second).await;
    checked.check(&put, path, 409, &second);
    assert_eq!((&second.body["code"], &second.body["linkId"]), (&json!("company_linked"), &json!("link-1")));
    checked.check(&put, path, 410, &served.put(&json!({"notAfter": LATE})).await);
    checked.check(&put, path, 412, &served.put(&json!({"credentialsVersion": "k2"})).await);
    let elsewhere = served
        .send(
            put.clone(),
            "/v1/integrations/connectwise/link-2",
            Some(super::with(put_body(), &json!({"expectedVersion": "v"}))),
        )
        .await;
    checked.check(&put, path, 412, &elsewhere);
}

async fn look_in_every_way(checked: &mut Checked, served: &Served, path: &str) {
    let get = Method::GET;
    for state in [
        json!({"state": "pending"}),
        json!({"state": "failed", "reason": "company_unknown"}),
        json!({"state": "connected"}),
    ] {
        served.admin(Method::POST, "/links/link-1/state", Some(state)).await;
        checked.check(&get, path, 200, &served.get(LINK).await);
        checked.check(&get, LIST, 200, &served.get(&format!("{LIST}?owner={OWNER}")).await);
    }
    checked.check(&get, path, 404, &served.get("/v1/integrations/connectwise/none").await);
    checked.check(&get, path, 400, &served.get("/v1/integrations/connectwise/-").await);
    checked.check(&get, LIST, 400, &served.get(LIST).await);
    served.place("by-hand", None).await;
    checked.check(&get, path, 200, &served.get("/v1/integrations/connectwise/by-hand").await);
    served.place("link-3", Some(OWNER)).await;
    served.set(json!({"pageSize": 1})).await;
    checked.check(&get, LIST, 200, &served.get(&format!("{LIST}?installation=prod")).await);
}

async fn delete_in_every_way(checked: &mut Checked, served: &Served, path: &str) {
    let delete = Method::DELETE;
    let link = served.get(LINK).await;
    checked.check(&delete, path, 400, &served.send(delete.clone(), LINK, None).await);
    checked.check(&delete, path, 409, &served.delete(OTHER, link.version(), IN_TIME).await);
    checked.check(&delete, path, 410, &served.delete(OWNER, link.version(), LATE).await);
    checked.check(&delete, path, 412, &served.delete(OWNER, "other", IN_TIME).await);
    checked.check(&delete, path, 204, &served.delete(OWNER, link.version(), IN_TIME).await);
    checked.check(&delete, path, 404, &served.delete(OWNER, link.version(), IN_TIME).await);
}

#[tokio::test]
async fn every_answer_is_in_the_contract_and_every_answer_of_the_contract_is_given() {
    let mut checked = Checked { contract: Contract::read(), seen: BTreeSet::new() };
    refuse_at_the_gate(&mut checked).await;

    let served = Served::new();
    let one = format!("{LIST}/{{linkId}}");
    put_in_every_way(&mut checked, &served, &one).await;
    look_in_every_way(&mut checked, &served, &one).await;
    delete_in_every_way(&mut checked, &served, &one).await;
    for path in ["/v1/tenants", "/v1/usage", "/v1/incidents"] {
        checked.check(&Method::GET, path, 200, &served.get(path).await);
    }
    checked.check(&Method::GET, "/v1/usage", 400, &served.get("/v1/usage?asOf=yesterday").await);

    let named: BTreeSet<_> = checked
        .contract
        .operations()
        .into_iter()
        .flat_map(|(method, path)| {
            let responses = checked.contract.responses(&method, &path).as_object().expect("responses");
            // A fault, not a choice of this server's.
            let statuses = responses.keys().filter(|status| *status != "5XX");
            statuses.map(move |status| (method.to_string(), path.clone(), status.clone())).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(checked.seen, named);
}

#[test]
fn the_contract_says_that_it_is_not_petras() {
    let contract = Contract::read();
    let description = contract.0["info"]["description"].as_str().expect("a description");
    assert!(description.starts_with("**Petra Security has not published the link routes in this file.**"));
}
