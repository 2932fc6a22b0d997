use std::path::Path;

use i18n::Language;
use secrecy::ExposeSecret;

use super::*;

fn surroundings(variables: &[(&str, &str)]) -> (tempfile::TempDir, Surroundings) {
    let home = tempfile::tempdir().unwrap();
    let surroundings = Surroundings {
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        data_home: None,
        home: Some(home.path().to_owned()),
        root: false,
        system_file: Some(home.path().join("system.toml")),
    };
    (home, surroundings)
}

fn load(flags: &Flags, surroundings: &Surroundings) -> Result<Settings, Vec<String>> {
    let line = CommandLine { flags: Some(flags), ..CommandLine::default() };
    let told = |mistakes: Vec<Keyed>| mistakes.iter().map(|mistake| mistake.text(Language::En)).collect();
    Settings::load(&line, surroundings).map_err(told)
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn nothing_has_to_be_set() {
    let (home, surroundings) = surroundings(&[]);
    let settings = load(&Flags::default(), &surroundings).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7420");
    assert_eq!(settings.data_directory, home.path().join(".local/share/backout"));
    assert!(settings.database_url.is_none() && settings.wake_url.is_none() && settings.key_file.is_none());
    assert_eq!((settings.lease.as_secs(), settings.shutdown.as_secs()), (10, 30));
    assert_eq!((settings.rates.requests, settings.rates.authentications, settings.max_connections), (6_000, 60, 512));
    let root = Surroundings { root: true, ..surroundings };
    assert_eq!(load(&Flags::default(), &root).unwrap().data_directory, Path::new("/var/lib/backout"));
}

#[test]
fn flags_win_over_variables_and_these_over_the_file() {
    let (home, mut surroundings) = surroundings(&[("LEASE_SECONDS", "20"), ("WORKER_SLOTS", "3")]);
    write(&home.path().join("system.toml"), "lease_seconds = 15\nworker_slots = 2\nshutdown_seconds = 7\n");
    let flags = RunFlags { worker_slots: Some("9".into()), ..RunFlags::default() };
    let line = CommandLine { run: Some(&flags), ..CommandLine::default() };
    let settings = Settings::load(&line, &surroundings).unwrap();
    assert_eq!((settings.lease.as_secs(), settings.worker_slots, settings.shutdown.as_secs()), (20, 9, 7));
    surroundings.variables.clear();
    assert_eq!(load(&Flags::default(), &surroundings).unwrap().lease.as_secs(), 15);
}

#[test]
fn the_file_in_the_data_directory_is_read_where_the_machine_has_none() {
    let (home, surroundings) = surroundings(&[]);
    let data = home.path().join("data");
    write(&data.join("backout.toml"), "listen = '127.0.0.1:1'");
    let flags = Flags { data_directory: Some(data.display().to_string()), ..Flags::default() };
    assert_eq!(load(&flags, &surroundings).unwrap().listen.port(), 1);
    write(&home.path().join("system.toml"), "listen = '127.0.0.1:2'");
    assert_eq!(load(&flags, &surroundings).unwrap().listen.port(), 2);
    let named = home.path().join("named.toml");
    write(&named, "listen = '127.0.0.1:3'");
    let flags = Flags { config: Some(named), ..flags };
    assert_eq!(load(&flags, &surroundings).unwrap().listen.port(), 3);
}

#[test]
fn all_mistakes_are_reported_together_each_with_its_place() {
    let (home, surroundings) = surroundings(&[
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("WAKE_URL", "rediss//:hunter2@h"),
        ("LEASE_SECONDS", "0"),
        ("LOG_FORMAT", "xml"),
    ]);
    let file = home.path().join("system.toml");
    write(
        &file,
        "listen = 'everywhere'\nlisten_adress = 'x'\nworker_slots = [1]\nkey_file = '/nonexistent/keys'\nlog_filter = 'a=b=c'\n",
    );
    let mistakes = load(&Flags { database_max_connections: Some("-4".into()), ..Flags::default() }, &surroundings);
    let mistakes = mistakes.unwrap_err();
    let all = mistakes.join("\n");
    for (field, place) in [
        ("database_url", "BACKOUT_DATABASE_URL"),
        ("wake_url", "BACKOUT_WAKE_URL"),
        ("lease_seconds", "BACKOUT_LEASE_SECONDS"),
        ("log_format", "BACKOUT_LOG_FORMAT"),
        ("database_max_connections", "--database-max-connections"),
        ("listen", "system.toml"),
        ("listen_adress", "system.toml"),
        ("worker_slots", "system.toml"),
        ("key_file", "system.toml"),
        ("log_filter", "system.toml"),
    ] {
        let told = mistakes.iter().any(|mistake| mistake.starts_with(field) && mistake.contains(place));
        assert!(told, "{field} ({place}) is not in\n{all}");
    }
    assert_eq!(mistakes.len(), 10, "{all}");
    assert!(mistakes.iter().all(|mistake| !mistake.contains('\n') && !mistake.contains("%{")), "{all}");
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line_and_without_its_text() {
    let (home, surroundings) = surroundings(&[]);
    write(&home.path().join("system.toml"), "listen = '127.0.0.1:1'\ndatabase_url = 'mariadb://u:hunter2@h/d\n");
    let mistakes = load(&Flags::default(), &surroundings).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert!(mistakes[0].contains("2: ") && !mistakes[0].contains("hunter2"), "{mistakes:?}");
}

#[test]
fn a_named_file_that_is_not_there_is_a_mistake() {
    let (_home, surroundings) = surroundings(&[("CONFIG", "/nonexistent/backout.toml"), ("LISTEN", "nowhere")]);
    let mistakes = load(&Flags::default(), &surroundings).unwrap_err();
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert!(mistakes[0].contains("/nonexistent/backout.toml"), "{mistakes:?}");
}

#[test]
fn variables_that_are_no_settings_are_noted_and_refused_by_nobody() {
    let (_home, surroundings) = surroundings(&[("SERVICE_HOST", "10.0.0.1"), ("TOKEN", "bko_x"), ("TOOLS", "/x")]);
    assert_eq!(load(&Flags::default(), &surroundings).unwrap().ignored, ["BACKOUT_SERVICE_HOST"]);
}

#[test]
fn secrets_are_kept_and_never_shown() {
    let (_home, surroundings) = surroundings(&[
        ("DATABASE_URL", "mariadb://u:hunter2@h:3306/backout"),
        ("WAKE_URL", "redis://:hunter2@h:6379"),
    ]);
    let settings = load(&Flags::default(), &surroundings).unwrap();
    assert!(settings.database_url.as_ref().unwrap().expose_secret().contains("hunter2"));
    assert!(!format!("{settings:?}").contains("hunter2"));
}
