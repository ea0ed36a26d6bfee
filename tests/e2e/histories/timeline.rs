//! What a person sees of one link, deed by deed, and what it costs.

use std::collections::BTreeMap;
use std::time::Instant;

use harness::{Error, LinkWatch, PATIENCE, Result, Status};
use serde_json::{Value, json};

use crate::ledger::{LINK, LIST, Ledger, Moment};
use crate::stage::Stage;

/// Status and reason of `Ready`, `AuthFailed`, `PermissionDenied` and `Registered`; `-` where there is none.
pub type Sight = [&'static str; 4];

const CONDITIONS: [&str; 4] = ["Ready", "AuthFailed", "PermissionDenied", "Registered"];

/// A sight that belongs to a history.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    sight: Sight,
    /// Whether it is seen however fast or slow the machine is.
    certain: bool,
}

/// It is seen for sure.
pub const fn sure(sight: Sight) -> Step {
    Step { sight, certain: true }
}

/// It may be too short to be seen, or not come about.
pub const fn maybe(sight: Sight) -> Step {
    Step { sight, certain: false }
}

/// The history of one link, from before it is applied.
pub struct Timeline<'a> {
    stage: &'a Stage,
    speed: f64,
    name: String,
    company: String,
    watch: LinkWatch,
    /// The resource as it was told of last, without its version.
    state: Value,
    /// What was seen last.
    last: Vec<String>,
    lines: Vec<String>,
    begun: Instant,
    moment: Moment,
    changes: usize,
}

/// What a history asked for and changed.
pub struct Cost {
    /// Everything of the operator in that time, whichever link it was for.
    pub ledger: Ledger,
    /// What changed at Petra for the company: `created`, `replaced`, `adopted`, `deleted`, in order.
    pub changes: Vec<String>,
}

impl<'a> Timeline<'a> {
    /// Begins to follow a link of this name and company; there need not be one yet.
    pub fn begin(stage: &'a Stage, speed: f64, name: &str, company: &str) -> Result<Self> {
        Ok(Self {
            stage,
            speed,
            name: name.to_owned(),
            company: company.to_owned(),
            watch: stage.cluster.watch(&stage.namespace, name)?,
            state: Value::Null,
            last: Vec::new(),
            lines: Vec::new(),
            begun: Instant::now(),
            moment: stage.moment()?,
            changes: changes_of(stage, company)?.len(),
        })
    }

    /// Notes what somebody does.
    pub fn deed(&mut self, what: &str) {
        self.lines.push(format!("{}  * {what}", self.time()));
    }

    /// Waits through these sights, in this order and with no other between them, and returns the last status.
    #[track_caller]
    pub fn sees(&mut self, expected: &[Step]) -> Result<Status> {
        let mut left = expected;
        loop {
            self.next()?;
            let status = Status::of(&self.state);
            if !self.is_news(&status) {
                continue;
            }
            left = match after(left, &self.last) {
                Some(left) => left,
                None => panic!("{}\nthe last was not expected, but {left:?}", self.text()),
            };
            if left.iter().all(|step| !step.certain) {
                return Ok(status);
            }
        }
    }

    /// Ends the history of a link that stays: nothing more was to be seen.
    #[track_caller]
    pub fn end(mut self) -> Result<Cost> {
        let Stage { cluster, namespace, .. } = self.stage;
        // A write of our own comes after all of the operator's.
        cluster.patch(namespace, &self.name, &json!({"metadata": {"labels": {"history": "ended"}}}))?;
        self.drain(|_, state| state["metadata"]["labels"]["history"] == "ended")?;
        self.close()
    }

    /// Ends the history of a link that is being deleted: it goes, and nothing more was to be seen.
    #[track_caller]
    pub fn end_gone(mut self) -> Result<Cost> {
        self.stage.cluster.wait_gone(&self.stage.namespace, &self.name)?;
        // The end is told with what was stored last, finalizer and all; a write that changes nothing is not told.
        self.drain(|before, state| before == state)?;
        self.lines.push(format!("{}    gone", self.time()));
        self.close()
    }

