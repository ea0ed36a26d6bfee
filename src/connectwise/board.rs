//! The service board that a link names.

use serde::Deserialize;
use serde_json::Value;

use super::answers::{BoardAnswer, Inconclusive};
use super::classify::Meaning;
use super::client::{Api, NoAnswer, Transport};
use super::paging::Listing;

/// A row of `GET /service/boards`. The flags are optional in the schema: without them a board cannot be called good.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct BoardRow {
    id: i64,
    name: String,
    inactive_flag: Option<bool>,
    project_flag: Option<bool>,
}

/// Checks whether the board of that name can take tickets. `excluded` are the ids of the boards that are hidden from the
/// member, according to `myMembers/info`.
pub(crate) async fn board<T: Transport>(api: &Api<'_, T>, name: &str, excluded: &[i64]) -> BoardAnswer {
    let boards = match api.list("boards", "service/boards", "id,name,inactiveFlag,projectFlag").await {
        Ok(boards) => boards,
        Err(no_answer) => return unreadable(no_answer),
    };
    let id = match find(name, &boards, excluded) {
        Ok(id) => id,
        Err(answer) => return answer,
    };
    match api.list("boardTeams", &format!("service/boards/{id}/teams"), "id,defaultFlag").await {
        Ok(teams) => default_team(&teams),
        Err(no_answer) => unreadable(no_answer),
    }
}

/// When ConnectWise refuses to show boards or their teams, the role lacks a right; anything else proves nothing.
fn unreadable(no_answer: NoAnswer) -> BoardAnswer {
    if no_answer.means(Meaning::PermissionDenied) {
        BoardAnswer::Refused
    } else {
        BoardAnswer::Inconclusive(no_answer.inconclusive())
    }
}

/// The id of the board; what is left to check then is its team. Names are compared without outer white space: exactly
/// first, then in any case. A project board is not a service board, whatever its name. A board is only called bad when every
/// row of the list could be read: one that could not may be the board that is meant.
fn find(name: &str, boards: &Listing, excluded: &[i64]) -> Result<i64, BoardAnswer> {
    const UNKNOWN: BoardAnswer = BoardAnswer::Inconclusive(Inconclusive::Unavailable);
    let rows: Vec<BoardRow> =
        boards.rows.iter().filter_map(|row| serde_json::from_value(row.clone()).ok()).collect();
    let named = |matches: fn(&str, &str) -> bool| {
        // Of namesakes the one that can take tickets is meant, or else one of which that is not known.
        rows.iter()
            .filter(|row| row.project_flag != Some(true) && matches(row.name.trim(), name.trim()))
            .min_by_key(|row| {
                let inactive = match row.inactive_flag {
                    Some(false) => 0,
                    None => 1,
                    Some(true) => 2,
                };
                (inactive, excluded.contains(&row.id))
            })
    };
    let is_whole = boards.complete && rows.len() == boards.rows.len();
    let bad = |answer| Err(if is_whole { answer } else { UNKNOWN });
    let board = named(|a, b| a == b).or_else(|| named(|a, b| a.to_lowercase() == b.to_lowercase()));
    match board {
        // A list without rows is what a role without the setup table may get to see; it does not show that boards lack.
        None if rows.is_empty() => Err(UNKNOWN),
        None => bad(BoardAnswer::NotFound),
        Some(board) => match board.inactive_flag {
            Some(true) => bad(BoardAnswer::Inactive),
            _ if excluded.contains(&board.id) => bad(BoardAnswer::Hidden),
            Some(false) => Ok(board.id),
            None => Err(UNKNOWN),
        },
    }
}

