//! One visit in progress: what it knows, and the keys while it lasts.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::Reconciler;
use super::decide::Visit;
use super::memory::Memory;
use super::seen::{ClientIdView, Listing, Seen};
use super::subject::{Rules, Subject};
use crate::clock::Now;
use crate::connectwise::Keys;
use crate::crd::ConnectWiseLink;
use crate::kubernetes::Link;
use crate::petra::LinkId;

/// A visit in progress.
pub(super) struct Visiting {
    /// The resource, as last read or written.
    pub link: ConnectWiseLink,
    /// The same, parsed.
    pub subject: Subject,
    /// What was remembered, and what a published status changed of it.
    pub memory: Memory,
    /// What this visit found out.
    pub seen: Seen,
    /// The keys, from the moment that the Secret was read to the end of the visit.
    pub keys: Option<Keys>,
    /// Whether the stored object fits its types. One that does not is only ever deleted, and no status is written to it.
    pub readable: bool,
    /// Resource versions that this visit has replaced.
    pub superseded: Vec<String>,
}

/// How a visit begins.
pub(super) enum Begun {
    /// It does.
    Visit(Box<Visiting>),
    /// The watch has not caught up with this process's own last write; its event will come.
    Stale,
    /// The stored object does not fit its types.
    Unreadable(Box<ObjectMeta>),
}

/// Whether a write found the resource as this visit knew it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It did, or nothing was written.
    Current,
    /// Somebody else wrote in between, or it is gone: look again, decide again.
    Outdated,
}

impl Written {
    pub(super) fn is_current(self) -> bool {
        self == Self::Current
    }
}

impl Visiting {
    /// How long a visit that found the watch behind waits for it. The watch's event normally comes first.
    pub(super) const CATCH_UP: Duration = Duration::from_secs(1);

    pub(super) fn view<'a>(&'a self, rules: &'a Rules, now: Now) -> Visit<'a> {
        Visit { subject: &self.subject, memory: &self.memory, seen: &self.seen, rules, now }
    }

    /// Takes over what a write returned.
    pub(super) fn wrote(&mut self, link: ConnectWiseLink, rules: &Rules) {
        self.superseded.extend(self.link.resource_version());
        self.subject = Subject::read(&link, rules);
        self.link = link;
    }

    /// Takes over what a write of metadata returned.
    pub(super) fn wrote_metadata(&mut self, metadata: ObjectMeta, rules: &Rules) {
        let link = ConnectWiseLink { metadata, ..self.link.clone() };
        self.wrote(link, rules);
    }
}

impl Reconciler {
    /// Gathers what is known without any call.
    pub(super) fn begin(&self, link: &Arc<Link>) -> Begun {
        let link = match &link.0 {
            Ok(link) => link.clone(),
            Err(invalid) => return Begun::Unreadable(Box::new(invalid.metadata.clone())),
        };
        self.begin_with(link, true)
    }

    /// The same for a resource that is at hand.
    pub(super) fn begin_with(&self, link: ConnectWiseLink, readable: bool) -> Begun {
        let subject = Subject::read(&link, &self.rules);
        if self.registry.knows_former(&subject) {
            self.depart(&subject.key);
        }
        let remembered = self.registry.recall(&subject);
        if link.resource_version().is_some_and(|version| remembered.superseded.contains(&version)) {
            return Begun::Stale;
        }
        let seen = Seen::at_start(
            self.deps.secrets.get(&subject.key.namespace, &subject.spec.credentials_secret_ref.name),
            self.listing(&subject),
            self.client_id_view(),
            subject.finalizer,
        );
        let memory = remembered.memory;
        Begun::Visit(Box::new(Visiting {
            link,
            subject,
            memory,
            seen,
            keys: None,
            readable,
            superseded: Vec::new(),
        }))
    }

    /// What the shared poll knows of this link.
    pub(super) fn listing(&self, subject: &Subject) -> Listing {
        let Some(petra) = &self.petra else { return Listing::NotYet };
        let failing = petra.poll.last_outcome().and_then(Result::err);
        let Some(snapshot) = petra.poll.snapshot() else {
            return failing.map_or(Listing::NotYet, Listing::Failing);
        };
        let recorded = subject.status.link.as_ref().and_then(|link| LinkId::parse(&link.id));
        let by_id = recorded.as_ref().and_then(|id| snapshot.link(id));
        let owned = snapshot.of_owner(&subject.owner).filter(|link| Some(&link.id) != recorded.as_ref());
        Listing::Known {
            answered_at: snapshot.answered_at,
            asked_at: snapshot.asked_at,
            links: by_id.into_iter().chain(owned).cloned().collect(),
            failing,
            unsure: recorded.is_some_and(|id| by_id.is_none() && !snapshot.denies(&id)),
        }
    }

    fn client_id_view(&self) -> ClientIdView {
        let generation = self.client_id.generation();
        ClientIdView { generation, worked: *self.client_id_worked.borrow() == Some(generation) }
    }

    /// The clientId that was in use when a visit began has worked: one that came while it asked is not proved by that.
    pub(super) fn client_id_proved(&self, generation: u64) {
        self.client_id_worked.send_if_modified(|worked| {
            let is_news = *worked < Some(generation);
            if is_news {
                *worked = Some(generation);
            }
            is_news
        });
    }
}
