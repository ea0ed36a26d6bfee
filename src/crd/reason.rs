//! Every reason, once.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// Why a condition has its status: one word for programs, with one meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word in the resource and in metrics.
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
    /// The API keys, the security role, the service board and the link are valid.
    Linked,
    /// Petra confirmed the link with these API keys.
    Confirmed,
    /// A person acknowledged that the link is saved in Petra's portal with these API keys.
    Acknowledged,
    /// ConnectWise accepted the API keys.
    CredentialsAccepted,
    /// The security role has every permission that the profile requires.
    PermissionsGranted,
    /// The security role has every required function; some Allow list items cannot be read through the API.
    GrantedAsFarAsVisible,
    /// The operator has no result yet.
    Pending,
    /// The first check of these inputs is running, or new API keys that ConnectWise rejected are checked once more.
    Checking,
    /// Not evaluated, because an earlier step failed or is not complete.
    NotEvaluated,
    /// Some required permissions cannot be verified: ConnectWise does not show them to these API keys.
    NotVerifiable,
    /// Petra accepted the link and is waiting for ConnectWise to confirm it, which takes one or two minutes.
    AwaitingConfirmation,
    /// The link no longer exists at Petra; the operator is registering it again.
    RemoteLinkMissing,
    /// The Secret does not exist yet.
    WaitingForSecret,
    /// ConnectWise gave no conclusive response, and there is no earlier result to keep.
    ConnectWiseUnavailable,
    /// Petra gave no conclusive response, and there is no earlier result to keep.
    PetraUnavailable,
    /// ConnectWise or Petra asked the operator to slow down, and there is no earlier result to keep.
    RateLimited,
    /// Petra rejects the operator's own API key, which says nothing about this link.
    PetraKeyRejected,
    /// The link was valid, but no check has been conclusive for too long.
    ValidationStale,
    /// The operator does not have permission to read the Secret.
    SecretForbidden,
    /// The cluster does not let the operator change its finalizer on the resource.
    FinalizerForbidden,
    /// The resource is suspended, and there is no result for its current inputs.
    Suspended,
    /// The resource is being deleted; its link at Petra is removed first.
    Deleting,
    /// The deletion cannot finish, because Petra has not confirmed that the link is gone.
    DeletionBlocked,
    /// A field of the spec has a value that cannot be used.
    SpecInvalid,
    /// The operator is not allowed to connect to this site.
    SiteNotAllowed,
    /// The operator is not allowed to link this company.
    CompanyNotAllowed,
    /// The Secret does not exist.
    SecretNotFound,
    /// A key in the Secret is missing or is not a valid API key.
    SecretInvalid,
    /// The site responds, but not as a ConnectWise server, and it never has for this link.
    SiteInvalid,
    /// The host name of the site has not resolved, or its certificate has not been trusted, for several minutes.
    SiteUnreachable,
    /// The company was not found at the site.
    CompanyUnknown,
    /// ConnectWise rejected the API keys.
    CredentialsRejected,
    /// The API member is inactive.
    MemberInactive,
    /// The security role is missing a permission that the profile requires.
    PermissionsMissing,
    /// The service board was not found, is inactive, is hidden from the API member, or does not have exactly one default team.
    ServiceBoardNotReady,
    /// Another owner, or a copy of this resource, holds the link of this company, or Petra's link is for another company or site.
    LinkConflict,
    /// A person must save the link in Petra's portal and acknowledge it.
    PortalActionRequired,
    /// The Petra server does not support the link API.
    RegistrationUnsupported,
    /// Petra reports that ConnectWise did not accept the link.
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
