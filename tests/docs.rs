//! The documentation against the code: every table in `docs/` and in the README that repeats what the program knows.

#[path = "docs/modules.rs"]
mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::CommandFactory as _;
use cwlink::admin::{CATALOGUE, Kind};
use cwlink::cli::Cli;
use cwlink::connectwise::Action;
use cwlink::connectwise::profile::{Function, Profiles};
use cwlink::crd::{ConditionStatus, ConditionType, EventReason, LinkSpec, Reason};
use cwlink::link::intervals;
use cwlink::link::reason_class::BackoffKind;
use cwlink::timings::{LeaseTerms, Timeouts, Timings};

const README: &str = include_str!("../README.md");
const CONDITIONS: &str = include_str!("../docs/conditions.md");
const METRICS: &str = include_str!("../docs/metrics.md");
const FLAGS: &str = include_str!("../docs/flags.md");
const RELIABILITY: &str = include_str!("../docs/reliability.md");
const INTERVALS: &str = include_str!("../docs/intervals.md");
const ARCHITECTURE: &str = include_str!("../docs/architecture.md");

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
fn the_next_check_of_every_reason_is_a_row_of_the_intervals() {
    let next_checks: BTreeMap<String, String> = rows(CONDITIONS, "Reason")
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[4].clone()))
        .collect();
    let delays = delays(&Timings::default());
    for (reason, next_check) in &next_checks {
        let known = delays.iter().any(|(_, delay)| delay == next_check) || next_check == NOTHING;
        assert!(known, "docs/conditions.md, {reason}: {next_check:?} is not a row of docs/intervals.md");
    }
    // The faults that ConnectWise reports, each with the rule that the operator itself applies.
    for fault in [
        Reason::SiteInvalid,
        Reason::SiteUnreachable,
        Reason::CompanyUnknown,
        Reason::CredentialsRejected,
        Reason::MemberInactive,
        Reason::PermissionsMissing,
        Reason::ServiceBoardNotReady,
    ] {
        let expected = repeated(&Timings::default(), intervals::backoff_of(fault));
        let name = fault.as_str();
        assert_eq!(
            next_checks[name], expected,
            "docs/conditions.md, {name}: link::timetable::backoff_of says otherwise"
        );
    }
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
fn every_guarantee_names_tests_that_exist() {
    let sources = ["src", "tests"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let sources = sources.iter().map(|folder| source_under(folder)).collect::<String>();
    let guarantees = rows(RELIABILITY, "Guarantee");
    let numbers: Vec<_> = guarantees.iter().map(|row| row[0].split('.').next().unwrap_or_default()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    for row in &guarantees {
        for test in row[1].split(", ") {
            let name = test.trim_matches('`');
            assert!(is_test(&sources, name), "docs/reliability.md: test {name} does not exist");
        }
    }
}

/// Whether these sources have a test of this name, and not just a function.
fn is_test(sources: &str, name: &str) -> bool {
    let (before, _) = sources.split_once(&format!("fn {name}(")).unwrap_or_default();
    let lines = before.lines().rev().skip_while(|line| matches!(line.trim(), "" | "async"));
    lines.map(str::trim).take_while(|line| line.starts_with("#[")).any(|line| line.contains("test"))
}

/// Every Rust source in a folder, one after the other.
fn source_under(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder of this repository");
    entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                source_under(&path)
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                std::fs::read_to_string(&path).expect("a source")
            } else {
                String::new()
            }
        })
        .collect()
}

#[test]
fn the_documented_delays_are_those_of_the_operator() {
    let expected =
        delays(&Timings::default()).into_iter().map(|(after, delay)| vec![after.to_owned(), delay]);
    assert_same(
        "docs/intervals.md",
        "src/timings.rs",
        &rows(INTERVALS, "After"),
        &expected.collect::<Vec<_>>(),
    );
}

