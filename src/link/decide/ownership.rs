//! Whose a link at Petra is. `owner` gives the right to change it. `ownerUid` only says which resource of that owner changed it
//! last: a copy of this resource in another cluster, an earlier resource of the same name, or this very one.

use super::View;
use crate::crd::RegistrationMode;
use crate::petra::RemoteLink;

impl View<'_> {
    /// Whether this resource's owner holds the link.
    pub(super) fn owns(&self, link: &RemoteLink) -> bool {
        link.owner.as_ref() == Some(&self.subject.owner)
    }

    /// Whether another resource of this owner changed the link last.
    pub(super) fn is_of_another(&self, link: &RemoteLink) -> bool {
        link.owner_uid.as_ref().is_some_and(|uid| uid.as_str() != self.subject.uid)
    }

    /// Whether another resource of this owner took the link over from this one. A resource that never held the link (of a
    /// rebuilt cluster, of a restored backup, a namesake) takes it over on purpose. If the one that lost it did the same,
    /// two copies would overwrite each other's keys without end.
    pub(super) fn is_taken_over(&self, link: &RemoteLink) -> bool {
        self.is_of_another(link) && self.has_held_a_link()
    }

    fn has_held_a_link(&self) -> bool {
        let recorded = self.record(RegistrationMode::Api).and_then(|record| record.owner_uid.as_deref());
        self.state.held_at_petra || recorded == Some(self.subject.uid.as_str())
    }

    /// Whether this resource may delete the link. What an earlier resource of the same name left is not its own to delete.
    /// Where no resource is named, only the link that the status records is.
    pub(super) fn may_delete(&self, link: &RemoteLink) -> bool {
        let recorded = self.record(RegistrationMode::Api).is_some_and(|record| record.id == link.id.as_str());
        self.owns(link) && !self.is_of_another(link) && (link.owner_uid.is_some() || recorded)
    }
}
