//! Compares the role with a profile: which lines are missing for sure, which cannot be verified. Pure.
//!
//! `mySecurity` is the main witness and probes speak where it is silent. Where both speak and disagree, nothing is known:
//! what cannot be verified is never called missing.

use std::collections::BTreeSet;

use super::advice::advice;
use super::level::{Action, Level};
use super::line::{Actual, Line, Permissions, Required};
use super::names::normalise;
use super::probe::{ProbeAnswer, ProbeRoute, Probes, probe_for, probe_for_item};
use super::profile::{CustomizeList, Function, FunctionLine, Profile};
use super::role::MySecurity;

/// What it means that an item is among the rows of `GET /system/mySecurity/customizeItems/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "which of the two it is, is not known yet"))]
pub enum CustomizeRows {
    /// Nobody outside ConnectWise knows.
    Unsettled,
    /// The rows are the Allow list.
    AreAllowed,
    /// The rows are the Disallow list.
    AreDisallowed,
}

/// **U**: no reply of a real tenant is public, and the schema does not say which of the two lists the rows are. Naming one
/// here, once a tenant has shown it, settles it everywhere. Until then the call is not made: it would prove nothing.
pub(crate) const CUSTOMIZE_ROWS: CustomizeRows = CustomizeRows::Unsettled;

/// A row of `customizeItems`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomizeItem {
    /// `customizeIdentifier`: which list, such as `SystemTableSetup`.
    pub identifier: String,
    /// `itemIdentifier`, as the tenant spells it: compared, never shown.
    pub item: String,
}

/// Compares a role with a profile. `customize` is `None` when the allow-list was not requested or not answered.
#[must_use]
pub(crate) fn evaluate(
    profile: &Profile,
    my_security: &MySecurity,
    customize: Option<&[CustomizeItem]>,
    probes: &Probes,
) -> Permissions {
    let mut permissions = Permissions { advice: advice(profile, my_security), ..Permissions::default() };
    for line in &profile.lines {
        for function in decisive(line) {
            for (action, required) in &line.levels {
                let known = my_security.level(&line.module, function, *action);
                let probe =
                    probe_for(&line.module, function, *action).and_then(|route| probes.get(&route).copied());
                let verdict = level_verdict(*required, known, probe);
                permissions.note(verdict, || Line {
                    module: line.module.clone(),
                    function: function.to_owned(),
                    action: *action,
                    required: Required::Level(*required),
                    actual: Actual::Unknown,
                });
            }
            if let Some(list) = &line.customize {
                let parent = my_security.level(&line.module, function, Action::Inquire);
                for (items, actual) in allow_list(list, parent, customize, probes) {
                    let verdict = match actual {
                        Actual::Allowed => Verdict::Met,
                        Actual::Unknown => Verdict::Unknown,
                        absent => Verdict::Missing(absent),
                    };
                    permissions.note(verdict, || Line {
                        module: line.module.clone(),
                        function: format!("{function} / {items}"),
                        action: Action::Customize,
                        required: Required::Allowed,
                        actual: Actual::Unknown,
                    });
                }
            }
        }
    }
    permissions.missing.sort();
    permissions.unknown.sort();
    permissions
}

/// The probes that could prove something about lines on which `mySecurity` is silent, and about allow-list items, on which
/// it always is.
#[must_use]
pub(crate) fn open_probes(profile: &Profile, my_security: &MySecurity) -> BTreeSet<ProbeRoute> {
    let mut routes = BTreeSet::new();
    for line in &profile.lines {
        for function in decisive(line) {
            if line.levels.contains_key(&Action::Inquire)
                && my_security.level(&line.module, function, Action::Inquire).is_none()
            {
                routes.extend(probe_for(&line.module, function, Action::Inquire));
            }
            let parent = my_security.level(&line.module, function, Action::Inquire);
            if let Some(list) = &line.customize
                && parent != Some(Level::None)
            {
                routes.extend(list.allow.iter().filter_map(|item| probe_for_item(&list.identifier, item)));
            }
        }
    }
    routes
}

/// The functions of a line that decide.
fn decisive(line: &FunctionLine) -> impl Iterator<Item = &str> {
    match &line.function {
        Function::Named(name) => std::slice::from_ref(name),
        Function::WholeModule { decisive } => decisive.as_slice(),
    }
    .iter()
    .map(String::as_str)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    Missing(Actual),
    Unknown,
}

