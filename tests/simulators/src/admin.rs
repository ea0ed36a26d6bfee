//! The admin port: plain HTTP and JSON on loopback, for tests and for people with `curl`.
//!
//! | route | what it does |
//! |---|---|
//! | `GET /ready` | 200 once it is up |
//! | `GET /ca.pem` | the certificate authority of this run |
//! | `GET /faults`, `POST /faults`, `DELETE /faults`, `DELETE /faults/{id}` | the rules of [`crate::faults`]: list, add one (gives its `id`), remove all, remove one |
//! | `GET /counts?service=&method=&route=&company=&agent=&status=` | numbers of requests; every filter may be absent |
//! | `POST /counts/reset` | forgets numbers and log |
//! | `GET /log` | the last requests in order |
//! | `GET /scenario` | the tenants as they are now, private keys redacted |
//! | `POST /settings` | changes the named [settings](crate::scenario::Settings) |
//! | `POST /clientids` | `["…"]`: the accepted `clientId` values from now on; empty: any GUID |
//! | `POST /members/{company}/{identifier}` | [`MemberChange`]: keys, inactive, role, … |
//! | `POST /roles/{name}` | changes the named fields of a [`Role`], or makes a new one |
//! | `POST /roles/{name}/overrides` | appends one [`Override`](crate::scenario::Override) |
//! | `POST /boards/{company}` | one board: replaces the one of that name, or adds it |
//! | `PUT /boards/{company}` | all boards |
//! | `POST /sites/{host}` | [`SiteChange`]: codebase (an upgrade), version, `SiteUrl`, certificate of that host |
//! | `POST /companies/{id}` | [`CompanyChange`]: rename, move, `SiteUrl` |
//! | `PUT /companies` | a whole [`Company`](crate::scenario::Company): adds or replaces it |
//! | `DELETE /companies/{id}` | removes it |
//! | `/petra/…` | Petra's own admin routes |
//!
//! What is refused is answered with 400 or 404 and `{"error": "…"}`.

mod tenants;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{delete, get, post};
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::counts::{Counts, Filter};
use crate::faults::{Faults, Rule, RuleError};
use crate::scenario::ScenarioError;
use crate::world::{ChangeError, World};
#[cfg(doc)]
use crate::{
    scenario::Role,
    world::{CompanyChange, MemberChange, SiteChange},
};

/// What the admin routes act on.
#[derive(Clone)]
pub(crate) struct Controls {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    pub(crate) ca_pem: String,
}

/// The admin routes, with Petra's under `/petra`.
pub(crate) fn router(controls: Controls, petra: Router) -> Router {
    Router::new()
        .route("/ready", get(|| async { StatusCode::OK }))
        .route("/ca.pem", get(ca_pem))
        .route("/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/counts", get(counts))
        .route("/counts/reset", post(reset_counts))
        .route("/log", get(log))
        .merge(tenants::router())
        .with_state(controls)
        .nest("/petra", petra)
}

/// Why an admin request was refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("failed to read the body: {0}")]
    Body(#[from] serde_json::Error),
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error("there is no rule {0}")]
    NoSuchRule(u64),
}

impl From<ScenarioError> for Refused {
    fn from(error: ScenarioError) -> Self {
        Self::Change(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Change(ChangeError::NotFound { .. }) | Self::NoSuchRule(_) => StatusCode::NOT_FOUND,
            Self::Body(_) | Self::Rule(_) | Self::Change(ChangeError::Invalid(_)) => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

/// Reads a JSON body whatever media type it claims: `curl -d` does not say JSON.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    Ok(serde_json::from_slice(body)?)
}

async fn ca_pem(State(controls): State<Controls>) -> String {
    controls.ca_pem
}

async fn list_faults(State(controls): State<Controls>) -> Json<Value> {
    Json(json!(controls.faults.list()))
}

async fn add_fault(State(controls): State<Controls>, body: Bytes) -> Result<Json<Value>, Refused> {
    let id = controls.faults.add(read::<Rule>(&body)?)?;
    Ok(Json(json!({"id": id})))
}

async fn clear_faults(State(controls): State<Controls>) -> StatusCode {
    controls.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(controls): State<Controls>, Path(id): Path<u64>) -> Result<StatusCode, Refused> {
    if controls.faults.remove(id) { Ok(StatusCode::NO_CONTENT) } else { Err(Refused::NoSuchRule(id)) }
}

async fn counts(State(controls): State<Controls>, Query(filter): Query<Filter>) -> Json<Value> {
    Json(json!(controls.counts.summary(&filter)))
}

async fn reset_counts(State(controls): State<Controls>) -> StatusCode {
    controls.counts.reset();
    StatusCode::NO_CONTENT
}

async fn log(State(controls): State<Controls>) -> Json<Value> {
    Json(json!(controls.counts.log()))
}