#[test]
fn the_documented_waits_and_timeouts_are_those_of_the_operator() {
    let mut documented = Vec::new();
    for head in ["Rule", "Wait", "Call", "Term"] {
        documented.extend(rows(INTERVALS, head).into_iter().map(|row| row[1].clone()));
    }
    assert_eq!(
        documented,
        waits(&Timings::default()),
        "docs/intervals.md: the last four tables do not say what src/timings.rs does; left: documented, right: real"
    );
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
fn every_file_that_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_part_of_a_path = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    for word in README.split(|c| !is_part_of_a_path(c)) {
        let path = word.trim_end_matches(['.', '/']);
        let shipped = ["crds/", "deploy/", "docs/", "profiles/", "tests/"]
            .iter()
            .any(|folder| path.starts_with(folder));
        assert!(!shipped || root.join(path).exists(), "README.md names {path}, which does not exist");
    }
}

#[test]
fn every_link_between_the_documents_leads_to_a_file_and_a_heading() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_docs = std::fs::read_dir(root.join("docs")).expect("a folder").map(|entry| {
        let path = entry.expect("an entry").path();
        path.strip_prefix(root).expect("a path of this repository").to_owned()
    });
    let at_the_root = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from);
    for document in in_docs.chain(at_the_root) {
        let shown = document.display();
        let text = std::fs::read_to_string(root.join(&document)).expect("a document");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                root.join(&document)
            } else {
                root.join(&document).with_file_name(file)
            };
            assert!(path.exists(), "{shown} links to {target}, which does not exist");
            let found = heading.is_empty() || {
                let linked = std::fs::read_to_string(&path).expect("a document");
                linked.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
            };
            assert!(found, "{shown} links to {target}, but {} has no such heading", path.display());
        }
    }
}

/// The anchor that Git hosts give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_modules_of_the_architecture_page_are_those_of_the_program() {
    let (_, after) = ARCHITECTURE.split_once("```mermaid").expect("the page has a diagram");
    let (diagram, _) = after.split_once("```").expect("the diagram ends");
    let nodes = diagram.lines().map(str::trim).filter(|line| !line.starts_with("subgraph "));
    let drawn: BTreeSet<&str> = nodes.filter_map(|line| Some(line.split_once("[\"")?.0)).collect();
    let listed = rows(ARCHITECTURE, "Module");
    let listed: BTreeSet<&str> = listed.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(drawn, listed, "docs/architecture.md: the diagram and the table of modules differ");
    let map = include_str!("../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//! - [`"));
    let mapped: BTreeSet<&str> = map.filter_map(|entry| entry.split('`').next()).collect();
    assert_eq!(listed, mapped, "docs/architecture.md and the map in src/lib.rs name other modules");
}

