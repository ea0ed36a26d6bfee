//! Failures to order: rules that stand before both services and decide what becomes of a request.

mod answer;
mod gzip;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use answer::{Ending, instead, truncated, twice};

use crate::connectwise::errors;
use crate::counts::Service;

/// Which requests a rule is for, how often, and what it does to them. Absent fields match anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// The service.
    pub service: Service,
    /// Host the request was sent to, without port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Beginning of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// Text within the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Company, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// How many of the matching requests are let through before the rule acts.
    #[serde(default)]
    pub after: u64,
    /// How many requests it acts on; absent: until it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What it does.
    pub effect: Effect,
}

impl Rule {
    /// A rule for every request to a service.
    #[must_use]
    pub fn on(service: Service, effect: Effect) -> Self {
        Self {
            service,
            host: None,
            method: None,
            path_prefix: None,
            path_contains: None,
            company: None,
            after: 0,
            times: None,
            effect,
        }
    }

    /// The same rule for requests with this text in their path.
    #[must_use]
    pub fn path_contains(self, text: &str) -> Self {
        Self { path_contains: Some(text.to_owned()), ..self }
    }

    /// The same rule for one company.
    #[must_use]
    pub fn company(self, company: &str) -> Self {
        Self { company: Some(company.to_owned()), ..self }
    }

    /// The same rule for so many requests.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    fn matches(&self, request: &Subject<'_>) -> bool {
        self.service == request.service
            && self.host.as_deref().is_none_or(|host| host.eq_ignore_ascii_case(request.host))
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(request.method))
            && self.path_prefix.as_deref().is_none_or(|prefix| request.path.starts_with(prefix))
            && self.path_contains.as_deref().is_none_or(|text| request.path.contains(text))
            && self
                .company
                .as_deref()
                .is_none_or(|company| request.company.is_some_and(|c| c.eq_ignore_ascii_case(company)))
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Answered as usual, so many milliseconds later.
    Latency(u64),
    /// Taken at once and delivered so many milliseconds later, even if the client has gone by then.
    Hold(u64),
    /// Never answered; ends when the client goes.
    Hang,
    /// The TCP connection is reset.
    Reset,
    /// The real answer, cut off: the length promises all of it, the connection ends after so many bytes.
    Truncate(usize),
    /// The real answer, in which every object that has this key has it once more before it, with this value.
    Twice {
        /// The key.
        key: String,
        /// The value that comes first.
        value: serde_json::Value,
    },
    /// 200 and JSON that never ends.
    Endless,
    /// A body that is long, deep or slow.
    Bulk(Bulk),
    /// 200 and one page of a list without end: this JSON, and a link to the next page of the same path.
    Pages(serde_json::Value),
    /// An HTML page, as gateways answer.
    Html {
        /// Its status.
        status: u16,
    },
    /// A status of one's own.
    Status {
        /// The status.
        status: u16,
        /// Headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Text of the body.
        #[serde(default)]
        body: String,
    },
    /// 302 to another place.
    Redirect {
        /// The `Location`.
        location: String,
    },
    /// 200 and this JSON, whatever was asked.
    Json(serde_json::Value),
    /// The body of this name from `error-bodies.json`.
    Named(String),
}

/// 200 and a body that repeats itself: as long, as deep or as slow as it is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Bulk {
    /// Headers; without a `content-type` it is JSON.
    pub headers: BTreeMap<String, String>,
    /// How the body begins.
    pub begin: String,
    /// What follows again and again.
    pub part: String,
    /// How often.
    pub times: usize,
    /// How it ends.
    pub end: String,
    /// So many milliseconds pass before each part; 0: all is sent at once.
    pub pause_ms: u64,
    /// Sent at once as gzip, and said to be: gigabytes of one part are a few megabytes on the wire.
    pub gzip: bool,
}

/// Why a rule is not taken.
#[derive(Debug, Error)]
pub enum RuleError {
    /// `named` does not name a body.
    #[error("effect named {0:?} is not in error-bodies.json; there are {known}", known = errors::names().join(", "))]
    UnknownName(String),
    /// A status or a header that HTTP does not have.
    #[error("effect has {0}, which HTTP does not allow")]
    NotHttp(String),
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) service: Service,
    pub(crate) host: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) company: Option<&'a str>,
}