/// Petra's tickets fail on a board without a default team; a board has one when exactly one team is so flagged. With more
/// than one, nobody knows which of them ConnectWise takes. Whether that team is active is not in the schema.
fn default_team(teams: &Listing) -> BoardAnswer {
    let flags: Vec<Option<bool>> =
        teams.rows.iter().map(|team| team.get("defaultFlag").and_then(Value::as_bool)).collect();
    let is_whole = teams.complete && !flags.contains(&None);
    match flags.iter().filter(|flag| **flag == Some(true)).count() {
        0 if is_whole => BoardAnswer::NoDefaultTeam,
        1 if teams.complete => BoardAnswer::Ready,
        0 | 1 => BoardAnswer::Inconclusive(Inconclusive::Unavailable),
        _ => BoardAnswer::SeveralDefaultTeams,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UNKNOWN: BoardAnswer = BoardAnswer::Inconclusive(Inconclusive::Unavailable);

    fn listing(rows: &Value) -> Listing {
        Listing { rows: rows.as_array().unwrap().clone(), complete: true }
    }

    fn boards() -> Listing {
        listing(&json!([
            {"id": 1, "name": "Security", "inactiveFlag": false, "projectFlag": false},
            {"id": 2, "name": "security ", "inactiveFlag": false},
            {"id": 3, "name": "Old", "inactiveFlag": true, "projectFlag": false},
            {"id": 4, "name": "Rollout", "inactiveFlag": false, "projectFlag": true},
            {"id": 5, "name": "Twice", "inactiveFlag": true},
            {"id": 6, "name": "Twice", "inactiveFlag": false},
            {"id": 7, "name": "Bare"},
        ]))
    }

    #[test]
    fn a_board_is_found_by_its_exact_name_and_else_in_any_case() {
        for (name, found) in [
            ("Security", Ok(1)),
            (" security", Ok(2)),
            ("SECURITY", Ok(1)),
            ("Twice", Ok(6)),
            ("Nowhere", Err(BoardAnswer::NotFound)),
            ("Old", Err(BoardAnswer::Inactive)),
            ("Rollout", Err(BoardAnswer::NotFound)),
            ("Bare", Err(UNKNOWN)),
        ] {
            assert_eq!(find(name, &boards(), &[]), found, "{name}");
        }
    }

    #[test]
    fn a_board_that_the_member_is_kept_from_is_hidden() {
        assert_eq!(find("Security", &boards(), &[9, 1]), Err(BoardAnswer::Hidden));
    }

    #[test]
    fn an_empty_or_cut_list_does_not_show_that_a_board_lacks() {
        assert_eq!(find("Security", &listing(&json!([])), &[]), Err(UNKNOWN));
        assert_eq!(find("Nowhere", &Listing { complete: false, ..boards() }, &[]), Err(UNKNOWN));
    }

    #[test]
    fn no_board_is_called_bad_by_a_list_that_could_not_be_read_whole() {
        let unreadable = json!({"id": 9, "name": {}, "inactiveFlag": false});
        let mut with_unreadable = boards();
        with_unreadable.rows.push(unreadable);
        for boards in [with_unreadable, Listing { complete: false, ..boards() }] {
            for name in ["Nowhere", "Old"] {
                assert_eq!(find(name, &boards, &[]), Err(UNKNOWN), "{name}");
            }
            assert_eq!(find("Security", &boards, &[1]), Err(UNKNOWN));
            assert_eq!(find("Security", &boards, &[]), Ok(1));
        }
    }

    #[test]
    fn of_namesakes_the_one_that_can_take_tickets_is_meant() {
        let namesakes = |other: &Value| {
            let mut rows = json!([{"id": 1, "name": "Twice", "inactiveFlag": true}]);
            rows.as_array_mut().unwrap().push(other.clone());
            listing(&rows)
        };
        let unclear = namesakes(&json!({"id": 2, "name": "Twice"}));
        assert_eq!(find("Twice", &unclear, &[]), Err(UNKNOWN));
        let two_active = listing(&json!([
            {"id": 1, "name": "Twice", "inactiveFlag": false},
            {"id": 2, "name": "Twice", "inactiveFlag": false},
        ]));
        assert_eq!(find("Twice", &two_active, &[1]), Ok(2));
        assert_eq!(find("Twice", &two_active, &[1, 2]), Err(BoardAnswer::Hidden));
    }

    #[test]
    fn exactly_one_default_team_is_needed() {
        for (teams, answer) in [
            (json!([{"defaultFlag": false}, {"defaultFlag": true}]), BoardAnswer::Ready),
            (json!([{"defaultFlag": true}, {}]), BoardAnswer::Ready),
            (json!([{"defaultFlag": true}, {"defaultFlag": true}]), BoardAnswer::SeveralDefaultTeams),
            (json!([{"defaultFlag": true}, {"defaultFlag": true}, {}]), BoardAnswer::SeveralDefaultTeams),
            (json!([{"defaultFlag": false}]), BoardAnswer::NoDefaultTeam),
            (json!([]), BoardAnswer::NoDefaultTeam),
            (json!([{"id": 1}]), UNKNOWN),
            (json!([{"defaultFlag": false}, {"defaultFlag": {}}]), UNKNOWN),
        ] {
            assert_eq!(default_team(&listing(&teams)), answer, "{teams}");
        }
        let cut = |teams: Value| default_team(&Listing { complete: false, ..listing(&teams) });
        assert_eq!(cut(json!([{"defaultFlag": true}])), UNKNOWN);
        assert_eq!(cut(json!([{"defaultFlag": false}])), UNKNOWN);
    }
}
