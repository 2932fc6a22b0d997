use std::net::TcpListener;

use crate::home::{Home, said, text};

#[test]
fn all_mistakes_are_told_one_a_line_with_exit_code_64_and_before_anything_is_made() {
    let home = Home::new();
    let file = home.beside("backout.toml");
    std::fs::write(&file, "listen = 'everywhere'\nlistn = 'x'\n").unwrap();
    let mut command = home.command(&["serve", "--config", text(&file), "--lease-seconds", "soon"]);
    let output = command.env("BACKOUT_DATABASE_URL", "postgres://u:hunter2@h/d").output().unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(64), "{told}");
    for field in ["listen ", "listn ", "lease_seconds ", "database_url "] {
        assert_eq!(told.lines().filter(|line| line.starts_with(field)).count(), 1, "{field}\n{told}");
    }
    assert!(!told.contains("hunter2") && !home.path().exists(), "{told}");
}

#[test]
fn mistakes_are_told_in_chinese_too() {
    let home = Home::new();
    let output = home.run(&["worker", "--lang", "zh-CN"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output).contains("配置有误") && said(&output).contains("BACKOUT_DATABASE_URL"), "{}", said(&output));
}

#[test]
fn a_port_in_use_is_told_before_a_database_is_made() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = home.run(&["serve", "--listen", &address]);
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    assert!(said(&output).contains(&address), "{}", said(&output));
    assert!(!home.path().join("mariadb").exists());
}
