//! The three published GET routes ("Petra Security API" 1.0.0), for one organisation with two Microsoft tenants.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Petra;
use super::problem::Problem;

pub(super) fn router() -> Router<Petra> {
    Router::new()
        .route("/v1/tenants", get(tenants))
        .route("/v1/usage", get(usage))
        .route("/v1/incidents", get(incidents))
}

fn microsoft_tenants() -> [Value; 2] {
    [
        json!({
            "petraTenantId": "tenant-1",
            "name": "Contoso",
            "microsoftTenantId": "5f2d7c1e-9a40-4e0b-8c66-0d5b1a3f7e21",
            "isPaused": false,
            "onboardingDate": "2025-03-04",
        }),
        json!({
            "petraTenantId": "tenant-2",
            "name": "Fabrikam",
            "microsoftTenantId": "a81b0f4d-27c3-4b59-9f18-6e2c4d90b573",
            "isPaused": true,
            "onboardingDate": "2025-06-17",
        }),
    ]
}

async fn tenants() -> Json<Value> {
    let tenants = microsoft_tenants();
    Json(json!({"totalTenants": tenants.len(), "tenants": tenants}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UsageQuery {
    as_of: Option<Date>,
}

async fn usage(
    State(petra): State<Petra>,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|_| Problem::InvalidRequest("asOf is not a date"))?;
    let now = petra.0.now(&petra.0.books().settings);
    let tenants = microsoft_tenants();
    Ok(Json(json!({
        "asOf": query.as_of.unwrap_or_else(|| now.to_zoned(TimeZone::UTC).date()),
        "reportGeneratedAt": now,
        "organizationName": petra.0.name,
        "totalTenants": tenants.len(),
        "tenants": tenants,
    })))
}

/// A quiet organisation, whatever is asked: what an incident looks like is nothing that the operator reads.
async fn incidents() -> Json<Value> {
    Json(json!({"incidents": []}))
}
