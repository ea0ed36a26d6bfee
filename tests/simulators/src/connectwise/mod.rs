//! ConnectWise PSA, as its clients see it: companyinfo, the router of a cloud host, and the GET routes of the REST API
//! that say what a key may do.
//!
//! A request goes through the same gates as at the real service, one file each: [`gate`] (host, codebase, keys,
//! `clientId`, rate), [`routes`] (which route, which right), then rows ([`rows`], [`security`]) are narrowed by the
//! [`query`] and cut into [`pages`](paging), and what was sent is [`kept`](rendered).

mod boards;
mod companyinfo;
pub(crate) mod errors;
mod gate;
mod paging;
mod query;
mod rendered;
mod routes;
mod rows;
mod schema;
pub(crate) mod security;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use crate::scenario::{Level, MySecurity, Site};
use crate::world::{Caller, World};
use errors::Refusal;
use query::Query;
use rendered::{Key, Page, Rendered};
use routes::{Answer, Route, Table};
use rows::Rows;

pub(crate) use gate::{host_of, identify};

/// The service, as a router that takes every request for every ConnectWise host.
pub(crate) fn router(world: World) -> Router {
    let psa = Arc::new(Psa { world, rows: Rows::default(), rendered: Rendered::default() });
    Router::new().fallback(answer).with_state(psa)
}

struct Psa {
    world: World,
    rows: Rows,
    rendered: Rendered,
}

async fn answer(State(psa): State<Arc<Psa>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    psa.answer(&parts).unwrap_or_else(Refusal::into_response)
}

impl Psa {
    fn answer(&self, parts: &Parts) -> Result<Response, Refusal> {
        if let Some(id) = companyinfo::asked_for(parts) {
            return companyinfo::answer(&self.world, parts, id);
        }
        let entry = gate::enter(&self.world, parts)?;
        let (route, ids) = routes::find(entry.path).ok_or(Refusal::EndpointMissing)?;
        if parts.method != Method::GET {
            return Err(Refusal::MethodNotAllowed(parts.method.clone()));
        }
        let caller = &entry.caller;
        let body = match route.answer {
            Answer::Info => info(&entry.site),
            Answer::MyMember | Answer::MyMemberInfo => me(route.answer.schema(), caller),
            Answer::Count(table) => {
                let query = Query::read(parts, table.schema)?;
                let count = self.visible(table, caller)?.iter().filter(|row| query.admits(row)).count();
                return Ok(json_response(parts, json!({"count": count}).to_string()));
            }
            Answer::Record(table) => {
                let rows = self.visible(table, caller)?;
                rows.into_iter()
                    .find(|row| row["id"] == json!(ids[0]))
                    .ok_or_else(|| not_found(table, ids[0]))?
            }
            Answer::MySecurity => return self.page(parts, route, caller, || my_security(caller)),
            Answer::CustomizeItems => {
                return self.page(parts, route, caller, || Ok(security::customize_items(&caller.role)));
            }
            Answer::List(table) => return self.page(parts, route, caller, || self.visible(table, caller)),
            Answer::BoardTeams(table) => {
                return self.page(parts, route, caller, || self.teams(table, caller, ids[0]));
            }
        };
        let query = Query::read(parts, route.answer.schema())?;
        Ok(json_response(parts, query.project(&body).to_string()))
    }

    /// A page of rows with its `Link` header. What the rows are made of is in the [`Key`].
    fn page(
        &self,
        parts: &Parts,
        route: &Route,
        caller: &Caller,
        rows: impl FnOnce() -> Result<Vec<Value>, Refusal>,
    ) -> Result<Response, Refusal> {
        let key = Key::of(parts, caller, &self.world.settings());
        let Page { body, link } = self.rendered.page(key, || {
            let rows = rows()?;
            let query = Query::read(parts, route.answer.schema())?;
            let rows: Vec<_> = rows.iter().filter(|row| query.admits(row)).collect();
            let page = paging::cut(parts, &rows)?;
            let body = Value::Array(page.rows.iter().map(|row| query.project(row)).collect());
            let link = page.link.and_then(|link| HeaderValue::from_str(&link).ok());
            Ok(Page { body: body.to_string().into(), link })
        })?;
        let mut response = json_response(parts, body);
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }

    /// The teams of a board that the caller sees.
    fn teams(&self, boards: &Table, caller: &Caller, id: u64) -> Result<Vec<Value>, Refusal> {
        let sees = self.visible(boards, caller)?.iter().any(|row| row["id"] == json!(id));
        if sees { Ok(boards::teams(caller, id)) } else { Err(not_found(boards, id)) }
    }

    /// The rows of a table that the caller sees.
    fn visible(&self, table: &Table, caller: &Caller) -> Result<Vec<Value>, Refusal> {
        let level = table.right.level(&caller.role);
        if level == Level::None {
            return Err(Refusal::PermissionDenied);
        }
        let settings = self.world.settings();
        if table.schema == boards::SCHEMA {
            return Ok(boards::rows(caller, &settings));
        }
        let rows = self.rows.of(table.schema, settings.rows_per_table);
        // Nobody publishes which records are a member's own; that they are fewer is what a client can see.
        let own = |(index, _): &(usize, &Value)| level == Level::All || index % 5 == 0;
        Ok(rows.iter().enumerate().filter(own).map(|(_, row)| row.clone()).collect())
    }
}

/// The rows of `/system/mySecurity` as the caller's role shows them.
fn my_security(caller: &Caller) -> Result<Vec<Value>, Refusal> {
    match caller.role.my_security {
        MySecurity::Forbidden => Err(Refusal::PermissionDenied),
        MySecurity::Empty => Ok(Vec::new()),
        MySecurity::Listed => Ok(security::my_security(caller)),
    }
}

/// `/system/info`, every vendor's connection test.
fn info(site: &Site) -> Value {
    let mut info = schema::row("Info", 1);
    info["version"] = json!(site.version);
    info["isCloud"] = json!(site.cloud);
    info["cloudRegion"] = json!(site.cloud_region);
    info
}

/// The caller as a member.
fn me(schema: &str, caller: &Caller) -> Value {
    let mut me = schema::row(schema, 150);
    me["identifier"] = json!(caller.member.identifier);
    me["inactiveFlag"] = json!(caller.member.inactive);
    me["licenseClass"] = json!(caller.member.license_class);
    me["excludedServiceBoardIds"] = json!(boards::hidden_ids(caller));
    me
}

fn not_found(table: &Table, id: u64) -> Refusal {
    Refusal::RecordNotFound(format!("{} {id} not found", table.noun))
}

/// A JSON answer in the media type that was asked for: the vendor's own where a model version is pinned.
fn json_response(parts: &Parts, body: impl Into<Body>) -> Response {
    const VENDOR: &str = "application/vnd.connectwise.com+json";
    let accept =
        parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let pinned = accept.split(',').map(str::trim).find(|media| media.starts_with(VENDOR));
    let media = format!("{}; charset=utf-8", pinned.unwrap_or("application/json"));
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::OK;
    let media = HeaderValue::from_str(&media).unwrap_or(HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}
