//! Builds the HTTP clients and the background tasks for Petra.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin::Metrics;
use crate::cli::Settings;
use crate::clock::Clock;
use crate::connectwise::client::ConnectWise;
use crate::crd::{ConnectWiseLink, EventReason, LinkRef};
use crate::kubernetes::{Events, Leadership, Links, Wake};
use crate::link::PetraSide;
use crate::link::config::Config;
use crate::petra::client::PetraClient;
use crate::petra::poll::{Changed, Poll};
use crate::petra::{PetraFault, RemoteLink};
use crate::secret_file::SecretFile;
use crate::timings::{Timings, doubled};
use crate::upstream::guard::{Guard, GuardConfig, GuardError};

/// The clients of both services, behind one guard.
pub(super) struct Services {
    pub connectwise: ConnectWise,
    /// Where links are registered, and with which key.
    pub petra: Option<(Arc<PetraClient>, Arc<Poll>, SecretFile)>,
    /// Where the operator's Petra key is proved: also without a server to register with.
    pub account: Option<Arc<PetraClient>>,
}

impl Services {
    pub(super) fn build(
        settings: &Settings,
        clock: Clock,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, GuardError> {
        let guard = Arc::new(Guard::new(GuardConfig {
            allow: settings.allow.clone(),
            ca_bundle_pem: settings.ca_bundle.clone(),
            egress_proxy: settings.egress_proxy.clone(),
            timings: settings.timings.clone(),
            rates: settings.rates,
            user_agent: concat!("cwlink/", env!("CARGO_PKG_VERSION")).to_owned(),
            observer: Arc::clone(metrics) as _,
        })?);
        let timeouts = &settings.timings.timeouts;
        let client_id = settings.connectwise_client_id.clone();
        let connectwise = ConnectWise::new(Arc::clone(&guard), client_id, timeouts.connectwise);
        let account = settings
            .petra_key
            .clone()
            .map(|key| Arc::new(PetraClient::new(guard, key, clock, timeouts.clone())));
        let keyed = account.clone().zip(settings.petra_key.clone());
        let petra = keyed.zip(settings.petra.as_ref()).map(|((client, key), petra)| {
            let poll = Poll::new(petra.installation.as_str().to_owned(), settings.timings.clone());
            (client, Arc::new(poll), key)
        });
        Ok(Self { connectwise, petra, account })
    }

    /// What the reconciler needs of Petra.
    pub(super) fn petra_side(&self, leadership: &Leadership) -> Option<PetraSide> {
        self.petra.as_ref().map(|(client, poll, key)| PetraSide {
            client: Arc::clone(client),
            key: key.clone(),
            poll: Arc::clone(poll),
            fence: Box::new(leadership.clone()),
        })
    }
}

/// The operator's configuration, as far as the rules need it.
pub(super) fn config(settings: &Settings) -> Config {
    let installation = settings.petra.as_ref().map(|petra| petra.installation.as_str().to_owned());
    Config {
        timings: settings.timings.clone(),
        profiles: settings.profiles.clone(),
        allow: settings.allow.clone(),
        companies: settings.allow_companies.clone(),
        default_mode: settings.registration,
        petra_configured: settings.petra.is_some(),
        // Without a Petra server the first part of an owner is `portal`. `status.link.owner` shows it.
        installation: installation.unwrap_or_else(|| "portal".to_owned()),
        operator: settings.operator.clone(),
        elected: settings.lease.is_some(),
    }
}

/// Wakes the links whose entries at Petra changed.
pub(super) fn wake_changed(changed: &Changed, installation: &str, wake: &Wake) {
    for owner in &changed.owners {
        if let Some((namespace, name)) = owner.within(installation) {
            wake.link(namespace, name);
        }
    }
}

/// Looks for links at Petra whose resource is gone.
pub(super) struct Orphans {
    pub installation: String,
    pub links: Links,
    pub metrics: Arc<Metrics>,
    pub events: Events,
    pub poll: Arc<Poll>,
}

impl Orphans {
    /// Counts them as often as Petra is polled idly, and publishes an event on the operator's own pod when there are more. They are never deleted:
    /// a backup that was restored halfway must not cost anybody a link.
    pub(super) async fn report(self, period: Duration, stop: CancellationToken) {
        let reporting = async {
            let mut reported = 0;
            loop {
                // First after a while: at start the links are not listed yet, and every entry would look orphaned.
                tokio::time::sleep(period).await;
                let count = self.count();
                self.metrics.petra_orphans(count);
                if count > reported {
                    self.events.publish_own(EventReason::OrphanedLinks, ORPHANED.to_owned());
                }
                reported = count;
            }
        };
        stop.run_until_cancelled(reporting).await;
    }

    fn count(&self) -> usize {
        let Some(snapshot) = self.poll.snapshot() else { return 0 };
        snapshot.links().filter(|link| self.is_orphan(link)).count()
    }

