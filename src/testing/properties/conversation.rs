//! A whole visit: any stored object, any answers.

mod judge;

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::connectwise::{Reply, round};
use super::secret::{self, Data};
use crate::clock::Now;
use crate::connectwise::Depth;
use crate::connectwise::profile::Profiles;
use crate::crd::{ConnectWiseLink, FINALIZER, RegistrationMode};
use crate::link::decide::{Plan, Visit, checking, decide};
use crate::link::memory::Memory;
use crate::link::seen::{Change, ClientIdView, FleetView, Listing, Question, Rival, SecretRead, Seen};
use crate::link::subject::{Rules, Subject};
use crate::petra::{DeleteAnswer, Owner, PetraFault, PutAnswer, RemoteLink, RemoteState, Version, wire};
use crate::runtime::{Link, SecretLookup, SecretVersion};
use crate::timings::Timings;
use crate::upstream::allow::AllowList;
use crate::upstream::json;

/// What the reconciler bounds a visit by.
const MAX_STEPS: usize = 64;

/// Everything that a visit is told.
#[derive(Clone, Debug)]
pub struct Told<'a> {
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

/// Whatever is stored and answered, a visit ends; every status that it writes is a fit one, accuses of nothing and is Ready for
/// nothing that was not told or did not stand; and what it changes at Petra it may change.
///
/// # Panics
/// Where that does not hold.
pub fn visit(told: &Told) {
    // What people and earlier operators wrote is theirs to show; only text of the services and of the Secret must not be.
    let Some(stored) = json::read(told.link).map(without_word) else { return };
    let Ok(link) = serde_json::from_value::<Link>(stored) else { return };
    let Ok(mut link) = link.0 else { return };
    let stored = serde_json::to_vec(&link).expect("JSON").len();
    let rules = &*RULES;
    let now =
        Now { wall: Timestamp::from_second(1_800_000_000).expect("a time"), up: Duration::from_hours(1) };
    let mut choices = told.choices.iter().copied();
    let mut choose = move |of: usize| usize::from(choices.next().unwrap_or_default()) % of;
    let mut links = wire::page(told.page).map(|page| page.links).unwrap_or_default();
    let watch = match choose(3) {
        0 => SecretLookup::Present(version()),
        1 => SecretLookup::Absent,
        _ => SecretLookup::NotWatched,
    };
    let client_id = ClientIdView { generation: u64::from(choose(4) == 3), worked: choose(2) == 0 };
    let finalizer = link.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER);
    let mut seen = Seen::at_start(watch, listing(&links, choose(4), now), client_id, finalizer);
    let mut memory = Memory::default();
    for _ in 0..MAX_STEPS {
        let subject = Subject::read(&link, rules);
        let view = Visit { subject: &subject, memory: &memory, seen: &seen, rules, now };
        match decide(&view) {
            Plan::Ask(question) => {
                if matches!(question, Question::Round(_))
                    && let Some(status) = checking(&view)
                {
                    judge::written(&view, &status, stored);
                }
                let company = &subject.spec.company_id;
                ask(question, &mut seen, told, company, &links, &mut choose, now);
            }
            Plan::Change(change) => {
                judge::changed(&view, &change, &links);
                make(change, &subject.owner, &mut link, &mut seen, &mut links, &mut choose);
            }
            Plan::Publish(status, published) => {
                judge::written(&view, &status, stored);
                memory = *published;
                link.status = Some(*status);
            }
            Plan::Settle(settlement) => {
                judge::settled(&view, &settlement, stored);
                return;
            }
        }
    }
    panic!("the visit does not end: {seen:?}");
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

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
    timings: Timings::default(),
    profiles: Profiles::builtin(),
    allow: AllowList::default(),
    companies: None,
    default_mode: RegistrationMode::Api,
    petra_configured: true,
    installation: "here".to_owned(),
    elected: true,
});

fn version() -> SecretVersion {
    SecretVersion { uid: "secret".to_owned(), resource_version: "1".to_owned() }
}

