//! Every reason, once.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// Why a condition has its status: one word for machines, one meaning each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it stands in the resource and in metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it means, in one sentence: the text of the documentation.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// Everything was found good: keys, role, board and link.
    Linked,
    /// Petra confirmed the link with these keys.
    Confirmed,
    /// A person acknowledged that the link was saved in Petra's portal with these keys.
    Acknowledged,
    /// ConnectWise accepted the keys.
    CredentialsAccepted,
    /// Every line of the permission profile was found.
    PermissionsGranted,
    /// Every function line was found; some items of an allow-list cannot be seen from outside.
    GrantedAsFarAsVisible,
    /// Nothing has been found out yet.
    Pending,
    /// The first round for these inputs is running.
    Checking,
    /// Not judged, because something before it stands in the way.
    NotEvaluated,
    /// Some function line cannot be told from what the tenant lets the keys see.
    NotVerifiable,
    /// Petra took the link and waits for ConnectWise to confirm, which takes one or two minutes.
    AwaitingConfirmation,
    /// Petra has no link of this resource any more; it is being registered again.
    RemoteLinkMissing,
    /// The Secret is not there yet.
    WaitingForSecret,
    /// Nothing conclusive came from ConnectWise, and there is no verdict yet.
    ConnectWiseUnavailable,
    /// Nothing conclusive came from Petra, and there is no verdict yet.
    PetraUnavailable,
    /// A service asked the operator to slow down, and there is no verdict yet.
    RateLimited,
    /// Petra refuses the operator's own API key; this says nothing about the link.
    PetraKeyRejected,
    /// The link was good, but nothing conclusive was heard for too long.
    ValidationStale,
    /// The operator may not read the Secret.
    SecretForbidden,
    /// The resource is suspended, and there is no verdict for its inputs.
    Suspended,
    /// The resource is being deleted; its link at Petra goes first.
    Deleting,
    /// The deletion is held up, because Petra has not said that the link is gone.
    DeletionBlocked,
    /// A field of the spec cannot be used.
    SpecInvalid,
    /// The operator may not talk to this site.
    SiteNotAllowed,
    /// The operator may not link this company.
    CompanyNotAllowed,
    /// The Secret does not exist.
    SecretNotFound,
    /// A key in the Secret is absent or cannot be a key.
    SecretInvalid,
    /// The site answers, but is no ConnectWise, and never was one for this link.
    SiteInvalid,
    /// The site's name does not exist or its certificate is not trusted, for minutes.
    SiteUnreachable,
    /// The site knows no such company.
    CompanyUnknown,
    /// ConnectWise refused the keys.
    CredentialsRejected,
    /// The API member is inactive.
    MemberInactive,
    /// The security role lacks a line of the permission profile.
    PermissionsMissing,
    /// The service board is unknown, inactive, hidden from the API member, or without a default team.
    ServiceBoardNotReady,
    /// Another owner holds the link of this company.
    LinkConflict,
    /// A person must save the link in Petra's portal and acknowledge it.
    PortalActionRequired,
    /// The Petra server has no link routes.
    RegistrationUnsupported,
    /// Petra says that ConnectWise refused the link.
    RegistrationRejected,
    /// Petra did not confirm the link in time.
    ConfirmationTimedOut,
}

impl Reason {
    /// Reads a reason that this operator may have written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_and_has_a_meaning() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(*reason));
            assert!(reason.meaning().ends_with('.'), "{}", reason.as_str());
        }
        assert_eq!(Reason::parse("linked"), None);
    }
}
