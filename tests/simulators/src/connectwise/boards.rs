//! Service and project boards: those of the scenario, after enough others that they are not on the first page.

use serde_json::{Value, json};

use super::schema;
use crate::scenario::{Board, HiddenBoards, Settings, TableWithoutRight, Team};
use crate::world::Caller;

pub(super) const SCHEMA: &str = "Board";
pub(super) const SERVICE_TABLE: &str = "Service / Service Board";
pub(super) const PROJECT_TABLE: &str = "Project / Project Board";

/// Id of the first board of a scenario. Real tenants have more boards than a default page of 25 shows, so the boards
/// that a test names come after the others.
const FIRST_OWN: u64 = 1001;

/// The scenario's boards of the caller's company with their ids.
fn own(caller: &Caller) -> impl Iterator<Item = (u64, &Board)> {
    (FIRST_OWN..).zip(&caller.boards)
}

/// Ids of the boards that are hidden from the caller.
pub(super) fn hidden_ids(caller: &Caller) -> Vec<u64> {
    own(caller)
        .filter(|(_, board)| caller.member.hidden_boards.contains(&board.name))
        .map(|(id, _)| id)
        .collect()
}

/// The boards that the caller sees: at least `rows_per_table` where it sees service boards.
pub(super) fn rows(caller: &Caller, settings: &Settings) -> Vec<Value> {
    let role = &caller.role;
    let anyway = role.table_without_right == TableWithoutRight::Answered;
    let hidden = match settings.hidden_boards {
        HiddenBoards::LeftOut => hidden_ids(caller),
        HiddenBoards::Listed => Vec::new(),
    };
    let others = (1..=u64::from(settings.rows_per_table)).map(|id| row(id, &other(id)));
    others
        .chain(own(caller).filter(|(id, _)| !hidden.contains(id)).map(|(id, board)| row(id, board)))
        .filter(|row| {
            let table = if row["projectFlag"] == json!(true) { PROJECT_TABLE } else { SERVICE_TABLE };
            anyway || role.sees_table(table)
        })
        .collect()
}

/// The teams of a board.
pub(super) fn teams(caller: &Caller, board_id: u64) -> Vec<Value> {
    let board =
        own(caller).find(|(id, _)| *id == board_id).map_or_else(|| other(board_id), |(_, b)| b.clone());
    (1..)
        .zip(&board.teams)
        .map(|(index, team)| {
            let mut row = schema::row("BoardTeam", board_id * 100 + index);
            row["boardId"] = json!(board_id);
            row["name"] = json!(team.name);
            row["defaultFlag"] = json!(team.default_flag);
            row
        })
        .collect()
}

fn row(id: u64, board: &Board) -> Value {
    let mut row = schema::row(SCHEMA, id);
    row["name"] = json!(board.name);
    row["inactiveFlag"] = json!(board.inactive);
    row["projectFlag"] = json!(board.project_flag);
    row
}

fn other(id: u64) -> Board {
    let team = Team { name: "Service Team".to_owned(), default_flag: true };
    Board { name: format!("Queue {id}"), inactive: false, project_flag: false, teams: vec![team] }
}
