//! Where the service is and who asks: flags over environment variables over `cli.toml`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Serialized};
use i18n::Language;
use secrecy::SecretString;
use sentence::{Sentence, sentence};
use serde::{Deserialize, Serialize};

use super::args::{Global, Lang};
use super::failure::Failure;

const DEFAULT_URL: &str = "http://127.0.0.1:7420";
const FILE: &str = "backout/cli.toml";

/// What the process was started with, read once.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Surroundings {
    xdg_config_home: Option<PathBuf>,
    home: Option<PathBuf>,
    lc_all: Option<String>,
    lc_messages: Option<String>,
    lang: Option<String>,
    #[serde(default)]
    backout: Values,
}

/// What can be set. Secrets stay texts until they are handed to the client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Values {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<String>,
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) url: String,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) token: Option<SecretString>,
    pub(crate) app: Option<String>,
    pub(crate) env: Option<String>,
}

impl Surroundings {
    /// Reads the environment variables; a text that is no Unicode counts as absent.
    pub(crate) fn read() -> Self {
        let names = ["xdg_config_home", "home", "lc_all", "lc_messages", "lang"];
        let ours = Env::prefixed("BACKOUT_").only(&["url", "ca_file", "token", "app", "env", "lang"]);
        let text = |provider: Env, name: &str| {
            provider.iter().find(|(key, _)| key.as_str().eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let plain = |name: &str| text(Env::raw().only(&names), name).filter(|value| !value.is_empty());
        let own = |name: &str| text(ours.clone(), name).filter(|value| !value.is_empty());
        Self {
            xdg_config_home: plain("xdg_config_home").map(PathBuf::from),
            home: plain("home").map(PathBuf::from),
            lc_all: plain("lc_all"),
            lc_messages: plain("lc_messages"),
            lang: plain("lang"),
            backout: Values {
                url: own("url"),
                ca_file: own("ca_file").map(PathBuf::from),
                token: own("token"),
                app: own("app"),
                env: own("env"),
                lang: own("lang"),
            },
        }
    }

    /// Where the file of settings is, whether or not it exists.
    fn file(&self) -> Option<PathBuf> {
        let folder = self.xdg_config_home.clone().or_else(|| self.home.as_ref().map(|home| home.join(".config")))?;
        Some(folder.join(FILE))
    }

    fn values(&self, flags: &Global) -> Result<Values, Failure> {
        let mut figment = Figment::new();
        if let Some(file) = self.file() {
            figment = figment.merge(Serialized::defaults(read(&file)?));
        }
        let flags = Values {
            url: flags.url.clone(),
            ca_file: flags.ca_file.clone(),
            token: flags.token.clone(),
            app: flags.app.clone(),
            env: flags.env.clone(),
            lang: flags.lang.map(|lang| language_of(lang).tag().to_owned()),
        };
        figment
            .merge(Serialized::defaults(&self.backout))
            .merge(Serialized::defaults(&flags))
            .extract()
            .map_err(|error| Failure::Settings(Sentence::verbatim(error.to_string())))
    }

    /// The language of the locale: the first of the POSIX variables that is set decides.
    fn locale(&self) -> Language {
        let locale = [&self.lc_all, &self.lc_messages, &self.lang].into_iter().flatten().next();
        locale.and_then(|locale| Language::from_tag(locale)).unwrap_or_default()
    }

    /// The language to speak, from settings where they say so, otherwise from the locale.
    fn language(&self, flags: &Global) -> Language {
        let values = self.values(flags).unwrap_or_default();
        values.lang.as_deref().and_then(Language::from_tag).unwrap_or_else(|| self.locale())
    }
}

/// The file's settings; none where there is no file. The error does not quote the file, which may hold a token.
fn read(file: &Path) -> Result<Values, Failure> {
    let unusable = |reason| Failure::Settings(sentence!("{place}: {reason}", place = file, reason));
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Values::default()),
        Err(error) => return Err(unusable(Sentence::verbatim(error.to_string()))),
    };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        unusable(sentence!("line {line}: {reason}", line, reason = error.message()))
    })?;
    // An error of type repeats the value.
    if let Some((key, _)) = table.iter().find(|(_, value)| !value.is_str()) {
        return Err(unusable(sentence!("{key} has to be a text in quotes", key)));
    }
    table.try_into().map_err(|error: toml::de::Error| unusable(Sentence::verbatim(error.message())))
}

impl Settings {
    pub(crate) fn load(flags: &Global, surroundings: &Surroundings) -> Result<Self, Failure> {
        let values = surroundings.values(flags)?;
        if let Some(tag) = values.lang.as_deref().filter(|tag| Language::from_tag(tag).is_none()) {
            return Err(Failure::Settings(sentence!("lang: '{tag}' (en, zh-CN)", tag)));
        }
        Ok(Self {
            url: values.url.unwrap_or_else(|| DEFAULT_URL.to_owned()),
            ca_file: values.ca_file,
            token: values.token.map(SecretString::from),
            app: values.app,
            env: values.env,
        })
    }
}

