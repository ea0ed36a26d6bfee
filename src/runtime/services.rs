//! Builds the way out: guard, clients, and the tasks that watch over Petra.

use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::fence::AlwaysLeader;
use super::links::{LinkRef, Links};
use super::wake::Wake;
use crate::admin::Metrics;
use crate::cli::Settings;
use crate::clock::Clock;
use crate::connectwise::client::ConnectWise;
use crate::link::PetraSide;
use crate::link::subject::Rules;
use crate::petra::client::{KeySource, PetraClient};
use crate::petra::poll::{Changed, Poll};
use crate::timings::Timings;
use crate::upstream::guard::{Guard, GuardConfig, GuardError};

/// The clients of both services, behind one guard.
pub(super) struct Services {
    pub connectwise: ConnectWise,
    pub petra: Option<(Arc<PetraClient>, Arc<Poll>)>,
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
        let client_id = Arc::new(move || Some(client_id.current()));
        let connectwise = ConnectWise::new(Arc::clone(&guard), client_id, timeouts.connectwise);
        let petra = settings.petra.as_ref().map(|petra| {
            let file = settings.petra_key.clone();
            let key: Arc<dyn KeySource> =
                Arc::new(move || -> Option<SecretString> { file.as_ref().map(super::SecretFile::current) });
            let client = PetraClient::new(guard, key, clock, timeouts.clone());
            let poll = Poll::new(petra.installation.as_str().to_owned(), settings.timings.clone());
            (Arc::new(client), Arc::new(poll))
        });
        Ok(Self { connectwise, petra })
    }

    /// What the reconciler needs of Petra.
    pub(super) fn petra_side(&self) -> Option<PetraSide> {
        self.petra.as_ref().map(|(client, poll)| PetraSide {
            client: Arc::clone(client),
            poll: Arc::clone(poll),
            fence: Box::new(AlwaysLeader),
        })
    }
}

/// The operator's configuration, as far as the rules need it.
pub(super) fn rules(settings: &Settings) -> Rules {
    let installation = settings.petra.as_ref().map(|petra| petra.installation.as_str().to_owned());
    Rules {
        timings: settings.timings.clone(),
        profiles: settings.profiles.clone(),
        allow: settings.allow.clone(),
        companies: settings.allow_companies.clone(),
        default_mode: settings.registration,
        petra_configured: settings.petra.is_some(),
        // Without a Petra server nobody is told of owners; the place is taken so that a message never shows a gap.
        installation: installation.unwrap_or_else(|| "portal".to_owned()),
    }
}

/// What the shared poll tells others.
pub(super) struct Followers {
    pub installation: String,
    pub wake: Wake,
    pub links: Links,
    pub metrics: Arc<Metrics>,
    pub poll: Arc<Poll>,
}

impl Followers {
    /// Wakes the links whose entries changed, and counts the entries whose resource is gone.
    pub(super) fn told(&self, changed: &Changed) {
        let mine = |owner: &crate::petra::Owner| {
            owner.within(&self.installation).map(|(namespace, name)| LinkRef::new(namespace, name))
        };
        for link in changed.owners.iter().filter_map(mine) {
            self.wake.link(&link.namespace, &link.name);
        }
        if let Some(snapshot) = self.poll.snapshot() {
            let owners = snapshot.links().filter_map(|link| link.owner.as_ref()).filter_map(mine);
            self.metrics.petra_orphans(owners.filter(|link| self.links.get(link).is_none()).count());
        }
    }
}

/// Proves the Petra key at start and daily, and names the organisation that it belongs to.
pub(super) async fn prove_account(
    petra: Arc<PetraClient>,
    metrics: Arc<Metrics>,
    timings: Timings,
    stop: CancellationToken,
) {
    let proving = async {
        loop {
            match petra.usage().await {
                Ok(account) => {
                    metrics.petra_account_proved(true);
                    let organization = account
                        .organization
                        .map_or_else(|| "unnamed".to_owned(), |name| name.as_str().to_owned());
                    info!(%organization, "Petra accepts the operator's key");
                }
                Err(fault) => {
                    metrics.petra_account_proved(false);
                    warn!(?fault, "Petra did not prove the operator's key; check --petra-key-file");
                }
            }
            tokio::time::sleep(timings.account).await;
        }
    };
    stop.run_until_cancelled(proving).await;
}
