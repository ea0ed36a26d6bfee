//! The architecture page against the program.

use std::collections::BTreeSet;
use std::path::Path;

use crate::table::rows;

const ARCHITECTURE: &str = include_str!("../../docs/architecture.md");

#[test]
fn the_modules_of_the_architecture_page_are_those_of_the_program() {
    let (_, after) = ARCHITECTURE.split_once("```mermaid\n").expect("the page has a diagram");
    let (diagram, _) = after.split_once("```").expect("the diagram ends");
    let picture =
        mermaid_rs_renderer::render(diagram).expect("docs/architecture.md: Mermaid renders the diagram");
    assert!(picture.starts_with("<svg"), "docs/architecture.md: the diagram is a picture");
    let nodes = diagram.lines().map(str::trim).filter(|line| !line.starts_with("subgraph "));
    let drawn: BTreeSet<&str> = nodes.filter_map(|line| Some(line.split_once("[\"")?.0)).collect();
    let listed = rows(ARCHITECTURE, "Module");
    let listed: BTreeSet<&str> = listed.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(drawn, listed, "docs/architecture.md: the diagram and the table of modules differ");
    let map = include_str!("../../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//! - [`"));
    let mapped: BTreeSet<&str> = map.filter_map(|entry| entry.split('`').next()).collect();
    assert_eq!(listed, mapped, "docs/architecture.md and the map in src/lib.rs name other modules");
}

#[test]
fn every_path_on_the_architecture_page_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let in_link = ARCHITECTURE.split_once("## Inside `link`").expect("the section").1;
    let (in_link, change) = in_link.split_once("## Where to change what").expect("the section");
    let quoted = |text: &'static str| text.split('`').skip(1).step_by(2);
    let of_link = quoted(in_link).filter(|word| word.contains('.') || word.ends_with('/'));
    let of_link = of_link.map(|file| root.join("src/link").join(file));
    let prefixes = ["src/", "tests/", "docs/", "deploy/", "profiles/"];
    let paths = quoted(change).filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    for path in of_link.chain(paths.map(|path| root.join(path))) {
        assert!(path.exists(), "docs/architecture.md names {}, which does not exist", path.display());
    }
}
