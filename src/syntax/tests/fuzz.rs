//! Broken programs: whatever is done to a text, parsing ends with a tree or with reports that point into it.

use proptest::prelude::*;

use super::corpus::PROGRAMS;
use super::*;

const PIECES: [&str; 44] = [
    "(", ")", "[", "]", "{", "}", "|", "||", "|>", "~", "=", "==", "..", ".", ",", ";", ":", "::",
    "\n", "-", "not", "sample", "if", "else", "for", "in", "fn", "memo", "data", "\"", "'", "/*",
    "*/", "//", "1.", "1e999", "_", "μ", "−", "“", "\u{0}", "Dist<", "->", "return",
];

/// Parses, and checks that every label lies in the text.
fn survives(text: &str) {
    let Err(reports) = parse(FileId(0), text) else {
        return;
    };
    assert!(!reports.is_empty());
    for label in reports.iter().flat_map(|r| &r.labels) {
        let (start, end) = (label.span.start as usize, label.span.end as usize);
        assert!(text.get(start..end).is_some(), "{label:?} in {text:?}");
    }
}

fn boundary(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at % (text.len() + 1))
}

/// One change: a cut, a doubled part, or a piece put in.
fn change(text: &mut String, kind: u8, at: usize, length: usize, piece: usize) {
    let start = boundary(text, at);
    let end = text.floor_char_boundary((start + length).min(text.len()));
    match kind % 3 {
        0 => text.replace_range(start..end, ""),
        1 => {
            let part = text[start..end].to_owned();
            text.insert_str(start, &part);
        }
        _ => text.insert_str(start, PIECES[piece % PIECES.len()]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_programs(
        program in 0..PROGRAMS.len(),
        changes in prop::collection::vec((any::<u8>(), any::<usize>(), 0..12usize, any::<usize>()), 1..6),
    ) {
        let mut text = PROGRAMS[program].to_owned();
        for (kind, at, length, piece) in changes {
            change(&mut text, kind, at, length, piece);
        }
        survives(&text);
    }

    #[test]
    fn heaps_of_pieces(pieces in prop::collection::vec(0..PIECES.len(), 0..40)) {
        let pieces: Vec<&str> = pieces.into_iter().map(|i| PIECES[i]).collect();
        survives(&pieces.join(" "));
        survives(&pieces.concat());
    }

    #[test]
    fn any_text(text in proptest::collection::vec(any::<char>(), 0..200)) {
        survives(&text.into_iter().collect::<String>());
    }
}

#[test]
fn beginnings_of_programs() {
    for program in PROGRAMS {
        for end in 0..program.len() {
            if program.is_char_boundary(end) {
                survives(&program[..end]);
            }
        }
    }
}

/// A program without one of its characters has an error, or still parses; it never points elsewhere than at the text.
#[test]
fn programs_without_one_character() {
    for program in PROGRAMS {
        for (at, c) in program.char_indices() {
            let mut text = program.to_owned();
            text.replace_range(at..at + c.len_utf8(), "");
            survives(&text);
        }
    }
}

#[test]
fn the_corpus_parses() {
    for program in PROGRAMS {
        if let Err(reports) = parse(FileId(0), program) {
            panic!("{reports:#?} in\n{program}");
        }
    }
}
