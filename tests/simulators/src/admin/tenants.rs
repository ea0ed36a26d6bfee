//! The admin routes that change tenants.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Json;
use axum::routing::{get, post, put};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Controls, Refused, read};
use crate::scenario::Role;

type Done = Result<StatusCode, Refused>;

const DONE: Done = Ok(StatusCode::NO_CONTENT);

pub(super) fn router() -> Router<Controls> {
    Router::new()
        .route("/scenario", get(scenario))
        .route("/settings", post(settings))
        .route("/clientids", post(client_ids))
        .route("/members/{company}/{identifier}", post(member))
        .route("/roles/{name}", post(role))
        .route("/roles/{name}/overrides", post(add_override))
        .route("/boards/{company}", post(board).put(boards))
        .route("/sites/{host}", post(site))
        .route("/companies", put(set_company))
        .route("/companies/{id}", post(company).delete(remove_company))
}

/// The value with the named fields changed and the others as they were.
fn changed<T: Serialize + DeserializeOwned>(present: &T, change: Value) -> Result<T, Refused> {
    let mut value = serde_json::to_value(present)?;
    match (&mut value, change) {
        (Value::Object(fields), Value::Object(change)) => fields.extend(change),
        (_, change) => value = change,
    }
    Ok(serde_json::from_value(value)?)
}

async fn scenario(State(controls): State<Controls>) -> Json<Value> {
    Json(json!(controls.world.scenario()))
}

async fn settings(State(controls): State<Controls>, body: Bytes) -> Done {
    let settings = changed(&controls.world.scenario().settings, read(&body)?)?;
    controls.world.set_settings(settings);
    DONE
}

async fn client_ids(State(controls): State<Controls>, body: Bytes) -> Done {
    controls.world.set_client_ids(read(&body)?);
    DONE
}

async fn member(
    State(controls): State<Controls>,
    Path((company, identifier)): Path<(String, String)>,
    body: Bytes,
) -> Done {
    controls.world.change_member(&company, &identifier, read(&body)?)?;
    DONE
}

async fn role(State(controls): State<Controls>, Path(name): Path<String>, body: Bytes) -> Done {
    let present = controls.world.scenario().roles.remove(&name).unwrap_or_default();
    let role: Role = changed(&present, read(&body)?)?;
    controls.world.set_role(&name, role)?;
    DONE
}

async fn add_override(State(controls): State<Controls>, Path(name): Path<String>, body: Bytes) -> Done {
    let entry = read(&body)?;
    controls.world.change_role(&name, |role| role.overrides.push(entry))?;
    DONE
}

async fn board(State(controls): State<Controls>, Path(company): Path<String>, body: Bytes) -> Done {
    controls.world.set_board(&company, read(&body)?)?;
    DONE
}

async fn boards(State(controls): State<Controls>, Path(company): Path<String>, body: Bytes) -> Done {
    controls.world.set_boards(&company, read(&body)?)?;
    DONE
}

async fn site(State(controls): State<Controls>, Path(host): Path<String>, body: Bytes) -> Done {
    controls.world.change_site(&host, read(&body)?)?;
    DONE
}

async fn set_company(State(controls): State<Controls>, body: Bytes) -> Done {
    controls.world.set_company(read(&body)?)?;
    DONE
}

async fn company(State(controls): State<Controls>, Path(id): Path<String>, body: Bytes) -> Done {
    controls.world.change_company(&id, read(&body)?)?;
    DONE
}

async fn remove_company(State(controls): State<Controls>, Path(id): Path<String>) -> Done {
    controls.world.remove_company(&id)?;
    DONE
}
