//! Generated tables, made once and shared by all companies.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::schema;

type Table = Arc<Vec<Value>>;

/// Tables by schema and length.
#[derive(Debug, Default)]
pub(super) struct Rows(Mutex<HashMap<(&'static str, u32), Table>>);

impl Rows {
    /// The table of a schema with so many rows: the same rows each time.
    pub(super) fn of(&self, schema: &'static str, rows: u32) -> Table {
        let mut tables = self.0.lock();
        let table = tables
            .entry((schema, rows))
            .or_insert_with(|| Arc::new((1..=u64::from(rows)).map(|id| schema::row(schema, id)).collect()));
        Arc::clone(table)
    }
}
