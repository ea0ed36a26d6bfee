//! Advice about a role: nothing depends on it, but an administrator may want to look.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::level::{Action, Level};
use super::line::{Actual, Line, Required};
use super::names::{normalise, shown};
use super::profile::{Function, FunctionLine, Profile};
use super::role::{MySecurity, Row};

/// No more advice than this: the rest follows when these are fixed.
const MOST: usize = 20;

/// Rights to change records, the gravest first. Reading in excess is not listed: it would be half of the role.
const GRAVEST: [Action; 3] = [Action::Delete, Action::Edit, Action::Add];

/// Advice about a role, sorted: modules that a profile asks for as a whole and that are not granted as a whole, and rights
/// to change every record that the profile does not ask for.
pub(super) fn advice(profile: &Profile, my_security: &MySecurity) -> Vec<Line> {
    let mut advice: Vec<Line> =
        profile.lines.iter().flat_map(|line| partly_granted(profile, line, my_security.rows())).collect();
    let room = MOST.saturating_sub(advice.len());
    advice.extend(excess(profile, my_security.rows()).into_iter().take(room));
    advice.sort();
    advice
}

/// For a line about a whole module: the lowest level found among the functions that do not decide, where it is below what
/// the line asks. One entry an action, under the line's own `*`: a list of all functions would bury the rest.
fn partly_granted(profile: &Profile, line: &FunctionLine, rows: &[Row]) -> Vec<Line> {
    if matches!(line.function, Function::Named(_)) {
        return Vec::new();
    }
    let module = normalise(&line.module);
    let others = || rows.iter().filter(|row| row.module() == module && !is_judged(profile, row));
    let below = |(action, required): (&Action, &Level)| {
        let lowest = others().filter_map(|row| row.level(*action)).min()?;
        (lowest < *required).then(|| Line {
            module: line.module.clone(),
            function: "*".to_owned(),
            action: *action,
            required: Required::Level(*required),
            actual: Actual::Level(lowest),
        })
    };
    line.levels.iter().filter_map(below).collect()
}

/// For each function, the gravest right to change every record that no line asks for; the gravest functions first. A
/// function that the catalogue does not know is left out: its name is the tenant's text.
fn excess(profile: &Profile, rows: &[Row]) -> Vec<Line> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for row in rows {
        let gravest = GRAVEST
            .iter()
            .position(|action| row.level(*action) == Some(Level::All) && !is_asked(profile, row, *action));
        if let Some(rank) = gravest
            && let Some((module, function)) = shown(row.module(), row.function())
            && seen.insert((module, function))
        {
            let line = Line {
                module: module.to_owned(),
                function: function.to_owned(),
                action: GRAVEST[rank],
                required: Required::Nothing,
                actual: Actual::Level(Level::All),
            };
            // System holds members and security roles: who may change those may change everything.
            found.push((Reverse(module == "System"), rank, line));
        }
    }
    found.sort();
    found.into_iter().map(|(_, _, line)| line).collect()
}

/// Whether a line names this very function, so that it is judged rather than advised on.
fn is_judged(profile: &Profile, row: &Row) -> bool {
    profile.lines.iter().any(|line| normalise(&line.module) == row.module() && names(line, row.function()))
}

fn is_asked(profile: &Profile, row: &Row, action: Action) -> bool {
    profile.lines.iter().any(|line| {
        normalise(&line.module) == row.module()
            && line.levels.contains_key(&action)
            && (matches!(line.function, Function::WholeModule { .. }) || names(line, row.function()))
    })
}

fn names(line: &FunctionLine, function: &str) -> bool {
    match &line.function {
        Function::Named(name) => normalise(name) == function,
        Function::WholeModule { decisive } => decisive.iter().any(|name| normalise(name) == function),
    }
}