#[test]
fn every_path_on_the_architecture_page_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_link = ARCHITECTURE.split_once("## Inside `link`").expect("the section").1;
    let (in_link, change) = in_link.split_once("## Where to change what").expect("the section");
    let quoted = |text: &'static str| text.split('`').skip(1).step_by(2);
    let of_link = quoted(in_link).filter(|word| word.ends_with(".rs") || word.ends_with('/'));
    let of_link = of_link.map(|file| root.join("src/link").join(file));
    let prefixes = ["src/", "tests/", "docs/", "deploy/", "profiles/"];
    let paths = quoted(change).filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    for path in of_link.chain(paths.map(|path| root.join(path))) {
        assert!(path.exists(), "docs/architecture.md names {}, which does not exist", path.display());
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

/// The first table of the intervals. The text is here, the numbers come from the operator.
fn delays(timings: &Timings) -> Vec<(&'static str, String)> {
    let t = timings;
    let (poll, later) = (shown(t.secret_poll), shown(t.secret_poll_later));
    vec![
        (
            "a check that found the link valid",
            format!("every `spec.interval`, {} by default", shown(t.interval)),
        ),
        (
            "a missing permission, an inactive API member, a service board that is not ready",
            repeated(t, BackoffKind::Fixing),
        ),
        (
            "rejected API keys, a wrong company or site, a rejection by Petra",
            repeated(t, BackoffKind::Rejected),
        ),
        ("no conclusive response, and no earlier result", repeated(t, BackoffKind::Inconclusive)),
        ("no conclusive response, and an earlier result that still applies", repeated(t, BackoffKind::Held)),
        (
            "a missing Secret",
            format!(
                "when the Secret is created; if Secrets are not watched, {poll}, then {later} after {}",
                shown(t.secret_grace)
            ),
        ),
        (
            "a Secret without valid API keys",
            format!("when the Secret changes; if Secrets are not watched, {later}"),
        ),
        ("a Secret that the operator is not allowed to read", later.clone()),
        ("Petra accepted the link", format!("{}, one request for all links", shown(t.poll))),
        ("a problem that only a change of the spec can fix", "when the resource changes".to_owned()),
        ("a step that the next step follows directly", "immediately".to_owned()),
    ]
}

fn repeated(t: &Timings, kind: BackoffKind) -> String {
    let doubling = |first, max| format!("{}, doubling to {}", shown(first), shown(max));
    match kind {
        BackoffKind::Fixing => {
            format!("{} for {}, then {}", shown(t.recheck), shown(t.recheck_for), shown(t.recheck_later))
        }
        BackoffKind::Rejected => doubling(t.refused, t.refused_max),
        BackoffKind::Inconclusive => doubling(t.retry, t.retry_max),
        BackoffKind::Held => doubling(t.held_retry, t.held_retry_max),
    }
}

/// The other tables of the intervals, in their order. Every field is named, so that a new one cannot be left out of the
/// documentation unseen.
fn waits(timings: &Timings) -> Vec<String> {
    let Timings {
        jitter,
        floor,
        retry_after_max,
        checking_after,
        secret_grace,
        site_grace,
        debounce,
        stale_intervals,
        stale_cap,
        full_round,
        confirm,
        deletion_grace,
        poll_idle,
        account,
        timeouts,
        lease,
        // For tests alone.
        speed: _,
        // In the first table.
        interval: _,
        recheck: _,
        recheck_for: _,
        recheck_later: _,
        refused: _,
        refused_max: _,
        retry: _,
        retry_max: _,
        held_retry: _,
        held_retry_max: _,
        secret_poll: _,
        secret_poll_later: _,
        poll: _,
    } = timings;
    let Timeouts { connect, connectwise, petra_read, petra_change, kubernetes } = timeouts;
    let LeaseTerms { duration, renew_within, retry } = lease;
    let mut waits = vec![format!("{:.0} %", jitter * 100.0), shown(*floor), shown(*retry_after_max)];
    waits.extend([checking_after, secret_grace, site_grace, debounce].map(|wait| shown(*wait)));
    waits.push(stale_intervals.to_string());
    waits.extend(
        [stale_cap, full_round, confirm, deletion_grace, poll_idle, account].map(|wait| shown(*wait)),
    );
    waits.extend([connect, connectwise, petra_read, petra_change, kubernetes].map(|timeout| shown(*timeout)));
    waits.extend([duration, renew_within, retry].map(|term| shown(*term)));
    waits
}

/// A period as the documentation writes it.
fn shown(period: Duration) -> String {
    match period.as_secs() {
        seconds if seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Whether this is `` `Ready` False `` or the like.
fn is_a_lasting_condition(seen: &str) -> bool {
    let statuses = [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];
    let known = |kind: &ConditionType| {
        statuses.iter().any(|status| seen == format!("{} {}", code(kind.as_str()), status.as_str()))
    };
    ConditionType::LASTING.iter().any(known)
}

/// The rows of every table in a Markdown text whose first column has this head.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let heads = if line.starts_with('|') { cells(line) } else { continue };
        let wanted = heads[0] == head;
        // The line of dashes.
        lines.next();
        while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
            let row = cells(line);
            assert_eq!(
                row.len(),
                heads.len(),
                "a row has more or fewer cells than its table has columns: {line}"
            );
            if wanted {
                rows.push(row);
            }
        }
    }
    rows
}

/// Compares a table with what it documents, row by row, and says what to change.
fn assert_same(document: &str, source: &str, documented: &[Vec<String>], real: &[Vec<String>]) {
    for row in real {
        let line = format!("| {} |", row.join(" | "));
        assert!(
            documented.contains(row),
            "{document} does not say what {source} does; it should have the row\n{line}"
        );
    }
    for row in documented {
        assert!(real.contains(row), "{document} has a row that is not in {source}: {row:?}");
    }
    assert_eq!(documented, real, "{document}: put the rows into the order of {source}, each once");
}
