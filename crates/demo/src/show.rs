//! What the demonstration says, in the language of whoever watches.

use i18n::Language;

pub(crate) struct Show {
    language: Language,
}

impl Show {
    #[expect(clippy::disallowed_methods, reason = "a program of its own, without settings of its own")]
    pub(crate) fn in_the_users_language() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let tag = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
        Self { language: tag.and_then(|tag| Language::from_tag(&tag)).unwrap_or(Language::En) }
    }

    /// The locale for the commands that are run.
    pub(crate) fn language(&self) -> &'static str {
        match self.language {
            Language::En => "en_US.UTF-8",
            Language::ZhCn => "zh_CN.UTF-8",
        }
    }

    /// Begins a part.
    pub(crate) fn act<'a>(&self, key: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) {
        line(&format!("\n━━ {}", i18n::text(self.language, key, params)));
    }

    pub(crate) fn say<'a>(&self, key: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) {
        line(&i18n::text(self.language, key, params));
    }
}

/// A command as a person would type it.
pub(crate) fn command(arguments: &[&str]) {
    let quoted = arguments.iter().map(|word| if word.contains(' ') { format!("'{word}'") } else { (*word).to_owned() });
    line(&format!("\n$ backout {}", quoted.collect::<Vec<_>>().join(" ")));
}

#[expect(clippy::print_stdout, reason = "a demonstration speaks to the terminal")]
fn line(text: &str) {
    println!("{text}");
}

/// Whether the demonstration ends by itself.
#[expect(clippy::disallowed_methods, reason = "a program of its own, without settings of its own")]
pub(crate) fn ends_by_itself() -> bool {
    std::env::var("ONCE").is_ok_and(|value| value == "1")
}
