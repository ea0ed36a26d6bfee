//! A whole visit: any stored object, any answers.

mod judge;

use std::sync::LazyLock;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::connectwise::{Reply, round};
use super::secret::{self, Data};
use crate::clock::Now;
use crate::connectwise::{ClientIdVersion, Depth};
use crate::crd::{ConnectWiseLink, FINALIZER, LinkStatus, SecretLookup, SecretVersion};
use crate::kubernetes::Link;
use crate::link::Error;
use crate::link::client_id::{AcceptedClientId, ClientIdView};
use crate::link::config::Config;
use crate::link::decide::checking;
use crate::link::facts::{Facts, FleetView, PollView, Precedence, Rival, SecretRead};
use crate::link::origin::Origin;
use crate::link::plan::{Answer, Change, Outcome, Question, Tried, Written};
use crate::link::state::LinkState;
use crate::link::subject::Subject;
use crate::link::visit::{Effects, End, Visit};
use crate::petra::listing::Listing as List;
use crate::petra::{
    DeleteAnswer, OwnerUid, PetraFault, PutAnswer, Refusal, RemoteLink, RemoteState, Version, wire,
};
use crate::timings::Timings;
use crate::upstream::json;

/// Everything that a visit is answered.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    /// The stored object, as JSON.
    pub link: &'a [u8],
    /// What the Secret holds, where there is one.
    pub secret: &'a Data,
    /// What ConnectWise answers.
    pub replies: &'a [Reply],
    /// What Petra's list route answers; its links are what Petra holds.
    pub page: &'a [u8],
    /// Picks among answers, one byte a question; 0 when it is used up.
    pub choices: &'a [u8],
}

/// Whatever is stored and answered, a visit ends. Each status that it writes is valid. An accusation and `Ready` rest on an
/// answer of this visit or on the standing verdict. The visit only makes changes at Petra that are allowed.
///
/// # Panics
/// Where that does not hold.
pub fn visit(script: &Script) {
    // What people and earlier operators wrote is theirs to show; only text of the services and of the Secret must not be.
    let Some(stored) = json::read(script.link).map(without_word) else { return };
    let Ok(link) = serde_json::from_value::<Link>(stored) else { return };
    let Ok(link) = link.0 else { return };
    let stored = serde_json::to_vec(&link).expect("JSON").len();
    let config = &*RULES;
    let now =
        Now { wall: Timestamp::from_second(1_800_000_000).expect("a time"), up: Duration::from_hours(1) };
    let mut choices = script.choices.iter().copied();
    let mut choose = move |of: usize| usize::from(choices.next().unwrap_or_default()) % of;
    let links = wire::page(script.page).map(|page| page.links).unwrap_or_default();
    let watch = match choose(3) {
        0 => SecretLookup::Present(version()),
        1 => SecretLookup::Absent,
        _ => SecretLookup::NotWatched,
    };
    let client_id = client_id(choose(4) == 3, choose(2) == 0);
    let subject = Subject::read(&link, config);
    let poll = poll_view(&links, choose(4), now);
    let facts = Facts::at_start(watch, poll, client_id, subject.finalizer, now);
    let Some(mut visit) = Visit::begin(link, subject, LinkState::default(), facts) else { return };
    let mut service = Service { script, links, choose, now, stored };
    loop {
        let step = visit.step(config, &mut service).now_or_never().expect("nothing waits");
        match step.unwrap_or_else(|error| panic!("{error}: {:?}", visit.facts)) {
            None => {}
            Some(End::Settled(settlement)) => {
                return judge::settled(&visit.view(config, now), &settlement, stored);
            }
            Some(End::Outdated | End::NotYet(_) | End::Refused(..)) => {
                panic!("nobody else writes here, and nothing is refused")
            }
        }
    }
}

/// The value without the canary's word.
fn without_word(value: Value) -> Value {
    let plain = |text: String| text.replace(super::WORD, "plain");
    match value {
        Value::String(text) => Value::String(plain(text)),
        Value::Array(values) => values.into_iter().map(without_word).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (plain(name), without_word(value))).collect()
        }
        other => other,
    }
}

static RULES: LazyLock<Config> = LazyLock::new(|| crate::testing::config(Timings::default()));

fn version() -> SecretVersion {
    SecretVersion { uid: "secret".to_owned(), resource_version: "1".to_owned() }
}

/// The clientId of the operator: the one that a stored status may name, or another.
fn client_id(other: bool, accepted: bool) -> ClientIdView {
    let version =
        if other { ClientIdVersion::default() } else { ClientIdVersion::of(&"one".to_owned().into()) };
    let mut known = AcceptedClientId::default();
    if accepted {
        known.accept(version, Origin::Cloud);
    }
    known.view(version)
}

fn poll_view(links: &[RemoteLink], kind: usize, at: Now) -> PollView {
    match kind {
        0 => PollView::Known {
            answered_at: at,
            asked_at: at,
            links: links.to_vec(),
            failing: None,
            unsure: false,
        },
        1 => PollView::NotYet,
        2 => PollView::Failing(PetraFault::NoContract),
        _ => PollView::Failing(PetraFault::Unavailable),
    }
}

/// Everything outside the rules, as `script` says.
struct Service<'a, C> {
    script: &'a Script<'a>,
    /// What Petra holds.
    links: Vec<RemoteLink>,
    /// Picks one of so many answers.
    choose: C,
    now: Now,
    /// How many bytes the stored object has.
    stored: usize,
}