fn language_of(lang: Lang) -> Language {
    match lang {
        Lang::En => Language::En,
        Lang::ZhCn => Language::ZhCn,
    }
}

/// The language that help and errors of the command line itself are told in.
pub(crate) fn language_before_parsing(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: &Surroundings,
) -> Language {
    let mut arguments = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned());
    let mut flags = Global::default();
    while let Some(argument) = arguments.next() {
        let tag = match argument.strip_prefix("--lang") {
            Some("") => arguments.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        match tag.as_deref().and_then(Language::from_tag) {
            Some(Language::En) => flags.lang = Some(Lang::En),
            Some(Language::ZhCn) => flags.lang = Some(Lang::ZhCn),
            None => {}
        }
    }
    surroundings.language(&flags)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn with_file(content: &str) -> (tempfile::TempDir, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("backout")).unwrap();
        std::fs::write(folder.path().join(FILE), content).unwrap();
        let surroundings = Surroundings { xdg_config_home: Some(folder.path().to_owned()), ..Surroundings::default() };
        (folder, surroundings)
    }

    fn language(arguments: &[&str], surroundings: &Surroundings) -> Language {
        language_before_parsing(arguments.iter().map(OsString::from), surroundings)
    }

    #[test]
    fn flags_win_over_variables_and_these_over_the_file() {
        let (_folder, mut surroundings) =
            with_file("url = 'http://file'\ntoken = 'bko_file'\napp = 'file'\nenv = 'file'\n");
        surroundings.backout.app = Some("variable".into());
        surroundings.backout.env = Some("variable".into());
        let flags = Global { env: Some("flag".into()), ..Global::default() };
        let settings = Settings::load(&flags, &surroundings).unwrap();
        assert_eq!(settings.url, "http://file");
        assert_eq!(settings.token.unwrap().expose_secret(), "bko_file");
        assert_eq!((settings.app.as_deref(), settings.env.as_deref()), (Some("variable"), Some("flag")));
    }

    #[test]
    fn without_any_setting_the_local_service_is_asked() {
        let settings = Settings::load(&Global::default(), &Surroundings::default()).unwrap();
        assert_eq!(settings.url, DEFAULT_URL);
        assert!(settings.token.is_none() && settings.app.is_none() && settings.env.is_none());
    }

    #[test]
    fn a_misspelt_setting_is_told_with_its_file() {
        let (_folder, surroundings) = with_file("ulr = 'http://file'\n");
        let failure = Settings::load(&Global::default(), &surroundings).unwrap_err();
        let told = failure.render(Language::En);
        assert!(told.contains("ulr") && told.contains("cli.toml"), "{told}");
        assert_eq!(failure.exit().code(), 64);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_without_its_token() {
        for (line, told_of) in [("token = \"bko_31337", "line 2"), ("token = 31337", "token")] {
            let (_folder, surroundings) = with_file(&format!("url = 'http://file'\n{line}\n"));
            let told = Settings::load(&Global::default(), &surroundings).unwrap_err().render(Language::En);
            assert!(told.contains(told_of) && !told.contains("31337"), "{told}");
        }
    }

    #[test]
    fn the_language_is_that_of_flag_variable_file_and_locale_in_this_order() {
        let (_folder, mut surroundings) = with_file("lang = 'zh-CN'\n");
        surroundings.lang = Some("en_GB.UTF-8".into());
        assert_eq!(language(&["backout"], &surroundings), Language::ZhCn);
        assert_eq!(language(&["backout", "--lang", "en", "status"], &surroundings), Language::En);
        assert_eq!(language(&["backout", "--lang=en"], &surroundings), Language::En);
        surroundings.backout.lang = Some("en".into());
        assert_eq!(language(&["backout"], &surroundings), Language::En);
    }

    #[test]
    fn of_the_locale_variables_the_first_that_is_set_decides() {
        let locale = |all: Option<&str>, messages: Option<&str>, lang: Option<&str>| {
            let surroundings = Surroundings {
                lc_all: all.map(str::to_owned),
                lc_messages: messages.map(str::to_owned),
                lang: lang.map(str::to_owned),
                ..Surroundings::default()
            };
            language(&["backout"], &surroundings)
        };
        assert_eq!(locale(None, None, Some("zh_CN.UTF-8")), Language::ZhCn);
        assert_eq!(locale(None, Some("en_US"), Some("zh_CN.UTF-8")), Language::En);
        assert_eq!(locale(Some("zh_TW"), Some("en_US"), None), Language::ZhCn);
        assert_eq!(locale(Some("C"), None, Some("zh_CN")), Language::En);
        assert_eq!(locale(None, None, None), Language::En);
    }
}
