//! Generated histories of the whole stage.

use std::time::Duration;

use proptest::prelude::*;

use super::events::{Edit, Event, events};
use super::petra::Mood;
use super::{COMPANIES, NAMES, Stage, Who};
use crate::connectwise::BoardAnswer;
use crate::crd::{ConditionStatus, ConditionType, Reason};
use crate::link::decide::tests::secret::SecretIs;
use crate::link::decide::tests::soak;
use crate::link::decide::tests::tenancy::Tenancy;
use crate::link::decide::tests::world::client_id_version;
use crate::petra::RemoteState;

/// After so many looks of the leader at every link the end is reached.
const LOOKS: usize = 60;

impl Stage {
    pub(super) fn play(history: impl IntoIterator<Item = Event>) -> Self {
        let mut stage = Self::new();
        for event in history {
            stage.apply(event);
        }
        stage
    }

    pub(super) fn ready(&self, who: Who) -> Option<(ConditionStatus, Reason)> {
        let ready = self.server.get(who)?.status.as_ref()?.condition(ConditionType::Ready)?;
        Some((ready.status, ready.known_reason()?))
    }

    /// Faults stop: everything is mended, and what is under way arrives.
    fn calm(&mut self) {
        self.finish_visits();
        self.wait(Duration::from_secs(10));
        self.petra.mood = Mood::Good;
        (self.petra.refuses, self.petra.list_unsure, self.moved) = (false, false, false);
        (self.secrets_watched, self.lease_is_short) = (true, false);
        self.client_id = client_id_version("one");
        for who in 0..NAMES.len() {
            self.tenancies[who] = Tenancy { board: BoardAnswer::Ready, ..Tenancy::good() };
            self.write_secret(who, SecretIs::Keys { public: "CANARY-last", revision: 0 });
            self.server.edit(who, |spec| {
                (spec.suspend, spec.permission_profile) = (None, None);
                if let Some(registration) = &mut spec.registration {
                    (registration.mode, registration.adopt_from) = (None, None);
                }
            });
        }
    }

    /// The leader looks at every link again and again, as the timetable says, until nothing more is to come.
    fn look_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..LOOKS {
            for who in 0..NAMES.len() {
                self.visit(self.leader, who);
                self.acknowledge(who);
            }
            self.set_remote(RemoteState::Connected);
            self.referee.books(&self.petra.links);
            if done(self) {
                return;
            }
            self.wait(Duration::from_mins(1));
            self.poll(self.leader);
        }
        let reached: Vec<_> = (0..NAMES.len()).map(|who| self.ready(who)).collect();
        panic!("the end is not reached: {reached:?}");
    }

    /// Whether every link is Ready, but for those whose company another one or somebody outside links.
    fn is_settled(&self) -> bool {
        let exists = |who: &Who| self.server.get(*who).is_some();
        let linked = |who: Who| self.ready(who) == Some((ConditionStatus::True, Reason::Linked));
        let gone =
            |who: Who| self.server.get(who).is_some_and(|link| link.metadata.deletion_timestamp.is_some());
        (0..NAMES.len()).filter(exists).all(|who| {
            let linked_by_other = (0..NAMES.len())
                .any(|other| other != who && COMPANIES[other] == COMPANIES[who] && linked(other));
            let conflict = self.ready(who).map(|(_, reason)| reason) == Some(Reason::LinkConflict);
            !gone(who)
                && (linked(who) || (conflict && (linked_by_other || self.held_elsewhere(COMPANIES[who]))))
        })
    }
}

#[test]
fn the_promises_hold_whatever_happens_between_any_two_plans() {
    let test = ("the_promises_hold_whatever_happens_between_any_two_plans", file!());
    soak::histories(test, 150, &prop::collection::vec(events(), 1..100), |history| {
        Stage::play(history).referee.steps
    });
}

#[test]
fn when_faults_stop_every_company_is_linked_after_bounded_visits() {
    let test = ("when_faults_stop_every_company_is_linked_after_bounded_visits", file!());
    soak::histories(test, 60, &prop::collection::vec(events(), 1..100), |history| {
        let mut stage = Stage::play(history);
        stage.calm();
        stage.look_until(Stage::is_settled);
        stage.referee.steps
    });
}

#[test]
fn when_faults_stop_a_deletion_ends_and_leaves_nothing() {
    let test = ("when_faults_stop_a_deletion_ends_and_leaves_nothing", file!());
    soak::histories(test, 60, &prop::collection::vec(events(), 1..100), |history| {
        let mut stage = Stage::play(history);
        stage.calm();
        for who in 0..NAMES.len() {
            stage.apply(Event::Edit(who, Edit::Orphan(false)));
            stage.apply(Event::Delete(who));
        }
        stage.look_until(|stage| (0..NAMES.len()).all(|who| stage.server.get(who).is_none()));
        stage.referee.steps
    });
}
