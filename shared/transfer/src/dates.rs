//! Dates as exports write them: UTC with exactly three fractional digits and `Z` (SPEC §8).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// An instant as exports have it; one without an offset is UTC.
///
/// The last day of the year 9999, by which some mean "never", lies behind the last instant that can be held, and
/// counts as that.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let without_offset = text.strip_suffix('Z').unwrap_or(text);
    let local: DateTime = without_offset.parse().ok()?;
    if local > Timestamp::MAX.to_zoned(TimeZone::UTC).datetime() {
        return Some(Timestamp::MAX);
    }
    // With an offset it would have been read as an instant, had it been one.
    let is_local = without_offset.len() == text.len();
    is_local.then(|| local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())).flatten()
}

/// An instant as exports write it.
pub(crate) fn text(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The text as exports write it, if it is a date that is not written so already.
pub(crate) fn normalised(date: &str) -> Option<String> {
    if is_normal(date) {
        return None;
    }
    instant(date).filter(|instant| *instant < Timestamp::MAX).map(text)
}

/// Whether the text has the form of [`text`] already, as most have: writing it anew would cost more than all
/// other checks of a row together.
fn is_normal(date: &str) -> bool {
    date.len() == "2024-01-01T00:00:00.000Z".len()
        && date.ends_with('Z')
        && date.as_bytes().get(10) == Some(&b'T')
        && date.as_bytes().get(19) == Some(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_every_form_come_out_in_one() {
        for (given, expected) in [
            ("2024-02-29T10:09:34.954Z", None),
            ("2024-02-29T10:09:34Z", Some("2024-02-29T10:09:34.000Z")),
            ("2024-02-29T10:09:34.954741Z", Some("2024-02-29T10:09:34.954Z")),
            ("2024-02-29T12:09:34.900+02:00", Some("2024-02-29T10:09:34.900Z")),
            ("2024-02-29 10:09:34", Some("2024-02-29T10:09:34.000Z")),
            ("yesterday", None),
            ("9999-12-31T23:59:59Z", None),
        ] {
            assert_eq!(normalised(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn the_last_day_that_has_a_date_is_one() {
        for never in ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999999", "9999-12-31 00:00:00Z"] {
            assert_eq!(instant(never), Some(Timestamp::MAX), "{never}");
        }
        assert!(instant("9999-12-29T23:59:59.999Z") < Some(Timestamp::MAX));
        for no_date in [
            "10000-01-01T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-01-01Z",
            "2024-01-01T00:00:00ZZ",
            "9999-12-31T00:00:00ZZ",
            "Z",
            "",
        ] {
            assert_eq!(instant(no_date), None, "{no_date}");
        }
    }
}