    #[track_caller]
    fn drain(&mut self, is_last: impl Fn(&Value, &Value) -> bool) -> Result<()> {
        loop {
            let before = self.next()?;
            let status = Status::of(&self.state);
            assert!(!self.is_news(&status), "{}\nthe last was not expected", self.text());
            if is_last(&before, &self.state) {
                return Ok(());
            }
        }
    }

    /// Goes on to the next state, and returns the one before.
    fn next(&mut self) -> Result<Value> {
        let mut state = self.watch.next(PATIENCE).map_err(|error| Error::NotInTime {
            what: format!("more of the history of {}", self.name),
            seconds: PATIENCE.as_secs(),
            last: format!("{error}\n{}", self.text()),
        })?;
        state["metadata"]["resourceVersion"].take();
        Ok(std::mem::replace(&mut self.state, state))
    }

    /// Whether this looks different from what was seen last; then it is noted.
    fn is_news(&mut self, status: &Status) -> bool {
        let sight: Vec<String> = CONDITIONS
            .iter()
            .map(|type_| match status.state(type_) {
                "" => "-".to_owned(),
                state => format!("{state} {}", status.reason(type_)),
            })
            .collect();
        if sight == self.last {
            return false;
        }
        let [ready, auth, denied, registered] = [0, 1, 2, 3].map(|at: usize| &sight[at]);
        self.lines.push(format!("{}    {ready:30} {auth:29} {denied:29} {registered}", self.time()));
        self.last = sight;
        true
    }

    /// The operator's time since the beginning: for people to read, never to be asserted.
    fn time(&self) -> String {
        let seconds = self.begun.elapsed().mul_f64(self.speed).as_secs();
        format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    fn text(&self) -> String {
        format!("{}\n{}", self.name, self.lines.join("\n"))
    }

    /// Prints the whole, with what it cost.
    fn close(self) -> Result<Cost> {
        let ledger = self.stage.since(&self.moment)?;
        let changes = changes_of(self.stage, &self.company)?.split_off(self.changes);
        let connectwise = ledger.connectwise(Some(&self.company)).into_iter().map(|it| it.route.clone());
        let puts = ledger.petra("PUT", LINK);
        let puts = puts.iter().filter(|put| put.company.as_deref() == Some(&self.company)).count();
        let polls = ledger.petra("GET", LIST).len();
        let own = ledger.calls.iter().filter(|call| call.is_write() && call.name == self.name);
        let writes = own.map(|call| format!("{} {}/{}", call.verb, call.resource, call.subresource));
        println!(
            "\n{}\n        ConnectWise: {}\n        Petra: {puts} PUT; link {changes:?}; {polls} lists, shared by all links\n        \
             API server, this link: {}\n",
            self.text(),
            counted(connectwise),
            counted(writes),
        );
        Ok(Cost { ledger, changes })
    }
}

/// What is left to be seen after this sight; `None`: it does not belong here.
fn after<'e>(expected: &'e [Step], seen: &[String]) -> Option<&'e [Step]> {
    for (at, step) in expected.iter().enumerate() {
        if step.sight == *seen {
            return Some(&expected[at + 1..]);
        }
        if step.certain {
            return None;
        }
    }
    None
}

fn changes_of(stage: &Stage, company: &str) -> Result<Vec<String>> {
    let text = |change: &Value, field: &str| change[field].as_str().unwrap_or_default().to_owned();
    let changes = stage.sims.petra().changes()?.into_iter();
    let of_company = changes.filter(|change| text(change, "companyId").eq_ignore_ascii_case(company));
    Ok(of_company.map(|change| text(&change, "action")).collect())
}

/// `3 of this, 1 of that`.
fn counted(items: impl Iterator<Item = String>) -> String {
    let mut numbers = BTreeMap::<String, usize>::new();
    for item in items {
        *numbers.entry(item).or_default() += 1;
    }
    let total: usize = numbers.values().sum();
    let each: Vec<_> = numbers.iter().map(|(item, number)| format!("{number} {item}")).collect();
    format!("{total} ({})", each.join(", "))
}