impl<C: FnMut(usize) -> usize + Send> Effects for Service<'_, C> {
    fn now(&self) -> Now {
        self.now
    }

    async fn write_status(&mut self, visit: &Visit, status: LinkStatus) -> Result<Written, Error> {
        judge::written(&visit.view(&RULES, self.now), &status, self.stored);
        Ok(Written::Stored(Box::new(ConnectWiseLink { status: Some(status), ..visit.link.clone() })))
    }

    async fn observe(&mut self, visit: &Visit, question: Question) -> Result<Answer, Error> {
        let Self { script, links, choose, now, .. } = self;
        Ok(match question {
            Question::Secret => {
                let read = match choose(6) {
                    0..=2 => secret::read(script.secret, &visit.subject.spec.company_id),
                    3 => SecretRead::Absent,
                    4 => SecretRead::Forbidden,
                    _ => SecretRead::Unavailable,
                };
                Answer::Secret(read, None)
            }
            Question::Round(depth) => {
                assert!(matches!(visit.facts.secret, Some(SecretRead::Keys { .. })), "a round without keys");
                let view = visit.view(&RULES, *now);
                let written = match checking(&view) {
                    Some(status) => Some(self.write_status(visit, status).await?),
                    None => None,
                };
                // A cheap round begins with the role, which a full one asks for after company and member.
                let skipped = if depth == Depth::Cheap { 2.min(self.script.replies.len()) } else { 0 };
                Answer::Round(round(self.script.replies[skipped..].to_vec(), depth), written)
            }
            Question::Trial(_) => Answer::Trial(Tried::Taken),
            Question::Poll => Answer::Poll(poll_view(links, choose(4), *now)),
            Question::Rival(_) => Answer::Rival(match choose(4) {
                0 => Precedence::First,
                3 => Precedence::Unproved,
                1 => Precedence::After(Rival { visible_name: Some("other".to_owned()) }),
                _ => Precedence::After(Rival { visible_name: None }),
            }),
            Question::Fleet(_) => {
                Answer::Fleet(if choose(2) == 1 { FleetView::Common } else { FleetView::Single })
            }
            Question::Link(id) => Answer::Link(match choose(3) {
                0 | 1 => Ok(links.iter().find(|link| link.id == id).cloned()),
                _ => Err(PetraFault::RateLimited(None)),
            }),
            Question::Owned(owner) => Answer::Owned(if choose(4) < 3 {
                let of_owner = links.iter().filter(|link| link.owner.as_ref() == Some(&owner));
                Ok(List { links: of_owner.cloned().collect(), complete: true, ..List::default() })
            } else {
                Err(PetraFault::KeyRejected)
            }),
        })
    }

    async fn act(&mut self, visit: &Visit, change: Change) -> Result<Outcome, Error> {
        let owner = &visit.subject.owner;
        judge::changed(&visit.view(&RULES, self.now), &change, &self.links);
        let Self { links, choose, .. } = self;
        let finalizer = |present: bool| {
            let finalizers = present.then(|| vec![FINALIZER.to_owned()]);
            let metadata = ObjectMeta { finalizers, ..visit.link.metadata.clone() };
            Outcome::Finalizer(present, Box::new(metadata))
        };
        Ok(match change {
            Change::AddFinalizer => finalizer(true),
            Change::RemoveFinalizer => finalizer(false),
            Change::Put { id, company, site, credentials, .. } => Outcome::Put(match choose(8) {
                0 => {
                    let states = [RemoteState::Connected, RemoteState::Pending, RemoteState::Failed];
                    let taken = RemoteLink {
                        id: id.clone(),
                        company: Some(company),
                        site: Some(site),
                        owner: Some(owner.clone()),
                        owner_uid: OwnerUid::parse(&visit.subject.uid),
                        state: states[choose(3)],
                        refusal: None,
                        credentials_version: Some(credentials.as_str().to_owned()),
                        version: Version::parse("v-put").expect("a version"),
                        confirmed_at: None,
                    };
                    links.retain(|link| link.id != id);
                    links.push(taken.clone());
                    PutAnswer::Accepted(taken)
                }
                1 => PutAnswer::OwnedByOther(
                    links.iter().find(|link| link.id == id).and_then(|link| link.owner.clone()).into(),
                ),
                2 => PutAnswer::LookAgain,
                3 => PutAnswer::Refused(Refusal::Unexplained),
                4 => PutAnswer::Fenced,
                5 => PutAnswer::Unknown(PetraFault::NoContract),
                6 => {
                    let other = links.iter().find(|link| link.id != id);
                    PutAnswer::CompanyLinked {
                        id: other.map(|link| link.id.clone()),
                        holder: other.and_then(|link| link.owner.clone()).into(),
                    }
                }
                _ => PutAnswer::Unknown(PetraFault::Unavailable),
            }),
            Change::Delete { id, .. } => {
                let answer = match choose(5) {
                    0 => DeleteAnswer::Gone,
                    1 => DeleteAnswer::LookAgain,
                    2 => DeleteAnswer::NotOurs,
                    3 => DeleteAnswer::Fenced,
                    _ => DeleteAnswer::Unknown(PetraFault::Unavailable),
                };
                if answer == DeleteAnswer::Gone {
                    links.retain(|link| link.id != id);
                }
                Outcome::Delete(answer)
            }
        })
    }
}
