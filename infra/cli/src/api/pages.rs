//! Where the next page of a list is: the `Link` header (RFC 8288).

/// The address that a header's link with `rel="next"` leads to.
pub(super) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(begin) = rest.find('<') {
        let (address, behind) = rest.get(begin + 1..)?.split_once('>')?;
        let (parameters, following) =
            behind.split_once('<').map_or((behind, None), |(ours, _)| (ours, behind.get(ours.len()..)));
        let is_next =
            |parameter: &str| matches!(parameter.trim().trim_end_matches(','), "rel=\"next\"" | "rel=next");
        if parameters.split(';').any(is_next) {
            return Some(address);
        }
        rest = following?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let cases = [
            ("</a?cursor=1>; rel=\"next\"; results=\"true\"; cursor=\"1\"", Some("/a?cursor=1")),
            ("</a>; rel=\"previous\", </b>; rel=\"next\"", Some("/b")),
            ("</b>;rel=next", Some("/b")),
            ("</b>; rel=\"next\", </a>; rel=\"previous\"", Some("/b")),
            ("</a>; rel=\"previous\"", None),
            ("</a", None),
            ("", None),
        ];
        for (header, expected) in cases {
            assert_eq!(next(header), expected, "{header}");
        }
    }
}
