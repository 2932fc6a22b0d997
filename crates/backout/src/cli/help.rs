//! The command line with its help texts in the language of the person.
//!
//! Texts are found by place: `cli-help.release-register` is about the command, `cli-help.release-register--file`
//! about its argument `file`, `cli-help.--url` about an option that every command has.

use clap::{Arg, ArgAction, Command, CommandFactory};
use i18n::{Language, has, text};

use super::args::Cli;

/// The whole command line, ready to be parsed.
pub(crate) fn command(language: Language) -> Command {
    let say = |key: &str| text(language, &format!("cli-help.{key}"), []);
    let template = format!("{{about-with-newline}}\n{}: {{usage}}\n\n{{all-args}}{{after-help}}", say("usage"));
    localise(Cli::command(), "", language, &template)
        .about(say("about"))
        .after_help(say("exit-codes"))
        .subcommand_value_name("COMMAND")
        .disable_help_subcommand(true)
}

fn localise(command: Command, path: &str, language: Language, template: &str) -> Command {
    let say = |key: &str| has(key).then(|| text(language, key, []));
    let mut command = command
        .help_template(template.to_owned())
        .subcommand_help_heading(text(language, "cli-help.commands", []))
        .disable_help_flag(true)
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help).help(text(
            language,
            "cli-help.--help",
            [],
        )));
    if let Some(about) = say(&format!("cli-help.{path}")) {
        command = command.about(about);
    }
    let heading_of = |argument: &Arg| {
        let key = match (argument.is_positional(), argument.is_global_set()) {
            (true, _) => "cli-help.arguments",
            (false, true) => "cli-help.global-options",
            (false, false) => "cli-help.options",
        };
        text(language, key, [])
    };
    command = command.mut_args(|argument| {
        let heading = heading_of(&argument);
        let id = argument.get_id().to_string();
        let own = say(&format!("cli-help.{path}--{id}")).or_else(|| say(&format!("cli-help.--{id}")));
        let argument = argument.help_heading(heading);
        match own {
            Some(help) => argument.help(help),
            None => argument,
        }
    });
    if path.is_empty() && command.get_version().is_some() {
        command = command.disable_version_flag(true).arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help_heading(text(language, "cli-help.options", []))
                .help(text(language, "cli-help.--version", [])),
        );
    }
    command.mut_subcommands(|subcommand| {
        let path = if path.is_empty() {
            subcommand.get_name().to_owned()
        } else {
            format!("{path}-{}", subcommand.get_name())
        };
        localise(subcommand, &path, language, template)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        for language in Language::ALL {
            command(language).debug_assert();
        }
    }

    /// Commands of the service have their texts where they are defined.
    const ELSEWHERE: [&str; 3] = ["serve", "worker", "admin"];

    fn check(path: &str, command: &Command, wrong: &mut Vec<String>) {
        if command.get_about().is_none() {
            wrong.push(format!("{path} has no text"));
        }
        for argument in command.get_arguments().filter(|argument| argument.get_help().is_none()) {
            wrong.push(format!("{path} --{} has no text", argument.get_id()));
        }
        for subcommand in command.get_subcommands().filter(|found| !ELSEWHERE.contains(&found.get_name())) {
            check(&format!("{path} {}", subcommand.get_name()), subcommand, wrong);
        }
    }

    #[test]
    fn every_command_and_argument_is_explained() {
        let mut wrong = Vec::new();
        check("backout", &command(Language::En), &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn help_is_in_the_language_of_the_person() {
        let help = command(Language::ZhCn).render_long_help().to_string();
        assert!(help.contains("回滚") && help.contains("用法") && help.contains("64"), "{help}");
        let mut english = command(Language::En);
        let rollback = english.find_subcommand_mut("rollback").unwrap().render_long_help().to_string();
        assert!(rollback.contains("--yes") && rollback.contains("Options:"), "{rollback}");
    }
}
