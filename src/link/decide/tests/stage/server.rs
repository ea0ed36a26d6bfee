//! The API server: one stored object a resource, optimistic concurrency, finalizers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::{COMPANIES, NAMES, NAMESPACE, Who};
use crate::crd::{
    ConnectWiseLink, DeletionPolicy, FINALIZER, LinkSpec, LinkStatus, REQUESTED_AT, SecretReference,
};

#[derive(Default)]
pub(super) struct ApiServer {
    stored: BTreeMap<Who, ConnectWiseLink>,
    revision: u64,
}

impl ApiServer {
    pub fn get(&self, who: Who) -> Option<&ConnectWiseLink> {
        self.stored.get(&who)
    }

    /// A new object, with the status that the schema gives it.
    pub fn create(&mut self, who: Who, now: Timestamp) {
        self.revision += 1;
        let spec = LinkSpec {
            company_id: COMPANIES[who].to_owned(),
            site_url: "na.myconnectwise.net".to_owned(),
            credentials_secret_ref: SecretReference { name: format!("keys-{who}") },
            permission_profile: None,
            service_board: None,
            registration: None,
            interval: None,
            suspend: None,
            deletion_policy: None,
        };
        let mut link = ConnectWiseLink::new(NAMES[who], spec);
        link.metadata = ObjectMeta {
            namespace: Some(NAMESPACE.to_owned()),
            uid: Some(format!("uid-{}", self.revision)),
            generation: Some(1),
            creation_timestamp: Some(Time(now)),
            resource_version: Some(self.revision.to_string()),
            ..link.metadata
        };
        link.status = Some(LinkStatus { observed_generation: Some(-1), ..LinkStatus::default() });
        self.stored.insert(who, link);
    }

    /// An edit of the spec; one that changes nothing is none.
    pub fn edit(&mut self, who: Who, change: impl FnOnce(&mut LinkSpec)) {
        let Some(link) = self.stored.get_mut(&who) else { return };
        let before = link.spec.clone();
        change(&mut link.spec);
        if link.spec != before {
            link.metadata.generation = link.metadata.generation.map(|generation| generation + 1);
            self.touch(who);
        }
    }

    /// A person asks for a round.
    pub fn request(&mut self, who: Who, at: u32) {
        let Some(link) = self.stored.get_mut(&who) else { return };
        link.metadata.annotations = Some([(REQUESTED_AT.to_owned(), at.to_string())].into());
        self.touch(who);
    }

    /// A backup tool puts an older status back.
    pub fn restore(&mut self, who: Who, status: LinkStatus) {
        let Some(link) = self.stored.get_mut(&who) else { return };
        link.status = Some(status);
        self.touch(who);
    }

    /// Deletes the object: at once, or marks it where it has a finalizer. Returns its policy if it is gone.
    pub fn delete(&mut self, who: Who, now: Timestamp) -> Option<DeletionPolicy> {
        let link = self.stored.get_mut(&who)?;
        if link.metadata.finalizers.iter().flatten().next().is_none() {
            return self.stored.remove(&who).map(|link| link.spec.deletion_policy());
        }
        if link.metadata.deletion_timestamp.is_none() {
            link.metadata.deletion_timestamp = Some(Time(now));
            link.metadata.generation = link.metadata.generation.map(|generation| generation + 1);
            self.touch(who);
        }
        None
    }

    /// Another cluster is built from what Git holds: no status, no finalizer, no word to anybody.
    pub fn rebuild(&mut self, who: Who, now: Timestamp) {
        let Some(link) = self.stored.remove(&who) else { return };
        self.create(who, now);
        self.edit(who, |spec| *spec = link.spec);
    }

    /// PUTs the status; `None` where the object is not as the writer knew it.
    pub fn put_status(
        &mut self,
        known: &ConnectWiseLink,
        who: Who,
        status: LinkStatus,
    ) -> Option<ConnectWiseLink> {
        let link = self.current(known, who)?;
        link.status = Some(status);
        self.touch(who);
        self.get(who).cloned()
    }

    /// Patches the finalizer; `None` where the object is not as the writer knew it.
    pub fn set_finalizer(&mut self, known: &ConnectWiseLink, who: Who, present: bool) -> Option<ObjectMeta> {
        let link = self.current(known, who)?;
        link.metadata.finalizers = present.then(|| vec![FINALIZER.to_owned()]);
        self.touch(who);
        let metadata = self.get(who)?.metadata.clone();
        if !present && metadata.deletion_timestamp.is_some() {
            self.stored.remove(&who);
        }
        Some(metadata)
    }

    fn current(&mut self, known: &ConnectWiseLink, who: Who) -> Option<&mut ConnectWiseLink> {
        let same = |link: &ConnectWiseLink| {
            link.metadata.uid == known.metadata.uid
                && link.metadata.resource_version == known.metadata.resource_version
        };
        self.stored.get_mut(&who).filter(|link| same(link))
    }

    fn touch(&mut self, who: Who) {
        self.revision += 1;
        if let Some(link) = self.stored.get_mut(&who) {
            link.metadata.resource_version = Some(self.revision.to_string());
        }
    }
}
