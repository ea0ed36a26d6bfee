//! What a query asks of the rows: `conditions`, `orderBy` and `fields`.

use std::cmp::Ordering;

use http::request::Parts;
use serde_json::{Map, Value};

use super::conditions::{self, Condition};
use super::errors::Refusal;
use super::schema;

/// A parameter of the query, decoded.
pub(super) fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?.as_bytes();
    form_urlencoded::parse(query)
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.into_owned())
}

/// The narrowing of a query.
pub(super) struct Query {
    condition: Option<Condition>,
    order: Vec<(String, bool)>,
    fields: Vec<String>,
}

impl Query {
    /// Reads the query of a request for rows of a schema.
    ///
    /// # Errors
    /// [`Refusal::BadConditions`] names the property that the schema does not have, or the place that is not readable.
    pub(super) fn read(parts: &Parts, schema: &str) -> Result<Self, Refusal> {
        let text = parameter(parts, "conditions").filter(|text| !text.trim().is_empty());
        let condition =
            text.map(|text| conditions::parse(&text)).transpose().map_err(Refusal::BadConditions)?;
        let order = parameter(parts, "orderBy").unwrap_or_default();
        let order: Vec<_> = listed(&order).map(direction).collect();
        let named =
            condition.iter().flat_map(Condition::properties).chain(order.iter().map(|(name, _)| &**name));
        for name in named {
            if !schema::knows(schema, name) {
                return Err(Refusal::BadConditions(format!("{name} is not a recognized name.")));
            }
        }
        let fields = parameter(parts, "fields").unwrap_or_default();
        Ok(Self { condition, order, fields: listed(&fields).map(str::to_owned).collect() })
    }

    pub(super) fn admits(&self, row: &Value) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(row))
    }

    pub(super) fn ordered<'a>(&self, mut rows: Vec<&'a Value>) -> Vec<&'a Value> {
        let compare = |a: &Value, b: &Value| {
            self.order.iter().fold(Ordering::Equal, |so_far, (name, descending)| {
                so_far.then_with(|| {
                    let ordering = conditions::compare(at(a, name), at(b, name)).unwrap_or(Ordering::Equal);
                    if *descending { ordering.reverse() } else { ordering }
                })
            })
        };
        rows.sort_by(|a, b| compare(a, b));
        rows
    }

    /// The row with the fields that were asked for; a name that the row does not have is passed over.
    pub(super) fn project(&self, row: &Value) -> Value {
        if self.fields.is_empty() {
            return row.clone();
        }
        let mut projected = Map::new();
        for field in &self.fields {
            copy(row, field, &mut projected);
        }
        Value::Object(projected)
    }
}

fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// `name desc` as the name and whether it descends.
fn direction(term: &str) -> (String, bool) {
    match term.rsplit_once(' ') {
        Some((name, word)) if word.eq_ignore_ascii_case("desc") => (name.trim().to_owned(), true),
        Some((name, word)) if word.eq_ignore_ascii_case("asc") => (name.trim().to_owned(), false),
        _ => (term.to_owned(), false),
    }
}

fn copy(from: &Value, path: &str, to: &mut Map<String, Value>) {
    let (name, rest) = path.split_once('/').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let Some((name, value)) = member(from, name) else { return };
    match rest {
        None => {
            to.insert(name.clone(), value.clone());
        }
        Some(rest) => {
            let inner = to.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                copy(value, rest, inner);
            }
        }
    }
}

fn member<'a>(row: &'a Value, name: &str) -> Option<(&'a String, &'a Value)> {
    row.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// The value at a path like `company/identifier`; null where the row ends before it.
pub(super) fn at<'a>(row: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(row, |value, name| member(value, name).map_or(&Value::Null, |(_, value)| value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(query: &str) -> Result<Query, Refusal> {
        let request =
            http::Request::builder().uri(format!("/x?{query}")).body(()).expect("the request is valid");
        Query::read(&request.into_parts().0, "Ticket")
    }

    #[test]
    fn fields_give_partial_rows_also_through_references() {
        let query = query("fields=id,company/name,nothing").expect("the query is valid");
        let row = json!({"id": 1, "summary": "s", "company": {"id": 2, "name": "c"}});
        assert_eq!(query.project(&row), json!({"id": 1, "company": {"name": "c"}}));
    }

    #[test]
    fn a_condition_on_an_unknown_property_is_refused_by_name() {
        let refused = query("conditions=resources%2Fidentifier%3D1").err();
        let expected = Refusal::BadConditions("resources/identifier is not a recognized name.".to_owned());
        assert_eq!(refused, Some(expected));
    }

    #[test]
    fn rows_are_ordered_as_asked() {
        let query = query("orderBy=severity,id%20desc").expect("the query is valid");
        let rows = [
            json!({"id": 1, "severity": "b"}),
            json!({"id": 2, "severity": "a"}),
            json!({"id": 3, "severity": "a"}),
        ];
        let ids: Vec<_> = query.ordered(rows.iter().collect()).iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, [3, 2, 1]);
    }
}