impl Permissions {
    fn note(&mut self, verdict: Verdict, line: impl FnOnce() -> Line) {
        match verdict {
            Verdict::Met => {}
            Verdict::Missing(actual) => self.missing.push(Line { actual, ..line() }),
            Verdict::Unknown => self.unknown.push(line()),
        }
    }
}

/// Judges one action of one function. `known` is what `mySecurity` says, `probe` what was seen.
fn level_verdict(required: Level, known: Option<Level>, probe: Option<ProbeAnswer>) -> Verdict {
    match (known, probe) {
        (Some(Level::My | Level::All), Some(ProbeAnswer::Refused))
        | (Some(Level::None), Some(ProbeAnswer::Answered)) => Verdict::Unknown,
        (Some(level), _) if level >= required => Verdict::Met,
        (Some(level), _) => Verdict::Missing(Actual::Level(level)),
        (None, Some(ProbeAnswer::Refused)) => Verdict::Missing(Actual::Refused),
        // Reading works, but from outside My and All look the same: a My role simply sees fewer rows.
        (None, Some(ProbeAnswer::Answered)) if required <= Level::My => Verdict::Met,
        (None, _) => Verdict::Unknown,
    }
}

/// Judges the items of an allow-list. Two items whose tables are read from one list are judged as one where that list is
/// refused: at least one of them is disallowed, and nobody can tell which. If the profile asks for only one of the two, the
/// refusal may be about the other.
fn allow_list(
    list: &CustomizeList,
    parent: Option<Level>,
    customize: Option<&[CustomizeItem]>,
    probes: &Probes,
) -> Vec<(String, Actual)> {
    let route = |item: &String| probe_for_item(&list.identifier, item);
    let mut judged = Vec::new();
    for (at, item) in list.allow.iter().enumerate() {
        let shared = route(item)
            .and_then(|route| Some((route, route.of_the_same_list()?)))
            .filter(|routes| customize.is_none() && is_refused_as_one(*routes, probes));
        let Some((_, other)) = shared else {
            let listed = customize.map(|rows| is_listed(rows, list, item));
            let probe = route(item).and_then(|route| probes.get(&route).copied());
            judged.push((item.clone(), allow_list_item(CUSTOMIZE_ROWS, listed, parent, probe)));
            continue;
        };
        match list.allow.iter().position(|item| route(item) == Some(other)) {
            None => judged.push((item.clone(), Actual::Unknown)),
            Some(_) if parent == Some(Level::None) => judged.push((item.clone(), Actual::Unknown)),
            Some(second) if at < second => {
                judged.push((format!("{item} and {}", list.allow[second]), Actual::Disallowed));
            }
            // Judged with the first of the two.
            Some(_) => {}
        }
    }
    judged
}

/// Whether the list that both routes read was refused. If one of them was answered, the server distinguishes the two tables.
fn is_refused_as_one((one, other): (ProbeRoute, ProbeRoute), probes: &Probes) -> bool {
    let answers = [one, other].map(|route| probes.get(&route).copied());
    answers.contains(&Some(ProbeAnswer::Refused)) && !answers.contains(&Some(ProbeAnswer::Answered))
}

/// Whether an item is allowed. A refused probe proves that it is not, unless the whole function is known to be out of
/// reach: then the function's own line says so, and its items cannot be verified. An answered probe proves nothing: setup
/// tables may be answered without the right to the table. What the rows of `customizeItems` add depends on `rows`.
fn allow_list_item(
    rows: CustomizeRows,
    listed: Option<bool>,
    parent: Option<Level>,
    probe: Option<ProbeAnswer>,
) -> Actual {
    if parent == Some(Level::None) {
        return Actual::Unknown;
    }
    let actual = match (rows, listed) {
        (CustomizeRows::Unsettled, _) | (_, None) => None,
        (CustomizeRows::AreAllowed, Some(listed)) => Some(listed),
        (CustomizeRows::AreDisallowed, Some(listed)) => Some(!listed),
    };
    match (actual, probe) {
        (Some(true), Some(ProbeAnswer::Refused)) | (None, Some(ProbeAnswer::Answered) | None) => {
            Actual::Unknown
        }
        (Some(true), _) => Actual::Allowed,
        (Some(false), _) | (None, Some(ProbeAnswer::Refused)) => Actual::Disallowed,
    }
}

/// **U**: how `itemIdentifier` spells an item is not known either; this compares it as the role editor shows it.
fn is_listed(rows: &[CustomizeItem], list: &CustomizeList, item: &str) -> bool {
    let item = normalise(item);
    rows.iter().any(|row| row.identifier == list.identifier && normalise(&row.item) == item)
}

#[cfg(test)]
mod tests;
