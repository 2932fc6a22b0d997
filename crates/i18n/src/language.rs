//! Which language a person reads.

/// A language that every sentence exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese in simplified characters.
    ZhCn,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::En, Self::ZhCn];

    /// The BCP 47 tag, as in `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }

    /// Reads a BCP 47 tag (`zh-CN`) or a POSIX locale (`zh_CN.UTF-8`); none if it is another language.
    ///
    /// Any Chinese is answered with the one that there is.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_', '.', '@']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "zh" => Some(Self::ZhCn),
            _ => None,
        }
    }

    /// The language that an `Accept-Language` header (RFC 9110) likes best of those there are; English if none.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let language = if tag.trim() == "*" { Some(Self::default()) } else { Self::from_tag(tag) };
            let (Some(language), Some(quality)) = (language, quality(parameters)) else {
                continue;
            };
            // Of equals the first one counts, as browsers list by preference.
            if quality > 0.0 && best.is_none_or(|(better, _)| quality > better) {
                best = Some((quality, language));
            }
        }
        best.map_or_else(Self::default, |(_, language)| language)
    }
}

/// The weight of a range: 1 if it names none; none if what it names is not a weight.
fn quality(parameters: &str) -> Option<f32> {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return Some(1.0);
    }
    let (name, value) = parameters.split_once('=')?;
    let weight = value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    name.trim().eq_ignore_ascii_case("q").then_some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_and_posix_locales_name_a_language() {
        for tag in ["zh", "zh-CN", "zh_CN.UTF-8", "ZH-Hans-CN", "zh_TW", " zh "] {
            assert_eq!(Language::from_tag(tag), Some(Language::ZhCn), "{tag}");
        }
        for tag in ["en", "en-GB", "en_US.UTF-8", "EN"] {
            assert_eq!(Language::from_tag(tag), Some(Language::En), "{tag}");
        }
        for tag in ["", "C", "POSIX", "C.UTF-8", "de-AT", "zhu"] {
            assert_eq!(Language::from_tag(tag), None, "{tag}");
        }
    }

    #[test]
    fn the_tag_of_a_language_reads_back() {
        for language in Language::ALL {
            assert_eq!(Language::from_tag(language.tag()), Some(language));
        }
    }

    #[test]
    fn the_best_weighted_language_is_taken() {
        for (header, language) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::ZhCn),
            ("en;q=0.3, zh-CN;q=0.7", Language::ZhCn),
            ("fr, de;q=0.9, zh;q=0.1", Language::ZhCn),
            ("en, zh", Language::En),
            ("zh;q=0, en;q=0.1", Language::En),
            ("zh;q=0", Language::En),
            ("*;q=0.5, zh;q=0.4", Language::En),
            ("zh;q=fast, en;q=0.1", Language::En),
            ("zh;q=NaN", Language::En),
            ("fr", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::from_accept_language(header), language, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".{0,60}") {
            Language::from_accept_language(&header);
        }
    }
}
