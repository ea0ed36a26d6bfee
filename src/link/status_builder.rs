//! A status in the making: conditions are set or kept, never forgotten.

use crate::clock::Now;
use crate::crd::{Condition, ConditionStatus, ConditionType, ConditionValue, LinkStatus, Reason, StatusTime};

/// Whether something is under way, or somebody must act: kstatus reads these two besides `Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing to say: the link is ready.
    Settled,
    /// Something is under way; `Reconciling` is True.
    Reconciling,
    /// Nothing moves until somebody acts; `Stalled` is True.
    Stalled,
    /// As it was.
    Keep,
}

/// The next status of a link, begun from the last.
#[derive(Clone, Debug)]
pub(crate) struct StatusBuilder {
    status: LinkStatus,
    generation: i64,
    now: Now,
}

impl StatusBuilder {
    /// Keeps everything, but replaces invalid transition times.
    #[must_use]
    pub(crate) fn begin(last: &LinkStatus, generation: i64, now: Now) -> Self {
        let mut status = last.clone();
        for condition in &mut status.conditions {
            if condition.last_transition_time == StatusTime::NEVER {
                condition.last_transition_time = StatusTime::new(now.wall);
            }
        }
        Self { status, generation, now }
    }

    /// The fields beside the conditions.
    pub(crate) fn fields(&mut self) -> &mut LinkStatus {
        &mut self.status
    }

    /// Sets a condition; its transition time moves only with `status`.
    pub(crate) fn set(&mut self, kind: ConditionType, value: ConditionValue) {
        let ConditionValue { status, reason, message } = value;
        let at = self.position(kind);
        let moved = at.is_none_or(|at| self.status.conditions[at].status != status);
        let last_transition_time = match at {
            Some(at) if !moved => self.status.conditions[at].last_transition_time,
            _ => StatusTime::new(self.now.wall),
        };
        let condition = Condition {
            type_: kind.as_str().to_owned(),
            status,
            observed_generation: Some(self.generation),
            last_transition_time,
            reason: reason.as_str().to_owned(),
            message,
        };
        match at {
            Some(at) => self.status.conditions[at] = condition,
            None => self.status.conditions.push(condition),
        }
    }

    /// Sets several conditions to the same value.
    pub(crate) fn set_all(&mut self, kinds: &[ConditionType], value: &ConditionValue) {
        for kind in kinds {
            self.set(*kind, value.clone());
        }
    }

    /// Sets a condition to Unknown.
    pub(crate) fn unknown(&mut self, kind: ConditionType, reason: Reason, message: impl Into<String>) {
        self.set(kind, ConditionStatus::Unknown.because(reason, message));
    }

    /// The condition as it stands.
    #[must_use]
    pub(crate) fn get(&self, kind: ConditionType) -> Option<&Condition> {
        self.position(kind).map(|at| &self.status.conditions[at])
    }

    /// The finished status: the four lasting conditions in their order, then at most one of `Reconciling` and `Stalled`,
    /// with the reason of `Ready`.
    #[must_use]
    pub(crate) fn finish(mut self, progress: Progress) -> LinkStatus {
        for kind in ConditionType::LASTING {
            if self.position(kind).is_none() {
                self.unknown(kind, Reason::Pending, "Not checked yet.");
            }
        }
        let reason =
            self.get(ConditionType::Ready).and_then(Condition::known_reason).unwrap_or(Reason::Pending);
        // What is Unknown is under way, even if the status was lost or edited; only a suspended link rests.
        let moves =
            self.get(ConditionType::Ready).is_some_and(|ready| ready.status == ConditionStatus::Unknown)
                && reason != Reason::Suspended;
        let (present, absent) = match progress {
            Progress::Keep if moves => (Some(ConditionType::Reconciling), &[ConditionType::Stalled][..]),
            // A client with write access to `status` can have written both.
            Progress::Keep if self.status.is_true(ConditionType::Ready) => {
                (None, &[ConditionType::Reconciling, ConditionType::Stalled][..])
            }
            Progress::Keep if self.status.is_true(ConditionType::Stalled) => {
                (None, &[ConditionType::Reconciling][..])
            }
            Progress::Keep => (None, &[][..]),
            Progress::Settled => (None, &[ConditionType::Reconciling, ConditionType::Stalled][..]),
            Progress::Reconciling => (Some(ConditionType::Reconciling), &[ConditionType::Stalled][..]),
            Progress::Stalled => (Some(ConditionType::Stalled), &[ConditionType::Reconciling][..]),
        };
        for kind in absent {
            self.status.conditions.retain(|condition| condition.type_ != kind.as_str());
        }
        match present {
            Some(ConditionType::Stalled) => {
                let text = "Action is required. See the message of condition Ready.";
                self.set(ConditionType::Stalled, ConditionStatus::True.because(reason, text));
            }
            Some(kind) => {
                self.set(
                    kind,
                    ConditionStatus::True.because(reason, "In progress. See the message of condition Ready."),
                );
            }
            None => {}
        }
        let order = |condition: &Condition| {
            let known = [
                ConditionType::Ready,
                ConditionType::AuthFailed,
                ConditionType::PermissionDenied,
                ConditionType::Registered,
                ConditionType::Reconciling,
                ConditionType::Stalled,
            ];
            known.iter().position(|kind| kind.as_str() == condition.type_)
        };
        // The whole status is ours: a condition that somebody else wrote goes, and a second one of a type with it.
        self.status.conditions.retain(|condition| order(condition).is_some());
        self.status.conditions.sort_by_key(order);
        self.status.conditions.dedup_by(|a, b| a.type_ == b.type_);
        for condition in &mut self.status.conditions {
            condition.observed_generation = Some(self.generation);
        }
        self.status.observed_generation = Some(self.generation);
        self.status
    }

    fn position(&self, kind: ConditionType) -> Option<usize> {
        self.status.conditions.iter().position(|condition| condition.type_ == kind.as_str())
    }
}
