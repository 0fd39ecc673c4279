//! Path tables: every directory of a tree in one list (ECMA-119 9.4).

use super::directory::{Flavour, sorted};
use super::layout::Places;
use super::names::Identifier;
use super::tree::{ROOT, Tree};

/// The directories of a tree, level by level, within a level by their parents' order, then by identifier.
pub(super) fn order(tree: &Tree, identifiers: &[Identifier]) -> Vec<usize> {
    let mut list = vec![ROOT];
    let mut next = 0;
    while let Some(&directory) = list.get(next) {
        let children = sorted(tree.nodes[directory].children(), identifiers);
        list.extend(children.into_iter().filter(|&child| tree.nodes[child].is_directory()));
        next += 1;
    }
    list
}

/// Size of a table in bytes.
pub(super) fn len(order: &[usize], identifiers: &[Identifier]) -> usize {
    order
        .iter()
        .map(|&directory| 8 + identifier(directory, identifiers).len().next_multiple_of(2))
        .sum()
}

/// The table with its numbers in little-endian (`L`) or in big-endian (`M`) order.
pub(super) fn build(
    tree: &Tree,
    order: &[usize],
    identifiers: &[Identifier],
    places: &Places,
    flavour: Flavour,
    big_endian: bool,
) -> Vec<u8> {
    let mut table = Vec::new();
    for &directory in order {
        let id = identifier(directory, identifiers);
        let start = places.directory(flavour, directory).start;
        // Numbered from 1 in the table's order; the root is its own parent. The layout has checked that 16 bits do.
        let parent = order
            .iter()
            .position(|&other| other == tree.nodes[directory].parent)
            .unwrap_or(0)
            + 1;
        let parent = u16::try_from(parent).unwrap_or(u16::MAX);
        table.extend_from_slice(&[u8::try_from(id.len()).unwrap_or(u8::MAX), 0]);
        if big_endian {
            table.extend_from_slice(&start.to_be_bytes());
            table.extend_from_slice(&parent.to_be_bytes());
        } else {
            table.extend_from_slice(&start.to_le_bytes());
            table.extend_from_slice(&parent.to_le_bytes());
        }
        table.extend_from_slice(id);
        table.resize(table.len().next_multiple_of(2), 0);
    }
    table
}

fn identifier(directory: usize, identifiers: &[Identifier]) -> &[u8] {
    if directory == ROOT {
        &[0]
    } else {
        &identifiers[directory].bytes
    }
}