/// What the rules decided for one request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fate {
    /// Wait so long, then go on as long as the client is there.
    pub(crate) latency: Duration,
    /// Wait so long, then deliver it even if the client has gone.
    pub(crate) hold: Duration,
    /// What is done to the answer, or instead of one.
    pub(crate) ending: Ending,
}

/// A rule in force.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its number, to remove it by.
    pub id: u64,
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// How many requests matched it.
    pub matched: u64,
    /// How many it acted on.
    pub acted: u64,
}

/// The rules in force.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    rules: Vec<Standing>,
}

impl Faults {
    /// Puts a rule in force and gives its number.
    ///
    /// # Errors
    /// [`RuleError`] where its effect cannot be carried out.
    pub fn add(&self, rule: Rule) -> Result<u64, RuleError> {
        answer::check(&rule.effect)?;
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.rules.push(Standing { id, rule, matched: 0, acted: 0 });
        Ok(id)
    }

    /// Removes a rule; false where there is none of that number.
    #[must_use]
    pub fn remove(&self, id: u64) -> bool {
        let mut state = self.lock();
        let before = state.rules.len();
        state.rules.retain(|standing| standing.id != id);
        state.rules.len() < before
    }

    /// Removes every rule.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// The rules in force, spent ones included.
    #[must_use]
    pub fn list(&self) -> Vec<Standing> {
        self.lock().rules.clone()
    }

    /// Decides what becomes of a request: waits add up; of the endings the first rule's holds.
    pub(crate) fn fate(&self, request: &Subject<'_>) -> Fate {
        let mut fate = Fate::default();
        for standing in &mut self.lock().rules {
            if !standing.rule.matches(request) {
                continue;
            }
            standing.matched += 1;
            let spent = standing.rule.times.is_some_and(|times| standing.acted >= times);
            if standing.matched <= standing.rule.after || spent {
                continue;
            }
            match &standing.rule.effect {
                Effect::Latency(ms) => fate.latency += Duration::from_millis(*ms),
                Effect::Hold(ms) => fate.hold += Duration::from_millis(*ms),
                effect if fate.ending == Ending::AsUsual => fate.ending = Ending::of(effect),
                _ => continue,
            }
            standing.acted += 1;
        }
        fate
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Subject<'_> = Subject {
        service: Service::ConnectWise,
        host: "api-na.localhost",
        method: "GET",
        path: "/v2025_1/apis/3.0/system/info",
        company: Some("acme"),
    };

    fn fates(faults: &Faults, count: usize) -> Vec<bool> {
        (0..count).map(|_| faults.fate(&REQUEST).ending == Ending::Hang).collect()
    }

    #[test]
    fn a_rule_skips_the_first_requests_and_then_acts_so_many_times() {
        let faults = Faults::default();
        let rule = Rule { after: 1, times: Some(2), ..Rule::on(Service::ConnectWise, Effect::Hang) };
        faults.add(rule).expect("the rule is valid");
        assert_eq!(fates(&faults, 4), [false, true, true, false]);
    }

    #[test]
    fn a_rule_for_another_company_service_or_path_does_nothing() {
        let faults = Faults::default();
        for rule in [
            Rule::on(Service::Petra, Effect::Hang),
            Rule::on(Service::ConnectWise, Effect::Hang).company("bravo"),
            Rule::on(Service::ConnectWise, Effect::Hang).path_contains("mySecurity"),
        ] {
            faults.add(rule).expect("the rule is valid");
        }
        assert_eq!(fates(&faults, 1), [false]);
    }

    #[test]
    fn waits_add_up_and_do_not_hide_an_ending() {
        let faults = Faults::default();
        for effect in [Effect::Latency(20), Effect::Latency(10), Effect::Hold(5), Effect::Hang, Effect::Reset]
        {
            faults.add(Rule::on(Service::ConnectWise, effect)).expect("the rule is valid");
        }
        let fate = faults.fate(&REQUEST);
        assert_eq!((fate.latency.as_millis(), fate.hold.as_millis()), (30, 5));
        assert_eq!(fate.ending, Ending::Hang);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_names_there_are() {
        let error = Faults::default()
            .add(Rule::on(Service::ConnectWise, Effect::Named("teapot".to_owned())))
            .expect_err("no such body");
        assert!(error.to_string().contains("router-404"), "{error}");
    }
}
