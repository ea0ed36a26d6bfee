//! What a query asks of the rows: `conditions` and `fields`, in the forms that clients send to the served routes.

use http::request::Parts;
use serde_json::{Map, Value, json};

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
    fields: Vec<String>,
}

/// `property = value`, the only form of `conditions` that is served.
struct Condition {
    property: String,
    value: Value,
}

impl Query {
    /// Reads the query of a request for rows of a schema.
    ///
    /// # Errors
    /// [`Refusal::BadConditions`] names the property that the schema does not have, or what is not served.
    pub(super) fn read(parts: &Parts, schema: &str) -> Result<Self, Refusal> {
        if parameter(parts, "orderBy").is_some() {
            return Err(Refusal::BadConditions("orderBy is not served.".to_owned()));
        }
        let text = parameter(parts, "conditions").filter(|text| !text.trim().is_empty());
        let condition = text.map(|text| Condition::read(&text, schema)).transpose()?;
        let fields = parameter(parts, "fields").unwrap_or_default();
        let fields = fields.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self { condition, fields: fields.map(str::to_owned).collect() })
    }

    pub(super) fn admits(&self, row: &Value) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.holds(row))
    }

    /// The row with the fields that were asked for; a name that the row does not have is passed over.
    pub(super) fn project(&self, row: &Value) -> Value {
        if self.fields.is_empty() {
            return row.clone();
        }
        let asked = self.fields.iter().filter_map(|field| member(row, field));
        asked.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
    }
}

impl Condition {
    fn read(text: &str, schema: &str) -> Result<Self, Refusal> {
        let (property, value) = text
            .split_once('=')
            .map(|(property, value)| (property.trim(), value.trim()))
            .ok_or_else(|| Refusal::BadConditions(format!("{text} is not served.")))?;
        if !schema::knows(schema, property) {
            return Err(Refusal::BadConditions(format!("{property} is not a recognized name.")));
        }
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = match (quoted, value) {
            (Some(text), _) => json!(text),
            (None, "true") => json!(true),
            (None, "false") => json!(false),
            (None, other) => return Err(Refusal::BadConditions(format!("{other} is not served."))),
        };
        Ok(Self { property: property.to_owned(), value })
    }

    /// Whether a row meets it. Text is compared without regard to case, as the service's database does.
    fn holds(&self, row: &Value) -> bool {
        match (member(row, &self.property).map(|(_, value)| value), &self.value) {
            (Some(Value::String(actual)), Value::String(wanted)) => {
                actual.to_lowercase() == wanted.to_lowercase()
            }
            (actual, wanted) => actual == Some(wanted),
        }
    }
}

fn member<'a>(row: &'a Value, name: &str) -> Option<(&'a String, &'a Value)> {
    row.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(query: &str) -> Result<Query, Refusal> {
        let request =
            http::Request::builder().uri(format!("/x?{query}")).body(()).expect("the request is valid");
        Query::read(&request.into_parts().0, "Board")
    }

    fn refusal(text: &str) -> Option<Refusal> {
        query(text).err()
    }

    #[test]
    fn fields_give_partial_rows() {
        let query = query("fields=id,NAME,nothing").expect("the query is valid");
        let row = json!({"id": 1, "name": "Help Desk", "location": {"id": 2}});
        assert_eq!(query.project(&row), json!({"id": 1, "name": "Help Desk"}));
    }

    #[test]
    fn a_condition_compares_one_property() {
        let row = json!({"id": 7, "name": "Help Desk", "projectFlag": true});
        let holds = |text: &str| query(text).expect("the query is valid").admits(&row);
        assert!(holds("conditions=projectFlag=true"));
        assert!(holds("conditions=projectflag%20=%20true"));
        assert!(holds("conditions=name=%22help%20desk%22"));
        assert!(!holds("conditions=projectFlag=false"));
        assert!(!holds("conditions=name=%22Help%22"));
        assert!(!holds("conditions=projectFlag=%22true%22"), "values of another kind never match");
    }

    #[test]
    fn what_is_unknown_or_not_served_is_refused_by_name() {
        let refused = |message: &str| Some(Refusal::BadConditions(message.to_owned()));
        assert_eq!(
            refusal("conditions=resources%2Fidentifier%3D%22x%22"),
            refused("resources/identifier is not a recognized name.")
        );
        assert_eq!(refusal("conditions=id%3E5"), refused("id>5 is not served."));
        assert_eq!(refusal("conditions=id%3D5"), refused("5 is not served."));
        assert_eq!(refusal("orderBy=id"), refused("orderBy is not served."));
    }
}
