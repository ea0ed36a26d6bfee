//! Times as `status` holds them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time in whole seconds, as `metav1.Time`.
///
/// The API server accepts some text that is not a valid time: it ignores the zone, and its year 9999 ends later. A client
/// that may write `status` must not be able to make the whole object unreadable, so such text is read as
/// [`StatusTime::NEVER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusTime(pub Timestamp);

impl StatusTime {
    /// Long before there were links.
    pub const NEVER: Self = Self(Timestamp::UNIX_EPOCH);

    /// The whole second of a time.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(Timestamp::from_second(at.as_second()).unwrap_or(at))
    }
}

impl Serialize for StatusTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Self::new(self.0).0)
    }
}

impl<'de> Deserialize<'de> for StatusTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().map_or(Self::NEVER, Self::new))
    }
}

impl JsonSchema for StatusTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}
