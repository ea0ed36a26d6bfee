//! The documentation against the code: every table in `docs/` and in the README that repeats what the program knows.

#[path = "docs/architecture.rs"]
mod architecture;
#[path = "docs/intervals.rs"]
mod intervals;
#[path = "docs/modules.rs"]
mod modules;
#[path = "docs/references.rs"]
mod references;
#[path = "docs/table.rs"]
mod table;

use clap::CommandFactory as _;
use cwlink::admin::{CATALOGUE, Kind};
use cwlink::cli::Cli;
use cwlink::connectwise::Action;
use cwlink::connectwise::profile::{Function, Profiles};
use cwlink::crd::{ConditionStatus, ConditionType, EventReason, LinkSpec, Reason};

use table::{assert_same, code, rows};

const README: &str = include_str!("../README.md");
const CONDITIONS: &str = include_str!("../docs/conditions.md");
const METRICS: &str = include_str!("../docs/metrics.md");
const FLAGS: &str = include_str!("../docs/flags.md");
/// What a cell holds that has nothing to say.
const NOTHING: &str = "–";

#[test]
fn every_reason_has_exactly_one_row_with_its_meaning() {
    let rows = rows(CONDITIONS, "Reason");
    for reason in Reason::ALL {
        let name = reason.as_str();
        let own: Vec<_> = rows.iter().filter(|row| row[0] == code(name)).collect();
        assert_eq!(own.len(), 1, "docs/conditions.md: give {name} one row in one of its tables");
        let meaning = reason.meaning();
        assert_eq!(
            own[0][2], meaning,
            "docs/conditions.md, {name}: the meaning of src/crd/reason.rs goes here"
        );
        assert_ne!(own[0][3], "", "docs/conditions.md, {name}: say what a person does");
    }
    assert_eq!(rows.len(), Reason::ALL.len(), "docs/conditions.md: a row names a reason that does not exist");
}

#[test]
fn a_reason_is_seen_on_conditions_that_exist_with_a_status_that_exists() {
    for row in rows(CONDITIONS, "Reason") {
        for seen in row[1].split(", ") {
            assert!(
                is_a_lasting_condition(seen),
                "docs/conditions.md, {}: write {seen:?} as `Ready` False, with a lasting condition and its status",
                row[0]
            );
        }
    }
}

#[test]
fn every_condition_is_explained_and_none_that_does_not_exist() {
    let explained: Vec<String> =
        rows(CONDITIONS, "Condition").into_iter().map(|row| row[0].clone()).collect();
    let progress = [ConditionType::Reconciling, ConditionType::Stalled];
    let exist: Vec<String> =
        ConditionType::LASTING.iter().chain(&progress).map(|kind| code(kind.as_str())).collect();
    assert_eq!(
        explained, exist,
        "docs/conditions.md: the first two tables explain these conditions, in this order"
    );
}

#[test]
fn the_short_table_of_the_readme_names_real_reasons_with_their_meaning() {
    let rows = rows(README, "Reason");
    assert!(!rows.is_empty(), "README.md: the table of conditions and reasons is gone");
    for row in rows {
        let reason = Reason::parse(row[0].trim_matches('`'));
        let Some(reason) = reason else {
            panic!("README.md: {} is not a reason; see src/crd/reason.rs", row[0])
        };
        assert_eq!(
            row[2],
            reason.meaning(),
            "README.md, {}: the meaning of src/crd/reason.rs goes here",
            row[0]
        );
        assert!(row[1].split(", ").all(is_a_lasting_condition), "README.md, {}: {:?}", row[0], row[1]);
        let full = self::rows(CONDITIONS, "Reason").into_iter().find(|full| full[0] == row[0]);
        assert_eq!(
            full.map(|full| full[1].clone()).as_ref(),
            Some(&row[1]),
            "README.md, {}: docs/conditions.md has other conditions in this row",
            row[0]
        );
    }
}

#[test]
fn the_documented_metrics_are_those_of_the_catalogue() {
    let list = |labels: &[&str]| match labels {
        [] => NOTHING.to_owned(),
        labels => labels.iter().map(|label| code(label)).collect::<Vec<_>>().join(", "),
    };
    let kind = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let catalogue = CATALOGUE.iter().map(|metric| {
        vec![code(metric.name), kind(metric.kind).to_owned(), list(metric.labels), metric.help.to_owned()]
    });
    assert_same(
        "docs/metrics.md",
        "src/admin/catalogue.rs",
        &rows(METRICS, "Metric"),
        &catalogue.collect::<Vec<_>>(),
    );
}

#[test]
fn the_documented_flags_are_those_of_the_program() {
    let command = Cli::command();
    let run = command.find_subcommand("run").expect("cwlink has a subcommand run");
    let flags = run.get_arguments().filter_map(|flag| {
        let variable =
            flag.get_env().map_or_else(|| NOTHING.to_owned(), |name| code(&name.to_string_lossy()));
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        // A default that depends on other things is at the end of the help text, in the form that clap uses.
        let (help, stated) = match help.rsplit_once(" [default: ") {
            Some((help, stated)) => (help.to_owned(), stated.trim_end_matches(']').to_owned()),
            None => (help, NOTHING.to_owned()),
        };
        let default =
            flag.get_default_values().first().map_or(stated, |value| code(&value.to_string_lossy()));
        Some(vec![code(&format!("--{}", flag.get_long()?)), variable, default, help])
    });
    assert_same("docs/flags.md", "src/cli/args.rs", &rows(FLAGS, "Flag"), &flags.collect::<Vec<_>>());
}

#[test]
fn the_role_in_the_readme_is_what_the_default_profile_asks_for() {
    let profiles = Profiles::builtin();
    let profile = profiles.get(LinkSpec::DEFAULT_PROFILE).expect("the default profile is built in");
    let asked = profile.lines.iter().map(|line| {
        let level =
            |action| line.levels.get(&action).map(|level| level.as_str().to_owned()).unwrap_or_default();
        let function = match &line.function {
            Function::Named(name) => name.clone(),
            Function::WholeModule { decisive } => {
                format!("every function of the module (only {} is required)", decisive.join(", "))
            }
        };
        vec![line.module.clone(), function, level(Action::Add), level(Action::Edit), level(Action::Inquire)]
    });
    assert_same("README.md", "profiles/builtin.yaml", &rows(README, "Module"), &asked.collect::<Vec<_>>());
    let prose = README.split_whitespace().collect::<Vec<_>>().join(" ");
    for list in profile.lines.iter().filter_map(|line| line.customize.as_ref()) {
        let items = list.allow.join(", ");
        assert!(prose.contains(&items), "README.md: the Allow list of profiles/builtin.yaml is {items}");
    }
}

#[test]
fn the_table_of_events_is_what_the_operator_publishes() {
    let listed: Vec<_> =
        rows(CONDITIONS, "Event").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let published = EventReason::OWN.iter().map(|reason| {
        let kind = if reason.is_warning() { "Warning" } else { "Normal" };
        (format!("`{}`", reason.as_str()), kind.to_owned())
    });
    assert_eq!(listed, published.collect::<Vec<_>>(), "docs/conditions.md: the table of events");
}

/// Whether this is `` `Ready` False `` or the like.
fn is_a_lasting_condition(seen: &str) -> bool {
    let statuses = [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];
    let known = |kind: &ConditionType| {
        statuses.iter().any(|status| seen == format!("{} {}", code(kind.as_str()), status.as_str()))
    };
    ConditionType::LASTING.iter().any(known)
}
