//! The link routes: from HTTP to [`Links`](super::links::Links) and back.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::link::{KeyPair, LinkView};
use super::links::{Accepted, AdoptFrom, Delete, Put, Refusal, Whose};
use super::problem::Problem;
use super::text::{CompanyId, CredentialsVersion, InstallationId, LinkId, Owner, OwnerUid, SiteUrl};
use super::{Petra, confirmation};

pub(super) fn router(petra: &Petra) -> Router<Petra> {
    Router::new()
        .route("/v1/integrations/connectwise", get(list))
        .route("/v1/integrations/connectwise/{linkId}", get(one).put(put).delete(delete))
        .layer(middleware::from_fn_with_state(petra.clone(), with_contract))
}

/// A Petra without the contract answers as if it had never heard of it.
async fn with_contract(State(petra): State<Petra>, request: Request, next: Next) -> Response {
    let has_contract = petra.0.books().settings.has_contract;
    if has_contract { next.run(request).await } else { Problem::NoSuchRoute.into_response() }
}

pub(super) async fn no_such_route() -> Problem {
    Problem::NoSuchRoute
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    owner: Option<Owner>,
    installation: Option<InstallationId>,
    cursor: Option<LinkId>,
}

#[derive(Serialize)]
struct PageView<'a> {
    links: Vec<LinkView<'a>>,
    next: Option<&'a LinkId>,
}

async fn list(
    State(petra): State<Petra>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) =
        query.map_err(|_| Problem::InvalidRequest("a query parameter is not as its schema says"))?;
    let whose = match (query.owner, query.installation) {
        (Some(owner), None) => Whose::Owner(owner),
        (None, Some(installation)) => Whose::Installation(installation),
        _ => return Err(Problem::InvalidRequest("give either owner or installation")),
    };
    let books = petra.0.books();
    let now = petra.0.now(&books.settings);
    let page = books.links.page(&whose, query.cursor.as_ref(), books.settings.page_size, now);
    let links = page.links.into_iter().map(LinkView::from).collect();
    Ok(Json(PageView { links, next: page.next }).into_response())
}

async fn one(
    State(petra): State<Petra>,
    id: Result<Path<LinkId>, PathRejection>,
) -> Result<Response, Problem> {
    let id = link_id(id)?;
    let books = petra.0.books();
    let link = books.links.get(&id).ok_or(Refusal::NotFound)?;
    Ok(Json(LinkView::from(link)).into_response())
}

/// No `Debug`: it holds keys.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutBody {
    company_id: CompanyId,
    site_url: SiteUrl,
    public_key: String,
    private_key: String,
    owner: Owner,
    owner_uid: OwnerUid,
    credentials_version: CredentialsVersion,
    // `deserialize_with` makes the field required, though it may be null: a caller that forgets it must not be taken
    // for one that believes no link to be there.
    #[serde(deserialize_with = "Option::deserialize")]
    expected_version: Option<String>,
    not_after: Timestamp,
    adopt_from: Option<AdoptFrom>,
}

async fn put(
    State(petra): State<Petra>,
    id: Result<Path<LinkId>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let id = link_id(id)?;
    let put = read_put(&body.map_err(|_| Problem::InvalidRequest("the body cannot be read"))?)?;
    let mut books = petra.0.books();
    let now = petra.0.now(&books.settings);
    let refused = books.settings.connectwise_refuses;
    match books.links.put(id, put, now, refused)? {
        Accepted::Unchanged(link) | Accepted::Recorded(link) => {
            Ok((StatusCode::OK, Json(LinkView::from(link))).into_response())
        }
        Accepted::Pending(link) => {
            let answer = (StatusCode::ACCEPTED, Json(LinkView::from(link))).into_response();
            let (id, version) = (link.id.clone(), link.version.clone());
            confirmation::begin(&petra, id, version, books.settings.confirm_after);
            Ok(answer)
        }
    }
}

fn read_put(body: &[u8]) -> Result<Put, Problem> {
    // serde's own words may quote the body, which holds keys.
    let body: PutBody = serde_json::from_slice(body)
        .map_err(|_| Problem::InvalidRequest("the body is not as the schema PutLink says"))?;
    for key in [&body.public_key, &body.private_key] {
        if !(1..=256).contains(&key.len()) {
            return Err(Problem::InvalidRequest("a key has between 1 and 256 bytes"));
        }
    }
    Ok(Put {
        company_id: body.company_id,
        site_url: body.site_url,
        keys: KeyPair::new(body.public_key, body.private_key),
        owner: body.owner,
        owner_uid: body.owner_uid,
        credentials_version: body.credentials_version,
        expected_version: body.expected_version,
        not_after: body.not_after,
        adopt_from: body.adopt_from,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeleteQuery {
    owner: Owner,
    expected_version: String,
    not_after: Timestamp,
}

async fn delete(
    State(petra): State<Petra>,
    id: Result<Path<LinkId>, PathRejection>,
    query: Result<Query<DeleteQuery>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    let id = link_id(id)?;
    let Query(DeleteQuery { owner, expected_version, not_after }) = query.map_err(|_| {
        Problem::InvalidRequest("owner, expectedVersion or notAfter is absent or not as its schema says")
    })?;
    let mut books = petra.0.books();
    let now = petra.0.now(&books.settings);
    books.links.delete(&id, Delete { owner, expected_version, not_after }, now)?;
    Ok(StatusCode::NO_CONTENT)
}

fn link_id(id: Result<Path<LinkId>, PathRejection>) -> Result<LinkId, Problem> {
    match id {
        Ok(Path(id)) => Ok(id),
        Err(_) => Err(Problem::InvalidRequest("the linkId is not as its schema says")),
    }
}
