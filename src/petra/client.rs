//! The client of the link contract, and of the one published route that proves a key.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::answer::{read_delete, read_get, read_page, read_put, read_usage, refuses_key, unanswered};
use super::link::{LinkId, RemoteLink, Version};
use super::listing::{Listing, Pages, Step};
use super::outcome::{DeleteAnswer, PetraFault, PutAnswer};
use super::owner::Owner;
use super::wire::{Account, PutBody};
use crate::clock::Clock;
use crate::connectwise::{CompanyId, CredentialsVersion, Keys};
use crate::secret_file::SecretFile;
use crate::timings::Timeouts;
use crate::upstream::Answer;
use crate::upstream::guard::Guard;
use crate::upstream::hosts::HostPort;
use crate::upstream::request::{Body, Call, Message, PetraMethod, Target, secret_header};

/// The link routes.
const LINKS: &str = "/v1/integrations/connectwise";
/// The largest page that is read: about 4,000 links.
const PAGE_BYTES: usize = 2 << 20;
/// The largest single link or error that is read.
const LINK_BYTES: usize = 64 << 10;
/// The largest usage report that is read: it lists every tenant.
const USAGE_BYTES: usize = 4 << 20;

/// Whether this replica may change anything at Petra.
pub trait Fence: Send + Sync {
    /// Whether this replica surely leads for as long as the call may take. Asked right before sending.
    fn outlives(&self, call: Duration) -> bool;

    /// For how long this replica has led. Another one may have sent a change right before that.
    fn led_for(&self) -> Duration;
}

/// Whose link to take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopt {
    /// One that was made by hand.
    Unowned,
    /// This owner's.
    Owner(Owner),
}

impl Adopt {
    const UNOWNED: &str = "unowned";

    /// The form on the wire.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Unowned => Self::UNOWNED,
            Self::Owner(owner) => owner.as_str(),
        }
    }
}

/// The wanted state of a link at Petra.
pub struct PutRequest<'a> {
    /// Its id.
    pub id: &'a LinkId,
    /// The company, as the spec spells it: the keys were proved with this spelling.
    pub company: &'a CompanyId,
    /// The host of its API.
    pub site: &'a HostPort,
    /// The keys.
    pub keys: &'a Keys,
    /// Their version.
    pub credentials_version: &'a CredentialsVersion,
    /// The owner that it shall have.
    pub owner: &'a Owner,
    /// `metadata.uid` of the resource that sends it.
    pub owner_uid: &'a str,
    /// The version that is expected at Petra; `None`: the link does not exist.
    pub expected_version: Option<&'a Version>,
    /// The owner to take it over from.
    pub adopt_from: Option<&'a Adopt>,
}

/// Petra.
pub struct PetraClient {
    guard: Arc<Guard>,
    /// The operator's key; read at each call, because the mounted file may change.
    key: SecretFile,
    clock: Clock,
    timeouts: Timeouts,
    /// How far the server's clock is ahead of ours, in milliseconds, by the last `Date` seen.
    ahead: AtomicI64,
    /// Whether the link routes refuse the operator's key, by their last conclusive answer.
    refused: watch::Sender<bool>,
}

impl PetraClient {
    /// A client of the one Petra host that the guard allows.
    pub(crate) fn new(guard: Arc<Guard>, key: SecretFile, clock: Clock, timeouts: Timeouts) -> Self {
        Self { guard, key, clock, timeouts, ahead: AtomicI64::new(0), refused: watch::Sender::new(false) }
    }

    /// Changes when the link routes begin to refuse the operator's key, and when they accept it again.
    pub(crate) fn refusals(&self) -> watch::Receiver<bool> {
        self.refused.subscribe()
    }

    /// All links of an installation. No key of ConnectWise is in the call, so that it also proves, before any is sent,
    /// that the server has the contract's routes.
    ///
    /// # Errors
    ///
    /// Why there is no list. An incomplete list is an error.
    pub(crate) async fn list(&self, installation: &str) -> Result<Listing, PetraFault> {
        self.list_by("installation", installation, None).await
    }

    /// All links of one owner.
    ///
    /// # Errors
    ///
    /// Why there is no list. An incomplete list is an error.
    pub(crate) async fn list_owner(&self, owner: &Owner) -> Result<Listing, PetraFault> {
        self.list_by("owner", owner.as_str(), Some(owner.namespace())).await
    }

    async fn list_by(&self, filter: &str, value: &str, share: Option<&str>) -> Result<Listing, PetraFault> {
        let mut pages = Pages::new();
        let mut cursor: Option<String> = None;
        loop {
            let path = list_path(filter, value, cursor.as_deref());
            let answer = self.get_path("listLinks", share, path, PAGE_BYTES).await?;
            self.note_key(&answer);
            let page = read_page(&answer)?;
            match pages.take(page) {
                Step::Next(next) => cursor = Some(next),
                Step::Done => return Ok(pages.finish()),
                Step::Broken => return Err(PetraFault::Unavailable),
            }
        }
    }

    /// One link, of any owner; `None` when Petra itself says that it does not exist. `asker` is the link that the call is made
    /// for.
    ///
    /// # Errors
    ///
    /// Why it could not be read. A 404 that is not the contract's own (a proxy's) proves nothing.
    pub(crate) async fn get(&self, id: &LinkId, asker: &Owner) -> Result<Option<RemoteLink>, PetraFault> {
        let path = format!("{LINKS}/{id}");
        let answer = self.get_path("getLink", Some(asker.namespace()), path, LINK_BYTES).await?;
        self.note_key(&answer);
        read_get(id, &answer)
    }

