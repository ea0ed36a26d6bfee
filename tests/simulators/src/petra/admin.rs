//! The routes for tests: they look inside, and play the people in the portal and the bad days.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::link::{Link, LinkView, Reason, State as LinkState};
use super::settings::SettingsChange;
use super::text::{CompanyId, CredentialsVersion, LinkId, Owner, OwnerUid, SiteUrl};
use super::{Petra, changes::Change};

pub(super) fn router() -> Router<Petra> {
    Router::new()
        .route("/links", get(links))
        .route("/links/{linkId}", put(place).delete(vanish))
        .route("/links/{linkId}/state", post(force_state))
        .route("/settings", post(settings))
        .route("/log", get(log))
}

/// A link with what the contract does not show.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(flatten)]
    link: LinkView<'a>,
    tenant_mappings: u32,
    /// Changes with the keys and tells nothing about them; null where there are none.
    keys_digest: Option<String>,
}

impl<'a> From<&'a Link> for Record<'a> {
    fn from(link: &'a Link) -> Self {
        Self {
            link: LinkView::from(link),
            tenant_mappings: link.tenant_mappings,
            keys_digest: link.keys.as_ref().map(super::link::KeyPair::digest),
        }
    }
}

async fn links(State(petra): State<Petra>) -> Response {
    let books = petra.0.books();
    Json(books.links.all().map(Record::from).collect::<Vec<_>>()).into_response()
}

/// The state to force, in the words of the contract.
#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum ForcedState {
    Pending,
    Connected,
    Failed { reason: Reason },
}

impl ForcedState {
    fn at(self, now: Timestamp) -> LinkState {
        match self {
            Self::Pending => LinkState::Pending,
            Self::Connected => LinkState::Connected { confirmed_at: now },
            Self::Failed { reason } => LinkState::Failed { reason },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacedLink {
    company_id: CompanyId,
    site_url: SiteUrl,
    /// Absent or null: a person made the link by hand.
    owner: Option<Owner>,
    owner_uid: Option<OwnerUid>,
    credentials_version: Option<CredentialsVersion>,
    #[serde(default)]
    tenant_mappings: u32,
}

/// Puts a connected link there, whatever was there before.
async fn place(
    State(petra): State<Petra>,
    Path(id): Path<LinkId>,
    Json(placed): Json<PlacedLink>,
) -> Response {
    let mut books = petra.0.books();
    let now = petra.0.now(&books.settings);
    let link = books.links.place(|version| Link {
        id,
        company_id: placed.company_id,
        site_url: placed.site_url,
        owner: placed.owner,
        owner_uid: placed.owner_uid,
        state: LinkState::Connected { confirmed_at: now },
        credentials_version: placed.credentials_version,
        version,
        updated_at: now,
        keys: None,
        tenant_mappings: placed.tenant_mappings,
    });
    Json(Record::from(link)).into_response()
}

async fn vanish(State(petra): State<Petra>, Path(id): Path<LinkId>) -> StatusCode {
    let mut books = petra.0.books();
    let now = petra.0.now(&books.settings);
    if books.links.vanish(&id, now) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// A forced state stands until the next PUT: ConnectWise is not asked, and an answer under way is dropped.
async fn force_state(
    State(petra): State<Petra>,
    Path(id): Path<LinkId>,
    Json(state): Json<ForcedState>,
) -> Response {
    let mut books = petra.0.books();
    let now = petra.0.now(&books.settings);
    match books.links.force_state(&id, state.at(now), now) {
        Some(link) => Json(Record::from(link)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn settings(State(petra): State<Petra>, Json(changed): Json<SettingsChange>) -> StatusCode {
    let mut books = petra.0.books();
    let now = petra.0.now(&books.settings);
    if changed.forget_all {
        books.links.forget_all(now);
    }
    if let Some(lag) = changed.list_lag_ms {
        books.links.set_list_lag(SignedDuration::from_millis(lag));
    }
    books.settings.change(changed);
    StatusCode::NO_CONTENT
}

#[derive(Serialize)]
struct Log<'a> {
    changes: &'a [Change],
}

async fn log(State(petra): State<Petra>) -> Response {
    let books = petra.0.books();
    Json(Log { changes: books.links.changes() }).into_response()
}
