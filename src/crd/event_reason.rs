//! Every reason of an event, once.

use super::reason::Reason;

/// Why the operator publishes an event: one word for machines, one meaning each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventReason {
    /// `Ready` became True or False for another reason, or the link became stale.
    Ready(Reason),
    /// ConnectWise did not give a conclusive response; the last result remains.
    CheckInconclusive,
    /// ConnectWise names another API host than when the link was created; the link keeps its id.
    LinkIdKept,
    /// Another operator serves the link, so this one leaves it alone.
    ServedByAnotherOperator,
    /// The API server refuses what the operator must write to the resource.
    WriteRefused,
    /// The resource was deleted, and a person must remove its link in Petra's portal.
    PortalUnlinkRequired,
    /// Many links would be reported as failed at once, so none is. On the operator's own pod.
    FleetHold,
    /// Petra has links of this installation whose resources do not exist, or were replaced by a namesake that links another
    /// company. On the operator's own pod.
    OrphanedLinks,
}

impl EventReason {
    /// All that are not reasons of `Ready`, in the order of the documentation.
    pub const OWN: &[Self] = &[
        Self::CheckInconclusive,
        Self::LinkIdKept,
        Self::ServedByAnotherOperator,
        Self::WriteRefused,
        Self::PortalUnlinkRequired,
        Self::FleetHold,
        Self::OrphanedLinks,
    ];

    /// The form in the event.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready(reason) => reason.as_str(),
            Self::CheckInconclusive => "CheckInconclusive",
            Self::LinkIdKept => "LinkIdKept",
            Self::ServedByAnotherOperator => "ServedByAnotherOperator",
            Self::WriteRefused => "WriteRefused",
            Self::PortalUnlinkRequired => "PortalUnlinkRequired",
            Self::FleetHold => "FleetHold",
            Self::OrphanedLinks => "OrphanedLinks",
        }
    }

    /// Whether the event is of type `Warning`; else it is `Normal`.
    #[must_use]
    pub fn is_warning(self) -> bool {
        !matches!(self, Self::Ready(Reason::Linked) | Self::LinkIdKept)
    }
}
