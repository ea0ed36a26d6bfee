//! The printed form of the CustomResourceDefinition.

use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::spec::ConnectWiseLink;

/// The CustomResourceDefinition as it is shipped, in YAML, with a line that names its source.
///
/// Three things differ from what kube derives. `nullable` and `default` are taken out: through the status subresource a
/// stored `status: null` would stay null, and a defaulted field fights GitOps. `status` gets the schema's only default,
/// `observedGeneration: -1`, so that kstatus reads a resource that nobody has looked at yet as in progress. And a
/// paragraph of a description is one line: `kubectl explain` keeps line breaks, and wraps for itself.
///
/// # Panics
///
/// Never: the derived definition is JSON.
#[must_use]
pub fn crd_yaml() -> String {
    // A paragraph stays one line.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let yaml = serde_saphyr::to_string_with_options(&definition(), options).expect("a CRD is YAML");
    format!("# Generated from src/crd by `make crds`. Do not edit.\n{yaml}")
}

fn definition() -> Value {
    let mut value = serde_json::to_value(ConnectWiseLink::crd()).expect("a derived CRD is JSON");
    strip_schema(&mut value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    value["metadata"]["labels"] = json!({ "app.kubernetes.io/name": "cwlink" });
    value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["default"] =
        json!({ "observedGeneration": -1 });
    value
}

/// Takes `nullable`, `default` and the line breaks of descriptions out of a schema and the schemas in it.
fn strip_schema(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    map.remove("nullable");
    map.remove("default");
    if let Some(Value::String(description)) = map.get_mut("description") {
        let paragraphs: Vec<_> = description.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
    if let Some(words) = map.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    // An integer's bound is derived as 0.0; the only one there is is zero.
    if map.get("minimum").and_then(Value::as_f64) == Some(0.0) {
        map.insert("minimum".to_owned(), json!(0));
    }
    if let Some(fields) = map.get_mut("properties").and_then(Value::as_object_mut) {
        fields.values_mut().for_each(strip_schema);
    }
    if let Some(items) = map.get_mut("items") {
        strip_schema(items);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

    use super::*;

    #[test]
    fn no_field_is_nullable_and_every_field_is_described() {
        fn walk(path: &str, schema: &Value) {
            assert!(schema.get("nullable").is_none(), "{path} is nullable");
            assert!(schema.get("default").is_none() || path == ".status", "{path} has a default");
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}.{name}");
                let generic =
                    ["apiVersion", "kind", "metadata"].iter().any(|known| path == format!(".{known}"));
                assert!(generic || field["description"].is_string(), "{path} has no description");
                walk(&path, field);
            }
            if let Some(items) = schema.get("items") {
                walk(&format!("{path}[]"), items);
            }
        }
        let crd: CustomResourceDefinition =
            serde_json::from_value(definition()).expect("the CRD stays a CRD");
        let crd = serde_json::to_value(crd).expect("json");
        walk("", &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    }

    #[test]
    fn the_checked_in_crd_is_what_the_types_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/connectwiselinks.yaml");
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stored == crd_yaml(), "crds/ is stale: run `make crds`");
    }
}