fn listing(links: &[RemoteLink], kind: usize, at: Now) -> Listing {
    match kind {
        0 => Listing::Known {
            answered_at: at,
            asked_at: at,
            links: links.to_vec(),
            failing: None,
            unsure: false,
        },
        1 => Listing::NotYet,
        2 => Listing::Failing(PetraFault::NoContract),
        _ => Listing::Failing(PetraFault::Unavailable),
    }
}

fn ask(
    question: Question,
    seen: &mut Seen,
    told: &Told,
    company: &str,
    links: &[RemoteLink],
    choose: &mut impl FnMut(usize) -> usize,
    now: Now,
) {
    match question {
        Question::Secret => {
            seen.secret = Some(match choose(6) {
                0..=2 => secret::read(told.secret, company),
                3 => SecretRead::Absent,
                4 => SecretRead::Forbidden,
                _ => SecretRead::Unavailable,
            });
        }
        Question::Round(depth) => {
            assert!(matches!(seen.secret, Some(SecretRead::Keys { .. })), "a round without keys: {seen:?}");
            // A cheap round begins with the role, which a full one asks for after company and member.
            let skipped = if depth == Depth::Cheap { 2.min(told.replies.len()) } else { 0 };
            let replies = &told.replies[skipped..];
            seen.round = Some(round(replies.to_vec(), depth));
        }
        Question::Listing => {
            seen.listing = match listing(links, choose(4), now) {
                Listing::NotYet => Listing::Failing(PetraFault::Unavailable),
                known => known,
            };
        }
        Question::Rival(_) => {
            seen.rival = Some(match choose(3) {
                0 => None,
                1 => Some(Rival { visible_name: Some("other".to_owned()) }),
                _ => Some(Rival { visible_name: None }),
            });
        }
        Question::Fleet(_) => {
            seen.fleet =
                Some(FleetView { ready: choose(9), suspected_alike: choose(9), released: choose(2) == 1 });
        }
        Question::Link(id) => {
            seen.read = Some(match choose(3) {
                0 | 1 => Ok(links.iter().find(|link| link.id == id).cloned()),
                _ => Err(PetraFault::RateLimited(None)),
            });
        }
        Question::Owned(owner) => {
            let of_owner = links.iter().filter(|link| link.owner.as_ref() == Some(&owner));
            seen.owned = Some(if choose(4) < 3 {
                Ok(of_owner.cloned().collect())
            } else {
                Err(PetraFault::KeyRejected)
            });
        }
    }
}

fn make(
    change: Change,
    owner: &Owner,
    link: &mut ConnectWiseLink,
    seen: &mut Seen,
    links: &mut Vec<RemoteLink>,
    choose: &mut impl FnMut(usize) -> usize,
) {
    match change {
        Change::AddFinalizer => {
            link.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
            seen.finalizer = true;
        }
        Change::RemoveFinalizer => {
            link.metadata.finalizers = None;
            seen.finalizer = false;
        }
        Change::Put { id, company, credentials, .. } => {
            let there = links.iter().find(|link| link.id == id);
            seen.read = None;
            seen.puts += 1;
            seen.put = Some(match choose(7) {
                0 => {
                    let states = [RemoteState::Connected, RemoteState::Pending, RemoteState::Failed];
                    let taken = RemoteLink {
                        id: id.clone(),
                        company: Some(company),
                        owner: Some(owner.clone()),
                        state: states[choose(3)],
                        credentials_version: Some(credentials.as_str().to_owned()),
                        version: Version::parse("v-put").expect("a version"),
                        confirmed_at: None,
                    };
                    links.retain(|link| link.id != id);
                    links.push(taken.clone());
                    PutAnswer::Accepted(taken)
                }
                1 => PutAnswer::OwnedByOther(there.and_then(|link| link.owner.clone())),
                2 => PutAnswer::LookAgain,
                3 => PutAnswer::Refused,
                4 => PutAnswer::Fenced,
                5 => PutAnswer::Unknown(PetraFault::NoContract),
                _ => PutAnswer::Unknown(PetraFault::Unavailable),
            });
        }
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
            (seen.read, seen.owned) = (None, None);
            seen.deletes_in_vain +=
                u8::from(matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs));
            seen.deleted = Some(answer);
        }
    }
}
