//! The state of a link in this process. A restart loses it on purpose: grace periods start again, and no failure is reported
//! earlier.

use std::time::Duration;

use super::pace::Pace;
use super::reason_class::{BackoffKind, Source};
use crate::connectwise::{ClientIdVersion, CompanyId, Depth, Tenant};
use crate::crd::{Inputs, OperatorName, Reason};
use crate::petra::Version;
use crate::upstream::hosts::HostPort;

/// A fault of a Ready link that one conclusive response reported. A second response must confirm it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    /// What it would be accused of.
    pub of: Reason,
    /// When the first answer came, on the monotonic clock.
    pub since: Duration,
    /// A person asked for the round with `requestedAt`: the fleet does not hold this one.
    pub asked_for: bool,
    /// The fleet holds it: until another suspect or enough other links pass, or a person asks, however few are held with it.
    pub held: bool,
}

impl Suspicion {
    /// Whether it is about what Petra told, and not about ConnectWise.
    #[must_use]
    pub(crate) fn is_of_petra(&self) -> bool {
        self.of.class().source == Source::Petra
    }
}

/// What this process found out at ConnectWise about the company of a link. Nothing of it comes from the status: a person who can
/// write the status must not be able to say where keys are sent, which link is claimed, and what was found good.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// The site that was asked.
    pub site: HostPort,
    /// The login company that it was asked about.
    pub company: CompanyId,
    /// Where the tenant is.
    pub tenant: Tenant,
    /// What passed there last, unless a later round found something wrong.
    pub passed: Option<Proof>,
}

/// The inputs that a round of this process found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// How much the round asked.
    pub depth: Depth,
    credentials_version: Option<String>,
    permission_profile: Option<String>,
    service_board: Option<String>,
}

impl Proof {
    /// A round of this depth found these inputs good.
    #[must_use]
    pub(crate) fn of(inputs: &Inputs, depth: Depth) -> Self {
        Self {
            depth,
            credentials_version: inputs.credentials_version.clone(),
            permission_profile: inputs.permission_profile.clone(),
            service_board: inputs.service_board.clone(),
        }
    }

    /// Whether it is about these inputs. Site and company are those of [`Found`].
    #[must_use]
    pub(crate) fn is_of(&self, inputs: &Inputs) -> bool {
        *self == Self::of(inputs, self.depth)
    }
}

/// Progress of a backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Backoff {
    /// The kind of check. Another kind restarts the backoff.
    pub kind: Option<BackoffKind>,
    /// How many looks of this kind there were.
    pub looks: u32,
    /// When the first of them was, on the monotonic clock.
    pub since: Duration,
}

/// Another operator that serves the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// Which one.
    pub by: OperatorName,
    /// Distinguishes the state of the resource that was last seen from any other.
    pub mark: u64,
    /// When this process first saw that state, on the monotonic clock.
    pub since: Duration,
}

/// All that this process knows of a link beyond the resource. All times are on the monotonic clock.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about the link")]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LinkState {
    /// UID of the resource that this is about. A namesake made later starts with a new state.
    pub uid: String,
    /// Resource versions that the last visit of this process has replaced. A watch that still shows one of them is behind.
    pub superseded: Vec<String>,
    /// Whether, at the end of the last settled visit, the last verdict on the link was good and it was not suspended.
    pub is_judged_good: bool,
    /// Whether this process has reported the API keys as refused. A good verdict that does not name its clientId is then none of
    /// an earlier version of the operator, but forged or restored.
    pub has_refused_keys: bool,
    /// Whether a person saved the link in Petra's portal, as of the last settled visit. Needed for an event when it is deleted.
    pub saved_by_hand: bool,
    /// When this process first saw the link.
    pub first_seen: Option<Duration>,
    /// No round before this moment, unless an input changed or a person asked.
    pub not_before: Option<Duration>,
    /// Earliest time of the next request to Petra about a link that is not Ready. A new round at ConnectWise overrides
    /// it.
    pub petra_not_before: Option<Duration>,
    /// When Petra was last asked about such a verdict.
    pub petra_asked: Option<Duration>,
    /// Whether a request about this very link failed then, and not the list: another list says nothing new.
    pub petra_request_failed: bool,
    /// How the delays of asking Petra again grow.
    pub petra_backoff: Backoff,
    /// When the last round ended, or began if it did not end. The floor counts from here.
    pub last_round: Option<Duration>,
    /// The operator's clientId when the visit of the last round began, or the first visit.
    pub client_id: Option<ClientIdVersion>,
    /// When a round last found nothing wrong.
    pub passed_at: Option<Duration>,
    /// When the Secret was last read.
    pub secret_read_at: Option<Duration>,
    /// Since when the Secret is absent.
    pub secret_absent_since: Option<Duration>,
    /// When the Secret was last seen with other keys than before.
    pub keys_changed_at: Option<Duration>,
    /// Since when the site's name is unknown or its certificate bad.
    pub site_unreachable_since: Option<Duration>,
    /// A fault of a Ready link, waiting for its second answer.
    pub suspicion: Option<Suspicion>,
    /// How delays grow.
    pub backoff: Backoff,
    /// When Petra last said that it holds the link as it should, confirmed or not yet.
    pub petra_heard_at: Option<Duration>,
    /// What the rounds of this process found.
    pub found: Option<Found>,
    /// Another resource claims the company's link, and this one's claim rests on its status alone: it is checked soon.
    pub claim_contested: bool,
    /// Since when this link waits for the check of another resource that claims its company's link.
    pub awaits_rival_since: Option<Duration>,
    /// When this process first saw the link pending at Petra, since it was last confirmed or its keys were last registered.
    pub pending_since: Option<Duration>,
    /// Petra accepted a PUT of this very resource.
    pub held_at_petra: bool,
    /// When a PUT without a known outcome was sent: until its `notAfter` has passed, absence at Petra proves nothing.
    pub unknown_put_at: Option<Duration>,
    /// When the link was last changed at Petra by this process: an older list says nothing about it.
    pub petra_changed_at: Option<Duration>,
    /// The version that this process last replaced at Petra: a list that still shows it is behind.
    pub petra_replaced: Option<Version>,
    /// Another operator that serves the link, which is left alone.
    pub elsewhere: Option<Elsewhere>,
    /// How often the link was written, and whether the API server refused it.
    pub pace: Pace,
}

impl LinkState {
    /// The state of a link that another operator serves. Should this one serve it again, it begins as after a restart; only
    /// what limits requests and what may still arrive at Petra is kept.
    #[must_use]
    pub(crate) fn left_to(last: &Self, elsewhere: Elsewhere) -> Self {
        Self {
            uid: last.uid.clone(),
            superseded: last.superseded.clone(),
            last_round: last.last_round,
            unknown_put_at: last.unknown_put_at,
            petra_changed_at: last.petra_changed_at,
            petra_replaced: last.petra_replaced.clone(),
            elsewhere: Some(elsewhere),
            pace: last.pace.clone(),
            ..Self::default()
        }
    }
}

impl LinkState {
    /// What this process found for this site and company.
    #[must_use]
    pub(crate) fn found_at(&self, site: &HostPort, company: &CompanyId) -> Option<&Found> {
        self.found.as_ref().filter(|found| found.site == *site && found.company == *company)
    }

    /// ConnectWise found something wrong: nothing is sent to Petra until a whole round passes again.
    pub(crate) fn disprove(&mut self) {
        if let Some(found) = &mut self.found {
            found.passed = None;
        }
    }
}
