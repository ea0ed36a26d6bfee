//! What a test may change while Petra runs.

use std::time::Duration;

use http::HeaderName;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize};

use super::Config;
use super::link::Reason;

/// The header that tells a refused caller how many seconds to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryAfterHeader {
    /// `Retry-After`, as RFC 9110 has it.
    #[default]
    #[serde(rename = "Retry-After")]
    Standard,
    /// `Retry-After-public-api`, as a third party reports it of Petra.
    #[serde(rename = "Retry-After-public-api")]
    PublicApi,
}

impl RetryAfterHeader {
    pub(super) fn name(self) -> HeaderName {
        match self {
            Self::Standard => http::header::RETRY_AFTER,
            Self::PublicApi => HeaderName::from_static("retry-after-public-api"),
        }
    }
}

/// How Petra behaves now.
pub(super) struct Settings {
    pub(super) api_keys: Vec<String>,
    pub(super) confirm_after: Duration,
    pub(super) rate_per_minute: Option<u32>,
    pub(super) retry_after_header: RetryAfterHeader,
    /// False: a Petra without the link routes, as today's real one.
    pub(super) has_contract: bool,
    /// What every PUT with new keys is refused with at once.
    pub(super) connectwise_refuses: Option<Reason>,
    pub(super) page_size: usize,
    /// How far this server's clock runs ahead of the true time.
    pub(super) clock_ahead: SignedDuration,
}

impl Settings {
    pub(super) fn new(config: Config) -> Self {
        Self {
            api_keys: config.api_keys,
            confirm_after: config.confirm_after,
            rate_per_minute: config.rate_per_minute,
            retry_after_header: config.retry_after_header,
            has_contract: true,
            connectwise_refuses: None,
            page_size: 100,
            clock_ahead: SignedDuration::ZERO,
        }
    }

    /// Takes over what is named in `changed`.
    pub(super) fn change(&mut self, changed: SettingsChange) {
        let SettingsChange {
            api_keys,
            confirm_after_ms,
            rate_per_minute,
            retry_after_header,
            has_contract,
            connectwise_refuses,
            page_size,
            clock_ahead_ms,
            list_lag_ms: _,
            forget_all: _,
        } = changed;
        replace(&mut self.api_keys, api_keys);
        replace(&mut self.confirm_after, confirm_after_ms.map(Duration::from_millis));
        rate_per_minute.replace(&mut self.rate_per_minute);
        replace(&mut self.retry_after_header, retry_after_header);
        replace(&mut self.has_contract, has_contract);
        connectwise_refuses.replace(&mut self.connectwise_refuses);
        replace(&mut self.page_size, page_size);
        replace(&mut self.clock_ahead, clock_ahead_ms.map(SignedDuration::from_millis));
    }
}

fn replace<T>(setting: &mut T, changed: Option<T>) {
    if let Some(changed) = changed {
        *setting = changed;
    }
}

/// The body of `POST /settings`; what is absent stays as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SettingsChange {
    api_keys: Option<Vec<String>>,
    confirm_after_ms: Option<u64>,
    /// Null: without limit.
    #[serde(default)]
    rate_per_minute: Nullable<u32>,
    retry_after_header: Option<RetryAfterHeader>,
    has_contract: Option<bool>,
    /// Null: ConnectWise is asked after `confirmAfterMs` alone.
    #[serde(default)]
    connectwise_refuses: Nullable<Reason>,
    page_size: Option<usize>,
    clock_ahead_ms: Option<i64>,
    /// How much later than the links themselves lists show a change, from now on.
    pub(super) list_lag_ms: Option<i64>,
    /// True: every link vanishes.
    #[serde(default)]
    pub(super) forget_all: bool,
}

/// A field whose null says something else than its absence.
#[derive(Default)]
enum Nullable<T> {
    #[default]
    Absent,
    Given(Option<T>),
}

impl<T> Nullable<T> {
    fn replace(self, setting: &mut Option<T>) {
        if let Self::Given(given) = self {
            *setting = given;
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nullable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}