    /// Proves the key and names the organisation that it belongs to.
    ///
    /// # Errors
    ///
    /// Why the account could not be read.
    pub(crate) async fn usage(&self) -> Result<Account, PetraFault> {
        read_usage(&self.get_path("getUsage", None, "/v1/usage".to_owned(), USAGE_BYTES).await?)
    }

    /// Creates the link, replaces its keys, or takes it over.
    pub(crate) async fn put(&self, link: PutRequest<'_>, fence: &dyn Fence) -> PutAnswer {
        let message = |not_after: &str| {
            let PutRequest {
                id,
                company,
                site,
                keys,
                credentials_version,
                owner,
                owner_uid,
                expected_version,
                adopt_from,
            } = &link;
            let body = PutBody {
                company_id: company.as_str(),
                site_url: &format!("https://{site}"),
                public_key: keys.public(),
                private_key: keys.private(),
                owner: owner.as_str(),
                owner_uid,
                credentials_version: credentials_version.as_str(),
                expected_version: expected_version.map(Version::as_str),
                not_after,
                adopt_from: adopt_from.map(Adopt::as_str),
            };
            (format!("{LINKS}/{id}"), Some(Body(body.to_json())))
        };
        match self.change("putLink", PetraMethod::Put, link.owner, fence, message).await {
            Ok(answer) => read_put(link.id, link.owner, &answer),
            Err(NotSent::Fenced) => PutAnswer::Fenced,
            Err(NotSent::Fault(fault)) => PutAnswer::Unknown(fault),
        }
    }

    /// Deletes one's own link.
    pub(crate) async fn delete(
        &self,
        id: &LinkId,
        owner: &Owner,
        expected: &Version,
        fence: &dyn Fence,
    ) -> DeleteAnswer {
        let message = |not_after: &str| {
            let query = Serializer::new(String::new())
                .append_pair("owner", owner.as_str())
                .append_pair("expectedVersion", expected.as_str())
                .append_pair("notAfter", not_after)
                .finish();
            (format!("{LINKS}/{id}?{query}"), None)
        };
        match self.change("deleteLink", PetraMethod::Delete, owner, fence, message).await {
            Ok(answer) => read_delete(&answer),
            Err(NotSent::Fenced) => DeleteAnswer::Fenced,
            Err(NotSent::Fault(fault)) => DeleteAnswer::Unknown(fault),
        }
    }

    async fn get_path(
        &self,
        operation: &'static str,
        share: Option<&str>,
        path_and_query: String,
        max_bytes: usize,
    ) -> Result<Answer, PetraFault> {
        let call = Call { operation, target: Target::Petra(PetraMethod::Get), share, check: None };
        let headers = self.headers();
        let message =
            Message { path_and_query, headers, body: None, timeout: self.timeouts.petra_read, max_bytes };
        let answer = self.guard.send(call, message).await.map_err(unanswered)?;
        self.note_server_clock(&answer);
        Ok(answer)
    }

    /// Sends a change. The fence is asked, and `notAfter` set, after the wait for the limiter: a change that waited long
    /// must not rely on what was true before.
    async fn change(
        &self,
        operation: &'static str,
        method: PetraMethod,
        owner: &Owner,
        fence: &dyn Fence,
        message: impl FnOnce(&str) -> (String, Option<Body>),
    ) -> Result<Answer, NotSent> {
        let share = Some(owner.namespace());
        let call = Call { operation, target: Target::Petra(method), share, check: None };
        let headers = self.headers();
        let admission = self.guard.admit(call).await.map_err(|fault| NotSent::Fault(unanswered(fault)))?;
        let timeout = self.timeouts.petra_change;
        if !fence.outlives(timeout) {
            return Err(NotSent::Fenced);
        }
        let (path_and_query, body) = message(&self.not_after(timeout).to_string());
        let message = Message { path_and_query, headers, body, timeout, max_bytes: LINK_BYTES };
        let answer = admission.send(message).await.map_err(|fault| NotSent::Fault(unanswered(fault)))?;
        self.note_server_clock(&answer);
        self.note_key(&answer);
        Ok(answer)
    }

    fn headers(&self) -> Vec<(http::HeaderName, HeaderValue)> {
        let key = self.key.current();
        // One allocation of the final size: a text that grows leaves what it held behind.
        let bearer = Zeroizing::new([b"Bearer ", key.expose_secret().as_bytes()].concat());
        let bearer = secret_header(bearer).expect("a secret file holds visible ASCII alone");
        vec![(AUTHORIZATION, bearer), (ACCEPT, HeaderValue::from_static("application/json"))]
    }

    /// A `Date` has whole seconds and is as old as the answer took, so that the server's clock is put up to a second too
    /// early: a change then lapses sooner than it had to, never later.
    fn note_server_clock(&self, answer: &Answer) {
        if let Some(date) = answer.date {
            let ahead = date.as_millisecond() - self.clock.now().wall.as_millisecond();
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }

    fn note_key(&self, answer: &Answer) {
        if let Some(refused) = refuses_key(answer) {
            self.refused.send_if_modified(|before| std::mem::replace(before, refused) != refused);
        }
    }

    fn not_after(&self, timeout: Duration) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        let here = self.clock.now().plus(timeout).wall;
        here.checked_add(ahead).unwrap_or(here)
    }
}

fn list_path(filter: &str, value: &str, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| ("cursor", cursor));
    let query = Serializer::new(String::new()).append_pair(filter, value).extend_pairs(cursor).finish();
    format!("{LINKS}?{query}")
}

/// Why a change has no answer.
enum NotSent {
    Fenced,
    Fault(PetraFault),
}

#[cfg(test)]
mod tests;
