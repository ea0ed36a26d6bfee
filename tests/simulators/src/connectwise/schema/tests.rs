use super::*;
use crate::connectwise::routes::ROUTES;

/// Each route with the schema of its rows.
fn served_schemas() -> impl Iterator<Item = (&'static str, &'static str)> {
    ROUTES.iter().map(|route| (route.template, route.answer.schema()))
}

/// What is wrong with a value by its declared type; null is allowed everywhere, as the vendor's file has it.
fn mismatch(declared: &Value, value: &Value, at: &str) -> Vec<String> {
    if value.is_null() {
        return Vec::new();
    }
    if let Some(options) = declared["anyOf"].as_array() {
        let tried: Vec<_> = options.iter().map(|option| mismatch(option, value, at)).collect();
        let fits = tried.iter().any(Vec::is_empty);
        return if fits { Vec::new() } else { tried.into_iter().flatten().collect() };
    }
    if let Some(schema) = referenced(declared) {
        return mismatches(schema, value, at);
    }
    let fits = match declared["type"].as_str() {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("array") => {
            let items = value.as_array().into_iter().flatten();
            return items.flat_map(|item| mismatch(&declared["items"], item, at)).collect();
        }
        Some("object") => value.is_object(),
        _ => true,
    };
    let listed = declared["enum"].as_array().is_none_or(|words| words.contains(value));
    if fits && listed { Vec::new() } else { vec![format!("{at} is {value}, declared {declared}")] }
}

fn mismatches(schema: &str, row: &Value, at: &str) -> Vec<String> {
    let properties = of(schema)["properties"].as_object().expect("the schema has properties");
    properties
        .iter()
        .filter(|(name, _)| !leaves_out(schema, name))
        .flat_map(|(name, declared)| match row.get(name) {
            None => vec![format!("{at}/{name} is missing")],
            Some(value) => mismatch(declared, value, &format!("{at}/{name}")),
        })
        .collect()
}

#[test]
fn every_served_row_has_each_property_with_its_declared_type() {
    let problems: Vec<_> =
        served_schemas().flat_map(|(route, schema)| mismatches(schema, &row(schema, 7), route)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_required_property_is_there_and_not_null() {
    for (route, schema) in served_schemas() {
        for name in of(schema)["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(!row(schema, 7)[name].is_null(), "{route} has no {name}");
        }
    }
}

#[test]
fn what_the_row_data_names_exists_in_the_schemas() {
    let given =
        ROW_DATA.values.iter().flat_map(|(schema, values)| values.keys().map(move |name| (schema, name)));
    let left_out =
        ROW_DATA.left_out.iter().flat_map(|(schema, names)| names.keys().map(move |name| (schema, name)));
    for (schema, name) in given.chain(left_out) {
        assert!(!of(schema)["properties"][name].is_null(), "{schema} has no property {name}");
    }
}
