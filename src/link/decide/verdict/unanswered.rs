//! Why a round said nothing about the link, and the texts.

use std::time::Duration;

use crate::connectwise::Inconclusive;
use crate::crd::Reason;
use crate::link::plan::{HeldCause, Settlement};

/// Why a round said nothing about the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// ConnectWise gave no clear answer.
    ConnectWise(Inconclusive),
    /// It refused the keys, and the operator's own clientId is the suspect.
    ClientId,
    /// A name that led to ConnectWise before now leads to a private address: the operator's name server is the suspect.
    PrivateAddress,
}

impl Unanswered {
    /// Why a verdict is held then.
    pub(super) fn cause(self) -> HeldCause {
        match self {
            Self::ConnectWise(_) => HeldCause::Inconclusive,
            Self::ClientId | Self::PrivateAddress => HeldCause::Fleet,
        }
    }

    /// A refusal under a clientId that is now a suspect is no first answer of two against the keys.
    pub(super) fn forget_refusal(self, mut settled: Settlement) -> Settlement {
        if self == Self::ClientId {
            let suspicion = settled.state.suspicion;
            settled.state.suspicion = suspicion.filter(|it| it.of != Reason::CredentialsRejected);
        }
        settled
    }

    /// How long the server asked to wait.
    pub(super) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::ConnectWise(Inconclusive::RateLimited(wait)) => wait,
            Self::ConnectWise(_) | Self::ClientId | Self::PrivateAddress => None,
        }
    }

    /// What is wrong with the site, if that lasts.
    pub(super) fn site_fault(self) -> Option<&'static str> {
        match self {
            Self::ConnectWise(Inconclusive::NoSuchName) => Some("The host name of the site does not exist"),
            Self::ConnectWise(Inconclusive::BadCertificate) => {
                Some("The certificate of the site is not trusted")
            }
            Self::ConnectWise(Inconclusive::RateLimited(_) | Inconclusive::Unavailable)
            | Self::ClientId
            | Self::PrivateAddress => None,
        }
    }

    /// The message of a link whose verdict became too old.
    pub(super) fn stale_text(self) -> &'static str {
        match self {
            Self::ConnectWise(_) => NOT_ANSWERED,
            Self::ClientId => CLIENT_ID,
            Self::PrivateAddress => PRIVATE_ADDRESS,
        }
    }

    /// The reason and message of a link without a verdict.
    pub(super) fn reason(self) -> (Reason, &'static str) {
        let unavailable = Reason::ConnectWiseUnavailable;
        match self {
            Self::ConnectWise(Inconclusive::RateLimited(_)) => {
                (Reason::RateLimited, "ConnectWise asked the operator to slow down.")
            }
            Self::ConnectWise(Inconclusive::NoSuchName) => {
                (unavailable, "The host name of the site does not exist. Check spec.siteUrl.")
            }
            Self::ConnectWise(Inconclusive::BadCertificate) => {
                (unavailable, "The certificate of the site is not trusted. Check spec.siteUrl.")
            }
            Self::ConnectWise(Inconclusive::Unavailable) => (
                unavailable,
                "ConnectWise gave no clear answer (outage, timeout or proxy). Nothing was found wrong.",
            ),
            Self::ClientId => (unavailable, CLIENT_ID),
            Self::PrivateAddress => (unavailable, PRIVATE_ADDRESS),
        }
    }
}

/// Why a link is stale that the fleet rule holds.
pub(super) const HELD: &str = "The last checks reported a failure of this link and of many others at the same time. The operator itself \
    may be the cause, so the link is not reported as failed. Ask the operator's administrator to check its clientId, Petra \
    key, flags and network. To report the failure of this link anyway, set its annotation \
    integrations.petrasecurity.com/requestedAt.";

/// Why a link is stale without an answer.
pub(super) const NOT_ANSWERED: &str = "ConnectWise has not given a clear answer for too long. Its last answer was good, and nothing \
    was found wrong. If this continues, ask the operator's administrator to check the connection to ConnectWise.";

const CLIENT_ID: &str = "ConnectWise refuses calls with the operator's current clientId. It accepted these API keys with \
    another clientId before, so the link is not reported as failed. Ask the operator's administrator to check the clientId. \
    To have the API keys judged anyway, set the annotation integrations.petrasecurity.com/requestedAt of this link.";

const PRIVATE_ADDRESS: &str = "The host name of the site resolves to a private address, and the operator does not send keys \
    there. It led to ConnectWise before, so the link is not reported as failed. Ask the operator's administrator to check \
    the name server of the cluster.";
