//! Numbers every change, and cuts the operator off at a chosen one.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::write::is_to_petra;
use super::{Forward, Gate, Passage, Write};
use bytes::Bytes;
use http::Request;
use parking_lot::{Condvar, Mutex, MutexGuard};

/// How long a late change waits for another one to arrive before, from when the operator works again. Petra takes no
/// change that is more than five seconds late.
const LATE: Duration = Duration::from_millis(1_500);
/// Between two looks whether it works again.
const LOOK: Duration = Duration::from_millis(20);

/// How long the operator has to hear an answer before it is ended.
const HEARD: Duration = Duration::from_millis(100);

/// When the operator is cut off, seen from one of its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before it sends the change, which is never made.
    BeforeSending,
    /// When the change is made, before it hears so.
    BeforeAnswer,
    /// When it has heard the answer, before anything else leaves it.
    AfterAnswer,
    /// When the change is under way; it is made only when the operator runs again, right before its own next change.
    UnderWay,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BeforeSending, Self::BeforeAnswer, Self::AfterAnswer, Self::UnderWay];
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeSending => "before sending",
            Self::BeforeAnswer => "before the answer",
            Self::AfterAnswer => "after the answer",
            Self::UnderWay => "under way",
        })
    }
}

/// A change, and a moment of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Which change. Where changes of two links come in no certain order, what they are tells them apart.
    pub write: Write,
    /// The how-manieth like it since the fuse was set, from 1.
    pub nth: usize,
    /// Which moment of it.
    pub moment: Moment,
}

/// A gate for both servers. It lets everything through until the chosen change; from that moment nothing more leaves the
/// operator, until [`mend`](Self::mend) after it was ended. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub struct Fuse {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    point: Option<Point>,
    counting: bool,
    /// See [`Fuse::writes`].
    writes: Vec<Write>,
    /// Nothing leaves the operator.
    cut: bool,
    /// The operator is to be ended now.
    burnt: bool,
    late: Option<Late>,
    /// Counts what happened, so that nobody misses it.
    news: u64,
    /// Changes that were let through and are not answered yet.
    passing: usize,
    last_write: Option<Instant>,
    /// First request to Petra of this life.
    works_since: Option<Instant>,
}

/// A change on its way through.
struct Passing(Fuse);

/// A change that is under way.
struct Late {
    request: Request<Bytes>,
    forward: Forward,
}

/// What becomes of a request.
enum Fate {
    Through,
    Write,
    Burns(Moment),
    Lost,
}

impl Fuse {
    /// Counts changes from now on; with a point, the operator is cut off there.
    pub fn set(&self, point: Option<Point>) {
        let mut state = self.lock();
        state.point = point;
        state.counting = true;
        state.writes.clear();
    }

    /// The changes since the fuse was set, those that were lost too. One that is made again right away counts once: it is
    /// the next try of what was refused, or one more look at what nobody has mended yet.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        self.lock().writes.clone()
    }

    /// Whether the operator is to be ended now.
    #[must_use]
    pub fn is_burnt(&self) -> bool {
        self.lock().burnt
    }

    /// For how long no change passed; `None` while one is under way, and until the operator has asked Petra for anything
    /// since it was started: it does so only when it works.
    #[must_use]
    pub fn quiet_for(&self) -> Option<Duration> {
        let state = self.lock();
        if state.cut || state.late.is_some() || state.passing > 0 {
            return None;
        }
        let works_since = state.works_since?;
        Some(state.last_write.map_or(works_since, |at| at.max(works_since)).elapsed())
    }

    /// Lets everything through again, to an operator that was started anew.
    pub fn mend(&self) {
        {
            let mut state = self.lock();
            state.point = None;
            state.cut = false;
            state.burnt = false;
            state.works_since = None;
        }
        self.tell();
    }

    /// Counts what happened so far.
    #[must_use]
    pub fn news(&self) -> u64 {
        self.lock().news
    }

    /// Waits until more has happened than `seen`, but no longer than this.
    pub fn wait(&self, seen: u64, at_most: Duration) {
        let mut state = self.lock();
        // The caller checks whether it came in time.
        self.shared.changed.wait_while_for(&mut state, |state| state.news == seen, at_most);
    }

    /// Wakes whoever waits.
    pub fn tell(&self) {
        self.lock().news += 1;
        self.shared.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock()
    }

    fn fate(&self, request: &Request<Bytes>) -> Fate {
        let mut state = self.lock();
        if state.cut {
            return Fate::Lost;
        }
        if is_to_petra(request) {
            state.works_since.get_or_insert_with(Instant::now);
        }
        let Some(write) = Write::of(request) else { return Fate::Through };
        if !state.counting {
            return Fate::Write;
        }
        if state.writes.last() == Some(&write) {
            return Fate::Write;
        }
        state.writes.push(write.clone());
        let nth = state.writes.iter().filter(|before| **before == write).count();
        let point = state.point.take_if(|point| point.write == write && point.nth == nth);
        match point {
            Some(point) => {
                state.cut = true;
                Fate::Burns(point.moment)
            }
            None => Fate::Write,
        }
    }

    fn burn(&self) {
        self.lock().burnt = true;
        self.tell();
    }

    /// Whether the operator runs and has begun to ask.
    fn works(&self) -> bool {
        let state = self.lock();
        !state.cut && state.works_since.is_some()
    }

    /// Makes the change that is under way, if any still is.
    async fn deliver_late(&self) {
        let passing = Passing::begin(self);
        let late = self.lock().late.take();
        if let Some(Late { request, forward }) = late {
            // Nobody is there any more to hear the answer.
            let _ = forward(request).await;
        }
        drop(passing);
    }

    async fn burn_at(
        self,
        moment: Moment,
        request: Request<Bytes>,
        forward: Forward,
    ) -> Result<axum::response::Response, super::NoAnswer> {
        match moment {
            Moment::BeforeSending => {
                self.burn();
                pending().await
            }
            Moment::BeforeAnswer => {
                // In a task of its own: it is made whatever becomes of the connection.
                let passing = Passing::begin(&self);
                let _ = tokio::spawn(forward(request)).await;
                drop(passing);
                self.burn();
                pending().await
            }
            Moment::AfterAnswer => {
                let passing = Passing::begin(&self);
                let answer = forward(request).await;
                drop(passing);
                tokio::spawn(async move {
                    tokio::time::sleep(HEARD).await;
                    self.burn();
                });
                answer
            }
            Moment::UnderWay => {
                self.lock().late = Some(Late { request, forward });
                tokio::spawn({
                    let fuse = self.clone();
                    async move {
                        while !fuse.works() {
                            tokio::time::sleep(LOOK).await;
                        }
                        tokio::time::sleep(LATE).await;
                        fuse.deliver_late().await;
                    }
                });
                self.burn();
                pending().await
            }
        }
    }
}

impl Passing {
    fn begin(fuse: &Fuse) -> Self {
        fuse.lock().passing += 1;
        Self(fuse.clone())
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        {
            let mut state = self.0.lock();
            state.passing -= 1;
            state.last_write = Some(Instant::now());
        }
        self.0.tell();
    }
}

impl Gate for Fuse {
    fn pass(&self, request: Request<Bytes>, forward: Forward) -> Passage {
        let fuse = self.clone();
        Box::pin(async move {
            match fuse.fate(&request) {
                Fate::Lost => pending().await,
                Fate::Through => forward(request).await,
                Fate::Write => {
                    fuse.deliver_late().await;
                    let _passing = Passing::begin(&fuse);
                    forward(request).await
                }
                Fate::Burns(moment) => fuse.burn_at(moment, request, forward).await,
            }
        })
    }
}