    fn is_orphan(&self, link: &RemoteLink) -> bool {
        let owner = link.owner.as_ref().and_then(|owner| owner.within(&self.installation));
        let Some((namespace, name)) = owner else { return false };
        let resource = LinkRef::new(namespace, name);
        match self.links.get(&resource) {
            Some(live) => live.0.as_ref().is_ok_and(|live| is_left_by_namesake(link, live)),
            None => self.links.is_gone(&resource),
        }
    }
}

/// Whether an earlier resource of the same name left this link: the live one holds another. One that holds none yet may be
/// about to take this one over.
fn is_left_by_namesake(link: &RemoteLink, live: &ConnectWiseLink) -> bool {
    let record = live.status.as_ref().and_then(|status| status.link.as_ref());
    let own = link.owner_uid.as_ref().is_some_and(|uid| live.metadata.uid.as_deref() == Some(uid.as_str()));
    record.is_some_and(|record| record.id != link.id.as_str()) && !own
}

const ORPHANED: &str = "Petra holds links of this installation whose resources no longer exist. The operator never deletes such links. \
    Remove them in Petra. To take one back instead, create a resource with the same namespace, name and company.";

/// When to verify the account again: daily, or sooner with a doubling delay after an inconclusive response.
fn next_verification(timings: &Timings, unanswered: u32) -> Duration {
    match unanswered.checked_sub(1) {
        None => timings.account,
        Some(before) => doubled(timings.poll, before, timings.account),
    }
}

/// Proves the Petra key at start, daily, when it changes and when the link routes begin or cease to refuse it, and names the
/// organisation that it belongs to.
pub(super) async fn verify_account(
    petra: Arc<PetraClient>,
    key: SecretFile,
    metrics: Arc<Metrics>,
    timings: Timings,
    stop: CancellationToken,
) {
    let (mut changes, mut refusals) = (key.changes(), petra.refusals());
    let proving = async {
        // How many proofs in a row were not answered.
        let mut unanswered = 0;
        loop {
            refusals.mark_unchanged();
            match petra.usage().await {
                Ok(account) => {
                    unanswered = 0;
                    metrics.petra_account_proved(true);
                    let organization = account
                        .organization
                        .map_or_else(|| "unnamed".to_owned(), |name| name.as_str().to_owned());
                    info!(%organization, "Petra accepts the operator's API key");
                }
                Err(PetraFault::KeyRejected) => {
                    unanswered = 0;
                    metrics.petra_account_proved(false);
                    warn!("Petra refuses the operator's API key; replace the file of --petra-key-file");
                }
                Err(fault) => {
                    unanswered += 1;
                    warn!(?fault, "Petra did not confirm whether it accepts the operator's API key");
                }
            }
            // Whichever comes first, the next proof is due.
            tokio::select! {
                () = tokio::time::sleep(next_verification(&timings, unanswered)) => {}
                _ = changes.next() => {}
                _ = refusals.changed() => {}
            }
        }
    };
    stop.run_until_cancelled(proving).await;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_of_an_earlier_namesake_is_an_orphan_once_the_live_one_holds_another() {
        let link = |uid: Option<&str>| {
            let link = json!({
                "linkId": "cw-1", "companyId": "acme", "owner": "here/team/acme", "ownerUid": uid,
                "state": "connected", "credentialsVersion": null, "version": "v1",
            });
            crate::petra::wire::link(link.to_string().as_bytes()).expect("a link")
        };
        let live = |recorded: Option<&str>| -> ConnectWiseLink {
            let status = recorded.map(|id| json!({"link": {"id": id}}));
            let live = json!({
                "apiVersion": "integrations.petrasecurity.com/v1alpha1", "kind": "ConnectWiseLink",
                "metadata": {"name": "acme", "namespace": "team", "uid": "live"},
                "spec": {
                    "companyId": "acme", "siteUrl": "na.myconnectwise.net",
                    "credentialsSecretRef": {"name": "keys"},
                },
                "status": status,
            });
            serde_json::from_value(live).expect("a resource")
        };
        let table = [
            (Some("former"), Some("cw-2"), true),
            (None, Some("cw-2"), true),
            (Some("live"), Some("cw-2"), false),
            (Some("former"), Some("cw-1"), false),
            (Some("former"), None, false),
        ];
        for (uid, recorded, orphan) in table {
            let is_orphan = is_left_by_namesake(&link(uid), &live(recorded));
            assert_eq!(is_orphan, orphan, "{uid:?} {recorded:?}");
        }
    }

    #[test]
    fn a_proof_that_was_not_answered_is_repeated_soon_and_then_ever_later() {
        let timings = Timings::default();
        let after = |unanswered| next_verification(&timings, unanswered).as_secs();
        assert_eq!([0, 1, 2, 3].map(after), [86_400, 10, 20, 40]);
        assert_eq!([30, u32::MAX].map(after), [86_400; 2], "never later than daily");
    }
}
