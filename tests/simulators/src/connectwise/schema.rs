//! Rows made from the vendor's schemas, so that their shape is right by construction.
//!
//! `data/openapi-subset.json` gives each property and its type; `data/rows.yaml` gives better values where a type alone
//! would give dull ones, and names what is left out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

static SCHEMAS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut file: Value = serde_json::from_str(include_str!("../../data/openapi-subset.json"))
        .expect("the shipped OpenAPI subset is JSON");
    match file["components"]["schemas"].take() {
        Value::Object(schemas) => schemas,
        other => unreachable!("the shipped OpenAPI subset has schemas, not {other}"),
    }
});

static ROW_DATA: LazyLock<RowData> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../../data/rows.yaml")).expect("the shipped row data is valid")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RowData {
    values: BTreeMap<String, Map<String, Value>>,
    left_out: BTreeMap<String, BTreeMap<String, String>>,
}

/// The schema of that name; an empty one where there is none.
pub(super) fn of(name: &str) -> &'static Value {
    SCHEMAS.get(name).unwrap_or(&Value::Null)
}

/// Whether rows of the schema leave a property out on purpose.
pub(super) fn leaves_out(schema: &str, property: &str) -> bool {
    ROW_DATA.left_out.get(schema).is_some_and(|properties| properties.contains_key(property))
}

/// The row with that id of a schema.
pub(super) fn row(schema: &str, id: u64) -> Value {
    let values = ROW_DATA.values.get(schema);
    let properties = of(schema)["properties"].as_object().into_iter().flatten();
    let row = properties
        .filter(|(name, _)| !leaves_out(schema, name))
        .map(|(name, declared)| {
            let value = match values.and_then(|values| values.get(name)) {
                Some(Value::String(text)) => json!(text.replace("{id}", &id.to_string())),
                Some(value) => value.clone(),
                None => of_type(name, declared, id),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(row)
}

/// Whether a schema has a property of that name.
pub(super) fn knows(schema: &str, property: &str) -> bool {
    let properties = of(schema)["properties"].as_object();
    properties.is_some_and(|properties| properties.keys().any(|known| known.eq_ignore_ascii_case(property)))
}

pub(super) fn referenced(declared: &Value) -> Option<&str> {
    declared["$ref"].as_str()?.rsplit('/').next()
}

/// A value that the declared type allows.
fn of_type(name: &str, declared: &'static Value, id: u64) -> Value {
    if let Some(options) = declared["anyOf"].as_array() {
        let option = options.iter().find(|option| option["type"] != "null");
        return option.map_or(Value::Null, |option| of_type(name, option, id));
    }
    if let Some(schema) = referenced(declared) {
        return row(schema, id);
    }
    if let Some(words) = declared["enum"].as_array() {
        return words[usize::try_from(id).unwrap_or(0) % words.len()].clone();
    }
    match declared["type"].as_str() {
        Some("string") => json!(text(name, declared["format"].as_str(), id)),
        Some("boolean") => json!(false),
        Some("integer") => json!(id),
        Some("number") => json!(10.0),
        Some("array") if declared["items"].as_object().is_some_and(|items| !items.is_empty()) => {
            json!([of_type(name, &declared["items"], id)])
        }
        Some("array") => json!([]),
        Some("object") if declared["additionalProperties"].is_object() => {
            json!({"lastUpdated": text(name, Some("date-time"), id), "updatedBy": "admin1"})
        }
        _ => json!({}),
    }
}

fn text(name: &str, format: Option<&str>, id: u64) -> String {
    match format {
        Some("date-time") => format!("2025-03-{:02}T09:30:00Z", id % 28 + 1),
        Some("date") => format!("2025-03-{:02}", id % 28 + 1),
        Some("uuid") => format!("5c7a3f10-0000-4000-8000-{id:012x}"),
        _ => format!("{name} {id}"),
    }
}

#[cfg(test)]
mod tests;
