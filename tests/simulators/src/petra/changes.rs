//! The record of every accepted change, from which a test tells who did what to whose link.

use jiff::Timestamp;
use serde::Serialize;

use super::link::{Link, Version};
use super::text::{CompanyId, CredentialsVersion, LinkId, Owner, OwnerUid, SiteUrl};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action {
    /// A PUT where no link was.
    Created,
    /// A PUT by the owner: with other keys, by another resource of this owner, or a retry.
    Replaced,
    /// A PUT that took the link over.
    Adopted,
    /// A DELETE by the owner.
    Deleted,
    /// Put there through the admin routes.
    Placed,
    /// Taken out through the admin routes.
    Vanished,
}

/// One accepted change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) at: Timestamp,
    pub(super) action: Action,
    pub(super) link_id: LinkId,
    pub(super) company_id: CompanyId,
    pub(super) site_url: SiteUrl,
    /// The owner named in the request; `None` for the admin routes.
    pub(super) by: Option<Owner>,
    /// Who held the link before; `None` also where no link was.
    pub(super) previous_owner: Option<Owner>,
    /// Who holds it after; of a link that is gone, who held it last.
    pub(super) owner: Option<Owner>,
    /// Which resource of that owner it is.
    pub(super) owner_uid: Option<OwnerUid>,
    /// The version that the change gave; of a link that is gone, the last it had.
    pub(super) version: Version,
    pub(super) credentials_version: Option<CredentialsVersion>,
}

impl Change {
    pub(super) fn of(
        link: &Link,
        action: Action,
        by: Option<Owner>,
        previous_owner: Option<Owner>,
        at: Timestamp,
    ) -> Self {
        Self {
            at,
            action,
            link_id: link.id.clone(),
            company_id: link.company_id.clone(),
            site_url: link.site_url.clone(),
            by,
            previous_owner,
            owner: link.owner.clone(),
            owner_uid: link.owner_uid.clone(),
            version: link.version.clone(),
            credentials_version: link.credentials_version.clone(),
        }
    }
}
